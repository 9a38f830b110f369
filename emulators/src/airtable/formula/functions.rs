//! The functions of the formula language, by name.

use super::{
    super::cells::Row, function_dates as dates, function_lists as lists, function_numbers as numbers,
    function_texts as texts, value::Value,
};

/// What a function does with its values.
type Apply = fn(Row<'_>, &[Value]) -> Value;

/// Most arguments of a function that takes any number.
const MANY: usize = usize::MAX;

/// A function of the language.
#[derive(Debug)]
pub(crate) struct Function {
    name: &'static str,
    min_arguments: usize,
    max_arguments: usize,
    /// Whether an error among the values makes the result an error.
    is_strict: bool,
    /// The truth of one value that settles the result of `AND` and `OR`.
    settled_by: Option<bool>,
    apply: Apply,
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Function {
    /// Tells whether the function takes that many arguments.
    pub(crate) fn takes(&self, count: usize) -> bool {
        (self.min_arguments..=self.max_arguments).contains(&count)
    }

    /// Returns the result when this one value settles it, so that the others need not be known.
    pub(crate) fn settled_by(&self, value: &Value) -> Option<Value> {
        let by = self.settled_by?;
        (*value != Value::Error && value.is_true() == by).then(|| Value::truth(by))
    }

    /// Calls the function.
    pub(crate) fn apply(&self, row: Row<'_>, values: &[Value]) -> Value {
        if self.is_strict && values.contains(&Value::Error) { Value::Error } else { (self.apply)(row, values) }
    }
}

/// Finds a function by its name in capitals.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

const fn strict(name: &'static str, min_arguments: usize, max_arguments: usize, apply: Apply) -> Function {
    Function { name, min_arguments, max_arguments, is_strict: true, settled_by: None, apply }
}

const fn lenient(name: &'static str, min_arguments: usize, max_arguments: usize, apply: Apply) -> Function {
    Function { name, min_arguments, max_arguments, is_strict: false, settled_by: None, apply }
}

const fn settled(name: &'static str, by: bool) -> Function {
    let apply: Apply = if by { |_, _| Value::truth(false) } else { |_, _| Value::truth(true) };
    Function { name, min_arguments: 1, max_arguments: MANY, is_strict: true, settled_by: Some(by), apply }
}

static FUNCTIONS: [Function; 84] = [
    settled("AND", false),
    settled("OR", true),
    strict("XOR", 1, MANY, |_, values| Value::truth(values.iter().filter(|value| value.is_true()).count() % 2 == 1)),
    strict("NOT", 1, 1, |_, values| Value::truth(!values[0].is_true())),
    lenient("IF", 2, 3, |_, values| match &values[0] {
        Value::Error => Value::Error,
        condition if condition.is_true() => values[1].clone(),
        _ => values.get(2).cloned().unwrap_or(Value::Blank),
    }),
    lenient("SWITCH", 3, MANY, |_, values| lists::switch(values)),
    lenient("ISERROR", 1, 1, |_, values| Value::truth(values[0] == Value::Error)),
    strict("ERROR", 0, 1, |_, _| Value::Error),
    strict("BLANK", 0, 0, |_, _| Value::Blank),
    strict("TRUE", 0, 0, |_, _| Value::truth(true)),
    strict("FALSE", 0, 0, |_, _| Value::truth(false)),
    strict("RECORD_ID", 0, 0, |row, _| Value::text(&row.record.id)),
    strict("CREATED_TIME", 0, 0, |row, _| Value::Instant(row.record.created_at)),
    strict("NOW", 0, 0, |row, _| Value::Instant(row.now)),
    strict("TODAY", 0, 0, |row, _| dates::midnight(row.now)),
    strict("DATETIME_PARSE", 1, 3, |_, values| dates::parse(values)),
    strict("DATETIME_FORMAT", 1, 2, |_, values| dates::format(values)),
    strict("DATESTR", 1, 1, |_, values| dates::written(&values[0], "%Y-%m-%d")),
    strict("TIMESTR", 1, 1, |_, values| dates::written(&values[0], "%H:%M:%S")),
    strict("IS_SAME", 2, 3, |_, values| dates::compared(values, std::cmp::Ordering::Equal)),
    strict("IS_AFTER", 2, 2, |_, values| dates::compared(values, std::cmp::Ordering::Greater)),
    strict("IS_BEFORE", 2, 2, |_, values| dates::compared(values, std::cmp::Ordering::Less)),
    strict("DATEADD", 3, 3, |_, values| dates::add(values)),
    strict("DATETIME_DIFF", 2, 3, |_, values| dates::difference(values)),
    strict("YEAR", 1, 1, |_, values| dates::part(&values[0], "%Y")),
    strict("MONTH", 1, 1, |_, values| dates::part(&values[0], "%m")),
    strict("DAY", 1, 1, |_, values| dates::part(&values[0], "%d")),
    strict("HOUR", 1, 1, |_, values| dates::part(&values[0], "%H")),
    strict("MINUTE", 1, 1, |_, values| dates::part(&values[0], "%M")),
    strict("SECOND", 1, 1, |_, values| dates::part(&values[0], "%S")),
    strict("WEEKDAY", 1, 1, |_, values| dates::part(&values[0], "%w")),
    strict("SET_TIMEZONE", 2, 2, |_, values| dates::in_zone(values)),
    strict("SET_LOCALE", 2, 2, |_, values| dates::in_locale(values)),
    strict("WEEKNUM", 1, 2, |_, values| dates::week(values)),
    strict("WORKDAY", 2, 3, |_, values| dates::workday(values)),
    strict("WORKDAY_DIFF", 2, 3, |_, values| dates::workday_difference(values)),
    strict("TONOW", 1, 1, |row, values| dates::distance(&values[0], row.now)),
    strict("FROMNOW", 1, 1, |row, values| dates::distance(&values[0], row.now)),
    strict("LOWER", 1, 1, |_, values| Value::text(values[0].to_text().to_lowercase())),
    strict("UPPER", 1, 1, |_, values| Value::text(values[0].to_text().to_uppercase())),
    strict("TRIM", 1, 1, |_, values| Value::text(values[0].to_text().trim())),
    strict("LEN", 1, 1, |_, values| texts::length(&values[0])),
    strict("FIND", 2, 3, |_, values| texts::find(values, Value::Number(0.0))),
    strict("SEARCH", 2, 3, |_, values| texts::find(values, Value::Blank)),
    strict("LEFT", 2, 2, |_, values| texts::left(values)),
    strict("RIGHT", 2, 2, |_, values| texts::right(values)),
    strict("MID", 3, 3, |_, values| texts::middle(values)),
    strict("REPLACE", 4, 4, |_, values| texts::replace(values)),
    strict("SUBSTITUTE", 3, 4, |_, values| texts::substitute(values)),
    strict("REPT", 2, 2, |_, values| texts::repeat(values)),
    strict("CONCATENATE", 1, MANY, |_, values| {
        Value::Text(values.iter().map(Value::to_text).collect::<Vec<_>>().concat())
    }),
    strict("EXACT", 2, 2, |_, values| Value::truth(values[0].to_text() == values[1].to_text())),
    strict("T", 1, 1, |_, values| match &values[0] {
        Value::Text(text) => Value::text(text),
        _ => Value::Blank,
    }),
    strict("VALUE", 1, 1, |_, values| texts::value(&values[0])),
    strict("ENCODE_URL_COMPONENT", 1, 1, |_, values| texts::encode(&values[0])),
    strict("REGEX_MATCH", 2, 2, |_, values| texts::matches(values)),
    strict("REGEX_EXTRACT", 2, 2, |_, values| texts::extract(values)),
    strict("REGEX_REPLACE", 3, 3, |_, values| texts::replace_pattern(values)),
    strict("ARRAYJOIN", 1, 2, |_, values| lists::join(values)),
    strict("ARRAYUNIQUE", 1, 1, |_, values| lists::unique(&values[0])),
    strict("ARRAYFLATTEN", 1, MANY, |_, values| lists::flatten(values)),
    strict("ARRAYSLICE", 2, 3, |_, values| lists::slice(values)),
    strict("ARRAYCOMPACT", 1, 1, |_, values| lists::compact(&values[0])),
    strict("COUNT", 1, MANY, |_, values| lists::count(values, |value| matches!(value, Value::Number(_)))),
    strict("COUNTA", 1, MANY, |_, values| lists::count(values, |value| !value.is_empty())),
    strict("COUNTALL", 1, MANY, |_, values| lists::count(values, |_| true)),
    strict("SUM", 1, MANY, |_, values| numbers::fold(values, 0.0, |sum, number| sum + number)),
    strict("MIN", 1, MANY, |_, values| numbers::fold(values, f64::INFINITY, f64::min)),
    strict("MAX", 1, MANY, |_, values| numbers::fold(values, f64::NEG_INFINITY, f64::max)),
    strict("AVERAGE", 1, MANY, |_, values| numbers::average(values)),
    strict("ABS", 1, 1, |_, values| Value::Number(values[0].to_number().abs())),
    strict("INT", 1, 1, |_, values| Value::Number(values[0].to_number().floor())),
    strict("SQRT", 1, 1, |_, values| Value::Number(values[0].to_number().sqrt())),
    strict("POWER", 2, 2, |_, values| Value::Number(values[0].to_number().powf(values[1].to_number()))),
    strict("MOD", 2, 2, |_, values| {
        let by = values[1].to_number();
        if by == 0.0 { Value::Error } else { Value::Number(values[0].to_number().rem_euclid(by)) }
    }),
    strict("CEILING", 1, 2, |_, values| numbers::multiple(values, f64::ceil)),
    strict("FLOOR", 1, 2, |_, values| numbers::multiple(values, f64::floor)),
    strict("EVEN", 1, 1, |_, values| numbers::parity(&values[0], 0.0)),
    strict("ODD", 1, 1, |_, values| numbers::parity(&values[0], 1.0)),
    strict("EXP", 1, 1, |_, values| Value::Number(values[0].to_number().exp())),
    strict("LOG", 1, 2, |_, values| numbers::logarithm(values)),
    strict("ROUND", 1, 2, |_, values| numbers::round(values, f64::round)),
    strict("ROUNDUP", 1, 2, |_, values| numbers::round(values, numbers::away)),
    strict("ROUNDDOWN", 1, 2, |_, values| numbers::round(values, f64::trunc)),
];
