//! The public cloud's own names, behind which the practice tenant answers: what cert-manager's Azure solver speaks to.

use gatewright::practice::authority::Authority;
use gatewright::practice::tenant::Tenant;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

const SIGN_IN: &str = "login.microsoftonline.com";
const RESOURCE_MANAGER: &str = "management.azure.com";

/// A proxy for HTTPS that leads to the practice tenant and to nobody else.
pub(super) struct Cloud {
    /// What a program has as its `HTTPS_PROXY`.
    pub(super) proxy: String,
    others: Arc<Mutex<Vec<String>>>,
    _serving: AbortOnDropHandle<()>,
}

impl Cloud {
    /// Opens it. `authority` vouches for the names.
    pub(super) async fn open(tenant: &Tenant, authority: &Authority) -> Self {
        let names = [SIGN_IN.to_owned(), RESOURCE_MANAGER.to_owned()];
        let issued = authority.issue(&names, 2).unwrap();
        let chain: Vec<_> = CertificateDer::pem_slice_iter(issued.chain_pem.as_bytes()).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).unwrap();
        let tls = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
        let tls = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
        let servers = BTreeMap::from([
            (SIGN_IN.to_owned(), tenant.sign_in_router()),
            (RESOURCE_MANAGER.to_owned(), tenant.resource_manager_router()),
        ]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("http://{}", listener.local_addr().unwrap());
        let others = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&others);
        let serving = async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(lead(stream, tls.clone(), servers.clone(), Arc::clone(&noted)));
            }
        };
        Self { proxy, others, _serving: AbortOnDropHandle::new(tokio::spawn(serving)) }
    }

    /// Whom programs wanted to speak to besides; they were refused.
    pub(super) fn others(&self) -> Vec<String> {
        self.others.lock().unwrap().clone()
    }
}

/// Leads one connection to the server that it asks for.
async fn lead(
    mut stream: TcpStream,
    tls: tokio_rustls::TlsAcceptor,
    servers: BTreeMap<String, axum::Router>,
    others: Arc<Mutex<Vec<String>>>,
) {
    let Some(host) = asked_for(&mut stream).await else { return };
    let Some(server) = servers.get(&host) else {
        others.lock().unwrap().push(host);
        let _told_or_gone = stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await;
        return;
    };
    let accepted = async {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        tls.accept(stream).await
    };
    let Ok(stream) = accepted.await else { return };
    let service = TowerToHyperService::new(server.clone());
    let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let _ended_or_broken = serving.await;
}

/// The host that a CONNECT request names.
async fn asked_for(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    // One by one, for what follows the head is not ours.
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let authority = head.strip_prefix("CONNECT ")?.split(' ').next()?;
    Some(authority.split(':').next()?.to_owned())
}
