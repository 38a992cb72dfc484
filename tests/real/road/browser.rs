//! A real browser, headless, driven as a person drives it: Debian's Chromium by its own WebDriver.

use crate::kept::{Running, free_ports, kept};
use crate::parts::Program;
use crate::visitors::HOST;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Longer than a page takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// How large its window is, in pixels.
const SIZE: (u32, u32) = (1000, 700);

/// A browser. It is closed, and then its driver goes, before the folder that it keeps everything in.
pub(super) struct Browser {
    _driver: Running,
    session: String,
    http: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl Browser {
    /// Its programs, if they are there.
    pub(super) fn find() -> Option<(Program, Program)> {
        let chromium = kept("chromium")?;
        Some((chromium, kept("chromedriver")?))
    }

    /// Opens one that finds the host of the application at `gateway` and nothing else but this machine, and takes the certificates
    /// of these ports for good.
    pub(super) async fn open((chromium, driver): &(Program, Program), gateway: u16, trusted: &[u16]) -> Self {
        chromium.is_used();
        let folder = tempfile::tempdir().unwrap();
        let [port] = free_ports();
        let mut running = Running::start(driver, folder.path(), &[format!("--port={port}")]);
        let http = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build().unwrap();
        let address = format!("http://127.0.0.1:{port}");
        let begun = Instant::now();
        while http.get(format!("{address}/status")).send().await.is_err() {
            running.is_alive();
            assert!(begun.elapsed() < DEADLINE, "{}", running.last_words());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let mut keys = Vec::new();
        for port in trusted {
            keys.push(key_at(*port).await);
        }
        let arguments = [
            "--headless".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--no-first-run".to_owned(),
            "--no-proxy-server".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            format!("--window-size={},{}", SIZE.0, SIZE.1),
            format!("--user-data-dir={}", folder.path().join("profile").display()),
            format!("--ignore-certificate-errors-spki-list={}", keys.join(",")),
            format!(
                "--host-resolver-rules=MAP {HOST} 127.0.0.1:{gateway}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
            ),
        ];
        let options = json!({"binary": chromium.path(), "args": arguments});
        let wanted = json!({"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}});
        let opened = sent(http.post(format!("{address}/session")).json(&wanted)).await;
        let session = opened["sessionId"].as_str().unwrap_or_else(|| panic!("{opened}\n{}", running.last_words()));
        let session = format!("{address}/session/{session}");
        Self { _driver: running, session, http, _folder: folder }
    }

    /// Goes to an address, and waits until the page is there.
    pub(super) async fn go(&self, address: &str) {
        self.order("url", &json!({"url": address})).await;
    }

    /// Clicks a link.
    pub(super) async fn click(&self, link: &str) {
        let found = self.order("element", &json!({"using": "link text", "value": link})).await;
        let element = found.as_object().and_then(|found| found.values().next()?.as_str());
        let element = element.unwrap_or_else(|| panic!("there is no link {link}: {found}"));
        self.order(&format!("element/{element}/click"), &json!({})).await;
    }

    /// Waits until the page is at an address that begins so; answers the address.
    pub(super) async fn comes_to(&self, beginning: &str) -> String {
        let begun = Instant::now();
        loop {
            let address = self.asked("url").await;
            if address.starts_with(beginning) {
                return address;
            }
            assert!(begun.elapsed() < DEADLINE, "{beginning}: {address}\n{}", self.text().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What the page is called.
    pub(super) async fn title(&self) -> String {
        self.asked("title").await
    }

    /// What can be read on the page.
    pub(super) async fn text(&self) -> String {
        let read = self.order("execute/sync", &json!({"script": "return document.body.innerText", "args": []})).await;
        read.as_str().unwrap_or_default().to_owned()
    }

    /// Takes a picture of the page, and leaves it under this name where a person finds it.
    pub(super) async fn picture(&self, name: &str) -> PathBuf {
        let taken = STANDARD.decode(self.asked("screenshot").await).unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("real-parts-pictures");
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{name}.png"));
        std::fs::write(&path, &taken).unwrap();
        let (width, height) = size_of_png(&taken).unwrap_or_else(|| panic!("{} is no picture", path.display()));
        assert!(width == SIZE.0 && height > SIZE.1 / 2, "{width}x{height}");
        path
    }

    /// Closes it.
    pub(super) async fn close(self) {
        sent(self.http.delete(&self.session)).await;
    }

    async fn asked(&self, what: &str) -> String {
        let answer = sent(self.http.get(format!("{}/{what}", self.session))).await;
        answer.as_str().unwrap_or_else(|| panic!("{what}: {answer}")).to_owned()
    }

    async fn order(&self, what: &str, body: &Value) -> Value {
        sent(self.http.post(format!("{}/{what}", self.session)).json(body)).await
    }
}

/// What the driver answers.
async fn sent(request: reqwest::RequestBuilder) -> Value {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let mut told: Value = answer.json().await.unwrap();
    assert!(status.is_success(), "{status}: {told:#}");
    told["value"].take()
}

/// The SHA-256 of the public key that a server at this port shows for the application's host, as Chromium wants it.
async fn key_at(port: u16) -> String {
    let chain = super::chain::chain_at(port, HOST).await;
    let (_, certificate) = X509Certificate::from_der(&chain[0]).unwrap();
    STANDARD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate.public_key().raw))
}

/// Width and height of a PNG that is whole (PNG specification, 5.2 and 11.2.2).
fn size_of_png(bytes: &[u8]) -> Option<(u32, u32)> {
    let rest = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")?;
    let is_whole = bytes.ends_with(b"IEND\xaeB`\x82");
    let number = |at: usize| rest.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    is_whole.then_some((number(0)?, number(4)?))
}
