//! The values of our Secrets: kept where they are in the cluster already, made where they are not.

use crate::{
    blueprint::{COOKIE_SECRET_KEY, Manifest, SecretValue},
    secret::{Fingerprint, NoRandomness, Secret},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// On the Secret that holds it: which credential of the registration the client secret is (its key id, no secret).
pub(super) const KEY_ID_ANNOTATION: &str = "gatewright.dev/client-secret-key-id";
/// On the Secret that holds it: when the client secret expires, RFC 3339.
pub(super) const EXPIRES_ANNOTATION: &str = "gatewright.dev/client-secret-expires";

/// While a rotation goes on, the same two of the client secret that was in use before it.
pub(super) const PREVIOUS_KEY_ID_ANNOTATION: &str = "gatewright.dev/previous-client-secret-key-id";
/// See [`PREVIOUS_KEY_ID_ANNOTATION`].
const PREVIOUS_EXPIRES_ANNOTATION: &str = "gatewright.dev/previous-client-secret-expires";
/// While a rotation goes on, a value that was in use before it stands beside the new one, under the same key with this behind it.
/// No pod reads it.
const PREVIOUS: &str = "-previous";
/// While a rotation goes on, a value that is not in use yet stands beside the one that is, under the same key with this behind it. The
/// program that checks it reads it when it starts, so that it is good before anybody uses it.
const NEXT: &str = "-next";
/// On a Secret whose program was told of another value while it ran: the fingerprint of the values in use, and after a space that of
/// those which it was started with. It counts as long as the first one is true.
const STARTED_WITH_ANNOTATION: &str = "gatewright.dev/started-with";

/// A client secret that Entra has just made.
#[derive(Clone, Debug)]
pub(super) struct NewClientSecret {
    /// The value.
    pub value: Secret,
    /// Its key id.
    pub key_id: String,
    /// When it expires.
    pub expires: jiff::Timestamp,
}

/// Why a Secret can't be filled.
#[derive(Debug, thiserror::Error)]
pub(super) enum FillError {
    /// See [`NoRandomness`].
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The client secret has not been made yet.
    #[error("Secret {name} needs the client secret, and there is none yet")]
    NoClientSecret {
        /// The Secret.
        name: String,
    },
    /// It copies a value that isn't there.
    #[error("Secret {name} copies key {key} of Secret {from}, which has no such key")]
    NothingToCopy {
        /// The Secret.
        name: String,
        /// The key.
        key: String,
        /// The Secret it copies from.
        from: String,
    },
}

#[derive(Clone, Debug, Default)]
struct Stored {
    values: BTreeMap<String, Secret>,
    annotations: BTreeMap<String, String>,
    /// What was in use before a rotation that goes on, by the key of what is in use now.
    previous: BTreeMap<String, Secret>,
    /// What is not in use yet, by the key of what is.
    next: BTreeMap<String, Secret>,
}

/// The values of our Secrets, by name. All of an installation's Secrets are in the application's namespace.
#[derive(Clone, Debug, Default)]
pub(super) struct Vault {
    stored: BTreeMap<String, Stored>,
    /// The one value that pods of ours read from a Secret of somebody else's, by the Secret's name. It is never written.
    foreign: BTreeMap<String, Secret>,
}

const ANNOTATIONS_IN_USE: [&str; 2] = [KEY_ID_ANNOTATION, EXPIRES_ANNOTATION];
const ANNOTATIONS_OF_PREVIOUS: [&str; 2] = [PREVIOUS_KEY_ID_ANNOTATION, PREVIOUS_EXPIRES_ANNOTATION];

impl Stored {
    /// Of the values in use alone: no pod follows those of before.
    fn fingerprint(&self) -> Fingerprint {
        let mut text = zeroize::Zeroizing::new(String::new());
        for (key, value) in &self.values {
            text.push_str(key);
            text.push('\0');
            text.push_str(value.expose());
            text.push('\0');
        }
        Fingerprint::of(text.as_bytes())
    }

    /// The fingerprint of the values that the program which checks them was started with, where it was told of others since.
    fn started_with(&self) -> Option<Fingerprint> {
        let (now, at_start) = self.annotations.get(STARTED_WITH_ANNOTATION)?.split_once(' ')?;
        (now == self.fingerprint().to_string()).then(|| Fingerprint::read(at_start)).flatten()
    }

    /// Changes values in use of which the program that checks them is told while it runs.
    fn change_at_run_time(&mut self, change: impl FnOnce(&mut Self)) {
        let at_start = self.started_with().unwrap_or_else(|| self.fingerprint());
        change(self);
        let now = self.fingerprint();
        if now == at_start {
            self.annotations.remove(STARTED_WITH_ANNOTATION);
        } else {
            self.annotations.insert(STARTED_WITH_ANNOTATION.to_owned(), format!("{now} {at_start}"));
        }
    }

    fn rename_annotations(&mut self, from: [&str; 2], to: [&str; 2]) {
        for (from, to) in from.into_iter().zip(to) {
            match self.annotations.remove(from) {
                Some(value) => self.annotations.insert(to.to_owned(), value),
                None => self.annotations.remove(to),
            };
        }
    }
}

impl Vault {
    /// Takes in a Secret as the cluster has it.
    pub(super) fn remember(&mut self, live: &Value) {
        let Some(name) = live.pointer("/metadata/name").and_then(Value::as_str) else { return };
        let values = live.get("data").and_then(Value::as_object).into_iter().flatten().filter_map(|(key, value)| {
            let bytes = STANDARD.decode(value.as_str()?).ok()?;
            Some((key.clone(), Secret::new(String::from_utf8(bytes).ok()?)))
        });
        let annotations = live.pointer("/metadata/annotations").and_then(Value::as_object).into_iter().flatten();
        let ours = |key: &str| {
            key == STARTED_WITH_ANNOTATION
                || ANNOTATIONS_IN_USE.contains(&key)
                || ANNOTATIONS_OF_PREVIOUS.contains(&key)
        };
        let annotations = annotations
            .filter(|(key, _)| ours(key))
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect();
        let mut stored = Stored { annotations, ..Stored::default() };
        for (key, value) in values {
            match (key.strip_suffix(PREVIOUS), key.strip_suffix(NEXT)) {
                (Some(of), _) => stored.previous.insert(of.to_owned(), value),
                (None, Some(of)) => stored.next.insert(of.to_owned(), value),
                (None, None) => stored.values.insert(key, value),
            };
        }
        self.stored.insert(name.to_owned(), stored);
    }

    /// Takes in the value of one key of a Secret that is somebody else's, to notice when it changes.
    pub(super) fn remember_foreign(&mut self, live: &Value, key: &str) {
        let Some(name) = live.pointer("/metadata/name").and_then(Value::as_str) else { return };
        let value = live.get("data").and_then(|data| STANDARD.decode(data.get(key)?.as_str()?).ok());
        if let Some(value) = value.and_then(|bytes| String::from_utf8(bytes).ok()) {
            self.foreign.insert(name.to_owned(), Secret::new(value));
        }
    }

    /// The key id and the value of the client secret that Secret `name` holds under `key`.
    pub(super) fn client_secret(&self, name: &str, key: &str) -> Option<(&str, &Secret)> {
        let stored = self.stored.get(name)?;
        Some((stored.annotations.get(KEY_ID_ANNOTATION)?, stored.values.get(key)?))
    }

    /// When the client secret that Secret `name` holds expires.
    pub(super) fn client_secret_expires(&self, name: &str) -> Option<jiff::Timestamp> {
        self.stored.get(name)?.annotations.get(EXPIRES_ANNOTATION)?.parse().ok()
    }

    /// The key id of the client secret that Secret `name` holds, whether it is any good or not.
    pub(super) fn key_id(&self, name: &str) -> Option<&str> {
        self.stored.get(name)?.annotations.get(KEY_ID_ANNOTATION).map(String::as_str)
    }

    /// The key id of the client secret that was in use before a rotation that goes on.
    pub(super) fn previous_key_id(&self, name: &str) -> Option<&str> {
        self.stored.get(name)?.annotations.get(PREVIOUS_KEY_ID_ANNOTATION).map(String::as_str)
    }

    /// Whether what was in use before a rotation still stands beside the value under `key`.
    pub(super) fn has_previous(&self, name: &str, key: &str) -> bool {
        self.stored.get(name).is_some_and(|stored| stored.previous.contains_key(key))
    }

    /// Puts a new client secret into use, with the one that was in use beside it.
    pub(super) fn rotate_client_secret(&mut self, name: &str, key: &str, new: &NewClientSecret) {
        let stored = self.stored.entry(name.to_owned()).or_default();
        if let Some(old) = stored.values.get(key) {
            stored.previous.insert(key.to_owned(), old.clone());
            stored.rename_annotations(ANNOTATIONS_IN_USE, ANNOTATIONS_OF_PREVIOUS);
        }
        self.replace_client_secret(name, key, new);
    }

    /// Puts another value into use under `key`, with the one that was in use beside it.
    pub(super) fn rotate(&mut self, name: &str, key: &str, new: Secret) {
        let stored = self.stored.entry(name.to_owned()).or_default();
        if let Some(old) = stored.values.insert(key.to_owned(), new) {
            stored.previous.insert(key.to_owned(), old);
        }
    }

    /// Whether a value that is not in use yet stands beside the one under `key`.
    pub(super) fn has_next(&self, name: &str, key: &str) -> bool {
        self.stored.get(name).is_some_and(|stored| stored.next.contains_key(key))
    }

    /// Puts a value beside the one under `key` that is not in use yet.
    pub(super) fn propose(&mut self, name: &str, key: &str, next: Secret) {
        self.stored.entry(name.to_owned()).or_default().next.insert(key.to_owned(), next);
    }

    /// Puts the value that was proposed into use, with the one that was in use beside it. Whether there was one.
    pub(super) fn adopt_next(&mut self, name: &str, key: &str) -> bool {
        let Some(stored) = self.stored.get_mut(name) else { return false };
        let Some(next) = stored.next.remove(key) else { return false };
        stored.change_at_run_time(|stored| {
            if let Some(old) = stored.values.insert(key.to_owned(), next) {
                stored.previous.insert(key.to_owned(), old);
            }
        });
        true
    }

    /// Puts what was in use before into use again, with what took its place beside it, not in use any more. Whether there was anything.
    pub(super) fn propose_again(&mut self, name: &str, key: &str) -> bool {
        let Some(stored) = self.stored.get_mut(name) else { return false };
        let Some(old) = stored.previous.remove(key) else { return false };
        stored.change_at_run_time(|stored| {
            if let Some(new) = stored.values.insert(key.to_owned(), old) {
                stored.next.insert(key.to_owned(), new);
            }
        });
        true
    }

    /// Forgets the value that was proposed.
    pub(super) fn forget_next(&mut self, name: &str, key: &str) {
        if let Some(stored) = self.stored.get_mut(name) {
            stored.next.remove(key);
        }
    }

    /// The value in use under `key`, and after it those beside it that are not: the one that comes next, the one before.
    pub(super) fn every_value(&self, name: &str, key: &str) -> Vec<Secret> {
        let Some(stored) = self.stored.get(name) else { return Vec::new() };
        [&stored.values, &stored.next, &stored.previous]
            .into_iter()
            .filter_map(|values| values.get(key))
            .cloned()
            .collect()
    }

    /// For each Secret whose program was told of another value while it ran, the fingerprint of those it was started with.
    pub(super) fn started_with(&self) -> BTreeMap<String, Fingerprint> {
        self.stored.iter().filter_map(|(name, stored)| Some((name.clone(), stored.started_with()?))).collect()
    }

    /// Puts what was in use before a rotation into use again; what took its place is forgotten. Whether there was anything.
    pub(super) fn put_back(&mut self, name: &str, key: &str) -> bool {
        let Some(stored) = self.stored.get_mut(name) else { return false };
        let Some(old) = stored.previous.remove(key) else { return false };
        stored.values.insert(key.to_owned(), old);
        if stored.annotations.contains_key(PREVIOUS_KEY_ID_ANNOTATION) {
            stored.rename_annotations(ANNOTATIONS_OF_PREVIOUS, ANNOTATIONS_IN_USE);
        }
        true
    }

    /// Forgets what was in use before a rotation.
    pub(super) fn forget_previous(&mut self, name: &str, key: &str) {
        if let Some(stored) = self.stored.get_mut(name) {
            stored.previous.remove(key);
            for annotation in ANNOTATIONS_OF_PREVIOUS {
                stored.annotations.remove(annotation);
            }
        }
    }

    /// Forgets the client secret `at` a Secret's name and the key in it.
    pub(super) fn forget(&mut self, at: &(String, String)) {
        if let Some(stored) = self.stored.get_mut(&at.0) {
            stored.values.remove(&at.1);
        }
    }

    /// Gives every key of `manifest` that has no value yet one that stands in for it, and tells which.
    pub(super) fn stand_in_for_what_is_missing(&mut self, manifest: &Manifest) -> Vec<String> {
        let name = manifest_name(manifest);
        let missing: Vec<String> = manifest.secrets.keys().filter(|key| !self.holds(name, key)).cloned().collect();
        for key in &missing {
            let stored = self.stored.entry(name.to_owned()).or_default();
            stored.values.insert(key.clone(), Secret::new("stands in for a value that is still to be made"));
        }
        missing
    }

    /// Puts a new client secret in the place of the one that Secret `name` holds under `key`.
    pub(super) fn replace_client_secret(&mut self, name: &str, key: &str, new: &NewClientSecret) {
        let stored = self.stored.entry(name.to_owned()).or_default();
        stored.values.insert(key.to_owned(), new.value.clone());
        stored.annotations.insert(KEY_ID_ANNOTATION.to_owned(), new.key_id.clone());
        stored.annotations.insert(EXPIRES_ANNOTATION.to_owned(), new.expires.to_string());
    }

    /// Whether every key of `manifest` has a value already, and what it copies has one too.
    pub(super) fn is_complete(&self, manifest: &Manifest) -> bool {
        let name = manifest_name(manifest);
        manifest.secrets.iter().all(|(key, source)| match source {
            SecretValue::SameAs { secret, key: from } => self.holds(name, key) && self.holds(secret, from),
            SecretValue::Random { .. } | SecretValue::ClientSecret => self.holds(name, key),
        })
    }

    /// Whether there is a value under `key` of Secret `name`.
    pub(super) fn holds(&self, name: &str, key: &str) -> bool {
        self.stored.get(name).is_some_and(|stored| stored.values.contains_key(key))
    }

    /// `manifest` with its values: those that are there are kept, random ones are made, copies follow what they copy.
    pub(super) fn fill(&mut self, manifest: &Manifest) -> Result<Value, FillError> {
        let name = manifest_name(manifest).to_owned();
        for (key, source) in &manifest.secrets {
            let present = self.stored.get(&name).and_then(|stored| stored.values.get(key));
            let value = match (source, present) {
                (SecretValue::SameAs { secret, key: from }, _) => {
                    self.stored.get(secret).and_then(|stored| stored.values.get(from)).cloned().ok_or_else(|| {
                        FillError::NothingToCopy { name: name.clone(), key: from.clone(), from: secret.clone() }
                    })?
                }
                (_, Some(present)) => present.clone(),
                (SecretValue::Random { bytes }, None) => Secret::random(*bytes)?,
                (SecretValue::ClientSecret, None) => return Err(FillError::NoClientSecret { name }),
            };
            self.stored.entry(name.clone()).or_default().values.insert(key.clone(), value);
        }
        Ok(self.written(manifest, &name))
    }

    fn written(&self, manifest: &Manifest, name: &str) -> Value {
        let mut object = manifest.object.clone();
        if manifest.secrets.is_empty() {
            return object;
        }
        let Some(stored) = self.stored.get(name) else { return object };
        let encoded = |value: &Secret| Value::from(STANDARD.encode(value.expose()));
        let keys = || manifest.secrets.keys();
        let in_use = keys().filter_map(|key| Some((key.clone(), encoded(stored.values.get(key)?))));
        let before = keys().filter_map(|key| Some((format!("{key}{PREVIOUS}"), encoded(stored.previous.get(key)?))));
        let next = keys().filter_map(|key| Some((format!("{key}{NEXT}"), encoded(stored.next.get(key)?))));
        let data: Map<String, Value> = in_use.chain(before).chain(next).collect();
        if let Some(fields) = object.as_object_mut() {
            fields.insert("data".to_owned(), data.into());
            let metadata = fields.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
            if let (false, Some(metadata)) = (stored.annotations.is_empty(), metadata.as_object_mut()) {
                let annotations = metadata.entry("annotations").or_insert_with(|| Value::Object(Map::new()));
                if let Some(annotations) = annotations.as_object_mut() {
                    annotations
                        .extend(stored.annotations.iter().map(|(key, value)| (key.clone(), value.clone().into())));
                }
            }
        }
        object
    }

    /// For each of `manifests` that lacks nothing, its fingerprint: what is still to be made has none that lasts.
    pub(super) fn lasting_fingerprints<'a>(
        &self,
        manifests: impl Iterator<Item = &'a Manifest>,
    ) -> BTreeMap<String, Fingerprint> {
        let mut fingerprints = self.fingerprints();
        for manifest in manifests.filter(|manifest| !manifest.secrets.is_empty() && !self.is_complete(manifest)) {
            fingerprints.remove(manifest_name(manifest));
        }
        fingerprints
    }

    /// For each Secret, a fingerprint over all its values; for one of somebody else's, over the one that pods of ours read.
    pub(super) fn fingerprints(&self) -> BTreeMap<String, Fingerprint> {
        let mut fingerprints = self.fingerprints_of_ours();
        // A person may have chosen that value, and a bare hash would help to guess it: the cookie secret goes before it. Where
        // there is none yet, nothing can be said.
        let salt = self.stored.values().find_map(|stored| stored.values.get(COOKIE_SECRET_KEY));
        if let Some(salt) = salt {
            fingerprints.extend(self.foreign.iter().map(|(name, value)| {
                let text = zeroize::Zeroizing::new(format!("{}\0{}", salt.expose(), value.expose()));
                (name.clone(), Fingerprint::of(text.as_bytes()))
            }));
        }
        fingerprints
    }

    fn fingerprints_of_ours(&self) -> BTreeMap<String, Fingerprint> {
        self.stored.iter().map(|(name, stored)| (name.clone(), stored.fingerprint())).collect()
    }

    /// Whether Secret `name`, which is ours, has the same values in `other`: those in use, and those beside them.
    pub(super) fn has_same_values(&self, other: &Self, name: &str) -> bool {
        let state = |vault: &Self| {
            let stored = vault.stored.get(name)?;
            let beside = [&stored.previous, &stored.next]
                .map(|values| values.iter().map(|(key, value)| (key.clone(), value.sha256())).collect::<Vec<_>>());
            Some((stored.fingerprint(), stored.annotations.get(KEY_ID_ANNOTATION).cloned(), beside))
        };
        state(self) == state(other)
    }
}

