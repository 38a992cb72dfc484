//! Whether oauth2-proxy would start: the same checks in the same order as the real one, with its last words if not.

use super::settings::Settings;
use crate::practice::edge::{
    Edge,
    container::Start,
    mesh::Mesh,
    objects::{items, text},
    outside::Greeting,
    policy::{Decision, decide},
    rule::Attributes,
    store::Passwords,
    transport::{Caller, connect},
    workload::{Endpoint, NoEndpoint, Workload, endpoints, service_name},
};
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use url::Url;

impl Edge {
    /// Starts oauth2-proxy in a pod: settings, session store, then the issuer. The error is the last line of its log.
    pub async fn start_proxy(&self, workload: &Workload, start: &Start) -> Result<Settings, String> {
        let settings = Settings::read(start)?;
        let mut mistakes = settings.mistakes();
        if settings.text("session_store_type") == "redis"
            && let Err(error) = self.store(workload, &settings)
        {
            mistakes.push(format!("unable to set a redis initialization key: {error}"));
            mistakes.push(format!("unable to delete the redis initialization key: {error}"));
        }
        if !mistakes.is_empty() {
            return Err(format!("invalid configuration:\n  {}", mistakes.join("\n  ")));
        }
        let issuer = settings.text("oidc_issuer_url");
        self.discover(workload, issuer).await.map_err(|error| {
            format!(
                "ERROR: Failed to initialise OAuth2 Proxy: error initialising provider: could not create provider data: error \
                 building OIDC ProviderVerifier: could not get verifier builder: error while discovery OIDC configuration: \
                 {error}"
            )
        })?;
        Ok(settings)
    }

    /// The metadata of an issuer, as a pod can get it.
    pub async fn discover(&self, workload: &Workload, issuer: &str) -> Result<Value, String> {
        let location = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let metadata = self.outbound_get(workload, &location).await.map_err(|error| {
            format!("failed to discover OIDC configuration: error performing request: Get \"{location}\": {error}")
        })?;
        let told = text(&metadata, "/issuer");
        if told != issuer {
            return Err(format!(
                "oidc: issuer did not match the issuer returned by provider, expected \"{issuer}\" got \"{told}\""
            ));
        }
        Ok(metadata)
    }

    /// Reads a document outside the cluster from a pod. What the mesh does not let out ends as the end of the connection.
    pub async fn outbound_get(&self, workload: &Workload, location: &str) -> Result<Value, String> {
        self.may_leave(workload, location)?;
        self.door().get(location).await
    }

    /// Posts a form outside the cluster from a pod.
    pub async fn outbound_post(
        &self,
        workload: &Workload,
        location: &str,
        form: &[(&str, &str)],
    ) -> Result<(StatusCode, Value), String> {
        self.may_leave(workload, location)?;
        self.door().post_form(location, form).await
    }

    fn may_leave(&self, workload: &Workload, location: &str) -> Result<(), String> {
        let url: Url = location.parse().map_err(|_| format!("unsupported protocol scheme in {location:?}"))?;
        let view = self.sidecar_view();
        if crate::practice::edge::door::may_reach(&*view, &Mesh::read(&*view), workload, &url) {
            Ok(())
        } else {
            Err("EOF".to_owned())
        }
    }

