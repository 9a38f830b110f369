//! Makes CSV files of named cells.

use std::error::Error;

/// A file: its path below the folder, and its content.
pub(crate) type File = (String, Vec<u8>);

/// Writes UTF-8 CSV with a header.
pub(crate) fn csv(path: &str, header: &[&str], rows: &[Vec<String>]) -> Result<File, Box<dyn Error>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        writer.write_record(row)?;
    }
    Ok((path.to_owned(), writer.into_inner()?))
}
