//! Events: what controllers say when an object's status says too little.

use crate::cluster::{Cluster, Selection, fields::Fields};
use serde_json::Value;
use std::fmt;

/// What a controller said of an object.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) reason: String,
    /// In one line.
    pub(super) message: String,
    is_warning: bool,
    at: String,
}

impl fmt::Display for Said {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = if self.reason.is_empty() { "Warning" } else { &self.reason };
        write!(formatter, "{} ({reason})", self.message)
    }
}

impl Said {
    fn of(event: &Value) -> Self {
        Self {
            reason: event.text("/reason").unwrap_or_default().to_owned(),
            message: in_one_line(event.text("/message").unwrap_or_default()),
            is_warning: event.text("/type") != Some("Normal"),
            at: when(event).to_owned(),
        }
    }

    /// Whether it was said after `other`, or in the same second.
    pub(super) fn is_not_before(&self, other: &Self) -> bool {
        self.at >= other.at
    }
}

impl Cluster {
    /// The newest warning about this very object, not about one of the same name before it.
    pub(super) async fn newest_warning(&self, object: &Value) -> Option<Said> {
        newest_warning(&self.said_of(object, ",type=Warning").await)
    }

    /// All that was said about this very object.
    pub(super) async fn said(&self, object: &Value) -> Vec<Said> {
        self.said_of(object, "").await
    }

    /// An explanation only: who may not see events does without.
    async fn said_of(&self, object: &Value, more: &str) -> Vec<Said> {
        let selection = Selection {
            fields: format!("involvedObject.name={}{more}", object.name()),
            ..Selection::in_namespace(object.namespace())
        };
        let events = self.list("v1", "Event", &selection).await.unwrap_or_default();
        let uid = object.text("/metadata/uid");
        let about = events.iter().filter(|event| {
            let theirs = event.text("/involvedObject/uid");
            theirs.is_none() || theirs == uid
        });
        about.map(Said::of).collect()
    }
}

/// The newest warning among what was said.
pub(super) fn newest_warning(said: &[Said]) -> Option<Said> {
    said.iter().filter(|it| it.is_warning).max_by(|one, other| one.at.cmp(&other.at)).cloned()
}

fn when(event: &Value) -> &str {
    let times = ["/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"];
    times.into_iter().find_map(|time| event.text(time)).unwrap_or_default()
}

/// What an event says, without the whole exchange that Azure's libraries put into it line by line: its beginning, the status of the
/// answer, and what the answer said.
fn in_one_line(message: &str) -> String {
    let Some((beginning, rest)) = message.split_once('\n') else { return message.to_owned() };
    let beginning = METHODS.iter().find_map(|method| Some(beginning.split_once(method)?.0)).unwrap_or(beginning);
    let after = |word: &str| rest.lines().find_map(|line| line.strip_prefix(word)).map(str::trim);
    // `RESPONSE 403: 403 Forbidden`
    let status = after("RESPONSE ").map(|status| status.split_once(": ").map_or(status, |(_, status)| status));
    let body = rest.find('{').zip(rest.rfind('}')).and_then(|(first, last)| rest.get(first..=last));
    let body: Option<Value> = body.and_then(|body| serde_json::from_str(body).ok());
    let said = body.as_ref().and_then(|body| {
        ["/error_description", "/error/message", "/message"].into_iter().find_map(|pointer| body.text(pointer))
    });
    // What follows is of this one attempt.
    let said = said.map(|said| said.split_once(" Trace ID:").map_or(said, |(said, _)| said));
    let parts: Vec<&str> = [Some(beginning), status, after("ERROR CODE: "), said].into_iter().flatten().collect();
    let parts: Vec<&str> = parts.iter().map(|part| part.trim().trim_end_matches([':', '.'])).collect();
    if said.is_some() {
        return parts.join(": ");
    }
    let is_line = |line: &&str| !line.is_empty() && !line.chars().all(|character| character == '-');
    message.lines().map(str::trim).filter(is_line).collect::<Vec<_>>().join(" ")
}

/// How a request begins that Azure's libraries tell of.
const METHODS: [&str; 4] = [" GET https://", " PUT https://", " POST https://", " DELETE https://"];

#[cfg(test)]
mod tests {
    use super::in_one_line;

    #[test]
    fn given_an_exchange_with_azure_in_an_event_when_it_is_told_then_in_one_line_without_what_is_of_this_attempt() {
        let said = "Error presenting challenge: WorkloadIdentityCredential authentication failed. \nPOST \
                    https://login.microsoftonline.com/c0470505/oauth2/v2.0/token\n----------\nRESPONSE 400: 400 Bad \
                    Request\n----------\n{\n  \"error\": \"invalid_scope\",\n  \"error_description\": \"AADSTS70021: No \
                    matching federated identity record found. Trace ID: 6aa95bca Correlation ID: 76d93de3 Timestamp: \
                    2026-11-26 21:30:24Z\"\n}\n----------\nTo troubleshoot, visit https://aka.ms/azsdk";
        assert_eq!(
            in_one_line(said),
            "Error presenting challenge: WorkloadIdentityCredential authentication failed: 400 Bad Request: AADSTS70021: No \
             matching federated identity record found"
        );
        let said = "Error presenting challenge: GET https://management.azure.com/subscriptions/c0470505\n----------\nRESPONSE \
                    403: 403 Forbidden\nERROR CODE: AuthorizationFailed\n----------\n{\n  \"error\": {\n    \"code\": \
                    \"AuthorizationFailed\",\n    \"message\": \"The client 'x' may not.\"\n  }\n}\n----------\n";
        assert_eq!(
            in_one_line(said),
            "Error presenting challenge: 403 Forbidden: AuthorizationFailed: The client 'x' may not"
        );
    }

    #[test]
    fn given_any_other_event_when_it_is_told_then_all_of_it_is_in_one_line() {
        assert_eq!(in_one_line("Domain verified"), "Domain verified");
        assert_eq!(in_one_line("it failed:\n  a {b}\n----\nc"), "it failed: a {b} c");
    }
}
