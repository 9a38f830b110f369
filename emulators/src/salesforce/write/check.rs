//! The vendor's validation of one record.

use super::{
    super::{
        catalog::{Field, FieldType, Role},
        errors::Problem,
        ids::Id,
        org::{Org, QUEUE, USER},
        store::{Change, Values},
        time::read_datetime,
        values::canonical,
    },
    columns::{Cell, Column, Row},
};

/// What an insert says about who made a record, and when.
#[derive(Debug, Default)]
pub(super) struct Audit {
    pub(super) created: Option<i64>,
    pub(super) modified: Option<i64>,
}

/// Checks every value of a row on its own.
pub(super) fn changes(org: &Org, object: usize, row: &Row, is_insert: bool) -> Result<(Vec<Change>, Audit), Problem> {
    let mut changes = Vec::with_capacity(row.cells.len() + 4);
    let mut audit = Audit::default();
    for (column, cell) in &row.cells {
        match column {
            Column::Field(place) => {
                let field = org.object(object).field(*place);
                let is_allowed = if is_insert { field.spec.createable } else { field.spec.updateable() };
                if !is_allowed {
                    return Err(read_only(field));
                }
                let value = canonical(field, cell.sent())?;
                match field.role {
                    Role::Created => audit.created = read_datetime(&value),
                    Role::Modified => audit.modified = read_datetime(&value),
                    Role::Value if field.spec.kind == FieldType::Reference && !value.is_empty() => {
                        changes.push((*place, reference(org, field, &value)?.to_string()));
                    }
                    Role::Value => changes.push((*place, value)),
                    Role::Id | Role::IsDeleted | Role::Stamp => return Err(read_only(field)),
                }
            }
            Column::Parent { field, target, key } => {
                let declared = org.object(object).field(*field);
                let is_allowed = if is_insert { declared.spec.createable } else { declared.spec.updateable() };
                if !is_allowed {
                    return Err(read_only(declared));
                }
                let id = parent(org, (*target, *key), cell)?;
                changes.push((*field, id.map(|id| id.to_string()).unwrap_or_default()));
            }
        }
    }
    Ok((changes, audit))
}

fn read_only(field: &Field) -> Problem {
    let name = &field.spec.name;
    let message = format!(
        "Unable to create/update fields: {name}. Please check the security settings of this field and verify that it is \
         read/write for your profile or permission set."
    );
    Problem::of_field("INVALID_FIELD_FOR_INSERT_UPDATE", message, name)
}

