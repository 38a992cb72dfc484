//! Looking: what is left of an installation, and what stands around it. Writes nothing.

use super::{
    Installation, Stage, issuer, objects,
    objects::Object,
    registration,
    routes::{self, Roads},
};
use crate::{
    blueprint::{self, Existing, Known, Part},
    cluster::{
        AccessQuestion, Contents, DiscoverError, DiscoverRequest, Error, MissingRight, ObjectRef, Selection,
        mesh_config,
    },
    engine::{
        Target, diff,
        event::{Event, Events, Problem, ProblemKind},
        look::discover_request,
        problem, rights,
    },
    facts::{ClusterFacts, Facts, MeshConfigFacts, RegisteredFacts},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    pub(super) installation: Installation,
    pub(super) objects: Vec<Object>,
    /// Rights that were lacking for a whole look.
    pub(super) unseen: Vec<MissingRight>,
    /// What the recorded answers ask for, where they could be drawn.
    pub(super) expected: Vec<Part>,
    /// The expected objects that are not ours any more: gone, or made by somebody.
    pub(super) missing: Vec<(Part, Option<String>)>,
    pub(super) mesh: Vec<MeshEntry>,
    pub(super) registration: registration::Live,
    /// The key id of the client secret that our Secret names.
    pub(super) key_id: Option<String>,
    pub(super) namespace: NamespaceSeen,
    pub(super) roads: Roads,
    /// The Gateways of others that show our certificate, and the policies of others that ask our provider.
    pub(super) users_of_certificate: Vec<String>,
    pub(super) users_of_provider: Vec<String>,
    /// What we may not do.
    pub(super) denied: BTreeSet<AccessQuestion>,
    /// The gateway's namespace, where it is known.
    pub(super) gateway_namespace: Option<String>,
    /// Where cert-manager keeps the account of an issuer that we made.
    pub(super) account_secret: Option<issuer::AccountSecret>,
    /// How an application in the bin is got back.
    pub(super) restore: Option<String>,
}

/// The application's namespace.
#[derive(Clone, Debug)]
pub(super) enum NamespaceSeen {
    /// It is gone.
    Absent,
    /// We made it.
    Ours { contents: Contents },
    /// It was there before; with what we have set in it, and what gives that back.
    Foreign { fields: Option<(Vec<String>, Value)> },
}

/// Our entry in a mesh configuration.
#[derive(Clone, Debug)]
pub(super) struct MeshEntry {
    pub(super) config_map: ObjectRef,
    pub(super) key: String,
    pub(super) provider: String,
    /// What taking it out changes, or why that can't be done with certainty.
    pub(super) removal: Result<String, Problem>,
    /// What others have changed in it.
    pub(super) changed: Option<String>,
}

/// Looks at what is left of `installation`.
pub async fn look(target: &Target, installation: &Installation, events: &Events) -> Result<Seen, Problem> {
    events.tell(Event::Looking { at: format!("cluster {}", target.cluster.context()) });
    let tried = "find out what the cluster has";
    let discovered = target.cluster.discover(&request(installation)).await;
    if let Err(error @ DiscoverError::Cluster(Error::Unreachable { .. } | Error::Unauthorized { .. })) = &discovered {
        return Err(problem::discover(error));
    }
    let cluster = target.cluster.cluster_id().await.map_err(|error| problem::cluster(tried, &error))?;
    let mut places = vec![installation.namespace.clone()];
    places.extend(discovered.as_ref().ok().map(|facts| facts.gateway.namespace.clone()));
    let (objects, unseen) = objects::find(target, installation, &places).await?;
    is_this_tenants(target, &objects)?;
    events.tell(Event::Looking { at: format!("tenant {}", target.session.tenant().domain) });
    let registration = registration::read(target, &cluster, installation).await?;
    let expected = expected(target, installation, discovered.as_ref().ok(), &registration);
    let missing = objects::missing(target, &expected, &objects).await?;
    let provider = blueprint::provider_name(&installation.namespace, &installation.application);
    let (mesh, namespace) =
        tokio::try_join!(mesh_entries(target, &provider, &expected), namespace(target, installation))?;
    let roads = routes::roads(target, installation, &objects, &registration, &discovered).await?;
    let denied = denied(target, &objects, &mesh, &namespace, &roads).await?;
    let restore = restore(target, &registration);
    Ok(Seen {
        key_id: key_id(&objects),
        users_of_certificate: users_of_certificate(target, installation, &objects).await?,
        users_of_provider: users_of_provider(target, installation, &provider, &mesh).await?,
        account_secret: issuer::account_secret(target, &objects).await?,
        gateway_namespace: discovered.ok().map(|facts| facts.gateway.namespace),
        installation: installation.clone(),
        objects,
        unseen,
        expected,
        missing,
        mesh,
        registration,
        namespace,
        roads,
        denied,
        restore,
    })
}

