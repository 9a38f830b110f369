//! From a record's fields to what is sent of it.

use std::collections::{BTreeSet, HashMap};

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{BatchRecord, FieldName, Operation, Rejection, Value};

use super::{
    super::{
        names::{is_id, normal_id},
        schema::{Kind, ObjectInfo, Owner, RECORD_TYPE_FIELD, RecordTypeMatch, SalesforceField},
        source::unknown_field,
    },
    SalesforceDestination, parents,
    row::{Row, is_blank},
};

/// Records of a segment, as they are sent.
#[derive(Debug)]
pub(super) struct Rows<'batch> {
    /// Those of one parent next to each other.
    pub(super) rows: Vec<Row<'batch>>,
    /// Those that cannot be sent, by their places.
    pub(super) rejected: Vec<(usize, Rejection)>,
}

pub(super) type Owners = HashMap<String, Owner>;
type Prepared<T> = Result<Result<T, Rejection>, ConnectorError>;

impl SalesforceDestination {
    /// Prepares those of these records that are wanted; the first one has the place `first`.
    pub(super) async fn prepare_rows<'batch>(
        &self,
        info: &'batch ObjectInfo,
        operation: &Operation,
        records: &'batch [BatchRecord],
        first: usize,
        is_wanted: impl Fn(usize) -> bool,
    ) -> Result<Rows<'batch>, ConnectorError> {
        let owners = self.owners_of(info, records).await?;
        let (mut rows, mut rejected) = (Vec::new(), Vec::new());
        for (place, record) in (first..).zip(records) {
            if !is_wanted(place) {
                continue;
            }
            match self.prepare(info, operation, record, &owners)? {
                Ok(fields) => rows.push(Row { place, id: record.destination_id.as_deref(), fields }),
                Err(rejection) => rejected.push((place, rejection)),
            }
        }
        order_by_parent(info, &mut rows);
        Ok(Rows { rows, rejected })
    }

    /// Finds the users that the records name by e-mail address or user name, the default owner among them.
    pub(super) async fn owners_of(&self, info: &ObjectInfo, records: &[BatchRecord]) -> Result<Owners, ConnectorError> {
        let mut words = BTreeSet::new();
        for record in records {
            for (name, value) in &record.fields {
                let is_user = info.field(name).is_some_and(SalesforceField::is_user);
                if let Value::Text(text) = value
                    && is_user
                    && is_address(text)
                {
                    words.insert(text.clone());
                }
            }
        }
        if words.is_empty() {
            return Ok(Owners::new());
        }
        words.extend(self.default_owner.iter().filter(|owner| is_address(owner)).cloned());
        self.catalog.owners(&words).await
    }

    /// Prepares a record. An error of ours about the pipeline ends the stream; one about a value rejects the record.
    fn prepare<'batch>(
        &self,
        info: &'batch ObjectInfo,
        operation: &Operation,
        record: &'batch BatchRecord,
        owners: &Owners,
    ) -> Prepared<Vec<(&'batch SalesforceField, Value)>> {
        let key = super::upsert_key(operation)?;
        if matches!(operation, Operation::Update | Operation::Delete) && record.destination_id.is_none() {
            return Err(ConnectorError::new(ErrorKind::Unexpected, "no_id", "a record to change has no id"));
        }
        if *operation == Operation::Delete {
            return Ok(Ok(Vec::new()));
        }
        let mut fields = Vec::with_capacity(record.fields.len());
        let mut insert_only = None;
        for (name, value) in &record.fields {
            let field = info.field(name).ok_or_else(|| unknown_field(name, &info.name))?;
            match usable(field, operation, info)? {
                Usable::Yes => {}
                Usable::OnCreateOnly => {
                    insert_only = Some(name);
                    continue;
                }
            }
            match self.value(info, field, value, operation, owners) {
                Ok(Some(value)) => fields.push(parents::sent_as(info, field, value)),
                Ok(None) => {}
                Err(rejection) => return Ok(Err(rejection)),
            }
        }
        if let Err(rejection) = parents::name_once(&mut fields) {
            return Ok(Err(rejection));
        }
        if let Some(key) = key
            && !fields.iter().any(|(field, value)| field.field.name.as_str() == key && !is_blank(value))
        {
            return Ok(Err(Rejection::new("empty_key", format!("the key field `{key}` has no value")).at(key, "")));
        }
        if let Some(name) = insert_only.filter(|_| fields.is_empty()) {
            let reason = format!("Salesforce takes `{name}` only when a record is created");
            return Ok(Err(Rejection { field: Some(name.to_string()), ..Rejection::new("insert_only_field", reason) }));
        }
        Ok(Ok(fields))
    }

    /// Returns what is sent of a value; none where nothing is.
    pub(super) fn value(
        &self,
        info: &ObjectInfo,
        field: &SalesforceField,
        value: &Value,
        operation: &Operation,
        owners: &Owners,
    ) -> Result<Option<Value>, Rejection> {
        let is_blank = is_blank(value);
        match field.kind {
            // A checkbox has no third state, and a record always has an owner and a record type.
            Kind::Boolean if is_blank => Ok(Some(Value::Boolean(false))),
            Kind::Reference if is_blank && is_owner_or_record_type(&field.field.name) => Ok(None),
            _ if is_blank => Ok((*operation != Operation::Insert).then_some(Value::Null)),
            Kind::Reference if field.field.name.as_str() == RECORD_TYPE_FIELD => {
                record_type(info, field, value).map(Some)
            }
            Kind::Reference if field.is_user() => self.owner(field, value, owners).map(Some),
            _ => Ok(Some(value.clone())),
        }
    }

    fn owner(&self, field: &SalesforceField, value: &Value, owners: &Owners) -> Result<Value, Rejection> {
        let Value::Text(text) = value else { return Ok(value.clone()) };
        if !is_address(text) {
            return Ok(Value::Text(normal_id(text)));
        }
        let find = |word: &str| owners.get(&word.trim().to_lowercase());
        let name = field.field.name.as_str();
        match find(text) {
            Some(Owner::One(id)) => Ok(Value::Text(id.clone())),
            Some(Owner::Several) => {
                let reason =
                    format!("several active users have the e-mail address `{text}`; name one by user name or id");
                Err(Rejection::new("ambiguous_owner", reason).at(name, text))
            }
            Some(Owner::None) | None => {
                let default = self.default_owner.as_deref().and_then(|owner| match find(owner) {
                    _ if is_id(owner) => Some(normal_id(owner)),
                    Some(Owner::One(id)) => Some(id.clone()),
                    _ => None,
                });
                let reason =
                    || format!("no active user has the e-mail address `{text}`, and there is no `default_owner`");
                default.map(Value::Text).ok_or_else(|| Rejection::new("unknown_owner", reason()).at(name, text))
            }
        }
    }
}

