//! `status`: every installation in the cluster, one line each.

use super::{
    Exit, Global,
    connection::cluster_only,
    interruption::{cancelled_by_signals, unless_interrupted},
    screen::{Screen, result, say},
};
use crate::{
    engine::{
        event::Event,
        installations::{self, Level},
    },
    face::{Style, health_counts, installations_table},
};
use jiff::Timestamp;

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
    exit
}
