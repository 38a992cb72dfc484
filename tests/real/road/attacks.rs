//! Who may not come in, does not. That each question could find the application open is shown at the end, with both locks gone.

use super::Road;
use super::journeys::sign_in;
use crate::visitors::HOST;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::Value;

/// Ways to write an address of the application that must not lead a stranger into it.
pub(crate) const ADDRESSES: [&str; 17] = [
    "/",
    "/ping",
    "/ready",
    "/robots.txt",
    "/oauth2/static/css/all.min.css",
    "/oauth2/../",
    "/oauth2/..%2F",
    "/oauth2/%2e%2e/",
    "/oauth2/..;/",
    "/oauth2;/",
    "/oauth2%2F",
    "/OAUTH2/",
    "//oauth2/",
    "/oauth2//../..//",
    "/robots.txt/",
    "/robots.txt/../",
    "/robots.txt%2F..%2F",
];

/// Headers that say who somebody is. Some servers take `_` for `-`; to Envoy they are others.
pub(crate) const CLAIMS: [&str; 18] = [
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-preferred-username",
    "x-auth-request-user",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-user",
    "x-forwarded-access-token",
    "x_auth_request_email",
    "x_auth_request_groups",
    "x_auth_request_preferred_username",
    "x_auth_request_user",
    "x_forwarded_email",
    "x_forwarded_access_token",
    "x-auth-request_email",
    "x_auth-request-groups",
    "X-Auth_Request-Preferred_Username",
    "x-forwarded_user",
];

#[tokio::test(flavor = "multi_thread")]
async fn given_the_whole_road_when_it_is_attacked_then_it_holds_and_without_its_locks_it_does_not() {
    let Some(mut road) = Road::open().await else { return };
    let let_in = strangers_let_in(&road).await;
    assert!(let_in.is_empty(), "{let_in:#?}");
    other_names_for_the_host(&road).await;
    tokens_of_others(&road).await;
    claims_about_oneself(&road).await;
    open_redirects(&road).await;
    a_sign_in_that_failed(&road).await;

    // Each lock alone keeps strangers out.
    let (kind, hook) = ("AuthorizationPolicy", "gatewright-myapp-myapp-sign-in");
    let refusal = "gatewright-myapp-myapp-no-token";
    road.world.delete(kind, hook).await;
    road.gateway.comes_to("the hook is gone", |live| lacks(live.doors().all(|door| door.hooks.is_empty()))).await;
    let let_in = strangers_let_in(&road).await;
    assert!(let_in.is_empty(), "the token lock alone: {let_in:#?}");
    road.world.put_back(kind, hook).await;
    road.gateway.comes_to("the hook is back", super::is_guarded).await;
    road.world.delete(kind, refusal).await;
    let refuses = |live: &gatewright::cluster::LiveConfiguration| {
        live.doors().any(|door| door.policies.iter().any(|(_, policy)| policy.name == refusal))
    };
    road.gateway.comes_to("the refusal is gone", |live| lacks(!refuses(live))).await;
    let let_in = strangers_let_in(&road).await;
    assert!(let_in.is_empty(), "the hook alone: {let_in:#?}");

    // A lock whose other half is down stays shut.
    drop(road.session_store.take());
    let session_less = road.get("/", &[("accept", "text/html")]).await;
    assert!(!session_less.is_from_the_application(), "without the session store: {session_less:#?}");
    drop(road.sign_in_proxy.take());
    let down = road.get("/", &[]).await;
    assert_eq!(down.status, StatusCode::SERVICE_UNAVAILABLE, "without the sign-in proxy: {down:#?}");

    road.world.delete(kind, hook).await;
    road.gateway.comes_to("both are gone", |live| lacks(live.doors().all(|door| door.hooks.is_empty()))).await;
    let let_in = strangers_let_in(&road).await;
    assert!(let_in.contains(&"/"), "with both locks gone the same questions find the application open: {let_in:#?}");
}

fn lacks(is_so: bool) -> Result<(), String> {
    is_so.then_some(()).ok_or_else(|| "not yet".to_owned())
}

/// The addresses at which a stranger reaches the application.
async fn strangers_let_in(road: &Road) -> Vec<&'static str> {
    let mut let_in = Vec::new();
    for address in ADDRESSES {
        if road.get(address, &[]).await.is_from_the_application() {
            let_in.push(address);
        }
    }
    let_in
}

