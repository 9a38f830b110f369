//! What writes take: one call a batch.

use async_trait::async_trait;

use crate::connector::{CallCost, ConnectorError, WriteCosts};
use crate::model::Batch;

use super::{super::limits::EVERY_REQUEST, AirtableDestination};

#[async_trait]
impl WriteCosts for AirtableDestination {
    async fn cost_of(&self, _batch: &Batch) -> Result<Vec<CallCost>, ConnectorError> {
        Ok(vec![CallCost::writes(1, EVERY_REQUEST)])
    }
}
