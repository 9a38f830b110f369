//! Which fields and links of the source a stream's transforms and mappings use, so that only those are read.

use std::collections::BTreeSet;

use crate::model::{FieldName, LINK_PREFIX, ObjectName, Schema, is_reserved};

use super::{
    cleaners,
    error::TransformError,
    spec::{CleanerSpec, FullMapping, JoinOn, MappingSpec, MappingSpecs, StepSpec},
    sql,
};

/// Names what must be read of a source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldsUsed {
    /// The fields. A `join` that does not list its `fields` may add some of these: leave out those that the source lacks.
    pub fields: BTreeSet<FieldName>,
    /// The objects whose linked ids are used.
    pub links: BTreeSet<ObjectName>,
    /// Whether every field may be used, as by the SQL of an aggregate.
    pub is_everything: bool,
}

impl FieldsUsed {
    /// Returns which fields of a source are used, by their names: a word is a field's name or its label.
    pub fn names(&self, source: &Schema) -> BTreeSet<FieldName> {
        if self.is_everything {
            return source.fields.iter().map(|field| field.name.clone()).collect();
        }
        if source.is_open {
            return self.fields.clone();
        }
        // A label of several fields is said where it is compiled.
        let found = self.fields.iter().filter_map(|word| source.find(word).ok().flatten());
        found.map(|field| field.name.clone()).collect()
    }
}

/// Tells which fields of the source are used by a filter, by the steps, and by the mappings after them.
///
/// Fields that a step makes are not asked for.
///
/// # Errors
/// Fails when a SQL expression does not parse or a cleaner is not known, with the place in the YAML.
pub fn fields_used(
    steps: &[StepSpec],
    mappings: &[&MappingSpecs],
    filter: Option<&str>,
) -> Result<FieldsUsed, TransformError> {
    let mut needed = Needed::default();
    for specs in mappings {
        for (name, spec) in *specs {
            needed.add_mapping(spec).map_err(|error| error.under(["mappings", name.as_str()]))?;
        }
    }
    for (index, step) in steps.iter().enumerate().rev() {
        needed.step_back(step).map_err(|error| error.under(["transforms", &index.to_string()]))?;
    }
    if let Some(sql) = filter {
        needed.add_all(sql::names(sql).map_err(|error| error.under(["source", "where"]))?);
    }
    Ok(needed.into_used())
}

/// The columns that must exist at some point of the way, walking it from its end.
#[derive(Debug, Default)]
struct Needed {
    columns: BTreeSet<String>,
    is_everything: bool,
}

impl Needed {
    fn add_all(&mut self, names: impl IntoIterator<Item = String>) {
        self.columns.extend(names);
    }

    fn add_mapping(&mut self, spec: &MappingSpec) -> Result<(), TransformError> {
        match spec {
            MappingSpec::Field(field) => self.add_all([field.clone()]),
            MappingSpec::Full(full) => self.add_full(full)?,
        }
        Ok(())
    }

    fn add_full(&mut self, full: &FullMapping) -> Result<(), TransformError> {
        self.add_all(full.from.clone());
        if let Some(sql) = &full.expr {
            self.add_all(sql::names(sql).map_err(|error| error.under(["expr"]))?);
        }
        self.add_cleaners(&full.apply)
    }

    fn add_cleaners(&mut self, specs: &[CleanerSpec]) -> Result<(), TransformError> {
        for (index, spec) in specs.iter().enumerate() {
            let cleaner = cleaners::compile(spec).map_err(|error| error.under(["apply", &index.to_string()]))?;
            self.add_all(cleaner.reads);
        }
        Ok(())
    }

    fn step_back(&mut self, step: &StepSpec) -> Result<(), TransformError> {
        match step {
            StepSpec::Filter(sql) => self.add_all(sql::names(sql).map_err(|error| error.under(["filter"]))?),
            StepSpec::Derive(fields) => {
                for (name, sql) in fields.iter().rev() {
                    self.columns.remove(name);
                    self.add_all(sql::names(sql).map_err(|error| error.under(["derive", name]))?);
                }
            }
            StepSpec::Rename(names) => {
                // All names change at once, so that two fields can exchange theirs.
                let renamed: Vec<&String> =
                    names.iter().filter(|(_, new)| self.columns.remove(*new)).map(|(old, _)| old).collect();
                self.add_all(renamed.into_iter().cloned());
            }
            StepSpec::Drop(names) => names.iter().for_each(|name| {
                self.columns.remove(name);
            }),
            StepSpec::Cast(fields) => self.add_all(fields.keys().cloned()),
            StepSpec::Split(split) => {
                split.into.iter().for_each(|name| {
                    self.columns.remove(name);
                });
                self.add_all([split.field.clone()]);
            }
            StepSpec::Explode(explode) => self.add_all([explode.field.clone()]),
            StepSpec::Apply(fields) => {
                for (name, specs) in fields {
                    self.add_all([name.clone()]);
                    self.add_cleaners(specs).map_err(|error| renamed(error, name))?;
                }
            }
            StepSpec::Dedupe(dedupe) => self.add_all(dedupe.by.iter().cloned()),
            StepSpec::Join(join) => {
                join.fields.iter().flatten().for_each(|name| {
                    self.columns.remove(name);
                });
                match &join.on {
                    JoinOn::Same(name) => self.add_all([name.clone()]),
                    JoinOn::Pairs(pairs) => self.add_all(pairs.keys().cloned()),
                }
            }
            StepSpec::Aggregate(_) => {
                self.columns.clear();
                self.is_everything = true;
            }
        }
        Ok(())
    }

    fn into_used(self) -> FieldsUsed {
        let mut used = FieldsUsed { is_everything: self.is_everything, ..FieldsUsed::default() };
        for column in self.columns {
            if let Some(object) = column.strip_prefix(LINK_PREFIX) {
                used.links.insert(ObjectName::new(object));
            } else if !is_reserved(&column) {
                used.fields.insert(FieldName::from(column));
            }
        }
        used
    }
}

/// The cleaners of an `apply` step are listed under the field's name, not under a second `apply`.
fn renamed(mut error: TransformError, field: &str) -> TransformError {
    error.path.splice(0..1, ["apply".to_owned(), field.to_owned()]);
    error
}
