//! Every way in which a row can be rejected, at every vendor that can be mirrored: no record is deleted whose row is still there.
//!
//! The codes are read out of the sources, so a new one fails here until the table says what becomes of its row.

#[path = "../cli/sources.rs"]
#[expect(dead_code, reason = "the tests of the command line read more out of the sources")]
mod sources;

use std::{collections::BTreeSet, fs, path::PathBuf, sync::LazyLock};

use regex::Regex;
use serde_json::{Map, Value as Json, json};

use self::sources::{files_below, sources};
use super::{
    mirrors::{PLACES, Place, SPEED},
    support::{Crms, Desk, repository},
};

/// How a row comes to be rejected with a code.
#[derive(Clone, Copy)]
enum Way {
    /// A field of the row has this value, as JSON. Its id can be read.
    Row(&'static str, &'static str),
    /// A field of the row has a text of so many letters, which only this vendor refuses. Its id can be read.
    Long(&'static str, &'static str, usize),
    /// A field of the row has this value, which only this vendor refuses, in its own words. Its id can be read.
    Vendor(&'static str, &'static str, &'static str),
    /// A line of a JSON file reads so; its id cannot be read.
    Line(&'static [u8]),
    /// A line of a CSV file reads so; its id cannot be read.
    Csv(&'static [u8]),
    /// A result of an aggregate.
    Aggregate(&'static str),
    /// Nothing that a mirror writes is rejected so, and why; or it goes the way of another code.
    Never(&'static str),
}

use Way::{Aggregate, Csv, Line, Long, Never, Row, Vendor};

const READ_BY_AIRTABLE: &str =
    "a cell of a source at Airtable, whose record always has its id: `airtable::tests` shows that";
const BEFORE_SENDING: &str = "refused by the connector before it is sent: an outcome like that of `too_long`";
const ANOTHER_MODE: &str = "a mirror cannot write so";
const NOT_MIRRORED: &str = "files are rewritten, and cannot be mirrored";
const HELD: &str = "held, not rejected; the record is new, or gone from the destination already";

const CODES: &[(&str, Way)] = &[
    (
        "ambiguous_option",
        Never("of options of one name, which only Pipedrive's own fields can have; the table's have none"),
    ),
    (
        "incomplete_value",
        Never("of two fields of Pipedrive that make one value, such as a sum and its currency; the table maps none"),
    ),
    ("not_written", Never("of fields of Pipedrive that are not written as one value; the table maps none")),
    ("several_links", Never("of a list of links where Pipedrive takes one; the table's records have no links")),
    ("INVALID_EMAIL", Vendor("hubspot", "email", "nobody")),
    ("INVALID_EMAIL_ADDRESS", Vendor("salesforce", "email", "nobody")),
    ("INVALID_VALUE_FOR_COLUMN", Long("airtable", "age", 100_001)),
    ("too_long", Long("hubspot", "age", 65_537)),
    ("too_long", Long("google_sheets", "age", 50_001)),
    ("STRING_TOO_LONG", Long("salesforce", "age", 81)),
    ("BULK_ERROR", Never("of a job as a whole, whose records are sent again one request at a time")),
    ("INVALID_MULTIPLE_CHOICE_OPTIONS", Never(BEFORE_SENDING)),
    (
        "UNKNOWN",
        Never("an answer in Salesforce's own words that says nothing: it goes the way of `INVALID_EMAIL_ADDRESS`"),
    ),
    ("ambiguous_field", Line(br#"{"id": "p3", "email": "p3@example.org", "email": "x@example.org", "name": "P"}"#)),
    ("ambiguous_key", Never(HELD)),
    ("ambiguous_owner", Never(BEFORE_SENDING)),
    ("ambiguous_pipeline", Never(BEFORE_SENDING)),
    ("ambiguous_stage", Never(BEFORE_SENDING)),
    ("behind_open_quote", Csv(b"p3,\"P 3,p3@example.org\n")),
    ("broken_formula", Never(READ_BY_AIRTABLE)),
    ("cast_failed", Row("castable", "\"one\"")),
    (
        "does_not_fit",
        Never("the types of a JSON file fit all of its records; a Parquet file's rejects have no id, as a CSV file's"),
    ),
    ("duplicate_id", Aggregate("UNION ALL SELECT id, name, email FROM self WHERE id = 'p3'")),
    ("empty_key", Row("email", "null")),
    ("insert_only_field", Never(BEFORE_SENDING)),
    ("invalid_domain", Row("domain", "\"nothing\"")),
    ("invalid_email", Row("second_email", "\"nobody\"")),
    ("invalid_encoding", Line(b"{\"id\": \"p3\", \"email\": \"p3@example.org\", \"name\": \"J\xfcrgen\"}")),
    ("invalid_html", Never("the library reads whatever it is given")),
    ("invalid_json", Line(br#"{"id": "p3", "email": "p3@example.org", "name": "P"#)),
    ("invalid_phone", Row("phone", "\"12\"")),
    ("invalid_url", Row("url", "\"not an address\"")),
    ("missing_id", Line(br#"{"email": "p3@example.org", "name": "P"}"#)),
    ("missing_key", Never("`empty_key` comes first")),
    ("changed_since_plan", Never("only an apply holds a record so, and it reads no rows")),
    ("missing", Never(HELD)),
    (
        "no_id",
        Aggregate(
            "UNION ALL SELECT CASE WHEN id = 'p3' THEN NULL ELSE NULL END AS id, name, email FROM self WHERE id = 'p3'",
        ),
    ),
    ("no_match", Never(ANOTHER_MODE)),
    ("no_values", Never("a mirror has a key, and a record without one is rejected with `empty_key`")),
    ("not_a_boolean", Row("boolean", "\"perhaps\"")),
    ("not_a_date", Row("date", "\"soon\"")),
    ("not_a_datetime", Row("datetime", "\"soon\"")),
    ("not_a_list", Never(READ_BY_AIRTABLE)),
    ("not_a_number", Row("number", "\"1.5x\"")),
    ("not_a_text", Never(READ_BY_AIRTABLE)),
    ("not_a_whole_number", Never(READ_BY_AIRTABLE)),
    ("not_an_integer", Row("whole", "\"5.5\"")),
    ("not_an_object", Line(b"\"p3\"")),
    ("not_encodable", Never(NOT_MIRRORED)),
    ("not_exact", Row("exact", "\"99999999999999.99\"")),
    ("out_of_range", Never(BEFORE_SENDING)),
    ("parent_named_twice", Never(BEFORE_SENDING)),
    ("parent_not_found", Never(BEFORE_SENDING)),
    ("read_only_field", Never(BEFORE_SENDING)),
    ("required", Row("name", "null")),
    ("separator_in_option", Never(BEFORE_SENDING)),
    ("stray_return", Csv(b"p3,P\r3,p3@example.org\n")),
    ("text_behind_quote", Csv(b"p3,\"P\" 3,p3@example.org\n")),
    ("too_deep", Never("nested a hundred levels deep: it goes the way of `invalid_json`")),
    ("too_few_cells", Csv(b"p3,P\n")),
    ("too_many_cells", Csv(b"p3,P,p3@example.org,more\n")),
    ("too_many_links", Never(BEFORE_SENDING)),
    ("unclosed_quote", Csv(b"p3,\"P 3,p3@example.org\n")),
    ("unexpected", Row("name", "\"P unexpected\"")),
    ("unknown_country", Row("country", "\"Atlantis\"")),
    ("unknown_currency", Row("currency", "\"XYZW\"")),
    ("unknown_effect", Never(HELD)),
    ("unknown_field", Never(NOT_MIRRORED)),
    ("unknown_option", Row("stage", "\"no such stage\"")),
    ("unknown_owner", Never(BEFORE_SENDING)),
    ("unknown_pipeline", Never(BEFORE_SENDING)),
    ("unknown_stage", Never(BEFORE_SENDING)),
    ("unmapped_value", Row("picked", "\"c\"")),
    ("vanishing", Never(HELD)),
    ("wrong_type", Never("of a redrive, which deletes nothing")),
];

/// A row that nobody rejects: what the cleaners, casts and mappings of the pipeline take.
fn good(number: usize) -> Map<String, Json> {
    let row = json!({
        "id": format!("p{number}"), "email": format!("p{number}@example.org"), "name": "P", "age": number.to_string(),
        "stage": null, "second_email": "a@example.org", "phone": "+49 30 1234567", "url": "https://example.org",
        "domain": "a@example.org", "country": "Germany", "currency": "EUR", "boolean": "yes", "date": "2024-01-31",
        "datetime": "2024-01-31T10:00:00Z", "number": "1.5", "whole": "5", "exact": "1.5", "castable": "1", "picked": "a",
        "listed": "x",
    });
    row.as_object().unwrap().clone()
}

const STEPS: &str = "    transforms:
      - filter: \"CAST(castable AS INTEGER) > 0\"
      - apply: { second_email: [email], phone: [{ phone: { region: DE } }], url: [url], domain: [domain_of], country: [country],
          currency: [currency], boolean: [boolean], date: [date], datetime: [datetime], number: [number] }
      - cast: { whole: integer, exact: number }
";

/// Writes the pipeline of a place; `steps` stand between the source and the destination.
fn put_pipeline(desk: &Desk, place: &Place, files: &str, steps: &str) -> PathBuf {
    let schema =
        json!({ "not": { "properties": { place.name: { "const": "P unexpected" } }, "required": [place.name] } });
    desk.write("expect.json", &schema.to_string());
    let Place { connection, object, key, name, email, .. } = place;
    let stage = if steps == STEPS { place.rest } else { "" };
    let email = if key == email { String::new() } else { format!(", {email}: email") };
    desk.write(
        "people.yaml",
        &format!(
            "version: 1\nname: people\nconnections:\n  files: {files}\n  crm: {connection}\n\
             streams:\n  - name: people\n    source: {{ connection: files, object: people }}\n{steps}    expect: expect.json\n    destinations:\n\
             \x20     - connection: crm\n        object: {object}\n        write: mirror\n        key: [{key}]\n        mappings: {{ {key}: email, {name}: {{ from: name, required: true }}{email}{stage} }}\n"
        ),
    )
}

/// A vendor with its own records, and a desk.
struct Bench<'place> {
    place: &'place Place,
    crms: Crms,
    desk: Desk,
    pipeline: PathBuf,
}

const JSON: &str = "{ type: json, path: ., format: lines, id: id }";
const CSV: &str = "{ type: csv, path: ., id: id }";
const PEOPLE: usize = 60;

impl<'place> Bench<'place> {
    fn new(place: &'place Place, files: &str, steps: &str) -> Self {
        let crms = place.start();
        let desk = Desk::new(&crms);
        let pipeline = put_pipeline(&desk, place, files, steps);
        Self { place, crms, desk, pipeline }
    }

    fn run(&self, code: i32) -> Json {
        let report = self.desk.run(&self.crms, &self.pipeline, &SPEED, code);
        report["streams"][0]["destinations"][0].clone()
    }

    fn held(&self) -> u64 {
        self.crms.held(self.place.vendor, self.place.object)
    }

    /// Returns the codes of the last run's rejects.
    fn codes(&self) -> BTreeSet<String> {
        let rejects = self.desk.ferry(["rejects", "--json"]).json();
        let codes = rejects["rejects"].as_array().unwrap().iter().map(|line| line["code"].as_str().unwrap().to_owned());
        codes.collect()
    }

    /// Runs what is known to be wrong: it must delete nothing, and say so.
    fn check_untouched(&self, what: &str, code: i32) {
        let (held, place) = (self.held(), self.place.vendor);
        let ran = self.desk.ferry([&["run", "people.yaml", "--json", "--quiet"], &SPEED[..]].concat());
        assert_eq!(ran.code, code, "{place} {what}: {}", ran.stderr);
        let account = ran.json()["streams"][0]["destinations"][0].clone();
        assert_eq!((&account["deleted"], self.held()), (&json!(0), held), "{place} {what}: {account}");
        let error = account["error"].as_str().unwrap_or_default();
        assert!(
            error.contains("deletes nothing") || error.contains("nothing was deleted"),
            "{place} {what}: {account}"
        );
    }
}

fn lines(rows: &[Map<String, Json>]) -> Vec<Vec<u8>> {
    rows.iter().map(|row| Json::Object(row.clone()).to_string().into_bytes()).collect()
}

fn put(desk: &Desk, file: &str, lines: &[Vec<u8>]) {
    let text: Vec<u8> = lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect();
    fs::write(desk.path(file), text).unwrap();
}

#[test]
fn a_mirror_deletes_no_record_of_a_row_that_is_rejected_with_any_code() {
    for place in &PLACES {
        let bench = Bench::new(place, JSON, STEPS);
        let all: Vec<_> = (1..=PEOPLE).map(good).collect();
        put(&bench.desk, "people.jsonl", &lines(&all));
        assert_eq!(bench.run(0)["created"], PEOPLE, "{}", place.vendor);
        let held = bench.held();
        let mut rows = all.clone();
        let (mut expected, mut broken) = (BTreeSet::new(), 0);
        for (row, (code, way)) in rows.iter_mut().zip(CODES.iter().filter(|(code, way)| is_of(place, code, *way))) {
            let (field, value) = match *way {
                Row(field, value) => (field, serde_json::from_str(value).unwrap()),
                Vendor(_, field, value) => (field, json!(value)),
                Long(_, field, letters) => (field, json!("x".repeat(letters))),
                Line(_) | Csv(_) | Aggregate(_) | Never(_) => continue,
            };
            if *code == "empty_key" {
                // Of a record that is known, the key is not needed: here it is a new one.
                row.insert("id".to_owned(), json!("new"));
            }
            row.insert(field.to_owned(), value);
            // HubSpot's own codes are written small.
            expected.insert(if place.vendor == "hubspot" { code.to_lowercase() } else { (*code).to_owned() });
            broken += 1;
        }
        let known = rows.iter().filter(|row| row["id"] != "new").count();
        rows.pop();
        put(&bench.desk, "people.jsonl", &lines(&rows));
        let account = bench.run(4);
        assert_eq!(bench.codes(), expected, "{}: {account}", place.vendor);
        // The row that became another one and the row that is gone are what the source no longer has.
        let gone = PEOPLE - known + 1;
        assert_eq!(
            (&account["rejected"], &account["deleted"], bench.held()),
            (&json!(broken), &json!(gone), held - u64::try_from(gone).unwrap()),
            "{}: {account}",
            place.vendor
        );
        put(&bench.desk, "people.jsonl", &lines(&all));
        let account = bench.run(0);
        assert_eq!(
            (&account["created"], &account["deleted"]),
            (&json!(gone), &json!(0)),
            "{}: {account}",
            place.vendor
        );
    }
}

/// Tells whether a code can be had at a place by a row whose id can be read.
fn is_of(place: &Place, code: &str, way: Way) -> bool {
    match way {
        Vendor(vendor, ..) | Long(vendor, ..) => vendor == place.vendor,
        Row(..) => place.has_options || code != "unknown_option",
        Line(_) | Csv(_) | Aggregate(_) | Never(_) => false,
    }
}

#[test]
fn a_mirror_deletes_nothing_while_the_id_of_a_row_cannot_be_read() {
    for place in &PLACES {
        let bench = Bench::new(place, JSON, "");
        let all: Vec<_> = (1..=12)
            .map(|number| {
                json!({ "id": format!("p{number}"), "email": format!("p{number}@example.org"), "name": "P" })
                    .to_string()
                    .into_bytes()
            })
            .collect();
        put(&bench.desk, "people.jsonl", &all);
        assert_eq!(bench.run(0)["created"], 12, "{}", place.vendor);
        for (code, way) in CODES {
            let Line(line) = way else { continue };
            let mut rows = all[..11].to_vec();
            rows[2] = line.to_vec();
            put(&bench.desk, "people.jsonl", &rows);
            bench.check_untouched(code, 4);
            assert_eq!(bench.codes(), BTreeSet::from([(*code).to_owned()]), "{}", place.vendor);
        }
        let bench = Bench::new(place, CSV, "");
        let line = |number: usize| format!("p{number},P,p{number}@example.org\n");
        let file = |third: &[u8], last: usize| {
            let mut text = format!("id,name,email\n{}{}", line(1), line(2)).into_bytes();
            text.extend(third);
            text.extend((4..=last).map(line).collect::<String>().into_bytes());
            fs::write(bench.desk.path("people.csv"), text).unwrap();
        };
        file(line(3).as_bytes(), 12);
        assert_eq!(bench.run(0)["created"], 12, "{}", place.vendor);
        for (code, way) in CODES {
            let Csv(third) = way else { continue };
            file(third, 11);
            bench.check_untouched(code, 4);
            assert!(bench.codes().contains(*code), "{} {code}: {:?}", place.vendor, bench.codes());
        }
    }
}

/// What makes the ids of rejected rows useless, though each can be read: the steps of a pipeline, or its source.
#[test]
fn a_mirror_deletes_nothing_where_the_id_of_a_rejected_row_does_not_say_what_was_written_of_it() {
    let row = |number: usize, email: &str| {
        format!(r#"{{"id": "p{number}", "email": "{email}", "name": "P", "parts": "a;b"}}"#)
    };
    let people = |third: &str| {
        let rows = (1..=12).map(|number| match number {
            3 => third.to_owned(),
            _ => row(number, &format!("p{number}@example.org")),
        });
        rows.map(String::into_bytes).collect::<Vec<_>>()
    };
    let aggregate = |more: &str| {
        format!(
            "    transforms:\n      - apply: {{ email: [email] }}\n      - aggregate: {{ sql: \"SELECT id, name, email FROM self {more}\", id: [id] }}\n"
        )
    };
    let exploded = "    transforms:\n      - apply: { email: [email] }\n      - explode: { field: parts, separator: \";\" }\n      \
                    - derive: { email: \"concat(parts, email)\" }\n";
    let plain = "    transforms: [{ apply: { email: [email] } }]\n";
    let no_ids = "{ type: json, path: ., format: lines }";
    let good_row = row(3, "p3@example.org");
    let bad_email = row(3, "nobody");
    let mut cases = vec![
        ("a row before `explode`", JSON, exploded.to_owned(), exploded.to_owned(), bad_email.clone()),
        ("a row before `aggregate`", JSON, aggregate(""), aggregate(""), bad_email.clone()),
        ("a row without an id of its own", no_ids, plain.to_owned(), plain.to_owned(), bad_email),
    ];
    for (code, way) in CODES {
        let Aggregate(more) = way else { continue };
        cases.push((code, JSON, aggregate(""), aggregate(more), good_row.clone()));
    }
    for place in &PLACES {
        for (what, files, first, second, third) in &cases {
            let bench = Bench::new(place, files, first);
            put(&bench.desk, "people.jsonl", &people(&good_row));
            bench.run(0);
            let held = bench.held();
            put_pipeline(&bench.desk, place, files, second);
            let mut rows = people(third);
            // An aggregate's own rejects are of results whose ids are known, so a row that is gone is deleted.
            let is_known = *what == "duplicate_id";
            if !is_known {
                rows.pop();
            }
            put(&bench.desk, "people.jsonl", &rows);
            if is_known {
                let account = bench.run(4);
                assert_eq!(
                    (&account["deleted"], bench.held()),
                    (&json!(0), held),
                    "{} {what}: {account}",
                    place.vendor
                );
            } else {
                bench.check_untouched(what, 4);
            }
        }
    }
}

#[test]
fn a_mirror_deletes_nothing_after_a_read_that_is_not_whole_or_drops() {
    for place in &PLACES {
        let bench = Bench::new(place, JSON, "");
        let rows: Vec<_> = (1..=12)
            .map(|number| {
                json!({ "id": format!("p{number}"), "email": format!("p{number}@example.org"), "name": "P" })
                    .to_string()
                    .into_bytes()
            })
            .collect();
        put(&bench.desk, "people.jsonl", &rows);
        assert_eq!(bench.run(0)["created"], 12, "{}", place.vendor);
        put(&bench.desk, "people.jsonl", &rows[..5]);
        bench.check_untouched("a sudden drop", 1);
        put(&bench.desk, "people.jsonl", &[]);
        let held = bench.held();
        let account = bench.desk.ferry(["run", "people.yaml", "--json", "--quiet"]);
        // An emptied file is read to its end, and the guard of the mirror stops there.
        assert_eq!((account.code, bench.held()), (1, held), "{} an empty file: {}", place.vendor, account.stdout);
        put(&bench.desk, "people.jsonl", &rows[..11]);
        let limited = bench.desk.run(&bench.crms, &bench.pipeline, &[&SPEED[..], &["--limit", "3"]].concat(), 0);
        assert_eq!(limited["streams"][0]["destinations"][0]["deleted"], 0, "{}: {limited}", place.vendor);
        let account = bench.run(0);
        assert_eq!(account["deleted"], 1, "{} what is gone: {account}", place.vendor);
    }
}

#[test]
fn every_reject_code_is_in_the_table() {
    let found = codes_of_sources();
    assert!(found.len() > 50, "the test finds hardly any code: {found:?}");
    let says_why = |way: &Way| !matches!(way, Never(reason) if !reason.contains(' '));
    assert!(CODES.iter().all(|(_, way)| says_why(way)), "a code that a mirror never meets needs the reason");
    let known: BTreeSet<String> = CODES.iter().map(|(code, _)| (*code).to_owned()).collect();
    let missing: Vec<_> = found.difference(&known).collect();
    assert!(missing.is_empty(), "say in the table what a mirror does with rows that are rejected so: {missing:?}");
    // What a vendor itself says is in no source.
    let vendors_own = |code: &str| CODES.iter().any(|(own, way)| *own == code && matches!(way, Vendor(..) | Long(..)));
    let stale: Vec<_> = known.difference(&found).filter(|code| !vendors_own(code)).collect();
    assert!(stale.is_empty(), "no source has these codes: {stale:?}");
}

#[test]
fn every_vendor_that_can_be_mirrored_is_in_the_table() {
    let limits =
        files_below(&repository("src/connectors"), "rs").into_iter().filter(|path| path.ends_with("limits.rs"));
    let can_delete = |path: &PathBuf| fs::read_to_string(path).unwrap().contains("delete: Some(");
    let vendors: BTreeSet<String> = limits
        .filter(can_delete)
        .map(|path| path.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    let known: BTreeSet<String> = PLACES.iter().map(|place| place.vendor.to_owned()).collect();
    assert_eq!(vendors, known, "a new vendor needs a place among `mirrors::PLACES`");
}

static CALL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?:\bRejection::new|\bFailure::new|\bFault::new|\bConverted::or|\.or|\.failure|\brejected|\breject)\(\s*(?:\w+,\s*)?|\bcode:\s*|Err\(\(\s*",
    )
    .unwrap()
});
static CHOICE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\blet \(?code\b[^=;]*=").unwrap());
static CONSTANT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"const (?:CHANGED_SINCE_PLAN|MISSING|UNKNOWN_EFFECT): &str =").unwrap());
static SHAPE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^([a-z]+(_[a-z]+)+|[A-Z]+(_[A-Z]+)*|required|missing|unexpected|vanishing)$").unwrap()
});

/// Reads the codes of rejected records out of the sources.
fn codes_of_sources() -> BTreeSet<String> {
    let is_asked = |path: &str| {
        ["src/transform/", "src/engine/", "src/connector/", "src/connectors/"].iter().any(|part| path.contains(part))
    };
    let mut codes = BTreeSet::new();
    for source in sources().iter().filter(|source| is_asked(source.path.to_str().unwrap())) {
        let starts: BTreeSet<usize> = CALL.find_iter(&source.code).map(|call| call.end()).collect();
        let choices = CHOICE.find_iter(&source.code).chain(CONSTANT.find_iter(&source.code));
        let choices: Vec<_> = choices.map(|found| source.to_mark(found.end(), b";")).collect();
        for literal in &source.literals {
            let is_called = starts.range(literal.place.start..=literal.place.end).next().is_some();
            let is_chosen = choices.iter().any(|choice| choice.contains(&literal.place.start));
            if (is_called || is_chosen) && SHAPE.is_match(&literal.text) {
                codes.insert(literal.text.clone());
            }
        }
    }
    codes
}
