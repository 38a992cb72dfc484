//! The session store: a Valkey of one pod, in memory (domain.md 6), or a Redis that is there already. Losing it signs people in
//! again, and nothing else.

use super::{
    context::{Context, object_part},
    object::{Part, PartBody, SecretValue, Wave},
    pods,
};
use crate::{
    answers::{Sessions, names::ImageReference},
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
pub(super) const PORT: u16 = 6379;
const PORT_NAME: &str = "tcp-redis";

/// The key of the store's Secret.
pub(super) const PASSWORD_KEY: &str = "password";

/// The user and group of the official images (domain.md 6).
const USER: i64 = 999;

/// The configuration comes over standard input and not as arguments, where `ps` would show the password. There is no `$(...)`
/// in it, which Kubernetes would look at first.
const START: &str = r#"server=redis-server
command -v valkey-server > /dev/null && server=valkey-server
exec "$server" - <<CONFIGURATION
requirepass $REDIS_PASSWORD
save ""
appendonly no
dir /data
maxmemory 100mb
maxmemory-policy volatile-lru
CONFIGURATION
"#;

const ASK: &str = r#"client=redis-cli
command -v valkey-cli > /dev/null && client=valkey-cli
REDISCLI_AUTH="$REDIS_PASSWORD" "$client" ping | grep -q PONG
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
    let annotations =
        BTreeMap::from([("gatewright.dev/checksum-sessions".to_owned(), context.secret_fingerprint(name))]);
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
    Container {
        name: "valkey".to_owned(),
        image: Some(image.to_string()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        // Its last words are told when it does not start; neither program writes a termination message of its own.
        command: Some(shell(START)),
        env: Some(vec![pods::secret_variable("REDIS_PASSWORD", &context.names.store, PASSWORD_KEY)]),
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
