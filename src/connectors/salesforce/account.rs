//! Which organisation a login belongs to.

use std::sync::Arc;

use crate::connector::{Account, AccountForm, ConnectorError, ErrorKind};

use super::{
    auth::Login,
    client::Api,
    errors,
    schema::{is_id, normal_id},
};

/// What the id of an organisation begins with.
const PREFIX: &str = "00D";
/// Characters of an id that differ between records; the rest of 18 is a checksum.
const ID_LENGTH: usize = 15;

/// An organisation's id has 15 characters or 18: the same one.
pub(super) const FORM: AccountForm = AccountForm {
    noun: "organisation",
    looks_like: "`00D` and 12 or 15 more letters or digits",
    normal: |text| (text.starts_with(PREFIX) && is_id(text)).then(|| normal_id(text)),
};

/// Says which organisation it is: the session tells, or one call where it is in a form that does not.
pub(super) async fn ask(api: Api, login: Arc<Login>) -> Result<Account, ConnectorError> {
    let told = login.organisation().await.map_err(errors::of_http)?;
    if let Some(account) = told.and_then(|id| FORM.account(&id)) {
        return Ok(account);
    }
    let id = api.organisation_id().await.map_err(untold)?;
    id.and_then(|id| FORM.account(&id)).ok_or_else(|| errors::unexpected("it does not name the organisation"))
}

/// Returns the organisation that a session names: what is before its exclamation mark, in all but those in the form of a JWT.
/// Source: Salesforce's help on session ids.
pub(super) fn of_session(token: &str) -> Option<String> {
    let (id, _) = token.split_once('!')?;
    (id.len() == ID_LENGTH).then(|| FORM.account(id)).flatten().map(|account| account.id().to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_an_id_are_one_organisation() {
        assert_eq!(FORM.account("00D5g0000000001"), FORM.account("00D5g0000000001EAA"));
        for text in ["", "0015g0000000001", "00D5g000000000", "00D5g0000000001EA", "dry-run"] {
            assert_eq!(FORM.account(text), None, "{text}");
        }
    }

    #[test]
    fn a_session_names_its_organisation_unless_it_is_a_jwt() {
        assert_eq!(of_session("00D5g0000000001!AQkAQ.x").as_deref(), Some("00D5g0000000001EAA"));
        for token in ["00D!session", "eyJhbGciOi.J9.x", "00D5g0000000001", "abc!def"] {
            assert_eq!(of_session(token), None, "{token}");
        }
    }
}
