//! Who may use whom: the one rule of the house, read out of the sources.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

use super::support::repository;

/// What each module may name. The crate `clock` and the leaf files are free to all.
const MAY_USE: [(&str, &[&str]); 13] = [
    ("private_file", &[]),
    ("redact", &[]),
    ("spool", &[]),
    ("workbook", &["model"]),
    ("model", &[]),
    ("http", &["model"]),
    ("state", &["model"]),
    ("transform", &["model"]),
    ("connector", &["model", "http"]),
    ("connectors", &["model", "http", "connector"]),
    ("config", &["model", "transform", "connector"]),
    ("engine", &["model", "config", "connector", "transform", "state"]),
    ("cli", &["model", "http", "state", "transform", "connector", "connectors", "config", "engine"]),
];
/// Modules that everybody may name.
const FREE: [&str; 6] = ["clock", "error", "private_file", "redact", "spool", "workbook"];
/// Files beside tests that may name the crate of the emulators: the list of connectors, and the type that it fills.
const MAY_USE_EMULATORS: [&str; 2] = ["connectors/mod.rs", "connector/registry.rs"];
/// Files without layering: the crate's root and the binary.
const ROOTS: [&str; 2] = ["lib", "main"];

/// The rooms of the engine in the order of the data. Each may name itself and those before it, and of the files beside them only
/// these.
const ENGINE_ROOMS: [&str; 4] = ["read", "decide", "write", "close"];
const ENGINE_BASE: [&str; 10] =
    ["environment", "error", "observer", "order", "policy", "quota", "report", "review", "services", "setup"];

/// A source file: its module, its place, and its text without comments.
struct File {
    module: String,
    path: PathBuf,
    code: String,
}

#[test]
fn every_module_is_in_the_table() {
    let known: BTreeSet<&str> = MAY_USE.iter().map(|(module, _)| *module).collect();
    let there: BTreeSet<String> = files().into_iter().map(|file| file.module).collect();
    let unknown: Vec<_> = there.iter().filter(|module| !known.contains(module.as_str())).collect();
    assert!(unknown.is_empty(), "not in the table of who may use whom: {unknown:?}");
    assert!(there.len() > 8, "the sources are not where this test looks for them: {there:?}");
}