fn request(installation: &Installation) -> DiscoverRequest {
    match &installation.answers {
        Some(answers) => discover_request(answers),
        None => DiscoverRequest {
            app_name: installation.application.clone(),
            namespace: installation.namespace.clone(),
            service: None,
            gateway: None,
            issuer: None,
            tls_secret: None,
            redis: None,
        },
    }
}

/// What the token lock says of the tenant must be the tenant that is signed in to: in another one the registration would seem gone.
fn is_this_tenants(target: &Target, objects: &[Object]) -> Result<(), Problem> {
    let tenant = target.session.tenant();
    let ours = tenant.cloud.issuer(&tenant.id);
    let issuers = objects.iter().filter_map(|object| object.text("/spec/jwtRules/0/issuer"));
    let Some(other) = issuers.into_iter().find(|issuer| *issuer != ours) else { return Ok(()) };
    Err(Problem {
        tried: "find the registration of this installation".to_owned(),
        cause: format!("its tokens come from {other}, and the tenant that is signed in to issues {ours}"),
        remedy: "sign in to the tenant of the installation (--tenant ID), and run again; nothing has been changed"
            .to_owned(),
        kind: ProblemKind::UnusableAnswers,
    })
}

/// What the answers ask for in this world; nothing, where that can't be drawn any more.
fn expected(
    target: &Target,
    installation: &Installation,
    facts: Option<&ClusterFacts>,
    registration: &registration::Live,
) -> Vec<Part> {
    let (Some(answers), Some(cluster)) = (&installation.answers, facts) else { return Vec::new() };
    let facts = Facts { cluster: cluster.clone(), tenant: target.session.tenant().clone() };
    let registered = registration.application.as_ref().map_or(Known::Later("not known any more"), |application| {
        Known::Now(RegisteredFacts { client_id: application.app_id.clone(), object_id: application.id.clone() })
    });
    let existing = Existing { registered, secret_fingerprints: BTreeMap::new(), started_with: BTreeMap::new() };
    blueprint::blueprint(answers, &facts, &existing).unwrap_or_default()
}

async fn mesh_entries(target: &Target, provider: &str, expected: &[Part]) -> Result<Vec<MeshEntry>, Problem> {
    let configs = match target.cluster.mesh_configs().await {
        Ok(configs) => configs,
        Err(DiscoverError::Cluster(Error::NotServed { .. })) => Vec::new(),
        Err(error) => return Err(problem::discover(&error)),
    };
    let mut entries = Vec::new();
    for config in configs.iter().filter(|config| config.providers.contains(provider)) {
        entries.extend(mesh_entry(target, config, provider, expected).await?);
    }
    Ok(entries)
}

async fn mesh_entry(
    target: &Target,
    config: &MeshConfigFacts,
    provider: &str,
    expected: &[Part],
) -> Result<Option<MeshEntry>, Problem> {
    let config_map = ObjectRef::namespaced("v1", "ConfigMap", &config.namespace, &config.name);
    let tried = format!("take our provider out of {config_map}");
    let live = target.cluster.get(&config_map).await.map_err(|error| problem::cluster(&tried, &error))?;
    let text = live.as_ref().and_then(|live| live.pointer(&format!("/data/{}", config.key))).and_then(Value::as_str);
    let Some(before) = text else { return Ok(None) };
    let removal = mesh_config::remove_provider(before, provider)
        .map(|after| diff::between_texts(before, &after))
        .map_err(|error| problem::mesh_removal(&tried, provider, &error));
    let wanted = expected.iter().find_map(|part| match &part.body {
        blueprint::PartBody::MeshProvider(wanted) => Some(&wanted.entry),
        _ => None,
    });
    let now = mesh_config::provider(before, provider).unwrap_or_default();
    let changed = wanted.map(|wanted| diff::between(Some(wanted), now.as_ref())).filter(|diff| !diff.is_empty());
    Ok(Some(MeshEntry { config_map, key: config.key.clone(), provider: provider.to_owned(), removal, changed }))
}

async fn namespace(target: &Target, installation: &Installation) -> Result<NamespaceSeen, Problem> {
    let reference = ObjectRef::cluster_wide("v1", "Namespace", &installation.namespace);
    let tried = format!("look at {reference}");
    let live = target.cluster.get(&reference).await.map_err(|error| problem::cluster(&tried, &error))?;
    let Some(live) = live else { return Ok(NamespaceSeen::Absent) };
    let labels = live.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
    let labels = labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
    if !objects::is_marked(installation, &labels) {
        return Ok(NamespaceSeen::Foreign { fields: objects::fields_in_foreign_namespace(&live) });
    }
    let contents = target.cluster.contents(&installation.namespace).await;
    Ok(NamespaceSeen::Ours { contents: contents.map_err(|error| problem::cluster(&tried, &error))? })
}