    /// Reaches the session store from a pod of oauth2-proxy: the UID of the store's pod, or the error that a Redis client gives.
    pub fn store(&self, workload: &Workload, settings: &Settings) -> Result<String, String> {
        if settings.text("session_store_type") != "redis" {
            return Ok("cookie".to_owned());
        }
        let url: Url = settings
            .text("redis_connection_url")
            .parse()
            .map_err(|error| format!("unable to parse redis url: {error}"))?;
        if !matches!(url.scheme(), "redis" | "rediss") {
            return Err(format!("redis: invalid URL scheme: {}", url.scheme()));
        }
        let (host, port) = (url.host_str().unwrap_or_default(), url.port().unwrap_or(6379));
        let or = |setting: &str, of_url: &str| match settings.text(setting) {
            "" => of_url.to_owned(),
            set => set.to_owned(),
        };
        let username = or("redis_username", url.username());
        let password = or("redis_password", url.password().unwrap_or_default());
        let greeting = Greeting { tls: url.scheme() == "rediss", username: &username, password: &password };
        if let Some(outside) = self.outside(host, port) {
            self.may_leave(workload, &format!("tcp://{host}:{port}"))?;
            let user = outside.username.as_deref().unwrap_or("default");
            let wanted = Passwords::of([outside.password.as_str()]);
            return greeting.meets(outside.tls, user, &wanted).map(|()| format!("outside {host}:{port}"));
        }
        let endpoint = self.reach_store(workload, host, port)?;
        let container = container_on(&endpoint).ok_or("connect: connection refused")?;
        let wanted = self.passwords_of(&endpoint.workload, container).ok_or("connect: connection refused")?;
        greeting.meets(false, "default", &wanted).map(|()| endpoint.workload.uid().to_owned())
    }

    fn reach_store(&self, workload: &Workload, host: &str, port: u16) -> Result<Endpoint, String> {
        let live = self.live();
        let view = self.sidecar_view();
        let mesh = Mesh::read(&*view);
        let known = service_name(host, workload.namespace())
            .and_then(|(service, place)| live.get("", "Service", Some(place), service))
            .is_some();
        let in_mesh = workload.has_sidecar();
        let endpoint = match endpoints(live, host, workload.namespace(), Some(port)) {
            Ok(found) => found.into_iter().next().ok_or("EOF")?,
            Err(_) if !known => return Err(format!("dial tcp: lookup {host} on 10.96.0.10:53: no such host")),
            Err(NoEndpoint::NoCluster) => return Err(format!("dial tcp {host}:{port}: i/o timeout")),
            // A sidecar takes the connection before it finds nobody to pass it on to.
            Err(NoEndpoint::NoHealthyUpstream) if in_mesh => return Err("EOF".to_owned()),
            Err(NoEndpoint::NoHealthyUpstream) => {
                return Err(format!("dial tcp {host}:{port}: connect: connection refused"));
            }
        };
        let caller = Caller::of(workload, &mesh);
        let principal = connect(&*view, &*view, &mesh, &caller, host, &endpoint)
            .map_err(|_| "read: connection reset by peer".to_owned())?;
        let guarded = endpoint.workload.has_sidecar() && !endpoint.workload.bypasses_sidecar(endpoint.port);
        let headers = HeaderMap::new();
        let attributes = Attributes {
            http: false,
            method: "",
            host: "",
            path: "",
            headers: &headers,
            principal: principal.as_deref(),
            source_address: workload.address(),
            remote_address: workload.address(),
            port: endpoint.port,
            sni: None,
            token: None,
        };
        if guarded && decide(&*view, &mesh, &endpoint.workload, &attributes) != Decision::Allowed {
            return Err("EOF".to_owned());
        }
        Ok(endpoint)
    }
}

/// The container that listens on an endpoint's port: the one that declares it, or the only one beside the sidecar.
pub fn container_on(endpoint: &Endpoint) -> Option<&Value> {
    let containers = || {
        items(&endpoint.workload.pod, "/spec/containers")
            .iter()
            .filter(|container| text(container, "/name") != "istio-proxy")
    };
    let declares = |container: &&Value| {
        items(container, "/ports")
            .iter()
            .any(|port| port.get("containerPort").and_then(Value::as_u64) == Some(u64::from(endpoint.port)))
    };
    containers().find(declares).or_else(|| {
        let mut all = containers();
        // One that declares other ports may still listen on this one, but nobody can know; one that declares none is taken at its word.
        let only = all.next().filter(|container| items(container, "/ports").is_empty());
        if all.next().is_some() { None } else { only }
    })
}
