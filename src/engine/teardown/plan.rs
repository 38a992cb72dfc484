//! What becomes of each part. Pure: from what was seen, and what the person wants to keep.

use super::{
    Installation, Stage, changes, issuer,
    look::{MeshEntry, NamespaceSeen, Seen, deletion, update_of_mesh},
    objects::{self, Object},
    registration::{self, Live},
    routes::{self, Roads},
};
use crate::{
    answers::{Answers, Workload},
    blueprint::PartId,
    cluster::{AccessQuestion, MissingRight, ObjectRef},
    engine::{
        GoodUntil, diff,
        event::{Action, Counts, HandOver, Problem, StepSummary, TeardownGroup, TeardownStep, Title},
        rights, title,
    },
    entra::{self, Application, PrincipalRelease},
};
use serde_json::Value;
use std::collections::BTreeSet;

/// What a person can choose to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keepable {
    /// The registration in Entra; only our client secret goes.
    Registration,
    /// The namespace, with whatever others have in it.
    Namespace,
    /// The certificate and its Secret.
    Certificate,
}

impl Keepable {
    /// Everything that can be kept.
    pub const ALL: [Self; 3] = [Self::Registration, Self::Namespace, Self::Certificate];

    /// Its word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Namespace => "namespace",
            Self::Certificate => "certificate",
        }
    }
}

/// What the person decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// What is kept.
    pub keep: BTreeSet<Keepable>,
    /// Whether a registration that we made is deleted even though others have credentials in it.
    pub delete_credentials_of_others: bool,
}

/// What would be taken away.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Which installation.
    pub installation: Installation,
    pub(super) steps: Vec<Step>,
    pub(super) roads: Roads,
    /// When what it runs on would come to its end.
    pub good_until: GoodUntil,
    /// Whether a registration of ours stays because others have credentials in it.
    kept_for_others: bool,
}

/// A part and what becomes of it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) part: PartId,
    pub(super) title: Title,
    pub(super) stage: Stage,
    pub(super) group: TeardownGroup,
    pub(super) action: Action,
    why: String,
    diff: String,
    warnings: Vec<String>,
    pub(super) problem: Option<Problem>,
    pub(super) hand_over: Option<HandOver>,
    pub(super) work: Work,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// Nothing.
    Nothing,
    /// An object goes.
    Delete { reference: ObjectRef, uid: Option<String>, is_leaving: bool },
    /// Our entry goes out of a mesh configuration.
    Mesh { config_map: ObjectRef, key: String, provider: String },
    /// Something in the tenant.
    Registration(registration::Work),
    /// The namespace goes, if nothing of others is in it.
    Namespace { reference: ObjectRef, uid: Option<String>, is_leaving: bool },
    /// A namespace of somebody else gets back the fields that we had set: by an object that names none.
    GiveBackNamespace { bare: Value },
}

impl Plan {
    /// The plan as faces show it.
    pub fn summaries(&self) -> Vec<TeardownStep> {
        self.steps
            .iter()
            .map(|step| TeardownStep {
                group: step.group,
                step: StepSummary {
                    part: step.part.clone(),
                    title: step.title.clone(),
                    wave: step.stage.wave(),
                    action: step.action,
                    why: step.why.clone(),
                    diff: step.diff.clone(),
                    warnings: step.warnings.clone(),
                    problem: step.problem.clone(),
                },
                hand_over: step.hand_over.clone(),
            })
            .collect()
    }

    /// How many of each action; what is gone already does not count.
    pub fn counts(&self) -> Counts {
        let there = self.steps.iter().filter(|step| step.group != TeardownGroup::Gone);
        Counts::of(there.map(|step| step.action))
    }

    /// What stands in the way, if anything does; the worst kind first.
    pub fn problems(&self) -> Vec<&Problem> {
        let mut problems: Vec<&Problem> = self.steps.iter().filter_map(|step| step.problem.as_ref()).collect();
        problems.sort_by_key(|problem| std::cmp::Reverse(problem.kind));
        problems
    }

    /// Whether anything is to be done, by us or by somebody else.
    pub fn has_work(&self) -> bool {
        self.steps.iter().any(|step| !matches!(step.work, Work::Nothing) || step.hand_over.is_some())
    }

