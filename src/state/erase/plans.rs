//! Looks for a person in a plan's file, which lies beside the state file and is sealed with its key.

use std::path::PathBuf;

use serde_json::Value as Json;

use crate::state::{State, error::StateError};

use super::{
    FoundBy, Person, TracedRecord,
    address::{Address, Mention},
};

impl State {
    /// Tells whether a sealed file holds something of a person: the address, or an id of one of their records.
    ///
    /// # Errors
    /// Fails when the file cannot be read or is sealed with another key.
    pub async fn plan_names(
        &self,
        path: PathBuf,
        person: Person,
        records: Vec<TracedRecord>,
    ) -> Result<bool, StateError> {
        let state = self.clone();
        let look = move || {
            let address = match &person {
                Person::Email { address, .. } => Some(Address::new(address)),
                Person::Record { .. } => None,
            };
            let mut reader = state.read_sealed(&path)?;
            while let Some(part) = reader.next_part::<Json>()? {
                let is_named = address.as_ref().is_some_and(|address| address.mention_in_json(&part) > Mention::None);
                if is_named || records.iter().any(|record| has_record(&part, record)) {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        tokio::task::spawn_blocking(look).await.map_err(|_| StateError::Stopped)?
    }
}

/// Tells whether a part about the stream of a record holds one of its ids.
fn has_record(part: &Json, record: &TracedRecord) -> bool {
    let content = part.as_object().and_then(|part| part.values().next());
    let Some(target) = content.and_then(|content| content.get("target")) else { return false };
    let is_of_stream =
        target["pipeline"] == record.target.pipeline.as_str() && target["stream"] == *record.target.stream;
    let ids = [record.source_id.as_deref(), record.destination_id.as_deref()];
    record.found_by != FoundBy::Mention && is_of_stream && ids.into_iter().flatten().any(|id| has_text(part, id))
}

fn has_text(value: &Json, wanted: &str) -> bool {
    match value {
        Json::String(text) => text == wanted,
        Json::Array(items) => items.iter().any(|item| has_text(item, wanted)),
        Json::Object(fields) => fields.values().any(|field| has_text(field, wanted)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}
