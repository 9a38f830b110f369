//! Secrets of OAuth clients: which one is right, so that a wrong one can be told from it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use serde::Deserialize;

/// How secrets begin that are never right.
const WRONG: [&str; 2] = ["invalid", "wrong"];

/// The clients of an emulator; a clone is the same list.
///
/// A client's secret is the one that `POST /_emulator/clients` gave it, or else the first one that it sends. Any other is refused,
/// and so is one that begins with `invalid` or `wrong`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clients {
    secrets: Arc<Mutex<HashMap<String, String>>>,
}

/// A client as a test registers it.
#[derive(Debug, Deserialize)]
struct Registered {
    client_id: String,
    client_secret: String,
}

impl Clients {
    /// Whether the secret is the client's own.
    pub(crate) fn accepts(&self, client: &str, secret: &str) -> bool {
        if secret.is_empty() || WRONG.iter().any(|prefix| secret.starts_with(prefix)) {
            return false;
        }
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.entry(client.to_owned()).or_insert_with(|| secret.to_owned()) == secret
    }

    fn register(&self, client: Registered) {
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.insert(client.client_id, client.client_secret);
    }
}

/// Adds `POST /_emulator/clients`, which registers a client with its secret.
pub(crate) fn with_clients(service: Router, clients: Clients) -> Router {
    let register = async |State(clients): State<Clients>, Json(client): Json<Registered>| {
        clients.register(client);
        StatusCode::NO_CONTENT
    };
    service.route("/_emulator/clients", post(register).with_state(clients))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_keeps_its_first_secret_or_the_one_it_was_registered_with() {
        let clients = Clients::default();
        assert!(!clients.accepts("one", "wrong-secret"));
        assert!(clients.accepts("one", "s-1"));
        assert!(!clients.accepts("one", "s-2"));
        assert!(clients.accepts("one", "s-1"));
        assert!(clients.accepts("two", "s-2"));
        clients.register(Registered { client_id: "one".to_owned(), client_secret: "s-3".to_owned() });
        assert!(!clients.accepts("one", "s-1"));
        assert!(clients.accepts("one", "s-3"));
    }
}
