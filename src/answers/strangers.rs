//! Keys and words that the answers file does not have: what was probably meant, and what is refused by name.

use super::{
    keys::{self, KEYS, NOT_BUILT, NotBuilt, SYNONYMS},
    names::Unusable,
    spelling::quoted,
};

/// Less alike than this and a suggestion would only confuse.
const ALIKE: f64 = 0.85;

/// What to say of an unknown key.
pub(super) struct Stranger {
    /// What is wrong with it and what would be right.
    pub(super) reason: Unusable,
    /// The key that was probably meant; it need not be reported as missing too.
    pub(super) meant: Option<&'static str>,
}

/// Judges the unknown `key` in `section`.
pub(super) fn judge(section: &str, key: &str) -> Stranger {
    let path = keys::join(section, key);
    if let Some(asked) = not_built(&path) {
        let right = format!("take it out: {}", asked.instead);
        return Stranger { reason: Unusable { wrong: format!("{} is not built yet", asked.what), right }, meant: None };
    }
    if names_secret(key) && section.starts_with("sessions.redis") {
        return Stranger { reason: secret_key_of_redis(), meant: None };
    }
    if names_secret(key) {
        return Stranger { reason: secret_key(), meant: None };
    }
    if ["apiVersion", "kind", "metadata", "spec"].contains(&path.as_str()) {
        let reason = Unusable {
            wrong: "belongs to a Kubernetes object, and this file holds answers".to_owned(),
            right: "see the documented example; the objects follow from the answers".to_owned(),
        };
        return Stranger { reason, meant: None };
    }
    if let Some(meant) = meant(section, key) {
        return Stranger { reason: did_you_mean(section, meant), meant: Some(meant) };
    }
    let known: Vec<String> = keys::under(section).map(|key| format!("`{}`", keys::last_part(key.path))).collect();
    let right = format!("take it out; the keys here are {}", known.join(", "));
    Stranger { reason: Unusable { wrong: "is not a key of this file".to_owned(), right }, meant: None }
}

/// A key as a message shows it: harmless to a terminal, and cut when long.
pub(super) fn shown(key: &str) -> String {
    quoted(key).trim_matches('`').to_owned()
}

/// What `text` stands for among `words`, or what would be right.
pub(super) fn choose<T: Copy>(path: &str, words: &[(&'static str, T)], text: &str) -> Result<T, Unusable> {
    if let Some((_, chosen)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*chosen);
    }
    if let Some(asked) = not_built(&format!("{path}: {text}")) {
        return Err(Unusable { wrong: format!("{} is not built yet", asked.what), right: asked.instead.to_owned() });
    }
    let alike = |word: &str| strsim::jaro_winkler(&folded(word), &folded(text)) > ALIKE;
    let right = match words.iter().find(|(word, _)| alike(word)) {
        Some((word, _)) => format!("write `{word}`"),
        None => format!("write {}", words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(" or ")),
    };
    Err(Unusable { wrong: format!("{} is not a choice here", quoted(text)), right })
}

fn not_built(key: &str) -> Option<&'static NotBuilt> {
    NOT_BUILT.iter().find(|asked| folded(asked.key) == folded(key))
}

/// `emailDomains`, `email_domains` and `Email-Domains` alike.
fn folded(text: &str) -> String {
    text.chars().filter(|c| !"-_".contains(*c)).map(|c| c.to_ascii_lowercase()).collect()
}

fn meant(section: &str, key: &str) -> Option<&'static str> {
    let folded_key = folded(key);
    let is_called_so = |path: &&'static str| folded(keys::last_part(path)) == folded_key;
    let here = || keys::under(section).map(|key| key.path);
    let everywhere = || KEYS.iter().map(|key| key.path);
    here()
        .find(is_called_so)
        .or_else(|| synonym(section, &folded_key))
        .or_else(|| nearest(here(), &folded_key))
        .or_else(|| everywhere().find(is_called_so))
        .or_else(|| nearest(everywhere(), &folded_key))
}

/// A synonym of a key in this section, else of any.
fn synonym(section: &str, folded_key: &str) -> Option<&'static str> {
    let matching = || SYNONYMS.iter().filter(|(word, _)| *word == folded_key).map(|(_, path)| *path);
    matching().find(|path| keys::parent(path) == section).or_else(|| matching().next())
}

fn nearest(paths: impl Iterator<Item = &'static str>, folded_key: &str) -> Option<&'static str> {
    paths
        .map(|path| (strsim::jaro_winkler(&folded(keys::last_part(path)), folded_key), path))
        .filter(|(alike, _)| *alike > ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, path)| path)
}

fn did_you_mean(section: &str, meant: &'static str) -> Unusable {
    let name = keys::last_part(meant);
    let right = match keys::parent(meant) {
        home if home == section => format!("did you mean `{name}`?"),
        "" => format!("did you mean `{name}`? it belongs at the top of the file"),
        home => format!("did you mean `{name}`? it belongs under `{home}`"),
    };
    Unusable { wrong: "is not a key of this file".to_owned(), right }
}

/// Whether a key asks for a secret.
fn names_secret(key: &str) -> bool {
    const ENDINGS: &[&str] = &[
        "secret",
        "secrets",
        "secretvalue",
        "secrettext",
        "password",
        "passwd",
        "pwd",
        "passphrase",
        "token",
        "privatekey",
        "apikey",
        "accesskey",
        "connectionstring",
    ];
    let key = folded(key);
    ENDINGS.iter().any(|ending| key.ends_with(ending))
}

fn secret_key() -> Unusable {
    Unusable {
        wrong: "asks for a secret, and secrets never go into this file".to_owned(),
        right:
            "take it out: Gatewright makes the secrets itself and keeps them in the cluster alone; if a real one stood \
                here, replace it"
                .to_owned(),
    }
}

fn secret_key_of_redis() -> Unusable {
    Unusable {
        right: "take it out, and name the Secret that holds it: `passwordFrom: {secret: redis-auth, key: password}`; if a real one \
                stood here, replace it"
            .to_owned(),
        ..secret_key()
    }
}

/// Whether a value has the form of an Entra client secret (`xxx8Q~` and 34 more) or of a signed token.
pub(super) fn looks_secret(text: &str) -> bool {
    let is_client_secret =
        text.get(3..6).is_some_and(|mark| mark.starts_with(|c: char| c.is_ascii_digit()) && mark.ends_with("Q~"))
            && (36..=46).contains(&text.len());
    let is_token = text.starts_with("eyJ") && text.len() > 60;
    is_client_secret || is_token
}

/// What to say of such a value, without the value.
pub(super) fn secret_value() -> Unusable {
    Unusable {
        wrong: "looks like a client secret or a token, and secrets never go into this file".to_owned(),
        right: "take it out, and replace that secret: whoever read the file knows it".to_owned(),
    }
}
