//! What each record of a query shows.

use super::{
    super::errors::Problem,
    complaint,
    functions::Function,
    plan::{Last, Path, Query, Selected, Step, TypeOf},
    planner::{Planned, Planner},
    syntax::{Case, Item, Name, Select, Term},
};

/// Most rows that `FIELDS(ALL)` and `FIELDS(CUSTOM)` may ask for.
const MAX_FIELDS_ROWS: usize = 200;

impl Planner<'_> {
    pub(super) fn items(&self, object: usize, select: &Select, query: &mut Query) -> Result<(), Problem> {
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
    pub(super) fn item(
        &self,
        object: usize,
        select: &Select,
        term: &Term,
        alias: Option<&str>,
    ) -> Result<Path, Problem> {
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

    pub(super) fn type_of(
        &self,
        object: usize,
        parent: &Name,
        cases: &[Case],
        otherwise: &[Name],
    ) -> Result<TypeOf, Problem> {
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

    pub(super) fn children(&self, object: usize, select: &Select) -> Result<Selected, Problem> {
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
}
