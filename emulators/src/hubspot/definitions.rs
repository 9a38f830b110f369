//! What a property is: its definition as the API speaks of it, and what the emulator keeps by itself.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::time::iso;

/// The type of a property's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    String,
    Number,
    Date,
    Datetime,
    Enumeration,
    Bool,
    PhoneNumber,
    Json,
    ObjectCoordinates,
}

/// One allowed value of an enumeration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "WrittenOption")]
pub(super) struct PropertyOption {
    pub(super) label: String,
    pub(super) value: String,
    pub(super) display_order: i64,
    pub(super) hidden: bool,
    pub(super) description: Option<String>,
}

/// An option as the API and fixtures write it: a value, a value with its label, or the whole of it.
#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenOption {
    Value(String),
    Pair(String, String),
    #[serde(rename_all = "camelCase")]
    Whole {
        label: Option<String>,
        value: String,
        #[serde(default = "last")]
        display_order: i64,
        #[serde(default)]
        hidden: bool,
        description: Option<String>,
    },
}

/// The display order of what has none.
fn last() -> i64 {
    -1
}

impl From<WrittenOption> for PropertyOption {
    fn from(written: WrittenOption) -> Self {
        let (value, label, display_order, hidden, description) = match written {
            WrittenOption::Value(value) => (value, None, last(), false, None),
            WrittenOption::Pair(value, label) => (value, Some(label), last(), false, None),
            WrittenOption::Whole { label, value, display_order, hidden, description } => {
                (value, label, display_order, hidden, description)
            }
        };
        let label = label.unwrap_or_else(|| spoken(&value));
        Self { label, value, display_order, hidden, description }
    }
}

/// Makes a label of an internal name: `BIG_DEAL` becomes `Big Deal`.
fn spoken(name: &str) -> String {
    let is_constant = name.contains('_') || name.chars().all(|letter| letter.is_ascii_uppercase());
    if !is_constant {
        return name.to_owned();
    }
    let words = name.split('_').map(|word| {
        let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
        first.to_uppercase() + &rest.to_lowercase()
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A property as a client or a fixture defines it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the fields are the vendor's")]
pub(super) struct PropertySpec {
    pub(super) name: String,
    #[serde(default)]
    pub(super) label: String,
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    pub(super) field_type: String,
    #[serde(default)]
    pub(super) group_name: String,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) options: Vec<PropertyOption>,
    #[serde(default = "last")]
    pub(super) display_order: i64,
    #[serde(default)]
    pub(super) has_unique_value: bool,
    #[serde(default)]
    pub(super) hidden: bool,
    #[serde(default)]
    pub(super) form_field: bool,
    #[serde(default)]
    pub(super) external_options: bool,
    pub(super) referenced_object_type: Option<String>,
    pub(super) calculation_formula: Option<String>,
    pub(super) data_sensitivity: Option<String>,
}

/// What the emulator keeps of a property by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    /// Nothing: it holds what was written.
    #[default]
    Written,
    /// The record's id.
    Id,
    /// When the record was made.
    Created,
    /// When it was last written.
    Modified,
    /// What other values and associations say.
    Computed,
}

/// Where an enumeration takes its options from, beside its own list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OptionsFrom {
    Pipelines,
    Stages,
}

/// A property of a standard object, as the data file has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StandardProperty {
    #[serde(flatten)]
    pub(super) spec: PropertySpec,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    calculated: bool,
    #[serde(default)]
    role: Role,
    default: Option<String>,
    options_from: Option<OptionsFrom>,
    #[serde(default)]
    forward_only: bool,
    format: Option<String>,
}

