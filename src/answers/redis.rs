//! The address of a Redis or Valkey that is there already.

use super::{
    names::{Port, Unusable},
    spelling::{self, quoted},
};
use std::{fmt, str::FromStr};

/// Where a Redis or Valkey listens: a host and a port, with TLS or without. It holds no user and no password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisAddress {
    tls: bool,
    host: String,
    port: Port,
}

impl RedisAddress {
    /// Whether it is spoken to with TLS.
    pub fn tls(&self) -> bool {
        self.tls
    }

    /// The host as it was written.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> Port {
        self.port
    }

    /// The namespace and the name of the Service of this cluster that the host is by its spelling, seen from namespace `from`:
    /// `redis`, `redis.cache.svc` and `redis.cache.svc.cluster.local` are one.
    pub fn service<'a>(&'a self, from: &'a str) -> Option<(&'a str, &'a str)> {
        if !self.host.contains('.') {
            return Some((from, &self.host));
        }
        let short = self.host.strip_suffix(".svc.cluster.local").or_else(|| self.host.strip_suffix(".svc"))?;
        short
            .split_once('.')
            .filter(|(_, namespace)| !namespace.contains('.'))
            .map(|(name, namespace)| (namespace, name))
    }

    /// The namespace and the name of the Service that the host might be: `redis.cache` is one if the cluster has it, and else a
    /// host that others know.
    pub fn perhaps_service(&self) -> Option<(&str, &str)> {
        let (name, namespace) = self.host.split_once('.')?;
        (!namespace.contains('.')).then_some((namespace, name))
    }
}

impl FromStr for RedisAddress {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        // First, and without a word of it: there may be a password before it.
        if text.contains('@') {
            return unusable(
                "holds a user or a password before an `@`, and secrets never go into this file",
                "write HOST:PORT alone, name the user in `username` and the Secret that holds the password in `passwordFrom`; \
                 replace that password: whoever read the file knows it",
            );
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("redis", text));
        let bare = rest.split(['/', '?', '#', ',', ';', ' ']).next().unwrap_or_default();
        if bare != rest {
            // Azure's connection strings go on with the password.
            return unusable(
                "has more behind its port",
                format!("write one HOST:PORT alone, such as {}", quoted(bare)),
            );
        }
        let tls = match scheme {
            "redis" => false,
            "rediss" => true,
            _ => {
                let right = format!("write {}, or {} for TLS", quoted(rest), quoted(&format!("rediss://{rest}")));
                return unusable(format!("{} is of another kind than Redis", quoted(text)), right);
            }
        };
        if rest.starts_with('[') || rest.parse::<std::net::IpAddr>().is_ok() {
            return unusable(format!("{} is an IP address", quoted(text)), BY_NAME);
        }
        let Some((host, port)) = rest.rsplit_once(':') else {
            let usual = if tls { 6380 } else { 6379 };
            let right = format!("add it, such as {}", quoted(&format!("{text}:{usual}")));
            return unusable(format!("{} has no port", quoted(text)), right);
        };
        if host.parse::<std::net::IpAddr>().is_ok() {
            return unusable(format!("{} is an IP address", quoted(text)), BY_NAME);
        }
        let port = port.parse()?;
        spelling::redis_host(host)?;
        Ok(Self { tls, host: host.to_owned(), port })
    }
}

const BY_NAME: &str =
    "write the DNS name that points there, or make a Service for it: certificates and the mesh's policies go by names";

impl fmt::Display for RedisAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "rediss://" } else { "" };
        write!(formatter, "{scheme}{}:{}", self.host, self.port)
    }
}

fn unusable<T>(wrong: impl Into<String>, right: impl Into<String>) -> Result<T, Unusable> {
    Err(Unusable { wrong: wrong.into(), right: right.into() })
}

#[cfg(test)]
mod tests {
    use super::RedisAddress;

    fn read(text: &str) -> RedisAddress {
        text.parse().unwrap_or_else(|unusable| panic!("{text}: {unusable}"))
    }

    #[test]
    fn given_the_spellings_of_a_service_then_it_is_told_from_a_host_of_others() {
        for (text, service) in [
            ("redis:6379", Some(("myapp", "redis"))),
            ("redis.cache.svc:6379", Some(("cache", "redis"))),
            ("redis.cache.svc.cluster.local:6379", Some(("cache", "redis"))),
            ("redis.cache:6379", None),
            ("a.redis.cache.svc:6379", None),
            ("rediss://myapp.redis.cache.windows.net:6380", None),
        ] {
            assert_eq!(read(text).service("myapp"), service, "{text}");
        }
        assert_eq!(read("redis.cache:6379").perhaps_service(), Some(("cache", "redis")));
        assert_eq!(read("a.redis.cache:6379").perhaps_service(), None);
    }

    #[test]
    fn given_an_address_then_it_is_written_in_one_way() {
        assert_eq!(read("redis://redis:6379"), read("redis:6379"));
        assert_eq!(read("redis://redis:6379").to_string(), "redis:6379");
        assert_eq!(read("rediss://redis.example.com:6380").to_string(), "rediss://redis.example.com:6380");
        assert!(read("rediss://redis.example.com:6380").tls());
    }

    #[test]
    fn given_a_password_in_an_address_then_no_word_of_it_is_repeated() {
        for text in [
            "redis://:canary@redis:6379",
            "rediss://ada:canary@redis:6379",
            "canary@redis:6379",
            "myapp.redis.cache.windows.net:6380,password=canary=,ssl=True",
            "redis:6379?password=canary",
            "https://redis:6379/canary",
        ] {
            let told = text.parse::<RedisAddress>().unwrap_err().to_string();
            assert!(!told.contains("canary"), "{told}");
        }
    }
}
