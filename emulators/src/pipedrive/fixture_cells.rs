//! Cells of fixtures: which field a column names, and how a text is read as the field's type.

use serde_json::{Map, Value as Json, json};

use super::{
    account::Account,
    fields::{Access, Field},
    forms::Form,
    kinds::Kind,
};

/// Puts one cell where a body has it.
pub(super) fn place(
    account: &Account,
    kind: Kind,
    (column, cell): (&str, &Json),
    body: &mut Map<String, Json>,
) -> Result<(), String> {
    if matches!(kind, Kind::Leads | Kind::Notes) {
        let value = cell
            .as_str()
            .and_then(|text| text.parse::<u64>().ok())
            .filter(|_| column.ends_with("_id") && column != "lead_id");
        body.insert(column.to_owned(), value.map_or_else(|| cell.clone(), |id| json!(id)));
        return Ok(());
    }
    let (name, part) = match column.rsplit_once('.') {
        Some((name, part)) if find(account, kind, name)?.is_some() => (name, Some(part)),
        _ => (column, None),
    };
    let field = find(account, kind, name)?.ok_or_else(|| format!("column `{column}` is no field"))?;
    let value = if part.is_some() || !cell.is_string() {
        cell.clone()
    } else {
        typed(field, cell.as_str().unwrap_or_default())
    };
    let home = if field.is_custom {
        let custom = body.entry("custom_fields").or_insert_with(|| json!({}));
        custom.as_object_mut().ok_or("custom_fields is not an object")?
    } else {
        body
    };
    if let Some(part) = part {
        home.entry(field.code.clone()).or_insert_with(|| json!({}))[part] = number_or_text(&value, part);
    } else if home.get(&field.code).is_some_and(Json::is_object) && value.is_object() {
        // A part came first.
        home[&field.code]["value"] = value["value"].clone();
    } else {
        home.insert(field.code.clone(), value);
    }
    Ok(())
}

fn number_or_text(value: &Json, part: &str) -> Json {
    let parsed = value.as_str().and_then(|text| serde_json::from_str::<Json>(text).ok());
    parsed.filter(|parsed| parsed.is_number() && part == "value").unwrap_or_else(|| value.clone())
}

/// Finds a field by its code or, where one alone has it, by its name.
fn find<'account>(account: &'account Account, kind: Kind, name: &str) -> Result<Option<&'account Field>, String> {
    if let Some(field) = account.field(kind, name) {
        let is_written =
            field.is_custom || matches!(field.access, Access::Rw | Access::Sync | Access::Create | Access::Participant);
        return if is_written { Ok(Some(field)) } else { Err(format!("`{name}` is kept by Pipedrive")) };
    }
    let mut named = account.fields(kind).iter().filter(|field| field.is_custom && field.name == name);
    match (named.next(), named.next()) {
        (Some(_), Some(_)) => Err(format!("two fields are called `{name}`: name one by its hash")),
        (found, _) => Ok(found),
    }
}

/// Reads a cell of a CSV file as the field's type.
fn typed(field: &Field, text: &str) -> Json {
    let number = || serde_json::from_str::<Json>(text).ok().filter(Json::is_number).unwrap_or_else(|| json!(text));
    let list = || text.split([';', ',']).map(str::trim).filter(|part| !part.is_empty());
    match field.form {
        Form::Varchar
        | Form::Text
        | Form::LongText
        | Form::Date
        | Form::Moment
        | Form::Clock
        | Form::Currency
        | Form::Status
        | Form::ActivityType
        | Form::Frequency
        | Form::Marketing
        | Form::Lead => json!(text),
        Form::Boolean => json!(matches!(text, "true" | "1")),
        Form::Options | Form::Labels => {
            list().map(|part| serde_json::from_str(part).unwrap_or_else(|_| json!(part))).collect()
        }
        Form::Contacts => text.split(';').map(contact).collect(),
        Form::Participants => {
            list().filter_map(|id| id.parse::<u64>().ok()).map(|id| json!({"person_id": id})).collect()
        }
        Form::Money => json!({"value": number()}),
        Form::Address | Form::DateRange | Form::TimeOfDay | Form::TimeRange => json!({"value": text}),
        _ => number(),
    }
}

fn contact(text: &str) -> Json {
    match text.trim().split_once(':') {
        Some((label, value)) => json!({"value": value, "label": label}),
        None => json!({"value": text.trim()}),
    }
}

/// Returns the text of a cell.
pub(super) fn as_text(cell: &Json) -> String {
    cell.as_str().map_or_else(|| cell.to_string(), str::to_owned)
}
