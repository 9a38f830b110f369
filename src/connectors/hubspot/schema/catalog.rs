//! What is read once of an account and kept: properties, owners, pipelines, kinds of links.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use tokio::sync::{Mutex, OnceCell};

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::ObjectName;

use super::{
    super::{
        client::{Api, WireOwner, WirePipeline},
        errors, limits,
    },
    ObjectInfo,
};

/// The account as far as it is known. Everything is asked for when it is first needed and then kept for this source's or
/// destination's life.
#[derive(Debug)]
pub(in super::super) struct Catalog {
    pub(in super::super) api: Api,
    pub(in super::super) custom_objects: Vec<ObjectName>,
    objects: Mutex<HashMap<String, Arc<ObjectInfo>>>,
    pipelines: Mutex<HashMap<String, Arc<Pipelines>>>,
    link_types: Mutex<HashMap<(String, String), LinkType>>,
    owners: OnceCell<Arc<Owners>>,
    former_owners: OnceCell<Arc<Owners>>,
}

/// Category and id of a kind of link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct LinkType {
    pub(in super::super) category: String,
    pub(in super::super) id: u32,
}

/// The people and queues that records can be assigned to.
#[derive(Debug, Default)]
pub(in super::super) struct Owners {
    id_by_email: HashMap<String, String>,
    email_by_id: HashMap<String, String>,
    ids: Vec<String>,
}

/// The pipelines of an object, with their stages.
#[derive(Debug, Default)]
pub(in super::super) struct Pipelines {
    pipelines: Vec<Named>,
    /// The stages, each with its pipeline's id.
    stages: Vec<(String, Named)>,
}

#[derive(Debug, Clone)]
struct Named {
    id: String,
    label: String,
}

/// What a text could mean among pipelines or stages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Meaning {
    /// This id.
    One(String),
    /// Nothing.
    None,
    /// Several: which one, only a pipeline could tell.
    Several,
}

impl Catalog {
    pub(in super::super) fn new(api: Api, custom_objects: Vec<ObjectName>) -> Self {
        Self {
            api,
            custom_objects,
            objects: Mutex::default(),
            pipelines: Mutex::default(),
            link_types: Mutex::default(),
            owners: OnceCell::new(),
            former_owners: OnceCell::new(),
        }
    }

    /// Returns the object's properties.
    pub(in super::super) async fn object(&self, object: &ObjectName) -> Result<Arc<ObjectInfo>, ConnectorError> {
        let mut objects = self.objects.lock().await;
        if let Some(info) = objects.get(object.as_str()) {
            return Ok(Arc::clone(info));
        }
        let properties = self.api.properties(object).await.map_err(|error| unknown_object(object, error))?;
        let info = Arc::new(ObjectInfo::new(object.clone(), &properties));
        objects.insert(object.to_string(), Arc::clone(&info));
        Ok(info)
    }

    /// Returns the owners of today.
    pub(in super::super) async fn owners(&self) -> Result<Arc<Owners>, ConnectorError> {
        self.owners.get_or_try_init(|| self.read_owners(false)).await.map(Arc::clone)
    }

    /// Returns the owners who have left: records still name them.
    pub(in super::super) async fn former_owners(&self) -> Result<Arc<Owners>, ConnectorError> {
        self.former_owners.get_or_try_init(|| self.read_owners(true)).await.map(Arc::clone)
    }

    async fn read_owners(&self, is_archived: bool) -> Result<Arc<Owners>, ConnectorError> {
        let mut owners = Vec::new();
        let mut after: Option<String> = None;
        let mut passed: HashSet<String> = HashSet::new();
        loop {
            let page = self.api.owners(after.as_deref(), is_archived).await?;
            owners.extend(page.results);
            match page.paging.after() {
                Some(next) if !passed.insert(next.to_owned()) => return Err(going_round("the owners")),
                Some(next) => after = Some(next.to_owned()),
                None => return Ok(Arc::new(Owners::new(owners))),
            }
        }
    }

    /// Returns the object's pipelines.
    pub(in super::super) async fn pipelines(&self, object: &ObjectName) -> Result<Arc<Pipelines>, ConnectorError> {
        let mut all = self.pipelines.lock().await;
        if let Some(pipelines) = all.get(object.as_str()) {
            return Ok(Arc::clone(pipelines));
        }
        let pipelines = Arc::new(Pipelines::new(self.api.pipelines(object).await?));
        all.insert(object.to_string(), Arc::clone(&pipelines));
        Ok(pipelines)
    }

    /// Returns the plain kind of link from one object to another: a documented one, or the account's own.
    pub(in super::super) async fn link_type(&self, from: &str, to: &str) -> Result<LinkType, ConnectorError> {
        if let Some(id) = limits::association_type(from, to) {
            return Ok(LinkType { category: "HUBSPOT_DEFINED".to_owned(), id });
        }
        let mut types = self.link_types.lock().await;
        let pair = (from.to_owned(), to.to_owned());
        if let Some(link_type) = types.get(&pair) {
            return Ok(link_type.clone());
        }
        let labels = self.api.association_labels(from, to).await?;
        let plain = labels.into_iter().find(|label| label.label.as_deref().is_none_or(str::is_empty));
        let Some((category, id)) = plain.and_then(|label| Some((label.category.0?, label.type_id?))) else {
            let message = format!("HubSpot knows no plain link from `{from}` to `{to}`");
            return Err(ConnectorError::new(ErrorKind::NotFound, "unknown_link", message));
        };
        let link_type = LinkType { category, id };
        types.insert(pair, link_type.clone());
        Ok(link_type)
    }
}

