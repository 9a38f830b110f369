//! Writing: batches of records, the links between them, and the reading back that decides what became of them.
//!
//! An upsert by a contact's `email` is sent to the vendor's upsert like one by any unique property. The vendor documents that
//! "partial upserts" by e-mail are not supported: such a batch may be refused whole for one bad record. It is then refused
//! here too, nothing of it being written, and the engine halves it. Start at [`HubSpotDestination`].

mod canonical;
mod costs;
mod encode;
mod erase;
mod fetch;
mod links;
mod outcomes;
mod write;

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::clock::Clock;
use crate::connector::{
    Ages, Canonical, ConnectorError, Destination, Erase, Examples, FetchRequest, Inspection, LinkedIds, Probe, Unlink,
    WriteCosts,
};
use crate::http::Access;
use crate::model::{Batch, FieldName, Fields, ObjectName, Operation, Outcome, Record, Schema, Value};

use super::{auth::Login, inspection::inspect, limits, schema::Catalog, source};

#[cfg(test)]
pub(super) use encode::Encoder;
#[cfg(test)]
pub(super) use fetch::plan as plan_search;

/// Writes records of one account.
pub(super) struct HubSpotDestination {
    catalog: Arc<Catalog>,
    login: Arc<Login>,
    default_owner: Option<String>,
    clock: Clock,
}

impl HubSpotDestination {
    pub(super) fn new(catalog: Arc<Catalog>, login: Arc<Login>, default_owner: Option<String>, clock: Clock) -> Self {
        Self { catalog, login, default_owner, clock }
    }
}

impl fmt::Debug for HubSpotDestination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HubSpotDestination").finish_non_exhaustive()
    }
}

#[async_trait]
impl Destination for HubSpotDestination {
    async fn check(&self) -> Result<(), ConnectorError> {
        source::check(&self.catalog).await
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        Ok(self.catalog.object(object).await?.destination_schema(&self.catalog.custom_objects))
    }

    async fn load(&self, batch: &Batch) -> Result<Vec<Outcome>, ConnectorError> {
        if batch.records.is_empty() {
            return Ok(Vec::new());
        }
        match &batch.operation {
            Operation::Insert | Operation::Update | Operation::Upsert { .. } => {
                write::write(&self.catalog, self.default_owner.as_deref(), batch, self.clock.now()).await
            }
            Operation::Delete => write::archive(&self.catalog, batch).await,
            Operation::Link => links::link(&self.catalog, batch).await,
        }
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Record>, ConnectorError> {
        fetch::fetch(&self.catalog, request).await
    }

    fn probe(&self) -> Option<&dyn Probe> {
        Some(self)
    }

    fn examples(&self) -> Option<&dyn Examples> {
        Some(self)
    }

    fn ages(&self) -> Option<&dyn Ages> {
        Some(self)
    }

    fn canonical(&self) -> Option<&dyn Canonical> {
        Some(self)
    }

    fn unlink(&self) -> Option<&dyn Unlink> {
        Some(self)
    }

    fn erase(&self) -> Option<&dyn Erase> {
        Some(self)
    }

    fn write_costs(&self) -> Option<&dyn WriteCosts> {
        Some(self)
    }
}

#[async_trait]
impl Unlink for HubSpotDestination {
    async fn linked(
        &self,
        object: &ObjectName,
        field: &FieldName,
        ids: &[String],
    ) -> Result<LinkedIds, ConnectorError> {
        links::linked(&self.catalog, object, field, ids).await
    }

    async fn unlink(&self, object: &ObjectName, field: &FieldName, links: &LinkedIds) -> Result<(), ConnectorError> {
        links::unlink(&self.catalog, object, field, links).await
    }
}

#[async_trait]
impl Erase for HubSpotDestination {
    /// The vendor has it for contacts alone.
    fn call(&self, object: &ObjectName) -> Option<&'static str> {
        (limits::object_name(object) == "contacts").then_some("GDPR delete")
    }

    async fn erase(&self, object: &ObjectName, id: &str) -> Result<Outcome, ConnectorError> {
        erase::erase(&self.catalog, object, id).await
    }
}

#[async_trait]
impl Canonical for HubSpotDestination {
    async fn canonical(&self, object: &ObjectName, records: Vec<Fields>) -> Result<Vec<Fields>, ConnectorError> {
        canonical::canonical(&self.catalog, self.default_owner.as_deref(), object, records).await
    }
}

#[async_trait]
impl Ages for HubSpotDestination {
    async fn ages(&self, object: &ObjectName, ids: &[String]) -> Result<HashMap<String, Duration>, ConnectorError> {
        fetch::ages(&self.catalog, object, ids).await
    }
}

#[async_trait]
impl Probe for HubSpotDestination {
    async fn inspect(&self, objects: &[ObjectName]) -> Result<Inspection, ConnectorError> {
        inspect(&self.catalog.api, &self.login, objects, Access::Write).await
    }
}

#[async_trait]
impl Examples for HubSpotDestination {
    /// Pipelines and stages may be written by name too, so their options are not listed: the first ones are good examples.
    async fn example(&self, object: &ObjectName, field: &FieldName) -> Result<Option<Value>, ConnectorError> {
        let Some((pipeline, stage)) = limits::pipeline_properties(object) else { return Ok(None) };
        if ![pipeline, stage].contains(&field.as_str()) {
            return Ok(None);
        }
        let pipelines = self.catalog.pipelines(object).await?;
        let Some((first, first_stage)) = pipelines.first() else { return Ok(None) };
        Ok(Some(Value::Text(if field.as_str() == pipeline { first } else { first_stage }.to_owned())))
    }
}
