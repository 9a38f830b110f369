//! Records as answers show them.

use axum::http::StatusCode;
use serde_json::{Map, Value as Json, json};

use super::{definitions::Role, portal::Portal, store::Record, time::iso};

/// An answer that is not an error.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Option<Json>,
}

impl Answer {
    pub(super) fn ok(body: Json) -> Self {
        Self { status: StatusCode::OK, body: Some(body) }
    }

    pub(super) fn created(body: Json) -> Self {
        Self { status: StatusCode::CREATED, body: Some(body) }
    }

    pub(super) fn nothing() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None }
    }
}

/// Which properties an answer shows.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    places: Vec<u16>,
    with_history: Vec<u16>,
}

impl Portal {
    /// Finds the properties an answer shows: those asked for, or the defaults. Unknown names are ignored.
    pub(super) fn wanted(&self, object: usize, names: &[String], with_history: &[String]) -> Wanted {
        let kind = &self.objects[object];
        let place = |name: &String| kind.live_property(name).map(|(place, _)| place);
        let is_empty = names.is_empty() && with_history.is_empty();
        let always = kind.defaults.iter().filter(|name| {
            let role = kind.properties.get(*name).map(|property| property.role);
            is_empty || *name == "createdate" || role.is_some_and(|role| role != Role::Written)
        });
        let mut places: Vec<u16> = names.iter().chain(with_history).chain(always).filter_map(place).collect();
        places.sort_by_key(|place| kind.properties.get_index(usize::from(*place)).map(|(name, _)| name));
        places.dedup();
        Wanted { places, with_history: with_history.iter().filter_map(place).collect() }
    }

    /// Shows a record.
    pub(super) fn shown(&self, object: usize, (id, record): (u64, &Record), wanted: &Wanted) -> Map<String, Json> {
        let kind = &self.objects[object];
        let name = |place: u16| kind.properties.get_index(usize::from(place)).map(|(name, _)| name.clone());
        let properties: Map<String, Json> = wanted
            .places
            .iter()
            .filter_map(|place| {
                let value = self.value(object, (id, record), *place);
                Some((name(*place)?, value.map_or(Json::Null, |value| Json::from(value.into_owned()))))
            })
            .collect();
        let mut shown = Map::new();
        shown.insert("id".to_owned(), Json::from(id.to_string()));
        shown.insert("properties".to_owned(), Json::from(properties));
        if !wanted.with_history.is_empty() {
            let histories = wanted
                .with_history
                .iter()
                .filter_map(|place| Some((name(*place)?, self.shown_history(object, (id, record), *place))));
            shown.insert("propertiesWithHistory".to_owned(), Json::Object(histories.collect()));
        }
        shown.insert("createdAt".to_owned(), Json::from(iso(record.created)));
        shown.insert("updatedAt".to_owned(), Json::from(iso(record.modified)));
        shown.insert("archived".to_owned(), Json::from(record.archived.is_some()));
        if let Some(at) = record.archived {
            shown.insert("archivedAt".to_owned(), Json::from(iso(at.get())));
        }
        let url = format!("https://app.hubspot.com/contacts/{}/record/{}/{id}", self.id, kind.type_id);
        shown.insert("url".to_owned(), Json::from(url));
        shown
    }

    fn shown_history(&self, object: usize, (id, record): (u64, &Record), place: u16) -> Json {
        let shown = |value: &str, at: i64| json!({"value": value, "timestamp": iso(at), "sourceType": "INTEGRATION", "sourceId": "emulator"});
        let changes = record.history(place);
        if changes.is_empty() {
            let value = self.value(object, (id, record), place);
            return value.iter().map(|value| shown(value, record.modified)).collect();
        }
        changes.iter().map(|change| shown(&change.value, change.at)).collect()
    }
}
