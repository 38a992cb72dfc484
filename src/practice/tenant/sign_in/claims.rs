//! What tokens say.
//!
//! Source: entra-docs, access-token-claims-reference.md, id-token-claims-reference.md, optional-claims-reference.md.

use super::client::Client;
use super::error::SignInError;
use super::scopes::Asked;
use crate::practice::tenant::Core;
use crate::practice::tenant::directory::{Person, ServicePrincipal, list, sha256, text};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

/// Seconds an access token lives.
pub(super) const LIFETIME: i64 = 3_600;

/// The permission by which a program consents for everybody (domain.md 1.3).
const TO_CONSENT: &str = "DelegatedPermissionGrant.ReadWrite.All";

/// Whom a token speaks for.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    Person(&'a Person),
    Program(&'a ServicePrincipal),
}

impl Subject<'_> {
    pub(super) fn object_id(&self) -> &str {
        match self {
            Self::Person(person) => &person.id,
            Self::Program(principal) => principal.id(),
        }
    }

    /// The object ids whose role assignments count.
    fn holders<'a>(&'a self, core: &'a Core) -> Vec<&'a str> {
        let mut holders = vec![self.object_id()];
        holders.extend(core.directory.groups_of(self.object_id()));
        holders
    }
}

/// Ids of the app roles the subject holds on a resource, as far as they have replicated.
pub(super) fn role_ids<'a>(core: &'a Core, subject: Subject<'_>, resource: &ServicePrincipal) -> Vec<&'a str> {
    let now = core.now();
    let holders: Vec<String> = subject.holders(core).into_iter().map(str::to_ascii_lowercase).collect();
    let assignments = core.directory.role_assignments.iter();
    assignments
        .filter(|it| it.resource_id.eq_ignore_ascii_case(resource.id()) && it.visible_from <= now)
        .filter(|it| holders.contains(&it.principal_id.to_ascii_lowercase()))
        .map(|it| it.app_role_id.as_str())
        .collect()
}

fn role_values(core: &Core, subject: Subject<'_>, resource: &ServicePrincipal) -> Vec<String> {
    let ids = role_ids(core, subject, resource);
    let value = |role: &Value, name: &str| role.get(name).and_then(Value::as_str).map(str::to_owned);
    let exposed = core.directory.exposed_roles(resource).iter();
    let held =
        exposed.filter(|role| value(role, "id").is_some_and(|id| ids.iter().any(|it| it.eq_ignore_ascii_case(&id))));
    let values = held.filter_map(|role| value(role, "value"));
    // Where the scenario lets nobody consent, nobody holds what it takes.
    values.filter(|value| core.settings.rights.may_consent || value != TO_CONSENT).collect()
}

/// An access token for the resource asked for.
pub(super) fn access_token(
    core: &Core,
    client: &Client,
    asked: &Asked,
    subject: Subject<'_>,
    scopes: &[String],
) -> Result<String, SignInError> {
    let resource = asked.principal(core)?;
    let application = core.directory.application_by_app_id(resource.app_id());
    let version = application.and_then(|it| it.properties.get("api")?.get("requestedAccessTokenVersion")?.as_i64());
    let is_version_2 = version == Some(2);
    let mut claims = common(core, is_version_2);
    let audience = if is_version_2 { resource.app_id() } else { asked.resource.as_str() };
    claims.insert("aud".into(), json!(audience));
    let proof = if client.confidential { "1" } else { "0" };
    let (party, proved) = if is_version_2 { ("azp", "azpacr") } else { ("appid", "appidacr") };
    claims.insert(party.into(), json!(client.app_id));
    claims.insert(proved.into(), json!(proof));
    claims.insert("oid".into(), json!(subject.object_id()));
    let roles = role_values(core, subject, resource);
    if !roles.is_empty() {
        claims.insert("roles".into(), json!(roles));
    }
    let wanted = application.map(|it| wanted_claims(&it.properties, "accessToken")).unwrap_or_default();
    match subject {
        Subject::Program(principal) => {
            claims.insert("sub".into(), json!(principal.id()));
            if !is_version_2 {
                claims.insert("idtyp".into(), json!("app"));
            }
        }
        Subject::Person(person) => {
            claims.insert("sub".into(), json!(pairwise(&person.id, resource.app_id())));
            claims.insert("scp".into(), json!(scopes.join(" ")));
            claims.insert("name".into(), json!(person.display_name));
            let name = if is_version_2 { "preferred_username" } else { "upn" };
            claims.insert(name.into(), json!(person.user_principal_name));
            add_personal(core, &mut claims, person, resource, &wanted, false);
        }
    }
    sign(core, claims)
}

