//! The mappings between the standard fields of two systems: `standard: contact`.
//!
//! The names are data (`standard.yaml`); no system is named here.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::Schema;
use crate::transform::spec::{CleanerSpec, FullMapping, MappingSpec, MappingSpecs};

use super::raw::Standard;

const CROSSWALK: &str = include_str!("standard.yaml");
/// The name under which the crosswalk lists the column names of files.
const TEXT: &str = "text";

/// The two systems between which records move, each with its connector's name and the object's schema where it is known.
pub(super) struct Sides<'a> {
    pub(super) source: (&'a str, Option<&'a Schema>),
    pub(super) destination: (&'a str, Option<&'a Schema>),
}

#[derive(Debug, Deserialize)]
struct Crosswalk {
    contact: Vec<StandardField>,
    company: Vec<StandardField>,
    deal: Vec<StandardField>,
}

/// One standard field, and what systems call it.
#[derive(Debug, Deserialize)]
struct StandardField {
    /// What it is, for readers of the file.
    #[serde(rename = "field")]
    _field: String,
    #[serde(default)]
    apply: Vec<CleanerSpec>,
    #[serde(flatten)]
    systems: BTreeMap<String, SystemField>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum SystemField {
    /// A field that is read and written.
    Name(String),
    /// An expression over fields, which is only read.
    Expression { expr: String, fields: Vec<String> },
}

impl StandardField {
    /// Returns what a system calls the field; a system that the crosswalk never names has the column names of files.
    fn at(&self, connector: &str, is_listed: bool) -> Option<&SystemField> {
        self.systems.get(if is_listed { connector } else { TEXT })
    }
}

/// Returns the mappings of the fields that both systems have.
pub(super) fn mappings(kind: Standard, sides: &Sides<'_>) -> MappingSpecs {
    let Ok(crosswalk) = serde_yaml::from_str::<Crosswalk>(CROSSWALK) else { return MappingSpecs::new() };
    let fields = match kind {
        Standard::Contact => crosswalk.contact,
        Standard::Company => crosswalk.company,
        Standard::Deal => crosswalk.deal,
    };
    let is_listed = |connector: &str| fields.iter().any(|field| field.systems.contains_key(connector));
    let (source, source_schema) = sides.source;
    let (destination, destination_schema) = sides.destination;
    let (is_source_listed, is_destination_listed) = (is_listed(source), is_listed(destination));
    let has = |schema: Option<&Schema>, name: &str| schema.is_none_or(|schema| schema.field(name).is_some());
    let mut mappings = MappingSpecs::new();
    for field in &fields {
        let Some(SystemField::Name(target)) = field.at(destination, is_destination_listed) else { continue };
        let is_writable = destination_schema.is_none_or(|schema| match schema.field(target) {
            Some(found) => !found.is_read_only,
            None => schema.is_open,
        });
        let spec = match field.at(source, is_source_listed) {
            Some(SystemField::Name(name)) if has(source_schema, name) => FullMapping {
                from: Some(name.clone()),
                apply: field.apply.clone(),
                is_standard: true,
                ..FullMapping::default()
            },
            Some(SystemField::Expression { expr, fields }) if fields.iter().all(|name| has(source_schema, name)) => {
                FullMapping {
                    expr: Some(expr.clone()),
                    apply: field.apply.clone(),
                    is_standard: true,
                    ..FullMapping::default()
                }
            }
            _ => continue,
        };
        if is_writable {
            mappings.insert(target.clone(), MappingSpec::Full(Box::new(spec)));
        }
    }
    mappings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Field, FieldType};

    fn between(source: (&str, Option<&Schema>), destination: (&str, Option<&Schema>)) -> Vec<String> {
        mappings(Standard::Contact, &Sides { source, destination }).keys().cloned().collect()
    }

    #[test]
    fn the_crosswalk_can_be_read_and_names_every_field_once_per_system() {
        let crosswalk: Crosswalk = serde_yaml::from_str(CROSSWALK).unwrap();
        for fields in [crosswalk.contact, crosswalk.company, crosswalk.deal] {
            let mut seen = std::collections::BTreeSet::new();
            for (system, name) in fields.iter().flat_map(|field| &field.systems) {
                if let SystemField::Name(name) = name {
                    assert!(seen.insert((system.clone(), name.clone())), "{system} {name}");
                }
            }
        }
    }

    #[test]
    fn maps_what_both_systems_have() {
        let fields = between(("hubspot", None), ("airtable", None));
        assert!(fields.contains(&"Email".to_owned()) && fields.contains(&"Name".to_owned()), "{fields:?}");
        let fields = between(("airtable", None), ("hubspot", None));
        assert!(fields.contains(&"firstname".to_owned()) && !fields.contains(&"name".to_owned()), "{fields:?}");
        assert!(between(("csv", None), ("hubspot", None)).contains(&"email".to_owned()));
    }

    #[test]
    fn fields_that_are_known_not_to_exist_or_not_writable_are_left_out() {
        let source = Schema {
            object: "contacts".into(),
            fields: vec![Field::new("email", FieldType::Text), Field::new("phone", FieldType::Text)],
            is_open: false,
        };
        let name = Field { is_read_only: true, ..Field::new("Phone", FieldType::Text) };
        let destination = Schema {
            object: "Contacts".into(),
            fields: vec![Field::new("Email", FieldType::Text), name],
            is_open: false,
        };
        assert_eq!(between(("hubspot", Some(&source)), ("airtable", Some(&destination))), ["Email"]);
    }
}
