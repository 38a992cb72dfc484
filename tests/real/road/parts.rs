//! The programs on the road, started as the objects that setup made say. Only addresses differ: this is no cluster.

use crate::kept::{Running, free_ports, kept};
use crate::mesh::answers;
use crate::parts::Program;
use crate::visitors::FROM_THE_APPLICATION;
use axum::http::{HeaderMap, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::path::Path;

/// The programs of the two deployments.
pub(super) struct Programs {
    oauth2_proxy: Program,
    redis: Program,
}

/// A program, and where it listens.
pub(super) struct Listening {
    pub(super) running: Running,
    pub(super) port: u16,
}

impl Programs {
    /// Both, if they are there.
    pub(super) fn find() -> Option<Self> {
        let oauth2_proxy = kept("oauth2-proxy")?;
        Some(Self { oauth2_proxy, redis: kept("redis-server")? })
    }

    /// The session store.
    pub(super) fn session_store(&self, objects: &[Value], folder: &Path) -> Listening {
        let container = container(objects, "myapp-sessions");
        let command = texts(&container["command"]);
        let [port] = free_ports();
        let here = format!("dir {}\nport {port}\nbind 127.0.0.1", folder.display());
        let script = replaced(&command[2], "dir /data", &here);
        let shell = self.redis.run_by(Path::new("/bin").join(&command[0]));
        let environment = environment(objects, container);
        let environment = borrowed(&environment);
        let running = Running::start_with(&shell, folder, &[command[1].clone(), script], &environment);
        Listening { running, port }
    }

    /// The sign-in proxy, once it says that it is ready: it asks the tenant and the store for that.
    pub(super) async fn sign_in_proxy(
        &self,
        objects: &[Value],
        folder: &Path,
        authority: &Path,
        store: u16,
    ) -> Listening {
        let container = container(objects, "myapp-oauth2-proxy");
        let [port] = free_ports();
        let settings = object(objects, "ConfigMap", "myapp-oauth2-proxy");
        let settings = settings["data"]["oauth2-proxy.cfg"].as_str().unwrap();
        let settings = replaced(settings, "0.0.0.0:4180", &format!("127.0.0.1:{port}"));
        let settings =
            replaced(&settings, "myapp-sessions.myapp.svc.cluster.local:6379", &format!("127.0.0.1:{store}"));
        std::fs::write(folder.join("oauth2-proxy.cfg"), settings).unwrap();
        let arguments = texts(&container["args"]);
        let mounted = folder.display().to_string();
        let arguments: Vec<_> = arguments.iter().map(|one| replaced(one, "/etc/oauth2-proxy", &mounted)).collect();
        let mut environment = environment(objects, container);
        environment.push(("SSL_CERT_FILE".to_owned(), authority.display().to_string()));
        let environment = borrowed(&environment);
        let mut running = Running::start_with(&self.oauth2_proxy, folder, &arguments, &environment);
        answers(&mut running, &format!("http://127.0.0.1:{port}/oauth2/ready"), |_| true).await;
        Listening { running, port }
    }
}

/// An application that tells what it was asked, and where it listens.
pub(super) async fn application() -> (tokio_util::task::AbortOnDropHandle<()>, u16) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (serve_application(listener), port)
}

/// The same, wherever that is.
pub(crate) fn serve_application(listener: tokio::net::TcpListener) -> tokio_util::task::AbortOnDropHandle<()> {
    async fn tell(address: Uri, headers: HeaderMap) -> ([(&'static str, &'static str); 1], String) {
        let headers = headers.iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap_or_default()));
        ([(FROM_THE_APPLICATION, "yes")], format!("{}\n{}", address.path(), headers.collect::<String>()))
    }
    let serving = async { axum::serve(listener, axum::Router::new().fallback(tell)).await.unwrap() };
    tokio_util::task::AbortOnDropHandle::new(tokio::spawn(serving))
}

fn object<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let is_it = |object: &&Value| object["kind"] == kind && object["metadata"]["name"] == name;
    objects.iter().find(is_it).unwrap_or_else(|| panic!("there is no {kind} {name}"))
}

fn container<'a>(objects: &'a [Value], deployment: &str) -> &'a Value {
    &object(objects, "Deployment", deployment)["spec"]["template"]["spec"]["containers"][0]
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// What the container finds in its environment.
fn environment(objects: &[Value], container: &Value) -> Vec<(String, String)> {
    let of = |variable: &Value| {
        let name = variable["name"].as_str().unwrap().to_owned();
        let from = &variable["valueFrom"]["secretKeyRef"];
        let secret = object(objects, "Secret", from["name"].as_str().unwrap());
        let value = match secret["data"][from["key"].as_str().unwrap()].as_str() {
            None if from["optional"] == true => return None,
            value => value.unwrap(),
        };
        Some((name, String::from_utf8(STANDARD.decode(value).unwrap()).unwrap()))
    };
    container["env"].as_array().unwrap().iter().filter_map(of).collect()
}

fn borrowed(environment: &[(String, String)]) -> Vec<(&str, &str)> {
    environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in {text}");
    text.replace(from, to)
}
