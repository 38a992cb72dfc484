//! The configuration of the sign-in proxy, oauth2-proxy (domain.md 3).

use super::{context::Context, session_store};
use crate::answers::{EmailClaim, names::Lifetime};
use std::fmt::Write as _;

/// The key of the proxy's ConfigMap.
pub(super) const CONFIG_KEY: &str = "oauth2-proxy.cfg";

/// Everything under it is the proxy's own: the routes send it there, and the application's pods refuse it.
pub(super) const PREFIX: &str = "/oauth2/";

/// Answered with 200 by the proxy itself, so a check for it would let anybody in; it has no other name to be given.
pub(super) const ROBOTS: &str = "/robots.txt";

/// The health paths, under [`PREFIX`]: by their usual names, `/ping` and `/ready`, a check for the application's own `/ping`
/// would be answered with 200 and let anybody in (domain.md 3.4).
pub(super) const PING: &str = "/oauth2/ping";
/// See [`PING`]; this one asks the session store too.
pub(super) const READY: &str = "/oauth2/ready";

/// The claim from which the proxy takes what it tells the application as groups.
pub(super) const GROUPS_CLAIM: &str = "roles";

/// The port the proxy listens on.
pub(super) const PORT: u16 = 4180;

/// A version of oauth2-proxy: major, minor, patch.
type ProxyVersion = (u16, u16, u16);

/// The oldest version that we use (domain.md 3.6); what an image is taken for whose tag is no version.
const OLDEST: ProxyVersion = (7, 15, 2);

/// A value of the configuration.
enum Toml {
    Text(String),
    Flag(bool),
    Number(u32),
    Texts(Vec<String>),
}

