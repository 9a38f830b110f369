//! `ferry login`: the way through the browser, against the vendors' local pages.

use std::net::TcpListener;

use super::{
    pages::{check, check_all},
    support::{Background, Crms, Desk, Gateway, wait_until},
};

const HUBSPOT: &str = "\
version: 1
name: back
connections:
  crm: { type: hubspot, client_id: \"${CLIENT}\", client_secret: s3cret-of-the-app, base_url: \"${HUBSPOT_URL}\" }
  files: { type: csv, path: out }
streams:
  - name: people
    source: { connection: crm, object: contacts }
    destinations: [{ connection: files, object: people, mappings: { email: email } }]
";

const AIRTABLE: &str = "\
version: 1
name: back
connections:
  base: { type: airtable, client_id: \"${CLIENT}\", base_url: \"${AIRTABLE_URL}\", base_id: appFerryDemo00001 }
  files: { type: csv, path: out }
streams:
  - name: people
    source: { connection: base, object: Leads }
    destinations: [{ connection: files, object: people, mappings: { name: Name } }]
";

fn desk(crms: &Crms, pipeline: &str) -> Desk {
    let mut desk = Desk::new(crms);
    desk.set("CLIENT", "app-1");
    desk.write("back.yaml", &pipeline.replace("s3cret-of-the-app", "\"${SECRET}\""));
    desk.set("SECRET", "s3cret-of-the-app");
    desk
}

/// Types the command and returns the address that it prints.
fn begin(desk: &Desk, connection: &str) -> (Background, String) {
    let login = desk.start("login", ["login", connection, "--file", "back.yaml", "--port", "0"]);
    wait_until("the address", || login.said().lines().any(|line| line.starts_with("http")));
    let address = login.said().lines().find(|line| line.starts_with("http")).unwrap().to_owned();
    (login, address)
}

#[test]
fn a_login_at_hubspot_is_kept_and_used() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = desk(&crms, HUBSPOT);
    let before = desk.ferry(["check", "back.yaml"]);
    assert_eq!(before.code, 3, "{before:?}");
    check(&desk, "login_is_missing_at_hubspot", &before);
    let (login, address) = begin(&desk, "crm");
    assert!(address.contains("code_challenge_method=S256"), "{address}");
    assert_eq!(crms.visit(&address), 200);
    let ran = login.finish();
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.starts_with("logged in to `crm`, renewed by itself"), "{}", ran.stdout);
    let after = desk.ferry(["check", "back.yaml", "--audit", "audit.jsonl"]);
    let audit = std::fs::read_to_string(desk.path("audit.jsonl")).unwrap();
    assert!(audit.contains("/token/introspect\""), "token requests are in the audit log too: {audit}");
    assert!(!audit.contains("s3cret") && !audit.contains("app-1"), "{audit}");
    assert_eq!(after.code, 0, "{after:?}");
    assert!(after.stdout.contains("ok     crm: scopes: oauth, crm.objects.contacts.read"), "{}", after.stdout);
    assert!(!format!("{ran:?}{after:?}").contains("s3cret"), "a secret is shown");
}

#[test]
fn a_login_at_airtable_without_a_secret_is_kept_and_used() {
    let crms = Crms::start(&["airtable"], Some(&super::support::repository("fixtures")), &[]);
    let desk = desk(&crms, AIRTABLE);
    check(&desk, "login_is_missing_at_airtable", &desk.ferry(["check", "back.yaml"]));
    let (login, address) = begin(&desk, "base");
    assert_eq!(crms.visit(&address), 200);
    let ran = login.finish();
    assert_eq!(ran.code, 0, "{ran:?}");
    let after = desk.ferry(["check", "back.yaml"]);
    assert_eq!(after.code, 0, "{after:?}");
    assert!(after.stdout.contains("scopes: data.records:read, data.records:write"), "{}", after.stdout);
    let state = std::fs::read(desk.path("state.db")).unwrap();
    assert!(!state.windows(8).any(|window| window == b"oaaFerry" || window == b"oarFerry"), "a token lies in clear");
}

