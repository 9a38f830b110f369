//! SQL expressions of a pipeline, checked against a schema and made safe to run page by page.
//!
//! The language is polars' own (`polars::sql`). What is added here: names are checked with the nearest one offered, dates
//! may be compared with text literals, a name with a dot needs no quotes, a cast that fails is told apart from no value
//! instead of ending the run, and what looks at more than one record is refused, as pages come one by one. No other module
//! hands a text to polars' SQL: what is not of the stream's own records is refused here ([`guard`]).

mod functions;
mod guard;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use polars::chunked_array::cast::CastOptions;
use polars::prelude::{
    AggExpr, BooleanFunction, DataFrame, DataType, Expr, FunctionExpr, IntoLazy, LazyFrame, LiteralValue, NamedFrom,
    Operator, PolarsResult, Scalar, Schema as PolarsSchema, Series, StringFunction, StructFunction, any_horizontal,
    lit,
};

use crate::model::{FieldType, Schema};

use super::{
    columns::{
        field_type_of, full_polars_schema, normalise, polars_schema, refuse_ambiguous, type_of, unknown_field,
        unknown_fields,
    },
    error::{TransformError, first_line},
    formats::parse_moment_text,
    labels::in_expression,
};

/// Most columns of an expression that no record has and whose dtypes are chosen one by one; of more, all have the same dtype.
const MAX_CHOSEN: usize = 4;

/// A SQL expression that is known to run on every frame of its schema.
#[derive(Debug, Clone)]
pub(super) struct Sql {
    /// The expression; a cast that fails gives no value.
    pub(super) expr: Expr,
    /// The type of its values.
    pub(super) field_type: FieldType,
    /// True where a cast failed and the expression has no value because of it; none where nothing can fail.
    pub(super) failed: Option<Expr>,
}

/// Returns the names of the columns that a SQL expression uses.
pub(super) fn names(sql: &str) -> Result<Vec<String>, TransformError> {
    Ok(root_names(&parse(sql)?))
}

/// Compiles a SQL expression over the columns of a schema.
pub(super) fn compile(sql: &str, schema: &Schema) -> Result<Sql, TransformError> {
    compile_as(sql, schema, None)
}

/// Compiles a SQL condition over the columns of a schema.
pub(super) fn compile_condition(sql: &str, schema: &Schema) -> Result<Sql, TransformError> {
    let compiled = compile_as(sql, schema, Some(FieldType::Boolean))?;
    if compiled.field_type == FieldType::Boolean {
        return Ok(compiled);
    }
    let message = format!("is {} and no condition that is true or false", compiled.field_type.as_str());
    Err(TransformError::new("transform.sql", message).hint("compare it with something, e.g. `country = 'DE'`"))
}

/// Compiles a SQL expression, whose values are to be of a type where that can be chosen.
fn compile_as(sql: &str, schema: &Schema, wanted: Option<FieldType>) -> Result<Sql, TransformError> {
    let parsed = in_expression(parse(sql)?, schema)?;
    let roots = root_names(&parsed);
    roots.iter().try_for_each(|root| refuse_ambiguous(schema, root))?;
    refuse_many_records(&parsed)?;
    let unknown: Vec<&str> = roots.iter().map(String::as_str).filter(|root| type_of(schema, root).is_none()).collect();
    match unknown.as_slice() {
        [] => compile_over(parsed, &roots, schema),
        unknown if schema.is_open => compile_without(&parsed, unknown, schema, wanted),
        [root] => Err(unknown_field(schema, root, format!("put text in single quotes: '{root}'"))),
        several => Err(unknown_fields(schema, several)),
    }
}

/// Compiles an expression whose columns the schema has.
fn compile_over(parsed: Expr, roots: &[String], schema: &Schema) -> Result<Sql, TransformError> {
    let columns = polars_schema(schema, roots.iter().map(String::as_str));
    let typed = parsed.try_map_expr(|expr| moment_literals(expr, &columns)).map_err(|error| problem(&error))?;
    let (lenient, casts) = lenient_casts(typed);
    let dtype = lenient.to_field(&columns).map_err(|error| problem(&error))?.dtype().clone();
    let Some(field_type) = field_type_of(&dtype) else {
        return Err(TransformError::new(
            "transform.sql",
            format!("the SQL gives values of type {dtype}, which no field can hold"),
        )
        .hint("turn them into text with CAST(… AS VARCHAR)"));
    };
    let expr = normalise(lenient, &dtype, field_type);
    try_out(&expr, &columns)?;
    let failed = match any_horizontal(casts) {
        Ok(any) => Some(any.and(expr.clone().is_null())),
        Err(_) => None,
    };
    Ok(Sql { expr, field_type, failed })
}

