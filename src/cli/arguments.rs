//! What can be typed.

use crate::{answers::names::Lifetime, engine::Entrance, entra::Method};
use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use clap_complete::Shell;
use std::path::PathBuf;

/// Microsoft Entra ID sign-in in front of one application behind an Istio gateway.
#[derive(Debug, Parser)]
#[command(name = "gatewright", version, about, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Arguments {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do; without it, on a terminal, what is installed is shown.
    #[command(subcommand)]
    pub command: Option<Command>,
}

const AFTER_HELP: &str = "\
Without a command, on a terminal: what is installed here, how well it is, and what to do next.

Try it with no Azure and no cluster:
  gatewright setup --practice --answers assets/answers/example.yaml

Exit codes: 0 done or nothing to do; 1 something failed; 2 changes are pending (plan); 3 done but for what somebody else must do;
64 wrong usage or unusable answers; 77 a right is missing; 130 interrupted.";

/// The practice ground where everything is well: the one that is meant where none is named.
pub(super) const PRACTICE: &str = "healthy";

/// What holds for every command.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Work on the practice ground, an embedded tenant and cluster; SCENARIO tells a fault story
    #[arg(long, global = true, value_name = "SCENARIO", num_args = 0..=1, require_equals = true, default_missing_value = PRACTICE)]
    pub practice: Option<String>,
    /// The answers file [default: ./gatewright.yaml, else what the installation has recorded]
    #[arg(long, global = true, value_name = "FILE")]
    pub answers: Option<PathBuf>,
    /// Apply without asking
    #[arg(short, long, global = true)]
    pub yes: bool,
    /// How to show things; auto is the full screen on a terminal, where the command has one, else plain lines
    #[arg(long, global = true, value_enum, default_value_t = Ui::Auto)]
    pub ui: Ui,
    /// The kubeconfig context
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// The Entra tenant: its GUID or one of its domains
    #[arg(long, global = true, value_name = "ID", env = "GATEWRIGHT_TENANT")]
    pub tenant: Option<String>,
    /// The cloud: public, usgov, china, or a file that names its endpoints [default: public]
    #[arg(long, global = true, value_name = "CLOUD", env = "GATEWRIGHT_CLOUD")]
    pub cloud: Option<String>,
    /// How to sign in to Entra [default: the first that works, in this order]
    #[arg(long, global = true, value_name = "METHOD", value_parser = sign_in_methods())]
    pub sign_in: Option<Method>,
    /// Where the application is tried after `setup`: IP:PORT of the gateway instead of what its name and Service say, or `none`
    #[arg(long, global = true, value_name = "IP:PORT", env = "GATEWRIGHT_TRY_AT")]
    pub try_at: Option<Entrance>,
    /// Write a log to this file; it holds no secrets
    #[arg(long, global = true, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// Setup begins with the recorded answers, whatever file lies about; nobody types it
    #[arg(skip)]
    pub recorded_only: bool,
    /// Tell more; twice for every request in the log
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The ways to sign in by their names.
fn sign_in_methods() -> impl TypedValueParser<Value = Method> {
    PossibleValuesParser::new(Method::ALL.map(Method::name))
        .try_map(|name| Method::named(&name).ok_or("there is no such way to sign in"))
}

/// How to show things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Ui {
    /// The best the terminal can do.
    Auto,
    /// The full screen, for `setup`, `teardown` and home.
    Tui,
    /// Plain lines.
    Plain,
    /// One event a line, on standard output.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Put sign-in in front of an application, the first time and for every later change
    Setup {
        /// The application, where its answers are recorded already; NAMESPACE/APP where there are several of the name
        app: Option<String>,
    },
    /// Show what setup would change; nothing is written
    Plan {
        /// The application, where its answers are recorded already; NAMESPACE/APP where there are several of the name
        app: Option<String>,
    },
    /// Put a new secret in the place of one that is in use, without a request that fails
    Rotate {
        /// The application; NAMESPACE/APP where there are several of the name
        app: Option<String>,
        /// What to rotate [default: asked for on a terminal, else the client secret]
        #[arg(long, value_enum, value_name = "WHAT")]
        what: Option<Rotated>,
        /// Rotate what expires within this time, such as 30d, and nothing else; for a scheduler
        #[arg(long, value_name = "TIME", conflicts_with = "undo")]
        if_expiring: Option<Lifetime>,
        /// Take back a rotation that was begun and has not come to its end
        #[arg(long)]
        undo: bool,
    },
    /// Take an installation away: exactly what was made goes, and what was there before stays
    Teardown {
        /// The application; NAMESPACE/APP where there are several of the name
        app: Option<String>,
        /// Leave these as they are
        #[arg(long, value_enum, value_delimiter = ',', value_name = "WHAT")]
        keep: Vec<Keep>,
        /// Delete the registration that was made for it even though others have credentials in it
        #[arg(long)]
        delete_credentials_of_others: bool,
    },
    /// Write the objects as files, for kubectl or a repository; no secret is in them
    Export {
        /// The folder; made if it is not there, refused if it holds something else
        directory: PathBuf,
        /// How to write them
        #[arg(long, value_enum, default_value_t = ExportFormat::Yaml)]
        format: ExportFormat,
    },
    /// Show every installation in the cluster, one line each
    Status {
        /// Show what was done, when, by whom and how it ended, the newest first
        #[arg(long)]
        history: bool,
        /// Of this application alone; NAMESPACE/APP where there are several of the name
        #[arg(requires = "history")]
        app: Option<String>,
    },
    /// Serve the practice ground until Ctrl-C
    Practice {
        /// What to do with it
        #[command(subcommand)]
        command: Option<PracticeCommand>,
        /// Write kubeconfig, cloud.yaml, ca.pem and environment into this folder once it answers
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
        /// The fault story to tell
        #[arg(long, value_name = "SCENARIO")]
        scenario: Option<String>,
    },
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// What to do with the practice ground.
#[derive(Debug, Subcommand)]
pub enum PracticeCommand {
    /// Forget everything that was made on the practice ground
    Reset,
    /// List the fault stories
    Scenarios,
}

/// What a teardown can leave as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Keep {
    /// The registration in Entra; our client secret goes.
    Registration,
    /// The namespace.
    Namespace,
    /// The certificate and its Secret.
    Certificate,
}

/// What can be rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Rotated {
    /// The client secret by which the sign-in proxy proves itself to Entra; nobody notices.
    ClientSecret,
    /// The key that signs the cookies of sessions; signs everybody out.
    CookieSecret,
    /// The certificate's key, where cert-manager keeps it; nobody notices.
    CertificateKey,
    /// The password of the session store that was set up with it; nobody notices.
    RedisPassword,
    /// A federated credential; there is nothing to rotate.
    FederatedCredential,
}

/// How to write exported objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// Numbered files for `kubectl apply --server-side -R -f DIR`.
    Yaml,
    /// Not built yet.
    Kustomize,
    /// Not built yet.
    Helm,
}
