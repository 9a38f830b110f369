//! The part of a SQL condition that is free of SQL: comparisons of a field with a constant, joined by `AND` and `OR`.

use polars::chunked_array::cast::CastOptions;
use polars::prelude::{AnyValue, BooleanFunction, DataType, Expr, FunctionExpr, LiteralValue, Operator};

use crate::model::{Comparison, FieldName, FieldType, Predicate, Schema, Value};

use super::{error::TransformError, formats::parse_moment_text, labels::in_expression, sql};

/// Returns the conjuncts of the condition that a [`Predicate`] can say, or none.
pub(super) fn of(text: &str, schema: &Schema) -> Result<Option<Predicate>, TransformError> {
    let condition = in_expression(sql::parse(text)?, schema)?;
    let mut conjuncts = Vec::new();
    split_and(&condition, &mut conjuncts);
    let mut said: Vec<Predicate> = conjuncts.into_iter().filter_map(|part| say(part, schema)).collect();
    Ok(match said.len() {
        0 => None,
        1 => said.pop(),
        _ => Some(Predicate::All(said)),
    })
}

fn split_and<'a>(expr: &'a Expr, conjuncts: &mut Vec<&'a Expr>) {
    match expr {
        Expr::BinaryExpr { left, op: Operator::And | Operator::LogicalAnd, right } => {
            split_and(left, conjuncts);
            split_and(right, conjuncts);
        }
        other => conjuncts.push(other),
    }
}

/// Says the whole expression, or nothing: half of an `OR` would leave out records that the other half keeps.
fn say(expr: &Expr, schema: &Schema) -> Option<Predicate> {
    match expr {
        Expr::BinaryExpr { left, op, right } => say_binary(left, *op, right, schema),
        Expr::Function { input, function: FunctionExpr::Boolean(function) } => say_function(function, input, schema),
        Expr::Column(name) => compare_boolean(name, true, schema),
        _ => None,
    }
}

fn say_binary(left: &Expr, op: Operator, right: &Expr, schema: &Schema) -> Option<Predicate> {
    match op {
        Operator::And | Operator::LogicalAnd => {
            Some(Predicate::All(vec![say(left, schema)?, say(right, schema)?]).flatten())
        }
        Operator::Or | Operator::LogicalOr => {
            Some(Predicate::Any(vec![say(left, schema)?, say(right, schema)?]).flatten())
        }
        _ => match (left, right) {
            (Expr::Column(name), Expr::Literal(literal)) => compare(name, comparison(op)?, literal, schema),
            (Expr::Literal(literal), Expr::Column(name)) => compare(name, mirrored(comparison(op)?), literal, schema),
            _ => None,
        },
    }
}

fn say_function(function: &BooleanFunction, input: &[Expr], schema: &Schema) -> Option<Predicate> {
    match (function, input) {
        (BooleanFunction::IsNull, [Expr::Column(name)]) => Some(Predicate::IsNull(known(name, schema)?)),
        (BooleanFunction::IsNotNull, [Expr::Column(name)]) => Some(Predicate::IsNotNull(known(name, schema)?)),
        (BooleanFunction::IsIn { .. }, [Expr::Column(name), list]) => say_in(name, list, schema),
        (BooleanFunction::Not, [inner]) => match without_cast(inner) {
            Expr::Column(name) => compare_boolean(name, false, schema),
            _ => None,
        },
        _ => None,
    }
}

/// SQL's `NOT x` casts `x` to a boolean first.
fn without_cast(expr: &Expr) -> &Expr {
    match expr {
        Expr::Cast { expr, dtype, options: CastOptions::Strict } if dtype.as_literal() == Some(&DataType::Boolean) => {
            expr
        }
        other => other,
    }
}

fn say_in(name: &str, list: &Expr, schema: &Schema) -> Option<Predicate> {
    let field_type = schema.field(name)?.field_type;
    let series = list.into_iter().find_map(|part| match part {
        Expr::Literal(LiteralValue::Series(series)) => Some(series),
        _ => None,
    })?;
    let values: Option<Vec<Value>> = series.iter().map(|any| value_of(&any, field_type)).collect();
    Some(Predicate::In { field: FieldName::new(name), values: values? })
}

fn compare(name: &str, comparison: Comparison, literal: &LiteralValue, schema: &Schema) -> Option<Predicate> {
    let field_type = schema.field(name)?.field_type;
    let value = value_of(&literal.to_any_value()?, field_type)?;
    Some(Predicate::Compare { field: FieldName::new(name), comparison, value })
}

fn compare_boolean(name: &str, value: bool, schema: &Schema) -> Option<Predicate> {
    let is_boolean = schema.field(name)?.field_type == FieldType::Boolean;
    let comparison = Comparison::Equal;
    is_boolean.then(|| Predicate::Compare { field: FieldName::new(name), comparison, value: Value::Boolean(value) })
}

fn known(name: &str, schema: &Schema) -> Option<FieldName> {
    schema.field(name).map(|field| field.name.clone())
}

fn comparison(op: Operator) -> Option<Comparison> {
    Some(match op {
        Operator::Eq => Comparison::Equal,
        Operator::NotEq => Comparison::NotEqual,
        Operator::Lt => Comparison::Less,
        Operator::LtEq => Comparison::LessOrEqual,
        Operator::Gt => Comparison::Greater,
        Operator::GtEq => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

/// Returns the comparison that says the same with its sides exchanged.
fn mirrored(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Equal => Comparison::Equal,
        Comparison::NotEqual => Comparison::NotEqual,
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
    }
}

/// Returns a literal as a value of the field's type, if it is one.
fn value_of(any: &AnyValue<'_>, field_type: FieldType) -> Option<Value> {
    let literal = Value::from_any(any).ok()?;
    match (field_type, literal) {
        (FieldType::Text | FieldType::Choice, Value::Text(text)) => Some(Value::Text(text)),
        (FieldType::Integer, Value::Integer(number)) => Some(Value::Integer(number)),
        (FieldType::Number, Value::Number(number)) => Some(Value::Number(number)),
        (FieldType::Number, Value::Integer(number)) => exact_float(number).map(Value::Number),
        (FieldType::Boolean, Value::Boolean(flag)) => Some(Value::Boolean(flag)),
        (FieldType::Date, Value::Text(text)) => {
            let moment = parse_moment_text(&text)?;
            Some(Value::Date(moment.date_naive()))
        }
        (FieldType::Datetime, Value::Text(text)) => parse_moment_text(&text).map(Value::DateTime),
        _ => None,
    }
}

fn exact_float(number: i64) -> Option<f64> {
    i32::try_from(number).ok().map(f64::from)
}

/// Joins nested groups of the same kind into one.
trait Flatten {
    fn flatten(self) -> Self;
}

impl Flatten for Predicate {
    fn flatten(self) -> Self {
        match self {
            Predicate::All(parts) => Predicate::All(parts.into_iter().flat_map(all_parts).collect()),
            Predicate::Any(parts) => Predicate::Any(parts.into_iter().flat_map(any_parts).collect()),
            other => other,
        }
    }
}

fn all_parts(predicate: Predicate) -> Vec<Predicate> {
    match predicate {
        Predicate::All(parts) => parts,
        other => vec![other],
    }
}

fn any_parts(predicate: Predicate) -> Vec<Predicate> {
    match predicate {
        Predicate::Any(parts) => parts,
        other => vec![other],
    }
}
