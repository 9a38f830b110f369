//! Answers that are not Salesforce's own: gateway pages with any status, late answers, half look-ups. A write behind one is
//! unanswered, whatever it says; a look-up behind one has no answer.

use std::sync::{Arc, Mutex};

use serde_json::{Value as Json, json};

use crate::connector::{ErrorKind, FetchRequest, Selection};
use crate::model::{Operation, Outcome};

use super::{
    batch, created, destination, destination_with, entry,
    script::{Reply, Script, empty, ok, raw},
    text, updated,
};

const ONE: &str = "003000000000001AAA";
const TWO: &str = "003000000000002AAA";

/// What gateways, proxies and other people's servers answer.
const STRANGE_PAGES: &[&str] = &[
    "",
    "Service Unavailable",
    "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
    "{}",
    "[]",
    "null",
    r#"{"message":"Forbidden"}"#,
    r#"{"error":"invalid_grant","error_description":"no"}"#,
    r#"{"error":{"code":503,"message":"The service is unavailable","status":"UNAVAILABLE"}}"#,
    r#"{"status":"error","message":"Bad gateway","code":502}"#,
    r#"{"errorCode":"NOT_FOUND","message":"no list"}"#,
    r#"[{"message":"upstream timed out","code":"ETIMEDOUT"}]"#,
    r#"[{"errorCode":"not a code","message":"m"}]"#,
    r#"[{"errorCode":"NOT_FOUND"}]"#,
    r#"[{"errorCode":"REQUIRED_FIELD_MIS"#,
];

/// Statuses of refusals and faults, listed by the vendor or by nobody.
const STATUSES: &[u16] = &[
    300, 302, 400, 401, 403, 404, 405, 407, 408, 409, 410, 413, 415, 418, 421, 422, 423, 425, 428, 429, 431, 451, 477,
    499, 500, 501, 502, 503, 504, 505, 507, 511, 520, 521, 522, 523, 524, 525, 526, 527, 530, 561, 599,
];

/// The media types that gateways give their pages.
const MEDIA_TYPES: &[&str] = &["", "text/html", "text/plain", "application/json"];

fn people(names: &[&str]) -> Vec<crate::model::BatchRecord> {
    names.iter().map(|name| entry(None, &[("LastName", text(name))])).collect()
}

fn success(id: &str, created: Option<bool>) -> Json {
    json!({ "id": id, "success": true, "created": created, "errors": [] })
}

