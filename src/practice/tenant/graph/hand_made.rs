//! Applications that somebody registered by hand before anybody came, as a scenario describes them.

use super::shape::{APPLICATION, SERVICE_PRINCIPAL};
use super::{application_rules, merge, new_application_properties, write_grant};
use crate::practice::tenant::directory::{Application, Properties, ServicePrincipal, StoredSecret, sha256, written};
use crate::practice::tenant::settings::{HandMadeApplication, HandMadeSecret};
use crate::practice::tenant::{Core, seed};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Puts it into the directory, unless there is one of its client id; a deleted one counts. The refusal is in Graph's words.
pub(in crate::practice::tenant) fn put(core: &mut Core, wanted: &HandMadeApplication) -> Result<(), String> {
    if core.directory.applications.iter().any(|it| it.app_id() == wanted.client_id) {
        return Ok(());
    }
    let body = wanted.application.as_object().cloned().unwrap_or_default();
    let body = APPLICATION.check(body).map_err(|error| error.message)?;
    let mut properties = new_application_properties();
    merge(&mut properties, body);
    properties.insert("appId".into(), json!(wanted.client_id));
    properties.insert("id".into(), json!(seed::fixed_id(&format!("application {}", wanted.client_id))));
    properties.insert("createdDateTime".into(), json!(written(Timestamp::UNIX_EPOCH)));
    properties.insert("publisherDomain".into(), json!(core.directory.organization.domains.first()));
    let now = core.now();
    application_rules::check(core, None, &Properties::new(), &mut properties, now).map_err(|error| error.message)?;
    let (shown, secrets): (Vec<Value>, Vec<StoredSecret>) =
        wanted.secrets.iter().map(|secret| stored(&wanted.client_id, secret)).unzip();
    properties.insert("passwordCredentials".into(), Value::Array(shown));
    let owners = wanted.owners.iter().map(|owner| {
        core.directory.person(owner).map(|person| person.id.clone()).ok_or_else(|| format!("there is no {owner}"))
    });
    let owners = owners.collect::<Result<_, _>>()?;
    core.directory.applications.push(Application {
        properties,
        visible_from: Timestamp::UNIX_EPOCH,
        unique_name_visible_from: Timestamp::UNIX_EPOCH,
        deleted: None,
        secrets,
        permissions_visible_from: BTreeMap::new(),
        federated_credentials: Vec::new(),
        owners,
    });
    if let Some(principal) = &wanted.service_principal {
        put_principal(core, wanted, principal)?;
    }
    for consent in &wanted.consents {
        let of = |app_id: &str| {
            let principal = core.directory.service_principal_by_app_id(app_id);
            principal.map(|it| it.id().to_owned()).ok_or_else(|| format!("there is no service principal of {app_id}"))
        };
        let (client, resource) = (of(&consent.client)?, of(&consent.resource)?);
        let scopes: Vec<String> = consent.scope.split_whitespace().map(str::to_owned).collect();
        write_grant(&mut core.directory, &client, &resource, &scopes);
    }
    core.changed = true;
    Ok(())
}

fn put_principal(core: &mut Core, wanted: &HandMadeApplication, properties: &Value) -> Result<(), String> {
    let properties = properties.as_object().cloned().unwrap_or_default();
    let properties = SERVICE_PRINCIPAL.check(properties).map_err(|error| error.message)?;
    let id = seed::fixed_id(&format!("service principal {}", wanted.client_id));
    let name = wanted.application.get("displayName");
    let mut all = json!({
        "id": id, "deletedDateTime": null, "accountEnabled": true, "appId": wanted.client_id,
        "appRoleAssignmentRequired": false, "createdDateTime": written(Timestamp::UNIX_EPOCH), "displayName": name,
        "servicePrincipalType": "Application", "tags": [],
    });
    if let Some(all) = all.as_object_mut() {
        merge(all, properties);
        let (visible_from, deleted) = (Timestamp::UNIX_EPOCH, None);
        core.directory.service_principals.push(ServicePrincipal {
            properties: all.clone(),
            visible_from,
            deleted,
            federated_credentials: Vec::new(),
        });
    }
    Ok(())
}

fn stored(client_id: &str, secret: &HandMadeSecret) -> (Value, StoredSecret) {
    let key_id = seed::fixed_id(&format!("secret {} of {client_id}", secret.display_name));
    let shown = json!({
        "customKeyIdentifier": null, "displayName": secret.display_name, "endDateTime": "2299-12-31T00:00:00Z",
        "hint": secret.value.get(..3), "keyId": key_id, "secretText": null,
        "startDateTime": written(Timestamp::UNIX_EPOCH),
    });
    let (sha256, works_from, ends) = (sha256(&secret.value), Timestamp::UNIX_EPOCH, Timestamp::MAX);
    (shown, StoredSecret { key_id, sha256, works_from, ends })
}
