//! Writes by Bulk API 2.0 jobs: files, results in any order, jobs that are lost or fail half way.

use std::sync::{Arc, Mutex};

use serde_json::{Value as Json, json};

use crate::connector::{Connector, ErrorKind};
use crate::model::{BatchRecord, Operation, Outcome, Value};

use super::{
    super::Salesforce,
    batch, context, created, destination, entry, options,
    script::{Asked, Reply, Script, csv, empty, error, ok, standing_answer},
    text,
};

/// A Salesforce that carries out jobs: it creates a record for each line, answers results backwards, and leaves out or fails
/// what `classify` says of a line's number.
#[derive(Default)]
struct Jobs {
    files: Vec<String>,
    polls: usize,
    created: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Created,
    Failed(&'static str),
    Unprocessed,
}

type Judge = fn(job: usize, line: usize) -> Fate;

impl Jobs {
    fn lines(&self, job: usize, classify: Judge, wanted: fn(Fate) -> bool) -> Vec<(usize, String)> {
        let mut reader = csv::Reader::from_reader(self.files[job].as_bytes());
        let text = |record: &csv::StringRecord| {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(record).unwrap();
            String::from_utf8(writer.into_inner().unwrap()).unwrap().trim_end().to_owned()
        };
        let records = reader.records().map(|record| text(&record.unwrap())).enumerate();
        let mut lines: Vec<(usize, String)> = records.filter(|(at, _)| wanted(classify(job, *at))).collect();
        lines.reverse();
        lines
    }

