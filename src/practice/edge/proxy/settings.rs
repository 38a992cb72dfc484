//! The settings of oauth2-proxy: read from its file, its environment and its arguments, and as strict about them (domain.md 3.2).

use crate::practice::edge::{container::Start, mesh::duration};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The keys of the configuration file, each after the first version that knows it.
const KNOWN_KEYS: &str = include_str!("known_keys.txt");

/// Keys whose flag is the singular.
const PLURALS: [(&str, &str); 9] = [
    ("email_domain", "email_domains"),
    ("upstream", "upstreams"),
    ("cookie_domain", "cookie_domains"),
    ("whitelist_domain", "whitelist_domains"),
    ("allowed_group", "allowed_groups"),
    ("skip_auth_route", "skip_auth_routes"),
    ("api_route", "api_routes"),
    ("trusted_proxy_ip", "trusted_proxy_ips"),
    ("oidc_extra_audience", "oidc_extra_audiences"),
];

/// The version that an image without a version in its tag is taken for.
const NEWEST: (u16, u16, u16) = (7, 15, 3);

/// What a process of oauth2-proxy was started with. Its `Debug` shows no secret.
#[derive(Clone, PartialEq)]
pub struct Settings(Map<String, Value>);

impl std::fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Settings for {}", self.text("client_id"))
    }
}

impl Settings {
    /// Reads them. The error is the last line of the log of a process that ends at once.
    pub fn read(start: &Start) -> Result<Self, String> {
        let version = start.version().unwrap_or(NEWEST);
        let flags = flags(start);
        let mut all = Map::new();
        let file = flags
            .iter()
            .rfind(|(key, _)| key == "config")
            .and_then(|(_, value)| value.as_str().map(str::to_owned))
            .or_else(|| start.environment.get("OAUTH2_PROXY_CONFIG").cloned());
        if let Some(file) = file {
            all.extend(configuration_file(start, &file, version)?);
        }
        for (name, value) in &start.environment {
            let Some(key) = name.strip_prefix("OAUTH2_PROXY_").map(str::to_ascii_lowercase) else { continue };
            if key != "config" && known(&key, version) {
                all.insert(key, Value::from(value.as_str()));
            }
        }
        for (key, value) in flags.into_iter().filter(|(key, _)| key != "config") {
            if !known(&key, version) && !matches!(key.as_str(), "alpha_config" | "config_test" | "version") {
                return Err(format!("ERROR: Failed to load config: unknown flag: --{}", key.replace('_', "-")));
            }
            match (all.get_mut(&key), &value) {
                (Some(Value::Array(list)), Value::String(_)) => list.push(value),
                _ => {
                    all.insert(key, value);
                }
            }
        }
        Ok(Self(all))
    }

    /// The text of a key, or its default.
    pub fn text(&self, key: &str) -> &str {
        match self.0.get(key) {
            Some(Value::String(text)) => text,
            Some(Value::Array(list)) => list.first().and_then(Value::as_str).unwrap_or_default(),
            _ => default_text(key),
        }
    }

