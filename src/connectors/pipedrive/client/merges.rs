//! Which persons were merged into which, as `recents` tells it.

use std::collections::HashMap;

use crate::http::ApiRequest;

use super::{
    super::{costs, errors::CallError, limits::PAGE_RECORDS},
    Api, Next,
    wire::{Raw, id_of},
};

/// How far back it is asked for merges, in days. Source: a loser is deleted, and what is deleted is gone after 30 days (spec v2).
const DAYS: i64 = 30;
/// Most pages that are asked for: 5,000 changed persons at 20 tokens for 500. What was merged before is looked up by key.
const MAX_PAGES: usize = 10;

impl Api {
    /// `GET api/v1/recents?items=person`: the losers of merges, each with its winner. Pipedrive names the last loser of a winner
    /// alone, and tells of persons only.
    pub(in super::super) async fn merged_persons(&self) -> Result<HashMap<String, String>, CallError> {
        let (mut winners, mut start) = (HashMap::new(), 0);
        for _ in 0..MAX_PAGES {
            let request = ApiRequest::get("api/v1/recents", costs::LIST_V1)
                .with("since_timestamp", self.day.days_ago(DAYS))
                .with("items", "person")
                .with("start", start.to_string())
                .with("limit", PAGE_RECORDS.to_string());
            let page = self.listed(request).await?;
            winners.extend(page.records.iter().filter_map(merge));
            match page.next {
                Some(Next::Start(next)) if next > start => start = next,
                _ => break,
            }
        }
        Ok(winners)
    }
}

/// Returns the loser and the winner of a merge.
fn merge(change: &Raw) -> Option<(String, String)> {
    let loser = change.get("data")?.get("merge_what_id")?.as_u64()?.to_string();
    let winner = id_of(change)?;
    (loser != winner).then_some((loser, winner))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_merge_names_its_loser() {
        let of = |change: serde_json::Value| merge(change.as_object().unwrap());
        let pair = |loser: &str, winner: &str| Some((loser.to_owned(), winner.to_owned()));
        assert_eq!(of(json!({"item": "person", "id": 2, "data": {"id": 2, "merge_what_id": 1}})), pair("1", "2"));
        assert_eq!(of(json!({"item": "person", "id": 2, "data": {"id": 2}})), None);
        assert_eq!(of(json!({"item": "person", "id": 2, "data": {"merge_what_id": 2}})), None);
        assert_eq!(of(json!({"item": "person", "id": 2, "data": null})), None);
    }
}
