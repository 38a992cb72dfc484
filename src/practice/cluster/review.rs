//! What the caller may do: rules that take rights away, and the reviews that tell of them.

use super::{
    request::Query,
    state::State,
    status::{ApiError, Attempt, invalid},
    write::{self, Options, Target},
};
use axum::http::Method;
use serde_json::{Value, json};

/// A right that the caller lacks. `*` stands for any.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Denied {
    /// Such as `create`, `patch`, `list`.
    pub verb: String,
    /// The API group; the core group is the empty text.
    pub group: String,
    /// The plural, with `/SUBRESOURCE` for one.
    pub resource: String,
    /// The namespace; everywhere when it is not given.
    #[serde(default)]
    pub namespace: Option<String>,
}

/// What somebody wants to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish<'a> {
    /// Such as `create`.
    pub(super) verb: &'a str,
    /// The API group.
    pub(super) group: &'a str,
    /// The plural, with `/SUBRESOURCE` for one.
    pub(super) resource: &'a str,
    /// The namespace; empty for the cluster.
    pub(super) namespace: &'a str,
}

impl Denied {
    fn forbids(&self, wish: &Wish<'_>) -> bool {
        // Who asks for everything, or for every namespace at once, asks for what is denied too.
        let fits = |pattern: &str, text: &str| pattern == "*" || text == "*" || pattern == text;
        fits(&self.verb, wish.verb)
            && fits(&self.group, wish.group)
            && fits(&self.resource, wish.resource)
            && self
                .namespace
                .as_deref()
                .is_none_or(|namespace| wish.namespace.is_empty() || fits(namespace, wish.namespace))
    }
}

/// Whether nothing stands against it.
pub(super) fn allows(state: &State, wish: &Wish<'_>) -> bool {
    !state.denied.iter().any(|denied| denied.forbids(wish))
}

/// Answers a review with its status.
pub(super) fn answer(
    state: &State,
    target: &Target,
    user: &str,
    review: Value,
    options: &Options,
) -> Result<Value, ApiError> {
    let kind = &target.kind;
    let mut answered = review;
    answered["metadata"] = json!({});
    match kind.kind.as_str() {
        "SelfSubjectAccessReview" => {
            let attributes = ["resourceAttributes", "nonResourceAttributes"];
            if attributes.iter().filter(|key| answered["spec"].get(**key).is_some()).count() != 1 {
                let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
                let mut error = ApiError::invalid(kind, "", vec![invalid("spec", &Value::Null, why)]);
                error.message = error.message.replacen(&kind.kind, "", 1);
                return Err(error.about(&kind.group, "", ""));
            }
            answered["metadata"] = json!({"managedFields": write::owners_of_new(target, &answered, options)});
            answered["status"] = access(state, &answered);
        }
        "SelfSubjectRulesReview" => {
            if answered["spec"]["namespace"].as_str().unwrap_or_default().is_empty() {
                return Err(ApiError::bad_request("no namespace on request"));
            }
            answered["status"] = rules(state, &answered);
            answered["spec"] = json!({});
        }
        _ => {
            answered["metadata"] = json!({"creationTimestamp": write::now()});
            answered["status"] = json!({"userInfo": {"username": user, "groups": ["system:authenticated"]}});
        }
    }
    answered["apiVersion"] = json!(kind.spell(&target.version));
    answered["kind"] = json!(kind.kind);
    Ok(answered)
}

/// What is said to somebody who does not say who he is, whatever he asks for.
pub(super) fn refuse_anonymous(method: &Method, path: &str, steps: &[&str], query: &Query) -> ApiError {
    const ANONYMOUS: &str = "system:anonymous";
    let (group, rest) = match steps {
        ["api", _, rest @ ..] => ("", rest),
        ["apis", group, _, rest @ ..] => (*group, rest),
        _ => ("", &[] as &[&str]),
    };
    let (namespace, rest) = match rest {
        ["namespaces", namespace] => (Some(*namespace), rest),
        ["namespaces", namespace, inner @ ..] => (Some(*namespace), inner),
        _ => (None, rest),
    };
    let Some((plural, named)) = rest.split_first() else {
        let verb = method.as_str().to_lowercase();
        let message = format!("forbidden: User {ANONYMOUS:?} cannot {verb} path {path:?}");
        return ApiError::plain(403, "Forbidden", message).about("", "", "");
    };
    let name = named.first().copied().unwrap_or_default();
    let resource = named.get(1).map_or_else(|| (*plural).to_owned(), |subresource| format!("{plural}/{subresource}"));
    let verb = match (method.as_str(), name.is_empty()) {
        ("GET", true) if query.get("watch").is_some() && query.flag("watch") => "watch",
        ("GET", true) => "list",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", true) => "deletecollection",
        ("DELETE", false) => "delete",
        _ => "get",
    };
    ApiError::forbidden(&Attempt { verb, group, resource: &resource, namespace, name }, ANONYMOUS)
}

fn access(state: &State, review: &Value) -> Value {
    let text = |key: &str| {
        review.pointer(&format!("/spec/resourceAttributes/{key}")).and_then(Value::as_str).unwrap_or_default()
    };
    let subresource = text("subresource");
    let resource = if subresource.is_empty() {
        text("resource").to_owned()
    } else {
        format!("{}/{subresource}", text("resource"))
    };
    let wish = Wish { verb: text("verb"), group: text("group"), resource: &resource, namespace: text("namespace") };
    if allows(state, &wish) { json!({"allowed": true}) } else { json!({"allowed": false}) }
}

/// Rights can only be listed as what is granted: every verb on every served resource, less what is denied there.
fn rules(state: &State, review: &Value) -> Value {
    let namespace = review.pointer("/spec/namespace").and_then(Value::as_str).unwrap_or("default");
    let verbs = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];
    let mut granted = Vec::new();
    for kind in state.catalog.kinds().iter().filter(|kind| !state.absent_groups.contains(&kind.group)) {
        let allowed: Vec<&str> = verbs
            .into_iter()
            .filter(|verb| allows(state, &Wish { verb, group: &kind.group, resource: &kind.plural, namespace }))
            .collect();
        if !allowed.is_empty() {
            granted.push(json!({"verbs": allowed, "apiGroups": [kind.group], "resources": [kind.plural]}));
        }
    }
    json!({"resourceRules": granted, "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["*"]}], "incomplete": false})
}
