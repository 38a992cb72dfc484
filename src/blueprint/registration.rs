//! The registration in Entra, step by step (domain.md 1.1).

use super::{
    APP_ROLE,
    context::Context,
    object::{GrantResource, Part, PartBody, PartId, RegistrationPart, Wave},
};
use crate::answers::{Consent, EmailClaim};
use uuid::Uuid;

/// What the sign-in proxy asks Microsoft Graph for in people's name; `User.Read` is the walk-through's, the others are
/// the sign-in itself and its renewal.
const GRAPH_SCOPES: [&str; 5] = ["openid", "profile", "email", "offline_access", "User.Read"];

pub(super) fn parts(context: &Context<'_>) -> Vec<Part> {
    let answers = context.answers;
    let role = answers.access.machines.then(|| {
        part(
            "role-assignment",
            "Gives the application its own role, so that its client_credentials tokens are let in.",
            RegistrationPart::RoleAssignment { role: APP_ROLE.to_owned() },
        )
    });
    let by = answers.registration.consent;
    let mut parts = vec![
        application(context),
        part(
            "identifier-uri",
            "Names the application api://CLIENT_ID, so that callers can ask for a token for it.",
            RegistrationPart::IdentifierUri,
        ),
        part(
            "service-principal",
            "Lets the application be used in this tenant, and carries consent and assignments.",
            RegistrationPart::ServicePrincipal { assignment_required: answers.registration.assignment_required },
        ),
        grant(
            "grant/graph",
            "Consents for everybody to sign-in and to reading one's own profile, so that nobody is asked.",
            RegistrationPart::Grant {
                resource: GrantResource::Graph,
                scopes: GRAPH_SCOPES.map(str::to_owned).to_vec(),
                by,
            },
        ),
        grant(
            "grant/own",
            "Consents for everybody to the application's own scope; client_credentials has no moment to ask.",
            RegistrationPart::Grant {
                resource: GrantResource::Own,
                scopes: vec![answers.registration.scope.to_string()],
                by,
            },
        ),
    ];
    parts.extend(role);
    parts.push(part(
        "client-secret",
        "Proves to Entra that it is the sign-in proxy that redeems a person's code.",
        RegistrationPart::ClientSecret {
            display_name: format!("gatewright {}/{}", context.namespace(), context.app()),
            lifetime: answers.registration.secret_lifetime,
        },
    ));
    parts
}

fn application(context: &Context<'_>) -> Part {
    let cluster = &context.facts.cluster.id;
    let (namespace, app) = (context.namespace(), context.app());
    let unique_name = format!("gatewright.{cluster}.{namespace}.{app}");
    // `preferred_username` needs no asking for: it is in every v2 token of a person.
    let optional_claims = match context.answers.access.email_claim {
        EmailClaim::Email => vec!["email".to_owned()],
        EmailClaim::PreferredUsername => Vec::new(),
    };
    let scope = context.answers.registration.scope.to_string();
    part(
        "application",
        match context.answers.registration.adopt {
            None => {
                "Registers the application with its one redirect URI, its scope and its role; tokens are of version 2."
            }
            Some(_) => {
                "Takes over the application that is registered already: adds to it, and removes nothing of others."
            }
        },
        RegistrationPart::Application {
            adopt: context.answers.registration.adopt.clone(),
            display_name: context.answers.registration.display_name.to_string(),
            redirect_uri: super::proxy_config::redirect_uri(context),
            scope: (scope.clone(), permission_id(&unique_name, "scope", &scope)),
            role: (APP_ROLE.to_owned(), permission_id(&unique_name, "role", APP_ROLE)),
            optional_claims,
            tags: vec!["gatewright".to_owned(), format!("gatewright:{cluster}/{namespace}/{app}")],
            unique_name,
        },
    )
}

/// The id of a scope or role if it is new: made from its name, so that a run that was cut short finds it again.
fn permission_id(unique_name: &str, kind: &str, value: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{unique_name}/{kind}/{value}").as_bytes())
}

/// A consent, with who gives it among the reasons.
fn grant(name: &str, why: &str, body: RegistrationPart) -> Part {
    match body {
        RegistrationPart::Grant { by: Consent::HandOver, .. } => {
            let why = format!("{why} The answers leave it to an administrator: it is not tried here.");
            part(name, &why, body)
        }
        _ => part(name, why, body),
    }
}

fn part(name: &str, why: &str, body: RegistrationPart) -> Part {
    Part {
        id: PartId(format!("entra/{name}")),
        wave: Wave::Registration,
        why: why.to_owned(),
        body: PartBody::Registration(body),
        reasons: Vec::new(),
    }
}
