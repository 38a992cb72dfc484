//! The command line: what can be asked for, and what each command does.

mod answers;
mod arguments;
mod connection;
mod discovery;
mod exit;
mod export;
mod full_screen;
mod full_screen_rotate;
mod full_screen_run;
mod full_screen_teardown;
mod home;
mod interruption;
mod link;
mod logging;
#[cfg(feature = "practice")]
mod practice;
mod questions;
mod rotate;
mod screen;
mod setup;
mod status;
mod teardown;

pub use arguments::{Arguments, Command, ExportFormat, Global, Keep, PracticeCommand, Rotated, Ui};
pub use exit::Exit;

use clap::{CommandFactory as _, Parser as _, error::ErrorKind};
use screen::{Screen, failed, result, unusable};
use std::ffi::OsString;

/// A plan is worked out on a thread beside the screen, in one call of many: it has what a main thread has.
const THREAD_STACK: usize = 8 * 1024 * 1024;

/// Reads the command line and does what it asks.
pub fn run(command_line: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments = match Arguments::try_parse_from(command_line) {
        Ok(arguments) => arguments,
        Err(error) => return told_by_clap(&error),
    };
    let screen = Screen::of(&arguments.global);
    if let Some(refusal) = not_built_yet(&arguments) {
        return unusable(&refusal);
    }
    let _log_is_written_until_here = match logging::start(&arguments.global) {
        Ok(guard) => guard,
        Err(error) => return unusable(&error.to_string()),
    };
    crate::tls::install_provider();
    let runtime = match tokio::runtime::Builder::new_multi_thread().thread_stack_size(THREAD_STACK).enable_all().build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("the system gave no threads to work with: {error}")),
    };
    let exit = runtime.block_on(dispatch(arguments, screen));
    // A kubeconfig's credential plugin may still hang on a thread of its own: it does not keep us.
    runtime.shutdown_background();
    exit
}

fn told_by_clap(error: &clap::Error) -> Exit {
    let asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let _the_terminal_is_gone = error.print();
    if asked_for { Exit::Done } else { Exit::Unusable }
}

/// What is planned and named in the design, but not there yet, is refused by name and not ignored.
fn not_built_yet(arguments: &Arguments) -> Option<String> {
    if arguments.global.ui == Ui::Tui
        && !matches!(
            arguments.command,
            None | Some(Command::Setup { .. } | Command::Teardown { .. } | Command::Rotate { .. })
        )
    {
        return Some(
            "--ui tui: only `setup`, `rotate`, `teardown` and `gatewright` alone have a full screen; use --ui plain or --ui json"
                .to_owned(),
        );
    }
    match &arguments.command {
        Some(Command::Export { format: ExportFormat::Kustomize, .. }) => {
            Some("--format kustomize is not built yet; use --format yaml".to_owned())
        }
        Some(Command::Export { format: ExportFormat::Helm, .. }) => {
            Some("--format helm is not built yet; use --format yaml".to_owned())
        }
        _ => None,
    }
}

async fn dispatch(arguments: Arguments, screen: Screen) -> Exit {
    let Arguments { global, command } = arguments;
    let Some(command) = command else { return home::home(&global, screen).await };
    match command {
        Command::Setup { app } => setup::setup(&global, screen, app.as_deref()).await,
        Command::Plan { app } => setup::plan(&global, screen, app.as_deref()).await,
        Command::Export { directory, .. } => export::export(&global, screen, &directory).await,
        Command::Teardown { app, keep, delete_credentials_of_others } => {
            teardown::teardown(&global, screen, app.as_deref(), &keep, delete_credentials_of_others).await
        }
        Command::Rotate { app, what, if_expiring, undo } => {
            let asked = rotate::Asked { app: app.as_deref(), what, if_expiring, undo };
            rotate::rotate(&global, screen, asked).await
        }
        Command::Status { history: true, app } => status::history(&global, screen, app.as_deref()).await,
        Command::Status { .. } => status::status(&global, screen).await,
        #[cfg(feature = "practice")]
        Command::Practice { command, dir, scenario } => practice::practice(&global, command, dir, scenario).await,
        #[cfg(not(feature = "practice"))]
        Command::Practice { .. } => unusable("this gatewright was built without the practice ground"),
        Command::Completions { shell } => {
            // The generator panics when it cannot write.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "gatewright", &mut script);
            result(String::from_utf8_lossy(&script).trim_end())
        }
    }
}
