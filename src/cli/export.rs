//! `export`: the objects as files.

use super::{
    Exit, Global,
    screen::{Screen, failed, result, unusable},
    setup::connected,
};
use crate::{
    blueprint,
    engine::{self},
    face::Style,
};
use std::path::{Path, PathBuf};

/// Why the files could not be written.
#[derive(Debug, thiserror::Error)]
enum NotWritten {
    #[error("{}: {cause}; name a folder that can be written", path.display())]
    Unwritable { path: PathBuf, cause: std::io::Error },
    #[error("{} holds {found}, which is not of an earlier export; name a new or empty folder", path.display())]
    SomethingElse { path: PathBuf, found: String },
}

/// Writes the objects as numbered files. Reads the cluster and the tenant; writes nothing there.
pub(super) async fn export(global: &Global, screen: Screen, directory: &Path) -> Exit {
    let events = screen.events(Style::Brief);
    let (connection, answers) = match connected(global, screen, &events, None, "export").await {
        Ok(connected) => connected,
        Err(exit) => return exit,
    };
    let seen = engine::look(&connection.target, &answers, &events).await;
    connection.close().await;
    let seen = match seen {
        Ok(seen) => seen,
        Err(problem) => return screen.problem(&events, "export", problem),
    };
    let files = match blueprint::blueprint(&answers, &seen.facts, &seen.existing) {
        Ok(parts) => blueprint::export(&parts),
        Err(reasons) => return screen.problem(&events, "export", engine::impossible(&reasons)),
    };
    match write(directory, &files) {
        Ok(()) => {
            for file in &files {
                result(&directory.join(&file.name).display().to_string());
            }
            Exit::Done
        }
        Err(error @ NotWritten::SomethingElse { .. }) => unusable(&error.to_string()),
        Err(error) => failed(&error.to_string()),
    }
}

fn write(directory: &Path, files: &[blueprint::ExportFile]) -> Result<(), NotWritten> {
    let unwritable = |path: &Path| {
        let path = path.to_owned();
        move |cause| NotWritten::Unwritable { path, cause }
    };
    std::fs::create_dir_all(directory).map_err(unwritable(directory))?;
    let mut earlier = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unwritable(directory))? {
        let path = entry.map_err(unwritable(directory))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml");
        let is_of_an_export = name.starts_with(|first: char| first.is_ascii_digit()) && is_yaml;
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
