//! Microsoft Graph v1.0, as far as an application's registration needs it (domain.md 1.1).

mod application_rules;
mod applications;
mod caller;
mod credentials;
mod deleted_items;
mod error;
mod federated_credentials;
mod filter;
mod grants;
mod hand_made;
mod people;
mod query;
mod role_assignments;
mod service_principals;
mod shape;

pub(super) use applications::new_application_properties;
pub(super) use credentials::new_secret_text;
pub(super) use grants::write_grant;
pub(super) use hand_made::put as put_hand_made;
pub(super) use service_principals::names as service_principal_names;

use super::directory::{Properties, written};
use super::reply::Reply;
use super::{Call, Core};
use axum::http::{HeaderName, Method, StatusCode, header};
use caller::Caller;
use error::GraphError;
use jiff::Timestamp;
use serde_json::Value;
use shape::Shape;

/// The content type of Graph's answers.
pub(super) const CONTENT_TYPE: &str =
    "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

/// Names of segments, as they are documented.
const SEGMENTS: &[&str] = &[
    "addPassword",
    "appRoleAssignedTo",
    "appRoleAssignments",
    "applications",
    "deletedItems",
    "directory",
    "directoryRoles",
    "federatedIdentityCredentials",
    "groups",
    "me",
    "memberOf",
    "members",
    "oauth2PermissionGrants",
    "organization",
    "ownedObjects",
    "owners",
    "removePassword",
    "restore",
    "servicePrincipals",
    "transitiveMemberOf",
    "users",
];

/// One segment of a path: `applications(appId='x')` has the name `applications` and the key `("appId", "x")`.
#[derive(Debug, PartialEq, Eq)]
struct Segment {
    name: String,
    key: Option<(String, String)>,
}

/// Which object of a collection a path addresses.
#[derive(Debug, PartialEq, Eq)]
struct Key {
    /// The key property: `id`, `appId` or `uniqueName`.
    property: String,
    value: String,
}

/// A request once its caller is known.
struct Request<'a> {
    call: &'a Call,
    caller: Caller,
    now: Timestamp,
}

/// Answers one request.
pub(super) fn answer(core: &mut Core, call: &Call) -> Reply {
    let now = core.now();
    let request_id = uuid::Uuid::new_v4().to_string();
    let asked = call.header("client-request-id").or_else(|| call.header("x-ms-client-request-id"));
    let client_request_id = asked.unwrap_or(&request_id).to_owned();
    let date = now.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let reply = route(core, call, now).unwrap_or_else(|error| error.into_reply(&request_id, &client_request_id, &date));
    reply
        .with_header(HeaderName::from_static("request-id"), request_id)
        .with_header(HeaderName::from_static("client-request-id"), client_request_id)
        .with_header(HeaderName::from_static("odata-version"), "4.0")
}

