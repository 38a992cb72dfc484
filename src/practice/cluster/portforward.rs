//! Port forwarding to pods over a websocket, in the protocol `v4.channel.k8s.io` that kube clients speak.

use std::sync::Arc;
use tokio::io::DuplexStream;

/// What answers a port forward: given namespace, pod and port, the near end of a stream to it, or `None` where nothing listens.
pub type ForwardHandler = dyn Fn(&str, &str, u16) -> Option<DuplexStream> + Send + Sync;

/// A shared [`ForwardHandler`].
#[derive(Clone)]
pub struct PortForward(pub Arc<ForwardHandler>);

impl std::fmt::Debug for PortForward {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PortForward")
    }
}
