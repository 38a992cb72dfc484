//! One container: whether it starts, whether it stays, and how its status says so.

use super::now;
use crate::practice::{
    edge::{
        Edge, Program,
        container::{NoStart, start as begin},
        objects::{name, namespace, text},
        program,
        proxy::{Proxy, settings::Settings},
        workload::Workload,
    },
    scenario::{ImageTrouble, Trouble},
};
use axum::body::Bytes;
use serde_json::{Value, json};
use std::time::Duration;

/// What becomes of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is not started, for this reason.
    Waiting {
        /// Kubernetes' own word.
        reason: &'static str,
        /// In words.
        message: String,
    },
    /// It ended as soon as it was started, with these last words.
    Crashed {
        /// The end of its log.
        last_words: String,
    },
    /// It crashed before, and waits to be started again.
    BacksOff {
        /// In words.
        message: String,
    },
    /// It runs.
    Running {
        /// Whether its probe finds it ready.
        ready: bool,
    },
    /// It ended well.
    Completed,
}

/// Starts a container.
pub(super) async fn start(edge: &Edge, images: &[ImageTrouble], workload: &Workload, container: &Value) -> Fate {
    let image = text(container, "/image");
    if image.is_empty() || image.contains(' ') || image.chars().any(char::is_control) {
        let message = format!(
            "Failed to apply default image tag \"{image}\": couldn't parse image name \"{image}\": invalid reference format"
        );
        return Fate::Waiting { reason: "InvalidImageName", message };
    }
    let is_of = |revision: u64| super::deployments::revision_of(edge.live(), &workload.pod) >= Some(revision);
    let trouble = images
        .iter()
        .find(|trouble| matches(&trouble.image, image) && trouble.from_revision.is_none_or(is_of))
        .map(|trouble| &trouble.trouble);
    if let Some(Trouble::CannotBePulled(why)) = trouble {
        let message = format!("Back-off pulling image \"{image}\": ErrImagePull: {why}");
        return Fate::Waiting { reason: "ImagePullBackOff", message };
    }
    let started = match begin(edge.live(), &workload.pod, container) {
        Ok(started) => started,
        Err(NoStart::Configuration(message)) => return Fate::Waiting { reason: "CreateContainerConfigError", message },
        Err(NoStart::Mount(message)) => return Fate::Waiting { reason: "ContainerCreating", message },
    };
    if let Some(Trouble::Crashes(last_words)) = trouble {
        return Fate::Crashed { last_words: last_words.clone() };
    }
    if program(image) == Program::SignInProxy
        && let Err(last_words) = edge.start_proxy(workload, &started).await
    {
        return Fate::Crashed { last_words };
    }
    edge.forget_told(workload, text(container, "/name"));
    edge.started(workload, text(container, "/name"), started);
    Fate::Running { ready: is_ready(edge, workload, container).await }
}

/// What the container's readiness probe finds. Only the sign-in proxy's is really asked; everything else is ready once it runs.
pub(super) async fn is_ready(edge: &Edge, workload: &Workload, container: &Value) -> bool {
    if program(text(container, "/image")) != Program::SignInProxy {
        return true;
    }
    let path = text(container, "/readinessProbe/httpGet/path");
    let settings = edge.start_of(workload, container).ok().and_then(|start| Settings::read(&start).ok());
    let (Some(settings), false) = (settings, path.is_empty()) else { return true };
    let Ok(request) = http::Request::get(path).header("host", workload.address()).body(Bytes::new()) else {
        return false;
    };
    let answer = Proxy { edge, workload, settings }.serve(&request).await;
    answer.status().as_u16() < 400
}

/// The pause before a container that crashed is started again: it doubles.
pub(super) fn pause(restarts: u64, realistic: bool) -> Duration {
    let (first, last) = if realistic {
        (Duration::from_secs(1), Duration::from_secs(16))
    } else {
        (Duration::from_millis(20), Duration::from_millis(640))
    };
    let doubled = u32::try_from(restarts.saturating_sub(1).min(10)).unwrap_or(10);
    first.saturating_mul(1 << doubled).min(last)
}

