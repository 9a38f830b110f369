//! What a query means in this org: every name found, every value of the type of its field.

use std::{borrow::Cow, collections::HashSet};

use super::{
    super::{
        catalog::{FieldType, Object},
        ids::Id,
        org::Org,
        store::Record,
    },
    functions::Function,
    lexer::Glob,
    syntax::Subtotals,
};

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
