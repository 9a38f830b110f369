//! Airtable's field types.

use serde::Deserialize;

/// A field type; `Other` is one that this emulator only knows as read-only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Kind {
    SingleLineText,
    MultilineText,
    RichText,
    Email,
    Url,
    PhoneNumber,
    Number,
    Currency,
    Percent,
    Duration,
    Rating,
    Checkbox,
    SingleSelect,
    MultipleSelects,
    SingleCollaborator,
    MultipleCollaborators,
    MultipleRecordLinks,
    MultipleAttachments,
    Date,
    DateTime,
    Barcode,
    Formula,
    Rollup,
    MultipleLookupValues,
    Count,
    AutoNumber,
    CreatedTime,
    LastModifiedTime,
    CreatedBy,
    LastModifiedBy,
    Button,
    AiText,
    #[serde(other)]
    Other,
}

impl Kind {
    /// Reads the type's name in the API.
    pub(super) fn of(name: &str) -> Self {
        serde_json::from_value(name.into()).unwrap_or(Self::Other)
    }

    /// Tells whether a client can neither write a field of this kind nor create one through the API.
    pub(super) fn is_computed(self) -> bool {
        matches!(
            self,
            Self::Formula
                | Self::Rollup
                | Self::MultipleLookupValues
                | Self::Count
                | Self::AutoNumber
                | Self::CreatedTime
                | Self::LastModifiedTime
                | Self::CreatedBy
                | Self::LastModifiedBy
                | Self::Button
                | Self::AiText
                | Self::Other
        )
    }

    /// Tells whether a cell of the type is plain text.
    pub(super) fn is_text(self) -> bool {
        matches!(
            self,
            Self::SingleLineText | Self::MultilineText | Self::RichText | Self::Email | Self::Url | Self::PhoneNumber
        )
    }

    /// Tells whether a cell of the type is any number.
    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Number | Self::Currency | Self::Percent | Self::Duration)
    }

    /// Tells whether such a field may be a table's first.
    pub(super) fn can_be_primary(self) -> bool {
        let is_rich = self == Self::RichText;
        (self.is_text() && !is_rich)
            || self.is_number()
            || matches!(self, Self::Date | Self::DateTime | Self::Barcode | Self::Formula | Self::AutoNumber)
    }

    /// Tells whether an upsert may match on such a field. The documentation lists number, text, long text, single and multiple
    /// select and date; email, URL and phone number, which it does not name, count as text here.
    pub(super) fn can_be_merged_on(self) -> bool {
        self.is_text()
            || self.is_number()
            || matches!(self, Self::SingleSelect | Self::MultipleSelects | Self::Date | Self::DateTime)
    }
}
