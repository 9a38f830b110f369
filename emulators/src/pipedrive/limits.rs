//! The vendor's limits: tokens a day for the company, requests in two seconds for each user, searches apart.
//!
//! Source: rate limiting page (updated 2026-09-17). What it leaves open is decided to the client's disadvantage: a refused
//! request costs nothing, and the day ends at midnight UTC.

use std::{collections::HashMap, time::Duration};

use axum::http::{HeaderMap, HeaderValue};
use clock::Clock;
use serde::Deserialize;

use crate::limits::Window;

use super::{errors::Refusal, oauth::Caller};

/// Tokens of a seat in a day, before the plan's multiplier.
const TOKENS_PER_SEAT: u64 = 30_000;
/// The burst window.
const BURST: Duration = Duration::from_secs(2);
/// Searches of a user in a burst window, on every plan.
const SEARCHES: usize = 10;
/// Refused requests in a row at which the gateway shuts a caller out. Source: none says how many.
const PATIENCE: u32 = 100;
/// How long the gateway shuts a caller out. Source: none says how long.
const SHUT_OUT: Duration = Duration::from_mins(1);

/// A plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Plan {
    Lite,
    Growth,
    Premium,
    Ultimate,
}

impl Plan {
    fn multiplier(self) -> u64 {
        match self {
            Self::Lite => 1,
            Self::Growth => 2,
            Self::Premium => 5,
            Self::Ultimate => 7,
        }
    }

    /// Returns the requests of one user in a burst window, by an API token.
    fn burst(self) -> usize {
        match self {
            Self::Lite => 20,
            Self::Growth => 40,
            Self::Premium => 100,
            Self::Ultimate => 120,
        }
    }
}

/// What a request is to the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Price {
    /// Tokens of the day.
    pub(super) tokens: u64,
    /// Whether the burst limit of searches holds for it.
    pub(super) is_search: bool,
}

/// The windows of one user, by one way to log in.
#[derive(Debug)]
struct Windows {
    burst: Window,
    searches: Window,
    refused: u32,
    shut_until: Duration,
}

/// All limits of the company.
#[derive(Debug)]
pub(super) struct Limits {
    clock: Clock,
    is_unlimited: bool,
    plan: Plan,
    seats: u64,
    callers: HashMap<Caller, Windows>,
    day: i64,
    used: u64,
}

impl Limits {
    pub(super) fn new(clock: Clock, is_unlimited: bool, plan: Plan) -> Self {
        Self { clock, is_unlimited, plan, seats: 1, callers: HashMap::new(), day: 0, used: 0 }
    }

    /// Sets the plan and how many seats are paid for. The windows begin again.
    pub(super) fn set_plan(&mut self, plan: Plan, seats: u64) {
        (self.plan, self.seats) = (plan, seats.max(1));
        self.callers.clear();
    }

    /// Returns the tokens of a day.
    pub(super) fn daily(&self) -> u64 {
        TOKENS_PER_SEAT * self.plan.multiplier() * self.seats
    }

    /// Returns the tokens that were used today.
    pub(super) fn used(&self) -> u64 {
        self.used
    }

    /// Spends the day's tokens but for so many.
    pub(super) fn leave(&mut self, left: u64) {
        self.roll();
        self.used = self.daily().saturating_sub(left);
    }

    fn roll(&mut self) {
        let day = self.clock.now().timestamp().div_euclid(86_400);
        if self.day != day {
            (self.day, self.used) = (day, 0);
        }
    }

    /// Counts a request in, unless it is too many. Returns the headers of its answer, too.
    pub(super) fn admit(&mut self, caller: &Caller, price: Price) -> (HeaderMap, Result<(), Refusal>) {
        self.roll();
        if self.is_unlimited {
            self.used += price.tokens;
            return (HeaderMap::new(), Ok(()));
        }
        let max = if price.is_search { SEARCHES } else { self.burst(caller) };
        let (left, admitted) = match self.take(caller, price) {
            Ok(left) => (left, Ok(())),
            Err(refusal) => (0, Err(refusal)),
        };
        let mut headers = HeaderMap::new();
        let mut put = |name: &'static str, value: u64| headers.insert(name, HeaderValue::from(value));
        put("x-ratelimit-limit", u64::try_from(max).unwrap_or(u64::MAX));
        put("x-ratelimit-remaining", u64::try_from(left).unwrap_or(u64::MAX));
        put("x-ratelimit-reset", BURST.as_secs());
        put("x-daily-ratelimit-token-limit", self.daily());
        put("x-daily-ratelimit-token-remaining", self.daily().saturating_sub(self.used));
        (headers, admitted)
    }

    fn burst(&self, caller: &Caller) -> usize {
        // Four times as many for OAuth: 80, 160, 400, 480.
        if matches!(caller, Caller::App(..)) { self.plan.burst() * 4 } else { self.plan.burst() }
    }

    /// Takes a request in and returns how many more fit into its window.
    fn take(&mut self, caller: &Caller, price: Price) -> Result<usize, Refusal> {
        let (burst, now, daily) = (self.burst(caller), self.clock.elapsed(), self.daily());
        let clock = &self.clock;
        let windows = self.callers.entry(caller.clone()).or_insert_with(|| Windows {
            burst: Window::new(burst, BURST, clock.clone()),
            searches: Window::new(SEARCHES, BURST, clock.clone()),
            refused: 0,
            shut_until: Duration::ZERO,
        });
        if now < windows.shut_until {
            return Err(Refusal::gateway());
        }
        let is_spent = self.used + price.tokens > daily;
        let taken = if is_spent {
            Err(None)
        } else {
            let window = if price.is_search { &mut windows.searches } else { &mut windows.burst };
            window.take().map_err(Some)
        };
        match taken {
            Ok(left) => {
                windows.refused = 0;
                self.used += price.tokens;
                Ok(left)
            }
            Err(wait) => {
                windows.refused += 1;
                if windows.refused >= PATIENCE {
                    (windows.refused, windows.shut_until) = (0, now + SHUT_OUT);
                }
                // Whole seconds, and never too few.
                Err(Refusal::too_many(
                    wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).div_ceil(1000).max(1)),
                ))
            }
        }
    }
}
