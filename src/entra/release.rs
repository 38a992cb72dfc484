//! Pure: an application that was taken over is given back. What the record says was added goes, what it says was changed is as
//! it was, and everything else stays (docs/decisions/adopting.md).

use super::{
    ADOPTED_TAG,
    adoption::{added, what_was},
    merge::{writable_role, writable_scope},
    wire::{
        AccessEntry, AppRole, Application, OptionalClaim, PermissionScope, ResourceAccess, ServicePrincipal,
        ServicePrincipalPatch,
    },
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The version of access tokens that we ask for.
const OUR_TOKEN_VERSION: u8 = 2;

/// What has to be sent so that an application is its former owners' again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Release {
    /// The first request: a scope or role can only be removed once it is disabled (domain.md 1.1). Empty when nothing is removed.
    pub disable: Map<String, Value>,
    /// The last request: everything else, and the record itself.
    pub give_back: Map<String, Value>,
    /// What the second request changes, as it is now.
    pub before: Map<String, Value>,
}

/// What has to be sent to give `live` back. `our_name` is the display name that we gave it, where that is known: a name that
/// somebody chose since stays.
pub fn release(live: &Application, our_name: Option<&str>) -> Release {
    let ours = |kind: &str, what: &str| live.tags.contains(&added(kind, what));
    let mut release = Release::default();
    let scopes = &live.api.oauth2_permission_scopes;
    let of_scopes = permissions(scopes, "scope", &ours);
    let of_roles = permissions(&live.app_roles, "role", &ours);
    let mut api = Map::new();
    let mut api_before = Map::new();
    if let Some(of_scopes) = of_scopes {
        if let Some(disabled) = of_scopes.disabled {
            release.disable.insert("api".to_owned(), json!({ "oauth2PermissionScopes": disabled }));
        }
        api.insert("oauth2PermissionScopes".to_owned(), of_scopes.left);
        api_before.insert("oauth2PermissionScopes".to_owned(), of_scopes.before);
    }
    if let Some(of_roles) = of_roles {
        if let Some(disabled) = of_roles.disabled {
            release.disable.insert("appRoles".to_owned(), disabled);
        }
        release.set("appRoles", &of_roles.before, of_roles.left);
    }
    let version = live.api.requested_access_token_version;
    if let Some(was) = what_was(&live.tags, "token-version").filter(|_| version == Some(OUR_TOKEN_VERSION)) {
        api.insert("requestedAccessTokenVersion".to_owned(), json!(was.parse::<u8>().ok()));
        api_before.insert("requestedAccessTokenVersion".to_owned(), json!(version));
    }
    if !api.is_empty() {
        release.set("api", &api_before, api);
    }
    let name = what_was(&live.tags, "display-name").filter(|_| our_name.is_none_or(|ours| ours == live.display_name));
    if let Some(name) = name {
        release.set("displayName", &live.display_name, name);
    }
    if let Some(left) = without(&live.web.redirect_uris, |uri| ours("redirect-uri", uri)) {
        release.set("web", &json!({ "redirectUris": live.web.redirect_uris }), json!({ "redirectUris": left }));
    }
    if let Some(left) = without(&live.identifier_uris, |uri| ours("identifier-uri", uri)) {
        release.set("identifierUris", &live.identifier_uris, left);
    }
    if let Some(left) = access(&live.required_resource_access, &ours) {
        release.set("requiredResourceAccess", &live.required_resource_access, left);
    }
    if let Some(left) = claims(live, &ours) {
        release.set("optionalClaims", &live.optional_claims, left);
    }
    let is_ours = |tag: &String| (tag == "gatewright" || tag.starts_with("gatewright:")) && tag != ADOPTED_TAG;
    if let Some(left) = without(&live.tags, is_ours) {
        release.set("tags", &live.tags, left);
    }
    release
}

impl Release {
    /// Whether nothing has to be sent.
    pub fn is_empty(&self) -> bool {
        self.give_back.is_empty()
    }

