//! A local HubSpot: answers its CRM API on loopback as the vendor's documentation says.
//!
//! It follows the vendor, never a connector: paths of the dated versions and of v3 and v4, validation, per-record
//! failures, error bodies, limits with their headers. The standard objects are in `standard.yaml`. Start at [`emulator`].

mod account;
mod association_batches;
mod association_limits;
mod associations;
mod associations_v3;
mod batch;
mod batch_writes;
mod definitions;
mod errors;
mod filter;
mod fixtures;
mod limits;
mod links;
mod oauth;
mod object_type;
mod objects;
mod owners;
mod pipelines;
mod portal;
mod properties;
mod render;
mod request;
mod schemas;
mod search;
mod standard;
mod store;
mod time;
mod values;
mod write;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::{
    Json as JsonBody, Router,
    body::to_bytes,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
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
    errors::{Refusal, fault},
    portal::Portal,
    render::Answer,
    request::{Area, Call},
};

/// Most characters of a URL. Source: reported between 8,000 and 16,000, unconfirmed.
const MAX_URL: usize = 16_000;

/// Most bytes of a request body. Larger ones than any documented batch are refused.
const MAX_BODY: usize = 16 * 1024 * 1024;

type Shared = Arc<Mutex<Portal>>;

/// The local HubSpot.
pub const EMULATOR: Emulator = Emulator { default_port: 4010, make: emulator };

/// Makes the service of the local HubSpot.
///
/// # Errors
/// Fails, with a text for the user, when the fixtures cannot be used.
pub fn emulator(options: EmulatorOptions, clock: Clock) -> Result<Router, String> {
    let mut portal = Portal::new(clock, options.is_unlimited)?;
    if let Some(account) = &options.account {
        let id = account.parse().ok().filter(|id| *id > 0);
        portal.id = id.ok_or_else(|| format!("`{account}` is not a portal id: write digits, such as `12345678`"))?;
    }
    if let Some(folder) = &options.fixtures {
        fixtures::load(&mut portal, folder)?;
    }
    let portal: Shared = Arc::new(Mutex::new(portal));
    let service = Router::new().fallback(serve).with_state(Arc::clone(&portal));
    let service = with_exchanges(service, "hubspot", options.exchanges.as_deref())?;
    let service = with_faults(service, Faults::new(options.faults, fault));
    let clients = lock(&portal).tokens.clients.clone();
    let service = with_counts(service, Counts::default(), is_write, move || held(&lock(&portal)));
    Ok(with_host_check(with_clients(service, clients)))
}

fn lock(portal: &Shared) -> MutexGuard<'_, Portal> {
    portal.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a request changes records or definitions.
fn is_write(method: &Method, path: &str) -> bool {
    let is_read = path.ends_with("/search") || path.ends_with("/batch/read") || path.starts_with("/oauth/");
    method != Method::GET && !is_read
}

/// Counts what the account holds.
fn held(portal: &Portal) -> Map<String, Json> {
    let records: Map<String, Json> =
        portal.objects.iter().map(|object| (object.name.clone(), Json::from(object.records.len()))).collect();
    let name = |object: usize| &portal.objects[object].name;
    let counts = portal.links.counts();
    let associations: Map<String, Json> = counts
        .into_iter()
        .map(|((from, to), count)| (format!("{}>{}", name(from), name(to)), Json::from(count)))
        .collect();
    Map::from_iter([("records".to_owned(), Json::from(records)), ("associations".to_owned(), Json::from(associations))])
}

async fn serve(State(portal): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if parts.uri.to_string().len() > MAX_URL {
        return Refusal::new(StatusCode::URI_TOO_LONG, "VALIDATION_ERROR", "URI Too Long").into_response();
    }
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "VALIDATION_ERROR", "Request too large").into_response();
    };
    let text = |name: header::HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or("127.0.0.1");
    let Some(call) = Call::read(parts.method, &parts.uri, host, body) else {
        return Refusal::not_found("Unable to find the requested resource").into_response();
    };
    let mut portal = lock(&portal);
    if let Some(response) = oauth::authorize(&mut portal, &call) {
        return response;
    }
    let (headers, answer) = admitted(&mut portal, &call, text(header::AUTHORIZATION));
    let mut response = match answer {
        Ok(Answer { status, body: Some(body) }) => (status, JsonBody(body)).into_response(),
        Ok(Answer { status, body: None }) => status.into_response(),
        Err(refusal) => refusal.into_response(),
    };
    response.headers_mut().extend(headers);
    response
}

fn admitted(portal: &mut Portal, call: &Call, authorization: Option<&str>) -> (HeaderMap, Result<Answer, Refusal>) {
    if call.area == Area::Oauth {
        return (HeaderMap::new(), answer(portal, call));
    }
    let app = match oauth::authenticate(portal, call, authorization) {
        Ok(app) => app,
        Err(refusal) => return (HeaderMap::new(), Err(refusal)),
    };
    let (headers, admitted) = portal.limits.admit(&app, call);
    (headers, admitted.and_then(|()| answer(portal, call)))
}

fn answer(portal: &mut Portal, call: &Call) -> Result<Answer, Refusal> {
    let answer = match call.area {
        Area::Oauth => oauth::answer(portal, call),
        Area::Account => account::answer(portal, call),
        Area::Owners => owners::answer(portal, call),
        Area::Properties => properties::answer(portal, call),
        Area::Schemas => schemas::answer(portal, call),
        Area::Pipelines => pipelines::answer(portal, call),
        Area::Associations => association_batches::answer(portal, call),
        Area::Limits => association_limits::usage(portal, call),
        Area::Objects => answer_objects(portal, call),
    };
    let refused =
        || Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "VALIDATION_ERROR", "HTTP method or path not supported");
    answer.unwrap_or_else(|| Err(refused()))
}

fn answer_objects(portal: &mut Portal, call: &Call) -> Option<Result<Answer, Refusal>> {
    if call.is_association() {
        return associations::answer_record(portal, call);
    }
    let path = call.route().1;
    let [name, rest @ ..] = path.as_slice() else { return None };
    let object = portal.object(name);
    match (call.method.as_str(), rest) {
        ("POST", ["search"]) => Some(object.and_then(|object| search::answer(portal, call, object))),
        ("POST", ["batch", operation]) => match object {
            Ok(object) => batch::answer(portal, call, object, operation),
            Err(refusal) => Some(Err(refusal)),
        },
        _ => objects::answer(portal, call),
    }
}
