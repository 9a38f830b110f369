//! `ferry erase` removes a person from all that is kept, and proves it; with `--at-destinations` from there too.

use std::{fs, path::PathBuf};

use serde_json::{Value as Json, json};

use super::{
    mirrors::{PLACES, SPEED},
    pages::check_all,
    plans,
    support::{Crms, Desk, Ran, repository, wait_until},
};

const ADA: &str = "ada.unique@example.org";

const PIPELINE: &str = "\
version: 1
name: people
connections:
  files: { type: csv, path: ., id: { people: id, firms: id } }
  crm: { type: hubspot, token: \"${HUBSPOT_TOKEN}\", base_url: \"${HUBSPOT_URL}\", audit: audit.jsonl }
streams:
  - name: firms
    source: { connection: files, object: firms }
    destinations: [{ connection: crm, object: companies, write: upsert, key: [domain], mappings: { domain: domain } }]
  - name: people
    source: { connection: files, object: people }
    destinations:
      - connection: crm
        object: contacts
        write: upsert
        key: [email]
        mappings: { email: { from: email, apply: [email] }, firstname: name, _links.companies: { from: firm, link: firms } }
";

const PEOPLE: [&str; 4] = [
    "a1,Ada.Unique@Example.org,Ada,f1",
    "b2,bob@example.org,Bob,f1",
    "c3,ada.unique@example.org,Ada again,f1",
    "d4,ada.unique@example.org or dora,Dora,f1",
];

struct Scene {
    crms: Crms,
    desk: Desk,
    pipeline: PathBuf,
}

impl Scene {
    /// Ada is in two lines, which are one contact. What Dora gave as her address names Ada, and is refused.
    fn new() -> Self {
        let crms = Crms::start(&["hubspot"], None, &SPEED);
        let desk = Desk::new(&crms);
        desk.write("firms.csv", "id,domain\nf1,one.example\n");
        let pipeline = desk.write("people.yaml", PIPELINE);
        let scene = Self { crms, desk, pipeline };
        scene.put(&PEOPLE);
        scene.run(4);
        scene
    }

    fn put(&self, people: &[&str]) {
        self.desk.write("people.csv", &format!("id,email,name,firm\n{}\n", people.join("\n")));
    }

    fn run(&self, code: i32) -> Json {
        self.desk.run(&self.crms, &self.pipeline, &[&SPEED[..], &["--full-refresh"]].concat(), code)
    }

    fn erase(&self, args: &[&str]) -> Ran {
        self.desk.ferry([&["erase", "people.yaml"][..], args, &SPEED].concat())
    }

    /// Erases, checks the exit code and the form of the report, and that the report does not name the person.
    fn erased(&self, args: &[&str], code: i32) -> Json {
        let ran = self.erase(&[args, &["--yes", "--json"]].concat());
        assert_eq!(ran.code, code, "{}", ran.page());
        let schema = fs::read_to_string(repository("schemas/erase.schema.json")).unwrap();
        let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
        let report = ran.json();
        assert!(schema.is_valid(&report), "{report}: {:?}", schema.iter_errors(&report).next());
        assert!(!ran.page().to_lowercase().contains(ADA), "{}", ran.page());
        report
    }

    fn contacts(&self) -> u64 {
        self.crms.held("hubspot", "contacts")
    }

    /// Returns the source ids of the id map.
    fn ids(&self) -> Vec<Json> {
        let report = self.desk.ferry(["ids", "people.yaml", "--json"]).json();
        let mut ids: Vec<Json> = report["ids"].as_array().unwrap().iter().map(|id| id["source_id"].clone()).collect();
        ids.sort_by_key(ToString::to_string);
        ids
    }

    fn archived(&self, object: &str) -> usize {
        let page = self.crms.get("hubspot", &format!("/crm/v3/objects/{object}?archived=true&limit=100"));
        page["results"].as_array().unwrap().len()
    }
}

fn account<'report>(report: &'report Json, stream: &str) -> &'report Json {
    let mut streams = report["streams"].as_array().unwrap().iter();
    &streams.find(|one| one["name"] == stream).unwrap()["destinations"][0]
}

