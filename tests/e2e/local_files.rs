//! Files that a pipeline reads and writes on this machine: opened before a run, never written twice, private where they hold
//! personal data; and nothing in them does anything to a terminal or a spreadsheet.

use std::fs;

use super::{
    pages::{check, check_all},
    people::{PEOPLE, put_people},
    support::{Crms, Desk, Ran, repository},
};

/// A pipeline from one folder of CSV files to another.
fn put_copy(desk: &Desk, source: &str, stream: &str) {
    let text = format!(
        "version: 1\nname: copy\nconnections:\n  in: {{ type: csv, path: data }}\n  out: {{ type: csv, path: out }}\nstreams:\n  \
         - name: all\n    source: {{ connection: in, object: {source} }}\n{stream}"
    );
    fs::create_dir_all(desk.path("data")).unwrap();
    desk.write("copy.yaml", &text);
}

const MISTAKES: &str = "    transforms:
      - filter: \"frist = 'Ada'\"
    destinations:
      - connection: out
        object: people
        mappings: { mail: emial, first: first, last: lst }
";

#[test]
fn validate_opens_the_files_that_are_read() {
    let desk = Desk::without_tokens();
    put_copy(&desk, "people", MISTAKES);
    desk.write("data/people.csv", PEOPLE);
    let misspelt = desk.ferry(["validate", "copy.yaml"]);
    let wrong_mappings = MISTAKES.replace("frist", "first");
    put_copy(&desk, "people", &wrong_mappings);
    let mappings = desk.ferry(["validate", "copy.yaml"]);
    let run = desk.ferry(["run", "copy.yaml", "--quiet"]);
    desk.write("data/people.csv", "id,email,email\n1,a,b\n");
    let twice = desk.ferry(["validate", "copy.yaml"]);
    fs::remove_file(desk.path("data/people.csv")).unwrap();
    let absent = desk.ferry(["validate", "copy.yaml"]);
    let pages = [
        ("a condition and all behind it", misspelt),
        ("all mappings", mappings),
        ("a run says the same at once", run),
        ("a file with a column twice", twice),
        ("a file that is not there yet", absent),
    ];
    check_all(&desk, "validate_opens_files", &pages);
}

const TWO_MISTAKES: &str = "version: 1
name: people
connections:
  files: { type: csv, path: ., id: { people: id } }
  crm: { type: hubspot, token: \"${HUBSPOT_TOKEN}\", base_url: \"${HUBSPOT_URL}\" }
streams:
  - name: people
    source: { connection: files, object: people }
    destinations:
      - connection: crm
        object: contacts
        key: [email]
        mappings:
          email: emial
          firstnam: first
          lastnam: last
";

#[test]
fn a_check_and_a_run_name_all_fields_that_are_not_there() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = Desk::new(&crms);
    put_people(&desk, PEOPLE, "");
    desk.write("wrong.yaml", TWO_MISTAKES);
    for args in [vec!["check", "wrong.yaml"], vec!["run", "wrong.yaml"], vec!["run", "wrong.yaml", "--dry-run"]] {
        let ran = desk.ferry(&args);
        assert_eq!(ran.code, 2, "{}", ran.page());
        for (line, name, near) in [(14, "emial", "email"), (15, "firstnam", "firstname"), (16, "lastnam", "lastname")] {
            let place = format!("wrong.yaml:{line}:");
            let is_named = ran.stderr.contains(&place) && ran.stderr.contains(&format!("`{name}`"));
            assert!(is_named && ran.stderr.contains(&format!("did you mean `{near}`?")), "{args:?} {}", ran.page());
        }
    }
    assert_eq!(crms.held("hubspot", "contacts"), 0);
}

#[test]
fn a_file_is_replaced_in_place_by_the_whole_of_itself_alone() {
    let desk = Desk::without_tokens();
    put_copy(
        &desk,
        "people",
        "    destinations: [{ connection: in, object: people, mappings: { id: id, mail: email } }]\n",
    );
    desk.write("data/people.csv", PEOPLE);
    check(&desk, "limit_in_place", &desk.ferry(["run", "copy.yaml", "--limit", "2"]));
    assert_eq!(fs::read_to_string(desk.path("data/people.csv")).unwrap(), PEOPLE);
    let text = fs::read_to_string(desk.path("copy.yaml")).unwrap();
    desk.write("copy.yaml", &text.replace("mail: email", "mail: { from: email, required: true }"));
    let rejecting = desk.ferry(["run", "copy.yaml", "--quiet"]);
    assert_eq!(rejecting.code, 1, "{}", rejecting.page());
    assert_eq!(fs::read_to_string(desk.path("data/people.csv")).unwrap(), PEOPLE, "the rejected record is still there");
    desk.write("copy.yaml", &text);
    assert_eq!(desk.ferry(["run", "copy.yaml", "--quiet"]).code, 0);
    assert_eq!(fs::read_to_string(desk.path("data/people.csv")).unwrap().lines().count(), 6);
}

