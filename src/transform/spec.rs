//! What a pipeline file may say about transforms and mappings, as it is written.
//!
//! The comments on these types are the user's reference: they become the descriptions in `schemas/pipeline.schema.json`.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::model::FieldType;

/// The mappings of a stream or destination: destination field → where its value comes from, in the file's order.
pub type MappingSpecs = IndexMap<String, MappingSpec>;

/// Where the value of a destination field comes from: a source field's name, or a mapping in full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum MappingSpec {
    /// The name of a source field, taken as it is.
    Field(String),
    /// A mapping in full.
    Full(Box<FullMapping>),
}

/// A mapping in full. Exactly one of `from`, `expr`, `value`, `link` and `formula` says where the value comes from; `link` takes
/// its ids from `from`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FullMapping {
    /// Whether it comes from `standard`: a side that has no such field does without.
    #[serde(skip)]
    pub is_standard: bool,
    /// The source field whose value is taken, by its name or by a label that only one field has. Names with spaces need no
    /// further quotes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// A SQL expression over the source fields, e.g. `concat_ws(' ', firstname, lastname)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expr: Option<String>,
    /// A constant: text, a number, true or false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<serde_json::Value>,
    /// The stream whose records are linked: the source ids in `from` become the ids that this stream has at the destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// A formula that a spreadsheet computes, e.g. `=IF({Last contact}="", "", TODAY()-INT({Last contact}))`: `{Column}` is the
    /// cell of that column in the same row. It is written into new rows; with `when: always` into every row that is written. It
    /// is no part of what makes a record changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formula: Option<String>,
    /// In a list of e-mail addresses or phone numbers, the one with the label `work`, as a mapping of its own. `phone: { work: Phone,
    /// mobile: MobilePhone }` means `phone_work: Phone` and `phone_mobile: MobilePhone`; nothing else stands beside such labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work: Option<MappingSpec>,
    /// The same for the label `home`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home: Option<MappingSpec>,
    /// The same for the label `mobile`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mobile: Option<MappingSpec>,
    /// The same for the label `other`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<MappingSpec>,
    /// Cleaners, applied in order, e.g. `[trim, lowercase]` or `[{ phone: { region: DE } }]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub apply: Vec<CleanerSpec>,
    /// The type the value is turned into before it is written; the destination field's own type where left out.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub field_type: Option<FieldType>,
    /// How dates and times are written in the source, where that is not ISO 8601: a pattern such as `%d.%m.%Y`, `excel` for the
    /// day numbers of Excel (`excel_1904` for those of old Excel for the Mac), `epoch_secs` or `epoch_millis` for time since
    /// 1970. Several are separated by `|`; the first that fits is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The separator between the items where a list is written as one text, e.g. `","`. Default: `;`. In the text, a backslash
    /// takes the meaning from a separator that belongs to an item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// Source value → destination value, for choices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<IndexMap<String, serde_json::Value>>,
    /// What to do with a value that `values` does not list; `reject` where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<Otherwise>,
    /// The value where the source has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<serde_json::Value>,
    /// Whether a record without a value is rejected. Default: false.
    pub required: bool,
    /// Who wins over what the destination already holds. Default: `always`, and `on_create` for a `formula`.
    #[serde(serialize_with = "when_or_default")]
    #[schemars(with = "When")]
    pub when: Option<When>,
    /// What becomes of the destination's value when the source has none. Default: `keep`.
    pub null: NullPolicy,
}

impl FullMapping {
    /// Returns the mappings of single labels.
    pub fn labels(&self) -> Vec<(&'static str, &MappingSpec)> {
        let all = [("work", &self.work), ("home", &self.home), ("mobile", &self.mobile), ("other", &self.other)];
        all.into_iter().filter_map(|(label, spec)| Some((label, spec.as_ref()?))).collect()
    }

    /// Tells whether it has labels and nothing else.
    pub fn is_labels_only(&self) -> bool {
        let without = Self { work: None, home: None, mobile: None, other: None, ..self.clone() };
        without == Self::default() && !self.labels().is_empty()
    }
}

/// Writes the default where the file says nothing, as earlier releases did: a stopped run is known by it.
#[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn when_or_default<S: Serializer>(when: &Option<When>, serializer: S) -> Result<S::Ok, S::Error> {
    when.unwrap_or_default().serialize(serializer)
}

