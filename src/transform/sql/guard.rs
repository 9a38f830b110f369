//! Decides what polars' SQL is given: texts that see the stream's own records and nothing else, and that are not too deep.
//!
//! A text is parsed here first, by the parser that polars uses. Functions are an allow-list, so one that a new version of
//! polars brings is refused until somebody looks at it; a query may name `self` and the queries of its `WITH`. Start at
//! [`expression`] and [`query`].

use std::{borrow::Cow, collections::BTreeSet, mem, ops::ControlFlow};

use sqlparser::{
    ast::{
        BinaryOperator, Expr, Function, Query, SelectItem, SetExpr, Statement, TableFactor, Value, Visit, VisitMut,
        Visitor, VisitorMut,
    },
    dialect::GenericDialect,
    keywords::Keyword,
    parser::{Parser, ParserError, ParserOptions},
    tokenizer::{Token, Tokenizer},
};

use super::{super::error::TransformError, functions::ALLOWED, problem_text};

/// The table that a query reads: the records of the stream.
const SELF: &str = "self";
/// Deepest nesting of an expression, in levels. polars walks expressions by recursion, so depth is stack: 100 levels run on a
/// thread of 2 MiB in a debug build.
const MAX_DEPTH: usize = 100;
/// Most operators in one text: more are a list that somebody wrote as a chain, and each is evaluated for each record.
const MAX_OPERATORS: usize = 3_000;
/// Operands from which a chain is given to polars as a balanced tree.
const MIN_CHAIN: usize = 16;
/// What to do about a text that is too deep or too long.
const LESS: &str =
    "compare with a list, `country IN ('DE', 'AT')`, or compute a part in a `derive` step and use its field here";
/// Stack for the parsers, in bytes. It is address space: only what is used becomes memory.
const STACK_BYTES: usize = 256 * 1024 * 1024;

/// Runs what recurses over SQL on a stack that fits the deepest text.
pub(super) fn on_large_stack<T>(work: impl FnOnce() -> T) -> T {
    stacker::grow(STACK_BYTES, work)
}

/// Returns the text of an expression for polars.
///
/// # Errors
/// Says why the text is no expression over one record.
pub(super) fn expression(sql: &str) -> Result<Cow<'_, str>, TransformError> {
    refuse_long(sql)?;
    let mut parser = parser(sql)?;
    let item = parser.parse_select_item().map_err(|error| syntax(&error))?;
    if parser.peek_token().token != Token::EOF {
        let message = format!("the SQL goes on behind the expression: `{}`", parser.peek_token().token);
        return Err(TransformError::new("transform.sql", message)
            .hint("join conditions with AND or OR; put text in single quotes"));
    }
    match item {
        SelectItem::UnnamedExpr(mut expr) => checked(sql, &mut expr, false),
        SelectItem::ExprWithAlias { alias, .. } => {
            let message = format!("the SQL gives its result the name `{alias}`, and an expression has none here");
            Err(TransformError::new("transform.sql", message)
                .hint("remove the name; if an operator is missing before it, such as `=`, add that"))
        }
        _ => Err(TransformError::new("transform.sql", "`*` stands for all fields").hint("name one field")),
    }
}

/// Returns the text of a query of `self` for polars.
///
/// # Errors
/// Says why the text is no query of the stream's records alone.
pub(super) fn query(sql: &str) -> Result<Cow<'_, str>, TransformError> {
    refuse_long(sql)?;
    let mut statements = parser(sql)?.parse_statements().map_err(|error| syntax(&error))?;
    let [Statement::Query(_)] = statements.as_slice() else {
        return Err(TransformError::new("transform.sql", "the SQL is not one SELECT")
            .hint("write one query, such as `SELECT account, COUNT(*) AS deals FROM self GROUP BY account`"));
    };
    checked(sql, &mut statements[0], true)
}

