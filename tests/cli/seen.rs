//! What Ferry can say is shown by a snapshot: every hint, every code of an error and every exit code.
//!
//! Hints and codes are read out of the sources, so a new one fails here until a test shows it to a reader. A hint is a text in
//! quotes that is handed to `with_hint` and the like, or to a parameter called `hint`; that becomes a variable or field called
//! `hint`; or that a function with `hint` in its name returns.

use std::{
    collections::BTreeSet,
    fs,
    ops::Range,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use regex::Regex;

use super::sources::{Literal, Source, files_below, sources};

static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(sources);
static PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\{[^{}]*\}").unwrap());
static HINT_CALL: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\.(with_hint|with_hint_if|hint)\(|\bhint: Some\(").unwrap());
static HINT_VARIABLE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bhint\s*=[^=>]").unwrap());
static HINT_FUNCTION: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bfn \w*hint\w*(<[^>]*>)?\(").unwrap());
static HINT_PAIR: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"let \(message, hint\) = ").unwrap());
static HINT_PARAMETER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?:fn (\w+)(?:<[^>]*>)?\(|let (\w+) = \|)([^|)]*\bhint\b[^|)]*)").unwrap());
static CODE_CALL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\bFailure::new\(\s*Exit::\w+,\s*|\bDiagnostic::(error|warning)\(\s*|\bTransformError::new\(\s*")
        .unwrap()
});

/// A text of the sources that a user may see.
struct Text {
    /// `file:line`.
    place: String,
    text: String,
}

/// Hints that no test can show, and why.
const UNSEEN_HINTS: [(&str, &str); 9] = [
    (
        "name another place for the state file with `--state FILE`",
        "needs a folder that nobody may write to, and tests may run as root",
    ),
    (
        "add a mapping for `{field}`, or take `{name}` as the key",
        "`transform` tests it: the other two hints come first",
    ),
    (
        "check `base_url` and `api_version`: `account-info/{version}/details` must answer",
        "an answer in HubSpot's own words; the connector's tests show its class",
    ),
    (
        "allow the app the scope `id` (access the identity URL service)",
        "an answer in Salesforce's own words; the connector's tests show its class",
    ),
    ("write to CSV or Parquet, or split the stream with `where`", "needs a million records"),
    ("run again when the program that writes the file is done", "the file must change during the read"),
    ("free some room and run again; nothing is lost", "needs a full disk, as `tests/faults` makes one"),
    ("remove its mapping, or give the user `Edit` on it", "`transform.read_only` says it before a record is written"),
    (
        "`ferry describe` lists the fields that this user may see; those of parents are named in `parent_fields`",
        "`transform.unknown_field` says it before a record is read",
    ),
];
/// Codes that no test can show, and why.
const UNSEEN_CODES: [(&str, &str); 16] = [
    ("report.html", "a fault of Ferry: the page's template cannot be filled in"),
    ("transform.sql_too_deep", "its page would be as long as the SQL; `transform::sql` tests it"),
    ("random", "the system gives no random numbers"),
    ("runtime", "the system gives no threads"),
    ("http", "the TLS library does not start"),
    ("login.unkept", "the state file broke while somebody logged in"),
    ("connection.config", "`config.wrong_option` says it when the pipeline is read"),
    ("dry_run.no_emulator", "every CRM has an emulator"),
    ("config.schema", "a fault of Ferry: a connector's options make no schema"),
    ("config.invalid", "a fault of Ferry: the schema lets pass what the types do not hold"),
    ("transform.unknown_cleaner", "`config.unknown_cleaner` says it before"),
    ("transform.failed", "a fault of Ferry: polars refuses a query that was checked"),
    ("transform.spool", "the disk broke under a spooled stream"),
    ("records", "a fault of Ferry: a page cannot be taken apart"),
    ("csv", "a fault of Ferry: records in memory do not become CSV"),
    ("xlsx", "a sheet has room for a million rejected records"),
];

#[test]
fn every_hint_is_in_a_snapshot() {
    let hints: Vec<Text> = SOURCES.iter().flat_map(hints).collect();
    assert!(hints.len() > 150, "the test finds hardly any hint: {}", hints.len());
    let snapshots = snapshots();
    let shown: Vec<&str> = snapshots.iter().flat_map(|text| hints_in(text)).collect();
    let is_shown = |hint: &&Text| {
        let parts = constant_parts(&hint.text);
        shown.iter().any(|line| is_shown_by(&parts, line))
    };
    let excuses: Vec<&str> = UNSEEN_HINTS.iter().map(|(text, _)| *text).collect();
    let is_excused = |hint: &&Text| excuses.contains(&hint.text.as_str());
    report("no snapshot shows these hints", hints.iter().filter(|hint| !is_shown(hint) && !is_excused(hint)));
    let is_needed = |excuse: &str| hints.iter().any(|hint| hint.text == excuse && !is_shown(&hint));
    assert!(excuses.iter().all(|text| is_needed(text)), "an excuse is not needed any more: take it out");
}

#[test]
fn hints_read_alike() {
    let hints: Vec<Text> = SOURCES.iter().flat_map(hints).collect();
    let begins_large = |text: &str| text.starts_with(char::is_uppercase);
    let is_odd = |hint: &&Text| begins_large(&hint.text) || hint.text.ends_with(['.', '!']) || hint.text.contains("  ");
    report("a hint begins small and ends without a period", hints.iter().filter(is_odd));
}

#[test]
fn every_code_is_in_a_snapshot() {
    let codes: Vec<Text> = SOURCES.iter().flat_map(codes).collect();
    assert!(codes.len() > 100, "the test finds hardly any code: {}", codes.len());
    let snapshots = snapshots();
    let is_shown = |code: &&Text| snapshots.iter().any(|text| text.contains(&format!("[{}]", code.text)));
    let is_excused = |code: &&Text| UNSEEN_CODES.iter().any(|(text, _)| *text == code.text);
    report("no snapshot shows these codes", codes.iter().filter(|code| !is_shown(code) && !is_excused(code)));
    let is_needed = |excuse: &str| codes.iter().any(|code| code.text == excuse && !is_shown(&code));
    assert!(UNSEEN_CODES.iter().all(|(text, _)| is_needed(text)), "an excuse is not needed any more: take it out");
}

#[test]
fn every_exit_code_is_in_a_snapshot() {
    let snapshots = snapshots();
    for code in [0, 1, 2, 3, 4, 130, 143] {
        let line = format!("exit code: {code}\n");
        assert!(snapshots.iter().any(|text| text.contains(&line)), "no snapshot shows exit code {code}");
    }
}

fn report<'a>(what: &str, found: impl Iterator<Item = &'a Text>) {
    let lines: BTreeSet<String> = found.map(|text| format!("{}: {:?}", text.place, text.text)).collect();
    assert!(lines.is_empty(), "{what} ({}):\n{}", lines.len(), lines.into_iter().collect::<Vec<_>>().join("\n"));
}

