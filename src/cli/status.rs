//! `status`: every installation in the cluster, one line each.

use super::{
    Exit, Global,
    connection::cluster_only,
    interruption::{cancelled_by_signals, unless_interrupted},
    screen::{Screen, result, say},
};
use crate::{
    engine::{
        event::{Event, Events, Problem, ProblemKind},
        history::{self, HISTORY_KEY, Kept},
        installations::{self, Level},
    },
    face::{Style, advisories_notice, health_counts, history_table, installations_table},
};
use jiff::{Timestamp, tz::TimeZone};

/// Shows every installation. Asks the cluster alone: nobody has to be signed in to Entra.
pub(super) async fn status(global: &Global, screen: Screen) -> Exit {
    let events = screen.events(Style::Brief);
    let looking = async {
        let told = |problem| screen.problem(&events, "status", problem);
        let (cluster, place) = cluster_only(global).await.map_err(told)?;
        let found = installations::overview(&cluster, Timestamp::now()).await;
        place.close().await;
        found.map_err(told)
    };
    let overview = match unless_interrupted(&cancelled_by_signals(), looking).await {
        Ok(looked) => looked,
        Err(exit) => return exit,
    };
    if screen.is_json() {
        for installation in overview.installations {
            events.tell(Event::Installed { installation: Box::new(installation) });
        }
        return Exit::Done;
    }
    let found = &overview.installations;
    if found.is_empty() {
        say(&format!("Nothing is installed in {}. `gatewright setup` begins.", overview.context));
        return Exit::Done;
    }
    let exit = result(&installations_table(found));
    if found.iter().any(|one| one.health != Level::Ok) {
        say(&format!("{}; `gatewright` alone tells why, and what to do.", health_counts(found)));
    }
    if let Some(notice) = advisories_notice(found) {
        say(&notice);
    }
    exit
}

/// What it is called where it is said what cannot go on.
const HISTORY: &str = "status --history";

/// Shows what was done, of every installation or of `app`. Asks the cluster alone, and writes nothing.
pub(super) async fn history(global: &Global, screen: Screen, app: Option<&str>) -> Exit {
    let events = screen.events(Style::Brief);
    let looking = async {
        let told = |problem| screen.problem(&events, HISTORY, problem);
        let (cluster, place) = cluster_only(global).await.map_err(told)?;
        let found = history::all(&cluster).await;
        place.close().await;
        Ok((found.map_err(told)?, cluster.context().to_owned()))
    };
    let (all, context) = match unless_interrupted(&cancelled_by_signals(), looking).await {
        Ok(looked) => looked,
        Err(exit) => return exit,
    };
    let wanted = match of(&all, app) {
        Ok(wanted) => wanted,
        Err(refusal) => return screen.refusal(&events, HISTORY, &refusal, ProblemKind::UnusableAnswers),
    };
    let mut exit = if screen.is_json() {
        tell_history(&events, &wanted);
        Exit::Done
    } else if all.is_empty() {
        say(&format!("Nothing is installed in {context}. `gatewright setup` begins."));
        Exit::Done
    } else if wanted.iter().all(|kept| kept.history.entries.is_empty()) {
        say(
            "Nothing is written down yet: setup, rotate and teardown do, from this version on, when they change something.",
        );
        Exit::Done
    } else {
        result(&history_table(&wanted, &TimeZone::system(), app.is_some()))
    };
    for problem in wanted.iter().filter_map(unreadable) {
        exit = screen.problem(&events, HISTORY, problem);
    }
    exit
}

/// Those that are asked for.
fn of(all: &[Kept], app: Option<&str>) -> Result<Vec<Kept>, String> {
    let Some(app) = app else { return Ok(all.to_vec()) };
    let is_asked_for = |kept: &&Kept| kept.application == app || kept.full_name() == app;
    let found: Vec<Kept> = all.iter().filter(is_asked_for).cloned().collect();
    if found.len() == 1 {
        return Ok(found);
    }
    let names: Vec<String> = all.iter().map(Kept::full_name).collect();
    let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    Err(format!("{app:?} is not, or not only once, among what is installed: {names}\nName one as NAMESPACE/APP."))
}

fn tell_history(events: &Events, wanted: &[Kept]) {
    for kept in wanted {
        for entry in &kept.history.entries {
            events.tell(Event::History {
                application: kept.application.clone(),
                namespace: kept.namespace.clone(),
                entry: Box::new(entry.clone()),
            });
        }
    }
}

/// What somebody has edited so that it can't be read.
fn unreadable(kept: &Kept) -> Option<Problem> {
    let cause = kept.history.unreadable.as_ref()?;
    Some(Problem {
        tried: format!("read the history of {}", kept.full_name()),
        cause: cause.clone(),
        remedy: format!(
            "mend the key {HISTORY_KEY} in its record, or leave it: the next run that changes something begins it anew"
        ),
        kind: ProblemKind::Failed,
    })
}
