//! Tokens: which are good, and OAuth.

use chrono::TimeDelta;
use clock::Clock;
use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{BASE, Local};
use crate::airtable::oauth::Grants;

/// 43 characters, as a code verifier must have.
const VERIFIER: &str = "0123456789012345678901234567890123456789012";

async fn token(local: &Local, basic: Option<&str>, form: &[(&str, &str)]) -> (u16, Json) {
    let mut request = local.client.post(local.url("/oauth2/v1/token")).form(form);
    if let Some(client) = basic {
        request = request.basic_auth(client, Some("secret"));
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn refuses_missing_wrong_expired_and_legacy_tokens() {
    let local = Local::start().await;
    for wrong in ["", "invalid1", "expired1", "key12345678901234"] {
        let (status, answer) = local.ask_as(wrong, Method::GET, "/v0/meta/whoami", None).await;
        assert_eq!((status, &answer["error"]["type"]), (401, &json!("AUTHENTICATION_REQUIRED")), "{wrong}");
    }
    let bare = local.client.get(local.url("/v0/meta/whoami?api_key=patTest")).send().await.unwrap();
    assert_eq!(bare.status(), 401);
}

#[tokio::test]
async fn a_token_without_the_scope_is_a_user_who_may_not() {
    let local = Local::start().await;
    let whoami = local.ask_as("noscope1", Method::GET, "/v0/meta/whoami", None).await;
    assert_eq!(whoami, (200, json!({ "id": "usrFerryEmulator1" })));
    let (status, answer) = local.ask_as("noscope1", Method::GET, "/v0/meta/bases", None).await;
    assert_eq!((status, &answer["error"]["type"]), (403, &json!("INVALID_PERMISSIONS")));
    let (status, answer) = local.ask_as("noscope1", Method::GET, &format!("/v0/{BASE}/People"), None).await;
    assert_eq!((status, &answer["error"]["type"]), (403, &json!("INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND")));
}

#[tokio::test]
async fn a_code_gives_tokens_once() {
    let local = Local::start().await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", "code1"),
        ("code_verifier", VERIFIER),
        ("redirect_uri", "http://localhost/back"),
        ("client_id", "client"),
    ];
    let (status, tokens) = token(&local, None, &form).await;
    assert_eq!((status, &tokens["expires_in"], &tokens["token_type"]), (200, &json!(3600), &json!("Bearer")));
    let access = tokens["access_token"].as_str().unwrap();
    let (_, whoami) = local.ask_as(access, Method::GET, "/v0/meta/whoami", None).await;
    assert!(whoami["scopes"].as_array().unwrap().contains(&json!("data.records:write")));
    let (status, answer) = token(&local, None, &form).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_grant")));
}

#[tokio::test]
async fn a_refresh_kills_the_old_access_and_refresh_tokens() {
    let local = Local::start().await;
    let refresh = |token: &str| [("grant_type", "refresh_token".to_owned()), ("refresh_token", token.to_owned())];
    let ask = async |old: &str| {
        let form = refresh(old);
        let form: Vec<(&str, &str)> = form.iter().map(|(key, value)| (*key, value.as_str())).collect();
        token(&local, Some("client"), &form).await
    };
    let (_, first) = ask("brought along").await;
    let (_, second) = ask(first["refresh_token"].as_str().unwrap()).await;
    let old = first["access_token"].as_str().unwrap();
    let new = second["access_token"].as_str().unwrap();
    assert_eq!(local.ask_as(old, Method::GET, "/v0/meta/whoami", None).await.0, 401);
    assert_eq!(local.ask_as(new, Method::GET, "/v0/meta/whoami", None).await.0, 200);
    let (status, answer) = ask(first["refresh_token"].as_str().unwrap()).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_grant")));
    assert!(answer["error_description"].is_string());
}

#[tokio::test]
async fn a_client_names_itself_in_the_header_or_in_the_body_but_not_in_both() {
    let local = Local::start().await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", "r"), ("client_id", "client")];
    assert_eq!(token(&local, Some("client"), &form).await.0, 400);
    assert_eq!(token(&local, None, &form[..2]).await.0, 401);
    assert_eq!(token(&local, None, &form).await.0, 200);
}

#[test]
fn an_access_token_is_good_for_an_hour_and_a_refresh_token_for_sixty_days() {
    let now = Clock::system().now();
    let form = |token: &str| {
        vec![("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "c")]
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect::<Vec<_>>()
    };
    let mut grants = Grants::default();
    let tokens = grants.token(None, &form("mine"), now).unwrap();
    let header = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    assert!(grants.bearer(Some(&header), now + TimeDelta::minutes(59)).is_ok());
    assert!(grants.bearer(Some(&header), now + TimeDelta::minutes(61)).is_err());
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert!(grants.token(None, &form(refresh), now + TimeDelta::days(61)).is_err());
}

#[tokio::test]
async fn a_wrong_secret_is_told_from_the_right_one() {
    let local = Local::start().await;
    let ask = async |secret: &'static str, code: &'static str| {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", VERIFIER),
            ("redirect_uri", "http://localhost/back"),
        ];
        let request = local.client.post(local.url("/oauth2/v1/token")).form(&form).basic_auth("app", Some(secret));
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Json>().await.unwrap())
    };
    assert_eq!(ask("right", "code1").await.0, 200);
    let (status, refusal) = ask("other", "code2").await;
    assert_eq!((status, &refusal["error"]), (401, &json!("invalid_client")));
    assert_eq!(ask("right", "code3").await.0, 200);
    let elsewhere = local.client.get(local.url("/v0/meta/whoami")).bearer_auth("pat").header("host", "rebound.example");
    assert_eq!(elsewhere.send().await.unwrap().status(), 421);
}
