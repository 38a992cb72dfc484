//! A certificate from the first question to the last proof, with everything that goes wrong on the way.

use super::World;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatewright::cluster::{ObjectRef, WaitError, is_being_issued, issuing};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use x509_parser::prelude::{FromDer as _, X509Certificate};

const IDENTITY: &str = "66666666-7777-8888-9999-00000000000d";
const ZONE: (&str, &str) = ("dns", "cluster.example.com");

#[tokio::test(flavor = "multi_thread")]
async fn given_gatewrights_issuer_when_cert_manager_proves_the_names_then_what_is_said_of_it_is_what_happens() {
    let Some(mut world) = World::make().await else { return };
    let (ended, heard) = world.waited_for(&world.issuer).await;
    assert_eq!(ended, Ok(()), "{heard:#?}");
    let account = ObjectRef::namespaced("v1", "Secret", super::CERT_MANAGER, "gatewright-myapp-myapp-account");
    assert!(world.client.get(&account).await.unwrap().is_some(), "the account's key is where issuers' secrets are");

    // The identity has no role on the zone yet.
    let heard = world.is_told("AuthorizationFailed").await;
    let last = heard.last().unwrap();
    for words in ["DNS-01 for cluster.example.com is pending, not presented yet", "403 Forbidden", "dnsZones/TXT/read"]
    {
        assert!(last.contains(words), "{words}: {last}");
    }
    assert!(!last.contains('\n'), "{last}");

    // The role is given, but the world asks another zone than ours.
    world.dns.outside_is_wrong(true);
    assert!(world.tenant.assign_zone_role(IDENTITY, ZONE));
    let (ended, heard) = world.waited_for(&world.certificate).await;
    let Err(WaitError::Terminal { reason, .. }) = ended else { panic!("{ended:?} {heard:#?}") };
    let presented: Vec<_> = heard.iter().skip_while(|reason| !reason.contains("pending, presented")).collect();
    assert!(!presented.is_empty(), "{heard:#?}");
    assert!(!presented.iter().any(|reason| reason.contains("403")), "what is over is not told any more: {heard:#?}");
    let why = "DNS-01 for cluster.example.com is invalid: Error accepting authorization";
    assert!(reason.contains(why) && reason.contains("Correct value not found for DNS challenge"), "{reason}");

    // Who comes later hears the same, although the certificate itself does not say it.
    let failed = |live: &Value| issuing(live).is_some_and(|it| it["reason"] == "Failed");
    let live = world.comes_to("the certificate says that it failed", failed).await;
    assert!(!live.to_string().contains("Correct value not found"), "{live:#}");
    let (ended, _) = world.waited_for(&world.certificate).await;
    let Err(WaitError::Terminal { reason, .. }) = ended else { panic!("{ended:?}") };
    assert!(reason.contains("Correct value not found") && reason.contains("`cmctl renew`"), "{reason}");

    // It is put right, and ordered anew. Within the second in which it failed, cert-manager would count that failure again.
    world.dns.outside_is_wrong(false);
    let failed_at: jiff::Timestamp = live["status"]["lastFailureTime"].as_str().unwrap().parse().unwrap();
    while jiff::Timestamp::now().as_second() <= failed_at.as_second() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.client.reissue(&world.certificate).await.unwrap().unwrap();
    let (ended, heard) = world.waited_for(&world.certificate).await;
    assert_eq!(ended, Ok(()), "{heard:#?}\n{}", world.cert_manager.last_words());
    assert!(heard.iter().any(|reason| reason.contains("pending, presented")), "{heard:#?}");
    let first = Shown::by(&world).await;
    world.zone_is_tidy().await;

    // A new key, as `rotate --what certificate-key` orders it. It is good a moment before cert-manager is done with issuing it.
    let is_issued = |revision| move |live: &Value| live["status"]["revision"] == revision && !is_being_issued(live);
    world.comes_to("it is issued", is_issued(1)).await;
    world.client.reissue(&world.certificate).await.unwrap().unwrap();
    world.comes_to("it is issued anew", is_issued(2)).await;
    let second = Shown::by(&world).await;
    assert!(first.serial != second.serial && first.key != second.key, "both are new");
    assert_eq!(world.cloud.others(), Vec::<String>::new(), "nobody else was spoken to");
}

/// What the gateway would show.
struct Shown {
    serial: String,
    key: Vec<u8>,
}

impl Shown {
    /// Reads it as the gateway does, and demands that it leads to the authority's root and is for a host of ours.
    async fn by(world: &World) -> Self {
        let certificate = world.client.get(&world.certificate).await.unwrap().unwrap();
        let (namespace, name) = (
            certificate["metadata"]["namespace"].as_str().unwrap(),
            certificate["spec"]["secretName"].as_str().unwrap(),
        );
        let secret = ObjectRef::namespaced("v1", "Secret", namespace, name);
        let secret = world.client.get(&secret).await.unwrap().unwrap();
        let part = |key: &str| STANDARD.decode(secret["data"][key].as_str().unwrap()).unwrap();
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&part("tls.crt")).map(Result::unwrap).collect();
        let [leaf, others @ ..] = &chain[..] else { panic!("no certificate in {name}") };

        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(world.pebble.root().await.as_bytes()).unwrap()).unwrap();
        let verifier = WebPkiServerVerifier::builder(Arc::new(roots)).build().unwrap();
        let host = ServerName::try_from("myapp.cluster.example.com").unwrap();
        verifier.verify_server_cert(leaf, others, &host, &[], UnixTime::now()).unwrap();
        let (_, read) = X509Certificate::from_der(leaf).unwrap();
        assert!(read.issuer().to_string().contains("Pebble"), "{}", read.issuer());
        Self { serial: read.raw_serial_as_string(), key: part("tls.key") }
    }
}
