//! The session store: a Valkey of one pod, in memory (domain.md 6). Losing it signs people in again, and nothing else.

use super::{
    context::{Context, object_part},
    object::{Part, PartBody, SecretValue, Wave},
    pods,
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

pub(super) fn parts(context: &Context<'_>) -> Vec<Part> {
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
        ),
        deployment(context),
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

fn deployment(context: &Context<'_>) -> Part {
    let name = context.names.store.as_str();
    let annotations =
        BTreeMap::from([("gatewright.dev/checksum-sessions".to_owned(), context.secret_fingerprint(name))]);
    let pod = PodSpec {
        automount_service_account_token: Some(false),
        containers: vec![container(context)],
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
}

fn container(context: &Context<'_>) -> Container {
    let shell = |script: &str| vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()];
    Container {
        name: "valkey".to_owned(),
        image: Some(context.answers.sessions.image.to_string()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
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
        volume_mounts: Some(vec![VolumeMount {
            name: "data".to_owned(),
            mount_path: "/data".to_owned(),
            ..VolumeMount::default()
        }]),
        ..Container::default()
    }
}
