//! Ctrl-C and SIGTERM, at every stage of a command.

use super::{Exit, screen::say};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled by the first Ctrl-C or SIGTERM. A second one ends the process at once, and the next run sees what is
/// left to do.
pub(super) fn cancelled_by_signals() -> CancellationToken {
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        interrupted().await;
        cancelled.cancel();
        interrupted().await;
        say("\nEnded at once. The same command goes on from here.");
        std::process::exit(i32::from(Exit::Interrupted.code()));
    });
    token
}

/// Does what only reads, unless somebody stops it.
pub(super) async fn unless_interrupted<T>(
    cancel: &CancellationToken,
    reading: impl Future<Output = Result<T, Exit>>,
) -> Result<T, Exit> {
    cancel.run_until_cancelled(reading).await.unwrap_or_else(|| {
        say("\nInterrupted. Nothing has been changed. The same command begins again.");
        Err(Exit::Interrupted)
    })
}

/// Does what writes to its end, and tells somebody who stops it why it does not end at once.
pub(super) async fn finishing_what_has_begun<T>(cancel: &CancellationToken, writing: impl Future<Output = T>) -> T {
    tokio::pin!(writing);
    tokio::select! {
        biased;
        done = &mut writing => return done,
        () = cancel.cancelled() => {}
    }
    say("\nStopping when what has begun is finished; Ctrl-C again ends at once.");
    writing.await
}

/// The next Ctrl-C or SIGTERM.
#[cfg(unix)]
pub(super) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// The next Ctrl-C.
#[cfg(not(unix))]
pub(super) async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
