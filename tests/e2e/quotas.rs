//! The share of a vendor's quota that a run may use, at the source.

use serde_json::Value as Json;

use super::support::{Crms, Desk, repository};

/// Calls a day of the emulator's private apps.
const DAILY: f64 = 625_000.0;
/// Records on one page of the source.
const PAGE: u64 = 100;

/// The destination has no quota that its answers tell.
const PIPELINE: &str = "\
version: 1
name: contacts-to-airtable
connections:
  crm: { type: hubspot, token: \"${HUBSPOT_TOKEN}\", base_url: \"${HUBSPOT_URL}\" }
  base: { type: airtable, token: \"${AIRTABLE_TOKEN}\", base_url: \"${AIRTABLE_URL}\", base_id: appFerryDemo00001 }
streams:
  - name: people
    source: { connection: crm, object: contacts }
    destinations:
      - connection: base
        object: Contacts
        write: insert
        mappings: { Email: email, Name: { from: lastname, default: Nobody } }
";

fn put(desk: &Desk, limits: &str) {
    desk.write("quota.yaml", &format!("{PIPELINE}{limits}"));
}

fn requests(crms: &Crms) -> u64 {
    let requests = &crms.counts()["hubspot"]["requests"];
    requests["read"].as_u64().unwrap() + requests["write"].as_u64().unwrap()
}

/// Runs the pipeline and returns its report, and the stream and destination in it.
fn run(desk: &Desk, code: i32) -> (Json, Json) {
    let ran = desk.ferry(["run", "quota.yaml", "--json", "--quiet"]);
    assert_eq!(ran.code, code, "{}", ran.stderr);
    let report = ran.json();
    let stream = report["streams"][0].clone();
    (report, stream)
}

#[test]
fn a_source_stops_at_its_share_of_the_quota_and_the_next_run_goes_on() {
    let crms = Crms::start(&["hubspot", "airtable"], Some(&repository("fixtures")), &[]);
    let desk = Desk::new(&crms);
    let all = crms.held("hubspot", "contacts");
    assert!(all > 3 * PAGE, "{all} contacts");

    put(&desk, "limits: { quota_share: 0.000001 }\n");
    let (first, stream) = run(&desk, 6);
    assert_eq!((&first["status"], &stream["read"]), (&"interrupted".into(), &0.into()), "{first}");
    assert!(stream["error"].as_str().unwrap().contains("`limits.quota_share` allows 1.0e-4 %"), "{stream}");
    let described = requests(&crms);

    // As much as it takes to describe the contacts once more, and to read two pages of them.
    let share = f64::from(u32::try_from(2 * described + 2).unwrap()) / DAILY;
    put(&desk, &format!("limits: {{ quota_share: {share:.12} }}\n"));
    let (second, stream) = run(&desk, 6);
    assert_eq!(second["status"], "interrupted");
    assert_eq!(stream["destinations"][0]["created"], 2 * PAGE, "what was read is written: {stream}");
    assert_eq!(crms.held("airtable", "Contacts"), 2 * PAGE);

    put(&desk, "");
    let before = requests(&crms);
    let (third, stream) = run(&desk, 0);
    let total = &stream["destinations"][0];
    assert_eq!(third["run_id"], second["run_id"], "it is the same run");
    assert_eq!((&total["read"], &total["created"], &total["duplicate"]), (&all.into(), &all.into(), &0.into()));
    assert_eq!(crms.held("airtable", "Contacts"), all);
    let pages_left = all.div_ceil(PAGE) - 2;
    assert_eq!(requests(&crms) - before, described + pages_left, "no page is read twice");
}
