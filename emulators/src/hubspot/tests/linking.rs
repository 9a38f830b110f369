//! Associations.

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{Account, ids, text};

const LINKS: &str = "crm/associations/2026-09/contacts/companies";

async fn pair(account: &Account) -> (String, String) {
    let contact = account.create("contacts", json!({})).await;
    (contact, account.create("companies", json!({"name": "C"})).await)
}

fn types(id: u32) -> Json {
    json!([{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": id}])
}

#[tokio::test]
async fn a_default_association_is_seen_from_both_ends() {
    let account = Account::open().await;
    let (contact, company) = pair(&account).await;
    let path = format!("crm/objects/2026-09/contacts/{contact}/associations/default/companies/{company}");
    for _ in 0..2 {
        let (status, body) = account.send(Method::PUT, &path, Json::Null).await;
        assert_eq!((status, &body["results"][0]["associationSpec"]["associationTypeId"]), (200, &json!(279)));
    }
    let (_, body) = account.get(&format!("crm/objects/2026-09/companies/{company}/associations/contacts")).await;
    let expected = json!([{"toObjectId": contact, "associationTypes":
        [{"category": "HUBSPOT_DEFINED", "typeId": 280, "label": null}]}]);
    assert_eq!(body["results"], expected);
    let (_, old) = account.get(&format!("crm/v4/objects/companies/{company}/associations/contacts")).await;
    assert!(old["results"][0]["toObjectId"].is_number());
    let single = format!("crm/v4/objects/contacts/{contact}/associations/companies/{company}");
    assert_eq!(account.delete(&single).await.0, 204);
    let (_, counts) = account.get("_emulator/counts").await;
    assert_eq!(counts["associations"], json!({}));
}

#[tokio::test]
async fn a_primary_company_takes_the_place_of_the_last() {
    let account = Account::open().await;
    let (contact, first) = pair(&account).await;
    let second = account.create("companies", json!({"name": "D"})).await;
    for company in [&first, &second] {
        let path = format!("crm/v4/objects/contacts/{contact}/associations/companies/{company}");
        assert_eq!(account.send(Method::PUT, &path, types(1)).await.0, 201);
    }
    let (_, body) = account.get(&format!("crm/v3/objects/contacts/{contact}?associations=companies")).await;
    let expected = json!([
        {"id": first, "type": "contact_to_company_unlabeled"},
        {"id": second, "type": "contact_to_company"},
        {"id": second, "type": "contact_to_company_unlabeled"},
    ]);
    assert_eq!(body["associations"]["companies"]["results"], expected);
}

#[tokio::test]
async fn a_record_can_be_made_with_associations() {
    let account = Account::open().await;
    let company = account.create("companies", json!({"name": "C"})).await;
    let body = |to: &str, id: u32| json!({"properties": {}, "associations": [{"to": {"id": to}, "types": types(id)}]});
    let (status, contact) = account.post("crm/v3/objects/contacts", body(&company, 279)).await;
    assert_eq!(status, 201);
    let (_, read) =
        account.get(&format!("crm/v3/objects/contacts/{}?associations=company", text(&contact["id"]))).await;
    assert_eq!(read["associations"]["companies"]["results"][0]["id"], company);
    let (status, refused) = account.post("crm/v3/objects/contacts", body("77", 279)).await;
    assert_eq!((status, text(&refused["subCategory"])), (400, "crm.associations.INVALID_OBJECT_IDS"));
    assert_eq!(refused["context"], json!({"COMPANY": ["77"]}));
    assert_eq!(account.post("crm/v3/objects/contacts", body(&company, 280)).await.0, 400);
}

#[tokio::test]
async fn ids_of_types_are_directional() {
    let account = Account::open().await;
    let (contact, company) = pair(&account).await;
    let input = |id: u32| json!({"inputs": [{"from": {"id": contact}, "to": {"id": company}, "types": types(id)}]});
    let (status, body) = account.post(&format!("{LINKS}/batch/create"), input(280)).await;
    assert_eq!((status, &body["numErrors"]), (207, &json!(1)));
    let (status, body) = account.post(&format!("{LINKS}/batch/create"), input(279)).await;
    assert_eq!((status, &body["results"][0]["fromObjectId"]), (201, &json!(contact)));
}

#[tokio::test]
async fn a_batch_read_reports_records_without_associations() {
    let account = Account::open().await;
    let (contact, company) = pair(&account).await;
    let lone = account.create("contacts", json!({})).await;
    let inputs =
        json!([{"from": {"id": contact}, "to": {"id": company}}, {"from": {"id": "77"}, "to": {"id": company}}]);
    let (status, body) = account.post(&format!("{LINKS}/batch/associate/default"), json!({"inputs": inputs})).await;
    assert_eq!((status, body["results"].as_array().unwrap().len()), (207, 2));
    let inputs = json!([{"id": contact}, {"id": lone}]);
    let (status, body) = account.post(&format!("{LINKS}/batch/read"), json!({"inputs": inputs})).await;
    assert_eq!(status, 207);
    assert_eq!(body["results"][0]["from"]["id"], contact);
    assert_eq!(body["results"][0]["to"][0]["toObjectId"], company);
    assert_eq!(body["errors"][0]["subCategory"], "crm.associations.NO_ASSOCIATIONS_FOUND");
    let many: Vec<Json> = (0..1_001).map(|id| json!({"id": id.to_string()})).collect();
    assert_eq!(account.post(&format!("{LINKS}/batch/read"), json!({"inputs": many})).await.0, 400);
}

#[tokio::test]
async fn archiving_drops_all_types_or_only_some() {
    let account = Account::open().await;
    let (contact, company) = pair(&account).await;
    let one = json!({"from": {"id": contact}, "to": {"id": company}, "types": types(1)});
    account.post(&format!("{LINKS}/batch/create"), json!({"inputs": [one]})).await;
    let kinds = || async {
        let (_, body) = account.get(&format!("crm/v4/objects/contacts/{contact}/associations/companies")).await;
        body["results"][0]["associationTypes"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(kinds().await, 2);
    assert_eq!(account.post(&format!("{LINKS}/batch/labels/archive"), json!({"inputs": [one]})).await.0, 204);
    assert_eq!(kinds().await, 1);
    let all = json!({"inputs": [{"from": {"id": contact}, "to": [{"id": company}]}]});
    assert_eq!(account.post(&format!("{LINKS}/batch/archive"), all).await.0, 204);
    assert_eq!(kinds().await, 0);
}

#[tokio::test]
async fn pages_through_many_associations() {
    let account = Account::open().await;
    let contacts = account.create_contacts(101).await;
    let company = account.create("companies", json!({"name": "C"})).await;
    let inputs: Vec<Json> = contacts.iter().map(|id| json!({"from": {"id": id}, "to": {"id": company}})).collect();
    account.post(&format!("{LINKS}/batch/associate/default"), json!({"inputs": inputs})).await;
    let path = format!("crm/v4/objects/companies/{company}/associations/contacts");
    let (_, first) = account.get(&format!("{path}?limit=60")).await;
    let after = text(&first["paging"]["next"]["after"]).to_owned();
    let (_, second) = account.get(&format!("{path}?limit=60&after={after}")).await;
    assert_eq!(second["results"].as_array().unwrap().len(), 41);
    let (_, shown) = account.get(&format!("crm/v3/objects/companies/{company}?associations=contacts")).await;
    assert!(!text(&shown["associations"]["contacts"]["paging"]["next"]["after"]).is_empty());
    assert_eq!(account.get(&format!("{path}?limit=501")).await.0, 400);
}

#[tokio::test]
async fn a_label_of_the_account_has_an_id_each_way() {
    let account = Account::open().await;
    let (contact, company) = pair(&account).await;
    let label = json!({"label": "Boss", "name": "boss", "inverseLabel": "Works for"});
    let (status, body) = account.post(&format!("{LINKS}/labels"), label).await;
    assert_eq!((status, &body["results"][0]["category"]), (200, &json!("USER_DEFINED")));
    let id = &body["results"][0]["typeId"];
    assert_ne!(id, &body["results"][1]["typeId"]);
    let spec = json!([{"associationCategory": "USER_DEFINED", "associationTypeId": id}]);
    let path = format!("crm/objects/2026-09/contacts/{contact}/associations/companies/{company}");
    let (status, pair) = account.send(Method::PUT, &path, spec).await;
    assert_eq!((status, &pair["labels"]), (200, &json!(["Boss"])));
    let renamed = json!({"associationTypeId": id, "label": "Chief", "name": "boss"});
    assert_eq!(account.send(Method::PUT, &format!("{LINKS}/labels"), renamed).await.0, 204);
    let (_, labels) = account.get(&format!("{LINKS}/labels")).await;
    assert!(labels["results"].as_array().unwrap().iter().any(|kind| kind["label"] == "Chief"));
    assert_eq!(account.delete(&format!("{LINKS}/labels/{id}")).await.0, 204);
    assert_eq!(account.delete(&format!("{LINKS}/labels/279")).await.0, 400);
}

#[tokio::test]
async fn an_archived_record_is_associated_no_more() {
    let account = Account::open().await;
    let (contact, company) = pair(&account).await;
    let path = format!("crm/v4/objects/contacts/{contact}/associations/default/companies/{company}");
    account.send(Method::PUT, &path, Json::Null).await;
    account.delete(&format!("crm/v3/objects/contacts/{contact}")).await;
    let (_, body) = account.get(&format!("crm/v3/objects/companies/{company}?associations=contacts")).await;
    assert_eq!(body.get("associations"), None);
    assert_eq!(ids(&account.get("crm/v3/objects/companies").await.1), [company]);
}
