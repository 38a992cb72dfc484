//! Pure: what is wanted, held against what is there, is what has to change.
//!
//! Graph replaces lists wholesale, so each list is read, completed and written back whole; ids that exist are kept, and what
//! somebody else put in stays (domain.md 1.1).

use super::{
    ADOPTED_TAG, Adoption, GRAPH_APP_ID, GRAPH_USER_READ,
    adoption::record,
    wire::{
        AccessEntry, AppRole, Application, ApplicationPatch, ExposedApiPatch, ImplicitGrantSettings, OptionalClaim,
        OptionalClaims, PermissionScope, ResourceAccess, ServicePrincipal, ServicePrincipalPatch, WebPlatformPatch,
    },
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Has the service principal show up among the portal's enterprise applications.
const ENTERPRISE_TAG: &str = "WindowsAzureActiveDirectoryIntegratedApp";

/// Only this tenant's people and applications.
const ONE_TENANT: &str = "AzureADMyOrg";

/// The delegated permissions on Graph that sign-in needs, by their ids, the same in every tenant: `User.Read`, `openid`,
/// `profile`, `email`, `offline_access`. They are declared so that an administrator's consent page covers all of them.
const GRAPH_SCOPES: [&str; 5] = [
    GRAPH_USER_READ,
    "37f7f235-527c-4136-accd-4a02d197296e",
    "14dad69e-099b-42c9-810b-d002981feec1",
    "64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0",
    "7427e0e9-2fba-42fe-b0c0-848c9e6a8182",
];

/// What an application should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// What people see.
    pub display_name: String,
    /// Where sign-in sends people back to.
    pub redirect_uri: String,
    /// The scope to expose: its value, and its id if it is new.
    pub scope: (String, Uuid),
    /// The app role: its value, and its id if it is new.
    pub role: (String, Uuid),
    /// The claims to ask for in id and access tokens.
    pub optional_claims: Vec<String>,
    /// Marks.
    pub tags: Vec<String>,
    /// Set while an application that is there is taken over.
    pub adoption: Option<Adoption>,
    /// Whether an application that was taken over gets the display name.
    pub rename: bool,
}

/// What has to change so that `live` is as desired; empty when nothing has to. Without `live` it is everything, for
/// [`super::Session::upsert_application`]. What rests on the client id is [`expose`]'s.
pub fn merge(desired: &Desired, live: Option<&Application>) -> ApplicationPatch {
    let nothing = Application::default();
    let there = live.unwrap_or(&nothing);
    let redirect_uris = with_missing(&there.web.redirect_uris, std::slice::from_ref(&desired.redirect_uri));
    let implicit_grant_settings = live.is_none().then(ImplicitGrantSettings::default);
    let scopes = scopes(desired, there);
    let version = (there.api.requested_access_token_version != Some(2)).then_some(2);
    let of_others = desired.adoption.is_some() || there.is_adopted();
    let rename = (!of_others || desired.rename) && there.display_name != desired.display_name;
    let close = !of_others && there.sign_in_audience.as_deref() != Some(ONE_TENANT);
    let patch = ApplicationPatch {
        unique_name: desired.adoption.as_ref().map(|adoption| adoption.unique_name.clone()),
        display_name: rename.then(|| desired.display_name.clone()),
        sign_in_audience: close.then(|| ONE_TENANT.to_owned()),
        identifier_uris: None,
        tags: with_missing(&there.tags, &desired.tags),
        web: (redirect_uris.is_some() || implicit_grant_settings.is_some())
            .then_some(WebPlatformPatch { redirect_uris, implicit_grant_settings }),
        api: (scopes.is_some() || version.is_some())
            .then_some(ExposedApiPatch { requested_access_token_version: version, oauth2_permission_scopes: scopes }),
        app_roles: roles(desired, there),
        required_resource_access: access(there, GRAPH_APP_ID, &GRAPH_SCOPES),
        optional_claims: claims(desired, there),
    };
    if of_others { recorded(patch, there, desired.adoption.as_ref()) } else { patch }
}

