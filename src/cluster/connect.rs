//! From a kubeconfig to a connection.

use super::{Cluster, Error, Inner, error::Attempt, kinds::Kinds};
use crate::facts::ContextSummary;
use hyper_util::client::proxy::matcher::Matcher;
use kube::config::{Config, ExecInteractiveMode, KubeConfigOptions, Kubeconfig, KubeconfigError, NamedContext};
use std::{path::Path, sync::Arc, time::Duration};

/// How long a credential plugin may take; it may have to ask a token service.
const CREDENTIAL_PLUGIN_BUDGET: Duration = Duration::from_secs(60);

/// How long the network may take to reach the server; the library's 30 s are long for someone who forgot their VPN.
const CONNECT_BUDGET: Duration = Duration::from_secs(10);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is no kubeconfig, or it cannot be read.
    #[error("no usable kubeconfig: {0}; set KUBECONFIG, or fetch the credentials of a cluster first")]
    Kubeconfig(String),
    /// The kubeconfig has no such context.
    #[error("the kubeconfig has no context {wanted:?}; it has: {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") })]
    NoSuchContext {
        /// The context that was asked for.
        wanted: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// The kubeconfig names no current context and none was chosen.
    #[error("the kubeconfig has no current context; {}", if known.is_empty() { "and no other, so it names no cluster".to_owned() } else { format!("choose one with --context: {}", known.join(", ")) })]
    NoContext {
        /// Those there are.
        known: Vec<String>,
    },
    /// The client could not be set up: certificates, a proxy, the credential plugin.
    #[error("could not set up a connection to {server}: {cause}")]
    Setup {
        /// The server's URL.
        server: String,
        /// Why.
        cause: String,
    },
    /// The server did not answer, or did not accept the caller.
    #[error(transparent)]
    Cluster(#[from] Error),
}

/// What the service account of a pod is called where contexts are.
const IN_CLUSTER: &str = "in-cluster";

/// Reads which contexts there are: those of `kubeconfig`, or of `$KUBECONFIG` or `~/.kube/config`. The current one comes first,
/// the others in the order of the file. Asks nobody.
///
/// Without any kubeconfig, inside a cluster, there is one: the pod's service account. It needs no name to connect.
pub fn contexts(kubeconfig: Option<&Path>) -> Result<Vec<ContextSummary>, ConnectError> {
    let file = match read(kubeconfig) {
        Ok(file) => file,
        Err(error) if kubeconfig.is_none() => {
            let config = Config::incluster().map_err(|_| error)?;
            let server = Some(config.cluster_url.to_string());
            return Ok(vec![ContextSummary { name: IN_CLUSTER.to_owned(), server, is_current: true }]);
        }
        Err(error) => return Err(error),
    };
    let summary = |named: &NamedContext| ContextSummary {
        name: named.name.clone(),
        server: cluster_of(&file, named).and_then(|cluster| cluster.server.clone()),
        is_current: file.current_context.as_deref() == Some(&named.name),
    };
    let mut contexts: Vec<ContextSummary> = file.contexts.iter().map(summary).collect();
    contexts.sort_by_key(|context| !context.is_current);
    if contexts.is_empty() {
        return Err(ConnectError::NoContext { known: Vec::new() });
    }
    Ok(contexts)
}

/// Connects to the cluster of `context` (the current one, if `None`) and asks its version, so that a cluster that is
/// away or an expired sign-in shows here and not half-way.
///
/// Without any kubeconfig, inside a cluster, it takes the pod's service account.
pub async fn connect(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Cluster, ConnectError> {
    crate::tls::install_provider();
    let (config, context) = match read(kubeconfig) {
        Ok(file) => from_file(file, context).await?,
        Err(error) if kubeconfig.is_none() && context.is_none_or(|context| context == IN_CLUSTER) => {
            (Config::incluster().map_err(|_| error)?, IN_CLUSTER.to_owned())
        }
        Err(error) => return Err(error),
    };
    let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
    let client = client(config, &server).await?;
    let unversioned =
        Cluster { inner: Arc::new(Inner { client, context, server, version: String::new(), kinds: Kinds::default() }) };
    let version: k8s_openapi::apimachinery::pkg::version::Info = unversioned.get_path("/version").await?;
    let Inner { client, context, server, .. } = &*unversioned.inner;
    Ok(Cluster {
        inner: Arc::new(Inner {
            client: client.clone(),
            context: context.clone(),
            server: server.clone(),
            version: version.git_version,
            kinds: Kinds::default(),
        }),
    })
}

fn read(kubeconfig: Option<&Path>) -> Result<Kubeconfig, ConnectError> {
    let file = match kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    file.map_err(|error| ConnectError::Kubeconfig(error.to_string()))
}

fn names(file: &Kubeconfig) -> Vec<String> {
    file.contexts.iter().map(|context| context.name.clone()).collect()
}

async fn from_file(file: Kubeconfig, context: Option<&str>) -> Result<(Config, String), ConnectError> {
    let known = names(&file);
    let Some(context) =
        context.map(str::to_owned).or_else(|| file.current_context.clone().filter(|name| !name.is_empty()))
    else {
        return Err(ConnectError::NoContext { known });
    };
    let options = KubeConfigOptions { context: Some(context.clone()), ..KubeConfigOptions::default() };
    let proxy_of_cluster = has_own_proxy(&file, &context);
    let mut config = Config::from_custom_kubeconfig(file, &options).await.map_err(|error| match error {
        KubeconfigError::LoadContext(wanted) => ConnectError::NoSuchContext { wanted, known },
        other => ConnectError::Kubeconfig(other.to_string()),
    })?;
    if !proxy_of_cluster {
        // kube 5.0 matches NO_PROXY against the proxy's own URL instead of the cluster's.
        config.proxy_url = Matcher::from_env().intercept(&config.cluster_url).map(|proxy| proxy.uri().clone());
    }
    config.connect_timeout = Some(CONNECT_BUDGET);
    if let Some(plugin) = config.auth_info.exec.as_mut() {
        // A plugin that inherits the terminal writes across our screen, at every refresh of its token.
        plugin.interactive_mode = Some(ExecInteractiveMode::Never);
    }
    Ok((config, context))
}

fn has_own_proxy(file: &Kubeconfig, context: &str) -> bool {
    let named = file.contexts.iter().find(|named| named.name == context);
    let cluster = named.and_then(|named| cluster_of(file, named));
    cluster.and_then(|cluster| cluster.proxy_url.as_ref()).is_some_and(|url| !url.is_empty())
}

fn cluster_of<'a>(file: &'a Kubeconfig, named: &NamedContext) -> Option<&'a kube::config::Cluster> {
    let wanted = &named.context.as_ref()?.cluster;
    file.clusters.iter().find(|cluster| cluster.name == *wanted)?.cluster.as_ref()
}

