//! What became of one record at one destination.

use serde::{Deserialize, Serialize};

/// Says what a destination did with one record of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was created and has this id.
    Created {
        /// The destination's id.
        id: String,
    },
    /// It existed, was changed, and has this id (not always the one that was asked for: vendors merge records).
    Updated {
        /// The destination's id.
        id: String,
    },
    /// It was removed, or was gone already.
    Deleted,
    /// The destination does not hold the record that the batch named by id: deleted there, or merged away.
    Missing,
    /// It was refused. Sending it again unchanged would be refused again.
    Rejected(Rejection),
    /// It was not written, and a person must decide: several of the destination's records share its key.
    Held(Rejection),
}

/// Says why a record was not written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rejection {
    /// A stable word for the reason (`invalid_email`, or the vendor's own code), for counting. Never holds a value.
    pub code: String,
    /// The reason in full, for a person; may hold personal values, so it is shown only where dead letters are.
    pub reason: String,
    /// The field, where one is to blame, by the destination's name.
    pub field: Option<String>,
    /// The value, where one is to blame, as text.
    pub value: Option<String>,
    /// The vendor's id of the request.
    pub request_id: Option<String>,
    /// Whether the error is temporary: the same record may be accepted later.
    #[serde(default)]
    pub is_passing: bool,
}

impl Rejection {
    /// Makes a rejection that blames no field.
    pub fn new(code: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { code: code.into(), reason: reason.into(), ..Self::default() }
    }

    /// Blames a field, and names its value.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>, value: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self.value = Some(value.into());
        self
    }
}
