//! A load that may be too large for memory.

use std::fmt::{self, Debug};

use crate::model::{BatchRecord, FieldName, ObjectName, Operation, Outcome};

use super::error::ConnectorError;

/// Records of a segment, in records: what both sides of the contract hold in memory at once.
pub const SEGMENT_RECORDS: usize = if cfg!(test) { 200 } else { 10_000 };

/// Records that are given segment by segment, as often as they are asked for.
pub trait Segments: Send + Sync {
    /// Returns how many records there are.
    fn len(&self) -> usize;

    /// Tells whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns up to [`SEGMENT_RECORDS`] records from the place `first` on, in their order.
    ///
    /// # Errors
    /// Fails when they cannot be read again.
    fn segment(&self, first: usize) -> Result<Vec<BatchRecord>, ConnectorError>;
}

/// What became of the records of a load, in their order. Made one by one, so that ids and reasons need not all be in memory.
pub type Outcomes = Box<dyn ExactSizeIterator<Item = Outcome> + Send>;

/// A batch that is in memory one segment at a time.
#[derive(Clone, Copy)]
pub struct BulkBatch<'records> {
    /// Where the records go.
    pub object: &'records ObjectName,
    /// What is done with them.
    pub operation: &'records Operation,
    /// The fields that any of the records has.
    pub fields: &'records [FieldName],
    /// The records; their order is the order of the outcomes.
    pub records: &'records dyn Segments,
}

impl Debug for BulkBatch<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("BulkBatch");
        shown.field("object", self.object).field("operation", self.operation).field("records", &self.records.len());
        shown.finish_non_exhaustive()
    }
}

impl Segments for &[BatchRecord] {
    fn len(&self) -> usize {
        <[BatchRecord]>::len(self)
    }

    fn segment(&self, first: usize) -> Result<Vec<BatchRecord>, ConnectorError> {
        Ok(self.iter().skip(first).take(SEGMENT_RECORDS).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use crate::model::Fields;

    use super::*;

    #[test]
    fn segments_of_a_list_make_up_the_list() {
        let record = |at: usize| BatchRecord { trace_id: at.to_string(), destination_id: None, fields: Fields::new() };
        let list: Vec<BatchRecord> = (0..=SEGMENT_RECORDS * 2).map(record).collect();
        let records = list.as_slice();
        let segments =
            (0..Segments::len(&records)).step_by(SEGMENT_RECORDS).map(|first| records.segment(first).unwrap());
        assert_eq!(segments.collect::<Vec<_>>().concat(), list);
    }
}
