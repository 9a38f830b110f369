//! How an object is written down as a fixture of its vendor's local emulator.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::model::{FieldName, ObjectName};

/// What a fixture of an object needs beside its records, in the form that the vendor's emulator reads.
#[derive(Debug, Clone, Default)]
pub struct FixtureForm {
    /// The fields that a fixture can hold, in the system's order; links are not among them.
    pub fields: Vec<FieldName>,
    /// The link fields that go by names of their own, and the objects that each may lead to. Where there are none, links are
    /// the fields `_links.<object>`.
    pub links: BTreeMap<FieldName, Vec<ObjectName>>,
    /// The name under which the fixture keeps the moment of the last change, where that is no field of its own.
    pub updated_at: Option<FieldName>,
    /// What `<object>.schema.yaml` says.
    pub schema: Json,
    /// Further schema files that the object cannot be read without, by name: pipelines, linked tables.
    pub beside: BTreeMap<String, Json>,
    /// Further records that its fields speak of, by name: owners.
    pub records_beside: BTreeMap<String, Vec<Map<String, Json>>>,
}
