//! A local Salesforce: answers REST, Bulk API 2.0 and OAuth requests on loopback as the vendor's documentation says.
//!
//! It follows the vendor, never a connector: API versions 31.0 to 68.0, describes, SOQL, validation, per-record
//! failures, the three shapes of errors, asynchronous jobs, limits with their header. The standard objects are in
//! `standard.yaml`; what differs from org to org is in `OrgOptions`. Start at [`emulator`].

mod bulk;
mod catalog;
mod collections;
mod composite;
mod errors;
mod fixtures;
mod ids;
mod jwt;
mod limits;
mod oauth;
mod org;
mod query;
mod reply;
mod request;
mod rows;
mod sobjects;
mod soql;
mod store;
mod time;
mod tree;
mod usage;
mod values;
mod write;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::{
    Json as JsonBody, Router,
    body::to_bytes,
    extract::{Request, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
    routing::{delete, post},
};
use clock::Clock;
use serde_json::{Map, Value as Json};

use crate::clients::with_clients;
use crate::counts::{Counts, with_counts};
use crate::emulator::Emulator;
use crate::exchanges::with_exchanges;
use crate::faults::{Faults, with_faults};
use crate::host::with_host_check;
use crate::options::EmulatorOptions;

use self::{
    errors::{Problem, fault},
    org::{Manners, Org},
    reply::Reply,
    request::{Call, Version, Versioned, versions},
};

/// Most characters of a URL. Source: status codes: 414 beyond 16,384 bytes.
const MAX_URL: usize = 16_384;
/// Most bytes of a body that are read at all; each resource has a limit of its own.
const MAX_BODY: usize = 160 * 1024 * 1024;

type Shared = Arc<Mutex<Org>>;

/// The local Salesforce.
pub const EMULATOR: Emulator = Emulator { default_port: 4011, make: emulator };

/// Makes the service of the local Salesforce.
///
/// # Errors
/// Fails, with a text for the user, when the fixtures cannot be used.
pub fn emulator(options: EmulatorOptions, clock: Clock) -> Result<Router, String> {
    let mut org = Org::open(clock, &options)?;
    if let Some(folder) = &options.fixtures {
        fixtures::load(&mut org, folder)?;
    }
    let org: Shared = Arc::new(Mutex::new(org));
    let service = Router::new()
        .route("/_emulator/org", post(set_options))
        .route("/_emulator/sessions", delete(end_sessions))
        .fallback(serve)
        .with_state(Arc::clone(&org));
    let service = with_exchanges(service, "salesforce", options.exchanges.as_deref())?;
    let service = with_faults(service, Faults::new(options.faults, fault));
    let clients = lock(&org).tokens.clients.clone();
    let service = with_counts(service, Counts::default(), is_write, move || held(&lock(&org)));
    Ok(with_host_check(with_clients(service, clients)))
}

fn lock(org: &Shared) -> MutexGuard<'_, Org> {
    org.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a request changes records.
fn is_write(method: &Method, path: &str) -> bool {
    let is_read = path.contains("/oauth2/") || path.contains("/jobs/query") || path.starts_with("/_emulator/");
    method != Method::GET && !is_read
}

/// Counts what the org holds.
fn held(org: &Org) -> Map<String, Json> {
    let count = |object: &catalog::Object| (object.spec.name.clone(), Json::from(object.records.live()));
    let records: Map<String, Json> = org.catalog.objects.iter().map(count).collect();
    Map::from_iter([("records".to_owned(), Json::from(records))])
}

/// Changes how the org is set up: any of the options of `org.schema.yaml`.
async fn set_options(State(org): State<Shared>, JsonBody(changes): JsonBody<Json>) -> Response {
    let mut org = lock(&org);
    let outcome = org.options.with(&changes).and_then(|options| {
        org.options = options;
        fixtures::settle(&mut org)?;
        fixtures::switch_rules(&mut org, &changes);
        Ok(())
    });
    match outcome {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, error).into_response(),
    }
}

