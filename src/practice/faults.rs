//! What goes wrong on the practice ground, and at which request.

use super::journal::{Entry, Server};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// One fault: at which requests, and what happens then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// Which requests.
    #[serde(default, rename = "match")]
    pub when: When,
    /// What happens.
    pub then: Then,
}

/// Which requests a fault is meant for. What is left out matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct When {
    /// One of the ground's servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Server>,
    /// A method, upper case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The whole path, without the query; `*` stands for any text, slashes included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The whole query; `*` stands for any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Only requests that ask for a change (`true`), or only those that do not (`false`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writes: Option<bool>,
    /// The number of the first request that is struck, counted among those that match, from 1 (the default).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// After the first, every such one: 1 strikes all of them, 3 each third. Left out, and without `times`, only the
    /// first is struck.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// At most so many are struck.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Then {
    /// It is refused with this answer and has no effect.
    Fail(Refusal),
    /// It is answered, but later.
    Delay(jiff::SignedDuration),
    /// The connection is cut without an answer.
    Cut(Moment),
    /// The program that asked is stopped as if by `kill -9`.
    Stop(Moment),
}

/// Before a request has taken effect, or after it has but before the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Moment {
    /// Nothing has changed yet.
    Before,
    /// The change is made and kept; the answer is never sent.
    After,
}

/// The answer of a refused request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// Headers, such as `Retry-After`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body; left out, it is what the server that is asked says with this status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

/// The faults of a scenario, with the count of what has matched so far.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(Fault, AtomicU64)>);

impl Faults {
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        Self(faults.into_iter().map(|fault| (fault, AtomicU64::new(0))).collect())
    }

    /// What happens to this request: everything that is due, in the order of the scenario.
    pub(super) fn due(&self, entry: &Entry) -> Vec<Then> {
        let matching = self.0.iter().filter(|(fault, _)| fault.when.matches(entry));
        matching
            .filter(|(fault, counter)| fault.when.strikes(counter.fetch_add(1, Ordering::Relaxed) + 1))
            .map(|(fault, _)| fault.then.clone())
            .collect()
    }
}

impl When {
    fn matches(&self, entry: &Entry) -> bool {
        self.server.is_none_or(|server| server == entry.server)
            && self.method.as_ref().is_none_or(|method| *method == entry.method)
            && self.path.as_ref().is_none_or(|pattern| glob(pattern, &entry.path))
            && self.query.as_ref().is_none_or(|pattern| glob(pattern, &entry.query))
            && self.writes.is_none_or(|writes| writes == entry.wrote)
    }

    /// Whether the `count`-th matching request is struck.
    fn strikes(&self, count: u64) -> bool {
        let Some(after_first) = count.checked_sub(self.nth.unwrap_or(1)) else { return false };
        let step = self.every.or_else(|| self.times.map(|_| 1));
        match step {
            None => after_first == 0,
            Some(step) => {
                let step = step.max(1);
                after_first.is_multiple_of(step) && self.times.is_none_or(|times| after_first / step < times)
            }
        }
    }
}

impl Refusal {
    /// The body as `server` would write it.
    pub(super) fn body_of(&self, server: Server) -> Value {
        self.body.clone().unwrap_or_else(|| usual_body(server, self.status))
    }
}

/// What each server says with a status, when it has nothing more particular to say.
fn usual_body(server: Server, status: u16) -> Value {
    let reason =
        http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Error");
    let code: String = reason.split(' ').collect();
    match server {
        Server::Kubernetes => json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": reason, "reason": code, "code": status,
        }),
        Server::SignIn => json!({"error": "temporarily_unavailable", "error_description": reason}),
        Server::Graph => json!({"error": {"code": code, "message": reason, "innerError": {
            "date": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            "request-id": uuid::Uuid::new_v4(), "client-request-id": uuid::Uuid::new_v4(),
        }}}),
        Server::ResourceManager => json!({"error": {"code": code, "message": reason}}),
        Server::Edge => Value::String(reason.to_owned()),
    }
}

/// Whether `text` as a whole is of the form `pattern`, where `*` stands for any text.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, mut rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    while let Some((middle, after)) = rest.split_once('*') {
        let Some(position) = text.find(middle) else { return false };
        text = text.get(position + middle.len()..).unwrap_or_default();
        rest = after;
    }
    text.ends_with(rest)
}

#[cfg(test)]
mod tests {
    use super::{Fault, Faults, Moment, Then, When, glob, usual_body};
    use crate::practice::journal::{Journal, Server};

    fn struck(when: &When, requests: u64) -> Vec<u64> {
        (1..=requests).filter(|&count| when.strikes(count)).collect()
    }

    #[test]
    fn given_counts_when_requests_match_then_exactly_those_are_struck() {
        let when = |nth, every, times| When { nth, every, times, ..When::default() };
        assert_eq!(struck(&when(None, None, None), 5), [1]);
        assert_eq!(struck(&when(Some(3), None, None), 5), [3]);
        assert_eq!(struck(&when(Some(2), Some(2), None), 7), [2, 4, 6]);
        assert_eq!(struck(&when(None, None, Some(2)), 5), [1, 2]);
        assert_eq!(struck(&when(Some(2), Some(3), Some(2)), 12), [2, 5]);
        assert_eq!(struck(&when(None, Some(1), None), 3), [1, 2, 3]);
    }

    #[test]
    fn given_patterns_when_held_against_paths_then_a_star_is_any_text() {
        assert!(glob("/v1.0/applications*", "/v1.0/applications(uniqueName='a')"));
        assert!(glob("*/addPassword", "/v1.0/applications/1/addPassword"));
        assert!(glob("/a/*/c/*", "/a/b/c/d/e"));
        assert!(!glob("/a/*/c", "/a/b/c/d"));
        assert!(!glob("/a", "/ab"));
        assert!(!glob("/ab*ba", "/aba"));
    }

    #[test]
    fn given_a_fault_for_writes_when_requests_come_then_questions_are_not_counted() {
        let when = When { writes: Some(true), nth: Some(2), ..When::default() };
        let faults = Faults::new(vec![Fault { when, then: Then::Cut(Moment::After) }]);
        let journal = Journal::default();
        let due = |method| faults.due(&journal.arrived(Server::Graph, method, "/v1.0/applications", "")).len();
        assert_eq!([due("POST"), due("GET"), due("POST"), due("POST")], [0, 0, 1, 0]);
    }

    #[test]
    fn given_no_body_when_kubernetes_refuses_then_it_is_a_status() {
        assert_eq!(usual_body(Server::Kubernetes, 429)["reason"], "TooManyRequests");
        assert_eq!(usual_body(Server::Graph, 503)["error"]["code"], "ServiceUnavailable");
    }
}
