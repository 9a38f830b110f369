//! What is known of the rows of a batch on their way: a few bytes for each that was written, more only of those that failed.

use std::collections::{BTreeMap, HashMap};

use crate::connector::{ConnectorError, Outcomes};
use crate::model::{Outcome, Rejection};

use super::super::errors;

/// Characters of an id as Salesforce gives it.
const ID_BYTES: usize = 18;

/// The rows of a batch, by their numbers.
#[derive(Debug)]
pub(super) struct Progress {
    states: Vec<State>,
    open: usize,
    /// Outcomes that say more than an id.
    others: HashMap<usize, Outcome>,
    /// Rows that failed on a lock.
    locked: BTreeMap<usize, Rejection>,
    /// Whether a row may be written.
    pub(super) has_written: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Created([u8; ID_BYTES]),
    Updated([u8; ID_BYTES]),
    Deleted,
    Other,
    Locked,
}

impl Progress {
    pub(super) fn new(row_count: usize) -> Self {
        Self {
            states: vec![State::Open; row_count],
            open: row_count,
            others: HashMap::new(),
            locked: BTreeMap::new(),
            has_written: false,
        }
    }

    /// Returns how many rows nothing is known of.
    pub(super) fn open_count(&self) -> usize {
        self.open
    }

    /// Tells whether nothing is known of a row.
    pub(super) fn is_open(&self, place: usize) -> bool {
        self.states.get(place) == Some(&State::Open)
    }

    /// Tells whether a row failed on a lock.
    pub(super) fn is_locked(&self, place: usize) -> bool {
        self.states.get(place) == Some(&State::Locked)
    }

    pub(super) fn decide(&mut self, place: usize, outcome: Outcome) {
        let state = match &outcome {
            Outcome::Created { id } => bytes(id).map_or(State::Other, State::Created),
            Outcome::Updated { id } => bytes(id).map_or(State::Other, State::Updated),
            Outcome::Deleted => State::Deleted,
            _ => State::Other,
        };
        if state == State::Other {
            self.others.insert(place, outcome);
        }
        self.put(place, state);
    }

    pub(super) fn lock(&mut self, place: usize, reason: Rejection) {
        self.locked.insert(place, reason);
        self.put(place, State::Locked);
    }

    fn put(&mut self, place: usize, state: State) {
        let Some(known) = self.states.get_mut(place) else { return };
        if *known == State::Open {
            self.open -= 1;
        }
        *known = state;
    }

    /// Returns the outcomes, in order.
    ///
    /// # Errors
    /// Fails when one is missing.
    pub(super) fn into_outcomes(mut self) -> Result<Outcomes, ConnectorError> {
        if self.open > 0 {
            return Err(errors::incomplete("an outcome is missing"));
        }
        let places = 0..self.states.len();
        Ok(Box::new(places.map(move |place| self.outcome(place))))
    }

    fn outcome(&mut self, place: usize) -> Outcome {
        let text = |id: [u8; ID_BYTES]| String::from_utf8_lossy(&id).into_owned();
        match self.states.get(place) {
            Some(State::Created(id)) => Outcome::Created { id: text(*id) },
            Some(State::Updated(id)) => Outcome::Updated { id: text(*id) },
            Some(State::Deleted) => Outcome::Deleted,
            Some(State::Locked) => Outcome::Rejected(self.locked.remove(&place).unwrap_or_default()),
            Some(State::Other | State::Open) | None => {
                let unknown = || Outcome::Rejected(Rejection::default());
                self.others.remove(&place).unwrap_or_else(unknown)
            }
        }
    }
}

fn bytes(id: &str) -> Option<[u8; ID_BYTES]> {
    id.as_bytes().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_come_back_as_they_were_decided_and_in_order() {
        let decided = vec![
            Outcome::Created { id: "003000000000001AAA".to_owned() },
            Outcome::Updated { id: "short".to_owned() },
            Outcome::Deleted,
            Outcome::Missing,
            Outcome::Rejected(Rejection::new("code", "reason")),
        ];
        let mut progress = Progress::new(decided.len());
        for (place, outcome) in decided.iter().enumerate().rev() {
            assert!(progress.is_open(place));
            progress.decide(place, outcome.clone());
        }
        let outcomes = progress.into_outcomes().unwrap();
        assert_eq!(outcomes.len(), 5);
        assert_eq!(outcomes.collect::<Vec<_>>(), decided);
    }

    #[test]
    fn a_row_without_an_outcome_is_told() {
        let mut progress = Progress::new(2);
        progress.lock(0, Rejection::new("UNABLE_TO_LOCK_ROW", "x"));
        assert_eq!((progress.open_count(), progress.is_locked(0)), (1, true));
        assert!(progress.into_outcomes().is_err());
    }
}
