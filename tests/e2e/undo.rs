//! What a run wrote is taken back: the destination is what it was before, but for what somebody changed since.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::{Value as Json, json};

use super::{
    mirrors::{PLACES, Place, SPEED},
    pages::check_all,
    support::{Crms, Desk, wait_until},
};

/// A vendor with people of its own, and the files that are read into it.
struct Scene<'place> {
    place: &'place Place,
    crms: Crms,
    desk: Desk,
}

impl<'place> Scene<'place> {
    fn new(place: &'place Place, write: &str) -> Self {
        let crms = place.start();
        let desk = Desk::new(&crms);
        let scene = Self { place, crms, desk };
        scene.put("people", "people", &format!("write: {write}, key: [{}]", place.key));
        // Somebody works at the destination by hand.
        scene.put("hand", "hand", &format!("write: update, key: [{}]", place.key));
        scene.put_export();
        scene
    }

    fn put(&self, name: &str, file: &str, how: &str) {
        let Place { connection, object, key, name: name_field, email, .. } = self.place;
        let email = if key == email { String::new() } else { format!(", {email}: email") };
        self.desk.write(
            &format!("{name}.yaml"),
            &format!(
                "version: 1\nname: {name}\nundo: {{ keep_days: 30 }}\nconnections:\n  files: {{ type: json, path: ., format: lines, id: id }}\n  crm: {connection}\n\
                 streams:\n  - name: people\n    source: {{ connection: files, object: {file} }}\n    destinations:\n\
                 \x20     - {{ connection: crm, object: {object}, {how}, mappings: {{ {key}: email, {name_field}: name{email} }} }}\n\
                 limits: {{ max_deletes: 50% }}\n"
            ),
        );
    }

    fn put_export(&self) {
        let Place { connection, object, key, name, .. } = self.place;
        fs::create_dir_all(self.desk.path("out")).unwrap();
        self.desk.write(
            "export.yaml",
            &format!(
                "version: 1\nname: export\nconnections:\n  crm: {connection}\n  out: {{ type: json, path: out, format: lines }}\n\
                 streams:\n  - name: all\n    source: {{ connection: crm, object: {object} }}\n    destinations:\n\
                 \x20     - {{ connection: out, object: all, mappings: {{ key: {key}, name: {name} }} }}\n"
            ),
        );
    }

    /// Puts people into the file: a name by each number.
    fn people(&self, file: &str, people: &[(usize, &str)]) {
        let row = |(number, name): &(usize, &str)| json!({ "id": format!("p{number}"), "email": format!("p{number}@example.org"), "name": format!("{name} {number}") });
        let rows: Vec<String> = people.iter().map(|person| row(person).to_string()).collect();
        self.desk.write(&format!("{file}.jsonl"), &format!("{}\n", rows.join("\n")));
    }

    fn run(&self, pipeline: &str) -> Json {
        let path: PathBuf = self.desk.path(&format!("{pipeline}.yaml"));
        self.desk.run(&self.crms, &path, &SPEED, 0)
    }

    fn undo(&self, run: &Json, args: &[&str], code: i32) -> Json {
        let words = ["undo", run["run_id"].as_str().unwrap(), "--json", "--quiet"];
        let ran = self.desk.ferry([&words, &SPEED[..], args].concat());
        assert_eq!(ran.code, code, "{}: {}", self.place.vendor, ran.page());
        ran.json()
    }