    fn answer(&mut self, asked: &Asked, classify: Judge) -> Option<Reply> {
        let rest = asked.path.strip_prefix("jobs/ingest")?;
        let mut parts = rest.trim_start_matches('/').split('/');
        let job: usize = parts.next().and_then(|id| id.strip_prefix("750")).and_then(|id| id.parse().ok()).unwrap_or(0);
        let header = |jobs: &Self| jobs.files[job].lines().next().unwrap_or_default().to_owned();
        Some(match (asked.method.as_str(), parts.next()) {
            ("GET", None) if rest.is_empty() => ok(&json!({ "done": true, "records": [] })),
            ("POST", None) => {
                self.files.push(String::new());
                ok(&json!({ "id": format!("750{}", self.files.len() - 1), "state": "Open" }))
            }
            ("PUT", Some("batches")) => {
                self.files[job].clone_from(&asked.body);
                empty(201)
            }
            ("PATCH", None) => {
                self.created += self.lines(job, classify, |fate| fate == Fate::Created).len();
                ok(&json!({ "id": "x", "state": "UploadComplete" }))
            }
            ("GET", None) => {
                self.polls += 1;
                let count = |wanted| self.lines(job, classify, wanted).len();
                let (good, bad) = (count(|fate| fate == Fate::Created), count(|fate| matches!(fate, Fate::Failed(_))));
                let state = if count(|fate| fate == Fate::Unprocessed) > 0 { "Failed" } else { "JobComplete" };
                let state = if self.polls < 3 { "InProgress" } else { state };
                ok(&json!({ "id": format!("750{job}"), "state": state,
                    "numberRecordsProcessed": good + bad, "numberRecordsFailed": bad, "errorMessage": "x" }))
            }
            ("GET", Some("successfulResults")) => {
                let lines = self.lines(job, classify, |fate| fate == Fate::Created);
                let lines = lines.iter().map(|(at, line)| format!("00300000000{job}{at:03}AAA,true,{line}\n"));
                csv(&format!("sf__Id,sf__Created,{}\n{}", header(self), lines.collect::<String>()))
            }
            ("GET", Some("failedResults")) => {
                let lines = self.lines(job, classify, |fate| matches!(fate, Fate::Failed(_)));
                let lines = lines.iter().map(|(at, line)| {
                    let Fate::Failed(reason) = classify(job, *at) else { unreachable!() };
                    format!(",{reason},{line}\n")
                });
                csv(&format!("sf__Id,sf__Error,{}\n{}", header(self), lines.collect::<String>()))
            }
            ("GET", Some("unprocessedrecords")) => {
                let lines = self.lines(job, classify, |fate| fate == Fate::Unprocessed);
                csv(&format!(
                    "{}\n{}",
                    header(self),
                    lines.iter().flat_map(|(_, line)| [line.as_str(), "\n"]).collect::<String>()
                ))
            }
            other => panic!("{other:?}"),
        })
    }
}

async fn jobs(classify: Judge) -> (Script, Arc<Mutex<Jobs>>) {
    let jobs: Arc<Mutex<Jobs>> = Arc::default();
    let shared = Arc::clone(&jobs);
    let script = Script::start(move |asked| {
        shared.lock().unwrap().answer(asked, classify).unwrap_or_else(|| collections(asked))
    });
    (script.await, jobs)
}

fn collections(asked: &Asked) -> Reply {
    // An update is answered with the record's own id.
    let id_of = |record: &Json| match record["Id"].as_str().or(record["id"].as_str()) {
        Some(id) => id.to_owned(),
        None => format!("0039{:0>11}AAA", record["LastName"].as_str().unwrap().trim_start_matches('n')),
    };
    let result = |record: &Json| json!({ "id": id_of(record), "success": true, "errors": [] });
    ok(&asked.records().iter().map(result).collect())
}

fn people(count: usize) -> Vec<BatchRecord> {
    (0..count).map(|at| entry(None, &[("LastName", text(&format!("n{at}")))])).collect()
}

#[tokio::test]
async fn a_large_batch_is_one_job_and_results_in_any_order_find_their_records() {
    let (script, jobs) = jobs(|_, _| Fate::Created).await;
    let outcomes = destination(&script.url).load(&batch(Operation::Insert, people(300))).await.unwrap();
    assert_eq!(outcomes[0], created("003000000000000AAA"));
    assert_eq!(outcomes[299], created("003000000000299AAA"));
    assert_eq!(jobs.lock().unwrap().files.len(), 1);
    let create = script.asked().into_iter().find(|asked| asked.method == "POST").unwrap().json();
    assert_eq!(
        (&create["object"], &create["operation"], &create["lineEnding"]),
        (&json!("Contact"), &json!("insert"), &json!("LF"))
    );
    let upload = script.asked().into_iter().find(|asked| asked.method == "PUT").unwrap();
    assert_eq!(upload.header("content-type"), "text/csv");
    assert!(upload.body.starts_with("LastName\nn0\n"), "no byte order mark, no other column: {}", &upload.body[..20]);
    assert_eq!(script.count("failedResults"), 0, "a file that is empty is not asked for");
    assert_eq!(script.count("jobs/ingest"), 1, "nobody said that there may be jobs of an earlier run");
}

#[tokio::test]
async fn a_file_whose_upload_failed_is_sent_again_from_its_beginning() {
    let (jobs, uploads): (Arc<Mutex<Jobs>>, Arc<Mutex<Vec<String>>>) = (Arc::default(), Arc::default());
    let (shared, seen) = (Arc::clone(&jobs), Arc::clone(&uploads));
    let script = Script::start(move |asked| {
        if asked.method == "PUT" {
            seen.lock().unwrap().push(asked.body.clone());
            if seen.lock().unwrap().len() == 1 {
                return error(503, "SERVER_UNAVAILABLE", "later");
            }
        }
        shared.lock().unwrap().answer(asked, |_, _| Fate::Created).unwrap_or_else(|| collections(asked))
    })
    .await;
    // More than is read from disk at once.
    let long = |at: usize| text(&format!("{at}{}", "x".repeat(1_000)));
    let records = (0..500).map(|at| entry(None, &[("Description", long(at))])).collect();
    let outcomes = destination(&script.url).load(&batch(Operation::Insert, records)).await.unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Created { .. })));
    let uploads = uploads.lock().unwrap();
    assert_eq!((uploads.len(), uploads[0].lines().count()), (2, 501));
    assert_eq!(uploads[0], uploads[1]);
    let upload = script.asked().into_iter().find(|asked| asked.method == "PUT").unwrap();
    assert_eq!(upload.header("content-length"), uploads[0].len().to_string());
}

#[tokio::test]
async fn a_run_that_is_to_stop_does_not_wait_for_an_upload_and_closes_no_job() {
    let context = context();
    let (jobs, token): (Arc<Mutex<Jobs>>, _) = (Arc::default(), context.transport.shutdown.clone());
    let script = Script::start(move |asked| {
        if asked.method == "PUT" {
            token.cancel();
        }
        jobs.lock().unwrap().answer(asked, |_, _| Fate::Created).unwrap_or_else(|| collections(asked))
    })
    .await;
    let config = serde_json::from_value(options(&script.url, &json!({}))).unwrap();
    let destination = Salesforce::destination(config, &context).unwrap();
    let error = destination.load(&batch(Operation::Insert, people(300))).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled);
    assert!(script.asked().iter().all(|asked| asked.method != "PATCH"));
}

