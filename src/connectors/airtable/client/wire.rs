//! What Airtable answers about records.

use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// A record as Airtable gives it, its cells by field id.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct RawRecord {
    /// `rec…`
    pub(in super::super) id: String,
    /// When it was created.
    #[serde(default)]
    pub(in super::super) created_time: Json,
    /// Its cells; empty ones are absent.
    #[serde(default)]
    pub(in super::super) fields: Map<String, Json>,
}

/// The answer to a write.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Written {
    /// The records as they are now, in the request's order.
    pub(in super::super) records: Vec<RawRecord>,
    /// Which of them an upsert created.
    #[serde(default)]
    pub(in super::super) created_records: Vec<String>,
    /// Which of them an upsert found.
    #[serde(default)]
    pub(in super::super) updated_records: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct DeleteAnswer {
    pub(super) records: Vec<DeletedRecord>,
}

#[derive(Deserialize)]
pub(super) struct DeletedRecord {
    pub(super) id: String,
    #[serde(default)]
    pub(super) deleted: bool,
}

#[derive(Deserialize)]
pub(super) struct ListAnswer {
    pub(super) records: Vec<RawRecord>,
    pub(super) offset: Option<String>,
}
