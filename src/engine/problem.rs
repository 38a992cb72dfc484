//! Errors of every layer, as a person needs them: what was tried, what came back, what to do.

use super::{
    event::{Problem, ProblemKind, Title},
    secrets::FillError,
};
use crate::{
    blueprint::{Impossible, MeshProvider, PartId, Reason},
    cluster::{self, WaitError, mesh_config::MeshEditError},
    facts::TenantFacts,
};
use serde_json::Value;

/// A problem of the Kubernetes client.
pub(super) fn cluster(tried: &str, error: &cluster::Error) -> Problem {
    let (remedy, kind) = match error {
        cluster::Error::Forbidden(right) => (
            format!("ask {} for the right to {right}; check it with: {}", right.who_can_grant(), right.check_command()),
            ProblemKind::NotPermitted,
        ),
        cluster::Error::Conflict { .. } => (
            "ask the owner to leave the field to us, or change the answer; nothing is taken by force. Was it an edit by hand? \
             Delete the object, and run again: it is made anew"
                .to_owned(),
            ProblemKind::Failed,
        ),
        cluster::Error::NotServed { install, .. } => ((*install).to_owned(), ProblemKind::Failed),
        cluster::Error::Unauthorized { .. } => (
            "sign in to the cluster again (kubectl get namespaces must work), and run again".to_owned(),
            ProblemKind::Failed,
        ),
        cluster::Error::Unreachable { .. } | cluster::Error::TimedOut { .. } => {
            ("see that `kubectl version` answers with the same context, and run again".to_owned(), ProblemKind::Failed)
        }
        _ => ("run again; if it stays, the log (--log-file FILE -vv) tells more".to_owned(), ProblemKind::Failed),
    };
    Problem { tried: tried.to_owned(), cause: error.to_string(), remedy, kind }
}

/// A problem of waiting; `None` when the person stopped it.
pub(super) fn wait(title: &Title, what: &str, error: &WaitError) -> Option<Problem> {
    let tried = format!("waited for {} {} to be {what}", title.kind, title.name);
    let (cause, remedy) = match error {
        WaitError::Cancelled { .. } => return None,
        WaitError::TimedOut { .. } => {
            (error.to_string(), "see to the reason above, and run again: it goes on from here")
        }
        WaitError::Terminal { .. } => {
            (error.to_string(), "this does not heal by itself: see to the reason, and run again")
        }
        WaitError::Cluster(error) => return Some(cluster(&tried, error)),
    };
    Some(Problem { tried, cause, remedy: remedy.to_owned(), kind: ProblemKind::Failed })
}

/// The answers are for another tenant than the one that is signed in to.
pub(super) fn another_tenant(wanted: &str, signed_in: &TenantFacts) -> Problem {
    Problem {
        tried: "look at the tenant that the answers name".to_owned(),
        cause: format!(
            "the answers name the tenant {wanted}, and this run is signed in to {} ({})",
            signed_in.domain, signed_in.id
        ),
        remedy: format!(
            "sign in to {wanted}, with --tenant {wanted} where that is enough, or change registration.tenant; nothing has been changed"
        ),
        kind: ProblemKind::UnusableAnswers,
    }
}

/// The facts make the answers impossible.
pub fn impossible(reasons: &Impossible) -> Problem {
    let mut answers: Vec<&str> = reasons.reasons.iter().filter_map(Reason::answer).collect();
    answers.dedup();
    let remedy = match answers.as_slice() {
        [] => "see to what the cluster lacks, and run again; nothing has been changed".to_owned(),
        answers => {
            let named = answers.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" and ");
            format!("change the answer {named}, or what the cluster lacks, and run again; nothing has been changed")
        }
    };
    Problem {
        tried: "draw the objects for these answers in this cluster".to_owned(),
        cause: reasons.to_string(),
        remedy,
        kind: ProblemKind::UnusableAnswers,
    }
}

/// The host belongs to another installation.
pub(super) fn host_is_taken(
    host: &str,
    application: &impl std::fmt::Display,
    namespace: &impl std::fmt::Display,
) -> Problem {
    Problem {
        tried: format!("give the host {host} to the application"),
        cause: format!("it belongs to the installation of {application} in namespace {namespace}"),
        remedy: "choose another host; an application that moves to another namespace has to be taken down in the former one first"
            .to_owned(),
        kind: ProblemKind::UnusableAnswers,
    }
}

