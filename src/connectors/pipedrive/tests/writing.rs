//! Creating, changing, deleting, looking up.

use serde_json::json;

use crate::connector::Selection;
use crate::model::{Operation, Outcome, Value};

use super::{Company, change, text};

#[tokio::test]
async fn a_person_is_created_changed_and_deleted() {
    let company = Company::start(&[]).await;
    let id = company.insert("persons", &[("name", text("Ada")), ("email", text("ada@x.test"))]).await;
    assert_eq!(
        company.update("persons", &id, &[("name", text("Ada Lovelace"))]).await,
        Outcome::Updated { id: id.clone() }
    );
    let held = company.held("persons", &id, &["name", "email", "first_name"]).await;
    assert_eq!(
        (&held["name"], &held["email"], &held["first_name"]),
        (&text("Ada Lovelace"), &text("ada@x.test"), &text("Ada"))
    );
    for _ in 0..2 {
        let deleted = company.load("persons", Operation::Delete, vec![change(Some(&id), &[])]).await;
        assert_eq!(deleted, [Outcome::Deleted]);
    }
    assert!(company.fetch("persons", Selection::Ids(vec![id.clone()]), &["name"]).await.is_empty());
    assert_eq!(company.update("persons", &id, &[("name", text("x"))]).await, Outcome::Missing);
    assert_eq!(company.update("persons", "999", &[("email", text("x@x.test"))]).await, Outcome::Missing);
}

