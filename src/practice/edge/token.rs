//! RequestAuthentication: tokens that come are verified; that none comes is no error (domain.md 2.2).

use super::{
    door::Door,
    mesh::Mesh,
    objects::{Objects, items, oldest_first, selects, text, texts, truth},
    rule::Token,
    workload::Workload,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use serde_json::Value;

/// A token that was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadToken {
    /// 401, or 403 for an audience that is not allowed.
    pub status: StatusCode,
    /// Envoy's words.
    pub message: &'static str,
}

const fn refused(message: &'static str) -> BadToken {
    BadToken { status: StatusCode::UNAUTHORIZED, message }
}

/// Not three parts.
pub const MALFORMED: BadToken =
    refused("Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections");
/// No rule has that issuer.
pub const UNKNOWN_ISSUER: BadToken = refused("Jwt issuer is not configured");
/// Past its time.
pub const EXPIRED: BadToken = refused("Jwt is expired");
/// The signature is not the key's.
pub const BAD_SIGNATURE: BadToken = refused("Jwt verification fails");
/// The key is not among the issuer's: also what an istiod that could not fetch them makes of every token.
pub const UNKNOWN_KEY: BadToken = refused("Jwks doesn't have key to match kid or alg from Jwt");
/// For somebody else.
pub const WRONG_AUDIENCE: BadToken =
    BadToken { status: StatusCode::FORBIDDEN, message: "Audiences in Jwt are not allowed" };

/// The JWT rules that count for a workload.
pub fn rules(objects: &dyn Objects, mesh: &Mesh, workload: &Workload) -> Vec<Value> {
    let mut places = vec![workload.namespace()];
    if workload.namespace() != mesh.root_namespace {
        places.push(&mesh.root_namespace);
    }
    places
        .into_iter()
        .flat_map(|place| oldest_first(objects.list("security.istio.io", "RequestAuthentication", Some(place))))
        .filter(|policy| policy.pointer("/spec/targetRefs").is_none())
        .filter(|policy| selects(policy, "/spec/selector/matchLabels", workload.labels()))
        .flat_map(|policy| items(&policy, "/spec/jwtRules").to_vec())
        .collect()
}

/// Verifies whatever tokens came, and changes the headers as the accepting rule says.
pub async fn authenticate(
    door: &Door,
    rules: &[Value],
    query: Option<&str>,
    headers: &mut HeaderMap,
) -> Result<Option<Token>, BadToken> {
    let mut failure = None;
    for rule in rules {
        let Some(token) = presented(rule, query, headers) else { continue };
        match verify(door, rule, &token).await {
            Ok(claims) => {
                pass_on(rule, &token, &claims, headers);
                let principal = format!("{}/{}", text(&claims, "/iss"), text(&claims, "/sub"));
                return Ok(Some(Token { principal, claims }));
            }
            // A rule for another issuer says less about a token than the one that is for its own.
            Err(error) if failure.is_none() || error != UNKNOWN_ISSUER => failure = Some(error),
            Err(_) => {}
        }
    }
    failure.map_or(Ok(None), Err)
}

