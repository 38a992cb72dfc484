//! A conversation with Resource Manager. Everything that is asked does the same however often it is carried out, so all of it may be
//! repeated.

use super::{
    DNS_ZONE_CONTRIBUTOR, Error, MissingRight, RoleAssignment, Subscription, Zone, ZoneId,
    wire::{Page, Permission},
};
use crate::entra::{
    Answer, Patience, Session, WaitReason,
    exchange::{Exchange, Trouble, encode, next_page, read},
};
use azure_core::http::{Method, RawResponse, Request};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use url::Url;

const SUBSCRIPTIONS: &str = "2022-12-01";
const DNS: &str = "2018-05-01";
const AUTHORIZATION: &str = "2022-04-01";

/// What the caller needs to give a role (domain.md 8).
const ASSIGN: &str = "Microsoft.Authorization/roleAssignments/write";
/// Who may: least first.
const WHO_ASSIGNS: &[&str] = &["Role Based Access Control Administrator", "User Access Administrator", "Owner"];
const WHO_READS: &[&str] = &["Reader", "DNS Zone Contributor"];

/// Azure Resource Manager, in the name of whoever is signed in. Clones share the token and the connections.
#[derive(Clone, Debug)]
pub struct ResourceManager {
    session: Session,
    exchange: Exchange,
    base: Url,
}

/// What became of a role that was to be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assigned {
    /// It is new.
    Created,
    /// It was there, under whatever name.
    Unchanged,
}