/// Another run works on the same installation.
pub(super) fn another_run(secret: &str) -> Problem {
    Problem {
        tried: format!("store the new client secret in Secret {secret}"),
        cause: "it has got another client secret since the plan was made: somebody else is setting up the same installation"
            .to_owned(),
        remedy: "wait for the other run to end, and run again".to_owned(),
        kind: ProblemKind::Failed,
    }
}

/// An object of a name that we want is somebody else's.
pub(super) fn foreign_object(title: &Title, live: &Value) -> Problem {
    let managers = live.pointer("/metadata/managedFields").and_then(Value::as_array);
    // Whoever writes its status did not make it.
    let made = |entry: &&Value| entry.get("subresource").and_then(Value::as_str).is_none_or(str::is_empty);
    let manager = managers.and_then(|managers| managers.iter().find(made).or(managers.first()));
    let manager = manager
        .and_then(|entry| entry.get("manager")?.as_str())
        .map_or_else(|| "somebody else".to_owned(), |manager| format!("{manager:?}"));
    Problem {
        tried: format!("plan {} {}", title.kind, title.name),
        cause: format!("there is one already, made by {manager}, and it does not carry our mark"),
        remedy: "choose another application name, or remove or rename that object; it is never taken over silently"
            .to_owned(),
        kind: ProblemKind::Failed,
    }
}

/// The mesh configuration can't be edited with certainty.
pub(super) fn mesh_edit(provider: &MeshProvider, error: &MeshEditError) -> Problem {
    let entry = super::diff::yaml(&Value::Array(vec![provider.entry.clone()]));
    Problem {
        tried: format!("add our provider to ConfigMap {}/{}", provider.namespace, provider.config_map),
        cause: error.to_string(),
        remedy: format!("add this entry to extensionProviders by hand, and run again:\n{entry}"),
        kind: ProblemKind::Failed,
    }
}

/// The mesh configuration can't be edited with certainty, so our entry stays in it.
pub(super) fn mesh_removal(tried: &str, provider: &str, error: &MeshEditError) -> Problem {
    Problem {
        tried: tried.to_owned(),
        cause: error.to_string(),
        remedy: format!("take the entry `{provider}` out of extensionProviders by hand, and run again"),
        kind: ProblemKind::Failed,
    }
}

/// A Secret can't be filled.
pub(super) fn fill(error: &FillError) -> Problem {
    Problem {
        tried: "fill a Secret".to_owned(),
        cause: error.to_string(),
        remedy: "run again".to_owned(),
        kind: ProblemKind::Failed,
    }
}

/// Something that was there is gone.
pub(super) fn gone(tried: &str) -> Problem {
    Problem {
        tried: tried.to_owned(),
        cause: "it was there when the plan was made, and is gone".to_owned(),
        remedy: "run again, for a plan of what is there now".to_owned(),
        kind: ProblemKind::Failed,
    }
}

/// Between plan and apply something changed that was not shown.
pub(super) fn plan_is_stale(part: &PartId) -> Problem {
    Problem {
        tried: "apply the plan that was shown".to_owned(),
        cause: format!("{} would now be another object than the one shown", part.0),
        remedy: "run again, and look at the new plan".to_owned(),
        kind: ProblemKind::Failed,
    }
}

/// A problem of Microsoft Graph or sign-in.
pub(super) fn entra(tried: &str, error: &crate::entra::Error) -> Problem {
    let kind = if error.is_not_permitted() { ProblemKind::NotPermitted } else { ProblemKind::Failed };
    let cause = format!("{}: {}", error.tried(), error.cause());
    Problem { tried: tried.to_owned(), cause, remedy: error.remedy(), kind }
}

/// A problem of Azure Resource Manager.
pub(super) fn azure(tried: &str, error: &crate::azure::Error) -> Problem {
    let kind = if error.is_not_permitted() { ProblemKind::NotPermitted } else { ProblemKind::Failed };
    let cause = format!("{}: {}", error.tried(), error.cause());
    Problem { tried: tried.to_owned(), cause, remedy: error.remedy(), kind }
}

/// Discovery could not finish.
pub(super) fn discover(error: &cluster::DiscoverError) -> Problem {
    let kind = if error.lacks_right().is_some() { ProblemKind::NotPermitted } else { ProblemKind::Failed };
    Problem {
        tried: "find out what the cluster has".to_owned(),
        cause: error.to_string(),
        remedy: "see to that, and run again; nothing has been changed".to_owned(),
        kind,
    }
}
