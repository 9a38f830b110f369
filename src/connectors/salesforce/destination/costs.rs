//! What writes take: one call for 200 records, or a job of the Bulk API for those that are gathered.

use async_trait::async_trait;

use crate::connector::{BulkBatch, CallCost, ConnectorError, WriteCosts};
use crate::model::{Batch, FieldName};

use super::{
    super::limits::{MAX_COLLECTION_RECORDS, NO_RATE_LIMITS},
    SalesforceDestination, goes_by_job,
};

/// Calls that write a job: it is made, its file is sent, and it is closed.
const JOB_WRITES: u64 = 3;
/// Calls that read of a job, at least: one asks whether it has ended, one brings what was written. A job that takes longer is asked
/// more often, and one with refused records gives a second file.
const JOB_READS: u64 = 2;

#[async_trait]
impl WriteCosts for SalesforceDestination {
    async fn cost_of(&self, batch: &Batch) -> Result<Vec<CallCost>, ConnectorError> {
        let fields: Vec<FieldName> = batch.records.iter().flat_map(|record| record.fields.keys().cloned()).collect();
        let info = self.described(&batch.object, fields.iter()).await?;
        self.owners_of(&info, &batch.records).await?;
        Ok(requests(batch.records.len()))
    }

    async fn cost_of_bulk(&self, batch: &BulkBatch<'_>) -> Result<Vec<CallCost>, ConnectorError> {
        let info = self.described(batch.object, batch.fields.iter()).await?;
        if goes_by_job(&info, batch) {
            return Ok(vec![CallCost::writes(JOB_WRITES, NO_RATE_LIMITS), CallCost::reads(JOB_READS, NO_RATE_LIMITS)]);
        }
        Ok(requests(batch.records.len()))
    }
}

/// Returns the calls of records that go 200 a request.
fn requests(records: usize) -> Vec<CallCost> {
    let calls = u64::try_from(records.div_ceil(MAX_COLLECTION_RECORDS)).unwrap_or(u64::MAX);
    vec![CallCost::writes(calls, NO_RATE_LIMITS)]
}
