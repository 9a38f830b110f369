//! A local Pipedrive: answers API v2 and v1 and the OAuth host on loopback, as the vendor's documentation says.
//!
//! It follows the vendor, never a connector. Start at [`emulator`]; what every account has is in `standard.yaml`, fixtures are described
//! in `fixtures`, how values are written in `forms`. Version 2 is strict (`records`), version 1 takes what it can (`legacy`, `flat_write`).
//!
//! What the vendor leaves open is decided here to the client's disadvantage: a repeated POST makes a second record, a refresh token is
//! good once, search sees changes two seconds late, an endpoint that the vendor has and this does not answers 501 and says so.

mod account;
mod activities;
mod composites;
mod convert;
mod costs;
mod deal_products;
mod deals;
mod errors;
mod events;
mod field_routes;
mod fields;
mod filters;
mod fixture_cells;
mod fixtures;
mod flat;
mod flat_fields;
mod flat_records;
mod flat_write;
mod followers;
mod forms;
mod kinds;
mod leads;
mod legacy;
mod limits;
mod listing;
mod merge;
mod notes;
mod oauth;
mod own;
mod participants;
mod people;
mod pipelines;
mod products;
mod recents;
mod recorded;
mod records;
mod render;
mod request;
mod search;
mod standard;
mod store;
mod tally;
mod time;
mod users;
mod webhooks;
mod write;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use clock::Clock;

use crate::clients::with_clients;
use crate::counts::{Counts, with_counts};
use crate::emulator::Emulator;
use crate::exchanges::with_exchanges;
use crate::faults::{Faults, with_faults};
use crate::host::with_host_check;
use crate::options::EmulatorOptions;

use self::{
    account::Account,
    costs::price,
    errors::{Answered, Refusal, fault},
    kinds::Kind,
    request::{Call, Version, path_of, query_of},
};

/// Largest body that is read, in bytes. Source: none; far above any record.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// Parts of the API that Pipedrive has and this emulator does not: of version 1, and of version 2. Source: paths of openapi-v1.yaml and
/// openapi-v2.yaml.
const NOT_HERE: [&[&str]; 2] = [
    &[
        "billing",
        "callLogs",
        "channels",
        "files",
        "filters",
        "goals",
        "legacyTeams",
        "mailbox",
        "meetings",
        "organizationRelationships",
        "permissionSets",
        "projectTemplates",
        "projects",
        "roles",
        "tasks",
        "users",
    ],
    &["boards", "leads", "phases", "projectFields", "projectTemplates", "projects", "tasks", "users"],
];

type Shared = Arc<Mutex<Account>>;

/// The local Pipedrive.
pub const EMULATOR: Emulator = Emulator { default_port: 4014, make: emulator };

/// Makes the service of the local Pipedrive.
///
/// # Errors
/// Fails, with a text for the user, when the fixtures cannot be used.
pub fn emulator(options: EmulatorOptions, clock: Clock) -> Result<Router, String> {
    let mut account = Account::new(clock, options.is_unlimited)?;
    if let Some(named) = &options.account {
        let id = named.parse().ok().filter(|id| *id > 0);
        account.company.id =
            id.ok_or_else(|| format!("`{named}` is not a company id: write digits, such as `7654321`"))?;
    }
    if let Some(folder) = &options.fixtures {
        fixtures::load(&mut account, folder)?;
    }
    let account: Shared = Arc::new(Mutex::new(account));
    let service = Router::new().fallback(serve).with_state(Arc::clone(&account));
    let service = with_exchanges(service, "pipedrive", options.exchanges.as_deref())?;
    let service = with_faults(service, Faults::new(options.faults, fault));
    let clients = lock(&account).tokens.clients.clone();
    let held = Arc::clone(&account);
    let service = with_counts(service, Counts::default(), is_write, move || lock(&held).held());
    Ok(with_host_check(with_clients(service.merge(own::routes(account)), clients)))
}

fn lock(account: &Shared) -> MutexGuard<'_, Account> {
    account.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a request changes records or definitions.
fn is_write(method: &Method, path: &str) -> bool {
    method != Method::GET && !path.starts_with("/oauth/")
}

async fn serve(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "Request entity too large").into_response();
    };
    let query = query_of(&parts.uri);
    let mut account = lock(&shared);
    match (parts.method.as_str(), path_of(&parts.uri).iter().map(String::as_str).collect::<Vec<_>>().as_slice()) {
        ("GET", ["oauth", "authorize"]) => return oauth::authorize(&mut account, &query),
        ("POST", ["oauth", end @ ("token" | "revoke")]) => {
            let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
            return oauth::token(&mut account, *end == "revoke", &parts.headers, &body, host);
        }
        _ => {}
    }
    let Some(call) = Call::read(&parts, body) else { return Refusal::no_such_path().into_response() };
    let (user, caller) = match oauth::authenticate(&account, &parts.headers, &query) {
        Ok(authenticated) => authenticated,
        Err(refusal) => return refusal.into_response(),
    };
    let (headers, admitted) = account.limits.admit(&caller, price(&call));
    account.caller = user;
    let answer = admitted.and_then(|()| answer(&mut account, &call));
    webhooks::send(&shared, &mut account);
    let mut response = match answer {
        Ok(answer) => answer.into_response(),
        Err(refusal) => refusal.into_response(),
    };
    response.headers_mut().extend(headers);
    response
}

fn answer(account: &mut Account, call: &Call) -> Answered {
    let both = |account: &mut Account| followers::answer(account, call).or_else(|| search::answer(account, call));
    let found = match call.version {
        Version::Two => both(account)
            .or_else(|| deal_products::answer(account, call))
            .or_else(|| field_routes::answer(account, call))
            .or_else(|| convert::answer(account, call))
            .or_else(|| records::answer(account, call)),
        Version::One => both(account)
            .or_else(|| merge::answer(account, call))
            .or_else(|| participants::answer(account, call))
            .or_else(|| flat_fields::answer(account, call))
            .or_else(|| leads::answer(account, call))
            .or_else(|| notes::answer(account, call))
            .or_else(|| users::answer(account, call))
            .or_else(|| filters::answer(account, call))
            .or_else(|| webhooks::answer(account, call))
            .or_else(|| recents::answer(account, call))
            .or_else(|| legacy::answer(account, call)),
    };
    found.unwrap_or_else(|| Err(unanswered(call)))
}

/// Says why nothing answered: the vendor has no such path, or this emulator does not do it.
fn unanswered(call: &Call) -> Refusal {
    let first = call.path.first().map_or("", String::as_str);
    let kind = Kind::of_path(first).or(Kind::of_fields(first));
    let is_known = match call.version {
        Version::One => kind.is_some() || NOT_HERE[0].contains(&first),
        Version::Two => kind.is_some_and(Kind::is_in_version_two) || NOT_HERE[1].contains(&first),
    };
    if is_known {
        Refusal::not_here(&format!("{} {}", call.method, call.path.join("/")))
    } else {
        Refusal::no_such_path()
    }
}
