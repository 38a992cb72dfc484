//! The table of keys agrees with itself, with the parser and with docs/answers.md.

use crate::answers::{
    Adopt,
    file::{parse, render},
    keys::{self, Absence, KEYS, Key, NOT_BUILT, SYNONYMS, Shape},
    writer::entries,
};
use std::fmt::Write as _;

const DOCUMENTATION: &str = include_str!("../../../docs/answers.md");
const EXAMPLE: &str = include_str!("../../../assets/answers/example.yaml");
const ALL_THERE: &str = include_str!("../../../assets/answers/all-there.yaml");
const NEW_ISSUER: &str = include_str!("../../../assets/answers/new-issuer.yaml");
const EXISTING: &str = include_str!("../../../assets/answers/existing-service.yaml");

/// The part of docs/answers.md that is written by the table.
fn tables() -> String {
    let mut page = String::new();
    for section in KEYS.iter().filter(|key| keys::parent(key.path).is_empty()) {
        let needed = if section.absence == Absence::Refused { ", needed" } else { "" };
        writeln!(page, "### `{}`{needed}\n", section.path).unwrap();
        if section.shape == Shape::Section {
            writeln!(page, "{}\n", section.meaning).unwrap();
        }
        page.push_str("| key | example | when left out | what it decides |\n|---|---|---|---|\n");
        for key in KEYS.iter().filter(|key| key.path == section.path || keys::is_within(key.path, section.path)) {
            if key.shape != Shape::Section {
                page.push_str(&row(key));
            } else if key.path != section.path {
                writeln!(page, "| `{}` | | {} | {} |", key.path, when_left_out(key), key.meaning).unwrap();
            }
        }
        page.push('\n');
    }
    page.push_str("## Not built yet\n\nRefused by name, so that nobody believes it took effect.\n\n");
    page.push_str("| key | what it would be | until then |\n|---|---|---|\n");
    for asked in NOT_BUILT {
        writeln!(page, "| `{}` | {} | {} |", asked.key, asked.what, asked.instead).unwrap();
    }
    page
}

fn row(key: &Key) -> String {
    format!("| `{}` | `{}` | {} | {} |\n", key.path, key.example, when_left_out(key), key.meaning)
}

fn when_left_out(key: &Key) -> String {
    match (key.absence, key.shape) {
        (Absence::Refused, _) => "**needed**".to_owned(),
        (Absence::Means(default), Shape::Section) => default.to_owned(),
        (Absence::Means(default), _) if default.contains(' ') => default.to_owned(),
        (Absence::Means(default), _) => format!("`{default}`"),
    }
}

#[test]
fn given_the_table_of_keys_then_the_page_about_answers_says_the_same() {
    let written = DOCUMENTATION.split_once("<!-- keys -->\n\n").map(|(_, rest)| rest);
    assert!(written == Some(&tables()), "put this behind `<!-- keys -->` in docs/answers.md:\n\n{}", tables());
}

#[test]
fn given_the_page_about_answers_then_every_yaml_file_in_it_is_right() {
    let blocks: Vec<&str> =
        DOCUMENTATION.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        parse(block, "docs/answers.md").unwrap_or_else(|mistakes| panic!("{mistakes}\n{block}"));
    }
}

#[test]
fn given_any_key_then_its_section_is_a_key_before_it() {
    for (position, key) in KEYS.iter().enumerate() {
        let section = keys::parent(key.path);
        let home = KEYS.iter().position(|key| key.path == section && key.shape == Shape::Section);
        assert!(section.is_empty() || home.is_some_and(|home| home < position), "{}", key.path);
    }
}

#[test]
fn given_any_synonym_or_thing_not_built_then_it_is_no_key_and_leads_to_one() {
    for (word, path) in SYNONYMS {
        assert!(keys::at(path).is_some(), "{word} leads nowhere");
    }
    for asked in NOT_BUILT {
        assert!(keys::at(asked.key).is_none(), "{} is built", asked.key);
        let section = keys::parent(asked.key.split(": ").next().unwrap());
        assert!(section.is_empty() || keys::at(section).is_some(), "{} has no section", asked.key);
    }
}

