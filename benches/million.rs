//! A million CSV rows into a local HubSpot: prints records per second, calls, and the peak memory of the `ferry` process.
//!
//! `cargo bench --bench million`, or with a row count: `cargo bench --bench million -- 100000`. Linux only: the peak is the
//! `VmHWM` of `/proc/<pid>/status`. The emulator runs in a process of its own and without limits, and Ferry's clock is 20 times as
//! fast, so that what is measured is Ferry and not the wait for a quota.

use std::{
    error::Error,
    fs::{self, File},
    io::{BufRead, BufReader, BufWriter, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value as Json;

/// Rows unless the command line says otherwise.
const ROWS: u64 = 1_000_000;

const PIPELINE: &str = r#"version: 1
name: million
connections:
  files: { type: csv, path: ., id: [customer_id] }
  crm: { type: hubspot, token: bench, base_url: "${HUBSPOT_URL}" }
streams:
  - name: contacts
    source: { connection: files, object: customers }
    destinations:
      - connection: crm
        object: contacts
        write: upsert
        key: [email]
        mappings:
          email:     { from: email, apply: [trim, lowercase], required: true }
          firstname: { from: first_name, apply: [trim] }
          lastname:  { from: last_name, apply: [trim] }
          company:   company
          city:      city
"#;

struct Emulator(Child);

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may be gone already; then there is nothing to end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn main() -> Result<(), Box<dyn Error>> {
    let rows = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(ROWS);
    let folder = tempfile::tempdir()?;
    write_rows(&folder.path().join("customers.csv"), rows)?;
    fs::write(folder.path().join("million.yaml"), PIPELINE)?;
    let (_emulator, url) = start_emulator()?;

    let begin = now();
    let mut run = ferry()
        .args(["run", "million.yaml", "--json", "--quiet", "--clock-speed", "20"])
        .current_dir(folder.path())
        .env("HUBSPOT_URL", &url)
        .env("XDG_CONFIG_HOME", folder.path())
        .stdout(Stdio::piped())
        .spawn()?;
    let peak_kib = watch_memory(&mut run)?;
    let seconds = begin.elapsed().as_secs_f64();
    let output = run.wait_with_output()?;
    let report: Json = serde_json::from_slice(&output.stdout)?;
    let account = &report["streams"][0]["destinations"][0];
    #[expect(clippy::cast_precision_loss, reason = "figures for people need few digits")]
    let (rows_per_second, peak_mb) = (rows as f64 / seconds, (peak_kib * 1024) as f64 / 1e6);
    println!("rows {rows}, created {}, calls {}", account["created"], account["calls"]);
    println!("{seconds:.1} s, {rows_per_second:.0} records/s, peak memory {peak_mb:.0} MB");
    Ok(())
}

fn ferry() -> Command {
    Command::new(env!("CARGO_BIN_EXE_ferry"))
}

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a bench measures the machine's time")]
    Instant::now()
}

fn write_rows(path: &Path, rows: u64) -> Result<(), Box<dyn Error>> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "customer_id,email,first_name,last_name,company,city,notes")?;
    for row in 0..rows {
        let (company, city) = (row % 5_000, row % 300);
        writeln!(
            file,
            "C{row:08},Person.{row}@example.test,First{row}, Last{row} ,Company {company},City {city},some words that are not mapped"
        )?;
    }
    Ok(file.flush()?)
}

fn start_emulator() -> Result<(Emulator, String), Box<dyn Error>> {
    let mut child =
        ferry().args(["emulate", "hubspot", "--port", "0", "--no-limits", "--quiet"]).stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().ok_or("the emulator has no stdout")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let url = line.split_whitespace().nth(1).ok_or("the emulator printed no address")?.to_owned();
    Ok((Emulator(child), url))
}

/// Waits for the process and returns its highest resident memory, in KiB.
fn watch_memory(child: &mut Child) -> Result<u64, Box<dyn Error>> {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    // The report is one line and fits the pipe's buffer, so the process does not wait for a reader.
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
