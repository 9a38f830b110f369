//! Webhooks: registered, sent with HTTP Basic, sent again.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use clock::Clock;
use serde_json::{Value as Json, json};

use super::{Account, text};
use crate::options::EmulatorOptions;
use crate::server::{Running, serve};

type Received = Arc<Mutex<Vec<(String, Json)>>>;

/// Starts a receiver that fails so many times first.
async fn receiver(failures: usize) -> (Running, Received) {
    let received = Received::default();
    let take = async move |State(received): State<Received>, headers: HeaderMap, body: String| {
        let basic = headers.get("authorization").map_or("", |value| value.to_str().unwrap()).to_owned();
        let mut received = received.lock().unwrap();
        received.push((basic, serde_json::from_str(&body).unwrap()));
        if received.len() <= failures { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
    };
    let service = Router::new().route("/hook", post(take)).with_state(Arc::clone(&received));
    (serve(service, 0).await.unwrap(), received)
}

/// Waits until so many bodies arrived.
async fn wait(received: &Received, count: usize) -> Vec<(String, Json)> {
    for _ in 0..500 {
        if received.lock().unwrap().len() >= count {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    received.lock().unwrap().clone()
}

fn hook(url: &str, action: &str, object: &str) -> Json {
    json!({"subscription_url": format!("{url}/hook"), "event_action": action, "event_object": object, "name": "test",
        "http_auth_user": "ferry", "http_auth_password": "secret"})
}

#[tokio::test]
async fn tells_what_happened_with_http_basic() {
    let account = Account::open().await;
    let (running, received) = receiver(0).await;
    let (status, made) = account.post("v1/webhooks", hook(&running.url(), "*", "person")).await;
    assert_eq!((status, &made["status"], &made["data"]["version"]), (201, &json!("ok"), &json!("2.0")));
    account.make("organizations", json!({"name": "not told"})).await;
    account.make("persons", json!({"name": "Ada"})).await;
    let (basic, created) = wait(&received, 1).await.remove(0);
    assert_eq!(basic, "Basic ZmVycnk6c2VjcmV0");
    assert_eq!(
        (&created["meta"]["action"], &created["meta"]["entity"], &created["data"]["name"]),
        (&json!("create"), &json!("person"), &json!("Ada"))
    );
    account.patch("api/v2/persons/1", json!({"name": "Eve"})).await;
    let (_, changed) = wait(&received, 2).await.remove(1);
    assert_eq!(
        (&changed["previous"]["name"], &changed["data"]["name"], &changed["meta"]["attempt"]),
        (&json!("Ada"), &json!("Eve"), &json!(1))
    );
    assert!(changed["previous"].get("owner_id").is_none(), "what did not change is not told");
    account.make("persons", json!({"name": "Bob"})).await;
    wait(&received, 3).await;
    account.put("v1/persons/1/merge", json!({"merge_with_id": 2})).await;
    let bodies = wait(&received, 4).await;
    let deleted = bodies.iter().map(|(_, body)| body).find(|body| body["meta"]["action"] == "delete").unwrap();
    assert_eq!((&deleted["meta"]["merged_to_id"], &deleted["data"]), (&json!(2), &Json::Null));
    assert_eq!(account.get("v1/webhooks").await.1["data"][0]["last_http_status"], 200);
    let path = format!("v1/webhooks/{}", made["data"]["id"]);
    assert_eq!(account.delete(&path).await.1, json!({"status": "ok", "success": true}));
    assert_eq!(
        account.delete(&path).await.1,
        json!({"status": "error", "success": false, "errors": {"id": ["not found"]}})
    );
}

#[tokio::test]
async fn sends_again_what_was_not_taken() {
    let options = EmulatorOptions { is_unlimited: true, ..EmulatorOptions::default() };
    // A thousand seconds pass in one: the waits between the attempts are 3 and 30 seconds.
    let account = Account::with(options, Clock::accelerated(1_000.0)).await;
    let (running, received) = receiver(2).await;
    account.post("v1/webhooks", hook(&running.url(), "create", "deal")).await;
    account.make("deals", json!({"title": "x"})).await;
    let bodies = wait(&received, 3).await;
    let attempts: Vec<&Json> = bodies.iter().map(|(_, body)| &body["meta"]["attempt"]).collect();
    assert_eq!(attempts, [&json!(1), &json!(2), &json!(3)]);
    assert!(bodies.iter().all(|(_, body)| body["meta"]["id"] == bodies[0].1["meta"]["id"]), "the same event");
}

#[tokio::test]
async fn refuses_webhooks_that_cannot_work() {
    let account = Account::open().await;
    let good = hook("http://127.0.0.1:9", "create", "deal");
    for (name, value) in [
        ("subscription_url", json!("nonsense")),
        ("event_action", json!("added")),
        ("event_object", json!("thing")),
        ("name", json!("")),
    ] {
        let mut body = good.clone();
        body[name] = value;
        let (status, refused) = account.post("v1/webhooks", body).await;
        assert_eq!((status, text(&refused["status"])), (400, "error"));
        assert!(refused["errors"][name].is_array(), "{refused}");
    }
    for _ in 0..40 {
        assert_eq!(account.post("v1/webhooks", good.clone()).await.0, 201);
    }
    assert_eq!(account.post("v1/webhooks", good).await.0, 400, "forty are the most");
}
