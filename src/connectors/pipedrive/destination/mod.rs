//! Writes records, one a call: the API has no bulk and no upsert. The engine sends as many at once as the burst allows.
//!
//! Values become bodies in `body`, addresses and numbers of persons in `contacts`; records are looked up in `fetch`.

mod body;
mod contacts;
mod costs;
mod encode;
mod fetch;
mod participants;
mod write;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OnceCell;

use crate::connector::{
    ConnectorError, Destination, ErrorKind, Examples, FetchRequest, FetchWhole, Inspection, Probe, WriteCosts,
};
use crate::model::{Batch, FieldName, ObjectName, Operation, Outcome, Record, Schema, Value};

use super::{
    inspection::inspect,
    schema::{Catalog, Kind},
};

/// Writes to one company.
#[derive(Debug)]
pub(super) struct PipedriveDestination {
    catalog: Arc<Catalog>,
    default_owner: Option<String>,
    /// The user of `default_owner`, once it is looked up.
    default_user: OnceCell<u64>,
    creates_options: bool,
}

impl PipedriveDestination {
    /// Makes the destination of a login. Does no I/O.
    pub(super) fn new(catalog: Arc<Catalog>, default_owner: Option<String>, creates_options: bool) -> Self {
        Self { catalog, default_owner, default_user: OnceCell::new(), creates_options }
    }

    /// Returns the user who owns records of nobody, if there is one.
    async fn default_user(&self) -> Result<Option<u64>, ConnectorError> {
        let Some(owner) = &self.default_owner else { return Ok(None) };
        let user = async || {
            self.catalog.users().await?.id_of(owner).ok_or_else(|| {
                let message = "`default_owner` is no user of this company";
                ConnectorError::new(ErrorKind::NotFound, "unknown_default_owner", message)
                    .with_hint("write the e-mail address or id of a user of the Pipedrive company")
            })
        };
        self.default_user.get_or_try_init(user).await.copied().map(Some)
    }
}

#[async_trait]
impl Destination for PipedriveDestination {
    async fn check(&self) -> Result<(), ConnectorError> {
        self.catalog.api.me().await.map(drop)
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        let mut schema = self.catalog.object(object).await?.destination_schema(object);
        if self.creates_options {
            // Any label is one.
            schema.fields.iter_mut().for_each(|field| field.options.clear());
        }
        Ok(schema)
    }

    async fn load(&self, batch: &Batch) -> Result<Vec<Outcome>, ConnectorError> {
        match &batch.operation {
            Operation::Insert | Operation::Update => self.write(batch).await,
            Operation::Delete => self.delete(batch).await,
            Operation::Upsert { .. } | Operation::Link => {
                let message = "Pipedrive has no upsert, and links are fields of their records";
                Err(ConnectorError::new(ErrorKind::Unexpected, "no_such_operation", message))
            }
        }
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Record>, ConnectorError> {
        fetch::fetch(&self.catalog, request).await
    }

    fn probe(&self) -> Option<&dyn Probe> {
        Some(self)
    }

    fn examples(&self) -> Option<&dyn Examples> {
        Some(self)
    }

    fn fetch_whole(&self) -> Option<&dyn FetchWhole> {
        Some(self)
    }

    fn write_costs(&self) -> Option<&dyn WriteCosts> {
        Some(self)
    }
}

#[async_trait]
impl Probe for PipedriveDestination {
    async fn inspect(&self, _objects: &[ObjectName]) -> Result<Inspection, ConnectorError> {
        inspect(&self.catalog.api).await
    }
}

#[async_trait]
impl FetchWhole for PipedriveDestination {
    async fn fetch_whole(&self, object: &ObjectName, fields: &[FieldName]) -> Result<Vec<Record>, ConnectorError> {
        fetch::whole(&self.catalog, object, fields).await
    }

    async fn cost(&self, object: &ObjectName, key: &[FieldName]) -> Result<Option<u32>, ConnectorError> {
        fetch::cost_of_whole(&self.catalog, object, key).await
    }
}

#[async_trait]
impl Examples for PipedriveDestination {
    /// The values of these fields are names that no list of options has.
    async fn example(&self, object: &ObjectName, field: &FieldName) -> Result<Option<Value>, ConnectorError> {
        let info = self.catalog.object(object).await?;
        let Some(column) = info.find(field) else { return Ok(None) };
        let text = |text: &str| Some(Value::Text(text.to_owned()));
        Ok(match (info.property(column).kind, field.as_str()) {
            (Kind::Pipeline, _) => self.catalog.pipelines().await?.first().and_then(|(pipeline, _)| text(pipeline)),
            (Kind::Stage, _) => self.catalog.pipelines().await?.first().and_then(|(_, stage)| text(stage)),
            (Kind::User, _) => self.catalog.api.me().await?.id.and_then(|id| text(&id.to_string())),
            (Kind::Clock | Kind::Time | Kind::TimeRange, name) if !name.ends_with("timezone_name") => text("09:00:00"),
            (Kind::Time | Kind::TimeRange, _) => text("Europe/London"),
            (Kind::Money | Kind::LeadValue | Kind::Prices, name) if name.ends_with("currency") => text("EUR"),
            (Kind::Text, "currency") => text("EUR"),
            _ => None,
        })
    }
}