impl From<&str> for Toml {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Toml {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Toml {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl std::fmt::Display for Toml {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A JSON text is a TOML basic string: both escape the same characters the same way.
        let quoted = |text: &String| serde_json::Value::from(text.as_str()).to_string();
        match self {
            Self::Text(text) => formatter.write_str(&quoted(text)),
            Self::Flag(flag) => write!(formatter, "{flag}"),
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Texts(texts) => {
                write!(formatter, "[{}]", texts.iter().map(quoted).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// A key, the first version that knows it (an unknown key is a startup error, domain.md 3.2), and its value.
type Setting = (&'static str, ProxyVersion, Toml);

const ALWAYS: ProxyVersion = (6, 0, 0);

/// Where Entra sends a person back to, with a code.
pub(super) fn redirect_uri(context: &Context<'_>) -> String {
    format!("https://{}{PREFIX}callback", context.host())
}

/// The configuration file.
pub(super) fn render(context: &Context<'_>) -> String {
    let version = version_of_image(context);
    let settings = [
        ("How it listens. Everybody reaches it through a sidecar, so that is the one proxy it trusts.", listening()),
        ("Whom it asks, and for what.", provider(context)),
        ("Who gets in; the token lock in front of the application decides the rest.", access(context)),
        ("What Envoy gets as the answer to a check: 200 lets a request in, and nothing else does.", answer()),
        ("The cookie, and the session that it stands for.", session(context)),
        ("What it writes down.", logging()),
    ];
    let mut text = String::new();
    for (index, (comment, section)) in settings.into_iter().enumerate() {
        let gap = if index == 0 { "" } else { "\n" };
        let _infallible = writeln!(text, "{gap}# {comment}");
        for (key, _, value) in section.into_iter().filter(|(_, since, _)| *since <= version) {
            let _infallible = writeln!(text, "{key} = {value}");
        }
    }
    text
}

fn listening() -> Vec<Setting> {
    let trusted = ["127.0.0.6/32", "::6/128", "127.0.0.1/32"].map(str::to_owned).to_vec();
    vec![
        ("http_address", ALWAYS, format!("0.0.0.0:{PORT}").into()),
        ("reverse_proxy", ALWAYS, true.into()),
        ("trusted_proxy_ips", (7, 15, 2), Toml::Texts(trusted)),
        ("real_client_ip_header", (7, 8, 0), "X-Envoy-External-Address".into()),
        ("ping_path", ALWAYS, PING.into()),
        ("ready_path", (7, 5, 0), READY.into()),
    ]
}

fn provider(context: &Context<'_>) -> Vec<Setting> {
    vec![
        ("provider", ALWAYS, provider_name(context).into()),
        ("oidc_issuer_url", ALWAYS, context.issuer().into()),
        ("client_id", ALWAYS, context.client_id().into()),
        ("redirect_url", ALWAYS, redirect_uri(context).into()),
        ("scope", ALWAYS, "openid email profile offline_access".into()),
        ("code_challenge_method", (7, 4, 0), "S256".into()),
        ("insecure_oidc_skip_nonce", (7, 1, 3), false.into()),
        ("skip_provider_button", ALWAYS, true.into()),
    ]
}

/// `entra-id` knows the public cloud's issuer alone, by its very text (domain.md 2.4).
fn provider_name(context: &Context<'_>) -> &'static str {
    if context.facts.tenant.cloud.sign_in.as_str().trim_end_matches('/') == "https://login.microsoftonline.com" {
        "entra-id"
    } else {
        "oidc"
    }
}

fn access(context: &Context<'_>) -> Vec<Setting> {
    let access = &context.answers.access;
    let email_claim = match access.email_claim {
        EmailClaim::Email => "email",
        EmailClaim::PreferredUsername => "preferred_username",
    };
    // A token of client_credentials has no address, so a list of domains would keep every application out (domain.md 2.3).
    let domains = if access.machines || access.email_domains.is_empty() {
        vec!["*".to_owned()]
    } else {
        access.email_domains.iter().map(ToString::to_string).collect()
    };
    vec![
        ("oidc_email_claim", (7, 0, 0), email_claim.into()),
        ("oidc_groups_claim", (7, 0, 0), GROUPS_CLAIM.into()),
        // Every claim that a token lacks would be looked for at Microsoft Graph: `email_verified`, which Entra never sends, at
        // each sign-in, and `_claim_names` with each request of an application.
        ("skip_claims_from_profile_url", (7, 6, 0), true.into()),
        ("email_domains", ALWAYS, Toml::Texts(domains)),
        ("skip_jwt_bearer_tokens", ALWAYS, true.into()),
    ]
}

fn answer() -> Vec<Setting> {
    vec![
        // Envoy takes 200 and nothing else for yes; 202, which /oauth2/auth answers, is a refusal (domain.md 3.3).
        ("upstreams", ALWAYS, Toml::Texts(vec!["static://200".to_owned()])),
        ("set_xauthrequest", ALWAYS, true.into()),
        ("set_authorization_header", ALWAYS, true.into()),
    ]
}

fn session(context: &Context<'_>) -> Vec<Setting> {
    let proxy = &context.answers.proxy;
    let sign_in = &context.facts.tenant.cloud.sign_in;
    let sign_in_host = match (sign_in.host_str(), sign_in.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => String::new(),
    };
    let mut settings: Vec<Setting> = vec![
        ("cookie_name", ALWAYS, format!("__Host-oauth2_{}", context.app()).into()),
        ("cookie_secure", ALWAYS, true.into()),
        ("cookie_httponly", ALWAYS, true.into()),
        ("cookie_samesite", ALWAYS, "lax".into()),
        ("cookie_expire", ALWAYS, go_duration(proxy.session_lifetime).into()),
        ("cookie_refresh", ALWAYS, go_duration(proxy.session_refresh).into()),
        ("cookie_csrf_per_request", (7, 4, 0), true.into()),
        ("cookie_csrf_per_request_limit", (7, 11, 0), Toml::Number(10)),
        ("cookie_csrf_expire", (7, 4, 0), "15m".into()),
        // The sign-in host, so that signing out can go on to Entra's own sign-out page.
        ("whitelist_domains", ALWAYS, Toml::Texts(vec![context.host().to_owned(), sign_in_host])),
        ("session_store_type", ALWAYS, "redis".into()),
        ("redis_connection_url", ALWAYS, session_store::url(context).into()),
    ];
    if let Some(redis) = context.answers.sessions.existing() {
        settings.extend(redis.username.as_ref().map(|user| ("redis_username", (7, 6, 0), user.as_str().into())));
        let idle = Toml::Number(session_store::IDLE_SECONDS);
        settings.push(("redis_connection_idle_timeout", (7, 4, 0), idle));
    }
    settings
}

fn logging() -> Vec<Setting> {
    vec![
        ("silence_ping_logging", ALWAYS, true.into()),
        ("request_logging", ALWAYS, true.into()),
        ("auth_logging", ALWAYS, true.into()),
        ("standard_logging", ALWAYS, true.into()),
    ]
}

/// A length of time as Go reads it, which knows no days.
fn go_duration(lifetime: Lifetime) -> String {
    match lifetime.seconds() {
        seconds if seconds % 3_600 == 0 => format!("{}h", seconds / 3_600),
        seconds if seconds % 60 == 0 => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

fn version_of_image(context: &Context<'_>) -> ProxyVersion {
    context.answers.proxy.image.tag().and_then(version_of_tag).unwrap_or(OLDEST)
}

/// The version in a tag such as `v7.15.3` or `v7.15.3-alpine`.
fn version_of_tag(tag: &str) -> Option<ProxyVersion> {
    let digits = tag.strip_prefix('v').unwrap_or(tag).split('-').next()?;
    let mut numbers = digits.split('.').map(str::parse);
    match (numbers.next()?, numbers.next()?, numbers.next()?) {
        (Ok(major), Ok(minor), Ok(patch)) => Some((major, minor, patch)),
        _ => None,
    }
}
