//! When the client secret and the certificate of an installation come to their end: told wherever one is shown.

use super::{
    Seen, Target, budget,
    installations::health::days_until,
    plan::Step,
    secrets::{EXPIRES_ANNOTATION, KEY_ID_ANNOTATION},
};
use crate::{
    blueprint::{Manifest, PartBody, SecretValue},
    cluster::ObjectRef,
    facts::TlsSecretFacts,
};
use futures::future::join_all;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// When an installation needs something new, as far as that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GoodUntil {
    /// The client secret; none where nothing says when it expires.
    pub client_secret: Option<End>,
    /// The certificate; none where there is none yet, or it may not be seen.
    pub certificate: Option<End>,
}

/// The end of something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct End {
    /// When it expires.
    pub expires: Timestamp,
    /// In how many whole days that is; negative where it was.
    pub days: i64,
}

impl End {
    fn at(expires: Timestamp) -> Self {
        Self { expires, days: days_until(expires, Timestamp::now()) }
    }

    fn text(&self) -> String {
        format!("{} ({} d)", self.expires.strftime("%Y-%m-%d"), self.days)
    }
}

impl GoodUntil {
    /// What these objects say of themselves: our Secret, and cert-manager of its certificate.
    pub(super) fn of<'a>(objects: impl Iterator<Item = &'a Value>) -> Self {
        objects.fold(Self::default(), |known, object| {
            let time = |text: Option<&Value>| text.and_then(Value::as_str)?.parse().ok().map(End::at);
            let annotations = object.pointer("/metadata/annotations");
            let annotation = |name: &str| annotations.and_then(|annotations| annotations.get(name));
            match object.get("kind").and_then(Value::as_str) {
                Some("Certificate") => Self {
                    certificate: known.certificate.or_else(|| time(object.pointer("/status/notAfter"))),
                    ..known
                },
                Some("Secret") if annotation(KEY_ID_ANNOTATION).is_some() => Self {
                    client_secret: known.client_secret.or_else(|| time(annotation(EXPIRES_ANNOTATION))),
                    ..known
                },
                _ => known,
            }
        })
    }

    /// In a line of at most 76 columns; nothing where nothing is known.
    pub fn line(&self) -> Option<String> {
        let said = |what: &str, end: &Option<End>| end.as_ref().map(|end| format!("{what} {}", end.text()));
        let both = [said("client secret", &self.client_secret), said("certificate", &self.certificate)];
        let both: Vec<String> = both.into_iter().flatten().collect();
        (!both.is_empty()).then(|| format!("Good until: {}", both.join(", ")))
    }
}

/// What is known after a setup, of objects that it has just made perhaps.
pub(super) async fn after_setup(target: &Target, seen: &Seen, steps: &[Step]) -> GoodUntil {
    let manifests = steps.iter().filter_map(|step| match &step.part.body {
        PartBody::Manifest(manifest) if tells(manifest) => Some(manifest),
        _ => None,
    });
    let looks = manifests.map(async |manifest| {
        let reference = ObjectRef::of(&manifest.object).ok()?;
        // Who may not see it has one thing less to say, and nothing else.
        tokio::time::timeout(budget::TRY, target.cluster.get(&reference)).await.ok()?.ok()?
    });
    let live: Vec<Value> = join_all(looks).await.into_iter().flatten().collect();
    let known = GoodUntil::of(live.iter());
    let brought = match &seen.facts.cluster.tls_secret {
        Some(TlsSecretFacts::Readable(certificate)) => certificate.expires.parse().ok().map(End::at),
        _ => None,
    };
    GoodUntil { certificate: known.certificate.or(brought), ..known }
}

fn tells(manifest: &Manifest) -> bool {
    manifest.object.get("kind").and_then(Value::as_str) == Some("Certificate")
        || manifest.secrets.values().any(|value| *value == SecretValue::ClientSecret)
}

#[cfg(test)]
mod tests {
    use super::GoodUntil;
    use jiff::{SignedDuration, Timestamp};
    use serde_json::json;

    #[test]
    fn given_objects_then_the_ends_are_those_of_the_client_secret_and_the_certificate_and_of_nothing_else() {
        let in_days = |days: i64| Timestamp::now() + SignedDuration::from_hours(24 * days + 1);
        let secret = json!({"kind": "Secret", "metadata": {"annotations": {
            "gatewright.dev/client-secret-key-id": "k", "gatewright.dev/client-secret-expires": in_days(179).to_string()}}});
        let other = json!({"kind": "Secret", "metadata": {"annotations": {
            "gatewright.dev/client-secret-expires": in_days(3).to_string()}}});
        let certificate = json!({"kind": "Certificate", "status": {"notAfter": in_days(1).to_string()}});
        let known = GoodUntil::of([&other, &certificate, &secret].into_iter());
        assert_eq!(known.client_secret.as_ref().unwrap().days, 179);
        let said = known.line().unwrap();
        assert!(
            said.starts_with("Good until: client secret 2") && said.ends_with(" (1 d)") && said.len() <= 76,
            "{said}"
        );
        let none = GoodUntil::of([&other, &json!({"kind": "Certificate", "status": {}})].into_iter());
        assert_eq!((none.line(), none), (None, GoodUntil::default()));
    }
}
