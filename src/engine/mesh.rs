//! Our entry in the mesh configuration, which is somebody else's: read, edit as text, write back only if nobody wrote meanwhile.

use super::{
    Target,
    event::{Action, Problem, ProblemKind},
    plan::mesh_config_map,
    problem,
};
use crate::{
    blueprint::MeshProvider,
    cluster::{Error, ObjectRef, mesh_config},
};
use serde_json::Value;

/// How often somebody else may get in between before we give up.
const ATTEMPTS: u8 = 5;

/// Puts our entry in.
pub(super) async fn write(target: &Target, provider: &MeshProvider) -> Result<Action, Problem> {
    let tried = format!("add our provider to ConfigMap {}/{}", provider.namespace, provider.config_map);
    edit(target, &mesh_config_map(provider), &provider.key, &tried, |text| {
        mesh_config::insert_provider(text, &provider.entry).map_err(|error| problem::mesh_edit(provider, &error))
    })
    .await
}

/// Takes our entry out, by its name.
pub(super) async fn remove(
    target: &Target,
    config_map: &ObjectRef,
    key: &str,
    provider: &str,
) -> Result<Action, Problem> {
    let tried = format!("take our provider out of {config_map}");
    edit(target, config_map, key, &tried, |text| {
        mesh_config::remove_provider(text, provider).map_err(|error| problem::mesh_removal(&tried, provider, &error))
    })
    .await
}

async fn edit(
    target: &Target,
    config_map: &ObjectRef,
    key: &str,
    tried: &str,
    change: impl Fn(&str) -> Result<String, Problem>,
) -> Result<Action, Problem> {
    let mut last = String::new();
    for _ in 0..ATTEMPTS {
        let read = target.cluster.get(config_map).await;
        let live = read.map_err(|error| problem::cluster(tried, &error))?;
        let Some(mut live) = live else {
            return Err(problem::gone(tried));
        };
        let Some(Value::String(text)) = live.pointer_mut(&format!("/data/{key}")) else {
            return Err(problem::gone(tried));
        };
        let after = change(text)?;
        if after == *text {
            return Ok(Action::Keep);
        }
        *text = after;
        match target.cluster.update_guarded(&live).await {
            Ok(_) => return Ok(Action::Update),
            Err(Error::Stale { message, .. }) => last = message,
            Err(error) => return Err(problem::cluster(tried, &error)),
        }
    }
    Err(Problem {
        tried: tried.to_owned(),
        cause: format!("somebody else changed it {ATTEMPTS} times meanwhile; the last time: {last}"),
        remedy: "run again when the other change is through".to_owned(),
        kind: ProblemKind::Failed,
    })
}
