//! `dealFields` and the like of version 2: definitions and options.

use serde_json::{Map, Value as Json, json};

use super::{
    account::Account,
    errors::{Answer, Answered, Refusal},
    fields::{Access, Choice, Field, creatable, hash_of},
    forms::{MAX_VARCHAR, text},
    kinds::Kind,
    listing::cut,
    request::Call,
};

/// What `include_fields` adds to definitions.
const NAMESPACES: [&str; 3] = ["ui_visibility", "important_fields", "required_fields"];

/// Answers requests for fields; none where the path is another one.
pub(super) fn answer(account: &mut Account, call: &Call) -> Option<Answered> {
    let (method, path) = call.route();
    let kind = Kind::of_fields(path.first()?).filter(|kind| kind.has_custom_fields() || *kind == Kind::Activities)?;
    Some(match (method, &path[1..]) {
        ("GET", []) => list(account, call, kind),
        ("GET", [code]) => {
            find(account, kind, code).and_then(|field| Ok(Answer::data(field.render(kind, &include(call, kind)?))))
        }
        _ if kind == Kind::Activities => return None,
        ("POST", []) => create(account, call, kind),
        ("PATCH", [code]) => change(account, call, kind, code),
        ("DELETE", [code]) => delete(account, kind, code),
        ("POST", [code, "options"]) => add_options(account, call, kind, code),
        ("PATCH", [code, "options"]) => rename_options(account, call, kind, code),
        ("DELETE", [code, "options"]) => delete_options(account, call, kind, code),
        _ => return None,
    })
}

fn include(call: &Call, kind: Kind) -> Result<Vec<String>, Refusal> {
    let include = call.list("include_fields");
    match include.iter().find(|name| !namespaces(kind).contains(&name.as_str())) {
        Some(name) => Err(call.invalid_parameter("include_fields", &format!("{name} is not a namespace"))),
        None => Ok(include),
    }
}

/// Returns the settings that fields of a kind have.
fn namespaces(kind: Kind) -> &'static [&'static str] {
    if matches!(kind, Kind::Products | Kind::Activities) { &NAMESPACES[..1] } else { &NAMESPACES }
}

fn list(account: &Account, call: &Call, kind: Kind) -> Answered {
    let include = include(call, kind)?;
    let all = account.fields(kind).iter().map(|field| field.render(kind, &include)).collect();
    let (page, next) = cut::<Json>(call, all, 500)?;
    Ok(Answer::page(page, next))
}

fn find<'account>(account: &'account Account, kind: Kind, code: &str) -> Result<&'account Field, Refusal> {
    account.field(kind, code).ok_or_else(|| Refusal::not_found("Field not found"))
}

/// Returns a field that people made, to change it.
fn custom_mut<'account>(
    account: &'account mut Account,
    kind: Kind,
    code: &str,
) -> Result<&'account mut Field, Refusal> {
    let found = account.fields.get_mut(&kind).and_then(|fields| fields.iter_mut().find(|field| field.code == code));
    let field = found.ok_or_else(|| Refusal::not_found("Field not found"))?;
    if field.is_custom { Ok(field) } else { Err(Refusal::forbidden("Fields of Pipedrive's own cannot be changed")) }
}

/// What a new field is made of.
#[derive(Debug, Default)]
pub(super) struct NewField {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) code: Option<String>,
    pub(super) description: Option<String>,
    /// Labels, with ids where fixtures give them.
    pub(super) options: Vec<(Option<u64>, String)>,
    pub(super) settings: Map<String, Json>,
}

/// Makes a field and returns its code. Its hash is the account's own: the same name in another account has another one.
pub(super) fn define(account: &mut Account, kind: Kind, new: NewField) -> Result<String, Refusal> {
    let form = creatable(&new.kind).ok_or_else(|| Refusal::field("field_type", "is not a type that can be created"))?;
    let name = text(&json!(new.name), MAX_VARCHAR).ok().filter(|_| !new.name.trim().is_empty());
    name.ok_or_else(|| Refusal::field("field_name", "must have 1 to 255 characters"))?;
    let has_options = matches!(new.kind.as_str(), "enum" | "set");
    if has_options && new.options.is_empty() {
        return Err(Refusal::field("options", "are required for enum and set"));
    }
    let (id, now) = (account.next_number(), account.now());
    let seed = format!("{}/{}/{}/{id}", account.company.id, kind.path(), new.name);
    let code = new.code.unwrap_or_else(|| hash_of(&seed));
    let mut field = Field {
        id,
        key: code.clone(),
        code: code.clone(),
        name: new.name,
        kind: new.kind,
        form,
        access: Access::Rw,
        is_required: false,
        options: has_options.then(Vec::new),
        deleted_options: Vec::new(),
        is_custom: true,
        description: new.description,
        added: now,
        updated: now,
        settings: new.settings,
    };
    for (id, label) in new.options {
        let id = id.unwrap_or_else(|| option_id(account, &field));
        add_choice(&mut field, id, label, now);
    }
    account.fields.entry(kind).or_default().push(field);
    Ok(code)
}

/// Returns an id that no option of the account has yet.
fn option_id(account: &Account, field: &Field) -> u64 {
    let others = account.fields.values().flatten().map(Field::last_option);
    others.max().unwrap_or_default().max(field.last_option()) + 1
}

fn add_choice(field: &mut Field, id: u64, label: String, now: i64) {
    field.options.get_or_insert_default().push(Choice { id: json!(id), label, added: Some(now) });
}

