//! The records of an object, one by one: list, read, create, update, archive, merge, erase.

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::{
    associations::{AssociationInput, add_inline, check_inline, shown_links},
    errors::Refusal,
    portal::Portal,
    render::{Answer, Wanted},
    request::{Call, id_text},
    store::Record,
    write::{Sent, values_of_change, values_of_new},
};

/// Most records of one page of a list. Source: CRM objects guide.
const MAX_PAGE: usize = 100;

/// Most records of one page with the history of properties. Source: reported, unconfirmed.
const MAX_PAGE_WITH_HISTORY: usize = 50;

/// Records of a page whose size is not given. Source: CRM objects guide.
const DEFAULT_PAGE: usize = 10;

#[derive(Deserialize)]
struct CreateBody {
    properties: Sent,
    #[serde(default)]
    associations: Vec<AssociationInput>,
}

#[derive(Deserialize)]
struct UpdateBody {
    properties: Sent,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MergeBody {
    #[serde(deserialize_with = "id_text")]
    primary_object_id: String,
    #[serde(deserialize_with = "id_text")]
    object_id_to_merge: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EraseBody {
    #[serde(deserialize_with = "id_text")]
    object_id: String,
    id_property: Option<String>,
}

/// Answers what concerns one record or a page of them.
pub(super) fn answer(portal: &mut Portal, call: &Call) -> Option<Result<Answer, Refusal>> {
    let (method, path) = call.route();
    let object = match portal.object(path.first()?) {
        Ok(object) => object,
        Err(refusal) => return Some(Err(refusal)),
    };
    Some(match (method, &path[1..]) {
        ("GET", []) => list(portal, call, object),
        ("POST", []) => create(portal, call, object),
        ("POST", ["merge"]) => merge(portal, call, object),
        ("POST", ["gdpr-delete"]) => erase(portal, call, object),
        ("GET", [id]) => read(portal, call, object, id),
        ("PATCH", [id]) => update(portal, call, object, id),
        ("DELETE", [id]) => archive(portal, object, id),
        _ => return None,
    })
}

/// Finds a live record by its id, or by the value of a unique property.
pub(super) fn locate(
    portal: &Portal,
    object: usize,
    id: &str,
    id_property: Option<&str>,
    operation: &str,
) -> Result<Option<u64>, Refusal> {
    let kind = &portal.objects[object];
    let Some(property) = id_property.filter(|name| !name.is_empty() && *name != "hs_object_id") else {
        let record = id.parse().ok().and_then(|id| kind.records.get(id));
        return Ok(record.map(|(id, _)| id));
    };
    let place = kind.unique_property(property, operation)?;
    Ok(kind.records.find(place, &key(portal, object, place, id)))
}

/// Returns the value of a unique property as records keep it.
pub(super) fn key(portal: &Portal, object: usize, place: u16, value: &str) -> String {
    let property = portal.objects[object].properties.get_index(usize::from(place));
    let is_email = property.is_some_and(|(_, property)| property.is_email);
    if is_email { value.trim().to_lowercase() } else { value.to_owned() }
}

fn list(portal: &mut Portal, call: &Call, object: usize) -> Result<Answer, Refusal> {
    let with_history = call.list_parameter("propertiesWithHistory");
    let max = if with_history.is_empty() { MAX_PAGE } else { MAX_PAGE_WITH_HISTORY };
    let limit = call.limit(DEFAULT_PAGE, max)?;
    let after = call.after()?;
    let wanted = portal.wanted(object, &call.list_parameter("properties"), &with_history);
    let targets = linked_objects(portal, call)?;
    let mut page = portal.objects[object].records.page(after, call.flag("archived"));
    let records: Vec<(u64, &Record)> = page.by_ref().take(limit).collect();
    let next = page.next().map(|(id, _)| id);
    let results: Vec<Json> = records
        .into_iter()
        .map(|(id, record)| Json::Object(with_links(portal, call, object, (id, record), &wanted, &targets)))
        .collect();
    let mut body = json!({"results": results});
    if let Some(next) = next {
        body["paging"] = call.next_page(&next.to_string());
    }
    Ok(Answer::ok(body))
}

fn linked_objects(portal: &Portal, call: &Call) -> Result<Vec<usize>, Refusal> {
    call.list_parameter("associations").iter().map(|name| portal.object(name)).collect()
}

fn with_links(
    portal: &Portal,
    call: &Call,
    object: usize,
    (id, record): (u64, &Record),
    wanted: &Wanted,
    targets: &[usize],
) -> Map<String, Json> {
    let mut shown = portal.shown(object, (id, record), wanted);
    let links: Map<String, Json> = targets
        .iter()
        .filter_map(|to| Some((portal.objects[*to].name.clone(), shown_links(portal, call, (object, *to), id)?)))
        .collect();
    if !links.is_empty() {
        shown.insert("associations".to_owned(), Json::from(links));
    }
    shown
}

/// Shows a record with its associations to one object.
pub(super) fn shown_with_links(
    portal: &Portal,
    call: &Call,
    object: usize,
    id: &str,
    to: usize,
) -> Result<Answer, Refusal> {
    let record = id.parse().ok().and_then(|id| portal.objects[object].records.get(id));
    let record = record.ok_or_else(Refusal::no_such_record)?;
    let wanted = portal.wanted(object, &[], &[]);
    Ok(Answer::ok(Json::from(with_links(portal, call, object, record, &wanted, &[to]))))
}

fn read(portal: &Portal, call: &Call, object: usize, id: &str) -> Result<Answer, Refusal> {
    let wanted =
        portal.wanted(object, &call.list_parameter("properties"), &call.list_parameter("propertiesWithHistory"));
    let targets = linked_objects(portal, call)?;
    let records = &portal.objects[object].records;
    let found = if call.flag("archived") {
        id.parse().ok().and_then(|id| records.get_archived(id))
    } else {
        locate(portal, object, id, call.parameter("idProperty"), "get")?.and_then(|id| records.get(id))
    };
    let found = found.ok_or_else(Refusal::no_such_record)?;
    Ok(Answer::ok(Json::from(with_links(portal, call, object, found, &wanted, &targets))))
}

/// Shows a record that was just written: what was sent, and what the vendor keeps itself.
pub(super) fn written(portal: &Portal, object: usize, id: u64, sent: &Sent) -> Map<String, Json> {
    let names: Vec<String> = sent.0.iter().map(|(name, _)| name.clone()).chain(["hs_object_id".to_owned()]).collect();
    let wanted = portal.wanted(object, &names, &[]);
    let record = portal.objects[object].records.get(id);
    record.map(|record| portal.shown(object, record, &wanted)).unwrap_or_default()
}

fn create(portal: &mut Portal, call: &Call, object: usize) -> Result<Answer, Refusal> {
    let body: CreateBody = call.json()?;
    let values = values_of_new(portal, object, &body.properties, &call.version).map_err(|fault| fault.refusal())?;
    let links = check_inline(portal, object, &body.associations)?;
    let id = portal.create(object, &values);
    add_inline(portal, id, links);
    Ok(Answer::created(Json::from(written(portal, object, id, &body.properties))))
}

fn update(portal: &mut Portal, call: &Call, object: usize, id: &str) -> Result<Answer, Refusal> {
    let body: UpdateBody = call.json()?;
    let found = locate(portal, object, id, call.parameter("idProperty"), "update")?;
    let id = found.ok_or_else(Refusal::no_such_record)?;
    let values = values_of_change(portal, object, &body.properties, id).map_err(|fault| fault.refusal())?;
    portal.change(object, id, &values);
    Ok(Answer::ok(Json::from(written(portal, object, id, &body.properties))))
}

fn archive(portal: &mut Portal, object: usize, id: &str) -> Result<Answer, Refusal> {
    let id: u64 = id.parse().map_err(|_| Refusal::no_such_record())?;
    let is_archived = portal.objects[object].records.get_archived(id).is_some();
    if !archive_record(portal, object, id) && !is_archived {
        return Err(Refusal::no_such_record());
    }
    Ok(Answer::nothing())
}

/// Archives a live record, and returns whether there was one.
pub(super) fn archive_record(portal: &mut Portal, object: usize, id: u64) -> bool {
    let Some((id, _)) = portal.objects[object].records.get(id) else { return false };
    let now = portal.now();
    portal.links.forget(object, id);
    portal.objects[object].records.archive(id, now)
}

fn merge(portal: &mut Portal, call: &Call, object: usize) -> Result<Answer, Refusal> {
    let body: MergeBody = call.json()?;
    let find = |id: &str| locate(portal, object, id, None, "merge")?.ok_or_else(Refusal::no_such_record);
    let (primary, other) = (find(&body.primary_object_id)?, find(&body.object_id_to_merge)?);
    if primary == other {
        return Err(Refusal::invalid(format!("Cannot merge object {primary} with itself")));
    }
    let now = portal.now();
    let old_links = [other, primary].map(|id| portal.links.forget(object, id));
    let records = &mut portal.objects[object].records;
    let (Some(kept), Some(merged)) = (records.remove(primary), records.remove(other)) else {
        return Err(Refusal::no_such_record());
    };
    let values = merged_values(portal, object, (primary, &kept), (other, &merged));
    let mut record = Record::new(kept.created, now, &[]);
    record.values = kept.values.over(&merged.values).with(&values);
    let records = &mut portal.objects[object].records;
    let id = records.insert(None, record);
    records.redirect(primary, id);
    records.redirect(other, id);
    for (pair, to, kind) in old_links.into_iter().flatten() {
        portal.links.add(pair, id, to, kind);
    }
    Ok(Answer::ok(Json::from(written(portal, object, id, &Sent::default()))))
}

/// Returns what a merged record holds of both: ids and, for contacts, addresses.
fn merged_values(
    portal: &Portal,
    object: usize,
    (primary, kept): (u64, &Record),
    (other, merged): (u64, &Record),
) -> Vec<(u16, String)> {
    let kind = &portal.objects[object];
    let both = |name: &str, more: [String; 2]| {
        let place = kind.property_place(name)?;
        let listed = [kept, merged].map(|record| record.values.get(place).unwrap_or_default().to_owned());
        let mut all: Vec<String> = Vec::new();
        for value in listed.iter().flat_map(|list| list.split(';')).map(str::to_owned).chain(more) {
            if !value.is_empty() && !all.contains(&value) {
                all.push(value);
            }
        }
        Some((place, all.join(";")))
    };
    let email = kind.property_place("email");
    let [first, second] = [kept, merged].map(|record| email.and_then(|place| record.values.get(place)));
    let second_address = first.and(second).unwrap_or_default();
    let ids = both("hs_merged_object_ids", [primary.to_string(), other.to_string()]);
    let addresses = both("hs_additional_emails", [second_address.to_owned(), String::new()]);
    ids.into_iter().chain(addresses).collect()
}

fn erase(portal: &mut Portal, call: &Call, object: usize) -> Result<Answer, Refusal> {
    let body: EraseBody = call.json()?;
    let property = body.id_property.as_deref();
    let found = locate(portal, object, &body.object_id, property, "gdpr-delete")?;
    let Some(id) = found else {
        // An address that no contact has is blocked from then on. Source: contacts guide, permanent deletion.
        let place = property.and_then(|name| portal.objects[object].property_place(name));
        let (Some(place), Some("email")) = (place, property) else { return Err(Refusal::no_such_record()) };
        let address = key(portal, object, place, &body.object_id);
        portal.blocked_addresses.insert(address);
        return Ok(Answer::nothing());
    };
    portal.links.forget(object, id);
    portal.objects[object].records.remove(id);
    Ok(Answer::nothing())
}
