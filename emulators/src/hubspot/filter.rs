//! The filters of a search.

use serde::{Deserialize, Deserializer};
use serde_json::{Value as Json, json};

use super::{definitions::Kind, errors::Refusal, portal::Portal, search::tokens, store::Record, time::read_time};

/// One filter as a client writes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filter {
    property_name: String,
    operator: Operator,
    #[serde(default, deserialize_with = "operand")]
    value: Option<String>,
    #[serde(default, deserialize_with = "operand")]
    high_value: Option<String>,
    values: Option<Vec<Json>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Operator {
    Eq,
    Neq,
    Lt,
    Lte,
    Gt,
    Gte,
    Between,
    In,
    NotIn,
    HasProperty,
    NotHasProperty,
    ContainsToken,
    NotContainsToken,
}

fn operand<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Json>::deserialize(deserializer)?.as_ref().and_then(as_text))
}

fn as_text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Null => None,
        Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => Some(value.to_string()),
    }
}

/// A filter that is known to make sense for the object.
#[derive(Debug)]
pub(super) struct Matcher {
    subject: Subject,
    operator: Operator,
    values: Vec<String>,
    /// The values as numbers or times, where the property is one.
    numbers: Vec<f64>,
}

#[derive(Debug)]
enum Subject {
    Property(u16, Kind),
    /// The ids of associated records: the property name is `associations.company`.
    Links(usize),
}

/// The answer to a property that the object does not have.
pub(super) fn no_such_property(name: &str) -> Refusal {
    Refusal::invalid("There was a problem with the request.").with_error(json!({
        "message": format!("Property \"{name}\" does not exist"), "code": "PROPERTY_DOESNT_EXIST",
        "context": {"propertyName": [name]},
    }))
}

impl Matcher {
    /// Checks a filter.
    pub(super) fn new(portal: &Portal, object: usize, filter: &Filter) -> Result<Self, Refusal> {
        let name = &filter.property_name;
        let operator = filter.operator;
        let missing = |what: &str| Refusal::invalid(format!("operator {operator:?} requires {what} (property {name})"));
        let single = || filter.value.clone().ok_or_else(|| missing("a value"));
        let values: Vec<String> = match operator {
            Operator::HasProperty | Operator::NotHasProperty => Vec::new(),
            Operator::In | Operator::NotIn => {
                let values = filter.values.as_ref().filter(|values| !values.is_empty());
                values.ok_or_else(|| missing("values"))?.iter().filter_map(as_text).collect()
            }
            Operator::Between => vec![single()?, filter.high_value.clone().ok_or_else(|| missing("a highValue"))?],
            Operator::Eq
            | Operator::Neq
            | Operator::Lt
            | Operator::Lte
            | Operator::Gt
            | Operator::Gte
            | Operator::ContainsToken
            | Operator::NotContainsToken => vec![single()?],
        };
        if let Some(target) = name.strip_prefix("associations.") {
            return Ok(Self { subject: Subject::Links(portal.object(target)?), operator, values, numbers: Vec::new() });
        }
        let (place, property) = portal.objects[object].live_property(name).ok_or_else(|| no_such_property(name))?;
        let kind = property.spec.kind;
        let numbers = if is_measured(kind) {
            let read = |value: &String| {
                measure(kind, value)
                    .ok_or_else(|| Refusal::invalid(format!("{value} is not a value of property {name}")))
            };
            values.iter().map(read).collect::<Result<_, _>>()?
        } else {
            Vec::new()
        };
        Ok(Self { subject: Subject::Property(place, kind), operator, values, numbers })
    }

    /// Whether a record passes.
    pub(super) fn matches(&self, portal: &Portal, object: usize, (id, record): (u64, &Record)) -> bool {
        match self.subject {
            Subject::Property(place, kind) => {
                let value = portal.value(object, (id, record), place);
                match (self.operator, value) {
                    (Operator::HasProperty, value) => value.is_some(),
                    (Operator::NotHasProperty, value) => value.is_none(),
                    // A record without the value passes no other filter, not even a negative one (as reported by users).
                    (_, None) => false,
                    (_, Some(value)) if is_measured(kind) => {
                        measure(kind, &value).is_some_and(|number| self.matches_number(number))
                    }
                    (_, Some(value)) => self.matches_text(kind, &value),
                }
            }
            Subject::Links(to) => {
                let mut linked = portal.links.of((object, to), id, 0).map(|(to, _)| to.to_string());
                let has_one =
                    |mut linked: Box<dyn Iterator<Item = String> + '_>| linked.any(|id| self.values.contains(&id));
                match self.operator {
                    Operator::HasProperty => linked.next().is_some(),
                    Operator::NotHasProperty => linked.next().is_none(),
                    Operator::Neq | Operator::NotIn | Operator::NotContainsToken => !has_one(Box::new(linked)),
                    Operator::Eq
                    | Operator::In
                    | Operator::Lt
                    | Operator::Lte
                    | Operator::Gt
                    | Operator::Gte
                    | Operator::Between
                    | Operator::ContainsToken => has_one(Box::new(linked)),
                }
            }
        }
    }

