//! The vendor's limits, and the headers that tell how far away they are.
//!
//! Source: usage guidelines (professional accounts), associations guide for the limits of its endpoints.

use std::{collections::HashMap, time::Duration};

use axum::http::{HeaderMap, HeaderValue};

use crate::{clock::Clock, emulator::Window};

use super::{
    errors::{Refusal, too_many_in_ten_seconds, too_many_searches, too_many_today},
    oauth::App,
    request::Call,
    time::day_number,
};

/// Requests of one private app in a burst interval.
const BURST: u64 = 190;
/// Requests of one public app in a burst interval.
const PUBLIC_BURST: u64 = 110;
/// Requests of an account to the association endpoints in a burst interval.
const ASSOCIATION_BURST: u64 = 150;
/// The burst interval, in milliseconds.
const BURST_MILLIS: u64 = 10_000;
/// Searches of an account in a second.
const SEARCHES: usize = 5;
/// Requests of an account in a day, private apps only. The account's days begin at midnight UTC.
pub(super) const DAILY: u64 = 625_000;
/// Requests of an account to the association endpoints in a day.
const DAILY_ASSOCIATIONS: u64 = 500_000;

/// A budget of one day.
#[derive(Debug, Default)]
struct Day {
    number: i64,
    used: u64,
}

/// All limits of the account.
#[derive(Debug)]
pub(super) struct Limits {
    clock: Clock,
    is_unlimited: bool,
    apps: HashMap<App, Window>,
    associations: Window,
    searches: Window,
    today: Day,
    associations_today: Day,
}

impl Day {
    fn roll(&mut self, number: i64) {
        if self.number != number {
            *self = Self { number, used: 0 };
        }
    }
}

impl Limits {
    pub(super) fn new(clock: Clock, is_unlimited: bool) -> Self {
        Self {
            apps: HashMap::new(),
            associations: burst_window(ASSOCIATION_BURST, &clock),
            searches: Window::new(SEARCHES, Duration::from_secs(1), clock.clone()),
            today: Day::default(),
            associations_today: Day::default(),
            is_unlimited,
            clock,
        }
    }

    /// Returns how many requests were made today.
    pub(super) fn used_today(&self) -> u64 {
        self.today.used
    }

    /// Counts a request in, and returns the headers of its answer; refuses it when it is too many.
    pub(super) fn admit(&mut self, app: &App, call: &Call) -> Result<HeaderMap, Refusal> {
        if self.is_unlimited {
            return Ok(HeaderMap::new());
        }
        let number = day_number(self.clock.now().timestamp_millis());
        self.today.roll(number);
        self.associations_today.roll(number);
        let is_private = matches!(app, App::Private(_));
        let (used, daily) =
            if call.is_association() { (&self.associations_today, DAILY_ASSOCIATIONS) } else { (&self.today, DAILY) };
        if is_private && used.used >= daily {
            return Err(too_many_today());
        }
        if call.is_search() {
            self.searches.take().map_err(|_| too_many_searches())?;
        }
        let burst = self.admit_burst(app, call)?;
        if call.is_association() {
            self.associations_today.used += 1;
        }
        self.today.used += u64::from(is_private);
        if call.is_search() {
            return Ok(HeaderMap::new());
        }
        let mut headers = HeaderMap::new();
        if let Some((max, left)) = burst {
            put(&mut headers, "x-hubspot-ratelimit-max", max);
            put(&mut headers, "x-hubspot-ratelimit-remaining", left);
            put(&mut headers, "x-hubspot-ratelimit-interval-milliseconds", BURST_MILLIS);
            // Deprecated, but still sent.
            put(&mut headers, "x-hubspot-ratelimit-secondly", max / 10);
            put(&mut headers, "x-hubspot-ratelimit-secondly-remaining", left.min(max / 10));
        }
        if is_private {
            put(&mut headers, "x-hubspot-ratelimit-daily", DAILY);
            put(&mut headers, "x-hubspot-ratelimit-daily-remaining", DAILY.saturating_sub(self.today.used));
        }
        Ok(headers)
    }

    fn admit_burst(&mut self, app: &App, call: &Call) -> Result<Option<(u64, u64)>, Refusal> {
        if call.is_association() {
            let left = take(&mut self.associations)?;
            return Ok(Some((ASSOCIATION_BURST, left)));
        }
        let max = match app {
            App::Private(_) => BURST,
            App::Public(_) if call.is_search() => return Ok(None),
            App::Public(_) => PUBLIC_BURST,
        };
        let window = self.apps.entry(app.clone()).or_insert_with(|| burst_window(max, &self.clock));
        let left = take(window)?;
        Ok(Some((max, left)))
    }
}

fn burst_window(max: u64, clock: &Clock) -> Window {
    Window::new(usize::try_from(max).unwrap_or(usize::MAX), Duration::from_millis(BURST_MILLIS), clock.clone())
}

/// Takes a request into a burst window and returns how many more fit.
fn take(window: &mut Window) -> Result<u64, Refusal> {
    let left = window.take().map_err(|_| too_many_in_ten_seconds())?;
    Ok(u64::try_from(left).unwrap_or(u64::MAX))
}

fn put(headers: &mut HeaderMap, name: &'static str, value: u64) {
    headers.insert(name, HeaderValue::from(value));
}
