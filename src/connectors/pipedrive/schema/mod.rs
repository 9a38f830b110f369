//! What objects look like: the fields that Pipedrive describes, and the columns that Ferry makes of each.
//!
//! A field that people made has a code of 40 hexadecimal digits, which stays, and a name, which people change: the code is the
//! field's name to Ferry, and the name its label. A value with parts (money, ranges, addresses) is several columns.

mod catalog;
mod decode;
mod flat;
mod kind;
mod names;
mod options;
mod own;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{Field, FieldType, Schema, link_field, name_hint};

use super::{client::WireField, object::Object};

pub(super) use catalog::{Catalog, Names};
pub(super) use decode::{decode, moment};
pub(super) use flat::{flattened, normal};
pub(super) use kind::{Kind, Part};
pub(super) use names::{Pipelines, Users};
pub(super) use options::{Meaning, Options};
pub(super) use own::is_created_only;

/// An object's fields.
#[derive(Debug)]
pub(super) struct ObjectInfo {
    pub(super) object: Object,
    pub(super) properties: Vec<Property>,
    columns: Vec<Column>,
    places: HashMap<String, usize>,
}

/// One field of Pipedrive's.
#[derive(Debug)]
pub(super) struct Property {
    /// The vendor's name, `field_code`.
    pub(super) code: String,
    /// What people call it.
    pub(super) label: String,
    pub(super) kind: Kind,
    pub(super) is_custom: bool,
    /// Whether an answer has it on request alone.
    pub(super) is_optional: bool,
    /// Whether search sees its values.
    pub(super) is_searchable: bool,
    pub(super) options: Options,
}

/// What Ferry shows of a field, as one of its own.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) field: Field,
    /// The place of its property.
    property: usize,
    pub(super) part: Part,
}

/// Types whose values search sees, of fields that people made. Source: spec v2, `custom_fields` of the searches.
const SEARCHABLE: [&str; 7] = ["address", "varchar", "text", "varchar_auto", "double", "monetary", "phone"];

impl ObjectInfo {
    /// Makes the fields of an object of what the API describes and of what it does not.
    pub(super) fn new(object: Object, described: Vec<WireField>) -> Self {
        let mut info = Self { object, properties: Vec::new(), columns: Vec::new(), places: HashMap::new() };
        for (code, label, field_type) in own::undescribed(object) {
            let kind = match (object, *code) {
                (Object::Leads, "value") => Kind::LeadValue,
                _ => Kind::of_own(code, field_type),
            };
            info.add(Property::own(code, label, kind));
        }
        for field in described {
            // Leads have the fields that people made for deals, and other ones of their own.
            let is_of_deals = object == Object::Leads && !is_custom(&field);
            if !is_of_deals && !field.field_code.is_empty() {
                info.add(Property::described(field));
            }
        }
        info
    }

    fn add(&mut self, property: Property) {
        let place = self.properties.len();
        let is_written = self.object.is_written()
            && (property.is_custom || own::written(self.object).contains(&property.code.as_str()));
        let is_required = own::required(self.object).contains(&property.code.as_str());
        for (name, label, field_type, part) in property.kind.columns(&property.code, &property.label) {
            if self.places.contains_key(&name) {
                continue;
            }
            let is_option = matches!(property.kind, Kind::Option | Kind::Set);
            let is_address = property.code == "emails" && part == Part::Primary;
            let field = Field {
                label: Some(label).filter(|label| *label != name),
                is_read_only: !is_written || property.kind == Kind::Json,
                is_required: is_required && matches!(part, Part::Whole),
                is_case_insensitive: is_address,
                has_aliases: is_address,
                is_linked_apart: property.kind == Kind::People && self.object == Object::Deals,
                options: if is_option { property.options.choices() } else { Vec::new() },
                ..Field::new(&name, field_type)
            };
            self.places.insert(name, self.columns.len());
            self.columns.push(Column { field, property: place, part });
        }
        self.properties.push(property);
    }

    /// Returns all columns.
    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns the column of that name.
    pub(super) fn column(&self, name: &str) -> Result<&Column, ConnectorError> {
        self.find(name).ok_or_else(|| {
            let message = format!("`{}` has no field `{name}`", self.object.name());
            let known: Vec<&str> = self
                .columns
                .iter()
                .flat_map(|column| [Some(column.field.name.as_str()), column.field.label.as_deref()])
                .flatten()
                .collect();
            ConnectorError::new(ErrorKind::NotFound, "unknown_field", message).with_hint_if(name_hint(
                name,
                &known,
                "there are",
            ))
        })
    }

