//! Where a role is assigned: the subscription, a resource group, or a DNS zone.

use super::{Core, Refusal, SUBSCRIPTION, is};

/// A place that is there, as Resource Manager spells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scope(String);

impl Scope {
    /// What stands behind `/subscriptions/ID` in a path.
    pub(super) fn read(core: &Core, segments: &[&str]) -> Result<Self, Refusal> {
        let subscription = format!("/subscriptions/{SUBSCRIPTION}");
        let no_group = |group: &str| {
            Refusal::not_found("ResourceGroupNotFound", format!("Resource group '{group}' could not be found."))
        };
        let group_there = |group: &str| core.directory.azure.zones.iter().find(|zone| is(&zone.resource_group, group));
        match segments {
            [] => Ok(Self(subscription)),
            [groups, group] if is(groups, "resourceGroups") => {
                let there = group_there(group).ok_or_else(|| no_group(group))?;
                Ok(Self(format!("{subscription}/resourceGroups/{}", there.resource_group)))
            }
            [groups, group, providers, network, zones, zone]
                if is(groups, "resourceGroups")
                    && is(providers, "providers")
                    && is(network, "Microsoft.Network")
                    && is(zones, "dnsZones") =>
            {
                group_there(group).ok_or_else(|| no_group(group))?;
                let there = core.directory.azure.zone(group, zone).ok_or_else(|| no_zone(group, zone))?;
                Ok(Self(there.id()))
            }
            _ => Err(Refusal::bad_request("InvalidScope", "The scope is not one that the practice tenant knows.")),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether what holds at `other` holds here too.
    pub(super) fn is_at_or_below(&self, other: &str) -> bool {
        let (here, other) = (self.0.to_ascii_lowercase(), other.to_ascii_lowercase());
        here == other || here.strip_prefix(&other).is_some_and(|rest| rest.starts_with('/'))
    }

    /// Whether `other` is further down.
    pub(super) fn is_above(&self, other: &str) -> bool {
        Self(other.to_owned()).is_at_or_below(&self.0)
    }
}

pub(super) fn no_zone(group: &str, zone: &str) -> Refusal {
    Refusal::not_found(
        "ResourceNotFound",
        format!(
            "The Resource 'Microsoft.Network/dnszones/{zone}' under resource group '{group}' was not found. For more details \
             please go to https://aka.ms/ARMResourceNotFoundFix"
        ),
    )
}
