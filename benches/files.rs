//! A million contacts from one CSV file to another: prints seconds, records per second, the peak memory of the `ferry` process and the size
//! of the state file, of two runs over all of them and of one that keeps an eighth (`where`).
//!
//! `cargo bench --bench files`, or with a row count: `cargo bench --bench files -- 100000`. Linux only: the peak is the `VmHWM` of
//! `/proc/<pid>/status`.

#[expect(dead_code, reason = "no local CRM takes part")]
mod local;

use std::{
    error::Error,
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
};

/// Rows unless the command line says otherwise.
const ROWS: u64 = 1_000_000;

const PIPELINE: &str = r#"version: 1
name: files
connections:
  files: { type: csv, path: ., id: contact_id }
  out: { type: csv, path: out }
streams:
  - name: contacts
    source: { connection: files, object: contacts }
    destinations:
      - connection: out
        object: people
        mappings:
          id:        contact_id
          email:     { from: email, apply: [lowercase] }
          name:      { expr: "concat_ws(' ', first_name, last_name)" }
          city:      city
          employees: { from: employees, type: integer }
"#;

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
#[expect(clippy::cast_precision_loss, reason = "figures for people need few digits")]
fn main() -> Result<(), Box<dyn Error>> {
    let rows = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(ROWS);
    let folder = tempfile::tempdir()?;
    write_rows(&folder.path().join("contacts.csv"), rows)?;
    fs::write(folder.path().join("all.yaml"), PIPELINE)?;
    let eighth = PIPELINE.replace("object: contacts }", "object: contacts, where: \"country = 'DE'\" }");
    fs::write(folder.path().join("eighth.yaml"), eighth.replace("name: files", "name: eighth"))?;
    for pipeline in ["all.yaml", "all.yaml", "eighth.yaml"] {
        let measured = local::run(folder.path(), pipeline, "", "1")?;
        let created = &measured.stream["destinations"][0]["created"];
        let state = fs::metadata(folder.path().join(".ferry/state.db"))?.len() as f64 / 1e6;
        let (seconds, rate, peak_mb) = (measured.seconds, measured.rate(rows), measured.peak_mb());
        println!("{pipeline}: rows {rows}, created {created}");
        println!("{seconds:.2} s, {rate:.0} records/s, peak memory {peak_mb:.0} MB, state file {state:.1} MB");
    }
    Ok(())
}

/// Writes the rows: names with accents, companies in quotes, one of eight countries.
fn write_rows(path: &Path, rows: u64) -> Result<(), Box<dyn Error>> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "contact_id,first_name,last_name,email,phone,company,city,country,employees,created")?;
    let pick = |names: [&'static str; 8], number: u64| names[usize::try_from(number % 8).unwrap_or_default()];
    for row in 0..rows {
        let first = pick(["Ada", "Zoë", "Jürgen", "Alan", "Grace", "Linus", "Margaret", "Tim"], row * 7);
        let last =
            pick(["Lovelace", "Müller", "Hopper", "Turing", "Łukasz", "Smith-Jones", "O'Neil", "García"], row / 8);
        let country = pick(["DE", "FR", "AT", "CH", "NL", "PL", "IT", "ES"], row);
        let (company, city, employees) = (row % 50_000, row % 3_000, row % 5_000);
        writeln!(
            file,
            "{row},{first},{last},{first}.{last}{row}@Example.test,+49 30 {row:07},\"Company {company}, Inc.\",City {city},\
             {country},{employees},2026-01-15T10:00:00Z"
        )?;
    }
    Ok(file.flush()?)
}
