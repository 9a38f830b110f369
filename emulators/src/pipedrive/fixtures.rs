//! Fills the account from fixtures.
//!
//! Records are `<kind>.csv` or `<kind>.jsonl`: deals, persons, organizations, activities, products, leads, notes, pipelines, stages, users.
//! A record has its `id`, values as version 2 writes them (a cell of a CSV file is read as the field's type: `7;8` is a list, and
//! `work:ada@x.test;home:a@y.test` are e-mails), custom fields by their names or hashes, parts by a dot (`Budget.currency`), and
//! `add_time` and `update_time`, where they matter. Leads and notes have values as version 1 writes them.
//!
//! `<kind>.schema.yaml` makes fields:
//!
//! ```yaml
//! fields:
//!   - { name: Contract end, type: date }
//!   - { name: Tier, type: enum, options: [Gold, { id: 41, label: Silver }] }
//!   - { name: Budget, type: monetary, code: d4c3f5a7b9c1d4c3f5a7b9c1d4c3f5a7b9c1d404 }
//! ```
//!
//! `company.schema.yaml` is about the company, all of it optional:
//!
//! ```yaml
//! name: Acme
//! domain: acme
//! plan: growth                # lite otherwise; growth, premium, ultimate
//! seats: 3                    # one for each user otherwise
//! currency: EUR
//! contact_sync: true          # persons have job_title, birthday, postal_address, im and notes
//! search_lag_secs: 0          # two seconds otherwise, and none without limits
//! pipelines: [{ id: 1, name: Sales, stages: [{ id: 1, name: New }] }]   # as `ferry record` writes them
//! api_domain: http://127.0.0.1:4014   # what OAuth says; where the request came to otherwise
//! ```

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::fixtures::{Fixture, read_fixtures};

use super::{
    account::{Account, User},
    errors::Refusal,
    field_routes::{NewField, define},
    fixture_cells::{as_text, place},
    kinds::Kind,
    leads,
    limits::Plan,
    notes,
    recorded::in_own_form,
    store::{Content, Records},
    time::read_any,
    write::{born, written},
};