    fn set(&mut self, key: &str, before: &impl Serialize, after: impl Serialize) {
        self.before.insert(key.to_owned(), json!(before));
        self.give_back.insert(key.to_owned(), json!(after));
    }
}

/// A scope or an app role.
trait Permission: Clone + Serialize {
    fn id(&self) -> Uuid;
    fn is_enabled(&self) -> bool;
    fn writable(&self, is_enabled: bool) -> Self;
}

impl Permission for PermissionScope {
    fn id(&self) -> Uuid {
        self.id
    }

    fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    fn writable(&self, is_enabled: bool) -> Self {
        Self { is_enabled, ..writable_scope(self.clone()) }
    }
}

impl Permission for AppRole {
    fn id(&self) -> Uuid {
        self.id
    }

    fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    fn writable(&self, is_enabled: bool) -> Self {
        Self { is_enabled, ..writable_role(self.clone()) }
    }
}

/// A list of scopes or roles, given back.
struct Permissions {
    /// All of them, with those of ours disabled; `None` when none that goes is enabled.
    disabled: Option<Value>,
    left: Value,
    before: Value,
}

/// `None` when nothing of ours is among them.
fn permissions<P: Permission>(all: &[P], kind: &str, ours: &impl Fn(&str, &str) -> bool) -> Option<Permissions> {
    let goes = |one: &P| ours(kind, &one.id().to_string());
    let was_disabled = |one: &P| ours(&format!("use-of-{kind}"), &one.id().to_string());
    if !all.iter().any(|one| goes(one) || was_disabled(one)) {
        return None;
    }
    let any_enabled = all.iter().any(|one| goes(one) && one.is_enabled());
    let disabled: Vec<P> = all.iter().map(|one| one.writable(one.is_enabled() && !goes(one))).collect();
    let left: Vec<P> =
        all.iter().filter(|one| !goes(one)).map(|one| one.writable(one.is_enabled() && !was_disabled(one))).collect();
    let before: Vec<P> = all.iter().map(|one| one.writable(one.is_enabled())).collect();
    Some(Permissions { disabled: any_enabled.then(|| json!(disabled)), left: json!(left), before: json!(before) })
}

/// The list without what goes; `None` when nothing does.
fn without(all: &[String], goes: impl Fn(&String) -> bool) -> Option<Vec<String>> {
    all.iter().any(&goes).then(|| all.iter().filter(|one| !goes(one)).cloned().collect())
}

fn access(all: &[ResourceAccess], ours: &impl Fn(&str, &str) -> bool) -> Option<Vec<ResourceAccess>> {
    let goes =
        |resource: &str, entry: &AccessEntry| ours("permission", &format!("{resource}/{}/{}", entry.kind, entry.id));
    let mut left = all.to_vec();
    for resource in &mut left {
        let app = resource.resource_app_id.clone();
        resource.resource_access.retain(|entry| !goes(&app, entry));
    }
    left.retain(|resource| !resource.resource_access.is_empty() || all.contains(resource));
    (left != all).then_some(left)
}

fn claims(live: &Application, ours: &impl Fn(&str, &str) -> bool) -> Option<Value> {
    let all = live.optional_claims.as_ref()?;
    let left = |token: &str, claims: &[OptionalClaim]| -> Vec<OptionalClaim> {
        claims.iter().filter(|claim| !ours("claim", &format!("{token}/{}", claim.name))).cloned().collect()
    };
    let mut after = all.clone();
    after.id_token = left("idToken", &all.id_token);
    after.access_token = left("accessToken", &all.access_token);
    if after == *all {
        return None;
    }
    // Where nobody asks for a claim any more there is no list of claims, as in an application nobody has touched.
    let of_others = after.others.values().any(|list| list.as_array().is_some_and(|list| !list.is_empty()));
    let empty = after.id_token.is_empty() && after.access_token.is_empty() && !of_others;
    Some(if empty { Value::Null } else { json!(after) })
}

