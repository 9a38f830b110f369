//! 200,000 records through Salesforce's Bulk API 2.0, both ways: prints the calls beside the least possible, and the peak memory
//! of the `ferry` process.
//!
//! `cargo bench --bench bulk`, or with a row count: `cargo bench --bench bulk -- 20000`; with `undo=off`
//! nothing is read of what records held before. Linux only: the peak is the `VmHWM` of
//! `/proc/<pid>/status`. The emulator runs in a process of its own and without limits.
//!
//! How often a job has to be asked whether it has ended depends on how long Salesforce works on it, so the clock is the
//! machine's: the local Salesforce writes up to 50,000 records per second, and Ferry asks for the first time when 2,500 per
//! second would be done. Most of the time of a write is that wait.

#[path = "local/customers.rs"]
mod customers;
mod local;

use std::{error::Error, fs, path::Path};

use serde_json::Value as Json;

use local::{Emulator, Measured};

/// Rows unless the command line says otherwise.
const ROWS: u64 = 200_000;
/// Most bytes of a job's file: 150 MB after base64.
const MAX_FILE_BYTES: u64 = 100_000_000;

/// Calls of any run: a login, the list of API versions, the description of the object.
const START_CALLS: u64 = 3;
/// Calls of a job that writes: make it, upload its one file, close it, ask once whether it has ended, download the results
/// (the ids of the records are nowhere else). The file of failures is asked for only where there are some.
const JOB_CALLS: u64 = 5;
/// Calls of a read: the query that says how many records there are (whether a job is worth it is known by that alone, and it
/// takes a call), make the job, ask once whether it has ended, download the results as one file.
const READ_CALLS: u64 = 4;

/// What the org added to Salesforce's own fields of contacts.
const SCHEMA: &str = "fields:
  - { name: External_Id__c, label: External ID, type: string, length: 40, externalId: true, unique: true }
";

const CONNECTIONS: &str = r#"version: 1
name: bulk
connections:
  files: { type: csv, path: ., id: [customer_id] }
  org: { type: salesforce, client_id: bench, client_secret: bench, base_url: "${URL}" }
"#;

const UPSERT: &str = "streams:
  - name: contacts
    source: { connection: files, object: customers }
    destinations:
      - connection: org
        object: Contact
        write: upsert
        key: [External_Id__c]
        mappings:
          External_Id__c: customer_id
          Email:     { from: email, apply: [trim, lowercase], required: true }
          FirstName: { from: first_name, apply: [trim] }
          LastName:  { from: last_name, apply: [trim] }
          MailingCity: city
";

const INSERT: &str = "streams:
  - name: leads
    source: { connection: files, object: customers }
    destinations:
      - connection: org
        object: Lead
        write: insert
        mappings:
          Email:     { from: email, apply: [trim, lowercase], required: true }
          FirstName: { from: first_name, apply: [trim] }
          LastName:  { from: last_name, apply: [trim] }
          Company:   company
";

const READ: &str = "streams:
  - name: contacts
    source: { connection: org, object: Contact }
    destinations:
      - connection: files
        object: contacts
        write: insert
        mappings:
          id: _id
          customer: External_Id__c
          email: Email
          first_name: FirstName
          last_name: LastName
          city: MailingCity
";

fn main() -> Result<(), Box<dyn Error>> {
    let rows = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(ROWS);
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("salesforce"))?;
    fs::write(folder.path().join("salesforce/Contact.schema.yaml"), SCHEMA)?;
    let emulator = Emulator::start("salesforce", folder.path(), &[])?;

    let (measured, file_bytes) = go(&folder.path().join("upsert"), UPSERT, rows, &emulator)?;
    tell("CSV to Salesforce, upsert", rows, &measured, "/destinations/0", "created", least_writes(file_bytes))?;
    let (measured, file_bytes) = go(&folder.path().join("insert"), INSERT, rows, &emulator)?;
    tell("CSV to Salesforce, insert", rows, &measured, "/destinations/0", "created", least_writes(file_bytes))?;
    let (measured, _) = go(&folder.path().join("read"), READ, rows, &emulator)?;
    tell("Salesforce to CSV", rows, &measured, "", "read", START_CALLS + READ_CALLS)
}

/// Returns the least calls that write a file of so many bytes.
fn least_writes(file_bytes: u64) -> u64 {
    START_CALLS + JOB_CALLS * file_bytes.div_ceil(MAX_FILE_BYTES).max(1)
}

/// Runs a pipeline in a folder of its own, with a state file of its own. Returns the size of the source's file too: what is sent
/// of it is less.
fn go(folder: &Path, streams: &str, rows: u64, emulator: &Emulator) -> Result<(Measured, u64), Box<dyn Error>> {
    fs::create_dir(folder)?;
    let source = folder.join("customers.csv");
    customers::write_rows(&source, rows)?;
    let undo = if std::env::args().any(|argument| argument == "undo=off") { "undo: off\n" } else { "" };
    fs::write(folder.join("bulk.yaml"), format!("{CONNECTIONS}{undo}{streams}"))?;
    let measured = local::run(folder, "bulk.yaml", &emulator.url, "1")?;
    Ok((measured, fs::metadata(&source)?.len()))
}

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn tell(
    what: &str,
    rows: u64,
    measured: &Measured,
    account: &str,
    count: &str,
    least: u64,
) -> Result<(), Box<dyn Error>> {
    let account: &Json = measured.stream.pointer(account).ok_or("the report has no such account")?;
    let (done, calls) = (account[count].as_u64().unwrap_or(0), account["calls"].as_u64().unwrap_or(0));
    if done != rows {
        return Err(format!("{what}: {count} {done} of {rows}: {}", measured.stream).into());
    }
    #[expect(clippy::cast_precision_loss, reason = "figures for people need few digits")]
    let ratio = calls as f64 / least as f64;
    let (seconds, rate, peak_mb) = (measured.seconds, measured.rate(rows), measured.peak_mb());
    println!("{what}: rows {rows}, calls {calls}, least possible {least}, ratio {ratio:.2}");
    println!("  {seconds:.1} s, {rate:.0} records/s, peak memory {peak_mb:.0} MB");
    Ok(())
}
