//! Writes by sObject Collections: what is sent, and what each result means.

use serde_json::{Value as Json, json};

use crate::connector::{ErrorKind, FetchRequest, Selection};
use crate::model::{Operation, Outcome, Value};

use super::{
    batch, created, destination, destination_with, entry,
    script::{Asked, Reply, Script, empty, error, ok},
    text, updated,
};

const ONE: &str = "003000000000001AAA";
const TWO: &str = "003000000000002AAA";

fn success(id: &str, created: Option<bool>) -> Json {
    json!({ "id": id, "success": true, "created": created, "errors": [] })
}

fn failure(code: &str, message: &str, fields: &[&str]) -> Json {
    json!({ "success": false, "errors": [{ "statusCode": code, "message": message, "fields": fields }] })
}

async fn answering(results: Json) -> Script {
    Script::start(move |_| ok(&results)).await
}

fn by_key() -> Operation {
    Operation::Upsert { key: vec!["Ext__c".into()] }
}

fn named(name: &str) -> crate::model::BatchRecord {
    entry(None, &[("LastName", text(name))])
}

#[tokio::test]
async fn records_are_created_with_their_type_and_typed_values() {
    let script = answering(json!([success(ONE, None)])).await;
    let fields = [
        ("LastName", text("Ada")),
        ("Amount", Value::Number(5.0)),
        ("Optin__c", Value::Null),
        ("Email", Value::Null),
        ("Seen__c", Value::DateTime("2026-11-23T10:00:00Z".parse().unwrap())),
        ("Topics__c", Value::List(vec!["a".to_owned(), "b".to_owned()])),
        ("AccountId", Value::List(vec!["0017e00001W4GYR".to_owned()])),
        ("Content", text("Hi")),
    ];
    let outcomes = destination(&script.url).load(&batch(Operation::Insert, vec![entry(None, &fields)])).await.unwrap();
    assert_eq!(outcomes, [created(ONE)]);
    let expected = json!({
        "attributes": { "type": "Contact" }, "AccountId": "0017e00001W4GYRAA3", "Amount": 5, "Content": "SGk=",
        "LastName": "Ada", "Optin__c": false, "Seen__c": "2026-11-23T10:00:00.000Z", "Topics__c": "a;b",
    });
    assert_eq!(script.asked()[0].json()["allOrNone"], false);
    assert_eq!(script.asked()[0].records(), [expected]);
}

#[tokio::test]
async fn an_update_clears_by_null_and_leaves_alone_what_is_not_named() {
    let script = answering(json!([success(ONE, None)])).await;
    let record = entry(Some("003000000000001"), &[("Email", Value::Null), ("OwnerId", Value::Null)]);
    let outcomes = destination(&script.url).load(&batch(Operation::Update, vec![record])).await.unwrap();
    assert_eq!(outcomes, [updated(ONE)], "ids of 15 and 18 characters are one");
    let sent = json!({ "attributes": { "type": "Contact" }, "id": "003000000000001", "Email": null });
    assert_eq!(script.asked()[0].records(), [sent], "a record always has an owner");
    assert_eq!(script.asked()[0].method, "PATCH");
}

#[tokio::test]
async fn an_upsert_goes_by_the_field_and_says_which_are_new() {
    let script = answering(json!([
        success(ONE, Some(true)),
        success(TWO, Some(false)),
        failure("DUPLICATE_EXTERNAL_ID", "more than one record found for external id field: [003x, 003y]", &[])
    ]))
    .await;
    let record = |key: &str| entry(None, &[("Ext__c", text(key)), ("LastName", text("x"))]);
    let load = batch(by_key(), vec![record("a"), record("b"), record("c"), entry(None, &[("LastName", text("y"))])]);
    let outcomes = destination(&script.url).load(&load).await.unwrap();
    assert_eq!(outcomes[..2], [created(ONE), updated(TWO)]);
    assert!(matches!(&outcomes[2], Outcome::Held(reason) if reason.code == "ambiguous_key"), "{:?}", outcomes[2]);
    assert!(matches!(&outcomes[3], Outcome::Rejected(reason) if reason.code == "empty_key"));
    assert_eq!(script.asked()[0].path, "composite/sobjects/Contact/Ext__c");
}

#[tokio::test]
async fn a_refusal_is_of_its_record_alone() {
    let script = answering(json!([
        failure("FIELD_CUSTOM_VALIDATION_EXCEPTION", "No Mondays", &["Birthdate"]),
        success(TWO, None),
    ]))
    .await;
    let outcomes =
        destination(&script.url).load(&batch(Operation::Insert, vec![named("a"), named("b")])).await.unwrap();
    let Outcome::Rejected(reason) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(
        (reason.code.as_str(), reason.field.as_deref()),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", Some("Birthdate"))
    );
    assert_eq!(outcomes[1], created(TWO));
}

