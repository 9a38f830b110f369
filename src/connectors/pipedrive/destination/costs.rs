//! What writes take: one call a record, with what it holds asked for before where that decides what is written, and one for each
//! participant of a deal.

use async_trait::async_trait;

use crate::connector::{CallCost, ConnectorError, WriteCosts};
use crate::model::{Batch, BatchRecord, Operation};

use super::{
    super::{
        costs,
        object::Object,
        schema::{Kind, ObjectInfo},
    },
    PipedriveDestination,
    body::Draft,
    encode::{Encoder, texts},
};

#[async_trait]
impl WriteCosts for PipedriveDestination {
    async fn cost_of(&self, batch: &Batch) -> Result<Vec<CallCost>, ConnectorError> {
        let info = self.catalog.object(&batch.object).await?;
        match &batch.operation {
            Operation::Insert | Operation::Update => {
                let encoder = self.encoder(&info, batch).await?;
                let mut calls = Vec::with_capacity(batch.records.len());
                for record in &batch.records {
                    calls.extend(cost_of_record(&info, &encoder, record, &batch.operation)?);
                }
                Ok(calls)
            }
            Operation::Delete => {
                let records = u64::try_from(batch.records.len()).unwrap_or(u64::MAX);
                Ok(vec![CallCost::writes(records, costs::delete(info.object))])
            }
            Operation::Upsert { .. } | Operation::Link => Ok(Vec::new()),
        }
    }
}

fn cost_of_record(
    info: &ObjectInfo,
    encoder: &Encoder,
    record: &BatchRecord,
    operation: &Operation,
) -> Result<Vec<CallCost>, ConnectorError> {
    let is_update = *operation == Operation::Update;
    let mut participants = 0;
    let mut calls = Vec::new();
    // The ids of records that are not there yet are no numbers: links cost nothing of their own but for the participants of a deal.
    let mut plain = record.clone();
    plain.fields.clear();
    for (name, value) in &record.fields {
        match info.property(info.column(name)?).kind {
            Kind::People if info.object == Object::Deals => participants = texts(value).len(),
            Kind::People | Kind::Link(_) => {}
            _ => drop(plain.fields.insert(name.clone(), value.clone())),
        }
    }
    let Ok(draft) = Draft::of(info, encoder, &plain, operation)? else { return Ok(Vec::new()) };
    if is_update && draft.needs_current() {
        calls.push(CallCost::reads(1, costs::one(info.object)));
    }
    let is_only_participants = participants > 0 && record.fields.len() == 1;
    if !is_update || !is_only_participants {
        calls.push(CallCost::writes(1, costs::write(info.object)));
    }
    if participants > 0 {
        // Who takes part is asked first, but not of a deal that the same run creates: that has no number yet.
        if record.destination_id.as_ref().is_some_and(|id| id.parse::<u64>().is_ok()) {
            calls.push(CallCost::reads(1, costs::PARTICIPANTS));
        }
        calls.push(CallCost::writes(u64::try_from(participants).unwrap_or(u64::MAX), costs::WRITE_V1));
    }
    Ok(calls)
}
