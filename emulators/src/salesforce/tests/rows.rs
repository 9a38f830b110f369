//! What is beside a record's own path: conditions, relations, kinds of bodies.

use reqwest::{Method, header::HeaderMap};
use serde_json::{Value as Json, json};

use super::{Org, code, read, text};

async fn asked(org: &Org, method: Method, path: &str, header: (&str, &str)) -> (u16, HeaderMap, Json) {
    let mut request = org.request(method.clone(), path).header(header.0, header.1);
    if method == Method::PATCH {
        request = request.json(&json!({"Phone": "1"}));
    }
    let response = request.send().await.unwrap();
    let headers = response.headers().clone();
    let (status, body) = read(response).await;
    (status, headers, body)
}

#[tokio::test]
async fn a_record_that_did_not_change_is_not_sent_again() {
    let org = Org::open().await;
    let path = format!("sobjects/Account/{}", org.create("Account", json!({"Name": "A"})).await);
    let (_, headers, _) = asked(&org, Method::GET, &path, ("accept", "application/json")).await;
    let (tag, time) = (headers["etag"].to_str().unwrap(), headers["last-modified"].to_str().unwrap());
    let (past, future) = ("Thu, 03 Sep 2020 21:35:07 GMT", "Thu, 03 Sep 2099 21:35:07 GMT");
    for (method, name, value, expected) in [
        (Method::GET, "if-none-match", tag, 304),
        (Method::GET, "if-none-match", "\"other\"", 200),
        (Method::GET, "if-modified-since", time, 304),
        (Method::GET, "if-modified-since", past, 200),
        (Method::GET, "if-match", "\"other\"", 412),
        (Method::GET, "if-unmodified-since", past, 412),
        (Method::PATCH, "if-match", "\"other\"", 412),
        (Method::PATCH, "if-unmodified-since", past, 412),
        (Method::DELETE, "if-unmodified-since", past, 412),
        (Method::PATCH, "if-none-match", "*", 412),
        (Method::PATCH, "if-unmodified-since", future, 204),
        (Method::GET, "if-none-match", tag, 200),
        (Method::PATCH, "if-match", tag, 412),
    ] {
        let (status, _, body) = asked(&org, method.clone(), &path, (name, value)).await;
        assert_eq!(status, expected, "{method} {name}: {value}: {body}");
    }
    let lead = format!("sobjects/Lead/{}", org.create("Lead", json!({"LastName": "L", "Company": "C"})).await);
    let (_, headers, _) = asked(&org, Method::GET, &lead, ("accept", "application/json")).await;
    assert!(headers.get("etag").is_none() && headers.get("last-modified").is_some());
}

#[tokio::test]
async fn paths_lead_on_from_a_record_to_its_relations() {
    let org = Org::open().await;
    let account = org.create("Account", json!({"Name": "Acme"})).await;
    let contact = org.create("Contact", json!({"LastName": "One", "AccountId": account})).await;
    let alone = org.create("Contact", json!({"LastName": "Two"})).await;
    let (status, parent) = org.get(&format!("sobjects/Contact/{contact}/Account?fields=Name")).await;
    assert_eq!((status, text(&parent["Name"]), text(&parent["Id"])), (200, "Acme", account.as_str()));
    assert!(parent.get("Phone").is_none());
    let (status, owner) = org.get(&format!("sobjects/Contact/{contact}/Account/Owner")).await;
    assert_eq!((status, text(&owner["attributes"]["type"])), (200, "User"));
    let (status, children) = org.get(&format!("sobjects/Account/{account}/Contacts?fields=LastName")).await;
    assert_eq!((status, &children["totalSize"], &children["done"]), (200, &json!(1), &json!(true)));
    assert_eq!(children["records"][0]["LastName"], "One");
    let (_, none) = org.get(&format!("sobjects/Account/{account}/Cases")).await;
    assert_eq!(none, json!({"totalSize": 0, "done": true, "records": []}));
    let path = format!("sobjects/Contact/{contact}/Account");
    assert_eq!(org.patch(&path, json!({"Phone": "7"})).await.0, 204);
    assert_eq!(org.get(&format!("sobjects/Account/{account}")).await.1["Phone"], "7");
    for (path, expected) in [
        (format!("sobjects/Contact/{alone}/Account"), 404),
        (format!("sobjects/Contact/{contact}/Nothing"), 404),
        (format!("sobjects/Account/{account}/Contacts/Account"), 404),
    ] {
        assert_eq!(org.get(&path).await.0, expected, "{path}");
    }
    assert_eq!(org.post(&format!("sobjects/Account/{account}/Contacts"), json!({"LastName": "X"})).await.0, 405);
    assert_eq!(org.delete(&path).await.0, 204);
    assert_eq!(org.get(&format!("sobjects/Account/{account}")).await.0, 404);
}

