use serde_json::{Value as Json, json};

use super::{Org, code, text};

fn lead(name: &str) -> Json {
    json!({"attributes": {"type": "Lead"}, "LastName": name, "Company": "c"})
}

fn successes(results: &Json) -> Vec<bool> {
    results.as_array().unwrap().iter().map(|it| it["success"] == true).collect()
}

#[tokio::test]
async fn gives_each_record_an_outcome_of_its_own() {
    let org = Org::open().await;
    let bad = json!({"attributes": {"type": "Lead"}, "LastName": "b"});
    let (status, results) = org.post("composite/sobjects", json!({"records": [lead("a"), bad, lead("c")]})).await;
    assert_eq!((status, successes(&results)), (200, vec![true, false, true]));
    let error = json!({"statusCode": "REQUIRED_FIELD_MISSING", "message": "Required fields are missing: [Company]", "fields": ["Company"]});
    assert_eq!(results[1], json!({"success": false, "errors": [error]}));
    assert_eq!(org.query("SELECT COUNT() FROM Lead").await.1["totalSize"], 2);
}

#[tokio::test]
async fn takes_all_back_when_one_fails_and_none_may() {
    let org = Org::open().await;
    let id = org.create("Lead", lead("kept")).await;
    let change = json!({"attributes": {"type": "Lead"}, "id": id, "LastName": "changed"});
    let bad = json!({"attributes": {"type": "Lead"}, "id": id.clone() + "x", "LastName": "x"});
    let (_, results) = org.patch("composite/sobjects", json!({"allOrNone": true, "records": [change, bad]})).await;
    assert_eq!(results[0]["errors"][0]["statusCode"], "ALL_OR_NONE_OPERATION_ROLLED_BACK");
    assert_eq!(results[1]["errors"][0]["statusCode"], "MALFORMED_ID");
    assert_eq!(org.column("SELECT LastName FROM Lead", "/LastName").await, "kept");
}

#[tokio::test]
async fn refuses_more_than_200_records_or_ten_changes_of_type() {
    let org = Org::open().await;
    let many: Vec<Json> = (0..201).map(|_| lead("a")).collect();
    let (status, refusal) = org.post("composite/sobjects", json!({"records": many})).await;
    assert_eq!((status, code(&refusal)), (400, "EXCEEDED_ID_LIMIT"));
    let account = json!({"attributes": {"type": "Account"}, "Name": "a"});
    let mixed: Vec<Json> = (0..11).map(|number| if number % 2 == 0 { lead("a") } else { account.clone() }).collect();
    assert_eq!(org.post("composite/sobjects", json!({"records": mixed[..10]})).await.0, 200);
    assert_eq!(org.post("composite/sobjects", json!({"records": mixed})).await.0, 400);
    let user = json!({"attributes": {"type": "Group"}, "Name": "g"});
    let (_, refusal) = org.post("composite/sobjects", json!({"records": [user, account]})).await;
    assert_eq!(code(&refusal), "MIXED_DML_OPERATION");
}

#[tokio::test]
async fn upserts_by_a_field_and_tells_what_is_new() {
    let org = Org::open().await;
    let keyed = |name: &str, email: &str| json!({"attributes": {"type": "Lead"}, "LastName": name, "Company": "c", "Email": email});
    let body = json!({"records": [keyed("a", "A@x.example"), keyed("b", "b@x.example")]});
    let (_, first) = org.patch("composite/sobjects/Lead/Email", body.clone()).await;
    let (_, second) = org.patch("composite/sobjects/Lead/Email", body).await;
    assert_eq!((&first[0]["created"], &second[0]["created"]), (&json!(true), &json!(false)));
    assert_eq!(first[0]["id"], second[0]["id"]);
    let twice = json!({"records": [keyed("a", "c@x.example"), keyed("b", "C@x.example"), keyed("c", "d@x.example")]});
    let (_, results) = org.patch("composite/sobjects/Lead/Email", twice).await;
    assert_eq!(successes(&results), [false, false, true]);
    assert_eq!(results[0]["errors"][0]["statusCode"], "DUPLICATE_VALUE");
    let (_, by_id) = org.patch("composite/sobjects/Lead/Id", json!({"records": [lead("new")]})).await;
    assert_eq!(by_id[0]["created"], true);
}

#[tokio::test]
async fn holds_an_upsert_whose_key_several_records_have() {
    let org = Org::open().await;
    for name in ["a", "b"] {
        org.create("Contact", json!({"LastName": name, "Email": "same@x.example"})).await;
    }
    let record = json!({"attributes": {"type": "Contact"}, "LastName": "c", "Email": "same@x.example"});
    let (_, results) = org.patch("composite/sobjects/Contact/Email", json!({"records": [record]})).await;
    assert_eq!(results[0]["errors"][0]["statusCode"], "DUPLICATE_EXTERNAL_ID");
}

#[tokio::test]
async fn does_not_let_records_of_a_batch_refer_to_each_other_by_key() {
    let schema = "fields:\n  - {name: Key__c, type: string, externalId: true, unique: true}\n  \
                  - {name: Parent__c, type: reference, referenceTo: [Thing__c]}\n";
    let org = Org::with_files(&[("Thing__c.schema.yaml", schema)]).await;
    let attributes = json!({"type": "Thing__c"});
    let parent = json!({"attributes": attributes, "Key__c": "p"});
    let child = json!({"attributes": attributes, "Key__c": "c", "Parent__r": {"Key__c": "p"}});
    let body = json!({"records": [parent, child]});
    let (_, results) = org.patch("composite/sobjects/Thing__c/Key__c", body.clone()).await;
    assert_eq!(successes(&results), [true, false]);
    let (_, results) = org.patch("composite/sobjects/Thing__c/Key__c", body).await;
    assert_eq!(successes(&results), [true, true]);
}

#[tokio::test]
async fn reads_and_deletes_by_ids() {
    let org = Org::open().await;
    let (a, b) = (org.create("Lead", lead("a")).await, org.create("Lead", lead("b")).await);
    let (_, read) =
        org.post("composite/sobjects/Lead", json!({"ids": [b, "00Q000000000000AAA", a], "fields": ["LastName"]})).await;
    assert_eq!((text(&read[0]["LastName"]), &read[1], text(&read[2]["LastName"])), ("b", &Json::Null, "a"));
    let (status, results) = org.delete(&format!("composite/sobjects?ids={a},00Q000000000000AAA&allOrNone=false")).await;
    assert_eq!((status, successes(&results)), (200, vec![true, false]));
    let (_, results) = org.delete(&format!("composite/sobjects?ids={a}")).await;
    assert_eq!(results[0]["errors"][0]["statusCode"], "ENTITY_IS_DELETED");
}

#[tokio::test]
async fn holds_rows_that_another_transaction_has() {
    let org = Org::open().await;
    org.set(json!({"rowLocks": 0.5})).await;
    let many: Vec<Json> = (0..100).map(|_| lead("a")).collect();
    let (_, results) = org.post("composite/sobjects", json!({"records": many})).await;
    let locked =
        results.as_array().unwrap().iter().filter(|it| it["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW").count();
    assert!((20..80).contains(&locked), "{locked}");
    assert_eq!(org.query("SELECT COUNT() FROM Lead").await.1["totalSize"], 100 - locked);
}
