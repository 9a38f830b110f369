//! The sample answers of another client of Airtable, where they are beside the repository.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value as Json, json};

use super::super::schema::{Base, TablesAnswer};

fn samples(folder: &str) -> Vec<(PathBuf, Json)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/vendors/openapi/airtable/pyairtable-sample-data")
        .join(folder);
    let Ok(entries) = fs::read_dir(&path) else {
        println!("skipped: {} is not there", path.display());
        return Vec::new();
    };
    let files =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "json"));
    files.map(|path| (path.clone(), serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())).collect()
}

fn read_tables(tables: &Json) -> Base {
    serde_json::from_value::<TablesAnswer>(json!({ "tables": tables })).unwrap().into()
}

#[test]
fn every_sample_of_a_field_is_read_and_described() {
    for (path, sample) in samples("field_schema") {
        let base = read_tables(&json!([{"id": "tbl1", "name": "T", "primaryFieldId": "fld1", "fields": [sample]}]));
        let schema = base.describe(&"T".into(), true).unwrap();
        assert_eq!(schema.fields.len(), 1, "{}", path.display());
        assert_eq!(schema.fields[0].name.as_str(), sample["name"].as_str().unwrap());
    }
}

#[test]
fn the_samples_of_a_table_and_a_base_are_read() {
    for (path, sample) in samples("") {
        let tables = match path.file_name().and_then(|name| name.to_str()) {
            Some("BaseSchema.json") => sample["tables"].clone(),
            Some("TableSchema.json") => json!([sample]),
            // The rest are answers of calls that this connector does not make.
            _ => continue,
        };
        let schema = read_tables(&tables).describe(&"Apartments".into(), true).unwrap();
        assert!(schema.field("District").is_some());
    }
}