    /// Whether the registration stays only because others have credentials in it, so that it is worth asking.
    pub fn keeps_registration_for_others(&self) -> bool {
        self.kept_for_others
    }
}

/// What becomes of each part of what was seen.
pub fn plan(seen: &Seen, choices: &Choices) -> Plan {
    let mut steps: Vec<Step> = seen.objects.iter().filter_map(|object| of_object(seen, choices, object)).collect();
    steps.extend(seen.mesh.iter().map(|entry| of_mesh(seen, entry)));
    let (of_registration, kept_for_others) = of_registration(seen, choices);
    steps.extend(of_registration);
    steps.extend(of_namespace(seen, choices));
    steps.extend(seen.unseen.iter().map(|right| may_be_left(seen, right)));
    steps.extend(there_before(seen));
    steps.extend(seen.account_secret.as_ref().map(issuer::account));
    steps.extend(not_ours_any_more(seen));
    out_of_sight(seen, &mut steps);
    // Among equals the order in which they were found stays.
    steps.sort_by_key(|step| (is_last(step.group), step.stage));
    let good_until = GoodUntil::of(seen.objects.iter().map(|object| &object.live));
    Plan { installation: seen.installation.clone(), steps, roads: seen.roads.clone(), good_until, kept_for_others }
}

/// What stays and what is gone comes after what goes.
fn is_last(group: TeardownGroup) -> TeardownGroup {
    match group {
        TeardownGroup::Removed | TeardownGroup::ChangedByOthers => TeardownGroup::Removed,
        group => group,
    }
}

impl Step {
    pub(super) fn kept(part: String, stage: Stage, title: Title, why: String) -> Self {
        Self {
            part: PartId(part),
            title,
            stage,
            group: TeardownGroup::Kept,
            action: Action::Keep,
            why,
            diff: String::new(),
            warnings: Vec::new(),
            problem: None,
            hand_over: None,
            work: Work::Nothing,
        }
    }

    fn goes(part: String, stage: Stage, title: Title, action: Action, why: &str, work: Work) -> Self {
        Self { group: TeardownGroup::Removed, action, work, ..Self::kept(part, stage, title, why.to_owned()) }
    }
}

fn part_of(reference: &ObjectRef) -> String {
    let group = reference.api_version.split_once('/').map_or("core", |(group, _)| group);
    let place = reference.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    format!("cluster/{group}/{}/{place}{}", reference.kind, reference.name)
}

fn of_object(seen: &Seen, choices: &Choices, object: &Object) -> Option<Step> {
    // The namespace is a matter of its own.
    if object.stage == Stage::Namespace {
        return None;
    }
    let (part, title) = (part_of(&object.reference), objects::title_of(object));
    if object.stage == Stage::Certificate {
        let asked = choices.keep.contains(&Keepable::Certificate).then(|| "you asked to keep it".to_owned());
        let needed = (!seen.users_of_certificate.is_empty())
            .then(|| format!("{} of others shows it", seen.users_of_certificate.join(", ")));
        if let Some(why) = asked.or(needed) {
            return Some(Step::kept(part, object.stage, title, why));
        }
    }
    let expected = seen.expected.iter().find(|expected| expected.id.0 == part).and_then(|part| part.manifest());
    // cert-manager keeps the Secret of a certificate, and no field of it is ours.
    let changed = changes::since(&object.live, expected.map(|manifest| &manifest.object));
    let work = Work::Delete { reference: object.reference.clone(), uid: object.uid(), is_leaving: object.is_leaving() };
    let mut step = Step::goes(part, object.stage, title, Action::Delete, "It carries our mark.", work);
    if let Some(changed) = changed {
        step.group = TeardownGroup::ChangedByOthers;
        step.why = format!("It carries our mark, and was changed since by {}.", changed.by);
        step.diff = changed.diff;
    }
    let question = deletion(&object.reference);
    if seen.denied.contains(&question) {
        if object.stage == Stage::Routes {
            step.action = Action::Blocked;
            step.problem = Some(rights::missing(&question));
        } else {
            let command = delete_command(&object.reference);
            hand_over(&mut step, &question, command);
        }
    }
    Some(step)
}

