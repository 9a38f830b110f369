//! What the black-box tests of the emulators share: an account that answers, and a client that is logged in to it.

use std::marker::PhantomData;

use axum::Router;
use clock::Clock;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value as Json;

use crate::options::EmulatorOptions;
use crate::server::{Running, serve};

/// What differs from vendor to vendor.
pub(crate) trait Vendor {
    /// The token of the client.
    const TOKEN: &'static str;

    /// Makes the service.
    fn service(options: EmulatorOptions, clock: Clock) -> Result<Router, String>;

    /// Adds the log-in to a request.
    fn log_in(request: RequestBuilder, token: &str) -> RequestBuilder;
}

/// An account that answers, and a client of it.
pub(crate) struct Account<V> {
    pub(crate) running: Running,
    pub(crate) client: reqwest::Client,
    pub(crate) token: String,
    vendor: PhantomData<V>,
}

impl<V: Vendor> Account<V> {
    /// Starts one without limits.
    pub(crate) async fn open() -> Self {
        Self::with(EmulatorOptions { is_unlimited: true, ..EmulatorOptions::default() }, Clock::system()).await
    }

    pub(crate) async fn with(options: EmulatorOptions, clock: Clock) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let running = serve(V::service(options, clock).unwrap(), 0).await.unwrap();
        // A pool that never forgets sets no timer, which paused time would run into.
        let client = reqwest::Client::builder().pool_idle_timeout(None).build().unwrap();
        Self { running, client, token: V::TOKEN.to_owned(), vendor: PhantomData }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.running.url())
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        V::log_in(self.client.request(method, self.url(path)), &self.token)
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Json) -> (u16, Json) {
        read(self.request(method, path).json(&body).send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Json) {
        read(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Json) -> (u16, Json) {
        self.send(Method::POST, path, body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Json) -> (u16, Json) {
        self.send(Method::PATCH, path, body).await
    }

    pub(crate) async fn put(&self, path: &str, body: Json) -> (u16, Json) {
        self.send(Method::PUT, path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, Json) {
        read(self.request(Method::DELETE, path).send().await.unwrap()).await
    }
}

/// Returns the status and the body: null where it is empty, a text where it is no JSON.
pub(crate) async fn read(response: Response) -> (u16, Json) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let body = if text.is_empty() { Json::Null } else { serde_json::from_str(&text).unwrap_or(Json::from(text)) };
    (status, body)
}

/// Returns a text; nothing where it is none.
pub(crate) fn text(json: &Json) -> &str {
    json.as_str().unwrap_or_default()
}
