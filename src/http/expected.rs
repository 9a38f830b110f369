//! What the answer to a request must look like to be believed.
//!
//! A success proves something only when it is whole and belongs to the request. The stack treats half an answer, a gateway's
//! page with status 200, and a late answer of another request as lost.

use std::{
    collections::HashSet,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use super::answer::Answer;

/// Tells whether a success is a whole answer to its request.
#[derive(Clone)]
pub struct Expected(Arc<dyn Fn(&Answer) -> bool + Send + Sync>);

/// Lets an answer pass that does not seem to be that to its request, if one that says the same came before: how a vendor compares
/// values is its own affair. Two that say different things are those of two other requests.
#[derive(Debug, Default)]
pub struct Doubt(Mutex<HashSet<u64>>);

impl Doubt {
    /// Tells whether an answer is believed: it fits, or one before it said the same.
    pub fn believes<Said: Hash>(&self, fits: bool, said: impl FnOnce() -> Said) -> bool {
        if fits {
            return true;
        }
        let mut hasher = DefaultHasher::new();
        said().hash(&mut hasher);
        !self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(hasher.finish())
    }
}

impl Expected {
    /// Expects what `is_whole` says.
    pub fn new(is_whole: impl Fn(&Answer) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(is_whole))
    }

    pub(super) fn is_met(&self, answer: &Answer) -> bool {
        (self.0)(answer)
    }
}

impl Default for Expected {
    /// Expects JSON, or nothing at all where the status says so (204).
    fn default() -> Self {
        Self::new(|answer| answer.status.as_u16() == 204 || answer.is_json())
    }
}

impl fmt::Debug for Expected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Expected")
    }
}
