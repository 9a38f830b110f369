//! What a sheet offers beside the calls that every destination has.

use async_trait::async_trait;

use crate::connector::{BulkBatch, BulkLoad, ConnectorError, Destination, FetchWhole, Inspection, Outcomes, Probe};
use crate::model::{Batch, FieldName, ObjectName, Record};

use super::{super::inspection::inspect, SheetsDestination};

#[async_trait]
impl Probe for SheetsDestination {
    async fn inspect(&self, _objects: &[ObjectName]) -> Result<Inspection, ConnectorError> {
        Ok(inspect(&self.client))
    }
}

/// A sheet has no other way for many records, but a write costs the same whatever it carries, so many are written together.
#[async_trait]
impl BulkLoad for SheetsDestination {
    async fn load_bulk(&self, batch: &BulkBatch<'_>) -> Result<Outcomes, ConnectorError> {
        let mut records = Vec::with_capacity(batch.records.len());
        while records.len() < batch.records.len() {
            let segment = batch.records.segment(records.len())?;
            if segment.is_empty() {
                break;
            }
            records.extend(segment);
        }
        let batch = Batch { object: batch.object.clone(), operation: batch.operation.clone(), records };
        Ok(Box::new(self.load(&batch).await?.into_iter()))
    }
}

#[async_trait]
impl FetchWhole for SheetsDestination {
    async fn fetch_whole(&self, object: &ObjectName, fields: &[FieldName]) -> Result<Vec<Record>, ConnectorError> {
        self.all_keys(object, fields).await
    }
}
