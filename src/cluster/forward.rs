//! Talking to what listens inside a pod, through the API server.

use super::{Attempt, Cluster, Error, PodSummary};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use std::time::Duration;
use tokio::io::DuplexStream;

/// How long the API server may take to say why a forward failed, once it has.
const TROUBLE_BUDGET: Duration = Duration::from_millis(500);

impl Cluster {
    /// Connects to `port` inside `pod`, as from the pod itself, and has `talk` talk to what listens there, for at most `budget`. Where it
    /// says that the conversation broke off, the API server's own words for why are told, if it has any.
    pub async fn talk<T>(
        &self,
        pod: &PodSummary,
        port: u16,
        budget: Duration,
        talk: impl AsyncFnOnce(DuplexStream) -> Result<T, String>,
    ) -> Result<T, Error> {
        let attempt = Attempt {
            // A websocket is opened with GET. Kubernetes asks for `get` here, and newer versions for `create` as well.
            verb: "get",
            resource: "pods/portforward".to_owned(),
            namespace: Some(pod.namespace.clone()),
            name: Some(pod.name.clone()),
            ..Attempt::default()
        };
        let failed =
            |cause: String| Error::PodUnreachable { namespace: pod.namespace.clone(), pod: pod.name.clone(), cause };
        let pods: Api<Pod> = Api::namespaced(self.inner.client.clone(), &pod.namespace);
        let ports = [port];
        let forward = match self.call(attempt, || pods.portforward(&pod.name, &ports)).await {
            Err(Error::Refused { status: 404, .. }) => return Err(failed("it is gone".to_owned())),
            // A pod that is not scheduled or not running is refused with 400.
            Err(Error::Invalid { causes, .. }) => {
                return Err(failed(causes.first().map(ToString::to_string).unwrap_or_default()));
            }
            other => other?,
        };
        let mut forward = AbortedWhenDropped(forward);
        let stream = forward.0.take_stream(port).ok_or_else(|| failed("no stream was opened".to_owned()))?;
        let trouble = forward.0.take_error(port);
        let cause = match tokio::time::timeout(budget, talk(stream)).await {
            Ok(Ok(told)) => return Ok(told),
            Ok(Err(cause)) => cause,
            Err(_) => format!("it did not answer within {} s", budget.as_secs()),
        };
        let told = match trouble {
            Some(trouble) => tokio::time::timeout(TROUBLE_BUDGET, trouble).await.ok().flatten(),
            None => None,
        };
        Err(failed(told.unwrap_or(cause)))
    }
}

/// The library's task for a forward lives until the server closes it, which it may never do.
struct AbortedWhenDropped(kube::api::Portforwarder);

impl Drop for AbortedWhenDropped {
    fn drop(&mut self) {
        self.0.abort();
    }
}