/// Checks that an id may stand in a reference.
pub(in super::super) fn reference(org: &Org, field: &Field, text: &str) -> Result<Id, Problem> {
    let spec = &field.spec;
    let wrong = || {
        let message = format!("{}: id value of incorrect type: {text}", spec.label);
        Problem::of_field("MALFORMED_ID", message, &spec.name)
    };
    let id = Id::parse(text).ok_or_else(wrong)?;
    if !org.catalog.of_prefix(id.prefix()).any(|object| field.targets.contains(&object)) {
        return Err(wrong());
    }
    match org.record(id) {
        None => Err(Problem::of_field("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &spec.name)),
        Some((_, record)) if record.is_deleted => {
            Err(Problem::of_field("ENTITY_IS_DELETED", "entity is deleted", &spec.name))
        }
        Some((object, record)) => {
            let kind = org.object(object);
            let is_inactive = kind.spec.name == "User"
                && kind.place("IsActive").is_some_and(|place| record.values.get(place) != Some("true"));
            if is_inactive && spec.name == "OwnerId" {
                let message = "Operation not valid for this user type";
                return Err(Problem::of_field("OP_WITH_INVALID_USER_TYPE_EXCEPTION", message, &spec.name));
            }
            Ok(id)
        }
    }
}

/// Finds a parent by its key among the records that were there before the batch.
fn parent(org: &Org, (target, key): (usize, u16), cell: &Cell) -> Result<Option<Id>, Problem> {
    let text = cell.text();
    if text.is_empty() {
        return Ok(None);
    }
    let kind = org.object(target);
    let found = found(org, target, key, &text);
    let is_older = |id: &&Id| kind.records.get(**id).is_some_and(|record| record.batch != org.batch);
    let older: Vec<Id> = found.iter().filter(is_older).copied().collect();
    let (field, entity) = (&kind.field(key).spec.name, &kind.spec.name);
    match older.as_slice() {
        [id] => Ok(Some(*id)),
        [] => {
            let message = format!("Foreign key external ID: {text} not found for field {field} in entity {entity}");
            Err(Problem::new("INVALID_FIELD", message))
        }
        several => {
            let ids: Vec<String> = several.iter().map(ToString::to_string).collect();
            let message = format!("More than one record found for external id field: [{}]", ids.join(", "));
            Err(Problem::of_field("DUPLICATE_EXTERNAL_ID", message, field))
        }
    }
}

/// Finds the records that hold a value in a key field.
pub(in super::super) fn found(org: &Org, object: usize, key: u16, text: &str) -> Vec<Id> {
    let kind = org.object(object);
    let field = kind.field(key);
    if field.role == Role::Id {
        let id = Id::parse(text).filter(|id| kind.records.get(*id).is_some_and(|record| !record.is_deleted));
        return id.into_iter().collect();
    }
    let kept = canonical(field, super::super::values::Sent::Text(text)).unwrap_or_else(|_| text.to_owned());
    kind.records.with_value(key, &kept).to_vec()
}

/// Finds the record that a row's id means.
pub(super) fn row_id(org: &Org, object: usize, id: Option<&str>, what: &str) -> Result<Id, Problem> {
    let Some(text) = id.filter(|id| !id.is_empty()) else {
        return Err(Problem::of_field("MISSING_ARGUMENT", format!("Id not specified in an {what} call"), "Id"));
    };
    let malformed = || Problem::of_field("MALFORMED_ID", format!("malformed id {text}"), "Id");
    let id = Id::parse(text).ok_or_else(malformed)?;
    let kind = org.object(object);
    if id.prefix() != kind.prefix {
        let message = format!("{}: id value of incorrect type: {text}", kind.field(0).spec.label);
        return Err(Problem::of_field("MALFORMED_ID", message, "Id"));
    }
    match kind.records.get(id) {
        Some(record) if !record.is_deleted => Ok(id),
        Some(_) => Err(Problem::new("ENTITY_IS_DELETED", "entity is deleted")),
        None => Err(Problem::of_field("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", "Id")),
    }
}

/// Fills in what the vendor fills in when an insert leaves it out.
pub(super) fn fill_defaults(org: &Org, object: usize, changes: &mut Vec<Change>) {
    let kind = org.object(object);
    let is_assigned = !org.manners.without_assignment
        && matches!(kind.spec.name.as_str(), "Case" | "Lead")
        && has_rule(org, "AssignmentRule", "Active", &kind.spec.name);
    for (place, field) in (0_u16..).zip(&kind.fields) {
        if changes.iter().any(|(written, value)| *written == place && !value.is_empty()) {
            continue;
        }
        let spec = &field.spec;
        let value = match spec.name.as_str() {
            "OwnerId" if is_assigned => Some(QUEUE.to_owned()),
            "OwnerId" => Some(USER.to_owned()),
            "RecordTypeId" => {
                let default = kind.spec.record_types.iter().find(|it| it.default_record_type_mapping);
                default.and_then(|it| it.record_type_id.clone())
            }
            _ if changes.iter().any(|(written, _)| *written == place) => None,
            _ => spec.default_value.clone(),
        };
        changes.extend(value.map(|value| (place, value)));
    }
}

/// Checks that nothing is missing or cleared that has to be there.
pub(super) fn required(org: &Org, object: usize, values: Option<&Values>, changes: &[Change]) -> Result<(), Problem> {
    let kind = org.object(object);
    let is_insert = values.is_none();
    let written =
        |place: u16| changes.iter().rev().find(|(written, _)| *written == place).map(|(_, value)| value.as_str());
    let mut missing: Vec<&str> = Vec::new();
    for (place, field) in (0_u16..).zip(&kind.fields) {
        let is_needed = field.is_required() || (!field.spec.nillable && field.spec.updateable());
        if !is_needed || field.role != Role::Value {
            continue;
        }
        let is_missing = match written(place) {
            Some(value) => value.is_empty(),
            None => is_insert && field.is_required(),
        };
        if is_missing {
            missing.push(&field.spec.name);
        }
    }
    let is_person = org.options.person_accounts
        && kind.spec.name == "Account"
        && kind.place("LastName").is_some_and(|place| written(place).is_some_and(|value| !value.is_empty()));
    if is_person {
        missing.retain(|name| *name != "Name");
    }
    if missing.is_empty() {
        return Ok(());
    }
    let fields: Vec<String> = missing.iter().map(|name| (*name).to_owned()).collect();
    let message = format!("Required fields are missing: [{}]", missing.join(", "));
    Err(Problem { fields, ..Problem::new("REQUIRED_FIELD_MISSING", message) })
}

/// Checks that no other record holds a value that nobody may share.
pub(super) fn unique(org: &Org, object: usize, id: Option<Id>, changes: &[Change]) -> Result<(), Problem> {
    let kind = org.object(object);
    for (place, value) in changes.iter().filter(|(_, value)| !value.is_empty()) {
        let spec = &kind.field(*place).spec;
        if !spec.unique {
            continue;
        }
        if let Some(other) = kind.records.with_value(*place, value).iter().find(|other| Some(**other) != id) {
            let name = &spec.name;
            let message =
                format!("duplicate value found: {name} duplicates value on record with id: {}", other.short());
            return Err(Problem::of_field("DUPLICATE_VALUE", message, name));
        }
    }
    Ok(())
}

/// Checks that no record becomes its own parent, over however many steps. Only the vendor's own hierarchies are kept so.
pub(super) fn hierarchy(org: &Org, object: usize, id: Id, changes: &[Change]) -> Result<(), Problem> {
    let kind = org.object(object);
    for (place, value) in changes {
        let field = kind.field(*place);
        if field.spec.is_custom() || field.targets != [object] {
            continue;
        }
        let mut above = Id::parse(value);
        // A hierarchy cannot be deeper than there are records.
        for _ in 0..=kind.records.live() {
            let Some(parent) = above else { break };
            if parent == id {
                let message = "attempt to violate hierarchy constraints";
                return Err(Problem::of_field("CIRCULAR_DEPENDENCY", message, &field.spec.name));
            }
            above = kind.records.get(parent).and_then(|record| Id::parse(record.values.get(*place)?));
        }
    }
    Ok(())
}

/// Whether the org has an active rule of a kind for an object, from its options or its fixtures.
fn has_rule(org: &Org, kind: &str, flag: &str, object: &str) -> bool {
    let Some(rules) = org.catalog.find(kind).map(|place| org.object(place)) else { return false };
    let (Some(flag), Some(subject)) = (rules.place(flag), rules.place("SobjectType")) else { return false };
    let mut all = rules.records.range(Id::LEAST, Id::GREATEST).map(|(_, rule)| &rule.values);
    all.any(|rule| rule.get(flag) == Some("true") && rule.get(subject) == Some(object))
}

/// Checks that no rule warns of a new record. Source: duplicate rules header: alerts give way to `allowSave`.
pub(super) fn duplicates(org: &Org, object: usize, changes: &[Change]) -> Result<(), Problem> {
    let kind = org.object(object);
    let Some(place) = kind.place("Email") else { return Ok(()) };
    if org.manners.saves_duplicates || !has_rule(org, "DuplicateRule", "IsActive", &kind.spec.name) {
        return Ok(());
    }
    let email = changes.iter().find(|(written, value)| *written == place && !value.is_empty());
    let is_known = email.is_some_and(|(_, email)| !kind.records.with_value(place, email).is_empty());
    if is_known { Err(Problem::new("DUPLICATES_DETECTED", "Use one of these records?")) } else { Ok(()) }
}