impl Owners {
    pub(in super::super) fn new(owners: Vec<WireOwner>) -> Self {
        let mut all = Self::default();
        for owner in owners {
            let Some(id) = owner.id.0 else { continue };
            if let Some(email) = owner.email.0.filter(|email| !email.is_empty()) {
                all.id_by_email.insert(email.to_lowercase(), id.clone());
                all.email_by_id.insert(id.clone(), email);
            }
            all.ids.push(id);
        }
        all
    }

    /// Returns the owner's id of an e-mail address or of an id.
    pub(in super::super) fn id_of(&self, text: &str) -> Option<&str> {
        let text = text.trim();
        let by_email = self.id_by_email.get(&text.to_lowercase());
        by_email.or_else(|| self.ids.iter().find(|id| *id == text)).map(String::as_str)
    }

    /// Returns the e-mail address of an owner.
    pub(in super::super) fn email_of(&self, id: &str) -> Option<&str> {
        self.email_by_id.get(id).map(String::as_str)
    }
}

impl Pipelines {
    pub(in super::super) fn new(pipelines: Vec<WirePipeline>) -> Self {
        let mut all = Self::default();
        for pipeline in pipelines {
            let Some(id) = pipeline.id.0 else { continue };
            for stage in pipeline.stages {
                let Some(stage_id) = stage.id.0 else { continue };
                let label = stage.label.0.unwrap_or_default();
                all.stages.push((id.clone(), Named { id: stage_id, label }));
            }
            all.pipelines.push(Named { id, label: pipeline.label.0.unwrap_or_default() });
        }
        all
    }

    /// Returns the ids of the first pipeline and of its first stage.
    pub(in super::super) fn first(&self) -> Option<(&str, &str)> {
        let (pipeline, stage) = self.stages.first()?;
        Some((pipeline, &stage.id))
    }

    /// Returns the pipeline that a text names by id or label.
    pub(in super::super) fn pipeline(&self, text: &str) -> Meaning {
        meaning(self.pipelines.iter(), text)
    }

    /// Returns the stage that a text names by id or, within the pipeline where it is known, by label.
    pub(in super::super) fn stage(&self, text: &str, pipeline: Option<&str>) -> Meaning {
        let inside = self.stages.iter().filter(|(of, _)| pipeline.is_none_or(|pipeline| of == pipeline));
        meaning(inside.map(|(_, stage)| stage), text)
    }

    /// Returns the label of a pipeline.
    pub(in super::super) fn pipeline_label(&self, id: &str) -> Option<&str> {
        self.pipelines.iter().find(|pipeline| pipeline.id == id).map(|pipeline| pipeline.label.as_str())
    }

    /// Returns the label of a stage.
    pub(in super::super) fn stage_label(&self, id: &str) -> Option<&str> {
        self.stages.iter().find(|(_, stage)| stage.id == id).map(|(_, stage)| stage.label.as_str())
    }
}

fn meaning<'named>(named: impl Iterator<Item = &'named Named> + Clone, text: &str) -> Meaning {
    let text = text.trim();
    if let Some(found) = named.clone().find(|named| named.id == text) {
        return Meaning::One(found.id.clone());
    }
    let wanted = text.to_lowercase();
    let mut by_label = named.filter(|named| named.label.trim().to_lowercase() == wanted);
    match (by_label.next(), by_label.next()) {
        (None, _) => Meaning::None,
        (Some(found), None) => Meaning::One(found.id.clone()),
        (Some(_), Some(_)) => Meaning::Several,
    }
}

/// Says that a list leads back to a page that was read: it would never end.
pub(in super::super) fn going_round(list: &str) -> ConnectorError {
    let message = format!("HubSpot's pages of {list} lead back to where they began");
    ConnectorError::new(ErrorKind::Unexpected, "stuck", message)
}

/// An object that is not there is refused in several ways (400 and 404); all of them mean the same to the user.
fn unknown_object(object: &ObjectName, error: ConnectorError) -> ConnectorError {
    if !matches!(error.kind, ErrorKind::NotFound | ErrorKind::Refused) {
        return error;
    }
    // Without a category the 404 speaks of the address, not of an object: this version of the API is not served there.
    if error.kind == ErrorKind::NotFound && error.code == errors::NO_CODE {
        return error.with_hint("check `api_version` and `base_url`: HubSpot does not serve this path");
    }
    let mut failure =
        ConnectorError::new(ErrorKind::NotFound, "unknown_object", format!("HubSpot has no object `{object}`"))
            .with_hint(
                "standard objects are called `contacts`, `companies`, `deals`, …; custom ones `2-123` or by name",
            );
    failure.detail = error.detail;
    failure.request_id = error.request_id;
    failure.request = error.request;
    failure
}
