//! What a client asks a token for: which resource, and which of its permissions.

use super::error::SignInError;
use crate::practice::tenant::directory::ServicePrincipal;
use crate::practice::tenant::graph::service_principal_names;
use crate::practice::tenant::{Core, seed};
use serde_json::Value;

/// OpenID Connect's own scopes; they belong to no resource of the client's.
pub(super) const OPENID: &[&str] = &["openid", "profile", "email", "offline_access"];

/// A parsed `scope` parameter.
#[derive(Debug)]
pub(super) struct Asked {
    /// The resource's name as the client wrote it; version 1 tokens carry it as audience.
    pub(super) resource: String,
    /// Client id of the resource.
    pub(super) resource_app_id: String,
    /// Values of the resource's scopes; `.default` stands for all that were consented to.
    pub(super) permissions: Vec<String>,
    /// OpenID Connect's own scopes among those asked for.
    pub(super) openid: Vec<String>,
    /// All as they were asked for.
    pub(super) raw: Vec<String>,
}

impl Asked {
    /// Reads the parameter. Without any resource it is Graph's turn, as in the real one.
    pub(super) fn parse(core: &Core, scope: &str) -> Result<Self, SignInError> {
        let raw: Vec<String> = scope.split_whitespace().map(str::to_owned).collect();
        let mut resource: Option<String> = None;
        let (mut permissions, mut openid) = (Vec::new(), Vec::new());
        for one in &raw {
            if OPENID.contains(&one.as_str()) {
                openid.push(one.clone());
                continue;
            }
            let (of, permission) = one.rsplit_once('/').unwrap_or((seed::GRAPH, one));
            if permission.is_empty() {
                return Err(SignInError::invalid_scope(one));
            }
            if resource.as_ref().is_some_and(|other| other != of) {
                let text = "Provided value for the input parameter scope is not valid because it contains more than one \
                            resource.";
                return Err(SignInError::new("invalid_scope", 28_000, format!("{text} Scope {scope} is not valid.")));
            }
            resource = Some(of.to_owned());
            permissions.push(permission.to_owned());
        }
        if raw.is_empty() {
            return Err(SignInError::missing("scope"));
        }
        let resource = resource.unwrap_or_else(|| seed::GRAPH.to_owned());
        let principal = find_resource(core, &resource).ok_or_else(|| SignInError::no_such_resource(core, &resource))?;
        let resource_app_id = principal.app_id().to_owned();
        Ok(Self { resource, resource_app_id, permissions, openid, raw })
    }

    pub(super) fn has_openid(&self, scope: &str) -> bool {
        self.openid.iter().any(|it| it == scope)
    }

    /// The resource's service principal.
    pub(super) fn principal<'a>(&self, core: &'a Core) -> Result<&'a ServicePrincipal, SignInError> {
        let found = core.directory.service_principal_by_app_id(&self.resource_app_id);
        found.ok_or_else(|| SignInError::no_such_resource(core, &self.resource))
    }

    /// The permissions asked for, `.default` written out, once every one of them is known to the resource.
    pub(super) fn expanded(&self, core: &Core, consented: &[String]) -> Result<Vec<String>, SignInError> {
        if self.permissions.iter().any(|it| it == ".default") {
            return Ok(consented.to_vec());
        }
        let exposed = core.directory.exposed_scopes(self.principal(core)?);
        let application = core.directory.application_by_app_id(&self.resource_app_id);
        let text = |scope: &Value, name: &str| scope.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        for permission in &self.permissions {
            let known = exposed.iter().any(|scope| {
                let visible = application.is_none_or(|it| it.permission_is_visible(&text(scope, "id"), core.now()));
                let enabled = scope.get("isEnabled").and_then(Value::as_bool).unwrap_or(true);
                text(scope, "value") == *permission && enabled && visible
            });
            if !known {
                let text = format!(
                    "The application asked for scope '{permission}' that doesn't exist on the resource '{}'. Contact the app \
                     vendor.",
                    self.resource_app_id
                );
                return Err(SignInError::new("invalid_client", 650_053, text));
            }
        }
        Ok(self.permissions.clone())
    }
}

/// The resource of this name: client id, identifier URI, or the address of one of the tenant's own servers.
fn find_resource<'a>(core: &'a Core, name: &str) -> Option<&'a ServicePrincipal> {
    let bare = name.trim_end_matches('/');
    let now = core.now();
    let own = |address: &str, app_id: &str| {
        (bare == address).then(|| core.directory.service_principal_by_app_id(app_id)).flatten()
    };
    own(&core.addresses.graph, seed::GRAPH)
        .or_else(|| own(&core.addresses.resource_manager, seed::RESOURCE_MANAGER))
        .or_else(|| {
            core.directory.service_principals.iter().find(|it| {
                let names = service_principal_names(&core.directory, it);
                let called = names.iter().any(|other| other.trim_end_matches('/').eq_ignore_ascii_case(bare));
                it.deleted.is_none() && it.visible_from <= now && called
            })
        })
}