    /// Returns the column of that name, if there is one.
    pub(super) fn find(&self, name: &str) -> Option<&Column> {
        self.places.get(name).and_then(|place| self.columns.get(*place))
    }

    /// Returns the property that a column shows.
    pub(super) fn property(&self, column: &Column) -> &Property {
        &self.properties[column.property]
    }

    /// Returns the property with this code.
    pub(super) fn property_of(&self, code: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.code == code)
    }

    /// Returns the one column whose values link to an object.
    pub(super) fn link_to(&self, name: &str) -> Result<&Column, ConnectorError> {
        let links: Vec<&Column> = self.links().filter(|(_, to)| to.name() == name).map(|(column, _)| column).collect();
        // The persons of an activity are among its participants.
        let own = links.iter().find(|column| self.property(column).kind == Kind::People).or(links.first());
        own.copied().ok_or_else(|| {
            let message = format!("no field of `{}` links to `{name}`", self.object.name());
            ConnectorError::new(ErrorKind::NotFound, "unknown_link", message)
        })
    }

    /// Returns the columns of Pipedrive's own that link, and where to.
    fn links(&self) -> impl Iterator<Item = (&Column, Object)> {
        self.columns.iter().filter_map(|column| {
            let property = self.property(column);
            match property.kind {
                Kind::Link(object) if !property.is_custom && !property.is_optional => Some((column, object)),
                // Those of a deal cost a call for each deal: its own person is meant, unless they are named.
                Kind::People if self.object != Object::Deals => Some((column, Object::Persons)),
                _ => None,
            }
        })
    }

    /// Returns what a source yields: all columns, and the links by their objects.
    pub(super) fn source_schema(&self, object: &crate::model::ObjectName) -> Schema {
        let mut fields: Vec<Field> = self.columns.iter().map(|column| column.field.clone()).collect();
        for (_, to) in self.links() {
            let name = link_field(to.name());
            if fields.iter().all(|field| field.name.as_str() != name) {
                let label = Some(format!("Linked {}", to.name()));
                fields.push(Field { label, is_read_only: true, ..Field::new(&name, FieldType::Link) });
            }
        }
        Schema { object: object.clone(), fields, is_open: false }
    }

    /// Returns what a destination takes.
    pub(super) fn destination_schema(&self, object: &crate::model::ObjectName) -> Schema {
        let fields = self.columns.iter().map(|column| column.field.clone()).collect();
        Schema { object: object.clone(), fields, is_open: false }
    }
}

/// Tells whether people made a field. Version 1 does not say so; its code does.
fn is_custom(field: &WireField) -> bool {
    let is_hash = field.field_code.len() == 40 && field.field_code.bytes().all(|byte| byte.is_ascii_hexdigit());
    field.is_custom_field || is_hash
}

impl Property {
    fn own(code: &str, label: &str, kind: Kind) -> Self {
        Self {
            code: code.to_owned(),
            label: label.to_owned(),
            kind,
            is_custom: false,
            is_optional: false,
            is_searchable: false,
            options: Options::default(),
        }
    }

    fn described(field: WireField) -> Self {
        let (is_custom, is_optional) = (is_custom(&field), field.is_optional_response_field);
        let WireField { field_name, field_code, field_type, options, .. } = field;
        // Version 1 writes the lists of persons in the singular.
        let code = match field_code.as_str() {
            "email" if !is_custom => "emails".to_owned(),
            "phone" if !is_custom => "phones".to_owned(),
            _ => field_code,
        };
        let options = options.unwrap_or_default();
        let kind = match if is_custom { Kind::of_custom(&field_type) } else { Kind::of_own(&code, &field_type) } {
            // A choice without options that are listed is the text that the API writes.
            Kind::Option if options.is_empty() && !is_custom => Kind::Text,
            kind => kind,
        };
        Self {
            label: field_name,
            kind,
            is_custom,
            is_optional,
            is_searchable: is_custom && SEARCHABLE.contains(&field_type.as_str()),
            options: Options::new(options, is_custom),
            code,
        }
    }

    /// Returns the field's name for a person: the label of one that people made, else the vendor's name.
    pub(super) fn shown(&self) -> &str {
        if self.is_custom { &self.label } else { &self.code }
    }
}