#[test]
fn a_person_is_gone_from_the_state_and_comes_back_only_from_the_source() {
    let scene = Scene::new();
    assert_eq!(scene.ids(), ["a1", "b2", "c3", "f1"]);
    let report = scene.erased(&["--email", ADA], 0);
    assert_eq!((&report["is_done"], &report["is_clean"]), (&json!(true), &json!(true)), "{report}");
    for kind in ["id", "image", "duplicate", "merged", "link", "dead_letter"] {
        assert!(report["removed"][kind].as_u64() >= Some(1), "{kind}: {report}");
    }
    let records = report["records"].as_array().unwrap();
    assert_eq!(records.len(), 2, "where the contact is, and the line that was a duplicate: {report}");
    assert_eq!(scene.ids(), ["b2", "f1"]);
    assert_eq!(scene.contacts(), 2, "the contact stays where it is");
    let rejects = scene.desk.ferry(["rejects"]);
    assert!(!rejects.stdout.contains(ADA), "{}", rejects.page());
    let again = scene.erased(&["--email", ADA], 0);
    assert_eq!((&again["removed"], &again["records"]), (&json!({}), &json!([])), "{again}");

    // Gone at the source and at the destination, nothing brings her back from memory.
    scene.put(&PEOPLE[1..2]);
    let contact = records.iter().find_map(|record| record["destination_id"].as_str()).unwrap();
    scene.crms.send("hubspot", ("DELETE", &format!("/crm/v3/objects/contacts/{contact}")), &json!({}));
    let run = scene.run(0);
    assert_eq!((&account(&run, "people")["created"], scene.contacts()), (&json!(0), 1), "{run}");
}

#[test]
fn a_record_is_erased_by_its_stream_and_id() {
    let scene = Scene::new();
    let report = scene.erased(&["--id", "people:b2"], 0);
    let records = report["records"].as_array().unwrap();
    assert_eq!((records.len(), &records[0]["found_by"]), (1, &json!("named")), "{report}");
    assert_eq!(scene.ids(), ["a1", "c3", "f1"]);
    // A link to a firm that is gone is taken out, and the person stays.
    let report = scene.erased(&["--id", "firms:f1"], 0);
    assert!(report["removed"]["link_to_them"].as_u64() >= Some(1), "{report}");
    assert_eq!(scene.ids(), ["a1", "c3"]);
    // Without the pipeline's file, the state file of the folder is taken, and the pipeline that has the stream.
    let report = scene.desk.ferry(["erase", "--id", "people:a1", "--yes", "--json"]).json();
    assert_eq!(report["is_clean"], true, "{report}");
    assert!(!scene.ids().contains(&json!("a1")));
}

#[test]
fn records_are_deleted_at_the_destinations_by_the_vendors_own_calls() {
    let scene = Scene::new();
    let there = |report: &Json| report["at_destinations"].as_array().unwrap().clone();
    let look = scene.erase(&["--email", ADA, "--at-destinations", "--json"]);
    assert_eq!(look.code, 2, "{}", look.page());
    let planned = there(&look.json());
    assert_eq!(
        (planned.len(), &planned[0]["outcome"], &planned[0]["call"]),
        (1, &json!("planned"), &json!("GDPR delete"))
    );
    assert_eq!(scene.contacts(), 2, "nothing is deleted before somebody agrees");
    let report = scene.erased(&["--email", ADA, "--at-destinations"], 0);
    let done = there(&report);
    assert_eq!((done.len(), &done[0]["outcome"], &done[0]["keeps"]), (1, &json!("erased"), &Json::Null), "{report}");
    assert_eq!((scene.contacts(), scene.archived("contacts")), (1, 0), "for good");
    // Companies have no such call.
    let report = scene.erased(&["--id", "firms:f1", "--at-destinations"], 0);
    let done = there(&report);
    assert_eq!((&done[0]["outcome"], &done[0]["call"]), (&json!("deleted"), &json!("delete")), "{report}");
    assert!(done[0]["keeps"].as_str().unwrap().contains("90 days"), "{report}");
    assert_eq!(scene.archived("companies"), 1);
    let audit = fs::read_to_string(scene.desk.path("audit.jsonl")).unwrap();
    assert!(audit.contains("contacts/gdpr-delete") && !audit.to_lowercase().contains(ADA), "{audit}");
}

