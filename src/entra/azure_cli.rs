//! The Azure CLI: who is signed in there, in which cloud, and its tokens.

use super::{Caller, CallerKind, Method, SignInError};
use crate::facts::{CloudEndpoints, TenantSummary};
use azure_core::credentials::TokenCredential;
use azure_identity::{AzureCliCredential, AzureCliCredentialOptions, Executor};
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    ffi::OsStr,
    io,
    process::{Output, Stdio},
    sync::Arc,
    time::Duration,
};
use url::Url;

/// Runs `az` so that it can neither ask questions, nor outlive us, nor keep us waiting for ever.
#[derive(Clone, Copy, Debug)]
pub(super) struct BudgetedExecutor(pub(super) Duration);

#[async_trait::async_trait]
impl Executor for BudgetedExecutor {
    async fn run(&self, program: &OsStr, arguments: &[&OsStr]) -> io::Result<Output> {
        let mut command = tokio::process::Command::new(program);
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        tokio::time::timeout(self.0, command.output()).await.unwrap_or_else(|_| {
            Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} s", self.0.as_secs())))
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    user: AccountUser,
}

#[derive(Deserialize)]
struct AccountUser {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Cloud {
    name: String,
    endpoints: CloudEndpointsOfTheCli,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CloudEndpointsOfTheCli {
    active_directory: Url,
}

/// An account as the CLI lists it: one for each subscription, or for a tenant without any.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedAccount {
    #[serde(default)]
    is_default: bool,
    tenant_id: String,
    /// Older CLIs do not say.
    tenant_default_domain: Option<String>,
    user: AccountUser,
}

/// Who is signed in to the CLI, and to which tenants, the one that it uses by itself first.
pub(super) struct SignedIn {
    pub(super) name: String,
    pub(super) tenants: Vec<TenantSummary>,
}

/// Asks the CLI who is signed in there; nobody else is asked. Fails when nobody is, or in another cloud.
pub(super) async fn signed_in(cloud: &CloudEndpoints, executor: &dyn Executor) -> Result<SignedIn, SignInError> {
    const LIST: &str = "az account list --output json";
    let (mut accounts, cli_cloud): (Vec<ListedAccount>, Cloud) =
        futures::try_join!(ask(executor, LIST), ask(executor, SHOW_CLOUD))?;
    accounts.sort_by_key(|account| !account.is_default);
    let Some(first) = accounts.first() else {
        return Err(SignInError::CliUnusable { command: LIST.to_owned(), cause: "nobody is signed in".to_owned() });
    };
    cli_cloud.must_be(cloud)?;
    let name = first.user.name.clone();
    let mut tenants: Vec<TenantSummary> = Vec::new();
    for account in accounts {
        if !tenants.iter().any(|tenant| tenant.tenant == account.tenant_id) {
            let name = account.tenant_default_domain.filter(|domain| !domain.is_empty());
            tenants.push(TenantSummary { tenant: account.tenant_id, name });
        }
    }
    Ok(SignedIn { name, tenants })
}

const SHOW_CLOUD: &str = "az cloud show --output json";

impl Cloud {
    fn must_be(&self, cloud: &CloudEndpoints) -> Result<(), SignInError> {
        if self.endpoints.active_directory.origin() == cloud.sign_in.origin() {
            return Ok(());
        }
        Err(SignInError::OtherCloud {
            cli_cloud: self.name.clone(),
            cli_sign_in: self.endpoints.active_directory.to_string(),
            wanted: cloud.sign_in.to_string(),
        })
    }
}

/// The credential, and who it is; fails when nobody is signed in there, or in another cloud.
pub(super) async fn credential(
    cloud: &CloudEndpoints,
    tenant: Option<&str>,
    executor: Arc<dyn Executor>,
) -> Result<(Arc<dyn TokenCredential>, Caller), SignInError> {
    let (account, cli_cloud): (Account, Cloud) =
        futures::try_join!(ask(&*executor, "az account show --output json"), ask(&*executor, SHOW_CLOUD))?;
    cli_cloud.must_be(cloud)?;
    let options = AzureCliCredentialOptions {
        tenant_id: tenant.map(str::to_owned),
        executor: Some(executor),
        ..AzureCliCredentialOptions::default()
    };
    let credential =
        AzureCliCredential::new(Some(options)).map_err(|cause| SignInError::of_credential(Method::AzureCli, &cause))?;
    let kind = if account.user.kind.eq_ignore_ascii_case("servicePrincipal") {
        CallerKind::ServicePrincipal
    } else {
        CallerKind::Person
    };
    Ok((credential, Caller { name: account.user.name, kind, method: Method::AzureCli }))
}

async fn ask<T: DeserializeOwned>(executor: &dyn Executor, command: &str) -> Result<T, SignInError> {
    let (shell, switch) = if cfg!(windows) { ("cmd", "/C") } else { ("/bin/sh", "-c") };
    let unusable = |cause: String| SignInError::CliUnusable { command: command.to_owned(), cause };
    let output = executor
        .run(OsStr::new(shell), &[OsStr::new(switch), OsStr::new(command)])
        .await
        .map_err(|cause| unusable(cause.to_string()))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no reason given");
        return Err(match output.status.code() {
            Some(127) => unusable("it is not installed".to_owned()),
            _ => unusable(first.trim_start_matches("ERROR: ").to_owned()),
        });
    }
    serde_json::from_slice(&output.stdout).map_err(|_| unusable("its answer is not the JSON it usually is".to_owned()))
}
