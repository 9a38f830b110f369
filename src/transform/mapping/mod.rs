//! Mappings: what a destination's fields are given, compiled to one polars query per page. Start at [`Mapper`].
//!
//! A value goes this way: its origin (`from`, `expr`, `value`, `link`) → cleaners → `values` and `otherwise` → `default` →
//! type → `required`. A text that is empty after the cleaners is no value. Whatever is lost on the way is lost for a reason,
//! and its record is refused with it; the first field to fail names the reason.

mod compile;
mod names;
mod options;
mod picklist;
mod shown;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use polars::prelude::{DataFrame, Expr, col};

use crate::model::{
    ABSENT, DELETED, FieldName, FieldType, ID, LINK_PREFIX, Schema, StreamName, UPDATED_AT, is_reserved,
};

use super::{
    column_query::{Cell, ColumnQuery},
    columns,
    error::TransformError,
    items::map_items,
    labels::in_mapping,
    reject::Rejected,
    spec::{MappingSpec, MappingSpecs, NullPolicy, When},
};

pub(super) use compile::{apply, to_type};

pub use shown::{ShownMapping, shown_mappings};

use names::Named;

/// One field of a destination as a mapping fills it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedField {
    /// The destination's name of the field.
    pub name: FieldName,
    /// The type of its values. The column of a linked field holds lists of source ids whatever this says.
    pub field_type: FieldType,
    /// The stream whose records are linked.
    pub link: Option<StreamName>,
    /// Who wins over what the destination already holds.
    pub when: When,
    /// What becomes of the destination's value when the source has none.
    pub null: NullPolicy,
    /// Whether the values hold [`RUN_ID`](crate::model::RUN_ID), to be filled in when a record is written.
    pub is_stamp: bool,
}

/// What a page became for one destination.
#[derive(Debug)]
pub struct Mapped {
    /// `_id`, `_updated_at` and `_deleted` as they came, then the destination's fields; where the source tells what a record
    /// says nothing of, `_absent` names those fields of the destination that get no value because of it.
    pub frame: DataFrame,
    /// The records that are not in the frame.
    pub rejects: Vec<Rejected>,
}

/// The compiled mappings of one destination.
#[derive(Debug)]
pub struct Mapper {
    fields: Vec<MappedField>,
    query: ColumnQuery,
    output: Vec<Expr>,
    /// Of each field the columns that its value is made of.
    origins: Arc<[(String, Vec<String>)]>,
}

impl Mapper {
    /// Compiles mappings from the fields of a source, as they are after its transforms, to those of a destination.
    ///
    /// # Errors
    /// Fails with the first mistake that [`check_mappings`] finds.
    pub fn compile(specs: &MappingSpecs, source: &Schema, destination: &Schema) -> Result<Self, TransformError> {
        let (mapper, mut mistakes) = Self::compile_all(specs, source, destination);
        if mistakes.is_empty() { Ok(mapper) } else { Err(mistakes.swap_remove(0)) }
    }

    /// Returns the fields that are filled, in the order of the mappings.
    pub fn fields(&self) -> &[MappedField] {
        &self.fields
    }

    /// Maps one page. Every record of it is either in the frame that comes out or among the rejects.
    ///
    /// Of a record that the source has deleted, only the reserved columns are sure to hold something.
    ///
    /// # Errors
    /// Fails when the frame does not have the columns of the source's schema.
    pub fn map(&self, frame: &DataFrame) -> Result<Mapped, TransformError> {
        let mut output = self.output.clone();
        if frame.column(ABSENT).is_ok() {
            output.push(self.absent());
        }
        let (frame, rejects) = self.query.run(frame, &output)?;
        Ok(Mapped { frame, rejects })
    }

    /// Names the destination's fields of which a record says nothing: it mentions none of the columns they are made of.
    fn absent(&self) -> Expr {
        let origins = Arc::clone(&self.origins);
        let absent = map_items(col(ABSENT), move |absent| {
            let is_absent = |columns: &[String]| {
                !columns.is_empty() && columns.iter().all(|column| absent.contains(&column.as_str()))
            };
            let fields = origins.iter().filter(|(_, columns)| is_absent(columns));
            Some(fields.map(|(field, _)| field.clone()).collect())
        });
        absent.alias(ABSENT)
    }

