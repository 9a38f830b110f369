//! What happens to a pipeline between its runs or beside them: each occasion once, with its own expectation.

use std::{fs, process::Stdio, time::Duration};

use reqwest::{Client, Method};
use serde_json::{Value as Json, json};

use crate::findings::{Findings, addresses_in_clear};
use crate::pairs::{PAIRS, Pair};
use crate::testbed::{Attack, Ended, Manner, Point, Shot, Testbed, Trap, Weather, is_complete};
use crate::undisturbed;

async fn run(testbed: &Testbed) -> Ended {
    testbed.run(Attack::default()).await
}

pub(crate) async fn finished(testbed: &Testbed) -> Ended {
    let ended = run(testbed).await;
    assert!(is_complete(&ended), "{:?}: {}", ended.code, ended.stderr);
    let mut verdict = Findings::default();
    verdict.check_ledgers(&ended);
    assert!(verdict.problems.is_empty(), "{:?}", verdict.problems);
    ended
}

pub(crate) async fn call(method: Method, url: String, body: Json) -> Json {
    let request = Client::new().request(method, url).bearer_auth("pat-harness");
    let request = if body.is_null() { request } else { request.json(&body) };
    let answer = request.send().await.unwrap().error_for_status().unwrap();
    answer.json().await.unwrap_or_default()
}