#[test]
fn given_anything_not_built_when_it_is_asked_for_then_it_is_refused_by_name() {
    for asked in NOT_BUILT {
        let (path, value) = asked.key.split_once(": ").unwrap_or((asked.key, "true"));
        let mut text = format!("{}: {value}", keys::last_part(path));
        let mut section = keys::parent(path);
        while !section.is_empty() {
            text = format!("{}: {{{text}}}", keys::last_part(section));
            section = keys::parent(section);
        }
        let mistakes = parse(&text, "f").unwrap_err();
        let told = mistakes.list.iter().find(|mistake| mistake.wrong.contains("is not built yet"));
        assert_eq!(told.map(|mistake| mistake.path.as_str()), Some(path), "{text}\n{mistakes}");
    }
}

#[test]
fn given_the_choices_in_the_table_then_they_are_the_words_that_are_read() {
    let words = |path| match keys::at(path).unwrap().shape {
        Shape::Choice(words) => words.to_vec(),
        _ => Vec::new(),
    };
    assert_eq!(words("hook"), keys::HOOKS.iter().map(|(word, _)| *word).collect::<Vec<_>>());
    assert_eq!(words("registration.consent"), keys::CONSENTS.iter().map(|(word, _)| *word).collect::<Vec<_>>());
    assert_eq!(words("access.emailClaim"), keys::EMAIL_CLAIMS.iter().map(|(word, _)| *word).collect::<Vec<_>>());
    assert_eq!(words("certificate.issuer.kind"), keys::ISSUER_KINDS.iter().map(|(word, _)| *word).collect::<Vec<_>>());
}

/// A key that the table has and nothing reads or writes would be a promise that is not kept.
#[test]
fn given_every_key_with_a_value_then_it_is_written_by_one_of_the_examples() {
    let example = parse(EXAMPLE, "f").unwrap();
    let mut existing = parse(EXISTING, "f").unwrap();
    let all_there = parse(ALL_THERE, "f").unwrap();
    existing.registration.tenant = Some("contoso.onmicrosoft.com".parse().unwrap());
    existing.registration.adopt = Some(Adopt {
        client_id: keys::at("registration.adopt.clientId").unwrap().example.parse().unwrap(),
        rename: true,
    });
    let new_issuer = parse(NEW_ISSUER, "f").unwrap();
    let written: Vec<&str> = [entries(&example), entries(&existing), entries(&all_there), entries(&new_issuer)]
        .concat()
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    for key in KEYS.iter().filter(|key| key.shape != Shape::Section) {
        assert!(written.contains(&key.path), "{} is never written", key.path);
    }
    for path in written {
        assert!(keys::at(path).is_some_and(|key| key.shape != Shape::Section), "{path} is not in the table");
    }
}

/// What the file does not say is what the table says of it: each default, written out, changes nothing.
#[test]
fn given_the_least_when_its_defaults_are_written_out_then_the_answers_are_the_same() {
    let least = parse(include_str!("../../../assets/answers/minimal.yaml"), "f").unwrap();
    for (path, value) in entries(&least) {
        let Absence::Means(default) = keys::at(path).unwrap().absence else { continue };
        let written = match value {
            crate::answers::writer::Value::Text(text) | crate::answers::writer::Value::Bare(text) => text,
            crate::answers::writer::Value::List(items) => items.join(", "),
        };
        let in_words = match default {
            "the application's name" => "myapp",
            "the application's host" => "myapp.cluster.example.com",
            "everyone the tenant gives a token to" => "",
            default => default,
        };
        assert_eq!(written, in_words, "{path}");
    }
    assert_eq!(parse(&render(&least), "f").unwrap(), least);
}

/// The examples in messages come from the table, so each must be right where it is used.
#[test]
fn given_every_example_in_the_table_then_it_is_right() {
    let every_key: String = render(&parse(EXAMPLE, "f").unwrap())
        .lines()
        .map(|line| {
            let bare = line.trim_start();
            let is_off = bare.strip_prefix("# ").is_some_and(|rest| rest.trim_start().starts_with("tenant:"));
            if is_off { line.replacen("# ", "", 1) + "\n" } else { format!("{line}\n") }
        })
        .collect();
    assert!(parse(&every_key, "f").unwrap().registration.tenant.is_some());
    for key in KEYS.iter().filter(|key| key.shape != Shape::Section) {
        assert!(!key.example.is_empty(), "{}", key.path);
    }
}
