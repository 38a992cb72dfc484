//! The names, ports and durations that answers are made of. Each can only be built from text that is right.

use super::{azure, spelling};
use std::{fmt, num::NonZeroU16, str::FromStr};

/// Why a text is not what it should be. Neither part starts with a capital or ends with a stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wrong}; {right}")]
pub struct Unusable {
    /// What was wrong, such as "`https://x.example.com` starts with a scheme".
    pub wrong: String,
    /// What would be right, such as "write the name alone: `x.example.com`".
    pub right: String,
}

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
    /// The application's name: a DNS label of at most 40 characters that starts with a letter, so that every name we make
    /// from it fits in 63 and can name a Service.
    AppName, spelling::app_name
);
text_type!(
    /// A Kubernetes namespace: a DNS label.
    Namespace, spelling::namespace
);
text_type!(
    /// A Kubernetes Service: a DNS label that starts with a letter.
    ServiceName, spelling::service_name
);
text_type!(
    /// A fully qualified host name in lower case, without a wildcard, port or final dot.
    Hostname, spelling::hostname
);
text_type!(
    /// A name on a certificate: a host name, or `*.` and a host name.
    DnsName, spelling::dns_name
);
text_type!(
    /// What follows the `@` of an address.
    EmailDomain, spelling::email_domain
);
text_type!(
    /// What people see of a registration: one line of 1 to 120 visible characters.
    DisplayName, spelling::display_name
);
text_type!(
    /// The value of an OAuth scope.
    ScopeName, spelling::scope_name
);
text_type!(
    /// The name of a cert-manager issuer: a DNS subdomain.
    IssuerName, spelling::issuer_name
);
text_type!(
    /// The name of a Secret: a DNS subdomain.
    SecretName, spelling::secret_name
);
text_type!(
    /// A key of a Secret: letters, digits, `-`, `_` and dots.
    SecretKey, spelling::secret_key
);
text_type!(
    /// A user of a Redis (ACL).
    RedisUser, spelling::redis_user
);
text_type!(
    /// A container image with a tag or a digest.
    ImageReference, spelling::image_reference
);
text_type!(
    /// An Entra tenant: its GUID or one of its domains.
    TenantId, spelling::tenant
);
text_type!(
    /// An application's client id in Entra: a GUID, in lower case with hyphens.
    ClientId, spelling::client_id
);
text_type!(
    /// An Azure subscription: a GUID, in lower case with hyphens.
    SubscriptionId, azure::subscription
);
text_type!(
    /// An Azure resource group: 1 to 90 letters, digits, `_`, `-`, dots and brackets, no dot at the end.
    ResourceGroup, azure::resource_group
);
text_type!(
    /// A zone of Azure DNS: the domain it answers for, in lower case.
    ZoneName, azure::zone_name
);
text_type!(
    /// An ACME server: one of Let's Encrypt by its name, or the URL of a directory.
    AcmeServer, azure::acme_server
);
text_type!(
    /// An email address.
    EmailAddress, azure::email_address
);

/// An application's name reads well wherever a name for people is asked for.
impl From<&AppName> for DisplayName {
    fn from(name: &AppName) -> Self {
        Self(name.0.clone())
    }
}

impl From<&Hostname> for DnsName {
    fn from(host: &Hostname) -> Self {
        Self(host.0.clone())
    }
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

impl ZoneName {
    /// Whether records of `name` are in this zone, as far as its name tells: a deeper zone may have been delegated.
    pub fn holds(&self, name: &DnsName) -> bool {
        let bare = name.as_str().strip_prefix("*.").unwrap_or(name.as_str());
        bare == self.0 || bare.strip_suffix(self.as_str()).is_some_and(|rest| rest.ends_with('.'))
    }
}

impl AcmeServer {
    /// The URL of its directory.
    pub fn url(&self) -> &str {
        azure::LETS_ENCRYPT.iter().find(|(name, _)| *name == self.0).map_or(&self.0, |(_, url)| url)
    }

    /// Whether browsers do not trust what it signs: Let's Encrypt's server for trying out.
    pub fn is_for_trying_out(&self) -> bool {
        self.url() == azure::STAGING_URL
    }
}

impl ImageReference {
    /// The text without tag and digest: `docker.io/path/to/myapp` for `docker.io/path/to/myapp:1.4`.
    pub fn repository(&self) -> &str {
        let name = self.0.split('@').next().unwrap_or(&self.0);
        match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => repository,
            _ => name,
        }
    }

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

impl FromStr for Port {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        spelling::port(text).map(Self)
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
        spelling::seconds(text).map(Self)
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

#[cfg(test)]
mod tests {
    use super::{DnsName, Hostname, ImageReference, Lifetime, Port};

    fn covers(name: &str, host: &str) -> bool {
        name.parse::<DnsName>().unwrap().covers(&host.parse::<Hostname>().unwrap())
    }

    #[test]
    fn given_a_wildcard_then_it_covers_exactly_one_label() {
        assert!(covers("*.cluster.example.com", "myapp.cluster.example.com"));
        assert!(!covers("*.cluster.example.com", "a.myapp.cluster.example.com"));
        assert!(!covers("*.cluster.example.com", "cluster.example.com"));
        assert!(!covers("*.example.com", "myapp.cluster.example.com"));
        assert!(covers("myapp.cluster.example.com", "myapp.cluster.example.com"));
        assert!(!covers("yapp.cluster.example.com", "myapp.cluster.example.com"));
    }

    #[test]
    fn given_a_host_whose_redirect_uri_entra_would_not_take_then_it_is_refused() {
        let host = |length: usize| format!("{}com", "a2345678.".repeat(40)).split_off(363 - length);
        let redirect_uri = |host: &str| format!("https://{host}/oauth2/callback");
        let longest = host(232);
        assert_eq!(redirect_uri(&longest).len(), 256);
        assert!(longest.parse::<Hostname>().is_ok(), "{longest}");
        assert!(host(233).parse::<Hostname>().is_err());
    }

    #[test]
    fn given_an_image_then_a_registrys_port_is_no_tag() {
        let image = |text: &str| text.parse::<ImageReference>().unwrap();
        let digest = format!("@sha256:{}", "0a".repeat(32));
        let local = image(&format!("localhost:5000/myapp{digest}"));
        assert_eq!((local.repository(), local.tag()), ("localhost:5000/myapp", None));
        let both = image(&format!("localhost:5000/team/myapp:1.4{digest}"));
        assert_eq!((both.repository(), both.tag()), ("localhost:5000/team/myapp", Some("1.4")));
        assert!("localhost:5000/myapp".parse::<ImageReference>().is_err());
    }

    #[test]
    fn given_a_length_of_time_then_it_is_written_in_its_largest_whole_unit() {
        for (text, written) in [("168h", "7d"), ("90m", "90m"), ("3600s", "1h"), ("61s", "61s"), ("1d", "1d")] {
            assert_eq!(text.parse::<Lifetime>().unwrap().to_string(), written);
        }
        for text in ["", "d", "1.5h", "-1h", "1 h", "0s", "999999999999999999999d", "18446744073709551615d"] {
            assert!(text.parse::<Lifetime>().is_err(), "{text}");
        }
    }

    #[test]
    fn given_a_port_then_it_is_from_1_to_65535() {
        assert_eq!("65535".parse::<Port>().unwrap().get(), 65_535);
        for text in ["0", "65536", "-1", "+80", "080", "80.0", "0x50", "http", ""] {
            assert!(text.parse::<Port>().is_err(), "{text}");
        }
    }
}
