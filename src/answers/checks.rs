//! Rules that hold between answers, or for one use of a kind of answer.

use super::{
    RedisAddress,
    names::{AppName, DnsName, Hostname, ImageReference, Lifetime, Namespace, Port, Unusable, ZoneName},
    spelling::{Verdict, quoted, whole_number},
};
use std::str::FromStr;

fn unusable(wrong: impl Into<String>, right: impl Into<String>) -> Verdict {
    Err(Unusable { wrong: wrong.into(), right: right.into() })
}

/// How many pods; 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Replicas(pub(super) u16);

impl FromStr for Replicas {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        match whole_number(text).map(u16::try_from) {
            Some(Ok(0)) => {
                Err(Unusable { wrong: "`0` pods would serve nobody".to_owned(), right: "write 1 or more".to_owned() })
            }
            Some(Ok(number @ 1..=100)) => Ok(Self(number)),
            _ => Err(Unusable {
                wrong: format!("{} is not a number of pods", quoted(text)),
                right: "write a whole number from 1 to 100".to_owned(),
            }),
        }
    }
}

/// The application's namespace must be one that Istio injects sidecars into and that policies stay within.
pub(super) fn application_namespace(namespace: &Namespace) -> Verdict {
    let name = namespace.as_str();
    if name.starts_with("kube-") {
        return unusable(
            format!("{} belongs to Kubernetes, and Istio puts no sidecar into it", quoted(name)),
            "choose a namespace of the application's own, such as `myapp`",
        );
    }
    if name == "istio-system" {
        return unusable(
            "`istio-system` is Istio's own: a policy in it would select pods of every namespace",
            "choose a namespace of the application's own, such as `myapp`",
        );
    }
    Ok(())
}

/// The ports that a sidecar keeps to itself in every pod (istio.io, "Application requirements").
const SIDECAR_PORTS: &[u16] = &[15000, 15001, 15002, 15004, 15006, 15008, 15009, 15020, 15021, 15053, 15090];

/// The container's port must be free beside a sidecar.
pub(super) fn container_port(port: Port) -> Verdict {
    if SIDECAR_PORTS.contains(&port.get()) {
        return unusable(
            format!("`{port}` is taken by Istio's sidecar in the same pod"),
            "have the container listen elsewhere, such as on 8080",
        );
    }
    Ok(())
}

/// A client secret's lifetime; the portal makes none above two years.
pub(super) fn secret_lifetime(lifetime: Lifetime) -> Verdict {
    if lifetime < Lifetime::days(1) {
        return unusable(
            format!("`{lifetime}` is over before a rotation could help"),
            "write at least `1d`, such as `180d`",
        );
    }
    if lifetime > Lifetime::days(730) {
        return unusable(
            format!("`{lifetime}` is longer than the two years a client secret should live at most"),
            "write `730d` or less, such as `180d`",
        );
    }
    Ok(())
}

/// A session's lifetime: beyond 90 days without use no refresh token of Entra's lives.
pub(super) fn session_lifetime(lifetime: Lifetime) -> Verdict {
    if lifetime > Lifetime::days(90) {
        return unusable(
            format!("`{lifetime}` is longer than Entra's refresh tokens live"),
            "write `90d` or less, such as `7d`",
        );
    }
    Ok(())
}

/// Renewal must come before the tokens end: the token lock refuses an expired one, and id tokens live an hour.
pub(super) fn session_refresh(refresh: Lifetime) -> Verdict {
    if refresh < Lifetime::minutes(1) {
        return unusable(
            format!("`{refresh}` would renew with nearly every request"),
            "write at least `1m`, such as `55m`",
        );
    }
    if refresh >= Lifetime::minutes(60) {
        return unusable(
            format!("`{refresh}` is too late: Entra's tokens live an hour, and an expired one is refused"),
            "write less than `1h`, such as `55m`",
        );
    }
    Ok(())
}

/// oauth2-proxy refuses to start unless it renews more often than sessions end (domain.md 3.2).
pub(super) fn refresh_within_lifetime(refresh: Lifetime, lifetime: Lifetime) -> Verdict {
    if refresh >= lifetime {
        return unusable(
            format!("a session of `{lifetime}` would end before its renewal after `{refresh}`"),
            "make `sessionLifetime` longer than `sessionRefresh`, such as `7d` and `55m`",
        );
    }
    Ok(())
}

/// One of the certificate's names must cover the host.
pub(super) fn names_cover(names: &[DnsName], host: &Hostname) -> Verdict {
    if names.iter().any(|name| name.covers(host)) {
        return Ok(());
    }
    let too_wide =
        names.iter().find(|name| name.as_str().strip_prefix('*').is_some_and(|parent| host.as_str().ends_with(parent)));
    let right = format!("add `{host}` or `*.{}`", host.parent());
    match too_wide {
        Some(name) => {
            unusable(format!("`{name}` does not cover `{host}`: a wildcard stands for exactly one label"), right)
        }
        None => unusable(format!("none of these covers the host, `{host}`"), right),
    }
}

