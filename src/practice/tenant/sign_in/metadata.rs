//! What the sign-in server tells of itself.

use super::error::SignInError;
use crate::practice::tenant::Core;
use crate::practice::tenant::reply::Reply;
use serde_json::json;

/// The tenant a path names: its id, one of its domains, or one of the words for "whoever signs in".
pub(super) fn check_tenant(core: &Core, name: &str) -> Result<(), SignInError> {
    let organization = &core.directory.organization;
    let ours = name.eq_ignore_ascii_case(&organization.id.to_string())
        || organization.domains.iter().any(|domain| domain.eq_ignore_ascii_case(name))
        || is_anybody(name);
    if ours { Ok(()) } else { Err(SignInError::no_such_tenant(name)) }
}

fn is_anybody(name: &str) -> bool {
    matches!(name, "common" | "organizations")
}

/// `/.well-known/openid-configuration` of either version (domain.md 2.1).
pub(super) fn openid_configuration(core: &Core, tenant: &str, version_2: bool) -> Reply {
    let host = &core.addresses.sign_in;
    let in_issuer = if is_anybody(tenant) { "{tenantid}".to_owned() } else { core.tenant_id() };
    let in_paths = if is_anybody(tenant) { tenant.to_owned() } else { core.tenant_id() };
    let (version, keys, issuer) = if version_2 {
        ("/v2.0", "discovery/v2.0/keys", format!("{host}/{in_issuer}/v2.0"))
    } else {
        ("", "discovery/keys", format!("https://sts.windows.net/{in_issuer}/"))
    };
    Reply::ok(json!({
        "token_endpoint": format!("{host}/{in_paths}/oauth2{version}/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{host}/{in_paths}/{keys}"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": issuer,
        "request_uri_parameter_supported": false,
        "userinfo_endpoint": format!("{}/oidc/userinfo", core.addresses.graph),
        "authorization_endpoint": format!("{host}/{in_paths}/oauth2{version}/authorize"),
        "device_authorization_endpoint": format!("{host}/{in_paths}/oauth2{version}/devicecode"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": format!("{host}/{in_paths}/oauth2{version}/logout"),
        "claims_supported": [
            "sub", "iss", "cloud_instance_name", "cloud_instance_host_name", "cloud_graph_host_name",
            "msgraph_host", "aud", "exp", "iat", "auth_time", "acr", "nonce", "preferred_username", "name", "tid", "ver",
            "at_hash", "c_hash", "email",
        ],
        "tenant_region_scope": "EU",
        "cloud_instance_name": bare_host(host),
        "cloud_graph_host_name": bare_host(&core.addresses.graph),
        "msgraph_host": bare_host(&core.addresses.graph),
    }))
}

/// `/common/discovery/instance`, which MSAL asks before it trusts a host it does not know.
pub(super) fn instance(core: &Core, call_version: &str) -> Reply {
    let host = bare_host(&core.addresses.sign_in);
    Reply::ok(json!({
        "tenant_discovery_endpoint": format!("{}/common/v2.0/.well-known/openid-configuration", core.addresses.sign_in),
        "api-version": call_version,
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    }))
}

/// `/common/userrealm/NAME`: everybody here has an account in the cloud.
pub(super) fn user_realm(core: &Core, name: &str) -> Reply {
    let domain = name.split_once('@').map_or("", |(_, domain)| domain);
    Reply::ok(json!({
        "ver": "1.0", "account_type": "Managed", "domain_name": domain,
        "cloud_instance_name": bare_host(&core.addresses.sign_in), "cloud_audience_urn": "urn:federation:MicrosoftOnline",
    }))
}

fn bare_host(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, host)| host)
}
