//! Known vulnerabilities of what an installation runs, as data: one row each, and nothing else to change when one becomes known.
//!
//! Sources: domain.md 3.6 (oauth2-proxy) and 4.2 (Istio), which name the advisories themselves; read on [`READ`].

use jiff::{Timestamp, civil::Date};
use serde::Serialize;

/// The day on which the sources were read: what became known later is not in here.
pub const READ: Date = jiff::civil::date(2026, 11, 23);
/// From so many days on, that is said to be long ago. Both projects release more often.
const LONG_AGO_DAYS: i64 = 90;

/// How many whole days ago the sources were read.
pub fn days_since_read(now: Timestamp) -> i64 {
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    i64::from((today - READ).get_days()).max(0)
}

/// Whether so much time has passed since that a newer version of this program is likely to know more.
pub fn are_old(days: i64) -> bool {
    days >= LONG_AGO_DAYS
}

/// A version: major, minor, patch.
pub type Version = (u16, u16, u16);

/// What has versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Product {
    /// oauth2-proxy.
    SignInProxy,
    /// Istio.
    Istio,
}

impl Product {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::SignInProxy => "oauth2-proxy",
            Self::Istio => "Istio",
        }
    }
}

/// A vulnerability that is known.
#[derive(Debug)]
pub struct Advisory {
    /// Of what.
    pub product: Product,
    /// Its name, such as `CVE-2026-40575`.
    pub id: &'static str,
    /// What it does, as a clause.
    pub what: &'static str,
    /// The versions that have it: from, inclusive, until, exclusive. A version from which on nothing is fixed has no end.
    pub affected: &'static [(Version, Option<Version>)],
    /// Why an installation of ours is safe all the same, where it is.
    pub answered_by: Option<&'static str>,
}

impl Advisory {
    /// Whether `version` has it.
    pub fn affects(&self, version: Version) -> bool {
        self.affected.iter().any(|(from, until)| *from <= version && until.is_none_or(|until| version < until))
    }

    /// Where it is told of.
    pub fn source(&self) -> String {
        if self.id.starts_with("GHSA-") {
            format!("https://github.com/advisories/{}", self.id)
        } else {
            format!("https://nvd.nist.gov/vuln/detail/{}", self.id)
        }
    }

    /// The version that is free of it and nearest to `version`; `None` when there is none yet.
    pub fn fixed_in(&self, version: Version) -> Option<Version> {
        self.affected.iter().find(|(from, until)| *from <= version && until.is_none_or(|until| version < until))?.1
    }
}

const FIRST: Version = (0, 0, 0);

/// Every vulnerability that is known here.
pub static KNOWN: &[Advisory] = &[
    Advisory {
        product: Product::SignInProxy,
        id: "CVE-2025-54576",
        what: "a query can feign a path that is excepted from sign-in",
        affected: &[(FIRST, Some((7, 11, 0)))],
        answered_by: None,
    },
    Advisory {
        product: Product::SignInProxy,
        id: "CVE-2025-64484",
        what: "headers spelt with underscores get past it",
        affected: &[(FIRST, Some((7, 13, 0)))],
        answered_by: None,
    },
    Advisory {
        product: Product::SignInProxy,
        id: "CVE-2026-34457",
        what: "a client that calls itself a health check is let in",
        affected: &[(FIRST, Some((7, 15, 2)))],
        answered_by: None,
    },
    Advisory {
        product: Product::SignInProxy,
        id: "CVE-2026-40575",
        what: "a client's own `X-Forwarded-Uri` is believed",
        affected: &[((7, 5, 0), Some((7, 15, 2)))],
        answered_by: None,
    },
    Advisory {
        product: Product::SignInProxy,
        id: "GHSA-pxq7-h93f-9jrg",
        what: "a fragment in the address gets past it",
        affected: &[(FIRST, Some((7, 15, 2)))],
        answered_by: None,
    },
    Advisory {
        product: Product::SignInProxy,
        id: "GHSA-c5c4-8r6x-56w3",
        what: "an address with more than one @ passes as one of another domain",
        affected: &[(FIRST, Some((7, 15, 2)))],
        answered_by: None,
    },
    Advisory {
        product: Product::SignInProxy,
        id: "GHSA-f24x-5g9q-753f",
        what: "an old session's cookie outlives a new sign-in",
        affected: &[(FIRST, Some((7, 15, 2)))],
        answered_by: None,
    },
    Advisory {
        product: Product::SignInProxy,
        id: "CVE-2026-76835",
        what: "whoever reaches it is believed about where a request came from",
        affected: &[((7, 15, 2), None)],
        answered_by: Some("`trusted_proxy_ips` is set, and no path is excepted from sign-in"),
    },
    Advisory {
        product: Product::Istio,
        id: "CVE-2021-39155",
        what: "a policy for a host is passed by spelling it in other letters",
        affected: &[(FIRST, Some((1, 9, 8))), ((1, 10, 0), Some((1, 10, 4))), ((1, 11, 0), Some((1, 11, 1)))],
        answered_by: None,
    },
    Advisory {
        product: Product::Istio,
        id: "GHSA-rwfr-xrvw-2rvv",
        what: "policies about hosts are applied wrongly to older proxies",
        affected: &[((1, 12, 0), Some((1, 12, 2)))],
        answered_by: None,
    },
];

