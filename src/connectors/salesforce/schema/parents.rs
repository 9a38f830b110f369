//! Parents that are named by a key of their own, `Account.External_Id__c`, instead of by their ids.
//!
//! What such a field is called is what a Bulk file's header calls it: `Relationship.Key`, and `Object:Relationship.Key` where the
//! reference may lead to several objects.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{Field, FieldName, ObjectName, ParentKey};

use super::{super::limits::MAX_KEYED_PARENTS, Catalog, Kind, ObjectInfo, SalesforceField};

/// The way to a parent by one of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct ParentPath {
    /// The field that holds the parent's id.
    pub(in super::super) reference: FieldName,
    /// What the way to the parent is called.
    pub(in super::super) relationship: String,
    /// The parent's object.
    pub(in super::super) object: String,
    /// The parent's field.
    pub(in super::super) key: String,
    /// Whether the reference may lead to other objects too, so that the object has to be named.
    has_others: bool,
}

impl ParentPath {
    /// Returns the parent as a JSON body names it.
    pub(in super::super) fn json(&self, value: &Json) -> Json {
        let mut parent = json!({ self.key.as_str(): value });
        if self.has_others {
            parent["attributes"] = json!({ "type": self.object });
        }
        parent
    }

    fn name(&self) -> String {
        let prefix = if self.has_others { format!("{}:", self.object) } else { String::new() };
        format!("{prefix}{}.{}", self.relationship, self.key)
    }
}

impl SalesforceField {
    /// Makes the field that sets a reference by a key of the parent.
    fn of_parent_key(reference: &Self, relationship: &str, parent: &ObjectInfo, key: &Self) -> Self {
        let path = ParentPath {
            reference: reference.field.name.clone(),
            relationship: relationship.to_owned(),
            object: parent.name.clone(),
            key: key.field.name.to_string(),
            has_others: reference.targets.len() > 1,
        };
        let field = Field {
            label: Some(format!("{} of the {} in {}", path.key, path.object, path.reference)),
            parent: Some(ParentKey { sets: path.reference.clone(), object: ObjectName::new(&path.object) }),
            ..Field::new(path.name(), key.kind.field_type())
        };
        Self {
            field,
            is_createable: reference.is_createable,
            is_updateable: reference.is_updateable,
            parent: Some(path),
            ..Self::of_parent("", key.kind, false)
        }
    }
}

impl Catalog {
    /// Returns what an object looks like to those who write it: with the keys by which its parents can be named. Of references to
    /// many objects, to users and to record types only those that `parent_fields` names are asked for.
    pub(in super::super) async fn written_object(
        &self,
        object: &ObjectName,
    ) -> Result<Arc<ObjectInfo>, ConnectorError> {
        let info = self.object(object).await?;
        if info.has_parent_keys {
            return Ok(info);
        }
        let mut keys = Vec::new();
        for reference in info.fields.iter().filter(|field| field.is_written_reference()) {
            let Some(relationship) = &reference.relationship else { continue };
            for target in &reference.targets {
                let named = self.named_keys(reference, relationship, target);
                let is_offered = reference.targets.len() <= MAX_KEYED_PARENTS && !reference.is_user_or_record_type();
                if !is_offered && named.is_empty() {
                    continue;
                }
                let Some(parent) = self.parent(target).await? else { continue };
                let found = parent.fields.iter().filter(|key| {
                    key.is_key && key.kind != Kind::Id && (is_offered || named.contains(&key.field.name.as_str()))
                });
                keys.extend(found.map(|key| SalesforceField::of_parent_key(reference, relationship, &parent, key)));
            }
        }
        let mut written = ObjectInfo::clone(&info);
        written.has_parent_keys = true;
        for key in keys {
            written.replace(key);
        }
        let written = Arc::new(written);
        self.lock_objects().insert(object.clone(), Arc::clone(&written));
        Ok(written)
    }

    /// Describes a parent; none where this user may not see its object.
    async fn parent(&self, object: &str) -> Result<Option<Arc<ObjectInfo>>, ConnectorError> {
        match self.read(object).await {
            Ok(parent) => Ok(Some(parent)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the parent's fields that `parent_fields` names of a reference.
    fn named_keys(&self, reference: &SalesforceField, relationship: &str, target: &str) -> Vec<&str> {
        let has_others = reference.targets.len() > 1;
        let key_of = |path: &'_ String| -> Option<usize> {
            let (parent, _) = path.split_once('.')?;
            let is_it = match parent.split_once(':') {
                Some((object, way)) => has_others && object == target && way == relationship,
                None => !has_others && parent == relationship,
            };
            is_it.then_some(parent.len() + 1)
        };
        self.parent_fields.iter().filter_map(|path| path.get(key_of(path)?..)).collect()
    }
}
