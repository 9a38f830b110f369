//! A destination that is asked as it is, and whose writes are only noted: what a plan writes to.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use async_trait::async_trait;

use crate::connector::{
    BulkBatch, BulkLoad, CallCost, Canonical, ConnectorError, Destination, EarlierJobs, Examples, FetchRequest,
    FetchWhole, LinkedIds, Outcomes, PartialDescribe, Permissions, Probe, Replace, Selection, Unlink, WritePlan,
};
use crate::model::{Batch, BatchRecord, Field, FieldName, Fields, ObjectName, Operation, Outcome, Record, Schema};
use crate::state::Target;

use super::tally::Tallies;

/// What the ids of records begin with that a plan creates: no vendor's id does.
pub(super) const PLANNED: &str = "planned:";

/// A destination that is read and never written.
#[derive(Debug)]
pub(super) struct Simulated {
    real: Box<dyn Destination>,
    target: Target,
    tallies: Arc<Tallies>,
    created: AtomicU64,
    /// Whether batches bring the records of a new version: putting it in its place is what takes calls.
    is_replaced: AtomicBool,
}

impl Simulated {
    pub(super) fn new(real: Box<dyn Destination>, target: Target, tallies: Arc<Tallies>) -> Self {
        Self { real, target, tallies, created: AtomicU64::new(0), is_replaced: AtomicBool::new(false) }
    }

    /// Counts calls that a run would make.
    fn count(&self, calls: Vec<CallCost>) {
        self.tallies.count(&self.target, |tally| tally.writes += CallCost::sum(calls));
    }

    fn outcome(&self, operation: &Operation, record: &BatchRecord) -> Outcome {
        match (operation, &record.destination_id) {
            (Operation::Delete, _) => Outcome::Deleted,
            (Operation::Update | Operation::Link | Operation::Upsert { .. }, Some(id)) => {
                Outcome::Updated { id: id.clone() }
            }
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
        if let Some(costs) = self.real.write_costs().filter(|_| !self.is_replaced.load(Ordering::Relaxed)) {
            self.count(costs.cost_of(batch).await?);
        }
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

    fn bulk(&self) -> Option<&dyn BulkLoad> {
        self.real.bulk().map(|_| self as &dyn BulkLoad)
    }

    fn canonical(&self) -> Option<&dyn Canonical> {
        self.real.canonical()
    }

    fn unlink(&self) -> Option<&dyn Unlink> {
        self.real.unlink().map(|_| self as &dyn Unlink)
    }

    fn earlier_jobs(&self) -> Option<&dyn EarlierJobs> {
        self.real.earlier_jobs()
    }

    fn replace(&self) -> Option<&dyn Replace> {
        self.real.replace().map(|_| self as &dyn Replace)
    }
}

#[async_trait]
impl BulkLoad for Simulated {
    async fn load_bulk(&self, batch: &BulkBatch<'_>) -> Result<Outcomes, ConnectorError> {
        if let Some(costs) = self.real.write_costs() {
            self.count(costs.cost_of_bulk(batch).await?);
        }
        let mut outcomes = Vec::with_capacity(batch.records.len());
        while outcomes.len() < batch.records.len() {
            let segment = batch.records.segment(outcomes.len())?;
            if segment.is_empty() {
                break;
            }
            outcomes.extend(segment.iter().map(|record| self.outcome(batch.operation, record)));
        }
        Ok(Box::new(outcomes.into_iter()))
    }
}

#[async_trait]
impl Replace for Simulated {
    async fn begin(&self, _object: &ObjectName, _fields: &[Field]) -> Result<(), ConnectorError> {
        self.is_replaced.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn put_in_place(&self, object: &ObjectName) -> Result<(), ConnectorError> {
        if let Some(costs) = self.real.write_costs() {
            self.count(costs.cost_of_replace(object));
        }
        self.tallies.count(&self.target, |tally| tally.is_put_in_place = true);
        Ok(())
    }
}

#[async_trait]
impl Unlink for Simulated {
    async fn linked(
        &self,
        object: &ObjectName,
        field: &FieldName,
        ids: &[String],
    ) -> Result<LinkedIds, ConnectorError> {
        let real: Vec<String> = ids.iter().filter(|id| !id.starts_with(PLANNED)).cloned().collect();
        match self.real.unlink().filter(|_| !real.is_empty()) {
            Some(unlink) => unlink.linked(object, field, &real).await,
            None => Ok(LinkedIds::new()),
        }
    }

    async fn unlink(&self, _object: &ObjectName, _field: &FieldName, _links: &LinkedIds) -> Result<(), ConnectorError> {
        Ok(())
    }
}
