//! Batches, their outcomes, and look-ups.

use serde_json::{Value as Json, json};

use crate::connector::{ConnectorError, ErrorKind, FetchRequest, Selection};
use crate::model::{Batch, BatchRecord, FieldName, Fields, Operation, Outcome, Record, Rejection, Value};

use super::{
    context, destination,
    script::{Script, record, refusal},
};

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn write(id: Option<&str>, fields: &[(&str, Value)]) -> BatchRecord {
    BatchRecord {
        trace_id: "t".to_owned(),
        destination_id: id.map(str::to_owned),
        fields: fields.iter().map(|(name, value)| (FieldName::new(name), value.clone())).collect::<Fields>(),
    }
}

fn by_name() -> Operation {
    Operation::Upsert { key: vec!["Name".into()] }
}

async fn load(
    script: &Script,
    operation: Operation,
    records: Vec<BatchRecord>,
) -> Result<Vec<Outcome>, ConnectorError> {
    destination(&script.url, &context()).load(&Batch { object: "Contacts".into(), operation, records }).await
}

fn created(id: &str) -> Outcome {
    Outcome::Created { id: id.to_owned() }
}

fn updated(id: &str) -> Outcome {
    Outcome::Updated { id: id.to_owned() }
}

fn rejection(outcomes: Result<Vec<Outcome>, ConnectorError>) -> Rejection {
    match outcomes.unwrap().remove(0) {
        Outcome::Rejected(rejection) | Outcome::Held(rejection) => rejection,
        other => panic!("{other:?} is no rejection"),
    }
}

#[tokio::test]
async fn an_insert_sends_cells_by_field_id() {
    let script =
        Script::start(|_| (200, json!({"records": [record("rec1", json!({})), record("rec2", json!({}))]}))).await;
    let records =
        vec![write(None, &[("Name", text("Ada")), ("Notes", Value::Null)]), write(None, &[("Name", text("Bo"))])];
    assert_eq!(load(&script, Operation::Insert, records).await.unwrap(), [created("rec1"), created("rec2")]);
    let asked = &script.asked()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/v0/appFerryDemo00001/tblContacts"));
    assert_eq!(
        asked.json(),
        json!({
            "records": [{"fields": {"fldName": "Ada", "fldNotes": null}}, {"fields": {"fldName": "Bo"}}],
            "returnFieldsByFieldId": true,
        })
    );
}

#[tokio::test]
async fn an_insert_whose_answer_is_lost_is_not_repeated() {
    let script = Script::start(|_| (503, json!({"error": {"type": "RETRIABLE_ERROR"}}))).await;
    let error = load(&script, Operation::Insert, vec![write(None, &[("Name", text("Ada"))])]).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Unanswered, "RETRIABLE_ERROR"));
    assert_eq!(script.asked().len(), 1);
}

#[tokio::test]
async fn an_update_and_an_upsert_whose_answers_are_lost_are_repeated() {
    for (operation, id) in [(Operation::Update, Some("rec1")), (by_name(), None)] {
        let mut count = 0;
        let script = Script::start(move |_| {
            count += 1;
            let answer = json!({"records": [record("rec1", json!({"fldName": "Ada"}))], "createdRecords": [], "updatedRecords": ["rec1"]});
            if count == 1 { (502, json!("<html>")) } else { (200, answer) }
        })
        .await;
        let outcomes = load(&script, operation, vec![write(id, &[("Name", text("Ada"))])]).await.unwrap();
        assert_eq!((outcomes, script.asked().len()), (vec![updated("rec1")], 2));
    }
}

#[tokio::test]
async fn an_update_merges_and_is_matched_by_id() {
    let script =
        Script::start(|_| (200, json!({"records": [record("rec2", json!({})), record("rec1", json!({}))]}))).await;
    let records = vec![write(Some("rec1"), &[("Name", text("A"))]), write(Some("rec2"), &[("Name", text("B"))])];
    assert_eq!(load(&script, Operation::Update, records).await.unwrap(), [updated("rec1"), updated("rec2")]);
    let asked = &script.asked()[0];
    assert_eq!(asked.method, "PATCH", "a PUT would clear what is not sent");
    assert_eq!(asked.json()["records"][1], json!({"id": "rec2", "fields": {"fldName": "B"}}));
}