/// The vulnerabilities of `product` in `version` that nothing else answers.
pub fn of(product: Product, version: Version) -> impl Iterator<Item = &'static Advisory> {
    KNOWN.iter().filter(move |known| known.product == product && known.answered_by.is_none() && known.affects(version))
}

/// The version in a tag such as `v7.15.3`, `7.15.3-alpine`.
pub fn version_of_tag(tag: &str) -> Option<Version> {
    let digits = tag.strip_prefix('v').unwrap_or(tag).split('-').next()?;
    let mut numbers = digits.split('.').map(str::parse);
    let version = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
    numbers.next().is_none().then_some(version)
}

/// A version as it is written.
pub fn written((major, minor, patch): Version) -> String {
    format!("{major}.{minor}.{patch}")
}

#[cfg(test)]
mod tests {
    use super::{KNOWN, Product, of, version_of_tag};
    use crate::answers::file;

    fn ids(product: Product, version: super::Version) -> Vec<&'static str> {
        of(product, version).map(|advisory| advisory.id).collect()
    }

    #[test]
    fn given_a_version_then_what_is_known_of_it_is_told_and_what_the_configuration_answers_is_not() {
        assert_eq!(ids(Product::SignInProxy, (7, 15, 2)), Vec::<&str>::new());
        assert_eq!(ids(Product::SignInProxy, (7, 15, 1)).len(), 5);
        assert!(!ids(Product::SignInProxy, (7, 4, 9)).contains(&"CVE-2026-40575"), "it came with 7.5.0");
        assert!(ids(Product::SignInProxy, (7, 10, 0)).contains(&"CVE-2025-54576"));
        assert_eq!(ids(Product::Istio, (1, 9, 7)), ["CVE-2021-39155"]);
        assert_eq!(ids(Product::Istio, (1, 10, 4)), Vec::<&str>::new());
        assert_eq!(ids(Product::Istio, (1, 12, 1)), ["GHSA-rwfr-xrvw-2rvv"]);
        assert_eq!(ids(Product::Istio, (1, 28, 1)), Vec::<&str>::new());
    }

    #[test]
    fn given_the_image_that_is_used_unless_another_is_named_then_nothing_is_known_against_it() {
        let example = include_str!("../../../assets/answers/example.yaml");
        let image = file::parse(example, "the example").unwrap().proxy.image;
        assert_eq!(ids(Product::SignInProxy, version_of_tag(image.tag().unwrap()).unwrap()), Vec::<&str>::new());
    }

    #[test]
    fn given_months_since_they_were_read_then_they_are_old() {
        let days = |now: &str| super::days_since_read(now.parse().unwrap());
        assert_eq!((days("2026-11-23T23:00:00Z"), days("2026-11-26T01:00:00Z")), (0, 3));
        assert_eq!(days("2020-01-01T00:00:00Z"), 0, "a clock that is wrong");
        assert!(!super::are_old(days("2027-02-20T00:00:00Z")) && super::are_old(days("2027-02-21T00:00:00Z")));
        assert!(KNOWN.iter().all(|known| known.source().ends_with(known.id)));
    }

    #[test]
    fn given_every_advisory_then_its_ranges_are_in_order() {
        for advisory in KNOWN {
            for (from, until) in advisory.affected {
                assert!(until.is_none_or(|until| *from < until), "{}", advisory.id);
            }
        }
    }
}
