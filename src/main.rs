//! The `gatewright` command: parse, dispatch, exit code; nothing else.

fn main() -> std::process::ExitCode {
    gatewright::cli::run(std::env::args_os()).into()
}
