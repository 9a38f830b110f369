//! Writes the records in `fixtures/`: invented people and firms, as dirty as real ones, the same on every machine.
//!
//! `cargo run --example make_fixtures [FOLDER]`. The schemas beside the records (`*.schema.yaml`) are written by hand.
//! Everything is drawn from fixed seeds: a change here changes many lines there, so change with care. Start at
//! [`write_all`].

mod airtable;
mod dice;
mod excel;
mod export;
mod google_sheets;
mod hubspot;
mod lines;
mod pipedrive;
mod salesforce;
mod world;

use std::{error::Error, fs, path::Path};

/// Writes all records below the folder.
///
/// # Errors
/// Fails when a file cannot be written.
pub(crate) fn write_all(folder: &Path) -> Result<(), Box<dyn Error>> {
    let crms = [hubspot::files()?, airtable::files()?, pipedrive::files()?, salesforce::files()?];
    let files = [crms.concat(), excel::files()?, export::files()?, google_sheets::files()?].concat();
    for (path, content) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, content)?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "fixtures".to_owned());
    write_all(Path::new(&folder))
}
