//! The vendor's limits, and the headers that tell how far away they are.
//!
//! Source: usage guidelines (professional accounts), associations guide for the limits of its endpoints.

use std::{collections::HashMap, time::Duration};

use axum::http::{HeaderMap, HeaderValue};
use clock::Clock;

use crate::limits::Window;

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

    /// Counts a request in, unless it is too many. Returns the headers of its answer, too.
    pub(super) fn admit(&mut self, app: &App, call: &Call) -> (HeaderMap, Result<(), Refusal>) {
        let mut headers = HeaderMap::new();
        if self.is_unlimited {
            return (headers, Ok(()));
        }
        let admitted = self.count(app, call);
        if call.is_search() {
            return (headers, admitted.map(|_| ()));
        }
        let (max, left) = match &admitted {
            Ok(burst) => *burst,
            Err(_) => (max_burst(app, call), 0),
        };
        put(&mut headers, "x-hubspot-ratelimit-max", max);
        put(&mut headers, "x-hubspot-ratelimit-remaining", left);
        put(&mut headers, "x-hubspot-ratelimit-interval-milliseconds", BURST_MILLIS);
        // Deprecated, but still sent.
        put(&mut headers, "x-hubspot-ratelimit-secondly", max / 10);
        put(&mut headers, "x-hubspot-ratelimit-secondly-remaining", left.min(max / 10));
        if matches!(app, App::Private(_)) {
            put(&mut headers, "x-hubspot-ratelimit-daily", DAILY);
            put(&mut headers, "x-hubspot-ratelimit-daily-remaining", DAILY.saturating_sub(self.today.used));
        }
        (headers, admitted.map(|_| ()))
    }

    /// Counts a request, and returns the burst limit it fell under with how many more fit.
    fn count(&mut self, app: &App, call: &Call) -> Result<(u64, u64), Refusal> {
        let number = day_number(self.clock.now().timestamp_millis());
        self.today.roll(number);
        self.associations_today.roll(number);
        let is_private = matches!(app, App::Private(_));
        let is_spent =
            self.today.used >= DAILY || (call.is_association() && self.associations_today.used >= DAILY_ASSOCIATIONS);
        if is_private && is_spent {
            return Err(too_many_today());
        }
        if call.is_search() {
            self.searches.take().map_err(|_| too_many_searches())?;
        }
        let max = max_burst(app, call);
        let left = if call.is_association() {
            take(&mut self.associations)?
        } else if matches!(app, App::Public(_)) && call.is_search() {
            max
        } else {
            take(self.apps.entry(app.clone()).or_insert_with(|| burst_window(max, &self.clock)))?
        };
        self.associations_today.used += u64::from(call.is_association());
        self.today.used += u64::from(is_private);
        Ok((max, left))
    }
}

fn max_burst(app: &App, call: &Call) -> u64 {
    match app {
        _ if call.is_association() => ASSOCIATION_BURST,
        App::Private(_) => BURST,
        App::Public(_) => PUBLIC_BURST,
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

#[cfg(test)]
mod tests {
    use axum::{
        body::Bytes,
        http::{Method, StatusCode, Uri},
        response::IntoResponse,
    };

    use super::*;

    #[test]
    fn private_apps_share_a_daily_pool_that_public_apps_do_not_use() {
        let mut limits = Limits::new(Clock::system(), false);
        let uri = Uri::from_static("/crm/v3/objects/contacts");
        let call = Call::read(Method::GET, &uri, "", Bytes::new()).unwrap();
        limits.today = Day { number: day_number(limits.clock.now().timestamp_millis()), used: DAILY - 1 };
        let private = |name: &str| App::Private(name.to_owned());
        assert!(limits.admit(&private("one"), &call).1.is_ok());
        let (headers, refused) = limits.admit(&private("two"), &call);
        assert_eq!(refused.unwrap_err().into_response().status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(headers["x-hubspot-ratelimit-daily-remaining"], "0");
        assert!(limits.admit(&App::Public("app".to_owned()), &call).1.is_ok());
    }
}