fn route(core: &mut Core, call: &Call, now: Timestamp) -> Result<Reply, GraphError> {
    let decoded = call.segments();
    let (version, path) = decoded.split_first().ok_or_else(|| GraphError::no_such_segment(""))?;
    if decoded == ["oidc", "userinfo"] {
        return people::user_info(core, &Caller::of(core, call, now)?);
    }
    if version != "v1.0" {
        return Err(GraphError::malformed(format!("Invalid version: {version}")));
    }
    let caller = Caller::of(core, call, now)?;
    query::check(call)?;
    let request = Request { call, caller, now };
    let segments: Vec<Segment> = path.iter().map(|segment| Segment::parse(segment)).collect::<Result<_, _>>()?;
    let (first, rest) = segments.split_first().ok_or_else(|| GraphError::no_such_segment(""))?;
    let (key, rest) = addressed(first, rest);
    match first.name.as_str() {
        "applications" => applications::answer(core, &request, key, rest),
        "servicePrincipals" => service_principals::answer(core, &request, key, rest),
        "oauth2PermissionGrants" => grants::answer(core, &request, key.as_ref(), rest),
        "directory" => deleted_items::answer(core, &request, key.as_ref(), rest),
        "me" | "users" | "groups" | "organization" | "directoryRoles" => {
            people::answer(core, &request, &first.name, key.as_ref(), rest)
        }
        other => Err(GraphError::no_such_segment(other)),
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, GraphError> {
        let Some((name, rest)) = text.split_once('(') else {
            return Ok(Self { name: spelled(text), key: None });
        };
        let malformed = || GraphError::malformed(format!("The key in segment '{text}' cannot be read."));
        let inner = rest.strip_suffix(')').ok_or_else(malformed)?;
        let (property, literal) = inner.split_once('=').unwrap_or(("id", inner));
        let quoted = literal.strip_prefix('\'').and_then(|literal| literal.strip_suffix('\'')).ok_or_else(malformed)?;
        // An apostrophe inside a literal is doubled (OData 4.01 URL conventions 4.3.1).
        let value = quoted.replace("''", "'");
        Ok(Self { name: spelled(name), key: Some((property.trim().to_owned(), value)) })
    }
}

/// Graph does not care for the case of a segment's name: the Azure CLI deletes an `oAuth2PermissionGrants`.
fn spelled(name: &str) -> String {
    let known = SEGMENTS.iter().find(|known| known.eq_ignore_ascii_case(name));
    known.map_or_else(|| name.to_owned(), |known| (*known).to_owned())
}

/// The object a path addresses, by a key in parentheses or by the id in the next segment, and what follows it.
fn addressed<'a>(first: &Segment, rest: &'a [Segment]) -> (Option<Key>, &'a [Segment]) {
    if let Some((property, value)) = &first.key {
        return (Some(Key { property: property.clone(), value: value.clone() }), rest);
    }
    match rest.split_first() {
        Some((next, rest)) if next.key.is_none() && first.name != "me" => {
            (Some(Key { property: "id".into(), value: next.name.clone() }), rest)
        }
        _ => (None, rest),
    }
}

impl Request<'_> {
    /// Whether the request finds an object that has been there since `visible_from`. Reads find it only from then on.
    fn sees(&self, core: &Core, visible_from: Timestamp) -> bool {
        let is_write = self.method() != Method::GET;
        visible_from <= self.now || (is_write && !core.settings.replication.writes_lag)
    }

    fn method(&self) -> &Method {
        &self.call.method
    }

    /// Whether the caller asked to create what is missing (application-upsert.md).
    fn may_create(&self) -> bool {
        self.call.header("prefer").is_some_and(|value| value.to_ascii_lowercase().contains("create-if-missing"))
    }

    /// The body, held against the type.
    fn body(&self, shape: &'static Shape) -> Result<Properties, GraphError> {
        shape.check(self.any_body()?)
    }

    fn any_body(&self) -> Result<Properties, GraphError> {
        let is_json = self.call.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        match self.call.json() {
            Some(Value::Object(body)) if is_json => Ok(body),
            _ => Err(GraphError::malformed(
                "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON \
                 format.",
            )),
        }
    }
}

/// The object of an answer, with its context, and only the properties asked for.
fn entity(
    core: &Core,
    request: &Request<'_>,
    context: &str,
    shape: &Shape,
    object: Properties,
) -> Result<Reply, GraphError> {
    let mut shown = query::select(request.call, shape, object)?;
    let context = format!("{}/v1.0/$metadata#{context}", core.addresses.graph);
    shown.shift_insert(0, "@odata.context".into(), Value::from(context));
    Ok(Reply::ok(Value::Object(shown)))
}

/// An answer to a write that made something.
fn created(
    core: &Core,
    request: &Request<'_>,
    context: &str,
    shape: &Shape,
    object: Properties,
) -> Result<Reply, GraphError> {
    let id = super::directory::text(&object, "id").to_owned();
    let collection = context.split('/').next().unwrap_or_default();
    let location = format!("{}/v1.0/{collection}/{id}", core.addresses.graph);
    let mut reply = entity(core, request, context, shape, object)?;
    reply.status = StatusCode::CREATED;
    Ok(reply.with_header(header::LOCATION, location))
}

/// Replaces plain values and lists wholesale; what is nested is merged, as Graph does with complex properties.
fn merge(into: &mut Properties, changes: Properties) {
    for (name, value) in changes {
        match (into.get_mut(&name), value) {
            (Some(Value::Object(old)), Value::Object(new)) => merge(old, new),
            (_, value) => {
                into.insert(name, value);
            }
        }
    }
}

/// A moment as an object's property.
fn moment(at: Timestamp) -> Value {
    Value::from(written(at))
}
