//! Keeps requests within a vendor's limit for any arrival pattern.
//!
//! A vendor counts units in a rolling window as *it* sees requests arrive. A slot for each unit is therefore taken when a request
//! is sent and given back one window after its answer came: whatever the network does to the order of arrivals, the vendor never
//! sees more than its limit in any window. A smooth bucket (as in the `governor` crate) cannot promise that without giving up
//! its burst, which is why this is written here.

use std::{
    cmp::Ordering,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::Clock;
use crate::model::RateLimit;

/// Holds back requests to one limit of one account. Clones hold back together.
#[derive(Debug, Clone)]
pub struct RateLimiter {
    limit: RateLimit,
    slots: Arc<Semaphore>,
    clock: Clock,
    /// Until when nothing is sent, by the clock's elapsed time.
    paused_until: Arc<Mutex<Duration>>,
}

/// The units that one request spends of one limit; to be kept until the answer is there.
#[derive(Debug)]
pub struct Permit {
    slots: Option<OwnedSemaphorePermit>,
    window: Duration,
    clock: Clock,
}

impl RateLimiter {
    /// Makes the limiter of one limit.
    pub fn new(limit: RateLimit, clock: Clock) -> Self {
        let slot_count = usize::try_from(limit.max_units.get()).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { limit, slots: Arc::new(Semaphore::new(slot_count)), clock, paused_until: Arc::default() }
    }

    pub(super) fn limit(&self) -> RateLimit {
        self.limit
    }

    /// Holds back all requests for so long: the vendor said that its limit is crossed, so whatever is sent before is refused.
    pub fn pause(&self, wait: Duration) {
        let until = self.clock.elapsed().saturating_add(wait);
        let mut paused_until = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        *paused_until = until.max(*paused_until);
    }

    pub(super) fn is_paused(&self) -> bool {
        !self.pause_left().is_zero()
    }

    /// Waits until no pause holds requests back.
    pub(super) async fn wait_out_pause(&self) {
        while self.is_paused() {
            self.clock.sleep(self.pause_left()).await;
        }
    }

    fn pause_left(&self) -> Duration {
        let paused_until = *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        paused_until.saturating_sub(self.clock.elapsed())
    }

    /// Waits for so many units. A request that costs more than the whole limit takes all of it.
    pub(super) async fn take(&self, units: u32) -> Permit {
        let units = units.min(self.limit.max_units.get());
        // The semaphore is never closed, so an error cannot come; without slots the permit simply holds none.
        let slots = Arc::clone(&self.slots).acquire_many_owned(units).await.ok();
        Permit { slots, window: self.limit.window, clock: self.clock.clone() }
    }

    /// Orders limiters by how scarce their units are, the scarcest first.
    pub(super) fn cmp_scarcity(&self, other: &Self) -> Ordering {
        let window_per_unit = |limiter: &Self| limiter.limit.window / limiter.limit.max_units.get();
        let by_scarcity = window_per_unit(other).cmp(&window_per_unit(self));
        by_scarcity.then_with(|| self.limit.name.cmp(other.limit.name))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(slots) = self.slots.take() else { return };
        let (clock, window) = (self.clock.clone(), self.window);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            clock.sleep(window).await;
            drop(slots);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_request_that_costs_more_than_the_limit_takes_all_of_it() {
        let clock = Clock::system();
        let limit = RateLimit::per("tokens", NonZeroU32::new(3).unwrap(), Duration::from_secs(1));
        let limiter = RateLimiter::new(limit, clock.clone());
        drop(limiter.take(40).await);
        drop(limiter.take(1).await);
        assert!(clock.elapsed() >= Duration::from_secs(1), "the window of the first had to pass");
    }
}
