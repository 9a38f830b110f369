//! The e-mail addresses and phone numbers of a person: a list, of which one is the primary one. What a mapping does not own stays.

use serde_json::{Value as Json, json};

use crate::model::Value;

use super::super::schema::Part;
use super::encode::texts;

/// What a record says of one list.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ContactChange {
    /// The primary one.
    primary: Said,
    /// All of them, the primary one first.
    all: Option<Vec<String>>,
    /// Those with these labels; none takes them away.
    labelled: Vec<(&'static str, Option<String>)>,
}

/// What a record says of one value.
#[derive(Debug, Clone, Default, PartialEq)]
enum Said {
    /// Nothing: it stays.
    #[default]
    Nothing,
    /// There is none.
    None,
    /// It is this one.
    Value(String),
}

/// The label of what has none. Source: the default of Pipedrive's screens.
const DEFAULT_LABEL: &str = "work";

impl ContactChange {
    /// Takes in what a column says.
    pub(super) fn add(&mut self, part: Part, value: &Value) {
        let values: Vec<String> = texts(value).iter().map(|value| value.trim().to_owned()).collect();
        let first = || values.first().cloned();
        match part {
            Part::Primary => self.primary = first().map_or(Said::None, Said::Value),
            Part::Labelled(label) => self.labelled.push((label, first())),
            Part::All => {
                let mut all: Vec<String> = Vec::new();
                for value in values {
                    if !all.contains(&value) {
                        all.push(value);
                    }
                }
                self.all = Some(all);
            }
            Part::Whole | Part::Of(_) => {}
        }
    }

    /// Returns the list to be written, given the one that there is.
    pub(super) fn applied(&self, current: &[Json]) -> Vec<Json> {
        let mut list: Vec<Json> = match &self.all {
            Some(all) => {
                all.iter().map(|value| found(current, value).unwrap_or_else(|| entry(value, DEFAULT_LABEL))).collect()
            }
            None => current
                .iter()
                .filter(|one| one["value"].as_str().is_some_and(|value| !value.is_empty()))
                .cloned()
                .collect(),
        };
        if self.all.is_some() {
            mark(&mut list, 0);
        }
        for (label, value) in &self.labelled {
            self.set_labelled(&mut list, label, value.as_deref());
        }
        match &self.primary {
            Said::Nothing => {}
            Said::None => self.set_primary(&mut list, None),
            Said::Value(primary) => self.set_primary(&mut list, Some(primary.as_str())),
        }
        let primary = list.iter().position(|one| one["primary"] == true).unwrap_or(0);
        mark(&mut list, primary);
        list
    }

    fn set_labelled(&self, list: &mut Vec<Json>, label: &str, value: Option<&str>) {
        let has_label = |one: &Json| one["label"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(label));
        // A merged person may have several of one label.
        if value.is_some_and(|value| list.iter().any(|one| has_label(one) && same(&one["value"], value))) {
            return;
        }
        match (value, list.iter_mut().find(|one| has_label(one))) {
            (Some(value), Some(one)) => one["value"] = json!(value),
            (Some(value), None) => match list.iter_mut().find(|one| one["value"] == value && self.all.is_some()) {
                Some(one) => one["label"] = json!(label),
                None => list.push(entry(value, label)),
            },
            (None, _) => list.retain(|one| !has_label(one)),
        }
    }

    fn set_primary(&self, list: &mut Vec<Json>, value: Option<&str>) {
        let is_owned = |one: &Json| self.labelled.iter().any(|(label, _)| one["label"] == *label);
        let place = list.iter().position(|one| one["primary"] == true);
        let Some(value) = value else {
            if let Some(place) = place.filter(|place| !is_owned(&list[*place])) {
                list.remove(place);
            }
            return;
        };
        if let Some(place) = list.iter().position(|one| same(&one["value"], value)) {
            list[place]["value"] = json!(value);
            mark(list, place);
        } else if let Some(place) = place.filter(|place| !is_owned(&list[*place])) {
            list[place]["value"] = json!(value);
        } else {
            let label =
                if self.labelled.iter().any(|(label, _)| *label == DEFAULT_LABEL) { "other" } else { DEFAULT_LABEL };
            list.push(entry(value, label));
            let end = list.len() - 1;
            mark(list, end);
        }
    }
}

