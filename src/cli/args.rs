//! What a user can type.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use emulators::FaultPlan;

use crate::state::RunStatus;

/// Moves records between CRMs from a YAML pipeline, and accounts for every one of them.
#[derive(Debug, Parser)]
#[command(name = "ferry", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done · 1 run failed · 2 wrong arguments or pipeline · 3 environment (credentials, \
    network, locked by another run) · 4 done with rejected records · 5 a plan has changes (`--exit-code`) · \
    6 a quota is spent: run it again later, it resumes · 130/143 interrupted"
)]
pub(super) struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Clone, Args)]
pub(super) struct Global {
    /// Print one JSON object on stdout instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Print nothing but results and errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// The state file [default: `.ferry/state.db` beside the pipeline]
    #[arg(long, global = true, value_name = "FILE", env = "FERRY_STATE", hide_env_values = true)]
    pub state: Option<PathBuf>,
    /// Append a line of JSON to a file for each request to a live system: no token, body or personal value
    #[arg(long, global = true, value_name = "FILE")]
    pub audit: Option<PathBuf>,
    /// Write how a run ended to a file for the textfile collector of Prometheus' node exporter
    #[arg(long, global = true, value_name = "FILE", env = "FERRY_METRICS", hide_env_values = true)]
    pub metrics: Option<PathBuf>,
    /// What lines on stderr look like
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        default_value = "text",
        env = "FERRY_LOG_FORMAT",
        hide_env_values = true
    )]
    pub log_format: LogFormat,
    /// Log requests and steps to stderr; twice for more
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    Auto,
    Always,
    Never,
}

