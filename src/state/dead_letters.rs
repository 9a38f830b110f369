//! Records that were not written, kept with the reason and with what a person needs to mend them.

use chrono::{DateTime, Utc};
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

use super::{
    SourceKey, Work,
    error::StateError,
    runs::moment,
    targets::{Target, TargetId},
};

/// A record that was not written.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// The run.
    pub run_id: String,
    /// Where it was to be written.
    pub target: Target,
    /// The source's id; empty where only the destination's is known (a delete that was refused).
    pub source_id: String,
    /// Which kind of trouble.
    pub kind: DeadLetterKind,
    /// A stable word for the reason; never holds a value.
    pub code: String,
    /// The field to blame, by the destination's name.
    pub field: Option<String>,
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

/// Kinds of dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

pub(super) const RESOLVE: &str = "UPDATE dead_letters INDEXED BY dead_letters_by_source SET resolved_at = ?3
     WHERE scope_id = ?1 AND source_key = ?2 AND resolved_at IS NULL AND (?4 IS NULL OR kind = ?4)";

pub(super) const RESOLVE_LINK: &str = "UPDATE dead_letters INDEXED BY dead_letters_by_source SET resolved_at = ?4
     WHERE scope_id = ?1 AND source_key = ?2 AND resolved_at IS NULL AND kind = 'link' AND field = ?3";

pub(super) const HELD: &str = "SELECT sealed FROM dead_letters INDEXED BY dead_letters_held
     WHERE scope_id = ?1 AND kind = 'held' AND code = ?2 AND resolved_at IS NULL";

impl Work<'_> {
    /// Stores a dead letter; those of the same record and kind from earlier runs are answered by it.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn save_dead_letter(&self, target: TargetId, letter: &DeadLetter) -> Result<(), StateError> {
        self.save_dead_letter_of(target, self.source_key(&letter.source_id), letter)
    }

    /// Stores a dead letter of a record whose source id is known as it is looked up alone.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn save_dead_letter_of(
        &self,
        target: TargetId,
        source_key: SourceKey,
        letter: &DeadLetter,
    ) -> Result<(), StateError> {
        self.resolve_dead_letters(target, source_key, Some(letter.kind), letter.created_at)?;
        let sealed = SealedLetter { source_id: letter.source_id.clone(), body: letter.body.clone() };
        self.transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO dead_letters (run_id, scope_id, source_key, kind, code, field, sealed, created_at, chunk)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                letter.run_id,
                target.0,
                source_key.0,
                letter.kind.as_str(),
                letter.code,
                letter.field,
                self.seal.seal(&sealed)?,
                letter.created_at.to_rfc3339(),
                i64::try_from(letter.chunk).unwrap_or(i64::MAX),
            ])?;
        Ok(())
    }

    /// Notes that a record is written now: its dead letters are answered.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn resolve_dead_letters(
        &self,
        target: TargetId,
        source_key: SourceKey,
        kind: Option<DeadLetterKind>,
        now: DateTime<Utc>,
    ) -> Result<(), StateError> {
        let kind = kind.map(DeadLetterKind::as_str);
        self.transaction.prepare_cached(RESOLVE)?.execute(params![target.0, source_key.0, now.to_rfc3339(), kind])?;
        Ok(())
    }

    /// Notes that a link field of a record is written now: the dead letter about it is answered.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn resolve_link_letter(
        &self,
        target: TargetId,
        source_key: SourceKey,
        field: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StateError> {
        let parameters = params![target.0, source_key.0, field, now.to_rfc3339()];
        self.transaction.prepare_cached(RESOLVE_LINK)?.execute(parameters)?;
        Ok(())
    }

    /// Returns the open dead letters of a run, in the order of target and source id.
    ///
    /// # Errors
    /// Fails when the file cannot be read or the key does not open them.
    pub fn dead_letters(&self, run_id: &str) -> Result<Vec<DeadLetter>, StateError> {
        self.letters(run_id, false)
    }

    /// Returns the dead letters of a run that were answered since, in the same order.
    ///
    /// # Errors
    /// Fails when the file cannot be read or the key does not open them.
    pub fn answered_letters(&self, run_id: &str) -> Result<Vec<DeadLetter>, StateError> {
        self.letters(run_id, true)
    }

    fn letters(&self, run_id: &str, are_answered: bool) -> Result<Vec<DeadLetter>, StateError> {
        let sql = "SELECT * FROM dead_letters JOIN scopes USING (scope_id)
                   WHERE run_id = ?1 AND (resolved_at IS NOT NULL) = ?2";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let mut rows = statement.query(params![run_id, are_answered])?;
        let mut letters: Vec<(i64, DeadLetter)> = Vec::new();
        while let Some(row) = rows.next()? {
            letters.push((row.get("scope_id")?, self.letter(row)?));
        }
        letters.sort_by(|(target, letter), (other_scope, other)| {
            (target, &letter.source_id).cmp(&(other_scope, &other.source_id))
        });
        Ok(letters.into_iter().map(|(_, letter)| letter).collect())
    }

    /// Returns the source ids of the records of a target that are held for this reason.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn held(&self, target: TargetId, code: &str) -> Result<Vec<String>, StateError> {
        let mut statement = self.transaction.prepare_cached(HELD)?;
        let rows = statement.query_map(params![target.0, code], |row| row.get::<_, Vec<u8>>(0))?;
        rows.map(|sealed| Ok(self.seal.open::<SealedLetter>(&sealed?)?.source_id)).collect()
    }

    /// Counts the open dead letters of a run by target, kind, code and field, the most frequent first: those of the chunks that
    /// the ledger counts.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn reasons(&self, run_id: &str) -> Result<Vec<ReasonCount>, StateError> {
        let sql = "SELECT scopes.*, kind, code, field, COUNT(*) AS letters
                   FROM dead_letters JOIN scopes USING (scope_id) JOIN ledgers USING (run_id, scope_id)
                   WHERE run_id = ?1 AND resolved_at IS NULL AND dead_letters.chunk <= ledgers.chunk
                   GROUP BY scope_id, kind, code, field ORDER BY letters DESC, code, field";
        let mut statement = self.transaction.prepare_cached(sql)?;
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

    fn letter(&self, row: &Row<'_>) -> Result<DeadLetter, StateError> {
        let SealedLetter { source_id, body } = self.seal.open(&row.get::<_, Vec<u8>>("sealed")?)?;
        Ok(DeadLetter {
            run_id: row.get("run_id")?,
            target: Target::from_row(row)?,
            source_id,
            kind: DeadLetterKind::from_word(&row.get::<_, String>("kind")?),
            code: row.get("code")?,
            field: row.get("field")?,
            created_at: moment(&row.get::<_, String>("created_at")?),
            chunk: row.get::<_, i64>("chunk")?.unsigned_abs(),
            body,
        })
    }
}