    fn matches_number(&self, number: f64) -> bool {
        let first = self.numbers.first().copied().unwrap_or(f64::NAN);
        let is_listed = self.numbers.iter().any(|listed| listed.total_cmp(&number).is_eq());
        match self.operator {
            Operator::Eq | Operator::In | Operator::ContainsToken => is_listed,
            Operator::Neq | Operator::NotIn | Operator::NotContainsToken => !is_listed,
            Operator::Lt => number < first,
            Operator::Lte => number <= first,
            Operator::Gt => number > first,
            Operator::Gte => number >= first,
            Operator::Between => number >= first && self.numbers.get(1).is_some_and(|high| number <= *high),
            Operator::HasProperty => true,
            Operator::NotHasProperty => false,
        }
    }

    fn matches_text(&self, kind: Kind, value: &str) -> bool {
        // Texts compare without case, except that IN and NOT_IN take their own values as they are: the guide wants them in
        // lower case. Options compare exactly, and a record with several matches by any.
        let is_option = matches!(kind, Kind::Enumeration | Kind::Bool);
        let lower = value.to_lowercase();
        let first = self.values.first().map(String::as_str).unwrap_or_default();
        let is_equal = |asked: &str| {
            if is_option { value == asked || value.split(';').any(|part| part == asked) } else { lower == asked }
        };
        let first_lower = if is_option { first.to_owned() } else { first.to_lowercase() };
        match self.operator {
            Operator::Eq => is_equal(&first_lower),
            Operator::Neq => !is_equal(&first_lower),
            Operator::In => self.values.iter().any(|asked| is_equal(asked)),
            Operator::NotIn => !self.values.iter().any(|asked| is_equal(asked)),
            Operator::Lt => lower < first_lower,
            Operator::Lte => lower <= first_lower,
            Operator::Gt => lower > first_lower,
            Operator::Gte => lower >= first_lower,
            Operator::Between => {
                let high = self.values.get(1).map(|high| high.to_lowercase()).unwrap_or_default();
                lower >= first_lower && lower <= high
            }
            Operator::ContainsToken => contains_token(&lower, first),
            Operator::NotContainsToken => !contains_token(&lower, first),
            Operator::HasProperty => true,
            Operator::NotHasProperty => false,
        }
    }
}

/// Whether values of a type compare as numbers.
fn is_measured(kind: Kind) -> bool {
    matches!(kind, Kind::Number | Kind::Date | Kind::Datetime)
}

fn measure(kind: Kind, value: &str) -> Option<f64> {
    if kind == Kind::Number {
        return value.parse().ok();
    }
    // Milliseconds of any date are far below 2^53.
    read_time(value).and_then(|time| time.to_string().parse().ok())
}

/// Whether a text has a word, all words of a phrase, or a part given with `*`.
fn contains_token(text: &str, asked: &str) -> bool {
    let asked = asked.to_lowercase();
    if !asked.contains('*') {
        return tokens(&asked).is_subset(&tokens(text));
    }
    is_like(text, &asked) || tokens(text).iter().any(|word| is_like(word, &asked))
}

/// Whether a text is like a pattern in which `*` stands for anything.
fn is_like(text: &str, pattern: &str) -> bool {
    let parts: Vec<&str> = pattern.split('*').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return text == pattern };
    let Some(mut rest) = text.strip_prefix(first).and_then(|rest| rest.strip_suffix(last)) else { return false };
    middle.iter().all(|part| {
        let found = rest.find(part);
        if let Some(at) = found {
            rest = &rest[at + part.len()..];
        }
        found.is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_words_and_parts_of_words() {
        assert!(contains_token("grüner baum gmbh", "Baum"));
        assert!(!contains_token("grüner baum gmbh", "bau"));
        assert!(contains_token("grüner baum gmbh", "bau*"));
        assert!(contains_token("ada@example.com", "*@example.com"));
        assert!(!contains_token("ada@example.org", "*@example.com"));
    }
}
