//! Contacts that are deleted for good, and what the answers say of them.

use serde_json::{Value as Json, json};

use crate::connector::ErrorKind;
use crate::model::Outcome;

use super::{destination, samples, script::Script};

async fn erase(status: u16, body: Json) -> (Script, Result<Outcome, ErrorKind>) {
    let script = Script::start(move |_| (status, body.clone())).await;
    let connected = destination(&script.url);
    let outcome = connected.erase().unwrap().erase(&"contacts".into(), "7").await;
    (script, outcome.map_err(|error| error.kind))
}

#[tokio::test]
async fn contacts_alone_have_the_call() {
    let connected = destination("http://127.0.0.1:9");
    let call = |object: &str| connected.erase().unwrap().call(&object.into());
    assert_eq!([call("contacts"), call("0-1")], [Some("GDPR delete"); 2]);
    assert_eq!([call("companies"), call("deals")], [None; 2]);
}

#[tokio::test]
async fn a_contact_is_erased_by_its_id_and_may_be_gone_already() {
    let (script, outcome) = erase(204, Json::Null).await;
    assert_eq!(outcome, Ok(Outcome::Deleted));
    let asked = script.asked();
    assert!(asked[0].path.ends_with("/contacts/gdpr-delete"), "{}", asked[0].path);
    assert_eq!(asked[0].json(), json!({ "objectId": "7" }));
    assert_eq!(erase(404, samples::not_found(&["7"])).await.1, Ok(Outcome::Missing));
}

#[tokio::test]
async fn what_is_no_erasure_is_none() {
    let refused = json!({ "status": "error", "category": "VALIDATION_ERROR", "message": "no", "correlationId": "c" });
    assert!(matches!(erase(400, refused).await.1, Ok(Outcome::Rejected(_))));
    assert_eq!(erase(403, samples::missing_scopes()).await.1, Err(ErrorKind::Unauthorized));
    // Not in the vendor's words: a proxy may say so, or there is no such call.
    for (status, body) in [(404, json!({ "error": "no such page" })), (200, json!({ "results": [] }))] {
        let outcome = erase(status, body).await.1;
        assert!(!matches!(outcome, Ok(Outcome::Deleted | Outcome::Missing)), "{status}: {outcome:?}");
    }
}
