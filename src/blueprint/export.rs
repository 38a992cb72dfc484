//! The parts as files that `kubectl apply --server-side -R -f DIR` takes, each with its why.

use super::{
    object::{
        GrantResource, HistoryNote, Manifest, MeshProvider, Part, PartBody, RegistrationPart, SecretValue, ZoneRole,
    },
    reasons::{FieldReason, yaml},
};
use crate::answers::{Adopt, Consent};
use std::fmt::Write as _;

/// A file of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportFile {
    /// Its name; the number gives the order in which files are applied.
    pub name: String,
    /// What is in it.
    pub content: String,
}

/// The parts as files. Objects are `.yaml`; what kubectl can't apply, the steps in Entra and the entry in the mesh
/// configuration, is `.txt`, which kubectl passes over. No secret value is ever in them.
pub fn export(parts: &[Part]) -> Vec<ExportFile> {
    parts
        .iter()
        .enumerate()
        .map(|(index, part)| {
            let extension = if matches!(part.body, PartBody::Manifest(_)) { "yaml" } else { "txt" };
            let name = format!("{:03}-{}.{extension}", (index + 1) * 10, file_stem(part));
            ExportFile { name, content: document(part) }
        })
        .collect()
}

/// One part as a document, with its why as a comment, and the reasons of its fields behind them.
pub fn document(part: &Part) -> String {
    let mut text = format!("# {}\n", part.why);
    match &part.body {
        PartBody::Manifest(manifest) => text.push_str(&manifest_document(manifest, &part.reasons)),
        PartBody::MeshProvider(provider) => text.push_str(&provider_document(provider, &part.reasons)),
        PartBody::ZoneRole(role) => {
            for (key, value) in zone_role_lines(role) {
                let _infallible = writeln!(text, "{key}: {value}");
            }
        }
        PartBody::Registration(step) => {
            for (key, value) in registration_lines(step) {
                let _infallible = writeln!(text, "{key}: {value}");
            }
        }
        PartBody::History(note) => {
            for (key, value) in history_lines(note) {
                let _infallible = writeln!(text, "{key}: {value}");
            }
        }
    }
    text
}

fn file_stem(part: &Part) -> String {
    match &part.body {
        PartBody::Manifest(Manifest { object, .. }) => {
            let text = |pointer: &str| object.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default();
            format!("{}-{}", text("/kind").to_lowercase(), text("/metadata/name"))
        }
        PartBody::MeshProvider(_) => "mesh-provider".to_owned(),
        PartBody::Registration(_) | PartBody::ZoneRole(_) | PartBody::History(_) => part.id.0.replace('/', "-"),
    }
}

fn manifest_document(manifest: &Manifest, reasons: &[FieldReason]) -> String {
    let mut text = String::new();
    if !manifest.secrets.is_empty() {
        text.push_str("# Its values are not in this file; `gatewright setup` fills them in:\n");
        for (key, source) in &manifest.secrets {
            let _infallible = writeln!(text, "#   {key}: {}", describe_secret(source));
        }
    }
    text.push_str(&yaml(&manifest.object, reasons));
    text
}

fn describe_secret(source: &SecretValue) -> String {
    match source {
        SecretValue::Random { bytes } => format!("{bytes} random bytes in base64url without padding"),
        SecretValue::ClientSecret => "the client secret of the registration".to_owned(),
        SecretValue::SameAs { secret, key } => format!("the same as `{key}` of Secret `{secret}`"),
    }
}

fn provider_document(provider: &MeshProvider, reasons: &[FieldReason]) -> String {
    let MeshProvider { namespace, config_map, key, entry } = provider;
    format!(
        "# The ConfigMap `{config_map}` in namespace `{namespace}` is somebody else's: add this entry to the list \
         `extensionProviders` in the\n# document under its key `{key}`, and leave the rest as it is.\n{}",
        yaml(&serde_json::Value::Array(vec![entry.clone()]), reasons)
    )
}

/// What a step in Entra is about, as lines of a key and a value.
pub fn registration_lines(step: &RegistrationPart) -> Vec<(&'static str, String)> {
    match step {
        RegistrationPart::Application {
            unique_name,
            adopt,
            display_name,
            redirect_uri,
            scope,
            role,
            optional_claims,
            tags,
        } => {
            let mut lines = vec![
                ("uniqueName", unique_name.clone()),
                ("displayName", display_name.clone()),
                ("signInAudience", "AzureADMyOrg".to_owned()),
                ("requestedAccessTokenVersion", "2".to_owned()),
                ("redirectUri", redirect_uri.clone()),
                ("scope", format!("{} ({})", scope.0, scope.1)),
                ("appRole", format!("{} ({})", role.0, role.1)),
                ("optionalClaims", listed(optional_claims)),
                ("tags", listed(tags)),
            ];
            if let Some(adopt) = adopt {
                take_over(&mut lines, adopt);
            }
            lines
        }
        RegistrationPart::IdentifierUri => vec![("identifierUri", "api://CLIENT_ID".to_owned())],
        RegistrationPart::ServicePrincipal { assignment_required } => {
            vec![("appRoleAssignmentRequired", assignment_required.to_string())]
        }
        RegistrationPart::Grant { resource, scopes, by } => {
            let resource = match resource {
                GrantResource::Graph => "Microsoft Graph",
                GrantResource::Own => "the application itself",
            };
            let mut lines = vec![("resource", resource.to_owned()), ("scopes", listed(scopes))];
            if *by == Consent::HandOver {
                lines.push(("givenBy", "an administrator, from the link that is handed over".to_owned()));
            }
            lines
        }
        RegistrationPart::RoleAssignment { role } => vec![("appRole", role.clone())],
        RegistrationPart::ClientSecret { display_name, lifetime } => {
            vec![("displayName", display_name.clone()), ("lifetime", lifetime.to_string())]
        }
    }
}

/// What a role on a zone is about, as lines of a key and a value.
fn zone_role_lines(role: &ZoneRole) -> Vec<(&'static str, String)> {
    vec![
        ("role", "DNS Zone Contributor".to_owned()),
        ("identity", role.client_id.to_string()),
        ("zone", role.zone.name.to_string()),
        ("resourceGroup", role.zone.resource_group.to_string()),
        ("subscription", role.zone.subscription.to_string()),
        ("description", role.description.clone()),
    ]
}

/// What a run writes down of itself, as lines of a key and a value.
fn history_lines(note: &HistoryNote) -> [(&'static str, String); 2] {
    [
        ("configMap", format!("{}/{}", note.namespace, note.config_map)),
        (
            "adds",
            "when, what, how it ended, who, how many objects of each kind, the version of this program".to_owned(),
        ),
    ]
}

/// What is there already is kept, and these lines are added to it.
fn take_over(lines: &mut Vec<(&'static str, String)>, adopt: &Adopt) {
    let stays = |key: &str| key == "signInAudience" || (key == "displayName" && !adopt.rename);
    for (_, value) in lines.iter_mut().filter(|(key, _)| stays(key)) {
        "stays as it is".clone_into(value);
    }
    lines.insert(0, ("takesOver", format!("{}; what others have in it stays", adopt.client_id)));
}

fn listed(items: &[String]) -> String {
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}