/// The host written in other ways, and a connection opened for another one.
async fn other_names_for_the_host(road: &Road) {
    for authority in
        [format!("{HOST}:443"), format!("{HOST}:8443"), HOST.to_uppercase(), "MyApp.Cluster.Example.com".to_owned()]
    {
        let answer = road.client.ask(HOST, &format!("https://{authority}/"), &[]).await;
        assert!(!answer.is_from_the_application(), "{authority}: {answer:#?}");
    }
    let other = "other.cluster.example.com";
    let answer = road.client.ask(other, &format!("https://{HOST}/"), &[]).await;
    assert!(!answer.is_from_the_application(), "a connection for {other}: {answer:#?}");
}

/// Tokens that are somebody else's, for something else, or nobody's.
async fn tokens_of_others(road: &Road) {
    let (client_id, secret) = road.own_credentials();
    let ours = road.own_token().await;
    let right = road.with_token(&ours).await;
    assert!(right.is_from_the_application(), "the right one gets in: {right:#?}\n{}", road.words_of_the_proxy());

    let graph = road.token(&client_id, &secret, "https://graph.microsoft.com/.default").await;
    let other = road.ground.caller();
    let without_role = road.token(&other.client_id, &other.client_secret, &format!("api://{client_id}/.default")).await;
    let (head, signature) = ours.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    for (name, token) in [
        ("for Graph", graph),
        ("of an application without the role", without_role),
        ("with another signature", forged),
        ("without an algorithm", altered(&ours, 0, |header| header["alg"] = "none".into())),
        ("from another issuer", altered(&ours, 1, |claims| claims["iss"] = "https://login.example.net/v2.0".into())),
        (
            "for another audience",
            altered(&ours, 1, |claims| claims["aud"] = "11111111-2222-3333-4444-555555555555".into()),
        ),
        ("no token at all", "nonsense".to_owned()),
    ] {
        let answer = road.with_token(&token).await;
        assert!(!answer.is_from_the_application(), "a token {name}: {answer:#?}");
    }
}

/// The token with one of its parts changed, and its signature with `alg: none` taken away.
fn altered(token: &str, part: usize, change: impl Fn(&mut Value)) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let mut value: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(&parts[part]).unwrap()).unwrap();
    change(&mut value);
    parts[part] = URL_SAFE_NO_PAD.encode(value.to_string());
    if value["alg"] == "none" {
        parts[2] = String::new();
    }
    parts.join(".")
}

/// What a client says of itself is not what the application hears.
async fn claims_about_oneself(road: &Road) {
    let session = sign_in(road, "alice@example.com", "/").await;
    let authorization = format!("Bearer {}", road.own_token().await);
    for known in [("cookie", session.as_str()), ("authorization", authorization.as_str())] {
        for claim in CLAIMS {
            let answer = road.get("/", &[known, (claim, "mallory@example.com")]).await;
            assert!(answer.is_from_the_application(), "{claim}: {answer:#?}");
            assert!(!answer.body.contains("mallory"), "{claim}: {answer:#?}");
        }
    }
    // To a stranger none of them opens anything.
    for claim in CLAIMS.into_iter().chain(["x-forwarded-uri", "x-auth-request-redirect", "x-gatewright-token"]) {
        let answer = road.get("/", &[(claim, "/oauth2/ping")]).await;
        assert!(!answer.is_from_the_application(), "{claim}: {answer:#?}");
    }
}

/// By this a callback that the sign-in proxy answers is told from one that somebody else does.
async fn a_sign_in_that_failed(road: &Road) {
    let answer = road.get("/oauth2/callback?error=made-up-to-see-who-answers", &[("accept", "text/html")]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:#?}");
    assert!(answer.body.contains("made-up-to-see-who-answers"), "{answer:#?}");
}

/// Sign-in leads back to the application and nowhere else.
async fn open_redirects(road: &Road) {
    for elsewhere in
        ["https://evil.example.net/", "//evil.example.net/", "/\\evil.example.net/", "https:evil.example.net"]
    {
        let query: String = url::form_urlencoded::byte_serialize(elsewhere.as_bytes()).collect();
        for path in [format!("/oauth2/start?rd={query}"), format!("/oauth2/sign_out?rd={query}")] {
            let answer = road.get(&path, &[("x-auth-request-redirect", elsewhere)]).await;
            let location = answer.headers.get("location").and_then(|value| value.to_str().ok()).unwrap_or_default();
            assert!(!location.contains("evil.example.net"), "{path}: {answer:#?}");
        }
    }
}
