//! TXT records of DNS zones: what proves to an authority that a name is ours (domain.md 5.4).
//!
//! The shapes are those of the Azure REST reference, DNS, record sets, 2018-05-01.

use super::{Call, Caller, Core, Refusal, Reply, SUBSCRIPTION, Scope, is, roles};
use axum::http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// What a record set without a time to live of its own gets, in seconds.
const TIME_TO_LIVE: u64 = 3600;

/// All TXT records of one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TextRecords {
    /// Relative to the zone, such as `_acme-challenge`.
    name: String,
    time_to_live: u64,
    /// Each record, as the strings it consists of.
    records: Vec<Vec<String>>,
    metadata: Map<String, Value>,
    etag: String,
}

impl TextRecords {
    fn shown(&self, scope: &Scope, zone: &str) -> Value {
        let records: Vec<Value> = self.records.iter().map(|strings| json!({"value": strings})).collect();
        json!({
            "id": place(scope, &self.name), "etag": self.etag, "name": self.name, "type": "Microsoft.Network/dnszones/TXT",
            "properties": {
                "metadata": self.metadata, "fqdn": format!("{}.{zone}.", self.name), "TTL": self.time_to_live,
                "TXTRecords": records, "targetResource": {}, "provisioningState": "Succeeded",
            },
        })
    }

    /// Its names and values: each as DNS answers with it.
    pub(super) fn answers(&self, zone: &str) -> impl Iterator<Item = (String, String)> {
        let name = if self.name == "@" { zone.to_owned() } else { format!("{}.{zone}", self.name) };
        self.records.iter().map(move |strings| (name.clone(), strings.concat()))
    }
}

fn place(scope: &Scope, name: &str) -> String {
    format!("{}/TXT/{name}", scope.as_str())
}

/// Answers a request for the TXT records of a zone; `name` is what stands behind `TXT`.
pub(super) fn answer(
    core: &mut Core,
    call: &Call,
    caller: &Caller,
    (group, zone): (&str, &str),
    name: &[&str],
) -> Result<Reply, Refusal> {
    let scope = Scope::read(core, &["resourceGroups", group, "providers", "Microsoft.Network", "dnsZones", zone])?;
    let may = |verb, name: &str| roles::may_use_records(core, caller, &place(&scope, name), &scope, verb);
    match (&call.method, name) {
        (&Method::GET, []) => {
            may("read", "")?;
            let found = core.directory.azure.zone(group, zone).map(|zone| zone.texts.as_slice()).unwrap_or_default();
            let shown: Vec<Value> = found.iter().map(|records| records.shown(&scope, zone)).collect();
            Ok(Reply::ok(json!({"value": shown})))
        }
        (&Method::GET, [name]) => {
            may("read", name)?;
            let found = records(core, group, zone, name).map(|records| Reply::ok(records.shown(&scope, zone)));
            found.ok_or_else(|| {
                let message = format!(
                    "The resource record '{name}' does not exist in resource group '{group}' of subscription '{SUBSCRIPTION}'."
                );
                Refusal::not_found("NotFound", message)
            })
        }
        (&Method::PUT, [name]) => {
            may("write", name)?;
            put(core, call, &scope, (group, zone), name)
        }
        (&Method::DELETE, [name]) => {
            may("delete", name)?;
            delete(core, call, (group, zone), name)
        }
        _ => Err(Refusal::method_not_allowed(call)),
    }
}

fn records<'a>(core: &'a Core, group: &str, zone: &str, name: &str) -> Option<&'a TextRecords> {
    core.directory.azure.zone(group, zone)?.texts.iter().find(|records| is(&records.name, name))
}

fn put(core: &mut Core, call: &Call, scope: &Scope, (group, zone): (&str, &str), name: &str) -> Result<Reply, Refusal> {
    let there = records(core, group, zone, name).map(|records| records.etag.clone());
    is_met(call, there.as_deref())?;
    let wanted = wanted(call, name)?;
    let shown = wanted.shown(scope, zone);
    if let Some(zone) = core.directory.azure.zone_to_change(group, zone) {
        zone.texts.retain(|records| !is(&records.name, name));
        zone.texts.push(wanted);
        core.changed = true;
    }
    Ok(Reply::json(if there.is_some() { StatusCode::OK } else { StatusCode::CREATED }, shown))
}

fn delete(core: &mut Core, call: &Call, (group, zone): (&str, &str), name: &str) -> Result<Reply, Refusal> {
    let Some(there) = records(core, group, zone, name).map(|records| records.etag.clone()) else {
        return Ok(Reply::nothing());
    };
    is_met(call, Some(&there))?;
    if let Some(zone) = core.directory.azure.zone_to_change(group, zone) {
        zone.texts.retain(|records| !is(&records.name, name));
        core.changed = true;
    }
    Ok(Reply::ok(json!({})))
}

/// Whether the request's own conditions hold for what is there.
fn is_met(call: &Call, there: Option<&str>) -> Result<(), Refusal> {
    let unmet = |header: &str, wanted: &str| {
        let message = format!(
            "The condition '{wanted}' in the {header} header was not satisfied. The current was '{}'.",
            there.unwrap_or_default()
        );
        Err(Refusal::new(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", message))
    };
    let given = |name| call.header(name).filter(|value| !value.is_empty());
    match (given("if-match"), given("if-none-match")) {
        (Some(wanted), _) if there.is_none_or(|there| wanted != "*" && wanted != there) => unmet("If-Match", wanted),
        (_, Some("*")) if there.is_some() => unmet("If-None-Match", "*"),
        _ => Ok(()),
    }
}

/// The body of a request that writes, as far as it is one of TXT records.
#[derive(Deserialize)]
struct Body {
    properties: Properties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    #[serde(default)]
    metadata: Map<String, Value>,
    #[serde(rename = "TTL")]
    time_to_live: Option<u64>,
    #[serde(rename = "TXTRecords", default)]
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    value: Vec<String>,
}

fn wanted(call: &Call, name: &str) -> Result<TextRecords, Refusal> {
    let refused = |what: &str| Refusal::bad_request("BadRequest", what.to_owned());
    let Ok(Body { properties }) = serde_json::from_slice(&call.body) else {
        return Err(refused("The request body is not a record set."));
    };
    if properties.records.is_empty() {
        return Err(refused(&format!(
            "The record set '{name}' of type 'TXT' has no records. An empty record set can't be made."
        )));
    }
    let is_too_long = |string: &String| string.is_empty() || string.len() > 255;
    if properties.records.iter().any(|record| record.value.is_empty() || record.value.iter().any(is_too_long)) {
        return Err(refused("A string of a TXT record must have 1 to 255 characters."));
    }
    Ok(TextRecords {
        name: name.to_owned(),
        time_to_live: properties.time_to_live.unwrap_or(TIME_TO_LIVE),
        records: properties.records.into_iter().map(|record| record.value).collect(),
        metadata: properties.metadata,
        etag: Uuid::new_v4().to_string(),
    })
}
