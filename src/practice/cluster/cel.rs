//! What Istio's CustomResourceDefinitions demand beyond types, by rules in the Common Expression Language: those on fields that
//! the practice ground knows. The API server checks them before it asks Istio's webhook.

use super::{
    catalog::Kind,
    schema::{Scalar, Schema, Shape},
    status::Cause,
    validate::go_duration_seconds,
};
use serde_json::Value;

/// A rule, where it stands and what is said of who breaks it.
#[derive(Debug)]
struct Rule {
    /// Fields are spelled `.field`, any item of a list `[]` and any value of a map `{}`.
    at: &'static str,
    /// What must be so.
    message: &'static str,
    /// Whether it is; an error where that cannot be told.
    holds: fn(&Value) -> Result<bool, String>,
}

const fn rule(at: &'static str, message: &'static str, holds: fn(&Value) -> Result<bool, String>) -> Rule {
    Rule { at, message, holds }
}

const ONE_TARGET: Rule = rule(".spec", "only one of targetRefs or selector can be set", |spec| {
    Ok(count(spec, &["selector", "targetRef", "targetRefs"]) <= 1)
});
const REFERENCE: Rule =
    rule(".spec.targetRef.namespace", "cross namespace referencing is not currently supported", is_empty);
const REFERENCES: Rule =
    rule(".spec.targetRefs[].namespace", "cross namespace referencing is not currently supported", is_empty);
const LABEL_KEYS: Rule =
    rule(".spec.selector.matchLabels", "wildcard not allowed in label key match", no_key_has_wildcard);
const LABEL_KEYS_THERE: Rule = rule(".spec.selector.matchLabels", "key must not be empty", no_key_is_empty);
const LABEL_VALUES: Rule =
    rule(".spec.selector.matchLabels{}", "wildcard not allowed in label value match", has_no_wildcard);

const AUTHORIZATION_POLICY: &[Rule] = &[
    ONE_TARGET,
    rule(".spec.rules[].from[].source", "Cannot set serviceAccounts with namespaces or principals", |source| {
        let accounts = count(source, &["serviceAccounts", "notServiceAccounts"]);
        let others = count(source, &["principals", "notPrincipals", "namespaces", "notNamespaces"]);
        Ok(accounts == 0 || others == 0)
    }),
    LABEL_KEYS,
    LABEL_KEYS_THERE,
    LABEL_VALUES,
    REFERENCE,
    REFERENCES,
];
const REQUEST_AUTHENTICATION: &[Rule] = &[
    ONE_TARGET,
    rule(".spec.jwtRules[]", "only one of jwks or jwksUri can be set", |rule| {
        Ok(count(rule, &["jwksUri", "jwks_uri", "jwks"]) <= 1)
    }),
    rule(".spec.jwtRules[].jwks_uri", "url must have scheme http:// or https://", is_of_http),
    rule(".spec.jwtRules[].jwksUri", "url must have scheme http:// or https://", is_of_http),
    LABEL_KEYS,
    LABEL_KEYS_THERE,
    LABEL_VALUES,
    REFERENCE,
    REFERENCES,
];
const PEER_AUTHENTICATION: &[Rule] = &[
    rule(".spec", "portLevelMtls requires selector", |spec| {
        let labels = spec.pointer("/selector/matchLabels").and_then(Value::as_object);
        Ok(count(spec, &["portLevelMtls"]) == 0 || labels.is_some_and(|labels| !labels.is_empty()))
    }),
    rule(".spec.portLevelMtls", "port must be between 1-65535", |ports| {
        let number =
            |port: &String| port.parse::<i64>().map_err(|_| "type conversion error from 'string' to 'int'".to_owned());
        let ports: Result<Vec<i64>, String> = keys(ports).map(number).collect();
        Ok(ports?.into_iter().all(|port| (1..=65_535).contains(&port)))
    }),
    LABEL_KEYS,
    LABEL_KEYS_THERE,
    LABEL_VALUES,
];
const TELEMETRY: &[Rule] = &[ONE_TARGET, LABEL_KEYS, LABEL_KEYS_THERE, LABEL_VALUES, REFERENCES];
const DESTINATION_RULE: &[Rule] = &[
    rule(".spec.workloadSelector.matchLabels", "wildcard not allowed in label key match", no_key_has_wildcard),
    rule(".spec.workloadSelector.matchLabels", "key must not be empty", no_key_is_empty),
    rule(".spec.workloadSelector.matchLabels{}", "wildcard not allowed in label value match", has_no_wildcard),
];
const GATEWAY: &[Rule] = &[
    rule(".spec.servers[].tls", "only one of credentialNames or tlsCertificates can be set", |tls| {
        Ok(count(tls, &["credentialNames", "tlsCertificates"]) <= 1)
    }),
    rule(".spec.servers[].tls", "only one of credentialName or credentialNames can be set", |tls| {
        Ok(count(tls, &["credentialName", "credentialNames"]) <= 1)
    }),
];
const SERVICE_ENTRY: &[Rule] = &[
    rule(".spec", "only one of WorkloadSelector or Endpoints can be set", |spec| {
        Ok(count(spec, &["workloadSelector", "endpoints"]) <= 1)
    }),
    rule(".spec", "CIDR addresses are allowed only for NONE/STATIC resolution types", |spec| {
        let addresses = spec["addresses"].as_array().into_iter().flatten().filter_map(Value::as_str);
        Ok(matches!(resolution(spec), "NONE" | "STATIC") || !addresses.into_iter().any(|text| text.contains('/')))
    }),
    rule(".spec", "NONE mode cannot set endpoints", |spec| {
        Ok(resolution(spec) != "NONE" || count(spec, &["endpoints"]) == 0)
    }),
    rule(".spec", "DNS_ROUND_ROBIN mode cannot have multiple endpoints", |spec| {
        let endpoints = spec["endpoints"].as_array().map_or(0, Vec::len);
        Ok(resolution(spec) != "DNS_ROUND_ROBIN" || endpoints <= 1)
    }),
    rule(".spec.endpoints[]", "Address is required", |endpoint| Ok(count(endpoint, &["address", "network"]) > 0)),
    rule(".spec.endpoints[].ports{}", "port must be between 1-65535", is_port),
    rule(".spec.hosts[]", "hostname cannot be wildcard", |host| Ok(host != "*")),
    rule(".spec.ports", "port number cannot be duplicated", |ports| {
        let numbers: Vec<&Value> = ports.as_array().into_iter().flatten().map(|port| &port["number"]).collect();
        Ok(numbers.iter().all(|number| numbers.iter().filter(|other| other == &number).count() == 1))
    }),
    rule(".spec.ports[].number", "port must be between 1-65535", is_port),
    rule(".spec.ports[].targetPort", "port must be between 1-65535", is_port),
    rule(".spec.workloadSelector.labels{}", "wildcard is not supported in selector", has_no_wildcard),
];
const SIDECAR: &[Rule] =
    &[rule(".spec.workloadSelector.labels{}", "wildcard is not supported in selector", has_no_wildcard)];
