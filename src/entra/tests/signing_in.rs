//! Every way to sign in, and what is said when it does not work.

use super::{CANARY, Says, TENANT, TOKEN_PATH, World, aadsts, jwt, refuses, says, token};
use crate::{
    entra::{CallerKind, DeviceCode, Environment, Method, SignInError, SignInRequest, sign_in},
    facts::ConsentRight,
};
use azure_identity::Executor;
use serde_json::{Value, json};
use std::{
    ffi::OsStr,
    os::unix::process::ExitStatusExt as _,
    process::{ExitStatus, Output},
    sync::{Arc, Mutex},
    time::Duration,
};

const CLIENT: &str = "22222222-2222-2222-2222-222222222222";

fn no_code(code: &DeviceCode) {
    panic!("nobody was to be asked: {code:?}");
}

async fn refused(request: SignInRequest) -> SignInError {
    sign_in(request, &no_code).await.unwrap_err()
}

#[tokio::test]
async fn given_a_service_principal_in_the_environment_when_signing_in_then_it_is_used_and_named() {
    let world = World::start().await;
    let session = sign_in(world.request(Method::Auto), &no_code).await.unwrap();
    assert_eq!(session.caller().name, CLIENT);
    assert_eq!(session.caller().kind, CallerKind::ServicePrincipal);
    assert_eq!(session.caller().method, Method::ServicePrincipal);
    assert_eq!((session.tenant().id.as_str(), session.tenant().domain.as_str()), (TENANT, "contoso.com"));
    let asked = &world.seen(&format!("POST {TOKEN_PATH}"))[0].body;
    let scope = format!("scope=https%3A%2F%2Flocalhost%3A{}%2F.default", world.cloud().graph.port().unwrap());
    assert!(asked.contains("grant_type=client_credentials") && asked.contains(&scope), "{asked}");
}

#[tokio::test]
async fn given_many_requests_when_the_token_is_good_then_it_is_asked_for_once() {
    let world = World::start().await;
    let session = sign_in(world.request(Method::Auto), &no_code).await.unwrap();
    for _ in 0..3 {
        session.find_application("x").await.unwrap();
    }
    assert_eq!(world.seen(&format!("POST {TOKEN_PATH}")).len(), 1);
}

#[tokio::test]
async fn given_a_wrong_client_secret_when_signing_in_then_no_other_identity_is_tried_and_the_secret_is_not_told() {
    let world = World::start().await;
    world.on(&format!("POST {TOKEN_PATH}"), [aadsts("invalid_client", 7_000_215, "Invalid client secret provided.")]);
    let error = refused(SignInRequest { interactive: true, ..world.request(Method::Auto) }).await;
    let text = error.to_string();
    assert!(text.contains("AADSTS7000215") && text.contains("not its id"), "{text}");
    assert!(!format!("{text} {error:?}").contains(CANARY));
}

#[tokio::test]
async fn given_an_incomplete_environment_when_asked_for_by_name_then_what_is_missing_is_named() {
    let world = World::start().await;
    let environment = Environment::of([("AZURE_CLIENT_ID", CLIENT), ("AZURE_CLIENT_SECRET", "")]);
    let error = refused(SignInRequest { environment, ..world.request(Method::ServicePrincipal) }).await;
    assert!(error.to_string().contains("not set: AZURE_CLIENT_SECRET, AZURE_TENANT_ID"), "{error}");
}

#[tokio::test]
async fn given_an_application_that_may_not_read_the_organization_when_signing_in_then_metadata_names_the_tenant() {
    let world = World::start().await;
    world.on("GET /v1.0/organization", [refuses(403, "Authorization_RequestDenied", "Insufficient privileges")]);
    let issuer = format!("{}{TENANT}/v2.0", world.cloud().sign_in);
    world.on("GET /contoso.com/v2.0/.well-known/openid-configuration", [says(200, &json!({"issuer": issuer}))]);
    let by_domain = format!("POST {}", TOKEN_PATH.replace(TENANT, "contoso.com"));
    world.on(&by_domain, [token("graph-token", 3600)]);
    let request = SignInRequest { tenant: Some("contoso.com".to_owned()), ..world.request(Method::Auto) };
    let session = sign_in(request, &no_code).await.unwrap();
    assert_eq!((session.tenant().id.as_str(), session.tenant().domain.as_str()), (TENANT, "contoso.com"));
    let is_another = |tenant: &str| session.is_another_tenant(tenant);
    assert!(is_another("22222222-2222-2222-2222-222222222222") && !is_another(TENANT));
    assert!(!is_another("fabrikam.com"), "its domains may not be read: nobody can tell");
}

