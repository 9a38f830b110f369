//! An object as a fixture of the local Pipedrive: its fields with those that people made, and the users, pipelines and stages
//! that its records name.
//!
//! Records keep names in the place of ids. What a company alone can say (labels, visibility, contact sync) is left out.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::connector::{ConnectorError, ErrorKind, FixtureForm};
use crate::model::{FieldName, ObjectName};

use super::{
    object::Object,
    schema::{Catalog, Column, Kind, ObjectInfo, Part, Property},
};

/// Returns the form of an object's fixture.
pub(super) async fn form(catalog: &Catalog, object: &ObjectName) -> Result<FixtureForm, ConnectorError> {
    let info = catalog.object(object).await?;
    if own_fields(info.object).is_empty() {
        let message = format!("records of `{object}` are no fixtures of their own");
        return Err(ConnectorError::new(ErrorKind::NotFound, "not_recordable", message));
    }
    let kept: Vec<&Column> = info.columns().iter().filter(|column| is_kept(&info, column)).collect();
    let (links, fields): (Vec<_>, Vec<_>) = kept.into_iter().partition(|column| target(&info, column).is_some());
    let name = |column: &Column| column.field.name.clone();
    let mut records_beside = BTreeMap::from([("users".to_owned(), users(catalog).await?)]);
    let mut beside = BTreeMap::new();
    if info.object == Object::Deals {
        beside.insert("company".to_owned(), json!({ "pipelines": catalog.pipelines().await?.described() }));
    }
    records_beside.retain(|_, records| !records.is_empty());
    Ok(FixtureForm {
        fields: fields.into_iter().map(name).collect(),
        links: links.into_iter().map(|column| (name(column), target(&info, column).into_iter().collect())).collect(),
        updated_at: Some(FieldName::new("update_time")),
        schema: json!({ "fields": info.properties.iter().filter_map(described).collect::<Vec<_>>() }),
        beside,
        records_beside,
    })
}

/// The fields of Pipedrive's own that mean the same in every company; none of what cannot be recorded.
fn own_fields(object: Object) -> &'static [&'static str] {
    match object {
        Object::Persons => &["name", "owner_id", "org_id", "add_time", "emails", "phones"],
        Object::Organizations => {
            &["name", "owner_id", "add_time", "address", "website", "linkedin", "employee_count", "annual_revenue"]
        }
        Object::Deals => &[
            "title",
            "owner_id",
            "person_id",
            "org_id",
            "pipeline_id",
            "stage_id",
            "value",
            "currency",
            "add_time",
            "is_archived",
            "status",
            "lost_reason",
            "expected_close_date",
        ],
        Object::Activities => &[
            "subject",
            "type",
            "owner_id",
            "deal_id",
            "org_id",
            "participants",
            "due_date",
            "due_time",
            "duration",
            "busy",
            "done",
            "public_description",
            "note",
        ],
        Object::Products => &["name", "code", "description", "unit", "tax", "owner_id"],
        Object::Notes => &["content", "deal_id", "person_id", "org_id", "add_time"],
        Object::Leads | Object::Users | Object::Pipelines | Object::Stages => &[],
    }
}

/// Tells whether a fixture holds a column. Of lists, the column with all of them is enough.
fn is_kept(info: &ObjectInfo, column: &Column) -> bool {
    let property = info.property(column);
    let is_own = own_fields(info.object).contains(&property.code.as_str());
    let is_list_part = matches!(column.part, Part::Primary | Part::Labelled(_));
    (is_own || described(property).is_some()) && !is_list_part
}

/// Returns the object that a column links to.
fn target(info: &ObjectInfo, column: &Column) -> Option<ObjectName> {
    match info.property(column).kind {
        Kind::Link(object) => Some(ObjectName::new(object.name())),
        Kind::People => Some(ObjectName::new(Object::Persons.name())),
        _ => None,
    }
}

/// Describes a field that people made, as a fixture does; none for what no company can make.
fn described(property: &Property) -> Option<Json> {
    let field_type = match property.kind {
        _ if !property.is_custom => return None,
        Kind::Text | Kind::Clock => "varchar",
        Kind::LongText => "text",
        Kind::Integer | Kind::Number => "double",
        Kind::Date => "date",
        Kind::Option => "enum",
        Kind::Set => "set",
        Kind::Money => "monetary",
        Kind::DateRange => "daterange",
        Kind::Time => "time",
        Kind::TimeRange => "timerange",
        Kind::Address => "address",
        Kind::User => "user",
        Kind::Link(Object::Organizations) => "org",
        Kind::Link(Object::Persons) => "people",
        Kind::Boolean
        | Kind::Moment
        | Kind::LeadValue
        | Kind::Prices
        | Kind::Pipeline
        | Kind::Stage
        | Kind::Link(_)
        | Kind::People
        | Kind::Contacts
        | Kind::Json => return None,
    };
    let mut field = json!({ "name": property.label, "type": field_type, "code": property.code });
    if matches!(property.kind, Kind::Option | Kind::Set) {
        field["options"] = property.options.described();
    }
    Some(field)
}

/// Returns the users who own records.
async fn users(catalog: &Catalog) -> Result<Vec<Map<String, Json>>, ConnectorError> {
    let users = catalog.users().await?;
    let one = |(id, email, is_active): (&str, &str, bool)| {
        let user = json!({ "id": id, "name": email, "email": email, "is_active": is_active });
        user.as_object().cloned().unwrap_or_default()
    };
    Ok(users.all().map(one).collect())
}
