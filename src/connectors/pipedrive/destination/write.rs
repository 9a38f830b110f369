//! Creating, changing and deleting, one record a call.

use serde_json::{Map, Value as Json};

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{Batch, BatchRecord, Operation, Outcome, Rejection};

use super::super::{
    client::{Raw, id_of},
    errors::{ApiError, CallError, unexpected},
    schema::{Kind, Meaning, ObjectInfo, flattened, normal},
};
use super::{
    PipedriveDestination,
    body::Draft,
    encode::{Encoder, texts},
};

impl PipedriveDestination {
    /// Writes records that are new, or are there.
    pub(super) async fn write(&self, batch: &Batch) -> Result<Vec<Outcome>, ConnectorError> {
        let info = self.catalog.object(&batch.object).await?;
        let encoder = self.encoder(&info, batch).await?;
        let mut outcomes = Vec::with_capacity(batch.records.len());
        for record in &batch.records {
            if self.creates_options
                && let Some(rejection) = self.add_options(&info, record).await?
            {
                outcomes.push(Outcome::Rejected(rejection));
                continue;
            }
            outcomes.push(match Draft::of(&info, &encoder, record, &batch.operation)? {
                Err(rejection) => Outcome::Rejected(rejection),
                Ok(draft) if batch.operation == Operation::Update => self.update(&info, record, &draft).await?,
                Ok(draft) => self.create(&info, record, &draft).await?,
            });
        }
        Ok(outcomes)
    }

    /// Asks for what the values of a batch need: users, pipelines, stages.
    pub(super) async fn encoder(&self, info: &ObjectInfo, batch: &Batch) -> Result<Encoder, ConnectorError> {
        let mut kinds = Vec::new();
        for name in batch.records.iter().flat_map(|record| record.fields.keys()) {
            kinds.push(info.property(info.column(name)?).kind);
        }
        let names = self.catalog.names(kinds.into_iter()).await?;
        let default_user = if names.users.is_some() { self.default_user().await? } else { None };
        Ok(Encoder { object: info.object, names, default_user })
    }

