//! Tokens: refused, expired, renewed.

use std::sync::{Arc, Mutex};

use futures::future::join_all;
use serde_json::{Value as Json, json};

use crate::connector::{Connector, Context, ErrorKind, Source};

use super::{
    super::HubSpot,
    context, options, samples,
    script::{Asked, Script},
    source,
};

fn oauth_source(url: &str, context: &Context) -> Box<dyn Source> {
    let options =
        json!({ "client_id": "app", "client_secret": "s3cret", "refresh_token": "refresh-1", "base_url": url });
    HubSpot::source(serde_json::from_value(options).unwrap(), context).unwrap()
}

fn expired() -> (u16, Json) {
    let message = "The OAuth token used to make this call expired 5 second(s) ago.";
    (
        401,
        json!({ "status": "error", "category": "EXPIRED_AUTHENTICATION", "message": message, "context": { "expire time": ["x"] } }),
    )
}

/// Issues `access-1`, `access-2`, …, each ending after `life` seconds, and accepts those that `accepts` does.
async fn issuer(life: i64, accepts: fn(&str) -> bool) -> Script {
    let issued = Arc::new(Mutex::new(0));
    Script::start(move |asked: &Asked| {
        if asked.path.ends_with("/token") {
            let mut count = issued.lock().unwrap();
            *count += 1;
            return (
                200,
                json!({ "access_token": format!("access-{count}"), "expires_in": life, "refresh_token": "refresh-1" }),
            );
        }
        if accepts(&asked.authorization) { (200, json!({ "results": [] })) } else { expired() }
    })
    .await
}

#[tokio::test]
async fn a_token_is_sent_as_bearer_and_a_refused_one_is_not_tried_again() {
    let script =
        Script::start(|asked| if asked.authorization == "Bearer pat-na1-1" { expired() } else { (500, json!({})) })
            .await;
    let error = source(&script.url).check().await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Unauthorized, "expired_authentication"));
    assert!(error.hint.unwrap().contains("refresh_token"));
    assert_eq!(script.asked().len(), 1);
}

#[tokio::test]
async fn a_missing_scope_for_contacts_is_no_reason_to_fail_a_check() {
    let script = Script::start(|_| (403, samples::missing_scopes())).await;
    source(&script.url).check().await.unwrap();
    assert_eq!(script.asked().len(), 1);
}

#[tokio::test]
async fn oauth_buys_one_token_for_all_requests_with_a_form_in_the_body() {
    let script = issuer(1_000_000, |authorization| authorization == "Bearer access-1").await;
    let source = oauth_source(&script.url, &context());
    for checked in join_all((0..5).map(|_| source.check())).await {
        checked.unwrap();
    }
    let asked = script.asked();
    let bought: Vec<&Asked> = asked.iter().filter(|asked| asked.path == "/oauth/2026-09/token").collect();
    assert_eq!(bought.len(), 1);
    assert_eq!(
        (bought[0].form("grant_type").as_str(), bought[0].form("refresh_token").as_str()),
        ("refresh_token", "refresh-1")
    );
    assert!(bought[0].query.is_empty(), "no secret in a URL");
}

#[tokio::test]
async fn a_token_about_to_end_is_renewed_before_it_is_refused() {
    let script = issuer(1, |_| true).await;
    let source = oauth_source(&script.url, &context());
    source.check().await.unwrap();
    source.check().await.unwrap();
    assert_eq!(script.count("/token"), 2, "`expires_in` is obeyed");
}

#[tokio::test]
async fn a_token_that_the_vendor_calls_expired_is_renewed_once() {
    let script = issuer(10_000_000, |authorization| authorization == "Bearer access-2").await;
    let context = context();
    let (source, clock) = (oauth_source(&script.url, &context), context.clock());
    // The clock runs fast enough for the first token to be older than the pause between renewals.
    source.check().await.ok();
    clock.sleep(std::time::Duration::from_mins(1)).await;
    source.check().await.unwrap();
    assert_eq!(script.count("/token"), 2);
}

#[tokio::test]
async fn a_refused_refresh_token_is_a_matter_of_the_login() {
    let refusal = json!({ "status": "BAD_REFRESH_TOKEN", "error": "invalid_grant", "message": "missing or unknown refresh token" });
    let script = Script::start(move |_| (400, refusal.clone())).await;
    let error = oauth_source(&script.url, &context()).check().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    assert!(error.message.contains("BAD_REFRESH_TOKEN"));
    assert_eq!(script.asked().len(), 1);
}

#[tokio::test]
async fn a_token_endpoint_that_is_down_is_asked_again() {
    let mut failures = 2;
    let script = Script::start(move |asked: &Asked| {
        if asked.path.ends_with("/token") && failures > 0 {
            failures -= 1;
            return (503, json!({}));
        }
        if asked.path.ends_with("/token") {
            return (200, json!({ "access_token": "access-1", "expires_in": 1_000_000 }));
        }
        (200, json!({ "results": [] }))
    })
    .await;
    oauth_source(&script.url, &context()).check().await.unwrap();
    assert_eq!(script.count("/token"), 3);
}

#[tokio::test]
async fn a_token_tells_its_portal_in_one_call() {
    let script = Script::start(|asked| match asked.path.as_str() {
        "/account-info/2026-09/details" => (200, json!({ "portalId": 456, "accountType": "SANDBOX" })),
        _ => (500, json!({})),
    })
    .await;
    let context = context();
    let answer = HubSpot::account(serde_json::from_value(options(&script.url)).unwrap(), &context).unwrap();
    assert_eq!(answer.learn().await.unwrap().unwrap().to_string(), "portal 456");
    assert_eq!((script.asked().len(), context.meter.calls().read), (1, 1), "the call is counted");
}

#[tokio::test]
async fn a_portal_that_is_not_told_is_never_taken_for_another() {
    let answers = [
        (
            404,
            json!({ "status": "error", "message": "resource not found", "category": "OBJECT_NOT_FOUND" }),
            ErrorKind::Unauthorized,
        ),
        (
            403,
            json!({ "status": "error", "message": "no scope", "category": "MISSING_SCOPES" }),
            ErrorKind::Unauthorized,
        ),
        (
            401,
            json!({ "status": "error", "message": "no token", "category": "INVALID_AUTHENTICATION" }),
            ErrorKind::Unauthorized,
        ),
        (200, json!({ "accountType": "STANDARD" }), ErrorKind::Unexpected),
        (200, json!({ "portalId": 0 }), ErrorKind::Unexpected),
    ];
    for (status, body, kind) in answers {
        let answered = body.clone();
        let script = Script::start(move |_| (status, answered.clone())).await;
        let answer = HubSpot::account(serde_json::from_value(options(&script.url)).unwrap(), &context()).unwrap();
        assert_eq!(answer.learn().await.unwrap_err().kind, kind, "{status} {body}");
    }
}
