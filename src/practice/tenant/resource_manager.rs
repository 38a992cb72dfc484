//! Azure Resource Manager: who has which subscriptions; that is all a sign-in asks for.

use super::reply::Reply;
use super::{Call, Core, seed};
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

/// The one subscription of the practice tenant.
const SUBSCRIPTION: &str = "c0470505-0000-4000-8000-0000000005ab";

/// Answers one request.
pub(super) fn answer(core: &mut Core, call: &Call) -> Reply {
    if !is_signed_in(core, call) {
        return refusal(
            StatusCode::UNAUTHORIZED,
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing or its token is not for this resource.",
        );
    }
    if call.query("api-version").is_none() {
        let message = "The api-version query parameter (?api-version=) is required for all requests.";
        return refusal(StatusCode::BAD_REQUEST, "MissingApiVersionParameter", message);
    }
    let tenant = core.tenant_id();
    let path = call.segments().join("/").to_ascii_lowercase();
    match (&call.method, path.as_str()) {
        (&Method::GET, "subscriptions") => Reply::ok(json!({"value": [subscription(&tenant)], "count": count(1)})),
        (&Method::GET, "tenants") => Reply::ok(json!({"value": [organization(core)]})),
        (&Method::GET, one) if one == format!("subscriptions/{SUBSCRIPTION}") => Reply::ok(subscription(&tenant)),
        (_, other)
            if other.starts_with("subscriptions/") && !other.starts_with(&format!("subscriptions/{SUBSCRIPTION}")) =>
        {
            let name = other.split('/').nth(1).unwrap_or_default();
            refusal(
                StatusCode::NOT_FOUND,
                "SubscriptionNotFound",
                &format!("The subscription '{name}' could not be found."),
            )
        }
        (_, other) => {
            let message = format!("The practice tenant's resource manager does not know '/{other}'.");
            refusal(StatusCode::NOT_FOUND, "ResourceNotFound", &message)
        }
    }
}

fn is_signed_in(core: &Core, call: &Call) -> bool {
    let Some(claims) = call.bearer().and_then(|token| core.keys.verify(token)) else { return false };
    let audience = claims.get("aud").and_then(Value::as_str).unwrap_or_default().trim_end_matches('/');
    let ours = [
        core.addresses.resource_manager.as_str(),
        "https://management.azure.com",
        "https://management.core.windows.net",
    ];
    let expires = claims.get("exp").and_then(Value::as_i64).unwrap_or_default();
    (ours.contains(&audience) || audience == seed::RESOURCE_MANAGER) && expires > core.now().as_second()
}

fn count(value: usize) -> Value {
    json!({"type": "Total", "value": value})
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

fn refusal(status: StatusCode, code: &str, message: &str) -> Reply {
    Reply::json(status, json!({"error": {"code": code, "message": message}}))
}
