//! Azure Resource Manager: subscriptions, DNS zones, and who holds which role on them (domain.md 8).
//!
//! What it does not imitate: resource groups of their own, records in the zones other than TXT, conditions on role assignments,
//! roles above subscriptions (management groups), and roles that a scenario's caller holds one by one.

mod records;
mod refusal;
mod roles;
mod scope;
mod zones;

pub(super) use zones::{Azure, seeded};

use super::reply::Reply;
use super::{Call, Core, Tenant, seed};
use axum::http::{Method, StatusCode};
use refusal::Refusal;
use scope::Scope;
use serde_json::{Value, json};
use uuid::Uuid;

/// The one subscription of the practice tenant.
const SUBSCRIPTION: &str = "c0470505-0000-4000-8000-0000000005ab";

/// Answers one request.
pub(super) fn answer(core: &mut Core, call: &Call) -> Reply {
    find(core, call).unwrap_or_else(Refusal::reply)
}

fn find(core: &mut Core, call: &Call) -> Result<Reply, Refusal> {
    let caller = signed_in(core, call).ok_or_else(|| {
        Refusal::new(
            StatusCode::UNAUTHORIZED,
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing or its token is not for this resource.",
        )
    })?;
    if call.query("api-version").is_none_or(str::is_empty) {
        let message = "The api-version query parameter (?api-version=) is required for all requests.";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "MissingApiVersionParameter", message));
    }
    let tenant = core.tenant_id();
    let segments = call.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (&call.method, segments.as_slice()) {
        (&Method::GET, [one]) if is(one, "tenants") => Ok(Reply::ok(json!({"value": [organization(core)]}))),
        (&Method::GET, [one]) if is(one, "subscriptions") => {
            Ok(Reply::ok(json!({"value": [subscription(&tenant)], "count": count(1)})))
        }
        (_, [first, rest @ ..]) if is(first, "subscriptions") => {
            let (name, rest) = rest.split_first().ok_or_else(|| Refusal::unknown(call))?;
            if !is(name, SUBSCRIPTION) {
                return Err(Refusal::no_subscription(name));
            }
            match rest {
                [] if call.method == Method::GET => Ok(Reply::ok(subscription(&tenant))),
                _ => below(core, call, &caller, rest),
            }
        }
        _ => Err(Refusal::unknown(call)),
    }
}

/// What is asked for below the subscription: `[.../]providers/PROVIDER/TYPE[/NAME]`, the last one counts.
fn below(core: &mut Core, call: &Call, caller: &Caller, rest: &[&str]) -> Result<Reply, Refusal> {
    let provider = rest.iter().rposition(|segment| is(segment, "providers")).ok_or_else(|| Refusal::unknown(call))?;
    let (at, asked) = rest.split_at(provider);
    match asked {
        [_, provider, kind, name @ ..] if is(provider, "Microsoft.Authorization") => {
            let scope = Scope::read(core, at)?;
            roles::answer(core, call, caller, &scope, kind, name)
        }
        [_, provider, kind, name @ ..] if is(provider, "Microsoft.Network") && is(kind, "dnsZones") => {
            zones::answer(core, call, caller, at, name)
        }
        _ => Err(Refusal::unknown(call)),
    }
}

/// Who calls.
struct Caller {
    object_id: String,
    /// The client id or the person's name, as messages have it.
    name: String,
}

fn signed_in(core: &Core, call: &Call) -> Option<Caller> {
    let claims = call.bearer().and_then(|token| core.keys.verify(token))?;
    let claim = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let audience = claim("aud").trim_end_matches('/');
    let ours = [
        core.addresses.resource_manager.as_str(),
        "https://management.azure.com",
        "https://management.core.windows.net",
    ];
    let expires = claims.get("exp").and_then(Value::as_i64).unwrap_or_default();
    let is_ours = ours.contains(&audience) || audience == seed::RESOURCE_MANAGER;
    (is_ours && expires > core.now().as_second()).then(|| {
        let object_id = claim("oid").to_owned();
        let name = core.directory.person(&object_id).map(|person| person.user_principal_name.clone());
        let name = name.or_else(|| {
            core.directory.service_principal_by_id(&object_id).map(|principal| principal.app_id().to_owned())
        });
        Caller { name: name.unwrap_or_else(|| object_id.clone()), object_id }
    })
}

