//! Counts the calls of one source or destination.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::model::Calls;

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

    /// Returns the counts so far.
    pub fn calls(&self) -> Calls {
        Calls {
            read: self.counts.read.load(Ordering::Relaxed),
            write: self.counts.write.load(Ordering::Relaxed),
            rate_limited: self.counts.rate_limited.load(Ordering::Relaxed),
        }
    }
}