/// Where a rule looks for its token: the places it names, or else the bearer token and the parameter `access_token`.
fn presented(rule: &Value, query: Option<&str>, headers: &HeaderMap) -> Option<String> {
    let from_headers = items(rule, "/fromHeaders");
    let from_parameters = texts(rule, "/fromParams");
    let default = from_headers.is_empty() && from_parameters.is_empty() && items(rule, "/fromCookies").is_empty();
    let in_header = |name: &str, prefix: &str| {
        headers.get(name)?.to_str().ok()?.strip_prefix(prefix).map(|token| token.trim().to_owned())
    };
    let in_query = |name: &str| {
        url::form_urlencoded::parse(query?.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    if default {
        return in_header("authorization", "Bearer ").or_else(|| in_query("access_token"));
    }
    from_headers
        .iter()
        .find_map(|entry| in_header(&text(entry, "/name").to_ascii_lowercase(), text(entry, "/prefix")))
        .or_else(|| from_parameters.iter().find_map(|name| in_query(name)))
}

async fn verify(door: &Door, rule: &Value, token: &str) -> Result<Value, BadToken> {
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(MALFORMED);
    };
    let claims: Value = URL_SAFE_NO_PAD
        .decode(payload)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or(refused("Jwt payload is an invalid Base64 or JSON"))?;
    if text(&claims, "/iss") != text(rule, "/issuer") {
        return Err(UNKNOWN_ISSUER);
    }
    let audiences = texts(rule, "/audiences");
    if !audiences.is_empty() && !audience_of(&claims).iter().any(|own| audiences.iter().any(|wanted| same(wanted, own)))
    {
        return Err(WRONG_AUDIENCE);
    }
    let keys = match text(rule, "/jwks") {
        "" => door.get(&keys_location(door, rule).await).await.ok(),
        inline => serde_json::from_str(inline).ok(),
    };
    verify_signature(token, keys.as_ref())
}

/// `jwksUri`, or what the issuer's metadata names.
async fn keys_location(door: &Door, rule: &Value) -> String {
    match text(rule, "/jwksUri") {
        "" => {
            let issuer = text(rule, "/issuer").trim_end_matches('/');
            let metadata = door.get(&format!("{issuer}/.well-known/openid-configuration")).await.unwrap_or(Value::Null);
            text(&metadata, "/jwks_uri").to_owned()
        }
        location => location.to_owned(),
    }
}

/// Checks signature and times of a token against a set of keys.
pub fn verify_signature(token: &str, keys: Option<&Value>) -> Result<Value, BadToken> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| MALFORMED)?;
    let keys: JwkSet = keys.and_then(|keys| serde_json::from_value(keys.clone()).ok()).ok_or(UNKNOWN_KEY)?;
    let key = header.kid.as_deref().and_then(|kid| keys.find(kid)).ok_or(UNKNOWN_KEY)?;
    if header.alg != Algorithm::RS256 {
        return Err(UNKNOWN_KEY);
    }
    let key = DecodingKey::from_jwk(key).map_err(|_| UNKNOWN_KEY)?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_aud = false;
    validation.validate_nbf = true;
    validation.leeway = 60;
    validation.set_required_spec_claims::<&str>(&[]);
    match jsonwebtoken::decode::<Value>(token, &key, &validation) {
        Ok(verified) => Ok(verified.claims),
        Err(error) => Err(match error.kind() {
            jsonwebtoken::errors::ErrorKind::ExpiredSignature => EXPIRED,
            jsonwebtoken::errors::ErrorKind::ImmatureSignature => refused("Jwt not yet valid"),
            _ => BAD_SIGNATURE,
        }),
    }
}

/// The audiences of a token: one text or a list.
pub fn audience_of(claims: &Value) -> Vec<&str> {
    match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Envoy compares audiences without scheme and final slash.
fn same(a: &str, b: &str) -> bool {
    let bare = |text: &str| {
        let text = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
        text.trim_end_matches('/').to_owned()
    };
    bare(a) == bare(b)
}

fn pass_on(rule: &Value, token: &str, claims: &Value, headers: &mut HeaderMap) {
    if !truth(rule, "/forwardOriginalToken") {
        let names = items(rule, "/fromHeaders").iter().map(|entry| text(entry, "/name")).collect::<Vec<_>>();
        for name in if names.is_empty() { vec![header::AUTHORIZATION.as_str()] } else { names } {
            headers.remove(name.to_ascii_lowercase());
        }
    }
    let mut set = |name: &str, value: Option<String>| {
        let Ok(name) = HeaderName::try_from(name.to_ascii_lowercase()) else { return };
        headers.remove(&name);
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    };
    if let Some(name) = rule.get("outputPayloadToHeader").and_then(Value::as_str) {
        set(name, token.split('.').nth(1).map(str::to_owned));
    }
    for output in items(rule, "/outputClaimToHeaders") {
        let claim = text(output, "/claim").split('.').try_fold(claims, |value, step| value.get(step));
        let value = claim.and_then(|claim| match claim {
            Value::String(text) => Some(text.clone()),
            Value::Bool(_) | Value::Number(_) => Some(claim.to_string()),
            _ => None,
        });
        set(text(output, "/header"), value);
    }
}

/// Tokens and keys for tests.
#[cfg(test)]
pub(crate) mod forge {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
    use serde_json::{Value, json};
    use std::sync::LazyLock;

    static KEY: LazyLock<EncodingKey> = LazyLock::new(|| {
        use aws_lc_rs::encoding::AsDer as _;
        let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            base64::engine::general_purpose::STANDARD.encode(der.as_ref())
        );
        EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
    });

    /// The key set of the one issuer, whose key is `k1`.
    pub(crate) fn keys() -> Value {
        let mut key = Jwk::from_encoding_key(&KEY, Algorithm::RS256).unwrap();
        key.common.key_id = Some("k1".to_owned());
        json!({ "keys": [key] })
    }

    /// A token with these claims, good for an hour unless they say otherwise.
    pub(crate) fn token(claims: &Value) -> String {
        let mut all = json!({"exp": jsonwebtoken::get_current_timestamp() + 3600});
        for (key, value) in claims.as_object().unwrap() {
            all[key] = value.clone();
        }
        let header = Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::RS256) };
        jsonwebtoken::encode(&header, &all, &KEY).unwrap()
    }

    /// The same token with other claims under the old signature.
    pub(crate) fn tampered(token: &str, claims: &Value) -> String {
        let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
        parts[1] = URL_SAFE_NO_PAD.encode(claims.to_string());
        parts.join(".")
    }
}

