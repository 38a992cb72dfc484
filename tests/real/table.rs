//! `docs/real-parts.md` says which test proves what with which real parts. It is held against the tests, so that it is true.

use std::collections::{BTreeMap, BTreeSet};

const TABLE: &str = include_str!("../../docs/real-parts.md");
const PINS: &str = include_str!("parts/pins");

/// The tests of the table, by their paths, with the parts that each may use.
fn promised() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let rows = TABLE.lines().filter(|line| line.starts_with("| `"));
    let row = |line: &'static str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, test, parts, _, _] = cells[..] else { panic!("docs/real-parts.md: {line:?}") };
        (test.trim_matches('`'), parts.split(", ").map(|part| part.trim_matches('`')).collect())
    };
    rows.map(row).collect()
}

/// The part of `pins` that a program is, whatever its file is called.
fn part_of(program: &str) -> &str {
    match program.split('.').next().unwrap_or_default() {
        "az" => "azure-cli",
        name => name,
    }
}

/// Demands that the table names this program for this test.
pub(crate) fn has(test: &str, program: &str) {
    let promised = promised();
    let is_there = promised.get(test).is_some_and(|parts| parts.contains(part_of(program)));
    assert!(is_there, "docs/real-parts.md does not say that {test} uses {}", part_of(program));
}

#[test]
fn given_the_table_of_what_is_proven_then_it_has_every_test_and_only_parts_that_are_got() {
    let listed = std::process::Command::new(std::env::current_exe().unwrap()).arg("--list").output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let tests = listed.lines().filter_map(|line| line.strip_suffix(": test"));
    let tests: BTreeSet<&str> = tests.filter(|test| !test.starts_with("table::")).collect();
    let promised = promised();
    assert_eq!(promised.keys().copied().collect::<BTreeSet<_>>(), tests);

    let pinned = PINS.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_whitespace().next());
    let pinned: BTreeSet<&str> = pinned.collect();
    let used: BTreeSet<&str> = promised.into_values().flatten().collect();
    let unknown: Vec<_> = used.difference(&pinned).collect();
    assert!(unknown.is_empty(), "tests/real/parts/pins does not name {unknown:?}");
}
