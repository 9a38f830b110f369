//! What the org declares: objects, their fields, and the relations between them.

mod describe;
mod spec;

use std::collections::HashMap;

use super::{ids::Prefix, store::Records};

pub(super) use describe::{basic, full, global};
pub(super) use spec::{FieldSpec, FieldType, ObjectSpec};

use spec::Picked;

/// The objects of a fresh org, written like the schema file of a fixture.
const STANDARD: &str = include_str!("../standard.yaml");

/// The prefix of documents and of notes, which the vendor keeps as documents.
const SHARED_PREFIX: Prefix = *b"069";

/// What the emulator itself keeps of a record, outside its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The record's id.
    Id,
    /// Whether it is in the bin.
    IsDeleted,
    /// When it was made.
    Created,
    /// When a person or program last changed it.
    Modified,
    /// When anything last changed it.
    Stamp,
    /// A value like others.
    Value,
}

/// One field of an object.
#[derive(Debug, Clone)]
pub(super) struct Field {
    /// What the vendor declares.
    pub(super) spec: FieldSpec,
    /// Where its values come from.
    pub(super) role: Role,
    /// The objects it may point at, by their place.
    pub(super) targets: Vec<usize>,
}

impl Field {
    /// Whether records can be found by it: an external id, or what the vendor calls `idLookup`.
    pub(super) fn is_key(&self) -> bool {
        self.spec.external_id || self.spec.id_lookup
    }

    /// Whether a new record has to bring it.
    pub(super) fn is_required(&self) -> bool {
        self.spec.createable && !self.spec.nillable && !self.spec.defaulted_on_create
    }
}

/// The other end of a reference.
#[derive(Debug, Clone)]
pub(super) struct Child {
    /// The object whose field points here.
    pub(super) object: usize,
    /// The field.
    pub(super) field: u16,
    /// The name that subqueries use.
    pub(super) name: Option<String>,
    /// Whether its records go with their parent.
    pub(super) is_cascading: bool,
}

/// One object with its records.
#[derive(Debug)]
pub(super) struct Object {
    /// What the vendor declares.
    pub(super) spec: ObjectSpec,
    /// The first three characters of its ids.
    pub(super) prefix: Prefix,
    /// Its fields; a field's place never changes.
    pub(super) fields: Vec<Field>,
    by_name: HashMap<String, u16>,
    /// The references that point at it.
    pub(super) children: Vec<Child>,
    /// Its records.
    pub(super) records: Records,
}

impl Object {
    fn new(mut spec: ObjectSpec, number: usize) -> Self {
        let prefix = spec.key_prefix.as_deref().and_then(|prefix| prefix.as_bytes().try_into().ok());
        let prefix = prefix.unwrap_or_else(|| custom_prefix(number));
        spec.key_prefix = Some(String::from_utf8_lossy(&prefix).into_owned());
        let mut object = Self {
            prefix,
            fields: Vec::new(),
            by_name: HashMap::new(),
            children: Vec::new(),
            records: Records::default(),
            spec: ObjectSpec::default(),
        };
        let fields = std::mem::take(&mut spec.fields);
        let has = |name: &str| fields.iter().any(|field| field.name.eq_ignore_ascii_case(name));
        object.add(FieldSpec::id(&spec.label), Role::Id);
        object.add(FieldSpec::system("IsDeleted", FieldType::Boolean, "Deleted"), Role::IsDeleted);
        if spec.is_custom() {
            if !has("Name") {
                object.add(FieldSpec::custom_name(), Role::Value);
            }
            if !has("OwnerId") && !fields.iter().any(FieldSpec::is_master) {
                object.add(FieldSpec::owner(), Role::Value);
            }
        }
        object.spec = spec;
        for field in fields {
            object.define(field);
        }
        object.add(FieldSpec::system("CreatedDate", FieldType::Datetime, ""), Role::Created);
        object.add(FieldSpec::system_user("CreatedById", "CreatedBy"), Role::Value);
        object.add(FieldSpec::system("LastModifiedDate", FieldType::Datetime, ""), Role::Modified);
        object.add(FieldSpec::system_user("LastModifiedById", "LastModifiedBy"), Role::Value);
        object.add(FieldSpec::system("SystemModstamp", FieldType::Datetime, ""), Role::Stamp);
        object
    }

    /// Adds a field, or replaces what is declared about it; how its parents call and keep its records stays where nothing is
    /// said, as a description of the field does not tell.
    pub(super) fn define(&mut self, mut spec: FieldSpec) {
        match self.place(&spec.name) {
            Some(place) => {
                spec.complete();
                let known = &mut self.fields[usize::from(place)].spec;
                spec.child_relationship_name = spec.child_relationship_name.or(known.child_relationship_name.take());
                spec.cascade_delete |= known.cascade_delete;
                *known = spec;
            }
            None => self.add(spec, Role::Value),
        }
    }

    fn add(&mut self, mut spec: FieldSpec, role: Role) {
        spec.complete();
        let place = u16::try_from(self.fields.len()).unwrap_or(u16::MAX);
        self.by_name.insert(spec.name.to_lowercase(), place);
        self.fields.push(Field { spec, role, targets: Vec::new() });
    }

    /// Finds a field; names do not mind their case.
    pub(super) fn place(&self, name: &str) -> Option<u16> {
        match self.by_name.get(name) {
            Some(place) => Some(*place),
            None => self.by_name.get(&name.to_lowercase()).copied(),
        }
    }

