//! The columns of a frame while they are computed: stage by stage, noting which records fail and why.
//!
//! A mapping or step adds expressions to a [`ColumnQuery`]; [`ColumnQuery::run`] evaluates them all in one polars query and splits off the
//! records for which a check holds. Nothing is evaluated before.

use std::{fmt, sync::Arc};

use polars::prelude::{DataFrame, DataType, Expr, IntoLazy, LazyFrame, col, lit, when};

use crate::model::{DELETED, FieldType, Rejection};

use super::{
    error::TransformError,
    reject::{Rejected, text_at},
};

/// Begins the names of the columns that exist only while a query runs.
const PREFIX: &str = "__ferry.";

/// Holds expressions by stage (each sees the columns of those before), and the checks on their results.
#[derive(Debug, Default)]
pub(super) struct ColumnQuery {
    stages: Vec<Vec<Expr>>,
    checks: Vec<Check>,
    column_count: usize,
}

/// Names a column as it is after some stage.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    column: String,
    stage: usize,
    /// The type of its values.
    pub(super) field_type: FieldType,
}

/// Says when a record is refused, and why.
#[derive(Debug, Clone)]
struct Check {
    condition: Expr,
    field: String,
    value: Option<String>,
    failure: Failure,
}

/// Why a value is refused.
#[derive(Clone)]
pub(super) struct Failure {
    /// A stable word for the reason.
    pub(super) code: &'static str,
    /// The reason, as it goes on after the value: `is no e-mail address`.
    pub(super) reason: String,
    /// The part of the value that is to blame, where that is not all of it.
    part: Option<String>,
    /// Knows a better reason for some values.
    better: Option<Arc<Better>>,
}

/// Returns a better reason for a value, where there is one.
type Better = dyn Fn(&str) -> Option<Failure> + Send + Sync;

impl fmt::Debug for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Failure")
            .field("code", &self.code)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

impl Failure {
    /// Makes a failure.
    pub(super) fn new(code: &'static str, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), part: None, better: None }
    }

    /// Gives another reason for the values that the closure knows one for. It is asked for refused values only.
    pub(super) fn unless(mut self, better: impl Fn(&str) -> Option<Failure> + Send + Sync + 'static) -> Self {
        self.better = Some(Arc::new(better));
        self
    }

    /// Blames one part of the value, such as an item of a list.
    pub(super) fn of_part(mut self, part: &str) -> Self {
        self.part = Some(part.to_owned());
        self
    }

    fn rejection(&self, field: &str, value: String) -> Rejection {
        if let Some(better) = self.better.as_ref().and_then(|better| better(&value)) {
            return better.rejection(field, value);
        }
        let value = self.part.clone().unwrap_or(value);
        Rejection::new(self.code, format!("`{value}` {}", self.reason)).at(field, value)
    }
}

impl Cell {
    /// Returns the column as an expression.
    pub(super) fn expr(&self) -> Expr {
        col(self.column.as_str())
    }

    /// Tells whether the value is more than blank text.
    fn holds_something(&self) -> Expr {
        match self.field_type {
            FieldType::Text | FieldType::Choice => {
                self.expr().str().strip_chars(lit(polars::prelude::NULL)).neq(lit(""))
            }
            FieldType::Integer
            | FieldType::Number
            | FieldType::Boolean
            | FieldType::Date
            | FieldType::Datetime
            | FieldType::MultiChoice
            | FieldType::Link => self.expr().is_not_null(),
        }
    }
}

impl ColumnQuery {
    /// Starts at a column that the frame has.
    pub(super) fn start(column: &str, field_type: FieldType) -> Cell {
        Cell { column: column.to_owned(), stage: 0, field_type }
    }

    /// Computes a column from those of the frame as it came in.
    pub(super) fn begin(&mut self, expr: Expr, field_type: FieldType) -> Cell {
        self.add(0, expr, field_type)
    }

    /// Computes a column from the cell before it.
    pub(super) fn put(&mut self, before: &Cell, expr: Expr, field_type: FieldType) -> Cell {
        self.add(before.stage, expr, field_type)
    }

    /// Computes a column under its own name, after all that was added before.
    pub(super) fn set(&mut self, name: &str, expr: Expr, field_type: FieldType) -> Cell {
        let stage = self.stages.len();
        self.stages.push(vec![expr.alias(name)]);
        Cell { column: name.to_owned(), stage: stage + 1, field_type }
    }

