//! Strangers who try the door all along.

use super::Whole;
use super::node::{Node, pod_addresses};
use crate::visitors::{self, Answer, Client, HOST};
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// What lies between two tries.
const PAUSE: Duration = Duration::from_millis(25);

/// Strangers at work.
pub(super) struct Watch {
    stop: CancellationToken,
    strangers: AbortOnDropHandle<Seen>,
}

/// What they saw.
#[derive(Debug)]
pub(super) struct Seen {
    /// How often somebody answered at the gateway.
    pub(super) asked_at_the_gateway: usize,
    /// How often somebody answered at the application's pod, for one who goes there from within the cluster.
    pub(super) asked_at_the_pod: usize,
    /// Answers of the application.
    pub(super) let_in: Vec<String>,
}

impl Watch {
    /// Sends them to the door.
    pub(super) fn strangers(whole: &Whole) -> Self {
        let stop = CancellationToken::new();
        let work = watch(stop.clone(), whole.client.clone(), Arc::clone(&whole.kubelet.node));
        Self { stop, strangers: AbortOnDropHandle::new(tokio::spawn(work)) }
    }

    /// Calls them back.
    pub(super) async fn end(self) -> Seen {
        self.stop.cancel();
        self.strangers.await.unwrap()
    }
}

async fn watch(stop: CancellationToken, client: Client, node: Arc<Node>) -> Seen {
    let ((asked_at_the_gateway, mut let_in), (asked_at_the_pod, at_the_pod)) =
        tokio::join!(at_the_gateway(&stop, &client), at_the_pod(&stop, &node));
    let_in.extend(at_the_pod);
    Seen { asked_at_the_gateway, asked_at_the_pod, let_in }
}

/// How often somebody answered, and the answers of the application.
async fn at_the_gateway(stop: &CancellationToken, client: &Client) -> (usize, Vec<String>) {
    let (mut asked, mut let_in) = (0, Vec::new());
    while !stop.is_cancelled() {
        if let Some(answer) = client.try_ask(HOST, &format!("https://{HOST}/"), &[]).await {
            asked += 1;
            if answer.is_from_the_application() {
                let_in.push(format!("{answer:#?}"));
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    (asked, let_in)
}

async fn at_the_pod(stop: &CancellationToken, node: &Node) -> (usize, Vec<String>) {
    let (mut asked, mut let_in) = (0, Vec::new());
    while !stop.is_cancelled() {
        for address in pod_addresses(&node.client, "myapp", "app.kubernetes.io/name=myapp").await {
            let at = SocketAddrV4::new(address, 80);
            if let Some(answer) = ask_plainly(node, at).await {
                asked += 1;
                if answer.is_from_the_application() {
                    let_in.push(format!("{at}: {answer:#?}"));
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    (asked, let_in)
}

/// Asks an address from a place in the cluster that has no sidecar.
async fn ask_plainly(node: &Node, address: SocketAddrV4) -> Option<Answer> {
    let asked = async { visitors::ask_plainly(node.network.connect(address).await.ok()?, (HOST, "/"), &[]).await };
    tokio::time::timeout(Duration::from_secs(5), asked).await.ok()?
}
