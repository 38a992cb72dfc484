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
        let (owned, named, sent) = tokio::join!(self.owned(), self.called_like(name), self.with_redirect_uri(callback));
        let (sent, mut refusal) = sorted_out(sent);
        let mut found = sent;
        for looked in [owned, named] {
            let (more, refused) = sorted_out(looked);
            refusal = refusal.filter(|_| refused.is_some()).and(refused);
            for one in more {
                if !found.iter().any(|there| there.app_id == one.app_id) {
                    found.push(one);
                }
            }
        }
        if let Some(refused) = refusal {
            return Err(refused);
        }
        found.truncate(MOST);
        let owners = join_all(found.iter().map(|one| self.owners(&one.id))).await;
        Ok(found.into_iter().zip(owners).map(|(one, owners)| summary(one, owners.ok())).collect())
    }

    async fn owned(&self) -> Result<Vec<ListedApplication>, Error> {
        // A program is asked for nothing here: it owns what it made, and has its client id.
        if self.caller().kind != CallerKind::Person {
            return Ok(Vec::new());
        }
        let all = self
            .first_of("me/ownedObjects", format!("$top={MOST}"), "looking for the applications that you own")
            .await?;
        let is_application =
            |one: &ListedApplication| one.odata_type.as_deref() == Some("#microsoft.graph.application");
        Ok(all.into_iter().filter(is_application).collect())
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

/// What was found; or why nothing may be seen.
fn sorted_out(looked: Result<Vec<ListedApplication>, Error>) -> (Vec<ListedApplication>, Option<Error>) {
    match looked {
        Ok(found) => (found, None),
        Err(error) => (Vec::new(), Some(error)),
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
