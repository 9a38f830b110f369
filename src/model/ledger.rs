//! The account of a run: every record that was read is in exactly one column.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// Counts what became of the records of one stream at one destination, in records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// Read from the source, or made out of a read record by a step that splits records.
    pub read: u64,
    /// Left out by `where` or a filter, or folded into another record by an aggregate.
    pub filtered: u64,
    /// Left out as another record has the same key or id.
    pub duplicate: u64,
    /// At the destination already, as they are.
    pub unchanged: u64,
    /// Created.
    pub created: u64,
    /// Changed.
    pub updated: u64,
    /// Removed at the destination.
    pub deleted: u64,
    /// Refused by a check of ours or by the destination: dead letters.
    pub rejected: u64,
    /// Kept back for a person to decide: an ambiguous key, or a write whose effect cannot be told.
    pub held: u64,
}

impl Ledger {
    /// Returns the sum of all columns but `read`.
    pub fn accounted(&self) -> u64 {
        self.filtered
            + self.duplicate
            + self.unchanged
            + self.created
            + self.updated
            + self.deleted
            + self.rejected
            + self.held
    }

    /// Tells whether every record that was read is accounted for.
    pub fn closes(&self) -> bool {
        self.read == self.accounted()
    }
}

impl AddAssign for Ledger {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.filtered += other.filtered;
        self.duplicate += other.duplicate;
        self.unchanged += other.unchanged;
        self.created += other.created;
        self.updated += other.updated;
        self.deleted += other.deleted;
        self.rejected += other.rejected;
        self.held += other.held;
    }
}

/// Counts requests to a vendor, in calls. Every attempt counts, as it does for the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Calls {
    /// Calls that read: records, schemas, tokens.
    pub read: u64,
    /// Calls that write.
    pub write: u64,
    /// Answers that said the rate limit was crossed.
    pub rate_limited: u64,
    /// How long calls waited for the rate limit, all together, in milliseconds.
    #[serde(default)]
    pub waited_millis: u64,
}

impl Calls {
    /// Returns all calls.
    pub fn total(&self) -> u64 {
        self.read + self.write
    }
}

impl AddAssign for Calls {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.write += other.write;
        self.rate_limited += other.rate_limited;
        self.waited_millis += other.waited_millis;
    }
}

/// A vendor's budget of calls for a day or month, as its answers tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// Calls in all.
    pub max: u64,
    /// Calls left.
    pub remaining: u64,
}

/// By how much of the whole budget more must be left than was known before, in hundredths, for a new day to have begun.
const NEW_DAY_HUNDREDTHS: u64 = 1;

impl Quota {
    /// Returns what is left once another answer has told it. Answers to requests that are under way together overtake each other, so
    /// the smaller number is the later one, unless there is more left than those requests can have cost: then a new day has begun.
    #[must_use]
    pub fn told_again(self, told: Self) -> Self {
        let is_new_day = told.remaining > self.remaining.saturating_add(self.max / 100 * NEW_DAY_HUNDREDTHS);
        if told.max != self.max || is_new_day || told.remaining < self.remaining { told } else { self }
    }

    /// Returns the share that is used, from 0 to 1.
    pub fn used_share(self) -> f64 {
        if self.max == 0 {
            return 1.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more digits than a float has")]
        let share = self.max.saturating_sub(self.remaining) as f64 / self.max as f64;
        share
    }
}

/// What requests have spent of a vendor's budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spending {
    /// What the vendor counts: `tokens`.
    pub unit: &'static str,
    /// Spent by requests that read.
    pub reading: u64,
    /// Spent by requests that write.
    pub writing: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_closes_only_when_every_record_is_in_a_column() {
        let ledger = Ledger { read: 3, created: 1, rejected: 1, held: 1, ..Ledger::default() };
        assert!(ledger.closes());
        assert!(!Ledger { read: 4, ..ledger }.closes());
    }
}