#[tokio::test]
async fn given_a_session_then_it_is_known_by_every_domain_of_its_tenant_and_by_no_other() {
    let world = World::start().await;
    let session = sign_in(world.request(Method::Auto), &no_code).await.unwrap();
    for own in [TENANT, "contoso.com", "Contoso.OnMicrosoft.com"] {
        assert!(!session.is_another_tenant(own), "{own}");
    }
    assert!(session.is_another_tenant("fabrikam.com"));
}

#[tokio::test]
async fn given_another_tenant_than_asked_for_when_signing_in_then_it_is_refused() {
    let world = World::start().await;
    world.on("POST /fabrikam.com/oauth2/v2.0/token", [token("graph-token", 3600)]);
    let error = refused(SignInRequest { tenant: Some("fabrikam.com".to_owned()), ..world.request(Method::Auto) }).await;
    assert!(error.to_string().contains("signed in to the tenant contoso.com"), "{error}");
}

#[tokio::test]
async fn given_a_federated_token_in_the_environment_when_signing_in_then_it_is_sent_as_an_assertion() {
    let world = World::start().await;
    let file = world.folder().join("token");
    std::fs::write(&file, "the-assertion").unwrap();
    let environment = Environment::of([
        ("AZURE_CLIENT_ID", CLIENT),
        ("AZURE_TENANT_ID", TENANT),
        ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap()),
    ]);
    let session = sign_in(SignInRequest { environment, ..world.request(Method::Auto) }, &no_code).await.unwrap();
    assert_eq!(session.caller().method, Method::WorkloadIdentity);
    assert!(world.seen(&format!("POST {TOKEN_PATH}"))[0].body.contains("client_assertion=the-assertion"));
}

#[tokio::test]
async fn given_a_certificate_nobody_vouches_for_when_signing_in_then_the_message_says_so() {
    let world = World::start().await;
    let mut request = world.request(Method::ServicePrincipal);
    request.cloud.certificate_authority = None;
    let message = refused(request).await.to_string();
    assert!(message.contains("cannot be reached") && message.to_lowercase().contains("certificate"), "{message}");
}

#[tokio::test]
async fn given_a_certificate_authority_that_is_none_when_signing_in_then_the_file_is_named() {
    let world = World::start().await;
    for (name, content) in [("missing.pem", None), ("empty.pem", Some("not a certificate"))] {
        let mut request = world.request(Method::ServicePrincipal);
        let file = world.folder().join(name);
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        request.cloud.certificate_authority = Some(file);
        let message = refused(request).await.to_string();
        assert!(message.contains(name), "{message}");
    }
}

/// An Azure CLI of canned answers.
#[derive(Clone, Debug)]
pub(super) struct FakeCli {
    pub(super) cloud: String,
    pub(super) accounts: Value,
    token: Result<String, String>,
    asked: Arc<Mutex<Vec<String>>>,
}

#[async_trait::async_trait]
impl Executor for FakeCli {
    async fn run(&self, _: &OsStr, arguments: &[&OsStr]) -> std::io::Result<Output> {
        let command = arguments.last().unwrap().to_string_lossy().into_owned();
        self.asked.lock().unwrap().push(command.clone());
        let answer = if command.contains("account list") {
            Ok(self.accounts.to_string())
        } else if command.contains("account show") {
            Ok(json!({"tenantId": TENANT, "user": {"name": "ada@contoso.com", "type": "user"}}).to_string())
        } else if command.contains("cloud show") {
            Ok(json!({"name": "Fake", "endpoints": {"activeDirectory": self.cloud}}).to_string())
        } else {
            self.token.clone()
        };
        let status = ExitStatus::from_raw(if answer.is_ok() { 0 } else { 1 << 8 });
        let (stdout, stderr) =
            answer.map_or_else(|error| (vec![], error.into_bytes()), |out| (out.into_bytes(), vec![]));
        Ok(Output { status, stdout, stderr })
    }
}

