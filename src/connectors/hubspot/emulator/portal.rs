//! The account: its objects, their properties and records, associations, pipelines, owners and tokens.
//!
//! Start at [`Portal::new`]: the account as the data file of the standard objects makes it.

use std::{borrow::Cow, collections::HashMap};

use indexmap::IndexMap;
use serde::Deserialize;

use crate::clock::Clock;

use super::{
    definitions::{OptionsFrom, Property, PropertyOption, Role, StandardProperty},
    errors::Refusal,
    limits::Limits,
    links::{HUBSPOT_DEFINED, Links, Pair, USER_DEFINED},
    oauth::Tokens,
    owners::Owner,
    pipelines::Pipeline,
    store::{Record, Records},
    time::iso,
};

/// The standard objects of every account.
const STANDARD: &str = include_str!("standard.yaml");

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
    /// The properties of which a new record needs one.
    pub(super) required_any: Vec<String>,
    /// The properties that the create form demands; only versions from 2026-09 on do so too.
    pub(super) required_on_form: Vec<String>,
    pub(super) stage: Option<StageProperties>,
    pub(super) custom: Option<CustomSchema>,
    pub(super) groups: Vec<Group>,
    pub(super) properties: IndexMap<String, Property>,
    pub(super) records: Records,
}

#[derive(Deserialize)]
struct Standard {
    groups: HashMap<String, Vec<(String, String)>>,
    objects: Vec<StandardObject>,
    custom: Vec<StandardProperty>,
    associations: Vec<serde_yaml::Value>,
    pipelines: HashMap<String, Vec<Pipeline>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StandardObject {
    name: String,
    singular: String,
    type_id: String,
    label: String,
    plural: String,
    primary: String,
    defaults: Vec<String>,
    searchable: Vec<String>,
    #[serde(default)]
    required: Vec<String>,
    #[serde(default)]
    required_any: Vec<String>,
    stage: Option<StageProperties>,
    properties: Vec<StandardProperty>,
}

/// The names of a new custom object.
#[derive(Debug, Clone)]
pub(super) struct CustomNames {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) plural: String,
}

/// The account.
#[derive(Debug)]
pub(super) struct Portal {
    pub(super) clock: Clock,
    pub(super) objects: Vec<ObjectType>,
    names: HashMap<String, usize>,
    custom_properties: Vec<StandardProperty>,
    pub(super) links: Links,
    /// By the name of the object.
    pub(super) pipelines: HashMap<String, Vec<Pipeline>>,
    pub(super) owners: Vec<Owner>,
    pub(super) tokens: Tokens,
    pub(super) limits: Limits,
}

impl Portal {
    /// Makes an account with the standard objects and no records.
    pub(super) fn new(clock: Clock, is_unlimited: bool) -> Result<Self, String> {
        let standard: Standard =
            serde_yaml::from_str(STANDARD).map_err(|error| format!("the standard objects of HubSpot: {error}"))?;
        let mut portal = Self {
            objects: Vec::new(),
            names: HashMap::new(),
            custom_properties: standard.custom,
            links: Links::default(),
            pipelines: standard.pipelines,
            owners: Vec::new(),
            tokens: Tokens::default(),
            limits: Limits::new(clock.clone(), is_unlimited),
            clock,
        };
        let now = portal.now();
        for pipeline in portal.pipelines.values_mut().flatten() {
            pipeline.number(now);
        }
        for object in standard.objects {
            let groups = standard.groups.get(&object.name).cloned().unwrap_or_default();
            portal.add_standard(object, groups, now);
        }
        for written in standard.associations {
            portal.define_standard_link(written)?;
        }
        Ok(portal)
    }

