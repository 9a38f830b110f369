//! Limits of associations that the account sets itself.

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{Account, text};

const CONFIGURATIONS: &str = "crm/associations/2026-03/definitions/configurations/deals/contacts";

fn limit(id: u32, max: usize) -> Json {
    json!({"inputs": [{"category": "HUBSPOT_DEFINED", "typeId": id, "maxToObjectIds": max}]})
}

async fn associate(account: &Account, deal: &str, contact: &str) -> (u16, Json) {
    let path = format!("crm/objects/2026-09/deals/{deal}/associations/default/contacts/{contact}");
    account.send(Method::PUT, &path, Json::Null).await
}

#[tokio::test]
async fn a_limit_is_set_told_kept_and_taken_away() {
    let account = Account::open().await;
    let deal = account.create("deals", json!({"dealname": "D", "dealstage": "closedwon"})).await;
    let contacts = account.create_contacts(3).await;
    let (status, body) = account.post(&format!("{CONFIGURATIONS}/batch/create"), limit(3, 1)).await;
    let set = json!([{"category": "HUBSPOT_DEFINED", "typeId": 3, "label": null, "userEnforcedMaxToObjectIds": 1}]);
    assert_eq!((status, &body["results"]), (201, &set));
    for path in [CONFIGURATIONS, "crm/associations/v4/definitions/configurations/all"] {
        assert_eq!(account.get(path).await.1["results"], set, "{path}");
    }

    assert_eq!(associate(&account, &deal, &contacts[0]).await.0, 200);
    assert_eq!(associate(&account, &deal, &contacts[0]).await.0, 200);
    let (status, body) = associate(&account, &deal, &contacts[1]).await;
    assert_eq!((status, text(&body["subCategory"])), (400, "crm.associations.ASSOCIATION_LIMIT_EXCEEDED"));
    let inputs = json!({"inputs": [{"from": {"id": contacts[2]}, "to": {"id": deal}, "type": "contact_to_deal"}]});
    let (status, _) = account.post("crm/v3/associations/contacts/deals/batch/create", inputs).await;
    assert_eq!(status, 207);

    let (status, body) = account.post(&format!("{CONFIGURATIONS}/batch/update"), limit(3, 2)).await;
    assert_eq!((status, &body["results"][0]["userEnforcedMaxToObjectIds"]), (200, &json!(2)));
    assert_eq!(associate(&account, &deal, &contacts[1]).await.0, 200);
    let purge = json!({"inputs": [{"category": "HUBSPOT_DEFINED", "typeId": 3}]});
    assert_eq!(account.post(&format!("{CONFIGURATIONS}/batch/purge"), purge).await.0, 204);
    assert_eq!(associate(&account, &deal, &contacts[2]).await.0, 200);
    assert_eq!(account.get(CONFIGURATIONS).await.1["results"], json!([]));
}

#[tokio::test]
async fn a_limit_fits_its_type_and_the_limits_beside_it() {
    let account = Account::open().await;
    let companies = "crm/associations/2026-03/definitions/configurations/contacts/companies/batch";
    for (path, body) in [
        ("create", limit(280, 1)),
        ("create", limit(279, 0)),
        ("create", limit(279, 50_001)),
        ("create", json!({"inputs": [{"category": "USER_DEFINED", "typeId": 279, "maxToObjectIds": 1}]})),
        ("update", limit(279, 5)),
    ] {
        let (status, answer) = account.post(&format!("{companies}/{path}"), body.clone()).await;
        assert_eq!((status, &answer["numErrors"]), (207, &json!(1)), "{path} {body}");
    }
    assert_eq!(account.post(&format!("{companies}/create"), limit(279, 10)).await.0, 201);
    assert_eq!(account.post(&format!("{companies}/create"), limit(1, 11)).await.0, 207);
    assert_eq!(account.post(&format!("{companies}/create"), limit(1, 10)).await.0, 201);
    assert_eq!(account.post(&format!("{companies}/update"), limit(279, 9)).await.0, 207);
}

#[tokio::test]
async fn tells_how_near_records_are_to_their_limit() {
    let account = Account::open().await;
    let deal = account.create("deals", json!({"dealname": "D", "dealstage": "closedwon"})).await;
    let contacts = account.create_contacts(5).await;
    account.post(&format!("{CONFIGURATIONS}/batch/create"), limit(3, 5)).await;
    for contact in &contacts[..4] {
        associate(&account, &deal, contact).await;
    }
    let path = "crm/limits/2026-03/associations/records/deals/contacts";
    let (status, body) = account.get(path).await;
    assert_eq!((status, &body["limit"], &body["totalRecordsNearLimit"]), (200, &json!(5), &json!(1)));
    assert_eq!(body["nearLimitFromRecordSamples"][0]["usage"], json!(4));
    associate(&account, &deal, &contacts[4]).await;
    let (_, body) = account.get(path).await;
    assert_eq!((&body["totalRecordsAtLimit"], &body["totalRecordsNearLimit"]), (&json!(1), &json!(0)));
    let (_, body) = account.get("crm/limits/v3/associations/records/from").await;
    assert_eq!(
        (&body["results"][0]["objectTypeId"], &body["results"][0]["hasRecordsAtLimit"]),
        (&json!("0-3"), &json!(true))
    );
    let (_, body) = account.get("crm/limits/2026-03/associations/records/0-3/to").await;
    assert_eq!(body["results"][0]["objectTypeId"], "0-1");

    let label = json!({"label": "Decider", "name": "decider"});
    account.post("crm/associations/2026-03/deals/contacts/labels", label).await;
    let (_, body) = account.get("crm/limits/2026-03/associations/labels").await;
    let found = body["results"].as_array().unwrap().iter().find(|it| it["fromObjectType"]["objectTypeId"] == "0-3");
    assert_eq!(found.unwrap()["allLabels"], json!(["Decider"]));
}
