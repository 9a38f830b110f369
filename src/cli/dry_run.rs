//! `ferry run --dry-run`: the whole run against local emulators filled from fixtures, on a fast clock, with nothing kept.

use std::{
    collections::BTreeMap,
    io::{self, BufWriter, Write},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use comfy_table::CellAlignment;
use indicatif::{HumanCount, HumanDuration};
use serde::Serialize;
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Pipeline;
use crate::connector::file::Folder;
use crate::engine::{self, Environment, PreviewOptions, PreviewReport, RunReport, Silent};
use crate::http::{Body, Exchange, MemoryTokens, Recorder};
use crate::model::{ConnectionName, RateLimit, StreamName};
use crate::private_file::PrivateFile;
use crate::state::{Seal, State};

use super::{
    args::RunArgs,
    exit::{Exit, Failure},
    load::load_with_placeholder,
    local, output, preview,
    progress::observer,
    run::{options, show_hints, show_mistakes},
    signals::Signals,
    summary::{new_table, summary},
    workspace::{Workspace, context},
};

/// How many times as fast as the machine's the clock of a dry run is: the vendors' limits hold, but their minutes are seconds.
const CLOCK_SPEED: f64 = 50.0;

pub(super) async fn run(workspace: &Workspace, args: &RunArgs) -> Result<Exit, Failure> {
    let mut pipeline = load_with_placeholder(workspace, &args.file, Some(local::PLACEHOLDER))?;
    let clock = Clock::accelerated(CLOCK_SPEED);
    let fixtures = local::fixtures_folder(args.fixtures.as_deref(), &args.file);
    let requests = Arc::new(Requests::new(args.requests.as_deref())?);
    let folder = TempDir::with_prefix("ferry-dry-run-")?;
    let untouched = pipeline.clone();
    let emulators = local::redirect(workspace, &mut pipeline, &fixtures, &clock).await?;
    for emulator in &emulators {
        requests.name(emulator);
    }
    throw_away_files(workspace, &mut pipeline, folder.path());

    let shutdown = CancellationToken::new();
    let signals = Signals::listen(shutdown.clone(), workspace.output);
    let tokens = Arc::new(MemoryTokens::default());
    let pace = pipeline.limits.requests_per_sec;
    let mut context = context(clock.clone(), &pipeline.base_dir, tokens, shutdown, pace)?;
    context.transport.recorder = Some(Arc::clone(&requests) as Arc<dyn Recorder>);
    let state = State::in_memory(Seal::ephemeral())?;
    let environment =
        Environment { registry: workspace.registry.clone(), context, state, observer: observer(workspace.output) };
    let finished = engine::run(&environment, &pipeline, &options(&pipeline, args)?).await;
    // What was sent until a failure is what the failure is looked for in.
    requests.finish()?;
    let finished = finished?;
    let (table, least) = (requests.table(), requests.least_time());
    let failures = &finished.failures;
    show_mistakes(workspace, &pipeline, &environment.context, failures, Some(local::PLACEHOLDER)).await;
    let findings = findings(workspace, args, untouched, folder.path()).await;
    let letters = environment.state.letters(&finished.report.run_id).await?.open;
    let findings = findings.map(|report| report.with_letters(letters));
    if let (Some(path), Some(report)) = (&args.rejects, &findings) {
        preview::write_rejects(workspace, path, report)?;
    }
    if workspace.output.is_json {
        output::json(&WithFindings { report: &finished.report, findings: findings.as_ref() })?;
    } else {
        output::data(&format!("{table}\n\n{}\n", summary(&finished.report)))?;
        if let Some(report) = &findings {
            output::data(&format!("\n{}", preview::text(report)))?;
        }
    }
    show_hints(&finished);
    workspace.output.say(&format!(
        "this was a dry run on the fixtures in `{}`: nothing left this machine and nothing is kept",
        fixtures.display()
    ));
    if least >= Duration::from_secs(1) {
        workspace.output.say(&format!("live, the vendors' rate limits alone make it last {}", HumanDuration(least)));
    }
    Ok(Exit::of_run(&finished, signals.number()))
}

/// What a dry run prints as JSON.
#[derive(Debug, Serialize)]
struct WithFindings<'a> {
    #[serde(flatten)]
    report: &'a RunReport,
    /// What `ferry preview --json` prints, of all records; none where they could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<&'a PreviewReport>,
}

/// Looks at the same records as the run did, in separate emulators, so that the requests and limits of the run stay its own.
/// Where that fails, the run failed for the same reason and said so.
async fn findings(
    workspace: &Workspace,
    args: &RunArgs,
    mut pipeline: Pipeline,
    folder: &Path,
) -> Option<PreviewReport> {
    let clock = Clock::accelerated(CLOCK_SPEED);
    let fixtures = local::fixtures_folder(args.fixtures.as_deref(), &args.file);
    let _emulators = local::redirect(workspace, &mut pipeline, &fixtures, &clock).await.ok()?;
    throw_away_files(workspace, &mut pipeline, folder);
    let options = PreviewOptions {
        streams: args.streams.iter().map(StreamName::new).collect(),
        filter: None,
        rows: args.limit.unwrap_or(u64::MAX),
        shown: 0,
    };
    let tokens = Arc::new(MemoryTokens::default());
    let context = context(clock, &pipeline.base_dir, tokens, CancellationToken::new(), None).ok()?;
    let state = State::in_memory(Seal::ephemeral()).ok()?;
    let environment = Environment { registry: workspace.registry.clone(), context, state, observer: Arc::new(Silent) };
    engine::preview(&environment, &pipeline, &options).await.ok()
}