/// A certificate has a name, and Let's Encrypt and others sign at most a hundred.
pub(super) fn names_are_few(names: &[DnsName]) -> Verdict {
    const MAX: usize = 100;
    if names.is_empty() {
        return unusable("is empty", "list the host, or take the key out for just the host");
    }
    if names.len() > MAX {
        return unusable(
            format!("lists {} names", names.len()),
            "list at most 100; more are not signed on one certificate",
        );
    }
    Ok(())
}

/// A new issuer proves names in one zone, so all of them must be in it.
pub(super) fn zone_holds(zone: &ZoneName, names: &[DnsName]) -> Verdict {
    match names.iter().find(|name| !zone.holds(name)) {
        None => Ok(()),
        Some(outside) => unusable(
            format!("{} is not in the zone {}", quoted(outside.as_str()), quoted(zone.as_str())),
            "name the zone that holds every name of the certificate, and names that are in it",
        ),
    }
}

fn bitnami(image: &ImageReference, instead: &str) -> Verdict {
    if image.repository().split('/').any(|piece| piece == "bitnami" || piece == "bitnamilegacy") {
        return unusable(
            format!(
                "{} is of Bitnami's catalogue, which is cut off or no longer patched since August 2025",
                quoted(image.as_str())
            ),
            format!("use the official image, such as `{instead}`"),
        );
    }
    Ok(())
}

/// The session store's image (domain.md 6).
pub(super) fn sessions_image(image: &ImageReference) -> Verdict {
    bitnami(image, super::keys::DEFAULT_SESSIONS_IMAGE)?;
    let name = image.repository().rsplit('/').next().unwrap_or_default();
    if !["valkey", "redis"].iter().any(|store| name.contains(store)) {
        return unusable(
            format!("{} is neither a Valkey nor a Redis by its name", quoted(image.as_str())),
            format!("use one, such as `{}`", super::keys::DEFAULT_SESSIONS_IMAGE),
        );
    }
    Ok(())
}

/// The proxy's image: its tag must say a version without known ways around sign-in (domain.md 3.6), of the line whose
/// settings we know.
pub(super) fn proxy_image(image: &ImageReference) -> Verdict {
    const OLDEST: (u64, u64, u64) = (7, 15, 2);
    let instead = super::keys::DEFAULT_PROXY_IMAGE;
    bitnami(image, instead)?;
    let shown = quoted(image.as_str());
    let Some(version) = image.tag().and_then(version_of_tag) else {
        let wrong = match image.tag() {
            Some(tag) => format!("{shown} does not say its version, its tag is {}", quoted(tag)),
            None => format!("{shown} does not say its version, it has a digest and no tag"),
        };
        return unusable(wrong, format!("name the version, which decides the proxy's settings, such as `{instead}`"));
    };
    if version == (7, 14, 0) {
        return unusable(
            format!("{shown} is the release whose check of upstreams is broken, and has known ways around sign-in"),
            format!("use 7.15.2 or later, such as `{instead}`"),
        );
    }
    if version < OLDEST {
        return unusable(
            format!("{shown} has known ways around sign-in, which 7.15.2 closed"),
            format!("use 7.15.2 or later, such as `{instead}`"),
        );
    }
    if version.0 > OLDEST.0 {
        return unusable(
            format!("{shown} is of a line whose settings are not known here"),
            format!("use a 7.x, such as `{instead}`"),
        );
    }
    Ok(())
}

/// `(7, 15, 3)` for `v7.15.3`, `7.15.3` and `v7.15.3-alpine`.
fn version_of_tag(tag: &str) -> Option<(u64, u64, u64)> {
    let bare = tag.strip_prefix('v').unwrap_or(tag);
    let bare = bare.split('-').next().unwrap_or(bare);
    let mut numbers = bare.split('.').map(str::parse::<u64>);
    let version = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
    numbers.next().is_none().then_some(version)
}

/// Whether we make things of that name in the application's namespace.
fn is_ours(name: &str, app: &AppName) -> bool {
    ["oauth2-proxy", "sessions"].iter().any(|ending| name == format!("{app}-{ending}"))
}

/// A Redis that is there already must not be the store that goes when it is named.
pub(super) fn redis_is_not_ours(address: &RedisAddress, app: &AppName, namespace: &Namespace) -> Verdict {
    let service = address.service(namespace.as_str()).or_else(|| address.perhaps_service());
    if service.is_some_and(|(place, name)| place == namespace.as_str() && is_ours(name, app)) {
        return unusable(
            format!("{} is the session store that Gatewright makes itself", quoted(&address.to_string())),
            "name another one, or take `redis` out to have that one",
        );
    }
    Ok(())
}

/// The Secret with its password must not be one that we make, and take away.
pub(super) fn secret_is_not_ours(secret: &str, app: &AppName) -> Verdict {
    if is_ours(secret, app) {
        return unusable(
            format!("{} is what Gatewright names a Secret of its own", quoted(secret)),
            "keep the password in another Secret of the application's namespace",
        );
    }
    Ok(())
}

/// The Service to protect must not be one that we make.
pub(super) fn service_is_not_ours(service: &str, app: &AppName) -> Verdict {
    if is_ours(service, app) {
        return unusable(
            format!("{} is what Gatewright names a Service of its own", quoted(service)),
            "name the Service of the application, or choose another `application.name`",
        );
    }
    Ok(())
}