#[tokio::test]
async fn an_upsert_is_matched_by_key_and_not_by_position() {
    let script = Script::start(|_| {
        let records = [record("recB", json!({"fldName": "Bo"})), record("recA", json!({"fldName": "Ada"}))];
        (200, json!({"records": records, "createdRecords": ["recA"], "updatedRecords": ["recB"]}))
    })
    .await;
    let records = vec![write(None, &[("Name", text("Ada"))]), write(None, &[("Name", text("Bo"))])];
    assert_eq!(load(&script, by_name(), records).await.unwrap(), [created("recA"), updated("recB")]);
    let body = script.asked()[0].json();
    assert_eq!(body["performUpsert"], json!({"fieldsToMergeOn": ["fldName"]}));
    assert!(body["records"][0].get("id").is_none(), "with an id the merge fields would be ignored");
}

#[tokio::test]
async fn a_key_that_reads_back_otherwise_is_matched_by_position() {
    let script = Script::start(|_| {
        let records = [record("rec1", json!({"fldName": "Ada"})), record("rec2", json!({"fldName": "Bo"}))];
        (200, json!({"records": records, "createdRecords": ["rec1", "rec2"], "updatedRecords": []}))
    })
    .await;
    let records = vec![write(None, &[("Name", text("Ada "))]), write(None, &[("Name", text("Bo"))])];
    assert_eq!(load(&script, by_name(), records).await.unwrap(), [created("rec1"), created("rec2")]);
}

#[tokio::test]
async fn an_answer_that_does_not_account_for_every_record_is_no_success() {
    let one = record("rec1", json!({"fldName": "Ada"}));
    let answers = [
        json!({"records": []}),
        json!({"records": [one]}),
        json!({"records": [one, one]}),
        json!({"records": [one, record("rec2", json!({}))]}),
        json!({"records": [one, record("rec2", json!({}))], "createdRecords": ["rec1"], "updatedRecords": ["rec1", "rec2"]}),
        json!({"ok": true}),
    ];
    for answer in answers {
        let script = Script::start(move |_| (200, answer.clone())).await;
        let records = vec![write(None, &[("Name", text("Ada"))]), write(None, &[("Name", text("Bo"))])];
        let error = load(&script, by_name(), records).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unanswered);
    }
}

