//! The log file: for finding out afterwards, without secrets, never on the screen.

use super::Global;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

/// The log file can't be written.
#[derive(Debug, thiserror::Error)]
#[error("--log-file {file}: {cause}; name a file in a folder that can be written")]
pub(super) struct NoLogFile {
    file: String,
    cause: std::io::Error,
}

/// Starts the log, if one is asked for. What it returns must live as long as something is to be written.
pub(super) fn start(global: &Global) -> Result<Option<WorkerGuard>, NoLogFile> {
    let Some(path) = &global.log_file else { return Ok(None) };
    let opened = std::fs::OpenOptions::new().create(true).append(true).open(path);
    let file = opened.map_err(|cause| NoLogFile { file: path.display().to_string(), cause })?;
    let (writer, guard) = tracing_appender::non_blocking(file);
    let ours = match global.verbose {
        0 => "info",
        1 => "debug",
        _ => "trace",
    };
    // Libraries are kept at warnings: what they log at lower levels holds requests with their headers.
    let filter = EnvFilter::new(format!("warn,gatewright={ours}"));
    let subscriber = tracing_subscriber::fmt().json().with_writer(writer).with_env_filter(filter).finish();
    let _another_one_listens_already = tracing::subscriber::set_global_default(subscriber);
    Ok(Some(guard))
}
