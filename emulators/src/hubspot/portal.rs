//! The account: its objects, their properties and records, associations, pipelines, owners and tokens.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use clock::Clock;

use super::{
    association_limits::SetLimits,
    definitions::{OptionsFrom, Property, PropertyOption, Role, StandardProperty},
    errors::Refusal,
    limits::Limits,
    links::{HUBSPOT_DEFINED, Links, Pair, USER_DEFINED},
    oauth::Tokens,
    object_type::{CustomSchema, Group, ObjectType, place_of},
    owners::Owner,
    pipelines::Pipeline,
    store::{Record, Records},
    time::iso,
};

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
    /// The number that every token of this account belongs to.
    pub(super) id: u64,
    pub(super) clock: Clock,
    pub(super) objects: Vec<ObjectType>,
    /// Any name of an object, in lower case.
    pub(super) names: HashMap<String, usize>,
    /// What every custom object is born with.
    pub(super) custom_properties: Vec<StandardProperty>,
    pub(super) links: Links,
    pub(super) association_limits: SetLimits,
    /// Addresses that were erased for good before any record had them.
    pub(super) blocked_addresses: HashSet<String>,
    /// By the name of the object.
    pub(super) pipelines: HashMap<String, Vec<Pipeline>>,
    pub(super) owners: Vec<Owner>,
    pub(super) tokens: Tokens,
    pub(super) limits: Limits,
}

impl Portal {
    /// Returns the time in milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        self.clock.now().timestamp_millis()
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

    /// Adds an object under all its names and returns its place.
    pub(super) fn add_object(&mut self, mut object: ObjectType) -> usize {
        let also = place_of(&object.properties, "hs_additional_emails");
        for (property, place) in object.properties.values().zip(0_u16..) {
            if property.spec.has_unique_value {
                object.records.index(place, if property.is_email { also } else { None });
            }
        }
        let place = self.objects.len();
        let full_name = object.full_name(self.id);
        for name in [&object.name, &object.singular, &object.type_id, &full_name] {
            self.names.insert(name.to_lowercase(), place);
        }
        self.objects.push(object);
        place
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