/// Returns the first records of a HubSpot object that a condition holds for.
pub(crate) async fn hubspot_ids(
    testbed: &Testbed,
    object: &str,
    property: &str,
    is_wanted: impl Fn(&str) -> bool,
) -> Vec<String> {
    let path = format!("crm/v3/objects/{object}?limit=100&properties={property}");
    let page = call(Method::GET, format!("{}/{path}", testbed.url("hubspot")), Json::Null).await;
    let records = page["results"].as_array().unwrap().iter();
    let wanted = records.filter(|record| is_wanted(record["properties"][property].as_str().unwrap_or_default()));
    wanted.map(|record| record["id"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn replace(testbed: &Testbed, file: &str, pairs: &[(&str, &str)]) {
    let path = testbed.folder().join(file);
    let mut text = fs::read_to_string(&path).unwrap();
    for (old, new) in pairs {
        assert!(text.contains(old), "{file} has no `{old}`");
        text = text.replace(old, new);
    }
    fs::write(path, text).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_over_unchanged_data_writes_nothing() {
    for pair in PAIRS.iter().filter(|pair| pair.destination != "csv") {
        let testbed = Testbed::new(pair, &Weather::default()).await;
        finished(&testbed).await;
        let (content, writes) = (testbed.content().await, testbed.trap_count());
        let again = finished(&testbed).await;
        let report = again.report.as_ref().unwrap();
        let accounts = report["streams"].as_array().unwrap().iter().flat_map(|s| s["destinations"].as_array().unwrap());
        let counted = |columns: &[&str]| {
            let of = |account: &Json| columns.iter().map(|name| account[*name].as_u64().unwrap()).sum::<u64>();
            accounts.clone().map(of).sum::<u64>()
        };
        assert_eq!(counted(&["created", "updated", "deleted"]), 0, "{}", pair.name());
        // Salesforce itself refuses some records of these pairs; they alone are tried again.
        let refused = if pair.destination == "salesforce" { counted(&["rejected", "held"]) } else { 0 };
        let sent = testbed.trap_count() - writes;
        assert!(sent <= refused, "{}: {sent} writes", pair.name());
        assert!(testbed.content().await == content, "{}", pair.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_state_file_is_told_and_nothing_is_written() {
    let testbed = Testbed::new(&Pair::of("csv", "hubspot"), &Weather::default()).await;
    finished(&testbed).await;
    let writes = testbed.trap_count();
    fs::write(testbed.state_path(), "this is no database, whatever its name says. ".repeat(200)).unwrap();
    let ended = run(&testbed).await;
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("damaged") && ended.stderr.contains("backup"), "{}", ended.stderr);
    assert_eq!(testbed.trap_count(), writes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_file_of_a_newer_version_is_left_alone() {
    let testbed = Testbed::new(&Pair::of("csv", "hubspot"), &Weather::default()).await;
    finished(&testbed).await;
    let writes = testbed.trap_count();
    let file = rusqlite::Connection::open(testbed.state_path()).unwrap();
    file.pragma_update(None, "user_version", 99).unwrap();
    drop(file);
    let ended = run(&testbed).await;
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("newer ferry"), "{}", ended.stderr);
    assert_eq!(testbed.trap_count(), writes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_at_the_same_time_is_turned_away() {
    let pair = Pair::of("csv", "hubspot");
    let (expected, _) = undisturbed(&pair, Manner::Run).await;
    let weather = Weather { faults: "slow=60ms".parse().unwrap(), ..Weather::default() };
    let testbed = Testbed::new(&pair, &weather).await;
    let second = async {
        while testbed.trap_count() == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let mut command = testbed.command(None);
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        tokio::task::block_in_place(|| command.output().unwrap())
    };
    let (first, second) = tokio::join!(finished(&testbed), second);
    assert_eq!(second.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&second.stderr).contains("being run already"));
    let mut verdict = Findings::default();
    verdict.check_end(&testbed, &expected, &first).await;
    assert!(verdict.problems.is_empty(), "{:#?}", verdict.problems);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_state_file_is_made_up_for_by_the_keys() {
    let testbed = Testbed::new(&Pair::of("hubspot", "airtable"), &Weather::default()).await;
    finished(&testbed).await;
    let content = testbed.content().await;
    fs::remove_dir_all(testbed.folder().join(".ferry")).unwrap();
    finished(&testbed).await;
    assert!(testbed.content().await == content);
}

/// Runs a pair whose destination is logged in to by OAuth, at a speed at which its tokens live for a fraction of a second.
async fn check_expiring_login(pair: Pair, options: &str, speed: f64) {
    let (expected, _) = undisturbed(&pair, Manner::Run).await;
    let testbed = Testbed::new(&pair, &Weather { speed, ..Weather::default() }).await;
    let login = format!("type: {}, {options}", pair.destination);
    replace(&testbed, "pipeline.yaml", &[(&format!("type: {}, token: \"${{TOKEN}}\"", pair.destination), &login)]);
    let ended = finished(&testbed).await;
    let mut verdict = Findings::default();
    verdict.check_end(&testbed, &expected, &ended).await;
    assert!(verdict.problems.is_empty(), "{:#?}", verdict.problems);
    let url = format!("{}/_emulator/requests", testbed.url(pair.destination));
    let requests = call(Method::GET, url, Json::Null).await;
    let is_login = |request: &&Json| request["path"].as_str().is_some_and(|path| path.ends_with("/token"));
    let logins = requests.as_array().unwrap().iter().filter(is_login).count();
    assert!(logins > 1, "the first login lasted: the test shows nothing");
    // Airtable's renewed tokens can be used once: the next run must have kept the last one.
    finished(&testbed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_expires_during_the_run_is_renewed() {
    // HubSpot's tokens live for 30 minutes: a fifth of a second here.
    let hubspot = "client_id: ferry, client_secret: \"${TOKEN}\", refresh_token: \"${TOKEN}\"";
    check_expiring_login(Pair::of("csv", "hubspot"), hubspot, 9_000.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_whose_renewal_is_good_for_once_is_renewed_and_kept() {
    // Airtable's tokens live for an hour: a fifth of a second here.
    let airtable = "client_id: ferry, refresh_token: \"${TOKEN}\"";
    check_expiring_login(Pair::of("hubspot", "airtable"), airtable, 18_000.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_are_addresses_are_nowhere_in_clear() {
    let testbed = Testbed::new(&Pair::of("csv", "hubspot"), &Weather::default()).await;
    replace(&testbed, "pipeline.yaml", &[("people: no", "people: email")]);
    // Some are killed on the way, so that intents and links are left too.
    for at in [3, 14] {
        let trap = Some(Trap { at, point: Point::BeforeAnswer });
        testbed.run(Attack { trap, ..Attack::default() }).await;
        assert_eq!(addresses_in_clear(&testbed), [""; 0]);
    }
    finished(&testbed).await;
    assert_eq!(addresses_in_clear(&testbed), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_were_deleted_at_the_destination_are_created_again_when_they_change() {
    let testbed = Testbed::new(&Pair::of("csv", "hubspot"), &Weather::default()).await;
    let changes =
        [("+49 40 00011", "+49 40 99011"), ("+49 40 00013", "+49 40 99013"), ("+49 40 00015", "+49 40 99015")];
    finished(&testbed).await;
    replace(&testbed, "csv/people.csv", &changes);
    let phones = ["+49 40 00011", "+49 40 00013"];
    let gone = hubspot_ids(&testbed, "contacts", "phone", |phone| phones.contains(&phone)).await;
    assert_eq!(gone.len(), 2);
    for id in gone {
        call(Method::DELETE, format!("{}/crm/v3/objects/contacts/{id}", testbed.url("hubspot")), Json::Null).await;
    }
    finished(&testbed).await;

    let other = Testbed::new(&Pair::of("csv", "hubspot"), &Weather::default()).await;
    replace(&other, "csv/people.csv", &changes);
    finished(&other).await;
    let (content, expected) = (testbed.content().await, other.content().await);
    assert!(content == expected, "{:#?} {:#?}", expected.surplus_of(&content), content.surplus_of(&expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_was_merged_away_is_neither_doubled_nor_an_endless_failure() {
    let testbed = Testbed::new(&Pair::of("csv", "hubspot"), &Weather::default()).await;
    finished(&testbed).await;
    let phones = ["+49 40 00011", "+49 40 00013"];
    let ids = hubspot_ids(&testbed, "contacts", "phone", |phone| phones.contains(&phone)).await;
    let merge = json!({"primaryObjectId": ids[0], "objectIdToMerge": ids[1]});
    call(Method::POST, format!("{}/crm/v3/objects/contacts/merge", testbed.url("hubspot")), merge).await;
    let count = testbed.content().await.len();
    replace(&testbed, "csv/people.csv", &[("+49 40 00013", "+49 40 99013")]);
    finished(&testbed).await;
    assert_eq!(testbed.content().await.len(), count);
    let writes = testbed.trap_count();
    finished(&testbed).await;
    assert_eq!(testbed.trap_count(), writes, "the merged record is written at every run");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_a_slow_run_within_ten_seconds() {
    // Nothing is sped up: the waits are as long as they are in a night's run.
    let faults = "503=0.9,slow=100ms,seed=3".parse().unwrap();
    let testbed =
        Testbed::new(&Pair::of("csv", "hubspot"), &Weather { faults, speed: 1.0, ..Weather::default() }).await;
    for (signal, code) in [("-TERM", 143), ("-INT", 130)] {
        let shot = Some(Shot { after: Duration::from_secs(2), signal });
        let ended = testbed.run(Attack { shot, ..Attack::default() }).await;
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        assert!(ended.took < Duration::from_secs(12), "{signal} took {:?}", ended.took);
    }
}

/// One stream of plain inserts, without a key by which a record could be looked up.
const KEYLESS: &str = r#"
version: 1
name: keyless
connections:
  files: { type: csv, path: csv, id: { orders: no } }
  crm: { type: hubspot, token: "${TOKEN}", base_url: "${HUBSPOT_URL}" }
limits: { batch_size: 5 }
streams:
  - name: orders
    source: { connection: files, object: orders }
    destinations:
      - connection: crm
        object: deals
        write: insert
        mappings:
          dealname: { from: title, required: true }
          pipeline: { value: default }
          dealstage: { value: appointmentscheduled }
"#;

fn sum(ended: &Ended, columns: &[&str]) -> u64 {
    let account = &ended.report.as_ref().unwrap()["streams"][0]["destinations"][0];
    columns.iter().map(|name| account[name].as_u64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn inserts_without_a_key_whose_effect_is_unknown_are_held_and_never_sent_again() {
    let testbed = Testbed::new(&Pair::of("csv", "hubspot"), &Weather::default()).await;
    fs::write(testbed.folder().join("pipeline.yaml"), KEYLESS).unwrap();
    let trap = Some(Trap { at: 2, point: Point::BeforeAnswer });
    testbed.run(Attack { trap, ..Attack::default() }).await;
    let ended = finished(&testbed).await;
    let held = sum(&ended, &["held"]);
    assert!(ended.code == Some(4) && held >= 5, "{held} held");
    assert_eq!(sum(&ended, &["created", "updated", "unchanged"]) + held, 35);
    let content = testbed.content().await;
    let again = finished(&testbed).await;
    assert_eq!((sum(&again, &["held"]), sum(&again, &["created"])), (held, 0));
    assert!(testbed.content().await == content, "a record of unknown effect was sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_several_chunks_goes_on_behind_its_checkpoint() {
    let testbed = Testbed::new(&Pair::of("csv", "hubspot"), &Weather::default()).await;
    let people = 12_000;
    let lines = (0..people).map(|person| format!("O{person},Order {person},1,F0,P0\n"));
    fs::write(
        testbed.folder().join("csv/orders.csv"),
        "no,title,amount,firm,person\n".to_owned() + &lines.collect::<String>(),
    )
    .unwrap();
    let keyed =
        KEYLESS.replace("write: insert", "write: insert\n        key: [dealname]").replace("size: 5", "size: 100");
    fs::write(testbed.folder().join("pipeline.yaml"), keyed).unwrap();
    let before = testbed.content().await.len();
    // A chunk is 10,000 records, so the 108th batch of 100 is in the second one.
    let trap = Some(Trap { at: 108, point: Point::BeforeAnswer });
    testbed.run(Attack { trap, ..Attack::default() }).await;
    let ended = finished(&testbed).await;
    assert_eq!(ended.report.as_ref().unwrap()["is_resumed"], true);
    assert_eq!(sum(&ended, &["created", "updated"]), people);
    let source_reads = ended.report.as_ref().unwrap()["streams"][0]["read"].as_u64().unwrap();
    assert_eq!(source_reads, people, "the account is that of the whole run");
    assert_eq!(testbed.content().await.len() - before, usize::try_from(people).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incremental_run_that_is_killed_misses_no_change() {
    let pair = Pair::of("hubspot", "airtable");
    let change = async |testbed: &Testbed| {
        for id in 9_003..9_013 {
            let body = json!({"properties": {"amount": "77.5"}});
            call(Method::PATCH, format!("{}/crm/v3/objects/deals/{id}", testbed.url("hubspot")), body).await;
        }
    };
    let incremental = [("object: deals }", "object: deals, sync: incremental }")];
    let other = Testbed::new(&pair, &Weather::default()).await;
    change(&other).await;
    finished(&other).await;
    let expected = other.content().await;
    for point in [Point::BeforeEffect, Point::BeforeAnswer, Point::AfterAnswer] {
        let testbed = Testbed::new(&pair, &Weather::default()).await;
        replace(&testbed, "pipeline.yaml", &incremental);
        finished(&testbed).await;
        change(&testbed).await;
        testbed.run(Attack { trap: Some(Trap { at: 1, point }), ..Attack::default() }).await;
        finished(&testbed).await;
        let content = testbed.content().await;
        assert!(content == expected, "{:#?} {:#?}", expected.surplus_of(&content), content.surplus_of(&expected));
    }
}