/// An ID token for the client; its version is that of the endpoint, and only version 2 is served.
pub(super) fn id_token(
    core: &Core,
    client: &Client,
    asked: &Asked,
    person: &Person,
    nonce: Option<&str>,
) -> Result<String, SignInError> {
    let mut claims = common(core, true);
    claims.insert("aud".into(), json!(client.app_id));
    claims.insert("oid".into(), json!(person.id));
    claims.insert("sub".into(), json!(pairwise(&person.id, &client.app_id)));
    if asked.has_openid("profile") {
        claims.insert("name".into(), json!(person.display_name));
        claims.insert("preferred_username".into(), json!(person.user_principal_name));
    }
    if let Some(nonce) = nonce {
        claims.insert("nonce".into(), json!(nonce));
    }
    if let Some(principal) = core.directory.service_principal_by_app_id(&client.app_id) {
        let roles = role_values(core, Subject::Person(person), principal);
        if !roles.is_empty() {
            claims.insert("roles".into(), json!(roles));
        }
        let application = core.directory.application_by_app_id(&client.app_id);
        let wanted = application.map(|it| wanted_claims(&it.properties, "idToken")).unwrap_or_default();
        add_personal(core, &mut claims, person, principal, &wanted, asked.has_openid("email"));
    }
    sign(core, claims)
}

fn common(core: &Core, is_version_2: bool) -> Map<String, Value> {
    let now = core.now().as_second();
    let tenant = core.tenant_id();
    let issuer = if is_version_2 { core.issuer() } else { format!("https://sts.windows.net/{tenant}/") };
    let unique = URL_SAFE_NO_PAD.encode(uuid::Uuid::new_v4().as_bytes());
    let claims = json!({
        "iss": issuer, "iat": now, "nbf": now, "exp": now + LIFETIME, "tid": tenant, "uti": unique,
        "ver": if is_version_2 { "2.0" } else { "1.0" },
    });
    claims.as_object().cloned().unwrap_or_default()
}

fn wanted_claims(application: &Map<String, Value>, token: &str) -> Vec<String> {
    let all = list(application, &["optionalClaims", token]).iter();
    all.filter_map(|claim| claim.get("name").and_then(Value::as_str).map(str::to_owned)).collect()
}

/// `email` appears only for those who have mail (domain.md 2.3); groups as `groupMembershipClaims` of the application say.
fn add_personal(
    core: &Core,
    claims: &mut Map<String, Value>,
    person: &Person,
    resource: &ServicePrincipal,
    wanted: &[String],
    email_asked: bool,
) {
    let wants = |name: &str| wanted.iter().any(|it| it == name);
    if let Some(mail) = person.mail.as_ref().filter(|_| email_asked || wants("email")) {
        claims.insert("email".into(), json!(mail));
    }
    if wants("upn") {
        claims.insert("upn".into(), json!(person.user_principal_name));
    }
    let application = core.directory.application_by_app_id(resource.app_id());
    let kinds = application.map(|it| text(&it.properties, "groupMembershipClaims")).unwrap_or_default();
    let mut groups = core.directory.groups_of(&person.id);
    if kinds.contains("ApplicationGroup") {
        let assigned = |group: &&str| {
            let all = core.directory.role_assignments.iter();
            all.clone().any(|it| it.principal_id == **group && it.resource_id == resource.id())
        };
        groups.retain(assigned);
    } else if !(kinds.contains("SecurityGroup") || kinds.contains("All")) {
        groups.clear();
    }
    if !groups.is_empty() {
        claims.insert("groups".into(), json!(groups));
    }
}

/// A person has another `sub` for every application.
fn pairwise(person: &str, app_id: &str) -> String {
    let digest = sha256(&format!("{person} {app_id}"));
    URL_SAFE_NO_PAD.encode(digest.get(..32).unwrap_or_default())
}

pub(super) fn sign(core: &Core, claims: Map<String, Value>) -> Result<String, SignInError> {
    core.keys.sign(&Value::Object(claims)).map_err(|error| SignInError {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        ..SignInError::new("server_error", 90_033, error.to_string())
    })
}
