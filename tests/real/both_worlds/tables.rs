//! The tables of requests that the practice cluster's own tests keep its answers to, sent to both.

use super::rows::{self, Answer, Request, Row, Table};
use crate::api_server::{ADMINISTRATOR, ApiServer, LIMITED};
use serde_json::{Value, json};
use std::fmt::Write as _;

macro_rules! tables {
    ($($name:literal),*) => {
        [$(include_str!(concat!("../../../src/practice/cluster/tests/worlds/", $name, ".yaml"))),*].map(Table::read)
    };
}

async fn practice(table: &Table) -> Vec<Value> {
    let cluster = super::practice();
    let world = async |request: Request| rows::ask(cluster.router(), request).await;
    table.prepare(&world).await;
    if !table.denied.is_null() {
        cluster.deny(serde_json::from_value(table.denied.clone()).unwrap());
    }
    table.play(&world).await
}

/// Deletes all that the tables make, whether it is there or not, but the namespace.
async fn clear(server: &ApiServer) {
    for object in rows::objects().values().filter(|object| object["kind"] != "Namespace") {
        let answer = server.ask(ADMINISTRATOR, "DELETE", &rows::path_of(object), None, String::new()).await;
        assert!(matches!(answer.status().as_u16(), 200 | 404), "{answer:?}");
    }
}

async fn real(table: &Table, server: &ApiServer) -> Vec<Value> {
    let world = async |request: Request| ask(server, ADMINISTRATOR, request).await;
    clear(server).await;
    table.prepare(&world).await;
    if table.granted.is_null() {
        return table.play(&world).await;
    }
    let metadata = json!({"name": "limited", "namespace": "worlds"});
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": table.granted,
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "limited"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": LIMITED}],
    });
    server.make(&[role, binding]).await;
    table.play(&async |request: Request| ask(server, LIMITED, request).await).await
}

async fn ask(server: &ApiServer, token: &str, request: Request) -> Answer {
    let answer = server.ask(token, &request.method, &request.path, request.content_type.as_deref(), request.body).await;
    let texts = |name: &str| -> Vec<String> {
        answer.headers().get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    };
    let (status, warnings, content_type) = (answer.status().as_u16(), texts("warning"), texts("content-type").concat());
    Answer { status, content_type, warnings, body: answer.text().await.unwrap() }
}

/// How two answers to a row differ; nothing where they are as the row has it.
fn difference(row: &Row, real: &Value, practice: &Value) -> Option<String> {
    match (&row.differs, real == practice) {
        (None, true) | (Some(_), false) => None,
        (Some(why), true) => Some(format!("is the same in both worlds by now, and was not because {why}")),
        (None, false) => {
            let [real, practice] = [real, practice].map(|answer| serde_json::to_string_pretty(answer).unwrap());
            let difference = similar::TextDiff::from_lines(&real, &practice);
            Some(difference.unified_diff().header("real", "practice").to_string())
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn given_both_worlds_when_asked_the_same_then_they_answer_the_same() {
    let Some(server) = super::real().await else { return };
    let mut differences = String::new();
    for table in tables!("making", "conflicts", "mistakes", "reading", "deleting", "rights") {
        let (real, practice) = (real(&table, &server).await, practice(&table).await);
        for (row, (real, practice)) in table.rows.iter().zip(real.iter().zip(&practice)) {
            if let Some(difference) = difference(row, real, practice) {
                let _infallible = writeln!(differences, "{}: when {}:\n{difference}", table.about, row.when);
            }
        }
    }
    assert!(differences.is_empty(), "{differences}");
}