#[tokio::test]
async fn gone_records_are_missing_to_an_update_and_done_to_a_delete() {
    let gone = json!([failure("ENTITY_IS_DELETED", "entity is deleted", &[])]);
    let script = answering(gone.clone()).await;
    let record = entry(Some(ONE), &[("LastName", text("x"))]);
    let outcomes = destination(&script.url).load(&batch(Operation::Update, vec![record])).await.unwrap();
    assert_eq!(outcomes, [Outcome::Missing]);
    let script = answering(gone).await;
    let outcomes = destination(&script.url).load(&batch(Operation::Delete, vec![entry(Some(ONE), &[])])).await.unwrap();
    assert_eq!(outcomes, [Outcome::Deleted]);
    assert_eq!(script.asked()[0].parameter("ids"), ONE);
}

#[tokio::test]
async fn rows_that_fail_on_a_lock_are_sent_again_in_smaller_requests() {
    let mut created = 0;
    let script = Script::start(move |asked: &Asked| {
        let records = asked.records();
        let is_small = records.len() <= 10;
        let results = records.iter().enumerate().map(|(at, _)| {
            if is_small || at % 2 == 0 {
                created += 1;
                success(&format!("0030000000{created:05}AAA"), None)
            } else {
                failure("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records: 001", &[])
            }
        });
        ok(&results.collect())
    })
    .await;
    let records = (0..200).map(|at| named(&format!("n{at}"))).collect();
    let outcomes = destination(&script.url).load(&batch(Operation::Insert, records)).await.unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Created { .. })));
    let sizes: Vec<usize> = script.asked().iter().map(|asked| asked.records().len()).collect();
    assert_eq!(sizes, [200, 50, 50, 10, 10, 10, 10, 10]);
}

#[tokio::test]
async fn rows_of_one_parent_go_together_and_outcomes_stay_in_order() {
    let script = Script::start(|asked: &Asked| {
        let ids = asked
            .records()
            .into_iter()
            .map(|record| success(&format!("0030000000{:0>5}AAA", record["LastName"].as_str().unwrap()), None));
        ok(&ids.collect())
    })
    .await;
    let child = |name: &str, parent: &str| entry(None, &[("LastName", text(name)), ("AccountId", text(parent))]);
    let records = vec![child("1", "001B"), child("2", "001A"), child("3", "001B")];
    let outcomes = destination(&script.url).load(&batch(Operation::Insert, records)).await.unwrap();
    let names: Vec<Json> = script.asked()[0].records().iter().map(|record| record["LastName"].clone()).collect();
    assert_eq!(names, ["2", "1", "3"]);
    assert_eq!(outcomes, [created("003000000000001AAA"), created("003000000000002AAA"), created("003000000000003AAA")]);
}

#[tokio::test]
async fn an_answer_that_does_not_account_for_every_record_counts_as_lost() {
    let script = answering(json!([success(ONE, None)])).await;
    let lost =
        destination(&script.url).load(&batch(Operation::Insert, vec![named("a"), named("b")])).await.unwrap_err();
    assert_eq!(lost.kind, ErrorKind::Unanswered);
    let broken = Script::start(|_| error(500, "UNKNOWN_EXCEPTION", "x")).await;
    let error = destination(&broken.url).load(&batch(Operation::Insert, vec![named("a")])).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unanswered);
    assert_eq!(broken.asked().len(), 1, "a create without an answer is not simply repeated");
}

#[tokio::test]
async fn insert_only_fields_are_created_with_and_never_changed() {
    let moment = Value::DateTime("2020-01-01T00:00:00Z".parse().unwrap());
    let script = answering(json!([success(ONE, None)])).await;
    let record = entry(Some(ONE), &[("CreatedDate", moment.clone()), ("LastName", text("x"))]);
    destination(&script.url).load(&batch(Operation::Update, vec![record])).await.unwrap();
    assert!(script.asked()[0].records()[0].get("CreatedDate").is_none());
    let record = entry(None, &[("CreatedDate", moment), ("Ext__c", text("x"))]);
    let error = destination(&script.url).load(&batch(by_key(), vec![record])).await.unwrap_err();
    assert_eq!(error.code, "insert_only_field");
    assert!(error.hint.unwrap().contains("when: on_create"));
}

#[tokio::test]
async fn texts_that_salesforce_would_refuse_are_refused_here() {
    let script = answering(json!([])).await;
    let outcomes =
        destination(&script.url).load(&batch(Operation::Insert, vec![named(&"ä".repeat(21))])).await.unwrap();
    assert!(matches!(&outcomes[0], Outcome::Rejected(reason) if reason.code == "STRING_TOO_LONG"));
    assert!(script.asked().is_empty());
}

