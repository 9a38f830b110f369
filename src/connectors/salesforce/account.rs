//! Which organisation a login belongs to.

use std::sync::Arc;

use crate::connector::{Account, ConnectorError, ErrorKind};

use super::{auth::Login, client::Api, errors, names::ORGANISATION};

/// Says which organisation it is: the session tells, or one call where it is in a form that does not.
pub(super) async fn ask(api: Api, login: Arc<Login>) -> Result<Account, ConnectorError> {
    let told = login.organisation().await.map_err(errors::of_http)?;
    if let Some(account) = told.and_then(|id| ORGANISATION.account(&id)) {
        return Ok(account);
    }
    let id = api.organisation_id().await.map_err(untold)?;
    id.and_then(|id| ORGANISATION.account(&id)).ok_or_else(|| errors::unexpected("it does not name the organisation"))
}

/// A session whose organisation is not known is not used: what Ferry remembers of another one would be taken for its own.
fn untold(error: ConnectorError) -> ConnectorError {
    match error.kind {
        ErrorKind::Unauthorized | ErrorKind::NotFound | ErrorKind::Refused if error.code != "INVALID_SESSION_ID" => {
            let message = format!("Salesforce does not say which organisation the login is of: {}", error.message);
            let hint = "allow the app the scope `id` (access the identity URL service)";
            let hint = error.hint.clone().unwrap_or_else(|| hint.to_owned());
            ConnectorError { kind: ErrorKind::Unauthorized, message, ..error }.with_hint(hint)
        }
        _ => error,
    }
}
