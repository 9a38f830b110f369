//! Fills bases from fixtures.
//!
//! A table is `<Table>.schema.yaml` and `<Table>.csv` or `<Table>.jsonl`, either of them alone if need be:
//!
//! ```yaml
//! base: appFerryDemo00001        # optional: without it, every base that is addressed gets a copy of the table
//! description: People we know    # optional
//! primary: Name                  # optional: the first field otherwise
//! fields:                        # optional: every column of the records is a singleLineText otherwise
//!   - { name: Name, type: singleLineText }
//!   - { name: Status, type: singleSelect, options: { choices: [Lead, Customer] } }
//!   - { name: Company, type: multipleRecordLinks, options: { linkedTableId: Companies, inverseLinkFieldId: Contacts } }
//!   - { name: Domain, type: multipleLookupValues, options: { recordLinkFieldId: Company, fieldIdInLinkedTable: Domain } }
//!   - { name: Label, type: formula, options: { formula: "{Name} & ' (' & {Status} & ')'" } }
//! ```
//!
//! Options may be left out where a default exists, and name tables and fields instead of their ids. `inverseLinkFieldId` names
//! the field that shows the link from the other table; it is made when the other table does not declare it, and without it the
//! inverse field is called like this table. A link within one table has no inverse.
//!
//! In the records, `_id` is the record's id (`rec` and 14 letters or digits; otherwise one is made up, always the same) and
//! `_created_at` and `_updated_at` its times (a record without the second was never changed). In CSV, several values of a cell are joined by `;`. A link is a record id or the primary
//! text of the linked record. Cells of computed fields are shown as they are given.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json, json};

use crate::fixtures::Fixture;

use super::{
    field_options::complete_fixture,
    fixture_records::{Part, fill},
    formula::parse,
    ids::id_of,
    kinds::Kind,
    meta::make_inverse,
    store::{Base, Field, Table},
};

/// The base that fixtures and listings speak of when none was addressed yet.
pub(super) const DEFAULT_BASE: &str = "appFerryDemo00001";

/// The bases that fixtures describe.
#[derive(Debug, Clone)]
pub(super) struct Blueprints {
    /// What every base starts with.
    shared: Base,
    /// Bases that a schema names, by their ids.
    pub(super) named: BTreeMap<String, Base>,
}

impl Blueprints {
    /// Builds the bases of some fixtures; the error is a text for the user.
    pub(super) fn of(fixtures: &BTreeMap<String, Fixture>, now: DateTime<Utc>) -> Result<Self, String> {
        let home = |fixture: &Fixture| fixture.schema.get("base").and_then(Json::as_str).map(str::to_owned);
        let build_base = |id: &str| {
            let belongs = |fixture: &Fixture| home(fixture).is_none_or(|home| home == id);
            let tables = fixtures.iter().filter(|(_, fixture)| belongs(fixture));
            build(id, &tables.collect::<Vec<_>>(), now)
        };
        let shared = build_base("")?;
        let mut named = BTreeMap::new();
        for id in fixtures.values().filter_map(home) {
            named.insert(id.clone(), build_base(&id)?);
        }
        Ok(Self { shared, named })
    }

    /// Returns what a base starts with.
    pub(super) fn base(&self, id: &str) -> Base {
        let mut base = self.named.get(id).unwrap_or(&self.shared).clone();
        id.clone_into(&mut base.id);
        base.name = if id == DEFAULT_BASE { "Ferry Demo".to_owned() } else { format!("Base {id}") };
        base
    }
}

fn build(id: &str, fixtures: &[(&String, &Fixture)], now: DateTime<Utc>) -> Result<Base, String> {
    let mut base = Base::new(id, "");
    for (name, fixture) in fixtures {
        base.tables.push(table_of(name, fixture).map_err(|reason| format!("fixture `{name}`: {reason}"))?);
    }
    for table in 0..base.tables.len() {
        connect(&mut base, table)?;
    }
    for table in 0..base.tables.len() {
        for field in 0..base.tables[table].fields.len() {
            make_inverse(&mut base, table, field);
        }
        read_formulas(&mut base, table)?;
    }
    for (name, fixture) in fixtures {
        fill(&mut base, (name, fixture), Part::Values, now)?;
    }
    for (name, fixture) in fixtures {
        fill(&mut base, (name, fixture), Part::Links, now)?;
    }
    Ok(base)
}