#[tokio::test]
async fn bodies_are_of_the_kind_that_is_read() {
    let org = Org::open().await;
    for (kind, expected) in [
        ("application/json", 201),
        ("application/json; charset=UTF-8", 201),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/xml", 415),
    ] {
        let request = org.request(Method::POST, "sobjects/Account").header("content-type", kind);
        let (status, body) = read(request.body(r#"{"Name": "A"}"#).send().await.unwrap()).await;
        assert_eq!(status, expected, "{kind}");
        if expected == 415 {
            assert_eq!(code(&body), "UNSUPPORTED_MEDIA_TYPE");
            assert!(text(&body[0]["message"]).ends_with(kind), "{body}");
        }
    }
    let (_, job) = org.post("jobs/ingest", json!({"object": "Account", "operation": "insert"})).await;
    let path = format!("jobs/ingest/{}/batches", text(&job["id"]));
    let upload = |kind: &str| org.request(Method::PUT, &path).header("content-type", kind.to_owned()).body("Name\nA\n");
    assert_eq!(upload("application/json").send().await.unwrap().status(), 415);
    assert_eq!(upload("text/csv; charset=UTF-8").send().await.unwrap().status(), 201);
}

#[tokio::test]
async fn no_record_is_above_itself() {
    let org = Org::open().await;
    let mut ids = Vec::new();
    for name in ["A", "B", "C"] {
        let parent = ids.last().cloned();
        ids.push(org.create("Account", json!({"Name": name, "ParentId": parent})).await);
    }
    for (child, parent, expected) in [(0, 0, 400), (0, 1, 400), (0, 2, 400), (2, 0, 204)] {
        let path = format!("sobjects/Account/{}", ids[child]);
        let (status, body) = org.patch(&path, json!({"ParentId": ids[parent]})).await;
        assert_eq!(status, expected, "{child} below {parent}: {body}");
        if expected == 400 {
            assert_eq!((code(&body), &body[0]["fields"]), ("CIRCULAR_DEPENDENCY", &json!(["ParentId"])));
        }
    }
    let contact = org.create("Contact", json!({"LastName": "One"})).await;
    let (status, _) = org.patch(&format!("sobjects/Contact/{contact}"), json!({"ReportsToId": contact})).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn numbers_are_kept_as_they_are_sent() {
    let org = Org::open().await;
    for sent in [json!(9.994), json!("9.994"), json!(0.000_000_1), json!(1_234_567.891), json!(-0.5)] {
        let fields = json!({"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-01-01", "Amount": sent});
        let id = org.create("Opportunity", fields).await;
        let (_, record) = org.get(&format!("sobjects/Opportunity/{id}")).await;
        let kept = record["Amount"].as_f64().unwrap();
        let expected: f64 = sent.as_str().map_or_else(|| sent.as_f64().unwrap(), |text| text.parse().unwrap());
        assert!((kept - expected).abs() < f64::EPSILON, "{sent} became {kept}");
    }
    let too_large = json!({"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-01-01", "Amount": 1e17});
    assert_eq!(code(&org.post("sobjects/Opportunity", too_large).await.1), "NUMBER_OUTSIDE_VALID_RANGE");
}