#[test]
fn modules_name_only_those_that_they_may() {
    let mut offences = Vec::new();
    let mut name_count = 0;
    for file in files() {
        let Some((_, allowed)) = MAY_USE.iter().find(|(module, _)| *module == file.module) else { continue };
        for named in named_modules(&file.code) {
            name_count += 1;
            let is_allowed =
                named == file.module || allowed.contains(&named.as_str()) || FREE.contains(&named.as_str());
            if !is_allowed {
                offences.push(format!("{}: `{}` names `{named}`", file.path.display(), file.module));
            }
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
    assert!(name_count > 300, "the test finds hardly any use of a module: {name_count}");
}

#[test]
fn uses_of_the_crate_are_not_grouped() {
    for path in [sources_below(&repository("src")), sources_below(&repository("emulators/src"))].concat() {
        let code = without_comments(&fs::read_to_string(&path).unwrap());
        assert!(!code.contains("use crate::{"), "{}: one `use` per module", path.display());
    }
}

/// That no emulator names a connector is the compiler's to see: `ferry` depends on `emulators`, so the way back does not build.
#[test]
fn a_connector_does_not_name_an_emulator() {
    let is_test = |path: &Path| path.iter().any(|part| part == "tests" || part == "tests.rs");
    let mut naming_count = 0;
    for file in files().into_iter().filter(|file| file.module != "cli" && !is_test(&file.path)) {
        let names_it = file.code.contains("emulators::");
        let is_allowed = MAY_USE_EMULATORS.iter().any(|allowed| file.path.ends_with(allowed));
        assert!(is_allowed || !names_it, "{}: only tests may name an emulator", file.path.display());
        naming_count += usize::from(names_it);
    }
    assert_eq!(naming_count, MAY_USE_EMULATORS.len());
}

#[test]
fn an_emulator_does_not_name_another() {
    let vendors: Vec<String> = folders_of(&repository("emulators/src"));
    assert!(vendors.len() >= 3, "{vendors:?}");
    for own in &vendors {
        for path in sources_below(&repository("emulators/src").join(own)) {
            let code = without_comments(&fs::read_to_string(&path).unwrap());
            for other in vendors.iter().filter(|other| *other != own) {
                let name = format!("crate::{other}::");
                assert!(!code.contains(&name), "{}: `{own}` names `{other}`", path.display());
            }
        }
    }
}

#[test]
fn a_connector_does_not_name_another() {
    let connectors = folders_of(&repository("src/connectors"));
    assert!(connectors.len() >= 5, "{connectors:?}");
    for own in &connectors {
        for path in sources_below(&repository("src/connectors").join(own)) {
            let code = without_comments(&fs::read_to_string(&path).unwrap());
            for other in connectors.iter().filter(|other| *other != own) {
                let names_it = Regex::new(&format!(r"\b(connectors|super::super)::{other}::")).unwrap();
                assert!(!names_it.is_match(&code), "{}: `{own}` names `{other}`", path.display());
            }
        }
    }
}

#[test]
fn the_engine_names_no_vendor() {
    let vendors = Regex::new(r"(?i)\b(hubspot|airtable|salesforce|pipedrive|google_?sheets)\b").unwrap();
    for file in files().into_iter().filter(|file| file.module == "engine") {
        let found = vendors.find(&file.code).map(|found| found.as_str());
        assert_eq!(found, None, "{}", file.path.display());
    }
}

#[test]
fn the_rooms_of_the_engine_name_only_those_before_them() {
    let mut name_count = 0;
    for (place, room) in ENGINE_ROOMS.iter().enumerate() {
        let allowed: Vec<&str> = ENGINE_BASE.into_iter().chain(ENGINE_ROOMS[..=place].iter().copied()).collect();
        let is_test =
            |path: &PathBuf| path.components().any(|part| part.as_os_str().to_string_lossy().starts_with("tests"));
        let sources = sources_below(&repository("src/engine").join(room)).into_iter();
        for path in sources.filter(|path| !is_test(&path.strip_prefix(repository("src")).unwrap().to_owned())) {
            let code = without_comments(&fs::read_to_string(&path).unwrap());
            for named in named_in_engine(&code) {
                name_count += 1;
                assert!(allowed.contains(&named.as_str()), "{}: `{room}` names `{named}`", path.display());
            }
        }
    }
    assert!(name_count > 20, "the test finds hardly any use between the rooms: {name_count}");
}

/// Returns the modules that `use crate::engine::…;` names.
fn named_in_engine(code: &str) -> Vec<String> {
    let used = Regex::new(r"(?s)\buse crate::engine::(.*?);").unwrap();
    let mut named = Vec::new();
    for found in used.captures_iter(code) {
        let text = found[1].trim_start_matches('{');
        let mut depth = 0;
        for part in text.split_inclusive(['{', '}', ',']) {
            let word: String =
                part.trim().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
            if depth == 0 && !word.is_empty() {
                named.push(word);
            }
            depth += part.matches('{').count();
            depth = depth.saturating_sub(part.matches('}').count());
        }
    }
    named
}

/// Returns the modules of the crate that a text names by `crate::module`.
fn named_modules(code: &str) -> Vec<String> {
    let module = Regex::new(r"\bcrate::([a-z_]+)").unwrap();
    module.captures_iter(code).map(|found| found[1].to_owned()).collect()
}

fn files() -> Vec<File> {
    let root = repository("src");
    let mut files = Vec::new();
    for path in sources_below(&root) {
        let first = path.strip_prefix(&root).unwrap().components().next().unwrap();
        let module = Path::new(first.as_os_str()).file_stem().unwrap().to_str().unwrap().to_owned();
        if !ROOTS.contains(&module.as_str()) {
            let code = without_comments(&fs::read_to_string(&path).unwrap());
            files.push(File { module, path, code });
        }
    }
    files
}

fn folders_of(folder: &Path) -> Vec<String> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let folders = paths.filter(|path| path.is_dir());
    folders.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

fn sources_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Blanks the lines that are comments only; line numbers stay.
fn without_comments(text: &str) -> String {
    let lines = text.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
    lines.collect::<Vec<_>>().join("\n")
}
