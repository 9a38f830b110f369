//! Records that were not written, kept with the reason and with what a person needs to correct them.
//!
//! A letter belongs to one record of one read, by its number there: of two bad records with the same source id, each has its own.
//! It is answered when that record is written by a redrive, or when a later run writes a record with its source id.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rusqlite::{Row, params, types::Value};
use serde::{Deserialize, Serialize};

use crate::redact::redact;

use super::{
    SourceKey, State, Work,
    error::StateError,
    runs::moment,
    seal::Cell,
    sets::{Array, keys, numbers, signed},
    target::{Target, TargetId},
};

/// A record that was not written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The run.
    pub run_id: String,
    /// Where it was to be written.
    pub target: Target,
    /// The source's id; empty where only the destination's is known (a delete that was refused).
    pub source_id: String,
    /// The source's id as it is looked up; on saving, needed only where `source_id` is empty.
    pub source_key: Option<SourceKey>,
    /// Which kind of trouble.
    pub kind: DeadLetterKind,
    /// A stable word for the reason; never holds a value.
    pub code: String,
    /// The field to blame, by the destination's name.
    pub field: Option<String>,
    /// The record's number in the read of the run, from 1 on; 0 where the letter is not about a record that was read (a link
    /// that is set later, a delete).
    pub number: u64,
    /// The line of the source's file, where there is one.
    pub line: Option<u64>,
    /// When.
    pub created_at: DateTime<Utc>,
    /// In which chunk of the run.
    pub chunk: u64,
    /// What may hold personal data.
    pub body: LetterBody,
}

/// What a dead letter holds of the record: sealed in the state file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LetterBody {
    /// The reason in full.
    pub reason: String,
    /// The value to blame.
    pub value: Option<String>,
    /// The record as the source gave it, a JSON object.
    pub source: serde_json::Value,
    /// The record as it was to be written, a JSON object by the destination's names; null where it was not mapped.
    pub mapped: serde_json::Value,
    /// The vendor's id of the request.
    pub request_id: Option<String>,
}

/// What is sealed of a dead letter.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SealedLetter {
    pub source_id: String,
    pub body: LetterBody,
}

impl LetterBody {
    /// Takes the known secrets out of what a vendor said. The record stays as it is: it is loaded again.
    fn without_secrets(&self) -> Self {
        let clean = |text: &String| redact(text).into_owned();
        Self {
            reason: clean(&self.reason),
            value: self.value.as_ref().map(clean),
            request_id: self.request_id.as_ref().map(clean),
            ..self.clone()
        }
    }
}

/// Kinds of dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterKind {
    /// The record was refused.
    Rejected,
    /// The record waits for a person.
    Held,
    /// The record was written, but not one of its links.
    Link,
}

/// How many dead letters of a target have the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReasonCount {
    /// Where they were to be written.
    pub target: Target,
    /// Which kind of trouble.
    pub kind: DeadLetterKind,
    /// The word for the reason.
    pub code: String,
    /// The field to blame.
    pub field: Option<String>,
    /// How many.
    pub letters: u64,
}

/// The dead letters of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Letters {
    /// Those that nobody has answered, by target and record number.
    pub open: Vec<DeadLetter>,
    /// Those whose record was written since, in the same order.
    pub answered: Vec<DeadLetter>,
}

/// How many letters a run has written at a target: to be compared with its ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterCount {
    /// The target.
    pub target: Target,
    /// Of records that were refused.
    pub rejected: u64,
    /// Of records that wait for a person.
    pub held: u64,
    /// What the ledger counts as refused.
    pub ledger_rejected: u64,
    /// What the ledger counts as waiting.
    pub ledger_held: u64,
}

impl LetterCount {
    /// Tells whether there is a letter for each record that the ledger counts as not written, and no other.
    pub fn agrees(&self) -> bool {
        self.rejected == self.ledger_rejected && self.held == self.ledger_held
    }
}