type Said = Arc<Mutex<(u16, &'static str, String)>>;

/// A Salesforce with somebody before it who answers so whatever is asked of records.
async fn behind(said: &Said) -> Script {
    let said = Arc::clone(said);
    Script::start(move |_| {
        let (status, media_type, page) = said.lock().unwrap().clone();
        raw(status, media_type, &page)
    })
    .await
}

#[tokio::test]
async fn a_create_behind_a_strangers_page_is_unanswered_and_sent_once() {
    let said = Said::default();
    let script = behind(&said).await;
    let destination = destination(&script.url);
    let load = batch(Operation::Insert, people(&["Ada", "Bo"]));
    for status in STATUSES.iter().chain(&[200, 201, 202]) {
        for (place, page) in STRANGE_PAGES.iter().enumerate() {
            let media_type = MEDIA_TYPES[(place + usize::from(*status)) % MEDIA_TYPES.len()];
            *said.lock().unwrap() = (*status, media_type, (*page).to_owned());
            let sent_before = script.asked().len();
            let error = destination.load(&load).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Unanswered, "{status} {media_type} {page}");
            assert_eq!(script.asked().len(), sent_before + 1, "{status} {media_type} {page}");
            assert!(error.to_string().contains("[POST 127.0.0.1"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_late_answer_of_another_batch_is_not_believed() {
    let results = json!([success(ONE, None), success(TWO, None)]);
    let script = Script::start(move |_| ok(&results)).await;
    let destination = destination(&script.url);
    let load = |names: &[&str]| batch(Operation::Insert, people(names));
    assert_eq!(destination.load(&load(&["Ada", "Bo"])).await.unwrap(), [created(ONE), created(TWO)]);
    let error = destination.load(&load(&["Cy", "Di"])).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unanswered, "new records have the ids of other ones");
}

#[tokio::test]
async fn a_new_record_never_has_the_id_of_one_that_was_changed() {
    let results = json!([success(ONE, None)]);
    let script = Script::start(move |_| ok(&results)).await;
    let destination = destination(&script.url);
    let change = batch(Operation::Update, vec![entry(Some(ONE), &[("LastName", text("Ada"))])]);
    assert_eq!(destination.load(&change).await.unwrap(), [updated(ONE)]);
    let error = destination.load(&batch(Operation::Insert, people(&["Bo"]))).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unanswered);
}

#[tokio::test]
async fn results_that_do_not_fit_what_was_sent_are_no_answer() {
    let answers = [
        json!([success(ONE, None)]),
        json!([success(ONE, None), success(ONE, None)]),
        json!([success(ONE, None), { "success": true, "errors": [] }]),
        json!([success(ONE, None), success(TWO, None), success(TWO, None)]),
    ];
    for answer in answers {
        let shown = answer.to_string();
        let script = Script::start(move |_| ok(&answer)).await;
        let load = batch(Operation::Insert, people(&["Ada", "Bo"]));
        let error = destination(&script.url).load(&load).await.unwrap_err();
        assert_eq!((error.kind, script.asked().len()), (ErrorKind::Unanswered, 1), "{shown}");
    }
}

#[tokio::test]
async fn a_link_or_change_that_gets_another_batchs_answer_is_sent_again() {
    let mut count = 0;
    let script = Script::start(move |_| {
        count += 1;
        ok(&json!([success(if count == 1 { TWO } else { ONE }, None)]))
    })
    .await;
    let change = vec![entry(Some(ONE), &[("LastName", text("Ada"))])];
    let outcomes = destination(&script.url).load(&batch(Operation::Update, change)).await.unwrap();
    assert_eq!((outcomes, script.asked().len()), (vec![updated(ONE)], 2));
}

#[tokio::test]
async fn an_upsert_whose_answer_has_anothers_id_is_sent_again_once_and_then_believed() {
    let by_key = Operation::Upsert { key: vec!["Ext__c".into()] };
    let keyed = |key: &str| batch(by_key.clone(), vec![entry(None, &[("Ext__c", text(key)), ("LastName", text("x"))])]);
    let mut answers = vec![ONE, ONE, TWO].into_iter();
    let script = Script::start(move |_| ok(&json!([success(answers.next().unwrap(), Some(false))]))).await;
    let late = destination(&script.url);
    assert_eq!(late.load(&keyed("a")).await.unwrap(), [updated(ONE)]);
    assert_eq!(late.load(&keyed("b")).await.unwrap(), [updated(TWO)], "the first answer was that to `a`");
    // A record whose key was changed meanwhile is answered in the same way again.
    let script = Script::start(|_| ok(&json!([success(ONE, Some(false))]))).await;
    let moved = destination(&script.url);
    for key in ["a", "b"] {
        assert_eq!(moved.load(&keyed(key)).await.unwrap(), [updated(ONE)]);
    }
    assert_eq!(script.asked().len(), 3);
}

#[tokio::test]
async fn a_look_up_that_is_not_whole_is_no_look_up() {
    let halves = [
        json!({ "totalSize": 1, "done": true, "records": [{ "LastName": "Ada" }] }),
        json!({ "totalSize": 1, "done": true, "records": [{ "Id": null, "LastName": "Ada" }] }),
        json!({ "totalSize": 1, "done": true, "records": [] }),
        json!({ "totalSize": 0, "done": false, "records": [] }),
        json!({ "records": [] }),
        json!({ "done": true, "records": [] }),
    ];
    let mut pages: Vec<(String, &str)> = halves.iter().map(|half| (half.to_string(), "application/json")).collect();
    for media_type in MEDIA_TYPES {
        pages.extend(STRANGE_PAGES.iter().map(|page| ((*page).to_owned(), *media_type)));
    }
    let said = Said::default();
    let script = behind(&said).await;
    let destination = destination(&script.url);
    for (page, media_type) in pages {
        *said.lock().unwrap() = (200, media_type, page.clone());
        let sent_before = script.asked().len();
        let selection = Selection::Keys { fields: vec!["Ext__c".into()], values: vec![vec![text("a")]] };
        let request = FetchRequest { object: "Contact".into(), selection, fields: vec!["LastName".into()] };
        let error = destination.fetch(&request).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{media_type} {page}: {error}");
        assert!(script.asked().len() > sent_before + 1, "a read is asked again");
    }
}

#[tokio::test]
async fn an_empty_success_is_no_answer_to_a_delete() {
    let mut count = 0;
    let script = Script::start(move |_| -> Reply {
        count += 1;
        if count == 1 { empty(200) } else { ok(&json!([success(ONE, None)])) }
    })
    .await;
    let outcomes = destination(&script.url).load(&batch(Operation::Delete, vec![entry(Some(ONE), &[])])).await.unwrap();
    assert_eq!((outcomes, script.asked().len()), (vec![Outcome::Deleted], 2));
}

#[tokio::test]
async fn a_look_ups_answer_that_is_another_look_ups_is_not_believed() {
    let by_key = Selection::Keys { fields: vec!["Ext__c".into()], values: vec![vec![text("a")]] };
    for selection in [by_key, Selection::Ids(vec![ONE.to_owned()])] {
        let mut count = 0;
        let script = Script::start(move |_| {
            count += 1;
            let of =
                |id: &str, key: &str| json!({ "totalSize": 1, "done": true, "records": [{ "Id": id, "Ext__c": key }] });
            ok(&if count == 1 { of(TWO, "z") } else { of(ONE, "A") })
        })
        .await;
        let shown = format!("{selection:?}");
        let request = FetchRequest { object: "Contact".into(), selection, fields: vec!["Ext__c".into()] };
        let found = destination(&script.url).fetch(&request).await.unwrap();
        assert_eq!(found.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), [ONE], "{shown}");
    }
}

/// The answer to an earlier look-up of the same records, which selected other fields, says nothing of these.
#[tokio::test]
async fn a_value_that_an_earlier_look_up_did_not_ask_for_is_not_taken_for_blank() {
    for other in [
        json!({ "Id": ONE, "Ext__c": "a" }),
        json!({ "Id": ONE }),
        json!({ "Id": ONE, "LastName": null, "Ext__c": "a" }),
    ] {
        let (shown, mut count) = (other.to_string(), 0);
        let script = Script::start(move |_| {
            count += 1;
            let own = json!({ "Id": ONE, "LastName": "Ada", "attributes": { "type": "Contact" } });
            ok(&json!({ "totalSize": 1, "done": true, "records": [if count == 1 { other.clone() } else { own }] }))
        })
        .await;
        let selection = Selection::Ids(vec![ONE.to_owned()]);
        let request = FetchRequest { object: "Contact".into(), selection, fields: vec!["LastName".into()] };
        let found = destination(&script.url).fetch(&request).await.unwrap();
        assert_eq!(found[0].fields.get("LastName"), Some(&text("Ada")), "{shown}");
    }
}

/// Who owns a record is looked up too: half an answer, and that to another look-up, must not leave it to the default owner.
#[tokio::test]
async fn an_owner_that_half_an_answer_lacks_is_asked_for_again() {
    let users = |users: Json| json!({ "totalSize": 1, "done": true, "records": users });
    let (address, owner) = ("ada@x.test", "0050000000000A1AAA");
    let halves = [
        users(json!([{ "Email": address, "Username": "ada" }])),
        users(json!([])),
        users(json!([{ "Id": owner, "Email": address }])),
        users(json!([{ "Id": ONE, "LastName": "Ada", "Ext__c": "a" }])),
    ];
    for half in halves {
        let (shown, mut count) = (half.to_string(), 0);
        let script = Script::start(move |asked| {
            if asked.path != "query" {
                return ok(&json!([success(ONE, None)]));
            }
            count += 1;
            let whole = users(json!([{ "Id": owner, "Email": address, "Username": "ada" }]));
            ok(&if count == 1 { half.clone() } else { whole })
        })
        .await;
        let record = entry(None, &[("LastName", text("x")), ("OwnerId", text(address))]);
        let destination = destination_with(&script.url, &json!({ "default_owner": "default@x.test" }));
        destination.load(&batch(Operation::Insert, vec![record])).await.unwrap();
        let asked = script.asked();
        let created = asked.iter().find(|asked| asked.path != "query").unwrap();
        assert_eq!(created.records()[0]["OwnerId"], owner, "{shown}");
    }
}
