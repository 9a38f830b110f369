//! What objects look like: their properties as fields, the links, and the fields that a read fills in from elsewhere.

mod catalog;
mod value;

use std::collections::HashMap;

use crate::model::{Choice, Field, FieldName, FieldType, ObjectName, Schema, link_field};

use super::{client::WireProperty, limits};

pub(super) use catalog::{Catalog, LinkType, Meaning, Owners, Pipelines, going_round};
pub(super) use value::{decode, encode, search_text};

/// The property that names a record's owner on every object.
pub(super) const OWNER_PROPERTY: &str = "hubspot_owner_id";
/// The property of contacts and companies whose value only moves forward: an earlier stage is taken only after it was cleared. Said
/// of the vendor, not tried on a paying account.
const LIFECYCLE_PROPERTY: &str = "lifecyclestage";
/// The field with the owner's e-mail address, which a read fills in.
pub(super) const OWNER_EMAIL: &str = "hubspot_owner_email";
/// Ends the names of the fields with the name of a pipeline or stage, which a read fills in.
const LABEL_SUFFIX: &str = "_label";

/// An object's properties.
#[derive(Debug)]
pub(super) struct ObjectInfo {
    pub(super) object: ObjectName,
    properties: Vec<Property>,
    places: HashMap<FieldName, usize>,
}

/// One property, as a field and what else the connector needs to know of it.
#[derive(Debug, Clone)]
pub(super) struct Property {
    pub(super) field: Field,
    /// Whether the vendor calls it a `string`: searches treat those differently from enumerations.
    pub(super) is_string: bool,
    /// Whether its values are ids of owners.
    pub(super) is_owner: bool,
}

/// A field that a read fills in from a property and another list of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Derived {
    /// The e-mail address of the owner in [`OWNER_PROPERTY`].
    OwnerEmail,
    /// The name of the pipeline in this property.
    PipelineLabel(&'static str),
    /// The name of the stage in this property.
    StageLabel(&'static str),
}

impl Derived {
    /// Returns the property that it is filled in from.
    pub(super) fn property(self) -> &'static str {
        match self {
            Self::OwnerEmail => OWNER_PROPERTY,
            Self::PipelineLabel(property) | Self::StageLabel(property) => property,
        }
    }

    fn name(self) -> String {
        match self {
            Self::OwnerEmail => OWNER_EMAIL.to_owned(),
            Self::PipelineLabel(property) | Self::StageLabel(property) => format!("{property}{LABEL_SUFFIX}"),
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::OwnerEmail => "Owner's e-mail",
            Self::PipelineLabel(_) => "Pipeline's name",
            Self::StageLabel(_) => "Stage's name",
        }
    }
}

impl ObjectInfo {
    pub(super) fn new(object: ObjectName, properties: &[WireProperty]) -> Self {
        let mut properties: Vec<Property> = properties
            .iter()
            .filter(|property| !property.archived && !property.name.is_empty())
            .map(|property| Property::new(&object, property))
            .collect();
        for name in limits::required_properties(&object) {
            for property in properties.iter_mut().filter(|property| property.field.name.as_str() == *name) {
                property.field.is_required = true;
            }
        }
        let named = properties.iter().enumerate();
        let places = named.map(|(place, property)| (property.field.name.clone(), place)).collect();
        Self { object, properties, places }
    }

    pub(super) fn property(&self, name: &str) -> Option<&Property> {
        self.places.get(name).and_then(|place| self.properties.get(*place))
    }

    /// Returns the fields that a read can fill in for this object.
    pub(super) fn derived(&self) -> Vec<Derived> {
        let mut derived = vec![Derived::OwnerEmail];
        if let Some((pipeline, stage)) = limits::pipeline_properties(&self.object) {
            derived.extend([Derived::PipelineLabel(pipeline), Derived::StageLabel(stage)]);
        }
        derived.retain(|field| self.property(field.property()).is_some());
        derived
    }

    /// Returns the derived field of that name.
    pub(super) fn derived_field(&self, name: &str) -> Option<Derived> {
        self.derived().into_iter().find(|field| field.name() == name)
    }

