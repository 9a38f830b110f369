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

use axum::Router;
use clock::Clock;
use reqwest::RequestBuilder;
use serde_json::{Value as Json, json};

use super::emulator;
use crate::options::EmulatorOptions;
use crate::testing::{self, Vendor, read, text};

/// A portal, with a private app's token.
type Account = testing::Account<Portal>;

struct Portal;

impl Vendor for Portal {
    const TOKEN: &'static str = "pat-test";

    fn service(options: EmulatorOptions, clock: Clock) -> Result<Router, String> {
        emulator(options, clock)
    }

    fn log_in(request: RequestBuilder, token: &str) -> RequestBuilder {
        request.bearer_auth(token)
    }
}

impl Account {
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
