//! What the gateway's Envoy makes of the routes, and what it shows when they go.

use super::world::Example;
use crate::both_worlds::answers;
use gatewright::cluster::LiveConfiguration;

const HOST: &str = "myapp.cluster.example.com";

#[tokio::test(flavor = "multi_thread")]
async fn given_the_example_on_a_real_mesh_when_its_routes_go_then_the_gateways_own_configuration_has_none() {
    let Some(Example { mut world, .. }) = Example::make(&answers()).await else { return };
    world.has_certificate().await;
    let mut gateway = world.gateway().await;
    let has_routes = |configuration: &LiveConfiguration| {
        let named = configuration.routes.contains("myapp/myapp");
        let found = configuration.has_host(HOST) && named;
        found.then_some(()).ok_or_else(|| "there is no route for the host".to_owned())
    };
    let has_none = |configuration: &LiveConfiguration| {
        let gone = !configuration.has_host(HOST) && configuration.routes.is_empty();
        gone.then_some(()).ok_or_else(|| "there is still a route".to_owned())
    };
    gateway.comes_to("the routes are there", has_routes).await;

    world.delete("VirtualService", "myapp").await;
    gateway.comes_to("the VirtualService is gone", has_none).await;
    world.put_back("VirtualService", "myapp").await;
    gateway.comes_to("the VirtualService is back", has_routes).await;
    world.delete("Gateway", "myapp").await;
    gateway.comes_to("the Gateway is gone", has_none).await;
}