fn entry(value: &str, label: &str) -> Json {
    json!({ "value": value, "label": label, "primary": false })
}

fn same(json: &Json, value: &str) -> bool {
    json.as_str().is_some_and(|own| own.eq_ignore_ascii_case(value))
}

fn found(current: &[Json], value: &str) -> Option<Json> {
    let mut kept = current.iter().find(|one| same(&one["value"], value))?.clone();
    kept["value"] = json!(value);
    Some(kept)
}

fn mark(list: &mut [Json], primary: usize) {
    list.iter_mut().enumerate().for_each(|(place, one)| one["primary"] = json!(place == primary));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a mapping gives, and what a list becomes by it.
    type Case<'a> = (Vec<(Part, Value)>, &'a [&'a str]);

    fn change(parts: &[(Part, Value)]) -> ContactChange {
        let mut change = ContactChange::default();
        for (part, value) in parts {
            change.add(*part, value);
        }
        change
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn shown(list: &[Json]) -> Vec<String> {
        let one = |one: &Json| {
            let mark = if one["primary"] == true { "*" } else { "" };
            format!("{mark}{}:{}", one["label"].as_str().unwrap(), one["value"].as_str().unwrap())
        };
        list.iter().map(one).collect()
    }

    #[test]
    fn what_a_mapping_does_not_own_stays() {
        let current = [
            json!({"value": "old@x.test", "label": "home", "primary": false}),
            json!({"value": "ada@x.test", "label": "work", "primary": true}),
        ];
        let cases: [Case<'_>; 7] = [
            (vec![(Part::Primary, text("new@x.test"))], &["home:old@x.test", "*work:new@x.test"]),
            (vec![(Part::Primary, text("OLD@x.test"))], &["*home:OLD@x.test", "work:ada@x.test"]),
            (vec![(Part::Primary, Value::Null)], &["*home:old@x.test"]),
            (vec![(Part::Labelled("home"), text("h@x.test"))], &["home:h@x.test", "*work:ada@x.test"]),
            (
                vec![(Part::Labelled("mobile"), text("m@x.test"))],
                &["home:old@x.test", "*work:ada@x.test", "mobile:m@x.test"],
            ),
            (vec![(Part::Labelled("work"), Value::Null)], &["*home:old@x.test"]),
            (
                vec![(Part::All, Value::List(vec!["z@x.test".to_owned(), "old@x.test".to_owned()]))],
                &["*work:z@x.test", "home:old@x.test"],
            ),
        ];
        for (parts, expected) in cases {
            assert_eq!(shown(&change(&parts).applied(&current)), expected, "{parts:?}");
        }
    }

    #[test]
    fn one_of_several_with_a_label_is_enough() {
        let current = [
            json!({"value": "ada@x.test", "label": "work", "primary": true}),
            json!({"value": "a2@x.test", "label": "work", "primary": false}),
        ];
        let change = change(&[(Part::Labelled("work"), text("A2@x.test"))]);
        assert_eq!(shown(&change.applied(&current)), ["*work:ada@x.test", "work:a2@x.test"]);
    }

    #[test]
    fn a_new_person_has_one_primary_address() {
        let both = change(&[(Part::Labelled("work"), text("w@x.test")), (Part::Primary, text("p@x.test"))]);
        assert_eq!(shown(&both.applied(&[])), ["work:w@x.test", "*other:p@x.test"]);
        let same = change(&[(Part::Primary, text("w@x.test")), (Part::Labelled("work"), text("w@x.test"))]);
        assert_eq!(shown(&same.applied(&[])), ["*work:w@x.test"]);
        assert!(change(&[(Part::Primary, Value::Null)]).applied(&[]).is_empty());
    }
}
