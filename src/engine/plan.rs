//! The blueprint held against what is live.

use super::{
    Seen, Target, consistency, diff,
    event::{Action, Counts, Events, Problem, ProblemKind, StepSummary, Title},
    fill_in,
    history::{self, Trace},
    leftovers, problem, registration, rights, title,
};
use crate::{
    answers::Answers,
    blueprint::{
        self, FIELD_MANAGER, Impossible, Manifest, MeshProvider, Part, PartBody, Reason, RegistrationPart, Wave,
    },
    cluster::{self, ObjectRef, Write, mesh_config},
};
use futures::{StreamExt as _, stream};
use serde_json::Value;

/// The label by which our objects are known.
pub const INSTALLATION_LABEL: &str = "gatewright.dev/installation";
/// The label that tells the namespace of the application that an object belongs to.
pub const INSTALLATION_NAMESPACE_LABEL: &str = "gatewright.dev/installation-namespace";

/// What a new pod of the session store means.
const FORGETS_SESSIONS: &str = "EVERYBODY IS SIGNED OUT: the session store is started again, and keeps sessions in memory; people go \
                                through sign-in once more, mostly without typing anything.";

/// How many requests are in flight at once while looking.
const LOOKS_AT_ONCE: usize = 8;

/// What would be done, and to what.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the person decided.
    pub answers: Answers,
    /// What was there when it was made.
    pub seen: Seen,
    /// Every part, in order; leftovers last.
    pub steps: Vec<Step>,
}

/// A part and what would be done to it.
#[derive(Clone, Debug)]
pub struct Step {
    /// The part; for a leftover, an object that is live and no longer wanted.
    pub part: Part,
    /// Its name for people.
    pub title: Title,
    /// What would be done.
    pub action: Action,
    /// What would change.
    pub diff: String,
    /// What a person should know before it is done, one sentence each.
    pub warnings: Vec<String>,
    /// What stands in the way.
    pub problem: Option<Problem>,
    /// The UID of the live object, where there is one: it is replaced or deleted only as long as it is the same one.
    pub live_uid: Option<String>,
}

impl Plan {
    /// How many of each action.
    pub fn counts(&self) -> Counts {
        Counts::of(self.steps.iter().map(|step| step.action))
    }

    /// The plan as faces show it.
    pub fn summaries(&self) -> Vec<StepSummary> {
        self.steps
            .iter()
            .map(|step| StepSummary {
                part: step.part.id.clone(),
                title: step.title.clone(),
                wave: step.part.wave,
                action: step.action,
                why: step.part.why.clone(),
                diff: step.diff.clone(),
                warnings: step.warnings.clone(),
                problem: step.problem.clone(),
            })
            .collect()
    }

