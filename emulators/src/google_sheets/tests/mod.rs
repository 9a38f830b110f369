//! The local Google Sheets as a client sees it, over HTTP.

mod access;
mod appending;
mod drive;
mod fixtures;
mod formulas;
mod people;
mod structure;
mod values;

use clock::Clock;
use reqwest::{Client, Method};
use serde_json::{Value as Json, json};

use super::emulator;
use crate::options::EmulatorOptions;
use crate::server::{Running, serve};

/// The spreadsheet of all tests.
const BOOK: &str = "1FerryTests";

/// A local Google Sheets and a client of it.
struct Local {
    running: Running,
    client: Client,
}

impl Local {
    async fn start() -> Self {
        Self::with(EmulatorOptions { is_unlimited: true, ..EmulatorOptions::default() }).await
    }

    async fn with(options: EmulatorOptions) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let service = emulator(options, Clock::system()).unwrap();
        Self { running: serve(service, 0).await.unwrap(), client: Client::new() }
    }

    async fn send(&self, token: &str, method: Method, path: &str, body: Option<Json>) -> (u16, Json) {
        let mut request = self.client.request(method, format!("{}{path}", self.running.url())).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Json>) -> (u16, Json) {
        self.send("ya29.test", method, &format!("/v4/spreadsheets/{BOOK}{path}"), body).await
    }

    async fn get(&self, path: &str) -> Json {
        let (status, answer) = self.ask(Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    async fn post(&self, path: &str, body: Json) -> Json {
        let (status, answer) = self.ask(Method::POST, path, Some(body)).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Writes values.
    async fn put(&self, range: &str, option: &str, values: Json) -> Json {
        let path = format!("/values/{range}?valueInputOption={option}");
        let (status, answer) = self.ask(Method::PUT, &path, Some(json!({ "values": values }))).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Returns the values of a range; null where there are none.
    async fn values(&self, range: &str, rendering: &str) -> Json {
        self.get(&format!("/values/{range}?valueRenderOption={rendering}")).await["values"].take()
    }

    /// Carries one request of `:batchUpdate` out and returns its reply.
    async fn change(&self, request: Json) -> Json {
        self.post(":batchUpdate", json!({ "requests": [request] })).await["replies"][0].take()
    }

    /// Sends a request that must be refused; returns the status and the message.
    async fn refused(&self, method: Method, path: &str, body: Json) -> (u16, String) {
        let (status, answer) = self.ask(method, path, Some(body)).await;
        assert!(status >= 400, "{path}: {answer}");
        (status, answer["error"]["message"].as_str().unwrap_or_default().to_owned())
    }

    /// Lets a person work in the sheet.
    async fn person(&self, actions: Json) -> Json {
        let request = self.client.post(format!("{}/_emulator/person", self.running.url())).json(&actions);
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }
}
