//! All limits of a connection at once: per minute and per day, per user and per project.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::clock::Clock;
use crate::model::{Cost, Quota, RateLimit, WhenSpent};

use super::{
    budget::{Budget, BudgetSpent},
    rate_limit::{Permit, RateLimiter},
};

/// The limits of one connection, by name. A request spends its costs in all of them at once.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    paces: BTreeMap<&'static str, RateLimiter>,
    budgets: BTreeMap<&'static str, Budget>,
}

/// The limits of all accounts that a process talks to, so that two streams on one account share its limits.
#[derive(Debug, Clone)]
pub struct RateLimiters {
    clock: Clock,
    by_owner: Arc<Mutex<HashMap<String, Limits>>>,
}

impl RateLimiters {
    /// Makes an empty set.
    pub fn new(clock: Clock) -> Self {
        Self { clock, by_owner: Arc::default() }
    }

    /// Returns the limits of an owner (an account, a user, a project), made from `limits` when the owner is first seen.
    pub fn of(&self, owner: &str, limits: &[RateLimit]) -> Limits {
        let mut by_owner = self.by_owner.lock().unwrap_or_else(PoisonError::into_inner);
        let known = by_owner.entry(owner.to_owned()).or_default();
        for limit in limits {
            match limit.when_spent {
                WhenSpent::Wait => {
                    known.paces.entry(limit.name).or_insert_with(|| RateLimiter::new(*limit, self.clock.clone()));
                }
                WhenSpent::Stop => {
                    known.budgets.entry(limit.name).or_insert_with(|| Budget::new(*limit, self.clock.clone()));
                }
            }
        }
        known.clone()
    }
}

impl Limits {
    /// Adds the limits of another owner that the connection counts against too. Names are the connection's, so each is one limit.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.paces.extend(other.paces);
        self.budgets.extend(other.budgets);
        self
    }

    /// Returns the limits as they are declared.
    pub(super) fn declared(&self) -> Vec<RateLimit> {
        self.paces.values().map(RateLimiter::limit).chain(self.budgets.values().map(Budget::limit)).collect()
    }

    /// Waits until a request of these costs may be sent, and `pace` allows one more. A limit that it does not have costs nothing.
    ///
    /// # Errors
    /// Fails when a budget is used up; nothing is waited for then.
    pub(super) async fn acquire(&self, costs: &[Cost], pace: Option<&RateLimiter>) -> Result<Vec<Permit>, BudgetSpent> {
        let costed = costs.iter().filter_map(|cost| Some((self.paces.get(cost.limit)?, cost.units.get())));
        let mut wanted: Vec<(&RateLimiter, u32)> = costed.chain(pace.map(|pace| (pace, 1))).collect();
        // One order for all requests, so that none holds what another waits for; and little is held while the scarcest is waited for.
        wanted.sort_by(|(one, _), (other, _)| one.cmp_scarcity(other));
        self.budgets_of(costs).try_for_each(|(budget, units)| budget.check(units))?;
        let mut permits = Vec::with_capacity(wanted.len());
        for (limiter, units) in &wanted {
            permits.push(limiter.take(*units).await);
        }
        // A pause that began while another limit was waited for holds this request back too.
        while wanted.iter().any(|(limiter, _)| limiter.is_paused()) {
            for (limiter, _) in &wanted {
                limiter.wait_out_pause().await;
            }
        }
        self.budgets_of(costs).try_for_each(|(budget, units)| budget.spend(units))?;
        Ok(permits)
    }

    fn budgets_of(&self, costs: &[Cost]) -> impl Iterator<Item = (&Budget, u32)> {
        costs.iter().filter_map(|cost| Some((self.budgets.get(cost.limit)?, cost.units.get())))
    }

    /// Holds back all requests that count against these limits.
    pub(super) fn pause(&self, costs: &[Cost], wait: Duration) {
        costs.iter().filter_map(|cost| self.paces.get(cost.limit)).for_each(|limiter| limiter.pause(wait));
    }

    /// Takes over what the vendor says is left of a budget: of the named one, whatever its size, or of those of that size.
    pub(super) fn correct(&self, named: Option<&str>, told: Quota) {
        match named {
            Some(name) => self.budgets.get(name).into_iter().for_each(|budget| budget.take_over(told)),
            None => self.budgets.values().for_each(|budget| budget.correct(told)),
        }
    }

    /// Returns what is left of the budget that is used most, as far as it is known here.
    pub(super) fn quota(&self) -> Option<Quota> {
        let quotas = self.budgets.values().map(Budget::quota);
        quotas.max_by(|one, other| one.used_share().total_cmp(&other.used_share()))
    }
}

#[cfg(test)]
mod tests;
