//! How a query is understood: its object, its fields, its groups and its order.

use axum::http::StatusCode;

use super::{
    super::{errors::Problem, org::Org},
    complaint,
    functions::{AGGREGATES, DatePart, Function},
    parser::parse,
    plan::{GroupColumn, Last, Order, Path, Query, Step},
    syntax::{Item, Name, Select, Term},
};

/// Most rows that `OFFSET` may skip.
const MAX_OFFSET: usize = 2_000;
/// What is known of a parent that may be of several objects.
const NAME_FIELDS: [&str; 12] = [
    "Id",
    "Name",
    "FirstName",
    "LastName",
    "Email",
    "Phone",
    "Title",
    "Username",
    "Alias",
    "Type",
    "IsActive",
    "ProfileId",
];

/// Reads a query and finds everything it names.
pub(in super::super) fn plan(org: &Org, text: &str, with_deleted: bool) -> Result<Query, Problem> {
    let select = parse(text)?;
    let Some(from) = &select.from else { return Err(Problem::new("MALFORMED_QUERY", "unexpected token: '<EOF>'")) };
    let planner = Planner { org, text, with_deleted: with_deleted || select.is_all_rows };
    let object = org.catalog.find(&from.text).ok_or_else(|| {
        let reason = format!(
            "sObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' \
             after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
            from.text
        );
        complaint("INVALID_TYPE", text, from.at, &reason)
    })?;
    planner.query(object, &select)
}

/// Reads a query in an org.
pub(super) struct Planner<'p> {
    pub(super) org: &'p Org,
    pub(super) text: &'p str,
    pub(super) with_deleted: bool,
}

