//! SOQL: what is written (`syntax`, read by `parser`), what it means in this org (`plan`, found by `planner`, `items` and
//! `conditions`), what it finds (`find`), how that is shown (`show`), and what its columns are (`columns`).

mod aggregate;
mod columns;
mod conditions;
mod dates;
mod find;
mod functions;
mod items;
mod lexer;
mod parser;
mod plan;
mod planner;
mod show;
mod syntax;

pub(super) use aggregate::aggregate;
pub(super) use columns::describe;
pub(super) use find::find;
pub(super) use plan::Query;
pub(super) use planner::{plan, too_many_groups};
pub(super) use show::{Pages, compound, csv_cells, csv_header, json};

use super::errors::Problem;

/// Says what is wrong with a query, and where: the query itself, a caret under the place, and the reason.
fn complaint(code: &'static str, text: &str, offset: usize, reason: &str) -> Problem {
    let before = text.get(..offset).unwrap_or(text);
    let row = before.matches('\n').count() + 1;
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let column = before[line_start..].chars().count() + 1;
    let line = text[line_start..].lines().next().unwrap_or_default();
    let caret = " ".repeat(column - 1);
    Problem::new(code, format!("\n{line}\n{caret}^\nERROR at Row:{row}:Column:{column}\n{reason}"))
}
