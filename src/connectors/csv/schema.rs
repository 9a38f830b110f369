//! The columns of a CSV file as fields.

use crate::connector::file::{field_name, plain_label};
use crate::model::{Field, FieldType, ObjectName, Schema};

/// Returns the fields of a file: every column that has a name, as text. A name with needless blanks can also be written without.
pub(super) fn schema(object: &ObjectName, header: &[String], id_columns: &[String]) -> Schema {
    let named = header.iter().filter(|name| !name.is_empty());
    let fields = named.filter_map(|name| {
        let mut field = Field::new(field_name(name, id_columns)?, FieldType::Text);
        field.label = plain_label(name, header);
        Some(field)
    });
    Schema { object: object.clone(), fields: fields.collect(), is_open: false }
}
