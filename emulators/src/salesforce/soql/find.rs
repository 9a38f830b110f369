//! What a query finds: the ids, sorted, skipped and limited.

use std::cmp::Ordering;

use super::{
    super::{
        catalog::{FieldType, Role},
        ids::Id,
        org::Org,
        store::Record,
    },
    lexer::Glob,
    plan::{Filter, Order, Path, Query, Test},
};

/// Finds the records of a query.
pub(in super::super) fn find(org: &Org, query: &Query) -> Vec<Id> {
    let candidates = candidates(org, query);
    select(org, query, candidates)
}

/// Finds the records of a query among those that point at a parent.
pub(super) fn find_children(org: &Org, query: &Query, field: u16, parent: Id) -> Vec<Id> {
    let records = &org.object(query.object).records;
    if records.is_followed(field) {
        let ids = records.pointing_at(field, parent).collect();
        return select(org, query, Candidates::Ids(ids));
    }
    let is_child = |(id, record): &(Id, &Record)| {
        let value = org.object(query.object).value(*id, record, field);
        value.and_then(|value| Id::parse(&value)) == Some(parent)
    };
    let ids = records.range(Id::LEAST, Id::GREATEST).filter(is_child).map(|(id, _)| id).collect();
    select(org, query, Candidates::Ids(ids))
}

enum Candidates {
    Ids(Vec<Id>),
    Range(Id, Id),
}

fn select(org: &Org, query: &Query, candidates: Candidates) -> Vec<Id> {
    let records = &org.object(query.object).records;
    let is_found = |(id, record): &(Id, &Record)| {
        (query.with_deleted || !record.is_deleted)
            && query.filter.as_ref().is_none_or(|filter| holds(org, query.object, (*id, record), filter))
    };
    let by_id = by_id(org, query);
    let found = |from: &mut dyn Iterator<Item = (Id, &Record)>| -> Vec<Id> {
        let end = query.limit.map_or(usize::MAX, |limit| limit.saturating_add(query.offset));
        if by_id.is_some() {
            return from.filter(is_found).map(|(id, _)| id).take(end).collect();
        }
        from.filter(is_found).map(|(id, _)| id).collect()
    };
    let is_backwards = by_id == Some(true);
    let mut ids = match candidates {
        Candidates::Range(from, to) if is_backwards => found(&mut records.range(from, to).rev()),
        Candidates::Range(from, to) => found(&mut records.range(from, to)),
        Candidates::Ids(mut ids) => {
            ids.sort_unstable();
            ids.dedup();
            if is_backwards {
                ids.reverse();
            }
            found(&mut ids.into_iter().filter_map(|id| Some((id, records.get(id)?))))
        }
    };
    if by_id.is_none() {
        sort(org, query, &mut ids);
    }
    let end = query.limit.map_or(ids.len(), |limit| limit.saturating_add(query.offset).min(ids.len()));
    ids.truncate(end);
    ids.drain(..query.offset.min(ids.len()));
    ids
}

/// Whether the order is that of the ids, and backwards.
fn by_id(org: &Org, query: &Query) -> Option<bool> {
    match query.order.as_slice() {
        [] => Some(false),
        [first, ..] => {
            let place = first.path.as_ref()?.own()?;
            (org.object(query.object).field(place).role == Role::Id).then_some(first.is_descending)
        }
    }
}

/// Finds the least set of records that an index knows and that holds all that the filter lets through.
fn candidates(org: &Org, query: &Query) -> Candidates {
    let mut best = Candidates::Range(Id::LEAST, Id::GREATEST);
    let Some(filter) = &query.filter else { return best };
    let tests = match filter {
        Filter::All(filters) => filters.as_slice(),
        other => std::slice::from_ref(other),
    };
    for test in tests {
        let Filter::Test(path, test) = test else { continue };
        let Some(place) = path.own() else { continue };
        match by_index(org, query.object, place, test) {
            Some(Candidates::Ids(ids)) => return Candidates::Ids(ids),
            Some(Candidates::Range(from, to)) => {
                if let Candidates::Range(known_from, known_to) = best {
                    best = Candidates::Range(known_from.max(from), known_to.min(to));
                }
            }
            None => {}
        }
    }
    best
}

