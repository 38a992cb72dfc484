//! One request to Graph: repeated only where that is safe, refused in our own words.

use super::{
    Answer, Error, MissingRight, Patience, WaitReason,
    exchange::{Exchange, Trouble, next_page, read},
    waiting::Observer,
    wire::{DeletedApplication, Page},
};
use azure_core::http::{Method, RawResponse, Request, headers::HeaderName};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;
use url::Url;

pub(super) use super::exchange::{encode, root_cause};

const PREFER: HeaderName = HeaderName::from_static("prefer");
const CONSISTENCY_LEVEL: HeaderName = HeaderName::from_static("consistencylevel");

/// Whether a request may be sent again when it is not known what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It does the same however often it is carried out.
    Always,
    /// Carried out twice, it makes two of something.
    OnlyIfNotCarriedOut,
}

/// What the request rests on that may have been made a moment ago (domain.md 1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RestsOn {
    /// Nothing new: a 404 is the truth.
    Nothing,
    /// An application or service principal.
    Object,
    /// A scope that is referred to by its id, or an identifier URI made of the client id.
    Scope,
    /// A service principal and an app role.
    Role,
    /// A scope or role that has just been disabled, so that it can be removed.
    Disabled,
}

impl RestsOn {
    /// Whether `answer` means "not known everywhere yet".
    fn explains(self, answer: &Answer) -> bool {
        const OBJECT: [&str; 3] = [
            "NoBackingApplicationObject",
            "does not reference a valid application object",
            "reference-property objects",
        ];
        const SCOPE: [&str; 4] =
            ["PropertyValueInvalid", "Invalid value specified", "HostNameNotOnVerifiedDomain", "verified domain"];
        const ROLE: [&str; 2] = ["was not found on application", "Not a valid reference update"];
        match (self, answer.status) {
            (Self::Nothing, _) => false,
            (_, 404) => true,
            (_, 400) => {
                answer.says(&OBJECT)
                    || (self == Self::Scope && answer.says(&SCOPE))
                    || (self == Self::Role && answer.says(&ROLE))
                    || (self == Self::Disabled && answer.says(&["CannotDeleteOrUpdateEnabledEntitlement"]))
            }
            _ => false,
        }
    }
}

/// Who may do something: for the message when we may not (domain.md 1.3).
pub(super) struct Needs {
    scope: &'static str,
    pub(super) permission: &'static str,
    roles: &'static [&'static str],
}

/// Reading.
pub(super) const TO_READ: Needs = Needs {
    scope: "Application.Read.All",
    permission: "Application.Read.All",
    roles: &["Directory Readers", "Cloud Application Administrator"],
};
/// Applications, service principals and secrets.
pub(super) const TO_MANAGE: Needs = Needs {
    scope: "Application.ReadWrite.All",
    permission: "Application.ReadWrite.OwnedBy",
    roles: &["Application Developer", "Cloud Application Administrator", "Application Administrator"],
};
/// The directory roles that may consent for everybody to delegated permissions (domain.md 1.3), the least first.
pub const MAY_CONSENT: &[&str] =
    &["Cloud Application Administrator", "Application Administrator", "Privileged Role Administrator"];
/// Consent for everybody.
pub(super) const TO_CONSENT: Needs = Needs {
    scope: "DelegatedPermissionGrant.ReadWrite.All",
    permission: "DelegatedPermissionGrant.ReadWrite.All",
    roles: MAY_CONSENT,
};
/// App roles.
pub(super) const TO_ASSIGN: Needs = Needs {
    scope: "AppRoleAssignment.ReadWrite.All",
    permission: "AppRoleAssignment.ReadWrite.All",
    roles: &["Cloud Application Administrator", "Application Administrator", "Privileged Role Administrator"],
};

/// One request.
pub(super) struct Ask {
    method: Method,
    path: String,
    query: Option<String>,
    body: Option<serde_json::Value>,
    create_if_missing: bool,
    eventually_consistent: bool,
    repeat: Repeat,
    rests_on: RestsOn,
    needs: &'static Needs,
    /// Whether the request can be handed to somebody else: not if its answer is a secret.
    can_be_handed_over: bool,
    doing: String,
}

