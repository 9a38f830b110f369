//! What is asked once a run: descriptions of objects, and who the users are.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value as Json;

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::ObjectName;

use super::{
    super::{
        client::{Api, WireObject},
        limits,
        names::{is_name, normal_id},
        soql::{Query, is_in, text_literal},
    },
    ObjectInfo, SalesforceField,
};

/// What is read of users to find an owner.
const USER_FIELDS: [&str; 3] = ["Id", "Email", "Username"];

/// Remembers what an org's objects look like.
#[derive(Debug)]
pub(in super::super) struct Catalog {
    pub(in super::super) api: Api,
    pub(super) parent_fields: Vec<String>,
    /// What Salesforce says of objects.
    described: Mutex<HashMap<String, Arc<ObjectInfo>>>,
    /// The same with the fields of parents.
    objects: Mutex<HashMap<ObjectName, Arc<ObjectInfo>>>,
    owners: Mutex<HashMap<String, Owner>>,
}

/// Who an e-mail address or user name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Owner {
    /// The active user of this id.
    One(String),
    /// No active user.
    None,
    /// Several active users share the address.
    Several,
}

impl Catalog {
    pub(in super::super) fn new(api: Api, parent_fields: Vec<String>) -> Self {
        Self { api, parent_fields, described: Mutex::default(), objects: Mutex::default(), owners: Mutex::default() }
    }

    /// Returns what an object looks like.
    pub(in super::super) async fn object(&self, object: &ObjectName) -> Result<Arc<ObjectInfo>, ConnectorError> {
        if let Some(known) = self.known(object) {
            return Ok(known);
        }
        let mut info = ObjectInfo::clone(&*self.read(object).await?);
        for path in &self.parent_fields {
            if let Some(field) = self.parent_field(&info, path).await? {
                info.add(field);
            }
        }
        let info = Arc::new(info);
        self.lock_objects().insert(object.clone(), Arc::clone(&info));
        Ok(info)
    }

    fn known(&self, object: &ObjectName) -> Option<Arc<ObjectInfo>> {
        self.lock_objects().get(object).cloned()
    }

    pub(super) fn lock_objects(&self) -> std::sync::MutexGuard<'_, HashMap<ObjectName, Arc<ObjectInfo>>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Describes an object, once a run.
    pub(super) async fn read(&self, object: &str) -> Result<Arc<ObjectInfo>, ConnectorError> {
        if !is_name(object) {
            return Err(unknown_object(object));
        }
        let known = self.described.lock().unwrap_or_else(PoisonError::into_inner).get(object).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let wire: WireObject = match self.api.describe(object).await {
            Err(error) if error.kind == ErrorKind::NotFound => return Err(unknown_object(object)),
            other => other?,
        };
        let info = Arc::new(ObjectInfo::new(&wire).ok_or_else(|| unknown_object(object))?);
        let mut described = self.described.lock().unwrap_or_else(PoisonError::into_inner);
        described.insert(object.to_owned(), Arc::clone(&info));
        Ok(info)
    }

    /// Finds a field that `parent_fields` names (`Account.Owner.Department`) by way of the descriptions; none where this object
    /// has no such parent.
    async fn parent_field(&self, info: &ObjectInfo, path: &str) -> Result<Option<SalesforceField>, ConnectorError> {
        let mut steps: Vec<&str> = path.split('.').collect();
        let Some(last) = steps.pop() else { return Ok(None) };
        let mut parent: Option<Arc<ObjectInfo>> = None;
        for step in steps {
            let Some(reference) = parent.as_deref().unwrap_or(info).relationship(step) else { return Ok(None) };
            let Some(target) = reference.targets.first().cloned() else { return Ok(None) };
            parent = Some(self.read(&target).await?);
        }
        let Some(parent) = parent else { return Ok(None) };
        let field = parent.field(last).map(|field| SalesforceField::of_parent(path, field.kind, field.is_filterable));
        let message = || format!("`{}` has no field `{last}`, which `parent_fields` names as `{path}`", parent.name);
        field.map(Some).ok_or_else(|| ConnectorError::new(ErrorKind::NotFound, "unknown_field", message()))
    }

    /// Finds the active users of e-mail addresses or user names, in as few calls as their number takes. Case is nothing.
    pub(in super::super) async fn owners(
        &self,
        words: &BTreeSet<String>,
    ) -> Result<HashMap<String, Owner>, ConnectorError> {
        let lower: BTreeSet<String> = words.iter().map(|word| word.trim().to_lowercase()).collect();
        let unknown: Vec<String> = {
            let known = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
            lower.iter().filter(|word| !known.contains_key(*word)).cloned().collect()
        };
        for words in unknown.chunks(usize::try_from(limits::MAX_FETCH_KEYS / 2).unwrap_or(1)) {
            let found = self.find_users(words).await?;
            self.owners.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
        }
        let known = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(lower.iter().filter_map(|word| Some((word.clone(), known.get(word)?.clone()))).collect())
    }

    async fn find_users(&self, words: &[String]) -> Result<HashMap<String, Owner>, ConnectorError> {
        let literals: Vec<String> = words.iter().map(|word| text_literal(word)).collect();
        let is_called = format!("({} OR {})", is_in("Email", &literals), is_in("Username", &literals));
        let conditions = vec![is_called, "IsActive = TRUE".to_owned()];
        let query = Query { fields: USER_FIELDS.to_vec(), object: "User", conditions, order_by: None };
        // It decides what is written: a user that is not in half an answer would leave the record to the default owner.
        let wanted: HashSet<String> = words.iter().cloned().collect();
        let is_wanted = move |user: &Json| {
            let mut names = USER_FIELDS.iter().filter_map(|name| user[*name].as_str());
            names.any(|name| wanted.contains(&name.to_lowercase()))
        };
        let users = self.api.look_up(&query.text(), is_wanted, &USER_FIELDS).await?;
        let mut found: HashMap<String, Owner> = words.iter().map(|word| (word.clone(), Owner::None)).collect();
        for name in ["Email", "Username"] {
            // A user name is unique; where it says something else than the addresses do, it wins.
            for user in &users {
                let word = user[name].as_str().unwrap_or_default().to_lowercase();
                let (Some(owner), Some(id)) = (found.get_mut(&word), user["Id"].as_str()) else { continue };
                let id = normal_id(id);
                *owner = match owner {
                    Owner::One(other) if *other != id && name == "Email" => Owner::Several,
                    Owner::Several if name == "Email" => Owner::Several,
                    _ => Owner::One(id),
                };
            }
        }
        Ok(found)
    }
}

fn unknown_object(object: &str) -> ConnectorError {
    let message = format!("Salesforce has no object `{object}` that this user may see");
    ConnectorError::new(ErrorKind::NotFound, "unknown_object", message)
        .with_hint("objects are called by their API names: `Account`, `Contact`, `Invoice__c`")
}
