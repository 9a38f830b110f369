//! `ferry plan` says what a run would do against what is there, and `ferry apply` does that and nothing else, at every destination.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde_json::{Value as Json, json};

use super::mirrors::{PLACES, Place, SPEED};
use super::pages::check_all;
use super::support::{Crms, Desk, repository};

const PEOPLE: usize = 30;

/// One person, whose name is at the destination what it is here.
pub(crate) fn person(number: usize, name: &str) -> String {
    json!({ "id": format!("p{number}"), "email": format!("p{number}@example.org"), "name": name }).to_string()
}

pub(crate) fn put(desk: &Desk, object: &str, rows: &[String]) {
    desk.write(&format!("{object}.jsonl"), &format!("{}\n", rows.join("\n")));
}

/// Writes the pipeline of an object: names of people, by their addresses.
pub(crate) fn pipeline(desk: &Desk, place: &Place, object: &str, write: &str) -> PathBuf {
    let Place { connection, object: target, key, name, email, .. } = place;
    let email = if key == email { String::new() } else { format!(", {email}: email") };
    desk.write(
        &format!("{object}.yaml"),
        &format!(
            "version: 1\nname: {object}\nconnections:\n  files: {{ type: json, path: ., format: lines, id: id }}\n  crm: {connection}\n\
             streams:\n  - name: people\n    source: {{ connection: files, object: {object} }}\n    destinations:\n\
             \x20     - connection: crm\n        object: {target}\n        write: {write}\n        key: [{key}]\n\
             \x20       mappings: {{ {key}: email{email}, {name}: {{ from: name, required: true }} }}\n"
        ),
    )
}

/// Changes the names of some people at the destination, past the state of the pipeline, as a person would.
fn change_by_hand(desk: &Desk, place: &Place, numbers: impl IntoIterator<Item = usize>) {
    let rows: Vec<String> = numbers.into_iter().map(|number| person(number, "By hand")).collect();
    put(desk, "hand", &rows);
    let file = pipeline(desk, place, "hand", "update");
    let state = desk.path("hand.db");
    let args = ["run", file.to_str().unwrap(), "--state", state.to_str().unwrap(), "--json", "--quiet"];
    let ran = desk.ferry([&args[..], &SPEED].concat());
    assert_eq!(ran.code, 0, "{}: {}", place.vendor, ran.stderr);
    assert_eq!(ran.json()["streams"][0]["destinations"][0]["updated"], rows.len(), "{}", place.vendor);
}