/// A request that has nothing but the Azure CLI.
pub(super) fn with_cli(world: &World, change: impl FnOnce(&mut FakeCli)) -> (SignInRequest, FakeCli) {
    let token = json!({"accessToken": "cli-token", "expires_on": 4_000_000_000_i64, "tokenType": "Bearer"});
    let user = json!({"name": "ada@contoso.com", "type": "user"});
    let mut cli = FakeCli {
        cloud: world.cloud().sign_in.to_string(),
        accounts: json!([{"isDefault": true, "tenantId": TENANT, "tenantDefaultDomain": "contoso.com", "user": user}]),
        token: Ok(token.to_string()),
        asked: Arc::default(),
    };
    change(&mut cli);
    let azure_cli = Arc::new(cli.clone());
    (SignInRequest { environment: Environment::default(), azure_cli, ..world.request(Method::Auto) }, cli)
}

#[tokio::test]
async fn given_somebody_signed_in_to_the_azure_cli_when_signing_in_then_that_is_used() {
    let world = World::start().await;
    let (mut request, cli) = with_cli(&world, |_| {});
    request.tenant = Some(TENANT.to_owned());
    let session = sign_in(request, &no_code).await.unwrap();
    assert_eq!((session.caller().name.as_str(), session.caller().kind), ("ada@contoso.com", CallerKind::Person));
    assert_eq!(world.seen("GET /v1.0/organization")[0].headers["authorization"], "Bearer cli-token");
    let asked = cli.asked.lock().unwrap().join("\n");
    assert!(asked.contains("get-access-token") && asked.contains(&format!("--tenant {TENANT}")), "{asked}");
}

#[tokio::test]
async fn given_the_azure_cli_is_set_to_another_cloud_when_signing_in_then_its_token_is_not_even_asked_for() {
    let world = World::start().await;
    let (request, cli) = with_cli(&world, |cli| cli.cloud = "https://login.microsoftonline.us".to_owned());
    let error = refused(request).await;
    assert!(error.to_string().contains("az cloud set"), "{error}");
    assert!(!cli.asked.lock().unwrap().iter().any(|command| command.contains("get-access-token")));
}

#[tokio::test]
async fn given_the_azure_cli_says_its_session_is_over_and_nobody_can_be_asked_then_the_sign_in_is_expired() {
    let world = World::start().await;
    let over = "ERROR: AADSTS700082: The refresh token has expired due to inactivity.\r\nTrace ID: t\nInteractive \
                authentication is needed. Please run:\naz login";
    let (request, _) = with_cli(&world, |cli| cli.token = Err(over.to_owned()));
    let error = refused(request).await;
    assert!(error.is_expired() && error.to_string().contains("az login"), "{error}");
}

#[tokio::test]
async fn given_nothing_at_all_and_nobody_to_ask_when_signing_in_then_every_way_is_named() {
    let world = World::start().await;
    let mut request = world.request(Method::Auto);
    request.environment = Environment::default();
    request.azure_cli = Arc::new(NoCli);
    let message = refused(request).await.to_string();
    for way in ["AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "it is not installed"] {
        assert!(message.contains(way), "{message}");
    }
}

#[derive(Debug)]
pub(super) struct NoCli;

#[async_trait::async_trait]
impl Executor for NoCli {
    async fn run(&self, _: &OsStr, _: &[&OsStr]) -> std::io::Result<Output> {
        Ok(Output { status: ExitStatus::from_raw(127 << 8), stdout: vec![], stderr: b"sh: az: not found".to_vec() })
    }
}

