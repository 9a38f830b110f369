//! What is known of the way to a vendor: whether answers get mixed up on it.
//!
//! A gateway whose connection is out of step gives each request the answer to another one. Most of those are noticed, because
//! they do not fit their request. But an empty look-up fits every look-up, and a refusal fits every write. So after an answer
//! that was another request's, requests go one at a time, a look-up needs two answers that agree, and a write is
//! refused only if the same request is refused twice in the same way.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::Value as Json;
use tokio::sync::MutexGuard;
use xxhash_rust::xxh3::xxh3_64;

use crate::clock::Clock;

use super::{
    answer::Answer,
    dates::{Dates, Span},
    given::GivenIds,
    request::{ApiRequest, Body},
};

/// How long after the last foreign answer the way is in doubt, in the clock's time.
const DOUBT: Duration = Duration::from_mins(30);
/// Fields of an answer that differ each time.
const VOLATILE: [&str; 3] = ["offset", "correlationId", "requestId"];

/// The ways of a process, by connection and host. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Ways(Arc<Mutex<HashMap<String, Arc<Way>>>>);

/// The way to one vendor.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// Until when it is in doubt, in milliseconds of the clock; zero before the first time.
    doubt_until: AtomicU64,
    /// One request at a time of those whose answer fits others too.
    alone: tokio::sync::Mutex<()>,
    /// One request at a time.
    single_file: tokio::sync::Mutex<()>,
    /// The vendor's clock.
    dates: Dates,
    /// The vendor's ids of the refusals so far.
    refusal_ids: GivenIds,
    /// The refusals of writes that came while the way was in doubt, each with its request.
    doubted: GivenIds,
}

impl Ways {
    /// Returns the way of a connection to a host.
    pub(super) fn of(&self, connection: &str, host: Option<&str>) -> Arc<Way> {
        let name = format!("{connection} {}", host.unwrap_or_default());
        let mut ways = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(ways.entry(name).or_default())
    }
}

impl Way {
    /// Notes that an answer was not the answer to its request.
    pub(super) fn doubt(&self, clock: &Clock) {
        let until = clock.elapsed().saturating_add(DOUBT);
        let until = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        if self.doubt_until.fetch_max(until, Ordering::Relaxed) == 0 {
            tracing::info!("answers do not fit their requests: something on the way to the vendor mixes them up");
        }
    }

    /// Tells whether an answer that fits is not enough.
    pub(super) fn is_in_doubt(&self, clock: &Clock) -> bool {
        clock.elapsed().as_millis() < u128::from(self.doubt_until.load(Ordering::Relaxed))
    }

    /// Waits until no other request is under way whose answer could be taken for that to this one.
    pub(super) async fn alone(&self) -> MutexGuard<'_, ()> {
        self.alone.lock().await
    }

    /// Waits until no other request is under way, if the way is in doubt.
    pub(super) async fn enter(&self, clock: &Clock) -> Option<MutexGuard<'_, ()>> {
        if self.is_in_doubt(clock) { Some(self.single_file.lock().await) } else { None }
    }

    /// Tells whether an answer was made before its request was sent, at this time of the clock.
    pub(super) fn is_old(&self, answer: &Answer, clock: &Clock, sent_at: Duration) -> bool {
        answer.date().is_some_and(|date| self.dates.is_old(date, Span::until_now(clock, sent_at)))
    }

    /// Tells whether a refusal with this id came before: it is that of another request, given again.
    pub(super) fn is_known(&self, id: &str) -> bool {
        !self.refusal_ids.claim_new(std::iter::once(id))
    }

    /// Tells whether a write was refused in this way before.
    pub(super) fn is_confirmed(&self, request: &ApiRequest, refusal: &Answer) -> bool {
        let body = match &request.body {
            Body::Json(json) => json.to_string(),
            Body::Empty | Body::Form(_) | Body::Csv(_) => String::new(),
        };
        let content = content(refusal).map_or_else(|| refusal.body.clone(), |json| json.to_string().into_bytes());
        let query = format!("{:?}", request.query);
        let parts =
            [request.method.as_str().as_bytes(), request.path.as_bytes(), query.as_bytes(), body.as_bytes(), &content];
        let refused = xxh3_64(&parts.join(&0)).to_string();
        !self.doubted.claim_new(std::iter::once(refused.as_str()))
    }
}

/// Tells whether two answers to one request say the same.
pub(super) fn agree(one: &Answer, other: &Answer) -> bool {
    one.status == other.status
        && (one.body == other.body || content(one).is_some_and(|own| content(other) == Some(own)))
}

fn content(answer: &Answer) -> Option<Json> {
    let mut json: Json = answer.json().ok()?;
    if let Some(fields) = json.as_object_mut() {
        fields.retain(|name, _| !VOLATILE.contains(&name.as_str()));
    }
    Some(json)
}

#[cfg(test)]
mod tests {
    use reqwest::{Method, StatusCode};
    use serde_json::json;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_doubt_passes_with_time() {
        let (clock, way) = (Clock::system(), Way::default());
        assert!(!way.is_in_doubt(&clock));
        way.doubt(&clock);
        clock.sleep(DOUBT.saturating_sub(Duration::from_secs(1))).await;
        assert!(way.is_in_doubt(&clock));
        clock.sleep(Duration::from_secs(2)).await;
        assert!(!way.is_in_doubt(&clock));
    }

    #[test]
    fn a_refusal_is_confirmed_by_the_same_one_of_the_same_request() {
        let request = |name: &str| ApiRequest::write(Method::POST, "people", json!({ "name": name }), &[]);
        let refusal = |reason: &str, id: u8| {
            let body = json!({ "message": reason, "correlationId": id }).to_string();
            Answer::new(StatusCode::BAD_REQUEST, body)
        };
        let way = Way::default();
        assert!(!way.is_confirmed(&request("Ada"), &refusal("no", 1)));
        assert!(!way.is_confirmed(&request("Bo"), &refusal("no", 2)), "another request");
        assert!(!way.is_confirmed(&request("Ada"), &refusal("never", 3)), "another reason");
        assert!(way.is_confirmed(&request("Ada"), &refusal("no", 4)));
    }
}
