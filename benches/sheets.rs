//! 200,000 rows of 12 columns into a Google sheet, out of it, and once more into it with a cell of each row changed: prints
//! seconds, calls and the peak memory of the `ferry` process.
//!
//! `cargo bench --bench sheets`, or with a row count: `cargo bench --bench sheets -- 20000`. Linux only: the peak is the `VmHWM` of
//! `/proc/<pid>/status`. The emulator runs in a process of its own and without limits.

mod local;

use std::{
    error::Error,
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
};

use serde_json::Value as Json;

use local::{Emulator, Measured};

/// Rows unless the command line says otherwise.
const ROWS: u64 = 200_000;
/// Columns beside the key.
const COLUMNS: u64 = 11;

fn main() -> Result<(), Box<dyn Error>> {
    let rows = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(ROWS);
    let folder = tempfile::tempdir()?;
    write_rows(&folder.path().join("table.csv"), rows, "cell")?;
    let emulator = Emulator::start("google_sheets", folder.path(), &[])?;
    let measured = go(folder.path(), "write", &writing(), &emulator)?;
    tell("CSV to a sheet", rows, &measured, "/destinations/0", "created")?;
    let measured = go(folder.path(), "read", &reading(), &emulator)?;
    tell("a sheet to CSV", rows, &measured, "", "read")?;
    write_rows(&folder.path().join("table.csv"), rows, "changed")?;
    let measured = go(folder.path(), "write", &writing(), &emulator)?;
    tell("changes to a sheet", rows, &measured, "/destinations/0", "updated")
}

fn connections(name: &str) -> String {
    format!(
        "version: 1
name: {name}
connections:
  files: {{ type: csv, path: ., id: {{ table: Id }} }}
  sheet:
    type: google_sheets
    access_token: bench
    spreadsheet_id: 1FerryBench
    base_url: \"${{URL}}\"
    create_tab: true
    id: Id
streams:
  - name: rows
"
    )
}

fn mappings() -> String {
    let columns: Vec<String> = (1..=COLUMNS).map(|column| format!("C{column}: C{column}")).collect();
    format!("{{ Id: Id, {} }}", columns.join(", "))
}

fn writing() -> String {
    format!(
        "    source: {{ connection: files, object: table }}
    destinations:
      - {{ connection: sheet, object: Table, write: upsert, key: [Id], mappings: {} }}
",
        mappings()
    )
}

fn reading() -> String {
    format!(
        "    source: {{ connection: sheet, object: Table }}
    destinations:
      - {{ connection: files, object: back, mappings: {} }}
",
        mappings()
    )
}

fn go(folder: &Path, name: &str, stream: &str, emulator: &Emulator) -> Result<Measured, Box<dyn Error>> {
    let file = format!("{name}.yaml");
    fs::write(folder.join(&file), connections(name) + stream)?;
    local::run(folder, &file, &emulator.url, "1")
}

/// Writes the table; `word` begins the cells of its last column.
fn write_rows(path: &Path, rows: u64, word: &str) -> Result<(), Box<dyn Error>> {
    let mut file = BufWriter::new(File::create(path)?);
    let names: Vec<String> = (1..=COLUMNS).map(|column| format!("C{column}")).collect();
    writeln!(file, "Id,{}", names.join(","))?;
    for row in 0..rows {
        let cells: Vec<String> = (1..COLUMNS).map(|column| format!("cell {row} {column}")).collect();
        writeln!(file, "K{row:07},{},{word} {row} {COLUMNS}", cells.join(","))?;
    }
    Ok(file.flush()?)
}

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn tell(what: &str, rows: u64, measured: &Measured, account: &str, count: &str) -> Result<(), Box<dyn Error>> {
    let account: &Json = measured.stream.pointer(account).ok_or("the report has no such account")?;
    let done = account[count].as_u64().unwrap_or(0);
    if done != rows {
        return Err(format!("{what}: {count} {done} of {rows}: {}", measured.stream).into());
    }
    let (seconds, rate, peak_mb) = (measured.seconds, measured.rate(rows), measured.peak_mb());
    let (calls, writes) = (&account["calls"], account["calls_write"].as_u64().unwrap_or(0));
    println!("{what}: {rows} rows × {} columns, {calls} calls, {writes} of them writes", COLUMNS + 1);
    println!("  {seconds:.1} s, {rate:.0} rows/s, peak memory {peak_mb:.0} MB");
    Ok(())
}
