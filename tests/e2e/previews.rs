//! `ferry preview` shows what a run would do, does nothing, and what it says to write into a mapping helps.

use std::{collections::BTreeMap, fs};

use serde_json::{Value as Json, json};

use super::{
    pages::check_all,
    people::{PEOPLE, put_people},
    support::{Crms, Desk, Ran, repository},
};

/// A file with what exports of other languages hold: one value of each kind is refused by a plain mapping.
pub(crate) const EXPORT: &str = "id,mail,amount,since,seen,active,stage,note
1,ada@example.org,\"1.234,50\",31.12.2024,31.12.2024 08:30,ja,Open,first
2,grace@example.org,\"7,25\",01.02.2024,01.02.2024 09:00,nein,Won,
3,linus@example.org,\"1.000,00\",15.03.2024,15.03.2024 10:15,ja,Lost,
";

/// Writes a pipeline from the export to a file of typed fields; each field with what its mapping says beside `from`.
pub(crate) fn put_pipeline(desk: &Desk, rules: &BTreeMap<&str, String>) {
    let text = String::from(
        "version: 1\nname: typed\nconnections:\n  in: { type: csv, path: ., id: { export: id } }\n  out: { type: parquet, path: out }\nstreams:\n  \
         - name: all\n    source: { connection: in, object: export }\n    destinations:\n      - connection: out\n        object: all\n        mappings:\n          mail: mail\n",
    );
    let lines = rules.iter().map(|(field, rule)| format!("          {field}: {{ from: {field}, {rule} }}\n"));
    desk.write("typed.yaml", &(text + &lines.collect::<String>()));
}

fn report(ran: &Ran, code: i32) -> Json {
    assert_eq!(ran.code, code, "{}", ran.page());
    ran.json()
}

/// Returns what the only destination of the only stream would be given.
fn only(report: &Json) -> &Json {
    &report["streams"][0]["destinations"][0]
}

#[test]
fn what_a_preview_says_to_write_reads_every_value_that_was_refused() {
    let desk = Desk::without_tokens();
    desk.write("export.csv", EXPORT);
    let types = [
        ("amount", "type: number"),
        ("since", "type: date"),
        ("seen", "type: datetime"),
        ("active", "type: boolean"),
        ("stage", "values: { Open: o }"),
    ];
    let mut rules: BTreeMap<&str, String> = types.iter().map(|(field, rule)| (*field, (*rule).to_owned())).collect();
    let mut remedied = Vec::new();
    // The first field to fail names the reason, so each round brings the next one to light.
    for _ in 0..types.len() {
        put_pipeline(&desk, &rules);
        let found = report(&desk.ferry(["preview", "typed.yaml", "--json"]), 4);
        let reject = only(&found)["rejects"][0].clone();
        let field = types.iter().map(|(field, _)| *field).find(|field| reject["field"] == *field).unwrap();
        let remedy = reject["remedy"].as_str().unwrap_or_else(|| panic!("no remedy: {reject}"));
        let rule = if field == "stage" {
            // What the values mean, only the user knows.
            format!("values: {{ Open: o, {} }}", remedy["values: { ".len()..remedy.len() - 2].replace('…', "x"))
        } else {
            format!("{}, {remedy}", rules[field])
        };
        rules.insert(field, rule);
        remedied.push(field);
    }
    put_pipeline(&desk, &rules);
    let fixed = report(&desk.ferry(["preview", "typed.yaml", "--json"]), 0);
    assert_eq!(only(&fixed)["accepted"], 3, "{fixed}");
    assert_eq!(only(&fixed)["rejected"], 0, "{fixed}");
    remedied.sort_unstable();
    assert_eq!(remedied, ["active", "amount", "seen", "since", "stage"]);
    let run = report(&desk.ferry(["run", "typed.yaml", "--json"]), 0);
    assert_eq!(run["streams"][0]["destinations"][0]["created"], 3, "{run}");
}

