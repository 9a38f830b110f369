//! The `where` of a source: what a vendor may apply itself, and what is applied here.

use polars::prelude::{DataFrame, IntoLazy, col};

use crate::model::{DELETED, Predicate, Schema};

use super::{error::TransformError, predicate, sql};

/// A compiled `where`.
#[derive(Debug, Clone)]
pub struct Filter {
    condition: polars::prelude::Expr,
    predicate: Option<Predicate>,
}

impl Filter {
    /// Compiles the SQL condition over the fields of a source.
    ///
    /// # Errors
    /// Fails when the SQL does not parse, names no field of the source, or is no condition.
    pub fn compile(sql: &str, schema: &Schema) -> Result<Self, TransformError> {
        let place = |error: TransformError| error.under(["source", "where"]);
        let compiled = sql::compile_condition(sql, schema).map_err(place)?;
        let predicate = predicate::of(sql, schema).map_err(place)?;
        Ok(Self { condition: compiled.expr, predicate })
    }

    /// Returns the part of the condition that a vendor's filter language may be able to say; records that it keeps may
    /// still be left out by [`Filter::apply`], never the other way round.
    pub fn predicate(&self) -> Option<Predicate> {
        self.predicate.clone()
    }

    /// Keeps the records for which the condition is true, and counts the others. Records that the source has deleted are
    /// kept, as they have no values to judge by; those for which a cast of the condition fails are not.
    ///
    /// # Errors
    /// Fails when the frame lacks a field that the condition names.
    pub fn apply(&self, frame: DataFrame) -> Result<(DataFrame, u64), TransformError> {
        let before = frame.height();
        let kept = frame.lazy().filter(col(DELETED).or(self.condition.clone())).collect()?;
        let filtered = before - kept.height();
        Ok((kept, filtered as u64))
    }
}
