//! A local Airtable: answers its Web API on loopback as the vendor's documentation says.
//!
//! It follows the vendor, never a connector. Start at [`emulator`]; which request is answered by what is in
//! `account`. Fixtures are described in `fixture`. Beside the vendor's paths there are `/_emulator/counts`,
//! `/_emulator/requests` and `PUT /_emulator/offset_life_secs` (a number as the body: how long the offsets of listings are
//! kept; 0 forgets all that are out). A base whose id begins with `appNoAccess` is one that the token cannot reach; every other
//! one exists from its first use on.
//!
//! What the vendor leaves open is decided here to the client's disadvantage: an order that nobody asked for is not the order
//! of creation, a record that was never changed has no time of its last change, a new key twice in one upsert makes two
//! records, and a number never equals a text.

mod accept;
mod account;
mod cells;
mod comments;
mod dates;
mod display;
mod errors;
mod field_options;
mod fixture;
mod fixture_records;
mod formula;
mod ids;
mod kinds;
mod limits;
mod links;
mod list_options;
mod listing;
mod locales;
mod meta;
mod oauth;
mod records;
mod store;
mod uploads;
mod upsert;
mod values;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json as JsonBody, Router,
    body::to_bytes,
    extract::{Request, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::put,
};
use clock::Clock;

use crate::clients::with_clients;
use crate::counts::{Counts, with_counts};
use crate::emulator::Emulator;
use crate::exchanges::with_exchanges;
use crate::faults::{Faults, with_faults};
use crate::fixtures::read_fixtures;
use crate::host::with_host_check;
use crate::options::EmulatorOptions;

use account::{Account, Call};
use errors::{ApiError, fault};
use fixture::Blueprints;

/// Largest body that is answered, in bytes. The vendor refuses large ones with 413 without saying where that begins; this is
/// above what ten full records and an upload of 5 MB need.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// Largest body that is read to its end before it is refused, in bytes.
const MAX_READ_BYTES: usize = 2 * MAX_BODY_BYTES;

/// The one account behind all requests.
#[derive(Debug, Clone)]
struct Shared(Arc<Mutex<Account>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Account> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The local Airtable.
pub const EMULATOR: Emulator = Emulator { default_port: 4013, make: emulator };

/// Makes the service of the local Airtable.
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
    let service = with_exchanges(service, "airtable", options.exchanges.as_deref())?;
    let service = with_faults(service, Faults::new(options.faults, fault));
    let held = shared.clone();
    let clients = shared.lock().grants.clients.clone();
    let service = with_counts(service, Counts::default(), is_write, move || held.lock().held());
    let offset_life = put(keep_offsets).with_state(shared);
    let service = service.route("/_emulator/offset_life_secs", offset_life);
    Ok(with_host_check(with_clients(service, clients)))
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let authorization = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let body = to_bytes(body, MAX_READ_BYTES).await.ok().filter(|body| body.len() <= MAX_BODY_BYTES);
    let Some(body) = body else {
        let message = "The request exceeded the maximum allowed payload size";
        return ApiError::typed(StatusCode::PAYLOAD_TOO_LARGE, "REQUEST_TOO_LARGE", message).into_response();
    };
    let call = Call {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        authorization: authorization.map(str::to_owned),
        body,
    };
    let page = shared.lock().authorize(&call);
    match page {
        Some(Ok(back)) => return (StatusCode::FOUND, [(header::LOCATION, back.to_string())]).into_response(),
        Some(Err(error)) => return error.into_response(),
        None => {}
    }
    let answer = shared.lock().answer(&call);
    match answer {
        Ok(answer) => JsonBody(answer).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn keep_offsets(State(shared): State<Shared>, JsonBody(seconds): JsonBody<u32>) -> StatusCode {
    shared.lock().keep_offsets(seconds);
    StatusCode::NO_CONTENT
}

/// Tells whether a request changes anything; a listing by POST does not.
fn is_write(method: &Method, path: &str) -> bool {
    let is_read = path.trim_end_matches('/').ends_with("/listRecords") || path.starts_with("/oauth2/");
    method != Method::GET && !is_read
}
