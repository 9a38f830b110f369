//! A run that is stopped goes on where it stood; two runs of one pipeline never overlap.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{
    pages::{check, check_all},
    people::{many_people, put_people},
    support::{Background, Crms, Desk, Ran, audit_stopped, audit_whole, wait_until},
};

const PEOPLE: usize = 400;
/// Forty calls of ten records, which the emulator answers so slowly that a test can act in between.
const LIMITS: &str = "limits: { batch_size: 10 }\n";
const SLOW: [&str; 2] = ["--fault", "slow=200ms"];

#[test]
fn ctrl_c_keeps_what_is_written_and_the_next_run_goes_on() {
    let crms = Crms::start(&["hubspot"], None, &SLOW);
    let desk = Desk::new(&crms);
    let pipeline = put_people(&desk, &many_people(PEOPLE), LIMITS);
    let before = crms.counts();
    let stopped = stop_in_the_middle(&crms, &desk, "INT", 130, &["--json"]);
    let first = stopped.json();
    assert_eq!(first["status"], "interrupted");
    assert!(stopped.stderr.contains("resumes where it stopped"), "{}", stopped.stderr);
    audit_stopped(&pipeline, &first, &before, &crms.counts());
    check_counted(&desk, "run_is_stopped_by_ctrl_c", &stop_in_the_middle(&crms, &desk, "INT", 130, &[]));

    let ran = desk.ferry(["run", "people.yaml", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let second = ran.json();
    assert_eq!((&second["run_id"], &second["is_resumed"]), (&first["run_id"], &true.into()));
    audit_whole(&pipeline, &second, &before, &crms.counts());
    let account = &second["streams"][0]["destinations"][0];
    assert_eq!((&account["read"], &account["created"]), (&PEOPLE.into(), &PEOPLE.into()), "{second}");
}

#[test]
fn sigterm_ends_a_run_with_143() {
    let crms = Crms::start(&["hubspot"], None, &SLOW);
    let desk = Desk::new(&crms);
    put_people(&desk, &many_people(PEOPLE), LIMITS);
    let stopped = stop_in_the_middle(&crms, &desk, "TERM", 143, &[]);
    check_counted(&desk, "run_is_stopped_by_sigterm", &stopped);
}

#[test]
fn ctrl_c_while_a_large_chunk_is_mapped_is_heard() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = Desk::new(&crms);
    put_people(&desk, &many_people(30_000), "");
    let asked = |crms: &Crms| {
        crms.counts()["hubspot"]["requests"]
            .as_object()
            .unwrap()
            .values()
            .filter_map(serde_json::Value::as_u64)
            .sum::<u64>()
    };
    // While the first chunk of 10,000 is read and mapped, while it is written, and while the second one is mapped.
    for written in [0, 100, 10_000] {
        let asked_before = asked(&crms);
        let run = desk.start("run", ["run", "people.yaml", "--json"]);
        wait_until("the run is that far", || {
            asked(&crms) > asked_before && crms.held("hubspot", "contacts") >= written
        });
        run.signal("INT");
        let ran = run.finish_within(Duration::from_secs(10));
        assert_eq!(ran.code, 130, "{}{}", ran.stdout, ran.stderr);
        assert!(!ran.stderr.contains("did not end in time"), "{written}: {}", ran.stderr);
        let account = &ran.json()["streams"][0]["destinations"][0];
        let columns = ["created", "updated", "unchanged", "rejected", "held", "filtered", "duplicate"];
        let sum: u64 = columns.iter().map(|name| account[name].as_u64().unwrap()).sum();
        assert_eq!(account["read"], sum, "{account}");
    }
}

#[test]
fn a_second_run_of_the_same_pipeline_is_refused() {
    let crms = Crms::start(&["hubspot"], None, &SLOW);
    let desk = Desk::new(&crms);
    put_people(&desk, &many_people(PEOPLE), LIMITS);
    let first = start_and_wait_for_writes(&crms, &desk, &["--json"]);
    let asked = |crms: &Crms| crms.counts()["hubspot"]["requests"]["write"].as_u64().unwrap();
    let second = desk.ferry(["run", "people.yaml", "--json"]);
    assert_eq!(second.code, 3, "{}", second.stderr);
    assert_eq!(second.json()["error"]["code"], "state.locked");
    let asked_then = asked(&crms);
    wait_until("the first run goes on", || asked(&crms) > asked_then);
    first.signal("KILL");
    assert_eq!(first.finish().code, -1);
    // The lock went with its owner.
    let third = desk.ferry(["run", "people.yaml", "--clock-speed", "20"]);
    assert_eq!(third.code, 0, "{}", third.stderr);
    let pages = [("the next run", untabled(&third)), ("all of its attempts", untabled(&desk.ferry(["show"])))];
    check_all(&desk, "run_is_killed", &pages);
    let attempts = desk.ferry(["show", "--json"]).json()["attempts"].clone();
    let ends: Vec<_> = attempts.as_array().unwrap().iter().map(|attempt| attempt["exit_code"].clone()).collect();
    assert_eq!(ends, [Json::Null, json!(0)], "{attempts}");
    assert_eq!(crms.held("hubspot", "contacts"), u64::try_from(PEOPLE).unwrap());
}

/// Starts a run, sends it a signal when a part of the records is written, and returns how it ended.
fn stop_in_the_middle(crms: &Crms, desk: &Desk, signal: &str, code: i32, args: &[&str]) -> Ran {
    let run = start_and_wait_for_writes(crms, desk, args);
    run.signal(signal);
    let ran = run.finish_within(Duration::from_secs(10));
    assert_eq!(ran.code, code, "{}{}", ran.stdout, ran.stderr);
    let held = crms.held("hubspot", "contacts");
    assert!(held < u64::try_from(PEOPLE).unwrap(), "the run was not stopped in the middle");
    ran
}

/// Compares a page with its snapshot; how far the run came is not the same each time.
fn check_counted(desk: &Desk, name: &str, ran: &Ran) {
    check(desk, name, &counted(ran));
}

/// Leaves out the table: which columns it has depends on where the run was killed.
fn untabled(ran: &Ran) -> Ran {
    let is_of_table = |line: &str| line.starts_with('─') || line.contains(" → ");
    let lines = ran.stdout.lines().filter(|line| !is_of_table(line));
    Ran { code: ran.code, stdout: lines.flat_map(|line| [line, "\n"]).collect(), stderr: ran.stderr.clone() }
}

fn counted(ran: &Ran) -> Ran {
    let blank = |text: &str| {
        let is_counted = |line: &str| line.contains("people → crm.contacts ");
        let lines = text.lines().map(|line| if is_counted(line) { " people → crm.contacts [COUNTS]" } else { line });
        lines.flat_map(|line| [line, "\n"]).collect::<String>()
    };
    Ran { code: ran.code, stdout: blank(&ran.stdout), stderr: ran.stderr.clone() }
}

/// Starts a run and waits until it has written something.
fn start_and_wait_for_writes(crms: &Crms, desk: &Desk, args: &[&str]) -> Background {
    let held = crms.held("hubspot", "contacts");
    let run = desk.start("run", [&["run", "people.yaml"], args].concat());
    wait_until("records are written", || crms.held("hubspot", "contacts") >= held + 20);
    run
}
