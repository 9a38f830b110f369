//! One mapping, compiled stage by stage.

use polars::prelude::{Expr, lit, when};

use crate::model::{FieldType, LINK_PREFIX, ParentKey, RUN_ID, Schema, StreamName};

use super::{MappedField, is_ours, names::Named, options, picklist};
use crate::transform::{
    cleaners::{self, Cleaner, Values},
    column_query::{Cell, ColumnQuery, Failure},
    columns,
    constant::{constant, constant_as, constant_text},
    convert::{convert, joined, no_empty_list, split_at, to_text},
    error::TransformError,
    formats::Formats,
    spec::{FullMapping, When},
    sql,
};

/// What a destination says about a field.
#[derive(Debug, Clone, Copy)]
struct Target<'a> {
    /// The field's name.
    name: &'a str,
    /// The destination's own description; none where it takes any field and does not describe this one.
    field: Option<&'a crate::model::Field>,
}

/// Adds one mapping to the query, or finds all that is wrong with it.
pub(super) fn field(
    query: &mut ColumnQuery,
    name: &str,
    spec: &FullMapping,
    source: &Schema,
    destination: &Schema,
) -> Result<(MappedField, Cell), Vec<TransformError>> {
    let mut mistakes = check_alone(name, spec, destination);
    let origin = origin(query, name, spec, source);
    let (Ok(origin), true) = (&origin, mistakes.is_empty()) else {
        mistakes.extend(origin.err().filter(|error| !mistakes.contains(error)));
        return Err(mistakes);
    };
    let target = Target { name, field: destination.field(name) };
    let cell = finish(query, target, spec, source, origin.clone()).map_err(|error| vec![error])?;
    let mapped = MappedField {
        name: columns::field_name(name),
        field_type: target.field.filter(|_| spec.link.is_some()).map_or(cell.field_type, |field| field.field_type),
        link: spec.link.as_deref().map(StreamName::new),
        when: spec.when.unwrap_or_default(),
        null: spec.null,
        is_stamp: spec.value.as_ref().and_then(|value| value.as_str()).is_some_and(|text| text.contains(RUN_ID)),
    };
    Ok((mapped, cell))
}

/// Returns the columns that a value is made of; none for a constant.
pub(super) fn read_columns(spec: &FullMapping) -> Vec<String> {
    let of_sql = spec.expr.as_deref().and_then(|sql| sql::names(sql).ok()).into_iter().flatten();
    spec.from.iter().cloned().chain(of_sql).collect()
}

/// Returns the columns without which there is no value; none where a default stands for a missing one.
pub(super) fn origins(spec: &FullMapping) -> Vec<String> {
    if spec.default.is_some() { Vec::new() } else { read_columns(spec) }
}

/// Tells whether both sides have the fields of a mapping, and the destination lets its one be written.
pub(super) fn is_possible(name: &str, spec: &FullMapping, source: &Schema, destination: &Schema) -> bool {
    let is_writable = destination.field(name).map_or(destination.is_open, |field| !field.is_read_only);
    is_writable && read_columns(spec).iter().all(|name| source.is_open || source.field(name).is_some())
}

/// Finds what is wrong with a mapping that the destination computes.
pub(super) fn check_formula(name: &str, spec: &FullMapping, destination: &Schema) -> Vec<TransformError> {
    let mut mistakes: Vec<TransformError> = check_origin(spec).err().into_iter().collect();
    let mistake = |message: &str| TransformError::new("transform.formula", message);
    let plain = FullMapping { formula: spec.formula.clone(), when: spec.when, ..FullMapping::default() };
    if mistakes.is_empty() && *spec != plain {
        mistakes.push(mistake("a formula takes `when` and nothing else: the destination computes its value"));
    }
    if spec.when == Some(When::IfBlank) {
        let error = mistake("a formula is written when a record is created, or always");
        mistakes.push(error.hint("write `when: on_create` or `when: always`").under(["when"]));
    }
    if !spec.formula.as_deref().is_some_and(|formula| formula.starts_with('=')) {
        mistakes.push(mistake("a formula begins with `=`").under(["formula"]));
    }
    if !destination.is_open && destination.field(name).is_none() {
        mistakes.extend(check_target(name, spec, destination).err());
    }
    mistakes
}