    /// Returns the time in milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        self.clock.now().timestamp_millis()
    }

    fn add_standard(&mut self, object: StandardObject, groups: Vec<(String, String)>, now: i64) {
        let first_group = groups.first().map(|(name, _)| name.clone()).unwrap_or_default();
        let properties = object
            .properties
            .into_iter()
            .map(|property| (property.spec.name.clone(), Property::standard(property, &first_group, now)))
            .collect();
        let object = ObjectType {
            name: object.name,
            singular: object.singular,
            type_id: object.type_id,
            label: object.label,
            plural: object.plural,
            primary: Some(object.primary),
            defaults: object.defaults,
            searchable: object.searchable,
            required: object.required,
            required_any: object.required_any,
            required_on_form: Vec::new(),
            stage: object.stage,
            custom: None,
            groups: groups.into_iter().map(|(name, label)| Group { name, label, display_order: -1 }).collect(),
            properties,
            records: Records::new(self.clock.clone()),
        };
        self.add_object(object);
    }

    /// Adds a custom object and returns its place.
    pub(super) fn add_custom(&mut self, names: CustomNames) -> usize {
        let now = self.now();
        let CustomNames { name, label, plural } = names;
        let group = format!("{name}_information");
        let standard = self.custom_properties.clone().into_iter();
        let properties =
            standard.map(|property| (property.spec.name.clone(), Property::standard(property, &group, now))).collect();
        let count = self.objects.iter().filter(|object| object.custom.is_some()).count();
        let object = ObjectType {
            singular: name.clone(),
            type_id: format!("2-{}", 30_001 + count),
            groups: vec![Group { name: group, label: format!("{label} information"), display_order: -1 }],
            name,
            label,
            plural,
            primary: None,
            defaults: ["hs_createdate", "hs_lastmodifieddate", "hs_object_id"].map(str::to_owned).to_vec(),
            searchable: Vec::new(),
            required: Vec::new(),
            required_any: Vec::new(),
            required_on_form: Vec::new(),
            stage: None,
            custom: Some(CustomSchema {
                description: None,
                secondary: Vec::new(),
                created_at: now,
                updated_at: now,
                is_archived: false,
                associations: Vec::new(),
            }),
            properties,
            records: Records::new(self.clock.clone()),
        };
        self.add_object(object)
    }

    fn add_object(&mut self, mut object: ObjectType) -> usize {
        let also = place_of(&object.properties, "hs_additional_emails");
        for (property, place) in object.properties.values().zip(0_u16..) {
            if property.spec.has_unique_value {
                object.records.index(place, if property.is_email { also } else { None });
            }
        }
        let place = self.objects.len();
        let full_name = object.full_name();
        for name in [&object.name, &object.singular, &object.type_id, &full_name] {
            self.names.insert(name.to_lowercase(), place);
        }
        self.objects.push(object);
        place
    }

    fn define_standard_link(&mut self, written: serde_yaml::Value) -> Result<(), String> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Labelled(String, String, u32, u32, String, String),
            Plain(String, String, u32, u32),
        }
        let wrong = |error: String| format!("the standard associations of HubSpot: {error}");
        let (from, to, id, inverse, labels) =
            match serde_yaml::from_value(written).map_err(|error| wrong(error.to_string()))? {
                Written::Labelled(from, to, id, inverse, label, back) => (from, to, id, inverse, Some((label, back))),
                Written::Plain(from, to, id, inverse) => (from, to, id, inverse, None),
            };
        let place = |name: &str| self.find(name).ok_or_else(|| wrong(format!("no object {name}")));
        let pair = (place(&from)?, place(&to)?);
        self.links.define(pair, Some((id, inverse)), HUBSPOT_DEFINED, labels, None);
        Ok(())
    }

    /// Returns the place of an object by any of its names.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let place = *self.names.get(&name.to_lowercase())?;
        let is_gone = self.objects[place].custom.as_ref().is_some_and(|custom| custom.is_archived);
        (!is_gone).then_some(place)
    }

    /// Returns the place of an object by any of its names, or the vendor's refusal.
    pub(super) fn object(&self, name: &str) -> Result<usize, Refusal> {
        self.find(name).ok_or_else(|| Refusal::invalid(format!("Unable to infer object type from: {name}")))
    }

    /// Lets the names of an archived custom object be used again.
    pub(super) fn release_names(&mut self, place: usize) {
        self.names.retain(|_, named| *named != place);
    }

    /// Returns the plain association type of a pair.
    pub(super) fn default_link(&mut self, pair: Pair) -> u32 {
        let is_custom = self.objects[pair.0].custom.is_some() || self.objects[pair.1].custom.is_some();
        self.links.default_type(pair, if is_custom { USER_DEFINED } else { HUBSPOT_DEFINED })
    }

    /// Returns the options of an enumeration.
    pub(super) fn options<'a>(&'a self, object: &ObjectType, property: &'a Property) -> Cow<'a, [PropertyOption]> {
        let Some(source) = property.options_from else { return Cow::Borrowed(&property.spec.options) };
        let pipelines = self.pipelines.get(&object.name).map_or(&[][..], Vec::as_slice);
        let option = |value: &str, label: &str| PropertyOption {
            label: label.to_owned(),
            value: value.to_owned(),
            display_order: -1,
            hidden: false,
            description: None,
        };
        Cow::Owned(match source {
            OptionsFrom::Pipelines => pipelines.iter().map(|line| option(&line.id, &line.label)).collect(),
            OptionsFrom::Stages => {
                pipelines.iter().flat_map(|line| &line.stages).map(|stage| option(&stage.id, &stage.label)).collect()
            }
        })
    }

    /// Returns the value of a property of a record.
    pub(super) fn value<'a>(
        &self,
        object: usize,
        (id, record): (u64, &'a Record),
        property: u16,
    ) -> Option<Cow<'a, str>> {
        let (name, definition) = self.objects[object].properties.get_index(usize::from(property))?;
        match definition.role {
            Role::Written => record.values.get(property).map(Cow::Borrowed),
            Role::Id => Some(Cow::Owned(id.to_string())),
            Role::Created => Some(Cow::Owned(iso(record.created))),
            Role::Modified => Some(Cow::Owned(iso(record.modified))),
            Role::Computed => self.computed(object, (id, record), name).map(Cow::Owned),
        }
    }

    fn computed(&self, object: usize, (id, record): (u64, &Record), name: &str) -> Option<String> {
        let kind = &self.objects[object];
        let written = |name: &str| record.values.get(kind.property_place(name)?);
        let linked = |name: &str| Some(self.links.of((object, self.find(name)?), id, 0).count().to_string());
        match name {
            "hs_email_domain" => Some(written("email")?.split_once('@')?.1.to_owned()),
            "num_associated_contacts" => linked("contacts"),
            "num_associated_deals" => linked("deals"),
            "hs_is_closed" | "hs_is_closed_won" => {
                let stage = self.pipelines.get(&kind.name)?.iter().flat_map(|line| &line.stages);
                let stage = written("dealstage").and_then(|id| stage.into_iter().find(|stage| stage.id == id))?;
                let is_closed = stage.metadata.get("isClosed").is_some_and(|closed| closed == "true");
                let is_won = stage.metadata.get("probability").is_some_and(|chance| chance == "1.0");
                Some((is_closed && (name == "hs_is_closed" || is_won)).to_string())
            }
            _ => None,
        }
    }
}

impl ObjectType {
    /// Returns the name that no other account's object has.
    pub(super) fn full_name(&self) -> String {
        if self.custom.is_none() {
            return self.singular.to_uppercase();
        }
        format!("p{}_{}", super::errors::PORTAL_ID, self.name)
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

fn place_of(properties: &IndexMap<String, Property>, name: &str) -> Option<u16> {
    u16::try_from(properties.get_index_of(name)?).ok()
}