impl DeadLetterKind {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Held => "held",
            Self::Link => "link",
        }
    }

    fn from_word(word: &str) -> Self {
        match word {
            "held" => Self::Held,
            "link" => Self::Link,
            _ => Self::Rejected,
        }
    }
}

const INSERT: &str = "INSERT OR REPLACE INTO dead_letters
     (letter_id, run_id, target_id, source_key, kind, number, line, code, field, sealed, created_at, chunk)";
/// Leaves the letters of other records of this run and of the run that is redriven: they may have the same source id.
pub(super) const RESOLVE: &str = "UPDATE dead_letters INDEXED BY dead_letters_by_source SET resolved_at = ?3
     WHERE target_id = ?1 AND source_key IN rarray(?2) AND resolved_at IS NULL AND (?4 IS NULL OR kind = ?4)
       AND (number = 0 OR number IN rarray(?5) OR run_id NOT IN (?6, ?7))";
pub(super) const RESOLVE_LINK: &str = "UPDATE dead_letters INDEXED BY dead_letters_by_source SET resolved_at = ?4
     WHERE target_id = ?1 AND source_key IN rarray(?2) AND resolved_at IS NULL AND kind = 'link' AND field = ?3";
pub(super) const HAS_OPEN: &str = "SELECT 1 FROM dead_letters INDEXED BY dead_letters_by_source
     WHERE target_id = ?1 AND resolved_at IS NULL LIMIT 1";
pub(super) const HELD: &str = "SELECT letter_id, target_id, sealed FROM dead_letters INDEXED BY dead_letters_held
     WHERE kind = 'held' AND target_id = ?1 AND code = ?2 AND resolved_at IS NULL";
pub(super) const OF_RUN: &str =
    "SELECT * FROM dead_letters INDEXED BY dead_letters_by_run CROSS JOIN targets USING (target_id)
     WHERE run_id = ?1 ORDER BY target_id, number";
pub(super) const REWIND_REJECTED: &str = "DELETE FROM dead_letters INDEXED BY dead_letters_by_run
     WHERE run_id = ?1 AND target_id = ?2 AND chunk > ?3 AND number > 0 AND kind = 'rejected'";
pub(super) const REWIND_HELD: &str = "UPDATE OR REPLACE dead_letters INDEXED BY dead_letters_by_run SET number = 0
     WHERE run_id = ?1 AND target_id = ?2 AND chunk > ?3 AND number > 0 AND kind = 'held'";
/// A letter that has a number now replaces the one of the same record that had lost it.
pub(super) const DROP_UNNUMBERED: &str = "DELETE FROM dead_letters INDEXED BY dead_letters_by_source
     WHERE target_id = ?1 AND source_key IN rarray(?2) AND resolved_at IS NULL AND run_id = ?3 AND kind = ?4 AND number = 0";
const COUNT: &str = "SELECT targets.*, ledgers.ledger,
       COUNT(*) FILTER (WHERE kind = 'rejected') AS rejected, COUNT(*) FILTER (WHERE kind = 'held') AS held
     FROM ledgers JOIN targets USING (target_id)
     LEFT JOIN dead_letters ON dead_letters.run_id = ledgers.run_id AND dead_letters.target_id = ledgers.target_id
       AND dead_letters.chunk <= ledgers.chunk
     WHERE ledgers.run_id = ?1 GROUP BY targets.target_id ORDER BY position";
pub(super) const ANSWER_EARLIER: &str = "UPDATE dead_letters SET resolved_at = ?3
     WHERE target_id = ?1 AND run_id <> ?2 AND kind IN ('rejected', 'held') AND resolved_at IS NULL";
