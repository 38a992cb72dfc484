//! The API over HTTP: from a path to what answers it.

use super::{
    Cluster, body, discovery, lifecycle,
    lifecycle::{DeleteOptions, Deleted},
    list,
    managed::Endpoint,
    openapi, portforward,
    request::{Asked, Form, Query, bad_option},
    review::{self, Wish},
    status::{ApiError, Attempt},
    table, watch,
    write::{self, Options, Outcome, Patch, Target, in_version},
};
use axum::{
    body::{Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// Whom every caller is taken for.
const USER: &str = "practice-admin";
/// The real server takes three megabytes.
const LARGEST_BODY: usize = 3 * 1024 * 1024;

/// What the server answers to somebody who does not say who he is: he may do nothing.
pub fn refuse_anonymous(request: &Request) -> Response {
    let path = request.uri().path();
    let steps: Vec<&str> = path.split('/').filter(|step| !step.is_empty()).collect();
    let query = Query::read(request.uri().query());
    refuse(&review::refuse_anonymous(request.method(), path, &steps, &query))
}

/// The router that answers everything.
pub(super) fn router(cluster: Cluster) -> axum::Router {
    axum::Router::new().fallback(serve).with_state(cluster)
}

async fn serve(State(cluster): State<Cluster>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    if is_signed_out(&parts.headers) {
        return refuse(&ApiError::plain(401, "Unauthorized", "Unauthorized"));
    }
    let path = parts.uri.path().trim_end_matches('/').to_owned();
    let steps: Vec<&str> = path.split('/').filter(|step| !step.is_empty()).collect();
    let asked = match asked(&cluster, &steps) {
        Ok(Some(asked)) => asked,
        Ok(None) => return describe(&cluster, &parts, &steps).unwrap_or_else(|error| refuse(&error)),
        Err(error) => return refuse(&error),
    };
    if asked.subresource == "portforward" {
        return portforward::serve(&cluster, &mut parts, &asked, USER).await.unwrap_or_else(|error| refuse(&error));
    }
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return refuse(&ApiError::plain(413, "RequestEntityTooLarge", "limit is 3145728"));
    };
    let call = Call { cluster: &cluster, query: Query::read(parts.uri.query()), parts: &parts, asked: &asked, body };
    call.answer().unwrap_or_else(|error| refuse(&error))
}

/// A token named `expired` plays a sign-in that has run out; any other is taken, and so is none.
fn is_signed_out(headers: &HeaderMap) -> bool {
    headers.get(header::AUTHORIZATION).is_some_and(|value| value.as_bytes() == b"Bearer expired")
}

/// The objects that a path names; `None` where it names none but something the server says of itself.
fn asked(cluster: &Cluster, steps: &[&str]) -> Result<Option<Asked>, ApiError> {
    let (group, version, rest) = match steps {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return Ok(None),
    };
    if rest.is_empty() {
        return Ok(None);
    }
    if cluster.state().absent_groups.contains(group) {
        return Err(ApiError::no_page());
    }
    Asked::read(&cluster.inner.catalog, group, version, rest).map(Some).ok_or_else(|| lost(cluster, group))
}

/// A path leads nowhere. A group that is built in says so itself, for others the server has nobody to ask.
fn lost(cluster: &Cluster, group: &str) -> ApiError {
    let built_in = cluster.inner.catalog.kinds().iter().any(|kind| kind.group == group && !kind.is_custom());
    if built_in { ApiError::no_such_path() } else { ApiError::no_page() }
}

/// What the server says of itself.
fn describe(cluster: &Cluster, parts: &Parts, steps: &[&str]) -> Result<Response, ApiError> {
    let is_ours = matches!(steps.first(), Some(&("api" | "apis" | "openapi" | "version")));
    if parts.method != Method::GET {
        return Err(if is_ours { method_not_allowed() } else { ApiError::no_page() });
    }
    let accept = accepted(&parts.headers);
    let whole = accept.contains("v=v2;") && accept.contains("APIGroupDiscoveryList");
    let state = cluster.state();
    let found = |group: &str, value: Option<Value>| value.ok_or_else(|| lost(cluster, group));
    let answer = match steps {
        [] => {
            json!({"paths": ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"]})
        }
        ["healthz" | "livez" | "readyz", ..] => return Ok("ok".into_response()),
        ["version"] => discovery::version(),
        ["api"] if whole => return Ok(aggregated(&discovery::aggregated(&state, true))),
        ["apis"] if whole => return Ok(aggregated(&discovery::aggregated(&state, false))),
        ["api"] => discovery::core_versions(),
        ["apis"] => discovery::group_list(&state),
        ["apis", group] => found(group, discovery::one_group(&state, group))?,
        ["api", version] => found("", discovery::resource_list(&state, "", version))?,
        ["apis", group, version] => found(group, discovery::resource_list(&state, group, version))?,
        ["openapi", "v2"] if accept.contains("proto-openapi.spec.v2") => {
            let content_type = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
            return Ok(([(header::CONTENT_TYPE, content_type)], openapi::v2(&state)).into_response());
        }
        ["openapi", "v3"] => openapi::index(&state),
        ["openapi", "v3", "api", version] => found("", openapi::document(&state, "", version))?,
        ["openapi", "v3", "apis", group, version] => found(group, openapi::document(&state, group, version))?,
        _ => return Err(ApiError::no_page()),
    };
    Ok(send(StatusCode::OK, &answer))
}

fn aggregated(answer: &Value) -> Response {
    let mut response = send(StatusCode::OK, answer);
    let content_type = HeaderValue::from_static("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

fn accepted(headers: &HeaderMap) -> String {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn method_not_allowed() -> ApiError {
    ApiError::plain(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        .about("", "", "")
}

fn send(status: StatusCode, value: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache, private")];
    (status, headers, value.to_string()).into_response()
}

/// The answer that says no.
pub(super) fn refuse(error: &ApiError) -> Response {
    let status = StatusCode::from_u16(error.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if error.is_page() {
        let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
        return (status, headers, format!("{}\n", error.message)).into_response();
    }
    send(status, &error.to_value())
}

/// One request about objects.
struct Call<'a> {
    cluster: &'a Cluster,
    query: Query,
    parts: &'a Parts,
    asked: &'a Asked,
    body: Bytes,
}

impl Call<'_> {
    fn answer(&self) -> Result<Response, ApiError> {
        let asked = self.asked;
        let known = match asked.subresource.as_str() {
            "" => true,
            "status" => asked.kind.status,
            "finalize" => asked.kind.kind == "Namespace",
            "scale" => matches!(asked.kind.kind.as_str(), "Deployment" | "ReplicaSet"),
            _ => false,
        };
        if !known {
            let custom = asked.kind.is_custom();
            return Err(if custom { ApiError::not_found(&asked.kind, self.name()) } else { ApiError::no_such_path() });
        }
        if asked.kind.review {
            return if self.parts.method == Method::POST { self.review() } else { Err(method_not_allowed()) };
        }
        let named = asked.name.is_some();
        match (self.parts.method.as_str(), named) {
            ("GET", false) if self.query.flag("watch") && self.query.get("watch").is_some() => self.watch(),
            ("GET", false) => self.list(),
            ("GET", true) => self.get(),
            ("POST", false) => self.create(),
            ("PUT", true) => self.replace(),
            ("PATCH", true) => self.patch(),
            ("DELETE", true) => self.delete(),
            ("DELETE", false) => self.delete_all(),
            _ => Err(method_not_allowed()),
        }
    }

    fn name(&self) -> &str {
        self.asked.name.as_deref().unwrap_or_default()
    }

    fn namespace(&self) -> &str {
        self.asked.namespace.as_deref().unwrap_or_default()
    }

    /// Whether the caller has a right.
    fn may(&self, verb: &str) -> Result<(), ApiError> {
        let asked = self.asked;
        // A namespace counts as being in itself.
        let is_namespace = asked.kind.group.is_empty() && asked.kind.kind == "Namespace";
        let namespace = if is_namespace { asked.name.as_deref() } else { asked.namespace.as_deref() };
        let resource = asked.right();
        let group = &asked.kind.group;
        let wish = Wish { verb, group, resource: &resource, namespace: namespace.unwrap_or_default() };
        if review::allows(&self.cluster.state(), &wish) {
            return Ok(());
        }
        let attempt = Attempt { verb, group, resource: &resource, namespace, name: self.name() };
        Err(ApiError::forbidden(&attempt, USER))
    }

    fn form(&self) -> Form {
        Form::wanted(&accepted(&self.parts.headers))
    }

    fn include(&self) -> &str {
        self.query.get("includeObject").unwrap_or("Metadata")
    }

    fn review(&self) -> Result<Response, ApiError> {
        let options = self.options("CreateOptions")?;
        let answer = review::answer(&self.cluster.state(), &self.target(), USER, self.object()?, &options)?;
        Ok(send(StatusCode::CREATED, &answer))
    }

    fn watch(&self) -> Result<Response, ApiError> {
        self.may("watch")?;
        let (kind, version) = (&self.asked.kind, &self.asked.version);
        let body =
            watch::begin(self.cluster, kind, version, self.asked.namespace.as_deref(), &self.query, self.form())?;
        let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache, private")];
        Ok((StatusCode::OK, headers, body).into_response())
    }

    fn list(&self) -> Result<Response, ApiError> {
        self.may("list")?;
        let (kind, version) = (&self.asked.kind, &self.asked.version);
        let page = list::page(&self.cluster.state(), kind, version, self.asked.namespace.as_deref(), &self.query)?;
        let answer = match self.form() {
            Form::Table => table::of(kind, &page.items, &page.metadata, self.include()),
            Form::Metadata => json!({
                "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": page.metadata,
                "items": page.items.iter().map(table::metadata_only).collect::<Vec<_>>(),
            }),
            Form::Whole => {
                // Items of built-in lists do not say what they are; those of custom resources do.
                let mut items = page.items;
                for item in items.iter_mut().filter(|_| !kind.is_custom()).filter_map(Value::as_object_mut) {
                    item.remove("apiVersion");
                    item.remove("kind");
                }
                let mut metadata = page.metadata;
                if kind.is_custom() && metadata.get("continue").is_none() {
                    metadata["continue"] = json!("");
                }
                json!({
                    "kind": format!("{}List", kind.kind), "apiVersion": kind.spell(version),
                    "metadata": metadata, "items": items,
                })
            }
        };
        Ok(send(StatusCode::OK, &answer))
    }

    fn get(&self) -> Result<Response, ApiError> {
        self.may("get")?;
        let live = self.cluster.state().existing(&self.asked.kind, self.namespace(), self.name())?;
        let live = in_version(&live, &self.asked.kind, &self.asked.version);
        if self.asked.subresource == "scale" {
            return Ok(send(StatusCode::OK, &scale_of(&live)));
        }
        let metadata = json!({"resourceVersion": live["metadata"]["resourceVersion"]});
        let answer = match self.form() {
            Form::Table => table::of(&self.asked.kind, &[live], &metadata, self.include()),
            Form::Metadata => table::metadata_only(&live),
            Form::Whole => live,
        };
        Ok(send(StatusCode::OK, &answer))
    }

    fn target(&self) -> Target {
        Target {
            kind: self.asked.kind.clone(),
            version: self.asked.version.clone(),
            namespace: self.namespace().to_owned(),
            name: self.name().to_owned(),
        }
    }

    fn options(&self, options: &str) -> Result<Options, ApiError> {
        let user_agent =
            self.parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("unknown");
        let agent = user_agent.split('/').next().unwrap_or_default();
        let endpoint = match self.asked.subresource.as_str() {
            "status" => Endpoint::Status,
            _ => Endpoint::Object { has_status: self.asked.kind.status },
        };
        Ok(Options {
            manager: self.query.get("fieldManager").unwrap_or(agent).to_owned(),
            endpoint,
            dry_run: self.query.dry_run(options)?,
            strictness: self.query.strictness(options)?,
        })
    }

    fn object(&self) -> Result<Value, ApiError> {
        body::object(&self.content_type(), &self.body, &self.asked.kind)
    }

    fn content_type(&self) -> String {
        let value = self.parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_owned()
    }

    fn create(&self) -> Result<Response, ApiError> {
        self.may("create")?;
        let options = self.options("CreateOptions")?;
        if self.asked.kind.namespaced && self.asked.namespace.is_none() {
            return Err(ApiError::bad_request("an empty namespace may not be set during creation"));
        }
        let object = self.object()?;
        let outcome = self.cluster.write(|state| write::create(state, self.target(), object, &options))?;
        Ok(written(&outcome))
    }

    fn replace(&self) -> Result<Response, ApiError> {
        self.may("update")?;
        let options = self.options("UpdateOptions")?;
        let object = self.object()?;
        match self.asked.subresource.as_str() {
            "finalize" => return self.finalize(&object, &options),
            "scale" => return self.scale(&object, &options),
            _ => {}
        }
        let outcome = self.cluster.write(|state| write::replace(state, &self.target(), object, &options))?;
        Ok(written(&outcome))
    }

    /// Only a namespace's finalizers are taken.
    fn finalize(&self, object: &Value, options: &Options) -> Result<Response, ApiError> {
        let outcome = self.cluster.write(|state| {
            let mut live = state.existing(&self.asked.kind, "", self.name())?.as_ref().clone();
            live["spec"]["finalizers"] = object.pointer("/spec/finalizers").cloned().unwrap_or_else(|| json!([]));
            write::replace(state, &self.target(), live, options)
        })?;
        Ok(written(&outcome))
    }

    fn scale(&self, scale: &Value, options: &Options) -> Result<Response, ApiError> {
        let replicas = scale.pointer("/spec/replicas").cloned().unwrap_or_else(|| json!(0));
        let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
        let outcome = self.cluster.write(|state| write::patch(state, &self.target(), &patch, options))?;
        Ok(send(StatusCode::OK, &scale_of(&outcome.object)))
    }

    fn patch(&self) -> Result<Response, ApiError> {
        self.may("patch")?;
        let options = self.options("PatchOptions")?;
        let content_type = self.content_type();
        if content_type == "application/apply-patch+yaml" {
            return self.apply(&options);
        }
        if self.query.get("force").is_some() {
            let why = "Forbidden: may not be specified for non-apply patch";
            return Err(bad_option("PatchOptions", "force", "FieldValueForbidden", why));
        }
        let body = || body::patch(&self.body);
        let patch = match content_type.as_str() {
            "application/merge-patch+json" => Patch::Merge(body()?),
            "application/json-patch+json" => Patch::Json(body()?),
            "application/strategic-merge-patch+json" if !self.asked.kind.is_custom() => Patch::Strategic(body()?),
            _ if self.asked.kind.is_custom() => {
                return Err(body::unsupported(
                    "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
                ));
            }
            _ => {
                let message = "415: Unsupported Media Type";
                return Err(ApiError::plain(415, "UnsupportedMediaType", message).about("", "", ""));
            }
        };
        if self.asked.subresource == "scale"
            && let Patch::Merge(body) | Patch::Strategic(body) = &patch
        {
            return self.scale(body, &options);
        }
        let outcome = self.cluster.write(|state| write::patch(state, &self.target(), &patch, &options))?;
        Ok(written(&outcome))
    }

    fn apply(&self, options: &Options) -> Result<Response, ApiError> {
        if self.query.get("fieldManager").is_none() {
            let why = "Required value: is required for apply patch";
            return Err(bad_option("PatchOptions", "fieldManager", "FieldValueRequired", why));
        }
        let force = self.query.get("force") == Some("true");
        let object = body::applied(&self.body)?;
        let exists = self.cluster.state().existing(&self.asked.kind, self.namespace(), self.name()).is_ok();
        if !exists {
            self.may("create")?;
        }
        let outcome = self.cluster.write(|state| write::apply(state, &self.target(), object, force, options))?;
        Ok(written(&outcome))
    }

    fn delete_options(&self) -> Result<DeleteOptions, ApiError> {
        body::delete_options(&self.content_type(), &self.body, &self.query)
    }

    fn delete(&self) -> Result<Response, ApiError> {
        self.may("delete")?;
        let options = self.delete_options()?;
        let (kind, namespace, name) = (&self.asked.kind, self.namespace(), self.name());
        let deleted = self.cluster.write(|state| lifecycle::delete(state, kind, namespace, name, &options))?;
        let answer = match deleted {
            Deleted::Going(object) => in_version(&object, kind, &self.asked.version),
            Deleted::Gone(object)
                if matches!(kind.kind.as_str(), "Pod" | "Service" | "ServiceAccount" | "Namespace") =>
            {
                in_version(&object, kind, &self.asked.version)
            }
            Deleted::Gone(object) => {
                let mut details = json!({"name": name, "kind": kind.plural, "uid": object["metadata"]["uid"]});
                if !kind.group.is_empty() {
                    details["group"] = json!(kind.group);
                }
                json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
            }
        };
        Ok(send(StatusCode::OK, &answer))
    }

    fn delete_all(&self) -> Result<Response, ApiError> {
        self.may("deletecollection")?;
        let options = self.delete_options()?;
        let (kind, version) = (&self.asked.kind, &self.asked.version);
        let page = self.cluster.write(|state| {
            let page = list::page(state, kind, version, self.asked.namespace.as_deref(), &self.query)?;
            for item in &page.items {
                let text = |key: &str| item["metadata"][key].as_str().unwrap_or_default();
                // One may have gone along with another.
                let _gone_already = lifecycle::delete(state, kind, text("namespace"), text("name"), &options);
            }
            Ok(page)
        })?;
        Ok(send(
            StatusCode::OK,
            &json!({
                "kind": format!("{}List", kind.kind), "apiVersion": kind.spell(version),
                "metadata": page.metadata, "items": page.items,
            }),
        ))
    }
}

fn written(outcome: &Outcome) -> Response {
    let status = if outcome.created { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = send(status, &outcome.object);
    for warning in &outcome.warnings {
        let escaped = warning.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{escaped}\"")) {
            response.headers_mut().append(header::WARNING, value);
        }
    }
    response
}

/// How many replicas, as autoscalers and `kubectl scale` ask.
fn scale_of(object: &Value) -> Value {
    let metadata = &object["metadata"];
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"], "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": {"replicas": object["spec"]["replicas"]},
        "status": {"replicas": object.pointer("/status/replicas").cloned().unwrap_or_else(|| json!(0))},
    })
}
