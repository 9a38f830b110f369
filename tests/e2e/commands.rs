//! What each command prints, on what stream, and with which exit code.

use insta::{assert_snapshot, with_settings};

use super::{
    people::{BACK, PEOPLE, put_people},
    support::{Crms, Desk, audit_calls, repository},
};

/// Blanks what differs from run to run: paths, ports, run ids and times.
macro_rules! assert_page {
    ($desk:expr, $ran:expr, @$page:literal) => {{
        let folder = regex::escape($desk.path("").to_str().unwrap());
        let folder = format!("(/private)?{}/?", folder.trim_end_matches('/'));
        with_settings!({ filters => vec![
            (folder.as_str(), "[DESK]/"),
            (r"run_\d{8}_\d{6}_[0-9a-f]{4}", "[RUN]"),
            (r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]"),
            (r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(\.\d+Z?)?", "[TIME]"),
            (r"process \d+", "process [ID]"),
            (r"\d+:\d{2}:\d{2}", "[TOOK]"),
            (r"(?m) +$", ""),
        ] }, { assert_snapshot!($ran.page(), @$page) });
    }};
}

#[test]
fn help_names_every_command_and_the_exit_codes() {
    let desk = Desk::without_tokens();
    assert_page!(desk, desk.ferry(["--help"]), @r#"
    exit code: 0
    ----- stdout -----
    Moves records between CRMs from a YAML pipeline, and accounts for every one of them

    Usage: ferry [OPTIONS] <COMMAND>

    Commands:
      validate     Check pipelines without any network: form, names, fields, SQL; shows all findings
      check        Ask each connection of a pipeline whether a run would work: login, scopes, fields,
                   one record, limits
      describe     Show the fields of an object as its system declares them
      record       Take records of a live system into the fixtures, masked, for dry runs on the shape of
                   one's own data
      login        Log in to an OAuth vendor in the browser; the tokens are kept, encrypted, in the
                   state file
      preview      Show what a pipeline makes of its records, side by side, and what would be rejected;
                   writes nothing
      plan         Show what a run would do against what is there now, record by record; writes nothing
      apply        Write what a plan says and nothing else; records that changed since are held
      run          Run a pipeline; a run that was stopped or killed goes on where it stood
      runs         List the runs in the state file, with their counts and why the last one ended
      report       Say how each pipeline stands and what to do: the last state, the nights, the backlog;
                   as text or one HTML file
      show         Show the ledger of a run, and which records were merged into which
      rejects      Print the records of a run that were not written, with the reason and all their
                   values, and those that wait for others
      redrive      Load the dead letters of a run again
      undo         Take back what a run wrote: delete what it created, restore what it changed, create
                   again what it deleted
      ids          Print the id map of a pipeline: each record's id at its source and at its destination
      erase        Remove a person from everything that ferry keeps, and say where else they are
      emulate      Start local CRMs for other programs' tests; prints `VENDOR URL` per line once they
                   answer
      schema       Print the JSON Schema of pipeline files
      completions  Print completions for a shell
      help         Print this message or the help of the given subcommand(s)

    Options:
          --json                 Print one JSON object on stdout instead of text
      -q, --quiet                Print nothing but results and errors
          --color <WHEN>         When to use colour [default: auto] [possible values: auto, always,
                                 never]
          --state <FILE>         The state file [default: `.ferry/state.db` beside the pipeline] [env:
                                 FERRY_STATE]
          --audit <FILE>         Append a line of JSON to a file for each request to a live system: no
                                 token, body or personal value
          --metrics <FILE>       Write how a run ended to a file for the textfile collector of
                                 Prometheus' node exporter [env: FERRY_METRICS]
          --log-format <FORMAT>  What lines on stderr look like [env: FERRY_LOG_FORMAT] [default: text]
                                 [possible values: text, json]
      -v, --verbose...           Log requests and steps to stderr; twice for more
      -h, --help                 Print help
      -V, --version              Print version

    Exit codes: 0 done · 1 run failed · 2 wrong arguments or pipeline · 3 environment (credentials,
    network, locked by another run) · 4 done with rejected records · 5 a plan has changes
    (`--exit-code`) · 6 a quota is spent: run it again later, it resumes · 130/143 interrupted
    ----- stderr -----
    "#);
}

#[test]
fn an_unknown_argument_is_a_usage_error() {
    let desk = Desk::without_tokens();
    assert_page!(desk, desk.ferry(["run", "people.yaml", "--dryrun"]), @r#"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: unexpected argument '--dryrun' found

      tip: a similar argument exists: '--dry-run'

    Usage: ferry run --dry-run <FILE>

    For more information, try '--help'.
    "#);
}

#[test]
fn a_missing_pipeline_is_named() {
    let desk = Desk::without_tokens();
    assert_page!(desk, desk.ferry(["run", "missing.yaml"]), @r#"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error[config.unreadable]: the file cannot be read: there is no such file
    --> missing.yaml

    error: `missing.yaml` has 1 error and was not run [pipeline.invalid]
    "#);
}

#[test]
fn validate_knows_what_the_fixtures_look_like() {
    let desk = Desk::without_tokens();
    let text = std::fs::read_to_string(repository("pipelines/hubspot-to-airtable.yaml")).unwrap();
    let text = text.replacen("from: domain", "from: domian", 1).replacen("object: Deals", "object: Dael", 1);
    let pipeline = desk.write("misspelt.yaml", &text);
    let fixtures = repository("fixtures");
    let ran = desk.ferry(["validate", &pipeline.to_string_lossy(), "--fixtures", &fixtures.to_string_lossy()]);
    assert_eq!(ran.code, 2, "{}", ran.page());
    for expected in
        ["has no field `domian`", "did you mean `domain`?", "`base` has no object `Dael`", "did you mean `Deals`?"]
    {
        assert!(ran.stderr.contains(expected), "{expected}: {}", ran.page());
    }
}

#[test]
fn the_pipelines_fit_the_fixtures() {
    let desk = Desk::without_tokens();
    for name in ["hubspot-to-airtable", "airtable-to-hubspot", "two-destinations"] {
        let pipeline = repository("pipelines").join(format!("{name}.yaml"));
        let fixtures = repository("fixtures");
        let ran = desk.ferry(["validate", &pipeline.to_string_lossy(), "--fixtures", &fixtures.to_string_lossy()]);
        assert_eq!(ran.code, 0, "{}", ran.page());
    }
}

#[test]
fn validate_shows_the_line_and_the_nearest_name() {
    let mut desk = Desk::without_tokens();
    desk.set("HUBSPOT_TOKEN", "any");
    desk.set("HUBSPOT_URL", "http://127.0.0.1:4010");
    let pipeline = put_people(&desk, PEOPLE, "");
    let text = std::fs::read_to_string(pipeline).unwrap().replace("required: true", "requierd: true");
    desk.write("people.yaml", &text);
    assert_page!(desk, desk.ferry(["validate", "people.yaml"]), @r#"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error[config.unknown_key]: the key `requierd` is not known here
      --> people.yaml:15:49
       |
    15 |           email: { from: email, apply: [email], requierd: true }
       |                                                 ^^^^^^^^
       |
       = hint: did you mean `required`?

    1 error, 0 warnings in 1 file
    "#);
}

#[test]
fn an_unset_variable_stops_a_run() {
    let desk = Desk::without_tokens();
    put_people(&desk, PEOPLE, "");
    let ran = desk.ferry(["run", "people.yaml", "--json"]);
    assert_eq!(ran.code, 2);
    assert_eq!(ran.json()["error"]["code"], "pipeline.invalid");
    assert!(ran.stderr.contains("`HUBSPOT_TOKEN` is not set"), "{}", ran.stderr);
}

#[test]
fn an_unknown_stream_is_answered_with_the_known_ones() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = Desk::new(&crms);
    put_people(&desk, PEOPLE, "");
    assert_page!(desk, desk.ferry(["run", "people.yaml", "--stream", "persons"]), @r#"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: the pipeline has no stream `persons` [stream.unknown]
    hint: its streams are: `people`
    "#);
}

#[test]
fn a_run_ends_with_its_ledger_and_what_to_type_next() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = Desk::new(&crms);
    put_people(&desk, PEOPLE, "");
    assert_page!(desk, desk.ferry(["run", "people.yaml"]), @r#"
    exit code: 4
    ----- stdout -----
    ───────────────────────────────────────────────────────────────────
     stream → destination    read   created   rejected   calls   quota
    ───────────────────────────────────────────────────────────────────
     people → crm.contacts      5         3          2       4   0.0 %
    ───────────────────────────────────────────────────────────────────

    why records were not written (the most frequent reasons)
    ────────────────────────────────────────────────────────
     records   stream → destination   reason          field
    ────────────────────────────────────────────────────────
           1   people → crm           invalid_email   email
           1   people → crm           required        email
    ────────────────────────────────────────────────────────
    ----- stderr -----
    people: started
    people: 5 records read, 5 done, 4 calls
    [RUN] is done; 2 records were not written
    next: `ferry rejects [RUN] --state [DESK]/state.db -o rejects.csv`, fix them there, `ferry redrive [RUN] --state [DESK]/state.db --from rejects.csv`
    "#);
    assert_page!(desk, desk.ferry(["runs"]), @r#"
    exit code: 0
    ----- stdout -----
    ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
     run                        pipeline   status   started (UTC)         took      tries   read   written   rejected   open   accounts
    ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
     [RUN]   people     done     [TIME]   [TOOK]       1      5         3          2      2   crm 24681357
    ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    ----- stderr -----
    "#);
    assert_page!(desk, desk.ferry(["show"]), @r#"
    exit code: 0
    ----- stdout -----
    ───────────────────────────────────────────────────────────
     stream → destination    read   created   rejected   calls
    ───────────────────────────────────────────────────────────
     people → crm.contacts      5         3          2       4
    ───────────────────────────────────────────────────────────

    why records were not written (the most frequent reasons)
    ────────────────────────────────────────────────────────
     records   stream → destination   reason          field
    ────────────────────────────────────────────────────────
           1   people → crm           invalid_email   email
           1   people → crm           required        email
    ────────────────────────────────────────────────────────
    ----- stderr -----
    [RUN] of pipeline `people`: done
    "#);
    let again = desk.ferry(["run", "people.yaml", "--quiet"]);
    assert_eq!((again.code, again.stderr.as_str()), (4, ""), "quiet is quiet");
}

#[test]
fn an_unknown_run_and_a_missing_state_are_named() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = Desk::new(&crms);
    assert_page!(desk, desk.ferry(["runs"]), @r#"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: there is no state file `[DESK]/state.db`, so there are no runs to show [state.absent]
    hint: name it with `--state FILE`; it is `.ferry/state.db` beside the pipeline
    "#);
    let pipeline = put_people(&desk, PEOPLE, "");
    desk.run(&crms, &pipeline, &[], 4);
    assert_page!(desk, desk.ferry(["show", "run_7f3a"]), @r#"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: the state file knows no run `run_7f3a` [run.unknown]
    hint: `ferry runs` lists them; `last` is the newest
    "#);
}

#[test]
fn a_wrong_token_is_the_environments_fault() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let mut desk = Desk::new(&crms);
    put_people(&desk, PEOPLE, "");
    desk.set("HUBSPOT_TOKEN", "invalid-token-of-hers");
    let ran = desk.ferry(["run", "people.yaml"]);
    assert!(!format!("{ran:?}").contains("token-of-hers"), "the token is shown");
    assert_page!(desk, ran, @r#"
    exit code: 3
    ----- stdout -----
    ────────────────────────────────────────────────
     stream → destination    read   created   calls
    ────────────────────────────────────────────────
     people → crm.contacts      0         0       1
    ────────────────────────────────────────────────
    ! people → crm.contacts: crm: the token was refused (401) (1 attempt) [GET 127.0.0.1:[PORT]/account-info/2026-09/details]
    ----- stderr -----
    people: started
    people: 0 records read, 0 done, 0 calls
    hint: check that the token is one of a service key or private app of this account, and complete
    [RUN] failed
    next: fix the errors above and run `ferry run people.yaml` again; it resumes where it stopped
    "#);
    let check = desk.ferry(["check", "people.yaml", "--json"]);
    assert_eq!((check.code, &check.json()["ok"]), (3, &false.into()), "{check:?}");
}

#[test]
fn a_run_that_is_refused_reports_why_and_its_calls() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let mut desk = Desk::new(&crms);
    let pipeline = put_people(&desk, PEOPLE, "");
    desk.set("HUBSPOT_TOKEN", "expired-token");
    let report = desk.ferry(["run", "people.yaml", "--json"]).json();
    let account = &report["streams"][0]["destinations"][0];
    assert_eq!((&report["status"], &account["calls"]), (&"failed".into(), &1.into()), "{report}");
    assert!(account["error"].as_str().unwrap().contains("401"), "{report}");
    audit_calls(&pipeline, &report, &crms.counts());

    desk.write("back.yaml", BACK);
    let report = desk.ferry(["run", "back.yaml", "--json"]).json();
    let stream = &report["streams"][0];
    assert_eq!((&report["status"], &stream["calls"]), (&"failed".into(), &1.into()), "{report}");
    assert!(stream["error"].as_str().unwrap().contains("401"), "{report}");
}

#[test]
fn check_writes_nothing() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = Desk::new(&crms);
    put_people(&desk, PEOPLE, "");
    assert_page!(desk, desk.ferry(["check", "people.yaml"]), @r#"
    exit code: 0
    ----- stdout -----
    ok     crm: login: accepted (developer test account)
    ok     crm: account: portal 24681357
    ok     crm: scopes: not told by the vendor; what follows shows whether they are enough
    ok     crm: limits left: 624996 of 625000 calls today
    ok     files: read `people`: 4 fields, one record read
    ok     crm: write `contacts`: 3 mapped fields are there, the vendor upserts on the key
    ----- stderr -----
    "#);
    assert_eq!(crms.counts()["hubspot"]["requests"]["write"], 0);
    assert!(!desk.path("state.db").exists());
}

#[test]
fn describe_shows_the_fields_as_the_system_declares_them() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = Desk::new(&crms);
    put_people(&desk, PEOPLE, "");
    assert_page!(desk, desk.ferry(["describe", "files", "people", "--file", "people.yaml"]), @r#"
    exit code: 0
    ----- stdout -----
    people
    ────────────────────────────
     field   type       options
    ────────────────────────────
     id      text
     email   text
     first   text
     last    text
    ────────────────────────────
    ----- stderr -----
    "#);
    let fields = desk.ferry(["describe", "crm", "contacts", "--file", "people.yaml", "--json"]).json();
    assert!(fields.to_string().contains("\"lifecyclestage\""), "{fields}");
}

#[test]
fn emulate_answers_with_vendor_and_url() {
    let crms = Crms::start(&["hubspot", "airtable"], None, &[]);
    assert_eq!(crms.vendors().collect::<Vec<_>>(), ["airtable", "hubspot"]);
    for vendor in ["hubspot", "airtable"] {
        assert!(crms.url(vendor).starts_with("http://127.0.0.1:"), "{}", crms.url(vendor));
    }
    let desk = Desk::without_tokens();
    assert_page!(desk, desk.ferry(["emulate", "hubspott"]), @r#"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: there is no emulator of `hubspott` [emulate.unknown]
    hint: did you mean `hubspot`?
    "#);
}

#[test]
fn nothing_personal_and_no_secret_leaves_the_record() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = Desk::new(&crms);
    put_people(&desk, PEOPLE, "");
    let text = desk.ferry(["run", "people.yaml", "-vv"]);
    let json = desk.ferry(["run", "people.yaml", "--json", "-vv", "--full-refresh"]);
    assert_eq!((text.code, json.code), (4, 4), "{}", json.stderr);
    assert!(text.stderr.contains("request answered"), "the log is there: {}", text.stderr);
    let mut places = vec![("text", format!("{text:?}").into_bytes()), ("json", format!("{json:?}").into_bytes())];
    for file in ["state.db", "state.db-wal"] {
        places.extend(std::fs::read(desk.path(file)).ok().map(|bytes| (file, bytes)));
    }
    assert!(places.iter().any(|(place, bytes)| *place == "state.db" && bytes.len() > 4_096), "the state file is there");
    for (place, bytes) in &places {
        for secret in ["example.org", "carla.costa", "Dupont", "Didier", "secret-hubspot-token"] {
            let is_there = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!is_there, "`{secret}` is in {place}");
        }
    }
}

#[test]
fn schema_and_completions_are_data_on_stdout() {
    let desk = Desk::without_tokens();
    let schema = desk.ferry(["schema"]);
    assert_eq!((schema.code, schema.stderr.as_str()), (0, ""));
    assert_eq!(schema.json()["type"], "object");
    let completions = desk.ferry(["completions", "bash"]);
    assert_eq!((completions.code, completions.stderr.as_str()), (0, ""));
    assert!(completions.stdout.contains("_ferry()"), "{}", completions.stdout);
}
