//! Search: by a term, over an index that sees changes late. What is found is reduced, not the whole record.

use serde_json::{Value as Json, json};

use super::{
    account::Account,
    errors::{Answer, Answered, Refusal},
    flat,
    kinds::Kind,
    leads, listing,
    request::{Call, Version},
    store::{Content, Record},
};

/// The kinds that can be searched, with the fields that each is searched in. Source: openapi-v2.yaml, `fields`.
const SEARCHED: [(Kind, &[&str]); 5] = [
    (Kind::Deals, &["custom_fields", "notes", "title"]),
    (Kind::Persons, &["custom_fields", "email", "notes", "phone", "name"]),
    (Kind::Organizations, &["address", "custom_fields", "notes", "name"]),
    (Kind::Products, &["code", "custom_fields", "name", "description"]),
    (Kind::Leads, &["custom_fields", "notes", "title", "email"]),
];

/// Most results of a page: of a search of one kind, and of all.
const MAX_OF_ONE: usize = 500;
const MAX_OF_ALL: usize = 100;

/// What is sought.
struct Sought {
    term: String,
    is_exact: bool,
    fields: Vec<String>,
}

/// Answers searches; none where the path is another one.
pub(super) fn answer(account: &Account, call: &Call) -> Option<Answered> {
    let (method, path) = call.route();
    Some(match (method, path.as_slice()) {
        ("GET", ["itemSearch"]) => all(account, call),
        ("GET", ["itemSearch", "field"]) => by_field(account, call),
        ("GET", [records, "search"]) => {
            let kind = Kind::of_path(records).filter(|kind| fields_of(*kind).is_some())?;
            one(account, call, kind)
        }
        _ => return None,
    })
}

fn fields_of(kind: Kind) -> Option<&'static [&'static str]> {
    SEARCHED.iter().find(|(searched, _)| *searched == kind).map(|(_, fields)| *fields)
}

impl Sought {
    /// Reads it. A term has two characters, or one where it is to match exactly.
    fn of(call: &Call, is_exact: bool) -> Result<Self, Refusal> {
        let term =
            call.parameter("term").map(str::trim).ok_or_else(|| call.invalid_parameter("term", "is required"))?;
        let least = if is_exact { 1 } else { 2 };
        if term.chars().count() < least {
            return Err(call.invalid_parameter("term", &format!("must have at least {least} characters")));
        }
        Ok(Self { term: term.to_lowercase(), is_exact, fields: call.list("fields") })
    }

    /// Returns how well a text fits, from 0 to 1.
    fn score(&self, text: &str) -> f64 {
        let text = text.to_lowercase();
        if text == self.term {
            1.0
        } else if self.is_exact || !text.contains(&self.term) {
            0.0
        } else if text.starts_with(&self.term) {
            0.7
        } else {
            0.4
        }
    }
}

fn one(account: &Account, call: &Call, kind: Kind) -> Answered {
    let sought = Sought::of(call, call.flag("exact_match")?.unwrap_or_default())?;
    let known = fields_of(kind).unwrap_or_default();
    if let Some(name) = sought.fields.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(call.invalid_parameter("fields", &format!("{name} is not a field to search in")));
    }
    let (person, org) = (call.number("person_id")?, call.number("organization_id")?);
    let status = call.parameter("status").filter(|_| kind == Kind::Deals);
    let org_code = if kind == Kind::Leads { "organization_id" } else { "org_id" };
    let narrow = |content: &Content| {
        let is = |code: &str, id: Option<u64>| id.is_none_or(|id| content.values.get(code) == Some(&json!(id)));
        is("person_id", person)
            && is(org_code, org)
            && status.is_none_or(|status| content.values.get("status") == Some(&json!(status)))
    };
    let found = found(account, kind, &sought, &narrow);
    answer_with(call, found, MAX_OF_ONE)
}

