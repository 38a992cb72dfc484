//! Answers that may be incomplete. Whether they are right is not known here: the answers file's own reader says so.

use super::{
    question::Question,
    questions::{
        ADOPTED, CERTIFICATE, DEPLOY, ISSUED, KEEP_DETAILS, NEW, NEWLY_ISSUED, OWN_STORE, REDIS, REGISTRATION, SERVICE,
        STORE, THERE, WORKLOAD, at,
    },
};
use crate::answers::{
    Answers, Mistake, Mistakes,
    file::{self, Value},
    keys::{KEYS, Shape},
};
use std::collections::BTreeMap;

/// The answer that leaves a key out of the file.
pub const OPEN: &str = "-";

/// The shortest time between renewals that the answers file takes.
const SHORTEST_REFRESH: &str = "1m";

/// Parts of an answers file that one question is about.
const GATEWAY: (&str, [&str; 2]) = ("gateway", ["gateway.namespace", "gateway.service"]);
const ISSUER: (&str, [&str; 2]) = ("certificate.issuer", ["certificate.issuer.kind", "certificate.issuer.name"]);
const ZONE: (&str, [&str; 2]) =
    ("certificate.newIssuer.zone", ["certificate.newIssuer.zone.resourceGroup", "certificate.newIssuer.zone.name"]);
const PAIRS: [(&str, [&str; 2]); 3] = [GATEWAY, ISSUER, ZONE];

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// A text, the value of a choice, or `true` and `false`.
    Text(String),
    /// Several texts.
    List(Vec<String>),
}

impl Given {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// The text, where it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::List(_) => None,
        }
    }
}

/// As a person would write it.
impl std::fmt::Display for Given {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => formatter.write_str(text),
            Self::List(items) if items.is_empty() => formatter.write_str("none"),
            Self::List(items) => formatter.write_str(&items.join(", ")),
        }
    }
}

/// The answers so far, by question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    given: BTreeMap<&'static str, Given>,
    /// What an answers file says that no question is about: it is kept as it is.
    beyond: Vec<(&'static str, Value)>,
}

impl Draft {
    /// The answer to the question called `id`.
    pub fn get(&self, id: &str) -> Option<&Given> {
        self.given.get(id)
    }

    /// The answer to the question called `id`, where it is one text.
    pub fn text(&self, id: &str) -> Option<&str> {
        self.get(id).and_then(Given::as_text)
    }

    /// Puts an answer down; tells whether it is another one than before.
    pub fn put(&mut self, id: &'static str, given: Given) -> bool {
        let is_another = self.given.get(id) != Some(&given);
        self.given.insert(id, given);
        is_another
    }

    /// Takes an answer back.
    pub(super) fn remove(&mut self, id: &str) {
        self.given.remove(id);
    }

    /// The answers about what a run connects to, alone.
    pub(super) fn of_session(&self) -> Self {
        let is_of_session = |id: &str| at(id).is_some_and(Question::is_of_session);
        let given = self.given.iter().filter(|(id, _)| is_of_session(id)).map(|(id, given)| (*id, given.clone()));
        Self { given: given.collect(), beyond: Vec::new() }
    }

    /// Puts down every answer of `other`.
    pub(super) fn extend(&mut self, other: Self) {
        self.given.extend(other.given);
    }

    /// The two halves of an answer such as `istio-system/istio-ingressgateway`.
    pub fn halves(&self, id: &str) -> Option<(&str, &str)> {
        self.text(id)?.split_once('/')
    }

    /// The same answers and one more, for trying it.
    #[must_use]
    pub fn with(&self, id: &'static str, given: Given) -> Self {
        let mut tried = self.clone();
        tried.put(id, given);
        tried
    }

    /// Every answer as the answers file has it, by key, in the order of the file.
    fn entries(&self) -> Vec<(&'static str, Value)> {
        KEYS.iter()
            .filter(|key| key.shape != Shape::Section)
            .filter_map(|key| Some((key.path, self.entry(key.path)?)))
            .collect()
    }

