//! What the pods that we make have in common.

use super::context::{Context, NAME_LABEL};
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec},
        core::v1::{
            Capabilities, EnvVar, EnvVarSource, PodSpec, PodTemplateSpec, ResourceRequirements, SeccompProfile,
            SecretKeySelector, SecurityContext, Service, ServiceAccount, ServicePort, ServiceSpec,
        },
    },
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{LabelSelector, ObjectMeta},
        util::intstr::IntOrString,
    },
};
use std::collections::BTreeMap;

/// Has the sidecar run before the containers beside it, so that the first connection out finds its way and the first one
/// in finds the sidecar (domain.md 4.6, "Sidecar start race").
pub(super) fn start_after_sidecar() -> (String, String) {
    ("proxy.istio.io/config".to_owned(), r#"{"holdApplicationUntilProxyStarts": true}"#.to_owned())
}

/// The metadata of something that belongs to the pods called `name`.
pub(super) fn metadata(context: &Context<'_>, name: &str, component: &str) -> ObjectMeta {
    let mut metadata = context.metadata(name, component);
    if let Some(labels) = &mut metadata.labels {
        labels.insert(NAME_LABEL.to_owned(), name.to_owned());
    }
    metadata
}

/// The labels that select the pods called `name`.
pub(super) fn selector(name: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(NAME_LABEL.to_owned(), name.to_owned())])
}

/// A Deployment of pods called `name`. The pods carry no label beyond what selects them and has their sidecar injected:
/// any other might be what somebody's Service selects.
pub(super) fn deployment(
    context: &Context<'_>,
    (name, component): (&str, &str),
    replicas: u16,
    annotations: BTreeMap<String, String>,
    pod: PodSpec,
) -> Deployment {
    let mut labels = selector(name);
    labels.extend(context.injection_labels());
    Deployment {
        metadata: metadata(context, name, component),
        spec: Some(DeploymentSpec {
            replicas: Some(i32::from(replicas)),
            selector: LabelSelector { match_labels: Some(selector(name)), ..LabelSelector::default() },
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels),
                    annotations: Some(annotations),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod),
            },
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    }
}

/// A Service in front of the pods called `name`. Istio takes the protocol from the port's name.
pub(super) fn service(context: &Context<'_>, (name, component): (&str, &str), port_name: &str, port: u16) -> Service {
    Service {
        metadata: metadata(context, name, component),
        spec: Some(ServiceSpec {
            ports: Some(vec![ServicePort {
                name: Some(port_name.to_owned()),
                port: i32::from(port),
                protocol: Some("TCP".to_owned()),
                target_port: Some(IntOrString::String(port_name.to_owned())),
                ..ServicePort::default()
            }]),
            selector: Some(selector(name)),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// A service account called `name`.
pub(super) fn service_account(context: &Context<'_>, name: &str, component: &str) -> ServiceAccount {
    ServiceAccount { metadata: metadata(context, name, component), ..ServiceAccount::default() }
}

/// An environment variable that holds a Secret's value.
pub(super) fn secret_variable(name: &str, secret: &str, key: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value_from: Some(EnvVarSource {
            secret_key_ref: Some(SecretKeySelector {
                name: secret.to_owned(),
                key: key.to_owned(),
                ..SecretKeySelector::default()
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}

/// The same for a key that is not always there; without it the variable is not set.
pub(super) fn optional_secret_variable(name: &str, secret: &str, key: &str) -> EnvVar {
    let mut variable = secret_variable(name, secret, key);
    if let Some(selector) = variable.value_from.as_mut().and_then(|source| source.secret_key_ref.as_mut()) {
        selector.optional = Some(true);
    }
    variable
}

/// No more rights than a container needs. On the container and not on the pod: Istio's own init container runs as root.
pub(super) fn confined(user: i64) -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), ..Capabilities::default() }),
        read_only_root_filesystem: Some(true),
        run_as_group: Some(user),
        run_as_non_root: Some(true),
        run_as_user: Some(user),
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), ..SeccompProfile::default() }),
        ..SecurityContext::default()
    }
}

/// The end of a container's log as its last words, where it ended badly: without them nobody learns from its status why.
pub(super) fn last_words() -> String {
    "FallbackToLogsOnError".to_owned()
}

/// Requests and a memory limit. The server writes quantities in its shortest form, so they are given in it.
pub(super) fn resources(cpu: &str, memory: &str, memory_limit: &str) -> ResourceRequirements {
    let quantities = |pairs: &[(&str, &str)]| {
        Some(pairs.iter().map(|(key, value)| ((*key).to_owned(), Quantity((*value).to_owned()))).collect())
    };
    ResourceRequirements {
        requests: quantities(&[("cpu", cpu), ("memory", memory)]),
        limits: quantities(&[("memory", memory_limit)]),
        ..ResourceRequirements::default()
    }
}
