//! What a run writes to an object.

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::Field;

use super::{
    super::{formula::Template, table::Table},
    view::View,
};

/// What a run writes to an object.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    pub(super) key: Vec<String>,
    /// Whether records are only added: then several rows may have one key.
    pub(super) only_adds: bool,
    pub(super) fields: Vec<Field>,
    pub(super) formulas: Vec<Formula>,
}

/// A column that a formula of the pipeline fills.
#[derive(Debug, Clone)]
pub(super) struct Formula {
    pub(super) column: String,
    pub(super) template: Template,
    pub(super) is_rewritten: bool,
}

impl Formula {
    /// Writes the formula for a row.
    pub(super) fn text(&self, row: usize, view: &View, table: &Table) -> Result<String, ConnectorError> {
        self.template.at(row, |name| view.place(name)).ok_or_else(|| {
            let unknown = self.template.columns().find(|name| view.place(name).is_none()).unwrap_or_default();
            let error = table.unknown_column(unknown);
            let message = format!(
                "the formula of `{}` names a column `{unknown}` that `{}` does not have",
                self.column, table.place.title
            );
            ConnectorError { kind: ErrorKind::NotFound, message, ..error }
        })
    }
}