/// The order in which kinds are filled: what others link to goes first.
const ORDER: [Kind; 9] = [
    Kind::Pipelines,
    Kind::Stages,
    Kind::Organizations,
    Kind::Persons,
    Kind::Products,
    Kind::Deals,
    Kind::Leads,
    Kind::Activities,
    Kind::Notes,
];

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CompanySpec {
    name: Option<String>,
    domain: Option<String>,
    plan: Option<Plan>,
    seats: Option<u64>,
    currency: Option<String>,
    contact_sync: bool,
    search_lag_secs: Option<i64>,
    api_domain: Option<String>,
    /// Pipelines with their stages, where they are no fixtures of their own.
    pipelines: Vec<PipelineSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PipelineSpec {
    id: u64,
    name: String,
    #[serde(default)]
    stages: Vec<StageSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StageSpec {
    id: u64,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct KindSpec {
    fields: Vec<FieldSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldSpec {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    code: Option<String>,
    description: Option<String>,
    #[serde(default)]
    options: Vec<OptionSpec>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OptionSpec {
    Label(String),
    Whole { id: u64, label: String },
}

/// Fills an account from a folder; the error is a text for the user.
pub(super) fn load(account: &mut Account, folder: &Path) -> Result<(), String> {
    let fixtures = read_fixtures(folder).map_err(|error| error.to_string())?;
    let known = |name: &str| matches!(name, "company" | "users") || Kind::of_path(name).is_some();
    if let Some(name) = fixtures.keys().find(|name| !known(name)) {
        return Err(format!("fixture `{name}`: Pipedrive has no such records"));
    }
    let lag = std::mem::take(&mut account.search_lag);
    load_users(account, fixtures.get("users")).map_err(|reason| format!("fixture `users`: {reason}"))?;
    let settings =
        load_company(account, fixtures.get("company")).map_err(|reason| format!("fixture `company`: {reason}"))?;
    account.search_lag = settings.unwrap_or(lag);
    load_pipelines(account, fixtures.get("company")).map_err(|reason| format!("fixture `company`: {reason}"))?;
    for (name, fixture) in &fixtures {
        let Some(kind) = Kind::of_path(name).filter(|_| !fixture.schema.is_null()) else { continue };
        load_fields(account, kind, &fixture.schema).map_err(|reason| format!("fixture `{name}`: {reason}"))?;
    }
    load_records(account, &fixtures)
}

fn decode<T: for<'de> Deserialize<'de>>(schema: &Json) -> Result<T, String> {
    serde_json::from_value(schema.clone()).map_err(|error| error.to_string())
}

fn load_company(account: &mut Account, fixture: Option<&Fixture>) -> Result<Option<i64>, String> {
    let spec: CompanySpec = match fixture {
        Some(fixture) if !fixture.schema.is_null() => decode(&fixture.schema)?,
        _ => CompanySpec::default(),
    };
    let seats = u64::try_from(account.users.iter().filter(|user| user.is_active).count()).unwrap_or(1);
    account.limits.set_plan(spec.plan.unwrap_or(Plan::Lite), spec.seats.unwrap_or(seats));
    let company = &mut account.company;
    company.name = spec.name.unwrap_or_else(|| company.name.clone());
    company.domain = spec.domain.unwrap_or_else(|| company.domain.clone());
    company.api_domain = spec.api_domain;
    company.has_contact_sync = spec.contact_sync;
    if let Some(currency) = spec.currency {
        if !account.currencies.iter().any(|one| one.code == currency) {
            return Err(format!("`{currency}` is not a currency of the local Pipedrive"));
        }
        account.company.currency = currency;
    }
    Ok(spec.search_lag_secs.map(|seconds| seconds * 1000))
}

/// Makes the pipelines that the company's file names, in the place of the one that every account has.
fn load_pipelines(account: &mut Account, fixture: Option<&Fixture>) -> Result<(), String> {
    let Some(fixture) = fixture.filter(|fixture| !fixture.schema.is_null()) else { return Ok(()) };
    let spec: CompanySpec = decode(&fixture.schema)?;
    if spec.pipelines.is_empty() {
        return Ok(());
    }
    for kind in [Kind::Stages, Kind::Pipelines] {
        account.records.remove(&kind);
    }
    let row = |json: Json| json.as_object().cloned().unwrap_or_default();
    for pipeline in spec.pipelines {
        load_record(account, Kind::Pipelines, &row(json!({"id": pipeline.id, "name": pipeline.name})))?;
        for stage in pipeline.stages {
            let stage = json!({"id": stage.id, "name": stage.name, "pipeline_id": pipeline.id});
            load_record(account, Kind::Stages, &row(stage))?;
        }
    }
    Ok(())
}

fn load_users(account: &mut Account, fixture: Option<&Fixture>) -> Result<(), String> {
    let Some(fixture) = fixture.filter(|fixture| !fixture.records.is_empty()) else { return Ok(()) };
    account.users.clear();
    for (row, number) in fixture.records.iter().zip(1_u64..) {
        let text = |name: &str| row.get(name).map(as_text).filter(|text| !text.is_empty());
        let flag = |name: &str, default: bool| text(name).map_or(default, |text| matches!(text.as_str(), "true" | "1"));
        let id = text("id")
            .map_or(Ok(number), |id| id.parse())
            .map_err(|_| format!("record {number}: its id is no number"))?;
        account.users.push(User {
            id,
            name: text("name").ok_or_else(|| format!("record {number} has no name"))?,
            email: text("email").ok_or_else(|| format!("record {number} has no email"))?,
            is_admin: flag("is_admin", number == 1),
            is_active: flag("is_active", true),
            token: text("api_token"),
            time_zone: text("timezone").unwrap_or_else(|| "Etc/UTC".to_owned()),
        });
    }
    account.caller = account.first_active().id;
    Ok(())
}

fn load_fields(account: &mut Account, kind: Kind, schema: &Json) -> Result<(), String> {
    let spec: KindSpec = decode(schema)?;
    if !kind.has_custom_fields() && !spec.fields.is_empty() {
        return Err("these records have no custom fields".to_owned());
    }
    for field in spec.fields {
        let options = field.options.into_iter().map(|option| match option {
            OptionSpec::Label(label) => (None, label),
            OptionSpec::Whole { id, label } => (Some(id), label),
        });
        let (name, options) = (field.name.clone(), options.collect());
        let new = NewField {
            name: field.name,
            kind: field.kind,
            code: field.code,
            description: field.description,
            options,
            settings: Map::new(),
        };
        define(account, kind, new).map_err(|refusal| format!("field `{name}`: {}", refusal.into_message()))?;
    }
    Ok(())
}

fn load_records(account: &mut Account, fixtures: &BTreeMap<String, Fixture>) -> Result<(), String> {
    for kind in ORDER {
        let Some(fixture) = fixtures.get(kind.path()).filter(|fixture| !fixture.records.is_empty()) else { continue };
        if matches!(kind, Kind::Pipelines | Kind::Stages) {
            // Pipelines of one's own take the place of the one that every account has, and bring their stages.
            for kind in [Kind::Stages, kind] {
                account.records.remove(&kind);
            }
        }
        for (row, number) in fixture.records.iter().zip(1_u64..) {
            load_record(account, kind, row)
                .map_err(|reason| format!("fixture `{}`, record {number}: {reason}", kind.path()))?;
        }
    }
    Ok(())
}

fn load_record(account: &mut Account, kind: Kind, row: &Map<String, Json>) -> Result<(), String> {
    let (now, mut body, mut order) = (account.now(), Map::new(), None);
    let (mut id, mut added, mut updated) = (None, now, None);
    for (column, cell) in row.iter().filter(|(_, cell)| !cell.is_null() && *cell != "") {
        let time = || read_any(&as_text(cell)).ok_or_else(|| format!("`{column}` is no time"));
        match column.as_str() {
            "id" | "_id" => id = Some(as_text(cell)),
            "add_time" => added = time()?,
            "update_time" => updated = Some(time()?),
            "order_nr" => order = as_text(cell).parse::<u64>().ok(),
            _ => {
                let (column, cell) = in_own_form(account, kind, (column, cell), &body);
                place(account, kind, (&column, &cell), &mut body)?;
            }
        }
    }
    let message = Refusal::into_message;
    let mut content = match kind {
        Kind::Leads => leads::written(account, &body, lead_born(account)).map_err(message)?,
        Kind::Notes => notes::written(account, &body, note_born(account)).map_err(message)?,
        _ => written(account, kind, &body, None).map_err(message)?,
    };
    if let Some(order) = order {
        content.values.insert("order_nr".to_owned(), json!(order));
    }
    let next = account.all(kind).next_id();
    let number = if kind == Kind::Leads {
        let uuid = id.unwrap_or_else(|| leads::uuid(&format!("lead/{}/{next}", account.company.id))).to_lowercase();
        content.values.insert("id".to_owned(), json!(uuid));
        account.lead_ids.insert(uuid, next).map_or(Ok(next), |_| Err("its id is used twice".to_owned()))?
    } else {
        id.map_or(Ok(next), |id| id.parse().map_err(|_| format!("`{id}` is no id")))?
    };
    if account.all(kind).get(number).is_some() {
        return Err(format!("the id {number} is used twice"));
    }
    account.all_mut(kind).restore(Records::settled(number, content, added, updated.unwrap_or(added)));
    Ok(())
}

fn lead_born(account: &Account) -> Content {
    let values = json!({"owner_id": account.caller, "creator_id": account.caller, "label_ids": [], "person_id": null, "organization_id": null,
        "is_archived": false, "was_seen": true, "value": null, "expected_close_date": null, "visible_to": "3"});
    Content { values: values.as_object().cloned().unwrap_or_default(), custom: Map::new() }
}

fn note_born(account: &Account) -> Content {
    let mut content = born(account, Kind::Notes);
    content.values.insert("user_id".to_owned(), json!(account.caller));
    content
}