fn record_type(info: &ObjectInfo, field: &SalesforceField, value: &Value) -> Result<Value, Rejection> {
    let word = value.to_text();
    let name = field.field.name.as_str();
    let refused = |code, what: &str| {
        Err(Rejection::new(code, format!("{what} of `{}` is called `{word}`", info.name)).at(name, word.clone()))
    };
    match info.record_type(&word) {
        RecordTypeMatch::One(id) => Ok(Value::Text(id)),
        RecordTypeMatch::None => refused("unknown_record_type", "no active record type"),
        RecordTypeMatch::Several => refused("ambiguous_record_type", "more than one record type"),
    }
}

/// Returns the fields of these names that an operation takes, in their order; behind them those by which a parent is taken away
/// that these name by a key.
pub(super) fn columns<'info>(
    info: &'info ObjectInfo,
    operation: &Operation,
    names: &[FieldName],
) -> Result<Vec<&'info SalesforceField>, ConnectorError> {
    let mut fields = Vec::with_capacity(names.len());
    for name in names.iter().filter(|_| *operation != Operation::Delete) {
        let field = info.field(name).ok_or_else(|| unknown_field(name, &info.name))?;
        if let Usable::Yes = usable(field, operation, info)? {
            fields.push(field);
        }
    }
    if *operation != Operation::Insert {
        let references = names.iter().filter_map(|name| info.field(&info.field(name)?.parent.as_ref()?.reference));
        for reference in references.collect::<Vec<_>>() {
            if !fields.iter().any(|known| std::ptr::eq(*known, reference)) {
                fields.push(reference);
            }
        }
    }
    Ok(fields)
}

