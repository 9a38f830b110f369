//! Which portal a token belongs to.

use std::sync::Arc;

use crate::connector::{Account, AccountForm, ConnectorError, ErrorKind};

use super::schema::Catalog;

/// HubSpot numbers its accounts. Source: account-info/guide, `portalId`.
pub(super) const FORM: AccountForm =
    AccountForm { noun: "portal", looks_like: "digits, such as `12345678`", normal: portal_id };

fn portal_id(text: &str) -> Option<String> {
    text.parse::<u64>().ok().filter(|id| *id > 0).map(|id| id.to_string())
}

/// Asks for it: any token may, whatever its scopes.
pub(super) async fn ask(catalog: Arc<Catalog>) -> Result<Account, ConnectorError> {
    let told = catalog.api.account().await.map_err(untold)?;
    told.portal().and_then(|id| FORM.account(&id)).ok_or_else(|| {
        ConnectorError::new(
            ErrorKind::Unexpected,
            "unexpected_answer",
            "HubSpot's answer does not name the token's portal",
        )
    })
}

/// A token whose portal is not known is not used: what Ferry remembers of another portal would be taken for its own.
fn untold(error: ConnectorError) -> ConnectorError {
    match error.kind {
        ErrorKind::NotFound | ErrorKind::Refused => {
            let message = format!("HubSpot does not say which portal the token belongs to: {}", error.message);
            let hint = "check `base_url` and `api_version`: `account-info/{version}/details` must answer";
            ConnectorError { kind: ErrorKind::Unauthorized, message, ..error }.with_hint(hint)
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portals_are_numbers() {
        let normal = |text: &str| FORM.account(text).map(|account| account.id().to_owned());
        assert_eq!(normal(" 0123 ").as_deref(), Some("123"));
        for text in ["", "0", "-5", "12.5", "pat-na1-x", "portal 5"] {
            assert_eq!(normal(text), None, "{text}");
        }
    }
}
