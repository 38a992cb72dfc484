//! Signing in: with what the environment offers, then by asking a person.

use super::{
    DeviceCode, Error, Patience, Session, SignInError, azure_cli,
    azure_cli::BudgetedExecutor,
    device_code::DeviceCodeCredential,
    exchange::{Exchange, root_cause},
    rest::{Ask, Rest},
    session::FoundTenant,
    wire::{Me, Organization, Page},
};
use crate::{
    facts::{CloudEndpoints, TenantFacts},
    secret::Secret,
};
use azure_core::{
    cloud::{CloudConfiguration, CustomConfiguration},
    credentials::TokenCredential,
    http::{
        ClientOptions, ExponentialRetryOptions, RetryOptions, Transport, policies::auth::BearerTokenAuthorizationPolicy,
    },
    time::Duration as AzureDuration,
};
use azure_identity::{
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions, Executor,
    WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use serde::Deserialize;
use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};
use url::Url;

/// Ways to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Method {
    /// Whatever the environment offers, in the order of the others; device code only where somebody can be asked.
    Auto,
    /// `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET`, `AZURE_TENANT_ID`.
    ServicePrincipal,
    /// `AZURE_CLIENT_ID`, `AZURE_TENANT_ID`, `AZURE_FEDERATED_TOKEN_FILE`.
    WorkloadIdentity,
    /// Whoever `az login` signed in.
    AzureCli,
    /// A person with a browser anywhere.
    DeviceCode,
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Auto => "whatever the environment offers",
            Self::ServicePrincipal => "the service principal of the environment",
            Self::WorkloadIdentity => "the workload identity of the environment",
            Self::AzureCli => "the Azure CLI",
            Self::DeviceCode => "device code",
        })
    }
}

impl Method {
    /// The ways that somebody can choose, in the order in which they are tried.
    pub const ALL: [Self; 4] = [Self::ServicePrincipal, Self::WorkloadIdentity, Self::AzureCli, Self::DeviceCode];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::ServicePrincipal => "service-principal",
            Self::WorkloadIdentity => "workload-identity",
            Self::AzureCli => "azure-cli",
            Self::DeviceCode => "device-code",
        }
    }

    /// The way that goes by `name` on the command line.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Auto].into_iter().chain(Self::ALL).find(|method| method.name() == name)
    }

    /// How to sign in again.
    pub(super) fn again(self) -> &'static str {
        match self {
            Self::AzureCli => "run `az login`, then run again",
            Self::ServicePrincipal | Self::WorkloadIdentity => {
                "check AZURE_CLIENT_ID, AZURE_TENANT_ID and the credential beside them, then run again"
            }
            Self::Auto | Self::DeviceCode => "run again to sign in anew",
        }
    }
}

/// Who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Caller {
    /// A person's sign-in name, or an application's client id.
    pub name: String,
    /// Which of the two.
    pub kind: CallerKind,
    /// How they signed in.
    pub method: Method,
}

/// What is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CallerKind {
    /// A person: rights are those of the token and of the person's directory roles, whichever is less.
    Person,
    /// An application: rights are its own permissions.
    ServicePrincipal,
}

/// What it takes to be a service principal.
pub(super) const SERVICE_PRINCIPAL: [&str; 3] = ["AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID"];
/// What it takes to be a workload's identity.
pub(super) const WORKLOAD_IDENTITY: [&str; 3] = ["AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_TENANT_ID"];

/// The variables of the environment that sign-in reads.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, Secret>);

impl Environment {
    const NAMES: [&str; 4] =
        ["AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE"];

    /// Those of this process.
    pub fn of_process() -> Self {
        Self::of(Self::NAMES.iter().filter_map(|name| Some((*name, std::env::var(name).ok()?))))
    }

