//! Our entry in the mesh configuration, which is somebody else's: read, edit as text, write back only if nobody wrote meanwhile.

use super::{
    Target,
    event::{Action, Problem, ProblemKind},
    plan::mesh_config_map,
    problem,
};
use crate::{
    blueprint::MeshProvider,
    cluster::{Error, mesh_config},
};
use serde_json::Value;

/// How often somebody else may get in between before we give up.
const ATTEMPTS: u8 = 5;

/// Puts our entry in.
pub(super) async fn write(target: &Target, provider: &MeshProvider) -> Result<Action, Problem> {
    let tried = format!("add our provider to ConfigMap {}/{}", provider.namespace, provider.config_map);
    let mut last = String::new();
    for _ in 0..ATTEMPTS {
        let read = target.cluster.get(&mesh_config_map(provider)).await;
        let live = read.map_err(|error| problem::cluster(&tried, &error))?;
        let Some(mut live) = live else {
            return Err(problem::gone(&tried));
        };
        let Some(Value::String(text)) = live.pointer_mut(&format!("/data/{}", provider.key)) else {
            return Err(problem::gone(&tried));
        };
        let after = mesh_config::insert_provider(text, &provider.entry)
            .map_err(|error| problem::mesh_edit(provider, &error))?;
        if after == *text {
            return Ok(Action::Keep);
        }
        *text = after;
        match target.cluster.update_guarded(&live).await {
            Ok(_) => return Ok(Action::Update),
            Err(Error::Stale { message, .. }) => last = message,
            Err(error) => return Err(problem::cluster(&tried, &error)),
        }
    }
    Err(Problem {
        tried,
        cause: format!("somebody else changed it {ATTEMPTS} times meanwhile; the last time: {last}"),
        remedy: "run again when the other change is through".to_owned(),
        kind: ProblemKind::Failed,
    })
}