const ENVOY_FILTER: &[Rule] = &[
    rule(".spec", "only one of targetRefs or workloadSelector can be set", |spec| {
        Ok(count(spec, &["workloadSelector", "targetRefs"]) <= 1)
    }),
    rule(".spec.configPatches[].match", "only support waypointMatch when context is WAYPOINT", |found| {
        Ok((found["context"] == "WAYPOINT") == found.get("waypoint").is_some())
    }),
    REFERENCES,
    rule(".spec.workloadSelector.labels{}", "wildcard is not supported in selector", has_no_wildcard),
];

fn rules_of(kind: &Kind) -> &'static [Rule] {
    match kind.kind.as_str() {
        "AuthorizationPolicy" => AUTHORIZATION_POLICY,
        "RequestAuthentication" => REQUEST_AUTHENTICATION,
        "PeerAuthentication" => PEER_AUTHENTICATION,
        "Telemetry" => TELEMETRY,
        "DestinationRule" => DESTINATION_RULE,
        "Gateway" => GATEWAY,
        "ServiceEntry" => SERVICE_ENTRY,
        "Sidecar" => SIDECAR,
        "EnvoyFilter" => ENVOY_FILTER,
        _ => &[],
    }
}

/// Whether a kind's definition has such rules.
pub(super) fn has_rules(kind: &Kind) -> bool {
    kind.group.ends_with("istio.io")
}

/// What the rules add to what the schema found.
pub(super) fn violations(kind: &Kind, object: &Value, found: &[Cause]) -> Vec<Cause> {
    if !has_rules(kind) {
        return Vec::new();
    }
    let blocking = ["FieldValueRequired", "FieldValueNotSupported", "FieldValueTooLong", "FieldValueTypeInvalid"];
    if found.iter().any(|cause| blocking.contains(&cause.reason)) {
        let message = "Invalid value: null: some validation rules were not checked because the object was invalid; correct \
                       the existing errors to complete validation";
        return vec![Cause { reason: "FieldValueInvalid", message: message.to_owned(), field: "<nil>".to_owned() }];
    }
    let mut causes = Vec::new();
    check(rules_of(kind), &kind.schema, object, &Place::default(), &mut causes);
    causes
}

/// Where a value is: as rules name it, and as causes do.
#[derive(Debug, Default)]
struct Place {
    pattern: String,
    path: String,
}

impl Place {
    fn field(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { pattern: format!("{}.{name}", self.pattern), path }
    }

    fn value(&self, key: &str) -> Self {
        Self { pattern: format!("{}{{}}", self.pattern), path: format!("{}[{key}]", self.path) }
    }

    fn item(&self, at: usize) -> Self {
        Self { pattern: format!("{}[]", self.pattern), path: format!("{}[{at}]", self.path) }
    }
}

