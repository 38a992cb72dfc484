//! The session store's own side: a Redis that knows its passwords, and can be told others while it runs.
//!
//! What it imitates of the protocol is what it takes to sign in and to change passwords: `AUTH`, `PING`, `QUIT`, and `ACL SETUSER` and
//! `ACL WHOAMI` for the user `default`. Sessions are kept where the sign-in proxy keeps them.

use super::{
    Edge, Program,
    objects::{items, number, text},
    program,
    workload::Workload,
};
use serde_json::Value;
use std::{collections::BTreeSet, fmt::Write as _, sync::PoisonError};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};

/// As much of an answer as may wait for the reader.
const BUFFER: usize = 4096;
/// More words than a command has, and longer ones, than are imitated.
const MOST: usize = 64;
const LONGEST: usize = 4096;

/// The passwords that a Redis takes of its user `default`, as it keeps them itself: as SHA-256 in hex digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passwords {
    /// Whether anybody is let in, whatever they give.
    open: bool,
    hashes: BTreeSet<String>,
}

impl Passwords {
    /// Those of a server that was started with these; one that was started with none lets anybody in.
    pub fn of<'a>(passwords: impl IntoIterator<Item = &'a str>) -> Self {
        let hashes: BTreeSet<String> = passwords.into_iter().map(sha256).collect();
        Self { open: hashes.is_empty(), hashes }
    }

    /// Whether it lets anybody in.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Whether it lets in whoever gives this one.
    pub fn takes(&self, password: &str) -> bool {
        self.open || self.hashes.contains(&sha256(password))
    }

    /// The same after `ACL SETUSER default` with these rules, all of them or none.
    fn told(&self, rules: &[String]) -> Result<Self, String> {
        let mut told = self.clone();
        for rule in rules {
            let wrong = |why: &str| format!("ERR Error in ACL SETUSER modifier '{rule}': {why}");
            let is_hash = |hash: &str| hash.len() == 64 && hash.bytes().all(|digit| digit.is_ascii_hexdigit());
            match (rule.as_str(), rule.split_at_checked(1)) {
                ("on", _) => {}
                ("resetpass", _) => told = Self::default(),
                ("nopass", _) => told = Self { open: true, hashes: BTreeSet::new() },
                (_, Some((">", password))) => told.add(sha256(password)),
                (_, Some(("#", hash))) if is_hash(hash) => told.add(hash.to_owned()),
                (_, Some(("#" | "!", hash))) if !is_hash(hash) => {
                    return Err(wrong(
                        "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters",
                    ));
                }
                (_, Some((kind @ ("<" | "!"), given))) => {
                    let hash = if kind == "<" { sha256(given) } else { given.to_owned() };
                    if !told.hashes.remove(&hash) {
                        return Err(wrong("The password you are trying to remove from the user does not exist"));
                    }
                }
                _ => return Err(wrong("Syntax error")),
            }
        }
        Ok(told)
    }

    fn add(&mut self, hash: String) {
        self.open = false;
        self.hashes.insert(hash);
    }
}