/// What lines on stderr look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check pipelines without any network: form, names, fields, SQL; shows all findings
    Validate {
        /// The pipelines [default: pipelines/*.yaml]
        files: Vec<PathBuf>,
        /// Check objects and fields against fixtures too: a folder with one folder for each connector
        #[arg(long, value_name = "DIR")]
        fixtures: Option<PathBuf>,
    },
    /// Ask each connection of a pipeline whether a run would work: login, scopes, fields, one record, limits
    #[command(after_help = "Example: ferry check pipelines/leads.yaml --write")]
    Check {
        /// The pipeline
        file: PathBuf,
        /// Also create one marked test record at each destination, read it back, change it and delete it again
        #[arg(long)]
        write: bool,
    },
    /// Show the fields of an object as its system declares them
    Describe {
        /// The connection's name in the pipeline
        connection: String,
        /// The object; all objects that the pipeline uses where left out
        object: Option<String>,
        /// The pipeline that has the connection
        #[arg(long, short, value_name = "PIPELINE")]
        file: PathBuf,
    },
    /// Take records of a live system into the fixtures, masked, for dry runs on the shape of one's own data
    #[command(after_help = "Example: ferry record crm contacts --file pipelines/leads.yaml --limit 200")]
    Record(RecordArgs),
    /// Log in to an OAuth vendor in the browser; the tokens are kept, encrypted, in the state file
    #[command(after_help = "Example: ferry login crm --file pipelines/leads.yaml")]
    Login(LoginArgs),
    /// Show what a pipeline makes of its records, side by side, and what would be rejected; writes nothing
    #[command(after_help = "Example: ferry preview pipelines/leads.yaml --stream contacts --where \"country = 'DE'\"")]
    Preview(PreviewArgs),
    /// Show what a run would do against what is there now, record by record; writes nothing
    #[command(after_help = "Example: ferry plan pipelines/leads.yaml -o leads.plan && ferry apply leads.plan")]
    Plan(PlanArgs),
    /// Write what a plan says and nothing else; records that changed since are held
    Apply(ApplyArgs),
    /// Run a pipeline; a run that was stopped or killed goes on where it stood
    Run(RunArgs),
    /// List the runs in the state file, with their counts and why the last one ended
    #[command(after_help = "Example: ferry runs --since 24h --status failed")]
    Runs(RunsArgs),
    /// Say how each pipeline stands and what to do: the last state, the nights, the backlog; as text or one HTML file
    #[command(after_help = "Example: ferry report --since 24h --html report.html")]
    Report(ReportArgs),
    /// Show the ledger of a run, and which records were merged into which
    Show {
        /// The run's id, any unique part of it, or `last`
        #[arg(default_value = "last")]
        run: String,
        /// Name merged records by their ids at the source, which may be personal (mail addresses)
        #[arg(long)]
        ids: bool,
    },
    /// Print the records of a run that were not written, with the reason and all their values, and those that wait for others
    Rejects {
        /// The run's id, any unique part of it, or `last`
        #[arg(default_value = "last")]
        run: String,
        /// How to print them [default: what the file's name ends with, else csv]
        #[arg(long, value_name = "FORMAT")]
        format: Option<RejectsFormat>,
        /// Where to write them: `.xlsx`, `.csv` with semicolons and a byte order mark, or `.json` [default: stdout]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Leave cells as they are that a spreadsheet would run as formulas, instead of putting a `'` before them
        #[arg(long)]
        raw: bool,
    },
    /// Load the dead letters of a run again
    Redrive {
        /// The run's id, any unique part of it, or `last`
        #[arg(default_value = "last")]
        run: String,
        /// What `ferry rejects` wrote, with corrections in its `mapped.` or `source.` columns, as a spreadsheet saves it
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        /// Wait so many times as short as the limits say, as for a run
        #[arg(long, value_name = "FACTOR", default_value_t = 1.0, hide = true)]
        clock_speed: f64,
    },
    /// Take back what a run wrote: delete what it created, restore what it changed, create again what it deleted
    #[command(after_help = "Example: ferry undo last --plan")]
    Undo(UndoArgs),
    /// Print the id map of a pipeline: each record's id at its source and at its destination
    #[command(after_help = "Example: ferry ids pipelines/leads.yaml --stream contacts -o ids.csv")]
    Ids(IdsArgs),
    /// Remove a person from everything that ferry keeps, and say where else they are
    #[command(after_help = "Example: ferry erase --email ada@example.org")]
    Erase(EraseArgs),
    /// Start local CRMs for other programs' tests; prints `VENDOR URL` per line once they answer
    Emulate(EmulateArgs),
    /// Print the JSON Schema of pipeline files
    Schema,
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Clone, Args)]
pub(super) struct RunsArgs {
    /// Those of this pipeline
    #[arg(long, value_name = "NAME")]
    pub pipeline: Option<String>,
    /// Those that stand so
    #[arg(long)]
    pub status: Option<Standing>,
    /// Those that were worked on in this time, e.g. `24h` or `7d`
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub since: Option<Duration>,
    /// Most runs to show, the newest first; 0 shows all
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: u32,
}

#[derive(Debug, Clone, Args)]
pub(super) struct ReportArgs {
    /// The pipelines [default: all of the state file]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The time that the report is about, e.g. `24h` or `7d` [default: all that is kept]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub since: Option<Duration>,
    /// Also write it as one HTML file, for its owner alone
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Name some of the records that were not written, with the value to blame: personal data
    #[arg(long)]
    pub values: bool,
}

/// How a run can stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Standing {
    Running,
    Done,
    Failed,
    Interrupted,
    Killed,
}

impl From<Standing> for RunStatus {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Running => Self::Running,
            Standing::Done => Self::Done,
            Standing::Failed => Self::Failed,
            Standing::Interrupted => Self::Interrupted,
            Standing::Killed => Self::Killed,
        }
    }
}