    /// Computes a condition in the newest stage, where the columns it names still have their old values.
    pub(super) fn note(&mut self, condition: Expr) -> Expr {
        let name = self.fresh_name();
        match self.stages.last_mut() {
            Some(stage) => stage.push(condition.alias(name.as_str())),
            None => self.stages.push(vec![condition.alias(name.as_str())]),
        }
        col(name.as_str())
    }

    /// Refuses the records that had a value before and have none after.
    pub(super) fn check_kept(&mut self, field: &str, before: &Cell, after: &Cell, failure: Failure) {
        let condition = before.holds_something().and(after.expr().is_null());
        self.check(field, Some(before), condition, failure);
    }

    /// Refuses the records for which a condition holds.
    pub(super) fn check(&mut self, field: &str, value: Option<&Cell>, condition: Expr, failure: Failure) {
        let value = value.map(|cell| cell.column.clone());
        self.checks.push(Check { condition, field: field.to_owned(), value, failure });
    }

    /// Computes all columns. The frame keeps them under their passing names; refused records are gone from it.
    /// A record that the source has deleted is never refused.
    pub(super) fn run(&self, frame: &DataFrame, output: &[Expr]) -> Result<(DataFrame, Vec<Rejected>), TransformError> {
        let mut lazy = frame.clone().lazy();
        for stage in &self.stages {
            lazy = lazy.with_columns(stage.as_slice());
        }
        if self.checks.is_empty() {
            return Ok((lazy.select(output).collect()?, Vec::new()));
        }
        let drafted = lazy.with_column(self.problem()).collect()?;
        let rejects = self.rejects(frame, &drafted)?;
        let kept = drafted.lazy();
        let kept = if rejects.is_empty() { kept } else { kept.filter(col(PROBLEM).is_null()) };
        Ok((kept.select(output).collect()?, rejects))
    }

    fn add(&mut self, stage: usize, expr: Expr, field_type: FieldType) -> Cell {
        let column = self.fresh_name();
        while self.stages.len() <= stage {
            self.stages.push(Vec::new());
        }
        self.stages[stage].push(expr.alias(column.as_str()));
        Cell { column, stage: stage + 1, field_type }
    }

    fn fresh_name(&mut self) -> String {
        self.column_count += 1;
        format!("{PREFIX}{}", self.column_count)
    }

    /// Returns the number of the first check that holds, null where none does.
    fn problem(&self) -> Expr {
        let none = lit(polars::prelude::NULL).cast(DataType::UInt32);
        let numbers: Vec<Expr> = (0_u32..)
            .zip(&self.checks)
            .map(|(number, check)| when(check.condition.clone()).then(lit(number)).otherwise(none.clone()))
            .collect();
        let first = polars::prelude::coalesce(&numbers);
        when(col(DELETED)).then(none).otherwise(first).alias(PROBLEM)
    }

    fn rejects(&self, frame: &DataFrame, drafted: &DataFrame) -> Result<Vec<Rejected>, TransformError> {
        let problems = drafted.column(PROBLEM)?.u32()?;
        if problems.null_count() == problems.len() {
            return Ok(Vec::new());
        }
        let mut rejects = Vec::new();
        for (record, problem) in problems.iter().enumerate() {
            let Some(check) = problem.and_then(|number| self.checks.get(usize::try_from(number).ok()?)) else {
                continue;
            };
            rejects.push(Rejected::of(frame, record, check.rejection(drafted, record)?)?);
        }
        Ok(rejects)
    }
}

/// Names the column with the number of the check that a record fails.
const PROBLEM: &str = "__ferry.problem";

impl Check {
    fn rejection(&self, drafted: &DataFrame, record: usize) -> Result<Rejection, TransformError> {
        let Some(column) = &self.value else {
            let reason = format!("`{}` {}", self.field, self.failure.reason);
            return Ok(Rejection { field: Some(self.field.clone()), ..Rejection::new(self.failure.code, reason) });
        };
        Ok(self.failure.rejection(&self.field, text_at(drafted, column, record)?))
    }
}

/// Returns the frame with some columns replaced or added, the others as they were.
pub(super) fn with_cells(frame: &DataFrame, cells: &[(String, Cell)]) -> Vec<Expr> {
    let kept = frame.columns().iter().map(|column| column.name().as_str());
    let kept = kept.filter(|name| cells.iter().all(|(replaced, _)| replaced != name)).map(col);
    kept.chain(cells.iter().map(|(name, cell)| cell.expr().alias(name.as_str()))).collect()
}

/// Evaluates an expression that names no column.
pub(super) fn evaluate(expr: Expr) -> Result<DataFrame, TransformError> {
    Ok(LazyFrame::default().select([expr]).collect()?)
}
