//! How often and how long a request is tried.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::clock::Clock;

/// Longest single wait before a request is repeated, whatever a `Retry-After` says. The longest that a vendor documents for
/// a rate limit is 30 s; a stranger's number must not hold a run, and its lock, for a year.
pub(super) const MAX_WAIT: Duration = Duration::from_mins(2);
/// How long after its first failure a request is still repeated.
pub(super) const RETRY_DEADLINE: Duration = Duration::from_mins(10);
/// Most waits for a rate limit in a row before a request is given up: a vendor that still refuses then is not passing.
const MAX_RATE_LIMIT_WAITS: u32 = 10;
/// How often a request is repeated that was refused for good, and not in the vendor's own words. A gateway on the way out
/// may be gone the next time; a wrong `base_url` stays wrong.
const MAX_REPEATS_OF_STRANGERS: u32 = 2;
/// From this wait on the log says that a request waits.
const LONG_WAIT: Duration = Duration::from_secs(10);

/// What has been done for one request so far.
#[derive(Debug)]
pub(super) struct Effort {
    attempts: u32,
    rate_limit_waits: u32,
    repeats_of_strangers: u32,
    backoff: ExponentialBackoff,
    first_failure_at: Option<Duration>,
}

/// Which of its limits a repetition counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// Six attempts over about half a minute: long enough for a vendor's deploy, short enough for a night's window.
    Passing,
    /// The vendor's rate limit.
    Vendor,
    /// A refusal for good in words that are not the vendor's.
    Stranger,
    /// It is not repeated.
    Never,
}

impl Effort {
    pub(super) fn new() -> Self {
        Self {
            attempts: 0,
            rate_limit_waits: 0,
            repeats_of_strangers: 0,
            backoff: backoff().build(),
            first_failure_at: None,
        }
    }

    /// Counts one attempt and returns its number.
    pub(super) fn begin(&mut self) -> u32 {
        self.attempts = self.attempts.saturating_add(1);
        self.attempts
    }

    /// Returns how long to wait before the request is repeated; none where it is given up. `asked` is the vendor's wait.
    pub(super) fn wait(&mut self, limit: Limit, asked: Option<Duration>, clock: &Clock) -> Option<Duration> {
        let own = match limit {
            Limit::Never => return None,
            Limit::Passing => self.backoff.next()?,
            Limit::Stranger => {
                self.repeats_of_strangers += 1;
                (self.repeats_of_strangers <= MAX_REPEATS_OF_STRANGERS).then(|| self.backoff.next()).flatten()?
            }
            Limit::Vendor => {
                // The request was not carried out, so this was no attempt.
                self.attempts = self.attempts.saturating_sub(1);
                self.rate_limit_waits += 1;
                (self.rate_limit_waits <= MAX_RATE_LIMIT_WAITS).then_some(Duration::ZERO)?
            }
        };
        let wait = asked.unwrap_or(own).min(MAX_WAIT);
        let now = clock.elapsed();
        let begun = *self.first_failure_at.get_or_insert(now);
        if now.saturating_sub(begun).saturating_add(wait) > RETRY_DEADLINE {
            return None;
        }
        if wait >= LONG_WAIT {
            tracing::info!(seconds = wait.as_secs(), "a request waits before it is repeated");
        }
        Some(wait)
    }
}

/// The waits are spread at random, so that clients that failed together do not come back together.
pub(super) fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(15))
        .with_max_times(5)
        .with_jitter()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the waits until the request is given up, each passed on the clock.
    async fn waits(limit: Limit, asked: Option<Duration>) -> Vec<Duration> {
        let clock = Clock::system();
        let mut effort = Effort::new();
        let mut waits = Vec::new();
        while let Some(wait) = effort.wait(limit, asked, &clock) {
            clock.sleep(wait).await;
            waits.push(wait);
            assert!(waits.len() < 100, "there is an end");
        }
        waits
    }

    #[tokio::test(start_paused = true)]
    async fn no_wait_is_longer_than_the_cap_and_all_together_end_at_the_deadline() {
        for asked in [MAX_WAIT, Duration::from_hours(24 * 365), Duration::from_secs(u64::MAX), Duration::MAX] {
            for limit in [Limit::Passing, Limit::Vendor, Limit::Stranger] {
                let waits = waits(limit, Some(asked)).await;
                assert!(!waits.is_empty() && waits.iter().all(|wait| *wait == MAX_WAIT), "{limit:?} {waits:?}");
                assert!(waits.iter().sum::<Duration>() <= RETRY_DEADLINE, "{limit:?} {waits:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_limit_has_its_number_of_repetitions() {
        let wait = Some(Duration::from_secs(1));
        let counts = [(Limit::Passing, 5), (Limit::Vendor, 10), (Limit::Stranger, 2), (Limit::Never, 0)];
        for (limit, count) in counts {
            assert_eq!(waits(limit, wait).await.len(), count, "{limit:?}");
        }
    }

    proptest! {
        #[test]
        fn waits_between_attempts_stay_within_their_bounds(_draw in any::<u8>()) {
            let waits: Vec<Duration> = backoff().build().collect();
            prop_assert_eq!(waits.len(), 5, "six attempts");
            let mut least = Duration::from_millis(500);
            for wait in &waits {
                // What is drawn at random is added to what doubles each time, and is no more than that.
                prop_assert!(*wait >= least && *wait <= 2 * least.min(Duration::from_secs(15)) + Duration::from_millis(1), "{:?}", waits);
                least = (2 * least).min(Duration::from_secs(15));
            }
            prop_assert!(waits.iter().sum::<Duration>() <= Duration::from_mins(1));
        }
    }
}
