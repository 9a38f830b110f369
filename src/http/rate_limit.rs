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

use crate::{clock::Clock, model::RateLimit};

/// Holds back requests to one limit of one account. Clones hold back together.
#[derive(Debug, Clone)]
pub struct RateLimiter {
    slots: Arc<Semaphore>,
    window: Duration,
    clock: Clock,
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
        Self { slots: Arc::new(Semaphore::new(slot_count)), window: limit.window, clock }
    }

    /// Waits until a request may be sent.
    pub async fn acquire(&self) -> Permit {
        // The semaphore is never closed, so an error cannot come; without a slot the permit simply holds none.
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok();
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
