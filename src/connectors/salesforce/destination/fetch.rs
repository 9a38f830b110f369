//! Looks records up by id or key.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;

use crate::connector::{ConnectorError, ErrorKind, FetchRequest, Selection, age};
use crate::model::{FieldName, Fields, Record, Value};

use super::{
    super::{
        errors, limits,
        names::{is_path, normal_id},
        schema::{ID_FIELD, Kind, ObjectInfo, SalesforceField, decode},
        soql::{Query, is_in, literal, text_literal},
        source::unknown_field,
    },
    SalesforceDestination,
};

impl SalesforceDestination {
    pub(super) async fn fetch_records(
        &self,
        info: &ObjectInfo,
        request: &FetchRequest,
    ) -> Result<Vec<Record>, ConnectorError> {
        let fields = named(info, &request.fields)?;
        let (conditions, join): (Vec<String>, Join) = match &request.selection {
            Selection::Ids(ids) => (ids.iter().map(|id| text_literal(&normal_id(id))).collect(), Join::In(ID_FIELD)),
            Selection::Keys { fields: key, values } => keys(&named(info, key)?, values)?,
        };
        let mut found = Vec::new();
        let names = selected(&fields);
        for conditions in cut(&conditions, &select(info, &names, String::new())) {
            let soql = select(info, &names, join.condition(conditions));
            for record in self.catalog.api.look_up(&soql, asked_for(&request.selection), &names).await? {
                found.push(typed(&fields, &record)?);
            }
        }
        Ok(found)
    }

    /// Returns how long ago records were created, by their ids.
    pub(super) async fn ages_of(
        &self,
        info: &ObjectInfo,
        ids: &[String],
    ) -> Result<HashMap<String, Duration>, ConnectorError> {
        let query = |conditions| {
            Query { fields: vec![ID_FIELD, CREATED], object: &info.name, conditions, order_by: None }.text()
        };
        let literals: Vec<String> = ids.iter().map(|id| text_literal(&normal_id(id))).collect();
        let mut ages = HashMap::with_capacity(ids.len());
        for literals in cut(&literals, &query(Vec::new())) {
            let page = self.catalog.api.query(&query(vec![is_in(ID_FIELD, literals)]), false).await?;
            let Some(answered_at) = page.at else { continue };
            ages.extend(page.content.records.iter().filter_map(|record| {
                let Ok(Value::DateTime(created_at)) = decode(Kind::DateTime, &record[CREATED]) else { return None };
                Some((normal_id(record[ID_FIELD].as_str()?), age(created_at, answered_at)?))
            }));
        }
        Ok(ages)
    }
}

/// The field with the moment when a record came into being. Each object that can be written has it.
const CREATED: &str = "CreatedDate";

/// Returns what tells a record that a selection asks for, as far as ids and texts tell.
fn asked_for(selection: &Selection) -> impl Fn(&Json) -> bool + Send + Sync + 'static {
    let plain = |text: &str| text.trim().to_lowercase();
    let (name, wanted): (FieldName, HashSet<String>) = match selection {
        Selection::Ids(ids) => (FieldName::new(ID_FIELD), ids.iter().map(|id| plain(&normal_id(id))).collect()),
        Selection::Keys { fields, values } => {
            let texts = values.iter().filter_map(|values| match values.first() {
                Some(Value::Text(text)) => Some(plain(text)),
                _ => None,
            });
            (fields.first().cloned().unwrap_or_else(|| FieldName::new("")), texts.collect())
        }
    };
    // A value of another type, or a field that is not read under its name, proves nothing.
    move |record| wanted.is_empty() || record[name.as_str()].as_str().is_none_or(|text| wanted.contains(&plain(text)))
}

/// How the parts of a condition are put together.
enum Join<'info> {
    /// Literals of one field.
    In(&'info str),
    /// Conditions; at least one must hold.
    Or,
}

impl Join<'_> {
    fn condition(&self, parts: &[String]) -> String {
        match self {
            Self::In(field) => is_in(field, parts),
            Self::Or => format!("({})", parts.join(" OR ")),
        }
    }
}

