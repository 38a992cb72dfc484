//! What stays of an issuer that we made: nothing of it carries our mark, so it is named, with how to remove it.

use super::{Stage, objects::Object, plan::Step};
use crate::{
    azure::DNS_ZONE_CONTRIBUTOR_NAME,
    blueprint::{Part, PartBody},
    cluster::{Error, Selection},
    engine::{
        Target,
        event::{Problem, Title},
        problem,
    },
};

/// The Secret in which cert-manager keeps the key of the issuer's account with the ACME server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AccountSecret {
    /// Its name.
    name: String,
    /// cert-manager's own namespace, where it is found.
    namespace: Option<String>,
}

/// The Secret of the account of an issuer among `objects`; `None` where there is none. One that may not be looked for is named too:
/// cert-manager keeps it when the issuer goes.
pub(super) async fn account_secret(target: &Target, objects: &[Object]) -> Result<Option<AccountSecret>, Problem> {
    let issuer = objects.iter().find(|object| object.reference.kind == "ClusterIssuer");
    let Some(name) = issuer.and_then(|issuer| issuer.text("/spec/acme/privateKeySecretRef/name")) else {
        return Ok(None);
    };
    let tried = "look for the account of the issuer, which cert-manager keeps";
    let unless_hidden = |error: Error| match error.lacks_right() {
        Some(right) => {
            tracing::info!(%right, "the issuer's account cannot be looked for");
            Ok(())
        }
        None => Err(problem::cluster(tried, &error)),
    };
    let namespace = match target.cluster.cert_manager().await {
        Ok(found) => found.map(|found| found.namespace),
        Err(error) => {
            unless_hidden(error)?;
            None
        }
    };
    let account = AccountSecret { name: name.to_owned(), namespace };
    let Some(namespace) = &account.namespace else { return Ok(Some(account)) };
    let by_name = Selection { fields: format!("metadata.name={name}"), ..Selection::in_namespace(namespace) };
    let found = match target.cluster.list_metadata("v1", "Secret", &by_name).await {
        Ok(found) => Some(found),
        Err(error) => {
            unless_hidden(error)?;
            None
        }
    };
    Ok(found.is_none_or(|found| !found.is_empty()).then_some(account))
}

/// The account stays.
pub(super) fn account(account: &AccountSecret) -> Step {
    let AccountSecret { name, namespace } = account;
    let place = namespace.as_deref().unwrap_or("cert-manager's namespace");
    let title = Title { kind: "Secret".to_owned(), name: format!("{place}/{name}") };
    let flag = namespace.as_deref().unwrap_or("CERT-MANAGER'S-NAMESPACE");
    let why = format!(
        "cert-manager made it for the issuer's account, and keeps it when the issuer goes; no issuer of that name any more? kubectl delete \
         secret {name} --namespace {flag}"
    );
    Step::kept(format!("kept/Secret/{place}/{name}"), Stage::Certificate, title, why)
}

/// The role on the DNS zone of an issuer that was made: it may have been there before us, so it is left to whoever may take roles.
pub(super) fn role_on_zone(part: &Part) -> Option<Step> {
    let PartBody::ZoneRole(role) = &part.body else { return None };
    let (zone, who) = (&role.zone, &role.client_id);
    let title = Title { kind: "Role on DNS zone".to_owned(), name: format!("{} for {who}", zone.name) };
    let why = format!(
        "cert-manager's identity may need it for others; nobody else? az role assignment delete --assignee {who} --role \
         '{DNS_ZONE_CONTRIBUTOR_NAME}' --scope /subscriptions/{}/resourceGroups/{}/providers/Microsoft.Network/dnsZones/{}",
        zone.subscription, zone.resource_group, zone.name
    );
    Some(Step::kept(part.id.0.clone(), Stage::Certificate, title, why))
}
