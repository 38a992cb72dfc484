//! What a command works on: a cluster and a tenant, for real or on the practice ground.

use super::{Global, screen::Screen};
use crate::{
    cluster::{self, Cluster},
    engine::{
        Target,
        event::{Event, Events, Problem, ProblemKind},
    },
    entra::{self, Environment, Patience, SignInRequest},
};
use std::path::PathBuf;

/// A cluster and a tenant, and the practice ground they are on, if they are.
pub(super) struct Connection {
    /// What is worked on.
    pub target: Target,
    place: Place,
}

/// Where cluster and tenant are.
pub(super) enum Place {
    /// Where the kubeconfig and `--cloud` say.
    Real,
    /// On a practice ground of this process.
    #[cfg(feature = "practice")]
    Practice(Box<crate::practice::Ground>),
}

/// What it takes to connect.
struct Way {
    place: Place,
    kubeconfig: Option<PathBuf>,
    cloud: crate::facts::CloudEndpoints,
    environment: Environment,
    patience: Patience,
}

impl Connection {
    /// Connects to the cluster and signs in to the tenant. Everything here only reads.
    pub(super) async fn open(
        global: &Global,
        screen: Screen,
        events: &Events,
        tenant: Option<String>,
    ) -> Result<Self, Problem> {
        let way = way(global).await?;
        let cluster = connect(global, &way).await?;
        let request = SignInRequest {
            tenant: global.tenant.clone().or(tenant),
            interactive: screen.is_interactive(),
            environment: way.environment,
            patience: way.patience,
            ..SignInRequest::new(way.cloud)
        };
        let on_device_code = |code: &entra::DeviceCode| {
            events.tell(Event::DeviceCode {
                url: code.verification_uri.clone(),
                code: code.user_code.clone(),
                expires: code.expires,
            });
        };
        let session = entra::sign_in(request, &on_device_code).await.map_err(|error| {
            let kind = if error.is_not_permitted() { ProblemKind::NotPermitted } else { ProblemKind::Failed };
            Problem {
                tried: "sign in to Entra".to_owned(),
                cause: error.to_string(),
                remedy: "see to that, and run again; nothing has been changed".to_owned(),
                kind,
            }
        })?;
        let caller = session.caller();
        events.tell(Event::Connected {
            tenant: session.tenant().id.clone(),
            tenant_domain: session.tenant().domain.clone(),
            caller: caller.name.clone(),
            sign_in_method: caller.method.to_string(),
            context: cluster.context().to_owned(),
            server: cluster.server_url().to_owned(),
            practice: way.place.is_practice(),
        });
        Ok(Self { target: Target { cluster, session }, place: way.place })
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
    pub(super) async fn close(self) {
        match self {
            Self::Real => {}
            #[cfg(feature = "practice")]
            Self::Practice(ground) => {
                if let Err(error) = ground.stop().await {
                    tracing::error!(%error, "the practice ground did not end cleanly");
                }
            }
        }
    }
}

/// Connects to the cluster alone.
pub(super) async fn cluster_only(global: &Global) -> Result<(Cluster, Place), Problem> {
    let way = way(global).await?;
    let cluster = connect(global, &way).await?;
    Ok((cluster, way.place))
}

async fn connect(global: &Global, way: &Way) -> Result<Cluster, Problem> {
    // The practice ground's kubeconfig has a context of its own.
    let context = if way.place.is_practice() { None } else { global.context.as_deref() };
    cluster::connect(way.kubeconfig.as_deref(), context).await.map_err(|error| Problem {
        tried: "connect to the cluster".to_owned(),
        cause: error.to_string(),
        remedy: "see that `kubectl version` answers with the same context; `--context NAME` chooses another".to_owned(),
        kind: ProblemKind::Failed,
    })
}

async fn way(global: &Global) -> Result<Way, Problem> {
    if let Some(scenario) = &global.practice {
        return practice(scenario).await;
    }
    let cloud = entra::cloud::of_argument(&global.cloud).map_err(|error| Problem {
        tried: format!("use the cloud {}", global.cloud),
        cause: error.to_string(),
        remedy: "name public, usgov, china, or a file with the cloud's endpoints".to_owned(),
        kind: ProblemKind::UnusableAnswers,
    })?;
    Ok(Way {
        place: Place::Real,
        kubeconfig: None,
        cloud,
        environment: Environment::of_process(),
        patience: Patience::default(),
    })
}

#[cfg(feature = "practice")]
async fn practice(scenario: &str) -> Result<Way, Problem> {
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
        ("AZURE_CLIENT_ID", caller.client_id),
        ("AZURE_CLIENT_SECRET", caller.client_secret),
        ("AZURE_TENANT_ID", caller.tenant_id),
    ]);
    Ok(Way {
        kubeconfig: Some(ground.kubeconfig()),
        place: Place::Practice(Box::new(ground)),
        cloud,
        environment,
        patience: Patience::default(),
    })
}

#[cfg(not(feature = "practice"))]
#[expect(clippy::unused_async, reason = "it is async where there is a practice ground")]
async fn practice(_scenario: &str) -> Result<Way, Problem> {
    Err(Problem {
        tried: "start the practice ground".to_owned(),
        cause: "this gatewright was built without it".to_owned(),
        remedy: "build it with the feature `practice`, which is on by default".to_owned(),
        kind: ProblemKind::UnusableAnswers,
    })
}
