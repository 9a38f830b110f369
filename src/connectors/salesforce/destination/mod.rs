//! Writing: up to 200 records a request, or a Bulk API job where the engine brings more.
//!
//! Rows go in the order of their parents, so that two of them do not wait for each other's lock on one; what fails on a lock
//! is sent again in smaller requests. What a record's fields become is in `prepare`, the two ways to send them in
//! `collections` and `bulk`, looking records up in `fetch`.

mod bulk;
mod canonical;
mod collections;
mod costs;
mod earlier_jobs;
mod effect;
mod fetch;
mod file;
mod parents;
mod pending_jobs;
mod prepare;
mod progress;
mod row;

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::Mutex;

use crate::connector::{
    Ages, BulkBatch, BulkLoad, Canonical, ConnectorError, Destination, EarlierJobs, ErrorKind, FetchRequest,
    Inspection, Outcomes, PartialDescribe, Permissions, Probe, WriteCosts,
};
use crate::model::{Batch, FieldName, ObjectName, Operation, Outcome, Record, Schema};

use super::{
    config::Settings,
    inspection::{self, RuleOptions},
    limits,
    schema::{Catalog, Kind, ObjectInfo},
    source::check,
};

use effect::without_effect;
use pending_jobs::PendingJobs;
use progress::Progress;

/// Writes records of one org.
pub(super) struct SalesforceDestination {
    catalog: Catalog,
    default_owner: Option<String>,
    assignment_rule: Option<String>,
    allow_duplicates: bool,
    /// Bulk API jobs whose end is unknown.
    pending: Mutex<PendingJobs>,
}

impl SalesforceDestination {
    pub(super) fn new(catalog: Catalog, settings: Settings) -> Self {
        Self {
            catalog,
            default_owner: settings.default_owner,
            assignment_rule: settings.assignment_rule,
            allow_duplicates: settings.allow_duplicates,
            pending: Mutex::default(),
        }
    }

    /// Describes the object, with the keys of its parents only where these fields name one: they cost a call a parent.
    async fn described<'name>(
        &self,
        object: &ObjectName,
        mut fields: impl Iterator<Item = &'name FieldName> + Send,
    ) -> Result<Arc<ObjectInfo>, ConnectorError> {
        if fields.any(|name| name.contains('.')) {
            self.catalog.written_object(object).await
        } else {
            self.catalog.object(object).await
        }
    }
}

impl fmt::Debug for SalesforceDestination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SalesforceDestination").finish_non_exhaustive()
    }
}

#[async_trait]
impl Destination for SalesforceDestination {
    async fn check(&self) -> Result<(), ConnectorError> {
        check(&self.catalog).await
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        written_schema(&*self.catalog.written_object(object).await?, object)
    }

