//! What only some systems have, each a trait that a source or destination offers or not.
//!
//! The core ([`Source`](super::Source), [`Destination`](super::Destination)) is what every connector does. Its methods with a
//! default body return `None`; a connector that has more implements the trait and returns itself.

use std::{collections::HashMap, fmt::Debug, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures::stream::BoxStream;
use polars::frame::DataFrame;

use crate::model::{Field, FieldName, Fields, ObjectName, Operation, Outcome, Page, Record, Rejection, Schema, Value};

use super::{
    ReadRequest,
    bulk::{BulkBatch, Outcomes},
    error::ConnectorError,
    fixture::FixtureForm,
    inspection::Inspection,
};

/// How exact the `Date` of an answer is.
const DATE_STEP: TimeDelta = TimeDelta::seconds(1);

/// Tells what a login may do and what is left of its limits.
#[async_trait]
pub trait Probe: Debug + Send + Sync {
    /// Returns what the login may do with these objects and what is left of the limits, in as few calls as possible and
    /// without writes. What the vendor does not tell is absent.
    ///
    /// # Errors
    /// Says why the login does not work. A part that this login may not ask for is no error.
    async fn inspect(&self, objects: &[ObjectName]) -> Result<Inspection, ConnectorError>;
}

/// Tells before a write what the login may not write.
#[async_trait]
pub trait Permissions: Debug + Send + Sync {
    /// Returns what the login may not write of the object and these fields by an operation, each with what to do about it.
    ///
    /// # Errors
    /// Fails when the object does not exist or cannot be asked about.
    async fn refusals(
        &self,
        object: &ObjectName,
        operation: &Operation,
        fields: &[FieldName],
    ) -> Result<Vec<ConnectorError>, ConnectorError>;
}

/// Describes an object at a lower cost where only some of its fields are written.
#[async_trait]
pub trait PartialDescribe: Debug + Send + Sync {
    /// Returns the fields of an object for a run that writes these: what costs calls of its own to describe may be left out
    /// unless these fields name it.
    ///
    /// # Errors
    /// As those of [`Destination::describe`](super::Destination::describe).
    async fn describe_for(&self, object: &ObjectName, fields: &[FieldName]) -> Result<Schema, ConnectorError>;
}

/// Gives a value for a test record where [`Destination::describe`](super::Destination::describe) does not list the options.
#[async_trait]
pub trait Examples: Debug + Send + Sync {
    /// Returns a value that the field of a test record may have; none where the connector knows none.
    ///
    /// # Errors
    /// Fails when the destination cannot be asked.
    async fn example(&self, object: &ObjectName, field: &FieldName) -> Result<Option<Value>, ConnectorError>;
}

/// Writes batches that may be too large for memory through the system's bulk API.
#[async_trait]
pub trait BulkLoad: Debug + Send + Sync {
    /// Writes a batch within [`Capabilities::bulk`](crate::model::Capabilities::bulk) and returns exactly one outcome per
    /// record, in the batch's order.
    ///
    /// # Errors
    /// As those of [`Destination::load`](super::Destination::load).
    async fn load_bulk(&self, batch: &BulkBatch<'_>) -> Result<Outcomes, ConnectorError>;
}

/// Returns all records of an object at once, where that may cost less than to ask for keys (a sheet).
#[async_trait]
pub trait FetchWhole: Debug + Send + Sync {
    /// Returns every record of the object with these fields, in any order. Asked where
    /// [`Capabilities::fetch_whole`](crate::model::Capabilities::fetch_whole) gives its cost.
    ///
    /// # Errors
    /// Fails when the destination cannot be asked. An answer that may lack records is an error too.
    async fn fetch_whole(&self, object: &ObjectName, fields: &[FieldName]) -> Result<Vec<Record>, ConnectorError>;

    /// Counts what that costs for an object of this size, in the units of the capabilities; none where
    /// [`WholeObject::cost`](crate::model::WholeObject::cost) is all that is known. Nothing, where these keys can be found in no
    /// other way. Asked once a run and target.
    ///
    /// # Errors
    /// Fails when the destination cannot be asked.
    async fn cost(&self, _object: &ObjectName, _key: &[FieldName]) -> Result<Option<u32>, ConnectorError> {
        Ok(None)
    }
}

/// Tells how long records have been there, so that a lost answer does not hide that a write created them.
#[async_trait]
pub trait Ages: Debug + Send + Sync {
    /// Returns how long ago records with these ids were created, by the vendor's own clock, in as few calls as possible. What
    /// the vendor does not tell is absent.
    ///
    /// # Errors
    /// Fails when the destination cannot be asked.
    async fn ages(&self, object: &ObjectName, ids: &[String]) -> Result<HashMap<String, Duration>, ConnectorError>;
}

/// The records that each of some records is linked to, by its id.
pub type LinkedIds = HashMap<String, Vec<String>>;

/// Reads and takes away links that are written by [`Operation::Link`], so that a run which set them can be taken back.
#[async_trait]
pub trait Unlink: Debug + Send + Sync {
    /// Returns what a link field of records leads to now, by their ids, in as few calls as possible. A record without a link is
    /// absent.
    ///
    /// # Errors
    /// Fails when the destination cannot be asked.
    async fn linked(&self, object: &ObjectName, field: &FieldName, ids: &[String])
    -> Result<LinkedIds, ConnectorError>;

    /// Takes links of a field away. One that is not there is taken away too, so that this can be asked for twice.
    ///
    /// # Errors
    /// Says why links may still be there.
    async fn unlink(&self, object: &ObjectName, field: &FieldName, links: &LinkedIds) -> Result<(), ConnectorError>;
}

/// Says in which words a system keeps what is written in others: a person by its id, written by mail address.
#[async_trait]
pub trait Canonical: Debug + Send + Sync {
    /// Returns each record's fields as [`Destination::fetch`](super::Destination::fetch) gives them back once they are written, in
    /// order. What would be refused may stay as it is. Asks no more than a write of the records asks.
    ///
    /// # Errors
    /// Fails when the destination cannot be asked.
    async fn canonical(&self, object: &ObjectName, records: Vec<Fields>) -> Result<Vec<Fields>, ConnectorError>;
}

/// Deletes records of people for good, where the system's ordinary delete only puts them into a recycle bin.
#[async_trait]
pub trait Erase: Debug + Send + Sync {
    /// Returns the vendor's name of the call for an object; none where its records can only be deleted by the ordinary one.
    fn call(&self, object: &ObjectName) -> Option<&'static str>;

    /// Deletes a record for good. One that is not there any more is [`Outcome::Missing`].
    ///
    /// # Errors
    /// Fails when the destination cannot be asked.
    async fn erase(&self, object: &ObjectName, id: &str) -> Result<Outcome, ConnectorError>;
}

/// Waits for what a killed run left running at the system.
#[async_trait]
pub trait EarlierJobs: Debug + Send + Sync {
    /// Waits until nothing that an earlier run sent still changes the object, so that no write or look-up races with it. Called
    /// before the first write where the state file has batches without an outcome.
    ///
    /// # Errors
    /// Says why nothing may be written yet.
    async fn wait_for_earlier_jobs(&self, object: &ObjectName) -> Result<(), ConnectorError>;
}

/// Rewrites a whole object and puts it in place in one step: `write: replace`.
///
/// Between `begin` and `put_in_place`, the batches that [`Destination::load`](super::Destination::load) gets for the object are
/// inserts into its new version. Until `put_in_place`, readers see the earlier version.
#[async_trait]
pub trait Replace: Debug + Send + Sync {
    /// Begins the new version of an object, also when no record will come. Called again, it starts over.
    ///
    /// `fields` are those that will be written, in the mappings' order and with their types: a file gets its header from them.
    ///
    /// # Errors
    /// Says why nothing can be written.
    async fn begin(&self, object: &ObjectName, fields: &[Field]) -> Result<(), ConnectorError>;

    /// Puts the new version in the place of the earlier one, once all its records have outcomes.
    ///
    /// # Errors
    /// Fails when that cannot be done; nothing of the earlier version is lost then.
    async fn put_in_place(&self, object: &ObjectName) -> Result<(), ConnectorError>;
}

/// Takes the new version of an object that [`Replace`] began as frames: no record of it is a value by itself.
#[async_trait]
pub trait LoadFrames: Debug + Send + Sync {
    /// Writes the records of a frame, in their order, behind those that came before. Its columns are the fields that
    /// [`Replace::begin`] was given. Returns the records that the object cannot hold, by their places in the frame: all others are
    /// created.
    ///
    /// # Errors
    /// Says why the object cannot be written.
    async fn load_frame(
        &self,
        object: &ObjectName,
        frame: DataFrame,
    ) -> Result<Vec<(usize, Rejection)>, ConnectorError>;
}

/// Reads an object from its beginning to its end in large frames.
pub trait ReadWhole: Debug + Send + Sync {
    /// Yields the same records and rejects as [`Source::read`](super::Source::read) without a cursor, in the same order, in pages
    /// that are larger and have no cursor.
    fn read_whole(&self, request: ReadRequest) -> BoxStream<'_, Result<Page, ConnectorError>>;
}

/// Says how an object is written down as a fixture of the vendor's emulator.
#[async_trait]
pub trait Fixtures: Debug + Send + Sync {
    /// Returns the form of the object's fixture.
    ///
    /// # Errors
    /// Fails when the object does not exist or cannot be asked about.
    async fn fixture(&self, object: &ObjectName) -> Result<FixtureForm, ConnectorError>;
}

/// Returns how long ago a record was created when the vendor answered, both by the vendor's clock. None where the times
/// contradict each other: an answer's date has whole seconds, so a new record may seem up to a second younger than nothing.
pub fn age(created_at: DateTime<Utc>, answered_at: DateTime<Utc>) -> Option<Duration> {
    let age = answered_at - created_at;
    (age > -DATE_STEP).then(|| age.to_std().unwrap_or_default())
}
