//! What a plan says beside the changes: fields that nothing uses, schemas that changed, objects that are written anew; and its page.

use std::{fs, path::Path};

use serde_json::{Value as Json, json};

use super::mirrors::{PLACES, SPEED};
use super::pages::check_text;
use super::plans::{check_is_empty, person, pipeline, put};
use super::support::{Desk, repository};

/// Plans, and returns the lines of JSON, each checked against the schema.
fn plan(desk: &Desk, file: &Path) -> Vec<Json> {
    let ran = desk.ferry([&["plan", file.to_str().unwrap(), "--json", "--quiet"], &SPEED[..]].concat());
    assert_eq!(ran.code, 0, "{}", ran.page());
    let schema = fs::read_to_string(repository("schemas/plan.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let lines: Vec<Json> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        assert!(schema.is_valid(line), "{line}: {:?}", schema.iter_errors(line).next());
    }
    lines
}

fn summary(desk: &Desk, file: &Path) -> Json {
    plan(desk, file).pop().unwrap()
}

/// A pipeline from files to files, whatever its mappings are.
fn files(desk: &Desk, source: &str, destination: &str, mappings: &str) -> std::path::PathBuf {
    desk.write(
        "copy.yaml",
        &format!(
            "version: 1\nname: copy\nconnections:\n  files: {source}\n  out: {destination}\nstreams:\n  - name: people\n    \
             source: {{ connection: files, object: people }}\n    destinations:\n      - {{ connection: out, object: copied, \
             mappings: {mappings} }}\n"
        ),
    )
}

#[test]
fn fields_that_nothing_uses_are_named_with_their_share_and_no_value_in_json() {
    let desk = Desk::without_tokens();
    let rows: Vec<String> = (1..=4)
        .map(|number| {
            let note = if number % 2 == 0 { json!("a private remark") } else { json!(null) };
            json!({ "id": format!("p{number}"), "name": "Ada", "town": "Ulm", "note": note, "blank": "", "since": number })
                .to_string()
        })
        .collect();
    put(&desk, "people", &rows);
    let source = "{ type: json, path: ., format: lines, id: id }";
    let file = files(&desk, source, "{ type: csv, path: out }", "{ Name: name, Since: since }");
    let coverage = &summary(&desk, &file)["coverage"][0];
    assert_eq!((&coverage["records"], &coverage["used"]), (&json!(4), &json!(["name", "since"])), "{coverage}");
    // The id of the record is no field that is left out, and a blank one is none either.
    let unmapped =
        json!([{ "field": "town", "filled": 4, "share": 1.0 }, { "field": "note", "filled": 2, "share": 0.5 }]);
    assert_eq!(coverage["unmapped"], unmapped, "{coverage}");
    let told = desk.ferry(["plan", "copy.yaml", "--json", "--quiet"]);
    assert!(!told.stdout.contains("private remark"), "{}", told.stdout);
    let shown = desk.ferry(["plan", "copy.yaml", "--quiet"]);
    assert!(shown.stdout.contains("private remark") && shown.stdout.contains("50 %"), "{}", shown.page());
}

#[test]
fn looking_at_all_fields_of_a_source_costs_no_call_and_rejects_no_record() {
    for place in PLACES {
        let (crms, vendor) = (place.start(), place.vendor);
        let desk = Desk::new(&crms);
        let file = desk.write(
            "copy.yaml",
            &format!(
                "version: 1\nname: copy\nconnections:\n  crm: {}\n  out: {{ type: csv, path: out }}\nstreams:\n  - name: people\n    \
                 source: {{ connection: crm, object: {} }}\n    destinations:\n      - {{ connection: out, object: copied, \
                 mappings: {{ Name: {} }} }}\n",
                place.connection, place.object, place.name
            ),
        );
        let planned = summary(&desk, &file);
        // Some of the fixtures' records are blank in the one field that is mapped.
        let report = desk.ferry([&["run", "copy.yaml", "--json", "--quiet"], &SPEED[..]].concat()).json();
        let costs = &planned["connections"][0];
        let logins = u64::from(["salesforce", "google_sheets"].contains(&vendor));
        let planning = costs["calls_planning"].as_u64().unwrap() - logins;
        assert_eq!(report["streams"][0]["calls"], planning, "{vendor}: {costs}");
        assert_eq!(costs["calls"], report["streams"][0]["calls"], "{vendor}: {costs}");
        let rejected = &report["streams"][0]["destinations"][0]["rejected"];
        assert_eq!(&planned["targets"][0]["reject"], rejected, "{vendor}: {planned}");
        let coverage = &planned["coverage"][0];
        let unmapped = coverage["unmapped"].as_array().unwrap();
        // A base or a sheet may be empty at first.
        assert!(!unmapped.is_empty() || coverage["records"] == 0, "{vendor}: {coverage}");
        assert_eq!(coverage["records"], report["streams"][0]["read"], "{vendor}: {coverage}");
        let is_id = |field: &&Json| ["hs_object_id", "Id", "id"].iter().any(|name| field["field"] == *name);
        assert_eq!(unmapped.iter().find(is_id), None, "{vendor}: {coverage}");
    }
}

#[test]
fn fields_that_are_new_gone_or_back_are_told_once_by_a_run_and_before_it_by_a_plan() {
    let desk = Desk::without_tokens();
    let source = "{ type: json, path: ., format: lines, id: id }";
    let file = files(&desk, source, "{ type: csv, path: out }", "{ Name: name, Town: town }");
    let rows = |more: Json| {
        let mut row = json!({ "id": "p1", "name": "Ada" });
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        put(&desk, "people", &[row.to_string()]);
    };
    let said = |code: i32, line: Option<&str>| {
        let ran = desk.ferry(["run", "copy.yaml"]);
        assert_eq!(ran.code, code, "{}", ran.page());
        let told = ran.stderr.lines().find(|line| line.starts_with("files people: "));
        assert_eq!(told, line, "{}", ran.page());
    };
    rows(json!({ "town": "Ulm", "note": "a" }));
    said(0, None);
    said(0, None);
    rows(json!({ "town": "Ulm", "region": "South" }));
    for _ in 0..2 {
        let planned = summary(&desk, &file);
        let changes = planned["schema_changes"].as_array().unwrap();
        let words: Vec<_> = changes.iter().map(|change| (&change["change"], &change["field"])).collect();
        assert_eq!(words, [(&json!("new"), &json!("region")), (&json!("gone"), &json!("note"))], "{planned}");
    }
    let line = "files people: new field `region`; field `note` is gone";
    let shown = desk.ferry(["plan", "copy.yaml", "--quiet"]);
    assert!(shown.stdout.contains(line), "{}", shown.page());
    said(0, Some(line));
    said(0, None);
    // A field that a mapping needs goes, so the run fails; it is told when the run is taken up with the field back.
    rows(json!({ "region": "South" }));
    said(2, Some("files people: field `town` is gone"));
    rows(json!({ "region": "South", "town": "Ulm" }));
    said(0, Some("files people: field `town` is back"));
    let report = desk.ferry(["run", "copy.yaml", "--json", "--quiet"]).json();
    assert_eq!(report.get("schema_changes"), None, "{report}");
}

#[test]
fn options_that_are_new_or_gone_at_a_destination_are_told() {
    let place = &PLACES[0];
    let crms = place.start();
    let desk = Desk::new(&crms);
    put(&desk, "people", &[person(1, "Ada")]);
    let file = pipeline(&desk, place, "people", "upsert");
    let options = |values: &[&str]| {
        let option = |value: &&str| json!({ "label": value, "value": value, "displayOrder": 1, "hidden": false });
        json!({ "name": "region", "label": "Region", "type": "enumeration", "fieldType": "select",
            "groupName": "contactinformation", "options": values.iter().map(option).collect::<Vec<_>>() })
    };
    let properties = "/crm/properties/2026-09/contacts";
    desk.run(&crms, &file, &SPEED, 0);
    crms.send("hubspot", ("POST", properties), &options(&["north", "south"]));
    let lines = |planned: &Json| -> Vec<String> {
        let changes = planned["schema_changes"].as_array().unwrap();
        let line = |change: &Json| format!("{} {} {}", change["field"], change["option"], change["change"]);
        changes.iter().map(line).collect()
    };
    assert_eq!(lines(&summary(&desk, &file)), [r#""region" null "new""#]);
    desk.run(&crms, &file, &SPEED, 0);
    crms.send("hubspot", ("PATCH", &format!("{properties}/region")), &options(&["south", "west"]));
    let ran = desk.ferry([&["run", "people.yaml"], &SPEED[..]].concat());
    let line = "crm contacts: new option `west` of `region`; option `north` of `region` is gone";
    assert!(ran.stderr.contains(line), "{}", ran.page());
    assert_eq!(lines(&summary(&desk, &file)), [""; 0]);
}

#[test]
fn an_object_that_is_written_anew_is_compared_row_by_row() {
    // The connection, and the extension of its files; with and without an id.
    let cases = [
        ("{ type: csv, path: out }", ""),
        ("{ type: json, path: out, format: lines }", ""),
        ("{ type: parquet, path: out }", ""),
        ("{ type: csv, path: out, id: Id }", "Id"),
        ("{ type: json, path: out, format: lines, id: Id }", "Id"),
    ];
    for (destination, key) in cases {
        let desk = Desk::without_tokens();
        let row = |number: i32, name: &str| {
            json!({ "id": format!("p{number}"), "name": name, "amount": 2.5, "since": "2026-03-01", "ok": true })
                .to_string()
        };
        put(&desk, "people", &(1..=5).map(|number| row(number, "Ada")).collect::<Vec<_>>());
        let mappings = "{ Id: _id, Name: name, Amount: { from: amount, type: number }, Since: { from: since, type: date }, \
                        Ok: { from: ok, type: boolean } }";
        let file = files(&desk, "{ type: json, path: ., format: lines, id: id }", destination, mappings);
        let first = summary(&desk, &file);
        assert_eq!(
            (&first["targets"][0]["create"], &first["targets"][0]["replaced"]["rows_now"]),
            (&json!(5), &json!(0))
        );
        assert_eq!(desk.ferry(["run", "copy.yaml", "--quiet"]).code, 0, "{destination}");
        check_is_empty(&desk, &file);
        let planned = summary(&desk, &file);
        assert_eq!(
            (&planned["has_changes"], &planned["targets"][0]["unchanged"]),
            (&json!(false), &json!(5)),
            "{planned}"
        );
        put(&desk, "people", &[row(1, "Ada"), row(2, "Grace"), row(3, "Ada"), row(7, "Edsger")]);
        let mut lines = plan(&desk, &file);
        let planned = lines.pop().unwrap();
        let target = &planned["targets"][0];
        let count = |name: &str| target[name].as_u64().unwrap();
        let counts = (count("create"), count("update"), count("unchanged"), count("delete"));
        let expected = if key.is_empty() { (2, 0, 2, 3) } else { (1, 1, 2, 2) };
        assert_eq!(counts, expected, "{destination}: {planned}");
        let rows = &target["replaced"];
        assert_eq!((&rows["rows_now"], &rows["rows_then"]), (&json!(5), &json!(4)), "{destination}: {rows}");
        let matched: Vec<&str> = if key.is_empty() { Vec::new() } else { vec![key] };
        assert_eq!(rows["matched_by"], json!(matched), "{destination}: {rows}");
        if !key.is_empty() {
            let update = lines.iter().find(|line| line["change"] == "update").unwrap();
            let name = json!({ "field": "Name", "old": "Ada", "new": "Grace" });
            assert_eq!((&update["id"], &update["fields"]), (&json!("p2"), &json!([name])), "{destination}: {update}");
        }
        assert_eq!(fs::read_dir(desk.path("out")).unwrap().count(), 1, "{destination}: a plan wrote");
    }
}

#[test]
fn a_tab_that_is_written_anew_is_compared_too() {
    let place = PLACES.iter().find(|place| place.vendor == "google_sheets").unwrap();
    let crms = place.start();
    let desk = Desk::new(&crms);
    put(&desk, "people", &(1..=5).map(|number| person(number, "Ada")).collect::<Vec<_>>());
    let file = pipeline(&desk, place, "people", "replace");
    let run = || desk.ferry([&["run", "people.yaml", "--json", "--quiet"], &SPEED[..]].concat()).json();
    run();
    let planned = summary(&desk, &file);
    assert_eq!((&planned["has_changes"], &planned["targets"][0]["unchanged"]), (&json!(false), &json!(5)), "{planned}");
    put(&desk, "people", &[person(1, "Ada"), person(2, "Grace"), person(9, "Ada")]);
    let planned = summary(&desk, &file);
    let target = &planned["targets"][0];
    let counts = ["create", "update", "unchanged", "delete"].map(|name| target[name].as_u64().unwrap());
    assert_eq!(counts, [1, 1, 1, 3], "{planned}");
    let costs = &planned["connections"][0];
    let report = run();
    let counts = &report["streams"][0]["destinations"][0];
    assert_eq!(
        (&costs["calls_read"], &costs["calls_write"]),
        (&counts["calls_read"], &counts["calls_write"]),
        "{costs}"
    );
}

#[test]
fn the_page_of_a_plan_stands_alone_and_escapes_every_value() {
    let place = &PLACES[0];
    let crms = place.start();
    let desk = Desk::new(&crms);
    let rows = |name: &str| (1..=5).map(|number| person(number, name)).collect::<Vec<_>>();
    put(&desk, "people", &rows("Ada"));
    let file = pipeline(&desk, place, "people", "upsert");
    desk.run(&crms, &file, &SPEED, 0);
    let bad = "<script>alert('x')</script> & \"co\"";
    let more = json!({ "id": "p9", "email": "p9@example.org", "name": bad, "note": bad }).to_string();
    put(&desk, "people", &[rows("Grace"), vec![more]].concat());
    let args = ["plan", file.to_str().unwrap(), "--html", "plan.html", "--quiet"];
    let ran = desk.ferry([&args[..], &SPEED].concat());
    assert_eq!(ran.code, 0, "{}", ran.page());
    let page = fs::read_to_string(desk.path("plan.html")).unwrap();
    assert!(!page.contains("<script") && page.contains("&#60;script&#62;alert"), "{page}");
    for outside in ["http://", "https://", "src=", "<link", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}: {page}");
    }
    for part in
        ["prefers-color-scheme: dark", "width=device-width", "people → crm.contacts", "What a run would take", "note"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    // What is old and what is new of a record.
    assert!(page.contains("<del>&#34;Ada&#34;</del> → <ins>&#34;Grace&#34;</ins>"), "{page}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let rights = fs::metadata(desk.path("plan.html")).unwrap().permissions().mode();
        assert_eq!(rights & 0o777, 0o600);
    }
    let ran = desk.ferry([&["plan", "people.yaml", "--html", "nowhere/plan.html", "--quiet"], &SPEED[..]].concat());
    assert_ne!(ran.code, 0, "{}", ran.page());
    assert!(ran.stderr.contains("nowhere/plan.html"), "{}", ran.page());
}

#[test]
fn what_a_person_sees_of_costs_coverage_and_changed_schemas() {
    let place = &PLACES[0];
    let crms = place.start();
    let desk = Desk::new(&crms);
    put(&desk, "people", &(1..=3).map(|number| person(number, "Ada")).collect::<Vec<_>>());
    let file = pipeline(&desk, place, "people", "upsert");
    desk.run(&crms, &file, &SPEED, 0);
    let row = |number: usize| json!({ "id": format!("p{number}"), "email": format!("p{number}@example.org"), "name": "Ada", "region": "South" });
    put(&desk, "people", &(1..=3).map(|number| row(number).to_string()).collect::<Vec<_>>());
    let ran = desk.ferry([&["plan", "people.yaml", "--quiet"], &SPEED[..]].concat());
    check_text(&desk, "plan_with_coverage", &ran.page());
}

/// A plan that failed half-way has not seen all there is, so it does not say that nothing is to be done.
#[test]
fn a_plan_that_failed_does_not_say_that_all_is_as_it_should_be() {
    let place = &PLACES[2];
    let crms = place.start();
    let desk = Desk::new(&crms);
    put(&desk, "people", &[person(1, "Ada")]);
    let file = pipeline(&desk, place, "people", "upsert");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace(&format!("object: {}", place.object), "object: Nowhere")).unwrap();
    let ran = desk.ferry([&["plan", "people.yaml", "--html", "plan.html"][..], &SPEED].concat());
    assert_eq!(ran.code, 2, "{}", ran.page());
    let page = fs::read_to_string(desk.path("plan.html")).unwrap();
    for shown in [&ran.stdout, &page] {
        assert!(shown.contains("this plan is not whole") && !shown.contains("othing would be written"), "{shown}");
    }
}