pub(super) fn delete_command(reference: &ObjectRef) -> String {
    let group = reference.api_version.split_once('/').map(|(group, _)| format!(".{group}")).unwrap_or_default();
    let place = reference.namespace.as_ref().map(|namespace| format!(" --namespace {namespace}")).unwrap_or_default();
    format!("kubectl delete {}{group} {}{place}", rights::plural(&reference.kind), reference.name)
}

/// Makes `step` somebody else's to do.
fn hand_over(step: &mut Step, question: &AccessQuestion, command: String) {
    step.hand_over = Some(HandOver {
        reason: format!("The cluster does not let us {} {} there.", question.verb, question.resource),
        who: match &question.namespace {
            Some(namespace) => format!("an administrator of namespace {namespace}, or of the cluster"),
            None => "a cluster administrator".to_owned(),
        },
        link: None,
        text: None,
        command: Some(command),
    });
    step.work = Work::Nothing;
}

/// What may not be listed may be left: somebody else has to look, and the record stays until then.
fn may_be_left(seen: &Seen, right: &MissingRight) -> Step {
    let resource =
        if right.group.is_empty() { right.resource.clone() } else { format!("{}.{}", right.resource, right.group) };
    let place = right.namespace.as_ref();
    let title = named("Unseen", format!("{resource} in {}", place.map_or("the whole cluster", |place| place.as_str())));
    let flag = place.map_or_else(|| " --all-namespaces".to_owned(), |place| format!(" --namespace {place}"));
    let hand_over = HandOver {
        reason: format!("We may not list {resource} there: something of ours may be left."),
        who: right.who_can_grant(),
        link: None,
        text: None,
        command: Some(format!("kubectl get {resource}{flag} --selector {}", objects::mark(&seen.installation))),
    };
    let step = Step::kept(format!("unseen/{resource}"), Stage::Store, title, "it may not be seen".to_owned());
    Step { group: TeardownGroup::Removed, hand_over: Some(hand_over), ..step }
}

fn of_mesh(seen: &Seen, entry: &MeshEntry) -> Step {
    let part = format!(
        "mesh/{}/{}/{}",
        entry.config_map.namespace.as_deref().unwrap_or_default(),
        entry.config_map.name,
        entry.provider
    );
    let place = entry.config_map.namespace.as_deref().unwrap_or_default();
    let title = Title {
        kind: "Mesh provider".to_owned(),
        name: format!("{} in {place}/{}", entry.provider, entry.config_map.name),
    };
    if !seen.users_of_provider.is_empty() {
        let why = format!("{} of others asks it", seen.users_of_provider.join(", "));
        return Step::kept(part, Stage::Mesh, title, why);
    }
    let work =
        Work::Mesh { config_map: entry.config_map.clone(), key: entry.key.clone(), provider: entry.provider.clone() };
    let why = "The entry is ours; nothing else in the mesh configuration is touched.";
    let mut step = Step::goes(part, Stage::Mesh, title, Action::Update, why, work);
    match &entry.removal {
        Ok(diff) => step.diff.clone_from(diff),
        Err(problem) => step.warnings.push(format!("{}; {}", problem.cause, problem.remedy)),
    }
    if let Some(changed) = &entry.changed {
        step.group = TeardownGroup::ChangedByOthers;
        step.warnings.push(format!("others have changed the entry since:\n{changed}"));
    }
    let question = update_of_mesh(entry);
    if seen.denied.contains(&question) {
        let command = format!(
            "kubectl edit configmap {} --namespace {place}   # take the entry {} out of extensionProviders",
            entry.config_map.name, entry.provider
        );
        hand_over(&mut step, &question, command);
    }
    step
}

