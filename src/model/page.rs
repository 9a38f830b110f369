//! What a source yields: pages of records as typed frames, each with the cursor that is safe once the page is loaded.

use polars::frame::DataFrame;
use serde::{Deserialize, Serialize};

/// Names the column with the source's id of the record: String, never null, unique within a stream.
pub const ID: &str = "_id";
/// Names the column with the moment of the record's last change: Datetime(ms, UTC), null where the source tells none.
pub const UPDATED_AT: &str = "_updated_at";
/// Names the column that is true for a record that the source has deleted: Boolean, never null.
pub const DELETED: &str = "_deleted";
/// Begins the names of the columns with linked records' source ids: `_links.companies`, List(String).
pub const LINK_PREFIX: &str = "_links.";

/// Names the column with the fields that a record says nothing of: List(String). A source that can tell a field without a value
/// from one that is not mentioned adds it to all of its pages; `null: clear` leaves such fields as they are.
pub const ABSENT: &str = "_absent";
/// Begins the field name of a file's column that has one of the names above: the file's own `_id` is `file._id`.
pub const FILE_PREFIX: &str = "file.";

/// Returns the name of the column with the ids of the linked records of `object`.
pub fn link_field(object: &str) -> String {
    format!("{LINK_PREFIX}{object}")
}

/// Tells whether a column is one of those that Ferry itself puts into every frame.
pub fn is_reserved(column: &str) -> bool {
    matches!(column, ID | UPDATED_AT | DELETED | ABSENT) || column.starts_with(LINK_PREFIX)
}

/// Carries the records of one read.
#[derive(Debug, Clone)]
pub struct Page {
    /// The records, one row each: `_id`, `_updated_at`, `_deleted`, a `_links.<object>` for each link that was asked for,
    /// and the fields that were asked for, each with the dtype that `describe` gives it.
    pub frame: DataFrame,
    /// The records that could not be read into the frame; not among its rows.
    pub rejects: Vec<ReadReject>,
    /// Where a later read may go on once this page is loaded; none if the source can only start over.
    pub cursor: Option<Cursor>,
    /// How many records of the read are left, those of this page among them, where the source says so: on any of its pages.
    pub left: Option<u64>,
}

/// A position in a stream. Only the source that made it knows what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub serde_json::Value);

/// A record that the source holds and that does not fit its own declared types.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadReject {
    /// The source's id of the record, or its place (`line 12`) where that is not known.
    pub id: String,
    /// Whether `id` is the source's id: a mirror must know which records the source still has.
    pub has_id: bool,
    /// Its number in the read, from 1, where the source counts: no two rejects of one read share it.
    pub number: Option<u64>,
    /// The line of the file that it begins on, where the source is a file of lines.
    pub line: Option<u64>,
    /// The field whose value does not fit; none where the whole record is unreadable.
    pub field: Option<String>,
    /// The value that does not fit, as text.
    pub value: Option<String>,
    /// A stable word for the reason (`not_a_number`), for counting.
    pub code: String,
    /// The reason in full, for a person.
    pub reason: String,
    /// The record as far as it could be read, as a JSON object.
    pub record: serde_json::Value,
}
