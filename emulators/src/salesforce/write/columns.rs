//! Names in requests and what they mean: a field, or a parent's key.

use serde_json::{Map, Value as Json};

use super::super::{
    errors::Problem,
    org::Org,
    values::{CLEAR, Sent},
};

/// What a name in a request stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Column {
    /// A field of the record.
    Field(u16),
    /// A parent, by a key of its own.
    Parent {
        /// The reference.
        field: u16,
        /// The parent's object.
        target: usize,
        /// The parent's field.
        key: u16,
    },
}

/// A value that outlives its request's body.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Cell {
    /// Of a JSON body.
    Json(Json),
    /// Of a CSV cell.
    Text(String),
}

impl Cell {
    /// Returns it as what is checked.
    pub(in super::super) fn sent(&self) -> Sent<'_> {
        match self {
            Self::Json(json) => Sent::Json(json),
            Self::Text(text) => Sent::Text(text),
        }
    }

    /// Returns it as text; an empty one says to clear.
    pub(in super::super) fn text(&self) -> String {
        match self {
            Self::Text(text) if text == CLEAR => String::new(),
            Self::Text(text) | Self::Json(Json::String(text)) => text.trim().to_owned(),
            Self::Json(Json::Null) => String::new(),
            Self::Json(json) => json.to_string(),
        }
    }
}

/// One record of a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in super::super) struct Row {
    /// Its id, as it was sent.
    pub(in super::super) id: Option<String>,
    /// Its values.
    pub(in super::super) cells: Vec<(Column, Cell)>,
}

impl Row {
    /// Returns the text of a field; none when the row says nothing about it.
    pub(in super::super) fn text(&self, field: u16) -> Option<String> {
        let is_it = |(column, _): &&(Column, Cell)| *column == Column::Field(field);
        self.cells.iter().find(is_it).map(|(_, cell)| cell.text())
    }
}

/// Reads a record of a JSON body. `attributes` is left aside.
pub(in super::super) fn row_of_json(org: &Org, object: usize, record: &Map<String, Json>) -> Result<Row, Problem> {
    let mut row = Row::default();
    for (name, value) in record {
        if name.eq_ignore_ascii_case("attributes") {
            continue;
        }
        if name.eq_ignore_ascii_case("id") {
            row.id = match value {
                Json::String(id) if !id.is_empty() => Some(id.clone()),
                Json::String(_) | Json::Null => None,
                other => Some(other.to_string()),
            };
            continue;
        }
        let kind = org.object(object);
        if let Some(place) = kind.place(name) {
            row.cells.push((Column::Field(place), Cell::Json(value.clone())));
            continue;
        }
        row.cells.push(parent_of_json(org, object, name, value)?);
    }
    Ok(row)
}

fn parent_of_json(org: &Org, object: usize, name: &str, value: &Json) -> Result<(Column, Cell), Problem> {
    let unknown = || unknown_field(org, object, name);
    let (field, declared) = org.object(object).relation(name).ok_or_else(unknown)?;
    let Json::Object(parent) = value else { return Err(unknown()) };
    let named = parent.get("attributes").and_then(|it| it.get("type")).and_then(Json::as_str);
    let target = match (named, declared.targets.as_slice()) {
        (Some(named), targets) => {
            org.catalog.find(named).filter(|target| targets.contains(target)).ok_or_else(unknown)?
        }
        (None, [target]) => *target,
        (None, _) => {
            let message =
                format!("Cannot determine the type of the foreign key reference {name}: name it in attributes");
            return Err(Problem::new("INVALID_FIELD", message));
        }
    };
    let mut keys = parent.iter().filter(|(key, _)| !key.eq_ignore_ascii_case("attributes"));
    let (Some((key, value)), None) = (keys.next(), keys.next()) else {
        return Err(Problem::new(
            "INVALID_FIELD",
            format!("More than 1 field provided in an external foreign key reference in entity: {name}"),
        ));
    };
    let column = parent_column(org, field, target, key)?;
    Ok((column, Cell::Json(value.clone())))
}

fn parent_column(org: &Org, field: u16, target: usize, key: &str) -> Result<Column, Problem> {
    let found = org.object(target).find(key);
    match found {
        Some((key, declared)) if declared.is_key() => Ok(Column::Parent { field, target, key }),
        Some(_) => {
            let name = &org.object(target).spec.name;
            Err(Problem::new(
                "INVALID_FIELD",
                format!("Field name provided, {key} is not an External ID or indexed field for {name}"),
            ))
        }
        None => Err(unknown_field(org, target, key)),
    }
}

fn unknown_field(org: &Org, object: usize, name: &str) -> Problem {
    let kind = &org.object(object).spec.name;
    Problem::new("INVALID_FIELD", format!("No such column '{name}' on sobject of type {kind}"))
}

/// Reads the header of a CSV file. `None` stands for the id.
pub(in super::super) fn header(org: &Org, object: usize, names: &[String]) -> Result<Vec<Option<Column>>, String> {
    names.iter().map(|name| column(org, object, name)).collect()
}

fn column(org: &Org, object: usize, name: &str) -> Result<Option<Column>, String> {
    let unknown = || format!("InvalidBatch : Field name not found : {name}");
    if name.eq_ignore_ascii_case("id") {
        return Ok(None);
    }
    let kind = org.object(object);
    let Some((relation, key)) = name.split_once('.') else {
        return kind.place(name).map(|place| Some(Column::Field(place))).ok_or_else(unknown);
    };
    let (named, relation) = match relation.split_once(':') {
        Some((named, relation)) => (Some(named), relation),
        None => (None, relation),
    };
    let (field, declared) = kind.relation(relation).ok_or_else(unknown)?;
    let target = match (named, declared.targets.as_slice()) {
        (None, [target]) => *target,
        (Some(_), [_]) => {
            return Err(format!(
                "InvalidBatch : type is not needed for non polymorphic foreign key references : {name}"
            ));
        }
        (Some(named), targets) => org.catalog.find(named).filter(|it| targets.contains(it)).ok_or_else(unknown)?,
        (None, _) => {
            return Err(format!("InvalidBatch : type is needed for polymorphic foreign key references : {name}"));
        }
    };
    let column = parent_column(org, field, target, key).map_err(|_| unknown())?;
    Ok(Some(column))
}