#[cfg(test)]
mod tests {
    use super::{
        BAD_SIGNATURE, BadToken, EXPIRED, MALFORMED, UNKNOWN_ISSUER, UNKNOWN_KEY, WRONG_AUDIENCE, authenticate, forge,
    };
    use crate::practice::edge::{door::Door, rule::Token};
    use http::HeaderMap;
    use serde_json::{Value, json};

    async fn present(token: &str) -> (Result<Option<Token>, BadToken>, HeaderMap) {
        let rule = json!({
            "issuer": "https://issuer", "audiences": ["client"], "jwks": forge::keys().to_string(),
            "outputClaimToHeaders": [{"header": "x-who", "claim": "name"}],
        });
        present_to(&[rule], token).await
    }

    async fn present_to(rules: &[Value], token: &str) -> (Result<Option<Token>, BadToken>, HeaderMap) {
        let mut headers = HeaderMap::new();
        headers.insert("x-who", "mallory".parse().unwrap());
        if !token.is_empty() {
            headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        (authenticate(&Door::closed(), rules, None, &mut headers).await, headers)
    }

    #[tokio::test]
    async fn given_a_good_token_then_its_principal_is_issuer_and_subject_and_it_is_kept_from_the_application() {
        let token = forge::token(&json!({"iss": "https://issuer", "sub": "s", "aud": "client", "name": "Ann"}));
        let (verdict, headers) = present(&token).await;
        assert_eq!(verdict.unwrap().unwrap().principal, "https://issuer/s");
        assert!(headers.get("authorization").is_none(), "forwardOriginalToken is off by default");
        assert_eq!(headers["x-who"], "Ann");
    }

    #[tokio::test]
    async fn given_no_token_then_the_request_passes_without_a_principal() {
        assert_eq!(present("").await.0, Ok(None));
    }

    #[tokio::test]
    async fn given_bad_tokens_then_each_is_refused_in_envoys_words() {
        let good = json!({"iss": "https://issuer", "sub": "s", "aud": "client"});
        let with = |key: &str, value: Value| {
            let mut claims = good.clone();
            claims[key] = value;
            claims
        };
        let refused = |verdict: (Result<Option<Token>, BadToken>, HeaderMap)| verdict.0.unwrap_err();
        assert_eq!(refused(present("opaque").await), MALFORMED);
        assert_eq!(refused(present(&forge::token(&with("iss", json!("https://other")))).await), UNKNOWN_ISSUER);
        assert_eq!(refused(present(&forge::token(&with("aud", json!("api://other")))).await), WRONG_AUDIENCE);
        assert_eq!(refused(present(&forge::token(&with("exp", json!(1)))).await), EXPIRED);
        let tampered = forge::tampered(&forge::token(&good), &with("sub", json!("admin")));
        assert_eq!(refused(present(&tampered).await), BAD_SIGNATURE);
        let unreachable = json!({"issuer": "https://issuer", "jwksUri": "https://issuer/keys"});
        assert_eq!(refused(present_to(&[unreachable], &forge::token(&good)).await), UNKNOWN_KEY);
    }
}
