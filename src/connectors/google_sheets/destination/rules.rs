//! What a sheet is not written for, and how that is said.

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{Field, one_form};

use super::{
    super::{header::Named, table::Table},
    plan::{Formula, Plan},
    snapshot::Snapshot,
};

/// Refuses what needs a key where there is none.
pub(super) fn check_key(plan: &Plan, what: &str) -> Result<(), ConnectorError> {
    if !plan.key.is_empty() {
        return Ok(());
    }
    let message = format!("rows without a key cannot be {what}");
    Err(ConnectorError::new(ErrorKind::NotFound, "no_key", message).with_hint("give the destination a `key`"))
}

/// Says that the sheet does not stand still.
pub(super) fn always_moving(table: &Table) -> ConnectorError {
    let message = format!("somebody moves the rows or columns of `{}` all the time", table.place.title);
    ConnectorError::new(ErrorKind::Unanswered, "sheet_changes", message)
        .with_hint("run it again when nobody works in the sheet")
}

/// Refuses to write to a column that shares its heading with others and is not where it was described: its letter is its name.
pub(super) fn check_shared(table: &Table, columns: &[Named], plan: &Plan) -> Result<(), ConnectorError> {
    let written = plan.fields.iter().map(|field| field.name.as_str()).chain(plan.key.iter().map(String::as_str));
    for name in written {
        let Ok(column) = table.column(name) else { continue };
        let Some(heading) = &column.shared_heading else { continue };
        let places = |columns: &[(usize, Option<&String>)]| -> Vec<usize> {
            columns.iter().filter(|(_, shared)| *shared == Some(heading)).map(|(place, _)| *place).collect()
        };
        let then: Vec<_> = table.columns.iter().map(|column| (column.place, column.shared_heading.as_ref())).collect();
        let now: Vec<_> = columns.iter().map(|column| (column.place, column.shared_heading.as_ref())).collect();
        if places(&then) != places(&now) {
            let message = format!(
                "the columns `{heading}` of `{}` are not where they were, and go by their letters: each needs a heading of its own",
                table.place.title
            );
            return Err(ConnectorError::new(ErrorKind::NotFound, "columns_moved", message));
        }
    }
    Ok(())
}

impl Plan {
    /// Says which column is gone that the pipeline writes.
    pub(super) fn check_columns(&self, snapshot: &Snapshot, table: &Table) -> Result<(), ConnectorError> {
        let fields = self.fields.iter().map(|field| field.name.as_str()).chain(self.key.iter().map(String::as_str));
        let formulas = self.formulas.iter().map(|formula| formula.column.as_str());
        match fields.chain(formulas).find(|name| snapshot.view.place(name).is_none()) {
            None => Ok(()),
            Some(name) => Err(table.gone_column(name, &snapshot.view.headings)),
        }
    }
}

/// Refuses a formula that speaks of a column which the table neither has nor gets.
pub(super) fn check_formulas(table: &Table, formulas: &[Formula], fields: &[Field]) -> Result<(), ConnectorError> {
    let is_known = |name: &str| {
        table.column(name).is_ok()
            || fields.iter().any(|field| one_form(&field.name) == one_form(name))
            || formulas.iter().any(|formula| one_form(&formula.column) == one_form(name))
    };
    for formula in formulas {
        if let Some(unknown) = formula.template.columns().find(|name| !is_known(name)) {
            let error = table.unknown_column(unknown);
            let message =
                format!("the formula of `{}` names a column `{unknown}`, which the tab does not have", formula.column);
            return Err(ConnectorError { message, ..error });
        }
    }
    Ok(())
}
