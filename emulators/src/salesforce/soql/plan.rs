//! What a query means in this org: every name found, every value of the type of its field.

use std::{borrow::Cow, collections::HashSet};

use axum::http::StatusCode;

use super::{
    super::{
        catalog::{FieldType, Object},
        errors::Problem,
        ids::Id,
        org::Org,
        store::Record,
        time::{datetime, read_date, read_datetime},
    },
    complaint, dates,
    find::find,
    functions::{AGGREGATES, DatePart, Function},
    lexer::Glob,
    syntax::{Case, Condition, Item, Name, Operand, Select, Subtotals, Term, parse},
};

/// Most rows that `FIELDS(ALL)` and `FIELDS(CUSTOM)` may ask for.
const MAX_FIELDS_ROWS: usize = 200;
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

/// One step to a parent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub(super) field: u16,
    pub(super) name: String,
}

/// The end of a path.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Last {
    /// A field of a known object.
    Place(u16, FieldType),
    /// A field of whatever object the parent is.
    Named(String),
}

/// The way from a record to a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Path {
    pub(super) steps: Vec<Step>,
    pub(super) last: Last,
    /// The name of the last field, or what it is called instead.
    pub(super) name: String,
    /// What is made of the value.
    pub(super) function: Option<Function>,
}

impl Path {
    /// Returns the dotted name.
    pub(super) fn dotted(&self) -> String {
        let steps = self.steps.iter().map(|step| step.name.as_str());
        steps.chain([self.name.as_str()]).collect::<Vec<_>>().join(".")
    }

    /// Returns the field when it is one of the record's own.
    pub(super) fn own(&self) -> Option<u16> {
        match (self.steps.as_slice(), &self.last) {
            ([], Last::Place(place, _)) if self.function.is_none() => Some(*place),
            _ => None,
        }
    }

    /// Returns the value, and its type.
    pub(super) fn value<'o>(
        &self,
        org: &'o Org,
        object: usize,
        id: Id,
        record: &'o Record,
    ) -> Option<(Cow<'o, str>, FieldType)> {
        let (object, id, record) = parent(org, (object, id, record), &self.steps)?;
        let (value, kind) = self.plain(object, id, record)?;
        let Some(function) = self.function else { return Some((value, kind)) };
        let spec = match &self.last {
            Last::Place(place, _) => Some(&object.field(*place).spec),
            Last::Named(_) => None,
        };
        function.apply(&value, kind, spec).map(|made| (Cow::Owned(made), function.kind()))
    }

    /// Returns the value before anything is made of it.
    fn plain<'o>(&self, object: &'o Object, id: Id, record: &'o Record) -> Option<(Cow<'o, str>, FieldType)> {
        match &self.last {
            Last::Place(place, kind) => object.value(id, record, *place).map(|value| (value, *kind)),
            Last::Named(name) if name == "Type" => Some((Cow::Borrowed(object.spec.name.as_str()), FieldType::String)),
            Last::Named(name) => {
                let (place, field) = object.find(name)?;
                object.value(id, record, place).map(|value| (value, field.spec.kind))
            }
        }
    }

    /// Returns the type of the value.
    pub(super) fn kind(&self) -> FieldType {
        match (&self.function, &self.last) {
            (Some(function), _) => function.kind(),
            (None, Last::Place(_, kind)) => *kind,
            (None, Last::Named(name)) if name == "IsActive" => FieldType::Boolean,
            (None, Last::Named(name)) if name.ends_with("Id") => FieldType::Reference,
            (None, Last::Named(_)) => FieldType::String,
        }
    }
}

/// Follows references to a parent.
pub(super) fn parent<'o>(
    org: &'o Org,
    (object, mut id, mut record): (usize, Id, &'o Record),
    steps: &[Step],
) -> Option<(&'o Object, Id, &'o Record)> {
    let mut object = org.object(object);
    for step in steps {
        let value = object.value(id, record, step.field)?;
        id = Id::parse(&value)?;
        let (place, found) = org.record(id)?;
        object = org.object(place);
        record = found;
    }
    Some((object, id, record))
}

