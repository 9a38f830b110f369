//! What kind of account the login is of, which scopes it has and lacks, and how many calls are left today.

use crate::connector::{ConnectorError, ErrorKind, Inspection, LimitLeft};
use crate::http::Access;
use crate::model::ObjectName;

use super::{auth::Login, client::Api};

/// Asks all of it. Only a login that does not work is an error: what HubSpot does not tell this kind of token is absent.
pub(super) async fn inspect(
    api: &Api,
    login: &Login,
    objects: &[ObjectName],
    access: Access,
) -> Result<Inspection, ConnectorError> {
    let mut inspection = Inspection::default();
    if let Some(account) = told(api.account().await)? {
        let kind = account.account_type.to_lowercase().replace('_', " ");
        inspection.login = Some(format!("accepted ({kind} account)"));
    }
    inspection.scopes = login.scopes().await?;
    match &inspection.scopes {
        Some(granted) => {
            let needed = objects.iter().flat_map(|object| scopes(object, access));
            let missing = needed.filter(|scope| !granted.contains(scope));
            inspection.missing = missing.collect();
            inspection.missing.sort();
            inspection.missing.dedup();
        }
        // The daily limit is one of private apps and service keys.
        None => {
            for usage in told(api.daily_usage().await)?.unwrap_or_default() {
                inspection.limits.push(LimitLeft {
                    name: "calls today".to_owned(),
                    remaining: usage.usage_limit.saturating_sub(usage.current_usage),
                    max: usage.usage_limit,
                });
            }
        }
    }
    Ok(inspection)
}

/// Takes an answer that the token may have no right to, or that is not there in this version, for none.
fn told<T>(answer: Result<T, ConnectorError>) -> Result<Option<T>, ConnectorError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.kind == ErrorKind::Unauthorized && !error.code.contains("scope") => Err(error),
        Err(error) if matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Cancelled | ErrorKind::QuotaSpent) => {
            Err(error)
        }
        Err(_) => Ok(None),
    }
}

/// Returns the scopes that an object needs. Source: authentication/scopes; notes and other activities go by those of contacts.
pub(super) fn scopes(object: &str, access: Access) -> Vec<String> {
    let name = match object {
        "contacts" | "0-1" | "notes" | "tasks" | "calls" | "emails" | "meetings" => "contacts",
        "companies" | "0-2" => "companies",
        "deals" | "0-3" => "deals",
        "tickets" | "0-5" => return vec!["tickets".to_owned()],
        custom if custom.starts_with("2-") || custom.starts_with("p_") => "custom",
        // Which scope other objects need is not documented in one place: reading one record tells.
        _ => return Vec::new(),
    };
    let mut scopes = vec![format!("crm.objects.{name}.read"), format!("crm.schemas.{name}.read")];
    if access == Access::Write {
        scopes.push(format!("crm.objects.{name}.write"));
    }
    scopes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_go_by_the_object_and_by_what_is_done_with_it() {
        assert_eq!(scopes("deals", Access::Read), ["crm.objects.deals.read", "crm.schemas.deals.read"]);
        assert!(scopes("notes", Access::Write).contains(&"crm.objects.contacts.write".to_owned()));
        assert_eq!(scopes("tickets", Access::Write), ["tickets"]);
        assert!(scopes("products", Access::Read).is_empty());
    }
}
