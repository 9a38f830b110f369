//! Which field of the destination each mapping fills: by its name or its label.

use std::collections::BTreeSet;

use crate::model::Schema;
use crate::transform::{
    error::TransformError,
    labels::{name_of, twice},
    spec::{MappingSpec, MappingSpecs},
};

/// A mapping with the field that it fills.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    /// The field's name at the destination.
    pub(super) name: &'a str,
    /// What the pipeline calls it.
    pub(super) word: &'a str,
    /// The mapping.
    pub(super) spec: &'a MappingSpec,
}

/// Finds the fields that mappings fill, and the words that mean several fields or a field that is filled already. A mapping of
/// the pipeline takes the place of a standard one, whatever both call the field.
pub(super) fn resolve<'a>(specs: &'a MappingSpecs, destination: &'a Schema) -> (Vec<Named<'a>>, Vec<TransformError>) {
    let (mut named, mut mistakes) = (Vec::new(), Vec::new());
    for (word, spec) in specs {
        match name_of(destination, word) {
            Ok(name) => named.push(Named { name, word, spec }),
            Err(error) => mistakes.push(error.under(["mappings", word])),
        }
    }
    let own: BTreeSet<&str> =
        named.iter().filter(|mapping| !is_standard(mapping)).map(|mapping| mapping.name).collect();
    named.retain(|mapping| !is_standard(mapping) || !own.contains(mapping.name));
    let mut seen = BTreeSet::new();
    named.retain(|mapping| {
        let is_first = seen.insert(mapping.name);
        if !is_first {
            mistakes.push(twice(mapping.name).under(["mappings", mapping.word]));
        }
        is_first
    });
    (named, mistakes)
}

fn is_standard(mapping: &Named<'_>) -> bool {
    matches!(mapping.spec, MappingSpec::Full(full) if full.is_standard)
}