#[test]
fn each_system_deletes_the_record_and_says_what_it_keeps() {
    for place in &PLACES {
        let vendor = place.vendor;
        let crms = place.start();
        let desk = Desk::new(&crms);
        plans::put(&desk, "people", &[plans::person(1, "Ada"), plans::person(2, "Grace")]);
        let file = plans::pipeline(&desk, place, "people", "upsert");
        desk.run(&crms, &file, &SPEED, 0);
        let held = crms.held(vendor, place.object);
        let words = ["erase", "people.yaml", "--email", "p1@example.org", "--at-destinations", "--yes", "--json"];
        let ran = desk.ferry([&words[..], &SPEED].concat());
        assert_eq!(ran.code, 0, "{vendor}: {}", ran.page());
        assert!(!ran.page().contains("p1@example.org"), "{vendor}: {}", ran.page());
        let report = ran.json();
        let there = report["at_destinations"].as_array().unwrap();
        assert_eq!(there.len(), 1, "{vendor}: {report}");
        let (outcome, has_words) = if vendor == "hubspot" { ("erased", false) } else { ("deleted", true) };
        assert_eq!(
            (&there[0]["outcome"], there[0]["keeps"].is_string()),
            (&json!(outcome), has_words),
            "{vendor}: {report}"
        );
        assert_eq!(crms.held(vendor, place.object), held - 1, "{vendor}: {report}");
        // The other one is still known.
        let again = desk.run(&crms, &file, &SPEED, 0);
        let counts = account(&again, "people");
        assert_eq!((&counts["created"], &counts["unchanged"]), (&json!(1), &json!(1)), "{vendor}: {again}");
    }
}

/// Lines are known by their addresses, and each names a firm too: the firm is not the person's.
#[test]
fn a_firm_that_was_read_from_the_line_of_a_person_stays_where_it_is() {
    let crms = Crms::start(&["hubspot"], None, &SPEED);
    let desk = Desk::new(&crms);
    desk.write("people.csv", "email,firm\nada.unique@example.org,one.example\nbob@example.org,two.example\n");
    let text = PIPELINE
        .replace("people: id, firms: id", "people: email")
        .replace("object: firms }", "object: people }")
        .replace("domain: domain }", "domain: firm }")
        .replace("{ email: { from: email, apply: [email] }, firstname: name, _links.companies: { from: firm, link: firms } }", "{ email: email }");
    let pipeline = desk.write("people.yaml", &text);
    desk.run(&crms, &pipeline, &SPEED, 0);
    let words = ["erase", "people.yaml", "--email", ADA, "--at-destinations", "--yes", "--json"];
    let ran = desk.ferry([&words[..], &SPEED].concat());
    assert_eq!(ran.code, 0, "{}", ran.page());
    let report = ran.json();
    let there = report["at_destinations"].as_array().unwrap();
    let outcomes: Vec<_> =
        there.iter().map(|one| (one["object"].as_str().unwrap(), one["outcome"].as_str().unwrap())).collect();
    assert_eq!(outcomes, [("companies", "left"), ("contacts", "erased")], "{report}");
    assert_eq!((crms.held("hubspot", "companies"), crms.held("hubspot", "contacts")), (2, 1));
    assert_eq!(report["is_clean"], true, "{report}");
}

#[test]
fn what_could_not_be_deleted_is_kept_so_that_it_can_be_tried_again() {
    let mut scene = Scene::new();
    let sandbox = Crms::start(&["hubspot"], None, &["--account", "456"]);
    scene.desk.set("HUBSPOT_URL", sandbox.url("hubspot"));
    let report = scene.erased(&["--email", ADA, "--at-destinations"], 2);
    assert_eq!(report["at_destinations"][0]["outcome"], "failed", "{report}");
    assert_eq!((&report["is_clean"], scene.contacts()), (&json!(true), 2), "{report}");
    assert_eq!(scene.ids().len(), 3, "the entry of the contact stays");
    scene.desk.set("HUBSPOT_URL", scene.crms.url("hubspot").to_owned().as_str());
    let report = scene.erased(&["--email", ADA, "--at-destinations"], 0);
    assert_eq!(report["at_destinations"][0]["outcome"], "erased", "{report}");
    assert_eq!((scene.ids(), scene.contacts()), (vec![json!("b2"), json!("f1")], 1));
}