/// What to do with a value that a picklist map does not list.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// The record is rejected.
    #[default]
    Reject,
    /// The value is taken as it is.
    Keep,
    /// The field gets no value.
    #[serde(rename = "null")]
    Null,
    /// The field gets this value: `{ value: Other }`.
    #[serde(untagged)]
    Value {
        /// The value.
        value: serde_json::Value,
    },
}

/// Who wins over what the destination already holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// The source wins.
    #[default]
    Always,
    /// The destination wins where it has a value.
    IfBlank,
    /// Written only when the record is created.
    OnCreate,
}

/// What becomes of the destination's value when the source has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NullPolicy {
    /// It is cleared.
    Clear,
    /// It stays.
    #[default]
    Keep,
}

/// A cleaner: its name, or its name with options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum CleanerSpec {
    /// A cleaner without options: `trim`.
    Name(String),
    /// A cleaner with options: `{ phone: { region: DE } }`.
    WithOptions(IndexMap<String, serde_json::Value>),
}

/// One step of `transforms`: a single key that names the step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepSpec {
    /// Keeps the records for which the SQL condition is true.
    Filter(String),
    /// Adds fields, each computed by a SQL expression: `derive: { full_name: "concat_ws(' ', firstname, lastname)" }`.
    Derive(IndexMap<String, String>),
    /// Renames fields: `rename: { old: new }`.
    Rename(IndexMap<String, String>),
    /// Removes fields.
    Drop(Vec<String>),
    /// Changes the types of fields: `cast: { employees: integer }`. A value that does not fit rejects its record.
    Cast(IndexMap<String, FieldType>),
    /// Splits a text field into several fields at a separator.
    Split(SplitSpec),
    /// Makes one record out of each item of a list field.
    Explode(ExplodeSpec),
    /// Cleans fields in place: `apply: { email: [trim, lowercase] }`.
    Apply(IndexMap<String, Vec<CleanerSpec>>),
    /// Keeps one record of those that share the same values.
    Dedupe(DedupeSpec),
    /// Adds fields from a file with the same key.
    Join(JoinSpec),
    /// Replaces the records by the result of a SQL query over the table `self`.
    Aggregate(AggregateSpec),
}

impl StepSpec {
    /// Tells whether the step gives records other ids than they came with.
    pub fn changes_ids(&self) -> bool {
        match self {
            Self::Explode(_) | Self::Aggregate(_) => true,
            Self::Filter(_)
            | Self::Derive(_)
            | Self::Rename(_)
            | Self::Drop(_)
            | Self::Cast(_)
            | Self::Split(_)
            | Self::Apply(_)
            | Self::Dedupe(_)
            | Self::Join(_) => false,
        }
    }
}

/// Splits a text field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitSpec {
    /// The field to split; it stays.
    pub field: String,
    /// The separator between the parts.
    pub separator: String,
    /// The fields that get the parts, in order; the last one gets the rest.
    pub into: Vec<String>,
}

/// Makes one record out of each item of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplodeSpec {
    /// The field: a list, or text with a separator.
    pub field: String,
    /// The separator between the items of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
}

/// Keeps one record of those that share the same values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DedupeSpec {
    /// The fields that must be the same. A record without a value in all of them is never a duplicate.
    pub by: Vec<String>,
    /// Which record stays. Default: `first`.
    #[serde(default)]
    pub keep: Keep,
}

/// Which record of several stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The one that was read first.
    #[default]
    First,
    /// The one that was read last.
    Last,
    /// The one that was changed last; among equals, the one read first.
    Newest,
}

/// Adds fields from a file or from another stream with the same key; of several lines or records with the key, the first counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinSpec {
    /// The CSV or Parquet file, relative to the pipeline's folder. Either this or `stream`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Another stream of the pipeline: its records as they are after its `where` and `transforms`. It is read once more, whole,
    /// for the join. Either this or `file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// The field that both sides have; or `{ record_field: other_field }`. Of a field of linked ids, such as
    /// `_links.companies`, the first id is compared; the other stream's own id is `_id`.
    pub on: JoinOn,
    /// The columns or fields to add; all where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<String>>,
}

/// The fields that a join compares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum JoinOn {
    /// The same name on both sides.
    Same(String),
    /// The record's field → the file's column, or the other stream's field.
    Pairs(IndexMap<String, String>),
}

/// Replaces the records by the result of a SQL query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AggregateSpec {
    /// The query over the table `self`, e.g. `SELECT account, SUM(amount) AS total FROM self GROUP BY account`.
    pub sql: String,
    /// The fields of the result that identify a record; they become its `_id`.
    pub id: Vec<String>,
}
