//! From file to file, records go in columns (`engine/way.rs`). What comes out is what comes out of the way record by record, which
//! `expect` asks for here: the files byte by byte, the ledger and the dead letters. The state file keeps nothing of what was written.

use std::{fmt::Write, fs, time::Duration};

use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::Value as Json;

use super::support::{Desk, Ran, pause};

/// Asks for the way record by record: any record is as the file says.
const EXPECTED: &str = "    expect: expect.json\n";

struct Case {
    name: &'static str,
    /// Options of the connection that is read.
    source: &'static str,
    /// Options of the connection that is written.
    destination: &'static str,
    /// Of the stream.
    filter: &'static str,
    steps: &'static str,
    mappings: &'static str,
    args: &'static [&'static str],
}

const PLAIN: Case = Case {
    name: "plain",
    source: "id: id",
    destination: "",
    filter: "",
    steps: "",
    mappings: "{ id: id, mail: { from: email, apply: [lowercase] }, name: { expr: \"concat_ws(' ', first, last)\" }, \
               age: { from: age, type: integer }, note: note }",
    args: &[],
};

const CASES: [Case; 11] = [
    PLAIN,
    Case { name: "ids of contents", source: "null_values: [\"NULL\"]", ..PLAIN },
    Case { name: "ids of several columns", source: "id: [first, age], guard_formulas: true", ..PLAIN },
    Case { name: "where", filter: ", where: \"age < '3' OR note IS NULL\"", ..PLAIN },
    Case { name: "a where that cannot judge all", filter: ", where: \"CAST(age AS INTEGER) > 2\"", ..PLAIN },
    Case {
        name: "steps",
        steps: "    transforms:\n      - derive: { full: \"upper(last)\" }\n      - split: { field: note, into: [one, two], separator: \";\" }\n",
        mappings: "{ full: full, one: one, two: { from: two, required: true } }",
        ..PLAIN
    },
    Case { name: "steps that see all", steps: "    transforms: [{ dedupe: { by: [email], keep: last } }]\n", ..PLAIN },
    Case {
        name: "a join",
        steps: "    transforms: [{ join: { file: data/more.csv, on: age } }]\n",
        mappings: "{ id: id, kind: kind }",
        ..PLAIN
    },
    Case { name: "another encoding", destination: "encoding: windows-1252, separator: \";\", line_end: crlf", ..PLAIN },
    Case {
        name: "blank records and stamps",
        destination: "guard_formulas: true",
        mappings: "{ note: { from: note, apply: [trim] }, age: { from: age, type: number } }",
        ..PLAIN
    },
    Case { name: "a limit", args: &["--limit", "7"], ..PLAIN },
];

impl Case {
    fn pipeline(&self, expect: &str) -> String {
        let Self { source, destination, filter, steps, mappings, .. } = self;
        let of = |path: &str, more: &str| {
            format!("{{ type: csv, path: {path}{}{more} }}", if more.is_empty() { "" } else { ", " })
        };
        format!(
            "version: 1\nname: columns\nconnections:\n  in: {}\n  out: {}\nstreams:\n  - name: people\n    \
             source: {{ connection: in, object: people{filter} }}\n{steps}{expect}    destinations:\n      - connection: out\n        \
             object: people\n        mappings: {mappings}\n",
            of("data", source),
            of("out", destination),
        )
    }
}

/// Draws a file with lines that are sound and others.
fn people(seed: u64, records: u32) -> Vec<u8> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut text = "id,email,first,last,age,note\n".to_owned();
    for number in 0..records {
        let id = if random.random_bool(0.05) { number / 2 } else { number };
        let mail = format!("P{}@Example.test", random.random_range(0..records));
        let first = ["Ada", "Zoë", "\"Anna \"\"A\"\"\"", "", "NULL", "=1+1"][random.random_range(0..6)];
        let last = ["Lovelace", "Łódź", "\"two\nlines\"", " ", "x;y"][random.random_range(0..5)];
        let age = ["1", "2", "3", "4.0", "", "old"][random.random_range(0..6)];
        let note = ["", "a;b", "\"a, b\"", "'=1", "株", " "][random.random_range(0..6)];
        let line_end = if random.random_bool(0.1) { "\r\n" } else { "\n" };
        write!(text, "{id},{mail},{first},{last},{age},{note}{line_end}").unwrap();
        match random.random_range(0..60) {
            0 => text.push_str("short\n"),
            1 => text.push_str(",,,,,\n"),
            2 => text.push_str("a,b,c,d,1,f,g\n"),
            3 => text.push_str("\"a\" b,c,d,e,1,f\n"),
            4 => text.push('\n'),
            5 => text.push_str("a,b,c\rd,e,1,f\n"),
            6 => text.push_str(",x,,,1,\n"),
            _ => {}
        }
    }
    let mut bytes = text.into_bytes();
    if random.random_bool(0.5) {
        bytes.extend_from_slice(b"9999,Zo\xeb,x,y,1,z\n");
    }
    if random.random_bool(0.3) {
        bytes.extend_from_slice(b"10000,\"open,x,y,1,z");
    }
    bytes
}

fn desk(case: &Case, people: &[u8], expect: &str) -> Desk {
    let desk = Desk::without_tokens();
    fs::create_dir_all(desk.path("data")).unwrap();
    fs::write(desk.path("data/people.csv"), people).unwrap();
    desk.write("data/more.csv", "age,kind\n1,one\n3,three\n");
    desk.write("expect.json", "{}");
    desk.write("columns.yaml", &case.pipeline(expect));
    desk
}