/// The library runs a credential plugin while it builds its client, and blocks the thread meanwhile.
async fn client(config: Config, server: &str) -> Result<kube::Client, ConnectError> {
    let runtime = tokio::runtime::Handle::current();
    let build = tokio::task::spawn_blocking(move || {
        let _inside = runtime.enter();
        kube::Client::try_from(config)
    });
    let setup = |cause: String| ConnectError::Setup { server: server.to_owned(), cause };
    match tokio::time::timeout(CREDENTIAL_PLUGIN_BUDGET, build).await {
        Ok(Ok(Ok(client))) => Ok(client),
        Ok(Ok(Err(error @ kube::Error::Auth(_)))) => {
            Err(Error::from_kube(error, server, Attempt::path("/version")).into())
        }
        Ok(Ok(Err(error))) => Err(setup(error.to_string())),
        Ok(Err(stopped)) => Err(setup(stopped.to_string())),
        Err(_) => Err(setup(format!(
            "the kubeconfig's credential plugin did not finish within {} s",
            CREDENTIAL_PLUGIN_BUDGET.as_secs()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::{ConnectError, connect, contexts};
    use crate::cluster::{
        Error,
        test_server::{TestServer, failure, kubeconfig, version},
    };
    use serde_json::json;

    const TOKEN: &str = "users: [{name: u, user: {token: t}}]";

    #[tokio::test]
    async fn given_a_kubeconfig_when_it_connects_then_it_knows_where_and_what() {
        let (cluster, _) = TestServer::default().connect().await;
        assert_eq!((cluster.context(), cluster.kubernetes_version()), ("c", "v1.34.1"));
        assert!(cluster.server_url().starts_with("http://127.0.0.1:") && !cluster.server_url().ends_with('/'));
    }

    #[tokio::test]
    async fn given_nobody_listening_when_it_connects_then_the_server_is_named() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", free.local_addr().unwrap());
        drop(free);
        let file = kubeconfig(&url, TOKEN);
        let error = connect(Some(file.path()), None).await.unwrap_err();
        assert!(matches!(error, ConnectError::Cluster(Error::Unreachable { .. })), "{error:?}");
        assert!(error.to_string().contains(&url) && error.to_string().contains("refused"), "{error}");
    }

    #[tokio::test]
    async fn given_an_expired_sign_in_when_it_connects_then_it_says_so() {
        let server =
            TestServer::default().answer("GET /version", 401, failure(401, "Unauthorized", "Unauthorized", &json!({})));
        let file = kubeconfig(&server.listen().await, TOKEN);
        let error = connect(Some(file.path()), None).await.unwrap_err();
        assert!(matches!(error, ConnectError::Cluster(Error::Unauthorized { .. })), "{error:?}");
    }

    #[tokio::test]
    async fn given_a_web_server_that_is_no_cluster_when_it_connects_then_it_says_so() {
        let server = TestServer::default().answer("GET /version", 200, "<html>".into());
        let file = kubeconfig(&server.listen().await, TOKEN);
        let error = connect(Some(file.path()), None).await.unwrap_err();
        assert!(error.to_string().contains("is http://127.0.0.1"), "{error}");
    }

    #[tokio::test]
    async fn given_a_context_that_is_not_there_then_those_that_are_are_named() {
        let file = kubeconfig("http://127.0.0.1:9", TOKEN);
        let error = connect(Some(file.path()), Some("other")).await.unwrap_err();
        assert!(error.to_string().contains("no context \"other\"; it has: c"), "{error}");
        let contexts = contexts(Some(file.path())).unwrap();
        assert_eq!((contexts.len(), contexts[0].name.as_str()), (1, "c"));
        assert_eq!(contexts[0].server.as_deref(), Some("http://127.0.0.1:9"));
    }

    #[tokio::test]
    async fn given_no_kubeconfig_at_that_place_then_it_says_so() {
        let error = connect(Some(std::path::Path::new("nowhere/kubeconfig")), None).await.unwrap_err();
        assert!(matches!(error, ConnectError::Kubeconfig(_)), "{error:?}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn given_a_credential_plugin_that_fails_then_its_words_are_told_and_its_arguments_are_not() {
        let server = TestServer::default().answer("GET /version", 200, version());
        let plugin = "users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: sh, \
                      args: ['-c', 'echo AADSTS70043: expired >&2; exit 3 # canary'], interactiveMode: IfAvailable}}}]";
        let file = kubeconfig(&server.listen().await, plugin);
        let error = connect(Some(file.path()), None).await.unwrap_err();
        assert!(matches!(error, ConnectError::Cluster(Error::Unauthorized { .. })), "{error:?}");
        assert!(error.to_string().contains("AADSTS70043: expired"), "{error}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
}
