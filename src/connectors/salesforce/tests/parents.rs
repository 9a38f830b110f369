//! Parents that records name by a key: which are offered, what is sent, and what a key means that nobody has.

use serde_json::{Value as Json, json};

use crate::model::{BatchRecord, FieldName, ObjectName, Operation, Outcome, ParentKey, Value};

use super::{
    batch, created, destination, destination_with, entry,
    script::{Script, ok},
    text, updated,
};

const ONE: &str = "003000000000001AAA";

async fn answering(result: &Json) -> Script {
    let results = json!([result]);
    Script::start(move |_| ok(&results)).await
}

/// Writes one record and returns what was sent of it, beside its type.
async fn sent(operation: Operation, record: BatchRecord) -> (Json, Vec<Outcome>) {
    let script = answering(&json!({ "id": ONE, "success": true, "errors": [] })).await;
    let outcomes = destination(&script.url).load(&batch(operation, vec![record])).await.unwrap();
    let mut sent = script.asked().first().map(|asked| asked.records()[0].clone()).unwrap_or_default();
    if let Some(record) = sent.as_object_mut() {
        record.remove("attributes");
    }
    (sent, outcomes)
}

async fn offered(more: &Json) -> Vec<String> {
    let script = answering(&Json::Null).await;
    let schema = destination_with(&script.url, more).describe(&ObjectName::new("Contact")).await.unwrap();
    let asked: Vec<String> = script.all().into_iter().map(|asked| asked.path).collect();
    assert!(asked.iter().all(|path| asked.iter().filter(|other| *other == path).count() == 1), "once each: {asked:?}");
    let own = schema.field("Account.Ext__c").unwrap();
    let parent = ParentKey { sets: FieldName::new("AccountId"), object: ObjectName::new("Account") };
    assert_eq!((own.parent.as_ref(), own.is_read_only, own.is_upsert_key), (Some(&parent), false, false));
    let dotted = schema.fields.iter().filter(|field| field.name.contains('.'));
    let mut names: Vec<String> = dotted.map(|field| field.name.to_string()).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn the_keys_of_parents_are_fields_to_write() {
    let usual = [
        "Account.Email",
        "Account.Ext__c",
        "Contact:Who.Email",
        "Contact:Who.Ext__c",
        "Lead:Who.Email",
        "Lead:Who.Ext__c",
        "ReportsTo.Email",
        "ReportsTo.Ext__c",
    ];
    assert_eq!(offered(&json!({})).await, usual);
    let named = json!({ "parent_fields": ["Owner.Ext__c", "Account:What.Ext__c", "Account.Amount", "What.Ext__c"] });
    let mut more = [&usual[..], &["Account:What.Ext__c", "Owner.Ext__c"]].concat();
    more.sort_unstable();
    assert_eq!(offered(&named).await, more);
}

#[tokio::test]
async fn a_parent_is_named_by_its_key_and_taken_away_by_its_id() {
    let fields = [("LastName", text("x")), ("Account.Ext__c", text("A1")), ("Lead:Who.Email", Value::Null)];
    let (record, outcomes) = sent(Operation::Insert, entry(None, &fields)).await;
    assert_eq!(outcomes, [created(ONE)]);
    assert_eq!(record, json!({ "LastName": "x", "Account": { "Ext__c": "A1" } }));

    let (record, _) = sent(Operation::Update, entry(Some(ONE), &[("Account.Ext__c", Value::Null)])).await;
    assert_eq!(record, json!({ "id": ONE, "AccountId": null }));
}

#[tokio::test]
async fn a_parent_of_several_kinds_is_named_with_its_kind() {
    let fields = [("Contact:Who.Ext__c", Value::Null), ("Lead:Who.Ext__c", text("L1"))];
    let (record, outcomes) = sent(Operation::Update, entry(Some(ONE), &fields)).await;
    assert_eq!(outcomes, [updated(ONE)]);
    assert_eq!(record, json!({ "id": ONE, "Who": { "attributes": { "type": "Lead" }, "Ext__c": "L1" } }));
}

#[tokio::test]
async fn a_parent_that_is_named_twice_refuses_the_record() {
    for (first, second) in [("AccountId", "Account.Ext__c"), ("Contact:Who.Ext__c", "Lead:Who.Ext__c")] {
        let fields = [("LastName", text("x")), (first, text("001000000000001")), (second, text("A1"))];
        let (record, outcomes) = sent(Operation::Insert, entry(None, &fields)).await;
        let Outcome::Rejected(reason) = &outcomes[0] else { panic!("{outcomes:?}") };
        assert_eq!((reason.code.as_str(), record), ("parent_named_twice", Json::Null), "{reason:?}");
        assert!(reason.reason.contains(first) && reason.reason.contains(second), "{}", reason.reason);
    }
}

#[tokio::test]
async fn a_key_that_nobody_has_is_told_with_its_value() {
    let refusal = |entity: &str, key: &str| {
        let message = format!("Foreign key external ID: {key} not found for field Ext__c in entity {entity}");
        json!({ "success": false, "errors": [{ "statusCode": "INVALID_FIELD", "message": message, "fields": [] }] })
    };
    let fields = [("LastName", text("x")), ("Account.Ext__c", text("A1")), ("ReportsTo.Ext__c", text("C7"))];
    for (entity, key, field, is_own) in
        [("Account", "A1", "Account.Ext__c", false), ("Contact", "C7", "ReportsTo.Ext__c", true)]
    {
        let script = answering(&refusal(entity, key)).await;
        let load = batch(Operation::Insert, vec![entry(None, &fields)]);
        let outcomes = destination(&script.url).load(&load).await.unwrap();
        let Outcome::Rejected(reason) = &outcomes[0] else { panic!("{outcomes:?}") };
        let blamed = (reason.code.as_str(), reason.field.as_deref(), reason.value.as_deref());
        assert_eq!(blamed, ("parent_not_found", Some(field), Some(key)));
        assert!(reason.reason.starts_with(&format!("no `{entity}` has `{key}` in `Ext__c`")), "{}", reason.reason);
        assert_eq!(reason.reason.contains("redrive"), is_own, "{}", reason.reason);
    }
}