/// Puts keys into conditions. A key that no value of the field can be (a word for a number) is left out: no record has it.
fn keys<'info>(
    fields: &[&'info SalesforceField],
    values: &[Vec<Value>],
) -> Result<(Vec<String>, Join<'info>), ConnectorError> {
    if let Some(field) = fields.iter().find(|field| !field.is_filterable) {
        let message = format!("Salesforce cannot look records up by `{}`", field.field.name);
        return Err(ConnectorError::new(ErrorKind::NotFound, "no_key_field", message)
            .with_hint("take another field for `key`, best an external id"));
    }
    if let [field] = fields {
        let literals = values.iter().filter_map(|values| literal(field, values.first()?));
        return Ok((literals.collect(), Join::In(field.field.name.as_str())));
    }
    let equals = |values: &Vec<Value>| -> Option<String> {
        let pairs = fields.iter().zip(values);
        let parts: Option<Vec<String>> =
            pairs.map(|(field, value)| Some(format!("{} = {}", field.field.name, literal(field, value)?))).collect();
        Some(format!("({})", parts?.join(" AND ")))
    };
    Ok((values.iter().filter_map(equals).collect(), Join::Or))
}

/// Returns the names that are selected, each once, the id's first.
fn selected<'field>(fields: &[&'field SalesforceField]) -> Vec<&'field str> {
    let mut names = vec![ID_FIELD];
    for name in fields.iter().map(|field| read_name(field)) {
        if is_path(name) && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn select(info: &ObjectInfo, names: &[&str], condition: String) -> String {
    let conditions = Some(condition).filter(|condition| !condition.is_empty()).into_iter().collect();
    Query { fields: names.to_vec(), object: &info.name, conditions, order_by: None }.text()
}

/// Returns the field that is read: where a parent is named by a key, the field with its id tells whether there is one.
fn read_name(field: &SalesforceField) -> &str {
    field.parent.as_ref().map_or(field.field.name.as_str(), |path| path.reference.as_str())
}

/// Cuts the parts of a condition so that each query fits its URL.
fn cut<'part>(parts: &'part [String], frame: &str) -> Vec<&'part [String]> {
    let bytes = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).map(str::len).sum::<usize>();
    let room = limits::MAX_URL_QUERY_BYTES.saturating_sub(bytes(frame));
    let (mut pieces, mut begin, mut used) = (Vec::new(), 0, 0);
    for (place, part) in parts.iter().enumerate() {
        // The comma, or the word between two conditions.
        let part_bytes = bytes(part) + 12;
        if used + part_bytes > room && place > begin {
            pieces.push(&parts[begin..place]);
            (begin, used) = (place, 0);
        }
        used += part_bytes;
    }
    if begin < parts.len() {
        pieces.push(&parts[begin..]);
    }
    pieces
}

fn named<'info>(info: &'info ObjectInfo, names: &[FieldName]) -> Result<Vec<&'info SalesforceField>, ConnectorError> {
    names.iter().map(|name| info.field(name).ok_or_else(|| unknown_field(name, &info.name))).collect()
}

fn typed(fields: &[&SalesforceField], record: &Json) -> Result<Record, ConnectorError> {
    let id = record[ID_FIELD].as_str().map(normal_id).ok_or_else(|| errors::unexpected("a record has no id"))?;
    let mut values = Fields::new();
    for field in fields {
        // What does not fit its own type cannot have been written by anybody.
        let kind = if field.parent.is_some() { Kind::Reference } else { field.kind };
        if let Ok(value) = decode(kind, record.get(read_name(field)).unwrap_or(&Json::Null))
            && !value.is_null()
        {
            values.insert(field.field.name.clone(), value);
        }
    }
    Ok(Record { id, fields: values, place: None, merged_into: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_cut_to_the_length_of_a_url_and_none_is_lost() {
        let parts: Vec<String> = (0..900).map(|at| format!("'person{at}@example.test'")).collect();
        let pieces = cut(&parts, "SELECT Id FROM Contact");
        assert!(pieces.len() > 1);
        assert_eq!(pieces.concat(), parts);
        for piece in pieces {
            let query = format!("SELECT Id FROM Contact WHERE {}", is_in("Email", piece));
            let encoded: String = utf8_percent_encode(&query, NON_ALPHANUMERIC).collect();
            assert!(encoded.len() <= limits::MAX_URL_QUERY_BYTES + 100, "{}", encoded.len());
        }
    }
}
