//! When an answer is whole and belongs to its request. Half a look-up is none: a record that is taken for absent is created a
//! second time.

use serde_json::{Map, Value as Json};

use crate::http::{Answer, Doubt, GivenIds};

use super::{
    super::object::Object,
    wire::{Found, Listed, One, Raw, id_of},
};

/// Tells whether an answer is a page of records, each with its id, that does not go on where it was asked to begin.
pub(super) fn is_page(answer: &Answer, query: &[(String, String)]) -> bool {
    let Ok(page) = answer.json::<Listed<Raw>>() else { return false };
    let asked = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let additional = page.additional_data.unwrap_or_default();
    let goes_round = additional.next_cursor.as_deref().is_some_and(|next| asked("cursor") == Some(next));
    let ids = asked("ids").map(|ids| ids.split(',').collect::<Vec<_>>());
    let is_asked = |record: &Raw| {
        let id = id_of(record);
        id.is_some_and(|id| ids.as_ref().is_none_or(|ids| ids.contains(&id.as_str())))
    };
    page.success && !goes_round && page.data.unwrap_or_default().iter().all(is_asked)
}

/// Tells whether an answer is the record with this id.
pub(super) fn is_of(answer: &Answer, id: &str) -> bool {
    let Ok(one) = answer.json::<One<Raw>>() else { return false };
    one.success && one.data.as_ref().and_then(id_of).is_some_and(|found| found.eq_ignore_ascii_case(id))
}

/// Tells whether an answer says that the record with this id is deleted. Notes are answered with `true` alone.
pub(super) fn is_of_delete(answer: &Answer, id: &str) -> bool {
    let Ok(one) = answer.json::<One<Json>>() else { return false };
    let is_this = match one.data {
        Some(Json::Bool(is_done)) => is_done,
        Some(Json::Object(data)) => id_of(&data).is_some_and(|found| found.eq_ignore_ascii_case(id)),
        _ => false,
    };
    one.success && is_this
}

/// Tells whether an answer speaks of a new record that can be the one that was sent.
pub(super) fn is_of_create(answer: &Answer, object: Object, sent: &Map<String, Json>, given: &GivenIds) -> bool {
    let Ok(One { success: true, data: Some(record) }) = answer.json::<One<Raw>>() else { return false };
    let Some(id) = id_of(&record) else { return false };
    can_be(sent, &record) && given.claim_new(std::iter::once(given_id(object, &id).as_str()))
}

/// Names a record among those of all objects: each object numbers its own.
pub(super) fn given_id(object: Object, id: &str) -> String {
    format!("{}/{id}", object.name())
}

/// Tells whether a record can be the one that was sent: its name is the same, but for what a vendor may do to blanks; without
/// one, at least one of its values is.
fn can_be(sent: &Map<String, Json>, found: &Raw) -> bool {
    let same = |name: &str, value: &Json| match (value, found.get(name)) {
        (Json::String(text), Some(Json::String(other))) => one_form(text) == one_form(other),
        (value, other) => other == Some(value),
    };
    for name in ["title", "name", "subject", "content"] {
        // The content of a note is sanitised.
        if let Some(value) = sent.get(name).filter(|_| name != "content") {
            return same(name, value);
        }
    }
    let mut comparable = sent.iter().filter(|(name, value)| {
        found.contains_key(*name) && (value.is_string() || value.is_number()) && name.as_str() != "content"
    });
    let is_empty = comparable.clone().next().is_none();
    is_empty || comparable.any(|(name, value)| same(name, value))
}

fn one_form(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Tells whether a search's answer can be that to this term: it is empty, or a hit has the term. What is answered a second time in
/// the same way is believed: how a search compares is Pipedrive's own affair.
pub(super) fn is_of_search(answer: &Answer, sought: &str, doubt: &Doubt) -> bool {
    let Ok(One { success: true, data: Some(found) }) = answer.json::<One<Found>>() else { return false };
    let has_term = |value: &Json| value.to_string().to_lowercase().contains(sought.trim());
    let fits = found.items.is_empty() || found.items.iter().any(|hit| hit.item.values().any(has_term));
    doubt.believes(fits, || found.items.iter().map(|hit| Json::from(hit.item.clone()).to_string()).collect::<Vec<_>>())
}

/// Counts the records of a list.
pub(in super::super) fn brought_records(answer: &Answer) -> Option<usize> {
    answer.json::<Listed<Json>>().ok().and_then(|page| page.data).map(|data| data.len())
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use serde_json::json;

    use super::*;

    fn answer(body: &Json) -> Answer {
        Answer::new(StatusCode::OK, body.to_string())
    }

    #[test]
    fn another_record_is_not_the_answer_to_a_create() {
        let sent = json!({"name": "Ada  Lovelace ", "org_id": 7}).as_object().cloned().unwrap();
        let of = |body: Json| is_of_create(&answer(&body), Object::Persons, &sent, &GivenIds::default());
        assert!(of(json!({"success": true, "data": {"id": 1, "name": "Ada Lovelace"}})));
        assert!(!of(json!({"success": true, "data": {"id": 1, "name": "Grace", "org_id": 7}})));
        assert!(!of(json!({"success": true, "data": {"name": "Ada Lovelace"}})), "without an id");
        assert!(!of(json!({"success": true, "data": null})));
        assert!(!of(json!({"success": false, "data": {"id": 1, "name": "Ada Lovelace"}})));
    }

    #[test]
    fn a_new_record_has_an_id_of_its_own() {
        let (sent, given) = (json!({"name": "Ada"}).as_object().cloned().unwrap(), GivenIds::default());
        let body = json!({"success": true, "data": {"id": 5, "name": "Ada"}});
        let is_of = |object| is_of_create(&answer(&body), object, &sent, &given);
        assert!(is_of(Object::Persons));
        assert!(!is_of(Object::Persons), "a late answer of an earlier request");
        assert!(is_of(Object::Organizations), "each object numbers its own records");
    }

    #[test]
    fn a_page_lists_what_was_asked_for() {
        let query = |ids: &str| vec![("ids".to_owned(), ids.to_owned())];
        let page = json!({"success": true, "data": [{"id": 5}], "additional_data": {"next_cursor": null}});
        assert!(is_page(&answer(&page), &query("4,5")));
        assert!(!is_page(&answer(&page), &query("4")));
        assert!(is_page(&answer(&json!({"success": true, "data": null})), &[]), "an empty list of version 1");
        assert!(!is_page(&answer(&json!({"success": false, "data": []})), &[]));
        let round = json!({"success": true, "data": [], "additional_data": {"next_cursor": "c"}});
        assert!(!is_page(&answer(&round), &[("cursor".to_owned(), "c".to_owned())]));
    }
}