/// Finds what can be found without knowing the source.
pub(super) fn check_alone(name: &str, spec: &FullMapping, destination: &Schema) -> Vec<TransformError> {
    let mut mistakes = Vec::new();
    mistakes.extend(check_origin(spec).err());
    mistakes.extend(check_target(name, spec, destination).err());
    if let Some(Err(error)) = spec.expr.as_deref().map(sql::names) {
        mistakes.push(error.under(["expr"]));
    }
    for (index, cleaner) in spec.apply.iter().enumerate() {
        mistakes.extend(cleaners::compile(cleaner).err().map(|error| error.under(["apply", &index.to_string()])));
    }
    mistakes.extend(formats(spec).err());
    mistakes.extend(check_separator(spec).err());
    if spec.otherwise.is_some() && spec.values.is_none() {
        let message = "`otherwise` says what to do with a value that `values` does not list, and there are no `values`";
        mistakes.push(TransformError::new("transform.mapping", message).under(["otherwise"]));
    }
    if mistakes.is_empty() {
        mistakes.extend(check_constants(name, spec, destination));
    }
    mistakes
}

/// Finds the mappings that name a parent which another one names too, by its id or by a key of the same object.
pub(super) fn check_parents(named: &[Named<'_>], destination: &Schema) -> Vec<TransformError> {
    let keyed =
        named.iter().filter_map(|mapping| Some((mapping.word, destination.field(mapping.name)?.parent.as_ref()?)));
    let mut seen: Vec<(&str, &ParentKey)> = Vec::new();
    let mut mistakes = Vec::new();
    for (word, parent) in keyed {
        let by_key = seen.iter().find(|(_, known)| *known == parent).map(|(other, _)| *other);
        let by_id = || named.iter().find(|mapping| mapping.name == parent.sets.as_str()).map(|mapping| mapping.word);
        if let Some(other) = by_key.or_else(by_id) {
            let message = format!("`{word}` names the same parent as `{other}`, which is mapped too");
            let error = TransformError::new("transform.parent_twice", message);
            mistakes.push(error.hint("remove one of the two mappings").under(["mappings", word]));
        }
        seen.push((word, parent));
    }
    mistakes
}

fn check_origin(spec: &FullMapping) -> Result<(), TransformError> {
    if !spec.labels().is_empty() {
        let message = "`work`, `home`, `mobile` and `other` are mappings of their own: nothing stands beside them, they have none \
                       below them, and no other mapping sets the same field";
        return Err(TransformError::new("transform.mapping", message));
    }
    let given = [
        spec.from.is_some() && spec.link.is_none(),
        spec.expr.is_some(),
        spec.value.is_some(),
        spec.link.is_some(),
        spec.formula.is_some(),
    ];
    let count = given.iter().filter(|is_given| **is_given).count();
    if spec.link.is_some() && spec.from.is_none() && count == 1 {
        let error = TransformError::new(
            "transform.mapping",
            "`link` needs `from`, the field with the linked records' source ids",
        );
        return Err(error.hint("e.g. `{ link: companies, from: _links.companies }`"));
    }
    let message = match count {
        1 => return Ok(()),
        0 => "says nowhere where the value comes from",
        _ => "says more than once where the value comes from",
    };
    Err(TransformError::new("transform.mapping", message)
        .hint("give one of `from`, `expr`, `value`, `formula`, or `link` with `from`"))
}

fn check_target(name: &str, spec: &FullMapping, destination: &Schema) -> Result<(), TransformError> {
    if is_ours(name) {
        let message = format!("`{name}` is a name of Ferry's own and no field of a destination");
        return Err(TransformError::new("transform.mapping", message));
    }
    match destination.field(name) {
        Some(field) if field.is_read_only => {
            let message = format!("`{}` computes `{name}` itself and refuses to have it written", destination.object);
            Err(TransformError::new("transform.read_only", message).hint("remove the mapping"))
        }
        Some(field)
            if spec.link.is_none()
                && field.field_type == FieldType::Link
                && spec.from.as_deref().is_some_and(|from| from.starts_with(LINK_PREFIX)) =>
        {
            let message = format!("`{name}` links records of the destination, but `from` gives ids of the source");
            Err(TransformError::new("transform.mapping", message)
                .hint("add `link` with the stream that writes the linked records"))
        }
        Some(_) => Ok(()),
        None if destination.is_open => Ok(()),
        None => {
            let known = destination.fields.iter().map(|field| field.name.as_str());
            let message = format!("`{}` has no field `{name}`", destination.object);
            Err(TransformError::new("transform.unknown_field", message).nearest(name, known))
        }
    }
}

fn check_separator(spec: &FullMapping) -> Result<(), TransformError> {
    match spec.separator.as_deref() {
        Some(text) if text.trim().is_empty() || text.contains('\\') => {
            let message = "the separator of a list is a mark such as `,` or `|`, without a backslash";
            Err(TransformError::new("transform.mapping", message).under(["separator"]))
        }
        Some(_) | None => Ok(()),
    }
}

fn formats(spec: &FullMapping) -> Result<Formats, TransformError> {
    Formats::parse(spec.format.as_deref()).map_err(|error| error.under(["format"]))
}

/// Checks that every constant can be written to the field.
fn check_constants(name: &str, spec: &FullMapping, destination: &Schema) -> Vec<TransformError> {
    let target = Target { name, field: destination.field(name) };
    let mut mistakes = Vec::new();
    let mut check = |value: &serde_json::Value, path: &[&str]| {
        let result = check_constant(value, target, spec);
        mistakes.extend(result.err().map(|error| error.under(path)));
    };
    if let Some(value) = spec.value.as_ref().filter(|_| spec.apply.is_empty() && spec.values.is_none()) {
        check(value, &["value"]);
    }
    if let Some(value) = &spec.default {
        check(value, &["default"]);
    }
    for (from, to) in spec.values.iter().flatten().filter(|(_, to)| !to.is_null()) {
        check(to, &["values", from]);
    }
    if let Some(crate::transform::spec::Otherwise::Value { value }) = &spec.otherwise {
        check(value, &["otherwise", "value"]);
    }
    mistakes
}

fn check_constant(value: &serde_json::Value, target: Target<'_>, spec: &FullMapping) -> Result<(), TransformError> {
    let text = constant_text(value)?;
    let wanted = spec.field_type.into_iter().chain(target.field.map(|field| field.field_type));
    for field_type in wanted {
        if constant_as(value, field_type)?.is_none() {
            let message = format!("`{text}` is no {}, which `{}` needs", field_type.as_str(), target.name);
            return Err(TransformError::new("transform.constant", message));
        }
    }
    match target.field {
        Some(field) => options::check_constant(&text, field),
        None => Ok(()),
    }
}

fn origin(query: &mut ColumnQuery, name: &str, spec: &FullMapping, source: &Schema) -> Result<Cell, TransformError> {
    if let Some(from) = &spec.from {
        let field_type = columns::require(source, from);
        return Ok(ColumnQuery::start(from, field_type.map_err(|error| error.under(["from"]))?));
    }
    if let Some(text) = &spec.expr {
        let compiled = sql::compile(text, source).map_err(|error| error.under(["expr"]))?;
        let cell = query.begin(compiled.expr, compiled.field_type);
        if let Some(failed) = compiled.failed {
            query.check(
                name,
                None,
                failed,
                Failure::new(
                    "cast_failed",
                    "has no value, as a value of its `expr` does not fit the type it is cast to",
                ),
            );
        }
        return Ok(cell);
    }
    match &spec.value {
        Some(value) => {
            let (expr, field_type) = constant(value).map_err(|error| error.under(["value"]))?;
            Ok(query.begin(expr, field_type))
        }
        None => check_origin(spec).and_then(|()| Err(TransformError::new("transform.mapping", "has no origin"))),
    }
}

fn finish(
    query: &mut ColumnQuery,
    target: Target<'_>,
    spec: &FullMapping,
    source: &Schema,
    origin: Cell,
) -> Result<Cell, TransformError> {
    let mut cell = origin;
    for (index, written) in spec.apply.iter().enumerate() {
        let cleaned = cleaners::compile(written).and_then(|cleaner| apply(query, target.name, &cleaner, source, &cell));
        cell = cleaned.map_err(|error| error.under(["apply", &index.to_string()]))?;
    }
    if !keeps_blanks(target, spec, &cell) {
        cell = no_blank(query, &cell);
    } else if !spec.apply.is_empty() {
        let left = null_where(cell.expr().eq(lit("")), cell.expr());
        cell = query.put(&cell, left, cell.field_type);
    }
    let is_joined = matches!(cell.field_type, FieldType::MultiChoice | FieldType::Link);
    if let (Some(separator), FieldType::Text | FieldType::Choice) = (&spec.separator, cell.field_type) {
        cell = query.put(&cell, split_at(cell.expr(), separator), FieldType::MultiChoice);
    }
    if let Some(values) = &spec.values {
        cell = picklist::translate(query, target.name, &cell, values, spec.otherwise.as_ref(), is_list(target, spec))?;
    }
    if let Some(value) = &spec.default {
        cell = default(query, &cell, value).map_err(|error| error.under(["default"]))?;
    }
    if let Some(separator) =
        spec.separator.as_deref().filter(|_| is_joined && !is_list(target, spec) && spec.link.is_none())
    {
        cell = query.put(&cell, joined(cell.expr(), separator), FieldType::Text);
    }
    cell = to_wanted_types(query, target, spec, &cell)?;
    if let Some(field) = target.field.filter(|_| spec.link.is_none()) {
        cell = options::check(query, &cell, field);
    }
    if spec.required {
        query.check(target.name, None, cell.expr().is_null(), Failure::new("required", "is required and has no value"));
    }
    Ok(cell)
}

/// Applies one cleaner to a column.
pub(in crate::transform) fn apply(
    query: &mut ColumnQuery,
    field: &str,
    cleaner: &Cleaner,
    source: &Schema,
    before: &Cell,
) -> Result<Cell, TransformError> {
    if let Some(other) = &cleaner.reads {
        columns::require(source, other)?;
    }
    let result = cleaner.clean(Values { expr: before.expr(), field_type: before.field_type });
    let after = query.put(before, result.expr, result.field_type);
    if let Some(failure) = &cleaner.failure {
        query.check_kept(field, before, &after, failure.clone());
    }
    Ok(after)
}

/// Tells whether a text of blanks stays as it is: in a field of a file that holds any text. To other systems it is no value, and
/// where a mapping says what stands for no value, it means blanks too. A text of which cleaners left nothing is none anywhere.
fn keeps_blanks(target: Target<'_>, spec: &FullMapping, cell: &Cell) -> bool {
    let is_text = cell.field_type == FieldType::Text && matches!(spec.field_type, None | Some(FieldType::Text));
    let is_changed = spec.values.is_some() || spec.default.is_some() || spec.separator.is_some() || spec.link.is_some();
    is_text && target.field.is_none() && !spec.required && !is_changed && spec.format.is_none()
}

/// Takes a text of blanks, and a list without items, for no value.
fn no_blank(query: &mut ColumnQuery, cell: &Cell) -> Cell {
    let expr = match cell.field_type {
        FieldType::Text | FieldType::Choice => without_blank(cell.expr()),
        FieldType::MultiChoice | FieldType::Link => no_empty_list(cell.expr()),
        FieldType::Integer | FieldType::Number | FieldType::Boolean | FieldType::Date | FieldType::Datetime => {
            return cell.clone();
        }
    };
    query.put(cell, expr, cell.field_type)
}

fn null_where(condition: Expr, value: Expr) -> Expr {
    when(condition).then(lit(polars::prelude::NULL)).otherwise(value)
}

fn without_blank(text: Expr) -> Expr {
    let is_blank = text.clone().str().strip_chars(lit(polars::prelude::NULL)).eq(lit(""));
    null_where(is_blank, text)
}

fn default(query: &mut ColumnQuery, cell: &Cell, value: &serde_json::Value) -> Result<Cell, TransformError> {
    if let Some(fill) = constant_as(value, cell.field_type)? {
        return Ok(query.put(cell, cell.expr().fill_null(fill), cell.field_type));
    }
    let text = to_text(cell.expr(), cell.field_type);
    Ok(query.put(cell, text.fill_null(lit(constant_text(value)?)), FieldType::Text))
}

/// Tells whether the field will hold several values.
fn is_list(target: Target<'_>, spec: &FullMapping) -> bool {
    let field_type = target.field.map(|field| field.field_type).or(spec.field_type);
    matches!(field_type, Some(FieldType::MultiChoice | FieldType::Link))
}

/// Turns the value into the type that the mapping names, then into the one that the destination has.
fn to_wanted_types(
    query: &mut ColumnQuery,
    target: Target<'_>,
    spec: &FullMapping,
    cell: &Cell,
) -> Result<Cell, TransformError> {
    let formats = formats(spec)?;
    let linked = spec.link.as_ref().map(|_| FieldType::Link);
    let own = target.field.map(|field| field.field_type).filter(|_| linked.is_none());
    // The number of a day is a day to a field of days, and else a moment.
    let is_own = formats.reads_numbers() && matches!(own, Some(FieldType::Date | FieldType::Datetime));
    let described = (!formats.is_iso() && spec.field_type.is_none() && !is_own).then(|| formats.field_type());
    let mut current = cell.clone();
    for wanted in [described, spec.field_type, linked, own].into_iter().flatten() {
        current = to_type(query, target.name, &current, wanted, &formats)?;
    }
    Ok(current)
}

/// Turns a column into another type, refusing the records whose value does not fit.
pub(in crate::transform) fn to_type(
    query: &mut ColumnQuery,
    field: &str,
    cell: &Cell,
    wanted: FieldType,
    formats: &Formats,
) -> Result<Cell, TransformError> {
    let Some(converted) = convert(cell.expr(), cell.field_type, wanted, formats) else {
        let (from, to) = (cell.field_type.as_str(), wanted.as_str());
        let error = TransformError::new(
            "transform.type",
            format!("`{field}` is of type {to}, and a value of type {from} cannot become one"),
        );
        return Err(error.hint("compute it with `expr`"));
    };
    let after = query.put(cell, converted.expr, wanted);
    if let Some(failure) = converted.failure {
        query.check_kept(field, cell, &after, failure);
    }
    Ok(after)
}