#[tokio::test]
async fn null_is_cleared_and_absent_left_alone() {
    let (script, jobs) = jobs(|_, _| Fate::Created).await;
    let mut records: Vec<BatchRecord> = (0..205)
        .map(|at| entry(Some(&format!("00300000000{at:04}AAA")), &[("LastName", text("x\ny, \"z\""))]))
        .collect();
    records[0].fields.insert("Email".into(), Value::Null);
    // A file would change these: they go by a request.
    let by_request = ["#N/A".to_owned(), "x\r\ny".to_owned(), "x".repeat(32_001)];
    for (place, given) in by_request.iter().enumerate() {
        records[place + 2].fields.insert("LastName".into(), text(given));
    }
    destination(&script.url).load(&batch(Operation::Update, records)).await.unwrap();
    let file = jobs.lock().unwrap().files[0].clone();
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    assert_eq!(reader.headers().unwrap(), vec!["Id", "Email", "LastName"]);
    let lines: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(&lines[0], vec!["003000000000000AAA", "#N/A", "x\ny, \"z\""].as_slice());
    assert_eq!(&lines[1][1], "", "an empty cell leaves the field as it is");
    assert_eq!(lines.len(), 202);
    let small = script.asked().into_iter().filter(|asked| asked.path == "composite/sobjects");
    let sent: Vec<String> =
        small.flat_map(|asked| asked.records()).map(|record| record["LastName"].as_str().unwrap().to_owned()).collect();
    // The longest is longer than the field, and is refused before it is sent.
    assert_eq!(sent, by_request[..2]);
}

#[tokio::test]
async fn failed_lines_are_rejected_and_locked_ones_sent_again_in_small_requests() {
    let (script, _) = jobs(|_, line| match line {
        3 => Fate::Failed("REQUIRED_FIELD_MISSING:Required fields are missing: [Email]:Email --"),
        4..8 => Fate::Failed("UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--"),
        _ => Fate::Created,
    })
    .await;
    let outcomes = destination(&script.url).load(&batch(Operation::Insert, people(300))).await.unwrap();
    let Outcome::Rejected(reason) = &outcomes[3] else { panic!("{:?}", outcomes[3]) };
    assert_eq!((reason.code.as_str(), reason.field.as_deref()), ("REQUIRED_FIELD_MISSING", Some("Email")));
    assert_eq!(outcomes[4], created("003900000000004AAA"));
    let small = script.asked().into_iter().find(|asked| asked.path == "composite/sobjects").unwrap();
    assert_eq!(small.records().len(), 4);
}

#[tokio::test]
async fn a_job_that_fails_half_way_keeps_what_it_wrote_and_the_rest_goes_on() {
    let (script, jobs) = jobs(|job, line| if job == 0 && line >= 40 { Fate::Unprocessed } else { Fate::Created }).await;
    let outcomes = destination(&script.url).load(&batch(Operation::Insert, people(300))).await.unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Created { .. })));
    let jobs = jobs.lock().unwrap();
    assert_eq!((jobs.files.len(), jobs.created), (2, 300), "no line was carried out twice");
    assert_eq!(jobs.files[1].lines().count(), 261);
}

#[tokio::test]
async fn a_job_whose_header_is_refused_names_the_column() {
    let script = Script::start(|asked| match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "jobs/ingest") => ok(&json!({ "records": [] })),
        ("PUT", _) => empty(201),
        _ => ok(&json!({ "id": "750x", "state": if asked.method == "GET" { "Failed" } else { "Open" },
            "numberRecordsProcessed": 0, "numberRecordsFailed": 0,
            "errorMessage": "InvalidBatch : Field name not found : LastName" })),
    })
    .await;
    let error = destination(&script.url).load(&batch(Operation::Insert, people(300))).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::NotFound, "unknown_field"));
    assert!(error.detail.unwrap().contains("LastName"));
}

