//! The mappings between the standard fields of two systems: `standard: contact`.
//!
//! The names are data: those of files and the cleaners in `standard.yaml`, those of a system in its connector's folder.

use serde::Deserialize;

use crate::connector::{StandardField, StandardFields, StandardNames};
use crate::model::Schema;
use crate::transform::spec::{CleanerSpec, FullMapping, MappingSpec, MappingSpecs};

use super::{pipeline::StandardUse, raw::Standard};

const FIELDS: &str = include_str!("standard.yaml");

/// One side of the mappings: what its connector calls the fields, and the object's schema where it is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) standard_fields: Option<&'static str>,
    pub(super) schema: Option<&'a Schema>,
}

#[derive(Debug, Deserialize)]
struct Known {
    contact: Vec<KnownField>,
    company: Vec<KnownField>,
    deal: Vec<KnownField>,
}

/// A standard field.
#[derive(Debug, Deserialize)]
struct KnownField {
    /// Ferry's own word for it.
    field: String,
    /// The column name in files, which systems without a list of their own have too.
    text: String,
    #[serde(default)]
    apply: Vec<CleanerSpec>,
}

impl Side<'_> {
    fn names(&self, kind: Standard) -> StandardNames {
        let own = self.standard_fields.and_then(|text| StandardFields::parse(text).ok()).unwrap_or_default();
        match kind {
            Standard::Contact => own.contact,
            Standard::Company => own.company,
            Standard::Deal => own.deal,
        }
    }

    fn has(&self, name: &str) -> bool {
        self.schema.is_none_or(|schema| schema.is_open || schema.field(name).is_some())
    }

    fn is_writable(&self, name: &str) -> bool {
        self.schema.is_none_or(|schema| schema.field(name).map_or(schema.is_open, |field| !field.is_read_only))
    }
}

impl KnownField {
    /// Returns what a system calls the field; one that lists none of the kind has the column names of files.
    fn at(&self, names: &StandardNames) -> Option<StandardField> {
        if names.is_empty() { Some(StandardField::Name(self.text.clone())) } else { names.get(&self.field).cloned() }
    }
}

/// Returns the mappings of the fields that both systems have, and what became of each field.
pub(super) fn mappings(kind: Standard, source: Side<'_>, destination: Side<'_>) -> (MappingSpecs, StandardUse) {
    let (source_names, destination_names) = (source.names(kind), destination.names(kind));
    let mut mappings = MappingSpecs::new();
    let mut fields = Vec::new();
    for field in known(kind) {
        let mapping = mapping(&field, (source, &source_names), (destination, &destination_names));
        let target = mapping.map(|(target, spec)| {
            mappings.insert(target.clone(), MappingSpec::Full(Box::new(spec)));
            target
        });
        fields.push((field.field, target));
    }
    (mappings, StandardUse { kind: word(kind), fields })
}

/// Returns the mapping of a field, with what the destination calls it; none where one of the systems does not have it.
fn mapping(
    field: &KnownField,
    (source, source_names): (Side<'_>, &StandardNames),
    (destination, destination_names): (Side<'_>, &StandardNames),
) -> Option<(String, FullMapping)> {
    let Some(StandardField::Name(target)) = field.at(destination_names) else { return None };
    let from = match field.at(source_names)? {
        StandardField::Name(name) if source.has(&name) => FullMapping { from: Some(name), ..FullMapping::default() },
        StandardField::Expression { expr, fields } if fields.iter().all(|name| source.has(name)) => {
            FullMapping { expr: Some(expr), ..FullMapping::default() }
        }
        StandardField::Name(_) | StandardField::Expression { .. } => return None,
    };
    let spec = FullMapping { apply: field.apply.clone(), is_standard: true, ..from };
    destination.is_writable(&target).then_some((target, spec))
}

fn word(kind: Standard) -> &'static str {
    match kind {
        Standard::Contact => "contact",
        Standard::Company => "company",
        Standard::Deal => "deal",
    }
}

fn known(kind: Standard) -> Vec<KnownField> {
    let Ok(known) = serde_yaml::from_str::<Known>(FIELDS) else { return Vec::new() };
    match kind {
        Standard::Contact => known.contact,
        Standard::Company => known.company,
        Standard::Deal => known.deal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Field, FieldType};

    const CRM: Side<'_> = Side {
        standard_fields: Some(
            "contact: { email: Mail, first_name: First, full_name: { expr: \"First || Last\", fields: [First, Last] } }",
        ),
        schema: None,
    };
    const BASE: Side<'_> = Side { standard_fields: Some("contact: { email: Email, full_name: Name }"), schema: None };
    const FILE: Side<'_> = Side { standard_fields: None, schema: None };

    fn between(source: Side<'_>, destination: Side<'_>) -> Vec<String> {
        mappings(Standard::Contact, source, destination).0.keys().cloned().collect()
    }

    #[test]
    fn the_list_can_be_read_and_has_each_name_once() {
        for kind in [Standard::Contact, Standard::Company, Standard::Deal] {
            let fields = known(kind);
            assert!(fields.len() >= 5, "{kind:?}");
            for name in [|field: &KnownField| field.field.clone(), |field: &KnownField| field.text.clone()] {
                let distinct: std::collections::BTreeSet<String> = fields.iter().map(name).collect();
                assert_eq!(distinct.len(), fields.len(), "{kind:?}");
            }
        }
    }

    #[test]
    fn maps_what_both_systems_have() {
        assert_eq!(between(CRM, BASE), ["Email", "Name"], "an expression is read");
        assert_eq!(between(BASE, CRM), ["Mail"], "and never written");
        assert_eq!(between(FILE, CRM), ["Mail", "First"], "a system without a list has the names of files");
        assert!(between(CRM, FILE).contains(&"first_name".to_owned()));
    }

    #[test]
    fn fields_that_are_known_not_to_exist_or_not_writable_are_left_out() {
        let schema = |fields: Vec<Field>| Schema { object: "contacts".into(), fields, is_open: false };
        let source = schema(vec![Field::new("Mail", FieldType::Text), Field::new("First", FieldType::Text)]);
        let name = Field { is_read_only: true, ..Field::new("first_name", FieldType::Text) };
        let destination = schema(vec![Field::new("email", FieldType::Text), name]);
        let (source, destination) =
            (Side { schema: Some(&source), ..CRM }, Side { schema: Some(&destination), ..FILE });
        assert_eq!(between(source, destination), ["email"]);
    }
}
