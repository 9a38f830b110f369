//! State belongs to accounts, not to names: another account behind the same connection begins with nothing.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value as Json, json};

use super::{
    pages::check_all,
    support::{Crms, Desk, Gateway, repository},
};

/// A vendor with two accounts, and what differs between vendors.
struct Vendor {
    name: &'static str,
    noun: &'static str,
    /// The ids of the first account and of another one, as `ferry` writes them.
    accounts: [&'static str; 2],
    connection: &'static str,
    object: &'static str,
    email: &'static str,
    /// The field of the surname.
    label: &'static str,
    /// A fixture of one person: its file's name, and its text with `EMAIL` in the address's place.
    fixtures: &'static [(&'static str, &'static str)],
}

const HUBSPOT: Vendor = Vendor {
    name: "hubspot",
    noun: "portal",
    accounts: ["24681357", "456"],
    connection: "{ type: hubspot, token: \"${TOKEN}\", base_url: \"${URL}\" }",
    object: "contacts",
    email: "email",
    label: "lastname",
    fixtures: &[("contacts.csv", "_id,email,lastname\n151,EMAIL,Person\n")],
};

const VENDORS: [Vendor; 3] = [
    HUBSPOT,
    Vendor {
        name: "salesforce",
        noun: "organisation",
        accounts: ["00D5g0000000001EAA", "00D5g0000000002EAA"],
        connection: "{ type: salesforce, client_id: app, client_secret: \"${TOKEN}\", base_url: \"${URL}\" }",
        object: "Contact",
        email: "Email",
        label: "LastName",
        fixtures: &[("Contact.csv", "Id,LastName,Email\n0037f0000000001,Person,EMAIL\n")],
    },
    Vendor {
        name: "airtable",
        noun: "base",
        accounts: ["appFerryDemo00001", "appFerryDemo00002"],
        connection: "{ type: airtable, token: \"${TOKEN}\", base_url: \"${URL}\", base_id: \"${BASE}\" }",
        object: "Contacts",
        email: "Email",
        label: "Name",
        fixtures: &[
            ("Contacts.csv", "_id,Name,Email\nrecPerson00000001,Person,EMAIL\n"),
            (
                "Contacts.schema.yaml",
                "fields:\n  - { name: Name, type: singleLineText }\n  - { name: Email, type: email }\n",
            ),
        ],
    },
];

/// The two accounts of a vendor, each a local system of its own, and the desk at which either can be logged in to.
struct Accounts {
    vendor: &'static Vendor,
    systems: [Crms; 2],
    desk: Desk,
}

impl Accounts {
    /// Starts both; `people` are the addresses of the one record that each begins with, if any.
    fn start(vendor: &'static Vendor, people: Option<[&str; 2]>) -> Self {
        let desk = Desk::without_tokens();
        let start = |index: usize| {
            let folder = desk.path(&format!("fixtures-{index}"));
            let own = folder.join(vendor.name);
            fs::create_dir_all(&own).unwrap();
            for (file, text) in vendor.fixtures {
                let email = people.map_or("", |people| people[index]);
                let is_left_out =
                    people.is_none() && Path::new(file).extension().is_some_and(|extension| extension == "csv");
                if !is_left_out {
                    fs::write(own.join(file), text.replace("EMAIL", email)).unwrap();
                }
            }
            Crms::start(&[vendor.name], Some(&folder), &["--account", vendor.accounts[index]])
        };
        let mut accounts = Self { vendor, systems: [start(0), start(1)], desk };
        accounts.log_in(0);
        accounts
    }

    /// Puts the login of one of the accounts in.
    fn log_in(&mut self, index: usize) {
        self.desk.set("TOKEN", &format!("token-of-account-{index}"));
        self.desk.set("URL", self.systems[index].url(self.vendor.name));
        self.desk.set("BASE", self.vendor.accounts[index]);
    }

    fn held(&self, index: usize) -> u64 {
        self.systems[index].held(self.vendor.name, self.vendor.object)
    }

    fn requests(&self, index: usize, kind: &str) -> u64 {
        self.systems[index].counts()[self.vendor.name]["requests"][kind].as_u64().unwrap()
    }

