//! A million CSV rows into a local HubSpot: prints seconds, records per second, calls and the peak memory of the `ferry` process, of a
//! plan, of the run, of a second run that finds nothing changed, and of the plan after it.
//!
//! `cargo bench --bench million`, or with a row count: `cargo bench --bench million -- 100000`; with `undo=off` nothing is read
//! of what records held before. Linux only: the peak is the
//! `VmHWM` of `/proc/<pid>/status`. The emulator runs in a process of its own and without limits, and Ferry's clock is 20 times as
//! fast, so that what is measured is Ferry and not the wait for a quota.

#[path = "local/customers.rs"]
mod customers;
mod local;

use std::{error::Error, fs, path::Path};

use local::Emulator;

/// Rows unless the command line says otherwise.
const ROWS: u64 = 1_000_000;

const PIPELINE: &str = r#"version: 1
name: million
connections:
  files: { type: csv, path: ., id: [customer_id] }
  crm: { type: hubspot, token: bench, base_url: "${URL}" }
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

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn main() -> Result<(), Box<dyn Error>> {
    let rows = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(ROWS);
    let folder = tempfile::tempdir()?;
    customers::write_rows(&folder.path().join("customers.csv"), rows)?;
    let undo = if std::env::args().any(|argument| argument == "undo=off") { "undo: off\n" } else { "" };
    fs::write(folder.path().join("million.yaml"), format!("{PIPELINE}{undo}"))?;
    let emulator = Emulator::start("hubspot", folder.path(), &[])?;
    plan(folder.path(), &emulator.url)?;
    for _ in 0..2 {
        let measured = local::run(folder.path(), "million.yaml", &emulator.url, "20")?;
        let account = &measured.stream["destinations"][0];
        let (created, unchanged, calls) = (&account["created"], &account["unchanged"], &account["calls"]);
        println!("run: rows {rows}, created {created}, unchanged {unchanged}, calls {calls}");
        let (seconds, rate, peak_mb) = (measured.seconds, measured.rate(rows), measured.peak_mb());
        println!("{seconds:.1} s, {rate:.0} records/s, peak memory {peak_mb:.0} MB");
    }
    plan(folder.path(), &emulator.url)
}

/// Plans the run, and tells what that takes.
#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
#[expect(clippy::cast_precision_loss, reason = "figures for people need few digits")]
fn plan(folder: &Path, url: &str) -> Result<(), Box<dyn Error>> {
    let (file, printed) = (folder.join("the.plan"), folder.join("plan.txt"));
    // A plan never writes over another file.
    if file.exists() {
        fs::remove_file(&file)?;
    }
    let args = ["plan", "million.yaml", "-o", "the.plan", "--quiet", "--clock-speed", "20"];
    let (seconds, peak_bytes) = local::measure(folder, &args, url, &printed)?;
    let size = fs::metadata(&file)?.len() as f64 / 1e6;
    println!("plan: {seconds:.1} s, peak memory {:.0} MB, file {size:.1} MB", peak_bytes as f64 / 1e6);
    print!("{}", fs::read_to_string(printed)?);
    Ok(())
}
