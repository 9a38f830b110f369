//! Whose login it is. What is left of the tokens comes with the headers of any answer; Pipedrive tells no permissions.

use crate::connector::{ConnectorError, Inspection, LimitLeft};

use super::client::Api;

/// Asks whose login it is.
pub(super) async fn inspect(api: &Api) -> Result<Inspection, ConnectorError> {
    let me = api.me().await?;
    let login = me.company_id.map(|company| match me.id {
        Some(user) => format!("company {company}, user {user}"),
        None => format!("company {company}"),
    });
    let left = api.tokens_left();
    let limits =
        left.map(|quota| LimitLeft { name: "tokens today".to_owned(), remaining: quota.remaining, max: quota.max });
    Ok(Inspection { login, limits: limits.into_iter().collect(), ..Inspection::default() })
}
