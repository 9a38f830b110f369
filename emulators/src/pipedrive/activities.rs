//! Activities: their type, who takes part, when they were done.

use serde_json::{Map, Value as Json, json};

use super::{account::Account, store::Record, time::rfc3339};

/// Sets what follows from what was written.
pub(super) fn settle(account: &Account, old: Option<&Record>, values: &mut Map<String, Json>) {
    let is_null = |values: &Map<String, Json>, code: &str| values.get(code).is_none_or(Json::is_null);
    if is_null(values, "type") {
        let first = account.activity_types.iter().find(|one| one.is_active).map(|one| one.key.as_str());
        values.insert("type".to_owned(), json!(first));
    }
    if is_null(values, "subject") {
        let kind = values.get("type").and_then(Json::as_str).unwrap_or_default();
        let name = account.activity_types.iter().find(|one| one.key == kind).map(|one| one.name.clone());
        values.insert("subject".to_owned(), json!(name.unwrap_or_default()));
    }
    let person = primary(values.get("participants").unwrap_or(&Json::Null));
    values.insert("person_id".to_owned(), json!(person));
    let is_done = values.get("done") == Some(&json!(true));
    let was_done = old.is_some_and(|activity| activity.value("done") == true);
    if is_done && !was_done {
        values.insert("marked_as_done_time".to_owned(), json!(rfc3339(account.now())));
    } else if !is_done {
        values.insert("marked_as_done_time".to_owned(), Json::Null);
    }
}

/// Returns the primary participant.
fn primary(participants: &Json) -> Option<u64> {
    participants.as_array()?.iter().find(|one| one["primary"] == true)?["person_id"].as_u64()
}
