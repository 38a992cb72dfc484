//! The tenant's signing keys, and the tokens made and checked with them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The bytes of a SHA-1 fingerprint.
const SHA1_LENGTH: usize = 20;

/// The keys a tenant signs with: the first signs, all of them are published.
#[derive(Clone)]
pub(super) struct SigningKeys {
    keys: Vec<SigningKey>,
}

#[derive(Clone)]
struct SigningKey {
    pem: String,
    id: String,
    private: EncodingKey,
    public: Jwk,
}

/// A key as it is saved.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SavedKey {
    private_key: String,
}

/// A signing key could not be made, read or used.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The key could not be made.
    #[error("the practice tenant could not make a signing key: {0}")]
    Generate(rcgen::Error),
    /// The key could not be read or used.
    #[error("the practice tenant could not use its signing key: {0}")]
    Use(#[from] jsonwebtoken::errors::Error),
    /// There is none.
    #[error("the practice tenant has no signing key")]
    None,
}

impl SigningKey {
    fn generate() -> Result<Self, SigningError> {
        let pair = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048)
            .map_err(SigningError::Generate)?;
        Self::read(pair.serialize_pem())
    }

    fn read(pem: String) -> Result<Self, SigningError> {
        let private = EncodingKey::from_rsa_pem(pem.as_bytes())?;
        let mut public = Jwk::from_encoding_key(&private, Algorithm::RS256)?;
        let id = key_id(&public.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256)?);
        public.common.key_id = Some(id.clone());
        Ok(Self { pem, id, private, public })
    }
}

/// Entra names a key by its certificate's SHA-1 fingerprint and gives it as `x5t` too; a practice key has no certificate, and a name as
/// long: who reads a key set may refuse all of it for an `x5t` of another length (oauth2-proxy does).
fn key_id(thumbprint: &str) -> String {
    let mut bytes = URL_SAFE_NO_PAD.decode(thumbprint).unwrap_or_default();
    bytes.truncate(SHA1_LENGTH);
    URL_SAFE_NO_PAD.encode(bytes)
}

impl SigningKeys {
    pub(super) fn generate() -> Result<Self, SigningError> {
        Ok(Self { keys: vec![SigningKey::generate()?] })
    }

    pub(super) fn restore(saved: Vec<SavedKey>) -> Result<Self, SigningError> {
        let keys: Vec<_> = saved.into_iter().map(|key| SigningKey::read(key.private_key)).collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(SigningError::None) } else { Ok(Self { keys }) }
    }

    pub(super) fn save(&self) -> Vec<SavedKey> {
        self.keys.iter().map(|key| SavedKey { private_key: key.pem.clone() }).collect()
    }

    /// From now on a new key signs; the keys before it stay published, as in a real roll-over.
    pub(super) fn roll_over(&mut self) -> Result<(), SigningError> {
        self.keys.insert(0, SigningKey::generate()?);
        Ok(())
    }

    pub(super) fn sign(&self, claims: &Value) -> Result<String, SigningError> {
        let key = self.keys.first().ok_or(SigningError::None)?;
        let header = Header { kid: Some(key.id.clone()), ..Header::new(Algorithm::RS256) };
        Ok(jsonwebtoken::encode(&header, claims, &key.private)?)
    }

    /// The claims of a token that one of these keys signed; times and audiences are for the caller to judge.
    pub(super) fn verify(&self, token: &str) -> Option<Map<String, Value>> {
        let id = jsonwebtoken::decode_header(token).ok()?.kid?;
        let key = self.keys.iter().find(|key| key.id == id)?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let public = DecodingKey::from_jwk(&key.public).ok()?;
        jsonwebtoken::decode::<Map<String, Value>>(token, &public, &validation).ok().map(|data| data.claims)
    }

    /// The published key set. Entra leaves `alg` out of its keys (domain.md 2.1), so it is left out here too.
    pub(super) fn published(&self, issuer: Option<&str>) -> Value {
        let keys: Vec<Value> = self.keys.iter().map(|key| published_key(key, issuer)).collect();
        json!({ "keys": keys })
    }
}

fn published_key(key: &SigningKey, issuer: Option<&str>) -> Value {
    let raw = serde_json::to_value(&key.public).unwrap_or_default();
    let mut shown = json!({
        "kty": "RSA", "use": "sig", "kid": key.id, "x5t": key.id,
        "n": raw.get("n").cloned().unwrap_or_default(), "e": raw.get("e").cloned().unwrap_or_default(),
    });
    if let (Some(issuer), Some(shown)) = (issuer, shown.as_object_mut()) {
        shown.insert("issuer".into(), json!(issuer));
    }
    shown
}

#[cfg(test)]
pub(super) mod tests {
    use super::SigningKeys;
    use serde_json::json;
    use std::sync::OnceLock;

    /// Making an RSA key takes long; tests that are about something else share one.
    pub(in crate::practice::tenant) fn shared_keys() -> SigningKeys {
        static KEYS: OnceLock<SigningKeys> = OnceLock::new();
        KEYS.get_or_init(|| SigningKeys::generate().unwrap()).clone()
    }

    #[test]
    fn given_a_published_key_then_its_fingerprint_is_as_long_as_a_certificates() {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let published = shared_keys().published(None);
        let fingerprint = published["keys"][0]["x5t"].as_str().unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(fingerprint).unwrap().len(), 20, "{fingerprint}");
    }

    #[test]
    fn given_a_token_of_another_tenant_when_it_is_verified_then_it_is_refused() {
        let other = SigningKeys::generate().unwrap();
        let token = other.sign(&json!({"sub": "me"})).unwrap();
        assert!(other.verify(&token).is_some());
        assert!(shared_keys().verify(&token).is_none());
    }

    #[test]
    fn given_a_changed_token_when_it_is_verified_then_it_is_refused() {
        let keys = shared_keys();
        let token = keys.sign(&json!({"sub": "me"})).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, _claims) = signed.split_once('.').unwrap();
        assert!(keys.verify(&format!("{header}.eyJzdWIiOiJ5b3UifQ.{signature}")).is_none());
    }

    #[test]
    fn given_saved_keys_when_they_are_restored_then_old_tokens_verify_even_after_a_roll_over() {
        let keys = shared_keys();
        let token = keys.sign(&json!({"sub": "me"})).unwrap();
        let mut restored = SigningKeys::restore(keys.save()).unwrap();
        restored.roll_over().unwrap();
        assert!(restored.verify(&token).is_some());
        let published = restored.published(None);
        assert_eq!(published["keys"].as_array().unwrap().len(), 2);
        assert!(published["keys"][0].get("alg").is_none());
    }
}
