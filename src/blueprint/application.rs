//! The application itself, where we deploy it.

use super::{
    context::{Context, object_part},
    object::{Part, Wave},
    pods,
};
use crate::answers::Workload;
use k8s_openapi::api::core::v1::{Container, ContainerPort, PodSpec};
use std::collections::BTreeMap;

const COMPONENT: &str = "application";
const PORT_NAME: &str = "http";

pub(super) fn parts(context: &Context<'_>) -> Vec<Part> {
    let Workload::Deploy { image, container_port, service_port, replicas } = &context.answers.application.workload
    else {
        return Vec::new();
    };
    let name = context.app();
    let pod = PodSpec {
        containers: vec![Container {
            name: name.to_owned(),
            image: Some(image.to_string()),
            image_pull_policy: Some("IfNotPresent".to_owned()),
            ports: Some(vec![ContainerPort {
                name: Some(PORT_NAME.to_owned()),
                container_port: i32::from(container_port.get()),
                protocol: Some("TCP".to_owned()),
                ..ContainerPort::default()
            }]),
            ..Container::default()
        }],
        service_account_name: Some(name.to_owned()),
        ..PodSpec::default()
    };
    vec![
        object_part(
            Wave::Foundation,
            pods::service_account(context, name, COMPONENT),
            if context.at_gateway() {
                "Gives the application a name of its own inside the mesh, by which policies tell it from others."
            } else {
                "Gives the application a name of its own inside the mesh, so that the sign-in proxy can answer its sidecar alone."
            },
        ),
        object_part(
            Wave::Application,
            pods::service(context, (name, COMPONENT), PORT_NAME, service_port.get()),
            "Where the gateway finds the application.",
        ),
        object_part(
            Wave::Application,
            pods::deployment(context, (name, COMPONENT), *replicas, BTreeMap::from([pods::start_after_sidecar()]), pod),
            if context.at_gateway() {
                "Runs the application, behind the two locks at the gateway."
            } else {
                "Runs the application, with the two locks in its sidecar from its first moment."
            },
        ),
    ]
}
