//! The states that a rotation has still to go through, before anything is done.

use super::{Seen, What, look::Kept};
use crate::{
    answers::Redis,
    blueprint::PartId,
    engine::event::{Action, Event, Problem, ProblemKind, RotationStep, Title},
};

/// What the person chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choices {
    /// What is rotated.
    pub what: What,
    /// Whether a rotation that was begun is taken back instead.
    pub undo: bool,
}

/// What would be done.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) seen: Seen,
    pub(super) what: What,
    /// The Secret of ours that holds it.
    pub(super) kept: Kept,
    pub(super) undo: bool,
    /// Whether it was begun by a run that did not end it: the new value is in its place already.
    pub(super) goes_on: bool,
}

/// A state that a rotation goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// A second client secret beside the one in use.
    Add,
    /// The new value in the Secret, with the former one beside it; a password of the session store is not in use yet.
    Store,
    /// The session store, told of the new password while it runs.
    Admit,
    /// The new password in use, with the former one beside it.
    Use,
    /// Pods that run with it.
    Roll,
    /// Sign-in and tokens, tried.
    Try,
    /// What was in use before, removed.
    Remove,
    /// What was in use before, put back.
    PutBack,
    /// The certificate, issued anew.
    Renew,
}

/// Plans what `choices` ask for.
pub fn plan(seen: &Seen, choices: Choices) -> Result<Plan, Problem> {
    let begun = seen.begun();
    let Choices { what, undo } = choices;
    let plan = |kept: &Kept, goes_on| Plan { seen: seen.clone(), what, kept: kept.clone(), undo, goes_on };
    if what == What::CertificateKey && !undo {
        let Some(certificate) = &seen.certificate else { return Err(is_kept_elsewhere(seen)) };
        return Ok(plan(&seen.secret, certificate.is_being_issued()));
    }
    let Some(kept) = seen.kept(what) else { return Err(somebody_elses_store(seen)) };
    if let Some(problem) = &seen.denied {
        return Err(problem.clone());
    }
    match begun {
        Some(begun) if begun != what => return Err(another_is_begun(begun)),
        None if undo => return Err(nothing_is_begun()),
        _ => {}
    }
    if let (What::RedisPassword, Some(store)) = (what, &seen.store) {
        if let Some(problem) = &store.denied {
            return Err(problem.clone());
        }
        if !store.takes_several {
            return Err(takes_one_password(&store.secret.name));
        }
    }
    Ok(plan(kept, begun.is_some()))
}

fn somebody_elses_store(seen: &Seen) -> Problem {
    let (place, remedy) = match seen.answers.sessions.existing() {
        Some(Redis { address, password, .. }) => (
            address.to_string(),
            format!(
                "have whoever keeps it add the new password beside the one in use (`ACL SETUSER`), put it under key {} of Secret {}, and \
                 run `gatewright setup`, which gives the sign-in proxy new pods; then the former one can be removed",
                password.key, password.secret
            ),
        ),
        None => ("the session store".to_owned(), "run `gatewright setup`, which makes what is missing".to_owned()),
    };
    Problem {
        tried: "look at the password of the session store".to_owned(),
        cause: format!("{place} is not ours: its password is changed where it is kept"),
        remedy,
        kind: ProblemKind::UnusableAnswers,
    }
}

fn takes_one_password(store: &str) -> Problem {
    Problem {
        tried: "look at the session store".to_owned(),
        cause: format!("{store} was set up by an earlier version, and knows one password alone"),
        remedy: "run `gatewright setup` at a quiet hour, which restarts the store once, so that everybody signs in again; from then \
                 on nobody notices a rotation"
            .to_owned(),
        kind: ProblemKind::UnusableAnswers,
    }
}

fn another_is_begun(begun: What) -> Problem {
    let word = begun.word();
    Problem {
        tried: "begin a rotation".to_owned(),
        cause: format!("that of the {} was begun and has not come to its end", begun.name()),
        remedy: format!(
            "run `gatewright rotate --what {word}` to end it, or `gatewright rotate --what {word} --undo` to take it back"
        ),
        kind: ProblemKind::UnusableAnswers,
    }
}

fn is_kept_elsewhere(seen: &Seen) -> Problem {
    let cause = match seen.answers.certificate.existing_secret() {
        Some(secret) => format!("it is not ours: whoever keeps the TLS Secret {secret} renews it"),
        None => "its Certificate is not there, or may not be seen".to_owned(),
    };
    Problem {
        tried: "look at the certificate".to_owned(),
        cause,
        remedy: "have whoever keeps it put a new one in its place; the gateway takes that up by itself".to_owned(),
        kind: ProblemKind::UnusableAnswers,
    }
}

fn nothing_is_begun() -> Problem {
    Problem {
        tried: "take a rotation back".to_owned(),
        cause: "none was begun, or it has come to its end: what was in use before is gone".to_owned(),
        remedy: "run `gatewright rotate` for another new one".to_owned(),
        kind: ProblemKind::UnusableAnswers,
    }
}

