//! A table as a fixture of the local Google Sheets: a tab of its own, with the number formats of its columns.
//!
//! What formulas give is kept as values: the cells that they speak of may not be in the fixture.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::connector::FixtureForm;
use crate::model::{FieldName, ObjectName};

use super::{config::Tables, table::Table};

/// The zone of a recorded spreadsheet. Moments are recorded in UTC.
const TIME_ZONE: &str = "Etc/GMT";

/// Returns the form of a table's fixture.
pub(super) fn form(table: &Table, object: &ObjectName, tables: &Tables) -> FixtureForm {
    let columns = table.columns.iter().map(|column| {
        let mut described = Map::from_iter([("name".to_owned(), Json::from(column.name.as_str()))]);
        let format = column.format.iter().filter(|format| !format.kind.is_empty());
        for format in format {
            described.insert("format".to_owned(), Json::from(format.kind.as_str()));
            if !format.pattern.is_empty() {
                described.insert("pattern".to_owned(), Json::from(format.pattern.as_str()));
            }
        }
        Json::Object(described)
    });
    // A range becomes a tab of its name, whose header is where the options say, else in its first row.
    let is_tab = table.place.title == object.as_str();
    let header_row = if is_tab { Some(table.place.header_row) } else { tables.header_row(object) };
    FixtureForm {
        fields: table.columns.iter().map(|column| FieldName::new(&column.name)).collect(),
        schema: json!({ "columns": columns.collect::<Vec<_>>(), "header_row": header_row.unwrap_or(0) + 1 }),
        beside: BTreeMap::from([("spreadsheet".to_owned(), json!({ "time_zone": TIME_ZONE }))]),
        ..FixtureForm::default()
    }
}