/// Returns the hints of a source.
fn hints(source: &Source) -> Vec<Text> {
    let parts = hint_parts(source);
    let literals = parts.iter().flat_map(|part| source.literals_in(part)).filter(|found| is_said(source, found));
    literals.map(|found| text_at(source, found)).collect()
}

/// Returns the parts of the code whose texts are hints.
fn hint_parts(source: &Source) -> Vec<Range<usize>> {
    let after = |pattern: &Regex| -> Vec<usize> { pattern.find_iter(&source.code).map(|found| found.end()).collect() };
    let mut parts = Vec::new();
    parts.extend(after(&HINT_CALL).into_iter().map(|start| source.to_closing(start)));
    parts.extend(after(&HINT_VARIABLE).into_iter().map(|start| source.to_mark(start, b";")));
    for start in after(&HINT_FUNCTION) {
        let body = source.to_mark(source.to_closing(start).end + 1, b"{").end;
        parts.push(source.to_closing(body + 1));
    }
    // Of a pair of message and hint, the hint is what may be absent.
    for start in after(&HINT_PAIR) {
        let pairs = source.to_mark(start, b";");
        let options = source.code[pairs.clone()].match_indices("Some(");
        parts.extend(options.map(|(index, some)| source.to_closing(pairs.start + index + some.len())));
    }
    parts.extend(hint_arguments(source));
    parts
}

