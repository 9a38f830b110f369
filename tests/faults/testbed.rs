//! One small testbed: local systems with what they hold, a pipeline, a state file, and the real binary that runs it.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use emulators::{EmulatorOptions, FaultPlan, Running, serve};
use ferry::{clock::Clock, connectors::registry};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::content::Content;
use crate::machine::{Machine, count_writes};
use crate::pairs::Pair;
use crate::proxy::{Plan, Proxy};
use crate::systems::System;
use crate::traffic::{is_first_of, write_down};

/// How many times as fast as the machine's clocks those of the emulators and of the runs go: waits are short then.
pub(crate) const SPEED: f64 = 60.0;
/// How long an answer stalls, in real time: longer than one is waited for at this speed, which is 5 seconds.
const STALL: Duration = Duration::from_secs(6);
/// Longest that a run may take, in real time.
const PATIENCE: Duration = Duration::from_mins(1);
/// The key of the state file, so that none is looked for outside the folder.
const STATE_KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// When the running process is killed, by the requests that reach the systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// The request came and is not carried out.
    BeforeEffect,
    /// The request is carried out and its answer is not sent.
    BeforeAnswer,
    /// The answer is sent.
    AfterAnswer,
    /// The process is killed, and the request arrives this much later, by the clock of the systems: what a dead process has
    /// sent may still be on its way.
    Held(Duration),
    /// The request is carried out, and the connection breaks before its answer. The process is not killed.
    Lost,
    /// The request is carried out, and its answer comes when nobody waits for it any more. The process is not killed.
    Stalled,
}

/// Which request kills the process: the n-th write, or the n-th of all where a pair writes none over the wire.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trap {
    pub(crate) at: u64,
    pub(crate) point: Point,
}

/// A signal after a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shot {
    pub(crate) after: Duration,
    pub(crate) signal: &'static str,
}

/// What is done to one run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Attack {
    pub(crate) trap: Option<Trap>,
    pub(crate) shot: Option<Shot>,
    /// The largest size of any file that the run may write, in blocks of 512 bytes.
    pub(crate) file_blocks: Option<u64>,
    /// What the machine does.
    pub(crate) machine: Option<Machine>,
}

/// What is disturbed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Manner {
    /// `ferry run`.
    #[default]
    Run,
    /// `ferry apply` of a plan that was made before, undisturbed.
    Apply,
    /// `ferry undo` of a run that came to its end before, undisturbed.
    Undo,
}

