//! Black-box tests: requests over HTTP, answers as the vendor documents them. One trap each.

mod access;
mod fields;
mod filling;
mod flat;
mod limits;
mod lists;
mod merging;
mod records;
mod searching;
mod values;
mod webhooks;

use clock::Clock;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value as Json, json};

use super::emulator;
use crate::options::EmulatorOptions;
use crate::server::{Running, serve};

/// An account that answers, and a client of it.
struct Account {
    running: Running,
    client: reqwest::Client,
    token: String,
}

impl Account {
    /// Starts one without limits.
    async fn open() -> Self {
        Self::with(EmulatorOptions { is_unlimited: true, ..EmulatorOptions::default() }, Clock::system()).await
    }

    async fn with(options: EmulatorOptions, clock: Clock) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let running = serve(emulator(options, clock).unwrap(), 0).await.unwrap();
        // A pool that never forgets sets no timer, which paused time would run into.
        let client = reqwest::Client::builder().pool_idle_timeout(None).build().unwrap();
        Self { running, client, token: "token".to_owned() }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.running.url())
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path)).header("x-api-token", &self.token)
    }

    async fn get(&self, path: &str) -> (u16, Json) {
        read(self.request(Method::GET, path).send().await.unwrap()).await
    }

    async fn send(&self, method: Method, path: &str, body: Json) -> (u16, Json) {
        read(self.request(method, path).json(&body).send().await.unwrap()).await
    }

    async fn post(&self, path: &str, body: Json) -> (u16, Json) {
        self.send(Method::POST, path, body).await
    }

    async fn patch(&self, path: &str, body: Json) -> (u16, Json) {
        self.send(Method::PATCH, path, body).await
    }

    async fn put(&self, path: &str, body: Json) -> (u16, Json) {
        self.send(Method::PUT, path, body).await
    }

    async fn delete(&self, path: &str) -> (u16, Json) {
        read(self.request(Method::DELETE, path).send().await.unwrap()).await
    }

    /// Makes a record of version 2 and returns it.
    async fn make(&self, kind: &str, body: Json) -> Json {
        let (status, made) = self.post(&format!("api/v2/{kind}"), body).await;
        assert!(status == 200 || status == 201, "{made}");
        made["data"].clone()
    }

    /// Makes a field and returns its code.
    async fn field(&self, fields: &str, body: Json) -> String {
        text(&self.make(fields, body).await["field_code"]).to_owned()
    }

    /// Returns the data of a request that succeeds.
    async fn data(&self, path: &str) -> Json {
        let (status, body) = self.get(path).await;
        assert_eq!((status, &body["success"]), (200, &json!(true)), "{body}");
        body["data"].clone()
    }
}

async fn read(response: Response) -> (u16, Json) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Json::from(text)))
}

fn text(json: &Json) -> &str {
    json.as_str().unwrap_or_default()
}

/// Returns the ids of a list.
fn ids(data: &Json) -> Vec<u64> {
    data.as_array().into_iter().flatten().filter_map(|one| one["id"].as_u64()).collect()
}
