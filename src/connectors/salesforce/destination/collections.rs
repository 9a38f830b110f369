//! sObject Collections: up to 200 records a request, each with a result of its own, in the request's order.

use serde_json::{Map, Value as Json, json};

use crate::connector::ConnectorError;
use crate::model::{Operation, Outcome, Rejection};

use super::{
    super::{
        client::WireResult,
        errors::{self, ApiError, Class},
        limits::{LOCK_RETRY_RECORDS, MAX_COLLECTION_RECORDS},
        names::normal_id,
        schema::{ObjectInfo, encode},
    },
    SalesforceDestination,
    effect::partly_written,
    parents,
    row::Row,
};

/// What became of a record.
enum RowResult {
    Final(Outcome),
    /// It failed on a lock and may be sent again.
    Locked(Rejection),
}

impl SalesforceDestination {
    /// Writes rows, 200 a request. Returns their outcomes in order.
    pub(super) async fn load_collections(
        &self,
        info: &ObjectInfo,
        operation: &Operation,
        rows: &[Row<'_>],
    ) -> Result<Vec<Outcome>, ConnectorError> {
        let mut outcomes = Vec::with_capacity(rows.len());
        for rows in rows.chunks(MAX_COLLECTION_RECORDS) {
            let rows: Vec<&Row<'_>> = rows.iter().collect();
            match self.load_collection(info, operation, &rows).await {
                Ok(written) => outcomes.extend(written),
                Err(error) if outcomes.is_empty() => return Err(error),
                Err(error) => return Err(partly_written(error)),
            }
        }
        Ok(outcomes)
    }

    /// Writes up to 200 rows, and those that fail on a lock again in smaller requests.
    async fn load_collection(
        &self,
        info: &ObjectInfo,
        operation: &Operation,
        rows: &[&Row<'_>],
    ) -> Result<Vec<Outcome>, ConnectorError> {
        let mut row_results = self.send_collection(info, operation, rows).await?;
        for size in LOCK_RETRY_RECORDS {
            let locked = |row_results: &RowResult| matches!(row_results, RowResult::Locked(_));
            let places: Vec<usize> = (0..row_results.len()).filter(|place| locked(&row_results[*place])).collect();
            for places in places.chunks(size) {
                let again: Vec<&Row<'_>> = places.iter().map(|place| rows[*place]).collect();
                let results = match self.send_collection(info, operation, &again).await {
                    Ok(results) => results,
                    Err(error) if !error.kind.proves_no_write() => return Err(error),
                    // Nothing was written of these, and the others must not be lost: they stay as they are.
                    Err(_) => return Ok(row_results.into_iter().map(RowResult::outcome).collect()),
                };
                for (place, result) in places.iter().zip(results) {
                    row_results[*place] = result;
                }
            }
        }
        Ok(row_results.into_iter().map(RowResult::outcome).collect())
    }

    async fn send_collection(
        &self,
        info: &ObjectInfo,
        operation: &Operation,
        rows: &[&Row<'_>],
    ) -> Result<Vec<RowResult>, ConnectorError> {
        let mut row_results: Vec<Option<RowResult>> = rows.iter().map(|_| None).collect();
        let mut sent: Vec<(usize, Json)> = Vec::with_capacity(rows.len());
        for (place, row) in rows.iter().enumerate() {
            match json_of(info, row) {
                Ok(json) => sent.push((place, json)),
                Err(rejection) => row_results[place] = Some(RowResult::Final(Outcome::Rejected(rejection))),
            }
        }
        let (places, records): (Vec<usize>, Vec<Json>) = sent.into_iter().unzip();
        let results = if places.is_empty() {
            Vec::new()
        } else {
            self.call(info, operation, &places.iter().map(|place| rows[*place]).collect::<Vec<_>>(), records).await?
        };
        if results.len() != places.len() {
            return Err(errors::incomplete(&format!("{} results for {} records", results.len(), places.len())));
        }
        for (place, result) in places.into_iter().zip(results) {
            row_results[place] = Some(read_result(operation, rows[place], &result)?);
        }
        Ok(row_results.into_iter().flatten().collect())
    }

    async fn call(
        &self,
        info: &ObjectInfo,
        operation: &Operation,
        rows: &[&Row<'_>],
        records: Vec<Json>,
    ) -> Result<Vec<WireResult>, ConnectorError> {
        let api = &self.catalog.api;
        match operation {
            Operation::Insert => api.create(records).await,
            Operation::Update => api.update(records).await,
            Operation::Upsert { .. } => {
                let key = super::upsert_key(operation)?.unwrap_or_default();
                api.upsert(&info.name, key, records).await
            }
            Operation::Delete | Operation::Link => {
                let ids: Vec<&str> = rows.iter().filter_map(|row| row.id).collect();
                api.delete(&ids).await
            }
        }
    }
}

impl RowResult {
    fn outcome(self) -> Outcome {
        match self {
            Self::Final(outcome) => outcome,
            Self::Locked(rejection) => Outcome::Rejected(rejection),
        }
    }
}

fn json_of(info: &ObjectInfo, row: &Row<'_>) -> Result<Json, Rejection> {
    let mut json = Map::new();
    json.insert("attributes".to_owned(), json!({ "type": info.name }));
    if let Some(id) = row.id {
        json.insert("id".to_owned(), Json::from(id));
    }
    for (field, value) in &row.fields {
        let (name, value) = parents::named(field, encode(field, value)?);
        json.insert(name, value);
    }
    Ok(Json::Object(json))
}

fn read_result(operation: &Operation, row: &Row<'_>, result: &WireResult) -> Result<RowResult, ConnectorError> {
    let id = || result.id.as_deref().map(normal_id).ok_or_else(|| errors::incomplete("a success has no id"));
    if !result.success {
        return Ok(of_error(operation, errors::of_record(&result.errors)));
    }
    Ok(RowResult::Final(match operation {
        Operation::Insert => Outcome::Created { id: id()? },
        Operation::Upsert { .. } if result.created == Some(true) => Outcome::Created { id: id()? },
        Operation::Upsert { .. } => Outcome::Updated { id: id()? },
        Operation::Update | Operation::Delete | Operation::Link => {
            let own = row.id.map(normal_id).unwrap_or_default();
            // Results come in the request's order; one that speaks of another record shows that they did not.
            if result.id.as_deref().is_some_and(|id| normal_id(id) != own) {
                return Err(errors::incomplete("a result is of another record"));
            }
            if *operation == Operation::Delete { Outcome::Deleted } else { Outcome::Updated { id: own } }
        }
    }))
}

/// Says what a refusal means for its record.
fn of_error(operation: &Operation, error: ApiError) -> RowResult {
    match (error.class(), operation) {
        (Class::Locked, _) => RowResult::Locked(error.into_rejection()),
        (class, _) => RowResult::Final(outcome_of_error(class, operation, error)),
    }
}

/// Says what a refusal that sending again would not change means for its record.
pub(super) fn outcome_of_error(class: Class, operation: &Operation, error: ApiError) -> Outcome {
    match (class, operation) {
        (Class::Gone, Operation::Delete) => Outcome::Deleted,
        (Class::Gone, Operation::Update) => Outcome::Missing,
        (Class::Ambiguous, _) => {
            let reason = format!("several records at Salesforce share this key: {}", error.message);
            Outcome::Held(Rejection::new("ambiguous_key", reason))
        }
        _ => Outcome::Rejected(error.into_rejection()),
    }
}
