//! `dedupe`: keeps one record of those that share the same values.

use std::{ops::ControlFlow, path::PathBuf};

use polars::prelude::{
    BooleanChunked, DataFrame, Expr, IntoLazy, LazyFrame, NamedFrom, PlRefPath, RowIndex, ScanArgsParquet, Series,
    SortMultipleOptions, col, lit,
};

use super::{Deliver, StreamStep, Tally, spool};
use crate::model::{DELETED, FieldType, ID, Schema, UPDATED_AT};
use crate::transform::{
    columns,
    error::TransformError,
    spec::{DedupeSpec, Keep},
};

/// `dedupe: { by: [email], keep: newest }`: of two records with the same e-mail address the one changed last goes on. A
/// record that lacks one of the values is never a duplicate, and neither is one that the source has deleted.
#[derive(Debug)]
pub(super) struct Dedupe {
    by: Vec<(String, FieldType)>,
    keep: Keep,
}

/// The number of the record within the stream, while the step works.
const ROW: &str = "__ferry.row";
/// The id of the record that stays, while the step works.
const SURVIVOR: &str = "__ferry.survivor";

pub(super) fn compile(spec: &DedupeSpec, schema: &Schema) -> Result<Dedupe, TransformError> {
    if spec.by.is_empty() {
        return Err(
            TransformError::new("transform.step", "names no field that must be the same").under(["dedupe", "by"])
        );
    }
    let mut by = Vec::new();
    for (index, name) in spec.by.iter().enumerate() {
        let place = |error: TransformError| error.under(["dedupe", "by", &index.to_string()]);
        let field_type = columns::require(schema, name).map_err(place)?;
        if matches!(field_type, FieldType::MultiChoice | FieldType::Link) {
            let message = format!("`{name}` is a list, which cannot tell records apart");
            return Err(place(TransformError::new("transform.step", message)));
        }
        by.push((name.clone(), field_type));
    }
    Ok(Dedupe { by, keep: spec.keep })
}

impl Dedupe {
    /// True for a record that has all the values and is not deleted.
    fn is_keyed(&self) -> Expr {
        let has_value = |(name, field_type): &(String, FieldType)| {
            let value = col(name.as_str());
            match field_type {
                FieldType::Text | FieldType::Choice => value.clone().is_not_null().and(value.neq(lit(""))),
                _ => value.is_not_null(),
            }
        };
        self.by.iter().map(has_value).fold(col(DELETED).not(), Expr::and)
    }

    /// Returns the ids of the records that go, each with that of the record that stays for it.
    fn duplicates(&self, pages: &[PathBuf]) -> Result<Vec<(String, String)>, TransformError> {
        let keys: Vec<Expr> = self.by.iter().map(|(name, _)| col(name.as_str())).collect();
        let id = || col(ID);
        let survivor = match self.keep {
            Keep::First => id().sort_by([col(ROW)], SortMultipleOptions::default()).first(),
            Keep::Last => id().sort_by([col(ROW)], SortMultipleOptions::default()).last(),
            Keep::Newest => id().sort_by([col(UPDATED_AT), col(ROW)], newest_first()).first(),
        };
        let groups = Self::scan(pages)?.filter(self.is_keyed()).group_by(keys);
        let groups = groups.agg([survivor.alias(SURVIVOR), id()]).select([col(SURVIVOR), id()]);
        let groups = groups.collect()?;
        let mut pairs = Vec::new();
        let lists = groups.column(ID)?.list()?;
        for (group, survivor) in groups.column(SURVIVOR)?.str()?.iter().enumerate() {
            let (Some(survivor), Some(ids)) = (survivor, lists.get_as_series(group)) else { continue };
            let gone = ids.str()?.iter().flatten().filter(|id| *id != survivor);
            pairs.extend(gone.map(|id| (id.to_owned(), survivor.to_owned())));
        }
        Ok(pairs)
    }

    fn scan(pages: &[PathBuf]) -> Result<LazyFrame, TransformError> {
        let paths: Vec<PlRefPath> =
            pages.iter().map(|path| PlRefPath::try_from_path(path)).collect::<Result<_, _>>()?;
        let options = ScanArgsParquet {
            row_index: Some(RowIndex { name: ROW.into(), offset: 0 }),
            glob: false,
            ..ScanArgsParquet::default()
        };
        Ok(LazyFrame::scan_parquet_files(paths.into(), options)?)
    }

    /// Returns the numbers of the keyed records that stay. Only the keys are read.
    fn survivors(&self, pages: &[PathBuf]) -> Result<DataFrame, TransformError> {
        let keys: Vec<Expr> = self.by.iter().map(|(name, _)| col(name.as_str())).collect();
        let row = match self.keep {
            Keep::First => col(ROW).min(),
            Keep::Last => col(ROW).max(),
            Keep::Newest => col(ROW).sort_by([col(UPDATED_AT), col(ROW)], newest_first()).first(),
        };
        let scan = Self::scan(pages)?;
        Ok(scan.filter(self.is_keyed()).group_by(keys).agg([row]).select([col(ROW)]).collect()?)
    }
}

fn newest_first() -> SortMultipleOptions {
    SortMultipleOptions::default().with_order_descending_multi([true, false]).with_nulls_last_multi([true, true])
}

impl StreamStep for Dedupe {
    fn apply(&self, pages: &[PathBuf], tally: &mut Tally, deliver: &mut Deliver<'_>) -> Result<(), TransformError> {
        if pages.is_empty() {
            return Ok(());
        }
        let mut stays: Vec<bool> = Vec::new();
        for row in self.survivors(pages)?.column(ROW)?.cast(&polars::prelude::DataType::UInt64)?.u64()?.iter().flatten()
        {
            let index = usize::try_from(row).unwrap_or(usize::MAX);
            if stays.len() <= index {
                stays.resize(index + 1, false);
            }
            stays[index] = true;
        }
        tally.duplicates.extend(self.duplicates(pages)?);
        let mut start = 0;
        spool::each_page(pages, &mut |frame| {
            let (height, is_keyed) = (frame.height(), self.is_keyed());
            let marks: Vec<bool> =
                (start..start + height).map(|row| stays.get(row).copied().unwrap_or(false)).collect();
            start += height;
            let marks = Series::new(ROW.into(), marks);
            let keyed = frame.clone().lazy().select([is_keyed.alias(ROW)]).collect()?;
            let kept: BooleanChunked = &!keyed.column(ROW)?.bool()? | marks.bool()?;
            let frame = frame.filter(&kept)?;
            tally.duplicate += (height - frame.height()) as u64;
            if frame.height() == 0 { Ok(ControlFlow::Continue(())) } else { deliver(frame) }
        })
    }
}
