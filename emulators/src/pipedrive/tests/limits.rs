//! Tokens of the day, bursts, headers, 429 and what comes after it.

use std::time::Duration;

use clock::Clock;
use reqwest::{Method, Response};
use serde_json::json;

use super::{Account, read, text};
use crate::options::EmulatorOptions;

async fn limited() -> Account {
    Account::with(EmulatorOptions::default(), Clock::system()).await
}

fn header(response: &Response, name: &str) -> u64 {
    response.headers().get(name).map_or(u64::MAX, |value| value.to_str().unwrap().parse().unwrap())
}

async fn ask(account: &Account, path: &str) -> Response {
    account.request(Method::GET, path).send().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn refuses_a_burst_and_says_how_long_to_wait() {
    let account = limited().await;
    for left in (0..20).rev() {
        let answer = ask(&account, "api/v2/deals").await;
        assert_eq!((answer.status().as_u16(), header(&answer, "x-ratelimit-remaining")), (200, left));
        assert_eq!((header(&answer, "x-ratelimit-limit"), header(&answer, "x-ratelimit-reset")), (20, 2));
    }
    let refused = ask(&account, "api/v2/deals").await;
    assert_eq!((header(&refused, "retry-after"), header(&refused, "x-ratelimit-remaining")), (2, 0));
    let (status, body) = read(refused).await;
    assert_eq!((status, &body), (429, &json!({"success": false, "error": "request over limit", "errorCode": 429})));
    // Searches have a window of their own.
    for _ in 0..10 {
        assert_eq!(ask(&account, "api/v2/deals/search?term=ab").await.status(), 200);
    }
    let refused = ask(&account, "api/v2/itemSearch?term=ab").await;
    assert_eq!((refused.status().as_u16(), header(&refused, "x-ratelimit-limit")), (429, 10));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(ask(&account, "api/v2/deals").await.status(), 200);
    // An app of OAuth may ask four times as often.
    let bearer = account.client.get(account.url("api/v2/deals")).bearer_auth("any").send().await.unwrap();
    assert_eq!(header(&bearer, "x-ratelimit-limit"), 80);
}

#[tokio::test(start_paused = true)]
async fn calls_cost_what_the_description_says() {
    let account = limited().await;
    let left = async |method: Method, path: &str, body: serde_json::Value| {
        let answer = account.request(method, path).json(&body).send().await.unwrap();
        header(&answer, "x-daily-ratelimit-token-remaining")
    };
    let mut before = 30_000;
    for (method, path, body, cost) in [
        (Method::GET, "api/v2/deals", json!({}), 10),
        (Method::POST, "api/v2/deals", json!({"title": "a"}), 5),
        (Method::GET, "api/v2/deals/1", json!({}), 1),
        (Method::PATCH, "api/v2/deals/1", json!({"title": "b"}), 5),
        (Method::GET, "api/v2/deals/archived", json!({}), 20),
        (Method::GET, "api/v2/pipelines", json!({}), 5),
        (Method::GET, "api/v2/persons/search?term=ab", json!({}), 20),
        (Method::DELETE, "api/v2/deals/1", json!({}), 3),
        (Method::GET, "v1/notes", json!({}), 20),
        (Method::GET, "v1/users/me", json!({}), 2),
        (Method::GET, "v1/users", json!({}), 20),
        (Method::POST, "v1/notes", json!({}), 10),
        (Method::PUT, "v1/persons/1/merge", json!({}), 40),
        (Method::DELETE, "v1/notes/1", json!({}), 6),
    ] {
        let after = left(method.clone(), path, body).await;
        assert_eq!(before - after, cost, "{method} {path}");
        before = after;
    }
}

#[tokio::test(start_paused = true)]
async fn a_spent_day_is_429_until_midnight() {
    let account = limited().await;
    account.client.put(account.url("_emulator/tokens")).json(&json!({"left": 12})).send().await.unwrap();
    assert_eq!(ask(&account, "api/v2/deals").await.status(), 200);
    let refused = ask(&account, "api/v2/deals").await;
    assert_eq!((refused.status().as_u16(), header(&refused, "x-daily-ratelimit-token-remaining")), (429, 2));
    assert!(refused.headers().get("retry-after").is_none(), "only a burst says when to come back");
    assert_eq!(ask(&account, "api/v2/deals/1").await.status(), 404, "what costs less still fits");
    tokio::time::advance(Duration::from_hours(24)).await;
    assert_eq!(header(&ask(&account, "api/v2/deals").await, "x-daily-ratelimit-token-remaining"), 29_990);
    let plan = account.client.put(account.url("_emulator/plan")).json(&json!({"plan": "ultimate", "seats": 2}));
    assert_eq!(plan.send().await.unwrap().status(), 204);
    let answer = ask(&account, "api/v2/deals").await;
    assert_eq!(
        (header(&answer, "x-daily-ratelimit-token-limit"), header(&answer, "x-ratelimit-limit")),
        (420_000, 120)
    );
}

#[tokio::test(start_paused = true)]
async fn who_ignores_429_gets_a_page_of_the_gateway() {
    let account = limited().await;
    for _ in 0..120 {
        ask(&account, "api/v2/deals").await;
    }
    let refused = ask(&account, "api/v2/deals").await;
    assert!(text(&json!(refused.headers()["content-type"].to_str().unwrap())).starts_with("text/html"));
    let (status, page) = read(refused).await;
    assert_eq!(status, 403);
    assert!(text(&page).contains("Cloudflare"), "{page}");
    tokio::time::advance(Duration::from_mins(1)).await;
    assert_eq!(ask(&account, "api/v2/deals").await.status(), 200);
}

#[tokio::test]
async fn counts_tokens_without_limits_too() {
    let account = Account::open().await;
    account.get("api/v2/deals").await;
    let (_, counts) = account.get("_emulator/counts").await;
    assert_eq!(counts["tokens"], json!({"used": 10, "limit": 30_000}));
}
