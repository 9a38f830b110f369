//! What a token may do. Airtable tells the scopes of OAuth logins, the rights in a base, and nothing of what is left of its
//! limits.

use crate::connector::{ConnectorError, ErrorKind, Inspection};

use super::client::AirtableClient;

/// The levels of permission that may write records. Source: airtable.com/developers/web/api/list-bases.
const WRITING_LEVELS: [&str; 2] = ["edit", "create"];

/// Asks what the token may do; `needed` are the scopes that it must have.
pub(super) async fn inspect(
    client: &AirtableClient,
    needed: &[&str],
    is_writing: bool,
) -> Result<Inspection, ConnectorError> {
    let whoami = client.whoami().await?;
    let mut inspection =
        Inspection { login: Some(format!("user {}", whoami.id)), scopes: whoami.scopes, ..Inspection::default() };
    if let Some(scopes) = &inspection.scopes {
        let missing = needed.iter().filter(|scope| !scopes.iter().any(|granted| granted == *scope));
        inspection.missing = missing.map(|scope| (*scope).to_owned()).collect();
    }
    let permission = match client.permission().await {
        Ok(permission) => permission,
        // A token may reach a base without being allowed to list bases.
        Err(error) if error.kind == ErrorKind::Unauthorized => None,
        Err(error) => return Err(error),
    };
    if let Some(level) = permission.filter(|level| is_writing && !WRITING_LEVELS.contains(&level.as_str())) {
        inspection.missing.push(format!("edit rights in the base (it has `{level}`)"));
    }
    Ok(inspection)
}