/// How a value is tried.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    Null { is_not: bool },
    Text { operator: &'static str, value: String },
    Like(Vec<Glob>),
    Number { operator: &'static str, value: f64 },
    Bool { is_not: bool, value: bool },
    Span { operator: &'static str, first: String, last: String },
    Id { operator: &'static str, value: Id },
    Texts { is_not: bool, values: HashSet<String>, has_null: bool },
    Ids { is_not: bool, values: HashSet<Id>, has_null: bool },
    Any { is_not: bool, tests: Vec<Test> },
    Sets { is_not: bool, sets: Vec<Vec<String>> },
}

/// A condition on a record.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Test(Path, Test),
}

/// A way to sort.
#[derive(Debug, Clone)]
pub(super) struct Order {
    /// None counts records.
    pub(super) path: Option<Path>,
    pub(super) call: Option<String>,
    pub(super) is_descending: bool,
    pub(super) are_nulls_last: bool,
}

/// Something that each record shows.
#[derive(Debug, Clone)]
pub(super) enum Selected {
    Value(Path),
    Children { name: String, field: u16, query: Box<Query> },
    TypeOf(TypeOf),
}

/// What is shown of a parent that may be of several objects.
#[derive(Debug, Clone)]
pub(super) struct TypeOf {
    pub(super) step: Step,
    pub(super) cases: Vec<(usize, Vec<Path>)>,
    pub(super) otherwise: Vec<Path>,
}

/// A column of an aggregate.
#[derive(Debug, Clone)]
pub(super) struct GroupColumn {
    pub(super) name: String,
    /// The function; none for a field that is grouped by.
    pub(super) call: Option<String>,
    pub(super) path: Option<Path>,
    pub(super) is_formatted: bool,
}

/// A condition on a group.
#[derive(Debug, Clone)]
pub(super) enum Having {
    All(Vec<Having>),
    Any(Vec<Having>),
    Not(Box<Having>),
    Test { call: Option<String>, path: Option<Path>, test: Test },
}

/// A query that is understood.
#[derive(Debug, Clone)]
pub(in super::super) struct Query {
    /// The object it reads.
    pub(in super::super) object: usize,
    /// Whether it only counts.
    pub(in super::super) is_count: bool,
    /// Whether records in the bin are read, too.
    pub(in super::super) with_deleted: bool,
    pub(super) selected: Vec<Selected>,
    pub(super) filter: Option<Filter>,
    pub(super) order: Vec<Order>,
    pub(super) limit: Option<usize>,
    pub(super) offset: usize,
    pub(super) keys: Vec<Path>,
    pub(super) subtotals: Subtotals,
    pub(super) columns: Vec<GroupColumn>,
    pub(super) having: Option<Having>,
}

impl Query {
    /// Whether it sums records up.
    pub(in super::super) fn is_aggregate(&self) -> bool {
        !self.columns.is_empty()
    }

    /// Whether it has what only small queries may have.
    pub(in super::super) fn bulk_objection(&self) -> Option<&'static str> {
        if self.is_count || self.is_aggregate() {
            return Some("Aggregate Relationships not supported in Bulk Query");
        }
        if self.offset > 0 {
            return Some("OFFSET not supported in Bulk Query");
        }
        let is_compound = |item: &Selected| match item {
            Selected::Value(path) => matches!(path.last, Last::Place(_, FieldType::Address | FieldType::Location)),
            Selected::Children { .. } => true,
            Selected::TypeOf(_) => false,
        };
        if self.selected.iter().any(|item| matches!(item, Selected::TypeOf(_))) {
            return Some("TYPEOF not supported in Bulk Query");
        }
        self.selected
            .iter()
            .any(is_compound)
            .then_some("Selecting compound data or child records not supported in Bulk Query")
    }

    /// Returns how many long texts each record shows: with two, pages are small.
    pub(in super::super) fn long_texts(&self, org: &Org) -> usize {
        let is_long = |item: &&Selected| match item {
            Selected::Value(path) => path.own().is_some_and(|place| {
                let spec = &org.object(self.object).field(place).spec;
                spec.kind == FieldType::Textarea && spec.length > 255
            }),
            Selected::Children { .. } | Selected::TypeOf(_) => false,
        };
        self.selected.iter().filter(is_long).count()
    }
}

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

struct Planner<'p> {
    org: &'p Org,
    text: &'p str,
    with_deleted: bool,
}