fn create(account: &mut Account, call: &Call, kind: Kind) -> Answered {
    let body = call.object()?;
    let text = |name: &str| body.get(name).and_then(Json::as_str).map(str::to_owned);
    let required = |name: &str| text(name).ok_or_else(|| Refusal::field(name, "is required"));
    let options = body.get("options").and_then(Json::as_array).cloned().unwrap_or_default();
    let options: Vec<_> = options.iter().map(label_of).collect::<Result<_, _>>()?;
    let new = NewField {
        name: required("field_name")?,
        kind: required("field_type")?,
        code: None,
        description: text("description"),
        options: options.into_iter().map(|label| (None, label)).collect(),
        settings: settings(&body),
    };
    let code = define(account, kind, new)?;
    Ok(Answer::data(find(account, kind, &code)?.render(kind, &shown_settings(kind))))
}

/// What was made or changed is answered with its settings, which nobody asked for.
fn shown_settings(kind: Kind) -> Vec<String> {
    namespaces(kind).iter().map(|name| (*name).to_owned()).collect()
}

fn settings(body: &Map<String, Json>) -> Map<String, Json> {
    let given = NAMESPACES.iter().filter_map(|name| Some(((*name).to_owned(), body.get(*name)?.clone())));
    given.collect()
}

fn label_of(option: &Json) -> Result<String, Refusal> {
    let label = option["label"].as_str().filter(|label| !label.is_empty() && label.chars().count() <= MAX_VARCHAR);
    label.map(str::to_owned).ok_or_else(|| Refusal::field("label", "must have 1 to 255 characters"))
}

fn change(account: &mut Account, call: &Call, kind: Kind, code: &str) -> Answered {
    let body = call.object()?;
    if body.is_empty() {
        return Err(Refusal::validation("Validation failed: at least one field must be provided"));
    }
    if let Some(name) = ["field_type", "field_code"].into_iter().find(|name| body.contains_key(*name)) {
        return Err(Refusal::field(name, "cannot be changed"));
    }
    let now = account.now();
    let field = custom_mut(account, kind, code)?;
    if let Some(name) = body.get("field_name") {
        text(name, MAX_VARCHAR).map_err(|problem| Refusal::field("field_name", &problem))?;
        name.as_str().unwrap_or_default().clone_into(&mut field.name);
    }
    if let Some(description) = body.get("description") {
        field.description = description.as_str().map(str::to_owned);
    }
    field.settings.extend(settings(&body));
    field.updated = now;
    Ok(Answer::data(field.render(kind, &shown_settings(kind))))
}

/// Takes a field away. Its values go with it.
pub(super) fn remove(account: &mut Account, kind: Kind, code: &str) -> Result<Field, Refusal> {
    let field = custom_mut(account, kind, code)?.clone();
    if let Some(fields) = account.fields.get_mut(&kind) {
        fields.retain(|field| field.code != code);
    }
    Ok(field)
}

fn delete(account: &mut Account, kind: Kind, code: &str) -> Answered {
    Ok(Answer::data(remove(account, kind, code)?.render(kind, &[])))
}

/// Returns the list of a request about options, and refuses it where the field has none.
fn options_of(account: &mut Account, call: &Call, kind: Kind, code: &str) -> Result<Vec<Json>, Refusal> {
    let field = custom_mut(account, kind, code)?;
    if field.options.is_none() {
        return Err(Refusal::bad("Only fields of type enum and set have options"));
    }
    let Json::Array(options) = call.json()? else {
        return Err(Refusal::validation("Validation failed: the body must be an array"));
    };
    Ok(options)
}

/// Adds options, all or none, and answers with the new ones.
fn add_options(account: &mut Account, call: &Call, kind: Kind, code: &str) -> Answered {
    let given = options_of(account, call, kind, code)?;
    let labels: Vec<String> = given.iter().map(label_of).collect::<Result<_, _>>()?;
    let (now, mut added) = (account.now(), Vec::new());
    for label in labels {
        let id = option_id(account, find(account, kind, code)?);
        added.push(json!({"id": id, "label": label}));
        add_choice(custom_mut(account, kind, code)?, id, label, now);
    }
    Ok(Answer::whole(json!({"success": true, "data": added, "additional_data": null})))
}

/// Finds the options that a list names, or refuses all of it.
fn named(field: &Field, given: &[Json]) -> Result<Vec<Json>, Refusal> {
    let one = |option: &Json| {
        let id = &option["id"];
        field.choice(id).map(|_| id.clone()).ok_or_else(|| Refusal::bad(format!("Option {id} does not exist")))
    };
    given.iter().map(one).collect()
}

fn rename_options(account: &mut Account, call: &Call, kind: Kind, code: &str) -> Answered {
    let given = options_of(account, call, kind, code)?;
    let field = custom_mut(account, kind, code)?;
    let ids = named(field, &given)?;
    let labels: Vec<String> = given.iter().map(label_of).collect::<Result<_, _>>()?;
    let mut changed = Vec::new();
    for choice in field.options.iter_mut().flatten() {
        if let Some(place) = ids.iter().position(|id| *id == choice.id) {
            choice.label.clone_from(&labels[place]);
            changed.push(choice.brief());
        }
    }
    Ok(Answer::whole(json!({"success": true, "data": changed, "additional_data": null})))
}

/// Takes options away. Records that have them keep their ids.
fn delete_options(account: &mut Account, call: &Call, kind: Kind, code: &str) -> Answered {
    let given = options_of(account, call, kind, code)?;
    let field = custom_mut(account, kind, code)?;
    let ids = named(field, &given)?;
    let all = field.options.take().unwrap_or_default();
    let (gone, kept): (Vec<_>, Vec<_>) = all.into_iter().partition(|choice| ids.contains(&choice.id));
    let shown: Vec<Json> = gone.iter().map(Choice::brief).collect();
    field.options = Some(kept);
    field.deleted_options.extend(gone);
    Ok(Answer::whole(json!({"success": true, "data": shown, "additional_data": null})))
}
