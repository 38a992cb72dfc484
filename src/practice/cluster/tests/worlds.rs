//! What the practice cluster answers to the tables of requests that `tests/real` holds against the real API server. Kept here as
//! snapshots, its answers stay those of the real server where there is none; the rows that differ say why.

mod rows;

use super::*;
use rows::Table;
use std::fmt::Write as _;

/// Plays a table to a new cluster; answers the protocol.
async fn played(yaml: &str) -> String {
    let cluster = Cluster::new();
    namespace(&cluster, "default");
    let table = Table::read(yaml);
    let world = async |request| rows::ask(cluster.router(), request).await;
    table.prepare(&world).await;
    assert_eq!(table.denied.is_null(), table.granted.is_null(), "rights are few in both worlds or in none");
    if !table.denied.is_null() {
        cluster.deny(serde_json::from_value(table.denied.clone()).unwrap());
    }
    let mut protocol = table.about.clone();
    for (row, answer) in table.rows.iter().zip(table.play(&world).await) {
        let differs = row.differs.as_ref().map(|why| format!("\n# the real server answers otherwise: {why}"));
        let answer = serde_saphyr::to_string(&answer).unwrap();
        let _infallible =
            write!(protocol, "\n\n# when {}{}\n{}", row.when, differs.unwrap_or_default(), answer.trim_end());
    }
    protocol
}

const TABLES: [&str; 6] = [
    include_str!("worlds/making.yaml"),
    include_str!("worlds/conflicts.yaml"),
    include_str!("worlds/mistakes.yaml"),
    include_str!("worlds/reading.yaml"),
    include_str!("worlds/deleting.yaml"),
    include_str!("worlds/rights.yaml"),
];

#[test]
fn given_rows_that_the_real_server_answers_otherwise_when_the_guide_is_read_then_it_has_them_and_no_others() {
    let guide = include_str!("../../../../docs/practice-ground.md");
    let (_, table) = guide.split_once("| when | why |\n|---|---|\n").unwrap();
    let written: Vec<&str> = table.lines().take_while(|line| !line.is_empty()).collect();
    let rows = TABLES.into_iter().flat_map(|table| Table::read(table).rows);
    let expected: Vec<String> = rows.filter_map(|row| Some(format!("| {} | {} |", row.when, row.differs?))).collect();
    assert_eq!(written, expected);
}

macro_rules! answers_stay {
    ($test:ident, $table:literal) => {
        #[tokio::test]
        async fn $test() {
            insta::assert_snapshot!($table, played(include_str!(concat!("worlds/", $table, ".yaml"))).await);
        }
    };
}

answers_stay!(given_objects_when_applied_then_they_become_what_the_real_server_makes_of_them, "making");
answers_stay!(given_owners_when_others_write_then_they_are_refused_as_by_the_real_server, "conflicts");
answers_stay!(given_mistakes_when_written_then_they_are_refused_as_by_the_real_server, "mistakes");
answers_stay!(given_objects_when_read_then_the_answers_are_those_of_the_real_server, "reading");
answers_stay!(given_objects_when_deleted_then_the_answers_are_those_of_the_real_server, "deleting");
answers_stay!(given_few_rights_when_more_is_tried_then_it_is_refused_as_by_the_real_server, "rights");