/// A property of one object of the account.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a trait of its own that any property may have")]
pub(super) struct Property {
    pub(super) spec: PropertySpec,
    pub(super) role: Role,
    pub(super) options_from: Option<OptionsFrom>,
    /// Whether it came with the account; its definition cannot be changed then.
    pub(super) is_standard: bool,
    pub(super) is_read_only: bool,
    pub(super) is_calculated: bool,
    /// Whether a record that is made without it gets the time.
    pub(super) defaults_to_now: bool,
    /// Whether its value only moves on in the order of the options, until it is cleared.
    pub(super) is_forward_only: bool,
    pub(super) is_email: bool,
    /// In milliseconds of the epoch, as all times here.
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
    pub(super) archived_at: Option<i64>,
}

impl Property {
    /// Makes a property that a client or a fixture defined.
    pub(super) fn custom(spec: PropertySpec, now: i64) -> Self {
        Self {
            is_calculated: spec.field_type == "calculation_equation",
            is_read_only: spec.field_type == "calculation_equation",
            spec,
            role: Role::Written,
            options_from: None,
            is_standard: false,
            defaults_to_now: false,
            is_forward_only: false,
            is_email: false,
            created_at: now,
            updated_at: now,
            archived_at: None,
        }
    }

    /// Makes a property that every account has; `group` is the object's first one.
    pub(super) fn standard(mut property: StandardProperty, group: &str, now: i64) -> Self {
        if property.spec.group_name.is_empty() {
            group.clone_into(&mut property.spec.group_name);
        }
        Self {
            role: property.role,
            options_from: property.options_from,
            is_standard: true,
            is_read_only: property.read_only,
            is_calculated: property.calculated,
            defaults_to_now: property.default.as_deref() == Some("now"),
            is_forward_only: property.forward_only,
            is_email: property.format.as_deref() == Some("email"),
            ..Self::custom(property.spec, now)
        }
    }

    /// Whether it holds several of its options.
    pub(super) fn is_multiple(&self) -> bool {
        self.spec.kind == Kind::Enumeration && self.spec.field_type == "checkbox"
    }

    /// Whether its values are owners of the account.
    pub(super) fn is_owner(&self) -> bool {
        self.spec.external_options && self.spec.referenced_object_type.as_deref() == Some("OWNER")
    }

    /// Returns the property as the API shows it, with these options.
    pub(super) fn shown(&self, options: &[PropertyOption]) -> Json {
        let spec = &self.spec;
        let options: Vec<Json> = options
            .iter()
            .zip(0_i64..)
            .map(|(option, place)| {
                let order = if option.display_order < 0 { place } else { option.display_order };
                json!({"label": option.label, "value": option.value, "displayOrder": order, "hidden": option.hidden,
                    "description": option.description.clone().unwrap_or_default()})
            })
            .collect();
        let mut shown = json!({
            "name": spec.name, "label": spec.label, "type": spec.kind, "fieldType": spec.field_type,
            "groupName": spec.group_name, "description": spec.description, "options": options,
            "displayOrder": spec.display_order, "calculated": self.is_calculated,
            "externalOptions": spec.external_options, "hasUniqueValue": spec.has_unique_value, "hidden": spec.hidden,
            "hubspotDefined": self.is_standard, "formField": spec.form_field, "archived": self.archived_at.is_some(),
            "dataSensitivity": self.sensitivity(), "createdAt": iso(self.created_at), "updatedAt": iso(self.updated_at),
            "modificationMetadata": {
                "archivable": !self.is_standard, "readOnlyDefinition": self.is_standard,
                "readOnlyValue": self.is_read_only, "readOnlyOptions": self.is_standard && self.is_read_only,
            },
        });
        let optional = [
            ("referencedObjectType", spec.referenced_object_type.clone()),
            ("calculationFormula", spec.calculation_formula.clone()),
            ("archivedAt", self.archived_at.map(iso)),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                shown[name] = Json::from(value);
            }
        }
        shown
    }

    /// Returns how sensitive its values are; a client sees others than `non_sensitive` only when it asks for them.
    pub(super) fn sensitivity(&self) -> &str {
        self.spec.data_sensitivity.as_deref().unwrap_or("non_sensitive")
    }
}