struct Ask<'a> {
    method: Method,
    path: String,
    query: String,
    body: Option<Value>,
    doing: String,
    needs: (&'static str, &'static [&'static str]),
    scope: &'a str,
    /// Whether what it names may have been made a moment ago.
    rests_on_principal: bool,
}

impl<'a> Ask<'a> {
    fn get(path: impl Into<String>, version: &str, doing: impl Into<String>, scope: &'a str) -> Self {
        Self {
            method: Method::Get,
            path: path.into(),
            query: format!("api-version={version}"),
            body: None,
            doing: doing.into(),
            needs: ("*/read", WHO_READS),
            scope,
            rests_on_principal: false,
        }
    }
}

impl ResourceManager {
    /// That of the cloud that `session` is signed in to. Asks for a token with the first request, not before.
    pub fn of(session: &Session) -> Self {
        let base = session.tenant().cloud.resource_manager.clone();
        Self { exchange: session.exchange_with(&base), base, session: session.clone() }
    }

    fn patience(&self) -> &Patience {
        self.session.patience()
    }

    /// The subscriptions of the tenant that the caller can see.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, Error> {
        self.list(Ask::get("subscriptions", SUBSCRIPTIONS, "listing the subscriptions", "/")).await
    }

    /// The DNS zones of a subscription that the caller can see.
    pub async fn zones(&self, subscription: &str) -> Result<Vec<Zone>, Error> {
        let path = format!("subscriptions/{}/providers/Microsoft.Network/dnsZones", encode(subscription));
        let scope = format!("/subscriptions/{subscription}");
        self.list(Ask::get(path, DNS, format!("listing the DNS zones of the subscription {subscription}"), &scope))
            .await
    }

    /// One DNS zone; [`Error::is_not_there`] tells that it is not.
    pub async fn zone(&self, id: &ZoneId) -> Result<Zone, Error> {
        let scope = id.scope();
        let ask = Ask::get(id.path(), DNS, format!("looking for the DNS zone {}", id.name), &scope);
        let doing = ask.doing.clone();
        parse(&doing, &self.send(ask).await?)
    }

    /// Whether the caller may give roles on the zone, as far as their roles tell; conditions on those are not looked at.
    pub async fn may_assign(&self, id: &ZoneId) -> Result<bool, Error> {
        let scope = id.scope();
        let path = format!("{}/providers/Microsoft.Authorization/permissions", id.path());
        let doing = format!("asking what we may do on the DNS zone {}", id.name);
        let permissions: Vec<Permission> = self.list(Ask::get(path, AUTHORIZATION, doing, &scope)).await?;
        Ok(permissions.iter().any(|permission| permission.allows(ASSIGN)))
    }

    /// The role by which `principal` (an object id) may write the zone's records: its name, and the assignment. Roles that it has on the
    /// resource group or the subscription count, and those of its groups.
    pub async fn role_on(&self, id: &ZoneId, principal: &str) -> Result<Option<(&'static str, RoleAssignment)>, Error> {
        let scope = id.scope();
        let path = format!("{}/providers/Microsoft.Authorization/roleAssignments", id.path());
        let doing = format!("reading which roles {principal} has on the DNS zone {}", id.name);
        let mut ask = Ask::get(path, AUTHORIZATION, doing, &scope);
        ask.query = format!("{}&$filter={}", ask.query, encode(&format!("assignedTo('{principal}')")));
        let held: Vec<RoleAssignment> = self.list(ask).await?;
        Ok(held.into_iter().find_map(|held| Some((held.may_write_records(id)?, held))))
    }

    /// Gives `principal` (an object id) the role that writes the zone's records, under a name that is always the same.
    /// `description` is what people see beside it.
    pub async fn assign_role(&self, id: &ZoneId, principal: &str, description: &str) -> Result<Assigned, Error> {
        let scope = id.scope();
        let name = id.assignment_name(principal, DNS_ZONE_CONTRIBUTOR);
        let definition = format!(
            "/subscriptions/{}/providers/Microsoft.Authorization/roleDefinitions/{DNS_ZONE_CONTRIBUTOR}",
            id.subscription
        );
        let ask = Ask {
            method: Method::Put,
            path: format!("{}/providers/Microsoft.Authorization/roleAssignments/{name}", id.path()),
            query: format!("api-version={AUTHORIZATION}"),
            body: Some(json!({"properties": {
                "roleDefinitionId": definition, "principalId": principal,
                // Without it, Resource Manager looks the identity up in a directory that may not know it yet.
                "principalType": "ServicePrincipal", "description": description,
            }})),
            doing: format!("giving {principal} its role on the DNS zone {}", id.name),
            needs: (ASSIGN, WHO_ASSIGNS),
            scope: &scope,
            rests_on_principal: true,
        };
        match self.send(ask).await {
            Ok(reply) if u16::from(reply.status()) == 201 => Ok(Assigned::Created),
            Ok(_) => Ok(Assigned::Unchanged),
            Err(Error::Refused { answer, .. }) if answer.says(&["RoleAssignmentExists"]) => Ok(Assigned::Unchanged),
            Err(error) => Err(error),
        }
    }

    async fn list<T: DeserializeOwned>(&self, ask: Ask<'_>) -> Result<Vec<T>, Error> {
        let (doing, scope) = (ask.doing.clone(), ask.scope);
        let mut page: Page<T> = parse(&doing, &self.send(ask).await?)?;
        let mut all = std::mem::take(&mut page.value);
        while let Some(next) = page.next_link.take().filter(|link| !link.is_empty()) {
            let url = self.next_page(&doing, &next)?;
            page = parse(&doing, &self.send_to(&url, Ask::get("", "", doing.clone(), scope)).await?)?;
            all.append(&mut page.value);
        }
        Ok(all)
    }

    fn next_page(&self, doing: &str, link: &str) -> Result<Url, Error> {
        next_page(&self.base, link)
            .map_err(|cause| Error::Unreadable { doing: doing.to_owned(), cause: cause.to_owned() })
    }

    async fn send(&self, ask: Ask<'_>) -> Result<RawResponse, Error> {
        let base = self.base.as_str().trim_end_matches('/');
        let url = Url::parse(&format!("{base}/{}?{}", ask.path, ask.query));
        let url = url.map_err(|cause| Error::Unreadable { doing: ask.doing.clone(), cause: cause.to_string() })?;
        self.send_to(&url, ask).await
    }

    async fn send_to(&self, url: &Url, ask: Ask<'_>) -> Result<RawResponse, Error> {
        let began = Instant::now();
        for repetition in 0.. {
            let mut request = Request::new(url.clone(), ask.method);
            request.insert_header("accept", "application/json");
            if let Some(body) = &ask.body {
                request.insert_header("content-type", "application/json");
                request.set_body(body.to_string());
            }
            let attempt = self.exchange.attempt(&mut request).await;
            let trouble = match attempt.map_err(|cause| Error::SignIn { doing: ask.doing.clone(), cause })? {
                Ok(reply) => return Ok(reply),
                Err(trouble) => trouble,
            };
            let waited = began.elapsed();
            let Some(again) = self.again(&ask, &trouble, self.patience().pause(repetition), waited) else {
                return Err(self.refusal(ask, url, trouble));
            };
            if waited + again.pause > again.budget {
                return Err(gave_up(ask, url, trouble, waited));
            }
            self.session.observe(&again.reason);
            let pause = self.session.unless_stopped(&ask.doing, tokio::time::sleep(again.pause));
            pause.await.map_err(|_| Error::Cancelled { doing: ask.doing.clone() })?;
        }
        Err(Error::Unreadable { doing: ask.doing, cause: "too many repetitions".to_owned() })
    }

    /// Whether and why to send again.
    fn again(&self, ask: &Ask<'_>, trouble: &Trouble, pause: Duration, waited: Duration) -> Option<Again> {
        let doing = ask.doing.clone();
        let patience = self.patience();
        let outage = |cause: String, pause: Duration| Again {
            reason: WaitReason::Outage { doing: doing.clone(), cause, pause },
            pause,
            budget: patience.outage,
        };
        match trouble {
            Trouble::NotConnected(cause) | Trouble::NoAnswer(cause) => Some(outage(cause.clone(), pause)),
            Trouble::Answered { answer, retry_after, .. } => {
                let pause = retry_after.unwrap_or_default().max(pause);
                match answer.status {
                    429 => {
                        Some(Again { reason: WaitReason::Throttled { doing, pause }, pause, budget: patience.outage })
                    }
                    408 | 500 | 502..=504 => Some(outage(answer.to_string(), pause)),
                    _ if is_unknown_yet(ask, answer) => {
                        let budget = patience.role_assignment;
                        let reason = WaitReason::Replicating { doing, answer: answer.clone(), waited, budget };
                        Some(Again { reason, pause, budget })
                    }
                    _ => None,
                }
            }
        }
    }

    fn refusal(&self, ask: Ask<'_>, url: &Url, trouble: Trouble) -> Error {
        match trouble {
            Trouble::Answered { answer, claims, .. } => match answer.status {
                401 => Error::SignInExpired {
                    doing: ask.doing,
                    answer,
                    advice: self.exchange.again(claims.as_deref()).into(),
                },
                403 => {
                    let (action, roles) = ask.needs;
                    let right = MissingRight { doing: ask.doing, action, roles, scope: ask.scope.to_owned() };
                    Error::NotPermitted { right: Box::new(right), answer }
                }
                _ => Error::Refused { doing: ask.doing, answer },
            },
            Trouble::NotConnected(cause) | Trouble::NoAnswer(cause) => unreachable_host(ask.doing, url, cause),
        }
    }
}

