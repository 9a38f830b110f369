//! Queries that sum records up.

use std::{cmp::Ordering, collections::BTreeMap, collections::BTreeSet};

use serde_json::{Map, Value as Json, json};

use super::{
    super::{catalog::FieldType, ids::Id, org::Org, values::shown},
    find::{Key, compare, find, passes},
    plan::{Having, Path, Query},
};

/// The records that share the values they are grouped by.
#[derive(Debug, Default)]
struct Group {
    ids: Vec<Id>,
}

/// Sums up; one row for each group.
pub(in super::super) fn aggregate(org: &Org, query: &Query) -> Vec<Json> {
    let all = Query { limit: None, offset: 0, order: Vec::new(), ..query.clone() };
    let records = &org.object(query.object).records;
    let mut groups: BTreeMap<Vec<Option<String>>, Group> = BTreeMap::new();
    if query.keys.is_empty() {
        groups.insert(Vec::new(), Group::default());
    }
    for id in find(org, &all) {
        let Some(record) = records.get(id) else { continue };
        let value = |path: &Path| path.value(org, query.object, id, record).map(|(value, _)| value.into_owned());
        groups.entry(query.keys.iter().map(value).collect()).or_default().ids.push(id);
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    if let Some(having) = &query.having {
        groups.retain(|group| holds(org, query, group, having));
    }
    groups.sort_by(|left, right| {
        let orders = query.order.iter().map(|order| {
            let key =
                |group: &Group| number_or_text(&column(org, query, group, order.call.as_deref(), Some(&order.path)));
            compare(order, key(left).as_ref(), key(right).as_ref())
        });
        orders.into_iter().find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
    });
    let shown = groups.iter().skip(query.offset).take(query.limit.unwrap_or(usize::MAX)).map(|group| {
        let mut row = Map::from_iter([("attributes".to_owned(), json!({"type": "AggregateResult"}))]);
        for wanted in &query.columns {
            let value = column(org, query, group, wanted.call.as_deref(), wanted.path.as_ref());
            row.insert(wanted.name.clone(), value);
        }
        Json::Object(row)
    });
    shown.collect()
}

fn holds(org: &Org, query: &Query, group: &Group, having: &Having) -> bool {
    match having {
        Having::All(all) => all.iter().all(|it| holds(org, query, group, it)),
        Having::Any(any) => any.iter().any(|it| holds(org, query, group, it)),
        Having::Not(it) => !holds(org, query, group, it),
        Having::Test { call, path, test } => {
            let value = match column(org, query, group, call.as_deref(), path.as_ref()) {
                Json::Null => None,
                Json::String(text) => Some(text),
                other => Some(other.to_string()),
            };
            passes(test, value.as_deref())
        }
    }
}

fn number_or_text(value: &Json) -> Option<Key> {
    match value {
        Json::Null => None,
        Json::Number(number) => number.as_f64().map(Key::Number),
        Json::String(text) => Some(Key::Text(text.to_lowercase())),
        other => Some(Key::Text(other.to_string())),
    }
}

fn column(org: &Org, query: &Query, group: &Group, call: Option<&str>, path: Option<&Path>) -> Json {
    let Some(path) = path else { return Json::from(group.ids.len()) };
    let records = &org.object(query.object).records;
    let values = group.ids.iter().filter_map(|id| path.value(org, query.object, *id, records.get(*id)?));
    let Some(call) = call else {
        let mut values = values;
        return values.next().map_or(Json::Null, |(value, kind)| shown(kind, &value));
    };
    let values: Vec<(String, FieldType)> = values.map(|(value, kind)| (value.into_owned(), kind)).collect();
    let numbers: Vec<f64> = values.iter().filter_map(|(value, _)| value.parse().ok()).collect();
    let count = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
    match call {
        "count" => Json::from(values.len()),
        "count_distinct" => {
            let distinct: BTreeSet<String> = values.iter().map(|(value, _)| value.to_lowercase()).collect();
            Json::from(distinct.len())
        }
        "sum" | "avg" if numbers.is_empty() => Json::Null,
        "sum" => Json::from(numbers.iter().sum::<f64>()),
        "avg" => Json::from(numbers.iter().sum::<f64>() / f64::from(count)),
        _ => extreme(&values, call == "max"),
    }
}

fn extreme(values: &[(String, FieldType)], is_greatest: bool) -> Json {
    let ordered = |left: &&(String, FieldType), right: &&(String, FieldType)| {
        let ordering = if left.1.is_number() {
            let number = |value: &str| value.parse::<f64>().unwrap_or_default();
            number(&left.0).total_cmp(&number(&right.0))
        } else {
            left.0.cmp(&right.0)
        };
        if is_greatest { ordering } else { ordering.reverse() }
    };
    values.iter().max_by(ordered).map_or(Json::Null, |(value, kind)| shown(*kind, value))
}
