//! Which answers hold: those of a file, or those that the installation has recorded.

use super::Global;
use crate::{
    answers::{Answers, Mistakes, file},
    cluster::Cluster,
    wizard::RecordedApplication,
};
use serde_json::Value;
use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

/// Where answers are looked for when none are named.
pub(super) const DEFAULT_FILE: &str = "gatewright.yaml";

/// What is read of a file at most: an answers file has a few thousand bytes.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// Why there are no usable answers.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswers {
    /// The file can't be read.
    #[error(
        "{file}: {cause}\nName an answers file with --answers FILE; assets/answers/example.yaml is one to start from."
    )]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        cause: std::io::Error,
    },
    /// It holds mistakes.
    #[error("{0}")]
    Mistakes(#[from] Mistakes),
    /// They are for another application.
    #[error(
        "{origin} is about the application {found}, not {asked}\nLeave the name out, or name the file of {asked} with --answers FILE."
    )]
    AnotherApplication {
        /// Where they came from.
        origin: String,
        /// Whose they are.
        found: String,
        /// Whose were asked for.
        asked: String,
    },
    /// Nothing is named and nothing is recorded.
    #[error(
        "there are no answers: no --answers FILE, no ./{DEFAULT_FILE}, and {recorded}\n`gatewright setup` on a terminal asks for them; assets/answers/example.yaml is a file to start from."
    )]
    None {
        /// What was recorded instead.
        recorded: String,
    },
    /// What is recorded holds mistakes, each with its line.
    #[error("{0}")]
    Unusable(String),
    /// The recorded ones can't be asked for.
    #[error("the recorded answers cannot be read: {0}")]
    Cluster(#[from] crate::cluster::Error),
}

/// The answers of a file: the named one, else `./gatewright.yaml` if it is there.
pub(super) fn of_a_file(global: &Global, app: Option<&str>) -> Result<Option<Answers>, NoAnswers> {
    if global.recorded_only {
        return Ok(None);
    }
    let path: PathBuf = match &global.answers {
        Some(path) => path.clone(),
        None if Path::new(DEFAULT_FILE).is_file() => PathBuf::from(DEFAULT_FILE),
        None => return Ok(None),
    };
    let origin = path.display().to_string();
    let text = read(&path).map_err(|cause| NoAnswers::Unreadable { file: origin.clone(), cause })?;
    let answers = file::parse(&text, &origin)?;
    about(answers, app, &origin).map(Some)
}

/// What the file holds, and no more of it than what is certainly no answers file any more: a device has no end.
fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(MOST_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// Every application whose answers an installation has recorded in the cluster, with its answers.
pub(super) async fn all_recorded(cluster: &Cluster) -> Result<Vec<RecordedApplication>, crate::cluster::Error> {
    let records = cluster.installations().await?;
    let text = |record: &Value, at: &str| record.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    let recorded = |record: &Value| {
        let name = text(record, "/metadata/labels/gatewright.dev~1installation");
        let answers = file::parse(&text(record, "/data/answers.yaml"), &format!("the recorded answers of {name}"));
        let answers = answers.map(Box::new).map_err(|mistakes| mistakes.to_string());
        RecordedApplication { namespace: text(record, "/metadata/namespace"), name, answers }
    };
    Ok(records.iter().map(recorded).collect())
}

/// The answers that an installation has recorded in the cluster: of `app`, or of the only one there is.
pub(super) async fn recorded(cluster: &Cluster, app: Option<&str>) -> Result<Answers, NoAnswers> {
    let all = all_recorded(cluster).await?;
    let names: Vec<String> = all.iter().map(RecordedApplication::full_name).collect();
    let mut of_app = all.into_iter().filter(|one| app.is_none_or(|app| one.name == app || one.full_name() == app));
    let (Some(record), None) = (of_app.next(), of_app.next()) else {
        let recorded = match (names.is_empty(), app) {
            (true, _) => "nothing is recorded in the cluster".to_owned(),
            (false, Some(app)) => {
                format!("{app:?} is not, or not only once, among what is recorded: {}", names.join(", "))
            }
            (false, None) => format!("several applications are recorded, name one: {}", names.join(", ")),
        };
        return Err(NoAnswers::None { recorded });
    };
    match record.answers {
        Ok(answers) => Ok(*answers),
        Err(mistakes) => Err(NoAnswers::Unusable(mistakes)),
    }
}

fn about(answers: Answers, app: Option<&str>, origin: &str) -> Result<Answers, NoAnswers> {
    let found = answers.application.name.as_str();
    let full_name = format!("{}/{found}", answers.application.namespace);
    match app {
        Some(asked) if asked != found && asked != full_name => Err(NoAnswers::AnotherApplication {
            origin: origin.to_owned(),
            found: found.to_owned(),
            asked: asked.to_owned(),
        }),
        _ => Ok(answers),
    }
}
