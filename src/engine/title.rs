//! Names for people.

use super::event::Title;
use crate::blueprint::{GrantResource, HistoryNote, Part, PartBody, RegistrationPart};
use serde_json::Value;

/// The name of `part` for people.
pub(super) fn of(part: &Part) -> Title {
    match &part.body {
        PartBody::Manifest(manifest) => of_object(&manifest.object),
        PartBody::MeshProvider(provider) => {
            let entry = provider.entry.get("name").and_then(Value::as_str).unwrap_or("?");
            title("Mesh provider", &format!("{entry} in {}/{}", provider.namespace, provider.config_map))
        }
        PartBody::Registration(part) => of_registration(part),
        PartBody::ZoneRole(role) => {
            title("Zone role", &format!("{} on {}", crate::azure::DNS_ZONE_CONTRIBUTOR_NAME, role.zone.name))
        }
        PartBody::History(note) => of_history(note),
    }
}

/// The name of what is written down of a run, for people.
pub(super) fn of_history(note: &HistoryNote) -> Title {
    title("History", &format!("{}/{}", note.namespace, note.config_map))
}

/// The name of an object for people.
pub(super) fn of_object(object: &Value) -> Title {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let name = text("/metadata/name").unwrap_or("?");
    let name = text("/metadata/namespace").map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"));
    title(text("/kind").unwrap_or("?"), &name)
}

fn of_registration(part: &RegistrationPart) -> Title {
    match part {
        RegistrationPart::Application { display_name, scope, role, .. } => {
            title("Application", &format!("{display_name}, scope {}, role {}", scope.0, role.0))
        }
        RegistrationPart::IdentifierUri => title("Identifier URI", "api://CLIENT-ID"),
        RegistrationPart::ServicePrincipal { .. } => title("Service principal", "of the application"),
        RegistrationPart::Grant { resource, scopes, .. } => {
            let of_whom = match resource {
                GrantResource::Graph => "Microsoft Graph",
                GrantResource::Own => "the application",
            };
            title("Consent", &format!("{} of {of_whom}", scopes.join(" ")))
        }
        RegistrationPart::RoleAssignment { role } => title("Role assignment", &format!("{role} to the application")),
        RegistrationPart::ClientSecret { display_name, lifetime } => {
            title("Client secret", &format!("{display_name}, {lifetime}"))
        }
    }
}

fn title(kind: &str, name: &str) -> Title {
    Title { kind: kind.to_owned(), name: name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::of_object;
    use serde_json::json;

    #[test]
    fn given_a_namespaced_object_then_its_title_has_the_namespace() {
        let object = json!({"kind": "Service", "metadata": {"name": "a", "namespace": "b"}});
        assert_eq!(of_object(&object).name, "b/a");
    }
}