/// The patch with a record of what it adds to `there`, which is others' too.
fn recorded(patch: ApplicationPatch, there: &Application, adoption: Option<&Adoption>) -> ApplicationPatch {
    let after = there.with(&patch);
    let besides = adoption.into_iter().flat_map(|adoption| adoption.besides.iter().cloned());
    let mut marks = patch.tags.clone().unwrap_or_else(|| there.tags.clone());
    for mark in std::iter::once(ADOPTED_TAG.to_owned()).chain(record(there, &after)).chain(besides) {
        if !marks.contains(&mark) {
            marks.push(mark);
        }
    }
    ApplicationPatch { tags: (marks != there.tags).then_some(marks), ..patch }
}

/// What `patch` would change as it is in `live`: to be shown beside the patch.
pub fn before(patch: &ApplicationPatch, live: &Application) -> ApplicationPatch {
    ApplicationPatch {
        unique_name: patch.unique_name.as_ref().and(live.unique_name.clone()),
        display_name: patch.display_name.as_ref().map(|_| live.display_name.clone()),
        sign_in_audience: patch.sign_in_audience.as_ref().and(live.sign_in_audience.clone()),
        identifier_uris: patch.identifier_uris.as_ref().map(|_| live.identifier_uris.clone()),
        tags: patch.tags.as_ref().map(|_| live.tags.clone()),
        web: patch.web.as_ref().map(|web| WebPlatformPatch {
            redirect_uris: web.redirect_uris.as_ref().map(|_| live.web.redirect_uris.clone()),
            implicit_grant_settings: None,
        }),
        api: patch.api.as_ref().map(|api| ExposedApiPatch {
            requested_access_token_version: api
                .requested_access_token_version
                .and(live.api.requested_access_token_version),
            oauth2_permission_scopes: api
                .oauth2_permission_scopes
                .as_ref()
                .map(|_| live.api.oauth2_permission_scopes.iter().cloned().map(writable_scope).collect()),
        }),
        app_roles: patch.app_roles.as_ref().map(|_| live.app_roles.iter().cloned().map(writable_role).collect()),
        required_resource_access: patch
            .required_resource_access
            .as_ref()
            .map(|_| live.required_resource_access.clone()),
        optional_claims: patch.optional_claims.as_ref().and(live.optional_claims.clone()),
    }
}

/// What `patch` would change as it is in `live`: to be shown beside the patch.
pub fn before_in_principal(patch: &ServicePrincipalPatch, live: &ServicePrincipal) -> ServicePrincipalPatch {
    ServicePrincipalPatch {
        app_role_assignment_required: patch.app_role_assignment_required.map(|_| live.app_role_assignment_required),
        tags: patch.tags.as_ref().map(|_| live.tags.clone()),
    }
}

/// What has to change so that the application can be asked for by `api://CLIENT_ID`, and asks for its own scope: both rest on
/// what exists only once it is registered.
pub fn expose(live: &Application, scope: &str) -> ApplicationPatch {
    let own_scope = live.scope(scope).map(|scope| scope.id.to_string());
    let patch = ApplicationPatch {
        identifier_uris: with_missing(&live.identifier_uris, &[live.own_identifier_uri()]),
        required_resource_access: own_scope.and_then(|id| access(live, &live.app_id, &[&id])),
        ..ApplicationPatch::default()
    };
    if live.is_adopted() { recorded(patch, live, None) } else { patch }
}

/// What has to change in the service principal; empty when nothing has to.
pub fn merge_service_principal(assignment_required: bool, live: Option<&ServicePrincipal>) -> ServicePrincipalPatch {
    let nothing = ServicePrincipal::default();
    let there = live.unwrap_or(&nothing);
    ServicePrincipalPatch {
        app_role_assignment_required: (live.is_none() || there.app_role_assignment_required != assignment_required)
            .then_some(assignment_required),
        tags: with_missing(&there.tags, &[ENTERPRISE_TAG.to_owned()]),
    }
}

