//! The session store: a Valkey of one pod, in memory (domain.md 6), or a Redis that is there already. Losing it signs people in
//! again, and nothing else.

use super::{
    context::{Context, Names, object_part},
    object::{Part, PartBody, SecretValue, Wave},
    pods,
};
use crate::{
    answers::{Answers, Sessions, names::ImageReference},
    facts::RedisServiceFacts,
};
use k8s_openapi::api::{
    apps::v1::DeploymentStrategy,
    core::v1::{
        Container, ContainerPort, EmptyDirVolumeSource, ExecAction, PodSecurityContext, PodSpec, Probe, Secret, Volume,
        VolumeMount,
    },
};
use std::collections::BTreeMap;

const COMPONENT: &str = "session-store";

/// The port of the store, and its name: the prefix tells Istio that it is not HTTP.
pub const PORT: u16 = 6379;
const PORT_NAME: &str = "tcp-redis";

/// The key of the store's Secret.
pub const PASSWORD_KEY: &str = "password";
/// Beside it in the store's Secret, while a rotation goes on: the password that comes next.
const NEXT_PASSWORD_KEY: &str = "password-next";
/// Beside it in the store's Secret, while a rotation goes on: the password that was in use before.
const PREVIOUS_PASSWORD_KEY: &str = "password-previous";

/// The variable by which the store is told of the password that comes next. A store without it knows one password alone.
pub const NEXT_PASSWORD_VARIABLE: &str = "REDIS_PASSWORD_NEXT";

/// The user and group of the official images (domain.md 6).
const USER: i64 = 999;

/// Takes every password that the Secret holds, so that a store that starts in the middle of a rotation knows whichever its clients
/// use. They are told as hashes, because a server that cannot make sense of a line of its configuration prints it; and the configuration
/// comes over standard input and not as arguments, where `ps` would show it. There is no `$(...)` in it, which Kubernetes would look at
/// first.
const START: &str = r#"server=redis-server
command -v valkey-server > /dev/null && server=valkey-server
: "${REDIS_PASSWORD:?is empty}"
passwords=
for password in "$REDIS_PASSWORD" "$REDIS_PASSWORD_NEXT" "$REDIS_PASSWORD_PREVIOUS"; do
  hash=`printf %s "$password" | sha256sum | cut -c 1-64`
  test -z "$password" || passwords="$passwords #$hash"
done
exec "$server" - <<CONFIGURATION
user default on $passwords ~* +@all
save ""
appendonly no
dir /data
maxmemory 100mb
maxmemory-policy volatile-lru
CONFIGURATION
"#;

/// Asks without a password: the one that the container was started with may have been taken away since, and whoever refuses an answer
/// for want of one is there.
const ASK: &str = r#"client=redis-cli
command -v valkey-cli > /dev/null && client=valkey-cli
"$client" ping 2>&1 | grep -q -e PONG -e NOAUTH
"#;

/// How long a connection is kept that nobody uses, in seconds. A Redis may cut one without a word (its `timeout`; Azure's after ten
/// minutes), and the proxy must have given it up before (domain.md 6).
pub(super) const IDLE_SECONDS: u32 = 60;

/// Where a Redis that is there already lies.
pub(super) enum Place<'a> {
    /// Behind a Service of this cluster.
    Service(&'a RedisServiceFacts),
    /// Where the mesh's registry does not know it.
    Outside,
}

/// Where `redis` lies, seen from here.
pub(super) fn place<'a>(context: &'a Context<'_>) -> Place<'a> {
    let found = context.facts.cluster.redis.as_ref().and_then(|facts| facts.service.as_ref());
    found.map_or(Place::Outside, Place::Service)
}

/// The URL by which the sign-in proxy reaches the store; there is no secret in it.
pub(super) fn url(context: &Context<'_>) -> String {
    let Sessions::Existing(redis) = &context.answers.sessions else {
        return format!("redis://{}:{PORT}", context.service_host(&context.names.store));
    };
    let scheme = if redis.address.tls() { "rediss" } else { "redis" };
    let host = match place(context) {
        Place::Service(service) => format!("{}.{}.svc.cluster.local", service.name, service.namespace),
        Place::Outside => redis.address.host().to_owned(),
    };
    format!("{scheme}://{host}:{}", redis.address.port())
}

/// The Secret in the application's namespace and the key in it that hold the password.
pub(super) fn password_at<'a>(context: &'a Context<'_>) -> (&'a str, &'a str) {
    match &context.answers.sessions {
        Sessions::Own { .. } => (&context.names.store, PASSWORD_KEY),
        Sessions::Existing(redis) => (redis.password.secret.as_str(), redis.password.key.as_str()),
    }
}

