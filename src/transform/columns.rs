//! Which columns a frame of a schema has, and their types.

use polars::prelude as pl;

use crate::model::{
    DELETED, FILE_PREFIX, Field, FieldName, FieldType, ID, LINK_PREFIX, Schema, UPDATED_AT, is_reserved, nearest,
    visible,
};

use super::error::TransformError;

/// Returns the type of a column of a frame: a field of the schema, or one that Ferry puts into every frame.
pub(super) fn type_of(schema: &Schema, column: &str) -> Option<FieldType> {
    match column {
        ID => Some(FieldType::Text),
        UPDATED_AT => Some(FieldType::Datetime),
        DELETED => Some(FieldType::Boolean),
        link if link.starts_with(LINK_PREFIX) => Some(FieldType::Link),
        field => schema.field(field).map(|field| field.field_type),
    }
}

/// Returns the type of a column, or says that there is none and which name is nearest.
pub(super) fn require(schema: &Schema, column: &str) -> Result<FieldType, TransformError> {
    refuse_ambiguous(schema, column)?;
    // No record holds anything in a field that an open schema does not list.
    let known = type_of(schema, column).or(schema.is_open.then_some(FieldType::Text));
    known.ok_or_else(|| unknown_field(schema, column, "`ferry describe` lists its fields"))
}

/// Refuses a name of Ferry's own where the file has a column of that name too: nobody can tell which of the two is meant.
pub(super) fn refuse_ambiguous(schema: &Schema, column: &str) -> Result<(), TransformError> {
    let of_file = format!("{FILE_PREFIX}{column}");
    if !is_reserved(column) || schema.field(&of_file).is_none() {
        return Ok(());
    }
    let message = format!("`{column}` is a name of Ferry's own, and `{}` has a column of that name too", schema.object);
    let hint = if column == ID {
        format!("write `{of_file}` for the file's column, or set `id: {ID}` at the connection: then both are the same")
    } else {
        format!("write `{of_file}` for the file's column")
    };
    Err(TransformError::new("transform.reserved", message).hint(hint))
}

/// Says that a frame of the schema has no such column, with the nearest name, or this hint where no name is near.
pub(super) fn unknown_field(schema: &Schema, column: &str, hint: impl Into<String>) -> TransformError {
    if has_no_fields(schema) {
        return no_fields(schema, column);
    }
    let known = schema.fields.iter().map(|field| field.name.as_str()).chain([ID, UPDATED_AT, DELETED]);
    TransformError::new("transform.unknown_field", format!("`{}` has no field `{column}`", schema.object))
        .hint(hint)
        .nearest(column, known)
}

/// Tells whether nothing but what Ferry puts into every frame is known of an object.
fn has_no_fields(schema: &Schema) -> bool {
    schema.fields.iter().all(|field| is_reserved(&field.name))
}

/// A file may name no column, and a record nothing but its id.
fn no_fields(schema: &Schema, columns: &str) -> TransformError {
    let message = format!("`{}` has no field `{columns}`, and no other either", schema.object);
    TransformError::new("transform.unknown_field", message)
}

/// Says that a frame of the schema has none of these columns, with the nearest name of each.
pub(super) fn unknown_fields(schema: &Schema, columns: &[&str]) -> TransformError {
    if has_no_fields(schema) {
        return no_fields(schema, &columns.join("`, `"));
    }
    let known = || schema.fields.iter().map(|field| field.name.as_str()).chain([ID, UPDATED_AT, DELETED]);
    let near = |column: &&str| Some(format!("`{}` for `{column}`", visible(nearest(column, known())?)));
    let near: Vec<String> = columns.iter().filter_map(near).collect();
    let message = format!("`{}` has no fields `{}`", schema.object, columns.join("`, `"));
    let error = TransformError::new("transform.unknown_field", message);
    if near.is_empty() {
        error.hint("`ferry describe` lists its fields")
    } else {
        error.hint(format!("did you mean {}?", near.join(", ")))
    }
}

/// Returns the polars schema of these columns; those that the schema does not have are left out.
pub(super) fn polars_schema<'a>(schema: &Schema, columns: impl IntoIterator<Item = &'a str>) -> pl::Schema {
    columns
        .into_iter()
        .filter_map(|name| type_of(schema, name).map(|field_type| (name.into(), field_type.dtype())))
        .collect()
}

/// Returns the polars schema of all columns that a frame of the schema has, linked ids excepted.
pub(super) fn full_polars_schema(schema: &Schema) -> pl::Schema {
    let fields = schema.fields.iter().map(|field| field.name.as_str());
    polars_schema(schema, [ID, UPDATED_AT, DELETED].into_iter().chain(fields))
}

/// Sets the type of a field, adding the field where the schema has none of that name.
pub(super) fn set(schema: &mut Schema, name: &str, field_type: FieldType) {
    let fresh = Field::new(name, field_type);
    match schema.fields.iter_mut().find(|field| field.name.as_str() == name) {
        Some(field) if field.field_type == field_type => {}
        Some(field) => *field = fresh,
        None => schema.fields.push(fresh),
    }
}

/// Returns the type of field that can hold a column of this dtype, if one can.
pub(super) fn field_type_of(dtype: &pl::DataType) -> Option<FieldType> {
    use pl::DataType as D;
    match dtype {
        D::String | D::Null => Some(FieldType::Text),
        D::Boolean => Some(FieldType::Boolean),
        D::Date => Some(FieldType::Date),
        D::Datetime(..) => Some(FieldType::Datetime),
        D::List(_) => Some(FieldType::MultiChoice),
        number if number.is_integer() => Some(FieldType::Integer),
        number if number.is_float() => Some(FieldType::Number),
        _ => None,
    }
}

/// Casts a column of any dtype that a field can hold to the one dtype that its type of field has.
pub(super) fn normalise(column: pl::Expr, dtype: &pl::DataType, field_type: FieldType) -> pl::Expr {
    match dtype {
        pl::DataType::Datetime(_, None) => column
            .dt()
            .replace_time_zone(Some(pl::TimeZone::UTC), pl::lit("raise"), pl::NonExistent::Raise)
            .cast(field_type.dtype()),
        _ if *dtype == field_type.dtype() => column,
        _ => column.cast(field_type.dtype()),
    }
}

/// Returns a field's name as the vocabulary has it.
pub(super) fn field_name(name: &str) -> FieldName {
    FieldName::new(name)
}
