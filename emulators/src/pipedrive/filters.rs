//! Filters: named conditions, kept by version 1 and used by the lists of both.

use serde_json::{Map, Value as Json, json};

use super::{
    account::Account,
    errors::{Answer, Answered, Refusal},
    fields::Field,
    kinds::Kind,
    request::Call,
    store::Record,
    time::{plain, read_any, rfc3339},
};

/// Most conditions of a filter. Source: openapi-v1.yaml, `POST /filters`.
const MAX_CONDITIONS: usize = 16;
/// The operators that are computed here.
const OPERATORS: [&str; 11] =
    ["=", "!=", ">", "<", ">=", "<=", "IS NULL", "IS NOT NULL", "LIKE '%$%'", "LIKE '$%'", "NOT LIKE '$%'"];
/// The words for kinds in filters, with the word for one in conditions.
const TYPES: [(&str, Kind, &str); 6] = [
    ("deals", Kind::Deals, "deal"),
    ("leads", Kind::Leads, "lead"),
    ("org", Kind::Organizations, "organization"),
    ("people", Kind::Persons, "person"),
    ("products", Kind::Products, "product"),
    ("activity", Kind::Activities, "activity"),
];

/// A filter.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    id: u64,
    name: String,
    of: &'static str,
    user: u64,
    added: i64,
    updated: i64,
    conditions: Json,
}

/// Returns the filter that a list names; none where it names none.
pub(super) fn of(account: &Account, call: &Call, kind: Kind) -> Result<Option<Filter>, Refusal> {
    let Some(id) = call.number("filter_id")? else { return Ok(None) };
    let found = account.filters.iter().find(|filter| filter.id == id && kind_of(filter.of) == Some(kind));
    found.cloned().map(Some).ok_or_else(|| Refusal::not_found("Filter not found"))
}

fn kind_of(name: &str) -> Option<Kind> {
    TYPES.iter().find(|(of, ..)| *of == name).map(|(_, kind, _)| *kind)
}

/// Answers requests for filters; none where the path is another one.
pub(super) fn answer(account: &mut Account, call: &Call) -> Option<Answered> {
    let (method, path) = call.route();
    Some(match (method, path.as_slice()) {
        ("GET", ["filters"]) => {
            let named = call.parameter("type");
            let found = account.filters.iter().filter(|filter| named.is_none_or(|of| of == filter.of));
            Ok(Answer::data(found.map(brief).collect::<Vec<_>>()))
        }
        ("GET", ["filters", "helpers"]) => return None,
        ("GET", ["filters", id]) => {
            find(account, id).map(|place| Answer::data(whole(account, call, &account.filters[place])))
        }
        ("POST", ["filters"]) => create(account, call),
        ("PUT", ["filters", id]) => change(account, call, id),
        ("DELETE", ["filters", id]) => {
            find(account, id).map(|place| Answer::data(json!({"id": account.filters.remove(place).id})))
        }
        ("DELETE", ["filters"]) => {
            let ids: Vec<u64> = call.list("ids").iter().filter_map(|id| id.parse().ok()).collect();
            account.filters.retain(|filter| !ids.contains(&filter.id));
            Ok(Answer::data(json!({"id": ids})))
        }
        _ => return None,
    })
}

fn find(account: &Account, id: &str) -> Result<usize, Refusal> {
    let place = account.filters.iter().position(|filter| filter.id.to_string() == id);
    place.ok_or_else(|| Refusal::not_found("Filter not found"))
}

fn brief(filter: &Filter) -> Json {
    json!({"id": filter.id, "name": filter.name, "filter_code": null, "is_editable": true, "active_flag": true, "type": filter.of,
        "temporary_flag": null, "user_id": filter.user, "add_time": plain(filter.added), "update_time": plain(filter.updated),
        "visible_to": "7", "last_used_time": null, "custom_view_id": null})
}

fn whole(account: &Account, call: &Call, filter: &Filter) -> Json {
    let mut shown = brief(filter);
    let mut conditions = filter.conditions.clone();
    if call.parameter("include_field_code") == Some("true") {
        for condition in conditions["conditions"]
            .as_array_mut()
            .into_iter()
            .flatten()
            .flat_map(|group| group["conditions"].as_array_mut().into_iter().flatten())
        {
            let code = field_of(account, filter.of, condition).map(|field| field.code.clone());
            condition["field_code"] = json!(code);
        }
    }
    shown["conditions"] = conditions;
    shown
}

fn create(account: &mut Account, call: &Call) -> Answered {
    let body = call.object()?;
    let text = |name: &str| body.get(name).and_then(Json::as_str).unwrap_or_default();
    let of = TYPES.iter().find(|(of, ..)| *of == text("type")).map(|(of, ..)| *of);
    let of = of.ok_or_else(|| Refusal::bad("type must be one of deals, leads, org, people, products, activity"))?;
    if text("name").is_empty() {
        return Err(Refusal::bad("name is required"));
    }
    let conditions = conditions(account, of, &body)?;
    let (id, now, name) = (account.next_number(), account.now(), text("name").to_owned());
    let filter = Filter { id, name, of, user: account.caller, added: now, updated: now, conditions };
    account.filters.push(filter.clone());
    Ok(Answer::data(whole(account, call, &filter)))
}

fn change(account: &mut Account, call: &Call, id: &str) -> Answered {
    let body = call.object()?;
    let (place, now) = (find(account, id)?, account.now());
    let of = account.filters[place].of;
    let conditions = if body.contains_key("conditions") { Some(conditions(account, of, &body)?) } else { None };
    let filter = &mut account.filters[place];
    if let Some(name) = body.get("name").and_then(Json::as_str) {
        name.clone_into(&mut filter.name);
    }
    filter.conditions = conditions.unwrap_or_else(|| filter.conditions.clone());
    filter.updated = now;
    Ok(Answer::data(whole(account, call, &account.filters[place])))
}

