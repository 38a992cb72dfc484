//! The names, ports and durations that answers are made of. Each can only be built from text that is right.

use std::{fmt, num::NonZeroU16, str::FromStr};

/// Why a text is not what it should be: what was wrong and what would be right, in one sentence without a final stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(pub String);

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Unusable;

            fn from_str(text: &str) -> Result<Self, Unusable> {
                $check(text).map(|()| Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

text_type!(
    /// The application's name: a DNS label of at most 40 characters, so that every name we make from it fits in 63.
    AppName, app_name
);
text_type!(
    /// A Kubernetes namespace: a DNS label.
    Namespace, dns_label
);
text_type!(
    /// A Kubernetes Service: a DNS label that starts with a letter.
    ServiceName, dns_label
);
text_type!(
    /// A fully qualified host name in lower case, without a wildcard, port or final dot.
    Hostname, hostname
);
text_type!(
    /// A name on a certificate: a host name, or `*.` and a host name.
    DnsName, dns_name
);
text_type!(
    /// What follows the `@` of an address.
    EmailDomain, hostname
);
text_type!(
    /// The value of an OAuth scope.
    ScopeName, scope_name
);
text_type!(
    /// The name of a cert-manager issuer: a DNS subdomain.
    IssuerName, hostname_or_label
);
text_type!(
    /// A container image with a tag or a digest.
    ImageReference, image_reference
);
text_type!(
    /// An Entra tenant: its GUID or one of its domains.
    TenantId, hostname_or_label
);

fn unusable(text: impl Into<String>) -> Result<(), Unusable> {
    Err(Unusable(text.into()))
}

fn dns_label(text: &str) -> Result<(), Unusable> {
    let edges_are_alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if text.is_empty() || text.len() > 63 {
        return unusable(format!("must have 1 to 63 characters, it has {}", text.chars().count()));
    }
    if !text.chars().all(|c| edges_are_alphanumeric(c) || c == '-')
        || !text.starts_with(edges_are_alphanumeric)
        || !text.ends_with(edges_are_alphanumeric)
    {
        return unusable(
            "may hold only lower-case letters, digits and `-`, and must start and end with a letter or digit",
        );
    }
    Ok(())
}

fn app_name(text: &str) -> Result<(), Unusable> {
    dns_label(text)?;
    if text.len() > 40 { unusable(format!("must have at most 40 characters, it has {}", text.len())) } else { Ok(()) }
}

fn hostname_or_label(text: &str) -> Result<(), Unusable> {
    text.split('.').try_for_each(dns_label)
}

fn hostname(text: &str) -> Result<(), Unusable> {
    if !text.contains('.') {
        return unusable("must be a full host name such as `myapp.cluster.example.com`");
    }
    hostname_or_label(text)
}

fn dns_name(text: &str) -> Result<(), Unusable> {
    hostname(text.strip_prefix("*.").unwrap_or(text))
}

fn scope_name(text: &str) -> Result<(), Unusable> {
    if text.is_empty() || text.len() > 120 || !text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
        return unusable("must have 1 to 120 letters, digits, `.`, `_` or `-`, such as `user_impersonation`");
    }
    Ok(())
}

fn image_reference(text: &str) -> Result<(), Unusable> {
    let last = text.rsplit('/').next().unwrap_or(text);
    if text.is_empty() || text.chars().any(char::is_whitespace) || !(last.contains(':') || text.contains('@')) {
        return unusable("must name an image with a tag or digest, such as `docker.io/path/to/myapp:1.4`");
    }
    Ok(())
}

impl Hostname {
    /// The domain one level up: `cluster.example.com` for `myapp.cluster.example.com`.
    pub fn parent(&self) -> &str {
        self.0.split_once('.').map_or("", |(_, parent)| parent)
    }
}

impl DnsName {
    /// Whether a certificate with this name is good for `host`: equal, or a wildcard for exactly one label (RFC 6125 6.4.3).
    pub fn covers(&self, host: &Hostname) -> bool {
        self.0 == host.0 || self.0.strip_prefix("*.").is_some_and(|parent| parent == host.parent())
    }

    /// Whether this is a wildcard.
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with("*.")
    }
}

impl ImageReference {
    /// The tag, where there is one.
    pub fn tag(&self) -> Option<&str> {
        let name = self.0.split('@').next().unwrap_or(&self.0);
        name.rsplit('/').next().and_then(|last| last.split_once(':')).map(|(_, tag)| tag)
    }
}

/// A TCP port, 1 to 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(NonZeroU16);

impl Port {
    /// The port `number`, or `None` for 0.
    pub fn new(number: u16) -> Option<Self> {
        NonZeroU16::new(number).map(Self)
    }

    /// The number.
    pub fn get(self) -> u16 {
        self.0.get()
    }
}

impl fmt::Display for Port {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A length of time in whole seconds, written with one unit: `180d`, `12h`, `55m`, `30s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lifetime(u64);

impl Lifetime {
    /// `days` times 24 hours.
    pub const fn days(days: u64) -> Self {
        Self(days * 86_400)
    }

    /// `minutes` times 60 seconds.
    pub const fn minutes(minutes: u64) -> Self {
        Self(minutes * 60)
    }

    /// The length in seconds.
    pub const fn seconds(self) -> u64 {
        self.0
    }
}

impl FromStr for Lifetime {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        let wrong = || Unusable("must be a whole number and one unit (d, h, m, s), such as `180d` or `55m`".to_owned());
        let unit = text.chars().last().ok_or_else(wrong)?;
        let number: u64 =
            text.get(..text.len() - unit.len_utf8()).and_then(|digits| digits.parse().ok()).ok_or_else(wrong)?;
        let factor = match unit {
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return Err(wrong()),
        };
        number.checked_mul(factor).filter(|seconds| *seconds > 0).map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            s if s % 86_400 == 0 => write!(formatter, "{}d", s / 86_400),
            s if s % 3_600 == 0 => write!(formatter, "{}h", s / 3_600),
            s if s % 60 == 0 => write!(formatter, "{}m", s / 60),
            s => write!(formatter, "{s}s"),
        }
    }
}
