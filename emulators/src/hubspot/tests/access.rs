//! Tokens, limits and faults.

use std::time::Duration;

use clock::Clock;
use reqwest::{Method, header::HeaderMap};
use serde_json::{Value as Json, json};

use super::{Account, read, text};
use crate::options::EmulatorOptions;

const CONTACTS: &str = "crm/objects/2026-09/contacts";

async fn limited() -> Account {
    Account::with(EmulatorOptions::default(), Clock::system()).await
}

async fn headers(account: &Account, method: Method, path: &str) -> (u16, HeaderMap, Json) {
    let response = account.request(method, path).json(&json!({})).send().await.unwrap();
    let headers = response.headers().clone();
    let (status, body) = read(response).await;
    (status, headers, body)
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(format!("x-hubspot-ratelimit-{name}")).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn tells_bad_tokens_apart() {
    let mut account = Account::open().await;
    let cases = [
        ("invalid-1", 401, "INVALID_AUTHENTICATION"),
        ("expired-1", 401, "EXPIRED_AUTHENTICATION"),
        ("noscope-1", 403, "MISSING_SCOPES"),
    ];
    for (token, expected, category) in cases {
        token.clone_into(&mut account.token);
        let (status, body) = account.get(CONTACTS).await;
        assert_eq!((status, text(&body["category"])), (expected, category));
    }
    let (_, body) = account.post("crm/v3/objects/companies/batch/upsert", json!({})).await;
    let scopes = &body["errors"][0]["context"]["requiredGranularScopes"];
    assert_eq!(scopes, &json!(["crm.objects.companies.write"]));
    let bare = account.client.get(account.url(CONTACTS)).send().await.unwrap();
    assert_eq!(read(bare).await.0, 401);
    "pat-test".clone_into(&mut account.token);
    let (status, body) = account.get(&format!("{CONTACTS}?hapikey=abc")).await;
    assert_eq!(status, 401);
    assert!(text(&body["message"]).contains("retired"));
}

async fn token(account: &Account, path: &str, form: &[(&str, &str)]) -> (u16, Json) {
    let client = [("client_id", "app"), ("client_secret", "secret")];
    let form: Vec<(&str, &str)> = form.iter().chain(&client).copied().collect();
    read(account.client.post(account.url(path)).form(&form).send().await.unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn hands_out_tokens_that_expire() {
    let mut account = Account::open().await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", "r-1")];
    let (status, body) = token(&account, "oauth/v3/token", &form).await;
    assert_eq!((status, &body["expires_in"], text(&body["refresh_token"])), (200, &json!(1_800), "r-1"));
    assert!(text(&body["access_token"]).len() > 300);
    text(&body["access_token"]).clone_into(&mut account.token);
    assert_eq!(account.get(CONTACTS).await.0, 200);
    tokio::time::advance(Duration::from_mins(31)).await;
    let (status, body) = account.get(CONTACTS).await;
    assert_eq!((status, text(&body["category"])), (401, "EXPIRED_AUTHENTICATION"));
    assert!(!text(&body["context"]["expire time"][0]).is_empty());
}

#[tokio::test]
async fn refuses_what_earns_no_token() {
    let account = Account::open().await;
    let refresh = |token: &'static str| [("grant_type", "refresh_token"), ("refresh_token", token)];
    let (status, body) = token(&account, "oauth/2026-09/token", &refresh("invalid")).await;
    assert_eq!((status, text(&body["status"]), text(&body["error"])), (400, "BAD_REFRESH_TOKEN", "invalid_grant"));
    let revoke = account.client.post(account.url("oauth/v3/token/revoke")).form(&[("token", "r-2")]);
    assert_eq!(revoke.send().await.unwrap().status().as_u16(), 200);
    assert_eq!(token(&account, "oauth/v1/token", &refresh("r-2")).await.0, 400);
    let code = [("grant_type", "authorization_code"), ("code", "c"), ("redirect_uri", "http://127.0.0.1/")];
    let (status, body) = token(&account, "oauth/v1/token", &code).await;
    assert_eq!((status, body.get("token_use")), (200, None));
    assert_eq!(token(&account, "oauth/v1/token", &code).await.0, 400);
    let (_, told) = token(&account, "oauth/v3/token/introspect", &[("token", text(&body["access_token"]))]).await;
    assert_eq!((&told["active"], text(&told["client_id"])), (&json!(true), "app"));
}

#[tokio::test(start_paused = true)]
async fn the_burst_is_limited_and_announced() {
    let account = limited().await;
    let (_, first, _) = headers(&account, Method::GET, CONTACTS).await;
    assert_eq!((header(&first, "max"), header(&first, "remaining")), ("190", "189"));
    assert_eq!(header(&first, "interval-milliseconds"), "10000");
    assert_eq!((header(&first, "daily"), header(&first, "daily-remaining")), ("625000", "624999"));
    for _ in 1..190 {
        assert_eq!(account.get(CONTACTS).await.0, 200);
    }
    let (status, spent, body) = headers(&account, Method::GET, CONTACTS).await;
    assert_eq!((status, text(&body["errorType"]), header(&spent, "remaining")), (429, "RATE_LIMIT", "0"));
    assert_eq!(text(&body["policyName"]), "TEN_SECONDLY_ROLLING");
    assert_eq!(text(&body["message"]), "You have reached your ten_secondly_rolling limit.");
    let other = account.client.get(account.url(CONTACTS)).bearer_auth("pat-other").send().await.unwrap();
    assert_eq!(other.status().as_u16(), 200);
    let counts = account.get("_emulator/counts").await.1;
    assert_eq!(counts["requests"], json!({"read": 192, "write": 0, "rate_limited": 1}));
}

#[tokio::test(start_paused = true)]
async fn searches_are_limited_by_the_second_and_not_announced() {
    let mut account = limited().await;
    let path = format!("{CONTACTS}/search");
    for number in 0..5 {
        account.token = format!("pat-{number}");
        let (status, headers, _) = headers(&account, Method::POST, &path).await;
        assert_eq!((status, header(&headers, "max")), (200, ""));
    }
    let (status, _, body) = headers(&account, Method::POST, &path).await;
    assert_eq!((status, text(&body["message"])), (429, "You have reached your secondly limit."));
}

#[tokio::test(start_paused = true)]
async fn associations_have_a_limit_of_their_own() {
    let account = limited().await;
    let path = "crm/associations/2026-09/contacts/companies/labels";
    let (_, first, _) = headers(&account, Method::GET, path).await;
    assert_eq!((header(&first, "max"), header(&first, "remaining")), ("150", "149"));
    for _ in 1..150 {
        assert_eq!(account.get(path).await.0, 200);
    }
    assert_eq!(account.get(path).await.0, 429);
    assert_eq!(account.get(CONTACTS).await.0, 200);
}

#[tokio::test]
async fn public_apps_have_a_smaller_burst_and_no_daily_header() {
    let mut account = limited().await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", "r")];
    let (_, body) = token(&account, "oauth/v3/token", &form).await;
    text(&body["access_token"]).clone_into(&mut account.token);
    let (_, headers, _) = headers(&account, Method::GET, CONTACTS).await;
    assert_eq!((header(&headers, "max"), header(&headers, "daily")), ("110", ""));
}

#[tokio::test]
async fn faults_have_the_vendors_bodies() {
    let faults = "429=1".parse().unwrap();
    let account = Account::with(EmulatorOptions { faults, ..EmulatorOptions::default() }, Clock::system()).await;
    let (status, body) = account.get(CONTACTS).await;
    assert_eq!((status, text(&body["policyName"])), (429, "TEN_SECONDLY_ROLLING"));
    let faults = "502=1".parse().unwrap();
    let account = Account::with(EmulatorOptions { faults, ..EmulatorOptions::default() }, Clock::system()).await;
    let (status, body) = account.get(CONTACTS).await;
    assert_eq!((status, text(&body["status"])), (502, "error"));
    let (_, requests) = account.get("_emulator/requests").await;
    assert_eq!(requests, json!([{"method": "GET", "path": format!("/{CONTACTS}"), "status": 502}]));
}

#[tokio::test]
async fn tells_about_the_account() {
    let account = Account::open().await;
    let (status, body) = account.get("account-info/v3/details").await;
    assert_eq!((status, &body["timeZone"]), (200, &json!("UTC")));
    assert_eq!(account.get("contacts/v1/lists").await.0, 404);
    assert_eq!(account.send(Method::PUT, CONTACTS, json!({})).await.0, 405);
}

#[tokio::test]
async fn a_wrong_secret_is_told_from_the_right_one() {
    let account = Account::open().await;
    let ask = async |secret: &'static str| {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", "r-1"),
            ("client_id", "app"),
            ("client_secret", secret),
        ];
        read(account.client.post(account.url("oauth/v3/token")).form(&form).send().await.unwrap()).await
    };
    assert_eq!(ask("right").await.0, 200);
    let (status, refusal) = ask("other").await;
    assert_eq!((status, text(&refusal["status"])), (400, "BAD_CLIENT_SECRET"));
    assert_eq!((ask("wrong-1").await.0, ask("right").await.0), (400, 200));
}

#[tokio::test]
async fn answers_this_machine_alone() {
    let account = Account::open().await;
    let request = account.request(Method::GET, CONTACTS).header("host", "rebound.example:4010");
    assert_eq!(request.send().await.unwrap().status(), 421);
}
