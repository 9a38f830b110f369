//! What a query's columns are, as the vendor's own command line asks before it prints a table (`&columns=true`).
//!
//! The shape is that of the types which the command line and its editor read; the words for Apex types are not documented.

use serde_json::{Value as Json, json};

use super::{
    super::{
        catalog::{FieldSpec, FieldType, Object},
        org::Org,
    },
    plan::{GroupColumn, Last, Path, Query, Selected, Step},
};

/// Describes the columns of a query.
pub(in super::super) fn describe(org: &Org, query: &Query) -> Json {
    let kind = org.object(query.object);
    let columns = if query.is_aggregate() {
        query.columns.iter().map(|column| group_column(org, query.object, column)).collect()
    } else {
        selected(org, query.object, &query.selected)
    };
    let is_id = |item: &Selected| matches!(item, Selected::Value(path) if path.own() == kind.place("Id"));
    json!({
        "columnMetadata": columns,
        "entityName": kind.spec.name,
        "groupBy": query.is_aggregate(),
        "idSelected": query.selected.iter().any(is_id),
        "keyPrefix": kind.spec.key_prefix,
    })
}

fn selected(org: &Org, object: usize, items: &[Selected]) -> Vec<Json> {
    let mut columns = Vec::new();
    for item in items {
        match item {
            Selected::Value(path) => add(org, org.object(object), &path.steps, path, &mut columns),
            Selected::TypeOf(it) => {
                let mut column = joined(&it.step.name, false);
                let of_case = |(target, paths): &(usize, Vec<Path>)| {
                    let described: Vec<Json> =
                        paths.iter().map(|path| self::column(&path.name, spec(org.object(*target), path))).collect();
                    described
                };
                column["joinColumns"] = it.cases.iter().flat_map(of_case).collect();
                columns.push(column);
            }
            Selected::Children { name, query, .. } => {
                let mut column = joined(name, true);
                column["joinColumns"] = Json::Array(selected(org, query.object, &query.selected));
                columns.push(column);
            }
        }
    }
    columns
}

/// Adds a column below those of its parents.
fn add(org: &Org, object: &Object, steps: &[Step], path: &Path, columns: &mut Vec<Json>) {
    let Some((step, rest)) = steps.split_first() else {
        columns.push(column(&path.name, spec(object, path)));
        return;
    };
    let place = columns.iter().position(|column| column["columnName"] == step.name.as_str());
    let place = place.unwrap_or_else(|| {
        columns.push(joined(&step.name, false));
        columns.len() - 1
    });
    let target = object.field(step.field).targets.first().map_or(object, |target| org.object(*target));
    let mut below = columns[place]["joinColumns"].as_array().cloned().unwrap_or_default();
    add(org, target, rest, path, &mut below);
    columns[place]["joinColumns"] = Json::Array(below);
}

fn spec<'o>(object: &'o Object, path: &Path) -> Option<&'o FieldSpec> {
    match &path.last {
        Last::Place(place, _) => Some(&object.field(*place).spec),
        Last::Named(name) => object.find(name).map(|(_, field)| &field.spec),
    }
}

fn column(name: &str, spec: Option<&FieldSpec>) -> Json {
    let kind = spec.map_or(FieldType::String, |spec| spec.kind);
    let is_number = kind.is_number();
    json!({
        "aggregate": false,
        "apexType": apex_type(kind),
        "booleanType": kind == FieldType::Boolean,
        "columnName": name,
        "custom": spec.is_some_and(FieldSpec::is_custom),
        "displayName": name,
        "foreignKeyName": spec.and_then(|spec| spec.relationship_name.clone()),
        "insertable": spec.is_some_and(|spec| spec.createable),
        "joinColumns": [],
        "numberType": is_number,
        "textType": !is_number && kind != FieldType::Boolean,
        "updatable": spec.is_some_and(FieldSpec::updateable),
    })
}

/// A parent, or children.
fn joined(name: &str, is_of_children: bool) -> Json {
    let mut column = column(name, None);
    column["aggregate"] = is_of_children.into();
    column["apexType"] = "complexvaluetype".into();
    column["textType"] = false.into();
    column
}

fn group_column(org: &Org, object: usize, group: &GroupColumn) -> Json {
    let spec = group.path.as_ref().filter(|path| path.steps.is_empty()).and_then(|path| spec(org.object(object), path));
    let mut column = column(&group.name, spec);
    if let Some(call) = &group.call {
        let argument = group.path.as_ref().map(Path::dotted).unwrap_or_default();
        column["aggregate"] = true.into();
        column["displayName"] = format!("{call}({argument})").into();
        for name in ["insertable", "updatable"] {
            column[name] = false.into();
        }
    }
    column
}

fn apex_type(kind: FieldType) -> &'static str {
    match kind {
        FieldType::Id | FieldType::Reference => "Id",
        FieldType::Boolean => "Boolean",
        FieldType::Int => "Integer",
        FieldType::Double | FieldType::Currency | FieldType::Percent => "Double",
        FieldType::Date => "Date",
        FieldType::Datetime => "Datetime",
        FieldType::Time => "Time",
        FieldType::Base64 => "Blob",
        FieldType::Address | FieldType::Location => "complexvaluetype",
        FieldType::Anytype => "Object",
        FieldType::String
        | FieldType::Textarea
        | FieldType::Email
        | FieldType::Phone
        | FieldType::Url
        | FieldType::Picklist
        | FieldType::Multipicklist
        | FieldType::Combobox
        | FieldType::Encryptedstring => "String",
    }
}