    /// Returns the lines of an export of all that the destination holds.
    fn export(&self) -> BTreeSet<String> {
        self.run("export");
        let text = fs::read_to_string(self.desk.path("out/all.jsonl")).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

fn account(report: &Json) -> &Json {
    &report["streams"][0]["destinations"][0]
}

fn counts(report: &Json, names: &[&str]) -> Vec<u64> {
    names.iter().map(|name| report["targets"][0][*name].as_u64().unwrap()).collect()
}

const UNDONE: [&str; 5] = ["restored", "deleted", "recreated", "left_changed", "left_gone"];

fn named(name: &'static str, numbers: impl IntoIterator<Item = usize>) -> Vec<(usize, &'static str)> {
    numbers.into_iter().map(|number| (number, name)).collect()
}

#[test]
fn a_run_is_taken_back_but_for_what_somebody_changed_since() {
    for place in &PLACES {
        let vendor = place.vendor;
        let scene = Scene::new(place, "upsert");
        let first = named("First", 1..=20);
        scene.people("people", &first);
        scene.run("people");
        let before = scene.export();
        let second = [named("Second", 1..=10), named("First", 11..=20), named("New", 21..=25)].concat();
        scene.people("people", &second);
        let run = scene.run("people");
        assert_eq!((&account(&run)["updated"], &account(&run)["created"]), (&json!(10), &json!(5)), "{vendor}: {run}");
        scene.people("hand", &named("Hand", [1, 21]));
        scene.run("hand");
        let written = scene.export();
        let is_by_hand = |line: &&String| line.contains("Hand ");
        assert_eq!(written.iter().filter(is_by_hand).count(), 2, "{vendor}");

        let plan = scene.undo(&run, &["--plan"], 0);
        assert_eq!(counts(&plan, &UNDONE), [9, 4, 0, 2, 0], "{vendor}: {plan}");
        assert_eq!(scene.export(), written, "{vendor}: a plan writes nothing");
        let undone = scene.undo(&run, &["--yes"], 4);
        assert_eq!(counts(&undone, &UNDONE), [9, 4, 0, 2, 0], "{vendor}: {undone}");
        let left = undone["left"].as_array().unwrap();
        assert_eq!(left.len(), 2, "{vendor}: {undone}");
        let both = left.iter().all(|left| {
            let field = &left["fields"][0];
            left["why"] == "changed" && field["wrote"] != field["holds"] && field["holds"].to_string().contains("Hand")
        });
        assert!(both, "{vendor}: {undone}");
        let after = scene.export();
        let kept: BTreeSet<String> = after.iter().filter(|line| !is_by_hand(line)).cloned().collect();
        let old: BTreeSet<String> = before.iter().filter(|line| !line.contains("p1@")).cloned().collect();
        assert_eq!(kept, old, "{vendor}");

        // What is taken back is taken back itself: all is as the run left it.
        let again = scene.undo(&undone, &["--yes"], 0);
        assert_eq!(counts(&again, &UNDONE), [9, 0, 4, 0, 0], "{vendor}: {again}");
        assert_eq!(scene.export(), written, "{vendor}");
        let idle = scene.run("people");
        assert_eq!(account(&idle)["unchanged"], 25, "{vendor}: {idle}");

        // Taken back once more, the next run does the work again.
        let undone = scene.undo(&run, &["--yes"], 4);
        assert_eq!(counts(&undone, &UNDONE), [9, 4, 0, 2, 0], "{vendor}: {undone}");
        let redone = scene.run("people");
        let redone = account(&redone);
        let done = (&redone["updated"], &redone["created"], &redone["unchanged"]);
        assert_eq!(done, (&json!(9), &json!(4), &json!(12)), "{vendor}: {redone}");
        assert_eq!(scene.export(), written, "{vendor}");
    }
}

#[test]
fn what_a_mirror_deleted_is_created_again() {
    for place in &PLACES {
        let vendor = place.vendor;
        let scene = Scene::new(place, "mirror");
        scene.people("people", &named("First", 1..=20));
        scene.run("people");
        let before = scene.export();
        scene.people("people", &named("First", 1..=17));
        let run = scene.run("people");
        assert_eq!(account(&run)["deleted"], 3, "{vendor}: {run}");
        let undone = scene.undo(&run, &["--yes"], 0);
        assert_eq!(counts(&undone, &UNDONE), [0, 0, 3, 0, 0], "{vendor}: {undone}");
        assert_eq!(scene.export(), before, "{vendor}");
        // They are known under their new ids: the next run deletes them again.
        let redone = scene.run("people");
        assert_eq!(account(&redone)["deleted"], 3, "{vendor}: {redone}");
    }
}

#[test]
fn an_undo_that_is_killed_goes_on_and_does_nothing_twice() {
    let place = &PLACES[0];
    let crms = Crms::start(&[place.vendor], None, &["--fault", "slow=100ms", SPEED[0], SPEED[1]]);
    let desk = Desk::new(&crms);
    let scene = Scene { place, crms, desk };
    scene.put("people", "people", &format!("write: upsert, key: [{}]", place.key));
    let pipeline = scene.desk.path("people.yaml");
    let text = fs::read_to_string(&pipeline).unwrap().replace("max_deletes: 50%", "batch_size: 10");
    fs::write(&pipeline, text).unwrap();
    scene.people("people", &named("First", 1..=100));
    scene.run("people");
    scene.people("people", &[named("Second", 1..=100), named("New", 101..=200)].concat());
    let run = scene.run("people");
    let held = || scene.crms.held(place.vendor, place.object);
    assert_eq!(held(), 200);
    let words = ["undo", run["run_id"].as_str().unwrap(), "--yes", "--json"];
    let killed = scene.desk.start("undo", [&words, &SPEED[..]].concat());
    wait_until("half of the new people are gone", || held() < 160);
    killed.signal("KILL");
    drop(killed);
    let undone = scene.undo(&run, &["--yes"], 0);
    assert_eq!(counts(&undone, &UNDONE), [100, 100, 0, 0, 0], "{undone}");
    assert_eq!(held(), 100);
    let redone = scene.run("people");
    let redone = account(&redone);
    assert_eq!((&redone["updated"], &redone["created"]), (&json!(100), &json!(100)), "{redone}");
}

#[test]
fn what_is_said_about_an_undo() {
    let scene = Scene::new(&PLACES[0], "upsert");
    scene.people("people", &named("First", 1..=3));
    scene.run("people");
    scene.people("people", &[named("Second", 1..=3), named("New", 4..=5)].concat());
    let run = scene.run("people");
    scene.people("hand", &named("Hand", [1, 4]));
    scene.run("hand");
    let run_id = run["run_id"].as_str().unwrap();
    let typed = |args: &[&str]| scene.desk.ferry([&["undo", run_id][..], &SPEED, args].concat());
    let unasked = typed(&[]);
    assert_eq!(unasked.code, 2, "{}", unasked.page());
    let (plan, done) = (typed(&["--plan"]), typed(&["--yes", "--quiet"]));
    assert_eq!((plan.code, done.code), (0, 4), "{}\n{}", plan.page(), done.page());
    let shown = scene.desk.ferry(["show"]);
    let kept = fs::read_to_string(scene.desk.path("people.yaml")).unwrap();
    let off = kept.replace("undo: { keep_days: 30 }", "undo: off");
    scene.desk.write("people.yaml", &off);
    scene.people("people", &named("Third", 2..=3));
    let run = scene.run("people");
    let refused = scene.desk.ferry(["undo", run["run_id"].as_str().unwrap(), "--yes"]);
    assert_eq!(refused.code, 2, "{}", refused.page());
    let pages = [
        ("nobody to ask", unasked),
        ("a plan", plan),
        ("done", done),
        ("shown later", shown),
        ("`undo: off`", refused),
    ];
    check_all(&scene.desk, "undo", &pages);
}

const LINKED: &str = "\
version: 1
name: linked
connections:
  files: { type: csv, path: ., id: { firms: domain, linked: email } }
  crm: { type: hubspot, token: \"${HUBSPOT_TOKEN}\", base_url: \"${HUBSPOT_URL}\" }
streams:
  - name: firms
    source: { connection: files, object: firms }
    destinations: [{ connection: crm, object: companies, write: upsert, key: [domain], mappings: { domain: domain } }]
  - name: people
    source: { connection: files, object: linked }
    destinations:
      - { connection: crm, object: contacts, write: upsert, key: [email], mappings: { email: email, _links.companies: { from: firm, link: firms } } }
";

/// Links that are set by calls of their own: those of the run go, those that were there stay, and the next run sets them again.
#[test]
fn associations_that_a_run_set_are_taken_away() {
    let crms = Crms::start(&["hubspot"], None, &SPEED);
    let desk = Desk::new(&crms);
    let pipeline = desk.write("linked.yaml", LINKED);
    desk.write("firms.csv", "domain\none.example\ntwo.example\n");
    let people = |firms: &[&str]| {
        let row = |(index, firm): (usize, &&str)| format!("l{index}@example.org,{firm}\n");
        let rows: String = firms.iter().enumerate().map(row).collect();
        desk.write("linked.csv", &format!("email,firm\n{rows}"));
    };
    let links = || crms.counts()["hubspot"]["associations"]["contacts>companies"].as_u64().unwrap_or_default();
    let run = || desk.run(&crms, &pipeline, &SPEED, 0);
    let type_undo = |run: &Json, args: &[&str]| {
        desk.ferry([&["undo", run["run_id"].as_str().unwrap(), "--json"][..], &SPEED, args].concat())
    };
    people(&["", "", "", "one.example"]);
    run();
    assert_eq!(links(), 1);
    people(&["one.example", "two.example", "", "one.example", "one.example"]);
    let linked = run();
    assert_eq!(links(), 4);
    let plan = type_undo(&linked, &["--plan"]);
    assert_eq!((plan.code, links()), (0, 4), "{}", plan.page());
    let undone = type_undo(&linked, &["--yes"]);
    assert_eq!((undone.code, links()), (0, 1), "{}", undone.page());
    let again = run();
    assert_eq!(links(), 4, "{again}");
    let plan = desk.ferry([&["plan", "linked.yaml", "--exit-code", "--quiet"][..], &SPEED].concat());
    assert_eq!(plan.code, 0, "{}", plan.page());
    let undone = type_undo(&again, &["--yes"]);
    assert_eq!((undone.code, links()), (0, 1), "{}", undone.page());
}

const PARENTS: &str = "\
version: 1
name: parents
connections:
  files: { type: csv, path: ., id: { firms: domain, staff: email } }
  org: { type: salesforce, base_url: \"${SALESFORCE_URL}\", client_id: \"${SALESFORCE_CLIENT_ID}\", client_secret: \"${SALESFORCE_CLIENT_SECRET}\" }
limits: { max_deletes: 50% }
streams:
  - name: firms
    source: { connection: files, object: firms }
    destinations: [{ connection: org, object: Account, write: mirror, key: [Website], mappings: { Website: domain, Name: domain } }]
  - name: staff
    source: { connection: files, object: staff }
    destinations: [{ connection: org, object: Contact, write: mirror, key: [Email], mappings: { Email: email, LastName: email, AccountId: { from: firm, link: firms } } }]
";

/// What a deleted record led to is created again under a new id: where the system keeps such an id as a text too.
#[test]
fn links_lead_to_the_new_ids_of_what_is_created_again() {
    let crms = Crms::start(&["salesforce"], None, &SPEED);
    let desk = Desk::new(&crms);
    let pipeline = desk.write("parents.yaml", PARENTS);
    let firms = |domains: &[&str]| desk.write("firms.csv", &format!("domain\n{}\n", domains.join("\n")));
    let staff = |rows: &[&str]| desk.write("staff.csv", &format!("email,firm\n{}\n", rows.join("\n")));
    firms(&["one.example", "two.example", "three.example"]);
    let people = [
        "a@one.example,one.example",
        "b@one.example,one.example",
        "c@two.example,two.example",
        "d@two.example,two.example",
        "e@two.example,two.example",
    ];
    staff(&people);
    desk.run(&crms, &pipeline, &SPEED, 0);
    let linked = || {
        let query = "/services/data/v62.0/query?q=SELECT+Email,Account.Website+FROM+Contact+WHERE+Email+LIKE+'%25one.example'+ORDER+BY+Email";
        let found = crms.get("salesforce", query);
        let pair = |record: &Json| (record["Email"].clone(), record["Account"]["Website"].clone());
        found["records"].as_array().unwrap().iter().map(pair).collect::<Vec<_>>()
    };
    let before = linked();
    assert_eq!(before.len(), 2);
    firms(&["two.example", "three.example"]);
    staff(&people[2..]);
    let mirrored = desk.run(&crms, &pipeline, &SPEED, 0);
    assert_eq!(mirrored["streams"][1]["destinations"][0]["deleted"], 2, "{mirrored}");
    let undone = desk.ferry([&["undo", mirrored["run_id"].as_str().unwrap(), "--yes", "--json"][..], &SPEED].concat());
    assert_eq!(undone.code, 0, "{}", undone.page());
    assert_eq!(linked(), before, "{}", undone.page());
}
