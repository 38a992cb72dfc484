//! What keeps a pod from being ready.

use super::Trouble;
use crate::cluster::fields::Fields;
use serde_json::Value;

/// From so many restarts on, a container that crashes is taken to crash for ever. The first ones can be a race with what it
/// depends on.
const RESTARTS_THAT_ARE_ENOUGH: i64 = 3;

/// Reasons of a waiting container that do not go away by waiting.
const TERMINAL: [&str; 4] = ["ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError"];

/// What keeps this pod from being ready, as its containers and conditions tell it.
pub(in crate::cluster) fn pod_trouble(pod: &Value) -> Option<Trouble> {
    if pod.text("/metadata/deletionTimestamp").is_some() {
        return Some(Trouble::passing("it is being deleted"));
    }
    if pod.condition("Ready").and_then(|condition| condition.text("/status")) == Some("True") {
        return None;
    }
    let containers =
        || pod.entries("/status/initContainerStatuses").iter().chain(pod.entries("/status/containerStatuses"));
    let mut troubles: Vec<_> = containers().filter_map(container_trouble).collect();
    troubles.sort_by_key(|trouble| !trouble.terminal);
    if let Some(worst) = troubles.into_iter().next() {
        return Some(worst);
    }
    let scheduled = pod.condition("PodScheduled");
    if let Some(refused) = scheduled.filter(|condition| condition.text("/status") == Some("False")) {
        // A cluster that grows by itself may still find a place.
        return Some(Trouble::passing(super::told(refused)));
    }
    if pod.text("/status/phase") == Some("Failed") {
        return Some(Trouble::terminal(pod.text("/status/message").unwrap_or("it failed").to_owned()));
    }
    let starting = containers().find(|status| status.pointer("/ready").and_then(Value::as_bool) == Some(false));
    let running = starting.filter(|status| status.pointer("/state/running").is_some());
    Some(Trouble::passing(match running.and_then(|status| status.text("/name")) {
        Some(name) => format!("container {name} runs and is not ready yet"),
        None => "it is being started".to_owned(),
    }))
}

fn container_trouble(status: &Value) -> Option<Trouble> {
    let name = status.text("/name").unwrap_or_default();
    let waiting = status.pointer("/state/waiting");
    let reason = waiting.and_then(|waiting| waiting.text("/reason"));
    match reason {
        None => failed(status, "/state/terminated").map(|why| Trouble::passing(format!("container {name} {why}"))),
        Some("ContainerCreating" | "PodInitializing") => None,
        Some("CrashLoopBackOff") => {
            let restarts = status.number("/restartCount");
            let why = failed(status, "/lastState/terminated").unwrap_or_else(|| "ended".to_owned());
            let what = format!("container {name} crashes again and again ({restarts} restarts): it {why}");
            Some(Trouble { what, terminal: restarts >= RESTARTS_THAT_ARE_ENOUGH })
        }
        Some(reason) => {
            let message = waiting.and_then(|waiting| waiting.text("/message"));
            let said = message.map(|message| format!(": {message}")).unwrap_or_default();
            let image = status.text("/image").filter(|_| reason.contains("Image"));
            let image = image.map(|image| format!(" (image {image})")).unwrap_or_default();
            let what = format!("container {name} is in {reason}{image}{said}");
            Some(Trouble { what, terminal: TERMINAL.contains(&reason) })
        }
    }
}

/// How a container ended, if not well.
fn failed(status: &Value, pointer: &str) -> Option<String> {
    let end = status.pointer(pointer)?;
    let code = end.number("/exitCode");
    if code == 0 {
        return None;
    }
    let reason = end.text("/reason").filter(|reason| *reason != "Error");
    let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    let message = end.text("/message").and_then(|message| message.trim().lines().next_back());
    let message = message.map(|message| format!(": {message}")).unwrap_or_default();
    Some(format!("ended with exit code {code}{reason}{message}"))
}
