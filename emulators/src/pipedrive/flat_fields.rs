//! `dealFields` and the like of version 1: numbers for ids, offset pages, flags.

use serde_json::{Map, Value as Json, json};

use super::{
    account::Account,
    errors::{Answer, Answered, Refusal},
    field_routes::{NewField, define, remove},
    fields::{Access, Choice, Field},
    flat::listed,
    kinds::Kind,
    request::Call,
    time::plain,
};

/// Fields of a page where none is named.
const PAGE: usize = 500;

/// Answers requests for fields; none where the path is another one.
pub(super) fn answer(account: &mut Account, call: &Call) -> Option<Answered> {
    let (method, path) = call.route();
    let name = *path.first()?;
    let kind = Kind::of_fields(name)?;
    let is_made_by_people = kind.has_custom_fields();
    Some(match (method, &path[1..]) {
        ("GET", []) if kind == Kind::Notes => listed(call, note_fields(), Some(PAGE)),
        ("GET", []) => {
            listed(call, account.fields(kind).iter().map(|field| show(account, kind, field)).collect(), Some(PAGE))
        }
        _ if !is_made_by_people => return None,
        ("GET", [id]) => find(account, kind, id).map(|field| Answer::data(show(account, kind, field))),
        ("POST", []) => create(account, call, kind),
        ("PUT", [id]) => change(account, call, kind, id),
        ("DELETE", [id]) => delete(account, kind, id),
        ("DELETE", []) => delete_many(account, call, kind),
        _ => return None,
    })
}

fn show(account: &Account, kind: Kind, field: &Field) -> Json {
    let options = field.options.as_ref().map(|options| options.iter().map(Choice::brief).collect::<Vec<_>>());
    let by = if field.is_custom { json!(account.first_active().id) } else { Json::Null };
    let mut shown = json!({
        "id": field.id, "key": field.key, "name": field.name, "order_nr": field.id % 1_000, "field_type": field.kind,
        "add_time": plain(field.added), "update_time": plain(field.updated), "last_updated_by_user_id": by, "created_by_user_id": by,
        "active_flag": true, "edit_flag": field.is_custom,
        "add_visible_flag": field.is_custom, "important_flag": false, "bulk_edit_allowed": field.access == Access::Rw,
        "searchable_flag": field.is_searchable(), "filtering_allowed": true, "sortable_flag": true, "options": options,
        "mandatory_flag": field.is_required,
    });
    // Fields of products do not say where they are seen.
    if kind != Kind::Products {
        shown["index_visible_flag"] = json!(true);
        shown["details_visible_flag"] = json!(true);
    }
    if !field.deleted_options.is_empty() {
        shown["options_deleted"] = field.deleted_options.iter().map(Choice::brief).collect();
    }
    shown
}

fn note_fields() -> Vec<Json> {
    let field = |id: u64, key: &str, name: &str, kind: &str| {
        json!({"id": id, "key": key, "name": name, "field_type": kind, "active_flag": true, "edit_flag": false,
            "bulk_edit_allowed": true, "mandatory_flag": key == "content"})
    };
    let all = [
        ("content", "Content", "text"),
        ("user_id", "Author", "user"),
        ("add_time", "Add time", "date"),
        ("update_time", "Update time", "date"),
    ];
    all.iter().zip(1..).map(|((key, name, kind), id)| field(id, key, name, kind)).collect()
}

fn find<'account>(account: &'account Account, kind: Kind, id: &str) -> Result<&'account Field, Refusal> {
    let found = account.fields(kind).iter().find(|field| field.id.to_string() == id);
    found.ok_or_else(|| Refusal::not_found("Field not found"))
}

fn create(account: &mut Account, call: &Call, kind: Kind) -> Answered {
    let body = call.object()?;
    let text = |name: &str| body.get(name).and_then(Json::as_str).map(str::to_owned).unwrap_or_default();
    let options = options(&body)?.unwrap_or_default();
    let options = options.into_iter().map(|(_, label)| (None, label)).collect();
    let new = NewField { name: text("name"), kind: text("field_type"), options, ..NewField::default() };
    let code = define(account, kind, new)?;
    let made = account.field(kind, &code).ok_or_else(|| Refusal::not_found("Field not found"))?;
    let answer = Answer::data(show(account, kind, made));
    Ok(if kind == Kind::Products { answer.created() } else { answer })
}

/// An option as a body has it: its id, where it is there already, and its label.
type Sent = (Option<u64>, String);

/// Reads options: a list, or the text of one, of labels, each with the id of an option that is there already.
fn options(body: &Map<String, Json>) -> Result<Option<Vec<Sent>>, Refusal> {
    let Some(given) = body.get("options").filter(|options| !options.is_null()) else { return Ok(None) };
    let parsed = given.as_str().and_then(|text| serde_json::from_str(text).ok());
    let given = parsed.unwrap_or_else(|| given.clone());
    let wrong = || Refusal::bad("options must be a list of objects with label");
    let one = |option: &Json| {
        let label = option.as_str().or_else(|| option["label"].as_str()).ok_or_else(wrong)?;
        Ok((option["id"].as_u64(), label.to_owned()))
    };
    given.as_array().ok_or_else(wrong)?.iter().map(one).collect::<Result<_, _>>().map(Some)
}

/// Changes a field. Its options are the ones that are sent: those left out are taken away.
fn change(account: &mut Account, call: &Call, kind: Kind, id: &str) -> Answered {
    let body = call.object()?;
    let options = options(&body)?;
    let code = find(account, kind, id)?.code.clone();
    let now = account.now();
    let mut last = account.fields.values().flatten().map(Field::last_option).max().unwrap_or_default();
    let field = account.fields.get_mut(&kind).and_then(|fields| fields.iter_mut().find(|field| field.code == code));
    let field = field
        .filter(|field| field.is_custom)
        .ok_or_else(|| Refusal::forbidden("Fields of Pipedrive's own cannot be changed"))?;
    if let Some(name) = body.get("name").and_then(Json::as_str) {
        name.clone_into(&mut field.name);
    }
    if let (Some(given), Some(old)) = (options, field.options.take()) {
        let mut kept = Vec::new();
        for (id, label) in given {
            let id = id.unwrap_or_else(|| {
                last += 1;
                last
            });
            kept.push(Choice { id: json!(id), label, added: Some(now) });
        }
        let is_kept = |choice: &Choice| kept.iter().any(|other| other.id == choice.id);
        field.deleted_options.extend(old.into_iter().filter(|choice| !is_kept(choice)));
        field.options = Some(kept);
    }
    field.updated = now;
    Ok(Answer::data(show(account, kind, find(account, kind, id)?)))
}

fn delete(account: &mut Account, kind: Kind, id: &str) -> Answered {
    let code = find(account, kind, id)?.code.clone();
    Ok(Answer::data(json!({"id": remove(account, kind, &code)?.id})))
}

fn delete_many(account: &mut Account, call: &Call, kind: Kind) -> Answered {
    let mut gone = Vec::new();
    for id in call.list("ids") {
        let code = find(account, kind, &id)?.code.clone();
        gone.push(remove(account, kind, &code)?.id);
    }
    Ok(Answer::data(json!({"id": gone})))
}
