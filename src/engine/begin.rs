//! Where the read of a stream begins: at a checkpoint, or at the beginning.

use crate::model::Cursor;
use crate::state::Checkpoint;

/// Where the read of a stream begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Begin {
    /// This run was stopped: it goes on behind its last checkpoint, and its ledgers with it.
    GoOn {
        /// Where the read goes on.
        cursor: Cursor,
        /// How many chunks are loaded.
        chunk: u64,
    },
    /// This run was stopped, and its destinations do not stand at one checkpoint: it reads again from where it began. What it
    /// wrote is found in the id map and costs no call.
    Again {
        /// Where the run began; none where it began at the beginning.
        cursor: Option<Cursor>,
    },
    /// A new run: it reads what changed since the checkpoint of an earlier one.
    Since {
        /// The checkpoint from which no destination misses anything.
        cursor: Cursor,
    },
    /// Everything is read.
    Whole,
}

/// What decides where a read begins.
#[derive(Debug)]
pub(super) struct Standing<'run> {
    pub run: RunState<'run>,
    pub reading: Reading,
    /// The checkpoint of each destination.
    pub checkpoints: Vec<Option<Checkpoint>>,
}

/// Which run this is to the stream.
#[derive(Debug)]
pub(super) enum RunState<'run> {
    /// It begins.
    New,
    /// It was stopped before, and began to read at this cursor.
    Resumed { run_id: &'run str, start_cursor: Option<Cursor> },
}

/// How much of the source must be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// What changed since the last checkpoint.
    Changes,
    /// Everything; a stopped run may go on where it was.
    All,
    /// Everything in one go: a destination rewrites the object.
    AllAtOnce,
}

impl Begin {
    /// Decides where the read begins.
    pub(super) fn of(standing: Standing<'_>) -> Self {
        let Standing { run, reading, checkpoints } = standing;
        match run {
            _ if reading == Reading::AllAtOnce => Self::anew(&run),
            RunState::Resumed { run_id, start_cursor } => match common(&checkpoints) {
                Some(point) if point.run_id == run_id => {
                    Self::GoOn { cursor: point.cursor.clone(), chunk: point.chunk }
                }
                _ => Self::Again { cursor: start_cursor },
            },
            RunState::New => match (reading, oldest(checkpoints)) {
                (Reading::Changes, Some(cursor)) => Self::Since { cursor },
                (Reading::Changes | Reading::All | Reading::AllAtOnce, _) => Self::Whole,
            },
        }
    }

    fn anew(run: &RunState<'_>) -> Self {
        match run {
            RunState::New => Self::Whole,
            RunState::Resumed { .. } => Self::Again { cursor: None },
        }
    }

    /// Returns the cursor that the read begins behind.
    pub(super) fn cursor(&self) -> Option<&Cursor> {
        match self {
            Self::GoOn { cursor, .. } | Self::Since { cursor } => Some(cursor),
            Self::Again { cursor } => cursor.as_ref(),
            Self::Whole => None,
        }
    }

    /// Returns how many chunks of this run are loaded already.
    pub(super) fn chunk(&self) -> u64 {
        match self {
            Self::GoOn { chunk, .. } => *chunk,
            Self::Again { .. } | Self::Since { .. } | Self::Whole => 0,
        }
    }
}

/// The checkpoint at which all destinations stand; none where they do not agree.
fn common(checkpoints: &[Option<Checkpoint>]) -> Option<&Checkpoint> {
    let first = checkpoints.first()?.as_ref()?;
    let are_equal = checkpoints.iter().all(|point| point.as_ref().is_some_and(|point| point.cursor == first.cursor));
    are_equal.then_some(first)
}

/// The checkpoint from which nothing is missed by any destination: none where one has no checkpoint.
fn oldest(checkpoints: Vec<Option<Checkpoint>>) -> Option<Cursor> {
    let all: Option<Vec<Checkpoint>> = checkpoints.into_iter().collect();
    all?.into_iter().min_by_key(|checkpoint| checkpoint.number).map(|checkpoint| checkpoint.cursor)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "a checkpoint as the state gives it")]
    fn point(run_id: &str, cursor: u64, number: i64) -> Option<Checkpoint> {
        let saved_at = DateTime::UNIX_EPOCH;
        Some(Checkpoint {
            run_id: run_id.to_owned(),
            cursor: Cursor(json!(cursor)),
            chunk: cursor * 10,
            saved_at,
            number,
        })
    }

    fn begin(run: RunState<'_>, reading: Reading, checkpoints: Vec<Option<Checkpoint>>) -> Begin {
        Begin::of(Standing { run, reading, checkpoints })
    }

    #[test]
    fn a_read_begins_where_no_destination_misses_anything() {
        use Reading::{All, AllAtOnce, Changes};
        let cursor = |cursor: u64| Cursor(json!(cursor));
        let resumed = || RunState::Resumed { run_id: "this", start_cursor: Some(cursor(1)) };
        let again = Begin::Again { cursor: Some(cursor(1)) };
        let cases = [
            (
                begin(RunState::New, Changes, vec![point("old", 5, 9), point("old", 4, 7)]),
                Begin::Since { cursor: cursor(4) },
            ),
            (begin(RunState::New, Changes, vec![point("old", 5, 9), None]), Begin::Whole),
            (begin(RunState::New, All, vec![point("old", 5, 9)]), Begin::Whole),
            (begin(RunState::New, AllAtOnce, vec![point("old", 5, 9)]), Begin::Whole),
            (
                begin(resumed(), Changes, vec![point("this", 5, 9), point("this", 5, 8)]),
                Begin::GoOn { cursor: cursor(5), chunk: 50 },
            ),
            (begin(resumed(), All, vec![point("this", 5, 9)]), Begin::GoOn { cursor: cursor(5), chunk: 50 }),
            (begin(resumed(), Changes, vec![point("this", 5, 9), point("this", 4, 8)]), again.clone()),
            (begin(resumed(), Changes, vec![point("this", 5, 9), None]), again.clone()),
            (begin(resumed(), Changes, vec![point("old", 5, 9)]), again.clone()),
            (begin(resumed(), AllAtOnce, vec![point("this", 5, 9)]), Begin::Again { cursor: None }),
        ];
        for (number, (found, expected)) in cases.into_iter().enumerate() {
            assert_eq!(found, expected, "case {number}");
        }
    }
}
