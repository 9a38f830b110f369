//! What is written in a query.

use super::lexer::Glob;

/// A name and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) text: String,
    pub(super) at: usize,
}

/// A field, and the functions around it, outermost first and in lower case: `FORMAT(MIN(CloseDate))`.
#[derive(Debug, Clone)]
pub(super) struct Term {
    pub(super) functions: Vec<String>,
    /// None in `COUNT()`.
    pub(super) field: Option<Name>,
    /// Where it begins.
    pub(super) at: usize,
}

impl Term {
    /// Returns the field as it is written, or the function that has none.
    pub(super) fn name(&self) -> Name {
        self.field.clone().unwrap_or_else(|| Name { text: self.functions.join("("), at: self.at })
    }
}

/// The fields of a parent of one kind: `WHEN Account THEN Phone, Name`.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) object: Name,
    pub(super) fields: Vec<Name>,
}

/// How groups are summed up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Subtotals {
    #[default]
    None,
    Rollup,
    Cube,
}

/// One thing that is selected.
#[derive(Debug, Clone)]
pub(super) enum Item {
    /// `Account.Name`, `COUNT(Id) total`, `FORMAT(Amount)`
    Term(Term, Option<String>),
    /// `TYPEOF What WHEN Account THEN Phone ELSE Name END`
    TypeOf { parent: Name, cases: Vec<Case>, otherwise: Vec<Name> },
    /// `FIELDS(ALL)`
    Fields(Name),
    /// `(SELECT Id FROM Contacts)`
    Children(Box<Select>),
}

/// A value in a condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Null,
    Bool(bool),
    Text(String, Vec<Glob>),
    Literal(String),
    /// `LAST_N_DAYS:7`
    Relative(String, Option<u32>),
}

/// A condition.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Compare { term: Term, operator: &'static str, operand: Operand, at: usize },
    In { term: Term, is_not: bool, operands: Vec<Operand>, at: usize },
    InSelect { field: Name, is_not: bool, select: Box<Select> },
    Includes { field: Name, is_not: bool, sets: Vec<String> },
}

/// A way to sort.
#[derive(Debug, Clone)]
pub(super) struct Sort {
    pub(super) term: Term,
    pub(super) is_descending: bool,
    pub(super) are_nulls_last: bool,
}

/// A query, or a query within one.
#[derive(Debug, Clone, Default)]
pub(super) struct Select {
    pub(super) items: Vec<Item>,
    pub(super) from: Option<Name>,
    pub(super) alias: Option<String>,
    pub(super) condition: Option<Condition>,
    pub(super) group_by: Vec<Term>,
    pub(super) subtotals: Subtotals,
    pub(super) having: Option<Condition>,
    pub(super) order_by: Vec<Sort>,
    pub(super) limit: Option<usize>,
    pub(super) offset: Option<usize>,
    pub(super) is_all_rows: bool,
}