#[derive(Debug, Clone, Args)]
pub(super) struct RunArgs {
    /// The pipeline
    pub file: PathBuf,
    /// Do all of it against local emulators filled from fixtures, and show every request that would be sent
    #[arg(long)]
    pub dry_run: bool,
    /// The fixtures of a dry run: a folder with one folder for each connector
    #[arg(long, value_name = "DIR", requires = "dry_run")]
    pub fixtures: Option<PathBuf>,
    /// Write every request of a dry run with its body to a file, a JSON object per line (holds the fixtures' values)
    #[arg(long, value_name = "FILE", requires = "dry_run")]
    pub requests: Option<PathBuf>,
    /// Write the records that a dry run rejects to a CSV file, with all their values
    #[arg(long, value_name = "FILE", requires = "dry_run")]
    pub rejects: Option<PathBuf>,
    /// Read at most so many records of each stream; the checkpoint stays where it is
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Run this stream only; may be given several times
    #[arg(long = "stream", value_name = "NAME")]
    pub streams: Vec<String>,
    /// Leave cursors aside and read everything again; unchanged records still cost no write
    #[arg(long)]
    pub full_refresh: bool,
    /// Ask the destinations whether records that did not change are still there; reads everything again
    #[arg(long)]
    pub verify: bool,
    /// Wait so many times as short as the limits say: for runs against `ferry emulate --clock-speed` with the same factor
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, hide = true, conflicts_with = "dry_run")]
    pub clock_speed: f64,
}

#[derive(Debug, Clone, Args)]
pub(super) struct UndoArgs {
    /// The run's id, any unique part of it, or `last`
    pub run: String,
    /// Take back this stream only; may be given several times
    #[arg(long = "stream", value_name = "NAME")]
    pub streams: Vec<String>,
    /// Show what would be done; writes nothing
    #[arg(long, conflicts_with = "yes")]
    pub plan: bool,
    /// Do it without asking
    #[arg(long, short)]
    pub yes: bool,
    /// Wait so many times as short as the limits say, as for a run
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, hide = true)]
    pub clock_speed: f64,
}

#[derive(Debug, Clone, Args)]
pub(super) struct IdsArgs {
    /// The pipeline
    pub file: PathBuf,
    /// Print the ids of this stream only; may be given several times
    #[arg(long = "stream", value_name = "NAME")]
    pub streams: Vec<String>,
    /// How to print them
    #[arg(long, value_name = "FORMAT", default_value = "csv")]
    pub format: ExportFormat,
    /// Where to write them, for your eyes only [default: stdout]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Leave cells as they are that a spreadsheet would run as formulas, instead of putting a `'` before them
    #[arg(long)]
    pub raw: bool,
}

#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("person").required(true).args(["email", "id"]))]
pub(super) struct EraseArgs {
    /// A pipeline, to find the state file by; all pipelines of that file are searched
    pub file: Option<PathBuf>,
    /// The person's mail address
    #[arg(long, value_name = "ADDRESS")]
    pub email: Option<String>,
    /// A record of theirs: a stream, and the id that the record has at the source
    #[arg(long, value_name = "STREAM:ID")]
    pub id: Option<String>,
    /// Delete their records at the destinations too, for good where the system has a call for that
    #[arg(long)]
    pub at_destinations: bool,
    /// Look into this plan too, and delete it if it holds them; may be given several times
    #[arg(long = "plan", value_name = "PLAN")]
    pub plans: Vec<PathBuf>,
    /// Do it without asking
    #[arg(long, short)]
    pub yes: bool,
    /// Wait so many times as short as the limits say, as for a run
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, hide = true)]
    pub clock_speed: f64,
}

#[derive(Debug, Clone, Args)]
pub(super) struct PreviewArgs {
    /// The pipeline
    pub file: PathBuf,
    /// Preview this stream only; may be given several times
    #[arg(long = "stream", value_name = "NAME")]
    pub streams: Vec<String>,
    /// Read at most so many records of each stream
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub rows: u64,
    /// Show so many records of each destination
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub show: usize,
    /// Look at records for which this SQL condition is true, beside the stream's own `where`
    #[arg(long = "where", value_name = "SQL")]
    pub condition: Option<String>,
    /// Write the records that would be rejected to a CSV file, with all their values
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Read the fixtures by local CRMs instead of the live systems, as a dry run does
    #[arg(long)]
    pub dry_run: bool,
    /// The fixtures to read: a folder with one folder for each connector; implies `--dry-run`
    #[arg(long, value_name = "DIR")]
    pub fixtures: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(super) struct PlanArgs {
    /// The pipeline; with `--approve`, a plan
    pub file: PathBuf,
    /// Keep the plan in this file, sealed with the key of the state file
    #[arg(long, short, value_name = "PLAN")]
    pub output: Option<PathBuf>,
    /// Write it as one HTML file too, for people who approve of it; it needs no network
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Plan this stream only; may be given several times
    #[arg(long = "stream", value_name = "NAME")]
    pub streams: Vec<String>,
    /// Show every change instead of the first ones of each kind
    #[arg(long)]
    pub all: bool,
    /// End with 5 where there is something to change
    #[arg(long)]
    pub exit_code: bool,
    /// Note in the plan who approved of it
    #[arg(long, value_name = "NAME")]
    pub approve: Option<String>,
    /// Wait so many times as short as the limits say, as for a run
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, hide = true)]
    pub clock_speed: f64,
}

