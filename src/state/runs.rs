//! The history of runs.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::{State, Work, error::StateError};

/// One run of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// Its id: `run_` and its start in UTC and a random part.
    pub run_id: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// The pipeline's file.
    pub file: PathBuf,
    /// Tells runs of the same pipeline text and options from others.
    pub fingerprint: String,
    /// Whether it read the source or loaded dead letters.
    pub kind: RunKind,
    /// How it stands.
    pub status: RunStatus,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// The run that it takes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undone_run: Option<String>,
}

/// What a run worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// The source's records.
    Run,
    /// The dead letters of another run.
    Redrive,
    /// The records of a plan.
    Apply,
    /// What another run wrote, to take it back.
    Undo,
}

impl RunKind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Redrive => "redrive",
            Self::Apply => "apply",
            Self::Undo => "undo",
        }
    }

    pub(super) fn from_word(word: &str) -> Self {
        match word {
            "redrive" => Self::Redrive,
            "apply" => Self::Apply,
            "undo" => Self::Undo,
            _ => Self::Run,
        }
    }
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// A process works on it.
    Running,
    /// It ended with every stream read to its end.
    Done,
    /// A stream or destination failed.
    Failed,
    /// It was stopped by the user or by a limit, or waits for another run, with a clean checkpoint.
    Interrupted,
    /// Its process ended without a word.
    Killed,
}

impl RunStatus {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Killed => "killed",
        }
    }

    fn from_word(word: &str) -> Self {
        match word {
            "done" => Self::Done,
            "failed" => Self::Failed,
            "interrupted" => Self::Interrupted,
            "killed" => Self::Killed,
            _ => Self::Running,
        }
    }
}

pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Run> {
    Ok(Run {
        run_id: row.get("run_id")?,
        pipeline: row.get("pipeline")?,
        file: PathBuf::from(row.get::<_, String>("file")?),
        fingerprint: row.get("fingerprint")?,
        kind: RunKind::from_word(row.get_ref("kind")?.as_str()?),
        status: RunStatus::from_word(&row.get::<_, String>("status")?),
        started_at: moment(&row.get::<_, String>("started_at")?),
        finished_at: row.get::<_, Option<String>>("finished_at")?.as_deref().map(moment),
        undone_run: row.get("undone_run")?,
    })
}

pub(super) fn moment(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).map_or(DateTime::<Utc>::MIN_UTC, |moment| moment.to_utc())
}

/// What a part of a run's id leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundRun {
    /// The one run that it is a part of.
    One(Run),
    /// The runs that it is a part of, the newest first; none where there is none.
    Several(Vec<String>),
}

/// The run at which somebody was last at work. Those that never began are not among them.
const LAST: &str = "SELECT runs.* FROM attempts JOIN runs USING (run_id) WHERE is_begun
     ORDER BY place DESC LIMIT 1";
const WITH_PART: &str = "SELECT * FROM runs WHERE instr(run_id, ?1) > 0 ORDER BY rowid DESC";

impl State {
    /// Returns the run with this id, the newest one for `last`, or what the part of an id leads to.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn find_run(&self, part: &str) -> Result<FoundRun, StateError> {
        let part = part.to_owned();
        self.read(move |work| {
            if let Some(run) = work.run_with(&part)? {
                return Ok(FoundRun::One(run));
            }
            let mut statement = work.transaction.prepare_cached(WITH_PART)?;
            let mut runs = statement.query_map([&part], from_row)?.collect::<Result<Vec<_>, _>>()?;
            Ok(match (runs.len(), runs.pop()) {
                (1, Some(run)) => FoundRun::One(run),
                (_, last) => FoundRun::Several(runs.into_iter().chain(last).map(|run| run.run_id).collect()),
            })
        })
        .await
    }

    /// Returns the run with this id, or the newest one for `last`.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn run(&self, run_id: &str) -> Result<Option<Run>, StateError> {
        let run_id = run_id.to_owned();
        self.read(move |work| work.run_with(&run_id)).await
    }

    /// Returns all runs that began, the newest first. The machine's clock may have jumped back since, so the order of the rows decides
    /// which one that is.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the method is not general over the lifetime")]
    pub async fn runs(&self) -> Result<Vec<Run>, StateError> {
        self.read(|work| work.all_runs()).await
    }
}

impl Work<'_> {
    /// Stores a run that begins, or goes on.
    pub(super) fn save_run(&self, run: &Run) -> Result<(), StateError> {
        self.transaction
            .prepare_cached(
                "INSERT INTO runs (run_id, pipeline, file, fingerprint, kind, status, started_at, version, undone_run)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT (run_id) DO UPDATE SET status = excluded.status, finished_at = NULL",
            )?
            .execute(params![
                run.run_id,
                run.pipeline,
                run.file.to_string_lossy(),
                run.fingerprint,
                run.kind.word(),
                run.status.as_str(),
                run.started_at.to_rfc3339(),
                env!("CARGO_PKG_VERSION"),
                run.undone_run,
            ])?;
        Ok(())
    }

    /// Stores how a run ended.
    pub(super) fn end_run(&self, run_id: &str, status: RunStatus, now: DateTime<Utc>) -> Result<(), StateError> {
        self.transaction
            .prepare_cached("UPDATE runs SET status = ?2, finished_at = ?3 WHERE run_id = ?1")?
            .execute(params![run_id, status.as_str(), now.to_rfc3339()])?;
        Ok(())
    }

    pub(super) fn run_with(&self, run_id: &str) -> Result<Option<Run>, StateError> {
        if run_id == "last" {
            return Ok(self.transaction.prepare_cached(LAST)?.query_row([], from_row).optional()?);
        }
        let sql = "SELECT * FROM runs WHERE run_id = ?1";
        Ok(self.transaction.prepare_cached(sql)?.query_row([run_id], from_row).optional()?)
    }

    pub(super) fn all_runs(&self) -> Result<Vec<Run>, StateError> {
        let mut statement = self.transaction.prepare_cached("SELECT * FROM runs WHERE is_begun ORDER BY rowid DESC")?;
        let runs = statement.query_map([], from_row)?;
        Ok(runs.collect::<Result<_, _>>()?)
    }
}