#[tokio::test]
async fn an_empty_key_is_rejected_before_it_is_sent() {
    let script = Script::start(|_| {
        (200, json!({"records": [record("rec1", json!({"fldName": "Ada"}))], "createdRecords": ["rec1"]}))
    })
    .await;
    let records = vec![
        write(None, &[("Name", Value::Null)]),
        write(None, &[("Name", text("Ada"))]),
        write(None, &[("Name", text(""))]),
        write(None, &[("Notes", text("no key at all"))]),
    ];
    let outcomes = load(&script, by_name(), records).await.unwrap();
    assert_eq!(outcomes[1], created("rec1"));
    for place in [0, 2, 3] {
        assert!(matches!(&outcomes[place], Outcome::Rejected(rejection) if rejection.code == "empty_key"));
    }
    assert_eq!(script.asked()[0].json()["records"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_refused_batch_names_no_culprit_and_is_given_back() {
    let script =
        Script::start(|_| refusal("INVALID_VALUE_FOR_COLUMN", "Field \"Name\" cannot accept the provided value")).await;
    let records = vec![write(None, &[("Name", text("Ada"))]), write(None, &[("Name", text("Bo"))])];
    let error = load(&script, Operation::Insert, records).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Refused, "INVALID_VALUE_FOR_COLUMN"));
}

#[tokio::test]
async fn a_record_refused_alone_is_rejected_with_field_and_value() {
    let cases = [
        ("INVALID_VALUE_FOR_COLUMN", r#"Field "Email" cannot accept the provided value"#, "Email", "a@x"),
        ("INVALID_VALUE_FOR_COLUMN", r#"Field "fldEmail" cannot accept the provided value"#, "Email", "a@x"),
        (
            "INVALID_MULTIPLE_CHOICE_OPTIONS",
            r#"Insufficient permissions to create new select option ""lead"""#,
            "Stage",
            "lead",
        ),
        ("ROW_DOES_NOT_EXIST", "Record ID recX does not exist in this table", "Company", "recX"),
    ];
    for (code, message, field, value) in cases {
        let script = Script::start(move |_| refusal(code, message)).await;
        let fields =
            [("Email", text("a@x")), ("Stage", text("lead")), ("Company", Value::List(vec!["recX".to_owned()]))];
        let rejection = rejection(load(&script, Operation::Insert, vec![write(None, &fields)]).await);
        assert_eq!((rejection.code.as_str(), rejection.reason.as_str()), (code, message));
        assert_eq!((rejection.field.as_deref(), rejection.value.as_deref()), (Some(field), Some(value)));
    }
}

#[tokio::test]
async fn a_refusal_without_a_message_still_has_a_reason() {
    let script = Script::start(|_| (422, json!({"error": {"type": "INVALID_REQUEST_UNKNOWN"}}))).await;
    let rejection = rejection(load(&script, Operation::Insert, vec![write(None, &[("Name", text("a"))])]).await);
    assert_eq!(rejection.code, "INVALID_REQUEST_UNKNOWN");
    assert!(!rejection.reason.is_empty());
}

#[tokio::test]
async fn a_batch_too_large_is_given_back_and_a_record_too_large_rejected() {
    let script = Script::start(|_| (413, json!({"error": {"type": "REQUEST_TOO_LARGE"}}))).await;
    let record = || write(None, &[("Name", text("a"))]);
    let error = load(&script, Operation::Insert, vec![record(), record()]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused);
    assert_eq!(rejection(load(&script, Operation::Insert, vec![record()]).await).code, "REQUEST_TOO_LARGE");
}

#[tokio::test]
async fn a_field_that_is_gone_and_a_missing_right_end_the_stream() {
    let cases = [
        (422, "UNKNOWN_FIELD_NAME", ErrorKind::NotFound),
        (403, "INVALID_PERMISSIONS", ErrorKind::Unauthorized),
        (404, "NOT_FOUND", ErrorKind::NotFound),
    ];
    for (status, code, kind) in cases {
        let script = Script::start(move |_| (status, json!({"error": {"type": code}}))).await;
        let error = load(&script, Operation::Insert, vec![write(None, &[("Name", text("a"))])]).await.unwrap_err();
        assert_eq!(error.kind, kind);
    }
}

#[tokio::test]
async fn a_record_that_is_gone_is_missing_to_an_update_and_deleted_to_a_delete() {
    let script = Script::start(|_| refusal("ROW_DOES_NOT_EXIST", "Record ID rec1 does not exist in this table")).await;
    let one = || write(Some("rec1"), &[]);
    assert_eq!(load(&script, Operation::Update, vec![one()]).await.unwrap(), [Outcome::Missing]);
    assert_eq!(load(&script, Operation::Delete, vec![one()]).await.unwrap(), [Outcome::Deleted]);
    let two = vec![one(), write(Some("rec2"), &[])];
    assert_eq!(load(&script, Operation::Update, two).await.unwrap_err().kind, ErrorKind::Refused);
    let gone =
        Script::start(|_| (404, json!({"error": {"type": "MODEL_ID_NOT_FOUND", "message": "Record not found"}}))).await;
    assert_eq!(load(&gone, Operation::Update, vec![one()]).await.unwrap(), [Outcome::Missing]);
}

#[tokio::test]
async fn a_linked_record_that_is_gone_does_not_make_the_record_itself_missing() {
    let script = Script::start(|_| refusal("ROW_DOES_NOT_EXIST", "Record ID recX does not exist in this table")).await;
    let record = write(Some("rec1"), &[("Company", Value::List(vec!["recX".to_owned()]))]);
    assert_eq!(rejection(load(&script, Operation::Update, vec![record]).await).code, "ROW_DOES_NOT_EXIST");
}

#[tokio::test]
async fn a_delete_names_its_records_in_the_query() {
    let script = Script::start(|_| {
        (200, json!({"records": [{"id": "rec2", "deleted": true}, {"id": "rec1", "deleted": true}]}))
    })
    .await;
    let records = || vec![write(Some("rec1"), &[]), write(Some("rec2"), &[])];
    assert_eq!(load(&script, Operation::Delete, records()).await.unwrap(), [Outcome::Deleted, Outcome::Deleted]);
    assert_eq!(script.asked()[0].parameters("records[]"), ["rec1", "rec2"]);
    let half = Script::start(|_| (200, json!({"records": [{"id": "rec2", "deleted": true}]}))).await;
    assert_eq!(load(&half, Operation::Delete, records()).await.unwrap_err().kind, ErrorKind::Unanswered);
}

#[tokio::test]
async fn a_key_that_several_records_share_is_called_ambiguous() {
    let script = Script::start(|asked| {
        if asked.method == "PATCH" {
            return (422, json!({"error": {"type": "INVALID_REQUEST_UNKNOWN"}}));
        }
        (
            200,
            json!({"records": [record("rec1", json!({"fldName": "Ada"})), record("rec2", json!({"fldName": "Ada"}))]}),
        )
    })
    .await;
    let rejection = rejection(load(&script, by_name(), vec![write(None, &[("Name", text("Ada"))])]).await);
    assert_eq!(rejection.code, "ambiguous_key");
    assert!(rejection.reason.contains("rec1") && rejection.reason.contains("rec2"));
}

#[tokio::test]
async fn a_field_that_airtable_fills_cannot_be_written() {
    let script = Script::start(|_| refusal("X", "m")).await;
    let error = load(&script, Operation::Insert, vec![write(None, &[("Sum", Value::Number(1.0))])]).await.unwrap_err();
    assert_eq!((error.code.as_str(), script.asked().len()), ("read_only_field", 0));
}

async fn fetch(script: &Script, selection: Selection, fields: &[&str]) -> Vec<Record> {
    let fields = fields.iter().map(|name| (*name).into()).collect();
    let request = FetchRequest { object: "Contacts".into(), selection, fields };
    let mut records = destination(&script.url, &context()).fetch(&request).await.unwrap();
    records.sort_by(|one, two| one.id.cmp(&two.id));
    records
}

#[tokio::test]
async fn a_hundred_ids_are_one_call() {
    let script = Script::start(|_| {
        (200, json!({"records": [record("rec1", json!({"fldAge": 5, "fldSum": {"error": "#ERROR!"}}))]}))
    })
    .await;
    let ids = (0..100).map(|number| format!("rec{number}")).collect();
    let records = fetch(&script, Selection::Ids(ids), &["Age", "Sum"]).await;
    assert_eq!(records[0].fields, Fields::from([("Age".into(), Value::Number(5.0))]));
    let asked = script.asked();
    assert_eq!((asked.len(), asked[0].method.as_str()), (1, "POST"));
    assert_eq!(asked[0].json()["fields"], json!(["fldAge", "fldSum"]));
}

#[tokio::test]
async fn a_look_up_by_key_returns_all_who_have_it_and_none_who_only_look_alike() {
    let script = Script::start(|asked| {
        if asked.json()["offset"] == Json::Null {
            let records = [record("rec1", json!({"fldName": "Ada"})), record("rec2", json!({"fldName": "ADA"}))];
            return (200, json!({"records": records, "offset": "itr/rec3"}));
        }
        (200, json!({"records": [record("rec3", json!({"fldName": "Ada"}))]}))
    })
    .await;
    let selection = Selection::Keys { fields: vec!["Name".into()], values: vec![vec![text("Ada")]] };
    let records = fetch(&script, selection, &["Age"]).await;
    assert_eq!(records.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["rec1", "rec3"]);
    assert_eq!(script.asked()[0].json()["filterByFormula"], "{fldName}='Ada'");
    assert!(!records[0].fields.contains_key("Name"), "only what was asked for is returned");
}

#[tokio::test]
async fn a_look_up_whose_offset_ends_begins_anew() {
    let mut count = 0;
    let script = Script::start(move |_| {
        count += 1;
        match count {
            1 => (200, json!({"records": [record("rec1", json!({}))], "offset": "itr/rec2"})),
            2 => (422, json!({"error": {"type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"}})),
            _ => (200, json!({"records": [record("rec1", json!({})), record("rec2", json!({}))]})),
        }
    })
    .await;
    let records = fetch(&script, Selection::Ids(vec!["rec1".to_owned(), "rec2".to_owned()]), &[]).await;
    assert_eq!(records.len(), 2);
}