    /// Others, such as the practice ground's.
    pub fn of<N: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), Secret::new(value))).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(Secret::expose).filter(|value| !value.is_empty())
    }

    /// Those values, or the names that are missing.
    pub(super) fn all<const N: usize>(
        &self,
        method: Method,
        names: [&'static str; N],
    ) -> Result<[&str; N], SignInError> {
        let missing: Vec<_> = names.iter().copied().filter(|name| self.get(name).is_none()).collect();
        if missing.is_empty() {
            Ok(names.map(|name| self.get(name).unwrap_or_default()))
        } else {
            Err(SignInError::Incomplete { method, missing })
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

/// How to sign in, and where.
#[derive(Clone, Debug)]
pub struct SignInRequest {
    /// The cloud.
    pub cloud: CloudEndpoints,
    /// The tenant, by GUID or domain; `None` takes the one that the method brings.
    pub tenant: Option<String>,
    /// The way.
    pub method: Method,
    /// Whether somebody can be asked to type a code into a browser.
    pub interactive: bool,
    /// The variables to read.
    pub environment: Environment,
    /// How long to wait.
    pub patience: Patience,
    /// How `az` is run.
    pub azure_cli: Arc<dyn Executor>,
}

impl SignInRequest {
    /// With whatever the environment of this process offers, without asking anybody.
    pub fn new(cloud: CloudEndpoints) -> Self {
        let patience = Patience::default();
        Self {
            cloud,
            tenant: None,
            method: Method::Auto,
            interactive: false,
            environment: Environment::of_process(),
            patience,
            azure_cli: Arc::new(BudgetedExecutor(patience.azure_cli)),
        }
    }
}

/// Signs in, and finds out who and where we are.
pub async fn sign_in(
    request: SignInRequest,
    on_device_code: &(dyn Fn(&DeviceCode) + Send + Sync),
) -> Result<Session, SignInError> {
    let attempt = Attempt { http: client(&request.cloud, &request.patience)?, request, on_device_code };
    if attempt.request.method != Method::Auto {
        return attempt.with(attempt.request.method).await;
    }
    let mut tried = Vec::new();
    for method in [Method::ServicePrincipal, Method::WorkloadIdentity, Method::AzureCli] {
        match attempt.with(method).await {
            Ok(session) => return Ok(session),
            Err(error) => {
                let a_person_can_help = attempt.request.interactive
                    && method == Method::AzureCli
                    && (error.is_expired()
                        || error.is_not_permitted()
                        || matches!(error, SignInError::OtherCloud { .. }));
                let goes_on = error.is_not_set_up() || a_person_can_help;
                tracing::debug!("sign-in: {error}");
                if !goes_on {
                    return Err(error);
                }
                tried.push(error);
            }
        }
    }
    if attempt.request.interactive {
        return attempt.with(Method::DeviceCode).await;
    }
    Err(SignInError::NothingLeft { tried })
}

/// Where tokens come from, for whichever of the cloud's servers. They are handed to nobody: requests are sent with them.
#[derive(Clone)]
pub(super) struct Tokens {
    credential: Arc<dyn TokenCredential>,
    options: ClientOptions,
    method: Method,
    graph: Url,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tokens").field("method", &self.method).finish_non_exhaustive()
    }
}

impl Tokens {
    /// The middle part of a token for Graph; nothing, where there is none, or where it has no parts.
    pub(super) async fn payload_for_graph(&self) -> Option<String> {
        let token = self.credential.get_token(&[&default_scope(&self.graph)], None).await.ok()?;
        token.token.secret().split('.').nth(1).map(str::to_owned)
    }

    /// Requests with a token for `server`, and for no other.
    pub(super) fn exchange_with(&self, server: &Url) -> Exchange {
        let bearer = BearerTokenAuthorizationPolicy::new(Arc::clone(&self.credential), [default_scope(server)]);
        Exchange::new(self.options.clone(), Arc::new(bearer), self.method)
    }
}

/// Everything that the caller may do at `server`.
fn default_scope(server: &Url) -> String {
    format!("{}/.default", server.as_str().trim_end_matches('/'))
}

struct Attempt<'a> {
    request: SignInRequest,
    http: reqwest::Client,
    on_device_code: &'a (dyn Fn(&DeviceCode) + Send + Sync),
}

impl Attempt<'_> {
    async fn with(&self, method: Method) -> Result<Session, SignInError> {
        let (credential, caller) = self.credential(method).await?;
        let graph = &self.request.cloud.graph;
        let tokens = Tokens { credential, options: self.options(), method, graph: graph.clone() };
        let rest = Rest::new(graph, tokens.exchange_with(graph), self.request.patience)
            .map_err(|cause| SignInError::Client(cause.to_string()))?;
        let tenant = self.tenant(&rest).await?;
        let caller = match caller {
            Some(caller) => caller,
            None => self.person(&rest, method).await?,
        };
        tracing::info!("signed in to {} as {} with {method}", tenant.facts.domain, caller.name);
        Ok(Session::new(rest, tokens, self.http.clone(), tenant, caller))
    }

    fn scope(&self) -> String {
        default_scope(&self.request.cloud.graph)
    }

    fn options(&self) -> ClientOptions {
        let mut cloud = CustomConfiguration::default();
        cloud.authority_host = self.request.cloud.sign_in.to_string();
        ClientOptions {
            transport: Some(Transport::new(Arc::new(self.http.clone()))),
            cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
            // For the token endpoint, where asking twice does no harm.
            retry: RetryOptions::exponential(ExponentialRetryOptions {
                max_retries: 4,
                initial_delay: AzureDuration::try_from(self.request.patience.first_pause)
                    .unwrap_or(AzureDuration::SECOND),
                max_total_elapsed: AzureDuration::seconds(30),
                max_delay: AzureDuration::seconds(10),
            }),
            ..ClientOptions::default()
        }
    }

    async fn credential(&self, method: Method) -> Result<(Arc<dyn TokenCredential>, Option<Caller>), SignInError> {
        let failed = |cause: azure_core::Error| SignInError::of_credential(method, &cause);
        let application =
            |name: &str| Some(Caller { name: name.to_owned(), kind: CallerKind::ServicePrincipal, method });
        let environment = &self.request.environment;
        let tenant = self.request.tenant.as_deref();
        match method {
            Method::ServicePrincipal => {
                let [client, secret, own] = environment.all(method, SERVICE_PRINCIPAL)?;
                let options = ClientSecretCredentialOptions { client_options: self.options() };
                let secret = azure_core::credentials::Secret::new(secret.to_owned());
                let credential =
                    ClientSecretCredential::new(tenant.unwrap_or(own), client.to_owned(), secret, Some(options));
                Ok((credential.map_err(failed)?, application(client)))
            }
            Method::WorkloadIdentity => {
                let [client, file, own] = environment.all(method, WORKLOAD_IDENTITY)?;
                let options = WorkloadIdentityCredentialOptions {
                    credential_options: ClientAssertionCredentialOptions { client_options: self.options() },
                    client_id: Some(client.to_owned()),
                    tenant_id: Some(tenant.unwrap_or(own).to_owned()),
                    token_file_path: Some(file.into()),
                };
                Ok((WorkloadIdentityCredential::new(Some(options)).map_err(failed)?, application(client)))
            }
            Method::AzureCli => {
                let executor = Arc::clone(&self.request.azure_cli);
                let (credential, caller) = azure_cli::credential(&self.request.cloud, tenant, executor).await?;
                Ok((credential, Some(caller)))
            }
            Method::DeviceCode | Method::Auto => {
                let (credential, name) = DeviceCodeCredential::sign_in(
                    &self.http,
                    &self.request.cloud,
                    tenant,
                    &self.scope(),
                    &self.request.patience,
                    self.on_device_code,
                )
                .await?;
                Ok((Arc::new(credential), name.map(|name| Caller { name, kind: CallerKind::Person, method })))
            }
        }
    }

    async fn person(&self, rest: &Rest, method: Method) -> Result<Caller, SignInError> {
        let ask = Ask::get("me", "asking who is signed in").query("$select=userPrincipalName");
        let me: Me = rest.read(ask).await.map_err(of_graph)?;
        Ok(Caller { name: me.user_principal_name, kind: CallerKind::Person, method })
    }

    async fn tenant(&self, rest: &Rest) -> Result<FoundTenant, SignInError> {
        let ask =
            Ask::get("organization", "asking which tenant this is").query("$select=id,displayName,verifiedDomains");
        let found = match rest.read::<Page<Organization>>(ask).await {
            Ok(page) => page.value.into_iter().next(),
            // An application with rights to its own applications alone may not read the organization.
            Err(Error::NotPermitted { .. }) => None,
            Err(error) => return Err(of_graph(error)),
        };
        let own = self.request.environment.get("AZURE_TENANT_ID");
        let wanted = self.request.tenant.as_deref();
        let cloud = self.request.cloud.clone();
        let Some(found) = found else {
            let name = wanted.or(own).unwrap_or("organizations");
            let facts = TenantFacts { id: self.tenant_id(name).await?, domain: name.to_owned(), cloud };
            return Ok(FoundTenant { facts, domains: Vec::new() });
        };
        let is_it = |name: &str| {
            found.id.eq_ignore_ascii_case(name)
                || found.verified_domains.iter().any(|domain| domain.name.eq_ignore_ascii_case(name))
        };
        let domain = found.verified_domains.iter().find(|domain| domain.is_default);
        let domain = domain.or_else(|| found.verified_domains.iter().find(|domain| domain.is_initial));
        let domain = domain.map_or_else(|| found.id.clone(), |domain| domain.name.clone());
        if let Some(wanted) = wanted.filter(|wanted| !is_it(wanted)) {
            return Err(SignInError::OtherTenant {
                wanted: wanted.to_owned(),
                got: format!("{domain} ({})", found.id),
            });
        }
        let domains = found.verified_domains.into_iter().map(|domain| domain.name).collect();
        Ok(FoundTenant { facts: TenantFacts { id: found.id, domain, cloud }, domains })
    }

    /// The id of a tenant, from what it publishes: the first segment of its issuer's path.
    async fn tenant_id(&self, name: &str) -> Result<String, SignInError> {
        #[derive(Deserialize)]
        struct Metadata {
            issuer: Url,
        }
        let sign_in = self.request.cloud.sign_in.as_str().trim_end_matches('/');
        let url = format!("{sign_in}/{name}/v2.0/.well-known/openid-configuration");
        let unreachable = |cause: reqwest::Error| SignInError::Unreachable {
            url: url.clone(),
            cause: root_cause(&cause.without_url()),
        };
        let reply =
            self.http.get(&url).send().await.and_then(reqwest::Response::error_for_status).map_err(unreachable)?;
        let metadata: Metadata = reply.json().await.map_err(unreachable)?;
        let id = metadata.issuer.path_segments().and_then(|mut segments| segments.next().map(str::to_owned));
        id.filter(|id| !id.is_empty()).ok_or_else(|| SignInError::Unreachable {
            url: url.clone(),
            cause: "its metadata names no tenant".to_owned(),
        })
    }
}

fn of_graph(error: Error) -> SignInError {
    match error {
        Error::SignIn { cause, .. } => cause,
        error => SignInError::Tenant(Box::new(error)),
    }
}

/// The HTTPS client for this cloud's endpoints: with its certificate authority, without redirects (a token must not travel),
/// and without a proxy where all of the cloud is on this machine.
fn client(cloud: &CloudEndpoints, patience: &Patience) -> Result<reqwest::Client, SignInError> {
    crate::tls::install_provider();
    let mut builder = reqwest::Client::builder()
        .connect_timeout(patience.answer.min(Duration::from_secs(10)))
        .timeout(patience.answer)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")));
    if let Some(path) = &cloud.certificate_authority {
        let trust = |cause: String| SignInError::Trust { path: path.clone(), cause };
        let pem = std::fs::read(path).map_err(|cause| trust(cause.to_string()))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|cause| trust(root_cause(&cause)))?;
        if certificates.is_empty() {
            return Err(trust("there is no PEM certificate in it".to_owned()));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    if [&cloud.sign_in, &cloud.graph, &cloud.resource_manager].into_iter().all(is_loopback) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|cause| SignInError::Client(root_cause(&cause)))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
