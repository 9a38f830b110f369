//! What is written about an object and its fields, in the words of a describe; what is left out has the default of the type.

use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

/// The type of a field, as describes call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum FieldType {
    Id,
    Reference,
    #[default]
    String,
    Textarea,
    Email,
    Phone,
    Url,
    Picklist,
    Multipicklist,
    Combobox,
    Boolean,
    Int,
    Double,
    Currency,
    Percent,
    Date,
    Datetime,
    Time,
    Address,
    Location,
    Base64,
    Anytype,
    Encryptedstring,
}

impl FieldType {
    /// Returns the type's name in a describe.
    pub(in super::super) fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Reference => "reference",
            Self::String => "string",
            Self::Textarea => "textarea",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Url => "url",
            Self::Picklist => "picklist",
            Self::Multipicklist => "multipicklist",
            Self::Combobox => "combobox",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Double => "double",
            Self::Currency => "currency",
            Self::Percent => "percent",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Time => "time",
            Self::Address => "address",
            Self::Location => "location",
            Self::Base64 => "base64",
            Self::Anytype => "anyType",
            Self::Encryptedstring => "encryptedstring",
        }
    }

    /// Returns the type's name in SOAP, which describes tell too.
    pub(in super::super) fn soap_name(self) -> &'static str {
        match self {
            Self::Id | Self::Reference => "tns:ID",
            Self::Boolean => "xsd:boolean",
            Self::Int => "xsd:int",
            Self::Double | Self::Currency | Self::Percent => "xsd:double",
            Self::Date => "xsd:date",
            Self::Datetime => "xsd:dateTime",
            Self::Time => "xsd:time",
            Self::Address => "urn:address",
            Self::Location => "urn:location",
            Self::Base64 => "xsd:base64Binary",
            Self::Anytype => "xsd:anyType",
            Self::String
            | Self::Textarea
            | Self::Email
            | Self::Phone
            | Self::Url
            | Self::Picklist
            | Self::Multipicklist
            | Self::Combobox
            | Self::Encryptedstring => "xsd:string",
        }
    }

    /// Whether values are numbers.
    pub(in super::super) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Double | Self::Currency | Self::Percent)
    }

    /// Whether values are put together from other fields and cannot be written.
    pub(in super::super) fn is_compound(self) -> bool {
        matches!(self, Self::Address | Self::Location)
    }

    fn default_length(self) -> u32 {
        match self {
            Self::Id | Self::Reference => 18,
            Self::String | Self::Url | Self::Picklist | Self::Combobox => 255,
            Self::Textarea => 32_000,
            Self::Email => 80,
            Self::Phone => 40,
            Self::Multipicklist => 4_099,
            Self::Encryptedstring => 175,
            _ => 0,
        }
    }
}

/// One value of a picklist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Picked {
    /// What is stored.
    pub(in super::super) value: String,
    /// What people read.
    pub(in super::super) label: String,
    /// Whether it may still be chosen.
    pub(in super::super) is_active: bool,
}

impl<'de> Deserialize<'de> for Picked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        let text = |json: &Json| match json {
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let value = text(&json).or_else(|| text(json.get("value")?));
        let value = value.ok_or_else(|| serde::de::Error::custom("a picklist value is a text, or has `value`"))?;
        let label = json.get("label").and_then(text).unwrap_or_else(|| value.clone());
        let is_active = json.get("active").and_then(Json::as_bool).unwrap_or(true);
        Ok(Self { value, label, is_active })
    }
}