/// The registration, and whether it stays only because others have credentials in it.
fn of_registration(seen: &Seen, choices: &Choices) -> (Vec<Step>, bool) {
    let live = &seen.registration;
    let Some(application) = &live.application else { return (gone_registration(seen), false) };
    let title = application_title(application);
    let kept =
        |why: &str| Step::kept("entra/application".to_owned(), Stage::Registration, title.clone(), why.to_owned());
    if application.is_given_back() {
        return (vec![kept("it was given back; only its unique name is left, which Entra never takes away")], false);
    }
    let credential = format!("gatewright {}/{}", seen.installation.namespace, seen.installation.application);
    let ours = live.credentials_of_ours(&credential, seen.key_id.as_deref());
    let mut steps = Vec::new();
    if choices.keep.contains(&Keepable::Registration) {
        steps.extend(credentials(application, &credential, ours));
        steps.push(kept("you asked to keep it; setup finds it again, and so does another teardown"));
        return (steps, false);
    }
    if application.is_adopted() {
        steps.extend(given_back(seen, application, &credential, ours));
        return (steps, false);
    }
    let others = live.credentials_of_others(&ours);
    if !others.is_empty() && !choices.delete_credentials_of_others {
        steps.extend(credentials(application, &credential, ours));
        let why = format!(
            "others sign in with it: {}; to delete it all the same, add --delete-credentials-of-others",
            others.join(", ")
        );
        steps.push(kept(&why));
        return (steps, true);
    }
    let work = registration::Work::Delete { id: application.id.clone(), unique_name: live.unique_name.clone() };
    let why = "We registered it. It goes to the tenant's bin with its service principal, consents and client secret, and can be \
               taken back for 30 days.";
    let mut step = registration_step("application", title, Action::Delete, why, work);
    if !others.is_empty() {
        step.warnings.push(format!("others sign in with it, and can't any more: {}", others.join(", ")));
    }
    steps.push(step);
    (steps, false)
}

fn registration_step(name: &str, title: Title, action: Action, why: &str, work: registration::Work) -> Step {
    Step::goes(format!("entra/{name}"), Stage::Registration, title, action, why, Work::Registration(work))
}

fn application_title(application: &Application) -> Title {
    named("Application", format!("{}, client id {}", application.display_name, application.app_id))
}

fn named(kind: &str, name: String) -> Title {
    Title { kind: kind.to_owned(), name }
}

/// The registration is not there: it went before, or was never made.
fn gone_registration(seen: &Seen) -> Vec<Step> {
    let Some(deleted) = &seen.registration.in_the_bin else { return Vec::new() };
    let title = named("Application", format!("{}, client id {}", deleted.display_name, deleted.app_id));
    let why = seen.restore.clone().unwrap_or_else(|| "it is in the tenant's bin".to_owned());
    let step = Step::kept("entra/application".to_owned(), Stage::Registration, title, why);
    vec![Step { group: TeardownGroup::Gone, ..step }]
}

fn credentials(application: &Application, name: &str, key_ids: Vec<String>) -> Option<Step> {
    if key_ids.is_empty() {
        return None;
    }
    let title = named("Client secret", format!("{name}, key {}", key_ids.join(", ")));
    let work = registration::Work::RemoveCredentials { id: application.id.clone(), key_ids };
    let why = "It is ours, and nobody uses it once the sign-in proxy is gone.";
    Some(registration_step("client-secret", title, Action::Delete, why, work))
}

/// An application that was taken over: exactly what was added goes.
fn given_back(seen: &Seen, application: &Application, credential: &str, ours: Vec<String>) -> Vec<Step> {
    let live: &Live = &seen.registration;
    let mut steps: Vec<Step> = credentials(application, credential, ours).into_iter().collect();
    for (grant, resource, left) in live.consents_to_take_back() {
        let before: Vec<String> = grant.scopes().map(str::to_owned).collect();
        let of_whom = if resource == "graph" { "Microsoft Graph" } else { "the application" };
        let taken: Vec<&str> = before.iter().filter(|scope| !left.contains(scope)).map(String::as_str).collect();
        let title = named("Consent", format!("{} of {of_whom}", taken.join(" ")));
        let action = if left.is_empty() { Action::Delete } else { Action::Update };
        let work = registration::Work::Shrink { grant: grant.id.clone(), scopes: left.clone() };
        let why = "It was given by us; what was consented to before stays.";
        let mut step = registration_step(&format!("grant/{resource}"), title, action, why, work);
        step.diff = taken.iter().fold(String::new(), |all, scope| all + "-" + scope + "\n");
        steps.push(step);
    }
    for (role, held) in live.assignments_to_take_back() {
        let title = named("Role assignment", format!("{role} to the application"));
        let work = registration::Work::RemoveAssignment { resource: held.resource_id.clone(), id: held.id.clone() };
        steps.push(registration_step("role-assignment", title, Action::Delete, "It was given by us.", work));
    }
    steps.extend(live.principal.as_ref().and_then(|principal| given_back_principal(application, principal)));
    steps.push(given_back_application(seen, application));
    steps
}

