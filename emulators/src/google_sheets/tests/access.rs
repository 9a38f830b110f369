//! Who is let in, and how often.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use reqwest::Method;
use ring::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use serde_json::{Value as Json, json};

use super::{BOOK, Local};
use crate::options::EmulatorOptions;

/// A key of no use, shared with the tests of another emulator.
const KEY: &str = include_str!("../../salesforce/tests/key_of_no_use.pem");
const ACCOUNT: &str = "ferry@project.iam.gserviceaccount.com";

fn assertion(claims: &Json) -> String {
    let lines = KEY.lines().skip_while(|line| !line.starts_with("-----BEGIN")).skip(1);
    let lines = lines.take_while(|line| !line.starts_with("-----END"));
    let der = STANDARD.decode(lines.collect::<String>()).unwrap();
    let pair = KeyPair::from_der(&der).unwrap();
    let part = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", part(&json!({ "alg": "RS256" })), part(claims));
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn claims() -> Json {
    let now = clock::Clock::system().now().timestamp();
    let scope = "https://www.googleapis.com/auth/spreadsheets";
    json!({ "iss": ACCOUNT, "scope": scope, "aud": "https://oauth2.googleapis.com/token", "iat": now, "exp": now + 3600 })
}

async fn log_in(local: &Local, form: &[(&str, &str)]) -> (u16, Json) {
    let answer = local.client.post(format!("{}/token", local.running.url())).form(form).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn sign_in(local: &Local, assertion: &str) -> (u16, Json) {
    log_in(local, &[("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion)]).await
}

#[tokio::test]
async fn a_service_account_signs_in_and_reaches_only_what_is_shared_with_it() {
    let local = Local::start().await;
    let file = json!({ "client_email": ACCOUNT, "private_key": KEY });
    let keys = format!("{}/_emulator/keys", local.running.url());
    assert_eq!(local.client.post(keys).json(&file).send().await.unwrap().status(), 204);
    let (status, answer) = sign_in(&local, &assertion(&claims())).await;
    assert_eq!((status, &answer["expires_in"], &answer["token_type"]), (200, &json!(3599), &json!("Bearer")));
    assert!(answer.get("refresh_token").is_none());
    let token = answer["access_token"].as_str().unwrap();
    let path = format!("/v4/spreadsheets/{BOOK}/values/A1");
    assert_eq!(local.send(token, Method::GET, &path, None).await.0, 200);
    local.person(json!({ "spreadsheet": BOOK, "action": "share", "with": ACCOUNT, "role": "reader" })).await;
    assert_eq!(local.send(token, Method::GET, &path, None).await.0, 200);
    let (status, refused) = local.send(token, Method::POST, &format!("{path}:clear"), None).await;
    let body = json!({ "error": { "code": 403, "message": "The caller does not have permission", "status": "PERMISSION_DENIED" } });
    assert_eq!((status, refused), (403, body.clone()));
    local.person(json!({ "spreadsheet": BOOK, "action": "unshare", "with": ACCOUNT })).await;
    assert_eq!(local.send(token, Method::GET, &path, None).await, (403, body));
    // Its scopes do not reach to Drive.
    assert_eq!(local.send(token, Method::GET, &format!("/drive/v3/files/{BOOK}"), None).await.0, 403);
}

#[tokio::test]
async fn assertions_that_are_wrong_are_refused_as_google_refuses_them() {
    let local = Local::start().await;
    let file = json!({ "client_email": ACCOUNT, "private_key": KEY });
    local.client.post(format!("{}/_emulator/keys", local.running.url())).json(&file).send().await.unwrap();
    let with = |name: &str, value: Json| {
        let mut claims = claims();
        claims[name] = value;
        assertion(&claims)
    };
    let forged = {
        let good = assertion(&claims());
        let (head, _) = good.rsplit_once('.').unwrap();
        format!("{head}.AAAA")
    };
    for (assertion, error, description) in [
        (forged, "invalid_grant", "Invalid JWT Signature."),
        (with("exp", json!(1)), "invalid_grant", "Invalid JWT: Token must be a short-lived token"),
        (
            with("iat", json!(claims()["iat"].as_i64().unwrap() - 7200)),
            "invalid_grant",
            "Invalid JWT: Token must be a short-lived token",
        ),
        (with("scope", json!("")), "invalid_scope", "Invalid OAuth scope"),
        (with("iss", json!("invalid@x")), "invalid_grant", "Invalid grant: account not found"),
        ("no".to_owned(), "invalid_grant", "Invalid JWT:"),
    ] {
        let (status, answer) = sign_in(&local, &assertion).await;
        assert_eq!((status, &answer["error"]), (400, &json!(error)));
        assert!(answer["error_description"].as_str().unwrap().starts_with(description), "{answer}");
    }
}

#[tokio::test]
async fn a_person_renews_by_a_refresh_token() {
    let local = Local::start().await;
    let form = |token, secret| {
        [("grant_type", "refresh_token"), ("client_id", "app"), ("client_secret", secret), ("refresh_token", token)]
    };
    let (status, answer) = log_in(&local, &form("1//refresh", "s-1")).await;
    assert_eq!((status, answer.get("refresh_token")), (200, None));
    assert!(answer["scope"].as_str().unwrap().contains("spreadsheets"));
    assert_eq!(
        log_in(&local, &form("expired", "s-1")).await,
        (400, json!({ "error": "invalid_grant", "error_description": "Token has been expired or revoked." }))
    );
    assert_eq!(log_in(&local, &form("1//refresh", "s-2")).await.1["error"], "invalid_client");
    // Once the sessions end, the token is worth nothing.
    let token = answer["access_token"].as_str().unwrap();
    let path = format!("/v4/spreadsheets/{BOOK}/values/A1");
    assert_eq!(local.send(token, Method::GET, &path, None).await.0, 200);
    local.client.delete(format!("{}/_emulator/sessions", local.running.url())).send().await.unwrap();
    let (status, answer) = local.send(token, Method::GET, &path, None).await;
    assert_eq!((status, &answer["error"]["status"]), (401, &json!("UNAUTHENTICATED")));
}

#[tokio::test]
async fn tokens_and_spreadsheets_that_stand_for_an_error_give_it() {
    let local = Local::start().await;
    let path = |id: &str| format!("/v4/spreadsheets/{id}/values/A1");
    for (token, id, status, name, reason) in [
        ("invalid", BOOK, 401, "UNAUTHENTICATED", None),
        ("expired", BOOK, 401, "UNAUTHENTICATED", None),
        ("noscope", BOOK, 403, "PERMISSION_DENIED", Some("ACCESS_TOKEN_SCOPE_INSUFFICIENT")),
        ("noapi", BOOK, 403, "PERMISSION_DENIED", Some("SERVICE_DISABLED")),
        ("good", "notShared1", 403, "PERMISSION_DENIED", None),
        ("good", "missing1", 404, "NOT_FOUND", None),
    ] {
        let (told, answer) = local.send(token, Method::GET, &path(id), None).await;
        let error = &answer["error"];
        assert_eq!((told, error["status"].as_str()), (status, Some(name)));
        assert_eq!(error["details"][0]["reason"].as_str(), reason);
    }
}

#[tokio::test]
async fn the_sixty_first_read_of_a_minute_is_refused_and_writes_count_apart() {
    let local = Local::with(EmulatorOptions::default()).await;
    for _ in 0..60 {
        local.get("/values/A1").await;
    }
    let (status, answer) = local.ask(Method::GET, "/values/A1", None).await;
    assert_eq!((status, &answer["error"]["status"]), (429, &json!("RESOURCE_EXHAUSTED")));
    assert_eq!(answer["error"]["details"][0]["metadata"]["quota_limit"], "ReadRequestsPerMinutePerUser");
    assert_eq!(
        answer["error"]["message"],
        "Quota exceeded for quota metric 'Read requests' and limit 'Read requests per minute per user' of service \
         'sheets.googleapis.com' for consumer 'project_number:100000000001'."
    );
    local.put("A1", "RAW", json!([[1]])).await;
    local.person(json!({ "spreadsheet": BOOK, "action": "clear", "range": "A1" })).await;
    assert_eq!(local.send("other", Method::GET, &format!("/v4/spreadsheets/{BOOK}"), None).await.0, 200);
}