/// Another try: why, after what pause, and within what time in all.
struct Again {
    reason: WaitReason,
    pause: Duration,
    budget: Duration,
}

/// The identity may have been made a moment ago (domain.md 8).
fn is_unknown_yet(ask: &Ask<'_>, answer: &Answer) -> bool {
    ask.rests_on_principal && answer.status == 400 && answer.says(&["PrincipalNotFound"])
}

fn gave_up(ask: Ask<'_>, url: &Url, trouble: Trouble, waited: Duration) -> Error {
    match trouble {
        Trouble::Answered { answer, .. } if is_unknown_yet(&ask, &answer) => {
            Error::NotReplicated { doing: ask.doing, waited, answer }
        }
        Trouble::Answered { answer, .. } => Error::Outage { doing: ask.doing, waited, answer },
        Trouble::NotConnected(cause) | Trouble::NoAnswer(cause) => unreachable_host(ask.doing, url, cause),
    }
}

fn unreachable_host(doing: String, url: &Url, cause: String) -> Error {
    Error::Unreachable { doing, host: url.host_str().unwrap_or_default().to_owned(), cause }
}

fn parse<T: DeserializeOwned>(doing: &str, reply: &RawResponse) -> Result<T, Error> {
    read(reply).map_err(|cause| Error::Unreadable { doing: doing.to_owned(), cause })
}
