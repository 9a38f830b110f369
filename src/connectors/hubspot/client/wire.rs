//! The vendor's answers as types. Whatever the vendor leaves out or writes as another kind of scalar is taken as it comes.

use std::{collections::HashMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value as Json;

/// A scalar as text: the vendor writes ids as strings or numbers, and empty values as null or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(in super::super) struct Loose(pub(in super::super) Option<String>);

impl Loose {
    pub(in super::super) fn as_deref(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a scalar")
    }

    fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
        Ok(Loose(Some(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Loose, E> {
        Ok(Loose(Some(text)))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Loose, E> {
        Ok(Loose(Some(flag.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Loose, E> {
        Ok(Loose(Some(number.to_string())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Loose, E> {
        Ok(Loose(Some(number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Loose, E> {
        Ok(Loose(Some(number.to_string())))
    }

    fn visit_unit<E>(self) -> Result<Loose, E> {
        Ok(Loose(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Loose, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Loose(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Loose, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose(None))
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

/// Takes null for the type's empty value.
fn or_empty<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// One record.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in super::super) struct WireRecord {
    pub(in super::super) id: Loose,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) properties: HashMap<String, Loose>,
    pub(in super::super) created_at: Loose,
    pub(in super::super) updated_at: Loose,
    pub(in super::super) archived_at: Loose,
    pub(in super::super) object_write_trace_id: Loose,
    pub(in super::super) new: Loose,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) associations: HashMap<String, WireLinks>,
}

impl WireRecord {
    /// Returns a property's text; none where it is empty, null or absent: all three mean that there is no value.
    pub(in super::super) fn property(&self, name: &str) -> Option<&str> {
        self.properties.get(name).and_then(Loose::as_deref).filter(|text| !text.is_empty())
    }
}

/// The result of a write whose trace id tells which record it is: the properties that it repeats are not read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in super::super) struct TracedRecord {
    id: Loose,
    created_at: Loose,
    object_write_trace_id: Loose,
    new: Loose,
}

impl TracedRecord {
    pub(in super::super) fn trace_id(&self) -> Option<&str> {
        self.object_write_trace_id.as_deref()
    }
}

impl From<TracedRecord> for WireRecord {
    fn from(TracedRecord { id, created_at, object_write_trace_id, new }: TracedRecord) -> Self {
        Self { id, created_at, object_write_trace_id, new, ..Self::default() }
    }
}

/// The links of a listed record to one object.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct WireLinks {
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) results: Vec<WireId>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) paging: Paging,
}

/// An id in an object of its own.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct WireId {
    pub(in super::super) id: Loose,
}

/// Where an answer goes on.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Paging {
    #[serde(deserialize_with = "or_empty")]
    next: NextPage,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct NextPage {
    after: Loose,
}

impl Paging {
    /// Returns the cursor of the next page; none on the last one.
    pub(in super::super) fn after(&self) -> Option<&str> {
        self.next.after.as_deref().filter(|after| !after.is_empty())
    }
}

/// What the account tells of itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct WireAccount {
    #[serde(default, deserialize_with = "or_empty")]
    pub(in super::super) portal_id: Json,
    #[serde(default, deserialize_with = "or_empty")]
    pub(in super::super) account_type: String,
}

impl WireAccount {
    /// Returns the portal's number, if it is told.
    pub(in super::super) fn portal(&self) -> Option<String> {
        let text = self.portal_id.as_str().map(str::to_owned);
        text.or_else(|| self.portal_id.as_u64().map(|id| id.to_string()))
    }
}

/// A limit of the account and how much of it is used.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct WireUsage {
    pub(in super::super) usage_limit: u64,
    pub(in super::super) current_usage: u64,
}

/// A page of a list or search, or the whole of what comes without pages.
#[derive(Debug, Clone, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(in super::super) struct ResultPage<T> {
    pub(in super::super) results: Vec<T>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(in super::super) paging: Paging,
    #[serde(default)]
    pub(in super::super) total: Option<u64>,
}

/// The answer to a batch. Whether it succeeded is said by `errors`, never by the status.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "T: Deserialize<'de>"))]
pub(in super::super) struct BatchAnswer<T> {
    #[serde(default = "Vec::new", deserialize_with = "or_empty")]
    pub(in super::super) results: Vec<T>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(in super::super) errors: Vec<Json>,
    #[serde(default)]
    pub(in super::super) num_errors: Option<u64>,
}

impl<T> Default for BatchAnswer<T> {
    fn default() -> Self {
        Self { results: Vec::new(), errors: Vec::new(), num_errors: None }
    }
}

/// The links of one record, of an association batch read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct WireAssociations {
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) from: WireId,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) to: Vec<WireTarget>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) paging: Paging,
}

/// The target of a link.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in super::super) struct WireTarget {
    pub(in super::super) to_object_id: Loose,
}

/// A link that was made: the two endpoints name its ends in two ways.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in super::super) struct WireLink {
    from_object_id: Loose,
    to_object_id: Loose,
    #[serde(deserialize_with = "or_empty")]
    from: WireId,
    #[serde(deserialize_with = "or_empty")]
    to: WireId,
}

impl WireLink {
    /// Returns the ids of both ends.
    pub(in super::super) fn ends(self) -> Option<(String, String)> {
        Some((self.from_object_id.0.or(self.from.id.0)?, self.to_object_id.0.or(self.to.id.0)?))
    }
}

/// A kind of link between two objects.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in super::super) struct WireLabel {
    pub(in super::super) category: Loose,
    pub(in super::super) type_id: Option<u32>,
    pub(in super::super) label: Loose,
}

/// The definition of a property.
#[expect(clippy::struct_excessive_bools, reason = "each is a separate fact of the vendor's")]
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in super::super) struct WireProperty {
    pub(in super::super) name: String,
    pub(in super::super) label: Loose,
    #[serde(rename = "type")]
    pub(in super::super) value_type: Loose,
    pub(in super::super) field_type: Loose,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) options: Vec<WireOption>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) has_unique_value: bool,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) calculated: bool,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) external_options: bool,
    pub(in super::super) referenced_object_type: Loose,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) archived: bool,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) modification_metadata: WireModification,
}

/// What may be changed of a property.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in super::super) struct WireModification {
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) read_only_value: bool,
}

/// An option of an enumeration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct WireOption {
    pub(in super::super) label: Loose,
    pub(in super::super) value: Loose,
}

/// An owner.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct WireOwner {
    pub(in super::super) id: Loose,
    pub(in super::super) email: Loose,
}

/// A pipeline.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct WirePipeline {
    pub(in super::super) id: Loose,
    pub(in super::super) label: Loose,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) stages: Vec<WireStage>,
}

/// A stage of a pipeline.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct WireStage {
    pub(in super::super) id: Loose,
    pub(in super::super) label: Loose,
}
