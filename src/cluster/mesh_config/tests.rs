use super::{MeshEditError, insert_provider, provider, read, remove_provider, settings};
use crate::facts::OutboundPolicy;
use proptest::prelude::*;
use serde_json::{Value, json};

fn ours() -> Value {
    json!({"name": "gatewright-myapp-myapp", "envoyExtAuthzHttp": {
        "service": "myapp-oauth2-proxy.myapp.svc.cluster.local", "port": 80, "statusOnError": "503",
        "includeRequestHeadersInCheck": ["cookie", "authorization"]}})
}

/// How our entry is written in a list without indentation.
const ENTRY: &str = "\
- name: gatewright-myapp-myapp
  envoyExtAuthzHttp:
    service: myapp-oauth2-proxy.myapp.svc.cluster.local
    port: 80
    statusOnError: \"503\"
    includeRequestHeadersInCheck:
    - cookie
    - authorization
";

fn entry(depth: usize) -> String {
    let margin = " ".repeat(depth);
    ENTRY.split_inclusive('\n').flat_map(|line| [margin.as_str(), line]).collect()
}

/// Name, the document, and the document with our entry.
fn cases() -> Vec<(&'static str, String, String)> {
    let key = "extensionProviders:\n";
    let other = "- name: other\n  zipkin:\n    service: zipkin.ns.svc\n    port: 9411\n";
    let indented = "  - name: other\n    zipkin: {service: zipkin.ns.svc, port: 9411}\n";
    vec![
        ("nothing at all", String::new(), format!("{key}{}", entry(0))),
        (
            "the key is missing",
            "accessLogFile: /dev/stdout\n".into(),
            format!("accessLogFile: /dev/stdout\n{key}{}", entry(0)),
        ),
        (
            "no newline at the end",
            "accessLogFile: /dev/stdout".into(),
            format!("accessLogFile: /dev/stdout\n{key}{}", entry(0).trim_end()),
        ),
        ("a comment at the end", "a: 1\n# about nothing\n".into(), format!("a: 1\n# about nothing\n{key}{}", entry(0))),
        ("an empty list", "a: 1\nextensionProviders: []\nb: 2\n".into(), format!("a: 1\n{key}{}b: 2\n", entry(0))),
        (
            "an empty list with a comment",
            "extensionProviders: [] # none yet\nb: 2\n".into(),
            format!("extensionProviders: # none yet\n{}b: 2\n", entry(0)),
        ),
        ("a key without a value", "extensionProviders:\nb: 2\n".into(), format!("{key}{}b: 2\n", entry(0))),
        ("another entry", format!("{key}{other}b: 2\n"), format!("{key}{other}{}b: 2\n", entry(0))),
        ("another entry, at the end", format!("{key}{other}"), format!("{key}{other}{}", entry(0))),
        ("an indented list", format!("{key}{indented}b: 2\n"), format!("{key}{indented}{}b: 2\n", entry(2))),
        (
            "comments and blank lines around",
            format!("# mesh\n{key}# theirs\n{other}\n# outbound\nb: 2 # two\n"),
            format!("# mesh\n{key}# theirs\n{other}{}\n# outbound\nb: 2 # two\n", entry(0)),
        ),
        (
            "a quoted key",
            format!("\"extensionProviders\":\n{other}"),
            format!("\"extensionProviders\":\n{other}{}", entry(0)),
        ),
        (
            "the original protobuf name",
            "extension_providers: []\n".into(),
            format!("extension_providers:\n{}", entry(0)),
        ),
        (
            "a text block that ends in what looks like a comment",
            format!("{key}- name: other\n  text: |\n    one\n    # two\nb: 2\n"),
            format!("{key}- name: other\n  text: |\n    one\n    # two\n{}b: 2\n", entry(0)),
        ),
        ("a document start", format!("---\na: 1\n{key}{other}"), format!("---\na: 1\n{key}{other}{}", entry(0))),
        ("a document end", "a: 1\n...\n".into(), format!("a: 1\n{key}{}...\n", entry(0))),
        ("an indented document", "  a: 1\n".into(), format!("  a: 1\n  {key}{}", entry(2))),
        (
            "the same name, elsewhere in the document",
            "defaultProviders:\n  metrics:\n  - gatewright-myapp-myapp\n".into(),
            format!("defaultProviders:\n  metrics:\n  - gatewright-myapp-myapp\n{key}{}", entry(0)),
        ),
    ]
}