    /// What stands in the way, if anything does; the worst kind first.
    pub fn problems(&self) -> Vec<&Problem> {
        let mut problems: Vec<&Problem> = self.steps.iter().filter_map(|step| step.problem.as_ref()).collect();
        problems.sort_by_key(|problem| std::cmp::Reverse(problem.kind));
        problems
    }
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoPlan {
    /// What stands in the way.
    pub problem: Problem,
    /// The answers file's key whose answer would mend it, where one would.
    pub answer: Option<&'static str>,
}

impl From<Problem> for NoPlan {
    fn from(problem: Problem) -> Self {
        Self { problem, answer: None }
    }
}

impl From<NoPlan> for Problem {
    fn from(no_plan: NoPlan) -> Self {
        no_plan.problem
    }
}

impl From<Impossible> for NoPlan {
    fn from(impossible: Impossible) -> Self {
        let answer = impossible.reasons.iter().find_map(Reason::answer);
        Self { problem: problem::impossible(&impossible), answer }
    }
}

/// Looks at everything and plans. Writes nothing: every look at a change is the server's own dry run.
pub async fn plan(target: &Target, answers: &Answers, events: &Events) -> Result<Plan, NoPlan> {
    let seen = super::look(target, answers, events).await?;
    let parts = blueprint::blueprint(answers, &seen.facts, &seen.existing)?;
    events.tell(super::event::Event::Looking { at: format!("what is live of {} objects", parts.len()) });
    let looked_at: Vec<(Step, Option<Trace>)> =
        stream::iter(parts.iter().map(|part| step(target, answers, &seen, &parts, part)))
            .buffered(LOOKS_AT_ONCE)
            .collect::<Vec<_>>()
            .await
            .into_iter()
            .collect::<Result<_, _>>()?;
    let (mut steps, traces): (Vec<Step>, Vec<Option<Trace>>) = looked_at.into_iter().unzip();
    steps.extend(leftovers::find(target, answers, &seen.facts, &parts).await?);
    steps.extend(history::step(answers, &steps, traces.into_iter().flatten()));
    rights::block_what_is_denied(target, &mut steps).await?;
    Ok(Plan { answers: answers.clone(), seen, steps })
}

async fn step(
    target: &Target,
    answers: &Answers,
    seen: &Seen,
    parts: &[Part],
    part: &Part,
) -> Result<(Step, Option<Trace>), Problem> {
    let found = match &part.body {
        PartBody::Registration(wanted) => match seen.registration.problem_of(wanted) {
            Some(problem) => blocked(problem.clone()),
            None => Found::from(registration::compare(wanted, seen)),
        },
        PartBody::ZoneRole(wanted) => match seen.zone_role.problem() {
            Some(problem) => blocked(problem.clone()),
            None => Found::from(seen.zone_role.compare(wanted)),
        },
        PartBody::MeshProvider(provider) => compare_mesh_provider(target, provider).await?,
        PartBody::Manifest(manifest) => compare_manifest(target, seen, manifest).await?,
        PartBody::History(_) => Found::from((Action::Update, String::new())),
    };
    let Found { mut action, diff, mut problem, live_uid, trace, new_pods } = found;
    if let (Action::Create | Action::Update, Some(not_ready)) = (action, issuer_not_ready(seen, parts, part)) {
        (action, problem) = (Action::Blocked, Some(not_ready));
    }
    let warnings = match &part.body {
        PartBody::Registration(RegistrationPart::ClientSecret { .. }) if action == Action::Keep => {
            registration::warnings_of_expiry(answers, seen)
        }
        _ if action == Action::Keep => Vec::new(),
        PartBody::Registration(wanted) => registration::warnings(wanted, seen),
        PartBody::ZoneRole(_) => seen.zone_role.warnings(),
        PartBody::Manifest(manifest) if is_kind(manifest, "ClusterIssuer") => seen.zone_role.warnings_of_issuer(),
        PartBody::Manifest(_) if new_pods && part.wave == Wave::SessionStore => vec![FORGETS_SESSIONS.to_owned()],
        _ => Vec::new(),
    };
    Ok((Step { part: part.clone(), title: title::of(part), action, diff, warnings, problem, live_uid }, trace))
}

fn is_kind(manifest: &Manifest, kind: &str) -> bool {
    manifest.object.get("kind").and_then(Value::as_str) == Some(kind)
}

/// A certificate that is still to come will not come from an issuer that is not ready.
/// One of ours is waited for instead.
fn issuer_not_ready(seen: &Seen, parts: &[Part], part: &Part) -> Option<Problem> {
    let manifest = part.manifest()?;
    if parts.iter().filter_map(Part::manifest).any(|manifest| is_kind(manifest, "ClusterIssuer")) {
        return None;
    }
    let text = |pointer: &str| manifest.object.pointer(pointer).and_then(Value::as_str);
    if text("/kind") != Some("Certificate") {
        return None;
    }
    let (kind, name) = (text("/spec/issuerRef/kind")?, text("/spec/issuerRef/name")?);
    let issuer = seen.facts.cluster.issuers.iter().find(|issuer| issuer.kind == kind && issuer.name == name)?;
    let reason = issuer.ready.as_ref().err()?;
    Some(Problem {
        tried: format!("have {kind} {name} sign the certificate"),
        cause: format!("it is not ready: {reason}"),
        remedy: "see to the issuer, or name another one under `certificate.issuer`, and run again".to_owned(),
        kind: ProblemKind::Failed,
    })
}

/// What comparing found.
struct Found {
    action: Action,
    diff: String,
    problem: Option<Problem>,
    live_uid: Option<String>,
    /// What earlier runs left in the live object.
    trace: Option<Trace>,
    /// Whether pods that are there are replaced.
    new_pods: bool,
}

impl From<(Action, String)> for Found {
    fn from((action, diff): (Action, String)) -> Self {
        Self { action, diff, problem: None, live_uid: None, trace: None, new_pods: false }
    }
}

async fn compare_mesh_provider(target: &Target, provider: &MeshProvider) -> Result<Found, Problem> {
    let reference = mesh_config_map(provider);
    let tried = format!("read ConfigMap {}/{}", provider.namespace, provider.config_map);
    let live = target.cluster.get(&reference).await.map_err(|error| problem::cluster(&tried, &error))?;
    let Some(live) = live else {
        return Ok(blocked(Problem {
            tried,
            cause: "it is not there".to_owned(),
            remedy: "install Istio, or name the revision that serves the application's namespace".to_owned(),
            kind: ProblemKind::Failed,
        }));
    };
    let before = live.pointer(&format!("/data/{}", provider.key)).and_then(Value::as_str).unwrap_or_default();
    Ok(match mesh_config::insert_provider(before, &provider.entry) {
        Err(error) => blocked(problem::mesh_edit(provider, &error)),
        Ok(after) if after == before => Found::from((Action::Keep, String::new())),
        Ok(after) => Found::from((Action::Update, diff::between_texts(before, &after))),
    })
}

pub(super) fn mesh_config_map(provider: &MeshProvider) -> ObjectRef {
    ObjectRef::namespaced("v1", "ConfigMap", &provider.namespace, &provider.config_map)
}

async fn compare_manifest(target: &Target, seen: &Seen, manifest: &Manifest) -> Result<Found, Problem> {
    let name = title::of_object(&manifest.object);
    let tried = format!("read {} {}", name.kind, name.name);
    let reference = ObjectRef::of(&manifest.object).map_err(|error| problem::cluster(&tried, &error))?;
    let live = target.cluster.get(&reference).await.map_err(|error| problem::cluster(&tried, &error))?;
    let Some(live) = live else {
        return Ok(Found::from((Action::Create, diff::between(None, Some(&shown(manifest))))));
    };
    let live_uid = live.pointer("/metadata/uid").and_then(Value::as_str).map(str::to_owned);
    if !may_be_ours(&live, manifest) {
        return Ok(blocked(problem::foreign_object(&name, &live)));
    }
    let trace = Some(Trace::of(&live));
    // What is written into an object that is being deleted goes with it.
    if live.pointer("/metadata/deletionTimestamp").is_some() {
        let diff = diff::between(None, Some(&shown(manifest)));
        return Ok(Found { action: Action::Replace, diff, problem: None, live_uid, trace, new_pods: true });
    }
    let mut vault = seen.vault.clone();
    if seen.client_secret_is_to_be_made() {
        vault.forget(&seen.client_secret_at);
    }
    // What is still to be made is sent to the dry run too: whoever owns its field is known before anything is written.
    let to_be_made = vault.stand_in_for_what_is_missing(manifest);
    let wanted = vault.fill(manifest).map_err(|error| problem::fill(&error))?;
    match fill_in::apply(&target.cluster, &wanted, Write::DryRun).await {
        Ok(mut after) => {
            show_as_to_be_made(&mut after, &to_be_made);
            let mut diff = diff::between(Some(&live), Some(&after));
            let owned = owned_fields(&live) == owned_fields(&after);
            // What is still to become known will have to be written, even where it is shown as unknown already.
            let settled = diff.is_empty() && owned && !consistency::has_unknowns(&wanted);
            let action = if settled { Action::Keep } else { Action::Update };
            if diff.is_empty() && !owned {
                "# no value changes, only that the fields are ours again\n".clone_into(&mut diff);
            }
            let new_pods = live.pointer("/spec/template") != after.pointer("/spec/template");
            Ok(Found { action, diff, problem: None, live_uid, trace, new_pods })
        }
        Err(cluster::Error::Invalid { ref causes, .. })
            if causes.iter().any(|cause| cause.message.contains("immutable")) =>
        {
            let diff = diff::between(Some(&live), Some(&wanted));
            Ok(Found { action: Action::Replace, diff, problem: None, live_uid, trace, new_pods: true })
        }
        Err(error) => {
            let tried = format!("asked the server what applying {} {} would do", name.kind, name.name);
            Ok(blocked(problem::cluster(&tried, &error)))
        }
    }
}

fn blocked(problem: Problem) -> Found {
    Found { problem: Some(problem), ..Found::from((Action::Blocked, String::new())) }
}

/// What a plan shows in the place of a value that is still to be made.
const TO_BE_MADE: &str = "‹made when it is applied›";

fn show_as_to_be_made(secret: &mut Value, keys: &[String]) {
    let Some(data) = secret.get_mut("data").and_then(Value::as_object_mut) else { return };
    for key in keys {
        data.insert(key.clone(), TO_BE_MADE.into());
    }
}

/// The object with the names of its secret keys, and no values.
fn shown(manifest: &Manifest) -> Value {
    let mut object = manifest.object.clone();
    if !manifest.secrets.is_empty()
        && let Some(fields) = object.as_object_mut()
    {
        let keys = manifest.secrets.keys().map(|key| (key.clone(), Value::from(TO_BE_MADE)));
        fields.insert("data".to_owned(), Value::Object(keys.collect()));
    }
    object
}

/// An object of the name we want is ours when it carries our mark. A namespace may be anybody's: we add a label to it, and the
/// server tells us when that takes something from somebody.
pub(super) fn may_be_ours(live: &Value, manifest: &Manifest) -> bool {
    let label = |object: &Value| {
        let labels = object.pointer("/metadata/labels")?;
        let of = |name: &str| labels.get(name).and_then(Value::as_str).map(str::to_owned);
        Some((of(INSTALLATION_LABEL)?, of(INSTALLATION_NAMESPACE_LABEL)?))
    };
    let is_namespace = manifest.object.get("kind").and_then(Value::as_str) == Some("Namespace");
    is_namespace || label(live) == label(&manifest.object)
}

/// What the server says that we own.
fn owned_fields(object: &Value) -> Option<&Value> {
    object.pointer("/metadata/managedFields")?.as_array()?.iter().find_map(|entry| {
        let ours = entry.get("manager").and_then(Value::as_str) == Some(FIELD_MANAGER)
            && entry.get("operation").and_then(Value::as_str) == Some("Apply");
        ours.then(|| entry.get("fieldsV1")).flatten()
    })
}
