//! `ferry check`: what it says of a connection, and that a test record never stays.

use super::{
    people::{BACK, PEOPLE, put_people},
    support::{Crms, Desk, Ran, repository, wait_until},
};

const AIRTABLE: &str = "\
version: 1
name: base
connections:
  files: { type: csv, path: ., id: { people: id } }
  base: { type: airtable, token: \"${AIRTABLE_TOKEN}\", base_url: \"${AIRTABLE_URL}\", base_id: appFerryDemo00001 }
streams:
  - name: people
    source: { connection: files, object: people }
    destinations:
      - connection: base
        object: Contacts
        key: [Email]
        mappings: { Email: email, Name: last, Phone: first }
";

const OAUTH: &str = "\
version: 1
name: oauth
connections:
  crm: { type: hubspot, client_id: app, client_secret: \"${SECRET}\", refresh_token: \"${REFRESH}\", base_url: \"${HUBSPOT_URL}\" }
  out: { type: csv, path: out }
streams:
  - name: tickets
    source: { connection: crm, object: tickets }
    destinations: [{ connection: out, object: tickets, mappings: { subject: subject } }]
";

const LEADS: &str = "\
version: 1
name: leads
connections:
  files: { type: csv, path: ., id: { people: id } }
  org: { type: salesforce, client_id: \"${SALESFORCE_CLIENT_ID}\", client_secret: \"${SALESFORCE_CLIENT_SECRET}\", base_url: \"${SALESFORCE_URL}\" }
streams:
  - name: people
    source: { connection: files, object: people }
    destinations:
      - connection: org
        object: Lead
        key: [Email]
        mappings: { Email: email, LastName: last, FirstName: first, Company: { value: Ferry } }
";

/// What an admin of the org did: rules, a field that this user may not edit, and one that only a new record takes.
const ORG: [(&str, &str); 3] = [
    (
        "DuplicateRule.csv",
        "Id,MasterLabel,DeveloperName,SobjectType,IsActive\n0Bm000000000001,Same e-mail,Same,Lead,true\n",
    ),
    ("AssignmentRule.csv", "Id,Name,SobjectType,Active\n01Q000000000001,To the queue,Lead,true\n"),
    (
        "Lead.schema.yaml",
        "fields:\n  - { name: Locked__c, type: string, createable: false }\n  - { name: Once__c, type: string, updateable: false }\n",
    ),
];

/// Returns the findings of `--json` as `subject: ok` or `subject: not ok`.
fn verdicts(ran: &Ran) -> Vec<String> {
    let findings = ran.json()["findings"].as_array().unwrap().clone();
    let verdict = |ok: bool| if ok { "ok" } else { "not ok" };
    let text = |finding: &serde_json::Value| {
        let (connection, subject) = (finding["connection"].as_str().unwrap(), finding["subject"].as_str().unwrap());
        format!("{connection} {subject}: {}", verdict(finding["ok"].as_bool().unwrap()))
    };
    findings.iter().map(text).collect()
}

#[test]
fn a_test_record_is_written_and_goes_again_at_hubspot() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = Desk::new(&crms);
    put_people(&desk, PEOPLE, "");
    let ran = desk.ferry(["check", "people.yaml", "--write", "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let expected = [
        "crm login: ok",
        "crm account: ok",
        "crm scopes: ok",
        "crm limits left: ok",
        "files read `people`: ok",
        "crm write `contacts`: ok",
        "crm write `contacts`: create a test record: ok",
        "crm write `contacts`: read it back: ok",
        "crm write `contacts`: change it: ok",
        "crm write `contacts`: delete it: ok",
    ];
    assert_eq!(verdicts(&ran), expected);
    assert_eq!(crms.held("hubspot", "contacts"), 0);
    assert_eq!(crms.counts()["hubspot"]["requests"]["write"], 3);
}

#[test]
fn a_test_record_is_written_and_goes_again_at_airtable() {
    let crms = Crms::start(&["airtable"], Some(&repository("fixtures")), &[]);
    let desk = Desk::new(&crms);
    desk.write("people.csv", PEOPLE);
    desk.write("base.yaml", AIRTABLE);
    let ran = desk.ferry(["check", "base.yaml", "--write", "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(verdicts(&ran).last().unwrap(), "base write `Contacts`: delete it: ok");
    assert_eq!(crms.counts()["airtable"]["requests"]["write"], 3);
    assert_eq!(crms.held("airtable", "Contacts"), 0);
}

/// Starts an org with its rules, and a desk with the pipeline in which a text was put in the place of another.
fn org_with_rules(folder: &std::path::Path, what: &str, instead: &str) -> (Crms, Desk) {
    let fixtures = folder.join("salesforce");
    std::fs::create_dir_all(&fixtures).unwrap();
    for (name, text) in ORG {
        std::fs::write(fixtures.join(name), text).unwrap();
    }
    let crms = Crms::start(&["salesforce"], Some(folder), &[]);
    let desk = Desk::new(&crms);
    desk.write("people.csv", PEOPLE);
    desk.write("leads.yaml", &LEADS.replace(what, instead));
    (crms, desk)
}

#[test]
fn an_org_s_rules_are_told_and_a_test_record_goes_again() {
    let folder = tempfile::tempdir().unwrap();
    let (crms, desk) = org_with_rules(folder.path(), "", "");
    let ran = desk.ferry(["check", "leads.yaml", "--write"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for line in [
        "ok     org: duplicate rules of `Lead`: `Same e-mail` is active: a record like another is rejected",
        "ok     org: assignment rules of `Lead`: `To the queue` is active: it does not run, unless the connection has `assignment_rule`",
        "ok     org: write `Lead`: 4 mapped fields are there, the vendor upserts on the key, this login may write them",
        "ok     org: write `Lead`: delete it: nothing is left of it",
    ] {
        assert!(ran.stdout.contains(line), "{line}\n{}", ran.stdout);
    }
    assert_eq!(crms.held("salesforce", "Lead"), 0);
}

#[test]
fn a_field_that_the_login_may_not_write_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for (field, hint) in [
        ("Locked__c", "remove its mapping, or give the user `Edit` on it"),
        ("Once__c", "write `when: on_create` in its mapping"),
    ] {
        let mapped = format!("FirstName: first, {field}: first");
        let (crms, desk) = org_with_rules(folder.path(), "FirstName: first", &mapped);
        let ran = desk.ferry(["check", "leads.yaml", "--write"]);
        assert_eq!(ran.code, 2, "{ran:?}");
        let line = format!("error  org: write `Lead`: permissions: field `{field}` of `Lead` ");
        let told = ran.stdout.split_once(&line).unwrap_or_else(|| panic!("{}", ran.stdout)).1;
        assert!(told.contains(&format!("hint: {hint}")), "{told}");
        assert_eq!(crms.held("salesforce", "Lead"), 0, "nothing is tried that is known to fail");
    }
}

#[test]
fn a_signal_leaves_no_test_record_behind() {
    let crms = Crms::start(&["hubspot"], None, &["--fault", "slow=300ms"]);
    let desk = Desk::new(&crms);
    put_people(&desk, PEOPLE, "");
    let check = desk.start("check", ["check", "people.yaml", "--write"]);
    wait_until("the test record", || crms.held("hubspot", "contacts") == 1);
    check.signal("INT");
    let ran = check.finish();
    assert_eq!(ran.code, 130, "{ran:?}");
    assert_eq!(crms.held("hubspot", "contacts"), 0, "{ran:?}");
    assert!(ran.stdout.contains("delete it: nothing is left of it"), "{ran:?}");
}

#[test]
fn an_oauth_login_tells_its_scopes_and_which_are_missing() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let mut desk = Desk::new(&crms);
    desk.set("SECRET", "s3cret-of-the-app");
    desk.set("REFRESH", "refresh-of-the-app");
    desk.write("oauth.yaml", OAUTH);
    let ran = desk.ferry(["check", "oauth.yaml"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(
        ran.stdout.contains("error  crm: scopes: the login lacks `tickets`\n       hint: add it"),
        "{}",
        ran.stdout
    );
    assert!(!format!("{ran:?}").contains("-of-the-app"), "a secret is shown");
}

#[test]
fn a_login_that_does_not_work_is_said_once_and_what_to_do() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let mut desk = Desk::new(&crms);
    desk.write("back.yaml", BACK);
    desk.set("HUBSPOT_TOKEN", "noscope-token");
    let ran = desk.ferry(["check", "back.yaml"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(
        ran.stdout.contains("hint: the token lacks a scope: add one of `crm.schemas.contacts.read`"),
        "{}",
        ran.stdout
    );
    desk.set("HUBSPOT_TOKEN", "invalid-token");
    let ran = desk.ferry(["check", "back.yaml", "--json"]);
    assert_eq!((ran.code, verdicts(&ran)[0].as_str()), (3, "crm login: not ok"), "{ran:?}");
    assert!(ran.json()["findings"][1]["message"].as_str().unwrap().contains("not checked"), "{ran:?}");
}