#[test]
fn given_any_way_of_writing_it_when_our_entry_is_inserted_then_nothing_else_changes() {
    for (name, before, expected) in cases() {
        assert_eq!(insert_provider(&before, &ours()).unwrap(), expected, "{name}");
        let crlf = (before.replace('\n', "\r\n"), expected.replace('\n', "\r\n"));
        if before.contains('\n') {
            assert_eq!(insert_provider(&crlf.0, &ours()).unwrap(), crlf.1, "{name}, with CRLF");
        }
    }
}

#[test]
fn given_our_entry_when_it_is_inserted_again_then_not_a_byte_changes() {
    for (name, _, with) in cases() {
        assert_eq!(insert_provider(&with, &ours()).unwrap(), with, "{name}");
    }
}

#[test]
fn given_our_entry_when_it_is_removed_then_the_document_means_what_it_meant() {
    for (name, before, with) in cases() {
        let after = remove_provider(&with, "gatewright-myapp-myapp").unwrap();
        let (mut left, mut right) = (read(&after).unwrap(), read(&before).unwrap());
        for mesh in [&mut left, &mut right] {
            // An empty list, a key without a value and no key mean the same.
            mesh.retain(|_, value| !value.is_null() && *value != json!([]));
        }
        assert_eq!(left, right, "{name}: {after}");
        let had_list = before.contains("extension");
        if !had_list {
            assert_eq!(after, before, "{name}");
        }
    }
}

#[test]
fn given_an_older_entry_of_ours_between_others_when_it_is_inserted_then_only_its_lines_change() {
    let document = |middle: &str| {
        format!("extensionProviders:\n- name: a\n  x: 1\n# ours\n{middle}# last\n- name: b\n  y: 2\nz: 1\n")
    };
    let before = document("- name: gatewright-myapp-myapp\n  envoyExtAuthzHttp: {service: old, port: 1}\n");
    assert_eq!(insert_provider(&before, &ours()).unwrap(), document(&entry(0)));
    assert_eq!(remove_provider(&before, "gatewright-myapp-myapp").unwrap(), document(""));
}

#[test]
fn given_the_name_further_down_in_an_entry_when_it_is_replaced_then_it_is_still_found() {
    let before = "extensionProviders:\n- envoyExtAuthzHttp: {service: old, port: 1}\n  name: gatewright-myapp-myapp\n";
    let after = insert_provider(before, &ours()).unwrap();
    assert_eq!(after, format!("extensionProviders:\n{}", entry(0)));
}

#[test]
fn given_a_document_that_cannot_be_edited_for_sure_then_it_is_refused() {
    let unsure = [
        ("flow style", "extensionProviders: [{name: a}]\n"),
        ("flow style over lines", "extensionProviders: [\n  {name: a}\n]\n"),
        ("an all-flow document", "{a: 1}\n"),
        ("an all-flow document with the key", "{extensionProviders: []}\n"),
        ("an anchor", "extensionProviders: &all\n- name: a\n"),
        ("an alias", "x: &all [{name: a}]\nextensionProviders: *all\n"),
        ("both spellings", "extensionProviders: []\nextension_providers: []\n"),
        ("no list", "extensionProviders: nothing\n"),
        (
            "ours uses an anchor of others",
            "x: &p {port: 1}\nextensionProviders:\n- name: gatewright-myapp-myapp\n  envoyExtAuthzHttp: *p\n",
        ),
    ];
    for (name, text) in unsure {
        let refused = insert_provider(text, &ours());
        assert!(matches!(refused, Err(MeshEditError::Unsure(_))), "{name}: {refused:?}");
    }
    for (name, text) in [("no YAML", "a: [\n"), ("a list", "- a\n"), ("a text", "hello\n"), ("twice", "a: 1\na: 2\n")] {
        let refused = insert_provider(text, &ours());
        assert!(matches!(refused, Err(MeshEditError::Unreadable(_))), "{name}: {refused:?}");
    }
}