fn given_back_principal(application: &Application, principal: &entra::ServicePrincipal) -> Option<Step> {
    let release = entra::release_principal(application, principal);
    let (action, why, diff) = match &release {
        PrincipalRelease::Unchanged => return None,
        PrincipalRelease::Delete => (Action::Delete, "There was none before us.", String::new()),
        PrincipalRelease::Change(patch) => {
            let before = entra::before_in_principal(patch, principal);
            let (before, after) = (serde_json::to_value(before).ok(), serde_json::to_value(patch).ok());
            (Action::Update, "It was there, and is as it was.", diff::between(before.as_ref(), after.as_ref()))
        }
    };
    let work = registration::Work::Principal { id: principal.id.clone(), release };
    let title = named("Service principal", "of the application".to_owned());
    let mut step = registration_step("service-principal", title, action, why, work);
    step.diff = diff;
    Some(step)
}

fn given_back_application(seen: &Seen, application: &Application) -> Step {
    let answers = seen.installation.answers.as_ref();
    let our_name = answers.map(|answers| answers.registration.display_name.to_string());
    let release = entra::release(application, our_name.as_deref());
    let (before, after) = (Value::Object(release.before.clone()), Value::Object(release.give_back.clone()));
    let work = registration::Work::GiveBack { id: application.id.clone(), release: Box::new(release) };
    let why = "It was there before us and is never deleted: what was added to it goes, and the rest stays. Its unique name \
               stays as well, for Entra never takes one away.";
    let mut step = registration_step("application", application_title(application), Action::Update, why, work);
    step.diff = diff::between(Some(&before), Some(&after));
    let holders = seen.registration.others_with_our_roles();
    if holders > 0 {
        step.warnings.push(format!("others hold a role that goes with it: {holders}"));
    }
    step
}

fn of_namespace(seen: &Seen, choices: &Choices) -> Option<Step> {
    let name = &seen.installation.namespace;
    let reference = ObjectRef::cluster_wide("v1", "Namespace", name);
    let (part, title) = (part_of(&reference), named("Namespace", name.clone()));
    let kept = |why: String| Some(Step::kept(part.clone(), Stage::Namespace, title.clone(), why));
    let contents = match &seen.namespace {
        NamespaceSeen::Absent => return None,
        NamespaceSeen::Ours { contents } => contents,
        NamespaceSeen::Foreign { fields: None } => {
            return if seen.objects.is_empty() { None } else { kept("it was there before".to_owned()) };
        }
        NamespaceSeen::Foreign { fields: Some((fields, bare)) } => {
            let work = Work::GiveBackNamespace { bare: bare.clone() };
            let why = "It was there before and stays; what we had set in it goes.";
            let mut step = Step::goes(part, Stage::Namespace, title, Action::Update, why, work);
            step.diff = fields.iter().fold(String::new(), |all, field| all + "-" + field + "\n");
            let question = rights::question("patch", "", "namespaces", None);
            if seen.denied.contains(&question) {
                let labels = fields.iter().filter_map(|field| Some(format!("{}-", field.split_once(':')?.0)));
                let command = format!("kubectl label namespace {name} {}", labels.collect::<Vec<_>>().join(" "));
                hand_over(&mut step, &question, command);
            }
            return Some(step);
        }
    };
    if choices.keep.contains(&Keepable::Namespace) {
        return kept("you asked to keep it".to_owned());
    }
    let others = objects::of_others(&seen.installation, &contents.objects);
    if !others.is_empty() {
        return kept(format!("we made it, but others have something in it: {}", at_most(&others)));
    }
    let of_ours = seen.objects.iter().find(|object| object.stage == Stage::Namespace);
    let work = Work::Namespace {
        reference: reference.clone(),
        uid: of_ours.and_then(Object::uid),
        is_leaving: of_ours.is_some_and(Object::is_leaving),
    };
    let why = "We made it, and nothing of others is in it.";
    let mut step = Step::goes(part, Stage::Namespace, title, Action::Delete, why, work);
    let question = deletion(&reference);
    if !contents.unseen.is_empty() {
        "We made it; whether others have something in it may not be seen.".clone_into(&mut step.why);
        step.warnings.push(format!("not everything in it may be seen: {}", at_most(&contents.unseen)));
        hand_over(&mut step, &question, delete_command(&reference));
        if let Some(hand_over) = &mut step.hand_over {
            "Whether others have something in the namespace may not be seen.".clone_into(&mut hand_over.reason);
        }
    } else if seen.denied.contains(&question) {
        hand_over(&mut step, &question, delete_command(&reference));
    }
    Some(step)
}