/// Plans, and returns the exit code, the changes and the summary.
fn plan(desk: &Desk, file: &Path, more: &[&str]) -> (i32, Vec<Json>, Json) {
    let args = ["plan", file.to_str().unwrap(), "--json", "--quiet", "--exit-code"];
    let ran = desk.ferry([&args[..], &SPEED, more].concat());
    let mut lines: Vec<Json> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let schema = std::fs::read_to_string(repository("schemas/plan.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    for line in &lines {
        assert!(schema.is_valid(line), "{line}: {:?}", schema.iter_errors(line).next());
    }
    let summary = lines.pop().unwrap_or_else(|| panic!("{}", ran.stderr));
    assert_eq!(summary["type"], "summary", "{summary}");
    let target = &summary["targets"][0];
    let count = |name: &str| target[name].as_u64().unwrap();
    let sum: u64 =
        ["filtered", "duplicate", "unchanged", "create", "update", "delete", "reject", "hold"].map(count).iter().sum();
    assert_eq!(count("read"), sum, "{summary}");
    (ran.code, lines, summary)
}

/// Checks that a plan right after a run is empty, whether the state file knows what was written or not.
pub(crate) fn check_is_empty(desk: &Desk, file: &Path) {
    let fresh = desk.path("fresh.db");
    for more in [&[][..], &["--state", fresh.to_str().unwrap()]] {
        let ran = desk.ferry([&["plan", file.to_str().unwrap(), "--json", "--quiet"], &SPEED[..], more].concat());
        assert_eq!(ran.code, 0, "{}: {}", file.display(), ran.stderr);
        let lines: Vec<Json> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for target in lines.last().unwrap()["targets"].as_array().unwrap() {
            let is_change = |line: &&Json| {
                let is_of_target = line["stream"] == target["stream"] && line["object"] == target["object"];
                is_of_target && ["create", "update", "delete", "drift"].iter().any(|kind| line["change"] == *kind)
            };
            let first = lines.iter().find(is_change).map(ToString::to_string).unwrap_or_default();
            for kind in ["create", "update", "delete", "drift"] {
                assert_eq!(target[kind], 0, "{} {more:?}: {target}\n{first}", file.display());
            }
        }
    }
}

fn ids(changes: &[Json], kind: &str) -> BTreeSet<String> {
    let of_kind = changes.iter().filter(|change| change["change"] == kind);
    of_kind.map(|change| change["id"].as_str().unwrap().to_owned()).collect()
}

fn people(numbers: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    numbers.into_iter().map(|number| format!("p{number}")).collect()
}

fn written(crms: &Crms, place: &Place) -> u64 {
    crms.counts()[place.vendor]["requests"]["write"].as_u64().unwrap_or_default()
}

#[test]
fn a_plan_writes_nothing_is_empty_after_a_run_and_shows_what_people_changed() {
    for place in PLACES {
        let (crms, vendor) = (place.start(), place.vendor);
        let desk = Desk::new(&crms);
        put(&desk, "people", &(1..=PEOPLE).map(|number| person(number, "Ada")).collect::<Vec<_>>());
        let file = pipeline(&desk, &place, "people", "upsert");
        let before = written(&crms, &place);
        let (code, changes, _) = plan(&desk, &file, &[]);
        assert_eq!((code, ids(&changes, "create")), (5, people(1..=PEOPLE)), "{vendor}");
        assert_eq!(written(&crms, &place), before, "{vendor}: a plan wrote");
        let report = desk.run(&crms, &file, &SPEED, 0);
        assert_eq!(report["streams"][0]["destinations"][0]["created"], PEOPLE, "{vendor}: it is still to be done");
        let (code, changes, summary) = plan(&desk, &file, &[]);
        assert_eq!((code, changes.len()), (0, 0), "{vendor}: {changes:?} {summary}");
        change_by_hand(&desk, &place, 5..25);
        let before = written(&crms, &place);
        let (code, changes, summary) = plan(&desk, &file, &[]);
        assert_eq!((code, ids(&changes, "drift")), (0, people(5..25)), "{vendor}: {summary}");
        assert_eq!((changes.len(), &summary["targets"][0]["drift"]), (20, &json!(20)), "{vendor}");
        let field = &changes[0]["fields"][0];
        assert_eq!((&field["new"], &field["old"]), (&json!("Ada"), &json!("By hand")), "{vendor}: {field}");
        // A state that knows nothing finds the same records: what is the same there is no change.
        let fresh = desk.path("fresh.db");
        let (code, changes, summary) = plan(&desk, &file, &["--state", fresh.to_str().unwrap()]);
        assert_eq!((code, ids(&changes, "update")), (5, people(5..25)), "{vendor}: {summary}");
        assert_eq!(summary["targets"][0]["unchanged"], PEOPLE - 20, "{vendor}: {summary}");
        assert_eq!(written(&crms, &place), before, "{vendor}: a plan wrote");
    }
}

#[test]
fn an_apply_writes_what_was_planned_and_holds_what_changed_since() {
    for (turn, place) in PLACES.into_iter().enumerate() {
        let (crms, vendor) = (place.start(), place.vendor);
        let desk = Desk::new(&crms);
        put(&desk, "people", &(1..=PEOPLE - 5).map(|number| person(number, "Ada")).collect::<Vec<_>>());
        let file = pipeline(&desk, &place, "people", "upsert");
        desk.run(&crms, &file, &SPEED, 0);
        put(&desk, "people", &(1..=PEOPLE).map(|number| person(number, "Grace")).collect::<Vec<_>>());
        let (_, changes, _) = plan(&desk, &file, &["-o", "people.plan"]);
        assert_eq!(ids(&changes, "update"), people(1..=PEOPLE - 5), "{vendor}");
        assert_eq!(ids(&changes, "create"), people(PEOPLE - 4..=PEOPLE), "{vendor}");
        // What the source becomes since is not in the plan.
        put(&desk, "people", &[person(1, "Later")]);
        let touched = 2..4 + 3 * turn;
        change_by_hand(&desk, &place, touched.clone());
        let report = desk.audited(&crms, &file, &[&["apply", "people.plan"], &SPEED[..]].concat(), 4);
        let counts = &report["streams"][0]["destinations"][0];
        let held = touched.len();
        assert_eq!(counts["held"], held, "{vendor}: {report}");
        assert_eq!(counts["updated"], PEOPLE - 5 - held, "{vendor}: {report}");
        assert_eq!((&counts["created"], &counts["read"]), (&json!(5), &json!(PEOPLE)), "{vendor}: {report}");
        assert_eq!(report["reasons"][0]["code"], "changed_since_plan", "{vendor}: {report}");
        // They hold what people made of them, all others what was planned.
        put(&desk, "people", &(1..=PEOPLE).map(|number| person(number, "Grace")).collect::<Vec<_>>());
        let fresh = desk.path("fresh.db");
        let (_, changes, summary) = plan(&desk, &file, &["--state", fresh.to_str().unwrap()]);
        assert_eq!(ids(&changes, "update"), people(touched), "{vendor}: {summary}");
        assert_eq!(summary["targets"][0]["unchanged"], PEOPLE - held, "{vendor}: {summary}");
        // A plan is used once.
        let again = desk.ferry(["apply", "people.plan"]);
        assert_eq!(again.code, 2, "{vendor}: {}", again.stderr);
        assert!(again.stderr.contains("[plan.used]"), "{vendor}: {}", again.stderr);
    }
}

#[test]
fn a_plan_of_a_mirror_shows_and_an_apply_does_its_deletes_but_for_records_that_changed() {
    for place in PLACES {
        let (crms, vendor) = (place.start(), place.vendor);
        let desk = Desk::new(&crms);
        put(&desk, "people", &(1..=PEOPLE).map(|number| person(number, "Ada")).collect::<Vec<_>>());
        let file = pipeline(&desk, &place, "people", "mirror");
        desk.run(&crms, &file, &SPEED, 0);
        put(&desk, "people", &(1..=PEOPLE - 4).map(|number| person(number, "Ada")).collect::<Vec<_>>());
        let (code, changes, summary) = plan(&desk, &file, &["-o", "people.plan"]);
        let deletes = changes.iter().filter(|change| change["change"] == "delete").count();
        assert_eq!((code, deletes, changes.len()), (5, 4, 4), "{vendor}: {summary}");
        change_by_hand(&desk, &place, [PEOPLE]);
        let report = desk.audited(&crms, &file, &[&["apply", "people.plan"], &SPEED[..]].concat(), 4);
        let counts = &report["streams"][0]["destinations"][0];
        assert_eq!((&counts["deleted"], &counts["held"]), (&json!(3), &json!(1)), "{vendor}: {report}");
        assert_eq!((&counts["unchanged"], &counts["read"]), (&json!(PEOPLE - 4), &json!(PEOPLE)), "{vendor}: {report}");
    }
}

#[test]
fn a_plan_is_bound_to_its_pipeline_its_account_and_its_key() {
    let place = &PLACES[0];
    let crms = place.start();
    let mut desk = Desk::new(&crms);
    put(&desk, "people", &[person(1, "Ada")]);
    let file = pipeline(&desk, place, "people", "upsert");
    plan(&desk, &file, &["-o", "people.plan"]);
    let refused = |desk: &Desk, args: &[&str], code: i32, word: &str| {
        let ran = desk.ferry(args);
        assert_eq!(ran.code, code, "{word}: {}", ran.stderr);
        assert!(ran.stderr.contains(&format!("[{word}]")), "{word}: {}", ran.stderr);
        assert!(ran.stderr.contains("hint: "), "{word}: {}", ran.stderr);
    };
    refused(&desk, &["apply", "people.yaml"], 2, "plan.file");
    refused(&desk, &["apply", "people.plan", "--approved-only"], 2, "plan.approval");
    let whole = std::fs::read(desk.path("people.plan")).unwrap();
    std::fs::write(desk.path("cut.plan"), &whole[..whole.len() - 40]).unwrap();
    assert_eq!(desk.ferry(["apply", "cut.plan"]).code, 3);
    desk.set("FERRY_STATE_KEY", &"4".repeat(64));
    refused(&desk, &["apply", "people.plan"], 3, "state");
    desk.set("FERRY_STATE_KEY", &"3".repeat(64));
    pipeline(&desk, place, "people", "update");
    refused(&desk, &["apply", "people.plan"], 2, "plan.pipeline");
    pipeline(&desk, place, "people", "upsert");
    let approved = desk.ferry(["plan", "people.plan", "--approve", "Ada"]);
    assert_eq!(approved.code, 0, "{}", approved.stderr);
    let before = written(&crms, place);
    let applied = desk.ferry([&["apply", "people.plan", "--approved-only", "--json"], &SPEED[..]].concat());
    assert_eq!(applied.code, 0, "{}", applied.stderr);
    assert!(applied.stderr.contains("approved by Ada"), "{}", applied.stderr);
    assert!(written(&crms, place) > before);
}

#[test]
fn what_a_person_sees_of_a_plan() {
    let place = &PLACES[0];
    let (crms, other) = (place.start(), Crms::start(&["hubspot"], None, &["--account", "999"]));
    let mut desk = Desk::new(&crms);
    let rows = |name: &str| (1..=5).map(|number| person(number, name)).collect::<Vec<_>>();
    put(&desk, "people", &rows("Ada"));
    let file = pipeline(&desk, place, "people", "upsert");
    desk.run(&crms, &file, &SPEED, 0);
    change_by_hand(&desk, place, [2]);
    let changed =
        [rows("Ada"), vec![person(7, "Grace"), r#"{"id": "p8", "email": "p8@example.org"}"#.to_owned()]].concat();
    put(&desk, "people", &changed);
    let words =
        |words: &[&str]| [words, &SPEED[..], &["--quiet"]].concat().iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut pages = vec![
        ("a plan", desk.ferry(words(&["plan", "people.yaml", "-o", "people.plan"]))),
        ("every change", desk.ferry(words(&["plan", "people.yaml", "--all", "--exit-code"]))),
        ("no plan", desk.ferry(["apply", "people.yaml"])),
        ("nobody approved", desk.ferry(["apply", "people.plan", "--approved-only"])),
    ];
    let whole = std::fs::read(desk.path("people.plan")).unwrap();
    std::fs::write(desk.path("cut.plan"), without_last_part(&whole)).unwrap();
    pages.push(("a plan without its end", desk.ferry(["apply", "cut.plan"])));
    pipeline(&desk, place, "people", "update");
    pages.push(("another pipeline", desk.ferry(["apply", "people.plan"])));
    pipeline(&desk, place, "people", "upsert");
    desk.set("HUBSPOT_URL", other.url("hubspot"));
    pages.push(("another account", desk.ferry(["apply", "people.plan"])));
    desk.set("HUBSPOT_URL", crms.url("hubspot"));
    pages.push(("an apply", desk.ferry(words(&["apply", "people.plan"]))));
    pages.push(("a second apply", desk.ferry(["apply", "people.plan"])));
    check_all(&desk, "plans", &pages);
}

/// Leaves out the last part of a plan: each begins with its length.
fn without_last_part(whole: &[u8]) -> &[u8] {
    let mut lines = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let (mut end, mut last) = (lines.nth(1).unwrap().0 + 1, 0);
    while end < whole.len() {
        let length = u32::from_le_bytes(whole[end..end + 4].try_into().unwrap());
        (last, end) = (end, end + 4 + usize::try_from(length).unwrap());
    }
    &whole[..last]
}