/// What we may not do of all that might have to be done.
async fn denied(
    target: &Target,
    objects: &[Object],
    mesh: &[MeshEntry],
    namespace: &NamespaceSeen,
    roads: &Roads,
) -> Result<BTreeSet<AccessQuestion>, Problem> {
    let mut questions: BTreeSet<AccessQuestion> = objects.iter().map(|object| deletion(&object.reference)).collect();
    questions.extend(mesh.iter().map(update_of_mesh));
    if let NamespaceSeen::Foreign { fields: Some(_) } = namespace {
        questions.insert(rights::question("patch", "", "namespaces", None));
    }
    if objects.iter().any(|object| object.stage.is_behind_the_routes()) {
        questions.extend(roads.to_look());
    }
    let questions: Vec<_> = questions.into_iter().collect();
    let denied = target.cluster.may(&questions).await;
    Ok(denied.map_err(|error| problem::cluster("ask what the caller may do", &error))?.into_iter().collect())
}

/// The right to delete an object.
pub(super) fn deletion(reference: &ObjectRef) -> AccessQuestion {
    let group = reference.api_version.rsplit_once('/').map_or("", |(group, _)| group);
    rights::question("delete", group, &rights::plural(&reference.kind), reference.namespace.as_deref())
}

/// The right to take our entry out of a mesh configuration.
pub(super) fn update_of_mesh(entry: &MeshEntry) -> AccessQuestion {
    let place = &entry.config_map;
    rights::question("update", "", "configmaps", place.namespace.as_deref()).of(&place.name)
}

fn key_id(objects: &[Object]) -> Option<String> {
    let annotation = |object: &Object| {
        let annotations = object.live.pointer("/metadata/annotations")?;
        annotations.get(crate::engine::secrets::KEY_ID_ANNOTATION)?.as_str().map(str::to_owned)
    };
    objects.iter().find_map(annotation)
}

async fn users_of_certificate(
    target: &Target,
    installation: &Installation,
    objects: &[Object],
) -> Result<Vec<String>, Problem> {
    let secrets: Vec<&str> = objects
        .iter()
        .filter(|object| object.stage == Stage::Certificate)
        .map(|object| object.text("/spec/secretName").unwrap_or(&object.reference.name))
        .collect();
    if secrets.is_empty() {
        return Ok(Vec::new());
    }
    let shows = |gateway: &Value| {
        let servers = gateway.pointer("/spec/servers").and_then(Value::as_array).into_iter().flatten();
        servers.filter_map(|server| server.pointer("/tls/credentialName")?.as_str()).any(|name| secrets.contains(&name))
    };
    others_that(target, installation, ("networking.istio.io", "Gateway"), shows).await
}

async fn users_of_provider(
    target: &Target,
    installation: &Installation,
    provider: &str,
    mesh: &[MeshEntry],
) -> Result<Vec<String>, Problem> {
    if mesh.is_empty() {
        return Ok(Vec::new());
    }
    let asks = |policy: &Value| policy.pointer("/spec/provider/name").and_then(Value::as_str) == Some(provider);
    others_that(target, installation, ("security.istio.io", "AuthorizationPolicy"), asks).await
}

/// Objects of others of a kind that `use_it`, for a person. What may not be seen is not told of.
pub(super) async fn others_that(
    target: &Target,
    installation: &Installation,
    (group, kind): (&str, &str),
    use_it: impl Fn(&Value) -> bool,
) -> Result<Vec<String>, Problem> {
    let tried = format!("look whether others need what is ours, by every {kind}");
    let served = target.cluster.served().await.map_err(|error| problem::cluster(&tried, &error))?;
    let Some(version) = served.version(group, kind) else { return Ok(Vec::new()) };
    let all = match target.cluster.list(&format!("{group}/{version}"), kind, &Selection::default()).await {
        Ok(all) => all,
        Err(error) if error.lacks_right().is_some() => return Ok(Vec::new()),
        Err(error) => return Err(problem::cluster(&tried, &error)),
    };
    let labels = |object: &Value| {
        let labels = object.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
        labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
    };
    let theirs = all.iter().filter(|object| !objects::is_marked(installation, &labels(object)) && use_it(object));
    Ok(theirs.filter_map(|object| ObjectRef::of(object).ok()).map(|reference| reference.to_string()).collect())
}

fn restore(target: &Target, registration: &registration::Live) -> Option<String> {
    let deleted = registration.in_the_bin.as_ref()?;
    let at = deleted.deleted_date_time.as_ref()?.parse().ok()?;
    Some(registration::how_to_restore(&target.session, &deleted.id, at))
}