/// Compiles an expression with columns that no record has: each is null, of whatever type the expression can do with.
fn compile_without(
    parsed: &Expr,
    unknown: &[&str],
    schema: &Schema,
    wanted: Option<FieldType>,
) -> Result<Sql, TransformError> {
    let mut first_error = None;
    let mut other = None;
    for dtypes in absent_dtypes(unknown.len()) {
        let filled = parsed.clone().map_expr(|part| match &part {
            Expr::Column(name) => match unknown.iter().position(|absent| absent == name) {
                Some(place) => lit(polars::prelude::NULL).cast(dtypes[place].clone()),
                None => part,
            },
            _ => part,
        });
        match compile_over(filled.clone(), &root_names(&filled), schema) {
            Ok(compiled) if wanted.is_none_or(|wanted| wanted == compiled.field_type) => return Ok(compiled),
            Ok(compiled) => other = Some(compiled),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    match (other, first_error) {
        (Some(compiled), _) => Ok(compiled),
        (None, Some(error)) => Err(error),
        (None, None) => Err(TransformError::new("transform.sql", "the SQL cannot be used")),
    }
}

/// Returns the dtypes that so many absent columns may have, one choice after the other.
fn absent_dtypes(count: usize) -> Vec<Vec<DataType>> {
    let dtypes = [DataType::Null, DataType::String, DataType::Float64, DataType::Boolean];
    let mut choices: Vec<Vec<DataType>> = dtypes.iter().map(|dtype| vec![dtype.clone(); count]).collect();
    if (2..=MAX_CHOSEN).contains(&count) {
        let all = (0..count).fold(vec![Vec::new()], |choices: Vec<Vec<DataType>>, _| {
            choices
                .iter()
                .flat_map(|choice| dtypes.iter().map(|dtype| [choice.as_slice(), std::slice::from_ref(dtype)].concat()))
                .collect()
        });
        choices.extend(all);
    }
    choices
}

/// Returns the columns that a query of the table `self` gives, in order, with their dtypes; and those that it uses although an
/// open schema does not list them, with the dtypes that it can do with.
pub(super) fn query_columns(sql: &str, schema: &Schema) -> Result<(PolarsSchema, PolarsSchema), TransformError> {
    let text = guard::on_large_stack(|| guard::query(sql).map(Cow::into_owned))?;
    let known = full_polars_schema(schema);
    let error = match result_columns(&text, &known) {
        Ok(result) => return Ok((result, PolarsSchema::default())),
        Err(error) => error,
    };
    if schema.is_open {
        let mut choices = [DataType::Float64, DataType::String, DataType::Null].into_iter();
        if let Some(found) = choices.find_map(|dtype| with_absent(&text, &known, &dtype)) {
            return Ok(found);
        }
    }
    let missing = missing_column(&error.to_string());
    let error = problem(&error);
    Err(match missing {
        Some(name) => error.nearest(&name, schema.fields.iter().map(|field| field.name.as_str())),
        None => error,
    })
}

/// Adds the columns that a query lacks, all of one dtype, until it runs; none where that does not help.
fn with_absent(text: &str, known: &PolarsSchema, dtype: &DataType) -> Option<(PolarsSchema, PolarsSchema)> {
    let mut absent = PolarsSchema::default();
    let mut all = known.clone();
    loop {
        match result_columns(text, &all) {
            Ok(result) => return Some((result, absent)),
            Err(error) => {
                let name = missing_column(&error.to_string())?;
                all.insert(name.as_str().into(), dtype.clone());
                // A name that is still missing is not one of `self`.
                absent.insert(name.into(), dtype.clone()).is_none().then_some(())?;
            }
        }
    }
}

fn result_columns(text: &str, columns: &PolarsSchema) -> PolarsResult<PolarsSchema> {
    let empty = DataFrame::empty_with_schema(columns);
    let result = guard::on_large_stack(|| run_query(text, empty.lazy()).and_then(LazyFrame::collect))?;
    Ok(result.schema().as_ref().clone())
}

/// Checks what can be checked of a query without knowing the fields.
pub(super) fn check_query(sql: &str) -> Result<(), TransformError> {
    guard::on_large_stack(|| guard::query(sql).map(drop))
}

/// Returns what a query makes of the records of a stream, which it calls `self`.
pub(super) fn query(sql: &str, records: LazyFrame) -> Result<LazyFrame, TransformError> {
    guard::on_large_stack(|| {
        let text = guard::query(sql)?;
        Ok(run_query(&text, records)?)
    })
}

fn run_query(checked: &str, records: LazyFrame) -> PolarsResult<LazyFrame> {
    let mut context = polars::sql::SQLContext::new();
    context.register("self", records);
    context.execute(checked)
}

/// Returns the name in polars' message about a column that is not there.
fn missing_column(message: &str) -> Option<String> {
    let rest = message.split("unable to find column \"").nth(1)?;
    Some(rest.split('"').next()?.to_owned())
}

/// Parses a SQL expression.
pub(super) fn parse(sql: &str) -> Result<Expr, TransformError> {
    if sql.trim().is_empty() {
        return Err(TransformError::new("transform.sql", "the SQL expression is empty"));
    }
    let parsed = guard::on_large_stack(|| {
        let text = guard::expression(sql)?;
        polars::sql::sql_expr(&text).map_err(|error| problem(&error))
    })?;
    Ok(parsed.map_expr(|expr| match expr {
        // Frames hold no structs, so `a.b` can only be a field with a dot in its name, such as `_links.companies`.
        Expr::Function { input, function: FunctionExpr::StructExpr(StructFunction::FieldByName(inner)) } => {
            match input.as_slice() {
                [Expr::Column(outer)] => polars::prelude::col(format!("{outer}.{inner}")),
                _ => Expr::Function { input, function: FunctionExpr::StructExpr(StructFunction::FieldByName(inner)) },
            }
        }
        other => other,
    }))
}

/// Says what polars does not like, in one line.
fn problem(error: &polars::error::PolarsError) -> TransformError {
    problem_text(&error.to_string())
}

fn problem_text(text: &str) -> TransformError {
    let plain = text.strip_prefix("sql parser error: ").unwrap_or(text);
    let line = match plain.rsplit_once("\nerror: ") {
        Some((_, last)) if plain.contains("regex parse error") => format!("regex parse error: {}", first_line(last)),
        _ => first_line(plain),
    };
    let line = line.strip_suffix(" as Expr").unwrap_or(&line);
    let error = TransformError::new("transform.sql", format!("the SQL cannot be used: {line}"));
    let mixes_text_and_numbers =
        line.contains("cannot compare string with numeric") || line.contains("arithmetic on dtypes str");
    if mixes_text_and_numbers {
        return error.hint("put text in single quotes: '5'; CAST(… AS DOUBLE) makes a number of it");
    }
    error
}

fn root_names(expr: &Expr) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in expr.clone().meta().root_names() {
        if !names.iter().any(|known| *known == name) {
            names.push(name.to_string());
        }
    }
    names
}

fn refuse_many_records(expr: &Expr) -> Result<(), TransformError> {
    let looks_around = expr.into_iter().any(|part| match part {
        Expr::Agg(AggExpr::Implode { .. }) => !part.clone().meta().root_names().is_empty(),
        Expr::Agg(_)
        | Expr::Over { .. }
        | Expr::Len
        | Expr::Sort { .. }
        | Expr::SortBy { .. }
        | Expr::Gather { .. }
        | Expr::Filter { .. }
        | Expr::Slice { .. }
        | Expr::Explode { .. }
        | Expr::SubPlan(..) => true,
        _ => false,
    });
    if !looks_around {
        return Ok(());
    }
    Err(TransformError::new("transform.sql", "looks at more than one record, but records pass one by one here")
        .hint("sums, counts and windows belong into an `aggregate` step"))
}

/// Turns text that is compared with a date or a moment into one.
fn moment_literals(expr: Expr, columns: &PolarsSchema) -> PolarsResult<Expr> {
    match expr {
        Expr::BinaryExpr { left, op, right } if op.is_comparison() => {
            let (left, right) = (left.as_ref().clone(), right.as_ref().clone());
            let (left, right) = match (moment_dtype(&left, columns), moment_dtype(&right, columns)) {
                (Some(dtype), None) => (left, moment_literal(right, &dtype)?),
                (None, Some(dtype)) => (moment_literal(left, &dtype)?, right),
                _ => (left, right),
            };
            Ok(binary(left, op, right))
        }
        Expr::Function { input, function: FunctionExpr::Boolean(BooleanFunction::IsIn { nulls_equal }) } => {
            let function = FunctionExpr::Boolean(BooleanFunction::IsIn { nulls_equal });
            let dtype = input.first().and_then(|value| moment_dtype(value, columns));
            let [value, list] = input.as_slice() else { return Ok(Expr::Function { input, function }) };
            let Some(dtype) = dtype else { return Ok(Expr::Function { input, function }) };
            let list = list.clone().try_map_expr(|part| moment_literal(part, &dtype))?;
            Ok(Expr::Function { input: vec![value.clone(), list], function })
        }
        other => Ok(other),
    }
}

fn binary(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr { left: left.into(), op, right: right.into() }
}

fn moment_dtype(expr: &Expr, columns: &PolarsSchema) -> Option<DataType> {
    if matches!(expr, Expr::Literal(_)) {
        return None;
    }
    let dtype = expr.to_field(columns).ok()?.dtype().clone();
    matches!(dtype, DataType::Date | DataType::Datetime(..)).then_some(dtype)
}

fn moment_literal(expr: Expr, dtype: &DataType) -> PolarsResult<Expr> {
    let Expr::Literal(literal) = &expr else { return Ok(expr) };
    if let LiteralValue::Series(series) = literal {
        let Ok(texts) = series.str() else { return Ok(expr) };
        let moments: PolarsResult<Vec<_>> = texts.iter().map(|text| moment_value(text.unwrap_or_default())).collect();
        let moments = Series::new("".into(), moments?);
        return Ok(lit(millis_to(&moments, dtype)?));
    }
    let Some(text) = literal.extract_str() else { return Ok(expr) };
    let millis = moment_value(text)?;
    let series = Series::new("".into(), [millis]);
    let moment = millis_to(&series, dtype)?.get(0)?.into_static();
    Ok(lit(Scalar::new(dtype.clone(), moment)))
}

fn millis_to(millis: &Series, dtype: &DataType) -> PolarsResult<Series> {
    millis.cast(&FieldType::Datetime.dtype())?.cast(dtype)
}

fn moment_value(text: &str) -> PolarsResult<i64> {
    parse_moment_text(text).map(|moment| moment.timestamp_millis()).ok_or_else(|| {
        polars::error::polars_err!(ComputeError: "'{text}' is no date; write '2024-01-31' or '2024-01-31T12:00:00Z'")
    })
}

/// Lets every cast give no value where it fails, and returns the conditions under which each of them fails.
fn lenient_casts(expr: Expr) -> (Expr, Vec<Expr>) {
    let mut failures = Vec::new();
    let lenient = expr.map_expr(|part| match part {
        Expr::Cast { expr, dtype, options: CastOptions::Strict } => {
            let cast = Expr::Cast { expr: expr.clone(), dtype, options: CastOptions::NonStrict };
            failures.push(expr.as_ref().clone().is_not_null().and(cast.clone().is_null()));
            cast
        }
        Expr::Function { input, function: FunctionExpr::StringExpr(StringFunction::Strptime(dtype, mut options)) }
            if options.strict =>
        {
            options.strict = false;
            let function = FunctionExpr::StringExpr(StringFunction::Strptime(dtype, options));
            let before = input.first().cloned();
            let parsed = Expr::Function { input, function };
            failures.extend(before.map(|text| text.is_not_null().and(parsed.clone().is_null())));
            parsed
        }
        other => other,
    });
    (lenient, failures)
}

/// Runs the expression on no record and on one without values: what fails then would fail on every page.
fn try_out(expr: &Expr, columns: &PolarsSchema) -> Result<(), TransformError> {
    for height in [0, 1] {
        let frame = DataFrame::full_null(columns, height);
        frame.lazy().select([expr.clone()]).collect().map_err(|error| problem(&error))?;
    }
    Ok(())
}
