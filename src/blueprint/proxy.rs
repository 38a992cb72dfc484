//! The sign-in proxy itself.

use super::{
    context::{Context, object_part},
    object::{Known, Part, PartBody, SecretValue, Wave},
    pods, proxy_config, session_store,
};
use crate::secret::Fingerprint;
use k8s_openapi::{
    api::core::v1::{
        ConfigMap, ConfigMapVolumeSource, Container, ContainerPort, HTTPGetAction, Lifecycle, LifecycleHandler,
        PodSpec, Probe, Secret, SleepAction, Volume, VolumeMount,
    },
    apimachinery::pkg::util::intstr::IntOrString,
};
use std::collections::BTreeMap;

const COMPONENT: &str = "oauth2-proxy";

/// The port of the proxy's Service. Its name tells Istio that it is HTTP.
pub(super) const SERVICE_PORT: u16 = 80;
const PORT_NAME: &str = "http";

/// The key of the proxy's Secret that holds the client secret.
pub const CLIENT_SECRET_KEY: &str = "client-secret";
/// The key of the proxy's Secret that holds the cookie secret.
pub const COOKIE_SECRET_KEY: &str = "cookie-secret";

/// On the proxy's pods: a fingerprint of the client secret and the cookie secret, so that pods follow them.
pub const CREDENTIALS_CHECKSUM: &str = "gatewright.dev/checksum-credentials";
/// On the proxy's pods: a fingerprint of the session store's password.
pub const SESSIONS_CHECKSUM: &str = "gatewright.dev/checksum-sessions";

/// How long a pod of the proxy goes on serving once it is to end, in seconds. Envoys ask it until they have heard that it goes; istiod
/// tells them after 100 ms as a rule, and after ten seconds where much changes at once (its `PILOT_DEBOUNCE_MAX`).
const SECONDS_BEFORE_THE_END: i64 = 10;

const CONFIG_FOLDER: &str = "/etc/oauth2-proxy";

/// The user of the image since 7.3 (domain.md 3.1).
const USER: i64 = 65_532;

pub(super) fn parts(context: &Context<'_>) -> Vec<Part> {
    let name = context.names.proxy.as_str();
    vec![
        secret(context),
        object_part(
            Wave::Foundation,
            pods::service_account(context, name, COMPONENT),
            "Gives the sign-in proxy a name of its own inside the mesh, so that the session store can let it alone in.",
        ),
        object_part(
            Wave::Proxy,
            ConfigMap {
                metadata: pods::metadata(context, name, COMPONENT),
                data: Some(BTreeMap::from([(proxy_config::CONFIG_KEY.to_owned(), proxy_config::render(context))])),
                ..ConfigMap::default()
            },
            "Tells the sign-in proxy whom to ask, whom to let in and what to answer; there is no secret in it.",
        ),
        object_part(
            Wave::Proxy,
            pods::service(context, (name, COMPONENT), PORT_NAME, SERVICE_PORT),
            "Where Envoy asks whether a request may pass, and where sign-in itself is routed to.",
        )
        .because("/spec/ports/0/name", "Istio takes the protocol from it"),
        deployment(context),
    ]
}

fn secret(context: &Context<'_>) -> Part {
    let mut part = object_part(
        Wave::Foundation,
        Secret {
            metadata: pods::metadata(context, &context.names.proxy, COMPONENT),
            type_: Some("Opaque".to_owned()),
            ..Secret::default()
        },
        "Holds the client secret of the registration, and the key that signs and encrypts the session cookies.",
    );
    if let PartBody::Manifest(manifest) = &mut part.body {
        manifest.secrets.insert(CLIENT_SECRET_KEY.to_owned(), SecretValue::ClientSecret);
        manifest.secrets.insert(COOKIE_SECRET_KEY.to_owned(), SecretValue::Random { bytes: 32 });
    }
    part
}

