//! `export`: the objects as files.

use super::{
    Exit, Global,
    interruption::{cancelled_by_signals, unless_interrupted},
    screen::{Screen, failed, result, unusable},
    setup::connected,
};
use crate::{
    blueprint,
    engine::{
        self,
        event::{Event, Events},
    },
    face::Style,
};
use std::path::{Path, PathBuf};

/// Why the files could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotWritten {
    #[error("{}: {cause}; name a folder that can be written", path.display())]
    Unwritable { path: PathBuf, cause: std::io::Error },
    #[error("{} holds {found}, which is not of an earlier export; name a new or empty folder", path.display())]
    SomethingElse { path: PathBuf, found: String },
}

/// Writes the objects as numbered files. Reads the cluster and the tenant; writes nothing there.
pub(super) async fn export(global: &Global, screen: Screen, directory: &Path) -> Exit {
    let events = screen.events(Style::Brief);
    let looking = async {
        let (connection, answers) = connected(global, screen, &events, None, "export").await?;
        let seen = engine::look(&connection.target, &answers, &events).await;
        connection.close().await;
        seen.map(|seen| (answers, seen)).map_err(|no_plan| screen.problem(&events, "export", no_plan.problem))
    };
    let (answers, seen) = match unless_interrupted(&cancelled_by_signals(), looking).await {
        Ok(looked) => looked,
        Err(exit) => return exit,
    };
    let files = match blueprint::blueprint(&answers, &seen.facts, &seen.existing) {
        Ok(parts) => blueprint::export(&parts),
        Err(reasons) => return screen.problem(&events, "export", engine::impossible(&reasons)),
    };
    match write(directory, &files) {
        Ok(()) => {
            let written: Vec<PathBuf> = files.iter().map(|file| directory.join(&file.name)).collect();
            tell(screen, &events, &written)
        }
        Err(error @ NotWritten::SomethingElse { .. }) => unusable(&error.to_string()),
        Err(error) => failed(&error.to_string()),
    }
}

fn tell(screen: Screen, events: &Events, written: &[PathBuf]) -> Exit {
    if screen.is_json() {
        for path in written {
            events.tell(Event::Written { path: path.display().to_string() });
        }
        return Exit::Done;
    }
    let paths: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
    result(&paths.join("\n"))
}

/// Writes `files` into `directory`, in place of those of an earlier export.
pub(super) fn write(directory: &Path, files: &[blueprint::ExportFile]) -> Result<(), NotWritten> {
    let unwritable = |path: &Path| {
        let path = path.to_owned();
        move |cause| NotWritten::Unwritable { path, cause }
    };
    std::fs::create_dir_all(directory).map_err(unwritable(directory))?;
    let mut earlier = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unwritable(directory))? {
        let path = entry.map_err(unwritable(directory))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_text = path.extension().is_some_and(|extension| extension == "yaml" || extension == "txt");
        let is_of_an_export = name.starts_with(|first: char| first.is_ascii_digit()) && is_text;
        if !is_of_an_export {
            return Err(NotWritten::SomethingElse { path: directory.to_owned(), found: name });
        }
        earlier.push(path);
    }
    for path in earlier {
        std::fs::remove_file(&path).map_err(unwritable(&path))?;
    }
    for file in files {
        let path = directory.join(&file.name);
        std::fs::write(&path, &file.content).map_err(unwritable(&path))?;
    }
    Ok(())
}