/// Checks what was parsed. Long chains come back as balanced trees; other texts as they are written.
fn checked<'sql, T>(sql: &'sql str, parsed: &mut T, has_tables: bool) -> Result<Cow<'sql, str>, TransformError>
where
    T: Visit + VisitMut + ToString,
{
    let mut balancing = Balancing::default();
    // It never breaks off.
    let _ = VisitMut::visit(parsed, &mut balancing);
    let mut guard = Guard { has_tables, queries: BTreeSet::new(), depth: 0 };
    if let ControlFlow::Break(refusal) = Visit::visit(parsed, &mut guard) {
        return Err(*refusal);
    }
    Ok(if balancing.has_changed { Cow::Owned(parsed.to_string()) } else { Cow::Borrowed(sql) })
}

/// Makes the parser as polars makes it.
fn parser(sql: &str) -> Result<Parser<'static>, TransformError> {
    let options = ParserOptions { trailing_commas: true, ..ParserOptions::default() };
    Parser::new(&GenericDialect).with_options(options).try_with_sql(sql).map_err(|error| syntax(&error))
}

fn syntax(error: &ParserError) -> TransformError {
    match error {
        ParserError::RecursionLimitExceeded => too_deep(),
        other => problem_text(&other.to_string()),
    }
}

fn too_deep() -> TransformError {
    let message = format!("the SQL is nested more than {MAX_DEPTH} levels deep");
    TransformError::new("transform.sql_too_deep", message).hint(LESS)
}

/// Refuses texts with more operators than a condition needs, before anything recurses over them.
fn refuse_long(sql: &str) -> Result<(), TransformError> {
    let Ok(tokens) = Tokenizer::new(&GenericDialect, sql).tokenize() else { return Ok(()) };
    let is_operator = |token: &&Token| match token {
        Token::Word(word) => matches!(word.keyword, Keyword::AND | Keyword::OR | Keyword::WHEN | Keyword::UNION),
        Token::Plus | Token::Minus | Token::Mul | Token::Div | Token::Mod | Token::StringConcat => true,
        _ => false,
    };
    let count = tokens.iter().filter(is_operator).count();
    if count <= MAX_OPERATORS {
        return Ok(());
    }
    let message = format!("the SQL has {count} operators, and at most {MAX_OPERATORS} are accepted");
    Err(TransformError::new("transform.sql_too_deep", message).hint(LESS))
}

/// Refuses what is not of the stream.
struct Guard {
    /// Whether the text is a query, which may name tables.
    has_tables: bool,
    /// The names of the queries in `WITH`.
    queries: BTreeSet<String>,
    depth: usize,
}

type Verdict = ControlFlow<Box<TransformError>>;

fn refuse(error: TransformError) -> Verdict {
    ControlFlow::Break(Box::new(error))
}

impl Visitor for Guard {
    type Break = Box<TransformError>;