impl Ask {
    /// A request that reads; `doing` says what for, such as `looking for the application …`.
    pub(super) fn get(path: impl Into<String>, doing: impl Into<String>) -> Self {
        Self {
            method: Method::Get,
            path: path.into(),
            query: None,
            body: None,
            create_if_missing: false,
            eventually_consistent: false,
            repeat: Repeat::Always,
            rests_on: RestsOn::Nothing,
            needs: &TO_READ,
            can_be_handed_over: false,
            doing: doing.into(),
        }
    }

    /// A request that sets: the same however often it is carried out.
    pub(super) fn patch(path: impl Into<String>, doing: impl Into<String>) -> Self {
        Self { method: Method::Patch, needs: &TO_MANAGE, can_be_handed_over: true, ..Self::get(path, doing) }
    }

    /// A request that removes.
    pub(super) fn delete(path: impl Into<String>, doing: impl Into<String>) -> Self {
        Self { method: Method::Delete, ..Self::patch(path, doing) }
    }

    /// A request that makes something anew each time it is carried out.
    pub(super) fn post(path: impl Into<String>, doing: impl Into<String>) -> Self {
        Self { method: Method::Post, repeat: Repeat::OnlyIfNotCarriedOut, ..Self::patch(path, doing) }
    }

    /// The query, with its values already encoded by [`encode`].
    pub(super) fn query(self, query: impl Into<String>) -> Self {
        Self { query: Some(query.into()), ..self }
    }

    /// The body.
    pub(super) fn json(self, body: &impl Serialize) -> Result<Self, Error> {
        match serde_json::to_value(body) {
            Ok(body) => Ok(Self { body: Some(body), ..self }),
            Err(cause) => Err(Error::Unreadable { doing: self.doing, cause: cause.to_string() }),
        }
    }

    /// Makes the object if there is none with this alternate key.
    pub(super) fn create_if_missing(self) -> Self {
        Self { create_if_missing: true, ..self }
    }

    /// Has an index answer that may be a moment behind: Graph answers some filters from that alone, and wants to be told.
    pub(super) fn eventually_consistent(self) -> Self {
        Self { eventually_consistent: true, ..self }
    }

    /// See [`RestsOn`].
    pub(super) fn rests_on(self, rests_on: RestsOn) -> Self {
        Self { rests_on, ..self }
    }

    /// See [`Needs`].
    pub(super) fn needs(self, needs: &'static Needs) -> Self {
        Self { needs, ..self }
    }

    /// See [`Repeat`].
    pub(super) fn repeat(self, repeat: Repeat) -> Self {
        Self { repeat, ..self }
    }

    /// Keeps the request from being handed to somebody else when the right for it is lacking.
    pub(super) fn answers_with_a_secret(self) -> Self {
        Self { can_be_handed_over: false, ..self }
    }

    fn missing_right(&self, url: &Url) -> MissingRight {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
        let command = self.can_be_handed_over.then(|| {
            let method = self.method.as_ref().to_lowercase();
            let headers = if self.create_if_missing {
                " --headers Prefer=create-if-missing Content-Type=application/json"
            } else {
                ""
            };
            let body =
                self.body.as_ref().map_or_else(String::new, |body| format!(" --body {}", quoted(&body.to_string())));
            format!("az rest --method {method} --url {}{headers}{body}", quoted(url.as_str()))
        });
        MissingRight {
            doing: self.doing.clone(),
            scope: self.needs.scope,
            permission: self.needs.permission,
            roles: self.needs.roles,
            command,
        }
    }
}

/// Quotes a text as OData does, and encodes it.
pub(super) fn quote(value: &str) -> String {
    format!("'{}'", encode(&value.replace('\'', "''")))
}

/// Speaks to Graph.
#[derive(Clone)]
pub(super) struct Rest {
    exchange: Exchange,
    base: Url,
    patience: Patience,
    observer: Observer,
    /// Ends waiting; never what is being written.
    cancel: CancellationToken,
}

impl std::fmt::Debug for Rest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Rest").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

impl Rest {
    pub(super) fn new(graph: &Url, exchange: Exchange, patience: Patience) -> Result<Self, url::ParseError> {
        Ok(Self {
            exchange,
            base: Url::parse(&format!("{}/v1.0/", graph.as_str().trim_end_matches('/')))?,
            patience,
            observer: Arc::new(|_| {}),
            cancel: CancellationToken::new(),
        })
    }

    pub(super) fn observed_by(&self, observer: Observer) -> Self {
        Self { observer, ..self.clone() }
    }

    pub(super) fn stopped_by(&self, cancel: CancellationToken) -> Self {
        Self { cancel, ..self.clone() }
    }

