use serde_json::json;

use super::{Org, text};

#[tokio::test]
async fn hands_values_from_one_request_to_the_next() {
    let org = Org::open().await;
    let base = "/services/data/v67.0";
    let body = json!({"compositeRequest": [
        {"method": "POST", "url": format!("{base}/sobjects/Account"), "referenceId": "a", "body": {"Name": "n"}},
        {"method": "GET", "url": format!("{base}/sobjects/Account/@{{a.id}}?fields=Name"), "referenceId": "r"},
        {"method": "POST", "url": format!("{base}/sobjects/Contact"), "referenceId": "c", "body": {"LastName": "@{r.Name}", "AccountId": "@{a.id}"}},
        {"method": "GET", "url": format!("{base}/sobjects/Account/@{{nobody.id}}"), "referenceId": "x"},
    ]});
    let (status, answer) = org.post("composite", body).await;
    let statuses: Vec<u64> =
        answer["compositeResponse"].as_array().unwrap().iter().filter_map(|it| it["httpStatusCode"].as_u64()).collect();
    assert_eq!((status, statuses), (200, vec![201, 200, 201, 400]));
    assert_eq!(org.column("SELECT LastName, Account.Name FROM Contact", "/Account/Name").await, "n");
    assert!(
        text(&answer["compositeResponse"][0]["httpHeaders"]["Location"])
            .starts_with("/services/data/v67.0/sobjects/Account/001")
    );
}

#[tokio::test]
async fn undoes_all_requests_when_one_fails_and_none_may() {
    let org = Org::open().await;
    let base = "/services/data/v67.0";
    let requests = json!([
        {"method": "POST", "url": format!("{base}/sobjects/Account"), "referenceId": "a", "body": {"Name": "n"}},
        {"method": "POST", "url": format!("{base}/sobjects/Contact"), "referenceId": "c", "body": {}},
    ]);
    let (_, answer) = org.post("composite", json!({"allOrNone": true, "compositeRequest": requests})).await;
    assert_eq!(answer["compositeResponse"][0]["body"][0]["errorCode"], "PROCESSING_HALTED");
    assert_eq!(answer["compositeResponse"][1]["body"][0]["errorCode"], "REQUIRED_FIELD_MISSING");
    let (_, answer) =
        org.post("composite/graph", json!({"graphs": [{"graphId": "g", "compositeRequest": requests}]})).await;
    assert_eq!(answer["graphs"][0]["isSuccessful"], false);
    assert_eq!(org.query("SELECT COUNT() FROM Account").await.1["totalSize"], 0);
}

#[tokio::test]
async fn answers_a_batch_one_by_one() {
    let org = Org::open().await;
    let body = json!({"batchRequests": [
        {"method": "POST", "url": "v67.0/sobjects/Account", "richInput": {"Name": "n"}},
        {"method": "GET", "url": "v67.0/sobjects/Nope"},
    ]});
    let (_, answer) = org.post("composite/batch", body).await;
    assert_eq!((&answer["hasErrors"], &answer["results"][0]["statusCode"]), (&json!(true), &json!(201)));
    assert_eq!(answer["results"][1]["statusCode"], 404);
}

#[tokio::test]
async fn grows_a_tree_or_nothing() {
    let org = Org::open().await;
    let contact = |name: &str, reference: &str| json!({"attributes": {"type": "Contact", "referenceId": reference}, "lastname": name});
    let tree = |second: &str| {
        json!({"records": [{
            "attributes": {"type": "Account", "referenceId": "a"}, "name": "n",
            "Contacts": {"records": [contact("c", "b"), contact(second, "c")]},
        }]})
    };
    let (status, answer) = org.post("composite/tree/Account/", tree("")).await;
    assert_eq!((status, &answer["hasErrors"], &answer["results"][0]["referenceId"]), (400, &json!(true), &json!("c")));
    assert_eq!(org.query("SELECT COUNT() FROM Account").await.1["totalSize"], 0);
    let (status, answer) = org.post("composite/tree/Account", tree("d")).await;
    assert_eq!((status, answer["results"].as_array().unwrap().len()), (201, 3));
    assert_eq!(org.column("SELECT Account.Name FROM Contact", "/Account/Name").await, "n,n");
}
