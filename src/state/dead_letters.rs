//! Records that were not written, kept with the reason and with what a person needs to mend them.

use chrono::{DateTime, Utc};
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

use super::{
    Work,
    error::StateError,
    runs::moment,
    scopes::{Scope, ScopeId},
};

/// A record that was not written.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// The run.
    pub run_id: String,
    /// Where it was to be written.
    pub scope: Scope,
    /// The source's id.
    pub source_id: String,
    /// Which kind of trouble.
    pub kind: DeadLetterKind,
    /// A stable word for the reason; never holds a value.
    pub code: String,
    /// The field to blame, by the destination's name.
    pub field: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
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

/// How many dead letters of a scope have the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReasonCount {
    /// Where they were to be written.
    pub scope: Scope,
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

impl Work<'_> {
    /// Stores a dead letter; those of the same record and kind from earlier runs are answered by it.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn save_dead_letter(&self, scope: ScopeId, letter: &DeadLetter) -> Result<(), StateError> {
        self.resolve_dead_letters(scope, &letter.source_id, Some(letter.kind), letter.created_at)?;
        self.transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO dead_letters (run_id, scope_id, source_id, kind, code, field, sealed, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                letter.run_id,
                scope.0,
                letter.source_id,
                letter.kind.as_str(),
                letter.code,
                letter.field,
                self.seal.seal(&letter.body)?,
                letter.created_at.to_rfc3339(),
            ])?;
        Ok(())
    }

    /// Notes that a record is written now: its dead letters are answered.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn resolve_dead_letters(
        &self,
        scope: ScopeId,
        source_id: &str,
        kind: Option<DeadLetterKind>,
        now: DateTime<Utc>,
    ) -> Result<(), StateError> {
        self.transaction
            .prepare_cached(
                "UPDATE dead_letters SET resolved_at = ?3
                 WHERE scope_id = ?1 AND source_id = ?2 AND resolved_at IS NULL AND (?4 IS NULL OR kind = ?4)",
            )?
            .execute(params![scope.0, source_id, now.to_rfc3339(), kind.map(DeadLetterKind::as_str)])?;
        Ok(())
    }

    /// Returns the open dead letters of a run, in the order of scope and source id.
    ///
    /// # Errors
    /// Fails when the file cannot be read or the key does not open them.
    pub fn dead_letters(&self, run_id: &str) -> Result<Vec<DeadLetter>, StateError> {
        let sql = "SELECT * FROM dead_letters JOIN scopes USING (scope_id)
                   WHERE run_id = ?1 AND resolved_at IS NULL ORDER BY scope_id, source_id";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let mut rows = statement.query([run_id])?;
        let mut letters = Vec::new();
        while let Some(row) = rows.next()? {
            letters.push(self.letter(row)?);
        }
        Ok(letters)
    }

    /// Returns the source ids of the records of a scope that are held for this reason.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn held(&self, scope: ScopeId, code: &str) -> Result<Vec<String>, StateError> {
        let sql = "SELECT DISTINCT source_id FROM dead_letters
                   WHERE scope_id = ?1 AND kind = 'held' AND code = ?2 AND resolved_at IS NULL";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let rows = statement.query_map(params![scope.0, code], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Counts the open dead letters of a run by scope, kind, code and field, the most frequent first.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn reasons(&self, run_id: &str) -> Result<Vec<ReasonCount>, StateError> {
        let sql = "SELECT scopes.*, kind, code, field, COUNT(*) AS letters
                   FROM dead_letters JOIN scopes USING (scope_id) WHERE run_id = ?1 AND resolved_at IS NULL
                   GROUP BY scope_id, kind, code, field ORDER BY letters DESC, code, field";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let rows = statement.query_map([run_id], |row| {
            Ok(ReasonCount {
                scope: Scope::from_row(row)?,
                kind: DeadLetterKind::from_word(row.get_ref("kind")?.as_str()?),
                code: row.get("code")?,
                field: row.get("field")?,
                letters: row.get::<_, i64>("letters")?.unsigned_abs(),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn letter(&self, row: &Row<'_>) -> Result<DeadLetter, StateError> {
        Ok(DeadLetter {
            run_id: row.get("run_id")?,
            scope: Scope::from_row(row)?,
            source_id: row.get("source_id")?,
            kind: DeadLetterKind::from_word(&row.get::<_, String>("kind")?),
            code: row.get("code")?,
            field: row.get("field")?,
            created_at: moment(&row.get::<_, String>("created_at")?),
            body: self.seal.open(&row.get::<_, Vec<u8>>("sealed")?)?,
        })
    }
}
