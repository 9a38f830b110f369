//! Who is logged in, how many calls are left, and which rules of the org change or block writes.

use crate::connector::{ConnectorError, ErrorKind, Inspection, LimitLeft, Remark};
use crate::model::ObjectName;

use super::{
    client::Api,
    soql::{Query, is_in, text_literal},
};

/// The objects that assignment rules are for. Source: `AssignmentRule` in the object reference, `SobjectType`.
const ASSIGNED: [&str; 2] = ["Case", "Lead"];
/// What is said of rules that this user may not see. Since Summer '20 duplicate rules take the permission *View Setup and
/// Configuration*. Source: `DuplicateRule` in the object reference, special access rules.
const UNREADABLE: &str =
    "could not be read; a user with the permission `View Setup and Configuration` is told whether any is active";

/// How rules are met, by the options of the connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct RuleOptions<'settings> {
    pub(super) assignment_rule: Option<&'settings str>,
    pub(super) allow_duplicates: bool,
}

/// A rule that is active.
struct Rule {
    object: String,
    name: String,
}

/// Tells who is logged in and how many calls are left; what this user may not ask for is left out.
pub(super) async fn inspect(api: &Api) -> Result<Inspection, ConnectorError> {
    let user = api.user_id().await.ok().flatten();
    let limits = api.limits().await?.unwrap_or_default();
    let daily = &limits["DailyApiRequests"];
    let left = daily["Remaining"].as_u64().zip(daily["Max"].as_u64());
    let left = left.map(|(remaining, max)| LimitLeft { name: "calls in 24 h".to_owned(), remaining, max });
    Ok(Inspection {
        login: user.map(|user| format!("user {user}")),
        limits: left.into_iter().collect(),
        ..Inspection::default()
    })
}

/// Tells which duplicate and assignment rules of these objects are active, and what becomes of records that they find.
pub(super) async fn rules(
    api: &Api,
    objects: &[ObjectName],
    options: RuleOptions<'_>,
) -> Result<Vec<Remark>, ConnectorError> {
    let all: Vec<&str> = objects.iter().map(ObjectName::as_str).collect();
    let assigned: Vec<&str> = all.iter().copied().filter(|object| is_among(object, &ASSIGNED)).collect();
    let duplicates = active(api, "DuplicateRule", "MasterLabel", "IsActive", &all).await?;
    let assignments = active(api, "AssignmentRule", "Name", "Active", &assigned).await?;
    let (on_duplicate, on_new) = (of_duplicates(options), of_assignment(options));
    let mut remarks = told("duplicate rules", &all, duplicates, &on_duplicate);
    remarks.extend(told("assignment rules", &assigned, assignments, &on_new));
    Ok(remarks)
}

/// Returns the active rules of a kind; none where this user may not see them, or the org has no such object.
async fn active(
    api: &Api,
    kind: &str,
    name: &str,
    flag: &str,
    objects: &[&str],
) -> Result<Option<Vec<Rule>>, ConnectorError> {
    if objects.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let literals: Vec<String> = objects.iter().map(|object| text_literal(object)).collect();
    let query = Query {
        fields: vec!["Id", name, "SobjectType"],
        object: kind,
        conditions: vec![format!("{flag} = TRUE"), is_in("SobjectType", &literals)],
        order_by: Some(name),
    };
    let rows = match api.query_all_pages(&query.text()).await {
        Ok(rows) => rows,
        Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Refused | ErrorKind::Unauthorized) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let text = |row: &serde_json::Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
    Ok(Some(rows.iter().map(|row| Rule { object: text(row, "SobjectType"), name: text(row, name) }).collect()))
}

fn told(kind: &str, objects: &[&str], rules: Option<Vec<Rule>>, effect: &str) -> Vec<Remark> {
    let Some(rules) = rules else {
        return vec![Remark { subject: kind.to_owned(), text: UNREADABLE.to_owned() }];
    };
    let remark = |object: &&str| {
        let own = rules.iter().filter(|rule| rule.object.eq_ignore_ascii_case(object));
        let names: Vec<String> = own.map(|rule| format!("`{}`", rule.name)).collect();
        let verb = if names.len() == 1 { "is" } else { "are" };
        let text = match names.as_slice() {
            [] => "none is active".to_owned(),
            names => format!("{} {verb} active: {effect}", names.join(", ")),
        };
        Remark { subject: format!("{kind} of `{object}`"), text }
    };
    objects.iter().map(remark).collect()
}

/// Whether a rule blocks or alerts, no query tells.
fn of_duplicates(options: RuleOptions<'_>) -> String {
    if options.allow_duplicates {
        "a record like another is saved where the rule alerts, and rejected where it blocks".to_owned()
    } else {
        "a record like another is rejected, whether the rule blocks or alerts; `allow_duplicates: true` on the connection saves \
         those that it only alerts of"
            .to_owned()
    }
}

fn of_assignment(options: RuleOptions<'_>) -> String {
    match options.assignment_rule {
        None => "it does not run, unless the connection has `assignment_rule`".to_owned(),
        Some("default") => {
            "it runs, as `assignment_rule: default` says, and may give records another owner; not in Bulk API jobs, which take a \
             rule's id"
                .to_owned()
        }
        Some(id) => format!("the rule `{id}` runs, as `assignment_rule` says, and may give records another owner"),
    }
}

fn is_among(object: &str, names: &[&str]) -> bool {
    names.iter().any(|name| name.eq_ignore_ascii_case(object))
}
