//! Reading: pages of a query for few records, the file of a Bulk API query for many.
//!
//! Pages of a query are in the order of ids, so that a read that was broken off goes on behind the last id whatever became
//! of Salesforce's own cursor. The file of a Bulk query has no order; its job is kept for days and so are its places. What
//! changed since is told by `SystemModstamp`, deleted records by `queryAll`. Start at [`SalesforceSource`].

mod csv_page;
mod frame;
mod junctions;
mod position;
mod reader;

use std::fmt;

use async_trait::async_trait;
use futures::{StreamExt, stream, stream::BoxStream};

use crate::clock::Clock;
use crate::connector::{ConnectorError, ErrorKind, FixtureForm, Fixtures, Inspection, Probe, ReadRequest, Source};
use crate::model::{ObjectName, Page, Schema};

use super::{fixture, inspection, schema::Catalog};

pub(super) use frame::unknown_field;

use reader::Reader;

/// Reads records of one org.
pub(super) struct SalesforceSource {
    catalog: Catalog,
    clock: Clock,
    bulk_min_records: u64,
}

impl SalesforceSource {
    pub(super) fn new(catalog: Catalog, clock: Clock, bulk_min_records: u64) -> Self {
        Self { catalog, clock, bulk_min_records }
    }
}

impl fmt::Debug for SalesforceSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SalesforceSource").finish_non_exhaustive()
    }
}

#[async_trait]
impl Source for SalesforceSource {
    async fn check(&self) -> Result<(), ConnectorError> {
        check(&self.catalog).await
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        let info = self.catalog.object(object).await?;
        if !info.is_queryable {
            let message = format!("this user may not read `{object}`, or the API cannot");
            return Err(ConnectorError::new(ErrorKind::Unauthorized, "not_queryable", message)
                .with_hint("give the user's profile or permission set `Read` on the object"));
        }
        let mut schema = info.source_schema();
        schema.fields.extend(junctions::fields(&info.name));
        Ok(schema)
    }

    fn read(&self, request: ReadRequest) -> BoxStream<'_, Result<Page, ConnectorError>> {
        stream::unfold(Start::Waiting(Box::new(request)), |start| async {
            let mut reader = match start {
                Start::Waiting(request) => {
                    match Reader::new(&self.catalog, &self.clock, self.bulk_min_records, *request).await {
                        Ok(reader) => Box::new(reader),
                        Err(error) => return Some((Err(error), Start::Ended)),
                    }
                }
                Start::Reading(reader) => reader,
                Start::Ended => return None,
            };
            match reader.next().await {
                Ok(Some(page)) => Some((Ok(page), Start::Reading(reader))),
                Ok(None) => None,
                Err(error) => Some((Err(error), Start::Ended)),
            }
        })
        .boxed()
    }

    fn probe(&self) -> Option<&dyn Probe> {
        Some(self)
    }

    fn fixtures(&self) -> Option<&dyn Fixtures> {
        Some(self)
    }
}

#[async_trait]
impl Probe for SalesforceSource {
    async fn inspect(&self, _objects: &[ObjectName]) -> Result<Inspection, ConnectorError> {
        inspection::inspect(&self.catalog.api).await
    }
}

#[async_trait]
impl Fixtures for SalesforceSource {
    async fn fixture(&self, object: &ObjectName) -> Result<FixtureForm, ConnectorError> {
        fixture::form(&self.catalog, object).await
    }
}

enum Start<'catalog> {
    Waiting(Box<ReadRequest>),
    Reading(Box<Reader<'catalog>>),
    Ended,
}

/// Asks for the org's limits, which takes a login with API access and shows what is left of the quota.
pub(super) async fn check(catalog: &Catalog) -> Result<(), ConnectorError> {
    catalog.api.limits().await.map(drop)
}