#[cfg(unix)]
#[test]
fn what_holds_personal_data_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let crms = Crms::start(&["hubspot"], Some(&repository("fixtures")), &["--no-limits"]);
    let desk = Desk::new(&crms);
    put_people(&desk, PEOPLE, "");
    desk.write("rejects.csv", "earlier");
    assert_eq!(desk.ferry(["run", "people.yaml"]).code, 4);
    assert_eq!(desk.ferry(["rejects", "-o", "rejects.csv"]).code, 0);
    assert_eq!(desk.ferry(["rejects", "--format", "json", "-o", "rejects.json"]).code, 0);
    let dry = desk.ferry(["run", "people.yaml", "--dry-run", "--requests", "requests.jsonl"]);
    assert!(desk.path("requests.jsonl").exists(), "{}", dry.page());
    let record = ["record", "crm", "contacts", "--file", "people.yaml", "--output", "taken", "--no-mask"];
    let recorded = desk.ferry(record);
    assert_eq!(recorded.code, 0, "{}", recorded.page());
    for file in ["rejects.csv", "rejects.json", "requests.jsonl", "taken/hubspot/contacts.jsonl"] {
        let mode = fs::metadata(desk.path(file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file} has mode {mode:o}");
    }
}

/// What others must never be able to send to a terminal, and what each command may print of it.
const HARMFUL: [char; 5] = ['\u{1b}', '\r', '\u{202e}', '\u{9b}', '\u{7}'];

fn assert_harmless(ran: &Ran, what: &str) {
    for (name, text) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
        assert!(!text.contains(HARMFUL), "{what}: {name} holds {text:?}");
    }
}

#[test]
fn names_and_values_of_others_do_nothing_to_a_terminal() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = Desk::new(&crms);
    let bad = "\u{1b}[2J\u{202e}x\u{7}";
    put_people(
        &desk,
        &format!("id,email,first,\"last{bad}\"\n1{bad},no{bad}address,A,B\n2,ada@example.org,Ada{bad},B\n"),
        "",
    );
    let text = fs::read_to_string(desk.path("people.yaml")).unwrap();
    let named = text.replace("name: people\n    source", "name: \"people\\e[31m\"\n    source");
    desk.write("named.yaml", &named.replace("last\n", "lst\n"));
    for args in [
        vec!["validate", "named.yaml"],
        vec!["describe", "files", "people", "--file", "people.yaml"],
        vec!["run", "named.yaml"],
        vec!["run", "named.yaml", "-v"],
        vec!["run", "named.yaml", "--json"],
        vec!["runs"],
        vec!["show"],
        vec!["rejects", "--json"],
        vec!["run", "no\u{1b}[2Jfile.yaml"],
        vec!["nocommand\u{1b}[2J"],
    ] {
        assert_harmless(&desk.ferry(&args), &format!("{args:?}"));
    }
}

#[test]
fn a_misspelt_secret_is_shown_nowhere() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = Desk::new(&crms);
    put_people(&desk, PEOPLE, "");
    let text = fs::read_to_string(desk.path("people.yaml")).unwrap();
    let secret = "pat-na1-hunter2hunter2";
    for (what, changed) in [
        ("an unknown option", text.replace("token: \"${HUBSPOT_TOKEN}\"", &format!("tokn: {secret}"))),
        ("an option in a list", text.replace("token: \"${HUBSPOT_TOKEN}\"", &format!("tokns: [{secret}]"))),
        (
            "an unknown connector",
            text.replace("type: hubspot, token: \"${HUBSPOT_TOKEN}\"", &format!("type: hubspt, tokn: {secret}")),
        ),
        ("no YAML", text.replace("token: \"${HUBSPOT_TOKEN}\"", &format!("tokn: {secret} }}"))),
        ("a connection that is a text", text.replace("  crm: {", &format!("  other: {secret}\n  crm: {{"))),
        (
            "a block that is not known",
            text.replace("connections:", "conections:").replace("\"${HUBSPOT_TOKEN}\"", secret),
        ),
        (
            "a secret of another option",
            text.replace("token: \"${HUBSPOT_TOKEN}\"", &format!("token: {secret}, base_urls: {secret}")),
        ),
    ] {
        desk.write("wrong.yaml", &changed);
        for args in
            [vec!["validate", "wrong.yaml"], vec!["run", "wrong.yaml"], vec!["validate", "wrong.yaml", "--json"]]
        {
            let ran = desk.ferry(&args);
            assert!(!ran.page().contains("hunter2"), "{what}: {}", ran.page());
            assert_eq!(ran.code, 2, "{what}: {}", ran.page());
        }
    }
}

