//! The account as it is born: the standard objects of `standard.yaml`.

use std::collections::{HashMap, HashSet};

use clock::Clock;
use serde::Deserialize;

use super::{
    definitions::{Property, StandardProperty},
    errors::PORTAL_ID,
    limits::Limits,
    links::{HUBSPOT_DEFINED, Links},
    oauth::Tokens,
    object_type::{Group, ObjectType, StageProperties},
    pipelines::Pipeline,
    portal::Portal,
    store::Records,
};

/// The standard objects of every account.
const STANDARD: &str = include_str!("standard.yaml");

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

impl Portal {
    /// Makes an account with the standard objects and no records.
    pub(super) fn new(clock: Clock, is_unlimited: bool) -> Result<Self, String> {
        let standard: Standard =
            serde_yaml::from_str(STANDARD).map_err(|error| format!("the standard objects of HubSpot: {error}"))?;
        let mut portal = Self {
            id: PORTAL_ID,
            objects: Vec::new(),
            names: HashMap::new(),
            custom_properties: standard.custom,
            links: Links::default(),
            association_limits: HashMap::new(),
            blocked_addresses: HashSet::new(),
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
}