#[tokio::test]
async fn given_an_azure_cli_that_never_answers_when_run_then_its_budget_ends_it() {
    let executor = crate::entra::azure_cli::BudgetedExecutor(Duration::from_millis(100));
    let error = executor.run(OsStr::new("/bin/sh"), &[OsStr::new("-c"), OsStr::new("sleep 60")]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn given_an_azure_cli_that_asks_a_question_when_run_then_it_reads_the_end_of_input() {
    let executor = crate::entra::azure_cli::BudgetedExecutor(Duration::from_secs(20));
    let output = executor.run(OsStr::new("/bin/sh"), &[OsStr::new("-c"), OsStr::new("cat; echo done")]).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "done\n");
}

const ANYONE: &str = "/organizations/oauth2/v2.0";

fn device_answer(expires_in: u32) -> Says {
    says(
        200,
        &json!({"device_code": "DC", "user_code": "ABCD1234", "verification_uri": "https://microsoft.com/devicelogin",
                "expires_in": expires_in, "interval": 0, "message": "To sign in, use a web browser"}),
    )
}

fn person_token(access: &str, expires_in: u32) -> Says {
    let id = jwt(&json!({"preferred_username": "ada@contoso.com", "tid": TENANT}));
    says(
        200,
        &json!({"token_type": "Bearer", "access_token": access, "expires_in": expires_in, "refresh_token": CANARY, "id_token": id}),
    )
}

fn device_request(world: &World) -> SignInRequest {
    SignInRequest { environment: Environment::default(), ..world.request(Method::DeviceCode) }
}

async fn device_refused(world: &World, answers: Value) -> SignInError {
    world.on(&format!("POST {ANYONE}/devicecode"), [device_answer(900)]);
    world.on(&format!("POST {ANYONE}/token"), [says(400, &answers)]);
    sign_in(device_request(world), &|_| {}).await.unwrap_err()
}

#[tokio::test]
async fn given_a_person_who_takes_their_time_when_signing_in_by_device_code_then_it_polls_and_slows_down() {
    let world = World::start().await;
    world.on(&format!("POST {ANYONE}/devicecode"), [device_answer(900)]);
    world.on(
        &format!("POST {ANYONE}/token"),
        [
            aadsts("authorization_pending", 70_016, "pending"),
            aadsts("slow_down", 70_016, "slower"),
            Says::Breaks,
            person_token("person-token", 3600),
        ],
    );
    let shown = Mutex::new(Vec::new());
    let session =
        sign_in(device_request(&world), &|code: &DeviceCode| shown.lock().unwrap().push(code.clone())).await.unwrap();
    assert_eq!(shown.lock().unwrap()[0].user_code, "ABCD1234");
    assert_eq!((session.caller().name.as_str(), session.caller().method), ("ada@contoso.com", Method::DeviceCode));
    assert_eq!(world.seen("GET /v1.0/organization")[0].headers["authorization"], "Bearer person-token");
    let polls = world.seen(&format!("POST {ANYONE}/token"));
    assert_eq!(polls.len(), 4);
    assert!(
        polls[0].body.contains("device_code=DC") && polls[0].body.contains("grant-type%3Adevice_code"),
        "{polls:?}"
    );
}

#[tokio::test]
async fn given_a_device_code_token_that_runs_out_when_graph_is_asked_then_it_is_refreshed_in_the_own_tenant() {
    let world = World::start().await;
    world.on(&format!("POST {ANYONE}/devicecode"), [device_answer(900)]);
    world.on(&format!("POST {ANYONE}/token"), [person_token("first", 60)]);
    world.on(&format!("POST {TOKEN_PATH}"), [person_token("second", 3600)]);
    let session = sign_in(device_request(&world), &|_| {}).await.unwrap();
    session.find_application("x").await.unwrap();
    let refreshed = world.seen(&format!("POST {TOKEN_PATH}"));
    assert!(refreshed[0].body.contains("grant_type=refresh_token"), "{refreshed:?}");
    let asked = world.seen("GET /v1.0/applications(uniqueName='x')");
    assert_eq!(asked[0].headers["authorization"], "Bearer second");
    assert!(!format!("{session:?}").contains(CANARY));
}

#[tokio::test]
async fn given_a_refresh_token_that_is_revoked_when_graph_is_asked_then_the_sign_in_is_expired() {
    let world = World::start().await;
    world.on(&format!("POST {ANYONE}/devicecode"), [device_answer(900)]);
    world.on(&format!("POST {ANYONE}/token"), [person_token("first", 60)]);
    world.on(&format!("POST {TOKEN_PATH}"), [aadsts("invalid_grant", 50_173, "The provided grant has expired.")]);
    let error = sign_in(device_request(&world), &|_| {}).await.unwrap_err();
    assert!(error.is_expired(), "{error}");
    assert!(!format!("{error} {error:?}").contains(CANARY));
}

#[tokio::test]
async fn given_nobody_types_the_code_when_it_runs_out_then_that_is_said() {
    let world = World::start().await;
    world.on(&format!("POST {ANYONE}/devicecode"), [device_answer(1)]);
    world.on(&format!("POST {ANYONE}/token"), [aadsts("authorization_pending", 70_016, "pending")]);
    let error = sign_in(device_request(&world), &|_| {}).await.unwrap_err();
    assert!(matches!(error, SignInError::CodeExpired), "{error}");
}

#[tokio::test]
async fn given_the_person_says_no_when_signing_in_by_device_code_then_that_is_said() {
    let world = World::start().await;
    let error = device_refused(&world, json!({"error": "authorization_declined"})).await;
    assert!(matches!(error, SignInError::CodeDeclined), "{error}");
}

#[tokio::test]
async fn given_conditional_access_forbids_device_code_when_signing_in_then_another_way_is_named() {
    let world = World::start().await;
    let policy = json!({"error": "invalid_grant", "error_codes": [53003],
        "error_description": "AADSTS53003: Access has been blocked by Conditional Access policies."});
    let error = device_refused(&world, policy).await;
    assert!(error.is_not_permitted() && error.to_string().contains("az login"), "{error}");
}

#[tokio::test]
async fn given_the_azure_clis_session_is_over_and_a_person_is_there_when_signing_in_then_device_code_follows() {
    let world = World::start().await;
    world.on(&format!("POST {ANYONE}/devicecode"), [device_answer(900)]);
    world.on(&format!("POST {ANYONE}/token"), [person_token("person-token", 3600)]);
    let (mut request, _) = with_cli(&world, |cli| cli.token = Err("ERROR: AADSTS50173: revoked".to_owned()));
    request.interactive = true;
    let session = sign_in(request, &|_| {}).await.unwrap();
    assert_eq!(session.caller().method, Method::DeviceCode);
}

#[tokio::test]
async fn given_a_person_when_asked_whether_they_may_consent_then_their_directory_roles_say_so() {
    const ROLES: &str = "GET /v1.0/me/memberOf/microsoft.graph.directoryRole";
    let world = World::start().await;
    world.on(&format!("POST {ANYONE}/devicecode"), [device_answer(900)]);
    world.on(&format!("POST {ANYONE}/token"), [person_token("person-token", 3600)]);
    let session = sign_in(device_request(&world), &|_| {}).await.unwrap();
    let roles = |names: &[&str]| {
        let roles: Vec<_> = names.iter().map(|name| json!({"displayName": name})).collect();
        says(200, &json!({"value": roles}))
    };
    world.on(ROLES, [roles(&["Directory Readers", "Global Administrator"]), roles(&["Application Developer"])]);
    let may = ConsentRight::May { by: "Global Administrator".to_owned() };
    assert_eq!(session.consent_right().await.unwrap(), may);
    let may_not = ConsentRight::MayNot { who: "Cloud Application Administrator".to_owned() };
    assert_eq!(session.consent_right().await.unwrap(), may_not);
    world.on(ROLES, [refuses(403, "Authorization_RequestDenied", "no")]);
    assert!(session.consent_right().await.unwrap_err().is_not_permitted(), "that cannot be seen is no `no`");
}

#[tokio::test]
async fn given_a_program_when_asked_whether_it_may_consent_then_its_permissions_say_so_and_a_token_that_tells_nothing_is_no_no()
 {
    let permissions = |roles: &[&str]| jwt(&json!({"roles": roles}));
    let may_not = ConsentRight::MayNot { who: "Cloud Application Administrator".to_owned() };
    let may = ConsentRight::May { by: "DelegatedPermissionGrant.ReadWrite.All".to_owned() };
    for (held, expected) in [
        (permissions(&["Application.Read.All", "DelegatedPermissionGrant.ReadWrite.All"]), Some(may)),
        (permissions(&["Application.Read.All"]), Some(may_not)),
        ("opaque".to_owned(), None),
    ] {
        let world = World::start().await;
        world.on(&format!("POST {TOKEN_PATH}"), [token(&held, 3600)]);
        let session = world.session().await;
        assert_eq!(session.consent_right().await.ok(), expected, "{held}");
    }
}