fn by_index(org: &Org, object: usize, place: u16, test: &Test) -> Option<Candidates> {
    let kind = org.object(object);
    let records = &kind.records;
    if kind.field(place).role == Role::Id {
        return match test {
            Test::Id { operator: "=", value } => Some(Candidates::Ids(vec![*value])),
            Test::Id { operator: ">" | ">=", value } => Some(Candidates::Range(*value, Id::GREATEST)),
            Test::Id { operator: "<" | "<=", value } => Some(Candidates::Range(Id::LEAST, *value)),
            Test::Ids { is_not: false, values, .. } => Some(Candidates::Ids(values.iter().copied().collect())),
            _ => None,
        };
    }
    match test {
        Test::Id { operator: "=", value } if records.is_followed(place) => {
            Some(Candidates::Ids(records.pointing_at(place, *value).collect()))
        }
        Test::Ids { is_not: false, values, has_null: false } if records.is_followed(place) => {
            Some(Candidates::Ids(values.iter().flat_map(|value| records.pointing_at(place, *value)).collect()))
        }
        // Records in the bin are in no index of values.
        _ if kind.field(place).spec.case_sensitive => None,
        Test::Text { operator: "=", value } if records.is_indexed(place) => {
            Some(Candidates::Ids(records.with_value(place, value).to_vec()))
        }
        Test::Texts { is_not: false, values, has_null: false } if records.is_indexed(place) => {
            Some(Candidates::Ids(values.iter().flat_map(|value| records.with_value(place, value)).copied().collect()))
        }
        _ => None,
    }
}

fn holds(org: &Org, object: usize, record: (Id, &Record), filter: &Filter) -> bool {
    match filter {
        Filter::All(filters) => filters.iter().all(|filter| holds(org, object, record, filter)),
        Filter::Any(filters) => filters.iter().any(|filter| holds(org, object, record, filter)),
        Filter::Not(filter) => !holds(org, object, record, filter),
        Filter::Test(path, test) => {
            let value = path.value(org, object, record.0, record.1);
            passes(test, value.as_ref().map(|(value, _)| value.as_ref()))
        }
    }
}

fn compared(operator: &str, ordering: Ordering) -> bool {
    match operator {
        "=" => ordering.is_eq(),
        "!=" => ordering.is_ne(),
        "<" => ordering.is_lt(),
        ">" => ordering.is_gt(),
        "<=" => ordering.is_le(),
        _ => ordering.is_ge(),
    }
}

