//! Knocking at the edge, as a browser or a program does.

use crate::world::{HOST, World};
use reqwest::{Client, Response, StatusCode, redirect::Policy};
use std::net::SocketAddr;
use url::Url;

/// A client that knows where the edge is, trusts the practice authority alone, and follows no redirect.
pub(crate) fn client(world: &World) -> Client {
    let edge = SocketAddr::from(([127, 0, 0, 1], world.ground.ports().edge));
    let authority = reqwest::Certificate::from_pem(world.ground.authority().certificate_pem().as_bytes()).unwrap();
    Client::builder().resolve(HOST, edge).tls_certs_only([authority]).redirect(Policy::none()).build().unwrap()
}

pub(crate) fn address(world: &World, path: &str) -> String {
    format!("https://{HOST}:{}{path}", world.ground.ports().edge)
}

pub(crate) fn get(world: &World, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = client(world).get(address(world, path));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.wait_for(request.send()).unwrap()
}

pub(crate) fn reached_the_app(response: &Response) -> bool {
    response.headers().contains_key("x-practice-app")
}

/// A token from the practice tenant, as any client gets one.
pub(crate) fn token(world: &World, client_id: &str, secret: &str, scope: &str) -> String {
    let authority = reqwest::Certificate::from_pem(world.ground.authority().certificate_pem().as_bytes()).unwrap();
    let client = Client::builder().tls_certs_only([authority]).build().unwrap();
    let url = format!("{}/{}/oauth2/v2.0/token", world.ground.cloud().sign_in, world.ground.caller().tenant_id);
    let form =
        [("client_id", client_id), ("client_secret", secret), ("grant_type", "client_credentials"), ("scope", scope)];
    let answer = world.wait_for(async {
        client.post(url).form(&form).send().await.unwrap().json::<serde_json::Value>().await.unwrap()
    });
    answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// The application's own client id and secret, from the Secret that the sign-in proxy reads.
pub(crate) fn own_credentials(world: &World) -> (String, String) {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let client_id = world
        .applications()
        .into_iter()
        .find(|application| application["uniqueName"].as_str().is_some_and(|name| name.ends_with(".myapp")))
        .unwrap()["appId"]
        .as_str()
        .unwrap()
        .to_owned();
    let secret = world
        .ground
        .cluster()
        .list("", "Secret", Some("myapp"))
        .into_iter()
        .find_map(|secret| secret["data"]["client-secret"].as_str().map(str::to_owned))
        .unwrap();
    (client_id, String::from_utf8(STANDARD.decode(secret).unwrap()).unwrap())
}

pub(crate) fn cookies(response: &Response) -> String {
    let pairs =
        response.headers().get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
    pairs.filter(|pair| !pair.ends_with('=')).collect::<Vec<_>>().join("; ")
}

/// A browser of somebody who looks for themselves where a page leads: it trusts the practice authority, and follows no redirect.
pub(crate) fn a_browser(world: &World) -> Client {
    let authority = reqwest::Certificate::from_pem(world.ground.authority().certificate_pem().as_bytes()).unwrap();
    Client::builder().tls_certs_only([authority]).redirect(Policy::none()).build().unwrap()
}

/// Signs `person` in on the way to `path`, and tells the cookies of the session.
pub(crate) fn sign_in(world: &World, person: &str, path: &str) -> String {
    let edge = client(world);
    let deep = address(world, path);
    let first = world.wait_for(edge.get(&deep).header("accept", "text/html").send()).unwrap();
    let csrf = cookies(&first);
    let authorize = first.headers()["location"].to_str().unwrap().to_owned();

    let browser = a_browser(world);
    let mut authorize = Url::parse(&authorize).unwrap();
    authorize.query_pairs_mut().append_pair("login_hint", person);
    let signed_in = world.wait_for(browser.get(authorize).send()).unwrap();
    let callback = Url::parse(signed_in.headers()["location"].to_str().unwrap()).unwrap();
    assert_eq!(callback.host_str(), Some(HOST));

    let back = format!("{}?{}", callback.path(), callback.query().unwrap());
    let done = get(world, &back, &[("cookie", &csrf)]);
    assert_eq!(done.status(), StatusCode::FOUND, "{done:?}");
    let session = cookies(&done);
    let location = done.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.ends_with(path), "{location}");
    session
}
