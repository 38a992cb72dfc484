//! Redis stores outside of the cluster, as a scenario says that there are.

use super::store::Passwords;
use serde::{Deserialize, Serialize};

/// A Redis outside of the cluster.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutsideStore {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it speaks TLS; it then speaks nothing else.
    #[serde(default)]
    pub tls: bool,
    /// Who may sign in; left out, the user `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Their password. A scenario's is made up and opens nothing.
    pub password: String,
}

impl std::fmt::Debug for OutsideStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "OutsideStore({}:{})", self.host, self.port)
    }
}

/// How a client of Redis comes.
pub(super) struct Greeting<'a> {
    /// Whether it speaks TLS.
    pub(super) tls: bool,
    /// The user that it names; may be empty.
    pub(super) username: &'a str,
    /// The password that it gives; may be empty.
    pub(super) password: &'a str,
}

impl Greeting<'_> {
    /// What a server says that speaks TLS or not, and knows one user and passwords of theirs: nothing where it lets the client in.
    pub(super) fn meets(&self, tls: bool, username: &str, passwords: &Passwords) -> Result<(), String> {
        let user = if self.username.is_empty() { "default" } else { self.username };
        match (self.tls, tls) {
            (true, false) => return Err("tls: first record does not look like a TLS handshake".to_owned()),
            (false, true) => return Err("EOF".to_owned()),
            _ => {}
        }
        match (passwords.is_open(), self.password) {
            (true, "") if user == username => Ok(()),
            (false, given) if user == username && passwords.takes(given) => Ok(()),
            (true, _) if user == username => {
                Err("ERR AUTH <password> called without any password configured for the default user. Are you sure \
                            your configuration is correct?"
                    .to_owned())
            }
            (false, "") => Err("NOAUTH Authentication required.".to_owned()),
            _ => Err("WRONGPASS invalid username-password pair or user is disabled.".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Greeting, Passwords};

    #[test]
    fn given_the_ways_to_greet_a_redis_then_only_the_right_one_is_let_in() {
        let known = Passwords::of(["right"]);
        let greet = |tls, username, password| Greeting { tls, username, password }.meets(true, "default", &known);
        assert_eq!(greet(true, "", "right"), Ok(()));
        assert_eq!(greet(true, "default", "right"), Ok(()));
        assert!(greet(false, "", "right").unwrap_err().contains("EOF"));
        assert!(greet(true, "", "").unwrap_err().contains("NOAUTH"));
        assert!(greet(true, "", "wrong").unwrap_err().contains("WRONGPASS"));
        assert!(greet(true, "somebody", "right").unwrap_err().contains("WRONGPASS"));
        let plain = |tls| Greeting { tls, username: "", password: "" }.meets(false, "default", &Passwords::of([]));
        assert_eq!(plain(false), Ok(()));
        assert!(plain(true).unwrap_err().contains("TLS handshake"));
    }
}
