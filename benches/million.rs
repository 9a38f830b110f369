//! A million CSV rows into a local HubSpot: prints records per second, calls, and the peak memory of the `ferry` process.
//!
//! `cargo bench --bench million`, or with a row count: `cargo bench --bench million -- 100000`. Linux only: the peak is the
//! `VmHWM` of `/proc/<pid>/status`. The emulator runs in a process of its own and without limits, and Ferry's clock is 20 times as
//! fast, so that what is measured is Ferry and not the wait for a quota.

#[path = "local/customers.rs"]
mod customers;
mod local;

use std::{error::Error, fs};

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
    fs::write(folder.path().join("million.yaml"), PIPELINE)?;
    let emulator = Emulator::start("hubspot", folder.path(), &[])?;
    let measured = local::run(folder.path(), "million.yaml", &emulator.url, "20")?;
    let account = &measured.stream["destinations"][0];
    println!("rows {rows}, created {}, calls {}", account["created"], account["calls"]);
    let (seconds, rate, peak_mb) = (measured.seconds, measured.rate(rows), measured.peak_mb());
    println!("{seconds:.1} s, {rate:.0} records/s, peak memory {peak_mb:.0} MB");
    Ok(())
}
