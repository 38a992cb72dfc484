//! `setup` and `plan`.

use super::{
    Exit, Global,
    answers::{NoAnswers, of_a_file, recorded},
    connection::Connection,
    screen::{Confirmation, Screen, failed, say, unusable},
};
use crate::{
    answers::Answers,
    engine::{
        self, Plan,
        event::{Event, Events, Outcome},
    },
    face::Style,
};
use tokio_util::sync::CancellationToken;

/// Puts sign-in in front of an application, the first time and for every later change.
pub(super) async fn setup(global: &Global, screen: Screen, app: Option<&str>) -> Exit {
    let events = screen.events(Style::Brief);
    let (connection, plan) = match planned(global, screen, &events, app, "setup").await {
        Ok(planned) => planned,
        Err(exit) => return exit,
    };
    let exit = carry_out(screen, &events, &connection, plan).await;
    connection.close().await;
    exit
}

async fn carry_out(screen: Screen, events: &Events, connection: &Connection, plan: Plan) -> Exit {
    if let Some(worst) = plan.problems().first() {
        say("Nothing has been changed: see above what stands in the way.");
        return Exit::from(worst.kind);
    }
    let changes = plan.counts().changes();
    if changes > 0 {
        match screen.confirm(&format!("Apply {changes} changes?")) {
            Confirmation::Given => {}
            Confirmation::Refused => {
                say("Nothing has been changed.");
                return Exit::Interrupted;
            }
            Confirmation::NobodyToAsk => {
                return unusable(
                    "Nothing has been changed: there is nobody to confirm the plan. Run on a terminal, or pass --yes.",
                );
            }
        }
    }
    let cancel = cancelled_by_signals();
    let outcome = engine::apply(&connection.target, plan, events.clone(), cancel).await;
    if matches!(outcome, Outcome::Done | Outcome::NothingToDo | Outcome::HandedOver) && !screen.is_json() {
        connection.say_how_to_try();
    }
    Exit::from(outcome)
}

/// Shows what setup would change; writes nothing.
pub(super) async fn plan(global: &Global, screen: Screen, app: Option<&str>) -> Exit {
    let events = screen.events(Style::Full);
    let (connection, plan) = match planned(global, screen, &events, app, "plan").await {
        Ok(planned) => planned,
        Err(exit) => return exit,
    };
    connection.close().await;
    if let Some(worst) = plan.problems().first() {
        return Exit::from(worst.kind);
    }
    match plan.counts().changes() {
        0 => {
            say("Nothing would change.");
            Exit::Done
        }
        changes => {
            say(&format!("{changes} changes are pending. Nothing has been changed."));
            Exit::Pending
        }
    }
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
        Err(problem) => {
            let exit = screen.problem(events, doing, problem);
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
    let of_a_file = of_a_file(global, app).map_err(|error| refused(&error))?;
    let tenant = of_a_file.as_ref().and_then(|answers| answers.registration.tenant.as_ref()).map(ToString::to_string);
    let opened = Connection::open(global, screen, events, tenant).await;
    let connection = opened.map_err(|problem| screen.problem(events, doing, problem))?;
    let answers = match of_a_file {
        Some(answers) => answers,
        None => match recorded(&connection.target.cluster, app).await {
            Ok(answers) => answers,
            Err(error) => {
                connection.close().await;
                return Err(refused(&error));
            }
        },
    };
    Ok((connection, answers))
}

fn refused(error: &NoAnswers) -> Exit {
    match error {
        NoAnswers::Cluster(error) if error.lacks_right().is_some() => {
            say(&error.to_string());
            Exit::NotPermitted
        }
        NoAnswers::Cluster(_) => failed(&error.to_string()),
        _ => unusable(&error.to_string()),
    }
}

/// A token that is cancelled by the first Ctrl-C or SIGTERM. What is being written then is still finished; a second Ctrl-C ends
/// the process at once, and the next run sees what is left to do.
pub(super) fn cancelled_by_signals() -> CancellationToken {
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        interrupted().await;
        cancelled.cancel();
        interrupted().await;
        std::process::exit(i32::from(Exit::Interrupted.code()));
    });
    token
}

#[cfg(unix)]
pub(super) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
pub(super) async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