    /// Returns what a source yields: properties, derived fields and links.
    pub(super) fn source_schema(&self, custom_objects: &[ObjectName]) -> Schema {
        let mut fields: Vec<Field> = self.properties.iter().map(|property| property.field.clone()).collect();
        fields.extend(self.derived().into_iter().map(|derived| Field {
            label: Some(derived.label().to_owned()),
            is_read_only: true,
            ..Field::new(derived.name(), FieldType::Text)
        }));
        fields.extend(link_fields(&self.object, custom_objects));
        Schema { object: self.object.clone(), fields, is_open: false }
    }

    /// Returns what a destination takes: properties and links. Pipelines and stages may be written by name too, so their
    /// options are not listed.
    pub(super) fn destination_schema(&self, custom_objects: &[ObjectName]) -> Schema {
        let mut fields: Vec<Field> = self.properties.iter().map(|property| property.field.clone()).collect();
        if let Some((pipeline, stage)) = limits::pipeline_properties(&self.object) {
            for field in fields.iter_mut().filter(|field| [pipeline, stage].contains(&field.name.as_str())) {
                field.options.clear();
            }
        }
        fields.extend(link_fields(&self.object, custom_objects));
        Schema { object: self.object.clone(), fields, is_open: false }
    }
}

impl Property {
    fn new(object: &str, wire: &WireProperty) -> Self {
        let value_type = wire.value_type.as_deref().unwrap_or_default();
        let is_owner = wire.name == OWNER_PROPERTY
            || (wire.external_options && wire.referenced_object_type.as_deref() == Some("OWNER"));
        let is_contact_email = limits::object_name(object) == "contacts" && wire.name == "email";
        let field_type = field_type(value_type, wire.field_type.as_deref().unwrap_or_default());
        let is_choice = matches!(field_type, FieldType::Choice | FieldType::MultiChoice);
        let options = wire.options.iter().filter(|_| is_choice && !is_owner).filter_map(|option| {
            let value = option.value.0.clone()?;
            Some(Choice { label: option.label.0.clone().unwrap_or_else(|| value.clone()), value })
        });
        let field = Field {
            label: wire.label.0.clone().filter(|label| *label != wire.name),
            is_read_only: wire.calculated || wire.modification_metadata.read_only_value,
            is_unique: wire.has_unique_value || is_contact_email,
            is_case_insensitive: is_contact_email,
            has_aliases: is_contact_email,
            only_advances: wire.name == LIFECYCLE_PROPERTY,
            is_upsert_key: wire.has_unique_value || is_contact_email,
            options: options.collect(),
            ..Field::new(&wire.name, field_type)
        };
        Self { field, is_string: value_type == "string", is_owner }
    }
}

/// Returns the type of a field. A datetime also has the field type `date`, so the value type decides.
fn field_type(value_type: &str, field_type: &str) -> FieldType {
    match (value_type, field_type) {
        ("number", _) => FieldType::Number,
        ("bool", _) | ("enumeration", "booleancheckbox") => FieldType::Boolean,
        ("date", _) => FieldType::Date,
        ("datetime", _) => FieldType::Datetime,
        ("enumeration", "checkbox") => FieldType::MultiChoice,
        ("enumeration", _) => FieldType::Choice,
        _ => FieldType::Text,
    }
}

fn link_fields(object: &str, custom_objects: &[ObjectName]) -> Vec<Field> {
    let own = limits::object_name(object);
    let is_activity = limits::ACTIVITIES.contains(&own);
    let standard =
        limits::LINKED_OBJECTS.iter().copied().filter(|other| !(is_activity && limits::ACTIVITIES.contains(other)));
    let custom = custom_objects.iter().map(ObjectName::as_str).filter(|other| *other != object);
    let label = |other: &str| Some(format!("Linked {other}"));
    let mut fields: Vec<Field> = Vec::new();
    for other in standard.chain(custom) {
        let name = FieldName::new(link_field(other));
        if fields.iter().all(|field| field.name != name) {
            fields.push(Field { label: label(other), ..Field::new(name.as_str(), FieldType::Link) });
        }
    }
    fields
}
