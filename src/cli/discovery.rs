//! Finds out what the wizard needs to know, whatever face asks, and connects to what it takes when that is first needed.

use super::{
    Global,
    answers::all_recorded,
    connection::{Connection, World, given},
    link::Link,
    screen::Screen,
};
use crate::{
    azure::{self, ResourceManager},
    cluster::{self, Cluster, DiscoverRequest},
    engine::event::{Event, Events, Problem},
    entra,
    facts::{SignInSummary, SubscriptionSummary, TenantSummary, ZoneSummary},
    wizard::{Fact, Need, News, Session, Side},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::OnceCell;

/// How long the tenant is looked through for what could be taken over: a client id can be written meanwhile.
const TO_LOOK: Duration = Duration::from_secs(20);

/// The parts of a session that decide who is signed in where: cloud, way to sign in, tenant.
type SignIn = [Option<String>; 3];

/// What there is to be looked at. Clones share everything; every task may have one.
///
/// Nothing is connected to before something is needed from there: neither cluster nor tenant, nor is a practice ground started. Each
/// side is connected to once and by itself, so that a cluster that is away does not hide the tenant, nor the other way round.
/// Whoever needs it meanwhile waits for the same connection. What could not be connected to is tried again when somebody asks once
/// more for what they were told could not be found out.
#[derive(Clone)]
pub(super) struct Discovery {
    shared: Arc<Shared>,
}

struct Shared {
    global: Global,
    interactive: bool,
    events: Events,
    world: OnceCell<World>,
    cluster: Link<Option<String>, Cluster>,
    tenant: Link<SignIn, entra::Session>,
}

impl Discovery {
    /// Of whatever `global` and the questions about the session lead to. Device codes and sign-ins are told as events.
    pub(super) fn new(global: &Global, screen: Screen, events: &Events) -> Self {
        Self {
            shared: Arc::new(Shared {
                global: global.clone(),
                interactive: screen.is_interactive(),
                events: events.clone(),
                world: OnceCell::new(),
                cluster: Link::default(),
                tenant: Link::default(),
            }),
        }
    }

    /// What is known of the session before anybody is asked: what the command line says, and on the practice ground what there is
    /// but one of.
    pub(super) fn given(&self) -> Session {
        let mut given = given(&self.shared.global);
        if self.shared.global.practice.is_some() {
            let only = || Some("practice".to_owned());
            (given.context, given.cloud) = (only(), only());
        }
        given
    }

    /// Starts the practice ground, if that is asked for. What the command line misspells shows here, before anybody is asked.
    pub(super) async fn begin(&self) -> Result<(), Problem> {
        self.world().await.map(|_| ())
    }

    /// Finds a fact out in `session`, or why it cannot be. May be called from several tasks at a time, and dropped at any moment.
    pub(super) async fn find_out(&self, session: &Session, need: &Need) -> News {
        let found = match need.side() {
            Side::Machine => self.on_the_machine(session, need).await,
            Side::Tenant => match self.tenant(session, Some(need)).await {
                Ok(tenant) => Ok(in_tenant(&tenant, need).await),
                Err(problem) => Err(problem),
            },
            Side::Cluster => match self.cluster(session, Some(need)).await {
                Ok(cluster) => Ok(in_cluster(&cluster, need).await),
                Err(problem) => Err(problem),
            },
        };
        found.unwrap_or_else(|problem| need.clone().failed(format!("{}; {}", problem.cause, problem.remedy)))
    }

    /// What is worked on in `session`, for plan and apply. Whatever of it is not connected yet is connected now, and what could not
    /// be is tried again.
    pub(super) async fn connection(&self, session: &Session) -> Result<Connection, Problem> {
        let (cluster, tenant) = (self.cluster(session, None).await?, self.tenant(session, None).await?);
        Ok(Connection::of(self.world().await?, cluster, tenant, &self.shared.events))
    }

    /// Ends the practice ground, if one was started, with its state written down.
    pub(super) async fn close(&self) {
        if let Some(world) = self.shared.world.get() {
            world.place.close().await;
        }
    }

    async fn world(&self) -> Result<&World, Problem> {
        self.shared.world.get_or_try_init(|| World::of(&self.shared.global)).await
    }

    async fn cluster(&self, session: &Session, need: Option<&Need>) -> Result<Cluster, Problem> {
        let connecting = async {
            let connected = self.world().await?.connect(session.context.as_deref()).await;
            connected.map_err(|problem| Problem {
                remedy: "see that `kubectl version` answers with the same context, or choose another one".to_owned(),
                ..problem
            })
        };
        self.shared.cluster.get(session.context.clone(), need, connecting).await
    }

    async fn tenant(&self, session: &Session, need: Option<&Need>) -> Result<entra::Session, Problem> {
        let connecting = async {
            let signed_in = self.world().await?.sign_in(session, self.shared.interactive, &self.shared.events).await;
            let signed_in = signed_in.map_err(|problem| Problem {
                remedy: "see to that, or choose another way to sign in".to_owned(),
                ..problem
            })?;
            self.shared.events.tell(Event::SignedIn {
                tenant: signed_in.tenant().id.clone(),
                tenant_domain: signed_in.tenant().domain.clone(),
                caller: signed_in.caller().name.clone(),
                sign_in_method: signed_in.caller().method.to_string(),
            });
            Ok(signed_in)
        };
        let sign_in = [&session.cloud, &session.sign_in, &session.tenant].map(Clone::clone);
        self.shared.tenant.get(sign_in, need, connecting).await
    }

    async fn on_the_machine(&self, session: &Session, need: &Need) -> Result<News, Problem> {
        let world = self.world().await?;
        match need {
            Need::Contexts => Ok(News::Contexts(fact(cluster::contexts(world.kubeconfig())))),
            Need::SignIns(cloud) => {
                let session = Session { cloud: Some(cloud.clone()), ..session.clone() };
                let request = world.request(&session, self.shared.interactive)?;
                let mut ways = entra::ways(&request, world.methods()).await;
                if let Some(tenant) = world.only_tenant() {
                    only_in(&mut ways, &tenant);
                }
                Ok(News::SignIns(cloud.clone(), Fact::Known(ways)))
            }
            other => Ok(other.clone().failed("it is not on this machine".to_owned())),
        }
    }
}

fn only_in(ways: &mut [SignInSummary], tenant: &str) {
    for way in ways {
        way.tenants = vec![TenantSummary { tenant: tenant.to_owned(), name: None }];
    }
}

async fn in_tenant(tenant: &entra::Session, need: &Need) -> News {
    match need {
        Need::Tenant => News::Tenant(Fact::Known(tenant.tenant().domain.clone())),
        Need::Registrations(likeness) => {
            let callback = format!("https://{}/oauth2/callback", likeness.host);
            let looking = tenant.candidates(&likeness.name, &callback);
            let found = match tokio::time::timeout(TO_LOOK, looking).await {
                Ok(found) => fact(found),
                Err(_) => Fact::Failed(format!("Entra did not answer within {} s", TO_LOOK.as_secs())),
            };
            News::Registrations(likeness.clone(), found)
        }
        Need::ConsentRight => News::ConsentRight(fact(tenant.consent_right().await)),
        Need::Subscriptions => {
            let found = ResourceManager::of(tenant).subscriptions().await;
            News::Subscriptions(fact(found.map(|found| {
                let summary = |one: azure::Subscription| SubscriptionSummary {
                    id: one.subscription_id,
                    name: one.display_name,
                    state: one.state,
                };
                found.into_iter().map(summary).collect()
            })))
        }
        Need::Zones(subscription) => {
            let found = ResourceManager::of(tenant).zones(subscription).await;
            let summary = |zone: azure::Zone| ZoneSummary {
                resource_group: zone.resource_group().to_owned(),
                is_public: zone.is_public(),
                name: zone.name,
            };
            let found = found.map(|found| found.into_iter().map(summary).collect());
            News::Zones(subscription.clone(), fact(found))
        }
        other => other.clone().failed("it is not in the tenant".to_owned()),
    }
}

async fn in_cluster(cluster: &Cluster, need: &Need) -> News {
    match need {
        Need::Installations => News::Installations(fact(all_recorded(cluster).await)),
        Need::Gateways => News::Gateways(fact(cluster.gateway_choices().await)),
        Need::Namespaces => News::Namespaces(fact(cluster.namespace_choices().await)),
        Need::Services(namespace) => News::Services(namespace.clone(), fact(cluster.service_choices(namespace).await)),
        Need::Issuers(namespace) => News::Issuers(namespace.clone(), fact(cluster.issuer_choices(namespace).await)),
        Need::Surroundings(place) => {
            let request = DiscoverRequest {
                app_name: place.app.clone(),
                namespace: place.namespace.clone(),
                service: place.service.clone(),
                gateway: place.gateway.clone(),
                issuer: None,
                tls_secret: None,
                redis: None,
            };
            News::Surroundings(place.clone(), fact(cluster.discover(&request).await.map(Box::new)))
        }
        other => other.clone().failed("it is not in the cluster".to_owned()),
    }
}

fn fact<T, E: std::fmt::Display>(found: Result<T, E>) -> Fact<T> {
    match found {
        Ok(found) => Fact::Known(found),
        Err(error) => Fact::Failed(error.to_string()),
    }
}
