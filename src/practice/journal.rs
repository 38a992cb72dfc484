//! Every request that the practice ground was asked, in order.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A ground that serves for days must not grow without end; counts go on, the oldest entries go.
const KEPT_ENTRIES: usize = 50_000;

/// One of the ground's servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Server {
    /// The tenant's sign-in: metadata, keys, pages and tokens.
    SignIn,
    /// Microsoft Graph.
    Graph,
    /// Azure Resource Manager.
    ResourceManager,
    /// The Kubernetes API.
    Kubernetes,
    /// The HTTPS front of the ingress gateway.
    Edge,
}

impl std::fmt::Display for Server {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::SignIn => "sign-in",
            Self::Graph => "Microsoft Graph",
            Self::ResourceManager => "the resource manager",
            Self::Kubernetes => "the Kubernetes API",
            Self::Edge => "the ingress gateway",
        })
    }
}

/// One request and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its place in the order of arrival, from 1.
    pub seq: u64,
    /// Who was asked.
    pub server: Server,
    /// The method, upper case.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query, without its question mark; empty where there is none.
    pub query: String,
    /// The status of the answer; `None` while there is none, and for ever when the connection was cut.
    pub status: Option<u16>,
    /// Whether the request asked for something to be changed: no dry run, no question put as a POST.
    pub wrote: bool,
}

/// The requests so far. Cheap to clone; all clones share one journal.
#[derive(Clone, Default)]
pub struct Journal(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    asked: u64,
    written: u64,
    entries: VecDeque<Entry>,
}

impl Journal {
    /// Notes a request as it arrives and gives it its number.
    pub(super) fn arrived(&self, server: Server, method: &str, path: &str, query: &str) -> Entry {
        let mut book = self.book();
        book.asked += 1;
        let wrote = asks_for_change(server, method, path, query);
        book.written += u64::from(wrote);
        let entry = Entry {
            seq: book.asked,
            server,
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            status: None,
            wrote,
        };
        if book.entries.len() == KEPT_ENTRIES {
            book.entries.pop_front();
        }
        book.entries.push_back(entry.clone());
        entry
    }

    /// Notes the answer of request `seq`.
    pub(super) fn answered(&self, seq: u64, status: u16) {
        if let Some(entry) = self.book().entries.iter_mut().rev().find(|entry| entry.seq == seq) {
            entry.status = Some(status);
        }
    }

    /// How many requests there were.
    pub fn requests(&self) -> u64 {
        self.book().asked
    }

    /// How many of them asked for something to be changed.
    pub fn writes(&self) -> u64 {
        self.book().written
    }

    /// The requests that came after number `seq`, oldest first; `since(0)` is all that is kept.
    pub fn since(&self, seq: u64) -> Vec<Entry> {
        self.book().entries.iter().filter(|entry| entry.seq > seq).cloned().collect()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a request asks for something to be changed.
///
/// A dry run changes nothing, an access review is a question, and signing in leaves nothing behind that a second run
/// would find.
fn asks_for_change(server: Server, method: &str, path: &str, query: &str) -> bool {
    if matches!(method, "GET" | "HEAD" | "OPTIONS") {
        return false;
    }
    match server {
        Server::SignIn | Server::Edge => false,
        Server::Kubernetes => {
            let review =
                path.starts_with("/apis/authorization.k8s.io/") || path.starts_with("/apis/authentication.k8s.io/");
            let dry_run =
                url::form_urlencoded::parse(query.as_bytes()).any(|(key, value)| key == "dryRun" && value == "All");
            !review && !dry_run
        }
        Server::Graph => !path.ends_with("/getByIds") && !path.ends_with("/getMemberObjects"),
        Server::ResourceManager => true,
    }
}

#[cfg(test)]
mod tests {
    use super::{Journal, Server};

    #[test]
    fn given_questions_and_dry_runs_when_noted_then_only_changes_count_as_writes() {
        let journal = Journal::default();
        journal.arrived(Server::Kubernetes, "GET", "/api/v1/namespaces", "");
        journal.arrived(Server::Kubernetes, "PATCH", "/api/v1/namespaces/myapp", "dryRun=All&fieldManager=x");
        journal.arrived(Server::Kubernetes, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "");
        journal.arrived(Server::SignIn, "POST", "/tenant/oauth2/v2.0/token", "");
        assert_eq!((journal.requests(), journal.writes()), (4, 0));
        journal.arrived(Server::Kubernetes, "PATCH", "/api/v1/namespaces/myapp", "fieldManager=x");
        journal.arrived(Server::Graph, "POST", "/v1.0/applications/1/addPassword", "");
        assert_eq!((journal.requests(), journal.writes()), (6, 2));
    }

    #[test]
    fn given_an_answer_when_noted_then_it_stands_at_its_request() {
        let journal = Journal::default();
        let first = journal.arrived(Server::Graph, "GET", "/v1.0/me", "");
        let second = journal.arrived(Server::Graph, "GET", "/v1.0/organization", "");
        journal.answered(first.seq, 404);
        let statuses: Vec<_> = journal.since(0).into_iter().map(|entry| entry.status).collect();
        assert_eq!(statuses, [Some(404), None]);
        assert_eq!(journal.since(first.seq).len(), 1);
        assert_eq!(second.seq, 2);
    }
}
