//! Airtable's field types, by what their cells hold.

use serde_json::Value as Json;

use crate::model::FieldType;

/// What the cells of a field hold. Kinds that read and write alike are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `singleLineText`, `multilineText`.
    Text,
    /// `richText`: Markdown; a read ends with a line break.
    RichText,
    /// `email`, `url`, `phoneNumber`: text to Airtable, not confirmed as keys of an upsert.
    ContactText,
    /// `number`.
    Number,
    /// `currency`, `percent` (0.123 is 12.3 %), `duration` (seconds): numbers, not listed as keys of an upsert.
    Measure,
    /// `rating`, from 1 to `max`.
    Rating {
        /// The best rating.
        max: i64,
    },
    /// `checkbox`: true or absent.
    Checkbox,
    /// `singleSelect`.
    Select,
    /// `multipleSelects`.
    MultiSelect,
    /// `singleCollaborator`: by mail address, where Airtable shows it.
    Collaborator,
    /// `multipleCollaborators`: by user id, as only ids can be written.
    Collaborators,
    /// `multipleRecordLinks`.
    Links,
    /// `multipleAttachments`: by attachment id. URLs end two hours after the read and are never kept.
    Attachments,
    /// `date`.
    Date,
    /// `dateTime`.
    DateTime,
    /// `barcode`: its text.
    Barcode,
    /// `formula`, `rollup`: what it computes.
    Computed(Box<Kind>),
    /// `multipleLookupValues`: each value as text.
    Lookup(Box<Kind>),
    /// `count`, `autoNumber`.
    Counter,
    /// `createdTime`.
    CreatedTime,
    /// `lastModifiedTime`.
    ModifiedTime {
        /// Whether it watches every field of the table.
        is_of_record: bool,
    },
    /// `createdBy`, `lastModifiedBy`: by mail address, where Airtable shows it.
    Person,
    /// `button`: its URL, else its label.
    Button,
    /// `aiText`: its value.
    AiText,
    /// `externalSyncSource`, `manualSort` and types that Airtable may add: whatever it is, as text.
    Unknown,
}

impl Kind {
    /// Returns the kind of a field by Airtable's type and options.
    pub(super) fn of(field_type: &str, options: &Json) -> Self {
        match field_type {
            "singleLineText" | "multilineText" => Self::Text,
            "richText" => Self::RichText,
            "email" | "url" | "phoneNumber" => Self::ContactText,
            "number" => Self::Number,
            "currency" | "percent" | "duration" => Self::Measure,
            "rating" => Self::Rating { max: options.get("max").and_then(Json::as_i64).unwrap_or(10) },
            "checkbox" => Self::Checkbox,
            "singleSelect" => Self::Select,
            "multipleSelects" => Self::MultiSelect,
            "singleCollaborator" => Self::Collaborator,
            "multipleCollaborators" => Self::Collaborators,
            "multipleRecordLinks" => Self::Links,
            "multipleAttachments" => Self::Attachments,
            "date" => Self::Date,
            "dateTime" => Self::DateTime,
            "barcode" => Self::Barcode,
            "formula" | "rollup" => Self::Computed(Box::new(Self::of_result(options))),
            "multipleLookupValues" | "lookup" => Self::Lookup(Box::new(Self::of_result(options))),
            "count" | "autoNumber" => Self::Counter,
            "createdTime" => Self::CreatedTime,
            "lastModifiedTime" => {
                let watched = options.get("referencedFieldIds").and_then(Json::as_array);
                Self::ModifiedTime { is_of_record: watched.is_none_or(Vec::is_empty) }
            }
            "createdBy" | "lastModifiedBy" => Self::Person,
            "button" => Self::Button,
            "aiText" => Self::AiText,
            _ => Self::Unknown,
        }
    }

    /// What a computed field gives; unknown where its formula is broken and has no result type.
    fn of_result(options: &Json) -> Self {
        let result = options.get("result");
        let result_type = result.and_then(|result| result.get("type")?.as_str()).unwrap_or_default();
        Self::of(result_type, result.and_then(|result| result.get("options")).unwrap_or(&Json::Null))
    }

    /// Returns the type of the field's values in every frame.
    pub(crate) fn field_type(&self) -> FieldType {
        match self {
            Self::Text
            | Self::RichText
            | Self::ContactText
            | Self::Collaborator
            | Self::Barcode
            | Self::Person
            | Self::Button
            | Self::AiText
            | Self::Unknown => FieldType::Text,
            // The precision of a number is how it is shown: a field without decimals may hold them.
            Self::Number | Self::Measure => FieldType::Number,
            Self::Rating { .. } | Self::Counter => FieldType::Integer,
            Self::Checkbox => FieldType::Boolean,
            Self::Select => FieldType::Choice,
            Self::MultiSelect | Self::Collaborators | Self::Attachments | Self::Lookup(_) => FieldType::MultiChoice,
            Self::Links => FieldType::Link,
            Self::Date => FieldType::Date,
            Self::DateTime | Self::CreatedTime | Self::ModifiedTime { .. } => FieldType::Datetime,
            Self::Computed(result) => match result.field_type() {
                FieldType::Choice => FieldType::Text,
                FieldType::Link => FieldType::MultiChoice,
                other => other,
            },
        }
    }

    /// Tells whether Airtable fills the field itself and refuses to have it written.
    pub(crate) fn is_read_only(&self) -> bool {
        matches!(
            self,
            Self::Computed(_)
                | Self::Lookup(_)
                | Self::Counter
                | Self::CreatedTime
                | Self::ModifiedTime { .. }
                | Self::Person
                | Self::Button
                | Self::AiText
                | Self::Unknown
        )
    }

    /// Tells whether `fieldsToMergeOn` takes the field. Airtable lists number, text, long text, single and multiple select, and
    /// date ("Update multiple records"); mail addresses, URLs and phone numbers are not in the list.
    pub(super) fn is_upsert_key(&self) -> bool {
        matches!(self, Self::Text | Self::Number | Self::Select | Self::MultiSelect | Self::Date)
    }
}
