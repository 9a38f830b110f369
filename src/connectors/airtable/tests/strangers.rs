//! Answers that are not Airtable's own: gateway pages with any status, late answers, half look-ups. A write behind one is
//! unanswered, whatever it says; a look-up behind one has no answer.

use std::sync::{Arc, Mutex};

use serde_json::{Value as Json, json};

use crate::connector::{ErrorKind, FetchRequest, Selection};
use crate::model::{Batch, BatchRecord, FieldName, Operation, Outcome, Value};

use super::{
    context, destination,
    script::{Script, record},
    tables,
};

/// What gateways, proxies and other people's servers answer.
pub(super) const STRANGE_PAGES: &[&str] = &[
    "",
    "Service Unavailable",
    "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
    "{}",
    "[]",
    "null",
    r#"{"message":"Forbidden"}"#,
    r#"{"error":"Not Found"}"#,
    r#"{"error":"no word but a sentence"}"#,
    r#"{"error":"invalid_request"}"#,
    r#"{"error":{"code":503,"message":"The service is unavailable","status":"UNAVAILABLE"}}"#,
    r#"{"error":{"type":"invalid_request_error","message":"no"}}"#,
    r#"{"status":"error","message":"Bad gateway","code":502}"#,
    r#"{"detail":"Not Found"}"#,
    r#"{"errors":[{"message":"upstream timed out"}]}"#,
    r#"{"error":{"type":"INVALID_VAL"#,
];

/// Statuses of refusals and faults, listed by the vendor or by nobody.
const STATUSES: &[u16] = &[
    300, 302, 400, 401, 403, 404, 405, 407, 408, 409, 410, 413, 415, 418, 421, 422, 423, 425, 428, 429, 431, 451, 477,
    499, 500, 501, 502, 503, 504, 505, 507, 511, 520, 521, 522, 523, 524, 525, 526, 527, 530, 561, 599,
];

fn people(names: &[&str]) -> Vec<BatchRecord> {
    let person = |name: &&str| BatchRecord {
        trace_id: String::new(),
        destination_id: None,
        fields: [(FieldName::new("Name"), Value::Text((*name).to_owned()))].into_iter().collect(),
    };
    names.iter().map(person).collect()
}

fn insert(names: &[&str]) -> Batch {
    Batch { object: "Contacts".into(), operation: Operation::Insert, records: people(names) }
}

/// An Airtable with somebody before it who answers so whatever is asked of records.
async fn behind(said: &Arc<Mutex<(u16, String)>>) -> Script {
    let said = Arc::clone(said);
    Script::start_raw(move |asked| {
        if asked.path.ends_with("/tables") { (200, tables().to_string()) } else { said.lock().unwrap().clone() }
    })
    .await
}