#[derive(Debug, Clone, Args)]
pub(super) struct ApplyArgs {
    /// The plan
    pub plan: PathBuf,
    /// Refuse a plan that nobody approved of
    #[arg(long)]
    pub approved_only: bool,
    /// Wait so many times as short as the limits say, as for a run
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, hide = true)]
    pub clock_speed: f64,
}

#[derive(Debug, Clone, Args)]
pub(super) struct RecordArgs {
    /// The connection's name in the pipeline
    pub connection: String,
    /// The object
    pub object: String,
    /// The pipeline that has the connection
    #[arg(long, short, value_name = "PIPELINE")]
    pub file: PathBuf,
    /// Most records to take
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: u64,
    /// The fixtures: a folder with one folder for each vendor [default: `fixtures` beside the pipeline, above it, or here]
    #[arg(long, short, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Leave this field as it is; may be given several times
    #[arg(long = "keep", value_name = "FIELD")]
    pub keep: Vec<String>,
    /// Leave all fields as they are: the fixture then holds personal values
    #[arg(long, conflicts_with = "keep")]
    pub no_mask: bool,
    /// Replace the fixture of the object
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Clone, Args)]
pub(super) struct LoginArgs {
    /// The connection's name in the pipeline
    pub connection: String,
    /// The pipeline that has the connection
    #[arg(long, short, value_name = "PIPELINE")]
    pub file: PathBuf,
    /// The port on this machine that the browser comes back to: the app lists `http://localhost:PORT/callback`
    #[arg(long, value_name = "N", default_value_t = 8765)]
    pub port: u16,
    /// How long to wait for the log-in, in seconds
    #[arg(long, value_name = "SECS", default_value_t = 300)]
    pub timeout: u64,
    /// Print the address and open no browser
    #[arg(long)]
    pub no_browser: bool,
}

#[derive(Debug, Clone, Args)]
pub(super) struct EmulateArgs {
    /// The vendors [default: all that have an emulator]
    #[arg(value_name = "VENDOR")]
    pub vendors: Vec<String>,
    /// What they start with: a folder with one folder for each vendor
    #[arg(long, value_name = "DIR")]
    pub fixtures: Option<PathBuf>,
    /// The port of the only vendor named, or of the first; the others follow. 0 takes any free ports
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// The id of the account that the only vendor named plays: a portal, organisation or base
    #[arg(long, value_name = "ID")]
    pub account: Option<String>,
    /// Leave out the vendors' rate limits
    #[arg(long)]
    pub no_limits: bool,
    /// Misbehave, e.g. `429=0.05,500=0.01,drop=0.01,slow=20ms,seed=7`
    #[arg(long, value_name = "PLAN")]
    pub fault: Option<FaultPlan>,
    /// Run the emulators' clocks so many times as fast as the machine's
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    pub clock_speed: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RejectsFormat {
    Csv,
    Json,
    Xlsx,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ExportFormat {
    Csv,
    Json,
}

impl PreviewArgs {
    /// Tells whether local CRMs are read instead of the live systems.
    pub(super) fn is_local(&self) -> bool {
        self.dry_run || self.fixtures.is_some()
    }
}