impl Planner<'_> {
    pub(super) fn wrong(&self, at: usize, reason: &str) -> Problem {
        complaint("INVALID_FIELD", self.text, at, reason)
    }

    pub(super) fn query(&self, object: usize, select: &Select) -> Result<Query, Problem> {
        let mut query = Query {
            object,
            is_count: false,
            with_deleted: self.with_deleted,
            selected: Vec::new(),
            filter: select.condition.as_ref().map(|it| self.filter(object, select, it)).transpose()?,
            order: Vec::new(),
            limit: select.limit,
            offset: select.offset.unwrap_or(0),
            keys: Vec::new(),
            subtotals: select.subtotals,
            columns: Vec::new(),
            having: None,
        };
        if query.offset > MAX_OFFSET {
            return Err(Problem::new("NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000"));
        }
        query.is_count = matches!(select.items.as_slice(), [Item::Term(Term { functions, field: None, .. }, None)] if *functions == ["count"])
            && select.group_by.is_empty();
        let sums_up = |item: &Item| matches!(item, Item::Term(term, _) if is_aggregate(term));
        let is_aggregate = !select.group_by.is_empty() || select.items.iter().any(sums_up);
        for term in &select.group_by {
            query.keys.push(self.key(object, select, term)?);
        }
        if is_aggregate && !query.is_count {
            self.columns(object, select, &mut query)?;
        } else if !query.is_count {
            self.items(object, select, &mut query)?;
        }
        for sort in &select.order_by {
            let Planned { call, path, .. } = self.term(object, select, &sort.term)?;
            let name = sort.term.name();
            let own = path.as_ref().and_then(Path::own);
            if own.is_some_and(|place| !self.org.object(object).field(place).spec.sortable()) {
                return Err(self.wrong(name.at, &format!("field '{}' can not be sorted in a query call", name.text)));
            }
            if call.is_some() && !is_aggregate {
                let reason = "Ordered field must be grouped or aggregated";
                return Err(complaint("MALFORMED_QUERY", self.text, sort.term.at, reason));
            }
            let (is_descending, are_nulls_last) = (sort.is_descending, sort.are_nulls_last);
            query.order.push(Order { path, call, is_descending, are_nulls_last });
        }
        Ok(query)
    }

    /// Finds what groups share.
    pub(super) fn key(&self, object: usize, select: &Select, term: &Term) -> Result<Path, Problem> {
        let Planned { call: None, path: Some(path), is_formatted: false } = self.term(object, select, term)? else {
            return Err(self.unexpected(term));
        };
        let spec = path.own().map(|place| &self.org.object(object).field(place).spec);
        if spec.is_some_and(|spec| !spec.groupable()) {
            let name = term.name();
            let reason = format!("field '{}' can not be grouped in a query call", name.text);
            return Err(complaint("MALFORMED_QUERY", self.text, name.at, &reason));
        }
        Ok(path)
    }

    pub(super) fn unexpected(&self, term: &Term) -> Problem {
        let first = term.functions.first().cloned().unwrap_or_else(|| term.name().text);
        complaint("MALFORMED_QUERY", self.text, term.at, &format!("unexpected token: '{first}'"))
    }

    /// Finds a field, and what its functions are.
    pub(super) fn term(&self, object: usize, select: &Select, term: &Term) -> Result<Planned, Problem> {
        let mut functions: Vec<&str> = term.functions.iter().map(String::as_str).collect();
        let is_sum = |name: Option<&&str>| name.is_some_and(|name| AGGREGATES.contains(name));
        let is_formatted = functions.first() == Some(&"format") && is_sum(functions.get(1));
        functions.drain(..usize::from(is_formatted));
        let call = is_sum(functions.first()).then(|| functions.remove(0).to_owned());
        let function = match functions.as_slice() {
            [] | ["convertcurrency"] => None,
            ["format"] | ["format", "convertcurrency"] => Some(Function::Format),
            ["tolabel"] => Some(Function::Label),
            [part] | [part, "converttimezone"] => {
                Some(Function::Date(DatePart::of(part).ok_or_else(|| self.unexpected(term))?))
            }
            _ => return Err(self.unexpected(term)),
        };
        let Some(name) = &term.field else {
            let is_count = call.as_deref() == Some("count") && function.is_none();
            return if is_count { Ok(Planned { call, path: None, is_formatted }) } else { Err(self.unexpected(term)) };
        };
        let path = self.path(object, select, name)?;
        if let Some(Function::Date(part)) = function
            && !part.is_of(path.kind())
        {
            return Err(self.wrong(name.at, &format!("field '{}' does not support the date function", name.text)));
        }
        Ok(Planned { call, path: Some(Path { function, ..path }), is_formatted })
    }

    pub(super) fn columns(&self, object: usize, select: &Select, query: &mut Query) -> Result<(), Problem> {
        let mut unnamed = 0;
        for item in &select.items {
            let column = match item {
                Item::Term(term, alias) => {
                    let Planned { call, mut path, is_formatted } = self.term(object, select, term)?;
                    let is_grouping = call.as_deref() == Some("grouping");
                    if let Some(path) = path.as_ref().filter(|_| call.is_none() || is_grouping)
                        && !query.keys.contains(&grouped(path))
                    {
                        let reason = format!("Field must be grouped or aggregated: {}", term.name().text);
                        return Err(complaint("MALFORMED_QUERY", self.text, term.at, &reason));
                    }
                    let is_named = call.is_none()
                        && path.as_ref().is_some_and(|path| !matches!(path.function, Some(Function::Date(_))));
                    let name = match (alias, &mut path) {
                        (Some(alias), _) => alias.clone(),
                        (None, Some(path)) if is_named => path.name.clone(),
                        (None, _) => {
                            unnamed += 1;
                            format!("expr{}", unnamed - 1)
                        }
                    };
                    GroupColumn { name, call, path, is_formatted }
                }
                Item::TypeOf { parent, .. } => {
                    let reason = "TYPEOF expressions cannot be used in a grouped query";
                    return Err(complaint("MALFORMED_QUERY", self.text, parent.at, reason));
                }
                Item::Fields(name) => return Err(self.wrong(name.at, "FIELDS() cannot be grouped")),
                Item::Children(_) => {
                    return Err(Problem::new(
                        "MALFORMED_QUERY",
                        "Grouped query cannot use child relationships in the SELECT list",
                    ));
                }
            };
            query.columns.push(column);
        }
        query.having = select.having.as_ref().map(|it| self.having(object, select, it)).transpose()?;
        Ok(())
    }

    pub(super) fn path(&self, object: usize, select: &Select, name: &Name) -> Result<Path, Problem> {
        let mut parts: Vec<&str> = name.text.split('.').collect();
        let first = parts[0];
        let is_alias = select.alias.as_deref().is_some_and(|alias| alias.eq_ignore_ascii_case(first))
            || (self.org.object(object).spec.name.eq_ignore_ascii_case(first)
                && self.org.object(object).relation(first).is_none());
        if parts.len() > 1 && is_alias {
            parts.remove(0);
        }
        let Some(last) = parts.pop() else { return Err(self.wrong(name.at, "a field is missing")) };
        let mut steps = Vec::new();
        let mut targets = vec![object];
        for part in parts {
            let [object] = targets.as_slice() else { return Err(self.no_relation(name, part)) };
            let (field, declared) =
                self.org.object(*object).relation(part).ok_or_else(|| self.no_relation(name, part))?;
            let relation = declared.spec.relationship_name.clone().unwrap_or_default();
            targets.clone_from(&declared.targets);
            steps.push(Step { field, name: relation });
        }
        if let [object] = targets.as_slice() {
            let kind = self.org.object(*object);
            let (place, field) = kind.find(last).ok_or_else(|| self.no_column(name, last, &kind.spec.name))?;
            let last = Last::Place(place, field.spec.kind);
            return Ok(Path { steps, last, name: field.spec.name.clone(), function: None });
        }
        self.named(steps, name, last)
    }

    /// Finds a field of whatever object a parent is.
    pub(super) fn named(&self, steps: Vec<Step>, name: &Name, last: &str) -> Result<Path, Problem> {
        let known = NAME_FIELDS.iter().find(|known| known.eq_ignore_ascii_case(last));
        let known = (*known.ok_or_else(|| self.no_column(name, last, "Name"))?).to_owned();
        Ok(Path { steps, last: Last::Named(known.clone()), name: known, function: None })
    }

    pub(super) fn no_column(&self, name: &Name, column: &str, entity: &str) -> Problem {
        let reason = format!(
            "No such column '{column}' on entity '{entity}'. If you are attempting to use a custom field, be sure to append the \
             '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names."
        );
        self.wrong(name.at, &reason)
    }

    pub(super) fn no_relation(&self, name: &Name, relation: &str) -> Problem {
        let reason = format!(
            "Didn't understand relationship '{relation}' in field path. If you are attempting to use a custom relationship, be \
             sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for \
             the appropriate names."
        );
        self.wrong(name.at, &reason)
    }
}

/// A field with its functions, found in the org.
pub(super) struct Planned {
    /// The function that sums up.
    pub(super) call: Option<String>,
    pub(super) path: Option<Path>,
    /// Whether the sum is shown as people read it.
    pub(super) is_formatted: bool,
}

/// Whether a term sums records up.
pub(super) fn is_aggregate(term: &Term) -> bool {
    term.functions.iter().any(|function| AGGREGATES.contains(&function.as_str()))
}

pub(super) fn plain_term(field: &Name) -> Term {
    Term { functions: Vec::new(), field: Some(field.clone()), at: field.at }
}

/// Returns what a shown value is grouped by.
fn grouped(path: &Path) -> Path {
    let function = path.function.filter(|function| matches!(function, Function::Date(_)));
    Path { function, ..path.clone() }
}

/// The refusal of a query that sums up and would need a second page.
pub(in super::super) fn too_many_groups() -> Problem {
    let message = "query result set cannot be paged: aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch";
    Problem::new("EXCEEDED_ID_LIMIT", message).with_status(StatusCode::BAD_REQUEST)
}
