//! Two pipelines that write one object by a key that the vendor does not keep unique: never at once, so nothing is doubled.

use std::fs;

use super::{
    pages::check_all,
    support::{Background, Crms, Desk, wait_until},
};

const PEOPLE: usize = 40;
/// So slow that a second process can be started while the first one works, on a busy machine too.
const SLOW: &str = "limits: { batch_size: 5, requests_per_sec: 1 }\n";

/// Puts a pipeline on the desk that writes contacts by a key, which it takes from a column of the file.
fn put(desk: &Desk, name: &str, key: &str, column: &str, limits: &str) -> [String; 4] {
    let lines = (1..=PEOPLE).map(|number| format!("{number},n{number},person.{number}@example.org\n"));
    desk.write("people.csv", &format!("id,badge,email\n{}", lines.collect::<String>()));
    let file = format!("{name}.yaml");
    desk.write(
        &file,
        &format!(
            "version: 1\nname: {name}\nconnections:\n  files: {{ type: csv, path: ., id: id }}\n  \
             crm: {{ type: hubspot, token: \"${{HUBSPOT_TOKEN}}\", base_url: \"${{HUBSPOT_URL}}\" }}\nstreams:\n  \
             - name: people\n    source: {{ connection: files, object: people }}\n    destinations:\n      \
             - {{ connection: crm, object: contacts, write: upsert, key: [{key}], mappings: {{ {key}: {column} }} }}\n{limits}"
        ),
    );
    ["run".to_owned(), file, "--state".to_owned(), format!("{name}.db")]
}

fn start(desk: &Desk, args: &[String; 4]) -> Background {
    let run = desk.start(&args[1], args);
    let leases = desk.path("home/.config/ferry/leases");
    wait_until("the lease is taken", || fs::read_dir(&leases).is_ok_and(|mut files| files.next().is_some()));
    run
}

#[test]
fn a_second_pipeline_that_writes_by_such_a_key_is_refused_until_the_first_is_over() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = Desk::new(&crms);
    let (first, second) =
        (put(&desk, "first", "jobtitle", "badge", SLOW), put(&desk, "second", "jobtitle", "badge", ""));
    let other_key = put(&desk, "third", "email", "email", "");
    let running = start(&desk, &first);
    let pages = [
        ("while the first one runs", desk.ferry(&second)),
        ("its history", desk.ferry(["show", "--state", "second.db"])),
    ];
    assert!(crms.held("hubspot", "contacts") < 40, "the first one was done before");
    check_all(&desk, "key_is_written_by_another_pipeline", &pages);
    // The vendor itself keeps addresses unique.
    assert_eq!(desk.ferry(&other_key).code, 0);
    assert_eq!(running.finish().code, 0);
    assert_eq!(crms.held("hubspot", "contacts"), 80);
    let again = desk.ferry(&second);
    assert_eq!(again.code, 0, "{}", again.stderr);
}

#[test]
fn two_processes_that_start_at_once_double_nothing() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = Desk::new(&crms);
    let pipelines = ["first", "second"].map(|name| put(&desk, name, "jobtitle", "badge", SLOW));
    let runs = pipelines.each_ref().map(|args| desk.start(&args[1], args));
    let mut codes = runs.map(|run| run.finish().code);
    codes.sort_unstable();
    assert_eq!(codes, [0, 3]);
    assert_eq!(crms.held("hubspot", "contacts"), 40);
}
