//! A local Google Sheets: answers the Sheets API v4, the part of Drive v3 that is about spreadsheets, and Google's token endpoint on
//! loopback, as the vendor's documentation says.
//!
//! It follows the vendor, never a connector. Start at [`emulator`]; which request is answered by what is in `account`. Fixtures are
//! described in `fixtures`, a person at work in the sheet in `person`, tokens in `auth`. All of Google's hosts are this one: the paths tell
//! them apart (`/v4/spreadsheets`, `/drive/v3`, `/token`, `/o/oauth2/v2/auth`). A spreadsheet whose id begins with `notShared` is one
//! that nobody shared with the caller, one with `missing` does not exist; every other one exists from its first use on.
//!
//! What the vendor leaves open is decided here to the client's disadvantage: quotas count the last sixty seconds rather than the minute
//! of the clock, and what is kept but not computed says so.

mod a1;
mod account;
mod append;
mod auth;
mod cell;
mod drive;
mod entered;
mod errors;
mod evaluator;
mod filters;
mod fixtures;
mod formats;
mod formula;
mod get;
mod grid;
mod grid_data;
mod jwt;
mod mask;
mod metadata;
mod numbers;
mod person;
mod protection;
mod quota;
mod render;
mod request;
mod requests;
mod schema;
mod sheet;
mod shift;
mod spreadsheet;
mod values;
mod write;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json as JsonBody, Router,
    body::{Bytes, to_bytes},
    extract::{Request, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{delete, post},
};
use clock::Clock;
use serde_json::Value as Json;

use crate::clients::with_clients;
use crate::counts::{Counts, with_counts};
use crate::emulator::Emulator;
use crate::exchanges::with_exchanges;
use crate::faults::{Faults, with_faults};
use crate::fixtures::read_fixtures;
use crate::host::with_host_check;
use crate::options::EmulatorOptions;

use account::Account;
use errors::fault;
use fixtures::Blueprints;
use request::Call;

/// Largest body that is read, in bytes. Google recommends 2 MB and names no bound; this is above what anybody sends.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// The one account behind all requests.
#[derive(Debug, Clone)]
struct Shared(Arc<Mutex<Account>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Account> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The local Google Sheets.
pub const EMULATOR: Emulator = Emulator { default_port: 4012, make: emulator };

/// Makes the service of the local Google Sheets.
///
/// # Errors
/// Fails, with a text for the user, when the fixtures cannot be used.
pub fn emulator(options: EmulatorOptions, clock: Clock) -> Result<Router, String> {
    let fixtures = match &options.fixtures {
        Some(folder) => read_fixtures(folder).map_err(|error| error.to_string())?,
        None => BTreeMap::new(),
    };
    let blueprints = Blueprints::of(&fixtures, clock.now())?;
    let shared = Shared(Arc::new(Mutex::new(Account::new(blueprints, &options, clock)?)));
    let service = Router::new().fallback(answer).with_state(shared.clone());
    let service = with_exchanges(service, "google_sheets", options.exchanges.as_deref())?;
    let service = with_faults(service, Faults::new(options.faults, fault));
    let held = shared.clone();
    let clients = shared.lock().grants.clients.clone();
    let service = with_counts(service, Counts::default(), is_write, move || held.lock().held());
    let own = Router::new()
        .route("/_emulator/person", post(work))
        .route("/_emulator/keys", post(add_key))
        .route("/_emulator/sessions", delete(end_sessions))
        .with_state(shared);
    Ok(with_host_check(with_clients(service.merge(own), clients)))
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let header =
        |name: header::HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large").into_response();
    };
    let query = parts.uri.query().unwrap_or_default();
    let authorization = header(header::AUTHORIZATION);
    // Google's clients send a GET whose address is too long as a POST, with its query as the body.
    let overrides = parts.headers.get("x-http-method-override").is_some_and(|method| method == "GET");
    let call = if overrides && parts.method == Method::POST {
        let query = format!("{query}&{}", String::from_utf8_lossy(&body));
        Call::read(Method::GET, parts.uri.path(), &query, authorization, Bytes::new())
    } else {
        Call::read(parts.method, parts.uri.path(), query, authorization, body)
    };
    if call.method == Method::GET && matches!(parts.uri.path(), "/o/oauth2/v2/auth" | "/o/oauth2/auth") {
        let page = shared.lock().grants.authorize(&call);
        return match page {
            Ok(back) => (StatusCode::FOUND, [(header::LOCATION, back.to_string())]).into_response(),
            Err(error) => error.into_response(),
        };
    }
    let answer = shared.lock().answer(&call);
    match answer {
        Ok(Json::Null) => StatusCode::NO_CONTENT.into_response(),
        Ok(answer) => JsonBody(answer).into_response(),
        Err(error) => error.into_response(),
    }
}

/// Lets a person work in the sheet.
async fn work(State(shared): State<Shared>, JsonBody(actions): JsonBody<Json>) -> Response {
    match person::work(&mut shared.lock(), &actions) {
        Ok(replies) => JsonBody(replies).into_response(),
        Err(reason) => (StatusCode::BAD_REQUEST, reason).into_response(),
    }
}

/// Takes the key file of a service account, so that its signatures are checked.
async fn add_key(State(shared): State<Shared>, JsonBody(file): JsonBody<Json>) -> Response {
    match shared.lock().grants.keys.add(&file) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(reason) => (StatusCode::BAD_REQUEST, reason).into_response(),
    }
}

/// Ends every access token that was given.
async fn end_sessions(State(shared): State<Shared>) -> StatusCode {
    shared.lock().grants.end_all();
    StatusCode::NO_CONTENT
}

/// Tells whether a request changes anything.
fn is_write(method: &Method, path: &str) -> bool {
    // One by POST may also be a long GET.
    const READS: [&str; 5] = [":getByDataFilter", ":batchGetByDataFilter", ":search", ":batchGet", "/token"];
    *method != Method::GET && !READS.iter().any(|end| path.trim_end_matches('/').ends_with(end))
}
