//! Flags that mean nothing with a command or with each other: refused before anything is done, because somebody counts on them.
//!
//! What clap can say of two flags (`requires`, `conflicts_with`) is in `args.rs`.

use std::path::Path;

use super::{
    args::{Command, ExportFormat, Global, RejectsFormat},
    exit::{Exit, Failure},
    rejects::format_of,
};

/// Refuses flags that would do nothing.
pub(super) fn check(global: &Global, command: &Command) -> Result<(), Failure> {
    if global.audit.is_some() {
        check_audit(command)?;
    }
    match command {
        Command::Rejects { raw, format, output, .. } => check_rejects(global, *raw, *format, output.as_deref()),
        Command::Ids(args) if args.raw && (global.json || args.format == ExportFormat::Json) => {
            Err(raw_json("ids.raw_json"))
        }
        _ => Ok(()),
    }
}

fn check_rejects(
    global: &Global,
    is_raw: bool,
    format: Option<RejectsFormat>,
    output: Option<&Path>,
) -> Result<(), Failure> {
    let format = if global.json { RejectsFormat::Json } else { format_of(format, output) };
    match format {
        RejectsFormat::Xlsx if output.is_none() => {
            let failure = Failure::new(Exit::Usage, "rejects.no_file", "a workbook cannot be printed");
            Err(failure.with_hint("name a file for it: `-o rejects.xlsx`"))
        }
        RejectsFormat::Xlsx if is_raw => {
            let message = "`--raw` is about cells that a spreadsheet would run, and a workbook's texts are never run";
            Err(Failure::new(Exit::Usage, "rejects.raw_xlsx", message).with_hint("leave `--raw` out"))
        }
        RejectsFormat::Json if is_raw => Err(raw_json("rejects.raw_json")),
        RejectsFormat::Csv | RejectsFormat::Json | RejectsFormat::Xlsx => Ok(()),
    }
}

fn raw_json(code: &'static str) -> Failure {
    let message = "`--raw` is about the cells of CSV, and JSON has none";
    Failure::new(Exit::Usage, code, message).with_hint("leave `--raw` out: JSON holds every value as it is")
}

/// An audit log lists requests to live systems.
fn check_audit(command: &Command) -> Result<(), Failure> {
    let name = match command {
        Command::Erase(args) if args.at_destinations => return Ok(()),
        Command::Erase(_) => "erase",
        Command::Run(args) if args.dry_run => return Err(dry_run("run")),
        Command::Preview(args) if args.is_local() => return Err(dry_run("preview")),
        Command::Check { .. }
        | Command::Describe { .. }
        | Command::Record(_)
        | Command::Login(_)
        | Command::Preview(_)
        | Command::Run(_)
        | Command::Plan(_)
        | Command::Apply(_)
        | Command::Undo(_)
        | Command::Redrive { .. } => return Ok(()),
        Command::Validate { .. } => "validate",
        Command::Runs(_) => "runs",
        Command::Report(_) => "report",
        Command::Show { .. } => "show",
        Command::Rejects { .. } => "rejects",
        Command::Ids(_) => "ids",
        Command::Emulate(_) => "emulate",
        Command::Schema => "schema",
        Command::Completions { .. } => "completions",
    };
    let message = format!("`ferry {name}` asks no live system: there is nothing to audit");
    Err(Failure::new(Exit::Usage, "audit.no_requests", message))
}

fn dry_run(command: &str) -> Failure {
    let message = "a dry run asks no live system: there is nothing to audit";
    let failure = Failure::new(Exit::Usage, "audit.dry_run", message);
    // A preview writes nothing, so it has no requests to show.
    if command == "run" {
        failure.with_hint("`--requests FILE` writes the requests that a live run would send")
    } else {
        failure
    }
}