/// What a run leaves, without what differs from run to run.
#[derive(Debug, PartialEq)]
struct Left {
    code: i32,
    file: Option<String>,
    ledger: Json,
    letters: Vec<Json>,
}

fn left(desk: &Desk, ran: &Ran) -> Left {
    let report = ran.json();
    let ledger = without_survivors(&report["streams"][0]);
    let mut letters = desk.ferry(["rejects", "--json"]).json()["rejects"].as_array().cloned().unwrap_or_default();
    for letter in &mut letters {
        for own in ["letter", "run_id", "created_at"] {
            letter.as_object_mut().unwrap().remove(own);
        }
    }
    // The order is that of chunks, whose size differs.
    letters.sort_by_key(Json::to_string);
    let file = fs::read(desk.path("out/people.csv")).ok();
    Left { code: ran.code, file: file.map(|bytes| bytes.escape_ascii().to_string()), ledger, letters }
}

/// Leaves out which record a duplicate was merged into, and in which row that is: columns do not know the row, and of a record that
/// comes twice either one is told, now this, now that.
fn without_survivors(stream: &Json) -> Json {
    let mut stream = stream.clone();
    if let Some(merged) = stream["destinations"][0]["merged"].as_array_mut() {
        for pair in merged {
            pair.as_object_mut().unwrap().retain(|name, _| name == "record");
        }
    }
    stream
}

fn check(case: &Case, people: &[u8]) {
    let run = |desk: &Desk| desk.ferry([&["run", "columns.yaml", "--json", "--quiet"], case.args].concat());
    let columns = desk(case, people, "");
    let records = desk(case, people, EXPECTED);
    let (one, other) = (run(&columns), run(&records));
    assert_eq!(left(&columns, &one), left(&records, &other), "{}\n{}{}", case.name, one.stderr, other.stderr);
    assert!(one.code == 0 || one.code == 4, "{} {}", case.name, one.page());
    // What a second run counts is what the first one counted.
    let (again, other_again) = (run(&columns), run(&records));
    assert_eq!(left(&columns, &again), left(&records, &other_again), "{} again", case.name);
    let told = |ran: &Ran| without_survivors(&ran.json()["streams"][0]);
    assert_eq!(told(&one), told(&again), "{} again", case.name);
}

#[test]
fn both_ways_leave_the_same_files_ledgers_and_letters() {
    for (seed, case) in (0..).zip(&CASES) {
        check(case, &people(seed, 150));
    }
}

#[test]
fn both_ways_leave_the_same_of_files_of_several_chunks() {
    check(&PLAIN, &people(100, 23_000));
}

#[test]
fn the_state_file_does_not_grow_with_the_records() {
    let size = |records: u32, expect: &str| {
        let sound: String = (0..records).fold("id,email,first,last,age,note\n".to_owned(), |mut text, id| {
            writeln!(text, "{id},a@b.test,A,B,1,x").unwrap();
            text
        });
        let desk = desk(&PLAIN, sound.as_bytes(), expect);
        assert_eq!(desk.ferry(["run", "columns.yaml", "--quiet"]).code, 0);
        assert_eq!(fs::read_to_string(desk.path("out/people.csv")).unwrap().lines().count(), records as usize + 1);
        fs::metadata(desk.path("state.db")).unwrap().len()
    };
    let small = size(10, "");
    assert_eq!(size(30_000, ""), small);
    assert!(size(30_000, EXPECTED) > 10 * small, "`expect` is the other way");
}

#[test]
fn ids_that_were_stored_by_the_other_way_are_removed() {
    let desk = desk(&PLAIN, &people(3, 50), EXPECTED);
    let count = || {
        let state = rusqlite::Connection::open(desk.path("state.db")).unwrap();
        state.query_row("SELECT COUNT(*) FROM id_map", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    desk.ferry(["run", "columns.yaml", "--quiet"]);
    assert!(count() > 20);
    desk.write("columns.yaml", &PLAIN.pipeline(""));
    desk.ferry(["run", "columns.yaml", "--quiet"]);
    assert_eq!(count(), 0);
}

#[cfg(unix)]
#[test]
fn a_run_that_was_killed_leaves_the_earlier_file_and_begins_anew() {
    let desk = desk(&PLAIN, &people(7, 20_000), "");
    let expected = {
        let other = self::desk(&PLAIN, &people(7, 20_000), "");
        left(&other, &other.ferry(["run", "columns.yaml", "--json", "--quiet"]))
    };
    fs::create_dir_all(desk.path("out")).unwrap();
    desk.write("out/people.csv", "earlier\n");
    let mut killed = 0;
    for wait in [20, 80, 150, 250, 350, 500, 700, 900] {
        let run = desk.start("run", ["run", "columns.yaml", "--json", "--quiet"]);
        pause(Duration::from_millis(wait));
        run.signal("KILL");
        run.finish();
        if fs::read_to_string(desk.path("out/people.csv")).unwrap() != "earlier\n" {
            break;
        }
        killed += 1;
    }
    assert!(killed > 0, "no run was killed before its end");
    let after = left(&desk, &desk.ferry(["run", "columns.yaml", "--json", "--quiet"]));
    assert_eq!(
        (after.file, after.ledger, after.letters.len()),
        (expected.file, expected.ledger, expected.letters.len())
    );
    let parts = fs::read_dir(desk.path("out")).unwrap().count();
    assert_eq!(parts, 1, "what a killed run left is removed");
}
