//! Requests of the emulator's own: the plan, the day's tokens, the lag of search, tokens and deleted records.

use axum::{
    Json as JsonBody, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, post, put},
};
use serde::Deserialize;

use super::{Shared, kinds::Kind, limits::Plan, lock};

/// The plan that the company has from now on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPlan {
    plan: Plan,
    seats: Option<u64>,
}

/// How many tokens are left of the day.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Left {
    left: u64,
}

/// The path's own requests.
pub(super) fn routes(account: Shared) -> Router {
    Router::new()
        .route("/_emulator/plan", put(set_plan))
        .route("/_emulator/tokens", put(leave))
        .route("/_emulator/search_lag_secs", put(set_lag))
        .route("/_emulator/sessions", delete(end_sessions))
        .route("/_emulator/purge", post(purge))
        .with_state(account)
}

async fn set_plan(State(account): State<Shared>, JsonBody(new): JsonBody<NewPlan>) -> StatusCode {
    lock(&account).limits.set_plan(new.plan, new.seats.unwrap_or(1));
    StatusCode::NO_CONTENT
}

async fn leave(State(account): State<Shared>, JsonBody(tokens): JsonBody<Left>) -> StatusCode {
    lock(&account).limits.leave(tokens.left);
    StatusCode::NO_CONTENT
}

async fn set_lag(State(account): State<Shared>, JsonBody(seconds): JsonBody<f64>) -> Response {
    if !(0.0..=86_400.0).contains(&seconds) {
        return (StatusCode::BAD_REQUEST, "seconds, of a day at most").into_response();
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most a day, in milliseconds")]
    let millis = (seconds * 1000.0) as i64;
    lock(&account).search_lag = millis;
    StatusCode::NO_CONTENT.into_response()
}

/// Ends every access token that was given.
async fn end_sessions(State(account): State<Shared>) -> StatusCode {
    lock(&account).tokens.end_all();
    StatusCode::NO_CONTENT
}

/// Removes deleted records for good, as thirty days would.
async fn purge(State(account): State<Shared>) -> StatusCode {
    let mut account = lock(&account);
    for kind in Kind::ALL {
        let gone: Vec<u64> =
            account.all(kind).all().filter(|record| record.deleted.is_some()).map(|record| record.id).collect();
        for id in gone {
            account.all_mut(kind).remove(id);
        }
    }
    StatusCode::NO_CONTENT
}
