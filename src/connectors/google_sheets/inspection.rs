//! What is known of a login before a run. Google tells nothing of scopes or of what is left of its limits.

use crate::connector::Inspection;

use super::client::SheetsClient;

/// Says whose login it is.
pub(super) fn inspect(client: &SheetsClient) -> Inspection {
    Inspection { login: client.email().map(|_| "service account".to_owned()), ..Inspection::default() }
}
