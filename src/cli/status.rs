//! `status`: every installation in the cluster, one line each.

use super::{
    Exit, Global,
    connection::cluster_only,
    interruption::{cancelled_by_signals, unless_interrupted},
    screen::{Screen, result, say},
};
use crate::{
    engine::{event::Event, installations},
    face::Style,
};

/// Shows every installation. Asks the cluster alone: nobody has to be signed in to Entra.
pub(super) async fn status(global: &Global, screen: Screen) -> Exit {
    let events = screen.events(Style::Brief);
    let looking = async {
        let told = |problem| screen.problem(&events, "status", problem);
        let (cluster, place) = cluster_only(global).await.map_err(told)?;
        let found = installations::list(&cluster).await;
        place.close().await;
        Ok((cluster, found.map_err(told)?))
    };
    let (cluster, found) = match unless_interrupted(&cancelled_by_signals(), looking).await {
        Ok(looked) => looked,
        Err(exit) => return exit,
    };
    if screen.is_json() {
        for installation in found {
            events.tell(Event::Installed { installation });
        }
        return Exit::Done;
    }
    if found.is_empty() {
        say(&format!("Nothing is installed in {}. `gatewright setup` begins.", cluster.context()));
        return Exit::Done;
    }
    result(&installations::table(&found))
}