#[tokio::test]
async fn a_create_behind_a_strangers_page_is_unanswered_and_sent_once() {
    let said = Arc::default();
    let script = behind(&said).await;
    let destination = destination(&script.url, &context());
    for status in STATUSES.iter().chain(&[200, 201, 202]) {
        for (place, page) in STRANGE_PAGES.iter().enumerate() {
            *said.lock().unwrap() = (*status, (*page).to_owned());
            let sent_before = script.asked().len();
            let count = 1 + (place + usize::from(*status)) % 2;
            let error = destination.load(&insert(&["Ada", "Bo"][..count])).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Unanswered, "{status} {page}");
            assert_eq!(script.asked().len(), sent_before + 1, "{status} {page}");
            assert!(error.to_string().contains("[POST 127.0.0.1"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_late_answer_of_another_batch_is_not_believed() {
    let mut first: Option<Json> = None;
    let script = Script::start(move |asked| {
        let sent = asked.json()["records"].as_array().cloned().unwrap();
        let own = sent.iter().enumerate().map(|(at, sent)| record(&format!("rec{at}"), sent["fields"].clone()));
        (200, first.get_or_insert(json!({ "records": own.collect::<Vec<_>>() })).clone())
    })
    .await;
    let destination = destination(&script.url, &context());
    destination.load(&insert(&["Ada", "Bo"])).await.unwrap();
    for names in [["Cy", "Di"], ["Ada", "Bo"]] {
        let error = destination.load(&insert(&names)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unanswered, "{names:?}");
    }
}

#[tokio::test]
async fn an_upsert_that_gets_another_batchs_answer_is_sent_again() {
    let mut count = 0;
    let script = Script::start(move |_| {
        count += 1;
        let of = |id: &str, name: &str| json!({ "records": [record(id, json!({ "fldName": name }))], "createdRecords": [id], "updatedRecords": [] });
        (200, if count == 1 { of("recLate", "Late") } else { of("recAda", "Ada") })
    })
    .await;
    let operation = Operation::Upsert { key: vec!["Name".into()] };
    let batch = Batch { object: "Contacts".into(), operation, records: people(&["Ada"]) };
    let outcomes = destination(&script.url, &context()).load(&batch).await.unwrap();
    assert_eq!((outcomes, script.asked().len()), (vec![Outcome::Created { id: "recAda".to_owned() }], 2));
}

#[tokio::test]
async fn a_look_up_that_is_not_whole_is_no_look_up() {
    let halves = [
        json!({ "records": [{ "fields": { "fldName": "Ada" } }] }),
        json!({ "records": [{ "id": null, "fields": {} }] }),
        json!({ "records": [{ "id": "", "fields": {} }] }),
        json!({ "records": null }),
        json!({ "offset": "x" }),
    ];
    let mut pages: Vec<String> = halves.iter().map(ToString::to_string).collect();
    pages.extend(STRANGE_PAGES.iter().map(|page| (*page).to_owned()));
    let said = Arc::default();
    let script = behind(&said).await;
    let destination = destination(&script.url, &context());
    for page in pages {
        *said.lock().unwrap() = (200, page.clone());
        let sent_before = script.asked().len();
        let values = vec![vec![Value::Text("Ada".to_owned())]];
        let selection = Selection::Keys { fields: vec!["Name".into()], values };
        let request = FetchRequest { object: "Contacts".into(), selection, fields: vec!["Name".into()] };
        let error = destination.fetch(&request).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{page}: {error}");
        assert!(script.asked().len() > sent_before + 1, "a read is asked again");
    }
}

#[tokio::test]
async fn a_look_ups_answer_that_is_another_look_ups_is_not_believed() {
    let by_key = Selection::Keys { fields: vec!["Name".into()], values: vec![vec![Value::Text("Ada".to_owned())]] };
    for selection in [by_key, Selection::Ids(vec!["recAda".to_owned()])] {
        let mut count = 0;
        let script = Script::start(move |_| {
            count += 1;
            let of = |id: &str, name: &str| json!({ "records": [record(id, json!({ "fldName": name }))] });
            (200, if count == 1 { of("recZoe", "Zoe") } else { of("recAda", "Ada") })
        })
        .await;
        let shown = format!("{selection:?}");
        let request = FetchRequest { object: "Contacts".into(), selection, fields: vec!["Name".into()] };
        let found = destination(&script.url, &context()).fetch(&request).await.unwrap();
        assert_eq!(found.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["recAda"], "{shown}");
    }
}

/// The answer to an earlier look-up of the same records, which asked for other fields, says nothing of these: an empty cell is
/// absent.
#[tokio::test]
async fn a_value_that_an_earlier_look_up_did_not_ask_for_is_not_taken_for_blank() {
    let mut count = 0;
    let script = Script::start(move |_| {
        count += 1;
        let of = |cells: Json| (200, json!({ "records": [record("recAda", cells)] }));
        of(if count == 1 { json!({ "fldAge": 7 }) } else { json!({ "fldName": "Ada" }) })
    })
    .await;
    let selection = Selection::Ids(vec!["recAda".to_owned()]);
    let request = FetchRequest { object: "Contacts".into(), selection, fields: vec!["Name".into()] };
    let found = destination(&script.url, &context()).fetch(&request).await.unwrap();
    assert_eq!(found[0].fields.get("Name"), Some(&Value::Text("Ada".to_owned())));
}