impl Manner {
    /// Tells whether it is done once: a plan is used up, and what is taken back is not taken back again.
    pub(crate) fn is_once(self) -> bool {
        match self {
            Self::Run => false,
            Self::Apply | Self::Undo => true,
        }
    }
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code; none where a signal ended it.
    pub(crate) code: Option<i32>,
    /// What `--json` printed, if it came that far.
    pub(crate) report: Option<Json>,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

/// Tells whether a run came to its end by itself.
pub(crate) fn is_complete(ended: &Ended) -> bool {
    matches!(ended.code, Some(0 | 4))
}

/// How the systems behave all the time.
#[derive(Debug, Clone)]
pub(crate) struct Weather {
    pub(crate) faults: FaultPlan,
    /// The share of the answers to writes from which one result is left out.
    pub(crate) omissions: f64,
    /// How many times as fast as the machine's clock those of the systems and the runs go.
    pub(crate) speed: f64,
    /// What a proxy in front of the destination does.
    pub(crate) proxy: Option<Plan>,
}

impl Default for Weather {
    fn default() -> Self {
        Self { faults: FaultPlan::default(), omissions: 0.0, speed: SPEED, proxy: None }
    }
}

#[derive(Default)]
struct Gate {
    writes: AtomicU64,
    requests: AtomicU64,
    trap: Mutex<Option<Trap>>,
    child: Mutex<Option<Child>>,
    /// The share of the answers to writes from which one result is left out, and the choice of them.
    omissions: Option<(f64, Mutex<SmallRng>)>,
    counts_reads: bool,
    speed: f64,
}

pub(crate) struct Testbed {
    folder: TempDir,
    gate: Arc<Gate>,
    _emulators: Vec<Running>,
    urls: Vec<(&'static str, String)>,
    /// Stands between Ferry and the destination; the harness asks past it.
    proxy: Option<(&'static str, Proxy)>,
    destination: &'static System,
    speed: f64,
    manner: Manner,
    /// What the run that is taken back printed, where one is.
    undone: Option<Json>,
}

/// The plan of those that apply one.
const PLAN: &str = "the.plan";
/// How often it is tried to make ready what is disturbed: systems may misbehave.
const TRIES: usize = 12;

impl Testbed {
    /// Makes the testbed of a pair whose systems misbehave in this way.
    pub(crate) async fn new(pair: &Pair, weather: &Weather) -> Self {
        let Weather { faults, omissions, speed, proxy: plan } = weather;
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let systems = pair.lay_out(folder.path());
        let clock = Clock::accelerated(*speed);
        let is_calm = *omissions == 0.0 && *faults == FaultPlan::default();
        let has_answers_told = is_calm && is_first_of(&pair.name());
        let omissions = (*omissions > 0.0).then(|| (*omissions, Mutex::new(SmallRng::seed_from_u64(faults.seed))));
        let gate =
            Arc::new(Gate { omissions, counts_reads: !systems[1].has_emulator, speed: *speed, ..Gate::default() });
        let (mut emulators, mut urls) = (Vec::new(), Vec::new());
        for system in systems.into_iter().filter(|system| system.has_emulator) {
            let options = EmulatorOptions {
                fixtures: Some(folder.path().join("fixtures").join(system.name)),
                account: None,
                is_unlimited: true,
                faults: faults.clone(),
                // What is asked is written down by `traffic` in any case.
                exchanges: variable("FERRY_EXCHANGES").filter(|_| has_answers_told).map(Into::into),
            };
            let service =
                (registry().get(system.name).unwrap().emulator.unwrap().make)(options, clock.clone()).unwrap();
            let service = service
                .layer(middleware::from_fn_with_state(Arc::clone(&gate), pass))
                .layer(middleware::from_fn_with_state(system.name, write_down));
            let running = serve(service, 0).await.unwrap();
            urls.push((system.name, running.url()));
            emulators.push(running);
        }
        let destination = systems[1];
        let proxied = plan.zip(urls.iter().find(|(name, _)| *name == destination.name));
        let proxy = match proxied {
            Some((plan, (name, url))) => Some((*name, Proxy::start(url, plan).await)),
            None => None,
        };
        let manner = Manner::default();
        let undone = None;
        Self { folder, gate, _emulators: emulators, urls, proxy, destination, speed: *speed, manner, undone }
    }

    /// Makes ready what is disturbed, past the proxy: the plan that is applied, the run that is taken back.
    pub(crate) fn in_manner(mut self, manner: Manner) -> Self {
        match manner {
            Manner::Run => {}
            Manner::Apply => self.make_ready(&["plan", "pipeline.yaml", "-o", PLAN], |output| output.status.success()),
            Manner::Undo => {
                let mut report = None;
                self.make_ready(&["run", "pipeline.yaml", "--json"], |output| {
                    report = serde_json::from_slice(&output.stdout).ok();
                    matches!(output.status.code(), Some(0 | 4))
                });
                self.undone = report;
            }
        }
        Self { manner, ..self }
    }

    /// Gives a command until it succeeds.
    fn make_ready(&self, words: &[&str], mut has_succeeded: impl FnMut(&Output) -> bool) {
        let is_made = (0..TRIES).any(|_| {
            let mut command = Command::new(binary());
            command.args(words).args(["--quiet", "--clock-speed", &self.speed.to_string()]);
            self.furnish(&mut command);
            command.envs(self.urls.iter().map(|(name, url)| (variable_of(name), url.clone())));
            has_succeeded(&command.stdin(Stdio::null()).output().unwrap())
        });
        assert!(is_made, "`ferry {}` never succeeded", words.join(" "));
    }

    /// Returns what the run that is taken back printed, where one is.
    pub(crate) fn undone_report(&self) -> Option<&Json> {
        self.undone.as_ref()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn state_path(&self) -> std::path::PathBuf {
        self.folder().join(".ferry/state.db")
    }

    pub(crate) fn url(&self, system: &str) -> &str {
        self.urls.iter().find(|(name, _)| *name == system).map(|(_, url)| url).unwrap()
    }

    /// Returns what the destination holds now.
    pub(crate) async fn content(&self) -> Content {
        (self.destination.read_back)(self).await
    }

    /// Returns how many requests came that a trap could be set for.
    pub(crate) fn trap_count(&self) -> u64 {
        if self.gate.counts_reads {
            self.gate.requests.load(Ordering::SeqCst)
        } else {
            self.gate.writes.load(Ordering::SeqCst)
        }
    }

    /// Makes the command of a run.
    pub(crate) fn command(&self, file_blocks: Option<u64>) -> Command {
        let binary = binary();
        let mut command = match file_blocks {
            None => Command::new(binary),
            Some(blocks) => {
                // A write beyond the limit fails as on a full disk; without the trap it would end the process.
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""), &binary]);
                shell
            }
        };
        let started = match self.manner {
            Manner::Run => &["run", "pipeline.yaml"][..],
            Manner::Apply => &["apply", PLAN],
            Manner::Undo => &["undo", self.undone_report().unwrap()["run_id"].as_str().unwrap(), "--yes"],
        };
        command.args(started).args(["--json", "--quiet", "--clock-speed", &self.speed.to_string()]);
        self.furnish(&mut command);
        command
    }