/// What becomes of the service principal of an application that is given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrincipalRelease {
    /// It was there, and is as it was.
    Unchanged,
    /// It was there, and is changed back.
    Change(ServicePrincipalPatch),
    /// There was none.
    Delete,
}

/// What becomes of the service principal `live` of `application`.
pub fn release_principal(application: &Application, live: &ServicePrincipal) -> PrincipalRelease {
    let ours = |kind: &str, what: &str| application.tags.contains(&added(kind, what));
    if ours("service-principal", &application.app_id) {
        return PrincipalRelease::Delete;
    }
    let was = what_was(&application.tags, "assignment-required").and_then(|was| was.parse::<bool>().ok());
    let patch = ServicePrincipalPatch {
        app_role_assignment_required: was.filter(|was| *was != live.app_role_assignment_required),
        tags: without(&live.tags, |tag| ours("service-principal-tag", tag)),
    };
    if patch.is_empty() { PrincipalRelease::Unchanged } else { PrincipalRelease::Change(patch) }
}

/// The scopes of a consent for everybody to `resource` (`graph` or `own`) that stay when `application` is given back; `None` when
/// none of them is ours.
pub fn consents_of_ours(application: &Application, resource: &str, scopes: &[String]) -> Option<Vec<String>> {
    without(scopes, |scope| application.tags.contains(&added("consent", &format!("{resource}/{scope}"))))
}

#[cfg(test)]
mod tests {
    use super::{PrincipalRelease, release, release_principal};
    use crate::entra::{
        ADOPTED_TAG, Adoption, Application, Desired, ServicePrincipal, ServicePrincipalPatch, added, expose, merge, was,
    };
    use serde_json::{Value, json};
    use uuid::Uuid;

    fn theirs() -> Value {
        json!({
            "id": "object", "appId": "client", "displayName": "old name", "tags": ["theirs"],
            "identifierUris": ["api://theirs.example.com"],
            "web": {"redirectUris": ["https://theirs.example.com/callback"]},
            "api": {"requestedAccessTokenVersion": null, "oauth2PermissionScopes": [
                {"id": Uuid::from_u128(8), "value": "Theirs.Read", "isEnabled": true, "type": "Admin"},
                {"id": Uuid::from_u128(9), "value": "user_impersonation", "isEnabled": false, "type": "User"}
            ]},
            "appRoles": [],
            "requiredResourceAccess": [{"resourceAppId": "theirs", "resourceAccess": [{"id": "a", "type": "Role"}]}],
            "optionalClaims": null
        })
    }

    fn desired() -> Desired {
        Desired {
            display_name: "myapp".to_owned(),
            redirect_uri: "https://myapp.example.com/oauth2/callback".to_owned(),
            scope: ("user_impersonation".to_owned(), Uuid::from_u128(1)),
            role: ("App.Access".to_owned(), Uuid::from_u128(2)),
            optional_claims: vec!["email".to_owned()],
            tags: vec!["gatewright".to_owned(), "gatewright:c/n/a".to_owned()],
            adoption: Some(Adoption { unique_name: "gatewright.c.n.a".to_owned(), besides: Vec::new() }),
            rename: true,
        }
    }

    fn application(value: &Value) -> Application {
        serde_json::from_value(value.clone()).unwrap()
    }

    fn adopted() -> Application {
        let before = application(&theirs());
        let after = before.with(&merge(&desired(), Some(&before)));
        after.with(&expose(&after, "user_impersonation"))
    }

