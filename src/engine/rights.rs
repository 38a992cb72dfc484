//! What the plan needs the caller to be allowed, asked before anything is written (law 7: a missing right is known early).

use super::{
    Target,
    event::{Action, Problem, ProblemKind},
    plan::Step,
    problem,
};
use crate::{
    blueprint::{PartBody, Wave},
    cluster::AccessQuestion,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// Blocks every step that the caller may not carry out.
pub(super) async fn block_what_is_denied(target: &Target, steps: &mut [Step]) -> Result<(), Problem> {
    let mut steps_by_question: BTreeMap<AccessQuestion, Vec<usize>> = BTreeMap::new();
    for (index, step) in steps.iter().enumerate() {
        for question in questions(step) {
            steps_by_question.entry(question).or_default().push(index);
        }
    }
    let questions: Vec<AccessQuestion> = steps_by_question.keys().cloned().collect();
    let denied =
        target.cluster.may(&questions).await.map_err(|error| problem::cluster("ask what the caller may do", &error))?;
    for question in denied {
        for index in steps_by_question.get(&question).into_iter().flatten() {
            if let Some(step) = steps.get_mut(*index) {
                step.action = Action::Blocked;
                step.problem = Some(missing(&question));
            }
        }
    }
    Ok(())
}

pub(super) fn missing(question: &AccessQuestion) -> Problem {
    let resource = if question.group.is_empty() {
        question.resource.clone()
    } else {
        format!("{}.{}", question.resource, question.group)
    };
    let (resource, checked) = match &question.name {
        Some(name) => (format!("{resource} {name}"), format!("{resource}/{name}")),
        None => (resource.clone(), resource),
    };
    let (place, flag) = match &question.namespace {
        Some(namespace) => (format!("in namespace {namespace}"), format!(" --namespace {namespace}")),
        None => ("in the whole cluster".to_owned(), String::new()),
    };
    let who = match &question.namespace {
        Some(namespace) => format!("an administrator of namespace {namespace}, or of the cluster,"),
        None => "a cluster administrator".to_owned(),
    };
    Problem {
        tried: format!("ask the cluster whether we may {} {resource} {place}", question.verb),
        cause: "it says no".to_owned(),
        remedy: format!("{who} can grant it; check it with: kubectl auth can-i {} {checked}{flag}", question.verb),
        kind: ProblemKind::NotPermitted,
    }
}

/// What `step` needs. Server-side apply is a patch that may create.
fn questions(step: &Step) -> Vec<AccessQuestion> {
    let verbs: &[&str] = match step.action {
        Action::Create => &["create", "patch"],
        Action::Update => &["patch"],
        Action::Replace => &["create", "patch", "delete"],
        Action::Delete => &["delete"],
        Action::Keep | Action::HandOver | Action::Blocked => &[],
    };
    let object = match &step.part.body {
        PartBody::Registration(_) | PartBody::ZoneRole(_) => return Vec::new(),
        PartBody::MeshProvider(provider) => {
            if step.action == Action::Keep {
                return Vec::new();
            }
            return vec![question("update", "", "configmaps", Some(&provider.namespace)).of(&provider.config_map)];
        }
        PartBody::History(note) => return vec![question("patch", "", "configmaps", Some(&note.namespace))],
        PartBody::Manifest(manifest) => &manifest.object,
    };
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let group = text("/apiVersion").rsplit_once('/').map_or("", |(group, _)| group);
    let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str);
    let resource = plural(text("/kind"));
    let mut questions: Vec<AccessQuestion> =
        verbs.iter().map(|verb| question(verb, group, &resource, namespace)).collect();
    if step.part.wave == Wave::Locks && !verbs.is_empty() && text("/kind") == "AuthorizationPolicy" {
        // A lock has to be proven in the proxy's own configuration.
        questions.push(question("create", "", "pods/portforward", namespace));
    }
    questions
}

pub(super) fn question(verb: &str, group: &str, resource: &str, namespace: Option<&str>) -> AccessQuestion {
    AccessQuestion {
        verb: verb.to_owned(),
        group: group.to_owned(),
        resource: resource.to_owned(),
        namespace: namespace.map(str::to_owned),
        name: None,
    }
}

/// The plural of the kinds we write, as English makes it; none of them is irregular.
pub(super) fn plural(kind: &str) -> String {
    let kind = kind.to_lowercase();
    match kind.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if kind.ends_with('s') => format!("{kind}es"),
        _ => format!("{kind}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::plural;

    #[test]
    fn given_the_kinds_we_write_then_their_plurals_are_those_of_the_api() {
        let kinds = [
            ("AuthorizationPolicy", "authorizationpolicies"),
            ("Gateway", "gateways"),
            ("ServiceEntry", "serviceentries"),
            ("Ingress", "ingresses"),
            ("RequestAuthentication", "requestauthentications"),
            ("ConfigMap", "configmaps"),
        ];
        for (kind, resource) in kinds {
            assert_eq!(plural(kind), resource);
        }
    }
}
