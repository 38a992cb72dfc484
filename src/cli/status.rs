//! `status`: every installation in the cluster, one line each.

use super::{
    Exit, Global,
    connection::cluster_only,
    screen::{Screen, failed, result, say},
};
use crate::{engine::installations, face::Style};

/// Shows every installation. Asks the cluster alone: nobody has to be signed in to Entra.
pub(super) async fn status(global: &Global, screen: Screen) -> Exit {
    let events = screen.events(Style::Brief);
    let (cluster, place) = match cluster_only(global).await {
        Ok(connected) => connected,
        Err(problem) => return screen.problem(&events, "status", problem),
    };
    let found = installations::list(&cluster).await;
    place.close().await;
    let found = match found {
        Ok(found) => found,
        Err(problem) => return screen.problem(&events, "status", problem),
    };
    if screen.is_json() {
        for installation in &found {
            match serde_json::to_string(installation) {
                Ok(line) => result(&line),
                Err(error) => return failed(&format!("an installation cannot be written as JSON: {error}")),
            };
        }
        return Exit::Done;
    }
    if found.is_empty() {
        say(&format!("Nothing is installed in {}. `gatewright setup` begins.", cluster.context()));
        return Exit::Done;
    }
    result(&installations::table(&found));
    Exit::Done
}
