//! Secrets: values that can be sent to their one destination and nowhere else.

use secrecy::{ExposeSecret, SecretString};
use std::fmt;

/// A secret value. It has no `Display` and no `Serialize`, its `Debug` is a fingerprint, and it is wiped when dropped.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a value that nobody but its destination may see.
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretString::from(value.into()))
    }

    /// Makes `bytes` random bytes in base64url without padding, the one encoding oauth2-proxy decodes
    /// (domain.md 3.2: standard base64 with `+` or `/` ends in a 44-byte cookie secret it refuses).
    pub fn random(bytes: usize) -> Result<Self, NoRandomness> {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let mut buffer = zeroize::Zeroizing::new(vec![0_u8; bytes]);
        aws_lc_rs::rand::fill(&mut buffer).map_err(|_| NoRandomness)?;
        Ok(Self::new(URL_SAFE_NO_PAD.encode(&*buffer)))
    }

    /// The value itself, for its one destination.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Its SHA-256, as Redis takes a password that it need not know: 64 hex digits. Only of values with at least 128 bits of entropy
    /// does it tell nothing; it is for its one destination as well.
    pub fn sha256(&self) -> String {
        hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, self.expose().as_bytes()).as_ref())
    }

    /// A short name for the value: the first eight hex digits of its SHA-256.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.expose().as_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Secret({})", self.fingerprint())
    }
}

/// Names a value without telling it. Only ever made of values with at least 128 bits of entropy or of public text.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of `bytes`: the first eight hex digits of their SHA-256.
    pub fn of(bytes: &[u8]) -> Self {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
        Self(hex(digest.as_ref().get(..4).unwrap_or_default()))
    }

    /// A fingerprint that was written down.
    pub fn read(text: &str) -> Option<Self> {
        (text.len() == 8 && text.bytes().all(|digit| digit.is_ascii_hexdigit())).then(|| Self(text.to_owned()))
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes; a secret cannot be made without them")]
pub struct NoRandomness;

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn given_a_secret_when_it_is_debugged_then_its_value_is_not_there() {
        let secret = Secret::new("canary-value");
        assert!(!format!("{secret:?}").contains("canary"));
    }

    #[test]
    fn given_32_random_bytes_then_oauth2_proxy_can_decode_them() {
        let secret = Secret::random(32).unwrap();
        assert_eq!(secret.expose().len(), 43);
        assert!(secret.expose().chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    }
}