fn users(_: &Asked) -> Reply {
    let user = |id: &str, email: &str| json!({ "Id": id, "Email": email, "Username": format!("{email}.org") });
    let users = [
        user("0050000000000A1AAA", "Ada@example.test"),
        user("0050000000000B1AAA", "two@example.test"),
        user("0050000000000B2AAA", "two@example.test"),
        user("0050000000000D1AAA", "default@example.test"),
    ];
    ok(&json!({ "totalSize": 4, "done": true, "records": users }))
}

#[tokio::test]
async fn owners_are_found_by_address_else_the_default_is_taken() {
    let mut created = 0;
    let mut new = move || {
        created += 1;
        success(&format!("0030000000{created:05}AAA"), None)
    };
    let script = Script::start(move |asked| {
        if asked.path == "query" { users(asked) } else { ok(&asked.records().iter().map(|_| new()).collect()) }
    })
    .await;
    let owned = |owner: &str| entry(None, &[("LastName", text("x")), ("OwnerId", text(owner))]);
    let owners = ["ada@example.test", "gone@example.test", "two@example.test", "0050000000000C1"];
    let load = batch(Operation::Insert, owners.map(owned).to_vec());
    let with_default = destination_with(&script.url, &json!({ "default_owner": "default@example.test" }));
    let outcomes = with_default.load(&load).await.unwrap();
    let sent: Vec<Json> = script.asked()[1].records().iter().map(|record| record["OwnerId"].clone()).collect();
    assert_eq!(sent, ["0050000000000A1AAA", "0050000000000D1AAA", "0050000000000C1AAI"]);
    assert!(matches!(&outcomes[2], Outcome::Rejected(reason) if reason.code == "ambiguous_owner"));
    let without = destination(&script.url).load(&load).await.unwrap();
    assert!(matches!(&without[1], Outcome::Rejected(reason) if reason.code == "unknown_owner"));
    assert!(script.asked()[0].parameter("q").contains("IsActive = TRUE"));
}

#[tokio::test]
async fn record_types_are_written_by_developer_name() {
    let script = answering(json!([success(ONE, None)])).await;
    let typed = |name: &str| entry(None, &[("LastName", text("x")), ("RecordTypeId", text(name))]);
    let load = batch(Operation::Insert, vec![typed("Organization"), typed("Elsewhere")]);
    let outcomes = destination(&script.url).load(&load).await.unwrap();
    assert_eq!(script.asked()[0].records()[0]["RecordTypeId"], "0125j000000RqVlAAK");
    assert!(matches!(&outcomes[1], Outcome::Rejected(reason) if reason.code == "unknown_record_type"));
}

#[tokio::test]
async fn keys_are_looked_up_as_literals_of_their_type() {
    let script = Script::start(|asked| {
        if asked.path == "jobs/ingest" {
            return ok(&json!({ "records": [] }));
        }
        ok(&json!({ "totalSize": 1, "done": true, "records": [{ "Id": "003000000000001", "Email": "o'hara@example.test" }] }))
    })
    .await;
    let selection = Selection::Keys { fields: vec!["Email".into()], values: vec![vec![text("O'Hara@example.test")]] };
    let request = FetchRequest { object: "Contact".into(), selection, fields: vec!["Email".into()] };
    let found = destination(&script.url).fetch(&request).await.unwrap();
    assert_eq!((found.len(), found[0].id.as_str()), (1, ONE));
    let query = script.asked().last().unwrap().parameter("q").to_owned();
    assert_eq!(query, "SELECT Id,Email FROM Contact WHERE Email IN ('O\\'Hara@example.test')");
    let selection = Selection::Keys {
        fields: vec!["LastName".into(), "Count__c".into()],
        values: vec![vec![text("a"), Value::Integer(1)], vec![text("b"), text("no number")]],
    };
    let request = FetchRequest { object: "Contact".into(), selection, fields: vec!["LastName".into()] };
    destination(&script.url).fetch(&request).await.unwrap();
    let query = script.asked().last().unwrap().parameter("q").to_owned();
    assert!(query.ends_with("WHERE ((LastName = 'a' AND Count__c = 1))"), "{query}");
}

#[tokio::test]
async fn assignment_rules_run_only_where_they_are_asked_for() {
    let script = Script::start(|_| empty(204)).await;
    let options = json!({ "assignment_rule": "01Q000000000001AAA", "allow_duplicates": true });
    let _ = destination_with(&script.url, &options).load(&batch(Operation::Insert, vec![named("a")])).await;
    let asked = &script.asked()[0];
    assert_eq!(asked.header("sforce-auto-assign"), "01Q000000000001AAA");
    assert_eq!(asked.header("sforce-duplicate-rule-header"), "allowSave=true");
}
