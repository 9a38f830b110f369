//! Which company a login belongs to.

use crate::connector::{Account, AccountForm, ConnectorError, ErrorKind};

use super::client::Api;

/// Pipedrive numbers its companies. Source: `company_id` of `GET api/v1/users/me`.
pub(super) const FORM: AccountForm =
    AccountForm { noun: "company", looks_like: "digits, such as `7654321`", normal: company_id };

fn company_id(text: &str) -> Option<String> {
    text.parse::<u64>().ok().filter(|id| *id > 0).map(|id| id.to_string())
}

/// Asks for it: any login may.
pub(super) async fn ask(api: Api) -> Result<Account, ConnectorError> {
    let me = api.me().await?;
    me.company_id.map(|id| id.to_string()).and_then(|id| FORM.account(&id)).ok_or_else(|| {
        let message = "Pipedrive's answer does not name the login's company";
        ConnectorError::new(ErrorKind::Unexpected, "unexpected_answer", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn companies_are_numbers() {
        let normal = |text: &str| FORM.account(text).map(|account| account.id().to_owned());
        assert_eq!(normal(" 0123 ").as_deref(), Some("123"));
        for text in ["", "0", "-5", "acme", "1.5"] {
            assert_eq!(normal(text), None, "{text}");
        }
    }
}
