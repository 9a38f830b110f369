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

use axum::Router;
use clock::Clock;
use reqwest::RequestBuilder;
use serde_json::{Value as Json, json};

use super::emulator;
use crate::options::EmulatorOptions;
use crate::testing::{self, Vendor, read, text};

/// A company's account, with a user's API token.
type Account = testing::Account<Company>;

struct Company;

impl Vendor for Company {
    const TOKEN: &'static str = "token";

    fn service(options: EmulatorOptions, clock: Clock) -> Result<Router, String> {
        emulator(options, clock)
    }

    fn log_in(request: RequestBuilder, token: &str) -> RequestBuilder {
        request.header("x-api-token", token)
    }
}

impl Account {
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

/// Returns the ids of a list.
fn ids(data: &Json) -> Vec<u64> {
    data.as_array().into_iter().flatten().filter_map(|one| one["id"].as_u64()).collect()
}
