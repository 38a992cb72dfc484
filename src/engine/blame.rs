//! Which answer is behind a part, for whoever wants to change it after the part could not be made.

use crate::{answers::Answers, blueprint::PartId};

/// The answers file's key whose answer decides most about the part called `part`; nothing, where no single one does.
pub fn answer_behind(part: &PartId, answers: &Answers) -> Option<&'static str> {
    let (app, namespace) = (answers.application.name.as_str(), answers.application.namespace.as_str());
    let path = part.0.split('/').collect::<Vec<_>>();
    match path.as_slice() {
        ["entra", "application"] if answers.registration.adopt.is_some() => Some("registration.adopt.clientId"),
        ["entra", "application" | "identifier-uri"] => Some("registration.scope"),
        ["entra", "grant", ..] => Some("registration.consent"),
        ["entra", "client-secret"] => Some("registration.secretLifetime"),
        ["mesh", ..] => Some("hook"),
        ["cluster", _, "Namespace", ..] => Some("application.namespace"),
        ["azure", "zone-role"] => Some("certificate.newIssuer.zone"),
        ["cluster", _, "ClusterIssuer", ..] => Some("certificate.newIssuer.server"),
        ["cluster", _, "Certificate", ..] if answers.certificate.new_issuer().is_some() => {
            Some("certificate.newIssuer.zone")
        }
        ["cluster", _, "Certificate", ..] => Some("certificate.issuer"),
        ["cluster", _, "Gateway" | "VirtualService", ..] => Some("application.host"),
        ["cluster", "apps", "Deployment", of, name] if *of == namespace => match name.strip_prefix(app) {
            Some("") => Some("application.deploy.image"),
            Some("-sessions") => Some("sessions.image"),
            Some("-oauth2-proxy") => Some("proxy.image"),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::answer_behind;
    use crate::{answers::file, blueprint::PartId};

    #[test]
    fn given_a_part_that_could_not_be_made_then_the_answer_behind_it_is_known_where_there_is_one() {
        let answers = file::parse(include_str!("../../assets/answers/example.yaml"), "a test").unwrap();
        for (part, answer) in [
            ("cluster/apps/Deployment/myapp/myapp", Some("application.deploy.image")),
            ("cluster/apps/Deployment/myapp/myapp-sessions", Some("sessions.image")),
            ("cluster/apps/Deployment/myapp/myapp-oauth2-proxy", Some("proxy.image")),
            ("cluster/apps/Deployment/other/myapp", None),
            ("cluster/cert-manager.io/Certificate/istio-system/gatewright-myapp-myapp", Some("certificate.issuer")),
            ("azure/zone-role", Some("certificate.newIssuer.zone")),
            ("cluster/networking.istio.io/VirtualService/myapp/myapp", Some("application.host")),
            ("cluster/core/Namespace/myapp", Some("application.namespace")),
            ("entra/application", Some("registration.scope")),
            ("entra/grant/graph", Some("registration.consent")),
            ("mesh/istio-system/istio/gatewright-myapp-myapp", Some("hook")),
            ("proof/locks", None),
        ] {
            assert_eq!(answer_behind(&PartId(part.to_owned()), &answers), answer, "{part}");
        }
    }
}
