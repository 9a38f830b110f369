//! A join with another stream, whose records lie on disk.

use std::{ops::ControlFlow, path::PathBuf, sync::Arc};

use polars::prelude::{DataFrame, Expr, IntoLazy, JoinArgs, JoinType, UniqueKeepStrategy, by_name, col};

use super::{
    super::{
        Deliver, StreamStep, Tally,
        join_inputs::JoinInput,
        spool::{self, Spool},
    },
    Keys, add_to_schema, added, key_name, key_text, pairs,
};
use crate::model::{FieldType, Schema, is_reserved};
use crate::transform::{columns, error::TransformError, spec::JoinSpec};

/// `join: { stream: companies, on: { company_id: _id }, fields: [domain] }`: a record with company 7 gets the domain of the
/// company whose id is 7. A record without such a company goes on without values; of several the one read first counts.
///
/// In memory are one frame of the stream, one page of the other stream, and what they have in common.
#[derive(Debug)]
pub(super) struct StreamJoin {
    keys: Keys,
    /// The other stream's compared fields, as text and named by [`key_name`], and then the fields to add.
    columns: Vec<Expr>,
    /// The other stream's records; none while names alone are checked.
    pages: Option<Arc<Spool>>,
    added: Vec<(String, FieldType)>,
}

pub(super) fn compile(spec: &JoinSpec, input: JoinInput, schema: &mut Schema) -> Result<StreamJoin, TransformError> {
    let Some(other) = input.schema else {
        return Err(TransformError::new("transform.failed", "the joined stream was not described").under(["join"]));
    };
    let pairs = pairs(&spec.on);
    let keys = Keys::compile(&pairs, schema)?;
    let mut columns = Vec::new();
    for (index, (_, name)) in pairs.iter().enumerate() {
        let field_type = columns::require(&other, name).map_err(|error| error.under(["join", "on"]))?;
        columns.push(key_text(name, field_type).alias(key_name(index)));
    }
    let plain = other.fields.iter().map(|field| field.name.as_str()).filter(|name| !is_reserved(name));
    let mut fields = Vec::new();
    for (index, name) in added(spec, &pairs, plain)?.into_iter().enumerate() {
        let place = index.to_string();
        let found = columns::require(&other, &name);
        let field_type = found.map_err(|error| error.under(["join", "fields", &place]))?;
        columns.push(col(name.as_str()));
        fields.push((name, field_type));
    }
    add_to_schema(schema, &fields)?;
    Ok(StreamJoin { keys, columns, pages: input.pages, added: fields })
}

impl StreamJoin {
    /// Returns the other stream's records for the keys of a frame: one per key, the first read.
    fn matching(&self, frame: &DataFrame) -> Result<DataFrame, TransformError> {
        let names = self.keys.names();
        let keys: Vec<Expr> = names.iter().map(|name| col(name.as_str())).collect();
        let by = || by_name(names.iter().map(String::as_str), true, false);
        let wanted =
            frame.clone().lazy().select(self.keys.texts()).unique(Some(by()), UniqueKeepStrategy::Any).collect()?;
        let mut found: Option<DataFrame> = None;
        let pages = self.pages.as_deref().map(Spool::paths).unwrap_or_default();
        spool::each_page(pages, &mut |page| {
            let semi = JoinArgs::new(JoinType::Semi);
            let page = page.lazy().select(self.columns.clone());
            let page = page.join(wanted.clone().lazy(), keys.clone(), keys.clone(), semi);
            let page = page.unique_stable(Some(by()), UniqueKeepStrategy::First).collect()?;
            match &mut found {
                Some(found) => drop(found.vstack_mut(&page)?),
                None => found = Some(page),
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let found = match found {
            Some(found) => found,
            None => self.no_match()?,
        };
        Ok(found.lazy().unique_stable(Some(by()), UniqueKeepStrategy::First).collect()?)
    }

    /// Returns the columns of a match, without lines.
    fn no_match(&self) -> Result<DataFrame, TransformError> {
        let keys = self.keys.names().into_iter().map(|name| (name, FieldType::Text));
        let columns = keys.chain(self.added.iter().cloned());
        let columns =
            columns.map(|(name, field_type)| polars::prelude::Column::new_empty(name.into(), &field_type.dtype()));
        Ok(DataFrame::new(0, columns.collect())?)
    }
}

impl StreamStep for StreamJoin {
    fn apply(&self, pages: &[PathBuf], _tally: &mut Tally, deliver: &mut Deliver<'_>) -> Result<(), TransformError> {
        let mut gathered: Option<DataFrame> = None;
        let mut join = |frame: DataFrame| -> Result<ControlFlow<()>, TransformError> {
            let other = self.matching(&frame)?;
            deliver(self.keys.join(frame, other)?)
        };
        let mut is_over = false;
        spool::each_page(pages, &mut |frame| {
            let Some(mut whole) = gathered.take() else {
                gathered = Some(frame);
                return Ok(ControlFlow::Continue(()));
            };
            if whole.height() + frame.height() <= spool::MAX_FRAME_RECORDS {
                whole.vstack_mut(&frame)?;
                gathered = Some(whole);
                return Ok(ControlFlow::Continue(()));
            }
            gathered = Some(frame);
            let flow = join(whole)?;
            is_over = flow.is_break();
            Ok(flow)
        })?;
        match gathered {
            Some(rest) if !is_over => join(rest).map(drop),
            _ => Ok(()),
        }
    }
}