    /// Returns the line that is said of an account that is new.
    fn is_new(&self, connection: &str, [now, before]: [usize; 2]) -> String {
        let Vendor { noun, accounts, .. } = self.vendor;
        format!(
            "{connection} is another account ({noun} {}; last time {}): Ferry remembers nothing of it yet",
            accounts[now], accounts[before]
        )
    }

    /// Puts a pipeline from a file to the vendor on the desk; `more` are further options of the connection.
    fn put_people(&self, more: &str) -> PathBuf {
        let Vendor { connection, object, email, label, .. } = self.vendor;
        let connection = connection.replace(" }", &format!("{more} }}"));
        self.desk.write(
            "people.yaml",
            &format!(
                "version: 1\nname: people\nconnections:\n  files: {{ type: csv, path: ., id: {{ people: id }} }}\n  crm: {connection}\n\
                 streams:\n  - name: people\n    source: {{ connection: files, object: people }}\n    destinations:\n\
                 \x20     - connection: crm\n        object: {object}\n        key: [{email}]\n\
                 \x20       mappings: {{ {email}: email, {label}: name }}\n"
            ),
        )
    }

    /// Runs a pipeline; returns the counts of its one destination, and what was said.
    fn run(&self, pipeline: &Path) -> (Json, String) {
        let ran = self.desk.ferry(["run", pipeline.to_str().unwrap(), "--json"]);
        assert_eq!(ran.code, 0, "{}: {ran:?}", self.vendor.name);
        (ran.json()["streams"][0].clone(), ran.stderr)
    }
}

const PEOPLE: &str = "id,email,name\n1,ada@example.org,Ada\n2,bob@example.org,Bob\n";

fn counts(stream: &Json) -> [u64; 3] {
    ["created", "updated", "unchanged"].map(|column| stream["destinations"][0][column].as_u64().unwrap())
}

#[test]
fn another_destination_account_gets_everything_and_the_first_is_as_it_was() {
    for vendor in &VENDORS {
        let mut accounts = Accounts::start(vendor, None);
        let pipeline = accounts.put_people("");
        accounts.desk.write("people.csv", PEOPLE);
        let (first, said) = accounts.run(&pipeline);
        assert_eq!(counts(&first), [2, 0, 0], "{}", vendor.name);
        assert!(!said.contains("another account"), "{said}");
        assert_eq!(first["destinations"][0]["account"], vendor.accounts[0]);
        assert_eq!(first["source_account"], Json::Null, "files have no account");

        accounts.log_in(1);
        let (other, said) = accounts.run(&pipeline);
        assert_eq!(counts(&other), [2, 0, 0], "{}: the other account holds nothing yet", vendor.name);
        assert_eq!((accounts.held(0), accounts.held(1)), (2, 2));
        assert!(said.contains(&accounts.is_new("crm", [1, 0])), "{said}");

        // A change goes to the record of the account that is logged in to, under that account's id.
        accounts.desk.write("people.csv", &PEOPLE.replace("Bob", "Robert"));
        let writes = accounts.requests(0, "write");
        assert_eq!(counts(&accounts.run(&pipeline).0), [0, 1, 1], "{}", vendor.name);
        assert_eq!(accounts.requests(0, "write"), writes, "nothing went to the first account");

        accounts.log_in(0);
        let (back, said) = accounts.run(&pipeline);
        assert_eq!(counts(&back), [0, 1, 1], "{}: the first account is as it was left", vendor.name);
        assert!(!said.contains("remembers nothing"), "{said}");
        assert_eq!((accounts.held(0), accounts.held(1)), (2, 2));
    }
}

#[test]
fn another_source_account_is_read_whole_and_its_records_are_other_records() {
    for vendor in &VENDORS {
        // One id in both accounts, and two people.
        let mut accounts = Accounts::start(vendor, Some(["ada@example.org", "bob@example.org"]));
        let sink = Crms::start(&["hubspot"], None, &[]);
        accounts.desk.set("SINK", sink.url("hubspot"));
        let Vendor { connection, object, email, label, .. } = vendor;
        let pipeline = accounts.desk.write(
            "out.yaml",
            &format!(
                "version: 1\nname: out\nconnections:\n  crm: {connection}\n  sink: {{ type: hubspot, token: \"${{TOKEN}}\", base_url: \"${{SINK}}\" }}\n\
                 streams:\n  - name: people\n    source: {{ connection: crm, object: {object}, sync: incremental }}\n    destinations:\n\
                 \x20     - connection: sink\n        object: contacts\n        key: [email]\n\
                 \x20       mappings: {{ email: {email}, lastname: {label} }}\n"
            ),
        );
        let (first, _) = accounts.run(&pipeline);
        assert_eq!(counts(&first), [1, 0, 0], "{}", vendor.name);
        assert_eq!(first["source_account"], vendor.accounts[0]);
        accounts.log_in(1);
        let (other, said) = accounts.run(&pipeline);
        assert_eq!(counts(&other), [1, 0, 0], "{}: Bob is not Ada with another address", vendor.name);
        assert!(said.contains(&accounts.is_new("crm", [1, 0])), "{said}");
        assert_eq!(sink.held("hubspot", "contacts"), 2);
        accounts.log_in(0);
        let (back, said) = accounts.run(&pipeline);
        let [created, updated, _] = counts(&back);
        assert_eq!((created, updated), (0, 0), "{}", vendor.name);
        assert!(!said.contains("remembers nothing"), "{said}");
    }
}

#[test]
fn any_other_account_than_the_pinned_one_is_refused_before_anything_is_read_or_written() {
    for vendor in &VENDORS {
        let mut accounts = Accounts::start(vendor, None);
        accounts.desk.write("people.csv", PEOPLE);
        let pipeline = accounts.put_people(&format!(", account: {}", vendor.accounts[0]));
        accounts.log_in(1);
        let ran = accounts.desk.ferry(["run", pipeline.to_str().unwrap(), "--json"]);
        assert_eq!(ran.code, 3, "{ran:?}");
        let error = &ran.json()["error"];
        assert_eq!(error["code"], "account.pinned");
        let (message, [pinned, found]) = (error["message"].as_str().unwrap(), vendor.accounts);
        assert!(message.contains(pinned) && message.contains(found) && message.contains(vendor.noun), "{message}");
        assert!(error["hint"].is_string());
        assert_eq!((accounts.requests(1, "write"), accounts.held(1)), (0, 0), "{}", vendor.name);
        assert!(accounts.requests(1, "read") <= 2, "a login and whose it is");
        let ran = accounts.desk.ferry(["check", pipeline.to_str().unwrap()]);
        assert_eq!(ran.code, 3, "{ran:?}");
        assert!(ran.stdout.contains("error  crm: account: "), "{}", ran.stdout);

        accounts.log_in(0);
        assert_eq!(counts(&accounts.run(&pipeline).0), [2, 0, 0], "{}", vendor.name);
    }
}

#[test]
fn a_pinned_id_is_compared_as_the_vendor_compares_ids() {
    let spellings = [(0, "24681357"), (0, "\"24681357\""), (1, "00D5g0000000001"), (1, "00D5g0000000001EAA")];
    for (vendor, spelling) in spellings {
        let accounts = Accounts::start(&VENDORS[vendor], None);
        accounts.desk.write("people.csv", PEOPLE);
        let pipeline = accounts.put_people(&format!(", account: {spelling}"));
        assert_eq!(counts(&accounts.run(&pipeline).0), [2, 0, 0], "{spelling}");
    }
}

#[test]
fn check_runs_and_show_tell_the_account() {
    for vendor in &VENDORS {
        let accounts = Accounts::start(vendor, None);
        accounts.desk.write("people.csv", PEOPLE);
        let pipeline = accounts.put_people("");
        let account = vendor.accounts[0];
        let checked = accounts.desk.ferry(["check", pipeline.to_str().unwrap()]);
        let line = format!("ok     crm: account: {} {account}", vendor.noun);
        assert!(checked.stdout.lines().any(|said| said == line), "{}", checked.stdout);
        accounts.run(&pipeline);
        let shown = accounts.desk.ferry(["show", "last", "--json"]).json();
        assert_eq!(shown["streams"][0]["destinations"][0]["account"], account);
        assert_eq!(shown["streams"][0]["source_account"], Json::Null);
        let listed = accounts.desk.ferry(["runs", "--json"]).json();
        assert_eq!(listed["runs"][0]["accounts"], json!({ "crm": account }));
        let text = accounts.desk.ferry(["runs"]).stdout;
        assert!(text.contains(account), "{text}");
    }
}

#[test]
fn what_one_account_refused_is_not_loaded_into_another() {
    let mut accounts = Accounts::start(&HUBSPOT_ALONE, None);
    accounts.desk.write("people.csv", "id,email,name\n1,no address,Ada\n");
    let pipeline = accounts.put_people("");
    let ran = accounts.desk.ferry(["run", pipeline.to_str().unwrap(), "--json"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    let run_id = ran.json()["run_id"].as_str().unwrap().to_owned();
    accounts.log_in(1);
    let ran = accounts.desk.ferry(["redrive", &run_id, "--json"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert_eq!(ran.json()["error"]["code"], "account.other");
    assert_eq!((accounts.requests(1, "write"), accounts.held(1)), (0, 0));
    let listed = accounts.desk.ferry(["runs", "--json"]).json();
    let begun = listed["runs"].as_array().unwrap().iter().filter(|run| run["is_begun"] == true);
    assert_eq!(begun.count(), 1, "no redrive began");
}

static HUBSPOT_ALONE: Vendor = HUBSPOT;

/// The key of the state files of release 0.1 in `tests/data`.
fn put_old_state(accounts: &mut Accounts, file: &str) {
    accounts.desk.set("FERRY_STATE_KEY", &"0f".repeat(32));
    let state = fs::read(repository("tests/data/state-0.1").join(file)).unwrap();
    fs::write(accounts.desk.path("state.db"), state).unwrap();
}

#[test]
fn what_an_old_state_file_remembers_belongs_to_the_first_account_that_is_seen() {
    let mut accounts = Accounts::start(&HUBSPOT_ALONE, None);
    put_old_state(&mut accounts, "done.db");
    accounts.desk.write("people.csv", PEOPLE);
    let pipeline = accounts.put_people("");
    let (first, said) = accounts.run(&pipeline);
    assert_eq!(counts(&first), [0, 0, 2], "{said}");
    let adopted = "crm is portal 24681357: what Ferry remembers of earlier runs belongs to this account from now on";
    assert_eq!(said.matches(adopted).count(), 1, "{said}");
    assert!(!accounts.run(&pipeline).1.contains("from now on"), "it is said once");
    accounts.log_in(1);
    let (other, said) = accounts.run(&pipeline);
    assert_eq!(counts(&other), [2, 0, 0], "{said}");
    assert!(said.contains(&accounts.is_new("crm", [1, 0])), "{said}");
}

#[test]
fn an_upgrade_in_the_middle_of_a_stopped_run_goes_on_with_it() {
    let mut accounts = Accounts::start(&HUBSPOT_ALONE, None);
    put_old_state(&mut accounts, "stopped.db");
    let people = (1..=300).map(|number| format!("{number},p{number}@example.org,Person {number}\n"));
    accounts.desk.write("people.csv", &std::iter::once("id,email,name\n".to_owned()).chain(people).collect::<String>());
    let pipeline = accounts.put_people("");
    let text = fs::read_to_string(&pipeline).unwrap();
    fs::write(&pipeline, format!("{text}limits: {{ batch_size: 10 }}\n")).unwrap();
    let ran = accounts.desk.ferry(["run", pipeline.to_str().unwrap(), "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let report = ran.json();
    assert_eq!(
        (report["run_id"].as_str(), report["is_resumed"].as_bool()),
        (Some("run_20261201_103729_6682"), Some(true))
    );
    assert_eq!(counts(&report["streams"][0]), [300, 0, 0], "80 were created by the release before");
    assert_eq!(accounts.held(0), 220);
}

#[test]
fn what_a_person_sees_of_another_account() {
    let mut accounts = Accounts::start(&HUBSPOT_ALONE, None);
    accounts.desk.write("people.csv", "id,email,name\n1,no address,Ada\n");
    accounts.put_people("");
    let mut pages = vec![("the first account", accounts.desk.ferry(["run", "people.yaml"]))];
    accounts.log_in(1);
    pages.push(("records that the first account refused", accounts.desk.ferry(["redrive", "last"])));
    accounts.desk.write("people.csv", PEOPLE);
    pages.push(("another account", accounts.desk.ferry(["run", "people.yaml"])));
    pages.push(("the history", accounts.desk.ferry(["runs", "--json"])));
    accounts.log_in(0);
    pages.push(("the first account again", accounts.desk.ferry(["run", "people.yaml"])));
    accounts.put_people(", account: 456");
    pages.push(("a pinned connection", accounts.desk.ferry(["run", "people.yaml"])));
    pages.push(("a check of it", accounts.desk.ferry(["check", "people.yaml"])));
    pages.push(("a description of it", accounts.desk.ferry(["describe", "crm", "contacts", "--file", "people.yaml"])));
    pages.push(("two local accounts with one id", accounts.desk.ferry(["emulate", "--account", "5", "--port", "0"])));
    check_all(&accounts.desk, "another_account", &pages);
}

#[test]
fn an_account_that_is_not_told_is_not_worked_with() {
    let mut pages = Vec::new();
    let mut accounts = Accounts::start(&HUBSPOT_ALONE, None);
    accounts.desk.write("people.csv", PEOPLE);
    accounts.put_people("");
    let gateway = Gateway::before(&accounts.systems[0], "hubspot");
    accounts.desk.set("URL", gateway.url());
    gateway.says(&[("/account-info/", 404, json!({ "status": "error", "message": "resource not found" }))]);
    pages.push(("a version of HubSpot's API that has no accounts", accounts.desk.ferry(["run", "people.yaml"])));
    assert_eq!(accounts.requests(0, "write"), 0);
    let mut accounts = Accounts::start(&VENDORS[1], None);
    accounts.desk.write("people.csv", PEOPLE);
    accounts.put_people("");
    let gateway = Gateway::before(&accounts.systems[0], "salesforce");
    accounts.desk.set("URL", gateway.url());
    let token = json!({ "access_token": "eyJh.eyJz.c2ln", "instance_url": gateway.url(), "token_type": "Bearer" });
    let refused = json!({ "error": "Bad_OAuth_Token" });
    gateway.says(&[("/services/oauth2/token", 200, token), ("/services/oauth2/userinfo", 403, refused)]);
    pages.push(("a session that may not ask whose it is", accounts.desk.ferry(["run", "people.yaml"])));
    assert_eq!(accounts.requests(0, "write"), 0);
    check_all(&accounts.desk, "untold_account", &pages);
}

#[test]
fn links_lead_to_records_of_the_same_account() {
    let mut accounts = Accounts::start(&HUBSPOT_ALONE, None);
    accounts.desk.write("firms.csv", "id,name\nf1,Ferry\n");
    accounts.desk.write("people.csv", "id,email,firm\n1,ada@example.org,f1\n2,bob@example.org,f1\n");
    let pipeline = accounts.desk.write(
        "links.yaml",
        "version: 1\nname: links\nconnections:\n  files: { type: csv, path: ., id: { people: id, firms: id } }\n  \
         crm: { type: hubspot, token: \"${TOKEN}\", base_url: \"${URL}\" }\nstreams:\n  \
         - name: people\n    source: { connection: files, object: people }\n    destinations:\n      \
         - connection: crm\n        object: contacts\n        key: [email]\n        \
         mappings: { email: email, _links.companies: { link: firms, from: firm } }\n  \
         - name: firms\n    source: { connection: files, object: firms }\n    destinations:\n      \
         - { connection: crm, object: companies, key: [name], mappings: { name: name } }\n",
    );
    // The other portal has a company already, so that the ids of the two portals differ.
    let folder = accounts.desk.path("other");
    fs::create_dir_all(folder.join("hubspot")).unwrap();
    fs::write(folder.join("hubspot/companies.csv"), "_id,name\n777,Other\n").unwrap();
    accounts.systems[1] = Crms::start(&["hubspot"], Some(&folder), &["--account", "456"]);
    for index in [0, 1, 0] {
        accounts.log_in(index);
        accounts.run(&pipeline);
        let links = accounts.systems[index].counts()["hubspot"]["associations"]["contacts>companies"].clone();
        assert_eq!(links, 2, "account {index}");
    }
}
