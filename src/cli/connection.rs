//! What a command works on: a cluster and a tenant, for real or on the practice ground.

use super::{
    Global,
    answers::{NoAnswers, recorded},
    screen::Screen,
};
use crate::{
    answers::Answers,
    cluster::{self, Cluster},
    engine::{
        Entrance, Target,
        event::{Event, Events, Problem, ProblemKind},
    },
    entra::{self, Environment, Method, Patience, SignInRequest},
    facts::CloudEndpoints,
    wizard::{Session, USUAL_CLOUD},
};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// A cluster and a tenant, and the practice ground they are on, if they are.
pub(super) struct Connection {
    /// What is worked on.
    pub target: Target,
    place: Arc<Place>,
}

/// Why nothing is connected to, for answers that were recorded.
#[derive(Debug)]
pub(super) enum NotOpened {
    /// It cannot be connected to.
    Problem(Problem),
    /// There are no answers to work with.
    NoAnswers(NoAnswers),
}

impl From<Problem> for NotOpened {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<NoAnswers> for NotOpened {
    fn from(error: NoAnswers) -> Self {
        Self::NoAnswers(error)
    }
}

/// Where cluster and tenant are.
pub(super) enum Place {
    /// Where the kubeconfig and `--cloud` say.
    Real,
    /// On a practice ground of this process, until it is ended.
    #[cfg(feature = "practice")]
    Practice(tokio::sync::Mutex<Option<Box<crate::practice::Ground>>>),
}

/// What there is to connect to, and with what.
pub(super) struct World {
    /// Where that is.
    pub place: Arc<Place>,
    kubeconfig: Option<PathBuf>,
    /// The practice ground's own cloud, which no session can choose another for.
    cloud: Option<CloudEndpoints>,
    only_tenant: Option<String>,
    environment: Environment,
    /// Where the application is tried once it is set up.
    entrance: Entrance,
    /// The ways to sign in that make sense here.
    methods: &'static [Method],
}

impl Connection {
    /// Connects to the cluster and signs in to the tenant. Everything here only reads.
    pub(super) async fn open(
        global: &Global,
        screen: Screen,
        events: &Events,
        tenant: Option<String>,
    ) -> Result<Self, Problem> {
        let world = World::of(global).await?;
        let given = given(global);
        let session = Session { tenant: given.tenant.or(tenant), ..given };
        let cluster = world.connect(session.context.as_deref()).await?;
        let signed_in = world.sign_in(&session, screen.is_interactive(), events).await?;
        Ok(Self::of(&world, cluster, signed_in, events))
    }

    /// Connects to the cluster, takes the answers that are recorded there, of `app` or of the only application there is, and signs
    /// in to the tenant that those name, unless the command line names another. Everything here only reads.
    pub(super) async fn open_as_recorded(
        global: &Global,
        screen: Screen,
        events: &Events,
        app: Option<&str>,
    ) -> Result<(Self, Answers), NotOpened> {
        let world = World::of(global).await?;
        let opened = async {
            let given = given(global);
            let cluster = world.connect(given.context.as_deref()).await?;
            let answers = recorded(&cluster, app).await?;
            let tenant = given.tenant.or_else(|| answers.registration.tenant.as_ref().map(ToString::to_string));
            let session = Session { tenant, ..given };
            let signed_in = world.sign_in(&session, screen.is_interactive(), events).await?;
            Ok((Self::of(&world, cluster, signed_in, events), answers))
        };
        let opened = opened.await;
        if opened.is_err() {
            world.place.close().await;
        }
        opened
    }

    /// Of both sides, once each is connected; tells of it.
    pub(super) fn of(world: &World, cluster: Cluster, session: entra::Session, events: &Events) -> Self {
        let caller = session.caller();
        events.tell(Event::Connected {
            tenant: session.tenant().id.clone(),
            tenant_domain: session.tenant().domain.clone(),
            caller: caller.name.clone(),
            sign_in_method: caller.method.to_string(),
            context: cluster.context().to_owned(),
            server: cluster.server_url().to_owned(),
            practice: world.place.is_practice(),
        });
        let target = Target { cluster, session, entrance: world.entrance };
        Self { target, place: Arc::clone(&world.place) }
    }

    /// Ends the practice ground, if there is one, with its state written down.
    pub(super) async fn close(self) {
        self.place.close().await;
    }