    /// Returns a field by its place.
    pub(super) fn field(&self, place: u16) -> &Field {
        &self.fields[usize::from(place)]
    }

    /// Finds a field by its name.
    pub(super) fn find(&self, name: &str) -> Option<(u16, &Field)> {
        self.place(name).map(|place| (place, self.field(place)))
    }

    /// Finds the reference of a relationship: `Account`, `Parent__r`.
    pub(super) fn relation(&self, name: &str) -> Option<(u16, &Field)> {
        let is_it =
            |field: &Field| field.spec.relationship_name.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(name));
        (0_u16..).zip(&self.fields).find(|(_, field)| is_it(field))
    }

    /// Finds a relation to children: `Contacts`, `Orders__r`.
    pub(super) fn child(&self, name: &str) -> Option<&Child> {
        self.children.iter().find(|child| child.name.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(name)))
    }
}

/// The prefixes that custom objects get, in the order in which they are made: `a00`, `a01`, ….
fn custom_prefix(number: usize) -> Prefix {
    const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    [b'a', DIGITS[number / 36 % 36], DIGITS[number % 36]]
}

/// All objects of the org.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    /// The objects; an object's place never changes.
    pub(super) objects: Vec<Object>,
    by_name: HashMap<String, usize>,
    by_prefix: HashMap<Prefix, Vec<usize>>,
}

impl Catalog {
    /// Makes the objects of a fresh org.
    pub(super) fn standard() -> Result<Self, String> {
        let specs: Vec<ObjectSpec> = serde_yaml::from_str(STANDARD).map_err(|error| error.to_string())?;
        let mut catalog = Self::default();
        for spec in specs {
            catalog.add(spec)?;
        }
        Ok(catalog)
    }

    /// Adds an object, or adds to one that is there.
    pub(super) fn add(&mut self, mut spec: ObjectSpec) -> Result<usize, String> {
        if spec.name.is_empty() {
            return Err("an object needs a name".to_owned());
        }
        let place = if let Some(place) = self.find(&spec.name) {
            for field in std::mem::take(&mut spec.fields) {
                self.objects[place].define(field);
            }
            let known = &mut self.objects[place].spec;
            known.record_types.append(&mut spec.record_types);
            place
        } else {
            spec.complete();
            let place = self.objects.len();
            let object = Object::new(spec, place);
            let same = self.by_prefix.entry(object.prefix).or_default();
            same.push(place);
            if same.len() > 1 && object.prefix != SHARED_PREFIX {
                return Err(format!("keyPrefix `{}` is used twice", String::from_utf8_lossy(&object.prefix)));
            }
            self.by_name.insert(object.spec.name.to_lowercase(), place);
            self.objects.push(object);
            place
        };
        let object = &mut self.objects[place];
        let has_types = !object.spec.record_types.is_empty();
        if has_types && object.place("RecordTypeId").is_none() {
            object.define(FieldSpec::record_type());
        }
        Ok(place)
    }

    /// Gives the fields of person accounts to accounts, and their mirror to contacts.
    pub(super) fn enable_person_accounts(&mut self) {
        let Some(account) = self.find("Account") else { return };
        let fields = self.objects[account].spec.person_fields.clone();
        for field in fields {
            self.objects[account].define(field);
        }
        if let Some(contact) = self.find("Contact") {
            self.objects[contact].define(FieldSpec::is_person_account());
        }
    }

    /// Lets audit fields be written in inserts.
    pub(super) fn enable_audit_fields(&mut self) {
        for field in self.objects.iter_mut().flat_map(|object| &mut object.fields) {
            let name = field.spec.name.as_str();
            if matches!(name, "CreatedDate" | "CreatedById" | "LastModifiedDate" | "LastModifiedById") {
                field.spec.let_inserts_write();
            }
        }
    }

    /// Finds an object; names do not mind their case.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        match self.by_name.get(name) {
            Some(place) => Some(*place),
            None => self.by_name.get(&name.to_lowercase()).copied(),
        }
    }

    /// Finds the objects that an id may be of: one, but for notes, which are documents too.
    pub(super) fn of_prefix(&self, prefix: Prefix) -> impl Iterator<Item = usize> {
        self.by_prefix.get(&prefix).into_iter().flatten().copied()
    }

    /// Connects references with the objects they point at, and tells the records which fields they are found by.
    pub(super) fn connect(&mut self) {
        let mut children: Vec<Vec<Child>> = self.objects.iter().map(|_| Vec::new()).collect();
        let names: HashMap<String, usize> = self.by_name.clone();
        for (object, kind) in self.objects.iter_mut().enumerate() {
            for (place, field) in (0_u16..).zip(&mut kind.fields) {
                let targets = field.spec.reference_to.iter().filter_map(|name| names.get(&name.to_lowercase()));
                field.targets = targets.copied().collect();
                for target in &field.targets {
                    children[*target].push(Child {
                        object,
                        field: place,
                        name: field.spec.child_relationship_name.clone(),
                        is_cascading: field.spec.cascade_delete,
                    });
                }
                if field.role == Role::Value && (field.is_key() || field.spec.unique) {
                    kind.records.index(place, field.spec.case_sensitive);
                }
                let is_audit = field.spec.name.ends_with("ById") || field.spec.name == "OwnerId";
                if field.spec.kind == FieldType::Reference && field.role == Role::Value && !is_audit {
                    kind.records.follow(place);
                }
            }
        }
        for (object, children) in self.objects.iter_mut().zip(children) {
            object.children = children;
        }
    }
}
