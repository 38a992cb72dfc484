//! What holds for every blueprint, whatever the answers and facts.

use crate::{parts::Parts, world};
use gatewright::{
    answers::{Answers, Certificate, EmailClaim, HookPlacement},
    blueprint::{Existing, PartBody, Wave, blueprint, export, locks},
    facts::{Facts, Injection, NamespaceFacts, OutboundPolicy, Validity},
    secret::Fingerprint,
};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeSet;

/// One of the worlds in which a blueprint is possible, and answers for it.
fn worlds() -> impl Strategy<Value = (Answers, Facts, Existing)> {
    let names = ("[a-z][a-z0-9-]{0,38}[a-z0-9]", "[a-z][a-z0-9-]{0,61}[a-z0-9]");
    let choices = (any::<[bool; 12]>(), 9_u16..=32);
    (names, choices).prop_map(|((app, namespace), (flags, minor))| {
        let [
            existing,
            gateway,
            usgov,
            closed,
            machines,
            all,
            preferred,
            registered,
            revision,
            foreign,
            tls_secret,
            redis,
        ] = flags;
        let mut answers = if existing { world::answers_for_existing_service() } else { world::answers() };
        let mut facts = if existing { world::facts_with_existing_service(minor) } else { world::facts(minor) };
        answers.application.name = app.parse().unwrap();
        answers.application.namespace = namespace.parse().unwrap();
        answers.hook = if gateway { HookPlacement::Gateway } else { HookPlacement::Sidecar };
        answers.access.machines = machines;
        if all {
            answers.access.email_domains.clear();
        }
        if preferred {
            answers.access.email_claim = EmailClaim::PreferredUsername;
        }
        if usgov {
            facts.tenant.cloud = world::us_government();
        }
        if closed {
            facts.cluster.istio.outbound = OutboundPolicy::RegistryOnly;
        }
        if revision {
            facts.cluster.istio.injection_label = ("istio.io/rev".to_owned(), "canary".to_owned());
        }
        if tls_secret {
            answers.certificate = Certificate::Existing { secret: "wildcard-tls".parse().unwrap() };
            facts.cluster.tls_secret = Some(world::certificate(&["*.cluster.example.com"], Validity::Valid));
        }
        if redis {
            let (sessions, found) = world::redis_at("rediss://redis.example.com:6380");
            (answers.sessions, facts.cluster.redis) = (sessions, Some(found));
        }
        if foreign {
            facts.cluster.application.namespace = NamespaceFacts::Foreign { injection: Injection::On };
        }
        (answers, facts, if registered { world::registered() } else { world::nothing() })
    })
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Every value in `value`, itself included.
fn within<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    found.push(value);
    match value {
        Value::Array(items) => items.iter().for_each(|item| within(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| within(field, found)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn given_any_world_then_every_object_carries_our_marks_and_every_part_says_why((answers, facts, existing) in worlds()) {
        let parts = Parts::of(&answers, &facts, &existing);
        for part in &parts.0 {
            prop_assert!(part.why.ends_with('.') && part.why.len() > 20 && !part.why.contains('\n'), "{}", part.id.0);
        }
        for object in parts.objects() {
            let labels = &object["metadata"]["labels"];
            prop_assert_eq!(&labels["app.kubernetes.io/managed-by"], "gatewright");
            prop_assert_eq!(&labels["app.kubernetes.io/part-of"], answers.application.name.as_str());
            prop_assert_eq!(&labels["gatewright.dev/installation"], answers.application.name.as_str());
            prop_assert_eq!(&labels["gatewright.dev/installation-namespace"], answers.application.namespace.as_str());
        }
    }

    #[test]
    fn given_any_world_then_every_name_and_label_fits((answers, facts, existing) in worlds()) {
        let parts = Parts::of(&answers, &facts, &existing);
        for object in parts.objects() {
            prop_assert!(text(object, "/metadata/name").len() <= 63, "{}", text(object, "/metadata/name"));
            for label in object["metadata"]["labels"].as_object().unwrap().values() {
                prop_assert!(label.as_str().unwrap().len() <= 63);
            }
        }
        prop_assert!(text(&parts.provider().entry, "/name").len() <= 63);
    }

    #[test]
    fn given_any_world_then_no_two_parts_share_an_id((answers, facts, existing) in worlds()) {
        let parts = Parts::of(&answers, &facts, &existing);
        let ids: BTreeSet<_> = parts.0.iter().map(|part| &part.id).collect();
        prop_assert_eq!(ids.len(), parts.0.len());
    }

    #[test]
    fn given_any_world_then_nothing_is_written_outside_the_namespaces_of_application_and_gateway(
        (answers, facts, existing) in worlds()
    ) {
        let parts = Parts::of(&answers, &facts, &existing);
        let (ours, gateway) = (answers.application.namespace.as_str(), facts.cluster.gateway.namespace.as_str());
        for object in parts.objects().filter(|object| object["kind"] != "Namespace") {
            let namespace = text(object, "/metadata/namespace");
            prop_assert!(namespace == ours || namespace == gateway, "{object}");
            // With the hook in the sidecar the certificate is all that is written in the gateway's.
            if namespace == gateway && answers.hook == HookPlacement::Sidecar {
                prop_assert_eq!(&object["kind"], "Certificate");
            }
        }
        prop_assert_eq!(&parts.provider().namespace, &facts.cluster.istio.mesh_config.namespace);
    }

    #[test]
    fn given_any_world_then_routes_are_made_last_and_after_every_lock((answers, facts, existing) in worlds()) {
        let parts = Parts::of(&answers, &facts, &existing);
        prop_assert!(parts.0.is_sorted_by_key(|part| part.wave));
        for part in &parts.0 {
            // With the locks at the gateway its listener comes with them: they are proven on it, and no route leads on yet.
            let is_road = part.id.0.contains("/VirtualService/")
                || part.id.0.contains("/Gateway/") && answers.hook == HookPlacement::Sidecar;
            prop_assert_eq!(part.wave == Wave::Routes, is_road, "{}", part.id.0);
        }
        let locks = locks(&answers, &facts, &existing).unwrap();
        for id in locks.hook_parts.iter().chain(&locks.token_parts) {
            let part = parts.0.iter().find(|part| part.id == *id);
            prop_assert_eq!(part.unwrap().wave, Wave::Locks);
        }
    }

    #[test]
    fn given_any_world_then_both_locks_select_the_same_pods((answers, facts, existing) in worlds()) {
        let parts = Parts::of(&answers, &facts, &existing);
        let locks = locks(&answers, &facts, &existing).unwrap();
        let selector = serde_json::to_value(&locks.selector).unwrap();
        let custom = parts.policies("CUSTOM");
        let deny = parts.policies("DENY");
        for lock in custom.iter().chain(&deny).copied().chain(parts.all("RequestAuthentication")) {
            prop_assert_eq!(&lock["spec"]["selector"]["matchLabels"], &selector);
            prop_assert_eq!(&lock["metadata"]["namespace"], locks.namespace.as_str());
        }
    }

    #[test]
    fn given_any_world_then_no_header_is_named_by_a_wildcard((answers, facts, existing) in worlds()) {
        let parts = Parts::of(&answers, &facts, &existing);
        for list in parts.check().as_object().unwrap().values().filter(|value| value.is_array()) {
            for header in list.as_array().unwrap() {
                prop_assert!(!header.as_str().unwrap().contains('*'));
            }
        }
    }

    #[test]
    fn given_any_world_then_only_versions_that_are_served_are_written((answers, facts, existing) in worlds()) {
        for object in Parts::of(&answers, &facts, &existing).objects() {
            let (version, kind) = (text(object, "/apiVersion"), text(object, "/kind"));
            match version.split_once('/') {
                None => prop_assert_eq!(version, "v1"),
                Some(("apps", version)) => prop_assert_eq!(version, "v1"),
                Some((group, version)) => prop_assert_eq!(Some(version), facts.cluster.served.version(group, kind)),
            }
        }
    }

    #[test]
    fn given_any_world_then_server_side_apply_keeps_every_field_as_it_is_written((answers, facts, existing) in worlds()) {
        for object in Parts::of(&answers, &facts, &existing).objects() {
            let mut found = Vec::new();
            within(object, &mut found);
            for value in found {
                // A null is dropped; a number of ours is always whole; an empty list is taken for an absent one.
                prop_assert!(!value.is_null() && !value.is_f64(), "{object}");
                prop_assert!(value.as_array().is_none_or(|items| !items.is_empty()), "{object}");
            }
            for managed in ["status", "stringData", "immutable"] {
                prop_assert!(object.get(managed).is_none());
            }
        }
    }

    #[test]
    fn given_any_world_then_no_secret_has_a_value((answers, facts, existing) in worlds()) {
        for part in Parts::of(&answers, &facts, &existing).0 {
            if let PartBody::Manifest(manifest) = part.body {
                prop_assert_eq!(manifest.object["kind"] == "Secret", !manifest.secrets.is_empty());
                if manifest.object["kind"] == "Secret" {
                    prop_assert!(manifest.object.get("data").is_none());
                }
            }
        }
    }

    #[test]
    fn given_nothing_changed_then_a_second_blueprint_is_the_same_to_the_byte((answers, facts, existing) in worlds()) {
        let first = blueprint(&answers, &facts, &existing).unwrap();
        let mut later = facts.clone();
        // What a first run leaves behind, and what moves on by itself.
        if later.cluster.application.namespace == NamespaceFacts::Absent {
            later.cluster.application.namespace = NamespaceFacts::Ours;
        }
        later.cluster.istio.mesh_config.providers.insert("gatewright-myapp-myapp".to_owned());
        later.cluster.gateway.address = None;
        for issuer in &mut later.cluster.issuers {
            issuer.ready = Err("Pending: still registering".to_owned());
        }
        let second = blueprint(&answers, &later, &existing).unwrap();
        prop_assert_eq!(export(&first), export(&second));
        prop_assert_eq!(first, second);
    }

    #[test]
    fn given_the_password_of_a_redis_that_is_there_changes_then_nothing_but_the_proxys_pods_do((answers, facts, mut existing) in worlds()) {
        let before = blueprint(&answers, &facts, &existing).unwrap();
        existing.secret_fingerprints.insert("redis-auth".to_owned(), Fingerprint::of(b"of another password"));
        let after = blueprint(&answers, &facts, &existing).unwrap();
        for (before, after) in before.iter().zip(&after) {
            let reads_it = before.id.0.ends_with("-oauth2-proxy") && before.id.0.contains("/Deployment/");
            prop_assert_eq!(before != after, reads_it && answers.sessions.existing().is_some(), "{}", before.id.0);
        }
    }

    #[test]
    fn given_a_redis_that_is_there_then_no_store_is_made((answers, facts, existing) in worlds()) {
        let store = format!("{}-sessions", answers.application.name);
        let parts = Parts::of(&answers, &facts, &existing);
        let of_store = |object: &&Value| text(object, "/metadata/name") == store && object["kind"] != "ServiceEntry";
        prop_assert_eq!(parts.objects().any(|object| of_store(&object)), answers.sessions.existing().is_none());
        prop_assert!(parts.objects().all(|object| text(object, "/metadata/name") != "redis-auth"));
    }

    #[test]
    fn given_secrets_of_another_value_then_nothing_but_pod_templates_changes((answers, facts, existing) in worlds()) {
        let before = blueprint(&answers, &facts, &existing).unwrap();
        let mut rotated = existing;
        for part in &before {
            if let PartBody::Manifest(manifest) = &part.body && !manifest.secrets.is_empty() {
                let name = text(&manifest.object, "/metadata/name").to_owned();
                rotated.secret_fingerprints.insert(name, Fingerprint::of(b"of other values"));
            }
        }
        let after = blueprint(&answers, &facts, &rotated).unwrap();
        for (before, after) in before.iter().zip(&after) {
            let is_pods = before.id.0.contains("/Deployment/") && before.wave != Wave::Application;
            prop_assert_eq!(before != after, is_pods, "{}", before.id.0);
        }
    }

    #[test]
    fn given_any_world_then_exported_files_read_back_as_the_same_objects((answers, facts, existing) in worlds()) {
        let parts = blueprint(&answers, &facts, &existing).unwrap();
        let files = export(&parts);
        prop_assert!(files.is_sorted_by(|one, other| one.name < other.name));
        for (file, part) in files.iter().zip(&parts) {
            prop_assert_eq!(file.content.lines().next().unwrap(), "# ".to_owned() + &part.why);
            if let PartBody::Manifest(manifest) = &part.body {
                prop_assert_eq!(file.name.rsplit('.').next(), Some("yaml"));
                let read: Value = serde_saphyr::from_str(&file.content).unwrap();
                prop_assert_eq!(&read, &manifest.object);
            } else {
                // What ends in .yaml, kubectl would take for an object.
                prop_assert_eq!(file.name.rsplit('.').next(), Some("txt"));
            }
        }
    }
}
