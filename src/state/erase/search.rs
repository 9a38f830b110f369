//! The whole search: whose records, which rows, and where the records are.

use std::collections::BTreeMap;

use crate::state::{State, Work, error::StateError};

use super::{Person, Traces, action::FoundRow, find::Finder};

/// All that was found.
#[derive(Debug)]
pub(super) struct Found {
    pub traces: Traces,
    pub rows: Vec<FoundRow>,
}

impl State {
    /// Finds what the state file holds of a person.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn find_person(&self, person: Person) -> Result<Traces, StateError> {
        self.read(move |work| Ok(work.find_person(&person)?.traces)).await
    }
}

impl Work<'_> {
    pub(super) fn find_person(&self, person: &Person) -> Result<Found, StateError> {
        let finder = Finder::find(self, person)?;
        let (rows, mentioning) = finder.find_rows()?;
        let mut counts = BTreeMap::new();
        for row in &rows {
            *counts.entry(row.kind).or_default() += 1;
        }
        Ok(Found { traces: Traces { records: finder.traced(&mentioning)?, counts }, rows })
    }
}