    /// The texts of a key; one text may hold several, with commas.
    pub fn texts(&self, key: &str) -> Vec<&str> {
        match self.0.get(key) {
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(text)) => text.split(',').map(str::trim).filter(|text| !text.is_empty()).collect(),
            _ => Vec::new(),
        }
    }

    /// The truth of a key, or its default.
    pub fn flag(&self, key: &str) -> bool {
        match self.0.get(key) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => text == "true" || text == "1",
            _ => matches!(
                key,
                "cookie_secure" | "cookie_httponly" | "insecure_oidc_skip_nonce" | "bearer_token_login_fallback"
            ),
        }
    }

    /// The length of time of a key, or its default.
    pub fn time(&self, key: &str) -> Duration {
        let default = match key {
            "cookie_expire" => Duration::from_secs(168 * 3600),
            "cookie_csrf_expire" => Duration::from_secs(15 * 60),
            _ => Duration::ZERO,
        };
        match self.0.get(key) {
            Some(Value::String(text)) => go_duration(text).unwrap_or(default),
            // A bare number is nanoseconds to Go.
            Some(Value::Number(number)) => number.as_u64().map_or(default, Duration::from_nanos),
            _ => default,
        }
    }

    /// The port it listens on, and whether others than itself reach it.
    pub fn listens(&self) -> (u16, bool) {
        let address = self.text("http_address").trim_start_matches("http://");
        let (host, port) = address.rsplit_once(':').unwrap_or((address, "4180"));
        (port.parse().unwrap_or(4180), !matches!(host, "127.0.0.1" | "localhost" | "[::1]"))
    }

    /// The bytes of the cookie secret: what base64url decodes to where that has the right length, else the text itself.
    pub fn cookie_secret(&self) -> Vec<u8> {
        let text = self.text("cookie_secret");
        match URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')) {
            Ok(bytes) if matches!(bytes.len(), 16 | 24 | 32) => bytes,
            _ => text.as_bytes().to_vec(),
        }
    }

    /// What is wrong before anything outside is asked, in oauth2-proxy's words; empty if nothing is.
    pub fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        let secret = self.cookie_secret();
        if secret.is_empty() {
            mistakes.push("missing setting: cookie-secret or cookie-secret-file".to_owned());
        } else if !matches!(secret.len(), 16 | 24 | 32) {
            mistakes.push(format!(
                "cookie_secret must be 16, 24, or 32 bytes to create an AES cipher, but is {} bytes",
                secret.len()
            ));
        }
        let (refresh, expire) = (self.time("cookie_refresh"), self.time("cookie_expire"));
        if !refresh.is_zero() && refresh >= expire {
            mistakes.push(format!(
                "cookie_refresh (\"{}\") must be less than cookie_expire (\"{}\")",
                self.text("cookie_refresh"),
                self.text("cookie_expire")
            ));
        }
        if !matches!(self.text("cookie_samesite"), "" | "lax" | "strict" | "none") {
            mistakes.push(format!(
                "cookie_samesite (\"{}\") must be one of ['', 'lax', 'strict', 'none']",
                self.text("cookie_samesite")
            ));
        }
        if !matches!(self.text("session_store_type"), "cookie" | "redis") {
            mistakes.push(format!("unknown session store type '{}'", self.text("session_store_type")));
        }
        if self.text("client_id").is_empty() {
            mistakes.push("provider missing setting: client-id".to_owned());
        }
        if self.text("client_secret").is_empty() && !self.flag("entra_id_federated_token_auth") {
            mistakes.push("missing setting: client-secret or client-secret-file".to_owned());
        }
        if self.texts("email_domains").is_empty() && self.text("authenticated_emails_file").is_empty() {
            mistakes.push(
                "missing setting for email validation: email-domain or authenticated-emails-file required.\n      use \
                 email-domain=* to authorize all email addresses"
                    .to_owned(),
            );
        }
        if self.text("redirect_url").parse::<url::Url>().is_err() && !self.text("redirect_url").is_empty() {
            mistakes.push(format!("error parsing redirect-url=\"{}\"", self.text("redirect_url")));
        }
        mistakes
    }
}

fn default_text(key: &str) -> &'static str {
    match key {
        "http_address" => "127.0.0.1:4180",
        "proxy_prefix" => "/oauth2",
        "ping_path" => "/ping",
        "ready_path" => "/ready",
        "cookie_name" => "_oauth2_proxy",
        "cookie_path" => "/",
        "session_store_type" => "cookie",
        "provider" => "google",
        "oidc_email_claim" => "email",
        "oidc_groups_claim" => "groups",
        "scope" => "openid email profile",
        _ => "",
    }
}

fn known(key: &str, version: (u16, u16, u16)) -> bool {
    KNOWN_KEYS
        .lines()
        .filter(|line| !line.starts_with('#'))
        .any(|line| line.split_once(' ').is_some_and(|(since, name)| name == key && version_of(since) <= version))
}

fn version_of(text: &str) -> (u16, u16, u16) {
    let mut numbers = text.split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// Go's notation adds parts, such as `1h30m`.
fn go_duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let unit = rest.find(|character: char| character.is_ascii_alphabetic())?;
        let end =
            rest.get(unit..)?.find(|character: char| character.is_ascii_digit()).map_or(rest.len(), |at| unit + at);
        total += duration(rest.get(..end)?)?;
        rest = rest.get(end..)?;
    }
    Some(total)
}

fn configuration_file(start: &Start, file: &str, version: (u16, u16, u16)) -> Result<Map<String, Value>, String> {
    let failed = |why: String| format!("ERROR: Failed to load config: {why}");
    let content = start
        .files
        .get(file)
        .ok_or_else(|| failed(format!("unable to load config file: open {file}: no such file or directory")))?;
    let table: toml::Table =
        toml::from_str(content).map_err(|error| failed(format!("unable to load config file: {}", error.message())))?;
    let unknown: Vec<&str> = table.keys().map(String::as_str).filter(|key| !known(key, version)).collect();
    if !unknown.is_empty() {
        let keys = unknown.join(", ");
        return Err(failed(format!(
            "error unmarshalling config: decoding failed due to the following error(s):\n\n'' has invalid keys: {keys}"
        )));
    }
    Ok(table.into_iter().map(|(key, value)| (key, json!(value))).collect())
}

