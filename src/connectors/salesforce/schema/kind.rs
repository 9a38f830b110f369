//! Salesforce's field types, by what their values are.

use crate::model::FieldType;

/// What the values of a field are. Types that read and write alike are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Kind {
    /// The record's own id.
    Id,
    /// The id of another record.
    Reference,
    /// `string`, `phone`, `url`, `time`, `encryptedstring`, `anyType`.
    Text,
    /// `textarea`.
    LongText,
    /// `email`: kept in small letters.
    Email,
    /// `picklist`, `combobox`.
    Choice,
    /// `multipicklist`: values joined with `;`.
    MultiChoice,
    /// `boolean`.
    Boolean,
    /// `int`, `long`.
    Integer,
    /// `double`, `currency`, `percent`.
    Number,
    /// `date`.
    Date,
    /// `datetime`.
    DateTime,
    /// `base64`: a body (a note's text) that is read by a call of its own and written encoded.
    Body,
}

impl Kind {
    /// Returns the kind of a type; none for compound ones (`address`, `location`), whose parts are fields too and which Bulk
    /// queries refuse, and for those that are no value.
    pub(super) fn of(field_type: &str) -> Option<Self> {
        Some(match field_type {
            "id" => Self::Id,
            "reference" => Self::Reference,
            "textarea" => Self::LongText,
            "email" => Self::Email,
            "picklist" | "combobox" => Self::Choice,
            "multipicklist" => Self::MultiChoice,
            "boolean" => Self::Boolean,
            "int" | "long" => Self::Integer,
            "double" | "currency" | "percent" => Self::Number,
            "date" => Self::Date,
            "datetime" => Self::DateTime,
            "base64" => Self::Body,
            "address" | "location" | "complexvalue" | "json" => return None,
            _ => Self::Text,
        })
    }

    pub(in super::super) fn field_type(self) -> FieldType {
        match self {
            Self::Id | Self::Reference | Self::Text | Self::LongText | Self::Email | Self::Body => FieldType::Text,
            Self::Choice => FieldType::Choice,
            Self::MultiChoice => FieldType::MultiChoice,
            Self::Boolean => FieldType::Boolean,
            Self::Integer => FieldType::Integer,
            Self::Number => FieldType::Number,
            Self::Date => FieldType::Date,
            Self::DateTime => FieldType::Datetime,
        }
    }

    /// Tells whether conditions compare it as text: without regard to case and in an order of Salesforce's own.
    pub(in super::super) fn is_text(self) -> bool {
        match self {
            Self::Id | Self::Reference | Self::Text | Self::LongText | Self::Email | Self::Choice => true,
            Self::MultiChoice
            | Self::Boolean
            | Self::Integer
            | Self::Number
            | Self::Date
            | Self::DateTime
            | Self::Body => false,
        }
    }

    /// Tells whether its length is one of characters that Salesforce enforces.
    pub(super) fn has_length(self) -> bool {
        matches!(self, Self::Text | Self::LongText | Self::Email)
    }
}
