//! What the benches of whole runs share: a local CRM in a process of its own, a run of the `ferry` binary, and its peak memory.

use std::{
    error::Error,
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value as Json;

/// A local CRM; it ends when this is dropped.
pub(super) struct Emulator {
    child: Child,
    /// Where it answers.
    pub(super) url: String,
}

/// What a run did and what it cost.
pub(super) struct Measured {
    /// The only stream of the report.
    pub(super) stream: Json,
    /// How long the run took.
    pub(super) seconds: f64,
    /// The highest resident memory of the process.
    pub(super) peak_bytes: u64,
}

impl Emulator {
    /// Starts the local CRM of a vendor without limits, filled from a folder of fixtures where there is one; `more` are further
    /// arguments.
    pub(super) fn start(vendor: &str, fixtures: &Path, more: &[&str]) -> Result<Self, Box<dyn Error>> {
        let mut command = ferry();
        command
            .args(["emulate", vendor, "--port", "0", "--no-limits", "--quiet", "--fixtures"])
            .arg(fixtures)
            .args(more);
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or("the emulator has no stdout")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let url = line.split_whitespace().nth(1).ok_or("the emulator printed no address")?.to_owned();
        Ok(Self { child, url })
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may be gone already; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Measured {
    /// Returns records per second.
    #[expect(clippy::cast_precision_loss, reason = "figures for people need few digits")]
    pub(super) fn rate(&self, rows: u64) -> f64 {
        rows as f64 / self.seconds
    }

    /// Returns the peak memory in megabytes.
    #[expect(clippy::cast_precision_loss, reason = "figures for people need few digits")]
    pub(super) fn peak_mb(&self) -> f64 {
        self.peak_bytes as f64 / 1e6
    }
}

/// Runs a pipeline of one stream, with a clock that is so many times as fast as the machine's. `url` is what `${URL}` is in it.
pub(super) fn run(folder: &Path, pipeline: &str, url: &str, clock_speed: &str) -> Result<Measured, Box<dyn Error>> {
    let report = folder.join("report.json");
    let (seconds, peak_bytes) =
        measure(folder, &["run", pipeline, "--json", "--quiet", "--clock-speed", clock_speed], url, &report)?;
    let mut report: Json = serde_json::from_slice(&fs::read(report)?)?;
    Ok(Measured { stream: report["streams"][0].take(), seconds, peak_bytes })
}

/// Lets a command do its work, with what it prints in a file. Returns its seconds and its highest resident memory in bytes.
pub(super) fn measure(folder: &Path, args: &[&str], url: &str, printed: &Path) -> Result<(f64, u64), Box<dyn Error>> {
    let begin = now();
    let mut child = ferry()
        .args(args)
        .current_dir(folder)
        .env("URL", url)
        .env("XDG_CONFIG_HOME", folder)
        .stdout(fs::File::create(printed)?)
        .spawn()?;
    let peak_bytes = watch_memory(&mut child)? * 1024;
    Ok((begin.elapsed().as_secs_f64(), peak_bytes))
}

fn ferry() -> Command {
    Command::new(env!("CARGO_BIN_EXE_ferry"))
}

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a bench measures the machine's time")]
    Instant::now()
}

/// Waits for the process and returns its highest resident memory, in KiB.
fn watch_memory(child: &mut Child) -> Result<u64, Box<dyn Error>> {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        #[expect(clippy::disallowed_methods, reason = "a bench polls a process, there is no async runtime here")]
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(peak)
}
