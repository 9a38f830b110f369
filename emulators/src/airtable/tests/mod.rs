//! The local Airtable as a client sees it, over HTTP.

mod cells;
mod fixtures;
mod formulas;
mod limits;
mod links;
mod listing;
mod requests;
mod schema;
mod tokens;
mod upserts;
mod writes;

use clock::Clock;
use reqwest::{Client, Method};
use serde_json::{Value as Json, json};

use super::emulator;
use crate::options::EmulatorOptions;
use crate::server::{Running, serve};

/// The base of all tests.
const BASE: &str = "appFerryTests0001";

/// A local Airtable and a client of it.
struct Local {
    running: Running,
    client: Client,
}

impl Local {
    async fn start() -> Self {
        Self::with(EmulatorOptions { is_unlimited: true, ..EmulatorOptions::default() }).await
    }

    async fn with(options: EmulatorOptions) -> Self {
        Self::by_clock(options, Clock::system()).await
    }

    async fn by_clock(options: EmulatorOptions, clock: Clock) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let service = emulator(options, clock).unwrap();
        Self { running: serve(service, 0).await.unwrap(), client: Client::new() }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.running.url())
    }

    async fn ask_as(&self, token: &str, method: Method, path: &str, body: Option<Json>) -> (u16, Json) {
        let mut request = self.client.request(method, self.url(path)).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Json>) -> (u16, Json) {
        self.ask_as("patTest", method, &format!("/v0/{BASE}{path}"), body).await
    }

    async fn get(&self, path: &str) -> Json {
        let (status, answer) = self.ask(Method::GET, path, None).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    async fn post(&self, path: &str, body: Json) -> Json {
        let (status, answer) = self.ask(Method::POST, path, Some(body)).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    async fn patch(&self, path: &str, body: Json) -> Json {
        let (status, answer) = self.ask(Method::PATCH, path, Some(body)).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Sends a request that must be refused, and returns the status and the error's type.
    async fn refused(&self, method: Method, path: &str, body: Json) -> (u16, String) {
        let (status, answer) = self.ask(method, path, Some(body)).await;
        let error = &answer["error"];
        let kind = error["type"].as_str().or(error.as_str()).unwrap_or_default();
        (status, kind.to_owned())
    }

    /// Makes a table with the primary field `Name` and these others.
    async fn table(&self, name: &str, fields: Json) {
        let mut all = vec![json!({ "name": "Name", "type": "singleLineText" })];
        all.extend(fields.as_array().unwrap().iter().cloned());
        let path = format!("/v0/meta/bases/{BASE}/tables");
        let body = json!({ "name": name, "fields": all });
        let (status, answer) = self.ask_as("patTest", Method::POST, &path, Some(body)).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// Makes a table `People` with a field of most types.
    async fn people(&self) {
        let fields = json!([
            { "name": "Email", "type": "email" },
            { "name": "Age", "type": "number", "options": { "precision": 0 } },
            { "name": "Status", "type": "singleSelect", "options": { "choices": [{ "name": "Lead" }, { "name": "Won" }] } },
            { "name": "Tags", "type": "multipleSelects", "options": { "choices": [{ "name": "a" }, { "name": "b" }] } },
            { "name": "Active", "type": "checkbox", "options": { "icon": "check", "color": "greenBright" } },
            { "name": "Born", "type": "date", "options": { "dateFormat": { "name": "iso" } } },
            { "name": "Notes", "type": "multilineText" },
        ]);
        self.table("People", fields).await;
    }

    /// Adds a field to the table of people.
    async fn add_field(&self, field: Json) {
        let (_, tables) = self.ask_as("patTest", Method::GET, &format!("/v0/meta/bases/{BASE}/tables"), None).await;
        let table = tables["tables"].as_array().unwrap().iter().find(|table| table["name"] == "People").unwrap();
        let path = format!("/v0/meta/bases/{BASE}/tables/{}/fields", table["id"].as_str().unwrap());
        let (status, answer) = self.ask_as("patTest", Method::POST, &path, Some(field)).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// Makes one record of `People` and returns its id.
    async fn person(&self, fields: Json) -> String {
        let made = self.post("/People", json!({ "fields": fields })).await;
        made["id"].as_str().unwrap().to_owned()
    }

    /// Returns the names of the people that a listing finds.
    async fn names(&self, query: &str) -> Vec<String> {
        let answer = self.get(&format!("/People?{query}")).await;
        let records = answer["records"].as_array().unwrap().iter();
        records.filter_map(|record| record["fields"]["Name"].as_str()).map(str::to_owned).collect()
    }
}

/// Returns the ids of records.
fn ids(records: &Json) -> Vec<String> {
    records.as_array().unwrap().iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect()
}
