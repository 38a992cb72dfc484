//! What Resource Manager sends, as far as it is read.

use super::DNS_ZONE_CONTRIBUTOR;
use crate::entra::exchange::encode;
use serde::Deserialize;
use uuid::Uuid;

/// Roles that may write a zone's records besides the one that is given here: Contributor and Owner.
const ROLES_THAT_DO: [(&str, &str); 3] = [
    (DNS_ZONE_CONTRIBUTOR, super::DNS_ZONE_CONTRIBUTOR_NAME),
    ("b24988ac-6180-42a0-ab88-20f7382dd24c", "Contributor"),
    ("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "Owner"),
];

/// Where a zone is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneId {
    /// The subscription's id.
    pub subscription: String,
    /// The resource group.
    pub resource_group: String,
    /// The zone's name.
    pub name: String,
}

impl ZoneId {
    /// The zone as a scope of roles.
    pub fn scope(&self) -> String {
        let Self { subscription, resource_group, name } = self;
        format!(
            "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/Microsoft.Network/dnsZones/{name}"
        )
    }

    /// The same in a URL, without a slash in front.
    pub(super) fn path(&self) -> String {
        let Self { subscription, resource_group, name } = self;
        format!(
            "subscriptions/{}/resourceGroups/{}/providers/Microsoft.Network/dnsZones/{}",
            encode(subscription),
            encode(resource_group),
            encode(name)
        )
    }

    /// The name of the assignment that gives `principal` a role on this zone: always the same, so that a run that was cut short
    /// makes no second one. Resource Manager takes names of places in any case.
    pub fn assignment_name(&self, principal: &str, role: &str) -> Uuid {
        let text = format!("{}|{}|{}", self.scope(), principal, role).to_lowercase();
        Uuid::new_v5(&Uuid::NAMESPACE_URL, text.as_bytes())
    }
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Its id, a GUID.
    pub subscription_id: String,
    /// Its name for people.
    #[serde(default)]
    pub display_name: String,
    /// `Enabled`, or why nothing can be done in it.
    #[serde(default)]
    pub state: String,
}

/// A public DNS zone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Zone {
    /// Where it is: `/subscriptions/…/resourceGroups/…/providers/Microsoft.Network/dnszones/…`.
    pub id: String,
    /// The domain it answers for.
    pub name: String,
    /// What else is known of it.
    #[serde(default)]
    pub(super) properties: ZoneProperties,
}

/// What is known of a zone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ZoneProperties {
    zone_type: Option<String>,
}

impl Zone {
    /// The resource group it is in.
    pub fn resource_group(&self) -> &str {
        let mut segments = self.id.split('/');
        segments.find(|segment| segment.eq_ignore_ascii_case("resourceGroups"));
        segments.next().unwrap_or_default()
    }

    /// Whether the world sees it. Nobody out there can check a proof in a private one.
    pub fn is_public(&self) -> bool {
        self.properties.zone_type.as_deref().is_none_or(|kind| kind.eq_ignore_ascii_case("Public"))
    }
}

/// A role that somebody holds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RoleAssignment {
    /// Its name, a GUID.
    pub name: String,
    pub(super) properties: RoleAssignmentProperties,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoleAssignmentProperties {
    pub(super) role_definition_id: String,
    pub(super) scope: String,
}

impl RoleAssignment {
    /// The name of the role, if it may write the records of the zone `at`.
    pub(super) fn may_write_records(&self, at: &ZoneId) -> Option<&'static str> {
        let scope = self.properties.scope.trim_end_matches('/').to_ascii_lowercase();
        let zone = at.scope().to_ascii_lowercase();
        let holds_here = zone == scope || zone.strip_prefix(&scope).is_some_and(|rest| rest.starts_with('/'));
        let role = self.properties.role_definition_id.rsplit('/').next().unwrap_or_default();
        let known = ROLES_THAT_DO.iter().find(|(id, _)| id.eq_ignore_ascii_case(role));
        known.filter(|_| holds_here).map(|(_, name)| *name)
    }

    /// Where it was given: the zone itself, or something around it.
    pub fn scope(&self) -> &str {
        &self.properties.scope
    }
}

/// What the caller may do somewhere.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Permission {
    actions: Vec<String>,
    not_actions: Vec<String>,
}

impl Permission {
    /// Whether `action` is among them.
    pub(super) fn allows(&self, action: &str) -> bool {
        let covers = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, action));
        covers(&self.actions) && !covers(&self.not_actions)
    }
}

/// `*` stands for any text, as Azure's roles use it; upper and lower case are the same.
fn matches(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == action };
    let Some(mut left) = action.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some((_, after)) = left.split_once(piece) else { return false };
        left = after;
    }
    left.ends_with(last)
}

/// One page of a list.
#[derive(Deserialize)]
pub(super) struct Page<T> {
    pub(super) value: Vec<T>,
    #[serde(rename = "nextLink")]
    pub(super) next_link: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::{Permission, ZoneId, matches};

    const WRITE: &str = "Microsoft.Authorization/roleAssignments/write";

    #[test]
    fn given_patterns_of_roles_then_they_cover_what_azure_says() {
        for pattern in ["*", "*/write", "Microsoft.Authorization/*", "microsoft.authorization/*/Write", WRITE] {
            assert!(matches(pattern, WRITE), "{pattern}");
        }
        for pattern in ["*/read", "Microsoft.Network/*", "Microsoft.Authorization/*/delete", ""] {
            assert!(!matches(pattern, WRITE), "{pattern}");
        }
    }

    #[test]
    fn given_a_contributor_then_roles_are_not_theirs_to_give() {
        let role = |actions: &str, not_actions: &str| Permission {
            actions: vec![actions.to_owned()],
            not_actions: vec![not_actions.to_owned()],
        };
        assert!(!role("*", "Microsoft.Authorization/*/Write").allows(WRITE));
        assert!(role("*", "Microsoft.Network/*").allows(WRITE));
    }

    #[test]
    fn given_the_same_zone_in_another_spelling_then_the_assignment_has_the_same_name() {
        let zone = |group: &str| ZoneId {
            subscription: "s".to_owned(),
            resource_group: group.to_owned(),
            name: "example.com".to_owned(),
        };
        assert_eq!(zone("DNS").assignment_name("p", "r"), zone("dns").assignment_name("P", "R"));
        assert_ne!(zone("dns").assignment_name("p", "r"), zone("dns").assignment_name("q", "r"));
    }
}