#[test]
fn a_preview_counts_what_a_dry_run_counts() {
    for name in ["hubspot-to-airtable", "csv-to-hubspot", "salesforce-to-hubspot"] {
        let desk = Desk::without_tokens();
        let pipeline = repository(&format!("pipelines/{name}.yaml"));
        let pipeline = pipeline.to_str().unwrap();
        let previewed = desk.ferry(["preview", pipeline, "--dry-run", "--rows", "100000", "--json"]).json();
        let run = desk.ferry(["run", pipeline, "--dry-run", "--json"]).json();
        for (stream, ran) in pairs(&previewed["streams"], &run["streams"]) {
            assert_eq!(stream["name"], ran["name"]);
            for (shown, done) in pairs(&stream["destinations"], &ran["destinations"]) {
                let count = |of: &Json, what: &str| of[what].as_u64().unwrap();
                // A step left out some duplicates before the mapping, and the vendor refused some records behind it.
                let duplicate = count(done, "duplicate") - count(stream, "duplicate");
                let sent: u64 = ["created", "updated", "unchanged", "held"].iter().map(|what| count(done, what)).sum();
                let at_the_vendor = done["rejected"].as_u64().unwrap() - shown["rejected"].as_u64().unwrap();
                let accepted = shown["accepted"].as_u64().unwrap();
                assert_eq!(accepted, sent + duplicate + at_the_vendor, "{name} {}: {done}", stream["name"]);
            }
        }
    }
}

fn pairs<'json>(left: &'json Json, right: &'json Json) -> Vec<(&'json Json, &'json Json)> {
    let (left, right) = (left.as_array().unwrap(), right.as_array().unwrap());
    assert_eq!(left.len(), right.len());
    left.iter().zip(right).collect()
}

#[test]
fn a_preview_writes_nothing_and_keeps_nothing() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = Desk::new(&crms);
    put_people(&desk, PEOPLE, "");
    let before = crms.held("hubspot", "contacts");
    let found = report(&desk.ferry(["preview", "people.yaml", "--rows", "4", "--json"]), 4);
    assert_eq!((&found["streams"][0]["read"], &found["streams"][0]["is_whole"]), (&json!(4), &json!(false)));
    assert_eq!((&only(&found)["accepted"], &only(&found)["rejected"]), (&json!(2), &json!(2)));
    assert_eq!(crms.held("hubspot", "contacts"), before, "something was written");
    assert!(!desk.path("state.db").exists(), "something is kept");
}

