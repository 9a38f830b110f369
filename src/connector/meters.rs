//! Adds up what all sources and destinations take of their connections.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::http::Meter;
use crate::model::{ConnectionName, Quota, RateLimit, Spent};

/// The meters of sources and destinations, each with its connection. Clones keep together.
#[derive(Debug, Clone, Default)]
pub struct Meters(Arc<Mutex<Vec<(ConnectionName, Meter)>>>);

/// What was taken of one connection.
#[derive(Debug, Clone, Default)]
pub struct Metered {
    /// The calls.
    pub spent: Spent,
    /// How many of them were log-ins: their tokens are kept.
    pub logins: u64,
    /// The limits that they count against.
    pub limits: Vec<RateLimit>,
    /// What is left of the vendor's budget, as far as it is known.
    pub quota: Option<Quota>,
    /// What the vendor counts its budget in, where requests have a cost.
    pub unit: Option<&'static str>,
}

impl Meters {
    pub(super) fn add(&self, connection: &ConnectionName, meter: &Meter) {
        let mut meters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        meters.push((connection.clone(), meter.clone()));
    }

    /// Returns what was taken of each connection so far.
    pub fn by_connection(&self) -> BTreeMap<ConnectionName, Metered> {
        let mut by_connection: BTreeMap<ConnectionName, Metered> = BTreeMap::new();
        for (connection, meter) in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            by_connection.entry(connection.clone()).or_default().add(meter);
        }
        by_connection
    }
}

impl Metered {
    fn add(&mut self, meter: &Meter) {
        self.spent += meter.spent();
        self.logins += meter.logins();
        for limit in meter.limits() {
            if !self.limits.iter().any(|known| known.name == limit.name) {
                self.limits.push(limit);
            }
        }
        self.quota = meter.quota().into_iter().chain(self.quota).min_by_key(|quota| quota.remaining);
        self.unit = self.unit.or_else(|| meter.spending().map(|spending| spending.unit));
    }
}
