//! Answers that are not HubSpot's own: gateway pages with any status, late answers, half look-ups. A write behind one is
//! unanswered, whatever it says; a look-up behind one has no answer.

use std::sync::{Arc, Mutex};

use serde_json::{Value as Json, json};

use crate::connector::{ErrorKind, FetchRequest, Selection};
use crate::model::{Batch, BatchRecord, FieldName, Operation, Outcome, Value};

use super::{
    destination,
    script::{Script, record},
};

/// What gateways, proxies and other people's servers answer.
pub(super) const STRANGE_PAGES: &[&str] = &[
    "",
    "Service Unavailable",
    "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
    "{}",
    "[]",
    "null",
    "\"error\"",
    r#"{"message":"Forbidden"}"#,
    r#"{"message":"no Route matched with those values"}"#,
    r#"{"error":"Not Found"}"#,
    r#"{"error":"invalid_request"}"#,
    r#"{"error":{"code":503,"message":"The service is unavailable","status":"UNAVAILABLE"}}"#,
    r#"{"status":"error","message":"Bad gateway"}"#,
    r#"{"status":"error","message":"Bad gateway","code":502}"#,
    r#"{"status":403,"error":"Forbidden","path":"/crm"}"#,
    r#"{"detail":"Not Found"}"#,
    r#"{"errors":[{"message":"upstream timed out"}]}"#,
    r#"[{"message":"upstream timed out","code":"ETIMEDOUT"}]"#,
    r#"[{"errorCode":"","message":""}]"#,
    r#"{"status":"error","category":"VALIDATION_ERR"#,
    r#"{"error":{"type":"INVALID_VAL"#,
    r#"[{"errorCode":"REQUIRED_FIELD_MIS"#,
];

/// Statuses of refusals and faults, listed by the vendor or by nobody.
pub(super) const STATUSES: &[u16] = &[
    300, 302, 304, 400, 401, 402, 403, 404, 405, 407, 408, 409, 410, 411, 413, 414, 415, 418, 421, 422, 423, 424, 425,
    426, 428, 429, 431, 444, 451, 477, 499, 500, 501, 502, 503, 504, 505, 507, 508, 511, 520, 521, 522, 523, 524, 525,
    526, 527, 530, 561, 599,
];

fn people(count: usize) -> Vec<BatchRecord> {
    let person = |at: usize| BatchRecord {
        trace_id: at.to_string(),
        destination_id: None,
        fields: [(FieldName::new("email"), Value::Text(format!("p{at}@x.test")))].into_iter().collect(),
    };
    (0..count).map(person).collect()
}

fn insert(count: usize) -> Batch {
    Batch { object: "contacts".into(), operation: Operation::Insert, records: people(count) }
}

/// A HubSpot with somebody before it who answers every POST so.
async fn behind(said: &Arc<Mutex<(u16, String)>>) -> Script {
    let said = Arc::clone(said);
    Script::start_raw(move |asked| match asked.method.as_str() {
        "POST" => said.lock().unwrap().clone(),
        _ => (200, super::properties().to_string()),
    })
    .await
}

#[tokio::test]
async fn a_create_behind_a_strangers_page_is_unanswered_and_sent_once() {
    let said = Arc::default();
    let script = behind(&said).await;
    let destination = destination(&script.url);
    for status in STATUSES.iter().chain(&[200, 201, 202, 206]) {
        for (place, page) in STRANGE_PAGES.iter().enumerate() {
            *said.lock().unwrap() = (*status, (*page).to_owned());
            let sent_before = script.asked().len();
            let count = 1 + (place + usize::from(*status)) % 2;
            let error = destination.load(&insert(count)).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Unanswered, "{status} {page}");
            assert_eq!(script.asked().len(), sent_before + 1, "{status} {page}");
            assert!(error.to_string().contains(&format!("({status}")), "{error}");
            assert!(error.to_string().contains("[POST 127.0.0.1"), "{error}");
        }
    }
    *said.lock().unwrap() = (204, String::new());
    assert_eq!(destination.load(&insert(1)).await.unwrap_err().kind, ErrorKind::Unanswered);
}

