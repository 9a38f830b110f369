//! What objects look like, as Salesforce describes them to the user that is logged in.
//!
//! A field that the user may not see is not in the description at all, so nothing here is a guess about permissions. Start
//! at [`ObjectInfo`].

mod catalog;
mod kind;
mod parents;
mod value;

use std::collections::HashMap;

use crate::model::{Choice, Field, FieldName, ObjectName, Schema};

use super::{
    client::{WireField, WireObject, WireRecordType},
    names::{is_id, is_name, normal_id},
};

pub(super) use catalog::{Catalog, Owner};
pub(super) use kind::Kind;
pub(super) use parents::ParentPath;
pub(super) use value::{Misfit, cell_text, decode, decode_text, encode};

/// An object and its fields.
#[expect(clippy::struct_excessive_bools, reason = "each is a separate fact about the object")]
#[derive(Debug, Clone)]
pub(super) struct ObjectInfo {
    /// The name as Salesforce spells it: that of a pipeline may differ in upper and lower case.
    pub(super) name: String,
    pub(super) is_queryable: bool,
    pub(super) is_createable: bool,
    pub(super) is_updateable: bool,
    pub(super) is_deletable: bool,
    fields: Vec<SalesforceField>,
    places: HashMap<FieldName, usize>,
    record_types: Vec<RecordType>,
    /// Whether the fields by which parents are named are among the fields.
    has_parent_keys: bool,
}

/// A field, as a field of ours and what else the connector needs to know of it.
#[expect(clippy::struct_excessive_bools, reason = "each is a separate fact that Salesforce states of the field")]
#[derive(Debug, Clone)]
pub(super) struct SalesforceField {
    pub(super) field: Field,
    pub(super) kind: Kind,
    /// Whether it may stand in a condition; long texts and encrypted fields may not.
    pub(super) is_filterable: bool,
    pub(super) is_createable: bool,
    pub(super) is_updateable: bool,
    /// Whether it is a parent's, by a dotted name.
    pub(super) is_of_parent: bool,
    /// Most characters; none where it is no text.
    pub(super) max_chars: Option<usize>,
    /// The objects that it refers to.
    pub(super) targets: Vec<String>,
    /// What the way to the parent is called in a query.
    pub(super) relationship: Option<String>,
    /// The parent that it names by a key, instead of the field with the parent's id.
    pub(super) parent: Option<ParentPath>,
    /// Whether Salesforce finds records by it: an external id, or what it calls `idLookup`.
    is_key: bool,
    /// The description lists values that are not enforced.
    is_open_choice: bool,
}

/// A record type of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RecordType {
    id: String,
    developer_name: String,
    name: String,
    is_active: bool,
}

/// What a word for a record type means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RecordTypeMatch {
    /// This one's id.
    One(String),
    /// None of the object's.
    None,
    /// Several have the name.
    Several,
}

/// The field with a record's id.
pub(super) const ID_FIELD: &str = "Id";
/// The field that is true for a record in the recycle bin.
pub(super) const DELETED_FIELD: &str = "IsDeleted";
/// The field with the record type.
pub(super) const RECORD_TYPE_FIELD: &str = "RecordTypeId";
/// The fields with a record's last change, the best first. `LastModifiedDate` may be written by imports; `SystemModstamp` may not.
const CHANGE_FIELDS: [&str; 3] = ["SystemModstamp", "LastModifiedDate", "CreatedDate"];

/// What can be read of a parent beside what `parent_fields` names. The objects here surely have these fields; others
/// (cases, tasks) have no `Name`.
const PARENT_FIELDS: &[(&str, &[&str])] = &[
    ("Account", &["Name"]),
    ("Campaign", &["Name"]),
    ("Contact", &["Name", "Email"]),
    ("Lead", &["Name", "Email"]),
    ("Opportunity", &["Name"]),
    ("RecordType", &["Name", "DeveloperName"]),
    ("User", &["Name", "Email", "Username"]),
];