    async fn load(&self, batch: &Batch) -> Result<Vec<Outcome>, ConnectorError> {
        let records = batch.records.as_slice();
        let fields: BTreeSet<&FieldName> = records.iter().flat_map(|record| record.fields.keys()).collect();
        let fields: Vec<FieldName> = fields.into_iter().cloned().collect();
        let batch =
            BulkBatch { object: &batch.object, operation: &batch.operation, fields: &fields, records: &records };
        Ok(self.load_bulk(&batch).await?.collect())
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Record>, ConnectorError> {
        let info = self.catalog.object(&request.object).await?;
        self.fetch_records(&info, request).await
    }

    fn probe(&self) -> Option<&dyn Probe> {
        Some(self)
    }

    fn permissions(&self) -> Option<&dyn Permissions> {
        Some(self)
    }

    fn partial_describe(&self) -> Option<&dyn PartialDescribe> {
        Some(self)
    }

    fn bulk(&self) -> Option<&dyn BulkLoad> {
        Some(self)
    }

    fn earlier_jobs(&self) -> Option<&dyn EarlierJobs> {
        Some(self)
    }

    fn ages(&self) -> Option<&dyn Ages> {
        Some(self)
    }

    fn canonical(&self) -> Option<&dyn Canonical> {
        Some(self)
    }

    fn write_costs(&self) -> Option<&dyn WriteCosts> {
        Some(self)
    }
}

#[async_trait]
impl Ages for SalesforceDestination {
    async fn ages(&self, object: &ObjectName, ids: &[String]) -> Result<HashMap<String, Duration>, ConnectorError> {
        let info = self.catalog.object(object).await?;
        self.ages_of(&info, ids).await
    }
}

#[async_trait]
impl Probe for SalesforceDestination {
    async fn inspect(&self, objects: &[ObjectName]) -> Result<Inspection, ConnectorError> {
        let options =
            RuleOptions { assignment_rule: self.assignment_rule.as_deref(), allow_duplicates: self.allow_duplicates };
        let inspection = inspection::inspect(&self.catalog.api).await?;
        Ok(Inspection { rules: inspection::rules(&self.catalog.api, objects, options).await?, ..inspection })
    }
}

#[async_trait]
impl Permissions for SalesforceDestination {
    async fn refusals(
        &self,
        object: &ObjectName,
        operation: &Operation,
        fields: &[FieldName],
    ) -> Result<Vec<ConnectorError>, ConnectorError> {
        let info = self.described(object, fields.iter()).await?;
        Ok(prepare::refusals(&info, operation, fields))
    }
}

#[async_trait]
impl PartialDescribe for SalesforceDestination {
    async fn describe_for(&self, object: &ObjectName, fields: &[FieldName]) -> Result<Schema, ConnectorError> {
        written_schema(&*self.described(object, fields.iter()).await?, object)
    }
}

#[async_trait]
impl BulkLoad for SalesforceDestination {
    async fn load_bulk(&self, batch: &BulkBatch<'_>) -> Result<Outcomes, ConnectorError> {
        let info = self.described(batch.object, batch.fields.iter()).await.map_err(without_effect)?;
        if goes_by_job(&info, batch) {
            return self.load_in_bulk(&info, batch).await;
        }
        let mut progress = Progress::new(batch.records.len());
        self.finish_by_collections(&info, batch, &mut progress).await?;
        progress.into_outcomes()
    }
}

#[async_trait]
impl EarlierJobs for SalesforceDestination {
    async fn wait_for_earlier_jobs(&self, object: &ObjectName) -> Result<(), ConnectorError> {
        let info = self.catalog.object(object).await?;
        self.wait_for_jobs_of_earlier_runs(&info).await
    }
}

/// Tells whether a batch is a job of the Bulk API. What holds files is none.
fn goes_by_job(info: &ObjectInfo, batch: &BulkBatch<'_>) -> bool {
    let is_body = |name: &FieldName| info.field(name).is_some_and(|field| field.kind == Kind::Body);
    batch.records.len() > limits::MAX_COLLECTION_RECORDS && !batch.fields.iter().any(is_body)
}

fn written_schema(info: &ObjectInfo, object: &ObjectName) -> Result<Schema, ConnectorError> {
    if !info.is_createable && !info.is_updateable {
        let message = format!("this user may not write `{object}`, or the API cannot");
        return Err(ConnectorError::new(ErrorKind::Unauthorized, "not_writable", message)
            .with_hint("give the user's profile or permission set `Create` and `Edit` on the object"));
    }
    Ok(info.destination_schema())
}

/// Returns the field by which an upsert tells records apart.
fn upsert_key(operation: &Operation) -> Result<Option<&str>, ConnectorError> {
    match operation {
        Operation::Upsert { key } => match key.as_slice() {
            [field] => Ok(Some(field.as_str())),
            _ => Err(ConnectorError::new(ErrorKind::Unexpected, "upsert_key", "an upsert goes by one field")),
        },
        Operation::Insert | Operation::Update | Operation::Delete => Ok(None),
        Operation::Link => {
            let message = "links are fields in Salesforce and are written with their records";
            Err(ConnectorError::new(ErrorKind::Unexpected, "no_link_calls", message))
        }
    }
}
