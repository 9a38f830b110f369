//! Records as version 2 shows them.

use serde_json::{Map, Value as Json, json};

use super::{
    account::Account,
    errors::Refusal,
    fields::{Access, Field},
    forms::Form,
    kinds::Kind,
    request::Call,
    store::Record,
    tally::Tally,
    time::rfc3339,
};

/// Most custom fields that can be asked for by name.
const MAX_CUSTOM: usize = 15;

/// What a request wants to see.
#[derive(Debug, Default)]
pub(super) struct View {
    include: Vec<String>,
    custom: Option<Vec<String>>,
    has_option_labels: bool,
    has_labels: bool,
    tally: Option<Tally>,
}

impl View {
    /// Reads it from the parameters of a request.
    pub(super) fn of(account: &Account, call: &Call, kind: Kind) -> Result<Self, Refusal> {
        let include = call.list("include_fields");
        let is_optional = |name: &String| {
            let is_attendees = kind == Kind::Activities && name == "attendees";
            is_attendees || account.field(kind, name).is_some_and(|field| field.access == Access::Extra)
        };
        if let Some(name) = include.iter().find(|name| !is_optional(name)) {
            return Err(call.invalid_parameter("include_fields", &format!("{name} is not a field to include")));
        }
        let custom = call.parameter("custom_fields").map(|_| call.list("custom_fields"));
        if custom.as_ref().is_some_and(|custom| custom.len() > MAX_CUSTOM) {
            return Err(call.invalid_parameter("custom_fields", "must have at most 15 keys"));
        }
        let tally = (!include.is_empty()).then(|| Tally::of(account, kind));
        let has_option_labels = call.flag("include_option_labels")?.unwrap_or_default();
        let has_labels = call.flag("include_labels")?.unwrap_or_default();
        Ok(Self { include, custom, has_option_labels, has_labels, tally })
    }
}

/// Returns a record as version 2 shows it.
pub(super) fn record(account: &Account, kind: Kind, record: &Record, view: &View) -> Json {
    let mut shown = Map::new();
    let mut custom = Map::new();
    for field in account.fields(kind) {
        if field.is_custom {
            if view.custom.as_ref().is_none_or(|named| named.contains(&field.code)) {
                custom.insert(field.code.clone(), custom_value(field, record, view));
            }
        } else if is_shown(account, field, view) {
            shown.insert(field.code.clone(), value(account, field, record, view));
        }
    }
    if view.has_labels && shown.contains_key("label_ids") {
        shown.insert("labels".to_owned(), labels(account, kind, record));
    }
    if kind.has_custom_fields() {
        shown.insert("custom_fields".to_owned(), Json::from(custom));
    }
    Json::from(shown)
}

fn is_shown(account: &Account, field: &Field, view: &View) -> bool {
    match field.access {
        Access::Extra => view.include.contains(&field.code),
        Access::Sync => account.company.has_contact_sync,
        _ => field.form != Form::Attendees || view.include.contains(&field.code),
    }
}

fn value(account: &Account, field: &Field, record: &Record, view: &View) -> Json {
    match field.code.as_str() {
        "id" => json!(record.id),
        "add_time" => json!(rfc3339(record.added)),
        "update_time" => json!(rfc3339(record.updated)),
        "is_deleted" => json!(record.deleted.is_some()),
        "prices" => prices(record),
        "smart_bcc_email" => json!(format!("{}@pipedrivemail.com", account.company.domain)),
        code if field.access == Access::Extra => match record.content.values.get(code) {
            Some(value) => value.clone(),
            None => view.tally.as_ref().map_or(Json::Null, |tally| tally.value(record.id, code)),
        },
        code => record.value(code).clone(),
    }
}

fn prices(record: &Record) -> Json {
    let prices = record.value("prices").as_array().cloned().unwrap_or_default();
    let with_product = prices.into_iter().map(|mut price| {
        price["product_id"] = json!(record.id);
        price
    });
    with_product.collect()
}

fn custom_value(field: &Field, record: &Record, view: &View) -> Json {
    let value = record.content.custom.get(&field.code).cloned().unwrap_or_default();
    if !view.has_option_labels || !matches!(field.form, Form::Option | Form::Options) {
        return value;
    }
    let labelled = |id: &Json| json!({"id": id, "label": label(field, id)});
    match &value {
        Json::Null => Json::Null,
        Json::Array(ids) => ids.iter().map(labelled).collect(),
        id => labelled(id),
    }
}

fn label(field: &Field, id: &Json) -> Option<String> {
    let deleted = field.deleted_options.iter().find(|choice| choice.id == *id);
    field.choice(id).or(deleted).map(|choice| choice.label.clone())
}

fn labels(account: &Account, kind: Kind, record: &Record) -> Json {
    let Some(field) = account.field(kind, "label_ids") else { return json!([]) };
    let ids = record.value("label_ids").as_array().cloned().unwrap_or_default();
    ids.iter().map(|id| json!({"id": id, "label": label(field, id)})).collect()
}