/// The labels of the pods of a session store that is ours.
pub fn session_store_labels(answers: &Answers) -> BTreeMap<String, String> {
    pods::selector(&Names::of(answers).store)
}

/// Nothing, where the store is there already.
pub(super) fn parts(context: &Context<'_>) -> Vec<Part> {
    let Sessions::Own { image } = &context.answers.sessions else { return Vec::new() };
    let name = context.names.store.as_str();
    vec![
        secret(context),
        object_part(
            Wave::Foundation,
            pods::service_account(context, name, COMPONENT),
            "Gives the session store a name of its own inside the mesh.",
        ),
        object_part(
            Wave::SessionStore,
            pods::service(context, (name, COMPONENT), PORT_NAME, PORT),
            "Where the sign-in proxy finds the session store.",
        )
        .because("/spec/ports/0/name", "Istio takes the protocol from it: this is not HTTP"),
        deployment(context, image),
    ]
}

fn secret(context: &Context<'_>) -> Part {
    let mut part = object_part(
        Wave::Foundation,
        Secret {
            metadata: pods::metadata(context, &context.names.store, COMPONENT),
            type_: Some("Opaque".to_owned()),
            ..Secret::default()
        },
        "Holds the password of the session store; without one, whoever reaches it could forge sessions.",
    );
    if let PartBody::Manifest(manifest) = &mut part.body {
        manifest.secrets.insert(PASSWORD_KEY.to_owned(), SecretValue::Random { bytes: 32 });
    }
    part
}

fn deployment(context: &Context<'_>, image: &ImageReference) -> Part {
    let name = context.names.store.as_str();
    // Of the password that the store was started with: a rotation tells it of another one while it runs, and a new pod would have
    // forgotten every session.
    let annotations =
        BTreeMap::from([("gatewright.dev/checksum-sessions".to_owned(), context.fingerprint_at_start(name))]);
    let pod = PodSpec {
        automount_service_account_token: Some(false),
        containers: vec![container(context, image)],
        // The volume is given to the group, whichever id the image's own group has.
        security_context: Some(PodSecurityContext { fs_group: Some(USER), ..PodSecurityContext::default() }),
        service_account_name: Some(name.to_owned()),
        volumes: Some(vec![Volume {
            name: "data".to_owned(),
            empty_dir: Some(EmptyDirVolumeSource::default()),
            ..Volume::default()
        }]),
        ..PodSpec::default()
    };
    let mut deployment = pods::deployment(context, (name, COMPONENT), 1, annotations, pod);
    if let Some(spec) = &mut deployment.spec {
        // Two stores side by side would each know half of the sessions.
        spec.strategy =
            Some(DeploymentStrategy { type_: Some("Recreate".to_owned()), ..DeploymentStrategy::default() });
    }
    object_part(
        Wave::SessionStore,
        deployment,
        "Keeps sessions, because Entra's tokens do not fit into cookies; it keeps them in memory, so losing it signs people \
         in again and nothing else.",
    )
    .because("/spec/strategy/type", "two stores side by side would each know half of the sessions")
}

fn container(context: &Context<'_>, image: &ImageReference) -> Container {
    let shell = |script: &str| vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()];
    let store = context.names.store.as_str();
    Container {
        name: "valkey".to_owned(),
        image: Some(image.to_string()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        // Its last words are told when it does not start; neither program writes a termination message of its own.
        command: Some(shell(START)),
        env: Some(vec![
            pods::secret_variable("REDIS_PASSWORD", store, PASSWORD_KEY),
            pods::optional_secret_variable(NEXT_PASSWORD_VARIABLE, store, NEXT_PASSWORD_KEY),
            pods::optional_secret_variable("REDIS_PASSWORD_PREVIOUS", store, PREVIOUS_PASSWORD_KEY),
        ]),
        ports: Some(vec![ContainerPort {
            name: Some(PORT_NAME.to_owned()),
            container_port: i32::from(PORT),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }]),
        readiness_probe: Some(Probe {
            exec: Some(ExecAction { command: Some(shell(ASK)) }),
            period_seconds: Some(5),
            timeout_seconds: Some(3),
            ..Probe::default()
        }),
        resources: Some(pods::resources("20m", "64Mi", "192Mi")),
        security_context: Some(pods::confined(USER)),
        termination_message_policy: Some(pods::last_words()),
        volume_mounts: Some(vec![VolumeMount {
            name: "data".to_owned(),
            mount_path: "/data".to_owned(),
            ..VolumeMount::default()
        }]),
        ..Container::default()
    }
}
