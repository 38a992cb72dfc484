//! How what an issuer for Azure DNS needs is spelt.

use super::{
    names::Unusable,
    spelling::{self, Verdict, quoted},
};
use url::Url;

/// Let's Encrypt's servers by the names that an answer may have, and the URLs of their directories.
pub(super) const LETS_ENCRYPT: &[(&str, &str)] = &[
    ("letsencrypt-production", "https://acme-v02.api.letsencrypt.org/directory"),
    ("letsencrypt-staging", STAGING_URL),
];
/// The server whose certificates no browser trusts, with rate limits that forgive.
pub(super) const STAGING_URL: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";

fn unusable(wrong: impl Into<String>, right: impl Into<String>) -> Verdict {
    Err(Unusable { wrong: wrong.into(), right: right.into() })
}

/// An Azure subscription. Display names are not unique, so one is never named by it.
pub(super) fn subscription(text: &str) -> Verdict {
    const RIGHT: &str = "write the subscription's id, which `az account list` shows as `id`";
    match uuid::Uuid::try_parse(text) {
        Ok(id) if id.is_nil() => unusable(format!("{} stands for no subscription", quoted(text)), RIGHT),
        Ok(id) => spelling::plain_guid(text, id),
        Err(_) => unusable(format!("{} is not the id of a subscription", quoted(text)), RIGHT),
    }
}

/// A resource group (Azure naming rules).
pub(super) fn resource_group(text: &str) -> Verdict {
    const MAX: usize = 90;
    const RIGHT: &str = "write the name of the zone's resource group, such as `dns`";
    if text.is_empty() || text.chars().count() > MAX {
        return unusable(format!("{} does not have 1 to {MAX} characters", quoted(text)), RIGHT);
    }
    let strange = |c: &char| !(c.is_alphanumeric() || "_-.()".contains(*c));
    if let Some(strange) = text.chars().find(strange) {
        return unusable(
            format!("{} has {}, which no resource group's name can have", quoted(text), quoted(&strange.to_string())),
            RIGHT,
        );
    }
    if text.ends_with('.') {
        return unusable(format!("{} ends with a dot", quoted(text)), RIGHT);
    }
    Ok(())
}

/// A zone.
pub(super) fn zone_name(text: &str) -> Verdict {
    spelling::zone(text)
}

/// An ACME server.
pub(super) fn acme_server(text: &str) -> Verdict {
    const RIGHT: &str =
        "write `letsencrypt-production`, `letsencrypt-staging`, or the https URL of another server's directory";
    if LETS_ENCRYPT.iter().any(|(name, _)| *name == text) {
        return Ok(());
    }
    let Ok(url) = Url::parse(text) else {
        return unusable(format!("{} is neither a name that is known here nor a URL", quoted(text)), RIGHT);
    };
    if url.scheme() != "https" || url.host_str().is_none() {
        return unusable(format!("{} is no https URL, and ACME is spoken over nothing else", quoted(text)), RIGHT);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return unusable("it has a user or a password in it, and answers never hold a secret", RIGHT);
    }
    if text.len() > 512 || !text.chars().all(spelling::is_harmless) || text.contains(char::is_whitespace) {
        return unusable(format!("{} has characters that a URL here cannot have", quoted(text)), RIGHT);
    }
    Ok(())
}

/// An email address, as far as a wrong one can be told: the server is told it as it is.
pub(super) fn email_address(text: &str) -> Verdict {
    const RIGHT: &str = "write one address, such as `platform@example.com`";
    let Some((local, domain)) = text.rsplit_once('@') else {
        return unusable(format!("{} has no `@`", quoted(text)), RIGHT);
    };
    let fine = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    if local.is_empty() || local.len() > 64 || !local.chars().all(fine) {
        return unusable(format!("{} is no address", quoted(text)), RIGHT);
    }
    spelling::email_domain(domain).map_err(|reason| Unusable { right: RIGHT.to_owned(), ..reason })
}