#[test]
fn given_no_entry_of_ours_when_it_is_removed_then_not_a_byte_changes() {
    for text in ["", "a: 1", "extensionProviders: [{name: a}]\n", "extensionProviders:\n- name: b\n"] {
        assert_eq!(remove_provider(text, "gatewright-myapp-myapp"), Ok(text.to_owned()));
    }
}

#[test]
fn given_a_mesh_configuration_then_its_settings_are_read() {
    let read = settings(
        "# chosen\nrootNamespace: mesh-root\ntrustDomain: example.org\noutboundTrafficPolicy:\n  mode: REGISTRY_ONLY\n\
         extensionProviders:\n- name: a\n- name: b\n",
    )
    .unwrap();
    assert_eq!(read.outbound, Some(OutboundPolicy::RegistryOnly));
    assert_eq!(read.providers.into_iter().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(
        (read.root_namespace.as_deref(), read.trust_domain.as_deref()),
        (Some("mesh-root"), Some("example.org"))
    );
}

#[test]
fn given_our_entry_then_it_can_be_read_back() {
    let text = insert_provider("a: 1\n", &ours()).unwrap();
    assert_eq!(provider(&text, "gatewright-myapp-myapp").unwrap(), Some(ours()));
    assert_eq!(provider(&text, "other").unwrap(), None);
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[ -~]{0,30}".prop_map(Value::from),
        "[a-z# :|>-]{0,12}(\n[a-z# :-]{0,12}){0,3}\n?".prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z]{1,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn mesh() -> impl Strategy<Value = Value> {
    let fields = prop::collection::btree_map("[a-z][a-zA-Z]{1,10}", tree(), 0..5);
    let provider = ("other-[a-z]{1,8}", tree()).prop_map(|(name, setting)| json!({"name": name, "zipkin": setting}));
    let providers = prop::option::of(prop::collection::vec(provider, 1..4));
    (fields, providers, any::<bool>()).prop_map(|(fields, providers, first)| {
        let mut mesh: serde_json::Map<_, _> = fields.into_iter().collect();
        if let Some(providers) = providers {
            let at = if first { 0 } else { mesh.len() };
            mesh.shift_insert(at, "extensionProviders".to_owned(), providers.into());
        }
        Value::Object(mesh)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_document_with_our_entry_and_without_it_again_is_the_same_to_the_byte(mesh in mesh(), trimmed in any::<bool>()) {
        let mut before = serde_saphyr::to_string(&mesh).unwrap();
        let trimming = before.trim_end_matches('\n').to_owned();
        if trimmed && serde_saphyr::from_str::<Value>(&trimming).is_ok_and(|same| same == mesh) {
            before = trimming;
        }
        prop_assume!(mesh != json!({}));
        let with = insert_provider(&before, &ours()).unwrap();
        prop_assert_eq!(provider(&with, "gatewright-myapp-myapp").unwrap(), Some(ours()));
        prop_assert_eq!(insert_provider(&with, &ours()).unwrap(), with.clone());
        prop_assert_eq!(remove_provider(&with, "gatewright-myapp-myapp").unwrap(), before);
    }

    #[test]
    fn no_text_whatever_makes_it_panic_or_break_the_document(text in "[a-z#:\\[\\]{}\\- \n\"'|>&*]{0,60}") {
        if let Ok(with) = insert_provider(&text, &ours()) {
            prop_assert_eq!(provider(&with, "gatewright-myapp-myapp").unwrap(), Some(ours()));
        }
    }
}
