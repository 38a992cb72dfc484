//! What the questions say a step makes, held against the blueprint.

use crate::world::{
    answers, answers_for_existing_service, answers_with_new_issuer, facts, facts_with_existing_service, nothing,
    with_certificate, with_redis,
};
use gatewright::{
    answers::{Answers, HookPlacement},
    blueprint::{PartBody, blueprint},
    facts::Facts,
    wizard::{Step, Wizard},
};
use std::collections::BTreeSet;

type Object = (String, Option<String>, String);

/// What facts alone decide is not said beforehand.
fn is_said(kind: &str) -> bool {
    !matches!(kind, "Namespace" | "ServiceEntry")
}

fn objects_of_blueprint(answers: &Answers, facts: &Facts) -> (BTreeSet<Object>, usize) {
    let (mut objects, mut in_entra) = (BTreeSet::new(), 0);
    for part in blueprint(answers, facts, &nothing()).unwrap() {
        match &part.body {
            PartBody::Manifest(manifest) => {
                let text = |pointer: &str| manifest.object.pointer(pointer)?.as_str().map(str::to_owned);
                let kind = text("/kind").unwrap();
                if is_said(&kind) {
                    objects.insert((kind, text("/metadata/namespace"), text("/metadata/name").unwrap()));
                }
            }
            PartBody::Registration(_) => in_entra += 1,
            PartBody::ZoneRole(role) => {
                let name = format!("DNS Zone Contributor on {}", role.zone.name);
                objects.insert(("Zone role".to_owned(), Some("Azure".to_owned()), name));
            }
            PartBody::MeshProvider(_) | PartBody::History(_) => {}
        }
    }
    (objects, in_entra)
}

fn objects_of_questions(answers: &Answers) -> (BTreeSet<Object>, usize) {
    let wizard = Wizard::about(answers);
    let made: Vec<_> = Step::ALL.into_iter().flat_map(|step| wizard.makes(step)).collect();
    let is_in_entra = |place: &Option<String>| place.as_deref() == Some("Entra");
    let in_entra = made.iter().filter(|made| is_in_entra(&made.place)).count();
    let in_cluster = made.into_iter().filter(|made| !is_in_entra(&made.place) && is_said(made.kind));
    let objects = in_cluster.filter(|made| made.kind != "Mesh provider");
    (objects.map(|made| (made.kind.to_owned(), made.place, made.name)).collect(), in_entra)
}

#[test]
fn given_answers_then_what_the_steps_are_said_to_make_is_what_the_blueprint_makes() {
    let mut at_the_gateway = (answers_for_existing_service(), facts_with_existing_service(28));
    at_the_gateway.0.hook = HookPlacement::Gateway;
    let worlds = [
        (answers(), facts(28)),
        (answers_for_existing_service(), facts_with_existing_service(28)),
        at_the_gateway,
        with_certificate(&["*.cluster.example.com"]),
        with_redis("redis.cache.svc:6379"),
        (answers_with_new_issuer(), facts(28)),
    ];
    for (answers, facts) in worlds {
        assert_eq!(objects_of_questions(&answers), objects_of_blueprint(&answers, &facts), "{answers:?}");
    }
}