/// `*` stands for any text.
fn matches(pattern: &str, image: &str) -> bool {
    let pieces: Vec<String> = pattern.split('*').map(regex::escape).collect();
    regex::Regex::new(&format!("^{}$", pieces.join(".*"))).is_ok_and(|pattern| pattern.is_match(image))
}

/// A container and what its status said before.
pub(super) struct Shown<'a> {
    pub(super) pod: &'a Value,
    pub(super) container: &'a Value,
    pub(super) earlier: Option<&'a Value>,
    pub(super) ready: bool,
}

impl Shown<'_> {
    /// The status that shows a fate.
    pub(super) fn status(&self, fate: &Fate) -> Value {
        let own = text(self.container, "/name");
        let earlier = |pointer: &str| self.earlier.and_then(|earlier| earlier.pointer(pointer)).cloned();
        let restarts = earlier("/restartCount").and_then(|count| count.as_u64()).unwrap_or_default();
        let mut status = json!({
            "name": own, "image": text(self.container, "/image"), "imageID": "", "ready": self.ready, "started": self.ready,
            "restartCount": restarts, "lastState": earlier("/lastState").unwrap_or_else(|| json!({})),
        });
        status["state"] = match fate {
            Fate::Waiting { reason, message } if message.is_empty() => json!({"waiting": {"reason": reason}}),
            Fate::Waiting { reason, message } => json!({"waiting": {"reason": reason, "message": message}}),
            Fate::BacksOff { message } => json!({"waiting": {"reason": "CrashLoopBackOff", "message": message}}),
            Fate::Running { .. } => {
                status["started"] = Value::Bool(true);
                json!({"running": {"startedAt": earlier("/state/running/startedAt").unwrap_or_else(|| Value::from(now()))}})
            }
            Fate::Completed => {
                let ended = earlier("/state/terminated/finishedAt").unwrap_or_else(|| Value::from(now()));
                json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": ended, "finishedAt": ended}})
            }
            Fate::Crashed { last_words } => {
                status["restartCount"] = Value::from(restarts + 1);
                status["lastState"] = json!({"terminated": self.end(last_words)});
                let message = format!(
                    "back-off {}s restarting failed container={own} pod={}_{}({})",
                    pause(restarts + 1, true).as_secs(),
                    name(self.pod),
                    namespace(self.pod),
                    text(self.pod, "/metadata/uid"),
                );
                json!({"waiting": {"reason": "CrashLoopBackOff", "message": message}})
            }
        };
        status
    }

    /// How it ended. The end of its log is told only where the container asks for that.
    fn end(&self, last_words: &str) -> Value {
        let mut end = json!({"exitCode": 1, "reason": "Error", "startedAt": now(), "finishedAt": now()});
        if text(self.container, "/terminationMessagePolicy") == "FallbackToLogsOnError" {
            end["message"] = Value::from(format!("{last_words}\n"));
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::{matches, pause};
    use std::time::Duration;

    #[test]
    fn given_patterns_with_stars_then_images_match_as_a_person_reads_them() {
        assert!(matches("*valkey*", "docker.io/valkey/valkey:8.1"));
        assert!(matches("docker.io/path/to/myapp:*", "docker.io/path/to/myapp:sometag"));
        assert!(!matches("docker.io/path/to/myapp:*", "docker.io/path/to/other:sometag"));
        assert!(matches("redis", "redis"));
        assert!(!matches("redis", "redis:7"));
        assert!(matches("*:8.1", "docker.io/valkey/valkey:8.1"));
        assert!(!matches("*:8.1", "docker.io/valkey/valkey:8.1.2"));
    }

    #[test]
    fn given_crashes_then_the_pause_doubles_up_to_a_limit() {
        assert_eq!(pause(1, true), Duration::from_secs(1));
        assert_eq!(pause(3, true), Duration::from_secs(4));
        assert_eq!(pause(99, true), Duration::from_secs(16));
        assert!(pause(1, false) > Duration::ZERO, "or the controllers would never rest");
    }
}