    fn compile_all(specs: &MappingSpecs, source: &Schema, destination: &Schema) -> (Self, Vec<TransformError>) {
        let mut query = ColumnQuery::default();
        let mut fields = Vec::new();
        let mut cells: Vec<Cell> = Vec::new();
        let mut origins = Vec::new();
        let mut mistakes = Vec::new();
        let (named, unclear) = names::resolve(specs, destination);
        mistakes.extend(unclear);
        for Named { name, word, spec } in &named {
            let full = match in_mapping(spec.to_full(), source) {
                Ok(full) => full,
                Err(error) => {
                    mistakes.push(error.under(["mappings", word]));
                    continue;
                }
            };
            if full.formula.is_some() {
                let found = compile::check_formula(name, &full, destination);
                mistakes.extend(found.into_iter().map(|error| error.under(["mappings", word])));
                continue;
            }
            // Offline it may not be known what an org or account lacks of the standard fields.
            if full.is_standard && !compile::is_possible(name, &full, source, destination) {
                continue;
            }
            match compile::field(&mut query, name, &full, source, destination) {
                Ok((field, cell)) => {
                    origins.push((field.name.to_string(), compile::origins(&full)));
                    fields.push(field);
                    cells.push(cell);
                }
                Err(found) => mistakes.extend(found.into_iter().map(|error| error.under(["mappings", word]))),
            }
        }
        mistakes.extend(compile::check_parents(&named, destination));
        let reserved = [ID, UPDATED_AT, DELETED].into_iter().map(col);
        let mapped = fields.iter().zip(&cells).map(|(field, cell)| cell.expr().alias(field.name.as_str()));
        let output = reserved.chain(mapped).collect();
        (Self { fields, query, output, origins: origins.into() }, mistakes)
    }
}

/// Finds every mistake in mappings. Without the schema of a side, names of that side are not checked.
pub fn check_mappings(
    specs: &MappingSpecs,
    source: Option<&Schema>,
    destination: Option<&Schema>,
) -> Vec<TransformError> {
    let open = Schema { object: "the destination".into(), fields: Vec::new(), is_open: true };
    let destination = destination.unwrap_or(&open);
    if let Some(source) = source {
        return Mapper::compile_all(specs, source, destination).1;
    }
    let (named, mut mistakes) = names::resolve(specs, destination);
    for Named { name, word, spec } in &named {
        let full = spec.to_full();
        let found = match full.formula {
            Some(_) => compile::check_formula(name, &full, destination),
            None => compile::check_alone(name, &full, destination),
        };
        mistakes.extend(found.into_iter().map(|error| error.under(["mappings", word])));
    }
    mistakes.extend(compile::check_parents(&named, destination));
    mistakes
}

/// Returns the fields that the destination computes by a formula of the pipeline, each with whether it is written with every
/// write of a record.
pub fn formulas(specs: &MappingSpecs, destination: &Schema) -> Vec<(FieldName, String, bool)> {
    let (named, _) = names::resolve(specs, destination);
    let formula = |named: &Named<'_>| {
        let full = named.spec.to_full();
        Some((columns::field_name(named.name), full.formula?, full.when == Some(When::Always)))
    };
    named.iter().filter_map(formula).collect()
}

/// Says whether a name is that of a column which every frame has. `_links.<object>` is none of them: destinations whose links
/// are written by separate calls have fields of that name.
fn is_ours(name: &str) -> bool {
    is_reserved(name) && !name.starts_with(LINK_PREFIX)
}

impl MappingSpec {
    /// Returns the mapping in full.
    fn to_full(&self) -> super::spec::FullMapping {
        match self {
            Self::Field(field) => super::spec::FullMapping { from: Some(field.clone()), ..Default::default() },
            Self::Full(full) => full.as_ref().clone(),
        }
    }
}