fn all(account: &Account, call: &Call) -> Answered {
    let sought = Sought::of(call, call.flag("exact_match")?.unwrap_or_default())?;
    if call.flag("search_for_related_items")?.unwrap_or_default() {
        return Err(Refusal::not_here("searches for related items"));
    }
    let types = call.list("item_types");
    let others = ["file", "mail_attachment", "project"];
    if let Some(name) = types
        .iter()
        .find(|name| !others.contains(&name.as_str()) && Kind::of_singular(name).and_then(fields_of).is_none())
    {
        return Err(call.invalid_parameter("item_types", &format!("{name} is not a type of item")));
    }
    let kinds = SEARCHED.iter().map(|(kind, _)| *kind);
    let named = kinds.filter(|kind| types.is_empty() || types.iter().any(|name| name == kind.singular()));
    let mut results: Vec<(f64, Json)> = named.flat_map(|kind| found(account, kind, &sought, &|_| true)).collect();
    results.sort_by(|one, other| other.0.total_cmp(&one.0));
    answer_with(call, results, MAX_OF_ALL)
}

/// Answers with a page of results: by cursor in version 2, by offset in version 1.
fn answer_with(call: &Call, results: Vec<(f64, Json)>, max: usize) -> Answered {
    let shown: Vec<Json> =
        results.into_iter().map(|(score, item)| json!({"result_score": score, "item": item})).collect();
    if call.version == Version::One {
        let (page, pagination) = flat::cut(call, shown, Some(100))?;
        return Ok(Answer::whole(
            json!({"success": true, "data": {"items": page}, "additional_data": {"pagination": pagination}}),
        ));
    }
    let (page, next) = listing::cut(call, shown, max)?;
    Ok(Answer::page(json!({"items": page}), next))
}

fn found(account: &Account, kind: Kind, sought: &Sought, narrow: &dyn Fn(&Content) -> bool) -> Vec<(f64, Json)> {
    let now = account.clock.now().timestamp_millis();
    let mut results = Vec::new();
    for record in account.all(kind).all() {
        let Some(content) = record.searched(now).filter(|content| narrow(content)) else { continue };
        let texts = texts(account, kind, (record, content), &sought.fields);
        let score = texts.iter().map(|text| sought.score(text)).fold(0.0, f64::max);
        if score > 0.0 {
            results.push((score, item(account, kind, record, content)));
        }
    }
    results.sort_by(|one, other| other.0.total_cmp(&one.0));
    results
}

/// Returns the texts of a record that search looks into.
fn texts(account: &Account, kind: Kind, (record, content): (&Record, &Content), fields: &[String]) -> Vec<String> {
    let wants = |name: &str| fields.is_empty() || fields.iter().any(|field| field == name);
    let text = |code: &str| content.values.get(code).and_then(Json::as_str).map(str::to_owned);
    let mut texts: Vec<String> = Vec::new();
    for name in ["title", "name", "code", "description"] {
        if wants(name) {
            texts.extend(text(name));
        }
    }
    if wants("email") {
        texts.extend(values_of(content, "emails"));
        if kind == Kind::Leads {
            texts.extend(leads::emails(account, record));
        }
    }
    if wants("phone") {
        texts.extend(values_of(content, "phones"));
    }
    if wants("address") {
        texts.extend(content.values.get("address").and_then(|address| address["value"].as_str()).map(str::to_owned));
    }
    if wants("custom_fields") {
        texts.extend(custom_texts(account, kind, content));
    }
    if wants("notes") {
        texts.extend(note_texts(account, kind, record));
    }
    texts
}

fn values_of(content: &Content, code: &str) -> Vec<String> {
    let list = content.values.get(code).and_then(Json::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|one| one["value"].as_str())
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .collect()
}

fn custom_texts(account: &Account, kind: Kind, content: &Content) -> Vec<String> {
    let searchable = account.fields(kind).iter().filter(|field| field.is_searchable());
    let values = searchable.filter_map(|field| content.custom.get(&field.code));
    values
        .map(|value| value.get("value").unwrap_or(value))
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .collect()
}

fn note_texts(account: &Account, kind: Kind, record: &Record) -> Vec<String> {
    let (code, id) = match kind {
        Kind::Deals => ("deal_id", json!(record.id)),
        Kind::Persons => ("person_id", json!(record.id)),
        Kind::Organizations => ("org_id", json!(record.id)),
        Kind::Leads => ("lead_id", record.value("id").clone()),
        _ => return Vec::new(),
    };
    let notes = account.all(Kind::Notes).all().filter(|note| note.deleted.is_none() && *note.value(code) == id);
    notes.map(|note| note.text("content").to_owned()).collect()
}

