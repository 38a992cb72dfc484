//! Which ways to sign in there are here, as far as this machine alone can tell.

use super::{
    Method, SignInError, SignInRequest, azure_cli,
    sign_in::{SERVICE_PRINCIPAL, WORKLOAD_IDENTITY},
};
use crate::facts::{SignInSummary, TenantSummary};
use std::{fs::File, time::Duration};

/// How long the Azure CLI may take to say who is signed in there: it reads files, but takes a second to start, and more on a busy
/// machine.
const CLI_BUDGET: Duration = Duration::from_secs(20);

/// Each of `methods`, and whether it can work with what `request` brings. Asks nobody outside of this machine.
pub async fn ways(request: &SignInRequest, methods: &[Method]) -> Vec<SignInSummary> {
    let looking = methods.iter().filter(|method| **method != Method::Auto).map(|method| way(request, *method));
    futures::future::join_all(looking).await
}

async fn way(request: &SignInRequest, method: Method) -> SignInSummary {
    let found = match method {
        Method::ServicePrincipal => service_principal(request),
        Method::WorkloadIdentity => workload_identity(request),
        Method::AzureCli => azure_cli(request).await,
        Method::DeviceCode | Method::Auto => device_code(request),
    };
    let (about, unusable, tenants) = match found {
        Ok((about, tenants)) => (about, None, tenants),
        Err(reason) => (String::new(), Some(reason), Vec::new()),
    };
    SignInSummary { method: method.name().to_owned(), about, unusable, tenants }
}

/// Who that would be, and the tenants it is known to reach; or why it cannot work.
type Found = Result<(String, Vec<TenantSummary>), String>;

fn missing(error: SignInError) -> String {
    match error {
        SignInError::Incomplete { missing, .. } => format!("not set: {}", missing.join(", ")),
        other => other.to_string(),
    }
}

fn application(request: &SignInRequest, client: &str, own: &str) -> (String, Vec<TenantSummary>) {
    let tenant = request.tenant.as_deref().unwrap_or(own);
    (format!("the application {client}"), vec![TenantSummary { tenant: tenant.to_owned(), name: None }])
}

fn service_principal(request: &SignInRequest) -> Found {
    let [client, _, own] = request.environment.all(Method::ServicePrincipal, SERVICE_PRINCIPAL).map_err(missing)?;
    Ok(application(request, client, own))
}

fn workload_identity(request: &SignInRequest) -> Found {
    let [client, file, own] = request.environment.all(Method::WorkloadIdentity, WORKLOAD_IDENTITY).map_err(missing)?;
    File::open(file).map_err(|error| format!("the federated token in {file} cannot be read: {error}"))?;
    Ok(application(request, client, own))
}

async fn azure_cli(request: &SignInRequest) -> Found {
    let asking = azure_cli::signed_in(&request.cloud, &*request.azure_cli);
    match tokio::time::timeout(CLI_BUDGET, asking).await {
        Ok(Ok(signed_in)) => {
            let tenant = signed_in.tenants.first();
            let tenant = tenant.map(|tenant| tenant.name.as_ref().unwrap_or(&tenant.tenant).as_str());
            Ok((format!("{}, tenant {}", signed_in.name, tenant.unwrap_or_default()), signed_in.tenants))
        }
        Ok(Err(SignInError::CliUnusable { cause, .. })) => {
            Err(format!("{cause}; run `az login` in another window, and look again"))
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("`az` did not answer within {} s", CLI_BUDGET.as_secs())),
    }
}

fn device_code(request: &SignInRequest) -> Found {
    if !request.interactive {
        return Err("nobody is there who could type a code into a browser".to_owned());
    }
    Ok(("you type a code into a browser, on this machine or any other".to_owned(), Vec::new()))
}
