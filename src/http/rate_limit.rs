//! Keeps requests within a vendor's limit for any arrival pattern.
//!
//! A vendor counts requests in a rolling window as *it* sees them arrive. A slot is therefore taken when a request is sent and
//! given back one window after its answer came: whatever the network does to the order of arrivals, the vendor never
//! sees more than its limit in any window. A smooth bucket (as in the `governor` crate) cannot promise that without giving up
//! its burst, which is why this is written here.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::Clock;
use crate::model::RateLimit;

/// Holds back requests to one limit of one account. Clones hold back together.
#[derive(Debug, Clone)]
pub struct RateLimiter {
    slots: Arc<Semaphore>,
    window: Duration,
    clock: Clock,
    /// Until when nothing is sent, by the clock's elapsed time.
    paused_until: Arc<Mutex<Duration>>,
}

/// The right to send one request; to be kept until the answer is there.
#[derive(Debug)]
pub struct Permit {
    slot: Option<OwnedSemaphorePermit>,
    window: Duration,
    clock: Clock,
}

impl RateLimiter {
    /// Makes the limiter of one limit.
    pub fn new(limit: RateLimit, clock: Clock) -> Self {
        let slot_count = usize::try_from(limit.max_requests.get()).unwrap_or(usize::MAX);
        Self { slots: Arc::new(Semaphore::new(slot_count)), window: limit.window, clock, paused_until: Arc::default() }
    }

    /// Holds back all requests for so long: the vendor said that its limit is crossed, so whatever is sent before is refused.
    pub fn pause(&self, wait: Duration) {
        let until = self.clock.elapsed() + wait;
        let mut paused_until = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        *paused_until = until.max(*paused_until);
    }

    fn pause_left(&self) -> Duration {
        let paused_until = *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        paused_until.saturating_sub(self.clock.elapsed())
    }

    /// Waits until a request may be sent.
    pub async fn acquire(&self) -> Permit {
        // The semaphore is never closed, so an error cannot come; without a slot the permit simply holds none.
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok();
        loop {
            let left = self.pause_left();
            if left.is_zero() {
                break;
            }
            self.clock.sleep(left).await;
        }
        Permit { slot, window: self.window, clock: self.clock.clone() }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(slot) = self.slot.take() else { return };
        let (clock, window) = (self.clock.clone(), self.window);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            clock.sleep(window).await;
            drop(slot);
        });
    }
}

/// The limiters of all accounts that a process talks to, so that two streams on one account share its limits.
#[derive(Debug, Clone)]
pub struct RateLimiters {
    clock: Clock,
    by_account: Arc<Mutex<HashMap<String, BTreeMap<&'static str, RateLimiter>>>>,
}

impl RateLimiters {
    /// Makes an empty set.
    pub fn new(clock: Clock) -> Self {
        Self { clock, by_account: Arc::default() }
    }

    /// Returns the limiters of an account, made from `limits` when the account is first seen.
    pub fn account(&self, account: &str, limits: &[RateLimit]) -> BTreeMap<&'static str, RateLimiter> {
        let mut by_account = self.by_account.lock().unwrap_or_else(PoisonError::into_inner);
        let limiters = by_account.entry(account.to_owned()).or_default();
        for limit in limits {
            limiters.entry(limit.name).or_insert_with(|| RateLimiter::new(*limit, self.clock.clone()));
        }
        limiters.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;

    fn limit(max_requests: u32, window_millis: u64) -> RateLimit {
        let max_requests = NonZeroU32::new(max_requests).unwrap();
        RateLimit { name: "burst", max_requests, window: Duration::from_millis(window_millis) }
    }

    /// Sends requests whose gaps and travel times are given and returns when the vendor saw them, sorted.
    fn arrivals(limit: RateLimit, requests: &[(u64, u64, u64)]) -> Vec<Duration> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let clock = Clock::system();
            let limiter = RateLimiter::new(limit, clock.clone());
            let mut sent = Vec::new();
            for (gap, there, back) in requests {
                clock.sleep(Duration::from_millis(*gap)).await;
                let (limiter, clock) = (limiter.clone(), clock.clone());
                let (there, back) = (Duration::from_millis(*there), Duration::from_millis(*back));
                sent.push(tokio::spawn(async move {
                    let _permit = limiter.acquire().await;
                    clock.sleep(there).await;
                    let seen = clock.elapsed();
                    clock.sleep(back).await;
                    seen
                }));
            }
            let mut arrivals = Vec::new();
            for request in sent {
                arrivals.push(request.await.unwrap());
            }
            arrivals.sort();
            arrivals
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_vendor_never_sees_more_than_its_limit_in_any_window(
            max_requests in 1_u32..6,
            window in 100_u64..2_000,
            requests in prop::collection::vec((0_u64..300, 0_u64..400, 0_u64..400), 1..40),
        ) {
            let arrivals = arrivals(limit(max_requests, window), &requests);
            for later in arrivals.windows(max_requests as usize + 1) {
                prop_assert!(later[later.len() - 1] >= later[0] + Duration::from_millis(window));
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_back_what_waits_already() {
        let clock = Clock::system();
        let limiter = RateLimiter::new(limit(1, 1_000), clock.clone());
        drop(limiter.acquire().await);
        let waiting = tokio::spawn({
            let limiter = limiter.clone();
            async move { drop(limiter.acquire().await) }
        });
        limiter.pause(Duration::from_secs(30));
        waiting.await.unwrap();
        assert!(clock.elapsed() >= Duration::from_secs(30));
    }
}
