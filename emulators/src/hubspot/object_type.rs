//! An object of the account: its names, its properties, what a new record needs, and the records.

use indexmap::IndexMap;
use serde::Deserialize;

use super::{definitions::Property, errors::Refusal, store::Records};

/// A group of properties.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) display_order: i64,
}

/// The properties that hold a record's pipeline and stage.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct StageProperties {
    pub(super) pipeline: String,
    pub(super) stage: String,
}

/// What a custom object has beside a standard one.
#[derive(Debug, Clone)]
pub(super) struct CustomSchema {
    pub(super) description: Option<String>,
    pub(super) secondary: Vec<String>,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
    pub(super) is_archived: bool,
    /// The types of its associations.
    pub(super) associations: Vec<(u32, usize, usize, Option<String>)>,
}

/// An object of the account, with its records.
#[derive(Debug)]
pub(super) struct ObjectType {
    /// What paths and answers call it: `contacts`.
    pub(super) name: String,
    /// What association names and error texts call one: `contact`.
    pub(super) singular: String,
    pub(super) type_id: String,
    pub(super) label: String,
    pub(super) plural: String,
    pub(super) primary: Option<String>,
    /// The properties that an answer has when none are asked for.
    pub(super) defaults: Vec<String>,
    pub(super) searchable: Vec<String>,
    /// The properties without which no record can be made.
    pub(super) required: Vec<String>,
    /// The properties of which a new record must have at least one.
    pub(super) required_any: Vec<String>,
    /// The properties that the create form demands; only versions from 2026-09 on do so too.
    pub(super) required_on_form: Vec<String>,
    pub(super) stage: Option<StageProperties>,
    pub(super) custom: Option<CustomSchema>,
    pub(super) groups: Vec<Group>,
    pub(super) properties: IndexMap<String, Property>,
    pub(super) records: Records,
}

impl ObjectType {
    /// Returns the name that no other account's object has.
    pub(super) fn full_name(&self, portal: u64) -> String {
        if self.custom.is_none() {
            return self.singular.to_uppercase();
        }
        format!("p{portal}_{}", self.name)
    }

    /// Returns the place of a property, archived or not.
    pub(super) fn property_place(&self, name: &str) -> Option<u16> {
        place_of(&self.properties, name)
    }

    /// Returns a property that is not archived, and its place.
    pub(super) fn live_property(&self, name: &str) -> Option<(u16, &Property)> {
        let place = self.property_place(name)?;
        let property = self.properties.get(name).filter(|property| property.archived_at.is_none())?;
        Some((place, property))
    }

    /// Adds or replaces a property.
    pub(super) fn define(&mut self, property: Property) {
        let is_unique = property.spec.has_unique_value;
        let (place, _) = self.properties.insert_full(property.spec.name.clone(), property);
        let Ok(place) = u16::try_from(place) else { return };
        if is_unique && !self.records.is_unique(place) {
            self.records.index(place, None);
        }
    }

    /// Returns the place of a property by which records can be told apart, or the vendor's refusal.
    pub(super) fn unique_property(&self, name: &str, operation: &str) -> Result<u16, Refusal> {
        let place = self.live_property(name).map(|(place, _)| place);
        place.filter(|place| self.records.is_unique(*place)).ok_or_else(|| {
            Refusal::invalid(format!("Unable to perform {operation} by non-unique {} property {name}", self.type_id))
        })
    }
}

/// Returns the place of a property, archived or not.
pub(super) fn place_of(properties: &IndexMap<String, Property>, name: &str) -> Option<u16> {
    u16::try_from(properties.get_index_of(name)?).ok()
}
