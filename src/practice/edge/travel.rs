//! The way of a request: through the ingress gateway, over the mesh, into a pod, and what each proxy does to it.

use super::{
    Edge,
    gateway::{chain, credential, servers},
    hook::{bare_path, target},
    mesh::{ISTIO_NAMESPACE, Mesh},
    objects::{Objects, number, text},
    path,
    proxy::{Proxy, container_on, settings::Settings},
    routes::{Asked, Route, route},
    rule::Attributes,
    transport::{Caller, connect},
    workload::{Endpoint, NoEndpoint, Workload, endpoints, full_name},
};
use axum::body::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use serde_json::{Map, Value, json};

/// The Service of the practice world's ingress gateway, and the port that the edge stands for.
pub const INGRESS: (&str, u16) = ("istio-ingressgateway", 443);

/// No request needs more proxies than this; one that does goes in circles.
const MOST_HOPS: u8 = 8;

/// Who knocks at the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The name in its TLS greeting.
    pub server_name: Option<String>,
    /// Its address.
    pub address: String,
}

impl Client {
    /// A client that greets with the host it wants, from an address that belongs to nobody.
    pub fn of(host: &str) -> Self {
        Self { server_name: Some(host.to_owned()), address: "203.0.113.99".to_owned() }
    }
}

/// The gateway does not get as far as HTTP.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// No pod of the ingress gateway is ready.
    #[error("the connection to the ingress gateway is refused: none of its pods is ready")]
    Refused,
    /// No Gateway has a server for that name.
    #[error("the ingress gateway closes the connection: no Gateway has a server for the name {0:?}")]
    NoServer(String),
    /// The server's certificate is not there.
    #[error(
        "the ingress gateway closes the connection: the Secret {0:?} is not in the namespace of its pods, or holds no certificate"
    )]
    NoCertificate(String),
}

/// A request that found nobody.
pub(super) struct Lost(&'static str);

impl From<NoEndpoint> for Lost {
    fn from(why: NoEndpoint) -> Self {
        match why {
            // Envoy answers 503 without a word where it has no such cluster.
            NoEndpoint::NoCluster => Self(""),
            NoEndpoint::NoHealthyUpstream => Self("no healthy upstream"),
        }
    }
}

/// The connection that a filter chain looks at.
pub(super) struct Inbound<'a> {
    pub(super) view: &'a dyn Objects,
    pub(super) mesh: &'a Mesh,
    pub(super) workload: &'a Workload,
    pub(super) principal: Option<&'a str>,
    pub(super) source_address: &'a str,
    pub(super) port: u16,
    pub(super) server_name: Option<&'a str>,
    pub(super) hops: u8,
}

impl Edge {
    /// The certificate chain and key that the gateway shows to a greeting, both PEM.
    pub fn certificate(&self, server_name: Option<&str>) -> Result<(String, String), NoAnswer> {
        let (gateway, view) = (self.gateway_pod()?, self.gateway_view());
        let servers = servers(&*view, gateway.workload.labels(), INGRESS.1);
        let server = chain(&servers, server_name)
            .ok_or_else(|| NoAnswer::NoServer(server_name.unwrap_or_default().to_owned()))?;
        credential(self.live(), server, gateway.workload.namespace())
            .ok_or_else(|| NoAnswer::NoCertificate(server.credential.clone()))
    }

    fn gateway_pod(&self) -> Result<Endpoint, NoAnswer> {
        let found = endpoints(self.live(), INGRESS.0, ISTIO_NAMESPACE, Some(INGRESS.1));
        found.ok().and_then(|found| found.into_iter().next()).ok_or(NoAnswer::Refused)
    }

    /// Sends a request through the gateway. Its authority is the header `host`, its path the URI's.
    pub async fn request(&self, client: &Client, request: Request<Bytes>) -> Result<Response<Bytes>, NoAnswer> {
        self.certificate(client.server_name.as_deref())?;
        let gateway = self.gateway_pod()?;
        let view = self.gateway_view();
        let mesh = Mesh::read(&*view);
        let Some(mut request) = received(request, client) else { return Ok(local(StatusCode::BAD_REQUEST, "")) };
        let inbound = Inbound {
            view: &*view,
            mesh: &mesh,
            workload: &gateway.workload,
            principal: None,
            source_address: &client.address,
            port: gateway.port,
            server_name: client.server_name.as_deref(),
            hops: 0,
        };
        let for_client = match self.filters(&inbound, &mut request).await {
            Ok(for_client) => for_client,
            Err(answer) => return Ok(sent(*answer)),
        };
        let mut answer = self.routed(&inbound, request).await;
        add(for_client, answer.headers_mut());
        Ok(sent(answer))
    }

