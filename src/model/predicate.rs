//! The part of a `where` that a vendor's filter language may be able to say.

use serde::{Deserialize, Serialize};

use super::{name::FieldName, value::Value};

/// A condition on one record, free of any vendor's syntax.
///
/// The engine takes these out of a pipeline's SQL and offers them to the source, which quotes fields and values by its
/// vendor's rules. What a source leaves out, and what this type cannot say, the engine applies to the frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Predicate {
    /// All hold.
    All(Vec<Predicate>),
    /// At least one holds.
    Any(Vec<Predicate>),
    /// The field compares so with the value.
    Compare {
        /// The field on the left.
        field: FieldName,
        /// How it compares.
        comparison: Comparison,
        /// The value on the right; never null.
        value: Value,
    },
    /// The field's value is one of these.
    In {
        /// The field.
        field: FieldName,
        /// The values; none of them null.
        values: Vec<Value>,
    },
    /// The field has no value.
    IsNull(FieldName),
    /// The field has a value.
    IsNotNull(FieldName),
}

/// Names the comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}
