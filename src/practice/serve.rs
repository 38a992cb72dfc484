//! `gatewright practice`: the ground in a process of its own, and `gatewright practice reset`.

use super::gate::StopCaller;
use super::ground::{Ground, GroundError, GroundOptions};
use super::scenario::Scenario;
use super::state::{self, StateError, StatePlace};
use super::timings::Timings;
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

/// How `gatewright practice` is asked to serve.
#[derive(Clone, Debug, Default)]
pub struct ServeOptions {
    /// Where the files go that point at the ground; left out, they are in the state folder alone.
    pub directory: Option<PathBuf>,
    /// A scenario's name, or the path of its file; left out, everything is well.
    pub scenario: Option<String>,
    /// Where the state is kept; left out, in the folder that all commands share.
    pub state: Option<PathBuf>,
}

/// Serves a practice ground until `cancel`.
///
/// `ready` is told once, when every server answers and every file is written, what a person reads to use the ground.
pub async fn serve(
    options: ServeOptions,
    ready: impl FnOnce(&str),
    cancel: CancellationToken,
) -> Result<(), GroundError> {
    let scenario = Scenario::named(options.scenario.as_deref().unwrap_or(super::scenario::HEALTHY))?;
    let folder = options.state.map_or_else(state::usual_folder, Ok)?;
    let start = Ground::start(GroundOptions {
        state: StatePlace::Folder(folder),
        timings: Timings::Realistic,
        // Who asks is another process, which this one can't stop.
        stop: StopCaller::CutConnection,
        ..GroundOptions::new(scenario)
    });
    let Some(ground) = cancel.run_until_cancelled(start).await else { return Ok(()) };
    let ground = ground?;
    let directory = match options.directory {
        Some(directory) => {
            let directory = std::path::absolute(&directory).map_err(|cause| StateError::Io {
                what: "find",
                path: directory.display().to_string(),
                cause,
            })?;
            ground.write_pointers(&directory)?;
            directory
        }
        None => ground.directory().to_owned(),
    };
    ready(&ground.introduction(&directory));
    cancel.cancelled().await;
    ground.stop().await
}

/// Empties the state folder that all commands share, so that the next ground starts afresh; tells which folder it was.
pub fn reset() -> Result<PathBuf, StateError> {
    let folder = state::usual_folder()?;
    state::reset(&folder)?;
    Ok(folder)
}