impl ObjectInfo {
    /// Reads a description. Fields of names that SOQL cannot hold, and compound ones, are left out.
    pub(super) fn new(wire: &WireObject) -> Option<Self> {
        if !is_name(&wire.name) {
            return None;
        }
        let mut fields: Vec<SalesforceField> = wire.fields.iter().filter_map(SalesforceField::new).collect();
        let parents: Vec<SalesforceField> = fields.iter().flat_map(SalesforceField::parent_fields).collect();
        fields.extend(parents);
        let mut info = Self {
            name: wire.name.clone(),
            is_queryable: wire.queryable,
            is_createable: wire.createable,
            is_updateable: wire.updateable,
            is_deletable: wire.deletable,
            fields: Vec::new(),
            places: HashMap::new(),
            record_types: wire.record_type_infos.iter().map(RecordType::new).collect(),
            has_parent_keys: false,
        };
        for field in fields {
            info.add(field);
        }
        Some(info)
    }

    /// Adds a field unless there is one of that name.
    pub(super) fn add(&mut self, field: SalesforceField) {
        let name = field.field.name.clone();
        if !self.places.contains_key(&name) {
            self.places.insert(name, self.fields.len());
            self.fields.push(field);
        }
    }

    /// Adds a field in the place of one of that name.
    fn replace(&mut self, field: SalesforceField) {
        match self.places.get(&field.field.name).and_then(|place| self.fields.get_mut(*place)) {
            Some(known) => *known = field,
            None => self.add(field),
        }
    }

    pub(super) fn field(&self, name: &str) -> Option<&SalesforceField> {
        self.places.get(name).and_then(|place| self.fields.get(*place))
    }

    /// Returns the field that tells when a record was changed last.
    pub(super) fn change_field(&self) -> Option<&SalesforceField> {
        CHANGE_FIELDS.iter().find_map(|name| self.field(name))
    }

    pub(super) fn has_deleted(&self) -> bool {
        self.field(DELETED_FIELD).is_some()
    }

    /// Returns the fields that refer to records, by id or by key, `Owner` and record type left out: what rows are put in order by.
    pub(super) fn parents(&self) -> impl Iterator<Item = &SalesforceField> {
        let is_parent = |field: &SalesforceField| field.kind == Kind::Reference && !field.is_user_or_record_type();
        self.fields.iter().filter(move |field| field.parent.is_some() || is_parent(field))
    }

    /// Finds the field that is the way to a parent of this relationship name.
    pub(super) fn relationship(&self, name: &str) -> Option<&SalesforceField> {
        self.fields.iter().find(|field| field.relationship.as_deref() == Some(name))
    }

    /// Returns what a source yields.
    pub(super) fn source_schema(&self) -> Schema {
        let fields = self.fields.iter().map(|field| field.field.clone()).collect();
        Schema { object: ObjectName::new(&self.name), fields, is_open: false }
    }

    /// Returns what a destination takes. Values of a picklist that are not enforced are no limit; record types may be given by
    /// name, so ids are not all that is taken.
    pub(super) fn destination_schema(&self) -> Schema {
        let own = self.fields.iter().filter(|field| !field.is_of_parent || field.parent.is_some());
        let fields = own.map(|field| Field {
            options: if field.is_open_choice { Vec::new() } else { field.field.options.clone() },
            ..field.field.clone()
        });
        Schema { object: ObjectName::new(&self.name), fields: fields.collect(), is_open: false }
    }

    /// Finds a record type by id, developer name or, where that says nothing, label.
    pub(super) fn record_type(&self, word: &str) -> RecordTypeMatch {
        if is_id(word) {
            return RecordTypeMatch::One(normal_id(word));
        }
        let is_called = |field: fn(&RecordType) -> &str| {
            let found = self.record_types.iter().filter(|known| known.is_active && field(known) == word);
            found.map(|known| known.id.clone()).collect::<Vec<_>>()
        };
        let mut found = is_called(|known| &known.developer_name);
        if found.len() != 1 {
            let by_name = is_called(|known| &known.name);
            if by_name.len() == 1 || found.is_empty() {
                found = by_name;
            }
        }
        match (found.pop(), found.is_empty()) {
            (None, _) => RecordTypeMatch::None,
            (Some(id), true) => RecordTypeMatch::One(id),
            (Some(_), false) => RecordTypeMatch::Several,
        }
    }
}

