//! The vendor's answers as types. Whatever the vendor leaves out is taken as it comes.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value as Json};

use crate::http::Answer;

/// A record as the API writes it.
pub(in super::super) type Raw = Map<String, Json>;

/// One thing.
#[derive(Debug, Deserialize)]
pub(super) struct One<T> {
    pub(super) success: bool,
    pub(super) data: Option<T>,
}

/// A page of things. Version 1 may write `null` for an empty list.
#[derive(Debug, Deserialize)]
pub(super) struct Listed<T> {
    pub(super) success: bool,
    pub(super) data: Option<Vec<T>>,
    pub(super) additional_data: Option<Additional>,
}

/// Where a list goes on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Additional {
    pub(super) next_cursor: Option<String>,
    pub(super) pagination: Option<Pagination>,
}

/// Where a list of version 1 goes on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Pagination {
    #[serde(rename = "more_items_in_collection")]
    pub(super) has_more: bool,
    pub(super) next_start: Option<u64>,
}

/// What a search found.
#[derive(Debug, Deserialize)]
pub(super) struct Found {
    #[serde(default)]
    pub(super) items: Vec<FoundItem>,
}

/// One hit: a reduced record.
#[derive(Debug, Deserialize)]
pub(super) struct FoundItem {
    pub(super) item: Raw,
}

/// Whose login it is.
#[derive(Debug, Deserialize)]
pub(in super::super) struct Me {
    pub(in super::super) id: Option<u64>,
    pub(in super::super) company_id: Option<u64>,
}

/// The definition of a field. Version 1 has other names for its name and code.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct WireField {
    #[serde(alias = "name")]
    pub(in super::super) field_name: String,
    #[serde(alias = "key")]
    pub(in super::super) field_code: String,
    pub(in super::super) field_type: String,
    pub(in super::super) options: Option<Vec<WireOption>>,
    pub(in super::super) is_custom_field: bool,
    pub(in super::super) is_optional_response_field: bool,
}

/// An option of a field: its id is a number for people's own fields, a text for some of Pipedrive's.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct WireOption {
    pub(in super::super) id: Json,
    pub(in super::super) label: String,
}

/// A label of leads.
#[derive(Debug, Clone, Deserialize)]
pub(in super::super) struct WireLabel {
    pub(in super::super) id: String,
    pub(in super::super) name: String,
}

/// Returns the id of a record, as text.
pub(in super::super) fn id_of(record: &Raw) -> Option<String> {
    match record.get("id")? {
        Json::Number(id) => Some(id.to_string()),
        Json::String(id) if !id.is_empty() => Some(id.clone()),
        _ => None,
    }
}

/// Decodes an answer that says `success: true`. Whatever the status, an answer that does not is none.
pub(super) fn data_of<T: DeserializeOwned>(answer: &Answer) -> Option<T> {
    #[derive(Deserialize)]
    struct Said {
        success: bool,
    }
    answer.json::<Said>().ok().filter(|said| said.success)?;
    answer.json().ok()
}
