//! From the engine's records to the vendor's inputs: texts, owners, pipelines and stages by name, links.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{Batch, BatchRecord, FieldName, LINK_PREFIX, Operation, Rejection, Value};

use super::super::{
    limits,
    schema::{Catalog, LinkType, Meaning, ObjectInfo, Owners, Pipelines, Property, encode},
    source::unknown_field,
};

/// The property that finds a contact by its main address and by its others.
const EMAIL: &str = "email";

/// One record as it is sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(in super::super) struct Input {
    /// Its place in the engine's batch.
    pub(super) index: usize,
    pub(super) trace_id: String,
    /// The vendor's id, for updates.
    pub(super) id: Option<String>,
    /// The value of the unique property, for upserts.
    pub(super) key: Option<String>,
    pub(in super::super) properties: Map<String, Json>,
    pub(super) associations: Vec<Json>,
}

impl Input {
    /// Returns the text that is sent as a property.
    pub(super) fn property(&self, name: &str) -> Option<String> {
        self.properties.get(name).and_then(Json::as_str).map(str::to_owned)
    }

    /// Returns the vendor's form for the operation.
    pub(super) fn to_json(&self, operation: &Operation) -> Json {
        let mut properties = self.properties.clone();
        let mut input = Map::new();
        let mut put = |name: &str, value: Json| drop(input.insert(name.to_owned(), value));
        put("objectWriteTraceId", Json::from(self.trace_id.as_str()));
        match operation {
            Operation::Insert => put("associations", Json::from(self.associations.clone())),
            Operation::Upsert { key } => {
                let name = key.first().map(FieldName::as_str);
                put("id", Json::from(self.key.clone()));
                put("idProperty", Json::from(name));
                // A contact is also found by its second addresses. As a property, one of them would replace the main address; a
                // new contact gets its address from `id`.
                if name == Some(EMAIL) {
                    properties.remove(EMAIL);
                }
            }
            Operation::Update | Operation::Delete | Operation::Link => put("id", Json::from(self.id.clone())),
        }
        put("properties", Json::Object(properties));
        Json::Object(input)
    }
}

/// Encodes the records of one batch.
#[derive(Debug)]
pub(in super::super) struct Encoder {
    info: Arc<ObjectInfo>,
    owners: Option<Arc<Owners>>,
    default_owner: Option<String>,
    pipelines: Option<Arc<Pipelines>>,
    link_types: HashMap<String, LinkType>,
}

impl Encoder {
    /// Checks the batch's fields and reads what its values need: owners, pipelines, kinds of links.
    pub(super) async fn new(
        catalog: &Catalog,
        default_owner: Option<&str>,
        batch: &Batch,
    ) -> Result<Self, ConnectorError> {
        let info = catalog.object(&batch.object).await?;
        let mut encoder = Self { info, owners: None, default_owner: None, pipelines: None, link_types: HashMap::new() };
        let mut plain: HashSet<&FieldName> = HashSet::new();
        for (field, value) in batch.records.iter().flat_map(|record| &record.fields) {
            if !plain.contains(field) && encoder.prepare(catalog, default_owner, batch, field, value).await? {
                plain.insert(field);
            }
        }
        Ok(encoder)
    }

    /// Prepares for one value. Returns whether the field's other values need nothing either.
    async fn prepare(
        &mut self,
        catalog: &Catalog,
        default_owner: Option<&str>,
        batch: &Batch,
        field: &str,
        value: &Value,
    ) -> Result<bool, ConnectorError> {
        if let Some(object) = field.strip_prefix(LINK_PREFIX) {
            if batch.operation != Operation::Insert {
                let message = "only inserts carry links; others need a call of their own";
                return Err(ConnectorError::new(ErrorKind::Unexpected, "links_in_update", message));
            }
            if !value.is_null() && !self.link_types.contains_key(object) {
                let link_type = catalog.link_type(&batch.object, object).await?;
                self.link_types.insert(object.to_owned(), link_type);
            }
            return Ok(self.link_types.contains_key(object));
        }
        let Some(property) = self.info.property(field) else { return Err(unknown_field(field, &batch.object)) };
        let is_owner = property.is_owner;
        if self.owners.is_none() && is_owner && needs_owners(value, default_owner) {
            let owners = catalog.owners().await?;
            self.default_owner = default_owner.map(|owner| known_owner(&owners, owner)).transpose()?;
            self.owners = Some(owners);
        }
        let is_pipeline = self.is_pipeline_or_stage(field);
        if self.pipelines.is_none() && is_pipeline && !value.is_null() {
            self.pipelines = Some(catalog.pipelines(&batch.object).await?);
        }
        Ok((!is_owner || self.owners.is_some()) && (!is_pipeline || self.pipelines.is_some()))
    }

    fn is_pipeline_or_stage(&self, field: &str) -> bool {
        limits::pipeline_properties(&self.info.object)
            .is_some_and(|(pipeline, stage)| [pipeline, stage].contains(&field))
    }