/// The list with what it lacks, or nothing if it lacks nothing.
fn with_missing(there: &[String], wanted: &[String]) -> Option<Vec<String>> {
    let missing: Vec<_> = wanted.iter().filter(|value| !there.contains(value)).cloned().collect();
    (!missing.is_empty()).then(|| [there.to_vec(), missing].concat())
}

fn scopes(desired: &Desired, there: &Application) -> Option<Vec<PermissionScope>> {
    let (value, id) = &desired.scope;
    match there.scope(value) {
        Some(scope) if scope.is_enabled => return None,
        _ => {}
    }
    let mut all: Vec<_> = there.api.oauth2_permission_scopes.iter().cloned().map(writable_scope).collect();
    if let Some(disabled) = all.iter_mut().find(|scope| scope.value.as_deref() == Some(value)) {
        disabled.is_enabled = true;
    } else {
        let id =
            free_id(*id, value, all.iter().map(|scope| scope.id).chain(there.app_roles.iter().map(|role| role.id)));
        all.push(new_scope(id, value, &desired.display_name));
    }
    Some(all)
}

fn roles(desired: &Desired, there: &Application) -> Option<Vec<AppRole>> {
    let (value, id) = &desired.role;
    match there.role(value) {
        Some(role) if role.is_enabled => return None,
        _ => {}
    }
    let mut all: Vec<_> = there.app_roles.iter().cloned().map(writable_role).collect();
    if let Some(disabled) = all.iter_mut().find(|role| role.value.as_deref() == Some(value)) {
        disabled.is_enabled = true;
    } else {
        let scopes = there.api.oauth2_permission_scopes.iter().map(|scope| scope.id);
        all.push(new_role(
            free_id(*id, value, all.iter().map(|role| role.id).chain(scopes)),
            value,
            &desired.display_name,
        ));
    }
    Some(all)
}

/// An id that nothing else in the application has: scopes and roles share one space of ids.
fn free_id(wanted: Uuid, value: &str, mut taken: impl Iterator<Item = Uuid>) -> Uuid {
    if taken.any(|id| id == wanted) { Uuid::new_v5(&wanted, value.as_bytes()) } else { wanted }
}

fn new_scope(id: Uuid, value: &str, application: &str) -> PermissionScope {
    let title = format!("Access {application}");
    let others = object(json!({
        "type": "User",
        "adminConsentDisplayName": title,
        "adminConsentDescription": format!("Lets an application use {application} in the name of the signed-in person."),
        "userConsentDisplayName": title,
        "userConsentDescription": format!("Lets an application use {application} in your name."),
    }));
    PermissionScope { id, value: Some(value.to_owned()), is_enabled: true, others }
}

