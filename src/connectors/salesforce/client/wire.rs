//! Salesforce's answers as types. Whatever an org leaves out is taken as the harmless case.

use serde::Deserialize;
use serde_json::Value as Json;

/// One entry of `GET services/data`.
#[derive(Debug, Deserialize)]
pub(in super::super) struct WireVersion {
    pub(in super::super) version: String,
}

/// The description of an object.
#[expect(clippy::struct_excessive_bools, reason = "each is a right that the vendor states")]
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct WireObject {
    pub(in super::super) name: String,
    #[serde(default = "yes")]
    pub(in super::super) queryable: bool,
    #[serde(default)]
    pub(in super::super) createable: bool,
    #[serde(default)]
    pub(in super::super) updateable: bool,
    #[serde(default = "yes")]
    pub(in super::super) deletable: bool,
    #[serde(default)]
    pub(in super::super) fields: Vec<WireField>,
    #[serde(default)]
    pub(in super::super) record_type_infos: Vec<WireRecordType>,
}

/// The description of a field.
#[expect(clippy::struct_excessive_bools, reason = "each is an attribute of the vendor's")]
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct WireField {
    pub(in super::super) name: String,
    #[serde(default)]
    pub(in super::super) label: Option<String>,
    #[serde(rename = "type")]
    pub(in super::super) field_type: String,
    #[serde(default)]
    pub(in super::super) length: usize,
    #[serde(default = "yes")]
    pub(in super::super) nillable: bool,
    #[serde(default)]
    pub(in super::super) defaulted_on_create: bool,
    #[serde(default)]
    pub(in super::super) createable: bool,
    #[serde(default)]
    pub(in super::super) updateable: bool,
    #[serde(default)]
    pub(in super::super) external_id: bool,
    #[serde(default)]
    pub(in super::super) id_lookup: bool,
    #[serde(default)]
    pub(in super::super) unique: bool,
    #[serde(default)]
    pub(in super::super) case_sensitive: bool,
    #[serde(default = "yes")]
    pub(in super::super) filterable: bool,
    #[serde(default)]
    pub(in super::super) reference_to: Vec<String>,
    #[serde(default)]
    pub(in super::super) relationship_name: Option<String>,
    #[serde(default)]
    pub(in super::super) restricted_picklist: bool,
    #[serde(default)]
    pub(in super::super) picklist_values: Vec<WirePicklistValue>,
}

/// A value of a picklist.
#[derive(Debug, Clone, Default, Deserialize)]
pub(in super::super) struct WirePicklistValue {
    pub(in super::super) value: String,
    #[serde(default)]
    pub(in super::super) label: Option<String>,
    #[serde(default = "yes")]
    pub(in super::super) active: bool,
}

/// A record type of an object.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct WireRecordType {
    pub(in super::super) record_type_id: String,
    #[serde(default)]
    pub(in super::super) developer_name: String,
    #[serde(default)]
    pub(in super::super) name: String,
    #[serde(default = "yes")]
    pub(in super::super) active: bool,
}

/// One page of a query.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct WirePage {
    #[serde(default)]
    pub(in super::super) total_size: u64,
    #[serde(default)]
    pub(in super::super) done: bool,
    #[serde(default)]
    pub(in super::super) next_records_url: Option<String>,
    pub(in super::super) records: Vec<Json>,
    /// The request, as messages may show it.
    #[serde(skip)]
    pub(in super::super) request: String,
}

/// What became of one record of an sObject Collection.
#[derive(Debug, Clone, Deserialize)]
pub(in super::super) struct WireResult {
    #[serde(default)]
    pub(in super::super) id: Option<String>,
    pub(in super::super) success: bool,
    #[serde(default)]
    pub(in super::super) created: Option<bool>,
    #[serde(default)]
    pub(in super::super) errors: Json,
}

/// A Bulk API 2.0 job.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct WireJob {
    pub(in super::super) id: String,
    pub(in super::super) state: String,
    #[serde(default)]
    pub(in super::super) object: Option<String>,
    #[serde(default)]
    pub(in super::super) created_by_id: Option<String>,
    #[serde(default)]
    pub(in super::super) number_records_processed: Option<u64>,
    #[serde(default)]
    pub(in super::super) number_records_failed: Option<u64>,
    #[serde(default)]
    pub(in super::super) error_message: Option<String>,
}

/// One page of a list of jobs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct WireJobs {
    #[serde(default)]
    pub(in super::super) records: Vec<WireJob>,
    #[serde(default)]
    pub(in super::super) next_records_url: Option<String>,
}

fn yes() -> bool {
    true
}