impl Planner<'_> {
    fn wrong(&self, at: usize, reason: &str) -> Problem {
        complaint("INVALID_FIELD", self.text, at, reason)
    }

    fn query(&self, object: usize, select: &Select) -> Result<Query, Problem> {
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
    fn key(&self, object: usize, select: &Select, term: &Term) -> Result<Path, Problem> {
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

    fn unexpected(&self, term: &Term) -> Problem {
        let first = term.functions.first().cloned().unwrap_or_else(|| term.name().text);
        complaint("MALFORMED_QUERY", self.text, term.at, &format!("unexpected token: '{first}'"))
    }

    /// Finds a field, and what its functions are.
    fn term(&self, object: usize, select: &Select, term: &Term) -> Result<Planned, Problem> {
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

    fn columns(&self, object: usize, select: &Select, query: &mut Query) -> Result<(), Problem> {
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

    fn having(&self, object: usize, select: &Select, condition: &Condition) -> Result<Having, Problem> {
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

    fn items(&self, object: usize, select: &Select, query: &mut Query) -> Result<(), Problem> {
        let kind = self.org.object(object);
        for item in &select.items {
            match item {
                Item::Term(term, alias) => {
                    let path = self.item(object, select, term, alias.as_deref())?;
                    let is_same = |known: &Path| known.dotted() == path.dotted();
                    let is_known =
                        query.selected.iter().any(|it| matches!(it, Selected::Value(known) if is_same(known)));
                    if is_known {
                        let name = term.name();
                        return Err(self.wrong(name.at, &format!("duplicate field selected: {}", name.text)));
                    }
                    query.selected.push(Selected::Value(path));
                }
                Item::TypeOf { parent, cases, otherwise } => {
                    query.selected.push(Selected::TypeOf(self.type_of(object, parent, cases, otherwise)?));
                }
                Item::Fields(name) => {
                    let wanted = name.text.to_ascii_uppercase();
                    if wanted != "STANDARD" && select.limit.is_none_or(|limit| limit > MAX_FIELDS_ROWS) {
                        let reason = "The SOQL FIELDS function must have a LIMIT of at most 200";
                        return Err(complaint("MALFORMED_QUERY", self.text, name.at, reason));
                    }
                    for (place, field) in (0_u16..).zip(&kind.fields) {
                        let is_wanted = match wanted.as_str() {
                            "ALL" => true,
                            "STANDARD" => !field.spec.is_custom(),
                            "CUSTOM" => field.spec.is_custom(),
                            _ => {
                                return Err(complaint(
                                    "MALFORMED_QUERY",
                                    self.text,
                                    name.at,
                                    &format!("unexpected token: '{}'", name.text),
                                ));
                            }
                        };
                        let last = Last::Place(place, field.spec.kind);
                        let path = Path { steps: Vec::new(), last, name: field.spec.name.clone(), function: None };
                        let is_known =
                            query.selected.iter().any(|it| matches!(it, Selected::Value(known) if *known == path));
                        if is_wanted && !is_known {
                            query.selected.push(Selected::Value(path));
                        }
                    }
                }
                Item::Children(children) => query.selected.push(self.children(object, children)?),
            }
        }
        Ok(())
    }

    /// Finds a value that each record shows.
    fn item(&self, object: usize, select: &Select, term: &Term, alias: Option<&str>) -> Result<Path, Problem> {
        let Planned { call: None, path: Some(mut path), .. } = self.term(object, select, term)? else {
            return Err(self.unexpected(term));
        };
        if matches!(path.function, Some(Function::Date(_))) {
            let reason = format!("Field must be grouped or aggregated: {}", term.name().text);
            return Err(complaint("MALFORMED_QUERY", self.text, term.at, &reason));
        }
        match alias {
            Some(_) if term.functions.is_empty() => {
                let reason = "only aggregate expressions use field aliasing";
                Err(complaint("MALFORMED_QUERY", self.text, term.at, reason))
            }
            Some(alias) => {
                alias.clone_into(&mut path.name);
                Ok(path)
            }
            None => Ok(path),
        }
    }

    fn type_of(&self, object: usize, parent: &Name, cases: &[Case], otherwise: &[Name]) -> Result<TypeOf, Problem> {
        let relation = self.org.object(object).relation(&parent.text);
        let (field, declared) = relation.ok_or_else(|| self.no_relation(parent, &parent.text))?;
        if declared.targets.len() < 2 {
            let reason = format!("'{}' is no polymorphic relationship: TYPEOF cannot be used with it", parent.text);
            return Err(complaint("MALFORMED_QUERY", self.text, parent.at, &reason));
        }
        let plain = Select::default();
        let mut found = Vec::new();
        for case in cases {
            let target = self.org.catalog.find(&case.object.text).filter(|it| declared.targets.contains(it));
            let target = target.ok_or_else(|| {
                let reason = format!("'{}' does not lead to sObject type '{}'", parent.text, case.object.text);
                complaint("INVALID_TYPE", self.text, case.object.at, &reason)
            })?;
            let paths = case.fields.iter().map(|name| self.path(target, &plain, name)).collect::<Result<_, _>>()?;
            found.push((target, paths));
        }
        let otherwise =
            otherwise.iter().map(|name| self.named(Vec::new(), name, &name.text)).collect::<Result<_, _>>()?;
        let name = declared.spec.relationship_name.clone().unwrap_or_default();
        Ok(TypeOf { step: Step { field, name }, cases: found, otherwise })
    }

    fn children(&self, object: usize, select: &Select) -> Result<Selected, Problem> {
        let from = select.from.clone().unwrap_or(Name { text: String::new(), at: 0 });
        let child = self.org.object(object).child(&from.text).ok_or_else(|| {
            let reason = format!(
                "Didn't understand relationship '{}' in FROM part of query call. If you are attempting to use a custom \
                 relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or \
                 the describe call for the appropriate names.",
                from.text
            );
            complaint("INVALID_TYPE", self.text, from.at, &reason)
        })?;
        let query = Box::new(self.query(child.object, select)?);
        Ok(Selected::Children { name: child.name.clone().unwrap_or_default(), field: child.field, query })
    }

    fn path(&self, object: usize, select: &Select, name: &Name) -> Result<Path, Problem> {
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
    fn named(&self, steps: Vec<Step>, name: &Name, last: &str) -> Result<Path, Problem> {
        let known = NAME_FIELDS.iter().find(|known| known.eq_ignore_ascii_case(last));
        let known = (*known.ok_or_else(|| self.no_column(name, last, "Name"))?).to_owned();
        Ok(Path { steps, last: Last::Named(known.clone()), name: known, function: None })
    }

    fn no_column(&self, name: &Name, column: &str, entity: &str) -> Problem {
        let reason = format!(
            "No such column '{column}' on entity '{entity}'. If you are attempting to use a custom field, be sure to append the \
             '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names."
        );
        self.wrong(name.at, &reason)
    }

    fn no_relation(&self, name: &Name, relation: &str) -> Problem {
        let reason = format!(
            "Didn't understand relationship '{relation}' in field path. If you are attempting to use a custom relationship, be \
             sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for \
             the appropriate names."
        );
        self.wrong(name.at, &reason)
    }

    fn filter(&self, object: usize, select: &Select, condition: &Condition) -> Result<Filter, Problem> {
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
    fn inner_ids(&self, inner: &Select) -> Result<HashSet<Id>, Problem> {
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

    fn filtered(&self, object: usize, select: &Select, term: &Term) -> Result<(Path, FieldType), Problem> {
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

    fn must_be(&self, name: &Name, kind: &str, quotes: &str) -> Problem {
        let reason = format!(
            "value of filter criterion for field '{}' must be of type {kind} and should {quotes}be enclosed in quotes",
            name.text
        );
        self.wrong(name.at, &reason)
    }

    fn test(
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
    fn span(&self, kind: FieldType, name: &Name, operand: &Operand, at: usize) -> Result<(String, String), Problem> {
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

    fn list(
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

/// A field with its functions, found in the org.
struct Planned {
    /// The function that sums up.
    call: Option<String>,
    path: Option<Path>,
    /// Whether the sum is shown as people read it.
    is_formatted: bool,
}

fn is_aggregate(term: &Term) -> bool {
    term.functions.iter().any(|function| AGGREGATES.contains(&function.as_str()))
}

fn plain_term(field: &Name) -> Term {
    Term { functions: Vec::new(), field: Some(field.clone()), at: field.at }
}

/// Returns what a shown value is grouped by.
fn grouped(path: &Path) -> Path {
    let function = path.function.filter(|function| matches!(function, Function::Date(_)));
    Path { function, ..path.clone() }
}

fn lowercase(pattern: &[Glob]) -> Vec<Glob> {
    let lower = |glob: &Glob| match glob {
        Glob::Is(letter) => letter.to_lowercase().map(Glob::Is).collect(),
        other => vec![*other],
    };
    pattern.iter().flat_map(lower).collect()
}

/// The refusal of a query that sums up and would need a second page.
pub(in super::super) fn too_many_groups() -> Problem {
    let message = "query result set cannot be paged: aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch";
    Problem::new("EXCEEDED_ID_LIMIT", message).with_status(StatusCode::BAD_REQUEST)
}
