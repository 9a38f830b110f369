//! Black-box tests: requests over HTTP, answers as the vendor documents them. One trap each.

mod access;
mod bulk;
mod collections;
mod describes;
mod filling;
mod nested;
mod queries;
mod recorded;
mod records;
mod rows;
mod sales;
mod soql_functions;

use std::time::Duration;

use clock::Clock;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value as Json, json};

use super::emulator;
use crate::options::EmulatorOptions;
use crate::server::{Running, serve};

/// An org that answers, and a client of it.
struct Org {
    running: Running,
    client: reqwest::Client,
    clock: Clock,
    token: String,
}

impl Org {
    /// Starts one without limits.
    async fn open() -> Self {
        Self::with(EmulatorOptions { is_unlimited: true, ..EmulatorOptions::default() }).await
    }

    async fn with(options: EmulatorOptions) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = Clock::accelerated(50.0);
        let running = serve(emulator(options, clock.clone()).unwrap(), 0).await.unwrap();
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { running, client, clock, token: "00D!test".to_owned() }
    }

    /// Starts one with these schema files, by name.
    async fn with_files(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let fixtures = Some(folder.path().to_owned());
        Self::with(EmulatorOptions { fixtures, is_unlimited: true, ..EmulatorOptions::default() }).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/services/data/v67.0/{path}") };
        self.client.request(method, format!("{}{path}", self.running.url())).bearer_auth(&self.token)
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

    async fn delete(&self, path: &str) -> (u16, Json) {
        read(self.request(Method::DELETE, path).send().await.unwrap()).await
    }

    /// Changes the options of the org.
    async fn set(&self, options: Json) {
        assert_eq!(self.post("/_emulator/org", options).await.0, 204);
    }

    /// Makes a record and returns its id.
    async fn create(&self, object: &str, fields: Json) -> String {
        let (status, body) = self.post(&format!("sobjects/{object}"), fields).await;
        assert_eq!(status, 201, "{body}");
        text(&body["id"]).to_owned()
    }

    async fn query(&self, soql: &str) -> (u16, Json) {
        read(self.request(Method::GET, "query").query(&[("q", soql)]).send().await.unwrap()).await
    }

    /// Returns one column of a query's records, joined by commas.
    async fn column(&self, soql: &str, pointer: &str) -> String {
        let (status, body) = self.query(soql).await;
        assert_eq!(status, 200, "{soql}: {body}");
        let shown =
            |record: &Json| record.pointer(pointer).map_or("?".to_owned(), |it| it.to_string().replace('"', ""));
        body["records"].as_array().unwrap().iter().map(shown).collect::<Vec<_>>().join(",")
    }

    /// Makes an ingest job of this CSV and waits for its end.
    async fn ingest(&self, job: Json, csv: &str) -> Json {
        let (status, made) = self.post("jobs/ingest", job).await;
        assert_eq!(status, 200, "{made}");
        let path = format!("jobs/ingest/{}", text(&made["id"]));
        let upload = self.request(Method::PUT, &format!("{path}/batches")).header("content-type", "text/csv");
        assert_eq!(upload.body(csv.to_owned()).send().await.unwrap().status(), 201);
        let (status, closed) = self.patch(&path, json!({"state": "UploadComplete"})).await;
        assert_eq!((status, text(&closed["state"])), (200, "UploadComplete"));
        self.end_of(&path).await
    }

    /// Waits for the end of a job.
    async fn end_of(&self, path: &str) -> Json {
        for _ in 0..2_000 {
            let (_, job) = self.get(path).await;
            if matches!(text(&job["state"]), "JobComplete" | "Failed" | "Aborted") {
                return job;
            }
            self.clock.sleep(Duration::from_millis(250)).await;
        }
        panic!("{path} never ends");
    }

    async fn text_of(&self, path: &str) -> String {
        self.request(Method::GET, path).send().await.unwrap().text().await.unwrap()
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

/// Returns the code of a refusal.
fn code(body: &Json) -> &str {
    text(&body[0]["errorCode"])
}