#[test]
fn a_dry_run_holds_no_real_secret() {
    let mut desk = Desk::without_tokens();
    put_people(&desk, PEOPLE, "");
    let text = fs::read_to_string(desk.path("people.yaml")).unwrap();
    desk.write(
        "people.yaml",
        &text.replace("${HUBSPOT_TOKEN}", "${file:token.txt}").replace("${HUBSPOT_URL}", "https://api.hubapi.com"),
    );
    // A secret that does not exist is not missed, because it is never read.
    let ran = desk.ferry(["run", "people.yaml", "--dry-run"]);
    assert_eq!(ran.code, 4, "{}", ran.page());
    assert!(!ran.page().contains("token.txt"), "{}", ran.page());
    desk.set("HUBSPOT_TOKEN", "a token\nof two lines, which no request can hold");
    desk.write("people.yaml", &text.replace("${HUBSPOT_URL}", "https://api.hubapi.com"));
    let ran = desk.ferry(["run", "people.yaml", "--dry-run"]);
    assert_eq!(ran.code, 4, "{}", ran.page());
}

/// Saves a table as spreadsheets do.
fn saved(text: &str, separator: u8, change: impl Fn(&str, &str) -> String) -> Vec<u8> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let mut builder = csv::WriterBuilder::new();
    let mut writer = builder.delimiter(separator).terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let header = rows[0].clone();
    for (index, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&header);
        let cells = cells.map(|(cell, name)| if index == 0 { cell.to_owned() } else { change(name, cell) });
        writer.write_record(cells).unwrap();
    }
    writer.into_inner().unwrap()
}

/// What a spreadsheet does to a cell that it takes for a number.
fn spoiled(cell: &str) -> String {
    match cell.parse::<u64>() {
        Ok(number) => number.to_string(),
        Err(_) => cell.to_owned(),
    }
}

#[test]
fn rejects_come_back_from_a_spreadsheet_with_what_a_person_changed_alone() {
    let header = "id,email,first,last\n";
    for (what, separator, is_utf8) in
        [("semicolons", b';', true), ("commas", b',', true), ("Windows-1252", b';', false)]
    {
        let crms = Crms::start(&["hubspot"], None, &[]);
        let desk = Desk::new(&crms);
        put_people(&desk, &format!("{header}007,zoë-at-example.org,=1+1,0301234567\n"), "");
        assert_eq!(desk.ferry(["run", "people.yaml"]).code, 4);
        let printed = desk.ferry(["rejects"]).stdout;
        assert!(printed.contains(",'=1+1"), "a formula is guarded: {printed}");
        let corrected = saved(&printed, separator, |name, cell| match name {
            "source.email" => "zoe@example.org".to_owned(),
            _ => spoiled(cell),
        });
        let bytes = if is_utf8 {
            [b"\xEF\xBB\xBF", corrected.as_slice()].concat()
        } else {
            String::from_utf8(corrected).unwrap().chars().map(|letter| u8::try_from(letter).unwrap_or(b'?')).collect()
        };
        fs::write(desk.path("corrected.csv"), bytes).unwrap();
        let ran = desk.ferry(["redrive", "--from", "corrected.csv"]);
        assert_eq!(ran.code, 0, "{what}: {}", ran.page());
        let contacts = crms.get("hubspot", "/crm/v3/objects/contacts?properties=email,firstname,lastname");
        let contact = &contacts["results"][0]["properties"];
        assert_eq!(contact["email"], "zoe@example.org", "{what}");
        assert_eq!(
            (contact["firstname"].as_str(), contact["lastname"].as_str()),
            (Some("=1+1"), Some("0301234567")),
            "{what}"
        );
    }
}
