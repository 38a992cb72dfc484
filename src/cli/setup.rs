//! `setup` and `plan`.

use super::{
    Exit, Global,
    answers::{NoAnswers, of_a_file},
    connection::{Connection, NotOpened, commands_text},
    full_screen,
    interruption::{cancelled_by_signals, finishing_what_has_begun, unless_interrupted},
    questions,
    screen::{Confirmation, Screen, say},
};
use crate::{
    answers::Answers,
    engine::{
        self, Plan,
        event::{Event, Events, Outcome, ProblemKind},
    },
    face::Style,
};
use tokio_util::sync::CancellationToken;

/// What `setup` is called where it is said what cannot go on.
const SETUP: &str = "setup";

/// Puts sign-in in front of an application, the first time and for every later change.
pub(super) async fn setup(global: &Global, screen: Screen, app: Option<&str>) -> Exit {
    if full_screen::is_wanted(global) {
        return full_screen::setup(global, screen, app).await;
    }
    let events = screen.events(Style::Brief);
    let cancel = cancelled_by_signals();
    let looking = planned(global, screen, &events, app, SETUP);
    let (connection, plan) = match unless_interrupted(&cancel, looking).await {
        Ok(planned) => planned,
        Err(exit) => return exit,
    };
    let exit = carry_out(screen, &events, &connection, plan, cancel).await;
    connection.close().await;
    exit
}

async fn carry_out(
    screen: Screen,
    events: &Events,
    connection: &Connection,
    plan: Plan,
    cancel: CancellationToken,
) -> Exit {
    if let Some(worst) = plan.problems().first() {
        say("Nothing has been changed: see above what stands in the way.");
        return Exit::from(worst.kind);
    }
    let changes = plan.counts().changes();
    if changes > 0 {
        match screen.confirm(&format!("Apply {}?", counted(changes)), &cancel).await {
            Confirmation::Given => {}
            Confirmation::Refused => {
                say("Nothing has been changed.");
                return Exit::Interrupted;
            }
            Confirmation::NobodyToAsk => {
                let nobody =
                    "Nothing has been changed: there is nobody to confirm the plan.\nRun on a terminal, or pass --yes.";
                return screen.refusal(events, SETUP, nobody, ProblemKind::UnusableAnswers);
            }
        }
    }
    let applying = engine::apply(&connection.target, plan, events.clone(), cancel.clone());
    let outcome = finishing_what_has_begun(&cancel, applying).await;
    if matches!(outcome, Outcome::Done | Outcome::NothingToDo | Outcome::HandedOver) && !screen.is_json() {
        say(&commands_text(&connection.next_commands()));
    }
    Exit::from(outcome)
}

/// Shows what setup would change; writes nothing.
pub(super) async fn plan(global: &Global, screen: Screen, app: Option<&str>) -> Exit {
    let events = screen.events(Style::Full);
    let cancel = cancelled_by_signals();
    let looking = planned(global, screen, &events, app, "plan");
    let (connection, plan) = match unless_interrupted(&cancel, looking).await {
        Ok(planned) => planned,
        Err(exit) => return exit,
    };
    connection.close().await;
    if let Some(worst) = plan.problems().first() {
        return Exit::from(worst.kind);
    }
    let counts = plan.counts();
    match counts.changes() {
        0 if counts.hand_over > 0 => {
            say("Nothing is left to do here, but somebody else has to: `setup` says who and what.");
            Exit::HandedOver
        }
        0 => {
            say("Nothing would change.");
            Exit::Done
        }
        changes => {
            let are = if changes == 1 { "is" } else { "are" };
            say(&format!("{} {are} pending. Nothing has been changed.", counted(changes)));
            Exit::Pending
        }
    }
}

fn counted(changes: usize) -> String {
    if changes == 1 { "1 change".to_owned() } else { format!("{changes} changes") }
}

/// Everything up to a plan that is shown; nothing is written.
pub(super) async fn planned(
    global: &Global,
    screen: Screen,
    events: &Events,
    app: Option<&str>,
    doing: &str,
) -> Result<(Connection, Plan), Exit> {
    let (connection, answers) = connected(global, screen, events, app, doing).await?;
    match engine::plan(&connection.target, &answers, events).await {
        Ok(plan) => {
            events.tell(Event::Planned { steps: plan.summaries(), counts: plan.counts() });
            Ok((connection, plan))
        }
        Err(no_plan) => {
            let exit = screen.problem(events, doing, no_plan.problem);
            connection.close().await;
            Err(exit)
        }
    }
}

/// A connection, and the answers that hold. A file's mistakes are told before anything is connected to.
pub(super) async fn connected(
    global: &Global,
    screen: Screen,
    events: &Events,
    app: Option<&str>,
    doing: &str,
) -> Result<(Connection, Answers), Exit> {
    let refused = |error: &NoAnswers| screen.refusal(events, doing, &error.to_string(), kind(error));
    let of_a_file = of_a_file(global, app).map_err(|error| refused(&error))?;
    if of_a_file.is_none() && doing == SETUP && screen.may_ask() {
        return questions::asked(global, screen, events, app).await;
    }
    let told = |problem| screen.problem(events, doing, problem);
    if let Some(answers) = of_a_file {
        let tenant = answers.registration.tenant.as_ref().map(ToString::to_string);
        let connection = Connection::open(global, screen, events, tenant).await.map_err(told)?;
        return Ok((connection, answers));
    }
    Connection::open_as_recorded(global, screen, events, app).await.map_err(|error| match error {
        NotOpened::Problem(problem) => told(problem),
        NotOpened::NoAnswers(error) => refused(&error),
    })
}

/// What kind of problem it is that there are no answers.
pub(super) fn kind(error: &NoAnswers) -> ProblemKind {
    match error {
        NoAnswers::Cluster(error) if error.lacks_right().is_some() => ProblemKind::NotPermitted,
        NoAnswers::Cluster(_) => ProblemKind::Failed,
        _ => ProblemKind::UnusableAnswers,
    }
}
