//! Reads what an emulator starts with: `<object>.csv` or `<object>.jsonl`, and `<object>.schema.yaml`, of one folder.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value as Json};

/// The records and the schema of one object.
#[derive(Debug, Clone, Default)]
pub struct Fixture {
    /// The records: every value of a CSV file is text, and empty cells are absent.
    pub records: Vec<Map<String, Json>>,
    /// The content of `<object>.schema.yaml` as JSON, in the vendor's own form; null where there is no such file.
    pub schema: Json,
}

/// Says which fixture cannot be used, and why.
#[derive(Debug, thiserror::Error)]
#[error("fixture `{}`: {reason}", path.display())]
pub struct FixtureError {
    path: PathBuf,
    reason: String,
}

/// Reads the fixtures of a folder, by object name (the file's name without its endings).
///
/// # Errors
/// Fails on the first file that cannot be read.
pub fn read_fixtures(folder: &Path) -> Result<BTreeMap<String, Fixture>, FixtureError> {
    let failed = |path: &Path, reason: String| FixtureError { path: path.to_owned(), reason };
    let mut fixtures: BTreeMap<String, Fixture> = BTreeMap::new();
    let entries = fs::read_dir(folder).map_err(|error| failed(folder, error.to_string()))?;
    for entry in entries {
        let path = entry.map_err(|error| failed(folder, error.to_string()))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let wrong = |reason: String| failed(&path, reason);
        if let Some(object) = name.strip_suffix(".schema.yaml") {
            let text = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
            let schema = serde_yaml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
            fixtures.entry(object.to_owned()).or_default().schema = schema;
        } else if let Some(object) = name.strip_suffix(".jsonl") {
            let text = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
            let records = text
                .lines()
                .filter(|line| !line.trim().is_empty())
                .map(serde_json::from_str)
                .collect::<Result<_, _>>()
                .map_err(|error| wrong(error.to_string()))?;
            fixtures.entry(object.to_owned()).or_default().records = records;
        } else if let Some(object) = name.strip_suffix(".csv") {
            let records = read_csv(&path).map_err(|error| wrong(error.to_string()))?;
            fixtures.entry(object.to_owned()).or_default().records = records;
        }
    }
    Ok(fixtures)
}

fn read_csv(path: &Path) -> Result<Vec<Map<String, Json>>, csv::Error> {
    let mut reader = csv::Reader::from_path(path)?;
    let header = reader.headers()?.clone();
    let mut records = Vec::new();
    for row in reader.records() {
        let row = row?;
        let cells = header.iter().zip(row.iter()).filter(|(_, cell)| !cell.is_empty());
        records.push(cells.map(|(name, cell)| (name.to_owned(), Json::from(cell))).collect());
    }
    Ok(records)
}