const COUNT_OPEN: &str =
    "SELECT COUNT(*) FROM targets JOIN dead_letters INDEXED BY dead_letters_by_source USING (target_id)
     WHERE pipeline = ?1 AND resolved_at IS NULL
       AND COALESCE(destination_account, (SELECT account FROM accounts AS seen WHERE seen.pipeline = targets.pipeline
             AND seen.connection = targets.connection ORDER BY first_seen LIMIT 1))
         IS (SELECT account FROM accounts AS seen WHERE seen.pipeline = targets.pipeline
             AND seen.connection = targets.connection ORDER BY last_seen DESC LIMIT 1)
       AND COALESCE(source_account, (SELECT account FROM accounts AS seen WHERE seen.pipeline = targets.pipeline
             AND seen.connection = targets.source_connection ORDER BY first_seen LIMIT 1))
         IS (SELECT account FROM accounts AS seen WHERE seen.pipeline = targets.pipeline
             AND seen.connection = targets.source_connection ORDER BY last_seen DESC LIMIT 1)";
const REASONS: &str = "SELECT targets.*, kind, code, field, COUNT(*) AS letters
     FROM dead_letters JOIN targets USING (target_id) JOIN ledgers USING (run_id, target_id)
     WHERE run_id = ?1 AND resolved_at IS NULL AND dead_letters.chunk <= ledgers.chunk
     GROUP BY target_id, kind, code, field ORDER BY letters DESC, code, field";

/// The records whose letters are answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered<'set> {
    pub source_keys: &'set [SourceKey],
    /// Their numbers in the read.
    pub numbers: &'set [u64],
    /// Which kind; all where none.
    pub kind: Option<DeadLetterKind>,
    pub run_id: &'set str,
    /// The run whose letters are loaded again, where this is a redrive.
    pub redriven_run: Option<&'set str>,
    pub now: DateTime<Utc>,
}

impl State {
    /// Returns the dead letters of a run.
    ///
    /// # Errors
    /// Fails when the state cannot be read or the key does not open them.
    pub async fn letters(&self, run_id: &str) -> Result<Letters, StateError> {
        let run_id = run_id.to_owned();
        self.read(move |work| work.letters_of(&run_id)).await
    }

    /// Compares the letters of a run with its ledgers, target by target, in the pipeline's order.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn count_letters(&self, run_id: &str) -> Result<Vec<LetterCount>, StateError> {
        let run_id = run_id.to_owned();
        self.read(move |work| work.count_letters(&run_id)).await
    }

    /// Counts the letters of a pipeline that nobody has answered, of whatever run, at the accounts that its connections were seen
    /// at last. What was remembered before accounts were told apart belongs to the first ones.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn count_open_letters(&self, pipeline: &str) -> Result<u64, StateError> {
        let pipeline = pipeline.to_owned();
        self.read(move |work| {
            let count: i64 = work.transaction.prepare_cached(COUNT_OPEN)?.query_row([pipeline], |row| row.get(0))?;
            Ok(count.unsigned_abs())
        })
        .await
    }
}

fn cell(target: TargetId, letter_id: i64) -> Cell {
    Cell::new("dead_letters", &[&target.0, &letter_id])
}