/// Ends every session.
async fn end_sessions(State(org): State<Shared>) -> StatusCode {
    lock(&org).tokens.end_all();
    StatusCode::NO_CONTENT
}

async fn serve(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if parts.uri.to_string().len() > MAX_URL {
        return Problem::new("URI_TOO_LONG", "URI Too Long").with_status(StatusCode::URI_TOO_LONG).reply().into();
    }
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        let problem = Problem::new("REQUEST_TOO_LARGE", "The request is too large");
        return problem.with_status(StatusCode::PAYLOAD_TOO_LARGE).reply().into();
    };
    let call = Call::read(parts.method, &parts.uri, parts.headers, body);
    let (reply, started) = {
        let mut org = lock(&shared);
        let reply = answer(&mut org, &call);
        let clock = org.clock.clone();
        (reply, (org.jobs.take_started(), clock))
    };
    let (jobs, clock) = started;
    for id in jobs {
        tokio::spawn(bulk::work(Arc::downgrade(&shared), clock.clone(), id));
    }
    reply.into()
}

/// Answers a request of a client.
fn answer(org: &mut Org, call: &Call) -> Reply {
    match call.parts().as_slice() {
        ["services", "oauth2", path @ ..] => oauth::answer(org, call, path),
        ["services", "data"] => Reply::ok(versions()),
        ["services", "data", ..] => match call.version() {
            Versioned::Known(version) => admitted(org, call, |org| match call.check_content_type() {
                Ok(()) => versioned(org, call, &version),
                Err(problem) => problem.reply(),
            }),
            Versioned::Retired => {
                Problem::new("GONE", "The requested API version is retired").with_status(StatusCode::GONE).reply()
            }
            Versioned::Unknown => Problem::not_found().reply(),
        },
        ["id", _, _] => admitted(org, call, |org| Reply::ok(oauth::user_info(org, call))),
        _ => Problem::not_found().reply(),
    }
}

/// Lets a request in that has a session and is not too many, and tells how many were made.
fn admitted(org: &mut Org, call: &Call, answer: impl FnOnce(&mut Org) -> Reply) -> Reply {
    if org.draw(org.options.session_ends) {
        org.tokens.end_all();
    }
    if let Err(problem) = oauth::authenticate(org, call) {
        return problem.reply();
    }
    let max = org.options.daily_api_requests;
    let reply = match org.usage.take(max) {
        Ok(()) => answer(org),
        Err(problem) => problem.reply(),
    };
    reply.with("sforce-limit-info", format!("api-usage={}/{max}", org.usage.used()))
}

/// Answers a request that names a version; requests within requests come here, too.
fn versioned(org: &mut Org, call: &Call, version: &Version) -> Reply {
    org.manners = Manners::of(call);
    let parts = call.parts();
    let path = parts.get(3..).unwrap_or_default();
    match (call.method.as_str(), path) {
        ("GET", []) => Reply::ok(limits::resources(org, &version.base, &call.origin)),
        (_, ["sobjects", path @ ..]) => sobjects::answer(org, call, version, path),
        ("GET", ["query"]) => query::answer(org, call, version, None, false),
        ("GET", ["query", locator]) => query::answer(org, call, version, Some(locator), false),
        ("GET", ["queryAll"]) => query::answer(org, call, version, None, true),
        ("GET", ["queryAll", locator]) => query::answer(org, call, version, Some(locator), true),
        (_, ["composite", "sobjects", path @ ..]) if version.number >= 42 => {
            collections::answer(org, call, version, path)
        }
        ("POST", ["composite", "tree", object]) => tree::answer(org, call, object),
        ("POST", ["composite", path @ ..]) => composite::answer(org, call, version, path),
        (_, ["jobs", path @ ..]) => bulk::answer(org, call, version, path),
        ("GET", ["limits"]) => Reply::ok(limits::shown(org)),
        ("GET", ["limits", "recordCount"]) => Reply::ok(limits::record_count(org, call)),
        ("GET", ["recent"]) => Reply::ok(Json::Array(Vec::new())),
        _ => Problem::not_found().reply(),
    }
}
