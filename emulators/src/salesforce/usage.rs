//! How many requests were made in the last 24 hours, and how many may be.

use std::{collections::VecDeque, time::Duration};

use super::errors::Problem;
use axum::http::StatusCode;
use clock::Clock;

/// The window of the daily limit. Source: limits page: rolling 24 hours.
const DAY: Duration = Duration::from_hours(24);
/// How finely requests are counted.
const GRAIN: Duration = Duration::from_mins(1);

/// The requests of a day, by the minute.
#[derive(Debug)]
pub(super) struct Usage {
    clock: Clock,
    is_unlimited: bool,
    minutes: VecDeque<(u128, u64)>,
    total: u64,
}

impl Usage {
    /// Starts to count.
    pub(super) fn new(clock: Clock, is_unlimited: bool) -> Self {
        Self { clock, is_unlimited, minutes: VecDeque::new(), total: 0 }
    }

    /// Counts a request in, unless it is too many.
    pub(super) fn take(&mut self, max: u64) -> Result<(), Problem> {
        let minute = self.clock.elapsed().as_millis() / GRAIN.as_millis();
        let day = DAY.as_millis() / GRAIN.as_millis();
        while self.minutes.front().is_some_and(|(first, _)| first + day <= minute) {
            if let Some((_, count)) = self.minutes.pop_front() {
                self.total -= count;
            }
        }
        if self.total >= max && !self.is_unlimited {
            let problem = Problem::new("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
            return Err(problem.with_status(StatusCode::FORBIDDEN));
        }
        match self.minutes.back_mut() {
            Some((last, count)) if *last == minute => *count += 1,
            _ => self.minutes.push_back((minute, 1)),
        }
        self.total += 1;
        Ok(())
    }

    /// Returns how many requests were made.
    pub(super) fn used(&self) -> u64 {
        self.total
    }
}