/// Whether a value is what a condition asks for.
pub(super) fn passes(test: &Test, value: Option<&str>) -> bool {
    let Some(value) = value else {
        return match test {
            Test::Null { is_not } => !is_not,
            Test::Text { operator, .. }
            | Test::Number { operator, .. }
            | Test::Span { operator, .. }
            | Test::Id { operator, .. } => *operator == "!=",
            Test::Texts { is_not, has_null, .. } | Test::Ids { is_not, has_null, .. } => is_not != has_null,
            Test::Any { is_not, tests } => tests.iter().any(|test| passes(test, None)) != *is_not,
            Test::Sets { is_not, .. } => *is_not,
            Test::Like(_) | Test::Bool { .. } => false,
        };
    };
    match test {
        Test::Null { is_not } => *is_not,
        Test::Text { operator, value: wanted } => {
            compared(operator, value.to_lowercase().as_str().cmp(wanted.as_str()))
        }
        Test::Like(pattern) => matches(&value.to_lowercase().chars().collect::<Vec<_>>(), pattern),
        Test::Number { operator, value: wanted } => value
            .parse::<f64>()
            .ok()
            .and_then(|value| value.partial_cmp(wanted))
            .is_some_and(|it| compared(operator, it)),
        Test::Bool { is_not, value: wanted } => (value == "true") == (*wanted != *is_not),
        Test::Span { operator, first, last } => match *operator {
            "=" => (first.as_str()..=last.as_str()).contains(&value),
            "!=" => !(first.as_str()..=last.as_str()).contains(&value),
            "<" => value < first.as_str(),
            "<=" => value <= last.as_str(),
            ">" => value > last.as_str(),
            _ => value >= first.as_str(),
        },
        Test::Id { operator, value: wanted } => Id::parse(value).is_some_and(|id| compared(operator, id.cmp(wanted))),
        Test::Texts { is_not, values, .. } => values.contains(&value.to_lowercase()) != *is_not,
        Test::Ids { is_not, values, .. } => Id::parse(value).is_some_and(|id| values.contains(&id)) != *is_not,
        Test::Any { is_not, tests } => tests.iter().any(|test| passes(test, Some(value))) != *is_not,
        Test::Sets { is_not, sets } => {
            let has: Vec<String> = value.split(';').map(str::to_lowercase).collect();
            sets.iter().any(|set| set.iter().all(|part| has.contains(part))) != *is_not
        }
    }
}

/// Whether a text is of a pattern.
fn matches(text: &[char], pattern: &[Glob]) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(place) {
            Some(Glob::Many) => {
                place += 1;
                retry = Some((place, at));
            }
            Some(Glob::One) => (at, place) = (at + 1, place + 1),
            Some(Glob::Is(letter)) if *letter == text[at] => (at, place) = (at + 1, place + 1),
            _ => match retry {
                Some((after, from)) => {
                    (place, at) = (after, from + 1);
                    retry = Some((after, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern[place.min(pattern.len())..].iter().all(|glob| *glob == Glob::Many)
}

/// A value to sort by.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub(super) enum Key {
    Number(f64),
    Text(String),
}

/// Returns what a record is sorted by.
pub(super) fn key(org: &Org, object: usize, (id, record): (Id, &Record), path: &Path) -> Option<Key> {
    let (value, kind) = path.value(org, object, id, record)?;
    match kind {
        kind if kind.is_number() => value.parse().ok().map(Key::Number),
        FieldType::Id | FieldType::Reference => Some(Key::Text(value.into_owned())),
        _ => Some(Key::Text(value.to_lowercase())),
    }
}

/// Compares two values in a direction, empty ones first or last.
pub(super) fn compare(order: &Order, left: Option<&Key>, right: Option<&Key>) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) => {
            let ordering = left.partial_cmp(right).unwrap_or(Ordering::Equal);
            if order.is_descending { ordering.reverse() } else { ordering }
        }
        (None, None) => Ordering::Equal,
        (None, Some(_)) => {
            if order.are_nulls_last {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
        (Some(_), None) => {
            if order.are_nulls_last {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
    }
}

fn sort(org: &Org, query: &Query, ids: &mut Vec<Id>) {
    let records = &org.object(query.object).records;
    let keys = |id: Id| -> Vec<Option<Key>> {
        let record = records.get(id);
        query.order.iter().map(|order| key(org, query.object, (id, record?), order.path.as_ref()?)).collect()
    };
    let mut keyed: Vec<(Vec<Option<Key>>, Id)> = ids.iter().map(|id| (keys(*id), *id)).collect();
    keyed.sort_by(|(left, left_id), (right, right_id)| {
        let differing = query.order.iter().zip(left.iter().zip(right));
        let ordering =
            differing.map(|(order, (left, right))| compare(order, left.as_ref(), right.as_ref())).find(|it| it.is_ne());
        ordering.unwrap_or_else(|| left_id.cmp(right_id))
    });
    ids.clear();
    ids.extend(keyed.into_iter().map(|(_, id)| id));
}