/// Resource Manager takes names in any case.
fn is(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

fn count(value: usize) -> Value {
    json!({"type": "Total", "value": value})
}

/// Whether the request asks for one of the `known` versions of a type.
fn must_be_served(call: &Call, kind: &str, known: &[&str]) -> Result<(), Refusal> {
    let asked = call.query("api-version").unwrap_or_default();
    if known.iter().any(|version| is(version, asked)) {
        return Ok(());
    }
    let message = format!(
        "No registered resource provider found for location 'global' and API version '{asked}' for type '{kind}'. The \
         supported api-versions are '{}'. The supported locations are 'global'.",
        known.join(", ")
    );
    Err(Refusal::new(StatusCode::BAD_REQUEST, "NoRegisteredProviderFound", &message))
}

fn subscription(tenant: &str) -> Value {
    json!({
        "id": format!("/subscriptions/{SUBSCRIPTION}"), "authorizationSource": "RoleBased", "managedByTenants": [],
        "subscriptionId": SUBSCRIPTION, "tenantId": tenant, "displayName": "Practice subscription", "state": "Enabled",
        "subscriptionPolicies": {"locationPlacementId": "Internal_2014-09-01", "quotaId": "Internal_2014-09-01",
                                 "spendingLimit": "Off"},
    })
}

fn organization(core: &Core) -> Value {
    let organization = &core.directory.organization;
    json!({
        "id": format!("/tenants/{}", organization.id), "tenantId": organization.id, "countryCode": "DE",
        "displayName": organization.display_name, "domains": organization.domains,
        "defaultDomain": organization.domains.last(), "tenantType": "AAD", "tenantCategory": "Home",
    })
}

/// Why a record could not be written into a zone: what Azure answers the one who tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRefused {
    /// The HTTP status.
    pub status: u16,
    /// Azure's code, such as `AuthorizationFailed`.
    pub code: String,
    /// Its message.
    pub message: String,
}

impl Tenant {
    /// Whether the identity of this client id may put TXT records of that name, which is relative to the zone, into it, as
    /// a certificate's challenge needs it: who puts them there looks first whether there are any.
    pub fn may_put_text(
        &self,
        client_id: &str,
        (subscription, resource_group, zone): (&str, &str, &str),
        name: &str,
    ) -> Result<(), RecordRefused> {
        let core = self.core();
        if !is(subscription, SUBSCRIPTION) {
            return Err(Refusal::no_subscription(subscription).into());
        }
        let scope = Scope::read(
            &core,
            &["resourceGroups", resource_group, "providers", "Microsoft.Network", "dnsZones", zone],
        )?;
        roles::may_put_text(&core, client_id, &scope, name).map_err(Into::into)
    }

    /// All TXT records of all zones, by their full names, as DNS answers with them.
    pub fn text_records(&self) -> Vec<(String, String)> {
        let core = self.core();
        let zones = core.directory.azure.zones.iter();
        zones.flat_map(|zone| zone.texts.iter().flat_map(|records| records.answers(&zone.name))).collect()
    }

    /// Assigns the role that writes records of a zone, as somebody would who was sent the command; false when the tenant knows
    /// no such identity or zone.
    pub fn assign_zone_role(&self, client_id: &str, (resource_group, zone): (&str, &str)) -> bool {
        let mut core = self.core();
        let scope =
            Scope::read(&core, &["resourceGroups", resource_group, "providers", "Microsoft.Network", "dnsZones", zone]);
        let assigned = scope.is_ok_and(|scope| roles::assign_by_hand(&mut core, client_id, &scope, Uuid::new_v4()));
        self.announce(core);
        assigned
    }
}