#[tokio::test]
async fn a_job_whose_results_were_lost_is_taken_up_again_and_nothing_is_doubled() {
    let jobs: Arc<Mutex<Jobs>> = Arc::default();
    let (shared, lost) = (Arc::clone(&jobs), Arc::new(Mutex::new(true)));
    let losing = Arc::clone(&lost);
    let script = Script::start(move |asked| {
        if *losing.lock().unwrap() && asked.path.ends_with("successfulResults") {
            return error(404, "NOT_FOUND", "not yet");
        }
        shared.lock().unwrap().answer(asked, |_, _| Fate::Created).unwrap_or_else(|| collections(asked))
    })
    .await;
    let (destination, load) = (destination(&script.url), batch(Operation::Insert, people(300)));
    assert_eq!(destination.load(&load).await.unwrap_err().kind, ErrorKind::Unanswered);
    *lost.lock().unwrap() = false;
    let outcomes = destination.load(&load).await.unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Created { .. })));
    let jobs = jobs.lock().unwrap();
    assert_eq!((jobs.files.len(), jobs.created), (1, 300));
}

#[tokio::test]
async fn a_job_that_could_not_be_begun_has_no_effect() {
    let script = Script::start(|asked| match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "jobs/ingest") => ok(&json!({ "records": [] })),
        ("POST", _) => ok(&json!({ "id": "750x", "state": "Open" })),
        _ => error(500, "UNKNOWN_EXCEPTION", "x"),
    })
    .await;
    let error = destination(&script.url).load(&batch(Operation::Insert, people(300))).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable, "it was not closed, so it wrote nothing");
}

#[tokio::test]
async fn a_job_of_a_killed_run_is_waited_for_where_the_engine_says_that_there_may_be_one() {
    let mut polls = 0;
    let script = Script::start(move |asked| {
        let job = |state: &str| json!({ "id": "750x", "state": state, "object": "Contact", "createdById": "005000000000001AAA" });
        match asked.path.as_str() {
            "jobs/ingest" => ok(&json!({ "records": [job("InProgress")] })),
            "/services/oauth2/userinfo" => ok(&json!({ "user_id": "005000000000001AAA" })),
            "jobs/ingest/750x" => {
                polls += 1;
                ok(&job(if polls > 2 { "JobComplete" } else { "InProgress" }))
            }
            _ => ok(&json!({ "totalSize": 0, "done": true, "records": [] })),
        }
    })
    .await;
    destination(&script.url).earlier_jobs().unwrap().wait_for_earlier_jobs(&"Contact".into()).await.unwrap();
    assert_eq!(script.count("jobs/ingest/750x"), 3);
    assert_eq!(script.count("jobs/ingest"), 1);
}

#[tokio::test]
async fn an_object_that_the_bulk_api_does_not_have_is_written_200_at_a_time() {
    let script = Script::start(|asked| match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "jobs/ingest") => ok(&json!({ "records": [] })),
        ("POST", "jobs/ingest") => error(400, "INVALIDENTITY", "Entity 'Contact' is not supported to use PKChunking."),
        _ => collections(asked),
    })
    .await;
    let outcomes = destination(&script.url).load(&batch(Operation::Insert, people(300))).await.unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Created { .. })));
    assert_eq!(script.count("composite/sobjects"), 2);
}

/// A Salesforce that carries out every job and cuts a file of results the first time, as `cut` says.
async fn cutting(cut: fn(&str) -> String) -> (Script, Arc<Mutex<Jobs>>) {
    let jobs: Arc<Mutex<Jobs>> = Arc::default();
    let shared = Arc::clone(&jobs);
    let mut is_cut = false;
    let script = Script::start(move |asked| {
        let answer = shared.lock().unwrap().answer(asked, |_, _| Fate::Created);
        let mut answer = answer.unwrap_or_else(|| collections(asked));
        if asked.path.ends_with("successfulResults") && !std::mem::replace(&mut is_cut, true) {
            answer.body = cut(&answer.body);
        }
        answer
    });
    (script.await, jobs)
}

#[tokio::test]
async fn rows_of_a_file_of_results_that_breaks_off_are_not_sent_again() {
    // In the middle of a line, so that it lacks a cell.
    let (script, jobs) = cutting(|file| file[..file.len() / 2 - file.len() / 2 % 30 + 45].to_owned()).await;
    let outcomes = destination(&script.url).load(&batch(Operation::Insert, people(300))).await.unwrap();
    assert_eq!(outcomes[299], created("003000000000299AAA"));
    assert_eq!((jobs.lock().unwrap().files.len(), script.count("composite/sobjects")), (1, 0), "sent twice");
}

