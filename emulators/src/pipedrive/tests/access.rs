//! Tokens, OAuth, versions and paths.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{Account, read, text};

#[tokio::test]
async fn tells_bad_tokens_apart_and_takes_a_token_in_three_places() {
    let mut account = Account::open().await;
    for (token, expected, error) in [
        ("invalid-1", 401, "unauthorized access"),
        ("expired-1", 401, "unauthorized access"),
        ("noscope-1", 403, "Scope and URL mismatch"),
    ] {
        token.clone_into(&mut account.token);
        let (status, body) = account.get("api/v2/deals").await;
        assert_eq!((status, text(&body["error"]), &body["errorCode"]), (expected, error, &json!(expected)));
    }
    let bare = |path: &str| account.client.get(account.url(path));
    assert_eq!(read(bare("api/v2/deals").send().await.unwrap()).await.0, 401);
    assert_eq!(read(bare("v1/users/me?api_token=old").send().await.unwrap()).await.0, 200);
    assert_eq!(read(bare("api/v2/deals").bearer_auth("any").send().await.unwrap()).await.0, 200);
    // Where there are both, the API token counts.
    let both = bare("api/v2/deals").bearer_auth("any").header("x-api-token", "invalid");
    assert_eq!(read(both.send().await.unwrap()).await.0, 401);
}

#[tokio::test]
async fn version_two_has_one_prefix_and_version_one_two() {
    let account = Account::open().await;
    for (path, expected) in [
        ("api/v2/deals", 200),
        ("v2/deals", 404),
        ("deals", 404),
        ("v1/notes", 200),
        ("api/v1/notes", 200),
        ("api/v2/notes", 404),
        ("api/v2/leadFields", 404),
        ("api/v2/nonsense", 404),
        ("v1/goals/find", 501),
        ("v1/deals/1/flow", 501),
        ("api/v2/projects", 501),
    ] {
        let (status, body) = account.get(path).await;
        assert_eq!(status, expected, "{path}: {body}");
        assert!(expected != 501 || text(&body["error"]).starts_with("the local Pipedrive does not do"), "{body}");
    }
    let me = account.data("api/v1/users/me").await;
    assert_eq!(
        (&me["company_id"], &me["company_domain"], &me["is_you"]),
        (&json!(7_654_321), &json!("ferry-demo"), &json!(true))
    );
}

async fn token(account: &Account, secret: &str, form: &[(&str, &str)]) -> (u16, Json) {
    read(
        account
            .client
            .post(account.url("oauth/token"))
            .basic_auth("app", Some(secret))
            .form(form)
            .send()
            .await
            .unwrap(),
    )
    .await
}

fn refresh(token: &str) -> [(&str, &str); 2] {
    [("grant_type", "refresh_token"), ("refresh_token", token)]
}

#[tokio::test(start_paused = true)]
async fn hands_out_tokens_that_expire_and_rotate() {
    let account = Account::open().await;
    let code = [("grant_type", "authorization_code"), ("code", "c-1"), ("redirect_uri", "http://127.0.0.1/back")];
    let (status, first) = token(&account, "secret", &code).await;
    assert_eq!((status, &first["token_type"], &first["expires_in"]), (200, &json!("Bearer"), &json!(3_599)), "{first}");
    assert_eq!(first["api_domain"], json!(account.running.url()));
    assert_eq!(token(&account, "secret", &code).await.0, 400, "a code is good once");
    let call = |token: Json| account.client.get(account.url("api/v2/deals")).bearer_auth(text(&token));
    assert_eq!(call(first["access_token"].clone()).send().await.unwrap().status(), 200);
    tokio::time::advance(Duration::from_hours(1)).await;
    assert_eq!(call(first["access_token"].clone()).send().await.unwrap().status(), 401);

    let (status, second) = token(&account, "secret", &refresh(text(&first["refresh_token"]))).await;
    assert_eq!(status, 200);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_eq!(call(second["access_token"].clone()).send().await.unwrap().status(), 200);
    let (status, body) = token(&account, "secret", &refresh(text(&first["refresh_token"]))).await;
    assert_eq!((status, text(&body["error"])), (400, "invalid_grant"));
    // Each use counts anew: sixty days without one, and it is over.
    tokio::time::advance(Duration::from_hours(24 * 60)).await;
    assert_eq!(token(&account, "secret", &refresh(text(&second["refresh_token"]))).await.0, 400);
}

#[tokio::test]
async fn refuses_other_clients_and_forgets_revoked_tokens() {
    let account = Account::open().await;
    let (_, granted) = token(&account, "secret", &refresh("r-1")).await;
    assert_eq!(token(&account, "other", &refresh("r-2")).await.0, 401);
    assert_eq!(token(&account, "secret", &[("grant_type", "password")]).await.0, 400);
    let revoke = account.client.post(account.url("oauth/revoke")).basic_auth("app", Some("secret"));
    let form = [("token", text(&granted["refresh_token"])), ("token_type_hint", "refresh_token")];
    assert_eq!(revoke.form(&form).send().await.unwrap().status(), 200);
    let call = account.client.get(account.url("api/v2/deals")).bearer_auth(text(&granted["access_token"]));
    assert_eq!(call.send().await.unwrap().status(), 401, "with the refresh token goes the access token");
    assert_eq!(token(&account, "secret", &refresh(text(&granted["refresh_token"]))).await.0, 400);
}

#[tokio::test]
async fn sends_the_browser_back_with_a_code() {
    let account = Account::open().await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let ask = async |id: &str| {
        let path = format!("oauth/authorize?client_id={id}&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fback&state=s");
        let answer = client.get(account.url(&path)).send().await.unwrap();
        let location = answer.headers().get("location").map(|location| location.to_str().unwrap().to_owned());
        (answer.status().as_u16(), location.unwrap_or_default())
    };
    let (status, location) = ask("app").await;
    assert_eq!(status, 302);
    let code = location.split_once("code=").unwrap().1.split('&').next().unwrap();
    assert!(location.ends_with("state=s"), "{location}");
    let form =
        |redirect: &'static str| [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect)];
    assert_eq!(
        token(&account, "secret", &form("http://127.0.0.1:9/other")).await.0,
        400,
        "the code belongs to its redirect"
    );
    assert!(ask("denied-app").await.1.contains("error=user_denied"));
    assert_eq!(ask("invalid").await.0, 400);
}
