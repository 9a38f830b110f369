//! `filter`: keeps the records for which a condition is true.

use polars::prelude::{DataFrame, IntoLazy, col};

use super::{PageStep, Tally};
use crate::model::{DELETED, Schema};
use crate::transform::{
    column_query::{ColumnQuery, Failure, with_cells},
    error::TransformError,
    sql::{self, Sql},
};

/// `filter: "amount > 100"`: of amounts 50, 100 and 150 only 150 goes on. A condition that is neither true nor false, as
/// for a record without an amount, does not keep the record; one whose cast fails rejects it.
#[derive(Debug)]
pub(super) struct Filter {
    condition: Sql,
}

pub(super) fn check_alone(sql: &str) -> Vec<TransformError> {
    sql::names(sql).err().map(|error| error.under(["filter"])).into_iter().collect()
}

pub(super) fn compile(sql: &str, schema: &Schema) -> Result<Filter, TransformError> {
    let condition = sql::compile_condition(sql, schema).map_err(|error| error.under(["filter"]))?;
    Ok(Filter { condition })
}

impl PageStep for Filter {
    fn apply(&self, frame: DataFrame, tally: &mut Tally) -> Result<DataFrame, TransformError> {
        let checked = match &self.condition.failed {
            None => frame,
            Some(failed) => {
                let mut query = ColumnQuery::default();
                let failure =
                    Failure::new("cast_failed", "cannot be judged, as a value does not fit the type it is cast to");
                query.check("filter", None, failed.clone(), failure);
                let (checked, rejects) = query.run(&frame, &with_cells(&frame, &[]))?;
                tally.rejects.extend(rejects);
                checked
            }
        };
        let before = checked.height();
        let kept = checked.lazy().filter(col(DELETED).or(self.condition.expr.clone())).collect()?;
        tally.filtered += (before - kept.height()) as u64;
        Ok(kept)
    }
}
