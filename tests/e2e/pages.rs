//! What a person sees when something is in the way: message, hint and exit code of every such end, as files in `snapshots/`.

use std::{fs, net::TcpListener, time::Duration};

use insta::{assert_snapshot, with_settings};

use super::{
    people::{PEOPLE, many_people, put_people},
    support::{Crms, Desk, Ran, wait_until},
};

/// Compares a page with its snapshot.
pub(crate) fn check(desk: &Desk, name: &str, ran: &Ran) {
    check_text(desk, name, &ran.page());
}

/// Compares pages, each below its title, with their snapshot.
pub(crate) fn check_all(desk: &Desk, name: &str, pages: &[(&str, Ran)]) {
    let text: Vec<String> = pages.iter().map(|(title, ran)| format!("===== {title}\n{}", ran.page())).collect();
    check_text(desk, name, &text.join("\n"));
}

/// Compares a text with its snapshot; blanks what differs from run to run.
pub(crate) fn check_text(desk: &Desk, name: &str, text: &str) {
    let folder = regex::escape(desk.path("").to_str().unwrap());
    let folder = format!("(/private)?{}/?", folder.trim_end_matches('/'));
    with_settings!({ filters => vec![
        (folder.as_str(), "[DESK]/"),
        (r"run_\d{8}_\d{6}_[0-9a-f]{4}", "[RUN]"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]"),
        (r"port \d{4,5}", "port [PORT]"),
        (r"localhost:\d+", "localhost:[PORT]"),
        (r"(?m)^https?://\S+code_challenge\S+$", "[ADDRESS]"),
        (r"there are emulators of: .*", "there are emulators of: [VENDORS]"),
        (r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(\.\d+Z?)?", "[TIME]"),
        (r"process \d+", "process [ID]"),
        (r"record \d+", "record [ID]"),
        (r"waiting \d+ s for", "waiting [N] s for"),
        // How long is drawn by lot, and a short wait is not told.
        (r"(?m)^waiting \d+ s: .* does not answer\n", ""),
        (r"took \d:\d\d:\d\d", "took [TIME]"),
        (r"with `[0-9a-f]{12}` in it", "with `[MARK]` in it"),
        (r"(people → crm\.Lead ).*", "$1[COUNTS]"),
        (r"\d+ records? read, \d+ done, \d+ calls?", "[COUNTS]"),
        (r"(?m) +$", ""),
    ], omit_expression => true }, { assert_snapshot!(name, text) });
}

/// A desk with a pipeline and a local HubSpot.
fn desk() -> (Crms, Desk) {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = Desk::new(&crms);
    put_people(&desk, PEOPLE, "");
    (crms, desk)
}

#[test]
fn state_files_that_cannot_be_used_say_what_to_do() {
    let (_crms, mut desk) = desk();
    desk.set("FERRY_STATE_KEY", "not a key");
    check(&desk, "state_key_is_none", &desk.ferry(["run", "people.yaml"]));
    desk.set("FERRY_STATE_KEY", &"11".repeat(32));
    assert_eq!(desk.ferry(["run", "people.yaml"]).code, 4);
    desk.set("FERRY_STATE_KEY", &"22".repeat(32));
    check(&desk, "state_key_is_another", &desk.ferry(["run", "people.yaml"]));
    desk.set("FERRY_STATE_KEY", &"11".repeat(32));
    rusqlite::Connection::open(desk.path("state.db")).unwrap().pragma_update(None, "user_version", 99).unwrap();
    check(&desk, "state_is_newer", &desk.ferry(["run", "people.yaml"]));
    fs::write(desk.path("state.db"), "this is no database, whatever its name says. ".repeat(200)).unwrap();
    check(&desk, "state_is_damaged", &desk.ferry(["run", "people.yaml"]));
    fs::remove_file(desk.path("state.db")).unwrap();
    check(&desk, "state_is_below_a_file", &desk.ferry(["run", "people.yaml", "--state", "people.csv/state.db"]));
    let login = ["login", "crm", "--file", "people.yaml", "--state", "people.csv/state.db"];
    check(&desk, "state_of_a_login_is_below_a_file", &desk.ferry(login));
    check(&desk, "state_cannot_grow", &desk.ferry_with_files_of(16, ["run", "people.yaml", "--quiet"]));
    desk.unset("FERRY_STATE_KEY");
    fs::create_dir_all(desk.path("home/.config/ferry")).unwrap();
    desk.write("home/.config/ferry/state.key", "not a key");
    check(&desk, "state_key_file_holds_none", &desk.ferry(["run", "people.yaml"]));
}

#[test]
fn the_first_run_says_where_the_key_is_and_keeps_it_beside_the_state_only_with_a_warning() {
    let (_crms, mut desk) = desk();
    desk.unset("FERRY_STATE_KEY");
    let no_homes = [("HOME", ""), ("HOME", "home"), ("XDG_CONFIG_HOME", "settings")];
    let talk = |desk: &Desk| Ran { stdout: String::new(), ..desk.ferry(["run", "people.yaml", "--quiet"]) };
    check(&desk, "state_key_is_made", &talk(&desk));
    assert!(desk.path("home/.config/ferry/state.key").exists());
    let again = desk.ferry(["run", "people.yaml", "--quiet"]);
    assert!(!again.stderr.contains("key"), "it is said once: {again:?}");
    fs::remove_file(desk.path("home/.config/ferry/state.key")).unwrap();
    check(&desk, "state_key_is_gone", &desk.ferry(["runs"]));
    assert!(!desk.path("home/.config/ferry/state.key").exists(), "a new key opens nothing");
    for (name, value) in no_homes {
        fs::remove_file(desk.path("state.db")).unwrap();
        desk.unset("HOME");
        desk.set(name, value);
        check(&desk, "state_key_is_beside_the_state", &talk(&desk));
        fs::remove_file(desk.path("state.key")).unwrap();
        desk.unset(name);
    }
}

#[test]
fn a_locked_pipeline_names_its_owner() {
    let crms = Crms::start(&["hubspot"], None, &["--fault", "slow=200ms"]);
    let desk = Desk::new(&crms);
    put_people(&desk, &many_people(400), "limits: { batch_size: 10 }\n");
    let first = desk.start("first", ["run", "people.yaml", "--json"]);
    wait_until("records are written", || crms.held("hubspot", "contacts") >= 20);
    check(&desk, "state_is_locked", &desk.ferry(["run", "people.yaml"]));
    first.signal("INT");
    let ran = first.finish_within(Duration::from_secs(10));
    assert_eq!(ran.code, 130);
}

#[test]
fn guards_stop_a_run_with_one() {
    let (crms, desk) = desk();
    for (name, limits) in [
        ("guard_rejects_by_count", "limits: { max_rejects: 1 }\n"),
        ("guard_rejects_by_share", "limits: { max_rejects: 10% }\n"),
        ("guard_on_error_stop", "on_error: stop\n"),
    ] {
        put_people(&desk, PEOPLE, limits);
        let ran = desk.ferry(["run", "people.yaml"]);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        check(&desk, name, &ran);
    }
    put_people(&desk, PEOPLE, "limits: { max_rejects: 2 }\n");
    assert_eq!(desk.ferry(["run", "people.yaml"]).code, 4, "as many as are allowed");
    put_people(&desk, PEOPLE, "limits: { max_rejects: 40% }\n");
    assert_eq!(desk.ferry(["run", "people.yaml"]).code, 4, "as many as are allowed");
    assert_eq!(crms.held("hubspot", "contacts"), 3);
}

/// Puts a mirroring pipeline on a desk, with so many people in its source.
fn put_mirror(desk: &Desk, people: usize, limits: &str) {
    let path = put_people(desk, &many_people(people), limits);
    let text = fs::read_to_string(&path).unwrap().replace("write: upsert", "write: mirror");
    fs::write(path, text).unwrap();
}

#[test]
fn a_mirror_deletes_no_more_than_it_may() {
    let (crms, desk) = desk();
    let run = |people: usize, limits: &str| {
        put_mirror(&desk, people, limits);
        desk.ferry(["run", "people.yaml"])
    };
    assert_eq!(run(60, "").code, 0);
    check(&desk, "guard_mirror_of_nothing", &run(0, ""));
    check(&desk, "guard_mirror_deletes_much", &run(50, ""));
    check(&desk, "guard_mirror_deletes_more_than_said", &run(50, "limits: { max_deletes: 9 }\n"));
    assert_eq!(crms.held("hubspot", "contacts"), 60);
    // Five are always allowed, and as many as the pipeline says.
    assert_eq!(run(55, "").code, 0);
    assert_eq!(crms.held("hubspot", "contacts"), 55);
    check(&desk, "mirror_deletes", &run(45, "limits: { max_deletes: 20% }\n"));
    assert_eq!(crms.held("hubspot", "contacts"), 45);
}

#[test]
fn names_that_are_not_there_are_answered_with_those_that_are() {
    let (_crms, desk) = desk();
    check(&desk, "connection_is_unknown", &desk.ferry(["describe", "erp", "--file", "people.yaml"]));
    let text = fs::read_to_string(desk.path("people.yaml")).unwrap();
    desk.write("unused.yaml", &text.replace("connections:\n", "connections:\n  spare: { type: csv, path: . }\n"));
    check(&desk, "object_is_not_named", &desk.ferry(["describe", "spare", "--file", "unused.yaml"]));
    check(&desk, "no_pipelines_here", &desk.ferry(["validate"]));
    check(&desk, "emulator_is_unknown", &desk.ferry(["emulate", "siebel"]));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    check(&desk, "port_is_taken", &desk.ferry(["emulate", "hubspot", "--port", &port]));
    let needless = [
        ("a preview of the fixtures", vec!["preview", "people.yaml", "--dry-run", "--audit", "log"]),
        ("a command that only reads the state", vec!["runs", "--audit", "log"]),
        ("JSON has no cells", vec!["rejects", "--raw", "--format", "json"]),
        ("a workbook runs no text", vec!["rejects", "--raw", "-o", "rejects.xlsx"]),
        ("a workbook is no text", vec!["rejects", "--format", "xlsx"]),
        ("a preview of no record", vec!["preview", "people.yaml", "--rows", "0"]),
        ("the rejects of a live run", vec!["run", "people.yaml", "--rejects", "bad.csv"]),
    ];
    let pages: Vec<_> = needless.into_iter().map(|(title, args)| (title, desk.ferry(args))).collect();
    assert!(pages.iter().all(|(_, ran)| ran.code == 2) && !desk.path("log").exists());
    check_all(&desk, "flags_that_do_nothing", &pages);
    check(&desk, "audit_of_a_dry_run", &desk.ferry(["run", "people.yaml", "--dry-run", "--audit", "log"]));
}

#[test]
fn a_file_that_is_no_export_is_refused() {
    let (_crms, desk) = desk();
    assert_eq!(desk.ferry(["run", "people.yaml"]).code, 4);
    check(&desk, "redrive_from_no_file", &desk.ferry(["redrive", "--from", "absent.csv"]));
    desk.write("other.csv", "a,b\n1,2\n");
    check(&desk, "redrive_from_other_columns", &desk.ferry(["redrive", "--from", "other.csv"]));
    desk.write("other.json", "{ \"rejects\": 5 }");
    check(&desk, "redrive_from_other_json", &desk.ferry(["redrive", "--from", "other.json"]));
}

#[test]
fn records_that_are_gone_are_told_and_rejects_of_files_are_mended_at_the_source() {
    let (_crms, desk) = desk();
    assert_eq!(desk.ferry(["run", "people.yaml"]).code, 4);
    let back = super::people::BACK.replace(
        "email: email",
        "email: { from: email, required: true, apply: [{ truncate: 3 }] }, phone: { from: phone, required: true }",
    );
    desk.write("back.yaml", &back);
    check(&desk, "rejects_of_a_file", &desk.ferry(["run", "back.yaml"]));
}
