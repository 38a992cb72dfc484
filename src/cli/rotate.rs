//! `rotate`: a new secret in the place of one that is in use.

use super::{
    Exit, Global,
    answers::{NoAnswers, of_a_file},
    arguments::Rotated,
    connection::{Connection, NotOpened},
    full_screen, full_screen_rotate,
    interruption::{cancelled_by_signals, finishing_what_has_begun, unless_interrupted},
    screen::{Confirmation, Screen, asked, say},
    setup::kind,
};
use crate::{
    answers::{Answers, names::Lifetime},
    engine::{
        event::{Counts, Event, Events, Outcome, ProblemKind},
        rotate::{self, Choices, Decision, Seen, What},
    },
    face::Style,
};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

/// What it is called where it is said what cannot go on.
pub(super) const ROTATE: &str = "rotate";

/// What was asked for on the command line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) app: Option<&'a str>,
    pub(super) what: Option<Rotated>,
    pub(super) if_expiring: Option<Lifetime>,
    pub(super) undo: bool,
}

/// What of these is a secret; nothing for a federated credential.
fn secret_of(rotated: Rotated) -> Option<What> {
    match rotated {
        Rotated::ClientSecret => Some(What::ClientSecret),
        Rotated::CookieSecret => Some(What::CookieSecret),
        Rotated::CertificateKey => Some(What::CertificateKey),
        Rotated::RedisPassword => Some(What::RedisPassword),
        Rotated::FederatedCredential => None,
    }
}

const NO_SECRET: &str = "Nothing to rotate: a federated credential holds no secret. Whoever it trusts proves itself to Entra with tokens that end by \
                         themselves, and renews the key that signs them.";

/// Rotates a secret of an installation.
pub(super) async fn rotate(global: &Global, screen: Screen, asked: Asked<'_>) -> Exit {
    let events = screen.events(Style::Brief);
    let what = match asked.what.map(secret_of) {
        Some(None) => return nothing_to_do(screen, &events, NO_SECRET),
        what => what.flatten(),
    };
    if let (Some(what), Some(_)) = (what.filter(|what| !what.expires()), asked.if_expiring) {
        let name = what.name();
        let text = format!("--if-expiring is for what expires; a {name} does not.\nLeave one of the two out.");
        return screen.refusal(&events, ROTATE, &text, ProblemKind::UnusableAnswers);
    }
    let wanted = Wanted { what, if_expiring: asked.if_expiring, undo: asked.undo };
    if full_screen::is_wanted(global) {
        return full_screen_rotate::rotate(global, screen, asked.app, wanted).await;
    }
    let cancel = cancelled_by_signals();
    let looking = seen(global, screen, &events, asked.app);
    let (connection, seen) = match unless_interrupted(&cancel, looking).await {
        Ok(looked) => looked,
        Err(exit) => return exit,
    };
    let run = Run { screen, events: &events, connection: &connection, cancel: &cancel };
    let exit = run.carry_out(seen, wanted).await;
    connection.close().await;
    exit
}

/// What is wanted of whichever installation it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) what: Option<What>,
    pub(super) if_expiring: Option<Lifetime>,
    pub(super) undo: bool,
}

/// What of an installation is to be rotated.
#[derive(Debug)]
pub(super) enum Due {
    /// These, one after the other.
    These(Vec<What>),
    /// Nothing yet, and why.
    NotYet(String),
    /// Whatever a person chooses, and the client secret where nobody is there to.
    ToBeChosen,
}

impl Wanted {
    /// What of this installation is to be rotated. A rotation that was begun is taken up, unless something else was named.
    pub(super) fn of(self, seen: &Seen) -> Due {
        match (self.what, seen.begun(), self.if_expiring) {
            (None, Some(begun), _) => Due::These(vec![begun]),
            (what, None, Some(within)) => {
                let expire = || What::ALL.into_iter().filter(|what| seen.expires(*what).is_some()).collect();
                let all: Vec<What> = what.map_or_else(expire, |what| vec![what]);
                let not_yet: Vec<String> = all.iter().filter_map(|what| not_yet(seen, *what, within)).collect();
                if not_yet.len() == all.len() {
                    return Due::NotYet(not_yet.join("\n"));
                }
                Due::These(all.into_iter().filter(|what| self::not_yet(seen, *what, within).is_none()).collect())
            }
            (Some(what), _, _) => Due::These(vec![what]),
            (None, None, None) if self.undo => Due::These(vec![What::ClientSecret]),
            (None, None, None) => Due::ToBeChosen,
        }
    }
}

/// A connection to where the installation is, and the answers that are recorded of it.
pub(super) async fn opened(
    global: &Global,
    screen: Screen,
    events: &Events,
    app: Option<&str>,
) -> Result<(Connection, Answers), NotOpened> {
    // What is recorded is what is installed: a file may say something else by now, and only tells which installation is meant.
    let of_file = of_a_file(global, app).ok().flatten().map(|answers| answers.application);
    let of_file = of_file.map(|application| format!("{}/{}", application.namespace, application.name));
    Connection::open_as_recorded(global, screen, events, of_file.as_deref().or(app)).await
}

/// Why there is nothing to rotate.
pub(super) fn refusal(error: &NoAnswers) -> (String, ProblemKind) {
    match error {
        NoAnswers::None { recorded } => (
            format!("There is nothing to rotate: {recorded}.\nName an installation: gatewright rotate NAMESPACE/APP."),
            ProblemKind::UnusableAnswers,
        ),
        error => (error.to_string(), kind(error)),
    }
}

