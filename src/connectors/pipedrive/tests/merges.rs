//! Persons that were merged into others are followed.

use serde_json::json;

use crate::connector::Selection;
use crate::model::Outcome;

use super::{Company, text};

#[tokio::test]
async fn a_person_that_was_merged_is_its_survivor() {
    let company = Company::start(&[]).await;
    let mut ids = Vec::new();
    for name in ["Ada L", "Ada", "A. Lovelace", "Gone", "Bob"] {
        ids.push(company.insert("persons", &[("name", text(name))]).await);
    }
    let merge = async |loser: &str, winner: u64| {
        company.call("PUT", &format!("api/v1/persons/{loser}/merge"), json!({"merge_with_id": winner})).await
    };
    // One after the other: the first survivor lost to the next.
    merge(&ids[0], ids[1].parse().unwrap()).await;
    merge(&ids[1], ids[2].parse().unwrap()).await;
    company.call("DELETE", &format!("api/v2/persons/{}", ids[3]), json!(null)).await;

    let found = company.fetch("persons", Selection::Ids(ids.clone()), &["name"]).await;
    let mut told: Vec<_> = found.iter().map(|record| (record.id.clone(), record.merged_into.clone())).collect();
    told.sort();
    let survivor = Some(ids[2].clone());
    let expected = [(&ids[0], survivor.clone()), (&ids[1], survivor.clone()), (&ids[2], None), (&ids[4], None)];
    assert_eq!(told, expected.map(|(id, into)| (id.clone(), into)));

    assert_eq!(
        company.update("persons", &ids[0], &[("name", text("Ada Lovelace"))]).await,
        Outcome::Updated { id: ids[2].clone() }
    );
    assert_eq!(company.held("persons", &ids[2], &["name"]).await["name"], text("Ada Lovelace"));
    assert_eq!(company.update("persons", &ids[3], &[("name", text("x"))]).await, Outcome::Missing);
}

#[tokio::test]
async fn of_other_records_the_vendor_tells_no_survivor() {
    let company = Company::start(&[]).await;
    for object in ["organizations", "deals"] {
        let name = if object == "deals" { "title" } else { "name" };
        let loser = company.insert(object, &[(name, text("One"))]).await;
        let winner: u64 = company.insert(object, &[(name, text("Two"))]).await.parse().unwrap();
        company.call("PUT", &format!("api/v1/{object}/{loser}/merge"), json!({"merge_with_id": winner})).await;
        assert!(company.fetch(object, Selection::Ids(vec![loser.clone()]), &[name]).await.is_empty());
        assert_eq!(company.update(object, &loser, &[(name, text("x"))]).await, Outcome::Missing, "{object}");
    }
}
