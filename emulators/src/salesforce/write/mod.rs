//! Writes of records of one object: what single requests, collections, trees and jobs have in common.
//!
//! Every record is checked and written on its own, in order; each has one outcome. Parents named by a key are looked up
//! among what was there before the batch began.

mod check;
mod columns;
mod content;
mod derive;
mod sales;

use std::collections::{HashMap, HashSet};

use super::{
    errors::Problem,
    ids::Id,
    org::Org,
    store::{Record, Values},
};

pub(super) use check::{found, reference};
pub(super) use columns::{Cell, Column, Row, header, row_of_json};
pub(super) use derive::derive;

/// What is done with the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// Makes new ones.
    Insert,
    /// Changes those with an id.
    Update,
    /// Changes those that a field finds, and makes the others.
    Upsert(u16),
    /// Puts those with an id into the bin.
    Delete,
    /// Removes those with an id for good.
    HardDelete,
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// Its id.
    pub(super) id: Id,
    /// Whether it is new.
    pub(super) created: bool,
}

/// The outcome of one record.
pub(super) type Outcome = Result<Written, Problem>;

/// Writes records of one object, in order. The batch has begun.
pub(super) fn write(org: &mut Org, object: usize, operation: Operation, rows: &[Result<Row, Problem>]) -> Vec<Outcome> {
    let repeated = match operation {
        Operation::Upsert(key) => repeated_keys(org, object, key, rows),
        Operation::Update => repeated_ids(rows),
        Operation::Insert | Operation::Delete | Operation::HardDelete => HashSet::new(),
    };
    let share = org.options.row_locks;
    let write_one = |(place, row): (usize, &Result<Row, Problem>)| {
        let row = row.as_ref().map_err(Clone::clone)?;
        if org.draw(share) {
            return Err(Problem::locked());
        }
        match operation {
            Operation::Insert => insert(org, object, row),
            Operation::Update if repeated.contains(&place) => {
                let id = row.id.clone().unwrap_or_default();
                Err(Problem::new("DUPLICATE_VALUE", format!("Duplicate id in list: {id}")))
            }
            Operation::Update => update(org, object, row, None),
            Operation::Upsert(key) => {
                let value = row.text(key).unwrap_or_default();
                if repeated.contains(&place) {
                    let name = org.object(object).field(key).spec.name.clone();
                    let message = format!("Duplicate external id specified: {value}");
                    return Err(Problem::of_field("DUPLICATE_VALUE", message, &name));
                }
                upsert(org, object, key, row)
            }
            Operation::Delete => delete(org, object, row.id.as_deref().unwrap_or_default(), false),
            Operation::HardDelete => delete(org, object, row.id.as_deref().unwrap_or_default(), true),
        }
    };
    rows.iter().enumerate().map(write_one).collect()
}

/// Finds the rows whose key another row of the request has, too.
fn repeated_keys(org: &Org, object: usize, key: u16, rows: &[Result<Row, Problem>]) -> HashSet<usize> {
    let is_sensitive = org.object(object).field(key).spec.case_sensitive;
    repeated(rows.iter().map(|row| {
        let value = row.as_ref().ok()?.text(key).filter(|value| !value.is_empty())?;
        Some(if is_sensitive { value } else { value.to_lowercase() })
    }))
}

fn repeated_ids(rows: &[Result<Row, Problem>]) -> HashSet<usize> {
    repeated(rows.iter().map(|row| Id::parse(row.as_ref().ok()?.id.as_deref()?).map(Id::short)))
}

fn repeated(keys: impl Iterator<Item = Option<String>>) -> HashSet<usize> {
    let mut places: HashMap<String, Vec<usize>> = HashMap::new();
    for (place, key) in keys.enumerate() {
        if let Some(key) = key {
            places.entry(key).or_default().push(place);
        }
    }
    places.into_values().filter(|places| places.len() > 1).flatten().collect()
}

