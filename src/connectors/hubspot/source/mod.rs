//! Reading: lists for everything, searches for what changed or passes a filter.
//!
//! A search shows 10,000 results and pages by offsets, which shift when a record changes during the read. So no search here
//! uses an offset: each asks for the first page of the records whose id is greater than the last one seen, in the order of
//! ids. A page that is not full is the last. So no cap is ever met, however many records share one timestamp, and a
//! record that changes while it is read around is neither skipped nor doubled. Start at [`HubSpotSource`].

mod filter;
mod frame;
mod links;
mod position;
mod reader;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use futures::{StreamExt, stream, stream::BoxStream};

use crate::clock::Clock;
use crate::connector::{ConnectorError, ErrorKind, FixtureForm, Fixtures, Inspection, Probe, ReadRequest, Source};
use crate::http::Access;
use crate::model::{ObjectName, Page, Schema};

use super::{auth::Login, client::ListPage, fixture, inspection::inspect, schema::Catalog};

#[cfg(test)]
pub(super) use filter::translate;
pub(super) use frame::unknown_field;
pub(super) use links::read_links;

use reader::Reader;

/// Reads records of one account.
pub(super) struct HubSpotSource {
    catalog: Arc<Catalog>,
    login: Arc<Login>,
    clock: Clock,
}

impl HubSpotSource {
    pub(super) fn new(catalog: Arc<Catalog>, login: Arc<Login>, clock: Clock) -> Self {
        Self { catalog, login, clock }
    }
}

impl fmt::Debug for HubSpotSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HubSpotSource").finish_non_exhaustive()
    }
}

#[async_trait]
impl Source for HubSpotSource {
    async fn check(&self) -> Result<(), ConnectorError> {
        check(&self.catalog).await
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        Ok(self.catalog.object(object).await?.source_schema(&self.catalog.custom_objects))
    }

    fn read(&self, request: ReadRequest) -> BoxStream<'_, Result<Page, ConnectorError>> {
        let start = Start::Waiting(Box::new(request));
        stream::unfold(start, |start| async {
            let mut reader = match start {
                Start::Waiting(request) => match Reader::new(&self.catalog, &self.clock, *request).await {
                    Ok(reader) => Box::new(reader),
                    Err(error) => return Some((Err(error), Start::Ended)),
                },
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
impl Probe for HubSpotSource {
    async fn inspect(&self, objects: &[ObjectName]) -> Result<Inspection, ConnectorError> {
        inspect(&self.catalog.api, &self.login, objects, Access::Read).await
    }
}

#[async_trait]
impl Fixtures for HubSpotSource {
    async fn fixture(&self, object: &ObjectName) -> Result<FixtureForm, ConnectorError> {
        fixture::form(&self.catalog, object).await
    }
}

enum Start<'catalog> {
    Waiting(Box<ReadRequest>),
    Reading(Box<Reader<'catalog>>),
    Ended,
}

/// Reads one contact's id: it needs a login and no more. A token without the scope for contacts may be all that the pipeline
/// needs, so a missing scope is no failure here.
pub(super) async fn check(catalog: &Catalog) -> Result<(), ConnectorError> {
    let page = ListPage { limit: 1, after: None, properties: &[], associations: &[], is_archived: false };
    match catalog.api.list("contacts", page).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind == ErrorKind::Unauthorized && error.code.contains("scope") => Ok(()),
        Err(error) => Err(error),
    }
}
