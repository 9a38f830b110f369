//! What calls take of a system.

use std::{collections::BTreeMap, ops::AddAssign};

use super::capability::Cost;

/// What calls take of a system: how many there are, and how many units of each limit they spend.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spent {
    /// Calls that read.
    pub read: u64,
    /// Calls that write.
    pub write: u64,
    /// Units by the names of the limits.
    pub units: BTreeMap<&'static str, u64>,
}

impl Spent {
    /// Returns all calls.
    pub fn total(&self) -> u64 {
        self.read + self.write
    }

    /// Counts the units of so many calls of these costs.
    pub fn add_units(&mut self, costs: &[Cost], calls: u64) {
        for cost in costs {
            *self.units.entry(cost.limit).or_default() += u64::from(cost.units.get()) * calls;
        }
    }

    /// Returns what was spent beside this.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let of_other = |name: &&'static str| other.units.get(*name).copied().unwrap_or_default();
        let units = self.units.iter().map(|(name, units)| (*name, units.saturating_sub(of_other(name))));
        Self {
            read: self.read.saturating_sub(other.read),
            write: self.write.saturating_sub(other.write),
            units: units.collect(),
        }
    }
}

impl AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.write += other.write;
        for (name, units) in other.units {
            *self.units.entry(name).or_default() += units;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_away_is_what_was_added() {
        let mut spent = Spent { read: 1, ..Spent::default() };
        spent.add_units(&[Cost::of("tokens", 5), Cost::one("burst")], 3);
        let before = spent.clone();
        let mut more = Spent { write: 2, ..Spent::default() };
        more.add_units(&[Cost::of("tokens", 10)], 2);
        spent += more.clone();
        assert_eq!((spent.total(), spent.units["tokens"], spent.units["burst"]), (3, 35, 3));
        assert_eq!(spent.without(&more), before);
        assert_eq!(spent.without(&before).units["tokens"], 20);
    }
}