#[tokio::test]
async fn a_late_answer_of_another_batch_is_not_believed() {
    // Both batches have the engine's numbers 0 and 1 as trace ids. The script answers the second with what was the answer
    // to the first.
    let mut first: Option<Json> = None;
    let script = Script::start_raw(move |asked| {
        if asked.method != "POST" {
            return (200, super::properties().to_string());
        }
        let inputs = asked.json()["inputs"].as_array().cloned().unwrap();
        let own = inputs.iter().enumerate().map(|(at, input)| {
            let mut result = record(100 + at as u64, json!({ "email": input["properties"]["email"] }));
            result["objectWriteTraceId"] = input["objectWriteTraceId"].clone();
            result
        });
        let own = json!({ "status": "COMPLETE", "results": own.collect::<Vec<_>>() });
        (201, first.get_or_insert(own).to_string())
    })
    .await;
    let destination = destination(&script.url);
    let batch = |records| Batch { object: "contacts".into(), operation: Operation::Insert, records };
    assert_eq!(destination.load(&batch(people(2))).await.unwrap().len(), 2);
    let mut others = people(4);
    others.drain(..2);
    for (at, record) in others.iter_mut().enumerate() {
        record.trace_id = at.to_string();
    }
    assert_eq!(destination.load(&batch(others)).await.unwrap_err().kind, ErrorKind::Unanswered);
}

#[tokio::test]
async fn a_new_record_never_has_the_id_of_another() {
    // Without trace ids and without values in the answer there are the ids alone.
    let script = Script::start(|_| {
        (201, json!({ "status": "COMPLETE", "results": [{ "id": "7", "properties": { "email": "p0@x.test" } }] }))
    })
    .await;
    let destination = destination(&script.url);
    let batch = || Batch { object: "contacts".into(), operation: Operation::Insert, records: people(1) };
    assert_eq!(destination.load(&batch()).await.unwrap(), [Outcome::Created { id: "7".to_owned() }]);
    assert_eq!(destination.load(&batch()).await.unwrap_err().kind, ErrorKind::Unanswered);
}

fn by_key(field: &str) -> FetchRequest {
    let values = vec![vec![Value::Text("a@x.test".to_owned())], vec![Value::Text("b@x.test".to_owned())]];
    let selection = Selection::Keys { fields: vec![field.into()], values };
    FetchRequest { object: "contacts".into(), selection, fields: vec!["firstname".into()] }
}

#[tokio::test]
async fn a_look_up_that_is_not_whole_is_no_look_up() {
    let nameless = json!({ "results": [{ "properties": { "email": "a@x.test" } }] });
    let halves = [
        nameless,
        json!({ "results": [record(1, json!({ "email": "a@x.test" })), { "id": null, "properties": {} }] }),
        json!({ "results": [{ "id": "", "properties": {} }] }),
        json!({ "status": "COMPLETE" }),
        json!({ "total": 2, "results": [] }),
        json!({ "results": null }),
    ];
    let mut pages: Vec<String> = halves.iter().map(ToString::to_string).collect();
    pages.extend(STRANGE_PAGES.iter().map(|page| (*page).to_owned()));
    let said = Arc::default();
    let script = behind(&said).await;
    let destination = destination(&script.url);
    for page in pages {
        for field in ["email", "firstname"] {
            *said.lock().unwrap() = (200, page.clone());
            let sent_before = script.asked().len();
            let error = destination.fetch(&by_key(field)).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Unavailable, "{field} {page}: {error}");
            assert!(script.asked().len() > sent_before + 1, "a read is asked again");
        }
    }
}

#[tokio::test]
async fn a_key_that_an_answer_does_not_speak_of_is_asked_for_alone() {
    let script = Script::start(|asked| {
        let found = |id, email: &str| json!({ "results": [record(id, json!({ "email": email }))] });
        match asked.ids().as_slice() {
            [one] if one == "b@x.test" => (200, found(2, "b@x.test")),
            _ => (200, found(1, "a@x.test")),
        }
    })
    .await;
    let found = destination(&script.url).fetch(&by_key("email")).await.unwrap();
    assert_eq!(found.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["1", "2"]);
}