    /// What to run next, each with what it is good for.
    pub(super) fn next_commands(&self) -> [(&'static str, &'static str); 3] {
        if self.place.is_practice() {
            [
                ("gatewright practice", "serve this ground, for a browser, curl, kubectl and az"),
                ("gatewright plan --practice", "see that nothing would change"),
                ("gatewright status --practice", "every installation, one line each"),
            ]
        } else {
            [
                ("gatewright plan", "see that nothing would change"),
                ("gatewright status", "every installation, one line each"),
                ("gatewright export DIR", "the objects as files, for a repository"),
            ]
        }
    }
}

/// Commands and what they are good for, as lines.
pub(super) fn commands_text(commands: &[(&str, &str)]) -> String {
    let room = commands.iter().map(|(command, _)| command.len()).max().unwrap_or_default();
    let lines = commands.iter().map(|(command, good_for)| format!("  {command:room$}   {good_for}\n"));
    std::iter::once("Next:\n".to_owned()).chain(lines).collect()
}

impl Place {
    fn is_practice(&self) -> bool {
        !matches!(self, Self::Real)
    }

    /// Ends the practice ground, if there is one, with its state written down.
    #[cfg_attr(
        not(feature = "practice"),
        expect(clippy::unused_async, reason = "it is async where there is a practice ground")
    )]
    pub(super) async fn close(&self) {
        match self {
            Self::Real => {}
            #[cfg(feature = "practice")]
            Self::Practice(ground) => {
                let Some(ground) = ground.lock().await.take() else { return };
                if let Err(error) = ground.stop().await {
                    tracing::error!(%error, "the practice ground did not end cleanly");
                }
            }
        }
    }
}

/// Connects to the cluster alone.
pub(super) async fn cluster_only(global: &Global) -> Result<(Cluster, Arc<Place>), Problem> {
    let world = World::of(global).await?;
    let cluster = world.connect(global.context.as_deref()).await?;
    Ok((cluster, world.place))
}

/// What the command line says of what to connect to.
pub(super) fn given(global: &Global) -> Session {
    Session {
        context: global.context.clone(),
        cloud: global.cloud.clone(),
        sign_in: global.sign_in.map(|method| method.name().to_owned()),
        tenant: global.tenant.clone(),
    }
}

impl World {
    /// Where the command line says; starts the practice ground, if it asks for that.
    pub(super) async fn of(global: &Global) -> Result<Self, Problem> {
        // What is misspelt is told before anything is connected to.
        if let (Some(name), None) = (&global.cloud, &global.practice) {
            cloud(name)?;
        }
        match &global.practice {
            Some(scenario) => {
                let world = practice(scenario).await?;
                // Its own gateway is the only one it has; not to be tried at all may be wanted there too.
                let entrance = global.try_at.filter(|at| *at == Entrance::Nowhere).unwrap_or(world.entrance);
                Ok(Self { entrance, ..world })
            }
            None => Ok(Self {
                place: Arc::new(Place::Real),
                kubeconfig: None,
                cloud: None,
                only_tenant: None,
                environment: Environment::of_process(),
                entrance: global.try_at.unwrap_or_default(),
                methods: &Method::ALL,
            }),
        }
    }

    /// Connects to the cluster of a context; left out, of the current one.
    pub(super) async fn connect(&self, context: Option<&str>) -> Result<Cluster, Problem> {
        // The practice ground's kubeconfig has a context of its own.
        let context = context.filter(|_| !self.place.is_practice());
        cluster::connect(self.kubeconfig.as_deref(), context).await.map_err(|error| Problem {
            tried: "connect to the cluster".to_owned(),
            cause: error.to_string(),
            remedy: "see that `kubectl version` answers with the same context; `--context NAME` chooses another"
                .to_owned(),
            kind: ProblemKind::Failed,
        })
    }

    /// Signs in as `session` says. A device code is told as an event, if it is `interactive`.
    pub(super) async fn sign_in(
        &self,
        session: &Session,
        interactive: bool,
        events: &Events,
    ) -> Result<entra::Session, Problem> {
        let request = self.request(session, interactive)?;
        let shown = ShownCode { events, code: Mutex::default() };
        let on_device_code = |code: &entra::DeviceCode| {
            shown.is(&code.user_code);
            events.tell(Event::DeviceCode {
                url: code.verification_uri.clone(),
                code: code.user_code.clone(),
                expires: code.expires,
            });
        };
        entra::sign_in(request, &on_device_code).await.map_err(|error| {
            let kind = if error.is_not_permitted() { ProblemKind::NotPermitted } else { ProblemKind::Failed };
            Problem {
                tried: "sign in to Entra".to_owned(),
                cause: error.to_string(),
                remedy: "see to that, and run again; nothing has been changed".to_owned(),
                kind,
            }
        })
    }

