//! Jobs of Salesforce's Bulk API that are killed, lost, late, cut or half done. Nothing here depends on how many jobs a run
//! makes of its records, and the local Salesforce never gives results in the order of the rows.

use std::{fs, process::Command, time::Duration};

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::content::Content;
use crate::findings::{Findings, StateFacts};
use crate::kills::{killed, redrive};
use crate::occasions::{call, finished, replace};
use crate::pairs::Pair;
use crate::testbed::{Attack, Ended, Manner, Point, Testbed, Trap, Weather, binary, is_complete};
use crate::undisturbed;

const MAX_RUNS: usize = 10;

/// A pipeline of one stream, which takes as many records at once as there are.
fn pipeline(object: &str, destination: &str) -> String {
    format!(
        "version: 1
name: jobs
connections:
  files: {{ type: csv, path: csv, id: {{ {object}: no }} }}
  org:
    {{ type: salesforce, client_id: ferry, client_secret: \"${{TOKEN}}\", base_url: \"${{SALESFORCE_URL}}\", bulk_min_records: 100 }}
limits: {{ max_deletes: 400 }}
streams:
  - name: records
    source: {{ connection: files, object: {object} }}
    destinations:
      - connection: org
{destination}"
    )
}

fn inserts() -> String {
    let destination = "        object: Opportunity
        write: insert
        key: [Name]
        mappings:
          Name: { from: title, required: true }
          Amount: { from: amount, type: number }
          StageName: { value: Prospecting }
          CloseDate: { value: 2025-03-04, type: date }
";
    pipeline("bulk_orders", destination)
}

fn mirrors() -> String {
    let destination = "        object: Lead
        write: mirror
        key: [No__c]
        mappings:
          No__c: no
          LastName: name
          Company: { value: The list }
";
    pipeline("bulk_leads", destination)
}

/// A testbed with this pipeline, whose jobs wait for their turn for so long by its clock.
async fn testbed(pipeline: &str, job_delay: Duration) -> Testbed {
    let testbed = Testbed::new(&Pair::by_way("csv", "salesforce", "in bulk"), &Weather::default()).await;
    fs::write(testbed.folder().join("pipeline.yaml"), pipeline).unwrap();
    set(&testbed, json!({ "jobDelayMillis": u64::try_from(job_delay.as_millis()).unwrap() })).await;
    testbed
}

async fn set(testbed: &Testbed, options: Json) {
    call(Method::POST, format!("{}/_emulator/org", testbed.url("salesforce")), options).await;
}

/// Long enough for a run that is killed while its job is under way to be followed by another one.
const LATE: Duration = Duration::from_secs(30);

async fn completed(testbed: &Testbed) -> Ended {
    for _ in 0..MAX_RUNS {
        let ended = testbed.run(Attack::default()).await;
        let mut verdict = Findings::default();
        verdict.check_ledgers(&ended);
        assert!(verdict.problems.is_empty(), "{:?}", verdict.problems);
        if is_complete(&ended) {
            return ended;
        }
    }
    panic!("not complete after {MAX_RUNS} runs");
}

fn check(content: &Content, expected: &Content, place: &str) {
    assert!(content == expected, "{place}: {:#?} {:#?}", expected.surplus_of(content), content.surplus_of(expected));
}

/// Returns how often a resource of a job was asked for.
async fn asked(testbed: &Testbed, ending: &str) -> usize {
    let requests = call(Method::GET, format!("{}/_emulator/requests", testbed.url("salesforce")), Json::Null).await;
    let is_it = |request: &&Json| request["path"].as_str().is_some_and(|path| path.ends_with(ending));
    requests.as_array().unwrap().iter().filter(is_it).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn inserts_whose_job_is_killed_at_any_of_its_requests_are_neither_lost_nor_doubled() {
    let other = testbed(&inserts(), Duration::ZERO).await;
    finished(&other).await;
    let (expected, steps) = (other.content().await, other.trap_count());
    assert!(steps >= 5, "made, fed, begun, asked, read: {steps}");
    let unbegun = [(3, Point::BeforeEffect), (3, Point::AfterAnswer)];
    for (at, point) in (1..=steps).map(|at| (at, Point::BeforeAnswer)).chain(unbegun) {
        let testbed = testbed(&inserts(), LATE).await;
        testbed.run(killed(at, point)).await;
        completed(&testbed).await;
        check(&testbed.content().await, &expected, &format!("{point:?} {at}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inserts_whose_job_has_an_answer_lost_are_neither_lost_nor_doubled() {
    let other = testbed(&inserts(), Duration::ZERO).await;
    finished(&other).await;
    let (expected, steps) = (other.content().await, other.trap_count());
    for at in 1..=steps {
        let testbed = testbed(&inserts(), Duration::ZERO).await;
        let ended = testbed.run(Attack { trap: Some(Trap { at, point: Point::Lost }), ..Attack::default() }).await;
        assert!(is_complete(&ended), "{at}: {}", ended.stderr);
        check(&testbed.content().await, &expected, &at.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inserts_without_a_key_are_held_when_their_job_was_left_and_never_sent_again() {
    let keyless = inserts().replace("        key: [Name]\n", "");
    let testbed = testbed(&keyless, LATE).await;
    // The third request begins the job.
    testbed.run(killed(3, Point::AfterAnswer)).await;
    let ended = finished(&testbed).await;
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    tokio::time::sleep(LATE.div_f64(crate::testbed::SPEED)).await;
    finished(&testbed).await;
    let content = testbed.content().await;
    let titles = crate::systems::records(&testbed, "SELECT Name FROM Opportunity").await;
    assert_eq!(titles.len(), 230);
    finished(&testbed).await;
    check(&testbed.content().await, &content, "a record of unknown effect was sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_fail_half_way_keep_what_they_wrote_and_the_rest_is_sent_on() {
    let pair = Pair::by_way("csv", "salesforce", "in bulk");
    let (expected, _) = undisturbed(&pair, Manner::Run).await;
    for job_failures in [1.0, 0.5] {
        let testbed = Testbed::new(&pair, &Weather::default()).await;
        set(&testbed, json!({ "jobFailures": job_failures, "rowLocks": 0.02 })).await;
        let mut ended = finished(&testbed).await;
        for file in ["successfulResults", "failedResults", "unprocessedrecords"] {
            assert!(asked(&testbed, file).await > 0, "{file}");
        }
        // What was locked to the last is taken up by the next run.
        while crate::is_put_off(ended.report.as_ref()) {
            ended = finished(&testbed).await;
        }
        let mut verdict = Findings::default();
        verdict.check_end(&testbed, &expected, &ended).await;
        assert!(verdict.problems.is_empty(), "{:#?}", verdict.problems);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_results_that_are_cut_or_lack_lines_lose_and_double_nothing() {
    let pair = Pair::by_way("csv", "salesforce", "in bulk");
    let (expected, _) = undisturbed(&pair, Manner::Run).await;
    for seed in 1..=3 {
        let faults = format!("seed={seed}").parse().unwrap();
        let testbed = Testbed::new(&pair, &Weather { faults, omissions: 0.5, ..Weather::default() }).await;
        let ended = completed(&testbed).await;
        let mut verdict = Findings::default();
        verdict.check_end(&testbed, &expected, &ended).await;
        assert!(verdict.problems.is_empty(), "{seed}: {:#?}", verdict.problems);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_while_a_job_is_at_work_is_renewed() {
    let other = testbed(&inserts(), Duration::ZERO).await;
    finished(&other).await;
    let expected = other.content().await;
    let testbed = testbed(&inserts(), LATE).await;
    let end = async {
        // Made, fed and begun.
        while testbed.trap_count() < 3 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        call(Method::DELETE, format!("{}/_emulator/sessions", testbed.url("salesforce")), Json::Null).await;
    };
    tokio::join!(finished(&testbed), end);
    assert!(asked(&testbed, "/oauth2/token").await > 1, "the first session lasted: the test shows nothing");
    check(&testbed.content().await, &expected, "after a renewed session");
}

/// A testbed whose source has lost more leads than fit a request since the last run.
async fn mirror() -> Testbed {
    let testbed = testbed(&mirrors(), Duration::ZERO).await;
    finished(&testbed).await;
    let path = testbed.folder().join("csv/bulk_leads.csv");
    let mut reader = csv::Reader::from_path(&path).unwrap();
    let kept: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).skip(230).collect();
    let mut writer = csv::Writer::from_path(&path).unwrap();
    writer.write_record(["no", "name", "mail", "size"]).unwrap();
    for record in &kept {
        writer.write_record(record).unwrap();
    }
    writer.flush().unwrap();
    set(&testbed, json!({ "jobDelayMillis": LATE.as_millis() })).await;
    testbed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_whose_deleting_job_is_killed_deletes_the_rest_and_nothing_else() {
    let other = mirror().await;
    let writes = other.trap_count();
    finished(&other).await;
    let (expected, state) = (other.content().await, StateFacts::read(&other));
    assert_eq!(crate::systems::records(&other, "SELECT Id FROM Lead").await.len(), 449 - 230);
    for at in [1, 2, 3, 4, other.trap_count() - writes] {
        let testbed = mirror().await;
        testbed.run(killed(at, Point::BeforeAnswer)).await;
        completed(&testbed).await;
        check(&testbed.content().await, &expected, &at.to_string());
        assert_eq!(StateFacts::read(&testbed), state, "{at}");
    }
}

/// A testbed with a run that rejected more orders than fit a request, and a file in which a person corrected them.
async fn rejected() -> (Testbed, String) {
    let testbed = testbed(&inserts(), LATE).await;
    replace(&testbed, "csv/bulk_orders.csv", &[(".25,", " much,")]);
    let ended = finished(&testbed).await;
    let run = ended.report.unwrap()["run_id"].as_str().unwrap().to_owned();
    let mut command = Command::new(binary());
    command.args(["rejects", &run, "--state", ".ferry/state.db", "--json"]);
    testbed.furnish(&mut command);
    let mut file: Json = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    let letters = file["rejects"].as_array_mut().unwrap();
    assert_eq!(letters.len(), 230);
    for letter in letters {
        letter["source"]["amount"] = Json::from("5");
    }
    fs::write(testbed.folder().join("corrected.json"), file.to_string()).unwrap();
    (testbed, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_whose_job_is_killed_is_repeated_and_doubles_nothing() {
    let (other, run) = rejected().await;
    let writes = other.trap_count();
    let arguments = |run: &str| [run.to_owned(), "--from".to_owned(), "corrected.json".to_owned()];
    let command = |testbed: &Testbed, run: &str| redrive(testbed, &arguments(run).each_ref().map(String::as_str));
    let ended = other.attend(command(&other, &run), Attack::default()).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(asked(&other, "successfulResults").await > 0, "no job was made");
    let expected = other.content().await;
    for at in [1, 2, 3, 4, other.trap_count() - writes] {
        let (testbed, run) = rejected().await;
        testbed.attend(command(&testbed, &run), killed(at, Point::BeforeAnswer)).await;
        let ended = testbed.attend(command(&testbed, &run), Attack::default()).await;
        assert!(is_complete(&ended), "{at}: {}", ended.stderr);
        check(&testbed.content().await, &expected, &at.to_string());
    }
}