async fn seen(global: &Global, screen: Screen, events: &Events, app: Option<&str>) -> Result<(Connection, Seen), Exit> {
    let opened = opened(global, screen, events, app).await;
    let (connection, answers) = opened.map_err(|error| match error {
        NotOpened::Problem(problem) => screen.problem(events, ROTATE, problem),
        NotOpened::NoAnswers(error) => {
            let (text, kind) = refusal(&error);
            screen.refusal(events, ROTATE, &text, kind)
        }
    })?;
    match rotate::look(&connection.target, &answers, events).await {
        Ok(seen) => Ok((connection, seen)),
        Err(problem) => {
            let exit = screen.problem(events, ROTATE, problem);
            connection.close().await;
            Err(exit)
        }
    }
}

/// What a rotation is carried out with.
struct Run<'a> {
    screen: Screen,
    events: &'a Events,
    connection: &'a Connection,
    cancel: &'a CancellationToken,
}

impl Run<'_> {
    async fn carry_out(&self, mut seen: Seen, wanted: Wanted) -> Exit {
        let all = match wanted.of(&seen) {
            Due::These(all) => all,
            Due::NotYet(text) => return nothing_to_do(self.screen, self.events, &text),
            Due::ToBeChosen if self.screen.may_ask() => match ask_what(&seen, self.cancel).await {
                Some(what) => vec![what],
                None => return nothing_changed(),
            },
            Due::ToBeChosen => vec![What::ClientSecret],
        };
        let mut ended = Exit::Done;
        for (number, what) in all.into_iter().enumerate() {
            if number > 0 {
                // The one before has changed what there is.
                let answers = seen.answers().clone();
                seen = match rotate::look(&self.connection.target, &answers, self.events).await {
                    Ok(seen) => seen,
                    Err(problem) => return self.screen.problem(self.events, ROTATE, problem),
                };
            }
            match self.one(&seen, Choices { what, undo: wanted.undo }).await {
                Exit::Done => {}
                Exit::HandedOver => ended = Exit::HandedOver,
                exit => return exit,
            }
        }
        ended
    }

    async fn one(&self, seen: &Seen, choices: Choices) -> Exit {
        let (screen, events, cancel) = (self.screen, self.events, self.cancel);
        let plan = match rotate::plan(seen, choices) {
            Ok(plan) => plan,
            Err(problem) => return screen.problem(events, ROTATE, problem),
        };
        events.tell(plan.event());
        let question = if choices.undo { "Take it back?" } else { "Rotate it?" };
        match screen.confirm(question, cancel).await {
            Confirmation::Given => {}
            Confirmation::Refused => return nothing_changed(),
            Confirmation::NobodyToAsk => {
                let nobody =
                    "Nothing has been changed: there is nobody to confirm it.\nRun on a terminal, or pass --yes.";
                return screen.refusal(events, ROTATE, nobody, ProblemKind::UnusableAnswers);
            }
        }
        let decide = async || last_state(screen, choices.what, cancel).await;
        let applying = rotate::apply(&self.connection.target, plan, events, cancel, decide);
        Exit::from(finishing_what_has_begun(cancel, applying).await)
    }
}

/// Whether what was in use goes for good, now that the new one is proven.
async fn last_state(screen: Screen, what: What, cancel: &CancellationToken) -> Decision {
    if !screen.may_ask() {
        return Decision::GoOn;
    }
    let question =
        format!("The new {} works. Remove the former one [Enter], or type `undo` to put it back:", what.name());
    loop {
        match asked(&question, cancel).await.map(|line| line.to_lowercase()).as_deref() {
            None => return Decision::Leave,
            Some("" | "y" | "yes") => return Decision::GoOn,
            Some("undo") => return Decision::Undo,
            Some(_) => say("Press Enter, or type undo; Ctrl-C leaves both for now."),
        }
    }
}

/// Asks a person what to rotate; `None` at the end of input.
async fn ask_what(seen: &Seen, cancel: &CancellationToken) -> Option<What> {
    say("\nWhat can be rotated:");
    for what in What::ALL {
        let until = seen.expires(what).map(|expires| format!("good until {expires}. ")).unwrap_or_default();
        say(&format!("  {:15} {until}{}", what.word(), what.notice()));
    }
    loop {
        let line = asked("Which one (Enter takes client-secret)?", cancel).await?;
        match What::ALL.into_iter().find(|what| what.word() == line) {
            Some(what) => return Some(what),
            None if line.is_empty() => return Some(What::ClientSecret),
            None => say(&format!("Name one in these words: {}.", What::ALL.map(What::word).join(", "))),
        }
    }
}

/// Why it is not yet time, if it is not.
fn not_yet(seen: &Seen, what: What, within: Lifetime) -> Option<String> {
    let expires = seen.expires(what)?;
    let within_seconds = SignedDuration::from_secs(i64::try_from(within.seconds()).unwrap_or(i64::MAX));
    let left = expires.duration_since(Timestamp::now());
    (left > within_seconds).then(|| {
        let days = left.as_hours() / 24;
        format!("Nothing to do: the {} is good until {expires}, {days} days, which is more than {within}.", what.name())
    })
}

fn nothing_to_do(screen: Screen, events: &Events, text: &str) -> Exit {
    if screen.is_json() {
        let (outcome, counts) = (Outcome::NothingToDo, Counts::default());
        events.tell(Event::Finished { outcome, counts, address: None, elapsed_ms: 0 });
    } else {
        say(text);
    }
    Exit::Done
}

fn nothing_changed() -> Exit {
    say("Nothing has been changed.");
    Exit::Interrupted
}
