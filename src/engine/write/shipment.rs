//! What one batch is to the settling machine: records at places, of which some can be sent, looked up and taken out.

use std::{mem, sync::Arc};

use async_trait::async_trait;
use tokio::task::spawn_blocking;

use crate::connector::{BulkBatch, ConnectorError, ErrorKind, Outcomes};
use crate::engine::{decide::lookup::Lookup, error::EngineError, setup::Loader};
use crate::model::{Batch, BatchRecord, Operation};
use crate::state::Before;

use super::{
    bulk_buffer::{BufferedRecords, Selected},
    fate::Item,
    item::RecordItem,
};

/// The records of one batch, at the places from 0 on.
#[async_trait]
pub(super) trait Shipment: Send + Sync {
    /// One record with what is stored about it.
    type Item: Item;

    fn len(&self) -> usize;

    /// Returns the source ids at these places, for an intent.
    async fn source_ids(&self, places: &[usize]) -> Result<Vec<String>, EngineError>;

    /// Returns what the destination held before of the records at these places, for an intent; nothing where that is known of none.
    async fn before(&self, places: &[usize]) -> Result<Vec<Option<Before>>, EngineError>;

    /// Sends the records at these places as one request.
    async fn load(
        &mut self,
        loader: &Loader,
        operation: &Operation,
        places: &[usize],
    ) -> Result<Outcomes, ConnectorError>;

    /// Looks up, after a lost answer, which records at these places were written after all.
    async fn find_written(&self, loader: &Loader, places: &[usize]) -> Result<Vec<Option<Lookup>>, EngineError>;

    /// Takes the records at these places out, each once: their outcomes are known.
    async fn take(&mut self, places: &[usize]) -> Result<Vec<Self::Item>, EngineError>;
}

/// A batch in memory.
#[derive(Debug)]
pub(super) struct Loaded<T> {
    items: Vec<Option<T>>,
}

/// A batch on disk, for a bulk API: places of what was buffered.
#[derive(Debug)]
pub(super) struct OnDisk {
    pub buffered: Arc<BufferedRecords>,
    pub places: Vec<usize>,
}

/// Returns what was there before of each item; nothing where it is known of none.
fn before_of<'item, T: Item>(items: impl Iterator<Item = &'item T>) -> Vec<Option<Before>> {
    let before: Vec<Option<Before>> = items.map(|item| item.before().cloned()).collect();
    if before.iter().all(Option::is_none) { Vec::new() } else { before }
}

impl<T: Item> Loaded<T> {
    pub(super) fn new(items: Vec<T>) -> Self {
        Self { items: items.into_iter().map(Some).collect() }
    }

    /// Returns the records that were not taken out.
    pub(super) fn rest(self) -> Vec<T> {
        self.items.into_iter().flatten().collect()
    }

    fn record_at(&mut self, place: usize) -> Option<&mut BatchRecord> {
        self.items.get_mut(place)?.as_mut().map(T::record_mut)
    }

    fn at(&self, places: &[usize]) -> Vec<&T> {
        places.iter().filter_map(|place| self.items.get(*place)?.as_ref()).collect()
    }
}

#[async_trait]
impl<T: Item> Shipment for Loaded<T> {
    type Item = T;

    fn len(&self) -> usize {
        self.items.len()
    }

    async fn source_ids(&self, places: &[usize]) -> Result<Vec<String>, EngineError> {
        Ok(self.at(places).into_iter().map(|item| item.source_id().to_owned()).collect())
    }

    async fn before(&self, places: &[usize]) -> Result<Vec<Option<Before>>, EngineError> {
        Ok(before_of(self.at(places).into_iter()))
    }

    async fn load(
        &mut self,
        loader: &Loader,
        operation: &Operation,
        places: &[usize],
    ) -> Result<Outcomes, ConnectorError> {
        // Lent, not copied: they come back whatever the answer is.
        let records = places.iter().filter_map(|place| Some(mem::take(self.record_at(*place)?))).collect();
        let batch = Batch { object: loader.target.names.object.clone(), operation: operation.clone(), records };
        let outcomes = loader.services.destination.load(&batch).await;
        for (place, record) in places.iter().zip(batch.records) {
            if let Some(lent) = self.record_at(*place) {
                *lent = record;
            }
        }
        Ok(Box::new(outcomes?.into_iter()))
    }

    async fn find_written(&self, loader: &Loader, places: &[usize]) -> Result<Vec<Option<Lookup>>, EngineError> {
        T::find_written(loader, &self.at(places)).await
    }

    async fn take(&mut self, places: &[usize]) -> Result<Vec<T>, EngineError> {
        Ok(places.iter().filter_map(|place| self.items.get_mut(*place)?.take()).collect())
    }
}

impl OnDisk {
    fn buffered_places(&self, places: &[usize]) -> Vec<usize> {
        places.iter().filter_map(|place| self.places.get(*place).copied()).collect()
    }

    /// Reads all records of the batch.
    pub(super) async fn items(&self) -> Result<Vec<RecordItem>, EngineError> {
        self.read(self.places.clone()).await
    }

    async fn read(&self, places: Vec<usize>) -> Result<Vec<RecordItem>, EngineError> {
        let buffered = Arc::clone(&self.buffered);
        spawn_blocking(move || buffered.read(&places)).await.map_err(|_| EngineError::Stopped)?
    }
}

#[async_trait]
impl Shipment for OnDisk {
    type Item = RecordItem;

    fn len(&self) -> usize {
        self.places.len()
    }

    async fn source_ids(&self, places: &[usize]) -> Result<Vec<String>, EngineError> {
        let (buffered, places) = (Arc::clone(&self.buffered), self.buffered_places(places));
        spawn_blocking(move || buffered.source_ids(&places)).await.map_err(|_| EngineError::Stopped)?
    }

    async fn before(&self, places: &[usize]) -> Result<Vec<Option<Before>>, EngineError> {
        Ok(before_of(self.read(self.buffered_places(places)).await?.iter()))
    }

    async fn load(
        &mut self,
        loader: &Loader,
        operation: &Operation,
        places: &[usize],
    ) -> Result<Outcomes, ConnectorError> {
        let places = self.buffered_places(places);
        let records = Selected { buffered: &self.buffered, places: &places };
        let batch = BulkBatch {
            object: &loader.target.names.object,
            operation,
            fields: &self.buffered.fields,
            records: &records,
        };
        let Some(bulk) = loader.services.destination.bulk() else {
            let message =
                format!("the connector of `{}` declares a bulk API and does not offer it", loader.connection());
            return Err(ConnectorError::new(ErrorKind::Unexpected, "no_bulk", message));
        };
        bulk.load_bulk(&batch).await
    }

    async fn find_written(&self, loader: &Loader, places: &[usize]) -> Result<Vec<Option<Lookup>>, EngineError> {
        let items = self.read(self.buffered_places(places)).await?;
        RecordItem::find_written(loader, &items.iter().collect::<Vec<_>>()).await
    }

    async fn take(&mut self, places: &[usize]) -> Result<Vec<RecordItem>, EngineError> {
        self.read(self.buffered_places(places)).await
    }
}
