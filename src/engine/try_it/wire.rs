//! The wire, as a stranger uses it: addresses, trust, and what goes wrong with either.

use crate::engine::budget;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{Certificate, Client, redirect::Policy};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    error::Error as StdError,
    io,
    net::{IpAddr, SocketAddr},
};
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

/// The addresses of a name, or why there are none. An address stands for itself.
pub(super) async fn look_up(name: &str) -> Result<BTreeSet<IpAddr>, String> {
    if let Ok(address) = name.parse() {
        return Ok(BTreeSet::from([address]));
    }
    let found = timeout(budget::TRY, lookup_host((name, super::HTTPS))).await;
    let found = found.map_err(|_| "no answer in time".to_owned())?.map_err(|cause| cause.to_string())?;
    let addresses: BTreeSet<IpAddr> = found.map(|found| found.ip()).collect();
    if addresses.is_empty() { Err("it has no address".to_owned()) } else { Ok(addresses) }
}

/// Whether anything answers at all.
pub(super) async fn reach(address: SocketAddr) -> Result<(), String> {
    match timeout(budget::TRY, TcpStream::connect(address)).await {
        Err(_) => Err("no answer in time".to_owned()),
        Ok(Err(cause)) => Err(cause.to_string()),
        Ok(Ok(_)) => Ok(()),
    }
}

/// Certificates of an authority, and where they are from.
#[derive(Clone)]
pub(super) struct Authority {
    certificates: Vec<Certificate>,
    /// The Secret, as `namespace/name`.
    pub(super) secret: String,
}

impl Authority {
    /// The authority that a TLS Secret brings along: cert-manager's `ca.crt`, else what stands behind the server's own
    /// certificate in `tls.crt`.
    pub(super) fn of_secret(secret: &Value, name: String) -> Option<Self> {
        let decoded = |key: &str| STANDARD.decode(secret.get("data")?.get(key)?.as_str()?).ok();
        let read =
            |pem: Vec<u8>| CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>().unwrap_or_default();
        let of_authority = decoded("ca.crt").map(read).filter(|certificates| !certificates.is_empty());
        let behind = || decoded("tls.crt").map(|pem| read(pem).into_iter().skip(1).collect());
        let certificates = of_authority.or_else(behind)?;
        let certificates: Vec<Certificate> =
            certificates.iter().filter_map(|der| Certificate::from_der(der).ok()).collect();
        (!certificates.is_empty()).then_some(Self { certificates, secret: name })
    }
}

/// A browser's side of TLS and HTTP: it goes to `address` for `host`, follows nothing, and trusts what this machine trusts, or
/// an authority alone.
pub(super) fn client(host: &str, address: SocketAddr, authority: Option<&Authority>) -> Result<Client, reqwest::Error> {
    let builder = Client::builder()
        .resolve(host, address)
        .redirect(Policy::none())
        .no_proxy()
        .timeout(budget::TRY)
        .user_agent(concat!("gatewright/", env!("CARGO_PKG_VERSION")));
    match authority {
        None => builder.build(),
        Some(authority) => builder.tls_certs_only(authority.certificates.clone()).build(),
    }
}

/// What is wrong with TLS, where that is what is wrong.
pub(super) fn tls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(here) = cause {
        if let Some(found) = here.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        // An I/O error does not count what it wraps among its causes.
        let wrapped = here.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = wrapped.and_then(|wrapped| wrapped.downcast_ref::<rustls::Error>()) {
            return Some(found);
        }
        cause = wrapped.map_or_else(|| here.source(), |wrapped| Some(wrapped));
    }
    None
}

/// The innermost cause: it says more than "error sending request".
pub(super) fn root_cause(error: &reqwest::Error) -> String {
    let mut innermost: &(dyn StdError + 'static) = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}