    fn entry(&self, key: &'static str) -> Option<Value> {
        if key == "version" {
            return Some(Value::Bare("1".to_owned()));
        }
        // Answers to the other of two ways are kept, for whoever changes their mind.
        let is_of_the_other_way = match self.text(WORKLOAD) {
            Some(SERVICE) => key.starts_with("application.deploy."),
            Some(DEPLOY) => key.starts_with("application.service."),
            _ => false,
        } || match self.text(CERTIFICATE) {
            Some(THERE) => {
                key.starts_with("certificate.issuer.")
                    || key.starts_with("certificate.newIssuer.")
                    || key == "certificate.names"
            }
            Some(ISSUED) => key == "certificate.secretName" || key.starts_with("certificate.newIssuer."),
            Some(NEWLY_ISSUED) => key == "certificate.secretName" || key.starts_with("certificate.issuer."),
            _ => false,
        } || match self.text(STORE) {
            Some(REDIS) => key == "sessions.image",
            Some(OWN_STORE) => key.starts_with("sessions.redis."),
            _ => false,
        } || (self.text(REGISTRATION) == Some(NEW) && key.starts_with("registration.adopt."));
        if is_of_the_other_way {
            return None;
        }
        if let Some((id, halves)) = PAIRS.iter().find(|(_, halves)| halves.contains(&key))
            && self.get(id).is_some()
        {
            let (first, second) = self.halves(id)?;
            return Some(Value::Text(if halves.first() == Some(&key) { first } else { second }.to_owned()));
        }
        match self.get(key) {
            Some(Given::Text(text)) if text == OPEN => None,
            Some(Given::Text(text)) => Some(Value::Text(text.clone())),
            Some(Given::List(items)) => Some(Value::List(items.clone())),
            None => self.beyond.iter().find(|(path, _)| *path == key).map(|(_, value)| value.clone()),
        }
    }

    /// The answers, if they are complete and right.
    pub fn answers(&self) -> Result<Answers, Mistakes> {
        file::read_entries(&self.entries(), "the answers")
    }

    /// What the answers file's reader says against the answer to the question called `id`, whatever else is missing.
    pub(super) fn mistake(&self, id: &str) -> Option<Mistake> {
        let mut keys: Vec<&str> =
            PAIRS.iter().find(|(pair, _)| *pair == id).map_or_else(|| vec![id], |(_, halves)| halves.to_vec());
        let mut answers = self.answers();
        if id == "proxy.sessionLifetime" {
            // How often it is renewed is asked next: here it is enough that there is a time that goes with it.
            keys.push("proxy.sessionRefresh");
            answers = self.with("proxy.sessionRefresh", Given::text(SHORTEST_REFRESH)).answers();
        }
        let mistakes = answers.err()?;
        // A mistake without a key is about a text that could not even be read.
        mistakes.list.into_iter().find(|mistake| mistake.path.is_empty() || keys.contains(&mistake.path.as_str()))
    }
}

impl From<&Answers> for Draft {
    fn from(answers: &Answers) -> Self {
        let mut draft = Self::default();
        let mut halves: BTreeMap<&str, String> = BTreeMap::new();
        for (key, value) in file::entries(answers) {
            if key == "version" {
                continue;
            }
            if let (Some(_), Value::Text(half)) = (PAIRS.iter().find(|(_, halves)| halves.contains(&key)), &value) {
                halves.insert(key, half.clone());
                continue;
            }
            match (at(key), value) {
                (Some(question), Value::Text(text) | Value::Bare(text)) => {
                    draft.put(question.id, Given::Text(text));
                }
                (Some(question), Value::List(items)) => {
                    draft.put(question.id, Given::List(items));
                }
                (None, value) => draft.beyond.push((key, value)),
            }
        }
        for (id, [first, second]) in PAIRS {
            if let (Some(first), Some(second)) = (halves.get(first), halves.get(second)) {
                draft.put(id, Given::Text(format!("{first}/{second}")));
            }
        }
        let is_deployed = draft.get("application.deploy.image").is_some();
        draft.put(WORKLOAD, Given::text(if is_deployed { DEPLOY } else { SERVICE }));
        let is_there = draft.get("certificate.secretName").is_some();
        let is_new = draft.get("certificate.newIssuer.clientId").is_some();
        draft.put(
            CERTIFICATE,
            Given::text(if is_there {
                THERE
            } else if is_new {
                NEWLY_ISSUED
            } else {
                ISSUED
            }),
        );
        if is_new && draft.get("certificate.newIssuer.email").is_none() {
            draft.put("certificate.newIssuer.email", Given::text(OPEN));
        }
        let has_redis = draft.get("sessions.redis.address").is_some();
        draft.put(STORE, Given::text(if has_redis { REDIS } else { OWN_STORE }));
        if has_redis && draft.get("sessions.redis.username").is_none() {
            draft.put("sessions.redis.username", Given::text(OPEN));
        }
        let is_adopted = draft.get("registration.adopt.clientId").is_some();
        draft.put(REGISTRATION, Given::text(if is_adopted { ADOPTED } else { NEW }));
        draft.put(KEEP_DETAILS, Given::text("true"));
        if draft.get("registration.tenant").is_none() {
            draft.put("registration.tenant", Given::text(OPEN));
        }
        draft
    }
}
