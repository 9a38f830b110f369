//! Airtable's rate limits.

use std::{collections::HashMap, time::Duration};

use clock::Clock;

use crate::limits::Window;

/// Most requests to one base per second, all tokens together. Source: airtable.com/developers/web/api/rate-limits.
const BASE_REQUESTS_PER_SEC: usize = 5;

/// Most requests of one user's tokens per second, over all bases. Same source.
const USER_REQUESTS_PER_SEC: usize = 50;

/// How long everything is refused after a request too many. Same source.
const PENALTY: Duration = Duration::from_secs(30);

/// The limits of all bases and tokens.
#[derive(Debug)]
pub(super) struct Limits {
    clock: Clock,
    bases: HashMap<String, Limit>,
    tokens: HashMap<String, Limit>,
}

#[derive(Debug)]
struct Limit {
    window: Window,
    refused_until: Duration,
}

impl Limits {
    /// Starts with nothing used.
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, bases: HashMap::new(), tokens: HashMap::new() }
    }

    /// Takes a request to a base in; false when it is too many.
    pub(super) fn admits_to_base(&mut self, base: &str) -> bool {
        take(&self.clock, &mut self.bases, base, BASE_REQUESTS_PER_SEC)
    }

    /// Takes a request of a token in; false when it is too many.
    pub(super) fn admits_token(&mut self, token: &str) -> bool {
        take(&self.clock, &mut self.tokens, token, USER_REQUESTS_PER_SEC)
    }
}

fn take(clock: &Clock, limits: &mut HashMap<String, Limit>, name: &str, per_sec: usize) -> bool {
    let limit = limits.entry(name.to_owned()).or_insert_with(|| Limit {
        window: Window::new(per_sec, Duration::from_secs(1), clock.clone()),
        refused_until: Duration::ZERO,
    });
    let now = clock.elapsed();
    if now < limit.refused_until {
        return false;
    }
    if limit.window.take().is_err() {
        limit.refused_until = now + PENALTY;
        return false;
    }
    true
}
