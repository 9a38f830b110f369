//! What a run would take of each system: calls, quota, and time at the vendor's limits.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use crate::config::Pipeline;
use crate::connector::{Metered, Meters};
use crate::engine::accounts::RunAccounts;
use crate::model::{ConnectionName, Quota, RateLimit, Spent, WhenSpent};
use crate::state::Target;

use super::{
    report::{ConnectionCosts, LimitCosts, QuotaCosts},
    tally::Tally,
};

/// What is known of one connection.
#[derive(Default)]
struct Counted {
    /// What the plan itself took.
    planning: Metered,
    /// What of that a run does not take.
    aside: Spent,
    writes: Spent,
}

/// Puts together what a run would take: what was read for the plan, but for what only a plan looks up, and what its writes take.
pub(super) fn costs(
    pipeline: &Pipeline,
    accounts: &RunAccounts,
    meters: &Meters,
    tallies: &HashMap<Target, Tally>,
) -> Vec<ConnectionCosts> {
    let planning = meters.by_connection().into_iter();
    let mut counted: BTreeMap<ConnectionName, Counted> =
        planning.map(|(name, planning)| (name, Counted { planning, ..Counted::default() })).collect();
    for (target, tally) in tallies {
        let of_connection = counted.entry(target.connection.clone()).or_default();
        of_connection.aside += tally.aside.clone();
        of_connection.writes += tally.writes.clone();
    }
    let used = counted.into_iter().filter(|(_, counted)| counted.planning.spent.total() + counted.writes.total() > 0);
    used.map(|(name, counted)| counted.costs(pipeline, accounts, name)).collect()
}

impl Counted {
    fn costs(self, pipeline: &Pipeline, accounts: &RunAccounts, connection: ConnectionName) -> ConnectionCosts {
        let Metered { spent: planning, logins, limits, quota, unit } = self.planning;
        let mut run = planning.without(&self.aside);
        run.read = run.read.saturating_sub(logins);
        run += self.writes;
        let units_of = |name: &str| run.units.get(name).copied().unwrap_or_default();
        let quota = quota.map(|Quota { max, remaining }| QuotaCosts {
            unit: unit.unwrap_or("calls").to_owned(),
            needed: unit.map_or(run.total(), units_of),
            left: remaining,
            max,
        });
        let paces: Vec<(&RateLimit, u64)> = limits
            .iter()
            .filter(|limit| limit.when_spent == WhenSpent::Wait)
            .map(|limit| (limit, units_of(limit.name)))
            .filter(|(_, units)| *units > 0)
            .collect();
        let least = paces.iter().map(|(limit, units)| least_time(limit, *units));
        let own_pace = pipeline.limits.requests_per_sec.map(|rate| at_pace(rate, run.total()));
        ConnectionCosts {
            system: pipeline.connections.get(&connection).map(|found| found.connector.clone()).unwrap_or_default(),
            account: accounts.known(&connection).map(|account| account.id().to_owned()),
            connection,
            calls: run.total(),
            calls_read: run.read,
            calls_write: run.write,
            calls_planning: planning.total(),
            quota,
            limits: paces.iter().map(|(limit, units)| LimitCosts::of(limit, *units)).collect(),
            seconds: least.chain(own_pace).max().unwrap_or_default().as_secs(),
        }
    }
}

impl LimitCosts {
    fn of(limit: &RateLimit, units: u64) -> Self {
        let (name, max) = (limit.name.to_owned(), u64::from(limit.max_units.get()));
        Self { name, units, max, window_secs: limit.window.as_secs() }
    }
}

/// Returns how long so many units take at least: a window holds so many, and the first one is free.
fn least_time(limit: &RateLimit, units: u64) -> Duration {
    let windows = units.saturating_sub(1) / u64::from(limit.max_units.get());
    limit.window.saturating_mul(u32::try_from(windows).unwrap_or(u32::MAX))
}

/// Returns how long so many calls take at the pipeline's own pace.
fn at_pace(requests_per_sec: f64, calls: u64) -> Duration {
    #[expect(clippy::cast_precision_loss, reason = "a forecast needs no more digits than a float has")]
    let seconds = calls.saturating_sub(1) as f64 / requests_per_sec;
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn the_first_window_takes_no_time() {
        let limit = RateLimit::per("burst", NonZeroU32::new(5).unwrap(), Duration::from_secs(2));
        let times = [0, 1, 5, 6, 10, 11].map(|units| least_time(&limit, units).as_secs());
        assert_eq!(times, [0, 0, 0, 2, 2, 4]);
        assert_eq!(at_pace(2.0, 11), Duration::from_secs(5));
    }
}
