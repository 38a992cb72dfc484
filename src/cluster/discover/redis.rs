//! A Redis that is there already: the Service in front of it, and whether its password is where it is said to be.

use super::{DiscoverError, DiscoverRequest, Error, ObjectRef, RedisRequest};
use crate::{
    cluster::{Cluster, fields::Fields},
    facts::{PasswordFacts, RedisFacts, RedisServiceFacts},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

/// The Redis that the answers name.
pub(super) async fn look(cluster: &Cluster, request: &DiscoverRequest) -> Result<Option<RedisFacts>, DiscoverError> {
    let Some(redis) = &request.redis else { return Ok(None) };
    let (name, key) = &redis.password;
    let secret = ObjectRef::namespaced("v1", "Secret", &request.namespace, name);
    let (service, secret) = tokio::try_join!(service(cluster, redis), cluster.get(&secret))?;
    let password = secret.map_or(PasswordFacts::NoSecret, |secret| password(&secret, key));
    Ok(Some(RedisFacts { service, password }))
}

async fn service(cluster: &Cluster, redis: &RedisRequest) -> Result<Option<RedisServiceFacts>, Error> {
    let Some((namespace, name)) = &redis.service else { return Ok(None) };
    let found = cluster.get(&ObjectRef::namespaced("v1", "Service", namespace, name)).await?;
    Ok(found.map(|service| RedisServiceFacts {
        namespace: namespace.clone(),
        name: name.clone(),
        ports: service
            .entries("/spec/ports")
            .iter()
            .filter_map(|port| u16::try_from(port.number("/port")).ok())
            .collect(),
    }))
}

/// That it can be a password is all that is asked of it.
fn password(secret: &Value, key: &str) -> PasswordFacts {
    let data = secret.pointer("/data").and_then(Value::as_object);
    let Some(value) = data.and_then(|data| data.get(key)?.as_str()) else {
        return PasswordFacts::NoKey { keys: data.into_iter().flatten().map(|(key, _)| key.clone()).collect() };
    };
    let unusable = |cause: &str| PasswordFacts::Unusable { cause: cause.to_owned() };
    let bytes = STANDARD.decode(value).map(zeroize::Zeroizing::new).unwrap_or_default();
    match std::str::from_utf8(&bytes) {
        Err(_) => unusable("is not text"),
        Ok("") => unusable("is empty"),
        // `kubectl create secret --from-file` takes the line break along that editors put at the end of a file.
        Ok(text) if text.ends_with(['\n', '\r']) => unusable("ends with a line break, which no password does"),
        Ok(text) if text.contains('\0') => unusable("holds a zero byte, which no environment variable can"),
        Ok(_) => PasswordFacts::Present,
    }
}

#[cfg(test)]
mod tests {
    use super::password;
    use crate::facts::PasswordFacts;
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde_json::json;

    #[test]
    fn given_a_secret_then_it_is_known_whether_its_key_can_be_a_password_and_nothing_else() {
        let of =
            |value: &[u8]| password(&json!({"data": {"password": STANDARD.encode(value), "other": ""}}), "password");
        assert_eq!(of(b"canary"), PasswordFacts::Present);
        for (value, told) in [
            (&b""[..], "is empty"),
            (b"canary\n", "ends with a line break"),
            (b"can\0ary", "holds a zero byte"),
            (b"\xff", "is not text"),
        ] {
            let PasswordFacts::Unusable { cause } = of(value) else { panic!("{told}") };
            assert!(cause.contains(told) && !cause.contains("canary"), "{cause}");
        }
        let keys = ["a".to_owned(), "b".to_owned()].into();
        assert_eq!(password(&json!({"data": {"a": "", "b": ""}}), "password"), PasswordFacts::NoKey { keys });
        assert_eq!(password(&json!({}), "password"), PasswordFacts::NoKey { keys: [].into() });
    }
}