/// Returns the arguments that go to a parameter called `hint` of a function or closure of the same file.
fn hint_arguments(source: &Source) -> Vec<Range<usize>> {
    let mut arguments = Vec::new();
    for definition in HINT_PARAMETER.captures_iter(&source.code) {
        let name = definition.get(1).or(definition.get(2)).unwrap().as_str();
        let parameters = definition[3].split(',').filter(|parameter| !parameter.trim_start().starts_with("mut self"));
        let Some(index) = parameters.map(str::trim).position(|parameter| parameter.starts_with("hint")) else {
            continue;
        };
        let called = format!("{name}(");
        for (start, _) in source.code.match_indices(&called) {
            if source.code[..start].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_') {
                continue;
            }
            let mut argument = source.to_mark(start + called.len(), b",");
            for _ in 0..index {
                argument = source.to_mark(argument.end + 1, b",");
            }
            arguments.push(argument);
        }
    }
    arguments
}

/// Tells whether a text among hints is said to the user: not a name that is matched, not what stands between the items of a list.
fn is_said(source: &Source, found: &Literal) -> bool {
    let is_words = found.text.contains(char::is_alphabetic) && found.text.contains([' ', '`']);
    let before = source.code[..found.place.start].trim_end();
    let is_compared = before.ends_with("said(") || before.ends_with("contains(");
    let after = source.code[found.place.end..].trim_start();
    let is_pattern = after.starts_with("=>") || after.starts_with('|');
    let is_frame = found.text.contains("hint: ");
    is_words && !is_frame && !is_compared && !is_pattern
}

/// Returns the codes that a source gives to what it says in an error's brackets.
fn codes(source: &Source) -> Vec<Text> {
    let starts: BTreeSet<usize> = CODE_CALL.find_iter(&source.code).map(|call| call.end()).collect();
    // A text in quotes is blank in the code, so a call's match ends where the text does.
    let is_code = |found: &&Literal| starts.range(found.place.start..=found.place.end).next().is_some();
    source.literals.iter().filter(is_code).map(|found| text_at(source, found)).collect()
}

fn text_at(source: &Source, found: &Literal) -> Text {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = source.path.strip_prefix(root).unwrap().display();
    Text { place: format!("{path}:{}", found.line), text: found.text.clone() }
}

/// Tells whether a line shows a text of the sources, whatever was put in for `{…}`.
fn is_shown_by(parts: &[String], line: &str) -> bool {
    let mut rest = line;
    parts.iter().all(|part| {
        let found = rest.find(part.as_str());
        rest = found.map_or(rest, |start| &rest[start + part.len()..]);
        found.is_some()
    })
}

/// Returns the parts of a source text that stay as they are.
fn constant_parts(text: &str) -> Vec<String> {
    let braces = text.replace("{{", "\u{1}").replace("}}", "\u{2}");
    let parts = PLACEHOLDER.split(&braces).filter(|part| !part.trim().is_empty());
    parts.map(|part| part.replace('\u{1}', "{").replace('\u{2}', "}")).collect()
}

/// Returns the hints that a snapshot shows.
fn hints_in(snapshot: &str) -> impl Iterator<Item = &str> {
    snapshot.lines().filter_map(|line| line.split_once("hint: ").map(|(_, hint)| hint))
}

/// Returns what all snapshots of the tests show: files, and those that stand in the tests themselves.
fn snapshots() -> Vec<String> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let read = |path: &PathBuf| fs::read_to_string(path).unwrap();
    let mut snapshots: Vec<String> = files_below(&tests, "snap").iter().map(read).collect();
    let inline = Regex::new(r##"(?s)@r#"(.*?)"#"##).unwrap();
    for text in files_below(&tests, "rs").iter().map(read) {
        snapshots.extend(inline.captures_iter(&text).map(|found| found[1].to_owned()));
    }
    snapshots
}
