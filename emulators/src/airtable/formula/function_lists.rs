//! Functions on lists, and `SWITCH`.

use super::value::Value;

/// Joins a list, by default with commas.
pub(crate) fn join(values: &[Value]) -> Value {
    let separator = values.get(1).map_or_else(|| ", ".to_owned(), Value::to_text);
    Value::Text(items_of(&values[0]).iter().map(Value::to_text).collect::<Vec<_>>().join(&separator))
}

/// Keeps each value once.
pub(crate) fn unique(list: &Value) -> Value {
    let mut kept: Vec<Value> = Vec::new();
    for item in items_of(list) {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    Value::List(kept)
}

/// Takes empty values out.
pub(crate) fn compact(list: &Value) -> Value {
    Value::List(items_of(list).into_iter().filter(|item| !item.is_empty()).collect())
}

/// Takes the items of lists within lists out of them.
pub(crate) fn flatten(values: &[Value]) -> Value {
    fn into(flat: &mut Vec<Value>, value: &Value) {
        match value {
            Value::List(items) => {
                for item in items {
                    into(flat, item);
                }
            }
            Value::Blank => {}
            other => flat.push(other.clone()),
        }
    }
    let mut flat = Vec::new();
    for value in values {
        into(&mut flat, value);
    }
    Value::List(flat)
}

/// Takes the items from one place to another, both included. Places count from 1, or from the end where they are negative.
pub(crate) fn slice(values: &[Value]) -> Value {
    let items = items_of(&values[0]);
    let count = items.iter().fold(0.0, |count, _| count + 1.0);
    let place = |value: Option<&Value>, default: f64| {
        let place = value.map_or(default, Value::to_number);
        if place < 0.0 { count + place + 1.0 } else { place }
    };
    let (first, last) = (place(values.get(1), 1.0).max(1.0), place(values.get(2), count));
    let numbered = items.into_iter().scan(0.0, |place, item| {
        *place += 1.0;
        Some((*place, item))
    });
    Value::List(numbered.filter(|(place, _)| (first..=last).contains(place)).map(|(_, item)| item).collect())
}

/// Counts the values that are of a kind.
pub(crate) fn count(values: &[Value], is_counted: fn(&Value) -> bool) -> Value {
    let all = values.iter().flat_map(items_of);
    Value::Number(all.filter(is_counted).fold(0.0, |count, _| count + 1.0))
}

/// Picks the result that stands behind the first equal value, or the last one alone.
pub(crate) fn switch(values: &[Value]) -> Value {
    let (subject, cases) = (&values[0], &values[1..]);
    for case in cases.chunks(2) {
        match case {
            [value, result] if subject.compare(value).is_some_and(std::cmp::Ordering::is_eq) => return result.clone(),
            [otherwise] => return otherwise.clone(),
            _ => {}
        }
    }
    Value::Blank
}

fn items_of(value: &Value) -> Vec<Value> {
    match value {
        Value::List(items) => items.clone(),
        Value::Blank => Vec::new(),
        other => vec![other.clone()],
    }
}
