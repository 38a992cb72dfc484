//! What a server shows of itself, before anybody trusts it.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use std::sync::Arc;

/// The certificates that a server at this port shows for a name, whether they are good or not.
pub(super) async fn chain_at(port: u16, server_name: &str) -> Vec<CertificateDer<'static>> {
    let provider = Arc::clone(rustls::crypto::CryptoProvider::get_default().unwrap());
    let settings = rustls::ClientConfig::builder().dangerous();
    let settings = settings.with_custom_certificate_verifier(Arc::new(Anything(provider))).with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(settings));
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let stream = connector.connect(ServerName::try_from(server_name.to_owned()).unwrap(), stream).await.unwrap();
    let (_, connection) = stream.get_ref();
    connection.peer_certificates().unwrap().iter().map(|it| it.clone().into_owned()).collect()
}

/// Takes every certificate: it is only looked at.
#[derive(Debug)]
struct Anything(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