fn table_of(name: &str, fixture: &Fixture) -> Result<Table, String> {
    let mut table = Table::new(&id_of("tbl", &[name]), name);
    table.description = fixture.schema.get("description").and_then(Json::as_str).map(str::to_owned);
    let fields = fixture.schema.get("fields").and_then(Json::as_array).cloned();
    for field in fields.unwrap_or_else(|| text_fields(fixture)) {
        let name = field.get("name").and_then(Json::as_str).ok_or("a field has no name")?;
        let type_name = field.get("type").and_then(Json::as_str).unwrap_or("singleLineText");
        let given = field.get("options").and_then(Json::as_object).cloned().unwrap_or_default();
        let id = table.free_field_id(name);
        let options = complete_fixture(Kind::of(type_name), &id, given);
        let mut made = Field::new(&id, name, type_name, options.map_err(|reason| format!("field `{name}`: {reason}"))?);
        made.description = field.get("description").and_then(Json::as_str).map(str::to_owned);
        table.fields.push(made);
    }
    if table.fields.is_empty() {
        table.fields.push(Field::new(&table.free_field_id("Name"), "Name", "singleLineText", Map::new()));
    }
    if let Some(primary) = fixture.schema.get("primary").and_then(Json::as_str).filter(|primary| *primary != "first") {
        let position = table.field_index(primary).ok_or_else(|| format!("no field is called `{primary}`"))?;
        let field = table.fields.remove(position);
        table.fields.insert(0, field);
    }
    Ok(table)
}

/// Takes every column of the records as text.
fn text_fields(fixture: &Fixture) -> Vec<Json> {
    let mut names: Vec<&String> = Vec::new();
    for name in fixture.records.iter().flat_map(Map::keys).filter(|name| !name.starts_with('_')) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.into_iter().map(|name| json!({ "name": name, "type": "singleLineText" })).collect()
}

/// Puts ids in the place of the names that options may give.
fn connect(base: &mut Base, table: usize) -> Result<(), String> {
    for position in 0..base.tables[table].fields.len() {
        let field = &base.tables[table].fields[position];
        let place = format!("fixture `{}`: field `{}`", base.tables[table].name, field.name);
        let option = |name: &str| field.option(name).map(str::to_owned);
        let missing = |what: &str| format!("{place}: there is no `{what}`");
        if let Some(linked) = option("linkedTableId") {
            let other = base.table_index(&linked).ok_or_else(|| missing(&linked))?;
            let inverse = option("inverseLinkFieldId");
            let other_id = base.tables[other].id.clone();
            base.tables[table].fields[position].options.insert("linkedTableId".to_owned(), Json::from(other_id));
            if let Some(inverse) = inverse {
                pair(base, (table, position), (other, &inverse));
            }
            continue;
        }
        if let Some(link) = option("recordLinkFieldId") {
            let link = base.tables[table].field_index(&link).ok_or_else(|| missing(&link))?;
            let linked = base.tables[table].fields[link].option("linkedTableId").unwrap_or_default();
            let other = base.table_index(linked).ok_or_else(|| missing(linked))?;
            let shown = option("fieldIdInLinkedTable");
            let shown = shown.map(|name| base.tables[other].field_index(&name).ok_or_else(|| missing(&name)));
            let shown_id = shown.transpose()?.map(|index| base.tables[other].fields[index].id.clone());
            let link_id = base.tables[table].fields[link].id.clone();
            let options = &mut base.tables[table].fields[position].options;
            options.insert("recordLinkFieldId".to_owned(), Json::from(link_id));
            if let Some(id) = shown_id {
                options.insert("fieldIdInLinkedTable".to_owned(), Json::from(id));
                options.entry("result").or_insert_with(|| json!({ "type": "singleLineText" }));
            }
        }
    }
    Ok(())
}

/// Makes two link fields each other's inverse; the second is made when it is not there.
fn pair(base: &mut Base, (table, field): (usize, usize), (other, inverse): (usize, &str)) {
    let own_id = base.tables[table].fields[field].id.clone();
    let table_id = base.tables[table].id.clone();
    let position = base.tables[other].field_index(inverse).unwrap_or_else(|| {
        let id = base.tables[other].free_field_id(inverse);
        let options = complete_fixture(Kind::MultipleRecordLinks, &id, Map::new()).unwrap_or_default();
        base.tables[other].fields.push(Field::new(&id, inverse, "multipleRecordLinks", options));
        base.tables[other].fields.len() - 1
    });
    let options = &mut base.tables[other].fields[position].options;
    options.insert("linkedTableId".to_owned(), Json::from(table_id));
    options.insert("inverseLinkFieldId".to_owned(), Json::from(own_id));
    let inverse_id = base.tables[other].fields[position].id.clone();
    base.tables[table].fields[field].options.insert("inverseLinkFieldId".to_owned(), Json::from(inverse_id));
}

fn read_formulas(base: &mut Base, table: usize) -> Result<(), String> {
    for position in 0..base.tables[table].fields.len() {
        let field = &base.tables[table].fields[position];
        let Some(text) = field.option("formula").filter(|_| field.kind == Kind::Formula) else { continue };
        let formula = parse(text, &base.tables[table])
            .map_err(|error| format!("fixture `{}`: field `{}`: {error}", base.tables[table].name, field.name))?;
        base.tables[table].fields[position].formula = Some(Arc::new(formula));
    }
    Ok(())
}