    /// Sends a request from a pod of the mesh, through the sidecar that speaks for its service account, to the Service `host`.
    /// No route of the gateway has a say in it; 503 where there is no way there.
    pub async fn request_inside(
        &self,
        (namespace, service_account): (&str, &str),
        host: &str,
        port: u16,
        request: Request<Bytes>,
    ) -> Response<Bytes> {
        let view = self.sidecar_view();
        let mesh = Mesh::read(&*view);
        let caller = Caller {
            namespace: namespace.to_owned(),
            principal: Some(mesh.principal(namespace, service_account)),
            address: "10.244.0.99".to_owned(),
        };
        let sent = self.call(&*view, caller, host, Some(port), request, 1).await;
        sent.unwrap_or_else(|Lost(why)| local(StatusCode::SERVICE_UNAVAILABLE, why))
    }

    /// A GET without cookies, tokens or anything else that tells who asks. Whether the application itself answers it.
    pub async fn anonymous_reaches_app(&self, host: &str) -> bool {
        self.anonymous_reaches_app_at(host, "/").await
    }

    /// The same for one path.
    pub async fn anonymous_reaches_app_at(&self, host: &str, target: &str) -> bool {
        let Ok(request) = Request::get(target).header(header::HOST, host).body(Bytes::new()) else { return false };
        self.request(&Client::of(host), request).await.is_ok_and(|answer| answer.headers().contains_key(APP_HEADER))
    }

    /// The gateway's router.
    async fn routed(&self, inbound: &Inbound<'_>, mut request: Request<Bytes>) -> Response<Bytes> {
        let servers = servers(inbound.view, inbound.workload.labels(), INGRESS.1);
        let Some(server) = chain(&servers, inbound.server_name) else { return local(StatusCode::NOT_FOUND, "") };
        let authority = authority(&request).to_owned();
        let asked = Asked {
            host: authority.split(':').next().unwrap_or_default(),
            authority: &authority,
            method: request.method().as_str(),
            target: target(&request),
            headers: request.headers(),
        };
        let Some(route) = route(inbound.view, server, inbound.workload.namespace(), &asked) else {
            return local(StatusCode::NOT_FOUND, "");
        };
        if let Some(answer) = without_destination(&route, &request) {
            return answer;
        }
        let Some((destination, _)) = route.destination() else { return local(StatusCode::NOT_FOUND, "") };
        route.change_headers("request", request.headers_mut());
        if let Ok(uri) = route.rewritten(target(&request)).parse() {
            *request.uri_mut() = uri;
        }
        if let Ok(host) = HeaderValue::try_from(route.authority(&authority)) {
            request.headers_mut().insert(header::HOST, host);
        }
        let caller = Caller::of(inbound.workload, inbound.mesh);
        let host = full_name(&destination.host, &route.namespace);
        let sent = self.call(inbound.view, caller, &host, destination.port, request, inbound.hops + 1).await;
        let mut answer = sent.unwrap_or_else(|Lost(why)| local(StatusCode::SERVICE_UNAVAILABLE, why));
        route.change_headers("response", answer.headers_mut());
        answer
    }

