//! The states that a rotation has still to go through, before anything is done.

use super::{Seen, What};
use crate::{
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
    pub(super) undo: bool,
    /// Whether it was begun by a run that did not end it: the new value is in its place already.
    pub(super) goes_on: bool,
}

/// A state that a rotation goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// A second client secret beside the one in use.
    Add,
    /// The new value in the Secret, with the former one beside it.
    Store,
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
    if what == What::CertificateKey && !undo {
        let Some(certificate) = &seen.certificate else { return Err(is_kept_elsewhere(seen)) };
        let goes_on = certificate.is_being_issued();
        return Ok(Plan { seen: seen.clone(), what, undo, goes_on });
    }
    if let Some(problem) = &seen.denied {
        return Err(problem.clone());
    }
    match begun {
        Some(begun) if begun != what => Err(another_is_begun(begun)),
        None if undo => Err(nothing_is_begun()),
        begun => Ok(Plan { seen: seen.clone(), what, undo, goes_on: begun.is_some() }),
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
    /// The states that are still to come.
    pub(super) fn states(&self) -> Vec<State> {
        let all: &[State] = match (self.undo, self.what) {
            (true, What::ClientSecret) => &[State::PutBack, State::Roll, State::Remove],
            (true, What::CookieSecret | What::CertificateKey) => &[State::PutBack, State::Roll],
            (false, What::CertificateKey) => &[State::Renew],
            (false, What::ClientSecret) => &[State::Add, State::Store, State::Roll, State::Try, State::Remove],
            (false, What::CookieSecret) => &[State::Store, State::Roll, State::Try, State::Remove],
        };
        let is_done = |state: &State| self.goes_on && matches!(state, State::Add | State::Store);
        all.iter().copied().filter(|state| !is_done(state)).collect()
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
            (State::Store, _) => (
                Action::Update,
                "Gets new random bytes; the former ones stay beside them until the end, to be put back.",
            ),
            (State::Roll, _) => (Action::Update, "Gets new pods, while former ones serve until these are ready."),
            (State::Try, _) => (
                Action::Keep,
                "Sign-in and tokens are tried from outside; what is not as it should be puts the former one back.",
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
        let name = &self.seen.secret_name;
        let title = |kind: &str, name: String| Title { kind: kind.to_owned(), name };
        let (id, title) = match (state, self.what) {
            (State::Add, _) => ("add", title("Client secret", self.seen.found.registration.credential_name.clone())),
            (State::Store, _) => ("store", title("Secret", format!("{namespace}/{name}"))),
            (State::PutBack, _) => ("put-back", title("Secret", format!("{namespace}/{name}"))),
            (State::Roll, _) => ("roll", title("Deployment", format!("{namespace}/{name}"))),
            (State::Renew, _) => {
                let certificate = self.seen.certificate.as_ref().map(|certificate| &certificate.reference);
                let place = certificate.and_then(|it| it.namespace.clone()).unwrap_or_default();
                let name = certificate.map_or("", |it| it.name.as_str());
                ("renew", title("Certificate", format!("{place}/{name}")))
            }
            (State::Try, _) => ("try", title("Sign-in", self.seen.answers.application.host.to_string())),
            (State::Remove, What::ClientSecret) => {
                let which = if self.undo { "the new one" } else { "the former one" };
                ("remove", title("Client secret", which.to_owned()))
            }
            (State::Remove, _) => ("remove", title("Cookie secret", "the former one".to_owned())),
        };
        (PartId(format!("rotate/{}/{id}", self.what.word())), title)
    }
}
