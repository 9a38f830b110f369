//! Queries that sum records up.

use std::{cmp::Ordering, collections::BTreeMap, collections::BTreeSet};

use serde_json::{Map, Value as Json, json};

use super::{
    super::{catalog::FieldType, ids::Id, org::Org, values::shown},
    find::{Key, compare, find, passes},
    functions::formatted,
    plan::{GroupColumn, Having, Path, Query},
    syntax::Subtotals,
};

/// The records that share the values they are grouped by.
#[derive(Debug, Default)]
struct Group {
    ids: Vec<Id>,
    /// Which of the keys it sums up over.
    rolled: Vec<bool>,
}

/// What a group shares: for each key, whether it is summed up over, and the value. Sums come behind what they are of.
type Shared = Vec<(bool, Option<String>)>;

/// Sums up; one row for each group.
pub(in super::super) fn aggregate(org: &Org, query: &Query) -> Vec<Json> {
    let all = Query { limit: None, offset: 0, order: Vec::new(), ..query.clone() };
    let records = &org.object(query.object).records;
    let mut groups: BTreeMap<Shared, Group> = BTreeMap::new();
    let sets = grouping_sets(query);
    if query.keys.is_empty() {
        groups.insert(Vec::new(), Group::default());
    }
    for id in find(org, &all) {
        let Some(record) = records.get(id) else { continue };
        let value = |path: &Path| path.value(org, query.object, id, record).map(|(value, _)| value.into_owned());
        let values: Vec<Option<String>> = query.keys.iter().map(value).collect();
        for rolled in &sets {
            let shared =
                rolled.iter().zip(&values).map(|(is_rolled, value)| (*is_rolled, value.clone().filter(|_| !is_rolled)));
            let group = groups.entry(shared.collect()).or_default();
            group.rolled.clone_from(rolled);
            group.ids.push(id);
        }
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    if let Some(having) = &query.having {
        groups.retain(|group| holds(org, query, group, having));
    }
    groups.sort_by(|left, right| {
        let orders = query.order.iter().map(|order| {
            let key =
                |group: &Group| number_or_text(&column(org, query, group, order.call.as_deref(), order.path.as_ref()));
            compare(order, key(left).as_ref(), key(right).as_ref())
        });
        orders.into_iter().find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
    });
    let shown = groups.iter().skip(query.offset).take(query.limit.unwrap_or(usize::MAX)).map(|group| {
        let mut row = Map::from_iter([("attributes".to_owned(), json!({"type": "AggregateResult"}))]);
        for wanted in &query.columns {
            row.insert(wanted.name.clone(), shown_column(org, query, group, wanted));
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

/// Returns the combinations of keys that are summed up over; one that sums up over none where no subtotals are asked for.
fn grouping_sets(query: &Query) -> Vec<Vec<bool>> {
    let count = query.keys.len();
    match query.subtotals {
        Subtotals::None => vec![vec![false; count]],
        Subtotals::Rollup => (0..=count).map(|kept| (0..count).map(|key| key >= kept).collect()).collect(),
        Subtotals::Cube => {
            (0..1_usize << count).map(|set| (0..count).map(|key| set >> key & 1 == 1).collect()).collect()
        }
    }
}

fn shown_column(org: &Org, query: &Query, group: &Group, wanted: &GroupColumn) -> Json {
    let value = column(org, query, group, wanted.call.as_deref(), wanted.path.as_ref());
    if !wanted.is_formatted {
        return value;
    }
    let path = wanted.path.as_ref();
    let scale = path.and_then(Path::own).map_or(0, |place| org.object(query.object).field(place).spec.scale);
    let kind = path.map_or(FieldType::Int, Path::kind);
    match &value {
        Json::Null => Json::Null,
        Json::String(text) => Json::from(formatted(text, kind, scale)),
        other => Json::from(formatted(&other.to_string(), kind, scale)),
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
    let key = query.keys.iter().position(|key| key.dotted() == path.dotted() && key.function == path.function);
    let is_rolled = key.is_some_and(|key| group.rolled.get(key) == Some(&true));
    match call {
        Some("grouping") => return Json::from(u8::from(is_rolled)),
        None if is_rolled => return Json::Null,
        Some(_) | None => {}
    }
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