    /// What Graph would make of it.
    fn after(live: &Application, body: &serde_json::Map<String, Value>) -> Application {
        let mut live = live.clone();
        let of = |key: &str| body.get(key).cloned();
        let read = |value: Value| -> Vec<String> { serde_json::from_value(value).unwrap() };
        if let Some(tags) = of("tags") {
            live.tags = read(tags);
        }
        if let Some(uris) = of("identifierUris") {
            live.identifier_uris = read(uris);
        }
        if let Some(web) = of("web") {
            live.web.redirect_uris = read(web["redirectUris"].clone());
        }
        if let Some(name) = of("displayName") {
            live.display_name = name.as_str().unwrap().to_owned();
        }
        if let Some(access) = of("requiredResourceAccess") {
            live.required_resource_access = serde_json::from_value(access).unwrap();
        }
        if let Some(claims) = of("optionalClaims") {
            live.optional_claims = serde_json::from_value(claims).unwrap();
        }
        if let Some(roles) = of("appRoles") {
            live.app_roles = serde_json::from_value(roles).unwrap();
        }
        if let Some(scopes) = body.get("api").and_then(|api| api.get("oauth2PermissionScopes")) {
            live.api.oauth2_permission_scopes = serde_json::from_value(scopes.clone()).unwrap();
        }
        if let Some(version) = body.get("api").and_then(|api| api.get("requestedAccessTokenVersion")) {
            live.api.requested_access_token_version = serde_json::from_value(version.clone()).unwrap();
        }
        live
    }

    #[test]
    fn given_an_adopted_application_when_it_is_given_back_then_it_is_as_it_was_but_for_the_unique_name_and_its_mark() {
        let adopted = adopted();
        let sent = release(&adopted, Some("myapp"));
        let back = after(&after(&adopted, &sent.disable), &sent.give_back);
        let mut expected = application(&theirs());
        expected.unique_name = Some("gatewright.c.n.a".to_owned());
        expected.tags.push(ADOPTED_TAG.to_owned());
        assert_eq!(back, expected);
        assert!(back.is_given_back() && !adopted.is_given_back());
        assert!(release(&back, None).is_empty(), "a second time there is nothing to give back");
    }

    #[test]
    fn given_what_goes_is_enabled_then_it_is_disabled_first_and_nothing_of_others_is() {
        let sent = release(&adopted(), None);
        let roles = sent.disable["appRoles"].as_array().unwrap();
        assert_eq!((roles.len(), &roles[0]["isEnabled"]), (1, &json!(false)));
        // Ours is the use of the scope that was there and disabled, and that is changed in the last request.
        assert!(!sent.disable.contains_key("api"), "{:?}", sent.disable);
    }

    #[test]
    fn given_somebody_changed_what_we_had_set_then_that_stays() {
        let mut live = adopted();
        live.display_name = "a third name".to_owned();
        live.api.requested_access_token_version = Some(1);
        live.web.redirect_uris.push("https://new.example.com/callback".to_owned());
        let sent = release(&live, Some("myapp"));
        assert!(!sent.give_back.contains_key("displayName"));
        assert!(sent.give_back["api"].get("requestedAccessTokenVersion").is_none());
        let uris = &sent.give_back["web"]["redirectUris"];
        assert_eq!(uris, &json!(["https://theirs.example.com/callback", "https://new.example.com/callback"]));
    }

    #[test]
    fn given_a_service_principal_then_it_is_changed_back_or_deleted_as_the_record_says() {
        let mut application = adopted();
        let principal = ServicePrincipal {
            app_role_assignment_required: true,
            tags: vec!["theirs".to_owned(), "new".to_owned()],
            ..ServicePrincipal::default()
        };
        assert_eq!(release_principal(&application, &principal), PrincipalRelease::Unchanged);
        application.tags.push(was("assignment-required", "false"));
        application.tags.push(added("service-principal-tag", "new"));
        let patch =
            ServicePrincipalPatch { app_role_assignment_required: Some(false), tags: Some(vec!["theirs".to_owned()]) };
        assert_eq!(release_principal(&application, &principal), PrincipalRelease::Change(patch));
        application.tags.push(added("service-principal", "client"));
        assert_eq!(release_principal(&application, &principal), PrincipalRelease::Delete);
    }
}
