//! The options of a field: ids at Pipedrive, labels for people.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value as Json, json};

use crate::model::Choice;

use super::super::client::WireOption;

/// What a name means among others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Meaning<T> {
    None,
    One(T),
    Several,
}

/// The options of one field. Others may be added while a run writes.
#[derive(Debug, Default)]
pub(in super::super) struct Options {
    all: Mutex<Vec<WireOption>>,
    /// Whether people see the ids themselves: `open`, `won`, `lost`.
    are_ids_names: bool,
}

impl Options {
    pub(super) fn new(all: Vec<WireOption>, is_custom: bool) -> Self {
        let is_word =
            |option: &WireOption| option.id.as_str().is_some_and(|id| id.parse::<u64>().is_err() && id.len() < 30);
        let are_ids_names = !is_custom && !all.is_empty() && all.iter().all(is_word);
        Self { all: Mutex::new(all), are_ids_names }
    }

    fn all(&self) -> MutexGuard<'_, Vec<WireOption>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the options as a field lists them.
    pub(super) fn choices(&self) -> Vec<Choice> {
        let choice = |option: &WireOption| Choice { value: self.name(option), label: option.label.clone() };
        self.all().iter().map(choice).collect()
    }

    fn name(&self, option: &WireOption) -> String {
        if self.are_ids_names { text(&option.id) } else { option.label.clone() }
    }

    /// Returns the name of the option with this id; none where there is no such option any more.
    pub(super) fn name_of(&self, id: &Json) -> Option<String> {
        let id = text(id);
        self.all().iter().find(|option| text(&option.id) == id).map(|option| self.name(option))
    }

    /// Returns the id of the option that a text names: by its label, else by its id.
    pub(in super::super) fn id_of(&self, name: &str) -> Meaning<Json> {
        let all = self.all();
        let named: Vec<&WireOption> = all.iter().filter(|option| option.label == name).collect();
        match named.as_slice() {
            [option] => Meaning::One(option.id.clone()),
            [] => all
                .iter()
                .find(|option| text(&option.id) == name)
                .map_or(Meaning::None, |option| Meaning::One(option.id.clone())),
            _ => Meaning::Several,
        }
    }

    /// Returns the options as a fixture lists them.
    pub(in super::super) fn described(&self) -> Json {
        self.all().iter().map(|option| json!({ "id": option.id, "label": option.label })).collect()
    }

    /// Takes over the options that there are now.
    pub(in super::super) fn replace(&self, all: Vec<WireOption>) {
        *self.all() = all;
    }

    /// Adds options to those that are known.
    pub(in super::super) fn extend(&self, more: Vec<WireOption>) {
        let mut all = self.all();
        for option in more {
            if !all.iter().any(|known| text(&known.id) == text(&option.id)) {
                all.push(option);
            }
        }
    }
}

fn text(id: &Json) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(all: &[(Json, &str)], is_custom: bool) -> Options {
        let option = |(id, label): &(Json, &str)| WireOption { id: id.clone(), label: (*label).to_owned() };
        Options::new(all.iter().map(option).collect(), is_custom)
    }

    #[test]
    fn options_of_people_go_by_their_labels() {
        let options = options(&[(json!(41), "Spring; 2024"), (json!(42), "Twice"), (json!(43), "Twice")], true);
        assert_eq!(options.name_of(&json!(41)).as_deref(), Some("Spring; 2024"));
        assert_eq!(options.name_of(&json!("41")).as_deref(), Some("Spring; 2024"), "as version 1 writes it");
        assert_eq!(options.name_of(&json!(40)), None, "an option that was deleted");
        assert_eq!(options.id_of("Spring; 2024"), Meaning::One(json!(41)));
        assert_eq!(options.id_of("42"), Meaning::One(json!(42)));
        assert_eq!(options.id_of("Twice"), Meaning::Several);
        assert_eq!(options.id_of("Winter"), Meaning::None);
    }

    #[test]
    fn a_status_goes_by_its_word() {
        let options = options(&[(json!("open"), "Open"), (json!("won"), "Won")], false);
        assert_eq!(options.name_of(&json!("won")).as_deref(), Some("won"));
        assert_eq!(options.id_of("Won"), Meaning::One(json!("won")));
        assert_eq!(options.id_of("won"), Meaning::One(json!("won")));
    }
}