/// Points files that would be written at a folder that is thrown away.
fn throw_away_files(workspace: &Workspace, pipeline: &mut Pipeline, folder: &Path) {
    for stream in &mut pipeline.streams {
        for target in &mut stream.destinations {
            let Some(connection) = pipeline.connections.get(&target.connection) else { continue };
            let Ok(entry) = workspace.registry.get(&connection.connector) else { continue };
            if !entry.capabilities.is_local {
                continue;
            }
            let mut throwaway = connection.clone();
            let place = (entry.folder)(connection.options.clone(), &pipeline.base_dir).filter(Folder::is_one_file);
            let name = place.as_ref().and_then(|place| place.path().file_name());
            let path = name.map_or_else(|| folder.to_owned(), |name| folder.join(name));
            throwaway.options.insert("path".to_owned(), Json::from(path.to_string_lossy()));
            throwaway.name = ConnectionName::new(format!("{} (dry run)", target.connection));
            target.connection = throwaway.name.clone();
            pipeline.connections.insert(throwaway.name.clone(), throwaway);
        }
    }
}

/// Notes the requests of a dry run.
#[derive(Debug)]
struct Requests {
    notes: Mutex<Notes>,
}

#[derive(Debug, Default)]
struct Notes {
    /// The connections and their limits, by URL.
    names: BTreeMap<String, (ConnectionName, &'static [RateLimit])>,
    /// How many units count against each limit, by URL and the limit's name.
    counted: BTreeMap<(String, &'static str), u32>,
    /// How often each kind of request was sent, and how many records it carried, in the order of the first one.
    kinds: Vec<(Kind, u64, u64)>,
    /// Holds the values of the fixtures.
    file: Option<BufWriter<PrivateFile>>,
    error: Option<std::io::Error>,
}

#[derive(Debug, PartialEq, Eq)]
struct Kind {
    connection: String,
    request: String,
}

impl Requests {
    fn new(file: Option<&Path>) -> Result<Self, Failure> {
        let file = file.map(PrivateFile::create).transpose()?.map(BufWriter::new);
        Ok(Self { notes: Mutex::new(Notes { file, ..Notes::default() }) })
    }

    fn name(&self, local: &local::Local) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.names.insert(format!("{}/", local.running.url()), (local.connection.clone(), local.limits));
    }

    /// Returns the least time that the requests take within the limits: that of the limit that is hit hardest.
    fn least_time(&self) -> Duration {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let times = notes.counted.iter().filter_map(|((url, name), count)| {
            let limit = notes.names.get(url)?.1.iter().find(|limit| limit.name == *name)?;
            Some(limit.window * (count.saturating_sub(1) / limit.max_units))
        });
        times.max().unwrap_or_default()
    }

    fn finish(&self) -> Result<(), Failure> {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = notes.error.take() {
            return Err(error.into());
        }
        let Some(file) = notes.file.take() else { return Ok(()) };
        Ok(file.into_inner().map_err(io::IntoInnerError::into_error)?.put_in_place()?)
    }

    fn table(&self) -> String {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.kinds.is_empty() {
            return "a live run would send no request".to_owned();
        }
        let mut table = new_table();
        // The longest column is the last one, and headers are short, so that a path fits into 80 columns unbroken.
        table.set_header(["times", "records", "at", "request"]);
        for (kind, times, records) in &notes.kinds {
            let records = if *records == 0 { String::new() } else { HumanCount(*records).to_string() };
            table.add_row([&HumanCount(*times).to_string(), &records, &kind.connection, &kind.request]);
        }
        for index in [0, 1] {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        format!("requests that a live run would send\n{table}")
    }
}

impl Recorder for Requests {
    fn record(&self, exchange: &Exchange<'_>) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let url = exchange.base_url.as_str();
        let connection = notes.names.get(url).map_or_else(String::new, |(name, _)| name.to_string());
        let request = exchange.request;
        for cost in request.costs {
            *notes.counted.entry((url.to_owned(), cost.limit)).or_default() += cost.units.get();
        }
        let kind = Kind { connection, request: format!("{} {}", request.method, request.path) };
        let records = exchange.carried.unwrap_or(0);
        match notes.kinds.iter_mut().find(|(known, ..)| *known == kind) {
            Some((_, times, carried)) => {
                *times += 1;
                *carried += records;
            }
            None => notes.kinds.push((kind, 1, records)),
        }
        let Some(file) = notes.file.as_mut() else { return };
        let body = match &request.body {
            Body::Empty => Json::Null,
            Body::Json(body) => body.clone(),
            Body::Csv(file) => Json::from(io::read_to_string(file.reader(0, u64::MAX)).unwrap_or_default()),
            Body::Form(pairs) => json!({ "form_fields": pairs.iter().map(|(name, _)| name).collect::<Vec<_>>() }),
        };
        let line =
            json!({ "method": request.method.as_str(), "path": request.path, "query": request.query, "body": body });
        if let Err(error) = writeln!(file, "{line}") {
            notes.error.get_or_insert(error);
        }
    }
}
