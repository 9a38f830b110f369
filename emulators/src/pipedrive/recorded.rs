//! Cells of fixtures as `ferry record` writes them: names in the place of ids, lists of ids for links, and the parts of a value in
//! columns of their own. What is in the form of version 2 already stays as it is.

use serde_json::{Map, Value as Json, json};

use super::{account::Account, fields::Field, forms::Form, kinds::Kind};

/// Returns a column and its cell in the form of version 2. `body` is what the columns before it said.
pub(super) fn in_own_form(
    account: &Account,
    kind: Kind,
    (column, cell): (&str, &Json),
    body: &Map<String, Json>,
) -> (String, Json) {
    if matches!(kind, Kind::Leads | Kind::Notes) {
        return (column.to_owned(), linked(cell).unwrap_or_else(|| cell.clone()));
    }
    let Some(field) = account.field(kind, column) else { return (with_part(account, kind, column), cell.clone()) };
    let named = |found: Option<u64>| found.map(Json::from);
    let own = match field.form {
        Form::Organization | Form::Person | Form::Deal | Form::Lead => linked(cell),
        Form::User => cell.as_str().and_then(|email| named(user(account, email))),
        Form::Pipeline => cell.as_str().and_then(|name| named(called(account, Kind::Pipelines, name, |_| true))),
        Form::Stage => {
            let pipeline = body.get("pipeline_id").and_then(Json::as_u64);
            let is_of = |of: u64| pipeline.is_none_or(|pipeline| pipeline == of);
            cell.as_str().and_then(|name| named(called(account, Kind::Stages, name, is_of)))
        }
        Form::Option => option(field, cell),
        Form::Options | Form::Labels => {
            cell.as_array().map(|all| all.iter().map(|one| option(field, one).unwrap_or_else(|| one.clone())).collect())
        }
        Form::Contacts => cell.as_array().and_then(|all| {
            let texts: Option<Vec<&str>> = all.iter().map(Json::as_str).collect();
            texts.map(|texts| texts.into_iter().map(|value| json!({"value": value})).collect())
        }),
        Form::Participants => cell.as_array().and_then(|all| {
            let ids: Option<Vec<u64>> = all.iter().map(|id| id.as_str()?.parse().ok()).collect();
            let one = |(place, id): (usize, u64)| json!({"person_id": id, "primary": place == 0});
            ids.map(|ids| ids.into_iter().enumerate().map(one).collect())
        }),
        Form::Money => cell.is_number().then(|| json!({"value": cell})),
        _ => None,
    };
    (column.to_owned(), own.unwrap_or_else(|| cell.clone()))
}

/// Returns the one record of a list of links.
fn linked(cell: &Json) -> Option<Json> {
    let [one] = cell.as_array()?.as_slice() else { return None };
    let text = one.as_str()?;
    Some(text.parse::<u64>().map_or_else(|_| json!(text), Json::from))
}

fn user(account: &Account, email: &str) -> Option<u64> {
    account.users.iter().find(|user| user.email.eq_ignore_ascii_case(email)).map(|user| user.id)
}

fn called(account: &Account, kind: Kind, name: &str, is_of: impl Fn(u64) -> bool) -> Option<u64> {
    let is_it = |pipeline: Option<u64>| kind == Kind::Pipelines || pipeline.is_some_and(&is_of);
    let mut all = account.all(kind).all().filter(|one| one.deleted.is_none());
    all.find(|one| one.text("name") == name && is_it(one.number("pipeline_id"))).map(|one| one.id)
}

fn option(field: &Field, cell: &Json) -> Option<Json> {
    let label = cell.as_str()?;
    field.options.as_ref()?.iter().find(|choice| choice.label == label).map(|choice| choice.id.clone())
}

/// Writes `<code>_<part>` as `<code>.<part>`.
fn with_part(account: &Account, kind: Kind, column: &str) -> String {
    let has_parts = |field: &&Field| {
        matches!(field.form, Form::Money | Form::Address | Form::DateRange | Form::TimeOfDay | Form::TimeRange)
    };
    let part = account.fields(kind).iter().filter(has_parts).find_map(|field| {
        let part = column.strip_prefix(field.code.as_str())?.strip_prefix('_')?;
        Some(format!("{}.{part}", field.code))
    });
    part.unwrap_or_else(|| column.to_owned())
}
