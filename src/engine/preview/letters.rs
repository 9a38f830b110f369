//! The dead letters of a dry run, as what a preview says.

use std::collections::HashMap;

use crate::model::{ConnectionName, ObjectName, Rejection, StreamName};
use crate::state::{DeadLetter, LetterBody, Target};

use super::{
    reasons::reasons,
    report::{PreviewReport, RejectedRecord},
};

impl PreviewReport {
    /// Puts the dead letters of a run in the place of what a preview found: a system refuses records too.
    #[must_use]
    pub fn with_letters(mut self, letters: Vec<DeadLetter>) -> Self {
        let mut by_place: HashMap<(StreamName, ConnectionName, ObjectName), Vec<RejectedRecord>> = HashMap::new();
        for letter in letters {
            let Target { stream, connection, object, .. } = letter.target.clone();
            by_place.entry((stream, connection, object)).or_default().push(RejectedRecord::of(letter));
        }
        for stream in &mut self.streams {
            for destination in &mut stream.destinations {
                let place = (stream.name.clone(), destination.connection.clone(), destination.object.clone());
                let rejected = by_place.remove(&place).unwrap_or_default();
                destination.rejected = u64::try_from(rejected.len()).unwrap_or(u64::MAX);
                destination.rejects = reasons(&rejected);
                destination.rejected_records = rejected;
            }
        }
        self
    }
}

impl RejectedRecord {
    fn of(letter: DeadLetter) -> Self {
        let LetterBody { reason, value, source, request_id, .. } = letter.body;
        let field = letter.field;
        Self {
            id: letter.source_id,
            line: letter.line,
            rejection: Rejection { field, value, request_id, ..Rejection::new(letter.code, reason) },
            source,
        }
    }
}
