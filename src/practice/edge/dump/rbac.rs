//! One rule of an AuthorizationPolicy in the words of Envoy's access control.

use crate::practice::edge::objects::{items, text, texts};
use serde_json::{Value, json};

/// Permissions and principals of a rule. Conditions on the request's side stand with the principals, as Istio has them.
pub(super) fn policy(rule: &Value) -> Value {
    let to = items(rule, "/to");
    let from = items(rule, "/from");
    let conditions: Vec<Value> = items(rule, "/when").iter().map(condition).collect();
    let permissions: Vec<Value> =
        if to.is_empty() { vec![json!({"any": true})] } else { to.iter().map(permission).collect() };
    let principals: Vec<Value> = if from.is_empty() {
        vec![and("and_ids", "ids", conditions)]
    } else {
        from.iter()
            .map(|from| {
                let mut all = source(from.get("source").unwrap_or(&Value::Null));
                all.extend(conditions.clone());
                and("and_ids", "ids", all)
            })
            .collect()
    };
    json!({"permissions": permissions, "principals": principals})
}

/// Whether a rule asks for more than a connection can tell: it never allows traffic that is not HTTP.
pub(super) fn needs_http(rule: &Value) -> bool {
    let any = |list: &str, keys: &[&str]| {
        items(rule, list).iter().any(|part| keys.iter().any(|key| part.pointer(key).is_some()))
    };
    any("/to", &["/operation/hosts", "/operation/paths", "/operation/methods", "/operation/notPaths"])
        || any("/from", &["/source/requestPrincipals", "/source/remoteIpBlocks"])
        || items(rule, "/when").iter().any(|condition| text(condition, "/key").starts_with("request."))
}

fn and(key: &str, list: &str, mut parts: Vec<Value>) -> Value {
    match parts.len() {
        0 => json!({"any": true}),
        1 => parts.remove(0),
        _ => json!({key: {list: parts}}),
    }
}

fn permission(to: &Value) -> Value {
    let operation = to.get("operation").unwrap_or(&Value::Null);
    let mut all = Vec::new();
    for (key, negation, one) in [
        ("/hosts", "/notHosts", header(":authority", true)),
        ("/methods", "/notMethods", header(":method", false)),
        ("/paths", "/notPaths", Box::new(|value: &str| json!({"url_path": {"path": matcher(value, false)}})) as Field),
        ("/ports", "/notPorts", Box::new(|value: &str| json!({"destination_port": value.parse::<u16>().unwrap_or(0)}))),
    ] {
        all.extend(either(operation, key, negation, &one, ["or_rules", "rules", "not_rule"]));
    }
    and("and_rules", "rules", all)
}

fn source(source: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    for (key, negation, one) in [
        (
            "/principals",
            "/notPrincipals",
            Box::new(|value: &str| json!({"authenticated": {"principal_name": spiffe(value)}})) as Field,
        ),
        (
            "/requestPrincipals",
            "/notRequestPrincipals",
            Box::new(|value: &str| {
                json!({"metadata": {
                    "filter": "envoy.filters.http.jwt_authn", "path": [{"key": "payload"}, {"key": "iss/sub"}],
                    "value": {"string_match": matcher(value, false)},
                }})
            }),
        ),
        (
            "/namespaces",
            "/notNamespaces",
            Box::new(|value: &str| {
                json!({"authenticated": {"principal_name": {
                    "safe_regex": {"regex": format!(".*/ns/{}/.*", value.replace('*', ".*"))},
                }}})
            }),
        ),
        ("/ipBlocks", "/notIpBlocks", Box::new(|value: &str| json!({"direct_remote_ip": {"address_prefix": value}}))),
        (
            "/remoteIpBlocks",
            "/notRemoteIpBlocks",
            Box::new(|value: &str| json!({"remote_ip": {"address_prefix": value}})),
        ),
    ] {
        all.extend(either(source, key, negation, &one, ["or_ids", "ids", "not_id"]));
    }
    all
}

fn condition(condition: &Value) -> Value {
    let key = text(condition, "/key").to_owned();
    let one: Field = Box::new(move |value: &str| {
        json!({"metadata": {
            "filter": "envoy.filters.http.jwt_authn",
            "path": [{"key": "payload"}, {"key": key}],
            "value": {"or_match": {"value_matchers": [
                {"string_match": matcher(value, false)},
                {"list_match": {"one_of": {"string_match": matcher(value, false)}}},
            ]}},
        }})
    });
    and("and_ids", "ids", either(condition, "/values", "/notValues", &one, ["or_ids", "ids", "not_id"]))
}

type Field = Box<dyn Fn(&str) -> Value>;

/// One of a list, and none of its negation.
fn either(part: &Value, key: &str, negation: &str, one: &Field, [or, list, not]: [&str; 3]) -> Vec<Value> {
    let group = |key: &str| {
        let values: Vec<Value> = texts(part, key).into_iter().map(one).collect();
        (!values.is_empty()).then(|| json!({or: {list: values}}))
    };
    let mut parts: Vec<Value> = group(key).into_iter().collect();
    parts.extend(group(negation).map(|none| json!({not: none})));
    parts
}

fn header(name: &'static str, ignore_case: bool) -> Field {
    Box::new(move |value: &str| json!({"header": {"name": name, "string_match": matcher(value, ignore_case)}}))
}

/// `*`, `prefix*`, `*suffix` or the text itself.
fn matcher(value: &str, ignore_case: bool) -> Value {
    let mut matcher = if value == "*" {
        json!({"safe_regex": {"regex": ".+"}})
    } else if let Some(prefix) = value.strip_suffix('*') {
        json!({"prefix": prefix})
    } else if let Some(suffix) = value.strip_prefix('*') {
        json!({"suffix": suffix})
    } else {
        json!({"exact": value})
    };
    if ignore_case {
        matcher["ignore_case"] = Value::Bool(true);
    }
    matcher
}

fn spiffe(principal: &str) -> Value {
    match matcher(principal, false) {
        Value::Object(map) if map.contains_key("exact") => json!({"exact": format!("spiffe://{principal}")}),
        Value::Object(map) if map.contains_key("prefix") => {
            json!({"prefix": format!("spiffe://{}", principal.trim_end_matches('*'))})
        }
        other => other,
    }
}
