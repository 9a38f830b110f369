//! Persons from a CSV file into Pipedrive with 20 ms for each answer, by Ferry and by Pipedrive's own client for Node.js: prints
//! records per second of both.
//!
//! `cargo bench --bench pipedrive`, or with a record count: `cargo bench --bench pipedrive -- 500`. The emulator runs in a process
//! of its own and without limits. The client is that of the judges: after `.ci/run`, `JUDGES_NODE_MODULES` is the folder
//! `node_modules` that it is in; without it, Ferry is measured alone. It sends one record after the other, as its examples do.

mod local;

use std::{
    error::Error,
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
    process::Command,
};

use serde_json::Value as Json;

use local::Emulator;

/// Records unless the command line says otherwise.
const RECORDS: u64 = 2_000;
/// What each answer takes, as a fault of the emulator.
const SLOW: [&str; 2] = ["--fault", "slow=20ms"];
const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/local/pipedrive_client.cjs");

const PIPELINE: &str = "version: 1
name: persons
connections:
  files: { type: csv, path: ., id: { persons: id } }
  sales: { type: pipedrive, token: bench, base_url: \"${URL}\", plan: ultimate, requests_per_2_secs: 100000 }
streams:
  - name: persons
    source: { connection: files, object: persons }
    destinations:
      - connection: sales
        object: persons
        write: insert
        key: [email]
        mappings: { name: name, email: email, phone: phone }
";

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn main() -> Result<(), Box<dyn Error>> {
    let records = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(RECORDS);
    let folder = tempfile::tempdir()?;
    write_persons(&folder.path().join("persons.csv"), records)?;
    fs::write(folder.path().join("persons.yaml"), PIPELINE)?;
    let ferry = by_ferry(folder.path(), records)?;
    println!("Ferry: {records} records, {ferry:.0} records/s");
    match std::env::var_os("JUDGES_NODE_MODULES") {
        Some(modules) => {
            let client = by_client(folder.path(), records, Path::new(&modules))?;
            println!("npm pipedrive: {records} records, {client:.0} records/s");
            println!("{:.1} times as many", ferry / client);
        }
        None => println!("npm pipedrive: not measured, `JUDGES_NODE_MODULES` is not set"),
    }
    Ok(())
}

fn by_ferry(folder: &Path, records: u64) -> Result<f64, Box<dyn Error>> {
    let emulator = Emulator::start("pipedrive", &folder.join("none"), &SLOW)?;
    let measured = local::run(folder, "persons.yaml", &emulator.url, "1")?;
    let created: Option<&Json> = measured.stream.pointer("/destinations/0/created");
    if created != Some(&records.into()) {
        return Err(format!("{created:?} of {records} were created: {}", measured.stream).into());
    }
    let peak_mb = measured.peak_mb();
    tell(&format!("  peak memory {peak_mb:.0} MB"));
    Ok(measured.rate(records))
}

fn by_client(folder: &Path, records: u64, modules: &Path) -> Result<f64, Box<dyn Error>> {
    let emulator = Emulator::start("pipedrive", &folder.join("none"), &SLOW)?;
    let mut command = Command::new("node");
    command.arg(CLIENT).arg(folder.join("persons.csv")).env("NODE_PATH", modules).env("EMULATOR_URL", &emulator.url);
    let output = command.env("NO_PROXY", "*").output()?;
    let said: Json = serde_json::from_slice(&output.stdout)
        .map_err(|_| format!("the client failed: {}", String::from_utf8_lossy(&output.stderr)))?;
    if said["created"] != records {
        return Err(format!("the client created {} of {records}", said["created"]).into());
    }
    said["records_per_sec"].as_f64().ok_or_else(|| "the client tells no rate".into())
}

fn write_persons(path: &Path, records: u64) -> Result<(), Box<dyn Error>> {
    fs::create_dir(path.with_file_name("none"))?;
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "id,name,email,phone")?;
    for number in 0..records {
        writeln!(file, "{number},Person {number},person.{number}@bench.example,+49 170 {number:07}")?;
    }
    Ok(file.flush()?)
}

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn tell(text: &str) {
    println!("{text}");
}
