//! Applications that are registered already and could be the one that somebody means.

use super::{CallerKind, Error, Owner, Session, wire::ListedApplication};
use crate::facts::RegistrationSummary;
use futures::future::join_all;

/// How many are looked at for each reason; somebody who owns more writes the client id.
const MOST: usize = 20;

impl Session {
    /// The applications that the caller owns, that are called like `name`, or that have the redirect URI `callback`: at most a page
    /// of each, with their owners. What may not be seen for one reason is left out; nothing is only said where nothing may be seen.
    pub async fn candidates(&self, name: &str, callback: &str) -> Result<Vec<RegistrationSummary>, Error> {
        let (sent, owned, named) = tokio::join!(self.with_redirect_uri(callback), self.owned(), self.called_like(name));
        let looked = [Some(sent), owned, Some(named)].into_iter().flatten();
        let (pages, refusals): (Vec<_>, Vec<_>) = looked.partition(Result::is_ok);
        if let (true, Some(Err(refusal))) = (pages.is_empty(), refusals.into_iter().next()) {
            return Err(refusal);
        }
        let mut found: Vec<ListedApplication> = Vec::new();
        for one in pages.into_iter().flatten().flatten() {
            if !found.iter().any(|there| there.app_id == one.app_id) {
                found.push(one);
            }
        }
        found.truncate(MOST);
        let owners = join_all(found.iter().map(|one| self.owners(&one.id))).await;
        Ok(found.into_iter().zip(owners).map(|(one, owners)| summary(one, owners.ok())).collect())
    }

    /// `None` for a program, which is not asked for: it owns what it made, and has its client id.
    async fn owned(&self) -> Option<Result<Vec<ListedApplication>, Error>> {
        if self.caller().kind != CallerKind::Person {
            return None;
        }
        let all = self.first_of("me/ownedObjects", format!("$top={MOST}"), "looking for the applications that you own");
        let is_application =
            |one: &ListedApplication| one.odata_type.as_deref() == Some("#microsoft.graph.application");
        Some(all.await.map(|all| all.into_iter().filter(is_application).collect()))
    }

    async fn called_like(&self, name: &str) -> Result<Vec<ListedApplication>, Error> {
        let query = format!(
            "$filter=startswith(displayName,{})&$select={}&$top={MOST}",
            super::rest::quote(name),
            ListedApplication::SELECT
        );
        self.first_of("applications", query, "looking for applications of that name").await
    }

    async fn with_redirect_uri(&self, callback: &str) -> Result<Vec<ListedApplication>, Error> {
        let query = format!(
            "$filter=web/redirectUris/any(u:u%20eq%20{})&$count=true&$select={}&$top={MOST}",
            super::rest::quote(callback),
            ListedApplication::SELECT
        );
        self.first_of("applications", query, "looking for applications with that redirect URI").await
    }
}

fn summary(one: ListedApplication, owners: Option<Vec<Owner>>) -> RegistrationSummary {
    RegistrationSummary {
        client_id: one.app_id,
        display_name: one.display_name,
        owners: owners.map(|owners| owners.into_iter().map(|owner| owner.display_name.unwrap_or(owner.id)).collect()),
        created: one.created_date_time.map(|at| at.strftime("%F").to_string()),
        kept_by: one.unique_name,
    }
}