fn check(rules: &[Rule], schema: &Schema, value: &Value, place: &Place, causes: &mut Vec<Cause>) {
    for rule in rules.iter().filter(|rule| rule.at == place.pattern) {
        causes.extend(broken(rule, value, place));
    }
    match (&schema.shape, value) {
        (Shape::Struct { .. }, Value::Object(map)) => {
            for (name, child) in map {
                if let Some(shape) = schema.below(name) {
                    check(rules, &shape, child, &place.field(name), causes);
                }
            }
        }
        (Shape::Map { value: shape, .. }, Value::Object(map)) => {
            for (key, child) in map {
                check(rules, shape, child, &place.value(key), causes);
            }
        }
        (Shape::List { item, .. }, Value::Array(items)) => {
            for (at, child) in items.iter().enumerate() {
                check(rules, item, child, &place.item(at), causes);
            }
        }
        (Shape::Scalar(Scalar::Duration), value) => {
            let rule = rule("", "must be a valid duration greater than 1ms", is_long_enough);
            causes.extend(broken(&rule, value, place));
        }
        _ => {}
    }
}

fn broken(rule: &Rule, value: &Value, place: &Place) -> Option<Cause> {
    let is_scalar = !value.is_object() && !value.is_array();
    let message = match (rule.holds)(value) {
        Ok(true) => return None,
        Ok(false) if is_scalar => format!("Invalid value: {value}: {}", rule.message),
        Ok(false) => format!("Invalid value: {}", rule.message),
        Err(why) => {
            let found = if is_scalar { "string" } else { "object" };
            format!("Invalid value: \"{found}\": {why} evaluating rule: {}", rule.message)
        }
    };
    Some(Cause { reason: "FieldValueInvalid", message, field: place.path.clone() })
}

/// How many of these fields there are.
fn count(value: &Value, fields: &[&str]) -> usize {
    fields.iter().filter(|field| value.get(**field).is_some()).count()
}

fn keys(value: &Value) -> impl Iterator<Item = &String> {
    value.as_object().into_iter().flat_map(serde_json::Map::keys)
}

#[expect(clippy::unnecessary_wraps, reason = "rules that can always be told are rules too")]
fn is_empty(value: &Value) -> Result<bool, String> {
    Ok(value == "")
}

#[expect(clippy::unnecessary_wraps, reason = "rules that can always be told are rules too")]
fn no_key_has_wildcard(labels: &Value) -> Result<bool, String> {
    Ok(!keys(labels).any(|key| key.contains('*')))
}

#[expect(clippy::unnecessary_wraps, reason = "rules that can always be told are rules too")]
fn no_key_is_empty(labels: &Value) -> Result<bool, String> {
    Ok(!keys(labels).any(String::is_empty))
}

#[expect(clippy::unnecessary_wraps, reason = "rules that can always be told are rules too")]
fn has_no_wildcard(value: &Value) -> Result<bool, String> {
    Ok(!value.as_str().is_some_and(|text| text.contains('*')))
}

#[expect(clippy::unnecessary_wraps, reason = "rules that can always be told are rules too")]
fn is_port(number: &Value) -> Result<bool, String> {
    Ok(number.as_i64().is_some_and(|number| (1..=65_535).contains(&number)))
}

fn resolution(spec: &Value) -> &str {
    spec["resolution"].as_str().unwrap_or("NONE")
}

fn is_long_enough(duration: &Value) -> Result<bool, String> {
    let seconds = go_duration_seconds(duration.as_str().unwrap_or_default());
    let seconds =
        seconds.ok_or_else(|| "type conversion error from 'string' to 'google.protobuf.Duration'".to_owned())?;
    Ok(seconds >= 0.001)
}

fn is_of_http(address: &Value) -> Result<bool, String> {
    let text = address.as_str().unwrap_or_default();
    let scheme =
        scheme(text).map_err(|why| format!("URL parse error during conversion from string: parse {text:?}: {why}"))?;
    Ok(matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https"))
}

/// The scheme of an address, or why Go's reader of the addresses of requests does not take it for one.
fn scheme(text: &str) -> Result<&str, &'static str> {
    if text.is_empty() {
        return Err("empty url");
    }
    let end = text.find(|letter: char| !letter.is_ascii_alphanumeric() && !"+-.".contains(letter));
    let scheme = match end.map(|end| text.split_at(end)) {
        Some(("", rest)) if rest.starts_with(':') => return Err("missing protocol scheme"),
        Some((scheme, rest)) if rest.starts_with(':') && scheme.starts_with(|first: char| first.is_alphabetic()) => {
            scheme
        }
        _ => "",
    };
    if scheme.is_empty() && !text.starts_with('/') { Err("invalid URI for request") } else { Ok(scheme) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_addresses_when_read_then_the_scheme_is_told_as_by_go() {
        for (text, expected) in [
            ("https://x", Ok("https")),
            ("http:", Ok("http")),
            ("/x", Ok("")),
            ("", Err("empty url")),
            ("nonsense", Err("invalid URI for request")),
            ("a b", Err("invalid URI for request")),
            ("://x", Err("missing protocol scheme")),
        ] {
            assert_eq!(scheme(text), expected, "{text}");
        }
    }
}