    fn pre_visit_query(&mut self, query: &Query) -> Verdict {
        if !self.has_tables {
            let error =
                TransformError::new("transform.sql_source", "the SQL holds a query, and here it sees one record");
            return refuse(
                error.hint("bring in other records with a `join` step, or sum them up in an `aggregate` step"),
            );
        }
        let names = query.with.iter().flat_map(|with| &with.cte_tables).map(|table| table.alias.name.value.clone());
        self.queries.extend(names);
        set_expression(&query.body)
    }

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> Verdict {
        match table {
            TableFactor::Table { name, args: None, .. } => {
                let name = name.to_string();
                let plain = name.trim_matches(['"', '`']);
                if plain == SELF || self.queries.contains(plain) {
                    return ControlFlow::Continue(());
                }
                refuse(source(&name))
            }
            TableFactor::Table { name, .. } | TableFactor::Function { name, .. } => refuse(source(&name.to_string())),
            TableFactor::Derived { .. } | TableFactor::NestedJoin { .. } => ControlFlow::Continue(()),
            // The rest are table functions of other databases, and ways to make rows of values.
            _ => refuse(source(&table.to_string())),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> Verdict {
        // Each WHEN becomes a level of polars' expression.
        self.depth += levels(expr);
        if self.depth > MAX_DEPTH {
            return refuse(too_deep());
        }
        match expr {
            Expr::Function(function) => allowed(function),
            _ => ControlFlow::Continue(()),
        }
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> Verdict {
        self.depth -= levels(expr);
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, statement: &Statement) -> Verdict {
        match statement {
            Statement::Query(_) => ControlFlow::Continue(()),
            other => refuse(TransformError::new("transform.sql", format!("the SQL holds a statement: `{other}`"))),
        }
    }
}

/// Returns how many levels an expression adds to polars' own.
fn levels(expr: &Expr) -> usize {
    match expr {
        Expr::Nested(_) | Expr::Value(_) | Expr::Identifier(_) | Expr::CompoundIdentifier(_) => 0,
        Expr::Case { conditions, .. } => conditions.len(),
        _ => 1,
    }
}

/// Refuses what takes the place of a SELECT and is none.
fn set_expression(body: &SetExpr) -> Verdict {
    match body {
        SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => ControlFlow::Continue(()),
        SetExpr::SetOperation { left, right, .. } => {
            set_expression(left)?;
            set_expression(right)
        }
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) | SetExpr::Table(_) => {
            refuse(source(&body.to_string()))
        }
    }
}

fn source(name: &str) -> TransformError {
    let shown: String = name.chars().take(60).collect();
    let message = format!("the SQL reads from `{shown}`, and only the stream's own records, `self`, are there");
    TransformError::new("transform.sql_source", message).hint("to bring in a file or another stream, use a `join` step")
}

fn allowed(function: &Function) -> Verdict {
    let name = function.name.to_string().to_lowercase();
    if ALLOWED.contains(&name.as_str()) {
        return ControlFlow::Continue(());
    }
    if name.starts_with("read_") {
        return refuse(source(&name));
    }
    let error = TransformError::new("transform.sql", format!("there is no SQL function `{name}`"));
    refuse(error.hint("the functions are those of polars' SQL").nearest(&name, ALLOWED.iter().copied()))
}

/// Makes balanced trees of long chains of AND, OR and `||`, so that their depth grows with the logarithm of their length.
#[derive(Default)]
struct Balancing {
    has_changed: bool,
}

impl VisitorMut for Balancing {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::BinaryOp { op, .. } = expr
            && matches!(op, BinaryOperator::And | BinaryOperator::Or | BinaryOperator::StringConcat)
        {
            let op = op.clone();
            let operands = operands(mem::replace(expr, Expr::value(Value::Null)), &op);
            self.has_changed |= operands.len() >= MIN_CHAIN;
            *expr = if operands.len() >= MIN_CHAIN { balanced(operands, &op) } else { chain(operands, &op) };
        }
        ControlFlow::Continue(())
    }
}

/// Takes a chain of one operator apart; without recursion, as a chain is as deep as it is long.
fn operands(expr: Expr, chained: &BinaryOperator) -> Vec<Expr> {
    let mut operands = Vec::new();
    let mut rest = expr;
    loop {
        match rest {
            Expr::BinaryOp { left, op, right } if op == *chained => {
                operands.push(*right);
                rest = *left;
            }
            other => {
                operands.push(other);
                operands.reverse();
                return operands;
            }
        }
    }
}

fn chain(operands: Vec<Expr>, op: &BinaryOperator) -> Expr {
    let join = |left: Expr, right: Expr| Expr::BinaryOp { left: left.into(), op: op.clone(), right: right.into() };
    operands.into_iter().reduce(join).unwrap_or_else(|| Expr::value(Value::Null))
}

fn balanced(mut operands: Vec<Expr>, op: &BinaryOperator) -> Expr {
    if operands.len() < MIN_CHAIN {
        return Expr::Nested(chain(operands, op).into());
    }
    let right = operands.split_off(operands.len() / 2);
    let halves = vec![balanced(operands, op), balanced(right, op)];
    Expr::Nested(chain(halves, op).into())
}
