//! `aggregate`: replaces the records by the result of a SQL query.

use std::{
    collections::HashSet,
    num::NonZeroUsize,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use polars::prelude::{
    BooleanChunked, DataFrame, DataType, Engine, Expr, LazyFrame, NULL, PlRefPath, PlanCallback, ScanArgsParquet,
    SortMultipleOptions, col, concat_str, lit,
};

use super::{Deliver, StreamStep, Tally, spool, spool::Spool};
use crate::model::{DELETED, Field, FieldType, ID, Rejection, Schema, UPDATED_AT, is_reserved};
use crate::transform::{
    columns::{self, field_type_of, normalise},
    convert::to_text,
    error::TransformError,
    reject::Rejected,
    spec::AggregateSpec,
    sql,
};

/// `aggregate: { sql: "SELECT account, SUM(amount) AS total FROM self GROUP BY account", id: [account] }`: of three deals of
/// two accounts → two records with `account` and `total`, with the account as `_id`. Records that the source has deleted do
/// not count.
#[derive(Debug)]
pub(super) struct Aggregate {
    spec: AggregateSpec,
    output: Vec<Field>,
    /// Columns that the query uses and no record has.
    absent: Vec<Expr>,
}

/// Finds what can be found without knowing the fields.
pub(super) fn check_alone(spec: &AggregateSpec) -> Vec<TransformError> {
    sql::check_query(&spec.sql).err().map(|error| error.under(["aggregate", "sql"])).into_iter().collect()
}

pub(super) fn compile(spec: &AggregateSpec, schema: &mut Schema) -> Result<Aggregate, TransformError> {
    let (result, absent) = sql::query_columns(&spec.sql, schema).map_err(|error| error.under(["aggregate", "sql"]))?;
    let mut output = Vec::new();
    for (name, dtype) in result.iter() {
        if name.as_str() == UPDATED_AT && matches!(dtype, DataType::Datetime(..)) {
            continue;
        }
        let mistake = if is_reserved(name) {
            Some(format!("the result cannot have a column `{name}`, a name of Ferry's own"))
        } else {
            field_type_of(dtype).is_none().then(|| format!("`{name}` is of type {dtype}, which no field can hold"))
        };
        if let Some(message) = mistake {
            return Err(TransformError::new("transform.sql", message).under(["aggregate", "sql"]));
        }
        output.push(Field::new(name.as_str(), field_type_of(dtype).unwrap_or(FieldType::Text)));
    }
    if spec.id.is_empty() {
        let message = "names no field of the result that identifies a record";
        return Err(TransformError::new("transform.step", message).under(["aggregate", "id"]));
    }
    schema.fields.clone_from(&output);
    // The result has the columns that the query names and no others.
    schema.is_open = false;
    let absent = absent.iter().map(|(name, dtype)| lit(NULL).cast(dtype.clone()).alias(name.clone()));
    let absent = absent.collect();
    for (index, name) in spec.id.iter().enumerate() {
        columns::require(schema, name).map_err(|error| error.under(["aggregate", "id", &index.to_string()]))?;
    }
    Ok(Aggregate { spec: spec.clone(), output, absent })
}

impl Aggregate {
    /// Returns the query over the pages.
    fn query(&self, pages: &[PathBuf]) -> Result<(LazyFrame, u64), TransformError> {
        let paths: Vec<PlRefPath> =
            pages.iter().map(|path| PlRefPath::try_from_path(path)).collect::<Result<_, _>>()?;
        let options = ScanArgsParquet { glob: false, ..ScanArgsParquet::default() };
        let scan = LazyFrame::scan_parquet_files(paths.into(), options)?;
        let count = scan.clone().select([polars::prelude::len()]).collect()?;
        let count: u64 = count.columns()[0].get(0)?.try_extract()?;
        Ok((sql::query(&self.spec.sql, scan.filter(col(DELETED).not()).with_columns(&self.absent))?, count))
    }

    /// Gives the result's fields their types, and the columns that every frame has.
    fn shaped(&self, mut query: LazyFrame) -> Result<LazyFrame, TransformError> {
        let result = query.collect_schema()?;
        let fields = self.output.iter().map(|field| {
            let name = field.name.as_str();
            let dtype = result.get(name).cloned().unwrap_or(DataType::Null);
            normalise(col(name), &dtype, field.field_type).alias(name)
        });
        let parts: Vec<Expr> = self.spec.id.iter().map(|name| self.id_part(name)).collect();
        let updated_at = match result.get(UPDATED_AT) {
            Some(dtype) => normalise(col(UPDATED_AT), dtype, FieldType::Datetime),
            None => lit(NULL).cast(FieldType::Datetime.dtype()),
        };
        let shaped = query.select(fields.chain([updated_at.alias(UPDATED_AT)]).collect::<Vec<_>>());
        let own = [concat_str(parts, "|", false).alias(ID), lit(false).alias(DELETED)];
        let order = [ID, UPDATED_AT, DELETED].into_iter().chain(self.output.iter().map(|field| field.name.as_str()));
        let shaped = shaped.with_columns(own).select(order.map(col).collect::<Vec<_>>());
        // Groups come in another order each time, and a file would differ without a difference.
        let id: Vec<&str> = self.spec.id.iter().map(String::as_str).collect();
        Ok(if is_unordered(&self.spec.sql) { shaped.sort(id, SortMultipleOptions::default()) } else { shaped })
    }

    fn id_part(&self, name: &str) -> Expr {
        let field = self.output.iter().find(|field| field.name.as_str() == name);
        to_text(col(name), field.map_or(FieldType::Text, |field| field.field_type))
    }

    /// Leaves out the records without an id, and those whose id another has.
    fn unique(
        &self,
        frame: &DataFrame,
        seen: &mut HashSet<u128>,
        tally: &mut Tally,
    ) -> Result<DataFrame, TransformError> {
        let mut kept = Vec::with_capacity(frame.height());
        for (record, id) in frame.column(ID)?.str()?.iter().enumerate() {
            let rejection = match id {
                None => Rejection::new("no_id", format!("the result has no value in `{}`", self.spec.id.join("`, `"))),
                Some(id) if !seen.insert(xxhash_rust::xxh3::xxh3_128(id.as_bytes())) => {
                    Rejection::new("duplicate_id", format!("the result has `{id}` more than once"))
                }
                Some(_) => {
                    kept.push(true);
                    continue;
                }
            };
            kept.push(false);
            tally.rejects.push(Rejected::of(frame, record, rejection)?);
        }
        let mask: BooleanChunked = kept.into_iter().collect();
        Ok(frame.filter(&mask)?)
    }
}

impl StreamStep for Aggregate {
    fn apply(&self, pages: &[PathBuf], tally: &mut Tally, deliver: &mut Deliver<'_>) -> Result<(), TransformError> {
        if pages.is_empty() {
            return Ok(());
        }
        let (query, read) = self.query(pages)?;
        let results = spooled(self.shaped(query)?, pages)?;
        let mut made = 0_u64;
        let mut seen = HashSet::new();
        spool::each_page(results.paths(), &mut |frame| {
            made += frame.height() as u64;
            let frame = self.unique(&frame, &mut seen, tally)?;
            deliver(frame)
        })?;
        tally.filtered += read.saturating_sub(made);
        tally.added += made.saturating_sub(read);
        Ok(())
    }
}

/// Words of a query whose result comes in another order each time.
const UNORDERED: [&str; 6] = ["group", "distinct", "union", "intersect", "except", "join"];

/// Tells whether the records of a query come in no order that lasts: it groups them, and has no `ORDER BY`.
fn is_unordered(sql: &str) -> bool {
    let words = words(sql);
    let has_order = words.windows(2).any(|pair| pair[0] == ("order".to_owned(), 0) && pair[1].0 == "by");
    !has_order && words.iter().any(|(word, _)| UNORDERED.contains(&word.as_str()))
}

/// Returns the words of a query in small letters, each with how many parentheses it is in, but not those in quotes.
fn words(sql: &str) -> Vec<(String, usize)> {
    let mut words = vec![(String::new(), 0)];
    let (mut depth, mut quote) = (0_usize, None);
    for letter in sql.chars() {
        match (quote, letter) {
            (Some(open), letter) if open == letter => quote = None,
            (None, '\'' | '"' | '`') => quote = Some(letter),
            (None, letter) if letter.is_alphanumeric() || letter == '_' => {
                if let Some((word, _)) = words.last_mut() {
                    word.push(letter.to_ascii_lowercase());
                }
                continue;
            }
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (Some(_) | None, _) => {}
        }
        words.push((String::new(), depth));
    }
    words.retain(|(word, _)| !word.is_empty());
    words
}

/// Writes the result of a query to disk as it comes, so that a large one is never held whole.
fn spooled(query: LazyFrame, pages: &[PathBuf]) -> Result<Spool, TransformError> {
    let spool = Arc::new(Mutex::new(Spool::beside(pages)?));
    let writer = Arc::clone(&spool);
    let write = PlanCallback::new(move |frame: DataFrame| {
        let mut open = writer.lock().unwrap_or_else(PoisonError::into_inner);
        open.push(frame).map(|()| false).map_err(|error| polars::error::polars_err!(ComputeError: "{error}"))
    });
    let size = NonZeroUsize::new(spool::MAX_FRAME_RECORDS);
    query.sink_batches(write, true, size)?.collect_with_engine(Engine::Streaming)?;
    let mut filled = spool.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::replace(&mut *filled, Spool::beside(pages)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_in_no_lasting_order_is_put_in_one() {
        for (sql, is_unordered_query) in [
            ("SELECT a FROM self GROUP BY a", true),
            ("select distinct a from self", true),
            ("SELECT a FROM (SELECT a FROM self ORDER BY a) t GROUP BY a", true),
            ("SELECT a, 'order by' AS note FROM self GROUP BY a", true),
            ("SELECT a FROM self GROUP BY a ORDER BY a", false),
            ("select a from self group by a order\n by a desc", false),
            ("SELECT a, \"group\" FROM self", false),
        ] {
            assert_eq!(is_unordered(sql), is_unordered_query, "{sql}");
        }
    }
}