/// Each answer once to each way of looking up; then the true one.
#[tokio::test]
async fn a_look_ups_answer_that_is_another_look_ups_is_not_believed() {
    let person = |id: u64, email: &str, first: &str| record(id, json!({ "email": email, "firstname": first }));
    let named = |id: u64, first: &str| record(id, json!({ "firstname": first }));
    let missing = |ids: &[&str]| json!({ "category": "OBJECT_NOT_FOUND", "message": "m", "context": { "ids": ids } });
    let foreign = [
        json!({ "results": [person(8, "y@x.test", "y"), person(9, "z@x.test", "z")] }),
        json!({ "status": "COMPLETE", "results": [], "numErrors": 2, "errors": [missing(&["y@x.test", "z@x.test"])] }),
        json!({ "results": [person(1, "a@x.test", "a@x.test"), person(2, "b@x.test", "b@x.test"), person(3, "c@x.test", "c")] }),
    ];
    let by_email = json!({ "results": [person(1, "a@x.test", "a@x.test"), person(2, "b@x.test", "b@x.test")] });
    let by_name = json!({ "results": [named(1, "a@x.test"), named(2, "b@x.test")] });
    let searches = [json!({ "results": [named(8, "y")] }), by_email.clone()];
    for (field, foreign, own) in [("email", &foreign[..], by_email), ("firstname", &searches, by_name)] {
        for foreign in foreign {
            let (foreign, own, shown) = (foreign.clone(), own.clone(), foreign.to_string());
            let mut count = 0;
            let script = Script::start(move |_| {
                count += 1;
                (200, if count == 1 { foreign.clone() } else { own.clone() })
            })
            .await;
            let found = destination(&script.url).fetch(&by_key(field)).await.unwrap();
            let ids: Vec<&str> = found.iter().map(|record| record.id.as_str()).collect();
            assert_eq!(ids, ["1", "2"], "{field} {shown}");
        }
    }
}

/// Two answers that are those of two other requests, one after the other; then the true one.
#[tokio::test]
async fn two_look_ups_that_are_those_of_others_prove_nothing() {
    let person = |id: u64, email: &str| record(id, json!({ "email": email, "firstname": email }));
    let mut answers = vec![
        json!({ "results": [person(8, "y@x.test")] }),
        json!({ "results": [person(9, "z@x.test")] }),
        json!({ "results": [person(1, "a@x.test"), person(2, "b@x.test")] }),
    ];
    let script =
        Script::start(move |_| (200, if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() })).await;
    let found = destination(&script.url).fetch(&by_key("email")).await.unwrap();
    assert_eq!(found.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["1", "2"]);
}

/// What a look-up of the same records says: that none is there.
#[tokio::test]
async fn a_look_ups_answer_refuses_no_record_that_is_to_be_made() {
    let script = Script::start_raw(|asked| {
        let missing =
            json!({ "category": "OBJECT_NOT_FOUND", "message": "m", "context": { "ids": ["p0@x.test", "p1@x.test"] } });
        match asked.method.as_str() {
            "POST" => {
                (207, json!({ "status": "COMPLETE", "results": [], "numErrors": 2, "errors": [missing] }).to_string())
            }
            _ => (200, super::properties().to_string()),
        }
    })
    .await;
    let destination = destination(&script.url);
    for operation in [Operation::Insert, Operation::Upsert { key: vec!["email".into()] }] {
        let error = destination.load(&Batch { operation, ..insert(2) }).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unanswered);
    }
}

/// The answer to an earlier look-up of the same records, which asked for other or fewer properties, says nothing of these.
#[tokio::test]
async fn a_value_that_an_earlier_look_up_did_not_ask_for_is_not_taken_for_blank() {
    let others = [
        json!({ "email": "a@x.test" }),
        json!({ "hs_object_id": "1" }),
        json!({}),
        json!({ "firstname": null, "email": "a" }),
    ];
    for other in others {
        let (shown, mut count) = (other.to_string(), 0);
        let script = Script::start(move |_| {
            count += 1;
            let own = json!({ "firstname": "Ada", "hs_object_id": "1" });
            (200, json!({ "results": [record(1, if count == 1 { other.clone() } else { own })] }))
        })
        .await;
        let selection = Selection::Ids(vec!["1".to_owned()]);
        let request = FetchRequest { object: "contacts".into(), selection, fields: vec!["firstname".into()] };
        let found = destination(&script.url).fetch(&request).await.unwrap();
        assert_eq!(found[0].fields["firstname"], Value::Text("Ada".to_owned()), "{shown}");
    }
}

#[tokio::test]
async fn an_answer_with_two_results_for_one_record_is_no_answer() {
    for twice in ["trace", "id", "both"] {
        let script = Script::start(move |asked| {
            let inputs = asked.json()["inputs"].as_array().cloned().unwrap();
            let mut results: Vec<Json> = inputs
                .iter()
                .enumerate()
                .map(|(at, input)| {
                    let mut result = record(100 + at as u64, json!({}));
                    result["objectWriteTraceId"] = input["objectWriteTraceId"].clone();
                    result
                })
                .collect();
            let mut stranger = results[0].clone();
            match twice {
                "trace" => stranger["id"] = json!("900"),
                "id" => stranger["objectWriteTraceId"] = Json::Null,
                _ => {}
            }
            results.push(stranger);
            (201, json!({ "status": "COMPLETE", "results": results }))
        })
        .await;
        let error = destination(&script.url).load(&insert(2)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unanswered, "{twice}");
    }
}
