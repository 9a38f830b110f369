//! The table that the benches of contacts read.

use std::{
    error::Error,
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

/// Writes a table of customers.
pub(super) fn write_rows(path: &Path, rows: u64) -> Result<(), Box<dyn Error>> {
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
