//! The session store as it is deployed, in a real Redis: it is told of another password while it runs, and forgets no session.

use crate::both_worlds;
use crate::kept::{Running, free_ports, kept};
use crate::parts::{Program, ground};
use gatewright::blueprint::{Existing, Known, blueprint};
use gatewright::redis::{Connection, Refusal};
use gatewright::secret::Secret;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(10);

/// The container of the store, as it would be applied.
async fn container() -> Value {
    let ground = ground().await;
    let cluster = gatewright::cluster::connect(Some(&ground.kubeconfig()), None).await.unwrap();
    let answers = both_worlds::answers();
    let facts = both_worlds::facts(&cluster, &answers).await;
    let existing = Existing {
        registered: Known::Later("of no interest here"),
        secret_fingerprints: BTreeMap::new(),
        started_with: BTreeMap::new(),
    };
    let parts = blueprint(&answers, &facts, &existing).unwrap();
    let mut objects = parts.iter().filter_map(|part| Some(&part.manifest()?.object));
    let is_it = |object: &&Value| object["kind"] == "Deployment" && object["metadata"]["name"] == "myapp-sessions";
    objects.find(is_it).unwrap()["spec"]["template"]["spec"]["containers"][0].clone()
}

/// A store that runs here.
struct Store {
    running: Running,
    port: u16,
    ask: String,
}

impl Store {
    /// Starts it as its container says, on a port of its own, with these variables of its environment.
    async fn start(redis: &Program, folder: &Path, environment: &[(&str, &str)]) -> Self {
        let container = container().await;
        let [port] = free_ports();
        let start = container["command"][2].as_str().unwrap();
        let here = format!("dir {}\nport {port}\nbind 127.0.0.1", folder.display());
        assert!(start.contains("dir /data"), "{start}");
        let arguments = ["-c".to_owned(), start.replace("dir /data", &here)];
        let known = container["env"].as_array().unwrap();
        for (name, _) in environment {
            assert!(known.iter().any(|variable| variable["name"] == *name), "{name} is not told to the container");
        }
        let shell = redis.run_by("/bin/sh".into());
        let running = Running::start_with(&shell, folder, &arguments, environment);
        let ask = container["readinessProbe"]["exec"]["command"][2].as_str().unwrap();
        let ask = ask.replace("\"$client\" ping", &format!("\"$client\" -p {port} ping"));
        let mut store = Self { running, port, ask };
        let began = Instant::now();
        while !store.is_ready() {
            store.running.is_alive();
            assert!(began.elapsed() < PATIENCE, "{}", store.running.last_words());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        store
    }

    /// Whether its own probe finds it ready.
    fn is_ready(&self) -> bool {
        Command::new("sh").args(["-c", &self.ask]).status().unwrap().success()
    }

    async fn connect(&self) -> Connection<TcpStream> {
        Connection::over(TcpStream::connect(("127.0.0.1", self.port)).await.unwrap())
    }

    async fn takes(&self, password: &str) -> Result<(), Refusal> {
        self.connect().await.sign_in(&Secret::new(password)).await.unwrap()
    }

    /// What Redis' own client is told.
    fn client(&self, password: &str, words: &[&str]) -> String {
        let mut client = Command::new("redis-cli");
        client.args(["-p", &self.port.to_string(), "--no-auth-warning"]).args(words).env("REDISCLI_AUTH", password);
        let told = client.output().unwrap();
        String::from_utf8(told.stdout).unwrap().trim().to_owned()
    }
}

#[tokio::test]
async fn given_a_store_that_runs_when_it_is_told_of_another_password_then_both_are_good_then_the_new_one_and_no_session_is_lost()
 {
    let Some(redis) = kept("redis-server") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (Secret::random(32).unwrap(), Secret::random(32).unwrap());
    let store = Store::start(&redis, folder.path(), &[("REDIS_PASSWORD", old.expose())]).await;
    assert_eq!(store.client(old.expose(), &["SET", "_oauth2_proxy-1", "a session"]), "OK");
    assert_eq!(store.takes(new.expose()).await, Err(Refusal::WrongPassword), "not yet");
    let mut held = store.connect().await;
    held.sign_in(&old).await.unwrap().unwrap();

    let mut told = store.connect().await;
    told.sign_in(&old).await.unwrap().unwrap();
    for _ in 0..2 {
        told.add_password(&new).await.unwrap().unwrap();
    }
    assert_eq!((store.takes(old.expose()).await, store.takes(new.expose()).await), (Ok(()), Ok(())), "both are good");
    assert_eq!(store.client(new.expose(), &["GET", "_oauth2_proxy-1"]), "a session");

    let mut told = store.connect().await;
    told.sign_in(&new).await.unwrap().unwrap();
    told.keep_only_password(&new).await.unwrap().unwrap();
    assert_eq!(store.takes(old.expose()).await, Err(Refusal::WrongPassword));
    assert_eq!(store.takes(new.expose()).await, Ok(()));
    assert_eq!(store.client(new.expose(), &["GET", "_oauth2_proxy-1"]), "a session", "and nobody was signed out");
    assert_eq!(held.ping().await.unwrap(), Ok(()), "who was in stays in");
    assert!(store.is_ready(), "it is ready without the password that it was started with");
    let said = store.running.last_words();
    assert!(!said.contains(old.expose()) && !said.contains(new.expose()), "{said}");
}

#[tokio::test]
async fn given_a_secret_with_several_passwords_when_the_store_starts_then_each_of_them_is_good_and_no_other() {
    let Some(redis) = kept("redis-server") else { return };
    let folder = tempfile::tempdir().unwrap();
    let passwords = [("REDIS_PASSWORD", "one"), ("REDIS_PASSWORD_NEXT", "two"), ("REDIS_PASSWORD_PREVIOUS", "three")];
    let store = Store::start(&redis, folder.path(), &passwords).await;
    for (name, password) in passwords {
        assert_eq!(store.takes(password).await, Ok(()), "{name}");
    }
    for password in ["four", ""] {
        assert_eq!(store.takes(password).await, Err(Refusal::WrongPassword), "{password:?}");
    }
    let refused = store.connect().await.ping().await.unwrap().unwrap_err();
    assert_eq!(refused.to_string(), "the session store refused `PING` (NOAUTH)");
    // What the sign-in proxy does with it, and what it does as it starts.
    for words in [&["SET", "k", "v", "EX", "60", "NX"][..], &["GET", "k"], &["DEL", "k"], &["EVAL", "return 1", "0"]] {
        let told = store.client("two", words);
        assert!(!told.contains("NOPERM") && !told.is_empty(), "{words:?}: {told}");
    }
}