fn item(account: &Account, kind: Kind, record: &Record, content: &Content) -> Json {
    let value = |code: &str| content.values.get(code).cloned().unwrap_or_default();
    let owner = json!({"id": value("owner_id")});
    let named = |kind: Kind, code: &str| {
        let linked = value(code).as_u64().and_then(|id| account.all(kind).get(id));
        linked.map(|linked| {
            let mut shown = json!({"id": linked.id, "name": linked.value("name")});
            if kind == Kind::Organizations {
                shown["address"] = linked.value("address")["value"].clone();
            }
            shown
        })
    };
    let (custom, notes) = (custom_texts(account, kind, content), note_texts(account, kind, record));
    match kind {
        Kind::Deals => {
            json!({"id": record.id, "type": "deal", "title": value("title"), "value": value("value"), "currency": value("currency"),
            "status": value("status"), "visible_to": value("visible_to"), "owner": owner, "stage": named(Kind::Stages, "stage_id"),
            "person": named(Kind::Persons, "person_id"), "organization": named(Kind::Organizations, "org_id"), "custom_fields": custom,
            "notes": notes, "is_archived": value("is_archived")})
        }
        Kind::Persons => {
            json!({"id": record.id, "type": "person", "name": value("name"), "phones": values_of(content, "phones"),
            "emails": values_of(content, "emails"), "visible_to": value("visible_to"), "owner": owner,
            "organization": named(Kind::Organizations, "org_id"), "custom_fields": custom, "notes": notes})
        }
        Kind::Organizations => {
            json!({"id": record.id, "type": "organization", "name": value("name"), "address": value("address")["value"],
            "visible_to": value("visible_to"), "owner": owner, "custom_fields": custom, "notes": notes})
        }
        Kind::Leads => {
            json!({"id": value("id"), "type": "lead", "title": value("title"), "owner": owner, "person": named(Kind::Persons, "person_id"),
            "organization": named(Kind::Organizations, "organization_id"), "phones": [], "emails": leads::emails(account, record),
            "custom_fields": custom, "notes": notes, "value": value("value")["amount"], "currency": value("value")["currency"],
            "visible_to": value("visible_to").as_str().and_then(|text| text.parse::<u64>().ok()), "is_archived": value("is_archived")})
        }
        _ => {
            json!({"id": record.id, "type": kind.singular(), "name": value("name"), "code": value("code"), "visible_to": value("visible_to"),
            "owner": owner, "custom_fields": custom})
        }
    }
}

/// Answers a search in one field, which minds upper and lower case.
fn by_field(account: &Account, call: &Call) -> Answered {
    let named = if call.version == Version::One {
        call.parameter("field_type").and_then(|name| name.strip_suffix("Field"))
    } else {
        call.parameter("entity_type")
    };
    let kind = named.and_then(Kind::of_singular).filter(|kind| fields_of(*kind).is_some());
    let kind = kind.ok_or_else(|| call.invalid_parameter("entity_type", "is not a type of item"))?;
    let mode = call.parameter("match").unwrap_or("exact");
    let sought = Sought::of(call, mode == "exact")?;
    let term = call.parameter("term").unwrap_or_default();
    let code = call.parameter("field").or(call.parameter("field_key"));
    let code = code.ok_or_else(|| call.invalid_parameter("field", "is required"))?;
    let field = account.fields(kind).iter().find(|field| field.code == code || field.key == code);
    let field = field.ok_or_else(|| Refusal::not_found("Field not found"))?;
    let fits = |text: &str| match mode {
        "exact" => text == term,
        "beginning" => text.starts_with(term),
        _ => text.contains(term),
    };
    let now = account.clock.now().timestamp_millis();
    let mut items = Vec::new();
    for record in account.all(kind).all() {
        let Some(content) = record.searched(now) else { continue };
        let value = if field.is_custom { content.custom.get(&field.code) } else { content.values.get(&field.code) };
        let texts: Vec<String> = match value {
            Some(Json::Array(_)) => values_of(content, &field.code),
            Some(value) => value.get("value").unwrap_or(value).as_str().map(str::to_owned).into_iter().collect(),
            None => Vec::new(),
        };
        if texts.iter().any(|text| fits(text)) {
            let id = if kind == Kind::Leads { record.value("id").clone() } else { json!(record.id) };
            let name = content.values.get("title").or(content.values.get("name")).cloned();
            items.push(json!({"id": id, "name": name}));
        }
    }
    drop(sought);
    let (page, next) = listing::cut(call, items, MAX_OF_ONE)?;
    Ok(Answer::page(page, next))
}
