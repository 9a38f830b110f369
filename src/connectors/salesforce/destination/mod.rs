//! Writing: up to 200 records a request, or a Bulk API job where the engine brings more.
//!
//! Rows go in the order of their parents, so that two of them do not wait for each other's lock on one; what fails on a lock
//! is sent again in smaller requests. What a record's fields become is in `prepare`, the two ways to send them in
//! `collections` and `bulk`, looking records up in `fetch`.

mod bulk;
mod collections;
mod fetch;
mod file;
mod parents;
mod prepare;
mod settle;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use tokio::sync::Mutex;

use crate::connector::{ConnectorError, Destination, ErrorKind, FetchRequest, Inspection};
use crate::model::{Batch, FieldName, ObjectName, Operation, Outcome, Record, Schema};

use super::{
    config::Settings,
    errors,
    inspection::{self, RuleOptions},
    limits,
    schema::{Catalog, Kind, ObjectInfo},
    source::check,
};

use bulk::without_effect;
use prepare::Row;
use settle::Unsettled;

/// Writes records of one org.
pub(super) struct SalesforceDestination {
    catalog: Catalog,
    default_owner: Option<String>,
    assignment_rule: Option<String>,
    allow_duplicates: bool,
    /// Bulk API jobs of which it is not known how they ended.
    unsettled: Mutex<Unsettled>,
}

impl SalesforceDestination {
    pub(super) fn new(catalog: Catalog, settings: Settings) -> Self {
        Self {
            catalog,
            default_owner: settings.default_owner,
            assignment_rule: settings.assignment_rule,
            allow_duplicates: settings.allow_duplicates,
            unsettled: Mutex::default(),
        }
    }

    /// Describes the object, with the keys of its parents only where these fields name one: they cost a call a parent.
    async fn described<'name>(
        &self,
        object: &ObjectName,
        mut fields: impl Iterator<Item = &'name FieldName> + Send,
    ) -> Result<Arc<ObjectInfo>, ConnectorError> {
        if fields.any(|name| name.contains('.')) {
            self.catalog.written_object(object).await
        } else {
            self.catalog.object(object).await
        }
    }
}

impl fmt::Debug for SalesforceDestination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SalesforceDestination").finish_non_exhaustive()
    }
}

#[async_trait]
impl Destination for SalesforceDestination {
    async fn check(&self) -> Result<(), ConnectorError> {
        check(&self.catalog).await
    }

    async fn inspect(&self, objects: &[ObjectName]) -> Result<Inspection, ConnectorError> {
        let options =
            RuleOptions { assignment_rule: self.assignment_rule.as_deref(), allow_duplicates: self.allow_duplicates };
        let inspection = inspection::inspect(&self.catalog.api).await?;
        Ok(Inspection { rules: inspection::rules(&self.catalog.api, objects, options).await?, ..inspection })
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        let info = self.catalog.written_object(object).await?;
        if !info.is_createable && !info.is_updateable {
            let message = format!("this user may not write `{object}`, or the API cannot");
            return Err(ConnectorError::new(ErrorKind::Unauthorized, "not_writable", message)
                .with_hint("give the user's profile or permission set `Create` and `Edit` on the object"));
        }
        Ok(info.destination_schema())
    }

    async fn refusals(
        &self,
        object: &ObjectName,
        operation: &Operation,
        fields: &[FieldName],
    ) -> Result<Option<Vec<ConnectorError>>, ConnectorError> {
        let info = self.described(object, fields.iter()).await?;
        Ok(Some(prepare::refusals(&info, operation, fields)))
    }

    async fn load(&self, batch: &Batch) -> Result<Vec<Outcome>, ConnectorError> {
        let names = batch.records.iter().flat_map(|record| record.fields.keys());
        let info = self.described(&batch.object, names).await.map_err(without_effect)?;
        let mut outcomes: Vec<Option<Outcome>> = vec![None; batch.records.len()];
        let mut rows = Vec::with_capacity(batch.records.len());
        let owners = self.owners_of(&info, batch).await.map_err(without_effect)?;
        for (place, record) in batch.records.iter().enumerate() {
            match self.prepare(&info, &batch.operation, record, &owners)? {
                Ok(fields) => rows.push(Row { place, id: record.destination_id.as_deref(), fields }),
                Err(rejection) => outcomes[place] = Some(Outcome::Rejected(rejection)),
            }
        }
        prepare::order_by_parent(&info, &mut rows);
        let has_bodies = rows.iter().any(|row| row.fields.iter().any(|(field, _)| field.kind == Kind::Body));
        let written = if rows.len() > limits::MAX_COLLECTION_RECORDS && !has_bodies {
            self.load_in_bulk(&info, &batch.operation, &rows).await?
        } else {
            self.load_collections(&info, &batch.operation, &rows).await?
        };
        for (row, outcome) in rows.iter().zip(written) {
            outcomes[row.place] = Some(parents::explain(&info, row, outcome));
        }
        let outcomes: Option<Vec<Outcome>> = outcomes.into_iter().collect();
        outcomes.ok_or_else(|| errors::incomplete("an outcome is missing"))
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Record>, ConnectorError> {
        let info = self.catalog.object(&request.object).await?;
        self.fetch_records(&info, request).await
    }
}

/// Returns the field by which an upsert tells records apart.
fn upsert_key(operation: &Operation) -> Result<Option<&str>, ConnectorError> {
    match operation {
        Operation::Upsert { key } => match key.as_slice() {
            [field] => Ok(Some(field.as_str())),
            _ => Err(ConnectorError::new(ErrorKind::Unexpected, "upsert_key", "an upsert goes by one field")),
        },
        Operation::Insert | Operation::Update | Operation::Delete => Ok(None),
        Operation::Link => {
            let message = "links are fields in Salesforce and are written with their records";
            Err(ConnectorError::new(ErrorKind::Unexpected, "no_link_calls", message))
        }
    }
}