#[test]
fn records_that_would_be_rejected_go_to_a_private_file() {
    let desk = Desk::without_tokens();
    desk.write("export.csv", EXPORT);
    put_pipeline(&desk, &[("amount", "type: number".to_owned())].into());
    let ran = desk.ferry(["preview", "typed.yaml", "--where", "id < '3'", "--rejects", "bad.csv"]);
    assert_eq!(ran.code, 4, "{}", ran.page());
    let text = fs::read_to_string(desk.path("bad.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<BTreeMap<String, String>> = reader.deserialize().collect::<Result<_, _>>().unwrap();
    assert_eq!(rows.len(), 2, "{text}");
    assert_eq!(rows[0]["source_id"], "1");
    assert_eq!(rows[0]["code"], "not_a_number");
    assert_eq!(rows[0]["value"], "1.234,50");
    assert_eq!(rows[0]["source.note"], "first");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(desk.path("bad.csv")).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

/// Says what of a report is not as `schemas/preview.schema.json` says.
fn against_schema(report: &Json) -> Vec<String> {
    let schema = fs::read_to_string(repository("schemas/preview.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    validator.iter_errors(report).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn what_a_preview_prints_is_what_its_schema_says() {
    let desk = Desk::without_tokens();
    desk.write("export.csv", EXPORT);
    let rules =
        [("amount", "type: number".to_owned()), ("stage", "values: { Open: o }, otherwise: \"null\"".to_owned())];
    put_pipeline(&desk, &rules.into());
    let mut reports = vec![desk.ferry(["preview", "typed.yaml", "--json"]).json()];
    for name in ["hubspot-to-airtable", "csv-to-hubspot", "salesforce-to-hubspot"] {
        let pipeline = repository(&format!("pipelines/{name}.yaml"));
        let pipeline = pipeline.to_str().unwrap();
        reports.push(desk.ferry(["preview", pipeline, "--dry-run", "--json"]).json());
        reports.push(desk.ferry(["run", pipeline, "--dry-run", "--json"]).json()["findings"].take());
    }
    for report in &reports {
        assert_eq!(against_schema(report), Vec::<String>::new(), "{report}");
    }
    let has =
        |what: &str| reports.iter().any(|report| only(report)[what].as_array().is_some_and(|list| !list.is_empty()));
    for what in ["records", "rejects", "dropped", "fields"] {
        assert!(has(what), "no report has {what}");
    }
    let mut other = reports[0].clone();
    other["streams"][0]["destinations"][0]["accepted"] = json!("3");
    other["streams"][0]["more"] = json!(1);
    other.as_object_mut().unwrap().remove("pipeline");
    assert_eq!(against_schema(&other).len(), 3, "what is missing, of another type or unknown is found");
}

#[test]
fn a_dry_run_ends_with_what_a_preview_finds_and_writes_its_rejects_to_a_file() {
    let desk = Desk::without_tokens();
    desk.write("export.csv", EXPORT);
    let rules = [
        ("amount", "type: number".to_owned()),
        ("stage", "values: { Open: o, Won: w }, otherwise: \"null\"".to_owned()),
    ];
    put_pipeline(&desk, &rules.into());
    let preview = report(&desk.ferry(["preview", "typed.yaml", "--show", "0", "--json"]), 4);
    let mut run = report(&desk.ferry(["run", "typed.yaml", "--dry-run", "--rejects", "bad.csv", "--json"]), 4);
    let mut found = run["findings"].take();
    assert_eq!(only(&found)["connection"], "out (dry run)");
    found["streams"][0]["destinations"][0]["connection"] = json!("out");
    assert_eq!(found, preview);
    desk.ferry(["preview", "typed.yaml", "--rejects", "same.csv"]);
    // A run reads the fields that it needs, a preview all of them: what was refused, and why, is the same.
    let read = |name: &str| {
        let mut rows = csv::Reader::from_path(desk.path(name)).unwrap();
        let headers = rows.headers().unwrap().clone();
        let told = |row: csv::StringRecord| {
            let cells = headers.iter().zip(row.iter()).filter(|(name, _)| !name.starts_with("source."));
            cells.map(|(_, cell)| cell.replace("out (dry run)", "out")).collect::<Vec<_>>()
        };
        rows.records().map(|row| told(row.unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(read("bad.csv"), read("same.csv"));
    assert!(!read("bad.csv").is_empty());
    let ran = desk.ferry(["run", "typed.yaml", "--dry-run"]);
    for part in ["would be rejected", "hint: for `amount`, apply: [{ number: { decimal", "not mapped"] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.page());
    }
    assert!(!desk.path("state.db").exists(), "something is kept");
    assert_eq!(desk.ferry(["run", "typed.yaml", "--rejects", "bad.csv"]).code, 2, "a live run has `ferry rejects`");
}

#[test]
fn a_dry_run_lists_what_the_system_refuses_too() {
    let desk = Desk::without_tokens();
    let pipeline = repository("pipelines/hubspot-to-airtable.yaml");
    let run = desk.ferry(["run", pipeline.to_str().unwrap(), "--dry-run", "--rejects", "bad.csv", "--json"]).json();
    let mut rows = 0;
    for (found, ran) in pairs(&run["findings"]["streams"], &run["streams"]) {
        for (found, ran) in pairs(&found["destinations"], &ran["destinations"]) {
            let left = ran["rejected"].as_u64().unwrap() + ran["held"].as_u64().unwrap();
            assert_eq!(found["rejected"].as_u64().unwrap(), left, "{ran}");
            rows += left;
        }
    }
    let written = csv::Reader::from_path(desk.path("bad.csv")).unwrap().records().count();
    assert_eq!(u64::try_from(written).unwrap(), rows);
}

#[test]
fn what_standard_stands_for_is_shown_and_must_stand_for_something() {
    let desk = Desk::without_tokens();
    let put = |header: &str, more: &str| {
        desk.write("people.csv", &format!("{header}\n1,ada@example.org,Ada,x\n"));
        desk.write(
            "standard.yaml",
            &format!(
                "version: 1\nname: standard\nconnections:\n  in: {{ type: csv, path: ., id: {{ people: id }} }}\n  out: {{ type: json, path: out }}\nstreams:\n  \
                 - name: all\n    source: {{ connection: in, object: people }}\n    destinations:\n      - connection: out\n        object: all\n        standard: contact\n{more}"
            ),
        );
    };
    put("id,email,first_name,other", "        mappings: { last_name: other }\n");
    let some = desk.ferry(["preview", "standard.yaml", "--show", "0"]);
    let report = desk.ferry(["preview", "standard.yaml", "--json"]).json();
    let standard = &only(&report)["standard"];
    assert_eq!(
        standard["mapped"],
        json!(["email", "first_name", "last_name"]),
        "an own mapping takes part: {standard}"
    );
    assert_eq!(standard["left_out"].as_array().unwrap().len(), 10, "{standard}");
    put("id,mail,vorname,other", "        mappings: { x: other }\n");
    let none = ["validate", "preview", "run"].map(|command| desk.ferry([command, "standard.yaml"]));
    for ran in &none {
        assert_eq!(ran.code, 2, "{}", ran.page());
    }
    let [validate, preview, run] = none;
    let pages = [
        ("what it stands for", some),
        ("it stands for nothing", validate),
        ("a preview says so too", preview),
        ("and so does a run", run),
    ];
    check_all(&desk, "standard", &pages);
}

#[test]
fn what_a_person_sees() {
    let desk = Desk::without_tokens();
    desk.write("export.csv", &format!("{EXPORT}4,,\"1,00\",01.01.2024,,,Open,\n"));
    let rules = [
        ("amount", "apply: [{ number: { decimal: \",\", thousands: \".\" } }]".to_owned()),
        ("since", "type: date".to_owned()),
        ("stage", "values: { Open: o }, otherwise: \"null\"".to_owned()),
    ];
    put_pipeline(&desk, &rules.clone().into());
    let refused = desk.ferry(["preview", "typed.yaml", "--show", "1"]);
    put_pipeline(&desk, &[rules[0].clone(), rules[2].clone()].into());
    let accepted = desk.ferry(["preview", "typed.yaml", "--show", "2"]);
    let unknown = desk.ferry(["preview", "typed.yaml", "--stream", "al"]);
    let wrong = desk.ferry(["preview", "typed.yaml", "--where", "amuont > 1"]);
    let pages = [
        ("records that would be rejected", refused),
        ("records on both sides, and values that are given up", accepted),
        ("a stream that is not there", unknown),
        ("a condition on a field that is not there", wrong),
    ];
    check_all(&desk, "previews", &pages);
    let json = desk.ferry(["preview", "typed.yaml", "--json", "--quiet"]).json();
    let unmapped = json["streams"][0]["unmapped"].as_array().unwrap();
    assert_eq!(unmapped.iter().find(|field| field["field"] == "active").unwrap()["filled"], 3);
    assert_eq!(
        only(&json)["fields"][0],
        json!({ "field": "mail", "from": ["mail"], "rule": "", "is_standard": false, "filled": 3 })
    );
}
