//! Sources that are wrong in themselves: rows that are refused in every way, ids that several rows share, and children of
//! duplicates.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value as Json;

use crate::findings::Findings;
use crate::occasions::{finished, replace};
use crate::pairs::Pair;
use crate::testbed::{Ended, Testbed, Weather};

/// A way to spoil a row of `people.csv`: `no,email,first,last,phone,firm`.
type Spoil = fn(&str) -> Vec<u8>;

const WAYS: &[(&str, Spoil)] = &[
    ("a required field is empty", |row| cells(row, |cells| cells[1].clear())),
    ("the vendor refuses a value", |row| cells(row, |cells| "no address".clone_into(&mut cells[1]))),
    ("a cell too few", |row| cells(row, |cells| drop(cells.pop()))),
    ("a cell too many", |row| cells(row, |cells| cells.push("more".to_owned()))),
    ("bytes that are no text", |row| [row.as_bytes(), b"\xff\xfe"].concat()),
    ("no id", |row| cells(row, |cells| cells[0].clear())),
    ("text behind a closing quote", |row| cells(row, |cells| "\"Ann\" the 2nd".clone_into(&mut cells[2]))),
    ("a quote that is never closed", |row| cells(row, |cells| "\"Ann".clone_into(&mut cells[2]))),
];

/// The people whose rows are spoilt; others stand behind them.
const SPOILT: std::ops::Range<usize> = 60..64;

fn cells(row: &str, spoil: fn(&mut Vec<String>)) -> Vec<u8> {
    let mut cells: Vec<String> = row.split(',').map(str::to_owned).collect();
    spoil(&mut cells);
    cells.join(",").into_bytes()
}

fn spoil_people(testbed: &Testbed, spoil: Spoil) {
    spoil_rows(testbed.folder(), |person| SPOILT.contains(&person).then_some(spoil));
}

/// Spoils the people whose numbers have a way to.
fn spoil_rows(folder: &Path, way_of: impl Fn(usize) -> Option<Spoil>) {
    let path = folder.join("csv/people.csv");
    let text = fs::read_to_string(&path).unwrap();
    let spoilt = |row: &str| {
        let person = row.strip_prefix('P')?.split(',').next()?.parse().ok()?;
        way_of(person).map(|spoil| spoil(row))
    };
    let rows = text.lines().map(|row| spoilt(row).unwrap_or_else(|| row.as_bytes().to_vec()));
    let bytes: Vec<u8> = rows.flat_map(|row| [row, b"\n".to_vec()].concat()).collect();
    fs::write(path, bytes).unwrap();
}

/// Spoils the files of a source: a row in each way, and rows that share an id, of which one is good. The children of
/// duplicates are there in any case.
pub(crate) fn spoil_files(folder: &Path) {
    let path = folder.join("csv/people.csv");
    let text = fs::read_to_string(&path).unwrap() + &sharing_an_id();
    fs::write(path, text).unwrap();
    // A quote that is never closed hides every row behind it.
    let ways = &WAYS[..WAYS.len() - 1];
    spoil_rows(folder, |person| {
        let way = person.checked_sub(SPOILT.start).and_then(|place| ways.get(place))?;
        Some(way.1)
    });
}

/// Rows of one id: four bad ones, then a good one, then another bad one.
fn sharing_an_id() -> String {
    let mails = ["none", "neither", "", "no", "good@firm1.example", "bad again"];
    mails.map(|mail| ["P500,", mail, ",Ann,Lee,+49 40 1,F1\n"].concat()).concat()
}

fn account<'report>(ended: &'report Ended, object: &str) -> &'report Json {
    let streams = ended.report.as_ref().unwrap()["streams"].as_array().unwrap().iter();
    let mut accounts = streams.flat_map(|stream| stream["destinations"].as_array().unwrap());
    accounts.find(|account| account["object"] == object).unwrap()
}

fn check(testbed: &Testbed, ended: &Ended, what: &str) {
    let mut findings = Findings::default();
    findings.check_ledgers(ended);
    findings.check_letters(testbed, ended);
    assert!(findings.problems.is_empty(), "{what}: {:#?}", findings.problems);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_deletes_no_record_whose_row_is_refused() {
    for (what, spoil) in WAYS {
        let testbed = Testbed::new(&Pair::of("csv", "hubspot"), &Weather::default()).await;
        let mirror = "write: mirror\n        key: [email]";
        let limits = "limits: { batch_size: 10, max_deletes: 1000 }";
        let changes = [("write: upsert\n        key: [email]", mirror), ("limits: { batch_size: 10 }", limits)];
        replace(&testbed, "pipeline.yaml", &changes);
        finished(&testbed).await;
        let count = testbed.content().await.len();
        spoil_people(&testbed, *spoil);
        let ended = testbed.run(crate::testbed::Attack::default()).await;
        check(&testbed, &ended, what);
        assert_eq!(account(&ended, "contacts")["deleted"], 0, "{what}");
        assert_eq!(testbed.content().await.len(), count, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_share_an_id_have_a_letter_each() {
    let testbed = Testbed::new(&Pair::of("csv", "hubspot"), &Weather::default()).await;
    let path = testbed.folder().join("csv/people.csv");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text + &sharing_an_id()).unwrap();
    let ended = finished(&testbed).await;
    check(&testbed, &ended, "one id");
    let letters: Vec<Json> = crate::findings::letters(&testbed, &ended);
    let of_id = letters.iter().filter(|letter| letter["source_id"] == "P500");
    let mails: BTreeSet<&str> = of_id.map(|letter| letter["source"]["email"].as_str().unwrap_or("")).collect();
    assert_eq!(mails, BTreeSet::from(["none", "neither", "", "no", "bad again"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn children_of_a_duplicate_link_to_the_record_that_stayed() {
    let testbed = Testbed::new(&Pair::of("csv", "hubspot"), &Weather::default()).await;
    finished(&testbed).await;
    // The firms 43 and 44 have one domain; the people 44 and 89 belong to firm 44.
    let content = testbed.content().await;
    for person in [44, 89] {
        let mark = format!("| Ann{person} |");
        let found = content.texts().find(|text| text.starts_with("contacts") && text.contains(&mark)).unwrap();
        assert!(found.contains(r#"["Firm 43 Ltd"]"#), "{found}");
    }
}