impl Work<'_> {
    /// Notes that what earlier runs did not write of a target was read again.
    pub(super) fn answer_earlier_letters(
        &self,
        target: TargetId,
        run_id: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StateError> {
        self.transaction.prepare_cached(ANSWER_EARLIER)?.execute(params![target.0, run_id, now.to_rfc3339()])?;
        Ok(())
    }

    /// Stores letters of a target; each answers those of its record and kind from earlier runs.
    pub(super) fn save_letters(
        &self,
        target: TargetId,
        letters: &[DeadLetter],
        redriven_run: Option<&str>,
    ) -> Result<(), StateError> {
        let Some(first) = letters.first() else { return Ok(()) };
        let source_key = |letter: &DeadLetter| letter.source_key.unwrap_or_else(|| self.source_key(&letter.source_id));
        let source_keys: Vec<SourceKey> = letters.iter().map(source_key).collect();
        let mut by_kind: HashMap<DeadLetterKind, (Vec<SourceKey>, Vec<u64>)> = HashMap::new();
        for (letter, source_key) in letters.iter().zip(&source_keys) {
            let (keys, numbers) = by_kind.entry(letter.kind).or_default();
            keys.push(*source_key);
            numbers.extend(Some(letter.number).filter(|number| *number > 0));
        }
        for (kind, (source_keys, numbers)) in &by_kind {
            let (run_id, now) = (first.run_id.as_str(), first.created_at);
            // What has a number replaces the letter without one; that of a link or a delete is replaced by its name.
            if !numbers.is_empty() {
                let parameters = params![target.0, keys(source_keys), run_id, kind.as_str()];
                self.transaction.prepare_cached(DROP_UNNUMBERED)?.execute(parameters)?;
            }
            let kind = Some(*kind);
            self.answer_letters(target, &Answered { source_keys, numbers, kind, run_id, redriven_run, now })?;
        }
        let rows = self.letter_rows(target, letters, &source_keys)?;
        self.insert_rows(INSERT, "", &rows)
    }

    fn letter_rows(
        &self,
        target: TargetId,
        letters: &[DeadLetter],
        source_keys: &[SourceKey],
    ) -> Result<Vec<[Value; 12]>, StateError> {
        let first = self.next_id("dead_letters", "letter_id")?;
        let mut rows = Vec::with_capacity(letters.len());
        for ((letter_id, letter), source_key) in (first..).zip(letters).zip(source_keys) {
            let sealed = SealedLetter { source_id: letter.source_id.clone(), body: letter.body.without_secrets() };
            rows.push([
                Value::Integer(letter_id),
                Value::Text(letter.run_id.clone()),
                Value::Integer(target.0),
                Value::Blob(source_key.0.to_vec()),
                Value::Text(letter.kind.as_str().to_owned()),
                Value::Integer(signed(letter.number)),
                letter.line.map_or(Value::Null, |line| Value::Integer(signed(line))),
                Value::Text(redact(&letter.code).into_owned()),
                letter.field.as_deref().map_or(Value::Null, |field| Value::Text(redact(field).into_owned())),
                Value::Blob(self.seal.seal(&cell(target, letter_id), &sealed)?),
                Value::Text(letter.created_at.to_rfc3339()),
                Value::Integer(signed(letter.chunk)),
            ]);
        }
        Ok(rows)
    }

    /// Notes that records are written now: their letters are answered.
    pub(super) fn answer_letters(&self, target: TargetId, answered: &Answered<'_>) -> Result<(), StateError> {
        if answered.source_keys.is_empty() || !self.has_open_letters(target)? {
            return Ok(());
        }
        let numbers: Array = numbers(answered.numbers.iter().filter(|number| **number > 0).copied().map(signed));
        self.transaction.prepare_cached(RESOLVE)?.execute(params![
            target.0,
            keys(answered.source_keys),
            answered.now.to_rfc3339(),
            answered.kind.map(DeadLetterKind::as_str),
            numbers,
            answered.run_id,
            answered.redriven_run.unwrap_or(answered.run_id),
        ])?;
        Ok(())
    }

    /// Notes that a link field of records is written now: the letters about it are answered.
    pub(super) fn answer_link_letters(
        &self,
        target: TargetId,
        source_keys: &[SourceKey],
        field: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StateError> {
        if !source_keys.is_empty() && self.has_open_letters(target)? {
            let parameters = params![target.0, keys(source_keys), field, now.to_rfc3339()];
            self.transaction.prepare_cached(RESOLVE_LINK)?.execute(parameters)?;
        }
        Ok(())
    }

    /// Most targets have no open letter: there is nothing to look up for each record then.
    fn has_open_letters(&self, target: TargetId) -> Result<bool, StateError> {
        Ok(self.transaction.prepare_cached(HAS_OPEN)?.exists([target.0])?)
    }

    /// Drops what a run wrote of records behind one of its chunks: it reads them once more, perhaps in another order. What is held
    /// stays until its record is there again.
    pub(super) fn rewind_letters(&self, target: TargetId, run_id: &str, chunk: u64) -> Result<(), StateError> {
        for sql in [REWIND_REJECTED, REWIND_HELD] {
            self.transaction.prepare_cached(sql)?.execute(params![run_id, target.0, signed(chunk)])?;
        }
        Ok(())
    }

    pub(super) fn letters_of(&self, run_id: &str) -> Result<Letters, StateError> {
        let mut statement = self.transaction.prepare_cached(OF_RUN)?;
        let mut rows = statement.query([run_id])?;
        let mut letters: Vec<(i64, bool, DeadLetter)> = Vec::new();
        while let Some(row) = rows.next()? {
            let is_open = row.get::<_, Option<String>>("resolved_at")?.is_none();
            letters.push((row.get("target_id")?, is_open, self.letter(row)?));
        }
        letters.sort_by(|(target, _, letter), (other_target, _, other)| {
            (target, letter.number, &letter.source_id).cmp(&(other_target, other.number, &other.source_id))
        });
        let (open, answered): (Vec<_>, Vec<_>) = letters.into_iter().partition(|(_, is_open, _)| *is_open);
        let only = |letters: Vec<(i64, bool, DeadLetter)>| letters.into_iter().map(|(_, _, letter)| letter).collect();
        Ok(Letters { open: only(open), answered: only(answered) })
    }

    /// Returns the source ids of the records of a target that are held for this reason.
    pub(super) fn held(&self, target: TargetId, code: &str) -> Result<Vec<String>, StateError> {
        let mut statement = self.transaction.prepare_cached(HELD)?;
        let mut rows = statement.query(params![target.0, code])?;
        let mut held = Vec::new();
        while let Some(row) = rows.next()? {
            held.push(self.open_letter(row)?.source_id);
        }
        Ok(held)
    }

    pub(super) fn count_letters(&self, run_id: &str) -> Result<Vec<LetterCount>, StateError> {
        let mut statement = self.transaction.prepare_cached(COUNT)?;
        let mut rows = statement.query([run_id])?;
        let mut counts = Vec::new();
        while let Some(row) = rows.next()? {
            let ledger: crate::model::Ledger =
                serde_json::from_str(row.get_ref("ledger")?.as_str().unwrap_or_default())?;
            counts.push(LetterCount {
                target: Target::from_row(row)?,
                rejected: row.get::<_, i64>("rejected")?.unsigned_abs(),
                held: row.get::<_, i64>("held")?.unsigned_abs(),
                ledger_rejected: ledger.rejected,
                ledger_held: ledger.held,
            });
        }
        Ok(counts)
    }

    /// Counts the open dead letters of a run by target, kind, code and field, the most frequent first: those of the chunks that
    /// the ledger counts.
    pub(super) fn count_reasons(&self, run_id: &str) -> Result<Vec<ReasonCount>, StateError> {
        let mut statement = self.transaction.prepare_cached(REASONS)?;
        let rows = statement.query_map([run_id], |row| {
            Ok(ReasonCount {
                target: Target::from_row(row)?,
                kind: DeadLetterKind::from_word(row.get_ref("kind")?.as_str()?),
                code: row.get("code")?,
                field: row.get("field")?,
                letters: row.get::<_, i64>("letters")?.unsigned_abs(),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn open_letter(&self, row: &Row<'_>) -> Result<SealedLetter, StateError> {
        let cell = cell(TargetId(row.get("target_id")?), row.get("letter_id")?);
        self.seal.open(&cell, &row.get::<_, Vec<u8>>("sealed")?)
    }

    fn letter(&self, row: &Row<'_>) -> Result<DeadLetter, StateError> {
        let SealedLetter { source_id, body } = self.open_letter(row)?;
        Ok(DeadLetter {
            run_id: row.get("run_id")?,
            target: Target::from_row(row)?,
            source_id,
            source_key: Some(SourceKey(row.get("source_key")?)),
            kind: DeadLetterKind::from_word(&row.get::<_, String>("kind")?),
            code: row.get("code")?,
            field: row.get("field")?,
            number: row.get::<_, i64>("number")?.unsigned_abs(),
            line: row.get::<_, Option<i64>>("line")?.map(i64::unsigned_abs),
            created_at: moment(&row.get::<_, String>("created_at")?),
            chunk: row.get::<_, i64>("chunk")?.unsigned_abs(),
            body,
        })
    }
}