#[tokio::test]
async fn addresses_that_the_mapping_does_not_own_stay() {
    let company = Company::start(&[("persons.jsonl", r#"{"id": 1, "name": "Ada", "emails": [{"value": "old@x.test", "label": "home"}, {"value": "ada@x.test", "label": "work", "primary": true}], "phones": [{"value": "+1", "label": "work", "primary": true}, {"value": "+2", "label": "mobile"}]}"#)]).await;
    let held = company.held("persons", "1", &["email", "emails", "phone", "phone_mobile", "email_home"]).await;
    assert_eq!(
        (&held["email"], &held["phone_mobile"], &held["email_home"]),
        (&text("ada@x.test"), &text("+2"), &text("old@x.test"))
    );
    company.update("persons", "1", &[("email", text("new@x.test")), ("phone_mobile", text("+3"))]).await;
    let shown = company.call("GET", "api/v2/persons/1", json!(null)).await;
    assert_eq!(
        shown["data"]["emails"],
        json!([
        {"value": "old@x.test", "label": "home", "primary": false}, {"value": "new@x.test", "label": "work", "primary": true}])
    );
    assert_eq!(
        shown["data"]["phones"],
        json!([
        {"value": "+1", "label": "work", "primary": true}, {"value": "+3", "label": "mobile", "primary": false}])
    );
}

#[tokio::test]
async fn records_are_found_by_key_and_by_any_address() {
    let company = Company::start(&[]).await;
    let ada = company
        .insert(
            "persons",
            &[("name", text("Ada")), ("emails", Value::List(vec!["ada@x.test".into(), "a2@x.test".into()]))],
        )
        .await;
    let keys = |values: &[&str]| Selection::Keys {
        fields: vec!["email".into()],
        values: values.iter().map(|value| vec![text(value)]).collect(),
    };
    for address in ["ada@x.test", "ADA@x.test", "a2@x.test"] {
        let found = company.fetch("persons", keys(&[address]), &["email"]).await;
        assert_eq!(found.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), [ada.as_str()], "{address}");
        assert!(found[0].fields["email"].to_text().eq_ignore_ascii_case(address), "{address}");
    }
    assert!(company.fetch("persons", keys(&["da@x.test"]), &["email"]).await.is_empty());
    let whole = company.destination(&json!({}));
    let whole = whole.fetch_whole().unwrap();
    assert_eq!(
        whole.fetch_whole(&"persons".into(), &["email".into()]).await.unwrap().len(),
        2,
        "once for each address"
    );
    assert_eq!(whole.cost(&"persons".into(), &["email".into()]).await.unwrap(), Some(10));
    assert_eq!(whole.cost(&"notes".into(), &["content".into()]).await.unwrap(), Some(0), "there is no other way");
}

#[tokio::test]
async fn links_are_fields() {
    let company = Company::start(&[]).await;
    let org = company.insert("organizations", &[("name", text("Acme"))]).await;
    let link = |id: &str| Value::List(vec![id.to_owned()]);
    let ada = company.insert("persons", &[("name", text("Ada")), ("org_id", link(&org))]).await;
    let bob = company.insert("persons", &[("name", text("Bob"))]).await;
    let both = Value::List(vec![ada.clone(), bob.clone()]);
    let deal = company
        .insert(
            "deals",
            &[("title", text("D")), ("person_id", link(&ada)), ("org_id", link(&org)), ("participants", both.clone())],
        )
        .await;
    let people = company.call("GET", &format!("api/v1/deals/{deal}/participants"), json!(null)).await;
    let mut ids: Vec<String> =
        people["data"].as_array().unwrap().iter().map(|one| one["person_id"]["value"].to_string()).collect();
    ids.sort();
    assert_eq!(Value::List(ids), both);
    let activity = company
        .insert(
            "activities",
            &[
                ("subject", text("Call")),
                ("type", text("call")),
                ("person_id", link(&bob)),
                ("participants", both.clone()),
                ("deal_id", link(&deal)),
                ("done", Value::Boolean(true)),
            ],
        )
        .await;
    let held = company.held("activities", &activity, &["person_id", "participants", "deal_id", "done", "type"]).await;
    assert_eq!((&held["person_id"], &held["deal_id"], &held["type"]), (&link(&bob), &link(&deal), &text("call")));
    assert_eq!(held["participants"], Value::List(vec![bob.clone(), ada.clone()]), "the primary one first");
    let note = company
        .insert("notes", &[("content", text("<b>Hi</b>")), ("deal_id", link(&deal)), ("person_id", link(&ada))])
        .await;
    let held = company.held("notes", &note, &["content", "deal_id", "person_id"]).await;
    assert_eq!(
        (&held["content"], &held["deal_id"], &held["person_id"]),
        (&text("<b>Hi</b>"), &link(&deal), &link(&ada))
    );
    assert_eq!(company.update("notes", &note, &[("content", text("Ho"))]).await, Outcome::Updated { id: note.clone() });
    assert_eq!(company.load("notes", Operation::Delete, vec![change(Some(&note), &[])]).await, [Outcome::Deleted]);
    assert!(company.fetch("notes", Selection::Ids(vec![note]), &["content"]).await.is_empty());
}

#[tokio::test]
async fn a_stage_brings_its_pipeline_and_an_end_its_time() {
    let pipelines = "id,name\n1,Sales\n2,Renewals\n";
    let stages = "id,name,pipeline_id\n5,New,1\n6,New,2\n7,Signed,2\n";
    let company = Company::start(&[("pipelines.csv", pipelines), ("stages.csv", stages)]).await;
    let id = company
        .insert(
            "deals",
            &[
                ("title", text("D")),
                ("stage_id", text("Signed")),
                ("status", text("lost")),
                ("lost_reason", text("Price")),
            ],
        )
        .await;
    let held = company.held("deals", &id, &["pipeline_id", "stage_id", "status", "lost_reason"]).await;
    assert_eq!(
        (&held["pipeline_id"], &held["stage_id"], &held["status"], &held["lost_reason"]),
        (&text("Renewals"), &text("Signed"), &text("lost"), &text("Price"))
    );
    let open =
        [("status", text("open")), ("lost_reason", Value::Null), ("currency", Value::Null), ("owner_id", Value::Null)];
    assert_eq!(
        company.update("deals", &id, &open).await,
        Outcome::Updated { id: id.clone() },
        "what cannot be empty stays"
    );
    let outcome = company
        .load("deals", Operation::Insert, vec![change(None, &[("title", text("E")), ("stage_id", text("New"))])])
        .await;
    let Outcome::Rejected(rejection) = &outcome[0] else { panic!("{outcome:?}") };
    assert_eq!(rejection.code, "ambiguous_stage");
}
