//! Counts the calls of one source or destination.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::model::{Calls, Quota};

use super::request::Access;

/// Counts calls. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    read: AtomicU64,
    write: AtomicU64,
    rate_limited: AtomicU64,
    waited_millis: AtomicU64,
    doubtful_writes: AtomicU64,
    quota: Mutex<Option<Quota>>,
}

impl Meter {
    /// Counts one attempt.
    pub fn count(&self, access: Access) {
        match access {
            Access::Read => &self.counts.read,
            Access::Write => &self.counts.write,
        }
        .fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one answer that said the rate limit was crossed.
    pub fn count_rate_limited(&self) {
        self.counts.rate_limited.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts how long a call waited for the rate limit.
    pub fn count_wait(&self, wait: Duration) {
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.counts.waited_millis.fetch_add(millis, Ordering::Relaxed);
    }

    /// Counts one write that is repeated although it may have been carried out.
    pub fn count_doubtful_write(&self) {
        self.counts.doubtful_writes.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how many writes were repeated although they may have been carried out.
    pub fn doubtful_writes(&self) -> u64 {
        self.counts.doubtful_writes.load(Ordering::Relaxed)
    }

    /// Notes what the vendor says is left of the quota.
    pub fn note_quota(&self, quota: Quota) {
        *self.counts.quota.lock().unwrap_or_else(PoisonError::into_inner) = Some(quota);
    }

    /// Returns what the vendor last said of the quota, if it said anything.
    pub fn quota(&self) -> Option<Quota> {
        *self.counts.quota.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what another meter has counted, which begins at zero again.
    pub fn take_over(&self, other: &Self) {
        let pairs = [
            (&self.counts.read, &other.counts.read),
            (&self.counts.write, &other.counts.write),
            (&self.counts.rate_limited, &other.counts.rate_limited),
            (&self.counts.waited_millis, &other.counts.waited_millis),
        ];
        for (own, others) in pairs {
            own.fetch_add(others.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        }
        if let (None, Some(quota)) = (self.quota(), other.quota()) {
            self.note_quota(quota);
        }
    }

    /// Returns the counts so far.
    pub fn calls(&self) -> Calls {
        Calls {
            read: self.counts.read.load(Ordering::Relaxed),
            write: self.counts.write.load(Ordering::Relaxed),
            rate_limited: self.counts.rate_limited.load(Ordering::Relaxed),
            waited_millis: self.counts.waited_millis.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_are_taken_over_are_counted_once() {
        let (first, second) = (Meter::default(), Meter::default());
        first.count(Access::Read);
        second.count(Access::Write);
        second.take_over(&first);
        second.take_over(&first);
        assert_eq!((second.calls().read, second.calls().write, first.calls().total()), (1, 1, 0));
    }
}