    /// How to sign in as `session` says.
    pub(super) fn request(&self, session: &Session, interactive: bool) -> Result<SignInRequest, Problem> {
        let method = session.sign_in.as_deref().and_then(Method::named).unwrap_or(Method::Auto);
        Ok(SignInRequest {
            tenant: session.tenant.clone(),
            method,
            interactive,
            environment: self.environment.clone(),
            patience: Patience::default(),
            ..SignInRequest::new(self.cloud(session.cloud.as_deref())?)
        })
    }

    fn cloud(&self, name: Option<&str>) -> Result<CloudEndpoints, Problem> {
        if let Some(cloud) = &self.cloud {
            return Ok(cloud.clone());
        }
        cloud(name.unwrap_or(USUAL_CLOUD))
    }

    /// The kubeconfig, if it is not the usual one.
    pub(super) fn kubeconfig(&self) -> Option<&std::path::Path> {
        self.kubeconfig.as_deref()
    }

    /// The only tenant there is, on the practice ground.
    pub(super) fn only_tenant(&self) -> Option<String> {
        self.only_tenant.clone()
    }

    /// The ways to sign in that make sense here.
    pub(super) fn methods(&self) -> &'static [Method] {
        self.methods
    }
}

fn cloud(name: &str) -> Result<CloudEndpoints, Problem> {
    entra::cloud::of_argument(name).map_err(|error| Problem {
        tried: format!("use the cloud {name}"),
        cause: error.to_string(),
        remedy: "name public, usgov, china, or a file with the cloud's endpoints".to_owned(),
        kind: ProblemKind::UnusableAnswers,
    })
}

/// A device code that is shown for as long as its sign-in goes on, however that ends.
struct ShownCode<'a> {
    events: &'a Events,
    code: Mutex<Option<String>>,
}

impl ShownCode<'_> {
    fn is(&self, code: &str) {
        *self.code.lock().unwrap_or_else(PoisonError::into_inner) = Some(code.to_owned());
    }
}

impl Drop for ShownCode<'_> {
    fn drop(&mut self) {
        if let Some(code) = self.code.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            self.events.tell(Event::DeviceCodeOver { code });
        }
    }
}

#[cfg(feature = "practice")]
async fn practice(scenario: &str) -> Result<World, Problem> {
    use crate::practice::{Ground, GroundOptions, Scenario, StatePlace, Timings, usual_folder};
    let unusable = |cause: String, kind| {
        Problem {
        tried: "start the practice ground".to_owned(),
        cause,
        remedy: "`gatewright practice scenarios` lists the fault stories; its state is kept under XDG_STATE_HOME, else HOME, which must \
                 be writable"
            .to_owned(),
        kind,
    }
    };
    let scenario =
        Scenario::named(scenario).map_err(|error| unusable(error.to_string(), ProblemKind::UnusableAnswers))?;
    let folder = usual_folder().map_err(|error| unusable(error.to_string(), ProblemKind::Failed))?;
    let options = GroundOptions {
        state: StatePlace::Folder(folder),
        timings: Timings::Realistic,
        ..GroundOptions::new(scenario)
    };
    let ground = Ground::start(options).await.map_err(|error| unusable(error.to_string(), ProblemKind::Failed))?;
    let caller = ground.caller();
    let cloud = entra::cloud::from_file(&ground.cloud_file())
        .map_err(|error| unusable(error.to_string(), ProblemKind::Failed))?;
    let environment = Environment::of([
        ("AZURE_CLIENT_ID", &caller.client_id),
        ("AZURE_CLIENT_SECRET", &caller.client_secret),
        ("AZURE_TENANT_ID", &caller.tenant_id),
    ]);
    Ok(World {
        entrance: Entrance::At(([127, 0, 0, 1], ground.ports().edge).into()),
        kubeconfig: Some(ground.kubeconfig()),
        place: Arc::new(Place::Practice(tokio::sync::Mutex::new(Some(Box::new(ground))))),
        cloud: Some(cloud),
        only_tenant: Some(caller.tenant_id.clone()),
        environment,
        methods: &[Method::ServicePrincipal, Method::DeviceCode],
    })
}

#[cfg(not(feature = "practice"))]
#[expect(clippy::unused_async, reason = "it is async where there is a practice ground")]
async fn practice(_scenario: &str) -> Result<World, Problem> {
    Err(Problem {
        tried: "start the practice ground".to_owned(),
        cause: "this gatewright was built without it".to_owned(),
        remedy: "build it with the feature `practice`, which is on by default".to_owned(),
        kind: ProblemKind::UnusableAnswers,
    })
}
