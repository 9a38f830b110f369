//! What a run will write to an object, as a destination is told it before anything else.

use crate::model::{Field, FieldName, ObjectName};

/// What a run will write to an object.
#[derive(Debug, Clone)]
pub struct WritePlan {
    /// The object.
    pub object: ObjectName,
    /// The fields that identify a record; empty where the pipeline names none.
    pub key: Vec<FieldName>,
    /// Whether records are only added (`write: insert`): then several may have one key.
    pub only_adds: bool,
    /// The fields that records may have, in the mappings' order and with their types.
    pub fields: Vec<Field>,
    /// The formulas that the destination computes by itself.
    pub formulas: Vec<FormulaField>,
}

/// A field that the destination computes by a formula of the pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormulaField {
    /// The field.
    pub field: FieldName,
    /// The formula, with `{Field}` for a field of the same record.
    pub formula: String,
    /// Whether it is written with every write of a record, not only when the record is created.
    pub is_rewritten: bool,
}
