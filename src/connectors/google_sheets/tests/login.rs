use super::*;
use crate::connector::ErrorKind;

const KEY: &str = include_str!("../../../cli/local/key_of_no_use.pem");
const EMAIL: &str = "ferry@demo-project.iam.gserviceaccount.com";

fn credentials() -> String {
    json!({ "type": "service_account", "client_email": EMAIL, "private_key": KEY, "private_key_id": "k1" }).to_string()
}

async fn error(option: &str, value: Json, spreadsheet: &str) -> ConnectorError {
    let mut desk = Desk::typed("T", json!([["Id"], ["a"]])).await;
    desk.options = json!({ "spreadsheet_id": spreadsheet, "base_url": desk.server.url(), option: value });
    desk.source().check().await.unwrap_err()
}

#[tokio::test]
async fn a_service_account_signs_in_with_its_key() {
    let mut desk = Desk::typed("T", json!([["Id"], ["a"]])).await;
    desk.options =
        json!({ "spreadsheet_id": SPREADSHEET, "base_url": desk.server.url(), "credentials": credentials() });
    assert_eq!(column(&desk.read("T", &["Id"]).await, "Id"), ["a"]);
    assert_eq!(desk.asked("POST /token"), 1);
}

#[tokio::test]
async fn a_person_s_login_is_renewed() {
    let mut desk = Desk::typed("T", json!([["Id"], ["a"]])).await;
    desk.options = json!({
        "spreadsheet_id": SPREADSHEET, "base_url": desk.server.url(), "client_id": "1-app", "client_secret": "s", "refresh_token": "r",
    });
    assert_eq!(column(&desk.read("T", &["Id"]).await, "Id"), ["a"]);
}

#[tokio::test]
async fn a_refusal_says_what_to_do() {
    let not_shared = error("credentials", Json::from(credentials()), "notShared1").await;
    assert_eq!((not_shared.kind, not_shared.code.as_str()), (ErrorKind::Unauthorized, "PERMISSION_DENIED"));
    assert!(not_shared.message.contains("the caller does not have permission"));
    assert!(not_shared.hint.unwrap().contains(EMAIL));
    let missing = error("access_token", json!("t"), "missing1").await;
    assert_eq!(missing.kind, ErrorKind::NotFound);
    for (token, code) in [("noscope1", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"), ("noapi1", "SERVICE_DISABLED")] {
        let refused = error("access_token", Json::from(token), SPREADSHEET).await;
        assert_eq!((refused.kind, refused.code.as_str()), (ErrorKind::Unauthorized, code));
        assert!(refused.hint.is_some());
    }
    let ended = error("access_token", json!("expired1"), SPREADSHEET).await;
    assert_eq!(ended.kind, ErrorKind::Unauthorized);
    let key_file = error("credentials", json!("dry-run"), SPREADSHEET).await;
    assert!(key_file.message.contains("no key file"), "{}", key_file.message);
}