/// Reads conditions: one group of all, in it one group of all and one of any.
fn conditions(account: &Account, of: &str, body: &Map<String, Json>) -> Result<Json, Refusal> {
    let given = body.get("conditions").cloned().unwrap_or_default();
    let given = given.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(given);
    let groups = given["conditions"].as_array().filter(|groups| given["glue"] == "and" && groups.len() <= 2);
    let groups = groups.ok_or_else(|| {
        Refusal::bad("conditions must be one group glued with and, of two groups glued with and and or")
    })?;
    let mut kept = Vec::new();
    let mut count = 0;
    for group in groups {
        let all = group["conditions"].as_array().cloned().unwrap_or_default();
        count += all.len();
        let all: Vec<Json> = all.iter().map(|one| condition(account, of, one)).collect::<Result<_, _>>()?;
        kept.push(json!({"glue": group["glue"], "conditions": all}));
    }
    if count == 0 || count > MAX_CONDITIONS {
        return Err(Refusal::bad("conditions must be 1 to 16"));
    }
    Ok(json!({"glue": "and", "conditions": kept}))
}

fn condition(account: &Account, of: &str, one: &Json) -> Result<Json, Refusal> {
    let own = TYPES.iter().find(|(name, ..)| *name == of).map(|(.., own)| *own);
    let is_own = one["object"].as_str() == own || (of == "leads" && one["object"] == "deal");
    let operator = one["operator"].as_str().unwrap_or_default();
    if !is_own || !OPERATORS.contains(&operator) {
        return Err(Refusal::not_here(&format!("conditions on {} with the operator {operator}", one["object"])));
    }
    field_of(account, of, one).ok_or_else(|| Refusal::bad(format!("field_id {} does not exist", one["field_id"])))?;
    let id = one["field_id"].as_str().map_or_else(|| one["field_id"].to_string(), str::to_owned);
    let text = |value: &Json| if value.is_null() { Json::Null } else { json!(as_text(value)) };
    Ok(json!({"object": one["object"], "field_id": id, "operator": operator, "value": text(&one["value"]),
        "extra_value": text(&one["extra_value"]), "json_value_flag": false}))
}

fn as_text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn field_of<'account>(account: &'account Account, of: &str, condition: &Json) -> Option<&'account Field> {
    let id = as_text(&condition["field_id"]);
    account.fields(kind_of(of)?).iter().find(|field| field.id.to_string() == id)
}

/// Whether a record meets a filter.
pub(super) fn holds(account: &Account, kind: Kind, record: &Record, filter: &Filter) -> bool {
    let meets = |condition: &Json| meets(account, kind, record, (filter.of, condition));
    filter.conditions["conditions"].as_array().into_iter().flatten().all(|group| {
        let conditions = group["conditions"].as_array().map_or(&[][..], Vec::as_slice);
        if group["glue"] == "or" {
            conditions.is_empty() || conditions.iter().any(meets)
        } else {
            conditions.iter().all(meets)
        }
    })
}

fn meets(account: &Account, kind: Kind, record: &Record, (of, condition): (&str, &Json)) -> bool {
    let Some(field) = field_of(account, of, condition) else { return false };
    let (operator, sought) =
        (condition["operator"].as_str().unwrap_or_default(), condition["value"].as_str().unwrap_or_default());
    let values = values(kind, record, field);
    let equal = |value: &String| value.eq_ignore_ascii_case(sought);
    let order = |value: &String| compare(value, sought);
    let begins = |value: &String| value.to_lowercase().starts_with(&sought.to_lowercase());
    match operator {
        "=" => values.iter().any(equal),
        "!=" => !values.iter().any(equal),
        "IS NULL" => values.is_empty(),
        "IS NOT NULL" => !values.is_empty(),
        ">" => values.iter().any(|value| order(value).is_gt()),
        ">=" => values.iter().any(|value| order(value).is_ge()),
        "<" => values.iter().any(|value| order(value).is_lt()),
        "<=" => values.iter().any(|value| order(value).is_le()),
        "LIKE '%$%'" => values.iter().any(|value| value.to_lowercase().contains(&sought.to_lowercase())),
        "LIKE '$%'" => values.iter().any(begins),
        _ => !values.iter().any(begins),
    }
}

/// Compares as numbers, as times, or else as texts.
fn compare(value: &str, sought: &str) -> std::cmp::Ordering {
    if let (Ok(one), Ok(other)) = (value.parse::<f64>(), sought.parse::<f64>()) {
        return one.total_cmp(&other);
    }
    // A date is its midnight.
    let time = |text: &str| read_any(text).or_else(|| read_any(&format!("{text} 00:00:00")));
    match (time(value), time(sought)) {
        (Some(one), Some(other)) => one.cmp(&other),
        _ => value.cmp(sought),
    }
}

/// Returns the texts of a value: one, several of a list, or none.
fn values(kind: Kind, record: &Record, field: &Field) -> Vec<String> {
    let value = match field.code.as_str() {
        "id" => json!(record.id),
        "add_time" => json!(rfc3339(record.added)),
        "update_time" => json!(rfc3339(record.updated)),
        "org_id" if kind == Kind::Leads => record.value("organization_id").clone(),
        code if field.is_custom => record.content.custom.get(code).cloned().unwrap_or_default(),
        code => record.value(code).clone(),
    };
    match value {
        Json::Null => Vec::new(),
        Json::Array(all) => all.iter().map(|one| as_text(one.get("value").unwrap_or(one))).collect(),
        one => vec![as_text(one.get("value").unwrap_or(&one))],
    }
}