fn manifest_name(manifest: &Manifest) -> &str {
    manifest.object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{NewClientSecret, Vault};
    use crate::{
        blueprint::{Manifest, SecretValue},
        secret::Secret,
    };
    use serde_json::json;

    fn manifest(name: &str, key: &str, value: SecretValue) -> Manifest {
        Manifest {
            object: json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}),
            secrets: [(key.to_owned(), value)].into(),
        }
    }

    #[test]
    fn given_a_value_is_in_the_cluster_when_the_secret_is_filled_then_it_is_kept() {
        let mut vault = Vault::default();
        vault.remember(&json!({"metadata": {"name": "store"}, "data": {"password": "a2VwdA=="}}));
        let filled = vault.fill(&manifest("store", "password", SecretValue::Random { bytes: 32 })).unwrap();
        assert_eq!(filled["data"]["password"], "a2VwdA==");
    }

    #[test]
    fn given_a_copy_when_its_original_is_made_anew_then_it_follows() {
        let mut vault = Vault::default();
        vault.remember(&json!({"metadata": {"name": "proxy"}, "data": {"redis": "b2xk"}}));
        let original = vault.fill(&manifest("store", "password", SecretValue::Random { bytes: 32 })).unwrap();
        let copy = SecretValue::SameAs { secret: "store".into(), key: "password".into() };
        let copied = vault.fill(&manifest("proxy", "redis", copy)).unwrap();
        assert_eq!(copied["data"]["redis"], original["data"]["password"]);
    }

    #[test]
    fn given_a_client_secret_when_it_is_written_then_its_key_id_stands_beside_it() {
        let mut vault = Vault::default();
        let manifest = manifest("proxy", "client-secret", SecretValue::ClientSecret);
        assert!(vault.fill(&manifest).is_err(), "without a client secret there is nothing to write");
        let new = NewClientSecret { value: Secret::new("s"), key_id: "1".into(), expires: jiff::Timestamp::UNIX_EPOCH };
        vault.replace_client_secret("proxy", "client-secret", &new);
        let filled = vault.fill(&manifest).unwrap();
        assert_eq!(filled["metadata"]["annotations"]["gatewright.dev/client-secret-key-id"], "1");
    }

    #[test]
    fn given_a_rotation_that_goes_on_then_both_values_are_written_pods_follow_the_new_one_and_it_can_be_put_back() {
        let manifest = manifest("proxy", "client-secret", SecretValue::ClientSecret);
        let new = |value: &str, key_id: &str| NewClientSecret {
            value: Secret::new(value),
            key_id: key_id.to_owned(),
            expires: jiff::Timestamp::UNIX_EPOCH,
        };
        let mut vault = Vault::default();
        vault.replace_client_secret("proxy", "client-secret", &new("old", "1"));
        let before = (vault.fill(&manifest).unwrap(), vault.fingerprints());
        vault.rotate_client_secret("proxy", "client-secret", &new("new", "2"));
        let written = vault.fill(&manifest).unwrap();
        assert_eq!(written["data"], json!({"client-secret": "bmV3", "client-secret-previous": "b2xk"}));
        // What is read back from the cluster is the same.
        let mut read = Vault::default();
        read.remember(&written);
        assert_eq!((read.key_id("proxy"), read.previous_key_id("proxy")), (Some("2"), Some("1")));
        assert_eq!(read.fingerprints(), vault.fingerprints());
        assert_ne!(read.fingerprints(), before.1);
        let mut ended = read.clone();
        ended.forget_previous("proxy", "client-secret");
        assert_eq!(
            ended.fingerprints(),
            read.fingerprints(),
            "no pod has to be replaced when the old one is forgotten"
        );
        assert_eq!(ended.fill(&manifest).unwrap()["data"], json!({"client-secret": "bmV3"}));
        assert!(read.put_back("proxy", "client-secret") && !read.put_back("proxy", "client-secret"));
        assert_eq!((read.fill(&manifest).unwrap(), read.fingerprints()), before);
    }

    #[test]
    fn given_a_value_that_a_running_program_is_told_of_then_what_it_was_started_with_is_known_until_somebody_changes_it()
     {
        let manifest = manifest("store", "password", SecretValue::Random { bytes: 32 });
        let mut vault = Vault::default();
        vault.remember(&json!({"metadata": {"name": "store"}, "data": {"password": "b2xk"}}));
        let before = (vault.fill(&manifest).unwrap(), vault.fingerprints());
        vault.propose("store", "password", Secret::new("new"));
        assert_eq!(vault.fingerprints(), before.1, "nobody uses it yet");
        assert_eq!(vault.fill(&manifest).unwrap()["data"], json!({"password": "b2xk", "password-next": "bmV3"}));
        assert!(vault.adopt_next("store", "password") && !vault.adopt_next("store", "password"));
        let written = vault.fill(&manifest).unwrap();
        assert_eq!(written["data"], json!({"password": "bmV3", "password-previous": "b2xk"}));
        let mut read = Vault::default();
        read.remember(&written);
        assert_ne!(read.fingerprints(), before.1);
        assert_eq!(read.started_with(), before.1, "the program has not been started again");
        let mut ended = read.clone();
        ended.forget_previous("store", "password");
        let mut written = ended.fill(&manifest).unwrap();
        assert_eq!(written["data"], json!({"password": "bmV3"}));
        written["data"]["password"] = "b3RoZXI=".into();
        ended.remember(&written);
        assert!(ended.started_with().is_empty(), "somebody has changed it since, and nobody has told the program");
        assert!(read.propose_again("store", "password") && !read.propose_again("store", "password"));
        assert_eq!(read.every_value("store", "password").len(), 2);
        read.forget_next("store", "password");
        assert_eq!((read.fill(&manifest).unwrap(), read.fingerprints()), before, "as if nothing had been");
    }

    #[test]
    fn given_an_object_that_is_no_secret_but_has_a_secrets_name_then_it_gets_no_values() {
        let mut vault = Vault::default();
        vault.remember(&json!({"metadata": {"name": "store"}, "data": {"password": "a2VwdA=="}}));
        let object = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "store"}});
        let account = Manifest { object: object.clone(), secrets: std::collections::BTreeMap::new() };
        assert_eq!(vault.fill(&account).unwrap(), object);
    }

    #[test]
    fn given_a_value_of_somebody_elses_then_its_fingerprint_follows_it_and_does_not_help_to_guess_it() {
        let foreign =
            |value: &str| json!({"metadata": {"name": "redis"}, "data": {"password": value, "other": "eA=="}});
        let mut vault = Vault::default();
        vault.remember_foreign(&foreign("b25l"), "password");
        assert!(vault.fingerprints().is_empty(), "without a salt nothing is said");
        vault.remember(&json!({"metadata": {"name": "proxy"}, "data": {"cookie-secret": "c2FsdA=="}}));
        let before = vault.fingerprints();
        assert_ne!(before["redis"], Secret::new("one").fingerprint());
        vault.remember_foreign(&foreign("dHdv"), "password");
        assert_ne!(before["redis"], vault.fingerprints()["redis"]);
        assert_eq!(before["proxy"], vault.fingerprints()["proxy"]);
        // It is for noticing alone: nothing that we write is filled from it.
        let copy = SecretValue::SameAs { secret: "redis".into(), key: "password".into() };
        assert!(vault.fill(&manifest("ours", "k", copy)).is_err());
    }

    #[test]
    fn given_values_change_then_the_fingerprint_does_too() {
        let mut vault = Vault::default();
        vault.remember(&json!({"metadata": {"name": "a"}, "data": {"k": "b25l"}}));
        let before = vault.fingerprints();
        vault.remember(&json!({"metadata": {"name": "a"}, "data": {"k": "dHdv"}}));
        assert_ne!(before, vault.fingerprints());
    }
}
