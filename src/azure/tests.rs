//! The client against a practice tenant that is not its own work: over TLS, with a token for Resource Manager.

use super::{Assigned, Error, ResourceManager, ZoneId};
use crate::{
    entra::{Environment, Method, Patience, Session, SignInRequest, sign_in},
    practice::{Ground, GroundOptions, Scenario, Server, Timings},
};
use std::sync::{Arc, Mutex};

const IDENTITY: &str = "66666666-7777-8888-9999-00000000000d";

async fn ground(tenant: &str) -> Ground {
    let scenario = format!("title: a title\nabout: about\n{tenant}");
    let scenario = Scenario::parse("test", &scenario, "test").unwrap();
    Ground::start(GroundOptions { timings: Timings::Instant, ..GroundOptions::new(scenario) }).await.unwrap()
}

async fn session(ground: &Ground) -> Session {
    let caller = ground.caller();
    let cloud = crate::entra::cloud::from_file(&ground.cloud_file()).unwrap();
    let request = SignInRequest {
        method: Method::ServicePrincipal,
        patience: Patience::hurried(),
        environment: Environment::of([
            ("AZURE_CLIENT_ID", caller.client_id.as_str()),
            ("AZURE_CLIENT_SECRET", &caller.client_secret),
            ("AZURE_TENANT_ID", &caller.tenant_id),
        ]),
        ..SignInRequest::new(cloud)
    };
    sign_in(request, &|_| {}).await.unwrap()
}

fn zone(name: &str) -> ZoneId {
    ZoneId {
        subscription: "c0470505-0000-4000-8000-0000000005ab".to_owned(),
        resource_group: "dns".to_owned(),
        name: name.to_owned(),
    }
}

/// The identity's object id.
async fn principal(session: &Session) -> String {
    session.service_principal(IDENTITY).await.unwrap().unwrap().id
}

fn requests(ground: &Ground, method: &str) -> usize {
    let journal = ground.journal().since(0);
    journal.iter().filter(|entry| entry.server == Server::ResourceManager && entry.method == method).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn given_a_session_when_resource_manager_is_asked_then_it_tells_subscriptions_and_zones() {
    let ground = ground("").await;
    let manager = ResourceManager::of(&session(&ground).await);
    let subscriptions = manager.subscriptions().await.unwrap();
    let [subscription] = &subscriptions[..] else { panic!("{subscriptions:?}") };
    assert_eq!((subscription.display_name.as_str(), subscription.state.as_str()), ("Practice subscription", "Enabled"));
    let zones = manager.zones(&subscription.subscription_id).await.unwrap();
    let zones: Vec<_> =
        zones.iter().map(|zone| (zone.resource_group(), zone.name.as_str(), zone.is_public())).collect();
    assert!(zones.contains(&("dns", "cluster.example.com", true)), "{zones:?}");
    assert!(manager.zone(&zone("cluster.example.com")).await.is_ok());
    let absent = manager.zone(&zone("example.net")).await.unwrap_err();
    assert!(absent.is_not_there() && absent.to_string().contains("az network dns zone list"), "{absent}");
    ground.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn given_no_role_when_it_is_given_twice_then_there_is_one_and_it_is_found() {
    let ground = ground("").await;
    let session = session(&ground).await;
    let (manager, principal, zone) =
        (ResourceManager::of(&session), principal(&session).await, zone("cluster.example.com"));
    assert_eq!(manager.role_on(&zone, &principal).await.unwrap(), None);
    assert!(manager.may_assign(&zone).await.unwrap());
    assert_eq!(manager.assign_role(&zone, &principal, "ours").await.unwrap(), Assigned::Created);
    assert_eq!(manager.assign_role(&zone, &principal, "ours").await.unwrap(), Assigned::Unchanged);
    let (role, held) = manager.role_on(&zone, &principal).await.unwrap().unwrap();
    let name = zone.assignment_name(&principal, super::DNS_ZONE_CONTRIBUTOR).to_string();
    assert_eq!((role, held.name), ("DNS Zone Contributor", name));
    ground.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn given_the_role_was_given_under_another_name_when_it_is_given_again_then_that_is_a_success() {
    let ground = ground("").await;
    let session = session(&ground).await;
    assert!(ground.tenant().assign_zone_role(IDENTITY, ("dns", "cluster.example.com")));
    let manager = ResourceManager::of(&session);
    let assigned = manager.assign_role(&zone("cluster.example.com"), &principal(&session).await, "ours").await;
    assert_eq!(assigned.unwrap(), Assigned::Unchanged);
    ground.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn given_the_right_is_lacking_when_the_role_is_given_then_it_is_told_at_once_and_who_can() {
    let ground = ground("tenant: {rights: {mayAssignAzureRoles: false}}\n").await;
    let session = session(&ground).await;
    let (manager, zone) = (ResourceManager::of(&session), zone("cluster.example.com"));
    assert!(!manager.may_assign(&zone).await.unwrap());
    let error = manager.assign_role(&zone, &principal(&session).await, "ours").await.unwrap_err();
    let right = error.lacks_right().unwrap_or_else(|| panic!("{error}"));
    assert_eq!(right.action, "Microsoft.Authorization/roleAssignments/write");
    assert!(right.roles.contains(&"Owner") && error.is_not_permitted());
    assert_eq!(requests(&ground, "PUT"), 1, "not tried again");
    ground.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn given_an_identity_that_is_not_known_everywhere_and_a_server_that_stumbles_then_it_is_tried_again() {
    let ground = ground(
        "
faults:
- match: {server: resourceManager, method: PUT, nth: 1}
  then: {fail: {status: 400, body: {error: {code: PrincipalNotFound, message: Principal x does not exist in the directory y.}}}}
- match: {server: resourceManager, method: PUT, nth: 2}
  then: {fail: {status: 503}}
- match: {server: resourceManager, method: PUT, nth: 3}
  then: {cut: after}
",
    )
    .await;
    let session = session(&ground).await;
    let waits = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&waits);
    let observed = session.observed_by(move |reason| seen.lock().unwrap().push(reason.to_string()));
    let manager = ResourceManager::of(&observed);
    let assigned = manager.assign_role(&zone("cluster.example.com"), &principal(&session).await, "ours").await;
    assert_eq!(assigned.unwrap(), Assigned::Unchanged, "it took effect before the connection was cut");
    let waits = waits.lock().unwrap().clone();
    assert_eq!(waits.len(), 3, "{waits:?}");
    assert!(waits[0].contains("PrincipalNotFound"), "{waits:?}");
    ground.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn given_a_sign_in_that_resource_manager_does_not_take_then_the_error_says_how_to_sign_in_again() {
    let ground = ground(
        "faults:\n- match: {server: resourceManager, every: 1}\n  then: {fail: {status: 401, body: {error: {code: \
         ExpiredAuthenticationToken, message: expired}}}}\n",
    )
    .await;
    let error = ResourceManager::of(&session(&ground).await).subscriptions().await.unwrap_err();
    assert!(matches!(error, Error::SignInExpired { .. }), "{error}");
    assert!(error.remedy().contains("AZURE_CLIENT_ID"), "{error}");
    ground.stop().await.unwrap();
}