    /// From a proxy to a Service, into one of its pods.
    pub(super) fn call<'a>(
        &'a self,
        view: &'a dyn Objects,
        caller: Caller,
        host: &'a str,
        port: Option<u16>,
        request: Request<Bytes>,
        hops: u8,
    ) -> BoxFuture<'a, Result<Response<Bytes>, Lost>> {
        Box::pin(async move {
            if hops > MOST_HOPS {
                return Err(Lost("upstream request timeout"));
            }
            let found = endpoints(self.live(), host, &caller.namespace, port)?;
            let endpoint = found.into_iter().next().ok_or(Lost("no healthy upstream"))?;
            let pods = self.sidecar_view();
            let mesh = Mesh::read(&*pods);
            let principal = connect(view, &*pods, &mesh, &caller, host, &endpoint).map_err(|reset| Lost(reset.0))?;
            self.arrived(&*pods, &mesh, &endpoint, principal.as_deref(), &caller, request, hops).await
        })
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one connection, told in full; a struct of them would be made here alone"
    )]
    async fn arrived(
        &self,
        view: &dyn Objects,
        mesh: &Mesh,
        endpoint: &Endpoint,
        principal: Option<&str>,
        caller: &Caller,
        mut request: Request<Bytes>,
        hops: u8,
    ) -> Result<Response<Bytes>, Lost> {
        let workload = &endpoint.workload;
        if !workload.has_sidecar() || workload.bypasses_sidecar(endpoint.port) {
            return self.answered_by(endpoint, &request).await;
        }
        let inbound = Inbound {
            view,
            mesh,
            workload,
            principal,
            source_address: &caller.address,
            port: endpoint.port,
            server_name: None,
            hops,
        };
        vouch(&mut request, mesh, workload, principal);
        match self.filters(&inbound, &mut request).await {
            Ok(for_client) => {
                let mut answer = self.answered_by(endpoint, &request).await?;
                add(for_client, answer.headers_mut());
                Ok(answer)
            }
            Err(answer) => Ok(*answer),
        }
    }

    /// The program in the container.
    async fn answered_by(&self, endpoint: &Endpoint, request: &Request<Bytes>) -> Result<Response<Bytes>, Lost> {
        const REFUSED: Lost = Lost(
            "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport \
             failure reason: delayed connect error: 111",
        );
        let container = container_on(endpoint).ok_or(REFUSED)?;
        let start = self.start_of(&endpoint.workload, container).map_err(|_| REFUSED)?;
        match program(&start.image) {
            Program::SessionStore => {
                Err(Lost("upstream connect error or disconnect/reset before headers. reset reason: protocol error"))
            }
            Program::SignInProxy => {
                let settings = Settings::read(&start).map_err(|_| REFUSED)?;
                let (port, reachable) = settings.listens();
                // With a sidecar the connection comes from inside the pod, so 127.0.0.1 would do; without, it would not.
                if port != endpoint.port || !(reachable || endpoint.workload.has_sidecar()) {
                    return Err(REFUSED);
                }
                Ok(Proxy { edge: self, workload: &endpoint.workload, settings }.serve(request).await)
            }
            Program::Application => Ok(echo(&endpoint.workload, request)),
        }
    }
}

/// Adds headers to those that are there already.
pub(super) fn add(headers: HeaderMap, to: &mut HeaderMap) {
    let mut current = None;
    for (name, value) in headers {
        // Of several values only the first one comes with its name.
        current = name.or(current);
        if let Some(name) = &current {
            to.append(name, value);
        }
    }
}

/// The header by which an answer of the application is told from everybody else's.
pub const APP_HEADER: &str = "x-practice-app";

/// What runs in a container, by its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// oauth2-proxy.
    SignInProxy,
    /// Redis or Valkey.
    SessionStore,
    /// Anything else: an application that tells what it was asked.
    Application,
}

/// What runs in a container of that image.
pub fn program(image: &str) -> Program {
    let name = image.rsplit('/').next().unwrap_or_default();
    if name.starts_with("oauth2-proxy") {
        Program::SignInProxy
    } else if name.starts_with("valkey") || name.starts_with("redis") {
        Program::SessionStore
    } else {
        Program::Application
    }
}

fn echo(workload: &Workload, request: &Request<Bytes>) -> Response<Bytes> {
    let mut headers = Map::new();
    for name in request.headers().keys() {
        let values: Vec<Value> = request
            .headers()
            .get_all(name)
            .iter()
            .map(|value| Value::from(String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let value =
            if values.len() == 1 { values.into_iter().next().unwrap_or_default() } else { Value::Array(values) };
        headers.insert(name.as_str().to_owned(), value);
    }
    let body = json!({
        "app": workload.application(), "pod": workload.name(), "method": request.method().as_str(),
        "path": target(request), "headers": headers, "body": String::from_utf8_lossy(request.body()),
    });
    let mut answer = Response::new(Bytes::from(format!("{body}\n")));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(name) = HeaderValue::try_from(workload.application()) {
        answer.headers_mut().insert(HeaderName::from_static(APP_HEADER), name);
    }
    answer
}

/// The request as the gateway takes it in: authority and path put right, and headers that only a proxy may write, written anew.
fn received(mut request: Request<Bytes>, client: &Client) -> Option<Request<Bytes>> {
    if let Some(authority) = request.uri().authority().map(ToString::to_string) {
        request.headers_mut().insert(header::HOST, HeaderValue::try_from(authority).ok()?);
    }
    request.headers().get(header::HOST)?;
    let normalized = path::normalize(target(&request))?;
    *request.uri_mut() = normalized.parse().ok()?;
    let headers = request.headers_mut();
    let theirs: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with("x-envoy-")).cloned().collect();
    for name in theirs {
        headers.remove(name);
    }
    headers.remove("x-forwarded-client-cert");
    let earlier = headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
    let forwarded = earlier.map_or_else(|| client.address.clone(), |earlier| format!("{earlier},{}", client.address));
    for (name, value) in [
        ("x-forwarded-for", forwarded),
        ("x-forwarded-proto", "https".to_owned()),
        ("x-envoy-external-address", client.address.clone()),
        ("x-request-id", uuid::Uuid::new_v4().to_string()),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::try_from(value).ok()?);
    }
    Some(request)
}