#[tokio::test]
async fn a_key_that_is_cut_off_is_not_taken_for_another_one() {
    // The last line is that of `n12`, cut to `n1`.
    let upsert = Operation::Upsert { key: vec!["LastName".into()] };
    let last = |file: &str| {
        let line = file.lines().find(|line| line.ends_with(",n12")).unwrap();
        let others = file.lines().filter(|other| *other != line && !other.ends_with(",n1"));
        let rest = others.fold(String::new(), |rest, other| rest + other + "\n");
        format!("{rest}{}", line.trim_end_matches('2'))
    };
    let (script, _) = cutting(last).await;
    let outcomes = destination(&script.url).load(&batch(upsert, people(300))).await.unwrap();
    assert_eq!(outcomes[1], created("003000000000001AAA"));
    assert_eq!(outcomes[12], created("003000000000012AAA"));
}

#[tokio::test]
async fn a_job_whose_begin_was_not_answered_and_whose_session_then_ended_is_not_taken_for_one_that_did_nothing() {
    // The request to begin is carried out, its answer lost, and then nobody is logged in any more.
    let mut has_begun = false;
    let script = Script::start_raw(move |asked, url| match (asked.method.as_str(), asked.path.as_str()) {
        ("POST", "/services/oauth2/token") if has_begun => error(400, "invalid_grant", "x"),
        ("GET", "jobs/ingest") => ok(&json!({ "records": [] })),
        _ if has_begun => error(401, "INVALID_SESSION_ID", "Session expired or invalid"),
        ("PATCH", _) => {
            has_begun = true;
            error(503, "SERVER_UNAVAILABLE", "x")
        }
        ("PUT", _) => empty(201),
        _ => standing_answer(asked, url).unwrap_or_else(|| ok(&json!({ "id": "750x", "state": "Open" }))),
    })
    .await;
    let error = destination(&script.url).load(&batch(Operation::Insert, people(300))).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unanswered, "{error:?}");
}

#[tokio::test]
async fn a_job_that_still_waits_for_its_begin_has_no_effect() {
    // What is asked to begin it does not reach Salesforce.
    let mut state = "Open";
    let script = Script::start(move |asked| match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "jobs/ingest") => ok(&json!({ "records": [] })),
        ("PATCH", _) if asked.json()["state"] == "Aborted" => {
            state = "Aborted";
            ok(&json!({ "id": "750x", "state": state }))
        }
        ("PATCH", _) => error(503, "SERVER_UNAVAILABLE", "x"),
        ("PUT", _) => empty(201),
        _ => ok(&json!({ "id": "750x", "state": state })),
    })
    .await;
    let error = destination(&script.url).load(&batch(Operation::Insert, people(300))).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error:?}");
    let ended = script.asked().into_iter().rfind(|asked| asked.method == "PATCH").unwrap();
    assert_eq!(ended.json()["state"], "Aborted", "a request that comes late cannot begin it");
}

#[tokio::test]
async fn a_second_job_that_is_refused_does_not_make_the_first_one_undone() {
    let (script, jobs) = jobs(|job, line| match (job, line) {
        (0, 0..40) => Fate::Created,
        _ => Fate::Unprocessed,
    })
    .await;
    let outcomes = destination(&script.url).load(&batch(Operation::Insert, people(300))).await.unwrap();
    assert_eq!(outcomes[39], created("003000000000039AAA"));
    assert_eq!(outcomes[40], created("003900000000040AAA"), "what no job comes to goes 200 a request");
    assert_eq!((jobs.lock().unwrap().files.len(), script.count("composite/sobjects")), (2, 2));
}

#[tokio::test]
async fn what_fails_before_a_batch_is_sent_has_no_effect() {
    let script = Script::start_raw(|asked, url| match asked.path.as_str() {
        "sobjects/Contact/describe" => error(503, "SERVER_UNAVAILABLE", "x"),
        _ => standing_answer(asked, url).unwrap(),
    })
    .await;
    let error = destination(&script.url).load(&batch(Operation::Insert, people(3))).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
}