    /// Encodes one record.
    pub(in super::super) fn input(
        &self,
        index: usize,
        record: &BatchRecord,
        operation: &Operation,
    ) -> Result<Input, Rejection> {
        let mut properties = Map::new();
        let mut associations = Vec::new();
        for (field, value) in &record.fields {
            if let Some(object) = field.strip_prefix(LINK_PREFIX) {
                associations.extend(self.associations(object, value));
                continue;
            }
            let Some(property) = self.info.property(field) else { continue };
            let text = encode(property, value)?;
            let text = self.resolved(property, text, record)?;
            properties.insert(field.to_string(), Json::from(text));
        }
        let key = match operation {
            Operation::Upsert { key } => {
                let name = key.first().map(FieldName::as_str).unwrap_or_default();
                let text = properties.get(name).and_then(Json::as_str).unwrap_or_default();
                if text.is_empty() {
                    let reason = format!("the key `{name}` has no value");
                    return Err(Rejection::new("missing_key", reason).at(name, ""));
                }
                Some(text.to_owned())
            }
            Operation::Insert | Operation::Update | Operation::Delete | Operation::Link => None,
        };
        let id = record.destination_id.clone();
        Ok(Input { index, trace_id: record.trace_id.clone(), id, key, properties, associations })
    }

    fn associations(&self, object: &str, value: &Value) -> Vec<Json> {
        let Some(link_type) = self.link_types.get(object) else { return Vec::new() };
        let types = json!([{ "associationCategory": link_type.category, "associationTypeId": link_type.id }]);
        linked_ids(value).into_iter().map(|id| json!({ "to": { "id": id }, "types": types })).collect()
    }

    /// Turns a name into the id that the vendor wants, where the property takes ids.
    fn resolved(&self, property: &Property, text: String, record: &BatchRecord) -> Result<String, Rejection> {
        if text.is_empty() {
            return Ok(text);
        }
        if property.is_owner {
            return self.owner(property, text);
        }
        let (Some((pipeline, stage)), Some(pipelines)) =
            (limits::pipeline_properties(&self.info.object), &self.pipelines)
        else {
            return Ok(text);
        };
        let name = property.field.name.as_str();
        let rejected = |code: &str, reason: String| Err(Rejection::new(code, reason).at(name, text.clone()));
        if name == pipeline {
            return match pipelines.pipeline(&text) {
                Meaning::One(id) => Ok(id),
                Meaning::None => rejected("unknown_pipeline", format!("there is no pipeline `{text}`")),
                Meaning::Several => rejected("ambiguous_pipeline", format!("several pipelines are called `{text}`")),
            };
        }
        if name != stage {
            return Ok(text);
        }
        let of_pipeline = match record.fields.get(pipeline).map(Value::to_text).filter(|text| !text.is_empty()) {
            // A pipeline that is not one is rejected for itself.
            Some(written) => match pipelines.pipeline(&written) {
                Meaning::One(id) => Some(id),
                Meaning::None | Meaning::Several => None,
            },
            None => None,
        };
        match pipelines.stage(&text, of_pipeline.as_deref()) {
            Meaning::One(id) => Ok(id),
            Meaning::None => rejected("unknown_stage", format!("the pipeline has no stage `{text}`")),
            Meaning::Several => rejected(
                "ambiguous_stage",
                format!("several stages are called `{text}`: map `{pipeline}` too, so that it is clear which is meant"),
            ),
        }
    }

    fn owner(&self, property: &Property, text: String) -> Result<String, Rejection> {
        let Some(owners) = &self.owners else { return Ok(text) };
        if let Some(id) = owners.id_of(&text) {
            return Ok(id.to_owned());
        }
        if let Some(default_owner) = &self.default_owner {
            return Ok(default_owner.clone());
        }
        if is_id(&text) {
            // Without a default, an id is the vendor's to refuse.
            return Ok(text);
        }
        let reason = format!(
            "no owner of this account has the e-mail address `{text}`; `default_owner` would take such records"
        );
        Err(Rejection::new("unknown_owner", reason).at(property.field.name.as_str(), text))
    }
}

/// Returns the ids in a link field.
pub(super) fn linked_ids(value: &Value) -> Vec<String> {
    let mut ids = match value {
        Value::List(ids) => ids.clone(),
        Value::Null => Vec::new(),
        single => vec![single.to_text()],
    };
    ids.retain(|id| !id.is_empty());
    ids
}

fn needs_owners(value: &Value, default_owner: Option<&str>) -> bool {
    let text = value.to_text();
    !text.is_empty() && (default_owner.is_some() || !is_id(&text))
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn known_owner(owners: &Owners, default_owner: &str) -> Result<String, ConnectorError> {
    owners.id_of(default_owner).map(str::to_owned).ok_or_else(|| {
        ConnectorError::new(ErrorKind::NotFound, "unknown_default_owner", "`default_owner` is no owner of this account")
            .with_hint("write the e-mail address or id of an active owner of the HubSpot account")
    })
}

#[cfg(test)]
impl Encoder {
    /// Makes an encoder of what a test knows.
    pub(in super::super) fn of(
        info: ObjectInfo,
        owners: Option<Owners>,
        default_owner: Option<&str>,
        pipelines: Option<Pipelines>,
    ) -> Self {
        Self {
            info: Arc::new(info),
            owners: owners.map(Arc::new),
            default_owner: default_owner.map(str::to_owned),
            pipelines: pipelines.map(Arc::new),
            link_types: HashMap::new(),
        }
    }
}
