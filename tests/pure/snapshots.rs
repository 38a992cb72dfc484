//! The whole blueprint as a person would read it, for the worlds that make it differ.

use crate::world;
use gatewright::{
    answers::{Answers, HookPlacement},
    blueprint::{Existing, PartBody, blueprint, document},
    facts::{Facts, OutboundPolicy},
};
use std::fmt::Write as _;

/// Every part as a document of one YAML stream. The answers file in the record has its own tests, so it is not repeated here.
fn rendered(answers: &Answers, facts: &Facts, existing: &Existing) -> String {
    let mut parts = blueprint(answers, facts, existing).unwrap();
    for part in &mut parts {
        if let PartBody::Manifest(manifest) = &mut part.body
            && let Some(record) = manifest.object.pointer_mut("/data/answers.yaml")
        {
            assert_eq!(*record, gatewright::answers::file::render(answers));
            *record = "(the answers file)".into();
        }
    }
    parts.iter().fold(String::new(), |mut text, part| {
        let _infallible = write!(
            text,
            "---
# {:?}: {}
{}",
            part.wave,
            part.id.0,
            document(part)
        );
        text
    })
}

macro_rules! reviewed {
    ($name:literal, $answers:expr, $facts:expr, $existing:expr) => {
        insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!($name, rendered(&$answers, &$facts, &$existing));
        });
    };
}

#[test]
fn given_the_example_on_istio_1_28_then_it_is_as_reviewed() {
    reviewed!("istio-1.28-sidecar-deploy", world::answers(), world::facts(28), world::registered());
}

#[test]
fn given_the_example_on_istio_1_28_before_anything_is_registered_then_it_is_as_reviewed() {
    reviewed!("istio-1.28-sidecar-deploy-unregistered", world::answers(), world::facts(28), world::nothing());
}

#[test]
fn given_an_existing_service_on_istio_1_20_then_it_is_as_reviewed() {
    reviewed!(
        "istio-1.20-sidecar-existing",
        world::answers_for_existing_service(),
        world::facts_with_existing_service(20),
        world::registered()
    );
}

#[test]
fn given_a_certificate_that_is_there_on_istio_1_28_then_it_is_as_reviewed() {
    let (answers, facts) = world::with_certificate(&["myapp.cluster.example.com"]);
    reviewed!("istio-1.28-sidecar-deploy-tls-secret", answers, facts, world::registered());
}

#[test]
fn given_an_issuer_that_is_made_too_on_istio_1_28_then_it_is_as_reviewed() {
    reviewed!(
        "istio-1.28-sidecar-deploy-new-issuer",
        world::answers_with_new_issuer(),
        world::facts(28),
        world::registered()
    );
}

#[test]
fn given_a_redis_that_is_there_and_registry_only_on_istio_1_28_then_it_is_as_reviewed() {
    let (answers, facts) = world::with_redis("rediss://myapp.redis.cache.windows.net:6380");
    reviewed!("istio-1.28-sidecar-deploy-redis-registry-only", answers, facts, world::registered());
}

#[test]
fn given_the_us_government_cloud_and_registry_only_on_istio_1_14_then_it_is_as_reviewed() {
    let mut facts = world::facts(14);
    facts.tenant.cloud = world::us_government();
    facts.cluster.istio.outbound = OutboundPolicy::RegistryOnly;
    reviewed!("istio-1.14-sidecar-deploy-usgov-registry-only", world::answers(), facts, world::registered());
}

#[test]
fn given_the_example_on_istio_1_9_then_it_is_as_reviewed() {
    reviewed!("istio-1.9-sidecar-deploy", world::answers(), world::facts(9), world::registered());
}

#[test]
fn given_the_hook_at_the_gateway_for_pods_without_sidecars_on_istio_1_28_then_it_is_as_reviewed() {
    let mut answers = world::answers_for_existing_service();
    answers.hook = HookPlacement::Gateway;
    let mut facts = world::facts_with_existing_service(28);
    facts.cluster.application.service.as_mut().unwrap().pods_with_sidecar = 0;
    reviewed!("istio-1.28-gateway-existing", answers, facts, world::registered());
}

#[test]
fn given_the_hook_at_the_gateway_for_a_deployed_application_on_istio_1_9_then_it_is_as_reviewed() {
    let mut answers = world::answers();
    answers.hook = HookPlacement::Gateway;
    reviewed!("istio-1.9-gateway-deploy", answers, world::facts(9), world::registered());
}
