//! What the conditions of a query mean: every value of the type of its field.

use std::collections::HashSet;

use super::{
    super::{
        catalog::FieldType,
        errors::Problem,
        ids::Id,
        time::{datetime, read_date, read_datetime},
    },
    complaint, dates,
    find::find,
    functions::Function,
    lexer::Glob,
    plan::{Filter, Having, Path, Selected, Test},
    planner::{Planned, Planner, is_aggregate, plain_term},
    syntax::{Condition, Name, Operand, Select, Term},
};

impl Planner<'_> {
    pub(super) fn having(&self, object: usize, select: &Select, condition: &Condition) -> Result<Having, Problem> {
        let all = |conditions: &[Condition]| {
            conditions.iter().map(|it| self.having(object, select, it)).collect::<Result<_, _>>()
        };
        match condition {
            Condition::All(conditions) => Ok(Having::All(all(conditions)?)),
            Condition::Any(conditions) => Ok(Having::Any(all(conditions)?)),
            Condition::Not(condition) => Ok(Having::Not(Box::new(self.having(object, select, condition)?))),
            Condition::Compare { term, operator, operand, at } if is_aggregate(term) => {
                let Planned { call, path, .. } = self.term(object, select, term)?;
                let kind = match (call.as_deref(), &path) {
                    (Some("min" | "max"), Some(path)) => path.kind(),
                    _ => FieldType::Double,
                };
                let test = self.test(kind, &term.name(), operator, operand, *at)?;
                Ok(Having::Test { call, path, test })
            }
            other => match self.filter(object, select, other)? {
                Filter::Test(path, test) => Ok(Having::Test { call: None, path: Some(path), test }),
                Filter::All(_) | Filter::Any(_) | Filter::Not(_) => {
                    Err(Problem::new("MALFORMED_QUERY", "unexpected condition in HAVING"))
                }
            },
        }
    }

    pub(super) fn filter(&self, object: usize, select: &Select, condition: &Condition) -> Result<Filter, Problem> {
        let all = |conditions: &[Condition]| {
            conditions.iter().map(|it| self.filter(object, select, it)).collect::<Result<_, _>>()
        };
        match condition {
            Condition::All(conditions) => Ok(Filter::All(all(conditions)?)),
            Condition::Any(conditions) => Ok(Filter::Any(all(conditions)?)),
            Condition::Not(condition) => Ok(Filter::Not(Box::new(self.filter(object, select, condition)?))),
            Condition::Compare { term, operator, operand, at } => {
                let (path, kind) = self.filtered(object, select, term)?;
                let test = self.test(kind, &term.name(), operator, operand, *at)?;
                Ok(Filter::Test(path, test))
            }
            Condition::In { term, is_not, operands, at } => {
                let (path, kind) = self.filtered(object, select, term)?;
                let test = self.list(kind, &term.name(), *is_not, operands, *at)?;
                Ok(Filter::Test(path, test))
            }
            Condition::InSelect { field, is_not, select: inner } => {
                let (path, _) = self.filtered(object, select, &plain_term(field))?;
                let values = self.inner_ids(inner)?;
                Ok(Filter::Test(path, Test::Ids { is_not: *is_not, values, has_null: false }))
            }
            Condition::Includes { field, is_not, sets } => {
                let (path, kind) = self.filtered(object, select, &plain_term(field))?;
                if kind != FieldType::Multipicklist {
                    let reason = format!("field '{}' is no multi-select picklist", field.text);
                    return Err(self.wrong(field.at, &reason));
                }
                let split = |set: &String| set.split(';').map(|part| part.trim().to_lowercase()).collect();
                Ok(Filter::Test(path, Test::Sets { is_not: *is_not, sets: sets.iter().map(split).collect() }))
            }
        }
    }

    /// Finds the ids that a query within a condition selects.
    pub(super) fn inner_ids(&self, inner: &Select) -> Result<HashSet<Id>, Problem> {
        let from = inner.from.clone().unwrap_or(Name { text: String::new(), at: 0 });
        let object = self.org.catalog.find(&from.text).ok_or_else(|| {
            complaint("INVALID_TYPE", self.text, from.at, &format!("sObject type '{}' is not supported.", from.text))
        })?;
        let query = self.query(object, inner)?;
        let [Selected::Value(path)] = query.selected.as_slice() else {
            return Err(complaint(
                "MALFORMED_QUERY",
                self.text,
                from.at,
                "a semi-join selects one id or reference field",
            ));
        };
        let records = &self.org.object(object).records;
        let found = find(self.org, &query).into_iter().filter_map(|id| {
            let record = records.get(id)?;
            Id::parse(&path.value(self.org, object, id, record)?.0)
        });
        Ok(found.collect())
    }

    pub(super) fn filtered(&self, object: usize, select: &Select, term: &Term) -> Result<(Path, FieldType), Problem> {
        let Planned { call: None, path: Some(path), .. } = self.term(object, select, term)? else {
            return Err(self.unexpected(term));
        };
        if path.function == Some(Function::Format) {
            return Err(self.unexpected(term));
        }
        let spec = path.own().map(|place| &self.org.object(object).field(place).spec);
        if spec.is_some_and(|spec| !spec.filterable() || spec.kind.is_compound()) {
            let name = term.name();
            return Err(self.wrong(name.at, &format!("field '{}' can not be filtered in a query call", name.text)));
        }
        let kind = path.kind();
        Ok((path, kind))
    }

    pub(super) fn must_be(&self, name: &Name, kind: &str, quotes: &str) -> Problem {
        let reason = format!(
            "value of filter criterion for field '{}' must be of type {kind} and should {quotes}be enclosed in quotes",
            name.text
        );
        self.wrong(name.at, &reason)
    }

    pub(super) fn test(
        &self,
        kind: FieldType,
        name: &Name,
        operator: &'static str,
        operand: &Operand,
        at: usize,
    ) -> Result<Test, Problem> {
        if *operand == Operand::Null {
            return match operator {
                "=" => Ok(Test::Null { is_not: false }),
                "!=" => Ok(Test::Null { is_not: true }),
                _ => Err(complaint("MALFORMED_QUERY", self.text, at, "unexpected token: 'null'")),
            };
        }
        if operator == "like" {
            return match operand {
                Operand::Text(_, pattern) if !kind.is_number() && kind != FieldType::Boolean => {
                    Ok(Test::Like(lowercase(pattern)))
                }
                _ => Err(complaint("INVALID_QUERY_FILTER_OPERATOR", self.text, name.at, "invalid operator on field")),
            };
        }
        match kind {
            FieldType::Id | FieldType::Reference => {
                let Operand::Text(text, _) = operand else { return Err(self.must_be(name, "string", "")) };
                let id = Id::parse(text).ok_or_else(|| {
                    complaint("INVALID_QUERY_FILTER_OPERATOR", self.text, name.at, &format!("invalid ID field: {text}"))
                })?;
                Ok(Test::Id { operator, value: id })
            }
            FieldType::Boolean => match (operand, operator) {
                (Operand::Bool(value), "=" | "!=") => Ok(Test::Bool { is_not: operator == "!=", value: *value }),
                _ => Err(self.must_be(name, "boolean", "not ")),
            },
            FieldType::Int | FieldType::Double | FieldType::Currency | FieldType::Percent => match operand {
                Operand::Literal(text) => {
                    let value = text.parse().map_err(|_| self.must_be(name, kind.name(), "not "))?;
                    Ok(Test::Number { operator, value })
                }
                _ => Err(self.must_be(name, kind.name(), "not ")),
            },
            FieldType::Date | FieldType::Datetime => {
                let (first, last) = self.span(kind, name, operand, at)?;
                Ok(Test::Span { operator, first, last })
            }
            FieldType::Time => match operand {
                Operand::Literal(text) => Ok(Test::Span { operator, first: text.clone(), last: text.clone() }),
                _ => Err(self.must_be(name, "time", "not ")),
            },
            _ => {
                let Operand::Text(text, _) = operand else { return Err(self.must_be(name, "string", "")) };
                Ok(Test::Text { operator, value: text.to_lowercase() })
            }
        }
    }

    /// Returns the first and the last moment that a value means, as values are kept.
    pub(super) fn span(
        &self,
        kind: FieldType,
        name: &Name,
        operand: &Operand,
        at: usize,
    ) -> Result<(String, String), Problem> {
        let is_day = kind == FieldType::Date;
        let wrong = || self.must_be(name, if is_day { "date" } else { "dateTime" }, "not ");
        match operand {
            Operand::Literal(text) if is_day => read_date(text).map(|day| (day.clone(), day)).ok_or_else(wrong),
            Operand::Literal(text) => {
                read_datetime(text).map(|time| (datetime(time), datetime(time))).ok_or_else(wrong)
            }
            Operand::Relative(literal, count) => {
                let today = self.org.clock.now().date_naive();
                let (first, last) = dates::span(literal, *count, today).ok_or_else(|| {
                    complaint("MALFORMED_QUERY", self.text, at, &format!("unexpected token: '{literal}'"))
                })?;
                let (first, last) = (first.to_string(), last.to_string());
                if is_day {
                    return Ok((first, last));
                }
                Ok((format!("{first}T00:00:00.000+0000"), format!("{last}T23:59:59.000+0000")))
            }
            Operand::Null | Operand::Bool(_) | Operand::Text(..) => Err(wrong()),
        }
    }

    pub(super) fn list(
        &self,
        kind: FieldType,
        name: &Name,
        is_not: bool,
        operands: &[Operand],
        at: usize,
    ) -> Result<Test, Problem> {
        let has_null = operands.contains(&Operand::Null);
        let real: Vec<&Operand> = operands.iter().filter(|operand| **operand != Operand::Null).collect();
        let tests: Vec<Test> =
            real.iter().map(|operand| self.test(kind, name, "=", operand, at)).collect::<Result<_, _>>()?;
        if tests.iter().all(|test| matches!(test, Test::Id { .. })) {
            let ids =
                tests.iter().filter_map(|test| if let Test::Id { value, .. } = test { Some(*value) } else { None });
            return Ok(Test::Ids { is_not, values: ids.collect(), has_null });
        }
        if tests.iter().all(|test| matches!(test, Test::Text { .. })) {
            let values = tests
                .into_iter()
                .filter_map(|test| if let Test::Text { value, .. } = test { Some(value) } else { None });
            return Ok(Test::Texts { is_not, values: values.collect(), has_null });
        }
        let null = has_null.then_some(Test::Null { is_not: false });
        Ok(Test::Any { is_not, tests: tests.into_iter().chain(null).collect() })
    }
}

fn lowercase(pattern: &[Glob]) -> Vec<Glob> {
    let lower = |glob: &Glob| match glob {
        Glob::Is(letter) => letter.to_lowercase().map(Glob::Is).collect(),
        other => vec![*other],
    };
    pattern.iter().flat_map(lower).collect()
}
