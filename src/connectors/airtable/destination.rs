//! Writes records in batches of ten, and looks records up.
//!
//! Airtable refuses a whole batch for one bad record and does not say which: the batch is given back as refused, and the
//! engine halves it. What would certainly be refused is rejected before it is sent. What a refusal says of a single record
//! is in `blame`, looking records up in `lookup`.

mod blame;
mod costs;
mod lookup;
mod sent;

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};

use crate::connector::{
    Ages, ConnectorError, Destination, ErrorKind, FetchRequest, Inspection, Probe, Selection, WriteCosts,
};
use crate::model::{
    Batch, BatchRecord, FieldName, Fields, ObjectName, Operation, Outcome, Record, Rejection, Schema, Value,
};

use super::{
    client::{AirtableClient, RawRecord, Written, can_be},
    errors::{ApiError, CallError, incomplete},
    inspection::inspect,
    schema::{Table, TableField, decode, encode},
};

use self::{
    blame::{is_about, rejection},
    sent::{Sent, comparable},
};

/// Writes to one base.
#[derive(Debug)]
pub(super) struct AirtableDestination {
    client: AirtableClient,
}

impl AirtableDestination {
    /// Makes the destination of a base. Does no I/O.
    pub(super) fn new(client: AirtableClient) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Destination for AirtableDestination {
    async fn check(&self) -> Result<(), ConnectorError> {
        self.client.base().await.map(drop)
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        self.client.base().await?.describe(object, false)
    }

    async fn load(&self, batch: &Batch) -> Result<Vec<Outcome>, ConnectorError> {
        let table = self.client.base().await?.table(&batch.object)?;
        let mut outcomes: Vec<Option<Outcome>> = vec![None; batch.records.len()];
        let mut sent = Vec::with_capacity(batch.records.len());
        for (place, record) in batch.records.iter().enumerate() {
            match self.prepare(table, &batch.operation, record)? {
                Ok(cells) => sent.push(Sent { place, record, cells }),
                Err(rejection) => outcomes[place] = Some(Outcome::Rejected(rejection)),
            }
        }
        if !sent.is_empty() {
            let written = self.write(table, &batch.operation, &sent).await?;
            for (record, outcome) in sent.iter().zip(written) {
                outcomes[record.place] = Some(outcome);
            }
        }
        let outcomes: Option<Vec<Outcome>> = outcomes.into_iter().collect();
        outcomes.ok_or_else(|| incomplete("an outcome is missing"))
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Record>, ConnectorError> {
        let table = self.client.base().await?.table(&request.object)?;
        let fields = fields(table, &request.fields)?;
        match &request.selection {
            Selection::Ids(ids) => self.fetch_ids(table, &fields, ids).await,
            Selection::Keys { fields: key, values } => {
                let key = self::fields(table, key)?;
                self.fetch_keys(table, &fields, &key, values).await
            }
        }
    }

    fn probe(&self) -> Option<&dyn Probe> {
        Some(self)
    }

    fn ages(&self) -> Option<&dyn Ages> {
        Some(self)
    }

    fn write_costs(&self) -> Option<&dyn WriteCosts> {
        Some(self)
    }
}

#[async_trait]
impl Ages for AirtableDestination {
    async fn ages(&self, object: &ObjectName, ids: &[String]) -> Result<HashMap<String, Duration>, ConnectorError> {
        self.ages_of(self.client.base().await?.table(object)?, ids).await
    }
}

#[async_trait]
impl Probe for AirtableDestination {
    async fn inspect(&self, _objects: &[ObjectName]) -> Result<Inspection, ConnectorError> {
        inspect(&self.client, &["data.records:read", "data.records:write", "schema.bases:read"], true).await
    }
}

impl AirtableDestination {
    /// Encodes a record. An error of ours about the pipeline ends the stream; one about a value rejects the record.
    fn prepare(
        &self,
        table: &Table,
        operation: &Operation,
        record: &BatchRecord,
    ) -> Result<Result<Map<String, Json>, Rejection>, ConnectorError> {
        match operation {
            Operation::Update | Operation::Delete if record.destination_id.is_none() => {
                return Err(ConnectorError::new(ErrorKind::Unexpected, "no_id", "a record to change has no id"));
            }
            Operation::Link => {
                let message = "links are fields in Airtable and are written with their records";
                return Err(ConnectorError::new(ErrorKind::Unexpected, "no_link_calls", message));
            }
            Operation::Upsert { key } => {
                if let Some(rejection) = empty_key(key, &record.fields) {
                    return Ok(Err(rejection));
                }
            }
            Operation::Insert | Operation::Update | Operation::Delete => {}
        }
        let mut cells = Map::new();
        for (name, value) in &record.fields {
            let field = table.field(name)?;
            if field.kind.is_read_only() {
                let message = format!("field `{name}` of `{}` is filled by Airtable and cannot be written", table.name);
                return Err(ConnectorError::new(ErrorKind::NotFound, "read_only_field", message));
            }
            match encode(field, value, self.client.is_typecast()) {
                Ok(cell) => drop(cells.insert(field.id.clone(), cell)),
                Err(rejection) => return Ok(Err(rejection)),
            }
        }
        Ok(Ok(cells))
    }

    async fn write(
        &self,
        table: &Table,
        operation: &Operation,
        sent: &[Sent<'_>],
    ) -> Result<Vec<Outcome>, ConnectorError> {
        let outcomes = match operation {
            Operation::Insert => self.insert(table, sent).await,
            Operation::Update => self.update(table, sent).await,
            Operation::Upsert { key } => self.upsert(table, key, sent).await,
            Operation::Delete | Operation::Link => self.delete(table, sent).await,
        };
        match (outcomes, sent) {
            (Ok(outcomes), _) => Ok(outcomes),
            (Err(CallError::Refused(error)), [single]) => {
                self.outcome_of_refusal(table, operation, single, error).await.map(|outcome| vec![outcome])
            }
            // A record that does not exist is the fault of one record, whatever the status says.
            (Err(CallError::Refused(error)), _) if error.is_missing_record() => {
                let mut converted = ConnectorError::from(error);
                converted.kind = ErrorKind::Refused;
                Err(converted)
            }
            (Err(error), _) => Err(error.into()),
        }
    }

    async fn insert(&self, table: &Table, sent: &[Sent<'_>]) -> Result<Vec<Outcome>, CallError> {
        let records: Vec<Json> = sent.iter().map(|record| json!({ "fields": record.cells })).collect();
        let written = self.client.create(table, &records).await?;
        // Airtable answers in the request's order ("Create records"), and new records have nothing else to tell them by. That
        // they are these records, the client has seen to.
        Ok(written.records.into_iter().map(|record| Outcome::Created { id: record.id }).collect())
    }

    async fn update(&self, table: &Table, sent: &[Sent<'_>]) -> Result<Vec<Outcome>, CallError> {
        let records: Vec<Json> =
            sent.iter().map(|record| json!({ "id": record.id(), "fields": record.cells })).collect();
        self.client.update(table, &records).await?;
        Ok(sent.iter().map(|record| Outcome::Updated { id: record.id().to_owned() }).collect())
    }

    async fn upsert(&self, table: &Table, key: &[FieldName], sent: &[Sent<'_>]) -> Result<Vec<Outcome>, CallError> {
        let key: Vec<TableField> = fields(table, key).map_err(CallError::Failed)?.into_iter().cloned().collect();
        let merge_on: Vec<&str> = key.iter().map(|field| field.id.as_str()).collect();
        let cells: Vec<Map<String, Json>> = sent.iter().map(|record| record.cells.clone()).collect();
        let records: Vec<Json> = cells.iter().map(|cells| json!({ "fields": cells })).collect();
        let own = (key.clone(), cells.clone());
        let is_whole = move |written: &Written| upserted(&own.0, &own.1, written).is_some();
        let written = self.client.upsert(table, &records, &merge_on, is_whole).await?;
        upserted(&key, &cells, &written).ok_or_else(|| failed("a record is not in it"))
    }

    async fn delete(&self, table: &Table, sent: &[Sent<'_>]) -> Result<Vec<Outcome>, CallError> {
        let ids: Vec<&str> = sent.iter().map(Sent::id).collect();
        let deleted: HashSet<String> = self.client.delete(table, &ids).await?.into_iter().collect();
        if ids.iter().all(|id| deleted.contains(*id)) {
            Ok(vec![Outcome::Deleted; ids.len()])
        } else {
            Err(failed("a removed record is not in it"))
        }
    }

    /// Says what became of a record that was sent alone and refused.
    async fn outcome_of_refusal(
        &self,
        table: &Table,
        operation: &Operation,
        sent: &Sent<'_>,
        error: ApiError,
    ) -> Result<Outcome, ConnectorError> {
        if error.is_missing_record() {
            let is_own = is_about(&error, sent.record.destination_id.as_deref());
            match operation {
                Operation::Delete if is_own => return Ok(Outcome::Deleted),
                // Nothing else was asked for: this answers another request.
                Operation::Delete => return Err(incomplete("it is about another record")),
                Operation::Update if is_own => return Ok(Outcome::Missing),
                Operation::Update | Operation::Insert | Operation::Upsert { .. } | Operation::Link => {}
            }
        }
        let is_of_record = matches!(error.status, 413 | 422) || error.is_missing_record();
        let code = error.code.clone();
        let rejection = rejection(table, sent, &error);
        let whole = ConnectorError::from(error);
        if !is_of_record || !whole.kind.is_refusal() {
            return Err(whole);
        }
        if let Operation::Upsert { key } = operation
            && !VALUE_ERRORS.contains(&code.as_str())
            && let Some(ambiguous) = self.ambiguity(table, key, sent).await?
        {
            return Ok(Outcome::Held(ambiguous));
        }
        Ok(Outcome::Rejected(rejection))
    }

    /// Finds out whether an upsert was refused because several records share its key: Airtable refuses the whole request and
    /// the vendor's pages name no code for it.
    async fn ambiguity(
        &self,
        table: &Table,
        key: &[FieldName],
        sent: &Sent<'_>,
    ) -> Result<Option<Rejection>, ConnectorError> {
        let fields = fields(table, key)?;
        let values: Option<Vec<Value>> = key.iter().map(|name| sent.record.fields.get(name).cloned()).collect();
        let Some(values) = values else { return Ok(None) };
        let found = self.fetch_keys(table, &fields, &fields, &[values]).await?;
        if found.len() < 2 {
            return Ok(None);
        }
        let ids: Vec<String> = found.into_iter().map(|record| record.id).collect();
        Ok(Some(Rejection::new("ambiguous_key", format!("several records share the key: {}", ids.join(", ")))))
    }
}

impl Sent<'_> {
    /// Returns the destination's id; `prepare` has seen that there is one where it is needed.
    fn id(&self) -> &str {
        self.record.destination_id.as_deref().unwrap_or_default()
    }
}

/// Codes that blame a value, so that there is no need to ask whether the key is ambiguous.
const VALUE_ERRORS: &[&str] = &["INVALID_VALUE_FOR_COLUMN", "INVALID_MULTIPLE_CHOICE_OPTIONS", "ROW_DOES_NOT_EXIST"];

/// Rejects a record without a value in a key field: Airtable has been seen to create a new record for it at every run.
fn empty_key(key: &[FieldName], fields: &Fields) -> Option<Rejection> {
    let is_empty = |value: Option<&Value>| match value {
        None | Some(Value::Null) => true,
        Some(Value::Text(text)) => text.is_empty(),
        Some(Value::List(items)) => items.is_empty(),
        Some(Value::Integer(_) | Value::Number(_) | Value::Boolean(_) | Value::Date(_) | Value::DateTime(_)) => false,
    };
    let empty = key.iter().find(|name| is_empty(fields.get(*name)))?;
    Some(Rejection::new("empty_key", format!("the key field `{empty}` has no value")).at(empty.as_str(), ""))
}

fn fields<'table>(table: &'table Table, names: &[FieldName]) -> Result<Vec<&'table TableField>, ConnectorError> {
    names.iter().map(|name| table.field(name)).collect()
}

/// Returns what became of the records of an upsert; none where the answer does not account for each of them.
fn upserted(key: &[TableField], sent: &[Map<String, Json>], written: &Written) -> Option<Vec<Outcome>> {
    let created: HashSet<&str> = written.created_records.iter().map(String::as_str).collect();
    let updated: HashSet<&str> = written.updated_records.iter().map(String::as_str).collect();
    let outcome = |record: &RawRecord| {
        let id = record.id.clone();
        match (created.contains(id.as_str()), updated.contains(id.as_str())) {
            (true, false) => Some(Outcome::Created { id }),
            (false, true) => Some(Outcome::Updated { id }),
            _ => None,
        }
    };
    in_order(key, sent, &written.records)?.into_iter().map(outcome).collect()
}

/// Brings the records of an upsert's answer into the order of what was sent: by key where the key reads back as it was
/// written, else in the order of the answer, which Airtable documents as the request's. None where they cannot be the records
/// that were sent: too few, too many, one twice, or with other values.
fn in_order<'answer>(
    key: &[TableField],
    sent: &[Map<String, Json>],
    written: &'answer [RawRecord],
) -> Option<Vec<&'answer RawRecord>> {
    let ids: HashSet<&str> = written.iter().map(|record| record.id.as_str()).collect();
    if ids.len() != sent.len() || written.len() != sent.len() {
        return None;
    }
    let key_of = |cells: &Map<String, Json>| -> Vec<String> {
        let value = |field: &TableField| decode(&field.kind, cells.get(&field.id).unwrap_or(&Json::Null));
        comparable(&key.iter().map(|field| value(field).unwrap_or_default()).collect::<Vec<_>>())
    };
    let mut left: Vec<Option<&RawRecord>> = written.iter().map(Some).collect();
    let mut ordered: Vec<Option<&RawRecord>> = Vec::with_capacity(sent.len());
    for cells in sent {
        let wanted = key_of(cells);
        let place = left.iter().position(|other| other.is_some_and(|other| key_of(&other.fields) == wanted));
        ordered.push(place.and_then(|place| left[place].take()));
    }
    let mut rest = left.into_iter().flatten();
    let pairs = ordered.into_iter().zip(sent);
    // What has another key must at least have some of the values; the records of another batch have none.
    pairs.map(|(record, cells)| record.or_else(|| rest.next().filter(|record| can_be(cells, &record.fields)))).collect()
}

fn failed(what: &str) -> CallError {
    CallError::Failed(incomplete(what))
}
