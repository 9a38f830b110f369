//! Writes a marked test record, reads it back, changes it and removes it, whatever happens between.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::connector::{ConnectorError, Destination, ErrorKind, FetchRequest, Selection};
use crate::model::{
    Batch, BatchRecord, Capabilities, Field, FieldName, FieldType, Fields, Operation, Outcome, Rejection, Schema, Value,
};

/// How often a record whose creation was not answered is looked for.
const LOOKUPS: u32 = 3;
/// The wait between two looks, where the destination's index does not lag longer.
const LOOKUP_PAUSE: Duration = Duration::from_secs(1);

/// What a step did, or why it did not.
pub(super) type StepResult = Result<String, ConnectorError>;

/// A destination to try.
pub(super) struct Trial<'a> {
    pub destination: &'a dyn Destination,
    pub capabilities: Capabilities,
    pub schema: &'a Schema,
    pub key: &'a [FieldName],
    /// The fields that the pipeline writes, in its order.
    pub mapped: Vec<FieldName>,
    /// Makes the test record unlike any other.
    pub mark: String,
    pub now: DateTime<Utc>,
    pub clock: &'a Clock,
    /// Ends the trial early; the record is removed first.
    pub stop: &'a CancellationToken,
}

impl Trial<'_> {
    /// Does all steps. The record is removed as soon as it is known to exist, or may exist, whatever the steps between said.
    pub(super) async fn run(&self) -> Vec<(&'static str, StepResult)> {
        if self.capabilities.insert.is_none() || self.capabilities.delete.is_none() {
            let remark = "not tried: a record that is created could not be removed again".to_owned();
            return vec![("test record", Ok(remark))];
        }
        let fields = match self.compose().await {
            Ok(fields) => fields,
            Err(error) => return vec![("test record", Err(error))],
        };
        let mut steps = Vec::new();
        let id = match self.create(&fields).await {
            Ok(id) => {
                steps.push(("create a test record", Ok(format!("record {id}"))));
                id
            }
            Err(error) => {
                let may_exist = !error.kind.proves_no_write();
                steps.push(("create a test record", Err(error)));
                if may_exist {
                    steps.push(("delete it", self.delete_unanswered(&fields).await));
                }
                return steps;
            }
        };
        if !self.stop.is_cancelled() {
            steps.push(("read it back", self.read_back(&id, &fields).await));
        }
        if !self.stop.is_cancelled() && self.capabilities.update.is_some() {
            steps.push(("change it", self.change(&id).await));
        }
        steps.push(("delete it", self.delete(&id).await));
        steps
    }

    /// Fills the fields that a record cannot be without, the key, and a text that says what the record is.
    async fn compose(&self) -> Result<Fields, ConnectorError> {
        let required = self.schema.fields.iter().filter(|field| field.is_required && !field.is_read_only);
        let keys = self.key.iter().filter_map(|name| self.schema.field(name));
        let mut fields = Fields::new();
        for field in required.chain(keys).chain(self.marker()) {
            let value = match self.value(field, "") {
                None => match self.destination.examples() {
                    Some(examples) => examples.example(&self.schema.object, &field.name).await?,
                    None => None,
                },
                value => value,
            };
            match value {
                Some(value) => drop(fields.insert(field.name.clone(), value)),
                None if field.is_required => return Err(no_value(field)),
                None => {}
            }
        }
        if fields.is_empty() {
            let message = "the pipeline writes no text, so that a test record could not be told from others";
            return Err(ConnectorError::new(ErrorKind::Unexpected, "no_marker", message));
        }
        Ok(fields)
    }

    /// Returns the field that says what the record is: a text that the pipeline writes, and no key if that can be.
    fn marker(&self) -> Option<&Field> {
        let is_text = |field: &&Field| {
            field.field_type == FieldType::Text && !field.is_read_only && Form::of(&field.name) == Form::Words
        };
        let mapped = || self.mapped.iter().filter_map(|name| self.schema.field(name)).filter(is_text);
        let is_key = |field: &Field| field.is_unique || self.key.contains(&field.name);
        mapped().find(|field| !is_key(field)).or_else(|| mapped().next())
    }

    fn value(&self, field: &Field, ending: &str) -> Option<Value> {
        let mark = &self.mark;
        Some(match field.field_type {
            FieldType::Text => Value::Text(match Form::of(&field.name) {
                Form::Words => format!("Ferry check {mark}, to be deleted{ending}"),
                Form::Mail => format!("ferry-check-{mark}@example.com"),
                Form::Domain => format!("ferry-check-{mark}.example.com"),
                Form::Address => format!("https://ferry-check-{mark}.example.com"),
                // Reserved for examples by the North American numbering plan.
                Form::Phone => "+1 202 555 0123".to_owned(),
            }),
            FieldType::Choice => Value::Text(field.options.first()?.value.clone()),
            FieldType::MultiChoice => Value::List(vec![field.options.first()?.value.clone()]),
            FieldType::Integer => Value::Integer(mark.bytes().fold(1, |sum, byte| sum * 7 % 999_983 + i64::from(byte))),
            FieldType::Number => Value::Number(1.0),
            FieldType::Boolean => Value::Boolean(false),
            FieldType::Date => Value::Date(self.now.date_naive()),
            FieldType::Datetime => Value::DateTime(self.now),
            FieldType::Link => return None,
        })
    }

    async fn create(&self, fields: &Fields) -> Result<String, ConnectorError> {
        match self.load(Operation::Insert, None, fields.clone()).await? {
            Outcome::Created { id } | Outcome::Updated { id } => Ok(id),
            other => Err(unwanted(other)),
        }
    }

    async fn read_back(&self, id: &str, fields: &Fields) -> StepResult {
        let record = self.fetch(Selection::Ids(vec![id.to_owned()]), fields).await?.into_iter().next();
        let Some(record) = record else {
            return Err(ConnectorError::new(ErrorKind::Unexpected, "not_found", "it is not there"));
        };
        let marker = self.marker().map(|field| &field.name);
        if let Some(name) = marker.filter(|name| record.fields.get(*name) != fields.get(*name)) {
            let message =
                format!("field `{name}` is not what was written: a rule or workflow of the account changes it");
            return Err(ConnectorError::new(ErrorKind::Unexpected, "changed", message));
        }
        Ok("as it was written".to_owned())
    }

    async fn change(&self, id: &str) -> StepResult {
        let Some(field) = self.marker() else { return Ok("not tried: no text to change".to_owned()) };
        let value = self.value(field, " (changed)").unwrap_or_default();
        match self.load(Operation::Update, Some(id), Fields::from([(field.name.clone(), value)])).await? {
            Outcome::Updated { .. } => Ok(format!("field `{}`", field.name)),
            other => Err(unwanted(other)),
        }
    }

    async fn delete(&self, id: &str) -> StepResult {
        let by_hand = |error: ConnectorError| error.with_hint(format!("delete record {id} by hand"));
        match self.load(Operation::Delete, Some(id), Fields::new()).await.map_err(by_hand)? {
            Outcome::Deleted | Outcome::Missing => Ok("nothing is left of it".to_owned()),
            other => Err(by_hand(unwanted(other))),
        }
    }

    /// Looks for a record that may have been created, and removes it.
    async fn delete_unanswered(&self, fields: &Fields) -> StepResult {
        let by_hand = |error: ConnectorError| {
            error.with_hint(format!("look for a record with `{}` in it, and delete it by hand", self.mark))
        };
        let name = self.key.iter().find(|name| fields.contains_key(*name)).or(self.marker().map(|field| &field.name));
        let Some((name, value)) = name.and_then(|name| fields.get_key_value(name)) else {
            return Err(by_hand(ConnectorError::new(ErrorKind::Unanswered, "unanswered", "it may have been created")));
        };
        for _ in 0..LOOKUPS {
            self.clock.sleep(self.capabilities.lookup_lag.max(LOOKUP_PAUSE)).await;
            let keys = Selection::Keys { fields: vec![name.clone()], values: vec![vec![value.clone()]] };
            let found = self.fetch(keys, fields).await.map_err(by_hand)?;
            if let Some(record) = found.first() {
                return self.delete(&record.id).await;
            }
        }
        Ok("it was not created".to_owned())
    }

    async fn fetch(&self, selection: Selection, fields: &Fields) -> Result<Vec<crate::model::Record>, ConnectorError> {
        let fields = fields.keys().cloned().collect();
        self.destination.fetch(&FetchRequest { object: self.schema.object.clone(), selection, fields }).await
    }

    async fn load(&self, operation: Operation, id: Option<&str>, fields: Fields) -> Result<Outcome, ConnectorError> {
        let record =
            BatchRecord { trace_id: format!("check-{}", self.mark), destination_id: id.map(str::to_owned), fields };
        let batch = Batch { object: self.schema.object.clone(), operation, records: vec![record] };
        let outcome = self.destination.load(&batch).await?.into_iter().next();
        outcome.ok_or_else(|| ConnectorError::new(ErrorKind::Unexpected, "no_outcome", "the answer names no record"))
    }
}