impl SalesforceField {
    fn new(wire: &WireField) -> Option<Self> {
        let kind = Kind::of(&wire.field_type)?;
        if !is_name(&wire.name) {
            return None;
        }
        let options = wire.picklist_values.iter().filter(|value| value.active);
        let options = options.map(|option| Choice {
            value: option.value.clone(),
            label: option.label.clone().unwrap_or_else(|| option.value.clone()),
        });
        let is_key = wire.external_id || wire.id_lookup;
        let field = Field {
            label: wire.label.clone().filter(|label| *label != wire.name),
            is_required: wire.createable && !wire.nillable && !wire.defaulted_on_create,
            is_read_only: !wire.createable && !wire.updateable,
            is_unique: wire.unique || kind == Kind::Id,
            // Mail addresses are kept in small letters whatever was written.
            is_case_insensitive: kind == Kind::Email || (wire.unique && !wire.case_sensitive && kind.is_text()),
            is_upsert_key: is_key && wire.createable && kind != Kind::Id,
            options: options.collect(),
            ..Field::new(&wire.name, kind.field_type())
        };
        Some(Self {
            field,
            kind,
            is_filterable: wire.filterable,
            is_createable: wire.createable,
            is_updateable: wire.updateable,
            is_of_parent: false,
            max_chars: Some(wire.length).filter(|length| *length > 0 && kind.has_length()),
            targets: wire.reference_to.clone(),
            relationship: wire.relationship_name.clone().filter(|name| is_name(name)),
            parent: None,
            is_key,
            is_open_choice: !wire.restricted_picklist,
        })
    }

    /// Returns the fields that can be read of the record that this one refers to.
    fn parent_fields(&self) -> Vec<Self> {
        let Some(relationship) = &self.relationship else { return Vec::new() };
        let names: &[&str] = match self.targets.as_slice() {
            [target] if target.ends_with("__c") => &["Name"],
            [target] => PARENT_FIELDS.iter().find(|(object, _)| object == target).map_or(&[], |(_, names)| names),
            [] => &[],
            targets if targets.iter().any(|target| target == "User") => &["Name", "Email"],
            _ => &["Name"],
        };
        let parent_field = |name: &&str| Self::of_parent(&format!("{relationship}.{name}"), Kind::Text, true);
        names.iter().map(parent_field).collect()
    }

    /// Makes a field of a parent.
    pub(super) fn of_parent(path: &str, kind: Kind, is_filterable: bool) -> Self {
        Self {
            field: Field { is_read_only: true, ..Field::new(path, kind.field_type()) },
            kind,
            is_filterable,
            is_createable: false,
            is_updateable: false,
            is_of_parent: true,
            max_chars: None,
            targets: Vec::new(),
            relationship: None,
            parent: None,
            is_key: false,
            is_open_choice: true,
        }
    }

    /// Tells whether it refers to records and may be written.
    fn is_written_reference(&self) -> bool {
        self.kind == Kind::Reference && (self.is_createable || self.is_updateable)
    }

    fn is_user_or_record_type(&self) -> bool {
        self.targets.iter().any(|target| target == "User" || target == "RecordType")
    }

    /// Tells whether it holds the id of a user.
    pub(super) fn is_user(&self) -> bool {
        self.kind == Kind::Reference && self.targets.iter().any(|target| target == "User")
    }
}

impl RecordType {
    fn new(wire: &WireRecordType) -> Self {
        Self {
            id: normal_id(&wire.record_type_id),
            developer_name: wire.developer_name.clone(),
            name: wire.name.clone(),
            is_active: wire.active,
        }
    }
}
