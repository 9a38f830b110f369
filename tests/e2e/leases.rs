//! Two pipelines that write one object by a key that the vendor does not keep unique: never at once, so nothing is doubled.

use std::fs;

use super::{
    pages::check_all,
    support::{Background, Crms, Desk, wait_until},
};

const PEOPLE: usize = 40;
/// The emulator's clock is slow, so that its search does not show for two seconds what was written: time enough to start a run.
const LAGGING: [&str; 3] = ["--no-limits", "--clock-speed", "0.2"];
const SPEED: [&str; 2] = ["--clock-speed", "10"];
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

/// Waits are over in a tenth of the time.
fn with_speed(args: &[String; 4]) -> Vec<&str> {
    args.iter().map(String::as_str).chain(SPEED).collect()
}

fn start(desk: &Desk, args: &[String; 4]) -> Background {
    let run = desk.start(&args[1], args);
    let leases = desk.path("home/.config/ferry/leases");
    wait_until("the lease is taken", || fs::read_dir(&leases).is_ok_and(|mut files| files.next().is_some()));
    run
}

#[test]
fn a_second_pipeline_that_writes_by_such_a_key_is_refused_until_the_first_is_over() {
    let crms = Crms::start(&["hubspot"], None, &LAGGING);
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
    let again = desk.ferry(with_speed(&second));
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stderr.contains("until crm finds what `first` last wrote there by the same key"), "{}", again.stderr);
    assert_eq!(crms.held("hubspot", "contacts"), 80, "what the first one wrote is found");
    let own = desk.ferry(&second);
    assert_eq!(own.code, 0, "{}", own.stderr);
    assert!(!own.stderr.contains("waiting"), "a pipeline knows what it wrote itself: {}", own.stderr);
}

#[test]
fn two_processes_that_start_at_once_double_nothing() {
    let crms = Crms::start(&["hubspot"], None, &LAGGING);
    let desk = Desk::new(&crms);
    let pipelines = ["first", "second"].map(|name| put(&desk, name, "jobtitle", "badge", SLOW));
    let runs = pipelines.each_ref().map(|args| desk.start(&args[1], args));
    let mut codes = runs.map(|run| run.finish().code);
    codes.sort_unstable();
    assert_eq!(codes, [0, 3]);
    for args in &pipelines {
        let again = desk.ferry(with_speed(args));
        assert_eq!(again.code, 0, "{}", again.stderr);
    }
    assert_eq!(crms.held("hubspot", "contacts"), 40);
}

#[test]
fn a_pipeline_that_follows_one_that_was_killed_waits_for_its_last_requests() {
    let crms = Crms::start(&["hubspot"], None, &LAGGING);
    let desk = Desk::new(&crms);
    let (first, second) =
        (put(&desk, "first", "jobtitle", "badge", SLOW), put(&desk, "second", "jobtitle", "badge", ""));
    let running = start(&desk, &first);
    wait_until("a batch is written", || crms.held("hubspot", "contacts") > 0);
    running.signal("KILL");
    let killed = running.finish();
    assert_eq!(killed.code, -1, "{}", killed.stderr);
    let followed = desk.ferry(with_speed(&second));
    assert_eq!(followed.code, 0, "{}", followed.stderr);
    let words = "for requests of `first`, which was stopped, to reach crm: it writes there too";
    assert!(followed.stderr.contains(words), "{}", followed.stderr);
    assert_eq!(crms.held("hubspot", "contacts"), 40);
    let resumed = desk.ferry(with_speed(&first));
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert_eq!(crms.held("hubspot", "contacts"), 40);
    let waits = resumed.stderr.matches("waiting ").count();
    assert_eq!(waits, 1, "for its own requests and for the second pipeline at the same time: {}", resumed.stderr);
}

/// Two streams, or two destinations of one stream, that write by the same key: the second stream follows the first, and the
/// second destination, which would write at the same time, is refused.
#[test]
fn one_pipeline_that_writes_by_such_a_key_twice_doubles_nothing() {
    for (way, streams, code) in [
        ("streams", "  - { name: one, SOURCE, destinations: [A] }\n  - { name: two, SOURCE, destinations: [A] }\n", 0),
        ("destinations", "  - { name: one, SOURCE, destinations: [A, B] }\n", 3),
    ] {
        let crms = Crms::start(&["hubspot"], None, &LAGGING);
        let desk = Desk::new(&crms);
        put(&desk, "unused", "jobtitle", "badge", "");
        let crm = "{ type: hubspot, token: \"${HUBSPOT_TOKEN}\", base_url: \"${HUBSPOT_URL}\" }";
        let to = |name: &str| {
            format!(
                "{{ connection: {name}, object: contacts, write: upsert, key: [jobtitle], mappings: {{ jobtitle: badge }} }}"
            )
        };
        let streams = streams.replace("SOURCE", "source: { connection: files, object: people }");
        let streams =
            streams.replace("[A, B]", &format!("[{}, {}]", to("a"), to("b"))).replace("[A]", &format!("[{}]", to("a")));
        desk.write(
            "twice.yaml",
            &format!(
                "version: 1\nname: twice\nconnections:\n  files: {{ type: csv, path: ., id: id }}\n  a: {crm}\n  b: {crm}\n\
                 streams:\n{streams}"
            ),
        );
        let ran = desk.ferry(["run", "twice.yaml", "--clock-speed", SPEED[1]]);
        assert_eq!(ran.code, code, "{way}: {}\n{}", ran.stdout, ran.stderr);
        assert_eq!(crms.held("hubspot", "contacts"), 40, "{way}");
    }
}

/// Puts a pipeline on the desk that writes to a tab of a spreadsheet.
fn put_sheet(desk: &Desk, name: &str, tab: &str, write: &str, limits: &str) -> [String; 4] {
    let lines = (1..=PEOPLE).map(|number| format!("{number},n{number}\n"));
    desk.write("people.csv", &format!("id,badge\n{}", lines.collect::<String>()));
    let file = format!("{name}.yaml");
    desk.write(
        &file,
        &format!(
            "version: 1\nname: {name}\nconnections:\n  files: {{ type: csv, path: ., id: id }}\n  sheet: {{ type: google_sheets, \
             access_token: any, spreadsheet_id: 1FerryDemoSpreadsheet, create_tab: true, base_url: \"${{GOOGLE_SHEETS_URL}}\" }}\n\
             streams:\n  - name: people\n    source: {{ connection: files, object: people }}\n    destinations:\n      \
             - {{ connection: sheet, object: {tab}, write: {write}, mappings: {{ Badge: badge }} }}\n{limits}"
        ),
    );
    ["run".to_owned(), file, "--state".to_owned(), format!("{name}.db")]
}

#[test]
fn a_spreadsheet_is_written_by_one_run_at_a_time_whatever_the_tab_and_the_mode() {
    let crms = Crms::start(&["google_sheets"], None, &[]);
    let desk = Desk::new(&crms);
    let first = put_sheet(&desk, "first", "One", "insert", SLOW);
    let others = ["insert", "replace"].map(|write| put_sheet(&desk, &format!("other-{write}"), "Two", write, ""));
    let running = start(&desk, &first);
    for other in &others {
        let refused = desk.ferry(other);
        assert_eq!(refused.code, 3, "{refused:?}");
        let told = format!("{}{}", refused.stdout, refused.stderr);
        assert!(told.contains("`first` is writing to `google_sheets 1FerryDemoSpreadsheet`"), "{told}");
    }
    assert_eq!(running.finish().code, 0);
    for other in &others {
        let run = desk.ferry(other);
        assert_eq!(run.code, 0, "{run:?}");
    }
}
