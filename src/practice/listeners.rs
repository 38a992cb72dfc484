//! The ports that the ground listens on, and the servers behind them.

use super::gate::Gate;
use super::journal::Server;
use super::state::Ports;
use axum_server::tls_rustls::RustlsConfig;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Kept ports are looked for below those that systems hand out by themselves (32768 on Linux), so that nobody else is
/// given one of them while the ground is down.
const FIRST_PORT: u16 = 12_000;
const BLOCKS: u16 = 2_000;
const BLOCK: u16 = 10;

/// What an open connection may still finish when the ground stops.
const GRACE: Duration = Duration::from_millis(200);

/// A port can't be had.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// Somebody else has the port that the ground had before.
    #[error(
        "port {port} of the practice ground ({server}) can't be had: {cause}; end what uses it, or let `gatewright practice reset` choose others"
    )]
    Taken {
        /// The port on 127.0.0.1.
        port: u16,
        /// The server it is for.
        server: Server,
        /// What the system said.
        cause: std::io::Error,
    },
    /// None is free.
    #[error("no free ports were found on 127.0.0.1 for the practice ground: {0}")]
    NoneFree(std::io::Error),
}

/// The bound ports.
pub(super) struct Listeners {
    sign_in: TcpListener,
    graph: TcpListener,
    resource_manager: TcpListener,
    kubernetes: TcpListener,
    edge: TcpListener,
}

/// A server that runs.
pub(super) struct Served {
    handle: axum_server::Handle<SocketAddr>,
    task: JoinHandle<()>,
}

impl Listeners {
    /// Binds these very ports.
    pub(super) fn at(ports: Ports) -> Result<Self, PortError> {
        let bind = |port, server| listen(port).map_err(|cause| PortError::Taken { port, server, cause });
        Ok(Self {
            sign_in: bind(ports.sign_in, Server::SignIn)?,
            graph: bind(ports.graph, Server::Graph)?,
            resource_manager: bind(ports.resource_manager, Server::ResourceManager)?,
            kubernetes: bind(ports.kubernetes, Server::Kubernetes)?,
            edge: bind(ports.edge, Server::Edge)?,
        })
    }

    /// Binds ports that nobody has now; they need not be had again.
    pub(super) fn passing() -> Result<Self, PortError> {
        Self::at(Ports { sign_in: 0, graph: 0, resource_manager: 0, kubernetes: 0, edge: 0 })
    }

    /// Binds a block of ports that can be had again later. Where the search starts is left to chance, so that grounds
    /// which start together do not want the same ones.
    pub(super) fn lasting() -> Result<Self, PortError> {
        let (chance, _) = uuid::Uuid::new_v4().as_u64_pair();
        let start = u16::try_from(chance % u64::from(BLOCKS)).unwrap_or(0);
        let mut last = std::io::Error::from(std::io::ErrorKind::AddrInUse);
        for block in (start..BLOCKS).chain(0..start) {
            let first = FIRST_PORT + block * BLOCK;
            let ports = Ports {
                sign_in: first,
                graph: first + 1,
                resource_manager: first + 2,
                kubernetes: first + 3,
                edge: first + 4,
            };
            match Self::at(ports) {
                Ok(listeners) => return Ok(listeners),
                Err(PortError::Taken { cause, .. } | PortError::NoneFree(cause)) => last = cause,
            }
        }
        Err(PortError::NoneFree(last))
    }

    /// The ports that were bound.
    pub(super) fn ports(&self) -> Result<Ports, PortError> {
        let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
        let read = || {
            Ok(Ports {
                sign_in: port(&self.sign_in)?,
                graph: port(&self.graph)?,
                resource_manager: port(&self.resource_manager)?,
                kubernetes: port(&self.kubernetes)?,
                edge: port(&self.edge)?,
            })
        };
        read().map_err(PortError::NoneFree)
    }

    /// Gives up the listener of each server.
    pub(super) fn into_each(self) -> [(Server, TcpListener); 5] {
        [
            (Server::SignIn, self.sign_in),
            (Server::Graph, self.graph),
            (Server::ResourceManager, self.resource_manager),
            (Server::Kubernetes, self.kubernetes),
            (Server::Edge, self.edge),
        ]
    }
}

impl Served {
    /// Serves `gate` over TLS on `listener` until it is stopped.
    pub(super) fn start(
        listener: TcpListener,
        tls: Arc<rustls::ServerConfig>,
        gate: Gate,
    ) -> Result<Self, std::io::Error> {
        let handle = axum_server::Handle::new();
        let make = tower::service_fn(move |_peer: SocketAddr| std::future::ready(Ok::<_, Infallible>(gate.clone())));
        let server = axum_server::from_tcp_rustls(listener, RustlsConfig::from_config(tls))?.handle(handle.clone());
        let task = tokio::spawn(async move {
            if let Err(error) = server.serve(make).await {
                tracing::error!(%error, "a server of the practice ground ended");
            }
        });
        Ok(Self { handle, task })
    }

    /// Takes no new connections and lets the open ones end.
    pub(super) fn shut(&self) {
        self.handle.graceful_shutdown(Some(GRACE));
    }

    /// Waits until everything has ended.
    pub(super) async fn ended(self) {
        let _ended = self.task.await;
    }
}

fn listen(port: u16) -> Result<TcpListener, std::io::Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::{Listeners, PortError};

    #[test]
    fn given_lasting_ports_when_let_go_then_they_can_be_had_again() {
        let first = Listeners::lasting().unwrap();
        let ports = first.ports().unwrap();
        drop(first);
        assert_eq!(Listeners::at(ports).unwrap().ports().unwrap(), ports);
    }

    #[test]
    fn given_a_port_that_is_taken_when_wanted_then_it_and_its_server_are_named() {
        let first = Listeners::passing().unwrap();
        let Err(error) = Listeners::at(first.ports().unwrap()) else { panic!("bound twice") };
        assert!(matches!(error, PortError::Taken { .. }));
        assert!(error.to_string().contains("sign-in"), "{error}");
    }
}