/// The certificates of both sides, which a sidecar writes into the request.
fn vouch(request: &mut Request<Bytes>, mesh: &Mesh, workload: &Workload, principal: Option<&str>) {
    let Some(principal) = principal else { return };
    let own = mesh.principal(workload.namespace(), workload.service_account());
    let line = format!("By=spiffe://{own};Subject=\"\";URI=spiffe://{principal}");
    if let Ok(value) = HeaderValue::try_from(line) {
        request.headers_mut().insert("x-forwarded-client-cert", value);
    }
}

fn without_destination(route: &Route, request: &Request<Bytes>) -> Option<Response<Bytes>> {
    if let Some(direct) = route.http.get("directResponse") {
        let status = number(direct.get("status")).and_then(|code| u16::try_from(code).ok()).unwrap_or(200);
        return Some(local(StatusCode::from_u16(status).unwrap_or(StatusCode::OK), text(direct, "/body/string")));
    }
    let redirect = route.http.get("redirect")?;
    let code = number(redirect.get("redirectCode")).and_then(|code| u16::try_from(code).ok()).unwrap_or(301);
    let or = |value: &str, other: &str| if value.is_empty() { other.to_owned() } else { value.to_owned() };
    let location = format!(
        "{}://{}{}",
        or(text(redirect, "/scheme"), "https"),
        or(text(redirect, "/authority"), authority(request)),
        or(text(redirect, "/uri"), target(request)),
    );
    let mut answer = local(StatusCode::from_u16(code).unwrap_or(StatusCode::MOVED_PERMANENTLY), "");
    answer.headers_mut().insert(header::LOCATION, HeaderValue::try_from(location).ok()?);
    Some(answer)
}

pub(super) fn authority(request: &Request<Bytes>) -> &str {
    request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default()
}

/// The last address that was added to `x-forwarded-for`, as the gateway wrote it.
pub(super) fn remote_address(request: &Request<Bytes>, peer: &str) -> String {
    let forwarded = request.headers().get("x-forwarded-for").and_then(|value| value.to_str().ok());
    forwarded.and_then(|list| list.rsplit(',').next()).map_or(peer, str::trim).to_owned()
}

pub(super) fn attributes<'a>(
    inbound: &'a Inbound<'_>,
    request: &'a Request<Bytes>,
    remote: &'a str,
    token: Option<&'a super::rule::Token>,
) -> Attributes<'a> {
    Attributes {
        http: true,
        method: request.method().as_str(),
        host: authority(request),
        path: bare_path(request),
        headers: request.headers(),
        principal: inbound.principal,
        source_address: inbound.source_address,
        remote_address: remote,
        port: inbound.port,
        sni: inbound.server_name,
        token,
    }
}

/// An answer of a proxy itself.
pub(super) fn local(status: StatusCode, body: &str) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(body.to_owned()));
    *answer.status_mut() = status;
    if !body.is_empty() {
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    }
    answer
}

pub(super) fn access_denied() -> Response<Bytes> {
    local(StatusCode::FORBIDDEN, "RBAC: access denied")
}

pub(super) fn unauthorized(bad: &super::token::BadToken, authority: &str, path: &str) -> Response<Bytes> {
    let mut answer = local(bad.status, bad.message);
    if bad.status == StatusCode::UNAUTHORIZED
        && let Ok(challenge) =
            HeaderValue::try_from(format!("Bearer realm=\"http://{authority}{path}\", error=\"invalid_token\""))
    {
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    answer
}

fn sent(mut answer: Response<Bytes>) -> Response<Bytes> {
    answer.headers_mut().insert(header::SERVER, HeaderValue::from_static("istio-envoy"));
    answer
}

#[cfg(test)]
mod tests {
    use super::add;
    use http::{HeaderMap, header::SET_COOKIE};

    #[test]
    fn given_cookies_of_the_hook_and_of_the_application_then_the_client_gets_all_of_them() {
        let cookies = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(SET_COOKIE, http::HeaderValue::from_static(value));
            }
            headers
        };
        let mut answer = cookies(&["application=1"]);
        add(cookies(&["session=2", "other=3"]), &mut answer);
        let all: Vec<_> = answer.get_all(SET_COOKIE).iter().collect();
        assert_eq!(all, ["application=1", "session=2", "other=3"]);
    }
}
