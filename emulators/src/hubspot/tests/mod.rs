//! Black-box tests: requests over HTTP, answers as the vendor documents them. One trap each.

mod access;
mod association_limits;
mod batches;
mod defining;
mod filling;
mod linking;
mod records;
mod searching;
mod version_three;

use std::fmt::Write as _;

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
        Self { running, client, token: "pat-test".to_owned() }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.running.url())
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path)).bearer_auth(&self.token)
    }

    async fn send(&self, method: Method, path: &str, body: Json) -> (u16, Json) {
        read(self.request(method, path).json(&body).send().await.unwrap()).await
    }

    async fn get(&self, path: &str) -> (u16, Json) {
        read(self.request(Method::GET, path).send().await.unwrap()).await
    }

    async fn post(&self, path: &str, body: Json) -> (u16, Json) {
        self.send(Method::POST, path, body).await
    }

    async fn patch(&self, path: &str, body: Json) -> (u16, Json) {
        self.send(Method::PATCH, path, body).await
    }

    async fn delete(&self, path: &str) -> u16 {
        self.request(Method::DELETE, path).send().await.unwrap().status().as_u16()
    }

    /// Makes a record and returns its id.
    async fn create(&self, object: &str, properties: Json) -> String {
        let path = format!("crm/objects/2026-09/{object}");
        let (status, body) = self.post(&path, json!({"properties": properties})).await;
        assert_eq!(status, 201, "{body}");
        text(&body["id"]).to_owned()
    }

    /// Makes this many contacts, `c0@x.test` and on, and returns their ids in the order of the addresses.
    async fn create_contacts(&self, count: usize) -> Vec<String> {
        let mut ids = Vec::new();
        for start in (0..count).step_by(100) {
            let numbers: Vec<usize> = (start..count.min(start + 100)).collect();
            let input = |number: &usize| json!({"properties": {"email": format!("c{number}@x.test")}});
            let inputs: Vec<Json> = numbers.iter().map(input).collect();
            let (status, body) =
                self.post("crm/objects/2026-09/contacts/batch/create", json!({"inputs": inputs})).await;
            assert_eq!(status, 201, "{body}");
            let results = body["results"].as_array().unwrap();
            for number in numbers {
                let email = format!("c{number}@x.test");
                let found = results.iter().find(|result| result["properties"]["email"] == email).unwrap();
                ids.push(text(&found["id"]).to_owned());
            }
        }
        ids
    }
}

async fn read(response: Response) -> (u16, Json) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let body = if text.is_empty() { Json::Null } else { serde_json::from_str(&text).unwrap() };
    (status, body)
}

fn text(json: &Json) -> &str {
    json.as_str().unwrap_or_default()
}

/// Returns the ids of results, in the order of the answer.
fn ids(body: &Json) -> Vec<String> {
    body["results"].as_array().unwrap().iter().map(|result| text(&result["id"]).to_owned()).collect()
}

/// Returns the codes of an answer's errors, joined.
fn codes(body: &Json) -> String {
    let mut joined = String::new();
    for error in body["errors"].as_array().into_iter().flatten() {
        write!(joined, "{} ", text(&error["code"])).unwrap();
    }
    joined.trim_end().to_owned()
}
