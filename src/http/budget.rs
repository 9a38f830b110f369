//! Counts what is spent of a budget for a day or month. Waiting does not help with these.
//!
//! A budget is shared with everybody who uses the account, so what is counted here is a lower bound. Where the vendor's answers
//! tell what is left, that corrects the count.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::clock::Clock;
use crate::model::{Quota, RateLimit};

/// One budget of one account. Clones count together.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    limit: RateLimit,
    clock: Clock,
    spent: Arc<Mutex<Spent>>,
}

#[derive(Debug, Default)]
struct Spent {
    units: u64,
    /// How many units there are, where the vendor has told.
    max: Option<u32>,
    /// When the window began that the units were spent in, by the clock's elapsed time.
    since: Option<Duration>,
}

/// Says that a budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the quota `{name}` is spent: {used} of its {max} units are used, and the request costs {cost}")]
pub struct BudgetSpent {
    name: &'static str,
    max: u32,
    used: u64,
    cost: u32,
}

impl Budget {
    pub(super) fn new(limit: RateLimit, clock: Clock) -> Self {
        Self { limit, clock, spent: Arc::default() }
    }

    pub(super) fn limit(&self) -> RateLimit {
        self.limit
    }

    /// Says whether so many units are left.
    pub(super) fn check(&self, units: u32) -> Result<(), BudgetSpent> {
        self.after(&self.now(), units).map(drop)
    }

    /// Spends units, or says that there are not enough of them.
    pub(super) fn spend(&self, units: u32) -> Result<(), BudgetSpent> {
        let mut spent = self.now();
        spent.units = self.after(&spent, units)?;
        Ok(())
    }

    /// Takes over what the vendor says is left. A quota of another size is another budget.
    pub(super) fn correct(&self, told: Quota) {
        if told.max == u64::from(self.limit.max_units.get()) {
            self.now().units = told.max.saturating_sub(told.remaining);
        }
    }

    /// Takes over how large the vendor says that the budget is, and what is left of it.
    pub(super) fn take_over(&self, told: Quota) {
        let mut spent = self.now();
        spent.max = u32::try_from(told.max).ok().filter(|max| *max > 0);
        spent.units = told.max.saturating_sub(told.remaining);
    }

    /// Returns what is left of it.
    pub(super) fn quota(&self) -> Quota {
        let spent = self.now();
        let max = u64::from(self.max(&spent));
        Quota { max, remaining: max.saturating_sub(spent.units) }
    }

    fn after(&self, spent: &Spent, units: u32) -> Result<u64, BudgetSpent> {
        let (after, max) = (spent.units.saturating_add(u64::from(units)), self.max(spent));
        if after > u64::from(max) {
            return Err(BudgetSpent { name: self.limit.name, max, used: spent.units, cost: units });
        }
        Ok(after)
    }

    fn max(&self, spent: &Spent) -> u32 {
        spent.max.unwrap_or(self.limit.max_units.get())
    }

    /// Returns the count of the current window, which begins with the first request.
    fn now(&self) -> MutexGuard<'_, Spent> {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.elapsed();
        let is_over = spent.since.is_none_or(|since| now.saturating_sub(since) >= self.limit.window);
        if is_over {
            *spent = Spent { units: 0, since: Some(now), max: spent.max };
        }
        spent
    }
}
