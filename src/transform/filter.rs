//! The `where` of a source: what a vendor may apply itself, and what is applied here.

use polars::prelude::{DataFrame, IntoLazy, col};

use crate::model::{DELETED, Predicate, Schema};

use super::{
    column_query::{ColumnQuery, Failure, with_cells},
    error::TransformError,
    predicate,
    reject::Rejected,
    sql::{self, Sql},
};

/// A compiled `where`.
#[derive(Debug)]
pub struct Filter {
    condition: Sql,
    predicate: Option<Predicate>,
}

impl Filter {
    /// Compiles the SQL condition over the fields of a source.
    ///
    /// # Errors
    /// Fails when the SQL does not parse, names no field of the source, or is no condition.
    pub fn compile(sql: &str, schema: &Schema) -> Result<Self, TransformError> {
        let place = |error: TransformError| error.under(["source", "where"]);
        let condition = sql::compile_condition(sql, schema).map_err(place)?;
        let predicate = predicate::of(sql, schema).map_err(place)?;
        Ok(Self { condition, predicate })
    }

    /// Returns the part of the condition that a vendor's filter language may be able to say; records that it keeps may
    /// still be left out by [`Filter::apply`], never the other way round.
    pub fn predicate(&self) -> Option<Predicate> {
        self.predicate.clone()
    }

    /// Keeps the records for which the condition is true. Records that the source has deleted are kept, because they have no
    /// values to judge by; those that cannot be judged because a cast of the condition fails are rejected.
    ///
    /// # Errors
    /// Fails when the frame lacks a field that the condition names.
    pub fn apply(&self, frame: DataFrame) -> Result<Filtered, TransformError> {
        let (frame, rejects) = match &self.condition.failed {
            None => (frame, Vec::new()),
            Some(failed) => {
                let mut query = ColumnQuery::default();
                let failure = Failure::new(
                    "cast_failed",
                    "cannot be judged, because a value does not fit the type it is cast to",
                );
                query.check("where", None, failed.clone(), failure);
                query.run(&frame, &with_cells(&frame, &[]))?
            }
        };
        let before = frame.height();
        let kept = frame.lazy().filter(col(DELETED).or(self.condition.expr.clone())).collect()?;
        let filtered = before - kept.height();
        Ok(Filtered { frame: kept, filtered: filtered as u64, rejects })
    }
}

/// What a `where` made of a frame.
#[derive(Debug)]
pub struct Filtered {
    /// The records that go on.
    pub frame: DataFrame,
    /// How many records the condition leaves out.
    pub filtered: u64,
    /// The records that cannot be judged.
    pub rejects: Vec<Rejected>,
}
