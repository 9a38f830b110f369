//! A local Airtable: answers its Web API on loopback as the vendor's documentation says.
//!
//! It follows the vendor, never the connector beside it. Start at [`emulator`].

use axum::{Json, Router, http::StatusCode, routing::get};
use serde_json::json;

use crate::{clock::Clock, model::EmulatorOptions};

/// Makes the service of the local Airtable.
///
/// # Errors
/// Fails, with a text for the user, when the fixtures cannot be used.
pub fn emulator(_options: EmulatorOptions, _clock: Clock) -> Result<Router, String> {
    let whoami = get(async || Json(json!({ "id": "usrFerryEmulator1" })));
    let not_found = async || (StatusCode::NOT_FOUND, Json(json!({ "error": "NOT_FOUND" })));
    Ok(Router::new().route("/v0/meta/whoami", whoami).fallback(not_found))
}
