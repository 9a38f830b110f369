//! What runs do with records, and what becomes of it when they are taken back.

use serde::{Deserialize, Serialize};

use crate::model::Fields;

/// What a record of the destination held before it is written. It goes into the intent too: a run that is stopped before it has
/// the answer would read what it wrote itself.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Before {
    /// The record's id; none where the destination had no such record.
    pub destination_id: Option<String>,
    /// Its values, of the fields that were read.
    pub fields: Fields,
}

/// What a run did with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageKind {
    /// It created it.
    Created,
    /// It changed it.
    Updated,
    /// It deleted it.
    Deleted,
}

/// What became of a record when its run was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageFate {
    /// Its fields hold again what they held before.
    Restored,
    /// It was created, and is deleted.
    Deleted,
    /// It was deleted, and is created again.
    Recreated,
    /// It was left, as somebody changed it since.
    Changed,
    /// It was left, as the destination does not hold it any more.
    Gone,
    /// It was left, as it cannot be taken back: the destination cannot do that, or it is not known what was there.
    Impossible,
    /// The destination refused.
    Refused,
}

impl ImageKind {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }

    pub(super) fn from_word(word: &str) -> Self {
        match word {
            "created" => Self::Created,
            "deleted" => Self::Deleted,
            _ => Self::Updated,
        }
    }
}

impl ImageFate {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Restored => "restored",
            Self::Deleted => "deleted",
            Self::Recreated => "recreated",
            Self::Changed => "changed",
            Self::Gone => "gone",
            Self::Impossible => "impossible",
            Self::Refused => "refused",
        }
    }

    pub(super) fn from_word(word: &str) -> Self {
        match word {
            "restored" => Self::Restored,
            "deleted" => Self::Deleted,
            "recreated" => Self::Recreated,
            "changed" => Self::Changed,
            "gone" => Self::Gone,
            "refused" => Self::Refused,
            _ => Self::Impossible,
        }
    }

    /// Tells whether the record is as it was before the run.
    pub fn is_taken_back(self) -> bool {
        match self {
            Self::Restored | Self::Deleted | Self::Recreated => true,
            Self::Changed | Self::Gone | Self::Impossible | Self::Refused => false,
        }
    }
}
