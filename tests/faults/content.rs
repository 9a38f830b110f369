//! What a destination holds, read back through its own API, without ids and times: links are told by the names of the records
//! that they lead to.

use std::{collections::BTreeMap, time::Duration};

use reqwest::Client;
use serde_json::Value as Json;

/// Every record, as text, with how often it is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Content {
    records: BTreeMap<String, usize>,
}

impl Content {
    pub(crate) fn add(&mut self, record: String) {
        *self.records.entry(record).or_default() += 1;
    }

    /// Returns the records that the other has more often than this.
    pub(crate) fn surplus_of<'other>(&self, other: &'other Self) -> Vec<&'other str> {
        let mut surplus = Vec::new();
        for (record, count) in &other.records {
            let own = self.records.get(record).copied().unwrap_or_default();
            surplus.extend(std::iter::repeat_n(record.as_str(), count.saturating_sub(own)));
        }
        surplus
    }

    /// Returns the text of every record.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.records.keys().map(String::as_str)
    }

    pub(crate) fn len(&self) -> usize {
        self.records.values().sum()
    }
}

/// Reads one page; the emulator may misbehave, so it is asked until it answers.
pub(crate) async fn get(url: &str, path: &str) -> Json {
    for attempt in 0..200 {
        // A session that a disturbance has ended stays ended.
        let token = format!("pat-harness-{attempt}");
        let sent = Client::new().get(format!("{url}/{path}")).bearer_auth(token).send().await;
        if let Ok(answer) = sent
            && answer.status().is_success()
            && let Ok(json) = answer.json().await
        {
            return json;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("{url}/{path} does not answer")
}