/// One field.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "a describe is a list of yes and no")]
pub(in super::super) struct FieldSpec {
    /// The API name.
    pub(in super::super) name: String,
    /// The type.
    #[serde(rename = "type")]
    pub(in super::super) kind: FieldType,
    /// What people read.
    pub(in super::super) label: String,
    /// Most characters of a text; 0 for the default of the type.
    pub(in super::super) length: u32,
    /// Most digits of a number.
    pub(in super::super) precision: u32,
    /// Digits behind the point.
    pub(in super::super) scale: u32,
    /// Whether it may be empty.
    #[serde(default = "yes")]
    pub(in super::super) nillable: bool,
    /// Whether inserts may set it.
    #[serde(default = "yes")]
    pub(in super::super) createable: bool,
    /// Whether updates may set it; as `createable` where nothing is said.
    #[serde(rename = "updateable")]
    may_update: Option<bool>,
    /// Whether the vendor fills it in when an insert leaves it out.
    pub(in super::super) defaulted_on_create: bool,
    /// Whether it is an external id.
    pub(in super::super) external_id: bool,
    /// Whether records are found by it all the same.
    pub(in super::super) id_lookup: bool,
    /// Whether no two records may share a value.
    pub(in super::super) unique: bool,
    /// Whether values that differ in case alone differ.
    pub(in super::super) case_sensitive: bool,
    /// Whether it is a formula.
    pub(in super::super) calculated: bool,
    /// Whether the vendor numbers it.
    pub(in super::super) auto_number: bool,
    /// The compound field it is a part of.
    pub(in super::super) compound_field_name: Option<String>,
    /// The objects it may point at.
    pub(in super::super) reference_to: Vec<String>,
    /// The name of the way to the parent.
    pub(in super::super) relationship_name: Option<String>,
    /// The name of the way back to the children.
    pub(in super::super) child_relationship_name: Option<String>,
    /// Whether its record goes with the parent.
    pub(in super::super) cascade_delete: bool,
    /// What may be picked.
    pub(in super::super) picklist_values: Vec<Picked>,
    /// Whether nothing else may be stored.
    pub(in super::super) restricted_picklist: bool,
    /// What an insert gets that leaves it out.
    pub(in super::super) default_value: Option<String>,
    /// Whether conditions may name it.
    #[serde(rename = "filterable")]
    may_filter: Option<bool>,
    /// A help text.
    pub(in super::super) inline_help_text: Option<String>,
}

fn yes() -> bool {
    true
}

impl FieldSpec {
    /// Fills in what follows from the type and the name.
    pub(super) fn complete(&mut self) {
        if self.label.is_empty() {
            self.label = words(&self.name);
        }
        if self.length == 0 {
            self.length = self.kind.default_length();
        }
        if matches!(self.kind, FieldType::Double | FieldType::Currency | FieldType::Percent) && self.precision == 0 {
            (self.precision, self.scale) = (18, 2);
        }
        if self.kind == FieldType::Reference && self.relationship_name.is_none() {
            self.relationship_name = match self.name.strip_suffix("__c") {
                Some(name) => Some(format!("{name}__r")),
                None if self.reference_to.is_empty() => None,
                None => self.name.strip_suffix("Id").map(str::to_owned),
            };
        }
        // A few references have no way to the parent; an empty name says so.
        self.relationship_name = self.relationship_name.take().filter(|name| !name.is_empty());
        if self.kind == FieldType::Boolean {
            self.nillable = false;
            self.defaulted_on_create = true;
        }
        if self.default_value.is_some() {
            self.defaulted_on_create = true;
        }
        if self.auto_number || self.calculated || self.kind.is_compound() {
            self.createable = false;
        }
        if self.external_id && self.is_custom() {
            self.id_lookup = true;
        }
    }

    /// Whether updates may set it.
    pub(in super::super) fn updateable(&self) -> bool {
        self.may_update.unwrap_or(self.createable) && !self.auto_number && !self.calculated
    }

    /// Lets inserts set it, and nothing else.
    pub(super) fn let_inserts_write(&mut self) {
        self.createable = true;
        self.may_update = Some(false);
    }

    /// Whether conditions may name it: long texts cannot be filtered.
    pub(in super::super) fn filterable(&self) -> bool {
        let is_long = self.kind == FieldType::Textarea && self.length > 255;
        self.may_filter.unwrap_or(!is_long && self.kind != FieldType::Base64)
    }

    /// Whether results can be sorted by it.
    pub(in super::super) fn sortable(&self) -> bool {
        self.filterable() && !self.kind.is_compound() && self.kind != FieldType::Multipicklist
    }

    /// Whether results can be grouped by it.
    pub(in super::super) fn groupable(&self) -> bool {
        let is_measured = matches!(
            self.kind,
            FieldType::Double | FieldType::Currency | FieldType::Percent | FieldType::Datetime | FieldType::Time
        );
        self.sortable() && !is_measured
    }

    /// Whether the org added it.
    pub(in super::super) fn is_custom(&self) -> bool {
        self.name.ends_with("__c") || self.name.ends_with("__s")
    }

    /// Whether it is the detail's end of a master-detail relation.
    pub(super) fn is_master(&self) -> bool {
        self.kind == FieldType::Reference && self.is_custom() && self.cascade_delete && !self.nillable
    }