fn new_role(id: Uuid, value: &str, application: &str) -> AppRole {
    let others = object(json!({
        "displayName": format!("Access {application}"),
        "description": format!("Lets whoever holds it use {application}."),
    }));
    let allowed_member_types = vec!["User".to_owned(), "Application".to_owned()];
    AppRole { id, value: Some(value.to_owned()), is_enabled: true, allowed_member_types, others }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// `origin` is Graph's to say and must not be sent back.
pub(super) fn writable_scope(mut scope: PermissionScope) -> PermissionScope {
    scope.others.shift_remove("origin");
    scope
}

/// See [`writable_scope`].
pub(super) fn writable_role(mut role: AppRole) -> AppRole {
    role.others.shift_remove("origin");
    role
}

/// The permissions asked for, with those on `resource` that are missing.
fn access(there: &Application, resource: &str, scopes: &[&str]) -> Option<Vec<ResourceAccess>> {
    let mut all = there.required_resource_access.clone();
    let position = all.iter().position(|entry| entry.resource_app_id == resource).unwrap_or_else(|| {
        all.push(ResourceAccess {
            resource_app_id: resource.to_owned(),
            resource_access: Vec::new(),
            others: Map::new(),
        });
        all.len() - 1
    });
    let entries = &mut all.get_mut(position)?.resource_access;
    let before = entries.len();
    for id in scopes {
        if !entries.iter().any(|entry| entry.kind == "Scope" && entry.id.eq_ignore_ascii_case(id)) {
            entries.push(AccessEntry { id: (*id).to_owned(), kind: "Scope".to_owned() });
        }
    }
    (entries.len() > before).then_some(all)
}

fn claims(desired: &Desired, there: &Application) -> Option<OptionalClaims> {
    let before = there.optional_claims.clone().unwrap_or_default();
    let mut after = before.clone();
    for list in [&mut after.id_token, &mut after.access_token] {
        for name in &desired.optional_claims {
            if !list.iter().any(|claim| &claim.name == name) {
                list.push(OptionalClaim { name: name.clone(), others: Map::new() });
            }
        }
    }
    (after != before).then_some(after)
}

#[cfg(test)]
mod tests {
    use super::{Desired, before, expose, merge, merge_service_principal};
    use crate::entra::{Adoption, Application, GRAPH_APP_ID, GRAPH_USER_READ, ServicePrincipal};
    use serde_json::{Value, json};
    use uuid::Uuid;

    fn desired() -> Desired {
        Desired {
            display_name: "myapp".to_owned(),
            redirect_uri: "https://myapp.cluster.example.com/oauth2/callback".to_owned(),
            scope: ("user_impersonation".to_owned(), Uuid::from_u128(1)),
            role: ("App.Access".to_owned(), Uuid::from_u128(2)),
            optional_claims: vec!["email".to_owned()],
            tags: vec!["gatewright".to_owned()],
            adoption: None,
            rename: false,
        }
    }

    /// What Graph would return after a patch, as far as patches reach.
    fn after(live: &Value, patch: &impl serde::Serialize) -> Value {
        let mut live = live.clone();
        overlay(&mut live, &serde_json::to_value(patch).unwrap());
        live
    }

    fn overlay(live: &mut Value, patch: &Value) {
        match (live, patch) {
            (Value::Object(live), Value::Object(patch)) => {
                for (key, value) in patch {
                    overlay(live.entry(key.clone()).or_insert(Value::Null), value);
                }
            }
            (live, patch) => *live = patch.clone(),
        }
    }

    fn application(value: &Value) -> Application {
        serde_json::from_value(value.clone()).unwrap()
    }

    fn foreign() -> Value {
        json!({
            "id": "object", "appId": "client", "displayName": "old name",
            "tags": ["theirs"],
            "identifierUris": ["api://theirs.example.com"],
            "web": {"redirectUris": ["https://theirs.example.com/callback"], "homePageUrl": "https://theirs.example.com"},
            "api": {"oauth2PermissionScopes": [
                {"id": Uuid::from_u128(8), "value": "Theirs.Read", "isEnabled": true, "type": "Admin", "adminConsentDisplayName": "t", "origin": "x"},
                {"id": Uuid::from_u128(9), "value": "user_impersonation", "isEnabled": false, "type": "User"}
            ]},
            "appRoles": [{"id": Uuid::from_u128(2), "value": "Theirs", "isEnabled": true, "allowedMemberTypes": ["User"],
                          "displayName": "d", "description": "e", "origin": "Application"}],
            "requiredResourceAccess": [{"resourceAppId": "theirs", "resourceAccess": [{"id": "a", "type": "Role"}]}],
            "optionalClaims": {"idToken": [{"name": "upn", "essential": true}], "saml2Token": [{"name": "s"}]}
        })
    }

    #[test]
    fn given_no_application_when_it_is_made_and_exposed_then_a_second_look_changes_nothing() {
        let live = after(&json!({"id": "object", "appId": "client"}), &merge(&desired(), None));
        let live = after(&live, &expose(&application(&live), "user_impersonation"));
        assert!(merge(&desired(), Some(&application(&live))).is_empty());
        assert!(expose(&application(&live), "user_impersonation").is_empty());
        assert_eq!(live["api"]["requestedAccessTokenVersion"], 2);
        assert_eq!(live["identifierUris"], json!(["api://client"]));
        assert_eq!(live["web"]["implicitGrantSettings"]["enableIdTokenIssuance"], false);
    }

    #[test]
    fn given_an_application_with_things_of_others_when_it_is_merged_then_all_of_them_stay() {
        let live = after(&foreign(), &merge(&desired(), Some(&application(&foreign()))));
        assert_eq!(live["tags"], json!(["theirs", "gatewright"]));
        assert_eq!(live["web"]["redirectUris"][0], "https://theirs.example.com/callback");
        assert_eq!(live["web"]["homePageUrl"], "https://theirs.example.com");
        assert_eq!(live["api"]["oauth2PermissionScopes"][0]["adminConsentDisplayName"], "t");
        assert_eq!(live["requiredResourceAccess"][0]["resourceAccess"][0]["type"], "Role");
        assert_eq!(live["optionalClaims"]["saml2Token"][0]["name"], "s");
        assert_eq!(live["optionalClaims"]["idToken"], json!([{"name": "upn", "essential": true}, {"name": "email"}]));
        assert!(merge(&desired(), Some(&application(&live))).is_empty());
    }

    #[test]
    fn given_our_scope_is_there_but_disabled_when_merged_then_it_is_enabled_under_its_own_id() {
        let patch = merge(&desired(), Some(&application(&foreign())));
        let scopes = patch.api.unwrap().oauth2_permission_scopes.unwrap();
        assert_eq!(scopes.len(), 2);
        assert_eq!((scopes[1].id, scopes[1].is_enabled), (Uuid::from_u128(9), true));
    }

    #[test]
    fn given_another_role_has_the_id_we_would_use_when_merged_then_ours_gets_another() {
        let roles = merge(&desired(), Some(&application(&foreign()))).app_roles.unwrap();
        assert_eq!(roles[0].id, Uuid::from_u128(2));
        assert_eq!(roles[1].value.as_deref(), Some("App.Access"));
        assert_ne!(roles[1].id, Uuid::from_u128(2));
    }

    #[test]
    fn given_lists_that_are_written_back_then_what_only_graph_may_say_is_left_out() {
        let text = serde_json::to_string(&merge(&desired(), Some(&application(&foreign())))).unwrap();
        assert!(!text.contains("origin"), "{text}");
    }

    #[test]
    fn given_someone_switched_the_token_version_back_when_merged_then_only_that_is_written() {
        let mut live = after(&json!({"id": "object", "appId": "client"}), &merge(&desired(), None));
        live["api"]["requestedAccessTokenVersion"] = json!(null);
        let patch = serde_json::to_value(merge(&desired(), Some(&application(&live)))).unwrap();
        assert_eq!(patch, json!({"api": {"requestedAccessTokenVersion": 2}}));
    }

    fn adopting() -> Desired {
        let adoption = Adoption {
            unique_name: "gatewright.c.n.a".to_owned(),
            besides: vec!["gatewright:added:consent:graph/openid".to_owned()],
        };
        Desired { adoption: Some(adoption), ..desired() }
    }

    #[test]
    fn given_an_application_of_others_when_it_is_adopted_then_its_name_and_audience_stay_and_all_that_is_new_is_recorded()
     {
        let mut foreign = foreign();
        foreign["signInAudience"] = json!("AzureADMultipleOrgs");
        let patch = merge(&adopting(), Some(&application(&foreign)));
        assert_eq!((&patch.display_name, &patch.sign_in_audience), (&None, &None));
        assert_eq!(patch.unique_name.as_deref(), Some("gatewright.c.n.a"));
        let live = after(&foreign, &patch);
        let tags: Vec<&str> = live["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
        assert_eq!(tags[..3], ["theirs", "gatewright", "gatewright:adopted"]);
        let our_role = live["appRoles"][1]["id"].as_str().unwrap();
        for recorded in [
            "gatewright:added:redirect-uri:https://myapp.cluster.example.com/oauth2/callback".to_owned(),
            format!("gatewright:added:use-of-scope:{}", Uuid::from_u128(9)),
            format!("gatewright:added:role:{our_role}"),
            format!("gatewright:added:permission:{GRAPH_APP_ID}/Scope/{GRAPH_USER_READ}"),
            "gatewright:added:claim:idToken/email".to_owned(),
            "gatewright:added:claim:accessToken/email".to_owned(),
            "gatewright:was:token-version:none".to_owned(),
            "gatewright:added:consent:graph/openid".to_owned(),
        ] {
            assert!(tags.contains(&recorded.as_str()), "{recorded} is not in {tags:#?}");
        }
        assert!(!tags.iter().any(|tag| tag.contains("theirs.example.com") || tag.contains("upn")), "{tags:#?}");
    }

    #[test]
    fn given_an_adopted_application_when_it_is_looked_at_again_then_nothing_changes_with_the_key_or_without() {
        let live = after(&foreign(), &merge(&adopting(), Some(&application(&foreign()))));
        let live = after(&live, &expose(&application(&live), "user_impersonation"));
        let adopted = application(&live);
        assert!(adopted.is_adopted());
        assert!(
            adopted.tags.contains(&"gatewright:added:identifier-uri:api://client".to_owned()),
            "{:#?}",
            adopted.tags
        );
        assert!(merge(&desired(), Some(&adopted)).is_empty());
        assert!(expose(&adopted, "user_impersonation").is_empty());
        assert_eq!(adopted.display_name, "old name");
    }

    #[test]
    fn given_a_new_name_is_asked_for_when_adopting_then_the_old_one_is_recorded() {
        let patch = merge(&Desired { rename: true, ..adopting() }, Some(&application(&foreign())));
        assert_eq!(patch.display_name.as_deref(), Some("myapp"));
        assert!(patch.tags.unwrap().contains(&"gatewright:was:display-name:old%20name".to_owned()));
    }

    #[test]
    fn given_a_patch_when_it_is_foreseen_then_it_is_what_graph_makes_of_it() {
        let patch = merge(&adopting(), Some(&application(&foreign())));
        let foreseen = application(&foreign()).with(&patch);
        let mut made = application(&after(&foreign(), &patch));
        made.optional_claims.clone_from(&foreseen.optional_claims);
        assert_eq!(foreseen, made);
    }

    #[test]
    fn given_a_patch_then_what_it_would_change_is_shown_as_it_is() {
        let live = application(&foreign());
        let patch = merge(&adopting(), Some(&live));
        let before = before(&patch, &live);
        assert_eq!(before.tags.as_deref(), Some(&["theirs".to_owned()][..]));
        assert_eq!(before.web.unwrap().redirect_uris.unwrap().len(), 1);
        assert_eq!((before.unique_name, before.display_name, before.identifier_uris), (None, None, None));
    }

    #[test]
    fn given_a_service_principal_with_tags_of_others_when_merged_then_they_stay() {
        let live = ServicePrincipal { tags: vec!["theirs".to_owned()], ..ServicePrincipal::default() };
        let patch = merge_service_principal(true, Some(&live));
        assert_eq!(patch.app_role_assignment_required, Some(true));
        assert_eq!(patch.tags.unwrap(), ["theirs", "WindowsAzureActiveDirectoryIntegratedApp"]);
    }
}