enum Usable {
    Yes,
    OnCreateOnly,
}

/// Lists what this user may not write of an object and its fields by an operation, and what to do about each.
pub(super) fn refusals(info: &ObjectInfo, operation: &Operation, fields: &[FieldName]) -> Vec<ConnectorError> {
    let (creates, edits, deletes) = match operation {
        Operation::Insert => (true, false, false),
        Operation::Update | Operation::Link => (false, true, false),
        Operation::Upsert { .. } => (true, true, false),
        Operation::Delete => (false, false, true),
    };
    let rights = [
        (creates && !info.is_createable, "create", "Create"),
        (edits && !info.is_updateable, "change", "Edit"),
        (deletes && !info.is_deletable, "delete", "Delete"),
    ];
    let lacking = rights.into_iter().filter(|(is_lacking, ..)| *is_lacking).map(|(_, verb, right)| {
        let message = format!("this user may not {verb} records of `{}`", info.name);
        ConnectorError::new(ErrorKind::Unauthorized, "not_writable", message)
            .with_hint(format!("give the user's profile or permission set `{right}` on the object"))
    });
    let named = fields.iter().filter(|_| !deletes).filter_map(|name| info.field(name));
    lacking.chain(named.filter_map(|field| usable(field, operation, info).err())).collect()
}

/// Tells whether a field may be written by an operation. What only a new record takes (audit fields, the record that a
/// junction belongs to) is left out of updates.
fn usable(field: &SalesforceField, operation: &Operation, info: &ObjectInfo) -> Result<Usable, ConnectorError> {
    let name = &field.field.name;
    let refused = |code: &str, what: &str, hint: &str| {
        let message = format!("field `{name}` of `{}` {what}", info.name);
        Err(ConnectorError::new(ErrorKind::NotFound, code, message).with_hint(hint))
    };
    match (operation, field.is_createable, field.is_updateable) {
        (_, false, false) => refused(
            "read_only_field",
            "cannot be written by this user",
            "remove its mapping, or give the user `Edit` on it",
        ),
        (Operation::Update, true, false) => Ok(Usable::OnCreateOnly),
        (Operation::Upsert { .. }, true, false) => refused(
            "insert_only_field",
            "is taken only when a record is created, not by an upsert",
            "write `when: on_create` in its mapping: Ferry then looks the records up and creates or changes them",
        ),
        (Operation::Insert, false, true) => refused(
            "not_createable_field",
            "cannot be set when a record is created",
            "remove its mapping, or write with `write: update`",
        ),
        _ => Ok(Usable::Yes),
    }
}

/// Puts rows that belong to one parent next to each other: two requests, or two parts of a job, then do not wait for each
/// other's lock on it. Objects with several parents go by the one that is set most often.
fn order_by_parent(info: &ObjectInfo, rows: &mut [Row<'_>]) {
    let count_of = |field: &SalesforceField| {
        rows.iter()
            .filter(|row| row.fields.iter().any(|(own, value)| std::ptr::eq(*own, field) && !is_blank(value)))
            .count()
    };
    let counted = info.parents().map(|field| (count_of(field), field)).filter(|(count, _)| *count > 0);
    let Some((_, parent)) = counted.max_by_key(|(count, _)| *count) else { return };
    let parent_id = |row: &Row<'_>| {
        let found = row.fields.iter().find(|(own, _)| std::ptr::eq(*own, parent));
        found.map(|(_, value)| value.to_text()).unwrap_or_default()
    };
    rows.sort_by_cached_key(parent_id);
}

fn is_owner_or_record_type(name: &FieldName) -> bool {
    matches!(name.as_str(), "OwnerId" | RECORD_TYPE_FIELD)
}

fn is_address(text: &str) -> bool {
    text.contains('@')
}