    /// Gives a command its folder and its variables.
    pub(crate) fn furnish(&self, command: &mut Command) {
        command
            .current_dir(self.folder())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.folder())
            .env("FERRY_STATE_KEY", STATE_KEY)
            .env("TOKEN", "pat-faults")
            .envs(self.urls.iter().map(|(name, url)| (variable_of(name), url.clone())))
            .envs(self.proxy.iter().map(|(name, proxy)| (variable_of(name), proxy.url().to_owned())));
    }

    /// Runs the pipeline once.
    pub(crate) async fn run(&self, attack: Attack) -> Ended {
        self.run_with(&[], attack).await
    }

    /// Runs the pipeline once, with further arguments.
    pub(crate) async fn run_with(&self, arguments: &[&str], attack: Attack) -> Ended {
        let mut command = self.command(attack.file_blocks);
        command.args(arguments);
        match attack.machine {
            Some(machine) => machine.attach(&mut command),
            // With a limit there is a shell in between.
            None if attack.file_blocks.is_none() => count_writes(&mut command, self.folder()),
            None => {}
        }
        self.attend(command, attack).await
    }

    /// Runs a command to its end, and disturbs it.
    pub(crate) async fn attend(&self, mut command: Command, attack: Attack) -> Ended {
        let out = fs::File::create(self.folder().join("stdout")).unwrap();
        let err = fs::File::create(self.folder().join("stderr")).unwrap();
        *self.gate.trap.lock().unwrap() = attack.trap.map(|trap| Trap { at: trap.at + self.trap_count(), ..trap });
        let started = tokio::time::Instant::from_std(now());
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().unwrap();
        let pid = child.id();
        *self.gate.child.lock().unwrap() = Some(child);
        let mut shot = attack.shot;
        let status = loop {
            if let Some(status) = self.gate.child.lock().unwrap().as_mut().unwrap().try_wait().unwrap() {
                break status;
            }
            if let Some(due) = shot.filter(|shot| started.elapsed() >= shot.after) {
                shot = None;
                let sent = Command::new("kill").args([due.signal, &pid.to_string()]).stderr(Stdio::null()).status();
                drop(sent);
            }
            if started.elapsed() > PATIENCE {
                self.gate.kill();
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        };
        let took = started.elapsed();
        *self.gate.child.lock().unwrap() = None;
        *self.gate.trap.lock().unwrap() = None;
        let stdout = fs::read_to_string(self.folder().join("stdout")).unwrap();
        let stderr = fs::read_to_string(self.folder().join("stderr")).unwrap();
        Ended { code: status.code(), report: serde_json::from_str(&stdout).ok(), stderr, took }
    }
}

/// Returns the variable that the pipelines take a system's address from.
fn variable_of(system: &str) -> String {
    format!("{}_URL", system.to_uppercase())
}

/// Returns the binary that is tried.
pub(crate) fn binary() -> String {
    variable("FERRY_FAULT_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_ferry").to_owned())
}

/// Reads a variable of the environment.
pub(crate) fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the person who runs the tests sets it")]
    std::env::var(name).ok()
}