    fn named(name: &str, kind: FieldType, label: &str) -> Self {
        let (name, label) = (name.to_owned(), label.to_owned());
        Self { name, kind, label, nillable: true, createable: true, ..Self::default() }
    }

    /// The field that every object has first.
    pub(super) fn id(object: &str) -> Self {
        let label = format!("{object} ID");
        Self { id_lookup: true, ..Self::system("Id", FieldType::Id, &label) }
    }

    /// A field that the vendor keeps.
    pub(super) fn system(name: &str, kind: FieldType, label: &str) -> Self {
        Self { nillable: false, createable: false, defaulted_on_create: true, ..Self::named(name, kind, label) }
    }

    /// Who did it.
    pub(super) fn system_user(name: &str, relation: &str) -> Self {
        let spec = Self::system(name, FieldType::Reference, "");
        Self { reference_to: vec!["User".to_owned()], relationship_name: Some(relation.to_owned()), ..spec }
    }

    /// The owner of a custom object's record.
    pub(super) fn owner() -> Self {
        let spec = Self::named("OwnerId", FieldType::Reference, "Owner ID");
        let reference_to = vec!["Group".to_owned(), "User".to_owned()];
        let relationship_name = Some("Owner".to_owned());
        Self { reference_to, relationship_name, nillable: false, defaulted_on_create: true, ..spec }
    }

    /// The name of a custom object's record.
    pub(super) fn custom_name() -> Self {
        let spec = Self::named("Name", FieldType::String, "");
        Self { length: 80, defaulted_on_create: true, id_lookup: true, ..spec }
    }

    /// The record type.
    pub(super) fn record_type() -> Self {
        let spec = Self::named("RecordTypeId", FieldType::Reference, "Record Type ID");
        let relationship_name = Some("RecordType".to_owned());
        Self { reference_to: vec!["RecordType".to_owned()], relationship_name, ..spec }
    }

    /// Whether a contact is the twin of a person account.
    pub(super) fn is_person_account() -> Self {
        Self { createable: false, ..Self::named("IsPersonAccount", FieldType::Boolean, "Is Person Account") }
    }
}

/// A record type of an object.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(in super::super) struct RecordTypeSpec {
    /// The name that stays the same in all orgs.
    pub(in super::super) developer_name: String,
    /// What people read.
    pub(in super::super) name: String,
    /// Its id; the next one where nothing is said.
    pub(in super::super) record_type_id: Option<String>,
    /// Whether records get it when nothing is said.
    pub(in super::super) default_record_type_mapping: bool,
    /// Whether accounts of it are people.
    pub(in super::super) is_person_type: bool,
}

/// One object.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(in super::super) struct ObjectSpec {
    /// The API name.
    pub(in super::super) name: String,
    /// What people read.
    pub(in super::super) label: String,
    /// The same of several.
    pub(in super::super) label_plural: String,
    /// The first three characters of its ids; the next free one where nothing is said.
    pub(in super::super) key_prefix: Option<String>,
    /// What a describe says it cannot do: `createable`, `deletable`, ….
    pub(in super::super) without: Vec<String>,
    /// Its fields.
    pub(in super::super) fields: Vec<FieldSpec>,
    /// The fields it has only where accounts can be people.
    pub(in super::super) person_fields: Vec<FieldSpec>,
    /// Its record types.
    pub(in super::super) record_types: Vec<RecordTypeSpec>,
}

impl ObjectSpec {
    /// Fills in what follows from the name.
    pub(super) fn complete(&mut self) {
        if self.label.is_empty() {
            self.label = words(&self.name);
        }
        if self.label_plural.is_empty() {
            self.label_plural = format!("{}s", self.label);
        }
    }

    /// Whether the org added it.
    pub(in super::super) fn is_custom(&self) -> bool {
        self.name.ends_with("__c")
    }

    /// Whether it can do what a describe asks about.
    pub(in super::super) fn can(&self, ability: &str) -> bool {
        !self.without.iter().any(|it| it == ability)
    }
}

/// Makes words of an API name: `BillingCity` becomes `Billing City`, `Start_Date__c` becomes `Start Date`.
fn words(name: &str) -> String {
    let plain = name.trim_end_matches("__c").trim_end_matches("__s").replace('_', " ");
    let mut words = String::with_capacity(plain.len() + 4);
    let mut was_small = false;
    for letter in plain.chars() {
        if letter.is_uppercase() && was_small {
            words.push(' ');
        }
        was_small = letter.is_lowercase();
        words.push(letter);
    }
    words
}