    /// Waits for what changes nothing, unless the person stops it.
    pub(super) async fn unless_stopped<T>(&self, doing: &str, waiting: impl Future<Output = T>) -> Result<T, Error> {
        let waited = self.cancel.run_until_cancelled(waiting).await;
        waited.ok_or_else(|| Error::Cancelled { doing: doing.to_owned() })
    }

    pub(super) fn patience(&self) -> &Patience {
        &self.patience
    }

    pub(super) fn observe(&self, reason: &WaitReason) {
        tracing::info!("{reason}");
        (self.observer)(reason);
    }

    /// The URL of something in Graph, for messages.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Sends, and reads the answer.
    pub(super) async fn read<T: DeserializeOwned>(&self, ask: Ask) -> Result<T, Error> {
        let doing = ask.doing.clone();
        let reply = self.send(ask).await?;
        parse(&doing, &reply)
    }

    /// Sends, and reads the answer; 404 is `None`.
    pub(super) async fn read_if_there<T: DeserializeOwned>(&self, ask: Ask) -> Result<Option<T>, Error> {
        match self.read(ask).await {
            Ok(found) => Ok(Some(found)),
            Err(Error::Refused { answer, .. }) if answer.status == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads the first page of a list, and no more of it.
    pub(super) async fn first_page<T: DeserializeOwned>(&self, ask: Ask) -> Result<Vec<T>, Error> {
        let page: Page<T> = self.read(ask).await?;
        Ok(page.value)
    }

    /// Reads a list to its end.
    pub(super) async fn list<T: DeserializeOwned>(&self, ask: Ask) -> Result<Vec<T>, Error> {
        let doing = ask.doing.clone();
        let mut page: Page<T> = self.read(ask).await?;
        let mut all = std::mem::take(&mut page.value);
        while let Some(next) = page.next_link.take() {
            page = parse(&doing, &self.send_to(self.next_page(&doing, &next)?, Ask::get("", doing.clone())).await?)?;
            all.append(&mut page.value);
        }
        Ok(all)
    }

    fn next_page(&self, doing: &str, link: &str) -> Result<Url, Error> {
        next_page(&self.base, link)
            .map_err(|cause| Error::Unreadable { doing: doing.to_owned(), cause: cause.to_owned() })
    }

    /// Sends, and returns the answer if it is a success.
    pub(super) async fn send(&self, ask: Ask) -> Result<RawResponse, Error> {
        let mut url = self
            .base
            .join(&ask.path)
            .map_err(|cause| Error::Unreadable { doing: ask.doing.clone(), cause: cause.to_string() })?;
        url.set_query(ask.query.as_deref());
        self.send_to(url, ask).await
    }

    async fn send_to(&self, url: Url, ask: Ask) -> Result<RawResponse, Error> {
        let began = Instant::now();
        for repetition in 0.. {
            let trouble = match self.attempt(&url, &ask).await? {
                Ok(reply) => return Ok(reply),
                Err(trouble) => trouble,
            };
            let pause = self.patience.pause(repetition);
            let reason = self.reason_to_repeat(&ask, &trouble, pause, began.elapsed());
            let Some((reason, pause, budget)) = reason else {
                return Err(self.refusal(ask, &url, trouble));
            };
            if began.elapsed() + pause > budget {
                return Err(gave_up(ask, &url, trouble, began.elapsed(), pause));
            }
            self.observe(&reason);
            self.unless_stopped(&ask.doing, tokio::time::sleep(pause)).await?;
        }
        Err(Error::Unreadable { doing: ask.doing, cause: "too many repetitions".to_owned() })
    }

    /// Sends once. The outer error is one of ours: no token to send.
    async fn attempt(&self, url: &Url, ask: &Ask) -> Result<Result<RawResponse, Trouble>, Error> {
        let mut request = Request::new(url.clone(), ask.method);
        request.insert_header("accept", "application/json");
        if let Some(body) = &ask.body {
            request.insert_header("content-type", "application/json");
            request.set_body(body.to_string());
        }
        if ask.create_if_missing {
            request.insert_header(PREFER, "create-if-missing");
        }
        if ask.eventually_consistent {
            request.insert_header(CONSISTENCY_LEVEL, "eventual");
        }
        let reads = request.method() == Method::Get;
        let attempt = self.exchange.attempt(&mut request);
        let attempt = if reads { self.unless_stopped(&ask.doing, attempt).await? } else { attempt.await };
        attempt.map_err(|cause| Error::SignIn { doing: ask.doing.clone(), cause })
    }

    /// Whether and why to send again: the reason, the pause before it, and how long in all.
    fn reason_to_repeat(
        &self,
        ask: &Ask,
        trouble: &Trouble,
        pause: Duration,
        waited: Duration,
    ) -> Option<(WaitReason, Duration, Duration)> {
        let doing = ask.doing.clone();
        let outage = |cause: String, pause| {
            (WaitReason::Outage { doing: doing.clone(), cause, pause }, pause, self.patience.outage)
        };
        match trouble {
            Trouble::Answered { answer, retry_after, .. } => match answer.status {
                429 => {
                    let pause = retry_after.unwrap_or_default().max(pause);
                    Some((WaitReason::Throttled { doing, pause }, pause, self.patience.outage))
                }
                408 | 500 | 502..=504 if ask.repeat == Repeat::Always => {
                    Some(outage(answer.to_string(), retry_after.unwrap_or_default().max(pause)))
                }
                _ if ask.rests_on.explains(answer) => {
                    let budget = match ask.rests_on {
                        RestsOn::Role => self.patience.role_assignment,
                        _ => self.patience.replication,
                    };
                    Some((WaitReason::Replicating { doing, answer: answer.clone(), waited, budget }, pause, budget))
                }
                _ => None,
            },
            Trouble::NotConnected(cause) => Some(outage(cause.clone(), pause)),
            Trouble::NoAnswer(cause) if ask.repeat == Repeat::Always => Some(outage(cause.clone(), pause)),
            Trouble::NoAnswer(_) => None,
        }
    }

    fn refusal(&self, ask: Ask, url: &Url, trouble: Trouble) -> Error {
        match trouble {
            Trouble::Answered { answer, claims, .. } => match answer.status {
                401 => {
                    let advice = self.exchange.again(claims.as_deref()).into();
                    Error::SignInExpired { doing: ask.doing, answer, advice }
                }
                403 => Error::NotPermitted { right: Box::new(ask.missing_right(url)), answer },
                408 | 500.. if ask.repeat == Repeat::OnlyIfNotCarriedOut => {
                    Error::OutcomeUnknown { doing: ask.doing, cause: answer.to_string() }
                }
                _ => Error::Refused { doing: ask.doing, answer },
            },
            Trouble::NotConnected(cause) => unreachable_host(ask.doing, url, cause),
            Trouble::NoAnswer(cause) => Error::OutcomeUnknown { doing: ask.doing, cause },
        }
    }

    /// The application in the bin that is the one, if there is one; `name` is for messages.
    pub(super) async fn deleted_application(
        &self,
        is_it: impl Fn(&DeletedApplication) -> bool,
        name: &str,
    ) -> Result<Option<DeletedApplication>, Error> {
        // Graph documents no filter on uniqueName, so the list is read: a hundred a page.
        let ask = Ask::get(
            "directory/deletedItems/microsoft.graph.application",
            format!("looking for the application `{name}` in the bin"),
        )
        .query("$select=id,appId,uniqueName,displayName,deletedDateTime&$top=100");
        let all: Vec<DeletedApplication> = self.list(ask).await?;
        Ok(all.into_iter().find(is_it))
    }
}

fn gave_up(ask: Ask, url: &Url, trouble: Trouble, waited: Duration, pause: Duration) -> Error {
    let doing = ask.doing;
    match trouble {
        Trouble::Answered { answer, .. } if answer.status == 429 => Error::Throttled { doing, pause, answer },
        Trouble::Answered { answer, .. } if ask.rests_on.explains(&answer) => {
            Error::NotReplicated { doing, waited, answer }
        }
        Trouble::Answered { answer, .. } => Error::Outage { doing, waited, answer },
        Trouble::NotConnected(cause) | Trouble::NoAnswer(cause) => unreachable_host(doing, url, cause),
    }
}

fn unreachable_host(doing: String, url: &Url, cause: String) -> Error {
    Error::Unreachable { doing, host: url.host_str().unwrap_or_default().to_owned(), cause }
}

fn parse<T: DeserializeOwned>(doing: &str, reply: &RawResponse) -> Result<T, Error> {
    read(reply).map_err(|cause| Error::Unreadable { doing: doing.to_owned(), cause })
}