fn sha256(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

impl Edge {
    /// The passwords that the store in a container takes now: those that it was told while it runs, else those it was started with.
    /// `None` where the container does not run.
    pub fn passwords_of(&self, workload: &Workload, container: &Value) -> Option<Passwords> {
        let key = (workload.uid().to_owned(), text(container, "/name").to_owned());
        if let Some(told) = self.0.told.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Some(told.clone());
        }
        let start = self.start_of(workload, container).ok()?;
        Some(Passwords::of(start.store_passwords().iter().map(String::as_str)))
    }

    /// Connects to the session store that listens on a port of a pod. Must be called on a runtime.
    pub(super) fn connect_to_store(&self, workload: &Workload, port: u16) -> Option<DuplexStream> {
        let listens = |container: &&Value| {
            let mut ports = items(container, "/ports").iter();
            program(text(container, "/image")) == Program::SessionStore
                && ports.any(|entry| number(entry.get("containerPort")) == Some(u64::from(port)))
        };
        let container = items(&workload.pod, "/spec/containers").iter().find(listens)?.clone();
        if !self.runs(workload, text(&container, "/name")) {
            return None;
        }
        let (near, far) = tokio::io::duplex(BUFFER);
        let (edge, workload) = (self.clone(), workload.clone());
        tokio::spawn(async move {
            if let Err(error) = edge.serve_store(&workload, &container, far).await {
                tracing::debug!(%error, "a connection to a practice session store ended");
            }
        });
        Some(near)
    }

    async fn serve_store(&self, workload: &Workload, container: &Value, stream: DuplexStream) -> std::io::Result<()> {
        let (reader, mut writer) = tokio::io::split(stream);
        let mut reader = BufReader::new(reader);
        let mut signed_in = self.passwords_of(workload, container).is_some_and(|passwords| passwords.is_open());
        while let Some(words) = command(&mut reader).await? {
            let Some(passwords) = self.passwords_of(workload, container) else { return Ok(()) };
            let upper: Vec<String> = words.iter().take(2).map(|word| word.to_ascii_uppercase()).collect();
            let answer = match upper.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                ["QUIT", ..] => {
                    writer.write_all(b"+OK\r\n").await?;
                    return Ok(());
                }
                ["AUTH", ..] => {
                    let (user, password) = match words.as_slice() {
                        [_, password] => ("default", password.as_str()),
                        [_, user, password] => (user.as_str(), password.as_str()),
                        _ => ("", ""),
                    };
                    signed_in = user == "default" && passwords.takes(password);
                    if signed_in { "+OK" } else { "-WRONGPASS invalid username-password pair or user is disabled." }
                        .to_owned()
                }
                _ if !signed_in => "-NOAUTH Authentication required.".to_owned(),
                ["PING", ..] => "+PONG".to_owned(),
                ["ACL", "WHOAMI"] => "$7\r\ndefault".to_owned(),
                ["ACL", "SETUSER"] if words.get(2).is_some_and(|user| user == "default") => {
                    match passwords.told(words.get(3..).unwrap_or_default()) {
                        Ok(told) => {
                            self.tell(workload, text(container, "/name"), told);
                            "+OK".to_owned()
                        }
                        Err(wrong) => format!("-{wrong}"),
                    }
                }
                [name, ..] => format!("-ERR the practice store does not imitate '{name}'"),
                [] => "-ERR empty command".to_owned(),
            };
            writer.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
        Ok(())
    }

    fn tell(&self, workload: &Workload, container: &str, told: Passwords) {
        let key = (workload.uid().to_owned(), container.to_owned());
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner).insert(key, told);
    }

    /// A container that is started again has forgotten what it was told.
    pub fn forget_told(&self, workload: &Workload, container: &str) {
        let key = (workload.uid().to_owned(), container.to_owned());
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }
}

/// One command, as clients send them: an array of texts. `None` at the end of the connection.
async fn command(reader: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> std::io::Result<Option<Vec<String>>> {
    let wrong = || std::io::Error::new(std::io::ErrorKind::InvalidData, "that is no command");
    let Some(count) = length(reader, '*').await? else { return Ok(None) };
    if count > MOST {
        return Err(wrong());
    }
    let mut words = Vec::new();
    for _ in 0..count {
        let length = length(reader, '$').await?.filter(|length| *length <= LONGEST).ok_or_else(wrong)?;
        let mut word = vec![0; length + 2];
        reader.read_exact(&mut word).await?;
        word.truncate(length);
        words.push(String::from_utf8(word).map_err(|_| wrong())?);
    }
    Ok(Some(words))
}

async fn length(reader: &mut (impl tokio::io::AsyncBufRead + Unpin), kind: char) -> std::io::Result<Option<usize>> {
    let mut line = String::new();
    if reader.take(LONGEST as u64).read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let number = line.trim_end().strip_prefix(kind).and_then(|number| number.parse().ok());
    number.map(Some).ok_or_else(|| std::io::Error::new(std::io::ErrorKind::InvalidData, "that is no length"))
}

#[cfg(test)]
mod tests {
    use super::{Passwords, sha256};

    fn told(passwords: &Passwords, rules: &[&str]) -> Result<Passwords, String> {
        passwords.told(&rules.iter().map(|rule| (*rule).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn given_a_running_store_when_it_is_told_of_passwords_then_it_takes_those_and_no_others() {
        let started = Passwords::of(["old"]);
        assert!(started.takes("old") && !started.takes("new") && !started.is_open());
        let both = told(&started, &[&format!("#{}", sha256("new"))]).unwrap();
        assert!(both.takes("old") && both.takes("new"));
        let only = told(&both, &["resetpass", ">new"]).unwrap();
        assert!(!only.takes("old") && only.takes("new"));
        assert_eq!(told(&both, &["<old"]).unwrap(), only);
        assert!(told(&only, &["<old"]).unwrap_err().contains("does not exist"));
        assert!(told(&only, &["nonsense"]).is_err() && told(&only, &["#12"]).is_err());
        let nobody = told(&only, &["resetpass"]).unwrap();
        assert!(!nobody.takes("") && !nobody.takes("new"), "no password is not an open door");
        assert!(Passwords::of([]).takes("whatever"), "but a server that was never told one lets anybody in");
    }
}
