//! The account as it is born: the standard fields, pipelines, types and currencies of `standard.yaml`.

use std::collections::{BTreeMap, HashMap};

use clock::Clock;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::{
    account::{Account, ActivityType, Company, Currency, User},
    deal_products::Attachments,
    fields::{Access, Choice, Field},
    followers::Followers,
    forms::Form,
    kinds::Kind,
    leads::Label,
    limits::{Limits, Plan},
    oauth::Tokens,
    store::Content,
};

/// What every account has.
const STANDARD: &str = include_str!("standard.yaml");

/// How much later search sees a change, in milliseconds. Source: none says how much, two live reports say that it does.
const SEARCH_LAG: i64 = 2_000;

#[derive(Deserialize)]
struct Standard {
    fields: BTreeMap<Kind, Vec<Row>>,
    pipelines: Vec<(String, Vec<(String, u64)>)>,
    activity_types: Vec<(String, String)>,
    lead_labels: Vec<(String, String)>,
    lead_sources: Vec<String>,
    currencies: Vec<(String, String, String, u64)>,
}

/// A field as the file writes it; the last part may be missing.
#[derive(Deserialize)]
#[serde(untagged)]
enum Row {
    Whole(String, String, String, Form, Access, Extras),
    Short(String, String, String, Form, Access),
}

#[derive(Default, Deserialize)]
struct Extras {
    #[serde(default)]
    required: bool,
    key: Option<String>,
    options: Option<Json>,
}

impl Account {
    /// Makes an account without records.
    pub(super) fn new(clock: Clock, is_unlimited: bool) -> Result<Self, String> {
        let standard: Standard =
            serde_yaml::from_str(STANDARD).map_err(|error| format!("what every Pipedrive account has: {error}"))?;
        let mut account = Self {
            company: Company {
                id: 7_654_321,
                name: "Ferry Demo".to_owned(),
                domain: "ferry-demo".to_owned(),
                api_domain: None,
                currency: "EUR".to_owned(),
                has_contact_sync: false,
            },
            users: vec![User {
                id: 1,
                name: "Ada Admin".to_owned(),
                email: "ada@ferry.example".to_owned(),
                is_admin: true,
                is_active: true,
                token: None,
                time_zone: "Etc/UTC".to_owned(),
            }],
            currencies: Vec::new(),
            activity_types: Vec::new(),
            lead_labels: Vec::new(),
            lead_sources: standard.lead_sources.clone(),
            fields: BTreeMap::new(),
            records: BTreeMap::new(),
            lead_ids: HashMap::new(),
            merged: HashMap::new(),
            attachments: Attachments::default(),
            participants: Vec::new(),
            followers: Followers::default(),
            filters: Vec::new(),
            webhooks: Vec::new(),
            conversions: HashMap::new(),
            events: Vec::new(),
            tokens: Tokens::default(),
            limits: Limits::new(clock.clone(), is_unlimited, Plan::Lite),
            search_lag: if is_unlimited { 0 } else { SEARCH_LAG },
            caller: 1,
            last_number: 12_000,
            clock,
        };
        account.fill(standard);
        Ok(account)
    }

    fn fill(&mut self, standard: Standard) {
        let now = self.now();
        for (code, name, symbol, decimals) in standard.currencies {
            self.currencies.push(Currency { code, name, symbol, decimals });
        }
        for ((name, key), id) in standard.activity_types.into_iter().zip(1..) {
            let (icon, color) = (key.clone(), "FFFFFF".to_owned());
            let (is_active, is_custom) = (true, false);
            self.activity_types.push(ActivityType {
                id,
                name,
                key,
                icon,
                color,
                is_active,
                is_custom,
                added: now,
                updated: now,
            });
        }
        for (name, color) in standard.lead_labels {
            self.lead_labels.push(Label::new(name, color, now));
        }
        for (kind, rows) in standard.fields {
            let fields = rows.into_iter().map(|row| self.standard_field(row, now)).collect();
            self.fields.insert(kind, fields);
        }
        for (name, stages) in standard.pipelines {
            let pipeline = self.add_pipeline(&name);
            for (name, probability) in stages {
                self.add_stage(&name, pipeline, probability);
            }
        }
    }

    fn standard_field(&mut self, row: Row, now: i64) -> Field {
        let (code, name, kind, form, access, extras) = match row {
            Row::Whole(code, name, kind, form, access, extras) => (code, name, kind, form, access, extras),
            Row::Short(code, name, kind, form, access) => (code, name, kind, form, access, Extras::default()),
        };
        let options = match &extras.options {
            Some(Json::Array(options)) => Some(options.iter().map(standard_choice).collect()),
            // Types of activities are options of their field.
            Some(_) => Some(
                self.activity_types
                    .iter()
                    .map(|one| Choice { id: json!(one.key), label: one.name.clone(), added: None })
                    .collect(),
            ),
            None => None,
        };
        Field {
            id: self.next_number(),
            key: extras.key.unwrap_or_else(|| code.clone()),
            code,
            name,
            kind,
            form,
            access,
            is_required: extras.required,
            options,
            deleted_options: Vec::new(),
            is_custom: false,
            description: None,
            added: now,
            updated: now,
            settings: Map::new(),
        }
    }

    /// Adds a pipeline behind all others.
    pub(super) fn add_pipeline(&mut self, name: &str) -> u64 {
        let order = self.all(Kind::Pipelines).count() + 1;
        let values = json!({"name": name, "order_nr": order, "is_deal_probability_enabled": true});
        self.settle_in(Kind::Pipelines, &values)
    }

    /// Adds a stage behind all others of its pipeline.
    pub(super) fn add_stage(&mut self, name: &str, pipeline: u64, probability: u64) -> u64 {
        let order =
            self.all(Kind::Stages).all().filter(|stage| stage.number("pipeline_id") == Some(pipeline)).count() + 1;
        let values = json!({"name": name, "pipeline_id": pipeline, "order_nr": order, "deal_probability": probability,
            "is_deal_rot_enabled": false, "days_to_rotten": null});
        self.settle_in(Kind::Stages, &values)
    }

    fn settle_in(&mut self, kind: Kind, values: &Json) -> u64 {
        let values = values.as_object().cloned().unwrap_or_default();
        let now = self.now();
        let records = self.all_mut(kind);
        let record =
            super::store::Records::settled(records.next_id(), Content { values, custom: Map::new() }, now, now);
        records.restore(record)
    }
}

fn standard_choice(option: &Json) -> Choice {
    Choice { id: option[0].clone(), label: option[1].as_str().unwrap_or_default().to_owned(), added: None }
}
