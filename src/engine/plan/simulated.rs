//! A destination that is asked as it is, and whose writes are only noted: what a plan writes to.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use crate::connector::{
    Canonical, ConnectorError, Destination, EarlierJobs, Examples, FetchRequest, FetchWhole, PartialDescribe,
    Permissions, Probe, Replace, Selection, WritePlan,
};
use crate::model::{Batch, BatchRecord, Field, Fields, ObjectName, Operation, Outcome, Record, Schema};

/// What the ids of records begin with that a plan creates: no vendor's id does.
pub(super) const PLANNED: &str = "planned:";

/// A destination that is read and never written.
#[derive(Debug)]
pub(super) struct Simulated {
    real: Box<dyn Destination>,
    created: AtomicU64,
}

impl Simulated {
    pub(super) fn new(real: Box<dyn Destination>) -> Self {
        Self { real, created: AtomicU64::new(0) }
    }

    fn outcome(&self, operation: &Operation, record: &BatchRecord) -> Outcome {
        match (operation, &record.destination_id) {
            (Operation::Delete, _) => Outcome::Deleted,
            (Operation::Update | Operation::Link, Some(id)) => Outcome::Updated { id: id.clone() },
            (Operation::Insert | Operation::Update | Operation::Upsert { .. } | Operation::Link, _) => {
                let number = self.created.fetch_add(1, Ordering::Relaxed);
                Outcome::Created { id: format!("{PLANNED}{number}") }
            }
        }
    }
}

#[async_trait]
impl Destination for Simulated {
    async fn check(&self) -> Result<(), ConnectorError> {
        self.real.check().await
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        self.real.describe(object).await
    }

    fn plan(&self, plan: WritePlan) -> Result<(), ConnectorError> {
        self.real.plan(plan)
    }

    async fn load(&self, batch: &Batch) -> Result<Vec<Outcome>, ConnectorError> {
        Ok(batch.records.iter().map(|record| self.outcome(&batch.operation, record)).collect())
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Record>, ConnectorError> {
        let Selection::Ids(ids) = &request.selection else { return self.real.fetch(request).await };
        let (planned, real): (Vec<String>, Vec<String>) = ids.iter().cloned().partition(|id| id.starts_with(PLANNED));
        let mut found: Vec<Record> = planned
            .into_iter()
            .map(|id| Record { id, fields: Fields::new(), merged_into: None, place: None })
            .collect();
        if !real.is_empty() {
            let request = FetchRequest { selection: Selection::Ids(real), ..request.clone() };
            found.extend(self.real.fetch(&request).await?);
        }
        Ok(found)
    }

    fn probe(&self) -> Option<&dyn Probe> {
        self.real.probe()
    }

    fn permissions(&self) -> Option<&dyn Permissions> {
        self.real.permissions()
    }

    fn partial_describe(&self) -> Option<&dyn PartialDescribe> {
        self.real.partial_describe()
    }

    fn examples(&self) -> Option<&dyn Examples> {
        self.real.examples()
    }

    fn fetch_whole(&self) -> Option<&dyn FetchWhole> {
        self.real.fetch_whole()
    }

    fn canonical(&self) -> Option<&dyn Canonical> {
        self.real.canonical()
    }

    fn earlier_jobs(&self) -> Option<&dyn EarlierJobs> {
        self.real.earlier_jobs()
    }

    fn replace(&self) -> Option<&dyn Replace> {
        self.real.replace().map(|_| self as &dyn Replace)
    }
}

#[async_trait]
impl Replace for Simulated {
    async fn begin(&self, _object: &ObjectName, _fields: &[Field]) -> Result<(), ConnectorError> {
        Ok(())
    }

    async fn put_in_place(&self, _object: &ObjectName) -> Result<(), ConnectorError> {
        Ok(())
    }
}
