//! Persons: their names, and lists of addresses and numbers with one primary each.

use serde_json::{Map, Value as Json, json};

use super::forms::{MAX_VARCHAR, boolean, known, object, text};

/// Reads e-mails, phones or messengers: objects of value, primary and label. Exactly one is primary; the first where none is marked.
pub(super) fn contacts(value: &Json) -> Result<Json, String> {
    let mut kept = Vec::new();
    for one in value.as_array().ok_or("must be an array of objects")? {
        let given = object(one)?;
        known(given, &["value"], &["primary", "label"])?;
        let at = |name: &'static str| move |problem: String| format!("{name}: {problem}");
        let value = text(given.get("value").unwrap_or(&Json::Null), MAX_VARCHAR).map_err(at("value"))?;
        let label = given.get("label").filter(|label| !label.is_null());
        let label = label.map_or(Ok(json!("work")), |label| text(label, MAX_VARCHAR)).map_err(at("label"))?;
        let primary = given.get("primary").filter(|primary| !primary.is_null());
        let primary = primary.map_or(Ok(json!(false)), boolean).map_err(at("primary"))?;
        kept.push(json!({"value": value, "primary": primary, "label": label}));
    }
    let first = kept.iter().position(|one| one["primary"] == true).unwrap_or(0);
    for (place, one) in kept.iter_mut().enumerate() {
        one["primary"] = json!(place == first);
    }
    Ok(Json::from(kept))
}

/// Sets first and last name from the whole one: the first word, and all others.
pub(super) fn split_name(values: &mut Map<String, Json>) {
    let name = values.get("name").and_then(Json::as_str).unwrap_or_default().trim().to_owned();
    let (first, last) = match name.split_once(' ') {
        Some((first, last)) => (json!(first), json!(last.trim())),
        None => (json!(name), Json::Null),
    };
    values.insert("first_name".to_owned(), first);
    values.insert("last_name".to_owned(), last);
}

/// Returns the primary entry of a list.
pub(super) fn primary(list: &Json) -> Option<&str> {
    let entries = list.as_array()?;
    let found = entries.iter().find(|one| one["primary"] == true).or_else(|| entries.first());
    found.and_then(|one| one["value"].as_str()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_exactly_one_as_primary() {
        let cases = [
            (json!([{"value": "a"}, {"value": "b"}]), [true, false]),
            (json!([{"value": "a"}, {"value": "b", "primary": true}]), [false, true]),
            (json!([{"value": "a", "primary": true}, {"value": "b", "primary": true}]), [true, false]),
        ];
        for (given, expected) in cases {
            let kept = contacts(&given).unwrap();
            assert_eq!(
                [&kept[0]["primary"], &kept[1]["primary"]],
                [&json!(expected[0]), &json!(expected[1])],
                "{given}"
            );
            assert_eq!(kept[0]["label"], "work");
        }
    }

    #[test]
    fn refuses_what_is_no_entry() {
        for given in [
            json!("a@x.test"),
            json!(["a@x.test"]),
            json!([{"value": 1}]),
            json!([{"value": "a", "primary": 1}]),
            json!([{"email": "a"}]),
        ] {
            assert!(contacts(&given).is_err(), "{given}");
        }
    }
}
