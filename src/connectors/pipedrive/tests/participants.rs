//! The further persons of a deal: calls of their own, whose refusal is one record's outcome.

use serde_json::json;

use crate::model::{Batch, Operation, Outcome, Value};

use super::{Company, change, text};

fn ids(ids: &[&str]) -> Value {
    Value::List(ids.iter().map(|id| (*id).to_owned()).collect())
}

fn batch(operation: Operation, record: crate::model::BatchRecord) -> Batch {
    Batch { object: "deals".into(), operation, records: vec![record] }
}

#[tokio::test]
async fn links_to_them_wait_for_the_deal() {
    let company = Company::start(&[]).await;
    let schema = company.destination(&json!({})).describe(&"deals".into()).await.unwrap();
    let apart: Vec<&str> =
        schema.fields.iter().filter(|field| field.is_linked_apart).map(|field| field.name.as_str()).collect();
    assert_eq!(apart, ["participants"]);
    let schema = company.destination(&json!({})).describe(&"activities".into()).await.unwrap();
    assert!(schema.fields.iter().all(|field| !field.is_linked_apart), "those of an activity go along with it");
}

#[tokio::test]
async fn a_refusal_is_the_outcome_of_its_record() {
    let company = Company::start(&[]).await;
    let ada = company.insert("persons", &[("name", text("Ada"))]).await;
    let deal = company.insert("deals", &[("title", text("D"))]).await;
    let gone = company.insert("deals", &[("title", text("Gone"))]).await;
    company.call("DELETE", &format!("api/v2/deals/{gone}"), json!(null)).await;
    company.call("POST", "_emulator/purge", json!({})).await;
    let cases = [
        (Some(deal.as_str()), ids(&[&ada, "999"]), "http_400"),
        (Some(deal.as_str()), ids(&["somebody"]), "not_an_id"),
        (None, ids(&["999"]), "http_400"),
    ];
    for (id, persons, code) in cases {
        let operation = if id.is_some() { Operation::Update } else { Operation::Insert };
        let fields = [("title", text("New")), ("participants", persons.clone())];
        let outcome = company.load("deals", operation, vec![change(id, &fields)]).await.remove(0);
        let Outcome::Rejected(rejection) = outcome else { panic!("{persons:?}: {outcome:?}") };
        assert_eq!((rejection.code.as_str(), rejection.field.as_deref()), (code, Some("participants")), "{persons:?}");
        assert_eq!(rejection.value, Some(persons.to_text()), "{persons:?}");
    }
    let fields = [("participants", ids(&[&ada]))];
    assert_eq!(company.update("deals", &gone, &fields).await, Outcome::Missing);
    let deals = company.call("GET", "api/v2/deals", json!(null)).await;
    assert_eq!(
        deals["data"].as_array().unwrap().len(),
        1,
        "a new deal that is rejected leaves nothing behind: {deals}"
    );
}

#[tokio::test]
async fn a_new_deal_is_not_asked_for_them() {
    let company = Company::start(&[]).await;
    let ada = company.insert("persons", &[("name", text("Ada"))]).await;
    let bob = company.insert("persons", &[("name", text("Bob"))]).await;
    let old = company.insert("deals", &[("title", text("Old"))]).await;
    let destination = company.destination(&json!({}));
    let reads = || company.context.meter.calls().read;
    let created = destination.load(&batch(Operation::Insert, change(None, &[("title", text("New"))]))).await.unwrap();
    let Outcome::Created { id: new } = &created[0] else { panic!("{created:?}") };
    let cases =
        [(new.as_str(), ids(&[&ada, &bob]), 0), (old.as_str(), ids(&[&ada]), 1), (old.as_str(), ids(&[&ada]), 1)];
    for (deal, persons, calls) in cases {
        let before = reads();
        let record = change(Some(deal), &[("participants", persons.clone())]);
        let outcome = destination.load(&batch(Operation::Update, record)).await.unwrap();
        assert_eq!(outcome, [Outcome::Updated { id: deal.to_owned() }]);
        assert_eq!(reads() - before, calls, "{deal} {persons:?}");
    }
    let people = company.call("GET", &format!("api/v1/deals/{new}/participants"), json!(null)).await;
    assert_eq!(people["data"].as_array().unwrap().len(), 2);
}
