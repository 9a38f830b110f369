//! Reads objects: whole, in the order of ids, or what changed, in the order of changes. One read is in `reader`.

mod filter;
mod frame;
mod position;
mod reader;

use std::sync::Arc;

use async_stream::stream;
use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::clock::Clock;
use crate::connector::{ConnectorError, FixtureForm, Fixtures, Inspection, Probe, ReadRequest, Source};
use crate::model::{ObjectName, Page, Schema};

use super::{fixture, inspection::inspect, schema::Catalog};

use reader::Reader;

/// Reads one company.
#[derive(Debug)]
pub(super) struct PipedriveSource {
    catalog: Arc<Catalog>,
    clock: Clock,
}

impl PipedriveSource {
    /// Makes the source of a login. Does no I/O.
    pub(super) fn new(catalog: Arc<Catalog>, clock: Clock) -> Self {
        Self { catalog, clock }
    }
}

#[async_trait]
impl Source for PipedriveSource {
    async fn check(&self) -> Result<(), ConnectorError> {
        self.catalog.api.me().await.map(drop)
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        Ok(self.catalog.object(object).await?.source_schema(object))
    }

    fn read(&self, request: ReadRequest) -> BoxStream<'_, Result<Page, ConnectorError>> {
        Box::pin(stream! {
            let mut reader = match Reader::new(&self.catalog, &self.clock, request).await {
                Ok(reader) => reader,
                Err(error) => {
                    yield Err(error);
                    return;
                }
            };
            loop {
                match reader.next().await {
                    Ok(Some(page)) => yield Ok(page),
                    Ok(None) => return,
                    Err(error) => {
                        yield Err(error);
                        return;
                    }
                }
            }
        })
    }

    fn probe(&self) -> Option<&dyn Probe> {
        Some(self)
    }

    fn fixtures(&self) -> Option<&dyn Fixtures> {
        Some(self)
    }
}

#[async_trait]
impl Fixtures for PipedriveSource {
    async fn fixture(&self, object: &ObjectName) -> Result<FixtureForm, ConnectorError> {
        fixture::form(&self.catalog, object).await
    }
}

#[async_trait]
impl Probe for PipedriveSource {
    async fn inspect(&self, _objects: &[ObjectName]) -> Result<Inspection, ConnectorError> {
        inspect(&self.catalog.api).await
    }
}
