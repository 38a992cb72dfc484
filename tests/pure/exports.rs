//! What `export` writes.

use crate::{parts::Parts, world};
use gatewright::blueprint::{PartBody, blueprint, document, export};

#[test]
fn given_the_example_then_files_are_numbered_in_the_order_of_their_making() {
    let files = export(&Parts::of(&world::answers(), &world::facts(28), &world::registered()).0);
    let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
    insta::assert_snapshot!(names.join("\n"), @r"
        010-namespace-myapp.yaml
        020-configmap-gatewright-myapp.yaml
        030-entra-application.txt
        040-entra-identifier-uri.txt
        050-entra-service-principal.txt
        060-entra-grant-graph.txt
        070-entra-grant-own.txt
        080-entra-role-assignment.txt
        090-entra-client-secret.txt
        100-certificate-gatewright-myapp-myapp.yaml
        110-peerauthentication-myapp-oauth2-proxy.yaml
        120-authorizationpolicy-myapp-oauth2-proxy.yaml
        130-peerauthentication-myapp-sessions.yaml
        140-authorizationpolicy-myapp-sessions.yaml
        150-secret-myapp-sessions.yaml
        160-serviceaccount-myapp-sessions.yaml
        170-secret-myapp-oauth2-proxy.yaml
        180-serviceaccount-myapp-oauth2-proxy.yaml
        190-mesh-provider.txt
        200-serviceaccount-myapp.yaml
        210-service-myapp-sessions.yaml
        220-deployment-myapp-sessions.yaml
        230-configmap-myapp-oauth2-proxy.yaml
        240-service-myapp-oauth2-proxy.yaml
        250-deployment-myapp-oauth2-proxy.yaml
        260-destinationrule-myapp.yaml
        270-authorizationpolicy-myapp-sign-in.yaml
        280-authorizationpolicy-myapp-reserved.yaml
        290-requestauthentication-myapp-token.yaml
        300-authorizationpolicy-myapp-no-token.yaml
        310-authorizationpolicy-myapp-token.yaml
        320-service-myapp.yaml
        330-deployment-myapp.yaml
        340-gateway-myapp.yaml
        350-virtualservice-myapp.yaml
        ");
}

/// The reasons are for people: what is sent is the object alone.
#[test]
fn given_reasons_of_fields_then_each_stands_in_the_document_of_a_field_that_is_there_and_changes_no_value() {
    let parts = blueprint(&world::answers_with_new_issuer(), &world::facts(28), &world::registered()).unwrap();
    let mut reasons = 0;
    for part in &parts {
        let text = document(part);
        let value = match &part.body {
            PartBody::Manifest(manifest) => manifest.object.clone(),
            PartBody::MeshProvider(provider) => serde_json::json!([provider.entry]),
            _ => continue,
        };
        for reason in &part.reasons {
            let at = format!("{} {}", part.id.0, reason.field);
            assert!(value.pointer(reason.field).is_some_and(|field| !field.is_object() && !field.is_array()), "{at}");
            assert!(text.contains(&format!(" # {}\n", reason.why)), "{at}:\n{text}");
            assert!(reason.why.chars().count() <= 80 && !reason.why.ends_with('.'), "{at}: a clause");
            reasons += 1;
        }
        assert_eq!(serde_saphyr::from_str::<serde_json::Value>(&text).unwrap(), value, "{}", part.id.0);
    }
    assert!(reasons > 20, "{reasons}");
}

#[test]
fn given_an_application_to_take_over_then_its_file_says_so_and_every_other_file_is_the_same() {
    let files =
        |answers: &gatewright::answers::Answers| export(&Parts::of(answers, &world::facts(28), &world::registered()).0);
    let mut adopting = world::answers();
    adopting.registration.adopt = Some(gatewright::answers::Adopt {
        client_id: "7f6bd2a4-5a0c-4f0e-9d53-2c1f8a1b6e90".parse().unwrap(),
        rename: false,
    });
    let (made, adopted) = (files(&world::answers()), files(&adopting));
    let differ: Vec<&str> = made
        .iter()
        .zip(&adopted)
        .filter(|(made, adopted)| made != adopted)
        .map(|(made, _)| made.name.as_str())
        .collect();
    assert_eq!(differ, ["020-configmap-gatewright-myapp.yaml", "030-entra-application.txt"]);
    let application = &adopted[2].content;
    for line in [
        "takesOver: 7f6bd2a4-5a0c-4f0e-9d53-2c1f8a1b6e90; what others have in it stays\n",
        "displayName: stays as it is\n",
        "signInAudience: stays as it is\n",
        "requestedAccessTokenVersion: 2\n",
    ] {
        assert!(application.contains(line), "{application}");
    }
}

#[test]
fn given_a_secret_then_its_file_says_what_fills_it() {
    let files = export(&Parts::of(&world::answers(), &world::facts(28), &world::registered()).0);
    let secret = files.iter().find(|file| file.name.ends_with("secret-myapp-oauth2-proxy.yaml")).unwrap();
    insta::assert_snapshot!(secret.content, @r"
        # Holds the client secret of the registration, and the key that signs and encrypts the session cookies.
        # Its values are not in this file; `gatewright setup` fills them in:
        #   client-secret: the client secret of the registration
        #   cookie-secret: 32 random bytes in base64url without padding
        apiVersion: v1
        kind: Secret
        metadata:
          labels:
            app.kubernetes.io/component: oauth2-proxy
            app.kubernetes.io/managed-by: gatewright
            app.kubernetes.io/name: myapp-oauth2-proxy
            app.kubernetes.io/part-of: myapp
            gatewright.dev/installation: myapp
            gatewright.dev/installation-namespace: myapp
          name: myapp-oauth2-proxy
          namespace: myapp
        type: Opaque
        ");
}

#[test]
fn given_the_entry_of_the_mesh_configuration_then_its_file_says_where_it_goes() {
    let files = export(&Parts::of(&world::answers(), &world::facts(9), &world::registered()).0);
    let entry = files.iter().find(|file| file.name.ends_with("mesh-provider.txt")).unwrap();
    insta::assert_snapshot!(entry.content, @r#"
        # Tells the mesh where the sign-in proxy is and what to ask it; this entry is all that is changed there.
        # The ConfigMap `istio` in namespace `istio-system` is somebody else's: add this entry to the list `extensionProviders` in the
        # document under its key `mesh`, and leave the rest as it is.
        - name: gatewright-myapp-myapp # the name that the hook's policy asks for
          envoyExtAuthzHttp:
            service: myapp-oauth2-proxy.myapp.svc.cluster.local
            port: 80
            failOpen: false # nobody gets in while the sign-in proxy is away
            statusOnError: "503" # a sign-in proxy that is away is told from a refusal
            includeHeadersInCheck:
            - accept
            - authorization
            - cookie
            - user-agent
            - x-envoy-external-address
            - x-forwarded-for
            - x-forwarded-proto
            - x-requested-with
            headersToUpstreamOnAllow:
            - authorization
            - x-auth-request-email
            - x-auth-request-groups
            - x-auth-request-preferred-username
            - x-auth-request-user
        "#);
}
