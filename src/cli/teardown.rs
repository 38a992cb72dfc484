//! `teardown`: takes an installation away again.

use super::{
    Exit, Global,
    answers::of_a_file,
    arguments::Keep,
    connection::Connection,
    full_screen, full_screen_teardown,
    interruption::{cancelled_by_signals, finishing_what_has_begun, unless_interrupted},
    screen::{Confirmation, Screen, asked, say},
    setup::kind,
};
use crate::{
    answers::Answers,
    engine::{
        event::{Counts, Event, Events, Outcome, ProblemKind},
        teardown::{self, Choices, Keepable, Plan, Seen},
    },
    face::Style,
};
use tokio_util::sync::CancellationToken;

/// What it is called where it is said what cannot go on.
pub(super) const TEARDOWN: &str = "teardown";

/// Takes an installation away.
pub(super) async fn teardown(
    global: &Global,
    screen: Screen,
    app: Option<&str>,
    keep: &[Keep],
    delete_credentials_of_others: bool,
) -> Exit {
    let keep = keep.iter().copied().map(Keepable::from).collect();
    let choices = Choices { keep, delete_credentials_of_others };
    if full_screen::is_wanted(global) {
        return full_screen_teardown::teardown(global, screen, app, choices).await;
    }
    let events = screen.events(Style::Brief);
    let cancel = cancelled_by_signals();
    let looking = seen(global, screen, &events, app);
    let (connection, seen) = match unless_interrupted(&cancel, looking).await {
        Ok(looked) => looked,
        Err(exit) => return exit,
    };
    let exit = match seen {
        None => nothing_here(screen, &events, &connection),
        Some(seen) => carry_out(screen, &events, &connection, &seen, choices, &cancel).await,
    };
    connection.close().await;
    exit
}

impl From<Keep> for Keepable {
    fn from(keep: Keep) -> Self {
        match keep {
            Keep::Registration => Self::Registration,
            Keep::Namespace => Self::Namespace,
            Keep::Certificate => Self::Certificate,
        }
    }
}

/// A connection, and what is left of the installation; nothing, where nothing is.
async fn seen(
    global: &Global,
    screen: Screen,
    events: &Events,
    app: Option<&str>,
) -> Result<(Connection, Option<Seen>), Exit> {
    let file = answers(global, screen, events, app)?;
    let tenant = file.as_ref().and_then(|answers| answers.registration.tenant.as_ref()).map(ToString::to_string);
    let opened = Connection::open(global, screen, events, tenant).await;
    let connection = opened.map_err(|problem| screen.problem(events, TEARDOWN, problem))?;
    let looked = async {
        let target = &connection.target;
        match teardown::find(target, app, file.as_ref(), events).await? {
            None => Ok(None),
            Some(installation) => teardown::look(target, &installation, events).await.map(Some),
        }
    };
    match looked.await {
        Ok(seen) => Ok((connection, seen)),
        Err(problem) => {
            let exit = screen.problem(events, TEARDOWN, problem);
            connection.close().await;
            Err(exit)
        }
    }
}

/// The answers of a file. One that only happens to lie here, and is about something else or of no use, says nothing.
fn answers(global: &Global, screen: Screen, events: &Events, app: Option<&str>) -> Result<Option<Answers>, Exit> {
    match of_a_file(global, app) {
        Err(_) if global.answers.is_none() => Ok(None),
        answers => answers.map_err(|error| screen.refusal(events, TEARDOWN, &error.to_string(), kind(&error))),
    }
}

fn nothing_here(screen: Screen, events: &Events, connection: &Connection) -> Exit {
    if screen.is_json() {
        let (outcome, counts) = (Outcome::NothingToDo, Counts::default());
        events.tell(Event::Finished { outcome, counts, address: None, elapsed_ms: 0 });
    } else {
        let context = connection.target.cluster.context();
        say(&format!("Nothing of ours is here, in {context} and in {}.", connection.target.session.tenant().domain));
    }
    Exit::Done
}

async fn carry_out(
    screen: Screen,
    events: &Events,
    connection: &Connection,
    seen: &Seen,
    choices: Choices,
    cancel: &CancellationToken,
) -> Exit {
    let mut plan = teardown::plan(seen, &choices);
    if !plan.has_work() && plan.summaries().is_empty() {
        return nothing_here(screen, events, connection);
    }
    show(events, &plan);
    if let Some(worst) = plan.problems().first() {
        say("Nothing has been changed: see above what stands in the way.");
        return Exit::from(worst.kind);
    }
    if !plan.has_work() {
        let (outcome, counts) = (Outcome::NothingToDo, plan.counts());
        events.tell(Event::Finished { outcome, counts, address: None, elapsed_ms: 0 });
        return Exit::Done;
    }
    if screen.may_ask() {
        let Some(chosen) = ask_what_to_keep(&plan, choices.clone(), cancel).await else { return nothing_changed() };
        if chosen != choices {
            plan = teardown::plan(seen, &chosen);
            show(events, &plan);
        }
    }
    let application = &plan.installation.application;
    let question = format!("Type {application} to take it away:");
    match screen.confirm_by_typing(application, &question, cancel).await {
        Confirmation::Given => {}
        Confirmation::Refused => return nothing_changed(),
        Confirmation::NobodyToAsk => {
            let nobody = "Nothing has been changed: there is nobody to confirm it.\nRun on a terminal, or pass --yes.";
            return screen.refusal(events, TEARDOWN, nobody, ProblemKind::UnusableAnswers);
        }
    }
    let applying = teardown::apply(&connection.target, &plan, events, cancel.clone());
    Exit::from(finishing_what_has_begun(cancel, applying).await)
}

fn nothing_changed() -> Exit {
    say("Nothing has been changed.");
    Exit::Interrupted
}

pub(super) fn show(events: &Events, plan: &Plan) {
    events.tell(Event::TeardownPlanned {
        application: plan.installation.application.clone(),
        namespace: plan.installation.namespace.clone(),
        good_until: plan.good_until.clone(),
        steps: plan.summaries(),
        counts: plan.counts(),
    });
}

/// Asks a person what to keep, unless it was said already; `None` at the end of input.
async fn ask_what_to_keep(plan: &Plan, mut choices: Choices, cancel: &CancellationToken) -> Option<Choices> {
    if choices.keep.is_empty() {
        let words = Keepable::ALL.map(Keepable::word).join(", ");
        choices.keep = loop {
            let line = asked(&format!("Keep some of it ({words}; Enter keeps none)?"), cancel).await?;
            let kept: Option<_> = line
                .split([',', ' '])
                .filter(|word| !word.is_empty())
                .map(|word| Keepable::ALL.into_iter().find(|one| one.word() == word))
                .collect();
            match kept {
                Some(kept) => break kept,
                None => say(&format!("Name what to keep in these words: {words}.")),
            }
        };
    }
    let keeps_registration = choices.keep.contains(&Keepable::Registration);
    if plan.keeps_registration_for_others() && !keeps_registration {
        let question = "Others have credentials in the registration. Delete it all the same? [y/N]";
        let line = asked(question, cancel).await?;
        choices.delete_credentials_of_others = matches!(line.to_lowercase().as_str(), "y" | "yes");
    }
    Some(choices)
}
