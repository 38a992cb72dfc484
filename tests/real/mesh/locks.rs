//! What the application's own sidecar makes of the two locks, and what it shows when one of them goes.

use super::world::Example;
use crate::both_worlds::answers;
use gatewright::cluster::LiveConfiguration;
use gatewright::engine::missing_lock;

#[tokio::test(flavor = "multi_thread")]
async fn given_the_example_on_a_real_mesh_when_a_lock_goes_then_the_sidecars_own_configuration_says_which() {
    let Some(mut example) = Example::make(&answers()).await else { return };
    let mut sidecar = example.world.sidecar().await;
    let locks = example.locks.clone();
    let missing = |configuration: &LiveConfiguration| missing_lock(&locks, configuration);
    let has_both = |configuration: &LiveConfiguration| missing(configuration).map_or(Ok(()), Err);
    sidecar.comes_to("both locks are there", has_both).await;

    let issuer = &locks.issuer;
    let removals = [
        ("AuthorizationPolicy", "myapp-sign-in", "the hook of policy myapp/myapp-sign-in".to_owned()),
        ("RequestAuthentication", "myapp-token", format!("the check of tokens from {issuer} for {}", locks.audience)),
        ("AuthorizationPolicy", "myapp-token", "the policy myapp/myapp-token that demands a token".to_owned()),
        ("AuthorizationPolicy", "myapp-no-token", "the policy myapp/myapp-no-token that demands a token".to_owned()),
    ];
    for (kind, name, wanted) in removals {
        example.world.delete(kind, name).await;
        let says_so = |configuration: &LiveConfiguration| match missing(configuration) {
            Some(reason) if reason.starts_with(&wanted) => Ok(()),
            other => Err(format!("said: {other:?}")),
        };
        sidecar.comes_to(&format!("{kind} {name} is gone"), says_so).await;
        example.world.put_back(kind, name).await;
        sidecar.comes_to(&format!("{kind} {name} is back"), has_both).await;
    }

    example.provider_is_known(false).await;
    let is_bad = |configuration: &LiveConfiguration| match missing(configuration) {
        Some(reason) if reason.starts_with("Istio could not use the provider of a CUSTOM policy") => Ok(()),
        other => Err(format!("said: {other:?}")),
    };
    sidecar.comes_to("the mesh does not know the provider", is_bad).await;
    example.provider_is_known(true).await;
    sidecar.comes_to("the mesh knows it again", has_both).await;
}