/// `--name=value`, `--name value`, or `--name` for true.
fn flags(start: &Start) -> Vec<(String, Value)> {
    let mut flags = Vec::new();
    let mut arguments = start.arguments.iter().peekable();
    while let Some(argument) = arguments.next() {
        let Some(flag) = argument.strip_prefix("--") else { continue };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Value::from(value)),
            None => match arguments.next_if(|next| !next.starts_with('-')) {
                Some(value) => (flag, Value::from(value.as_str())),
                None => (flag, Value::Bool(true)),
            },
        };
        let name = name.replace('-', "_");
        let key =
            PLURALS.iter().find(|(single, _)| *single == name).map_or(name.clone(), |(_, many)| (*many).to_owned());
        let list = PLURALS.iter().any(|(_, many)| *many == key);
        let first = list && !flags.iter().any(|(other, _)| *other == key);
        flags.push((key, if first { json!([value]) } else { value }));
    }
    flags
}

/// Settings for tests: a complete file, and what else is wanted.
#[cfg(test)]
pub(crate) fn example(more: &str, environment: &[(&str, &str)]) -> Start {
    let file = format!(
        "
http_address = \"0.0.0.0:4180\"
reverse_proxy = true
provider = \"oidc\"
oidc_issuer_url = \"https://issuer\"
client_id = \"client\"
redirect_url = \"https://myapp.cluster.example.com/oauth2/callback\"
email_domains = [\"example.com\"]
code_challenge_method = \"S256\"
insecure_oidc_skip_nonce = false
upstreams = [\"static://200\"]
skip_provider_button = true
skip_jwt_bearer_tokens = true
set_xauthrequest = true
set_authorization_header = true
cookie_name = \"__Host-oauth2_myapp\"
whitelist_domains = [\"myapp.cluster.example.com\"]
{more}
"
    );
    let mut start = Start {
        image: "quay.io/oauth2-proxy/oauth2-proxy:v7.15.3".to_owned(),
        arguments: vec!["--config=/etc/oauth2-proxy/oauth2-proxy.cfg".to_owned()],
        ..Start::default()
    };
    start.files.insert("/etc/oauth2-proxy/oauth2-proxy.cfg".to_owned(), file);
    for (key, value) in [
        ("OAUTH2_PROXY_CLIENT_SECRET", "secret"),
        ("OAUTH2_PROXY_COOKIE_SECRET", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"),
    ]
    .iter()
    .chain(environment)
    {
        start.environment.insert((*key).to_owned(), (*value).to_owned());
    }
    start
}

#[cfg(test)]
mod tests {
    use super::{Settings, example, go_duration};
    use std::time::Duration;

    #[test]
    fn given_file_environment_and_flags_then_the_flag_wins_over_the_environment_and_that_over_the_file() {
        let mut start = example("", &[("OAUTH2_PROXY_CLIENT_ID", "from-environment")]);
        assert_eq!(Settings::read(&start).unwrap().text("client_id"), "from-environment");
        start.arguments.push("--client-id=from-flag".to_owned());
        start.arguments.push("--email-domain=*".to_owned());
        let settings = Settings::read(&start).unwrap();
        assert_eq!(settings.text("client_id"), "from-flag");
        assert_eq!(settings.listens(), (4180, true));
        assert!(settings.mistakes().is_empty(), "{:?}", settings.mistakes());
    }

    #[test]
    fn given_an_unknown_key_or_one_the_version_does_not_know_then_it_does_not_start() {
        let unknown = Settings::read(&example("cookie_secrets = \"x\"", &[])).unwrap_err();
        assert!(unknown.ends_with("has invalid keys: cookie_secrets"), "{unknown}");
        let mut start = example("trusted_proxy_ips = [\"127.0.0.6/32\"]", &[]);
        assert!(Settings::read(&start).is_ok());
        start.image = "quay.io/oauth2-proxy/oauth2-proxy:v7.11.0-alpine".to_owned();
        assert!(Settings::read(&start).unwrap_err().ends_with("has invalid keys: trusted_proxy_ips"));
    }

    #[test]
    fn given_a_cookie_secret_in_standard_base64_then_its_length_is_refused_in_oauth2_proxys_words() {
        let start = example("", &[("OAUTH2_PROXY_COOKIE_SECRET", "+DEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")]);
        let mistakes = Settings::read(&start).unwrap().mistakes();
        assert_eq!(mistakes, ["cookie_secret must be 16, 24, or 32 bytes to create an AES cipher, but is 44 bytes"]);
    }

    #[test]
    fn given_missing_settings_then_each_is_named() {
        let start = example("cookie_refresh = \"200h\"", &[("OAUTH2_PROXY_CLIENT_SECRET", "")]);
        let mistakes = Settings::read(&start).unwrap().mistakes().join("\n");
        assert!(mistakes.contains("cookie_refresh") && mistakes.contains("client-secret"), "{mistakes}");
    }

    #[test]
    fn given_go_durations_then_parts_add_up() {
        assert_eq!(go_duration("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(go_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(go_duration("7d"), None);
    }
}
