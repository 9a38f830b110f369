//! What writes take: one call a batch, and for links one for each object that they lead to.

use async_trait::async_trait;

use crate::connector::{CallCost, ConnectorError, WriteCosts};
use crate::model::{Batch, Operation};

use super::{super::limits, HubSpotDestination, encode::Encoder, links::links_by_object, write::require_ids};

#[async_trait]
impl WriteCosts for HubSpotDestination {
    async fn cost_of(&self, batch: &Batch) -> Result<Vec<CallCost>, ConnectorError> {
        match &batch.operation {
            Operation::Insert | Operation::Update | Operation::Upsert { .. } => {
                Encoder::new(&self.catalog, self.default_owner.as_deref(), batch).await?;
                Ok(vec![CallCost::writes(1, limits::COUNTS_AS_CALL)])
            }
            Operation::Delete => Ok(vec![CallCost::writes(1, limits::COUNTS_AS_CALL)]),
            Operation::Link => {
                let by_object = links_by_object(batch, &require_ids(batch)?);
                let calls: usize =
                    by_object.values().map(|links| links.len().div_ceil(limits::MAX_ASSOCIATION_WRITES)).sum();
                Ok(vec![CallCost::writes(u64::try_from(calls).unwrap_or(u64::MAX), limits::COUNTS_AS_ASSOCIATION)])
            }
        }
    }
}
