//! Associations as version 3 speaks of them.

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{Account, text};

const BATCH: &str = "crm/v3/associations/contacts/companies/batch";

async fn pair(account: &Account) -> (String, String) {
    let contact = account.create("contacts", json!({})).await;
    (contact, account.create("companies", json!({"name": "C"})).await)
}

fn input(contact: &str, company: &str, kind: &str) -> Json {
    json!({"inputs": [{"from": {"id": contact}, "to": {"id": company}, "type": kind}]})
}

#[tokio::test]
async fn a_type_is_a_name_or_an_id() {
    let account = Account::open().await;
    let (contact, company) = pair(&account).await;
    for kind in ["contact_to_company_unlabeled", "279"] {
        let (status, body) = account.post(&format!("{BATCH}/create"), input(&contact, &company, kind)).await;
        let expected = json!([{"from": {"id": contact}, "to": {"id": company}, "type": kind}]);
        assert_eq!((status, &body["results"]), (201, &expected), "{kind}");
    }
    let (status, body) = account.post(&format!("{BATCH}/read"), json!({"inputs": [{"id": contact}]})).await;
    let expected = json!([{"from": {"id": contact}, "to": [{"id": company, "type": "contact_to_company_unlabeled"}]}]);
    assert_eq!((status, &body["results"]), (200, &expected));
    let (_, body) =
        account.post("crm/v3/associations/companies/contacts/batch/read", json!({"inputs": [{"id": company}]})).await;
    assert_eq!(body["results"][0]["to"], json!([{"id": contact, "type": "company_to_contact_unlabeled"}]));
}

#[tokio::test]
async fn lists_the_types_of_a_pair() {
    let account = Account::open().await;
    let (status, body) = account.get("crm/v3/associations/contacts/companies/types").await;
    let types = body["results"].as_array().unwrap();
    assert_eq!(status, 200);
    assert!(types.contains(&json!({"id": "279", "name": "contact_to_company_unlabeled"})), "{body}");
    assert!(types.contains(&json!({"id": "1", "name": "contact_to_company"})), "{body}");
    let (_, body) = account.get("crm/v3/associations/deals/contacts/types").await;
    assert_eq!(body["results"][0], json!({"id": "3", "name": "deal_to_contact"}));
}

#[tokio::test]
async fn refuses_what_is_not_of_version_three() {
    let account = Account::open().await;
    let (contact, company) = pair(&account).await;
    let create = format!("{BATCH}/create");
    for (kind, id, sub_category) in [
        ("company_to_contact", company.as_str(), "crm.associations.INVALID_ASSOCIATION_TYPE"),
        ("contact_to_company", "77", "crm.associations.INVALID_OBJECT_IDS"),
    ] {
        let (status, body) = account.post(&create, input(&contact, id, kind)).await;
        assert_eq!((status, text(&body["errors"][0]["subCategory"])), (207, sub_category), "{kind}");
    }
    let four = json!({"inputs": [{"from": {"id": contact}, "to": {"id": company},
        "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]}]});
    assert_eq!(account.post(&create, four).await.0, 400);
    let (status, body) = account.post(&format!("{BATCH}/read"), json!({"inputs": [{"id": contact}]})).await;
    assert_eq!((status, text(&body["errors"][0]["subCategory"])), (207, "crm.associations.NO_ASSOCIATIONS_FOUND"));
    assert_eq!(account.get("crm/v3/associations/contacts/companies/labels").await.0, 405);
}

#[tokio::test]
async fn removes_an_association_by_its_type() {
    let account = Account::open().await;
    let (contact, company) = pair(&account).await;
    for kind in ["contact_to_company", "contact_to_company_unlabeled"] {
        account.post(&format!("{BATCH}/create"), input(&contact, &company, "contact_to_company")).await;
        let (status, _) = account.post(&format!("{BATCH}/archive"), input(&contact, &company, kind)).await;
        assert_eq!(status, 204);
        assert_eq!(account.get("_emulator/counts").await.1["associations"], json!({}), "{kind}");
    }
    let (status, _) = account.post(&format!("{BATCH}/archive"), input(&contact, &company, "nothing")).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn single_associations_are_put_and_deleted() {
    let account = Account::open().await;
    let (contact, company) = pair(&account).await;
    let path = format!("crm/v3/objects/contacts/{contact}/associations/companies/{company}/contact_to_company");
    let (status, body) = account.send(Method::PUT, &path, Json::Null).await;
    assert_eq!((status, text(&body["id"])), (200, contact.as_str()));
    let links = &body["associations"]["companies"]["results"];
    assert!(links.as_array().unwrap().contains(&json!({"id": company, "type": "contact_to_company"})), "{body}");
    let (_, listed) = account.get(&format!("crm/v3/objects/contacts/{contact}/associations/companies")).await;
    assert_eq!(&listed["results"], links);
    assert_eq!(account.delete(&path).await.0, 204);
    let (_, listed) = account.get(&format!("crm/v3/objects/contacts/{contact}/associations/companies")).await;
    assert_eq!(listed["results"], json!([]));
    let dated = path.replace("crm/v3/objects", "crm/objects/2026-09");
    assert_eq!(account.send(Method::PUT, &dated, Json::Null).await.0, 405);
}