fn deployment(context: &Context<'_>) -> Part {
    let names = &context.names;
    // The client id stands in the configuration, so its checksum is known no sooner.
    let config_checksum = match &context.existing.registered {
        Known::Now(_) => Known::Now(Fingerprint::of(proxy_config::render(context).as_bytes()).to_string()),
        Known::Later(when) => Known::Later(when),
    };
    let (password_secret, _) = session_store::password_at(context);
    // A pod reads its configuration and its secrets once; these have it replaced when they change (models.md B10).
    let annotations = BTreeMap::from([
        ("gatewright.dev/checksum-config".to_owned(), config_checksum.text()),
        (CREDENTIALS_CHECKSUM.to_owned(), context.secret_fingerprint(&names.proxy)),
        (SESSIONS_CHECKSUM.to_owned(), context.secret_fingerprint(password_secret)),
        pods::start_after_sidecar(),
    ]);
    let pod = PodSpec {
        automount_service_account_token: Some(false),
        containers: vec![container(context)],
        service_account_name: Some(names.proxy.clone()),
        volumes: Some(vec![Volume {
            name: "config".to_owned(),
            config_map: Some(ConfigMapVolumeSource { name: names.proxy.clone(), ..ConfigMapVolumeSource::default() }),
            ..Volume::default()
        }]),
        ..PodSpec::default()
    };
    object_part(
        Wave::Proxy,
        pods::deployment(context, (&names.proxy, COMPONENT), context.answers.proxy.replicas, annotations, pod),
        "Sends strangers to Entra, keeps their sessions, and answers Envoy whether a request may pass.",
    )
    .because(
        "/spec/template/metadata/annotations/proxy.istio.io~1config",
        "its first connection, to Entra, needs the sidecar",
    )
    .because("/spec/template/spec/automountServiceAccountToken", "it never speaks to Kubernetes")
    .because(
        "/spec/template/spec/containers/0/lifecycle/preStop/sleep/seconds",
        "Envoys ask a pod that ends until they hear of its end",
    )
}

fn container(context: &Context<'_>) -> Container {
    let names = &context.names;
    let (password_secret, password_key) = session_store::password_at(context);
    Container {
        name: "oauth2-proxy".to_owned(),
        image: Some(context.answers.proxy.image.to_string()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        // Its last words are told when it does not start; neither program writes a termination message of its own.
        args: Some(vec![format!("--config={CONFIG_FOLDER}/{}", proxy_config::CONFIG_KEY)]),
        env: Some(vec![
            pods::secret_variable("OAUTH2_PROXY_CLIENT_SECRET", &names.proxy, CLIENT_SECRET_KEY),
            pods::secret_variable("OAUTH2_PROXY_COOKIE_SECRET", &names.proxy, COOKIE_SECRET_KEY),
            pods::secret_variable("OAUTH2_PROXY_REDIS_PASSWORD", password_secret, password_key),
        ]),
        ports: Some(vec![ContainerPort {
            name: Some(PORT_NAME.to_owned()),
            container_port: i32::from(proxy_config::PORT),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }]),
        // On its own it stops listening at once, while Envoys still ask it: requests would fail at every change of its pods.
        lifecycle: context.facts.cluster.containers_can_sleep().then(|| Lifecycle {
            pre_stop: Some(LifecycleHandler {
                sleep: Some(SleepAction { seconds: SECONDS_BEFORE_THE_END }),
                ..LifecycleHandler::default()
            }),
            ..Lifecycle::default()
        }),
        liveness_probe: Some(probe(proxy_config::PING, 10, 3)),
        readiness_probe: Some(probe(proxy_config::READY, 5, 3)),
        // Reading Entra's metadata and reaching the store at the start can take a while on a fresh node.
        startup_probe: Some(probe(proxy_config::READY, 2, 30)),
        resources: Some(pods::resources("20m", "64Mi", "192Mi")),
        security_context: Some(pods::confined(USER)),
        termination_message_policy: Some(pods::last_words()),
        volume_mounts: Some(vec![VolumeMount {
            name: "config".to_owned(),
            mount_path: CONFIG_FOLDER.to_owned(),
            read_only: Some(true),
            ..VolumeMount::default()
        }]),
        ..Container::default()
    }
}

fn probe(path: &str, period: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(PORT_NAME.to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period),
        failure_threshold: Some(failures),
        timeout_seconds: Some(5),
        ..Probe::default()
    }
}