    /// Adds the options that a record needs and its fields do not have. Returns why one is refused.
    async fn add_options(&self, info: &ObjectInfo, record: &BatchRecord) -> Result<Option<Rejection>, ConnectorError> {
        for (name, value) in &record.fields {
            let property = info.property(info.column(name)?);
            if !matches!(property.kind, Kind::Option | Kind::Set) || !property.is_custom {
                continue;
            }
            for label in texts(value) {
                if property.options.id_of(&label) != Meaning::None {
                    continue;
                }
                match self.catalog.add_option(info.object, property, &label).await {
                    Ok(_) => {}
                    // A right that only this option needs is no reason to stop the others.
                    Err(CallError::Refused(error)) if error.is_about_record() || error.status == 403 => {
                        let rejection = rejection(info, record, &error).at(property.shown(), label);
                        return Ok(Some(rejection));
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(None)
    }

    async fn create(
        &self,
        info: &ObjectInfo,
        record: &BatchRecord,
        draft: &Draft<'_>,
    ) -> Result<Outcome, ConnectorError> {
        let body = match draft.body(None) {
            Ok(body) => wire(info, body),
            Err(rejection) => return Ok(Outcome::Rejected(rejection)),
        };
        let created = match self.catalog.api.create(info.object, body).await {
            Ok(raw) => id_of(&raw).ok_or_else(|| unexpected("a new record has no id"))?,
            Err(error) => return refused(info, record, error),
        };
        match self.add_participants(&created, draft).await {
            Ok(()) => Ok(Outcome::Created { id: created }),
            Err(error) => self.take_back(info, record, &created, error).await,
        }
    }

    /// Changes a record; one that was merged into another one there, that other one.
    async fn update(
        &self,
        info: &ObjectInfo,
        record: &BatchRecord,
        draft: &Draft<'_>,
    ) -> Result<Outcome, ConnectorError> {
        let id = own_id(record)?;
        let outcome = self.update_at(id, info, record, draft).await?;
        if outcome != Outcome::Missing {
            return Ok(outcome);
        }
        match self.catalog.survivor(info.object, id).await? {
            Some(survivor) => self.update_at(&survivor, info, record, draft).await,
            None => Ok(Outcome::Missing),
        }
    }

    async fn update_at(
        &self,
        id: &str,
        info: &ObjectInfo,
        record: &BatchRecord,
        draft: &Draft<'_>,
    ) -> Result<Outcome, ConnectorError> {
        let current = if draft.needs_current() {
            match self.current(info, id).await {
                Ok(Some(raw)) => raw,
                Ok(None) => return Ok(Outcome::Missing),
                Err(error) => return refused(info, record, error),
            }
        } else {
            Raw::new()
        };
        let body = match draft.body(Some(&current)) {
            Ok(body) => wire(info, body),
            Err(rejection) => return Ok(Outcome::Rejected(rejection)),
        };
        if !body.is_empty() {
            match self.catalog.api.update(info.object, id, body).await {
                Ok(_) => {}
                Err(CallError::Refused(error)) if error.is_missing() => return Ok(Outcome::Missing),
                Err(error) => return refused(info, record, error),
            }
        }
        match self.add_participants(id, draft).await {
            Ok(()) => Ok(Outcome::Updated { id: id.to_owned() }),
            Err(error) => self.without_participants(info, record, id, error).await,
        }
    }

    /// Returns a record as it is; none where it is gone.
    pub(super) async fn current(&self, info: &ObjectInfo, id: &str) -> Result<Option<Raw>, CallError> {
        match self.catalog.api.one(info.object, id).await {
            Ok(raw) if raw.get("is_deleted") == Some(&Json::Bool(true)) => Ok(None),
            Ok(raw) => Ok(Some(normal(info, raw))),
            Err(CallError::Refused(error)) if error.is_missing() => Ok(None),
            Err(CallError::Failed(error)) => Err(CallError::Failed(not_written(error))),
            Err(error) => Err(error),
        }
    }

    /// Deletes records. They are marked, and gone after 30 days.
    pub(super) async fn delete(&self, batch: &Batch) -> Result<Vec<Outcome>, ConnectorError> {
        let info = self.catalog.object(&batch.object).await?;
        let mut outcomes = Vec::with_capacity(batch.records.len());
        for record in &batch.records {
            outcomes.push(match self.catalog.api.delete(info.object, own_id(record)?).await {
                Ok(()) => Outcome::Deleted,
                Err(CallError::Refused(error)) if error.is_missing() => Outcome::Deleted,
                Err(error) => refused(&info, record, error)?,
            });
        }
        Ok(outcomes)
    }
}

/// Puts a body into the form of the version of the API.
fn wire(info: &ObjectInfo, body: Map<String, Json>) -> Map<String, Json> {
    if info.object.is_v1() { flattened(info, body) } else { body }
}

/// A read before a write that was not answered left nothing behind.
fn not_written(error: ConnectorError) -> ConnectorError {
    match error.kind {
        ErrorKind::Unanswered => ConnectorError { kind: ErrorKind::Unavailable, ..error },
        _ => error,
    }
}

fn own_id(record: &BatchRecord) -> Result<&str, ConnectorError> {
    let id = record.destination_id.as_deref();
    id.ok_or_else(|| ConnectorError::new(ErrorKind::Unexpected, "no_id", "a record to change has no id"))
}

/// Says what becomes of a record that was refused. What is not about the record ends the stream.
fn refused(info: &ObjectInfo, record: &BatchRecord, error: CallError) -> Result<Outcome, ConnectorError> {
    let error = match error {
        CallError::Refused(error) if error.is_about_record() => error,
        other => return Err(other.into()),
    };
    Ok(Outcome::Rejected(rejection(info, record, &error)))
}

/// Puts a refusal into the words of a dead letter.
pub(super) fn rejection(info: &ObjectInfo, record: &BatchRecord, error: &ApiError) -> Rejection {
    let reason = error.message.clone().unwrap_or_else(|| format!("Pipedrive answered {}", error.status));
    let rejection = Rejection::new(error.code.clone(), reason);
    let Some(property) = error.field().and_then(|code| info.property_of(code)) else { return rejection };
    let is_of = |name: &str| info.find(name).is_some_and(|column| info.property(column).code == property.code);
    let value = record.fields.iter().find(|(name, _)| is_of(name)).map(|(_, value)| value.to_text());
    rejection.at(property.shown(), value.unwrap_or_default())
}
