//! Counts the calls of one source or destination.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::model::{Calls, Cost, Quota, RateLimit, Spending, Spent};

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
    logins: AtomicU64,
    quota: Mutex<Option<Quota>>,
    /// What the vendor counts the quota in, where requests have a cost.
    unit: OnceLock<&'static str>,
    spent_reading: AtomicU64,
    spent_writing: AtomicU64,
    /// Units spent, by the names of the limits.
    units: Mutex<BTreeMap<&'static str, u64>>,
    /// The limits that the calls count against.
    limits: Mutex<Vec<RateLimit>>,
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

    /// Counts one call that was a log-in. Its token is kept, so the next run does not need it.
    pub fn count_login(&self) {
        self.counts.logins.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how many calls were log-ins.
    pub fn logins(&self) -> u64 {
        self.counts.logins.load(Ordering::Relaxed)
    }

    /// Returns how many writes were repeated although they may have been carried out.
    pub fn doubtful_writes(&self) -> u64 {
        self.counts.doubtful_writes.load(Ordering::Relaxed)
    }

    /// Counts what one attempt spends of the quota.
    pub fn count_spent(&self, access: Access, unit: &'static str, units: u32) {
        self.counts.unit.get_or_init(|| unit);
        match access {
            Access::Read => &self.counts.spent_reading,
            Access::Write => &self.counts.spent_writing,
        }
        .fetch_add(u64::from(units), Ordering::Relaxed);
    }

    /// Counts what one attempt spends of the limits.
    pub fn count_costs(&self, costs: &[Cost]) {
        let mut units = self.counts.units.lock().unwrap_or_else(PoisonError::into_inner);
        for cost in costs {
            *units.entry(cost.limit).or_default() += u64::from(cost.units.get());
        }
    }

    /// Notes the limits that calls count against.
    pub fn note_limits(&self, limits: Vec<RateLimit>) {
        *self.counts.limits.lock().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    /// Returns the limits that calls count against.
    pub fn limits(&self) -> Vec<RateLimit> {
        self.counts.limits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the calls so far, with what they spent of each limit.
    pub fn spent(&self) -> Spent {
        let Calls { read, write, .. } = self.calls();
        Spent { read, write, units: self.counts.units.lock().unwrap_or_else(PoisonError::into_inner).clone() }
    }

    /// Returns what was spent of the quota, where requests have a cost.
    pub fn spending(&self) -> Option<Spending> {
        let unit = *self.counts.unit.get()?;
        let [reading, writing] = [&self.counts.spent_reading, &self.counts.spent_writing];
        Some(Spending { unit, reading: reading.load(Ordering::Relaxed), writing: writing.load(Ordering::Relaxed) })
    }

    /// Notes what the vendor says is left of the quota.
    pub fn note_quota(&self, quota: Quota) {
        let mut known = self.counts.quota.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some(known.map_or(quota, |known| known.told_again(quota)));
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
            (&self.counts.logins, &other.counts.logins),
            (&self.counts.waited_millis, &other.counts.waited_millis),
            (&self.counts.spent_reading, &other.counts.spent_reading),
            (&self.counts.spent_writing, &other.counts.spent_writing),
        ];
        if let Some(unit) = other.counts.unit.get() {
            self.counts.unit.get_or_init(|| unit);
        }
        for (own, others) in pairs {
            own.fetch_add(others.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        }
        let taken = std::mem::take(&mut *other.counts.units.lock().unwrap_or_else(PoisonError::into_inner));
        let mut units = self.counts.units.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, count) in taken {
            *units.entry(name).or_default() += count;
        }
        drop(units);
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
        first.count_spent(Access::Read, "tokens", 10);
        first.count_costs(&[Cost::of("tokens", 10)]);
        second.take_over(&first);
        second.take_over(&first);
        assert_eq!((second.calls().read, second.calls().write, first.calls().total()), (1, 1, 0));
        assert_eq!(second.spending(), Some(Spending { unit: "tokens", reading: 10, writing: 0 }));
        assert_eq!(second.spent().units.get("tokens"), Some(&10));
        assert!(first.spent().units.is_empty());
        assert_eq!(Meter::default().spending(), None);
    }

    #[test]
    fn answers_that_overtake_each_other_leave_what_the_last_request_left() {
        let quota = |max, remaining| Quota { max, remaining };
        let told = [(30_000, 29_800), (30_000, 29_768), (30_000, 29_783), (30_000, 30_000), (30_000, 29_790)];
        let meter = Meter::default();
        let left = told.map(|(max, remaining)| {
            meter.note_quota(quota(max, remaining));
            meter.quota().unwrap().remaining
        });
        assert_eq!(left, [29_800, 29_768, 29_768, 29_768, 29_768]);
        meter.note_quota(quota(30_000, 100));
        for (max, remaining) in [(30_000, 29_999), (60_000, 59_999)] {
            meter.note_quota(quota(max, remaining));
            assert_eq!(meter.quota(), Some(quota(max, remaining)), "a new day, or another plan");
        }
    }
}
