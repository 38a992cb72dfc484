//! Pebble, the authority that certificates come from, and the DNS in which it and cert-manager look for proofs.

use crate::kept::{Running, free_ports};
use crate::mesh::DEADLINE;
use crate::parts::Program;
use gatewright::practice::authority::Authority;
use gatewright::practice::tenant::Tenant;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio_util::task::AbortOnDropHandle;

/// A DNS server that answers what it is told to.
struct NameServer {
    _running: Running,
    address: String,
    management: String,
    http: reqwest::Client,
}

impl NameServer {
    async fn start(program: &Program, folder: &Path, name: &str) -> Self {
        let folder = folder.join(name);
        std::fs::create_dir(&folder).unwrap();
        let [dns, management] = free_ports::<2>().map(|port| format!("127.0.0.1:{port}"));
        let options = [
            ("dns01", dns.as_str()),
            ("management", &management),
            ("http01", ""),
            ("https01", ""),
            ("tlsalpn01", ""),
            ("defaultIPv4", "127.0.0.1"),
            ("defaultIPv6", ""),
        ];
        let arguments = options.map(|(name, value)| format!("-{name}={value}"));
        let mut running = Running::start(program, &folder, &arguments);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let management = format!("http://{management}");
        let begun = Instant::now();
        // It has nothing to tell, but it answers once it is there.
        while http.get(&management).send().await.is_err() {
            running.is_alive();
            assert!(begun.elapsed() < DEADLINE, "{}", running.last_words());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { _running: running, address: dns, management, http }
    }

    /// Answers with these TXT records in place of `former` ones.
    async fn answer(&self, former: &[(String, String)], records: &[(String, String)]) {
        for (name, _) in former {
            self.tell("clear-txt", &json!({"host": format!("{name}.")})).await;
        }
        for (name, value) in records {
            self.tell("set-txt", &json!({"host": format!("{name}."), "value": value})).await;
        }
    }

    async fn tell(&self, what: &str, body: &serde_json::Value) {
        let sent = self.http.post(format!("{}/{what}", self.management)).json(body).send().await.unwrap();
        assert!(sent.status().is_success(), "{what} {body}: {}", sent.status());
    }
}

/// DNS with two sides, which both answer with the TXT records of the tenant's zones.
pub(super) struct Dns {
    /// Where cert-manager asks.
    pub(super) inside: String,
    /// Where the authority asks.
    outside: String,
    outside_is_wrong: Arc<AtomicBool>,
    _carrying: AbortOnDropHandle<()>,
}

impl Dns {
    /// Starts both sides.
    pub(super) async fn start(program: &Program, folder: &Path, tenant: &Tenant) -> Self {
        let inside = NameServer::start(program, folder, "dns-inside").await;
        let outside = NameServer::start(program, folder, "dns-outside").await;
        let addresses = (inside.address.clone(), outside.address.clone());
        let outside_is_wrong = Arc::new(AtomicBool::new(false));
        let (tenant, is_wrong) = (tenant.clone(), Arc::clone(&outside_is_wrong));
        let carrying = async move {
            let (mut seen_inside, mut seen_outside) = (Vec::new(), Vec::new());
            loop {
                let there = tenant.text_records();
                let wrong = |(name, _): &(String, String)| (name.clone(), "of-another-zone".to_owned());
                let wanted =
                    if is_wrong.load(Ordering::SeqCst) { there.iter().map(wrong).collect() } else { there.clone() };
                if there != seen_inside {
                    inside.answer(&seen_inside, &there).await;
                    seen_inside = there;
                }
                if wanted != seen_outside {
                    outside.answer(&seen_outside, &wanted).await;
                    seen_outside = wanted;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let carrying = AbortOnDropHandle::new(tokio::spawn(carrying));
        Self { inside: addresses.0, outside: addresses.1, outside_is_wrong, _carrying: carrying }
    }

    /// Has the authority see other records than those that are in the zone, as when a zone is not the one that the world asks; or
    /// no longer.
    pub(super) fn outside_is_wrong(&self, is_wrong: bool) {
        self.outside_is_wrong.store(is_wrong, Ordering::SeqCst);
    }
}

/// An authority. Its own server is vouched for by the test's.
pub(super) struct Pebble {
    running: Running,
    /// The URL of its directory.
    pub(super) directory: String,
    management: String,
    http: reqwest::Client,
}

impl Pebble {
    /// Starts it, for names in `dns`.
    pub(super) async fn start(program: &Program, folder: &Path, dns: &Dns, authority: &Authority) -> Self {
        let folder = folder.join("pebble");
        std::fs::create_dir(&folder).unwrap();
        let issued = authority.issue(&["localhost".to_owned(), "127.0.0.1".to_owned()], 2).unwrap();
        std::fs::write(folder.join("cert.pem"), issued.chain_pem).unwrap();
        std::fs::write(folder.join("key.pem"), issued.key_pem).unwrap();
        let [acme, management] = free_ports::<2>().map(|port| format!("127.0.0.1:{port}"));
        let settings = json!({"pebble": {
            "listenAddress": acme, "managementListenAddress": management, "certificate": "cert.pem",
            "privateKey": "key.pem", "httpPort": 1, "tlsPort": 1, "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
        }});
        std::fs::write(folder.join("settings.json"), settings.to_string()).unwrap();
        let arguments = ["-config", "settings.json", "-strict", "-dnsserver", &dns.outside].map(str::to_owned);
        // Every certificate is to be proven anew, and not by chance.
        let environment = [("PEBBLE_VA_NOSLEEP", "1"), ("PEBBLE_AUTHZREUSE", "0")];
        let running = Running::start_with(program, &folder, &arguments, &environment);
        let trusted = reqwest::Certificate::from_pem(authority.certificate_pem().as_bytes()).unwrap();
        let http = reqwest::Client::builder().tls_certs_only([trusted]).no_proxy().build().unwrap();
        let mut this = Self {
            running,
            directory: format!("https://{acme}/dir"),
            management: format!("https://{management}"),
            http,
        };
        this.is_ready().await;
        this
    }

    async fn is_ready(&mut self) {
        let begun = Instant::now();
        while self.http.get(&self.directory).send().await.is_err() {
            self.running.is_alive();
            assert!(begun.elapsed() < DEADLINE, "{}", self.running.last_words());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The root that all its certificates lead to, in PEM.
    pub(super) async fn root(&self) -> String {
        self.http.get(format!("{}/roots/0", self.management)).send().await.unwrap().text().await.unwrap()
    }
}