/// What a text field holds, by its name: the types of all systems have one word for texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Words,
    Mail,
    Domain,
    Address,
    Phone,
}

impl Form {
    fn of(name: &str) -> Self {
        let name = name.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        if has(&["mail"]) {
            Self::Mail
        } else if has(&["domain"]) {
            Self::Domain
        } else if has(&["website", "url", "homepage"]) {
            Self::Address
        } else if has(&["phone", "mobile", "fax"]) {
            Self::Phone
        } else {
            Self::Words
        }
    }
}

fn no_value(field: &Field) -> ConnectorError {
    let message = format!("field `{}` is required and a check has no value for it", field.name);
    ConnectorError::new(ErrorKind::Unexpected, "no_value", message)
        .with_hint("try one record instead: `ferry run PIPELINE --limit 1`")
}

fn unwanted(outcome: Outcome) -> ConnectorError {
    let refused = |rejection: Rejection| {
        // The record is ours: its values are not personal.
        let field = rejection.field.map_or_else(String::new, |field| format!("field `{field}`: "));
        ConnectorError::new(ErrorKind::Refused, rejection.code, format!("refused: {field}{}", rejection.reason))
            .with_hint("a rule of the account wants more than a check can know: try `ferry run PIPELINE --limit 1`")
    };
    match outcome {
        Outcome::Rejected(rejection) | Outcome::Held(rejection) => refused(rejection),
        Outcome::Missing => ConnectorError::new(ErrorKind::Unexpected, "missing", "it is gone already"),
        Outcome::Created { .. } | Outcome::Updated { .. } | Outcome::Deleted => {
            ConnectorError::new(ErrorKind::Unexpected, "unexpected_outcome", "something else was done than asked for")
        }
    }
}

#[cfg(test)]
mod tests;