/// Makes a record.
pub(super) fn insert(org: &mut Org, object: usize, row: &Row) -> Outcome {
    if !org.object(object).spec.can("createable") {
        let name = &org.object(object).spec.name;
        let message = format!("entity type {name} does not support create");
        return Err(Problem::new("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message));
    }
    if row.id.is_some() {
        return Err(Problem::of_field("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", "Id"));
    }
    let (mut changes, audit) = check::changes(org, object, row, true)?;
    check::fill_defaults(org, object, &mut changes);
    derive(org, object, &Values::default(), &mut changes);
    check::required(org, object, None, &changes)?;
    check::unique(org, object, None, &changes)?;
    check::duplicates(org, object, &changes)?;
    sales::check(org, object, &changes)?;
    let id = org.next_id(object);
    let now = org.now();
    let created = audit.created.unwrap_or(now);
    let modified = audit.modified.unwrap_or(now).max(created.min(now));
    let values = Values::default().with(&changes);
    let record = Record { created, modified, stamp: now, is_deleted: false, batch: org.batch, values };
    org.insert(object, id, record);
    derive::after_insert(org, object, id);
    content::after_insert(org, object, id);
    sum_up(org, object, id);
    Ok(Written { id, created: true })
}

/// Changes a record, which `found` names or the row does.
fn update(org: &mut Org, object: usize, row: &Row, found: Option<Id>) -> Outcome {
    let id = match found {
        Some(id) => id,
        None => check::row_id(org, object, row.id.as_deref(), "update")?,
    };
    if !org.object(object).spec.can("updateable") {
        let message = format!("entity type {} does not support update", org.object(object).spec.name);
        return Err(Problem::new("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message));
    }
    let (mut changes, _) = check::changes(org, object, row, false)?;
    let values = org.object(object).records.get(id).map(|record| record.values.clone()).unwrap_or_default();
    derive(org, object, &values, &mut changes);
    check::required(org, object, Some(&values), &changes)?;
    check::unique(org, object, Some(id), &changes)?;
    check::hierarchy(org, object, id, &changes)?;
    sales::drop_summed(org, object, &values, &mut changes);
    org.change(object, id, &changes);
    sum_up(org, object, id);
    Ok(Written { id, created: false })
}

/// Sums up again what a product of an opportunity belongs to.
fn sum_up(org: &mut Org, object: usize, id: Id) {
    if let Some(opportunity) = sales::opportunity_of(org, object, id) {
        sales::sum_up(org, opportunity);
    }
}

/// Changes the record that a field finds, or makes it.
fn upsert(org: &mut Org, object: usize, key: u16, row: &Row) -> Outcome {
    let spec = &org.object(object).field(key).spec;
    let name = spec.name.clone();
    let value = row.text(key).unwrap_or_default();
    if name == "Id" {
        return match row.id.as_deref().filter(|id| !id.is_empty()) {
            Some(_) => update(org, object, row, None),
            None => insert(org, object, row),
        };
    }
    if value.is_empty() {
        let message = format!("{name} not specified");
        return Err(Problem::of_field("MISSING_ARGUMENT", message, &name));
    }
    match check::found(org, object, key, &value).as_slice() {
        [] => insert(org, object, row),
        [id] => {
            let row = Row {
                id: None,
                cells: row.cells.iter().filter(|(column, _)| *column != Column::Field(key)).cloned().collect(),
            };
            update(org, object, &row, Some(*id))
        }
        several => {
            let ids: Vec<String> = several.iter().map(ToString::to_string).collect();
            let message = format!("{name}: more than one record found for external id field: [{}]", ids.join(", "));
            Err(Problem::of_field("DUPLICATE_EXTERNAL_ID", message, &name))
        }
    }
}

/// Puts a record into the bin, or removes it for good.
pub(super) fn delete(org: &mut Org, object: usize, id: &str, is_hard: bool) -> Outcome {
    if !org.object(object).spec.can("deletable") {
        let message = format!("entity type {} does not support delete", org.object(object).spec.name);
        return Err(Problem::new("INSUFFICIENT_ACCESS_OR_READONLY", message));
    }
    let id = match Id::parse(id) {
        Some(id) if is_hard && org.object(object).records.get(id).is_some() => id,
        _ => check::row_id(org, object, Some(id), "delete")?,
    };
    let opportunity = sales::opportunity_of(org, object, id);
    if is_hard {
        org.purge(object, id);
    } else {
        org.bin(object, id);
    }
    if let Some(opportunity) = opportunity {
        sales::sum_up(org, opportunity);
    }
    Ok(Written { id, created: false })
}
