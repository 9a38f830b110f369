//! What writes take of a system, said without sending them.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::http::Access;
use crate::model::{Batch, Cost, ObjectName, Spent};

use super::{bulk::BulkBatch, error::ConnectorError};

/// Says what writes take: a plan counts with it, as it sends none.
///
/// What is asked before a write and kept for the next one (owners, stages) is asked here too, and counted by the meter. What is
/// returned are the calls beside that. Of a write that is refused, repeated or overtaken by a person, the calls are those that it
/// takes otherwise.
#[async_trait]
pub trait WriteCosts: Debug + Send + Sync {
    /// Returns what [`Destination::load`](super::Destination::load) takes for a batch. Batches come in the order in which they
    /// would be written.
    ///
    /// # Errors
    /// Fails when the destination cannot be asked.
    async fn cost_of(&self, batch: &Batch) -> Result<Vec<CallCost>, ConnectorError>;

    /// Returns what [`BulkLoad::load_bulk`](super::BulkLoad::load_bulk) takes for a batch.
    ///
    /// # Errors
    /// Fails when the destination cannot be asked.
    async fn cost_of_bulk(&self, _batch: &BulkBatch<'_>) -> Result<Vec<CallCost>, ConnectorError> {
        Ok(Vec::new())
    }

    /// Returns what it takes to put a new version of an object in its place, beside the batches that bring its records.
    fn cost_of_replace(&self, _object: &ObjectName) -> Vec<CallCost> {
        Vec::new()
    }
}

/// Calls of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallCost {
    /// Whether they read or write.
    pub access: Access,
    /// How many.
    pub calls: u64,
    /// What each of them spends of the connection's limits.
    pub costs: &'static [Cost],
}

impl CallCost {
    /// Makes calls that read.
    pub const fn reads(calls: u64, costs: &'static [Cost]) -> Self {
        Self { access: Access::Read, calls, costs }
    }

    /// Makes calls that write.
    pub const fn writes(calls: u64, costs: &'static [Cost]) -> Self {
        Self { access: Access::Write, calls, costs }
    }

    /// Adds up what calls spend.
    pub fn sum(calls: impl IntoIterator<Item = Self>) -> Spent {
        let mut spent = Spent::default();
        for Self { access, calls, costs } in calls {
            match access {
                Access::Read => spent.read += calls,
                Access::Write => spent.write += calls,
            }
            spent.add_units(costs, calls);
        }
        spent
    }
}
