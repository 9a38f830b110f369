//! The command line: the only place that prints, reads the terminal and the environment, picks the connectors and decides how
//! the process ends.
//!
//! One file per command; none of them does more than to ask the library and to show its answer. Start at [`main`].

mod apply;
mod args;
mod ask;
mod audit;
mod cells;
mod check;
mod conclusion;
mod describe;
mod described;
mod description;
pub mod diagnostics;
mod dry_run;
mod emulate;
mod erase;
mod exit;
mod flags;
mod ids;
mod load;
mod local;
mod log;
mod login;
mod metrics;
mod night_end;
mod notify;
mod output;
mod plan;
mod preview;
mod printable;
mod progress;
mod record;
mod redrive;
#[cfg(test)]
mod reference;
mod rejects;
mod report;
mod run;
mod runs;
mod session;
mod show;
mod signals;
mod summary;
mod tokens;
mod undo;
mod undone;
mod validate;
mod words;
mod workspace;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use crate::config::json_schema;
use crate::connectors::registry;

use self::{
    args::{Cli, Command},
    exit::{Exit, Failure},
    output::Output,
    workspace::Workspace,
};

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            refuse_arguments(&error);
            return exit.into();
        }
    };
    log::choose(cli.global.log_format);
    let term = workspace::variable("TERM");
    let output = Output::new(&cli.global, workspace::variable("NO_COLOR").is_some(), term.as_deref());
    start_log(cli.global.verbose);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.failure(&Failure::new(Exit::Environment, "runtime", error.to_string()));
            return Exit::Environment.into();
        }
    };
    let workspace = Workspace { global: cli.global, output, registry: registry() };
    let ended = runtime.block_on(dispatch(workspace, cli.command));
    // Reads that a signal left hanging are not waited for.
    runtime.shutdown_background();
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output.failure(&failure);
            failure.exit.into()
        }
    }
}

async fn dispatch(workspace: Workspace, command: Command) -> Result<Exit, Failure> {
    flags::check(&workspace.global, &command)?;
    match command {
        Command::Validate { files, fixtures } => validate::validate(&workspace, files, fixtures.as_deref()).await,
        Command::Check { file, write } => check::check(&workspace, &file, write).await,
        Command::Describe { connection, object, file } => {
            describe::describe(&workspace, &file, &connection, object.as_deref()).await
        }
        Command::Record(args) => record::record(&workspace, &args).await,
        Command::Login(args) => login::login(&workspace, &args).await,
        Command::Preview(args) => preview::preview(&workspace, &args).await,
        Command::Plan(args) => plan::plan(&workspace, &args).await,
        Command::Apply(args) => apply::apply(&workspace, &args).await,
        Command::Run(args) if args.dry_run => Box::pin(dry_run::run(&workspace, &args)).await,
        Command::Run(args) => run::run(&workspace, &args).await,
        Command::Runs(args) => runs::runs(&workspace, &args).await,
        Command::Report(args) => report::report(&workspace, &args).await,
        Command::Show { run, ids } => show::show(&workspace, &run, ids).await,
        Command::Rejects { run, format, output, raw } => {
            let form = rejects::Form { format, is_raw: raw };
            rejects::rejects(&workspace, &run, form, output.as_deref()).await
        }
        Command::Redrive { run, from, clock_speed } => {
            redrive::redrive(&workspace, &run, from.as_deref(), clock_speed).await
        }
        Command::Undo(args) => undo::undo(&workspace, &args).await,
        Command::Ids(args) => ids::ids(&workspace, &args).await,
        Command::Erase(args) => Box::pin(erase::erase(&workspace, &args)).await,
        Command::Emulate(args) => emulate::emulate(&workspace, args).await,
        Command::Schema => {
            let schema =
                serde_json::to_string_pretty(&json_schema(&workspace.registry)).map_err(std::io::Error::from)?;
            output::exact(&format!("{schema}\n"))?;
            Ok(Exit::Done)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "ferry", &mut script);
            output::exact(&String::from_utf8_lossy(&script))?;
            Ok(Exit::Done)
        }
    }
}

/// Shows what is wrong with the arguments, or the help. An argument may hold what another program put there.
fn refuse_arguments(error: &clap::Error) {
    let text = error.render().to_string();
    if printable::printable(&text) == text {
        // A closed stdout leaves nobody to tell.
        let _ = error.print();
    } else {
        output::insist(&text);
    }
}

fn start_log(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let filter = EnvFilter::builder().parse_lossy(format!("off,ferry={level}"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(printable::Log)
        .with_ansi(false)
        .with_target(false);
    // Only a second start in one process is refused, and there the first log stays.
    let _ = if log::is_json() { subscriber.event_format(log::JsonLines).try_init() } else { subscriber.try_init() };
    // What polars would say to its own callers, such as `Deprecation: …`, is nothing that a user could act on.
    polars::error::set_warning_function(|text, kind| tracing::debug!(?kind, text, "polars warns"));
}