impl Plan {
    /// Every state, those among them that an earlier run has gone through.
    fn every_state(&self) -> &'static [State] {
        match (self.undo, self.what) {
            (true, What::ClientSecret) => &[State::PutBack, State::Roll, State::Remove],
            (true, What::RedisPassword) => &[State::Admit, State::PutBack, State::Roll, State::Remove],
            (true, What::CookieSecret | What::CertificateKey) => &[State::PutBack, State::Roll],
            (false, What::CertificateKey) => &[State::Renew],
            (false, What::ClientSecret) => &[State::Add, State::Store, State::Roll, State::Try, State::Remove],
            (false, What::CookieSecret) => &[State::Store, State::Roll, State::Try, State::Remove],
            (false, What::RedisPassword) => {
                &[State::Store, State::Admit, State::Use, State::Roll, State::Try, State::Remove]
            }
        }
    }

    fn is_done(&self, state: State) -> bool {
        match state {
            State::Add | State::Store => self.goes_on,
            // Of a password of the session store that was proposed, whoever is in use is the former one still.
            State::Use => self.goes_on && !self.seen.vault().has_next(&self.kept.name, self.what.key()),
            _ => false,
        }
    }

    /// Every state in order, with whether an earlier run has gone through it.
    pub fn every_step(&self) -> Vec<(RotationStep, bool)> {
        self.every_state().iter().map(|state| (self.step(*state), self.is_done(*state))).collect()
    }

    /// The states that are still to come.
    pub(super) fn states(&self) -> Vec<State> {
        self.every_state().iter().copied().filter(|state| !self.is_done(*state)).collect()
    }

    /// Whether it was begun by a run that did not end it.
    pub fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// What is told of it before it is confirmed.
    pub fn event(&self) -> Event {
        let application = &self.seen.answers.application;
        let expires = self.seen.expires(self.what).filter(|expires| *expires < jiff::Timestamp::MAX);
        Event::RotationPlanned {
            application: application.name.to_string(),
            namespace: application.namespace.to_string(),
            what: self.what,
            expires: expires.map(|expires| expires.to_string()),
            goes_on: self.goes_on,
            notice: self.what.notice().to_owned(),
            steps: self.states().into_iter().map(|state| self.step(state)).collect(),
        }
    }

    fn step(&self, state: State) -> RotationStep {
        let (part, title) = self.name(state);
        let (action, why) = match (state, self.what) {
            (State::Add, _) => (
                Action::Create,
                "Beside the one in use, so that both are good; a token has to come back for it several times in a row.",
            ),
            (State::Store, What::ClientSecret) => {
                (Action::Update, "Gets the new one; the former one stays beside it until the end, to be put back.")
            }
            (State::Store, What::RedisPassword) => (
                Action::Update,
                "Gets a new password beside the one in use, so that a store that starts meanwhile knows both; nobody uses it yet.",
            ),
            (State::Admit, _) if self.undo => {
                (Action::Update, "Has to let in whoever gives either of the two, before anything changes.")
            }
            (State::Admit, _) => (
                Action::Update,
                "Is told of the new password while it runs, as whoever stands beside it in its pod; has to let in whoever gives it.",
            ),
            (State::Use, _) => {
                (Action::Update, "Has the new one used; the former one stays beside it until the end, to be put back.")
            }
            (State::Store, _) => (
                Action::Update,
                "Gets new random bytes; the former ones stay beside them until the end, to be put back.",
            ),
            (State::Roll, _) => (Action::Update, "Gets new pods, while former ones serve until these are ready."),
            (State::Try, _) => (
                Action::Keep,
                "Sign-in and tokens are tried from outside; what is not as it should be puts the former one back.",
            ),
            (State::Remove, What::RedisPassword) => (
                Action::Delete,
                "No longer good in the session store, which has to refuse it; until then all of it can be taken back.",
            ),
            (State::Remove, _) if self.undo => (Action::Delete, "The new one, by its key id; nobody uses it."),
            (State::Remove, What::ClientSecret) => (
                Action::Delete,
                "The former one, by its key id, and none that is not ours; until then all of it can be taken back.",
            ),
            (State::Remove, _) => (Action::Delete, "The former bytes; until then all of it can be taken back."),
            (State::PutBack, _) => (Action::Update, "Gets the former one back."),
            (State::Renew, _) => (
                Action::Update,
                "cert-manager is told to issue it anew, and makes a new key for it; the former one is shown until then.",
            ),
        };
        RotationStep { part, title, action, why: why.to_owned() }
    }

    /// The name of a state for machines and for people.
    pub(super) fn name(&self, state: State) -> (PartId, Title) {
        let namespace = &self.seen.answers.application.namespace;
        let (name, proxy) = (&self.kept.name, &self.seen.secret.name);
        let title = |kind: &str, name: String| Title { kind: kind.to_owned(), name };
        let (id, title) = match (state, self.what) {
            (State::Add, _) => ("add", title("Client secret", self.seen.found.registration.credential_name.clone())),
            (State::Store, _) => ("store", title("Secret", format!("{namespace}/{name}"))),
            (State::PutBack, _) => ("put-back", title("Secret", format!("{namespace}/{name}"))),
            (State::Admit, _) => ("admit", title("Session store", format!("{namespace}/{name}"))),
            (State::Use, _) => ("use", title("Secret", format!("{namespace}/{name}"))),
            (State::Roll, _) => ("roll", title("Deployment", format!("{namespace}/{proxy}"))),
            (State::Renew, _) => {
                let certificate = self.seen.certificate.as_ref().map(|certificate| &certificate.reference);
                let place = certificate.and_then(|it| it.namespace.clone()).unwrap_or_default();
                let name = certificate.map_or("", |it| it.name.as_str());
                ("renew", title("Certificate", format!("{place}/{name}")))
            }
            (State::Try, _) => ("try", title("Sign-in", self.seen.answers.application.host.to_string())),
            (State::Remove, What::ClientSecret | What::RedisPassword) => {
                let which = if self.undo { "the new one" } else { "the former one" };
                let kind = if self.what == What::RedisPassword { "Redis password" } else { "Client secret" };
                ("remove", title(kind, which.to_owned()))
            }
            (State::Remove, _) => ("remove", title("Cookie secret", "the former one".to_owned())),
        };
        (PartId(format!("rotate/{}/{id}", self.what.word())), title)
    }
}
