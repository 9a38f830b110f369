//! The records in `fixtures/` are those that `examples/make_fixtures` makes, every emulator starts with them, and the
//! pipelines that use them are valid.

use std::{fs, path::Path};

use emulators::EmulatorOptions;
use ferry::{
    clock::Clock,
    config::{self, NoSchemas},
    connectors::registry,
};

#[expect(dead_code, reason = "`main` is for the example itself")]
#[path = "../examples/make_fixtures/main.rs"]
mod make_fixtures;

#[test]
fn the_records_are_those_that_the_generator_makes() {
    let made = tempfile::tempdir().unwrap();
    make_fixtures::write_all(made.path()).unwrap();
    let mut file_count = 0;
    for folder in ["hubspot", "airtable", "csv", "excel", "salesforce", "google_sheets", "pipedrive"] {
        for entry in fs::read_dir(made.path().join(folder)).unwrap() {
            let path = Path::new(folder).join(entry.unwrap().file_name());
            let committed = fs::read(Path::new("fixtures").join(&path)).unwrap_or_default();
            let is_same = fs::read(made.path().join(&path)).unwrap() == committed;
            assert!(is_same, "{} differs: run `cargo run --example make_fixtures`", path.display());
            file_count += 1;
        }
    }
    assert_eq!(file_count, 25);
}

#[test]
fn every_emulator_starts_with_its_fixtures() {
    for folder in ["fixtures", "tests/pipelines/sales/fixtures", "tests/pipelines/chinook/fixtures"] {
        for entry in registry().entries() {
            let path = Path::new(folder).join(entry.name);
            let Some(emulator) = entry.emulator.filter(|_| path.is_dir()) else { continue };
            let options = EmulatorOptions { fixtures: Some(path), ..EmulatorOptions::default() };
            if let Err(reason) = (emulator.make)(options, Clock::system()) {
                panic!("{folder}/{}: {reason}", entry.name);
            }
        }
    }
}

#[test]
fn every_pipeline_is_valid() {
    let environment = |name: &str| {
        let is_secret =
            name.ends_with("_TOKEN") || name.starts_with("SALESFORCE_CLIENT_") || name == "GOOGLE_CREDENTIALS";
        is_secret.then(|| "a-token".to_owned())
    };
    for folder in ["pipelines", "tests/pipelines/sales", "tests/pipelines/chinook", "tests/pipelines/round-trip"] {
        let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let pipelines: Vec<_> = paths.filter(|path| path.extension().is_some_and(|ending| ending == "yaml")).collect();
        assert!(!pipelines.is_empty(), "{folder} has no pipeline");
        for path in pipelines {
            let loaded = config::load(&path, &registry(), &environment, &NoSchemas);
            assert!(loaded.diagnostics.is_empty(), "{}: {:#?}", path.display(), loaded.diagnostics);
        }
    }
}