#[test]
fn files_beside_the_state_are_looked_into() {
    let scene = Scene::new();
    scene.put(&["a1,ada.unique@example.org,Ada Lovelace,f1", PEOPLE[1]]);
    let plan = |name: &str| scene.desk.ferry([&["plan", "people.yaml", "-o", name][..], &SPEED].concat());
    assert_eq!(plan("with.plan").code, 0);
    scene.put(&["b2,bob@example.org,Robert,f1"]);
    assert_eq!(plan("without.plan").code, 0);
    scene.desk.write("state.db.backup-3", "an older form");
    let audit = fs::read_to_string(scene.desk.path("audit.jsonl")).unwrap();
    scene.desk.write("audit.jsonl.1", &format!("{{\"path\":\"x/{}\"}}\n{{\"path\":\"y\"}}\n", ADA.to_uppercase()));
    let plans = ["--plan", "with.plan", "--plan", "without.plan"];
    let report = scene.erased(&[&["--email", ADA][..], &plans].concat(), 0);
    let kinds: Vec<&str> =
        report["files"].as_array().unwrap().iter().map(|file| file["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["backup", "plan", "audit_log"], "{report}");
    let is_there = |name: &str| scene.desk.path(name).exists();
    assert!(!is_there("state.db.backup-3") && !is_there("with.plan") && is_there("without.plan"));
    let masked = fs::read_to_string(scene.desk.path("audit.jsonl.1")).unwrap();
    assert_eq!(masked, "{\"path\":\"x/***\"}\n{\"path\":\"y\"}\n");
    assert!(fs::read_to_string(scene.desk.path("audit.jsonl")).unwrap().starts_with(&audit), "the log is whole");
}

#[test]
fn what_is_said_about_an_erasure() {
    let scene = Scene::new();
    let other = PIPELINE.replace("name: people\nconn", "name: other\nconn");
    scene.desk.write("other.yaml", &other);
    assert_eq!(scene.desk.ferry([&["run", "other.yaml", "--quiet"][..], &SPEED].concat()).code, 4);
    let typed = |args: &[&str]| scene.desk.ferry([&["erase"], args].concat());
    let refusals = [
        ("help", typed(&["--help"])),
        ("nobody is named", typed(&["people.yaml"])),
        ("no address", typed(&["people.yaml", "--email", "ada"])),
        ("no stream", typed(&["people.yaml", "--id", "a1"])),
        ("no such stream", typed(&["people.yaml", "--id", "peopel:a1"])),
        ("streams of two pipelines", typed(&["--id", "people:a1"])),
        ("audit", typed(&["people.yaml", "--email", ADA, "--audit", "log"])),
        ("no plan", typed(&["people.yaml", "--email", ADA, "--plan", "people.csv"])),
        ("no state", typed(&["people.yaml", "--email", ADA, "--state", "other.db"])),
        ("nothing is kept", typed(&["people.yaml", "--email", "nobody@example.org"])),
        ("nobody to ask", typed(&["people.yaml", "--email", ADA])),
    ];
    fs::create_dir(scene.desk.path("state.db.backup-3")).unwrap();
    let folder = typed(&["people.yaml", "--id", "people:d4", "--yes"]);
    fs::remove_dir(scene.desk.path("state.db.backup-3")).unwrap();
    let reader = rusqlite::Connection::open(scene.desk.path("state.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT * FROM runs;").unwrap();
    let in_use = typed(&["people.yaml", "--email", "bob@example.org", "--yes"]);
    drop(reader);
    let done = typed(&["people.yaml", "--email", ADA, "--at-destinations", "--yes", "--clock-speed", "50"]);
    let pages: Vec<(&str, Ran)> = refusals
        .into_iter()
        .chain([("a file that cannot be deleted", folder), ("somebody reads the state", in_use), ("done", done)])
        .collect();
    for (title, ran) in &pages {
        assert!(!ran.page().to_lowercase().contains(ADA), "{title}: {}", ran.page());
    }
    check_all(&scene.desk, "erase", &pages);
}

#[test]
fn an_erasure_waits_for_no_run() {
    let crms = Crms::start(&["hubspot"], None, &["--fault", "slow=200ms"]);
    let desk = Desk::new(&crms);
    desk.write("firms.csv", "id,domain\n");
    let rows: Vec<String> = (0..400).map(|number| format!("p{number},p{number}@example.org,P,")).collect();
    desk.write("people.csv", &format!("id,email,name,firm\n{}\n", rows.join("\n")));
    desk.write("people.yaml", &format!("{PIPELINE}limits: {{ batch_size: 10 }}\n"));
    let running = desk.start("run", ["run", "people.yaml"]);
    wait_until("records are written", || crms.held("hubspot", "contacts") >= 20);
    let refused = desk.ferry(["erase", "people.yaml", "--email", "p1@example.org", "--yes"]);
    assert_eq!(refused.code, 3, "{}", refused.page());
    assert!(refused.stderr.contains("[state.locked]"), "{}", refused.page());
    running.signal("INT");
    running.finish();
}
