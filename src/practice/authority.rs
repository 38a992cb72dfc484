//! The practice ground's certificate authority: it signs what the ground serves and what its cert-manager issues, and
//! is to be trusted there alone.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The distinguished name is the same for every ground, so that a restored key is the same authority again.
const COMMON_NAME: &str = "Gatewright practice ground (not for real use)";

/// The names that the ground's own servers answer to.
const SERVER_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "kubernetes.default.svc"];

/// What the clients of a certificate still accept at most (825 days since 2019), with a margin.
const SERVER_CERTIFICATE_DAYS: i64 = 800;

/// A certificate authority with its key in memory.
#[derive(Clone)]
pub struct Authority(Arc<Inner>);

struct Inner {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
}

/// What is kept of an authority between runs.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeptAuthority {
    certificate: String,
    key: String,
}

/// A certificate with its key, as a TLS secret holds them.
#[derive(Clone)]
pub struct Issued {
    /// The certificate followed by the authority's own, PEM.
    pub chain_pem: String,
    /// The private key, PKCS#8 PEM.
    pub key_pem: String,
    /// When it starts to be valid.
    pub not_before: jiff::Timestamp,
    /// When it ends to be valid.
    pub not_after: jiff::Timestamp,
    certificate_der: Vec<u8>,
    key_der: Vec<u8>,
}

/// A certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A name that no certificate can carry, or a key that can't be read.
    #[error("the practice ground's authority can't sign for {names}: {cause}")]
    Certificate {
        /// The names asked for.
        names: String,
        /// What the library said.
        cause: rcgen::Error,
    },
    /// The TLS library refuses the certificate or its key.
    #[error("the practice ground's certificate can't be served: {0}")]
    Tls(#[from] rustls::Error),
}

impl Authority {
    /// Makes a new authority with a key of its own.
    pub fn generate() -> Result<Self, AuthorityError> {
        let refused = |cause| AuthorityError::Certificate { names: COMMON_NAME.to_owned(), cause };
        let key = KeyPair::generate().map_err(refused)?;
        let parameters = authority_parameters();
        let certificate_pem = parameters.self_signed(&key).map_err(refused)?.pem();
        Ok(Self(Arc::new(Inner { issuer: Issuer::new(parameters, key), certificate_pem })))
    }

    /// Brings a kept authority back.
    pub fn restore(kept: &KeptAuthority) -> Result<Self, AuthorityError> {
        let key = KeyPair::from_pem(&kept.key)
            .map_err(|cause| AuthorityError::Certificate { names: COMMON_NAME.to_owned(), cause })?;
        let issuer = Issuer::new(authority_parameters(), key);
        Ok(Self(Arc::new(Inner { issuer, certificate_pem: kept.certificate.clone() })))
    }

    /// What is to be kept; it holds the private key.
    pub fn keep(&self) -> KeptAuthority {
        KeptAuthority { certificate: self.0.certificate_pem.clone(), key: self.0.issuer.key().serialize_pem() }
    }

    /// The authority's own certificate, PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.0.certificate_pem
    }

    /// Signs a server certificate for `names` (DNS names, wildcards or addresses) that lasts `days` from now.
    pub fn issue(&self, names: &[String], days: i64) -> Result<Issued, AuthorityError> {
        let refused = |cause| AuthorityError::Certificate { names: names.join(", "), cause };
        let mut parameters = CertificateParams::new(names.to_vec()).map_err(refused)?;
        let now = jiff::Timestamp::now();
        let (not_before, not_after) = (midnight(now, -1), midnight(now, days));
        let ((year, month, day), (last_year, last_month, last_day)) = (civil(not_before), civil(not_after));
        parameters.not_before = rcgen::date_time_ymd(year, month, day);
        parameters.not_after = rcgen::date_time_ymd(last_year, last_month, last_day);
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(first) = names.first().filter(|name| name.len() <= 64) {
            parameters.distinguished_name.push(DnType::CommonName, first.as_str());
        }
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        parameters.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(refused)?;
        let certificate = parameters.signed_by(&key, &self.0.issuer).map_err(refused)?;
        Ok(Issued {
            chain_pem: format!("{}{}", certificate.pem(), self.0.certificate_pem),
            key_pem: key.serialize_pem(),
            not_before,
            not_after,
            certificate_der: certificate.der().to_vec(),
            key_der: key.serialize_der(),
        })
    }

    /// The TLS side of the ground's own servers: a certificate for `localhost` and 127.0.0.1, HTTP/2 and HTTP/1.1.
    pub fn server_configuration(&self) -> Result<Arc<rustls::ServerConfig>, AuthorityError> {
        let names: Vec<String> = SERVER_NAMES.iter().map(|&name| name.to_owned()).collect();
        let issued = self.issue(&names, SERVER_CERTIFICATE_DAYS)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(issued.key_der));
        let mut configuration = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(issued.certificate_der)], key)?;
        configuration.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(configuration))
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Authority")
    }
}

fn authority_parameters() -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.not_before = rcgen::date_time_ymd(2025, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2045, 1, 1);
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, COMMON_NAME);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
}

/// Midnight (UTC) of the day that lies `days` after `now`: rcgen is told whole days.
fn midnight(now: jiff::Timestamp, days: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second((now.as_second() / 86_400 + days) * 86_400).unwrap_or(now)
}

/// Year, month and day, as [`rcgen::date_time_ymd`] takes them.
fn civil(moment: jiff::Timestamp) -> (i32, u8, u8) {
    let date = moment.to_zoned(jiff::tz::TimeZone::UTC).date();
    (i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::Authority;

    #[test]
    fn given_a_kept_authority_when_it_is_restored_then_it_signs_as_the_same_one() {
        let first = Authority::generate().unwrap();
        let again = Authority::restore(&first.keep()).unwrap();
        assert_eq!(first.certificate_pem(), again.certificate_pem());
        assert_eq!(first.keep().key, again.keep().key);
    }

    #[test]
    fn given_a_wildcard_when_it_is_signed_then_the_chain_ends_in_the_authority() {
        let authority = Authority::generate().unwrap();
        let issued = authority.issue(&["*.cluster.example.com".to_owned()], 90).unwrap();
        assert!(issued.chain_pem.ends_with(authority.certificate_pem()));
        assert_eq!(issued.chain_pem.matches("BEGIN CERTIFICATE").count(), 2);
        assert!(issued.not_after.as_second() - issued.not_before.as_second() == 91 * 86_400);
    }

    #[test]
    fn given_the_grounds_own_names_when_served_then_both_http_versions_are_offered() {
        let configuration = Authority::generate().unwrap().server_configuration().unwrap();
        assert_eq!(configuration.alpn_protocols.len(), 2);
    }
}