#[expect(clippy::disallowed_methods, reason = "the harness times a real process by the machine's clock")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

impl Gate {
    fn kill(&self) {
        if let Some(child) = self.child.lock().unwrap().as_mut() {
            let _ = child.kill();
        }
    }

    /// Leaves one result out of an answer, now and then.
    async fn omit(&self, answer: Response) -> Response {
        let Some((share, random)) = &self.omissions else { return answer };
        if !answer.status().is_success() || !random.lock().unwrap().random_bool(*share) {
            return answer;
        }
        let (mut parts, body) = answer.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let is_csv =
            parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/csv"));
        let mut random = random.lock().unwrap();
        let less = if is_csv { without_line(&bytes, &mut random) } else { without_result(&bytes, &mut random) };
        parts.headers.remove(header::CONTENT_LENGTH);
        Response::from_parts(parts, Body::from(less.unwrap_or_else(|| bytes.to_vec())))
    }
}

/// Leaves one result out of a JSON answer.
fn without_result(bytes: &[u8], random: &mut SmallRng) -> Option<Vec<u8>> {
    let mut json: Json = serde_json::from_slice(bytes).ok()?;
    let mut leave_out = |list: &mut Json| {
        if let Some(list) = list.as_array_mut().filter(|list| !list.is_empty()) {
            list.remove(random.random_range(0..list.len()));
        }
    };
    if json.is_array() {
        leave_out(&mut json);
    } else {
        for name in ["results", "records"] {
            leave_out(&mut json[name]);
        }
    }
    Some(json.to_string().into_bytes())
}

/// Leaves a line out of a file of results, or all behind some place.
fn without_line(bytes: &[u8], random: &mut SmallRng) -> Option<Vec<u8>> {
    if random.random_bool(0.5) {
        return Some(bytes[..random.random_range(0..=bytes.len())].to_vec());
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
    let mut lines: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().ok()?;
    if lines.len() > 1 {
        lines.remove(random.random_range(1..lines.len()));
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    lines.iter().try_for_each(|line| writer.write_record(line)).ok()?;
    writer.into_inner().ok()
}

/// Tells whether a request changes nothing and belongs to no change: the questions after a job that writes do.
fn is_read(method: &Method, path: &str) -> bool {
    let is_of_writing_job = path.contains("/jobs/ingest/");
    let is_query =
        ["/search", "/batch/read", "/listRecords", "/token", "/jobs/query"].iter().any(|end| path.ends_with(end));
    (*method == Method::GET && !is_of_writing_job) || is_query
}

/// Counts requests and springs the trap.
async fn pass(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let is_read = is_read(request.method(), request.uri().path());
    let all = gate.requests.fetch_add(1, Ordering::SeqCst) + 1;
    let writes = if is_read { 0 } else { gate.writes.fetch_add(1, Ordering::SeqCst) + 1 };
    let number = if gate.counts_reads { all } else { writes };
    let trap = (*gate.trap.lock().unwrap()).filter(|trap| number == trap.at);
    match trap.map(|trap| trap.point) {
        None if is_read => next.run(request).await,
        None => gate.omit(next.run(request).await).await,
        Some(Point::BeforeEffect) => {
            gate.kill();
            StatusCode::BAD_GATEWAY.into_response()
        }
        Some(Point::BeforeAnswer) => {
            let answer = next.run(request).await;
            gate.kill();
            answer
        }
        Some(Point::Held(held)) => {
            gate.kill();
            let held = held.div_f64(gate.speed);
            // The connection is dead; what it carried arrives all the same.
            tokio::spawn(async move {
                tokio::time::sleep(held).await;
                next.run(request).await
            });
            StatusCode::BAD_GATEWAY.into_response()
        }
        Some(Point::Lost) => {
            next.run(request).await;
            let broken = Err::<Vec<u8>, _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
            Response::new(Body::from_stream(futures::stream::iter([broken])))
        }
        Some(Point::Stalled) => {
            let answer = next.run(request).await;
            tokio::time::sleep(STALL).await;
            answer
        }
        Some(Point::AfterAnswer) => {
            let answer = next.run(request).await;
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(number % 4)).await;
                gate.kill();
            });
            answer
        }
    }
}
