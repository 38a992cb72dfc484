//! DNS zones.

use super::{
    Call, Caller, Core, Refusal, Reply, SUBSCRIPTION, is, must_be_served, records, records::TextRecords,
    roles::RoleAssignment, scope,
};
use axum::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The versions of the type that are served (Azure REST reference, DNS).
const VERSIONS: &[&str] =
    &["2016-04-01", "2017-09-01", "2017-10-01", "2018-03-01-preview", "2018-05-01", "2023-07-01-preview"];

/// What Resource Manager remembers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::practice::tenant) struct Azure {
    pub(super) zones: Vec<Zone>,
    pub(super) role_assignments: Vec<RoleAssignment>,
}

/// A public DNS zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::practice::tenant) struct Zone {
    pub(super) resource_group: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) texts: Vec<TextRecords>,
}

impl Azure {
    pub(super) fn zone(&self, group: &str, name: &str) -> Option<&Zone> {
        self.zones.iter().find(|zone| is(&zone.resource_group, group) && is(&zone.name, name))
    }

    pub(super) fn zone_to_change(&mut self, group: &str, name: &str) -> Option<&mut Zone> {
        self.zones.iter_mut().find(|zone| is(&zone.resource_group, group) && is(&zone.name, name))
    }
}

impl Zone {
    pub(super) fn id(&self) -> String {
        format!(
            "/subscriptions/{SUBSCRIPTION}/resourceGroups/{}/providers/Microsoft.Network/dnszones/{}",
            self.resource_group, self.name
        )
    }

    fn shown(&self) -> Value {
        let servers: Vec<String> = ["com", "net", "org", "info"]
            .iter()
            .enumerate()
            .map(|(number, ending)| format!("ns{}-01.azure-dns.{ending}.", number + 1))
            .collect();
        json!({
            "id": self.id(), "name": self.name, "type": "Microsoft.Network/dnszones", "location": "global", "tags": {},
            "etag": "00000002-0000-0000-0000-000000000000",
            "properties": {
                "maxNumberOfRecordSets": 10_000, "maxNumberOfRecordsPerRecordSet": null, "nameServers": servers,
                "numberOfRecordSets": 2, "zoneType": "Public",
            },
        })
    }
}

/// The zones that are there before anybody comes, and the role that the platform's issuers rest on.
pub(in crate::practice::tenant) fn seeded() -> Azure {
    let zone =
        |name: &str, group: &str| Zone { resource_group: group.to_owned(), name: name.to_owned(), texts: Vec::new() };
    let zones =
        vec![zone("cluster.example.com", "dns"), zone("example.com", "dns"), zone("fabrikam.example", "acquired")];
    let platform = zones.first().map(|zone| RoleAssignment::of_the_platform(&zone.id()));
    Azure { role_assignments: platform.into_iter().collect(), zones }
}

/// Answers a request for zones; `at` is what stands before `providers`, `name` what stands behind `dnsZones`.
pub(super) fn answer(
    core: &mut Core,
    call: &Call,
    caller: &Caller,
    at: &[&str],
    name: &[&str],
) -> Result<Reply, Refusal> {
    must_be_served(call, "dnsZones", VERSIONS)?;
    if let ([groups, group], [zone, kind, record @ ..]) = (at, name)
        && is(groups, "resourceGroups")
        && is(kind, "TXT")
    {
        return records::answer(core, call, caller, (group, zone), record);
    }
    if call.method != Method::GET {
        return Err(Refusal::method_not_allowed(call));
    }
    let group = match at {
        [] => None,
        [groups, group] if is(groups, "resourceGroups") => Some(*group),
        _ => return Err(Refusal::unknown(call)),
    };
    if let Some(group) = group {
        scope::Scope::read(core, &["resourceGroups", group])?;
    }
    let zones = &core.directory.azure.zones;
    match (name, group) {
        ([], _) => {
            let here = zones.iter().filter(|zone| group.is_none_or(|group| is(&zone.resource_group, group)));
            Ok(Reply::ok(json!({"value": here.map(Zone::shown).collect::<Vec<_>>()})))
        }
        ([name], Some(group)) => {
            let zone = core.directory.azure.zone(group, name).ok_or_else(|| scope::no_zone(group, name))?;
            Ok(Reply::ok(zone.shown()))
        }
        _ => Err(Refusal::unknown(call)),
    }
}
