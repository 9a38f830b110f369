//! What is asked once a run: descriptions of objects, users, pipelines.

use std::{collections::HashMap, sync::Arc};

use serde_json::Value as Json;
use tokio::sync::{Mutex, OnceCell};

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::ObjectName;

use super::{
    super::{
        client::{Api, Next, Raw, Shelf, WireOption},
        errors::{CallError, unexpected},
        object::Object,
    },
    Kind, Meaning, ObjectInfo, Pipelines, Property, Users,
};

/// Most pages of a list that is read whole: 500 times as many users, pipelines or stages.
const MAX_PAGES: usize = 100;

/// Remembers what a login was told.
#[derive(Debug)]
pub(in super::super) struct Catalog {
    pub(in super::super) api: Api,
    objects: Mutex<HashMap<Object, Arc<ObjectInfo>>>,
    users: OnceCell<Arc<Users>>,
    pipelines: OnceCell<Arc<Pipelines>>,
    /// Persons that were merged into others.
    merged_persons: OnceCell<HashMap<String, String>>,
    /// One option is added at a time, so that none is added twice.
    adding: Mutex<()>,
}

/// What ids are called, as far as a read or write needs it.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Names {
    pub(in super::super) users: Option<Arc<Users>>,
    pub(in super::super) pipelines: Option<Arc<Pipelines>>,
}

impl Catalog {
    pub(in super::super) fn new(api: Api) -> Self {
        Self {
            api,
            objects: Mutex::default(),
            users: OnceCell::new(),
            pipelines: OnceCell::new(),
            merged_persons: OnceCell::new(),
            adding: Mutex::default(),
        }
    }

    /// Returns the fields of an object.
    pub(in super::super) async fn object(&self, name: &ObjectName) -> Result<Arc<ObjectInfo>, ConnectorError> {
        let object = Object::of(name)?;
        let mut objects = self.objects.lock().await;
        if let Some(info) = objects.get(&object) {
            return Ok(Arc::clone(info));
        }
        let described = match object.fields_path() {
            Some(path) => self.api.fields(path).await?,
            None => Vec::new(),
        };
        let info = ObjectInfo::new(object, described);
        if object == Object::Leads
            && let Some(labels) = info.property_of("label_ids")
        {
            let label =
                |label: super::super::client::WireLabel| WireOption { id: Json::from(label.id), label: label.name };
            labels.options.replace(self.api.lead_labels().await?.into_iter().map(label).collect());
        }
        let info = Arc::new(info);
        objects.insert(object, Arc::clone(&info));
        Ok(info)
    }

    /// Returns what the values of these kinds need.
    pub(in super::super) async fn names(&self, kinds: impl Iterator<Item = Kind>) -> Result<Names, ConnectorError> {
        let mut names = Names::default();
        for kind in kinds {
            match kind {
                Kind::User if names.users.is_none() => names.users = Some(self.users().await?),
                Kind::Pipeline | Kind::Stage if names.pipelines.is_none() => {
                    names.pipelines = Some(self.pipelines().await?);
                }
                _ => {}
            }
        }
        Ok(names)
    }

    /// Returns the users.
    pub(in super::super) async fn users(&self) -> Result<Arc<Users>, ConnectorError> {
        let users = async || Ok(Arc::new(Users::new(&self.all(Object::Users).await?)));
        self.users.get_or_try_init(users).await.cloned()
    }

    /// Returns the pipelines and stages.
    pub(in super::super) async fn pipelines(&self) -> Result<Arc<Pipelines>, ConnectorError> {
        let pipelines = async || {
            let pipelines = self.all(Object::Pipelines).await?;
            Ok(Arc::new(Pipelines::new(&pipelines, &self.all(Object::Stages).await?)))
        };
        self.pipelines.get_or_try_init(pipelines).await.cloned()
    }

    /// Returns the record that a missing one was merged into, where Pipedrive tells: of persons.
    pub(in super::super) async fn survivor(&self, object: Object, id: &str) -> Result<Option<String>, CallError> {
        if object != Object::Persons {
            return Ok(None);
        }
        let merged = async || match self.api.merged_persons().await {
            // Who may not see it is told of no merge.
            Err(CallError::Refused(_)) => Ok(HashMap::new()),
            other => other,
        };
        let winners = self.merged_persons.get_or_try_init(merged).await?;
        let mut survivor = winners.get(id);
        for _ in 0..winners.len() {
            let Some(next) = survivor.and_then(|id| winners.get(id)) else { break };
            survivor = Some(next);
        }
        Ok(survivor.filter(|survivor| *survivor != id).cloned())
    }

    async fn all(&self, object: Object) -> Result<Vec<Raw>, ConnectorError> {
        let mut records = Vec::new();
        let mut next: Option<Next> = None;
        for _ in 0..MAX_PAGES {
            let page = self.api.list(object, Shelf::Current, &[], next.as_ref()).await?;
            records.extend(page.records);
            if page.next.is_none() {
                return Ok(records);
            }
            next = page.next;
        }
        Err(unexpected("its pages do not end"))
    }

    /// Returns the id of an option, which is added to its field where it does not have it.
    pub(in super::super) async fn add_option(
        &self,
        object: Object,
        property: &Property,
        label: &str,
    ) -> Result<Json, CallError> {
        let _alone = self.adding.lock().await;
        if let Meaning::One(id) = property.options.id_of(label) {
            return Ok(id);
        }
        let path = object.fields_path().filter(|_| property.is_custom).ok_or_else(|| {
            let message = format!("options of `{}` cannot be added by the API", property.shown());
            CallError::Failed(ConnectorError::new(ErrorKind::Refused, "unknown_option", message))
        })?;
        match self.api.add_option(path, &property.code, label).await {
            Ok(options) => property.options.extend(options),
            // It may have been added: the field tells.
            Err(CallError::Failed(error)) if error.kind == ErrorKind::Unanswered => {
                let fields = self.api.fields(path).await?;
                let field = fields.into_iter().find(|field| field.field_code == property.code);
                property.options.replace(field.and_then(|field| field.options).unwrap_or_default());
                if property.options.id_of(label) == Meaning::None {
                    return Err(CallError::Failed(ConnectorError { kind: ErrorKind::Unavailable, ..error }));
                }
            }
            Err(error) => return Err(error),
        }
        match property.options.id_of(label) {
            Meaning::One(id) => Ok(id),
            Meaning::None | Meaning::Several => {
                Err(CallError::Failed(unexpected("the option that was added is not in it")))
            }
        }
    }
}

impl Names {
    pub(super) fn user(&self, id: &str) -> String {
        self.users.as_ref().map_or_else(|| id.to_owned(), |users| users.email_of(id))
    }

    pub(super) fn pipeline(&self, id: &str) -> String {
        self.pipelines.as_ref().map_or_else(|| id.to_owned(), |names| names.pipeline_name(id))
    }

    pub(super) fn stage(&self, id: &str) -> String {
        self.pipelines.as_ref().map_or_else(|| id.to_owned(), |names| names.stage_name(id))
    }
}
