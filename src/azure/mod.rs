//! Azure Resource Manager: subscriptions, DNS zones, and who holds which role on a zone (domain.md 8).
//!
//! It is spoken to in the name of whoever is signed in to Entra, with a token of its own, over the same pipeline
//! (docs/decisions/resource-manager.md). What is asked of the world, so that the practice ground can be held against it:
//!
//! | request | for |
//! |---|---|
//! | `GET /subscriptions` (2022-12-01) | the subscriptions to choose from |
//! | `GET /subscriptions/{id}/providers/Microsoft.Network/dnsZones` (2018-05-01) | their zones |
//! | `GET {zone}` (2018-05-01) | whether a zone is there |
//! | `GET {zone}/providers/Microsoft.Authorization/permissions` (2022-04-01) | what the caller may do on it |
//! | `GET {zone}/providers/Microsoft.Authorization/roleAssignments?$filter=assignedTo('…')` (2022-04-01) | what an identity holds on it |
//! | `PUT {zone}/providers/Microsoft.Authorization/roleAssignments/{name}` (2022-04-01) | the role |

mod error;
mod manager;
#[cfg(test)]
#[cfg(feature = "practice")]
mod tests;
mod wire;

pub use error::{Error, MissingRight};
pub use manager::{Assigned, ResourceManager};
pub use wire::{RoleAssignment, Subscription, Zone, ZoneId};

/// The built-in role that may write every record of a public zone, and nothing else (domain.md 5.4).
pub const DNS_ZONE_CONTRIBUTOR: &str = "befefa01-2a29-4197-83a8-272ff33ce314";
/// Its name.
pub const DNS_ZONE_CONTRIBUTOR_NAME: &str = "DNS Zone Contributor";