/// The first few of a list, and how many more there are.
fn at_most(all: &[String]) -> String {
    const FEW: usize = 5;
    let shown = all.iter().take(FEW).cloned().collect::<Vec<_>>().join(", ");
    if all.len() > FEW { format!("{shown} and {} more", all.len() - FEW) } else { shown }
}

/// What the answers say was there before us, and stays.
fn there_before(seen: &Seen) -> Vec<Step> {
    let Some(answers) = seen.installation.answers.as_ref().filter(|_| !seen.objects.is_empty()) else {
        return Vec::new();
    };
    let namespace = answers.application.namespace.as_str();
    let kept = |stage: Stage, kind: &str, name: String| {
        let title = named(kind, name);
        Step::kept(format!("kept/{kind}/{}", title.name), stage, title, "it was there before".to_owned())
    };
    let mut steps: Vec<Step> = seen.expected.iter().filter_map(issuer::role_on_zone).collect();
    if let Workload::Existing { service, .. } = &answers.application.workload {
        let mut step = kept(Stage::Application, "Service", format!("{namespace}/{service}"));
        "the application was there before, and stays without its locks and routes".clone_into(&mut step.why);
        let roads = &seen.roads.of_others;
        if !roads.is_empty() {
            step.warnings
                .push(format!("{} of others is for the same host: nothing guards what it leads to", at_most(roads)));
        }
        steps.push(step);
    }
    steps.extend(certificate_that_was_there(seen, answers).map(|name| kept(Stage::Certificate, "Secret", name)));
    if let Some(redis) = answers.sessions.existing() {
        steps.push(kept(Stage::Store, "Secret", format!("{namespace}/{}", redis.password.secret)));
    }
    steps
}

fn certificate_that_was_there(seen: &Seen, answers: &Answers) -> Option<String> {
    let secret = answers.certificate.existing_secret()?;
    Some(format!("{}/{secret}", seen.gateway_namespace.as_deref().unwrap_or("?")))
}

/// What was expected and is gone, or is somebody else's now.
fn not_ours_any_more(seen: &Seen) -> impl Iterator<Item = Step> {
    // Where nothing is left there is nothing to compare with.
    let missing = seen.missing.iter().filter(|_| !seen.objects.is_empty());
    missing.map(|(part, maker)| {
        let stage = part
            .manifest()
            .and_then(|manifest| ObjectRef::of(&manifest.object).ok())
            .map_or(Stage::Store, |reference| Stage::of(&reference, ""));
        let why = maker.as_ref().map_or_else(
            || "it is gone already".to_owned(),
            |maker| format!("it does not carry our mark: {maker} made it"),
        );
        let group = if maker.is_some() { TeardownGroup::Kept } else { TeardownGroup::Gone };
        Step { group, ..Step::kept(part.id.0.clone(), stage, title::of(part), why) }
    })
}

/// Where the routes can't be seen gone, nothing is begun at all.
fn out_of_sight(seen: &Seen, steps: &mut [Step]) {
    let goes = |step: &&Step| !matches!(step.work, Work::Nothing);
    if !routes::must_be_seen_gone(steps.iter().filter(goes).map(|step| step.stage)) {
        return;
    }
    let Some(problem) = seen.roads.out_of_sight(&seen.denied) else { return };
    let first = steps.iter_mut().filter(|step| !matches!(step.work, Work::Nothing)).min_by_key(|step| step.stage);
    if let Some(step) = first {
        step.action = Action::Blocked;
        step.problem.get_or_insert(problem);
    }
}