const SALESFORCE: &str = "\
version: 1
name: back
connections:
  org: { type: salesforce, client_id: \"${CLIENT}\", base_url: \"${SALESFORCE_URL}\" }
  files: { type: csv, path: out }
streams:
  - name: accounts
    source: { connection: org, object: Account }
    destinations: [{ connection: files, object: accounts, mappings: { name: Name } }]
";

#[test]
fn a_login_at_salesforce_is_kept_and_used() {
    let crms = Crms::start(&["salesforce"], None, &[]);
    let desk = desk(&crms, SALESFORCE);
    let before = desk.ferry(["check", "back.yaml"]);
    check(&desk, "login_is_missing_at_salesforce", &before);
    let (login, address) = begin(&desk, "org");
    assert_eq!(crms.visit(&address), 200);
    let ran = login.finish();
    assert_eq!(ran.code, 0, "{ran:?}");
    let after = desk.ferry(["check", "back.yaml"]);
    assert_eq!(after.code, 0, "{after:?}");
    assert!(after.stdout.contains("calls in 24 h"), "{}", after.stdout);
}

#[test]
fn a_login_whose_app_is_not_known_brings_no_token() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let gateway = Gateway::before(&crms, "hubspot");
    let mut desk = desk(&crms, HUBSPOT);
    desk.set("HUBSPOT_URL", gateway.url());
    gateway.says(&[("/token", 400, serde_json::json!({ "error": "invalid_client" }))]);
    let (login, address) = begin(&desk, "crm");
    assert_eq!(crms.visit(&address), 200);
    check(&desk, "login_of_an_unknown_app", &login.finish());
}

#[test]
fn a_refusal_and_an_answer_that_is_not_ours_bring_no_token() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let mut desk = desk(&crms, HUBSPOT);
    desk.set("CLIENT", "denied-app");
    let (login, address) = begin(&desk, "crm");
    let callback = url::Url::parse(&address).unwrap();
    let callback = callback.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap().1.into_owned();
    assert_eq!(crms.visit(&format!("{callback}?code=stolen&state=guessed")), 400);
    assert_eq!(crms.visit(&address), 200);
    let ran = login.finish();
    assert_eq!(ran.code, 3, "{ran:?}");
    check(&desk, "login_is_refused", &ran);
    assert_eq!(desk.ferry(["check", "back.yaml"]).code, 3);
}

#[test]
fn a_login_that_cannot_work_is_said_before_anybody_tries() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let mut desk = desk(&crms, HUBSPOT);
    let login =
        |connection: &str, rest: &[&str]| desk.ferry([&["login", connection, "--file", "back.yaml"], rest].concat());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let pages = [
        ("nobody comes", login("crm", &["--port", "0", "--timeout", "1"])),
        ("the connection is misspelt", login("crn", &[])),
        ("a file needs no login", login("files", &[])),
        ("the port is taken", login("crm", &["--port", &port])),
    ];
    check_all(&desk, "logins_that_cannot_work", &pages);
    let late = login("crm", &["--port", "0", "--timeout", "1", "--json"]);
    assert_eq!((late.code, &late.json()["error"]["code"]), (3, &"login.late".into()), "{late:?}");
    desk.set("FERRY_STATE_KEY", "no key at all");
    let no_key = desk.ferry(["login", "crm", "--file", "back.yaml", "--port", "0", "--json"]);
    assert_eq!((no_key.code, &no_key.json()["error"]["code"]), (3, &"state.key".into()), "{no_key:?}");
    assert!(!no_key.stderr.contains("http"), "an address is shown although nothing could be kept: {no_key:?}");
}

#[test]
fn a_dry_run_needs_no_login() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = desk(&crms, HUBSPOT);
    let ran = desk.ferry(["run", "back.yaml", "--dry-run"]);
    assert_eq!(ran.code, 0, "{ran:?}");
}
