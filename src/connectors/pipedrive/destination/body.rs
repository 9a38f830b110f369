//! From a record of the engine to the body of a call: columns of one field go together.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::connector::ConnectorError;
use crate::model::{BatchRecord, Operation, Rejection, Value};

use super::super::{
    client::Raw,
    object::Object,
    schema::{Column, Kind, ObjectInfo, Part, Property, is_created_only},
};
use super::{
    contacts::ContactChange,
    encode::{Encoder, person_id, record_id, rejection, texts},
};

/// What a record says, field by field.
#[derive(Debug, Default)]
pub(super) struct Draft<'info> {
    /// Values that are whole.
    whole: Vec<(&'info Property, Json)>,
    /// Parts of values, by the code of their field.
    parts: BTreeMap<&'info str, (&'info Property, Map<String, Json>)>,
    contacts: BTreeMap<&'info str, ContactChange>,
    /// The persons of an activity, the primary one first.
    people: Option<Vec<Json>>,
    /// The further persons of a deal.
    pub(super) participants: Option<Vec<u64>>,
}

/// Fields of Pipedrive's own that cannot be empty: they stay as they are where a record has no value for them.
const NEVER_EMPTY: [&str; 7] = ["owner_id", "user_id", "status", "visible_to", "currency", "type", "pipeline_id"];

impl<'info> Draft<'info> {
    /// Encodes a record. The outer error is about the pipeline, the inner one about the record.
    pub(super) fn of(
        info: &'info ObjectInfo,
        encoder: &Encoder,
        record: &BatchRecord,
        operation: &Operation,
    ) -> Result<Result<Self, Rejection>, ConnectorError> {
        let mut draft = Self::default();
        let mut columns = Vec::with_capacity(record.fields.len());
        for (name, value) in &record.fields {
            columns.push((info.column(name)?, value));
        }
        let is_update = *operation == Operation::Update;
        for (column, value) in &columns {
            let property = info.property(column);
            if is_update && !property.is_custom && is_created_only(&property.code) {
                continue;
            }
            if let Err(problem) = draft.add(info, encoder, (column, value), &columns) {
                return Ok(Err(rejection(problem, property, value)));
            }
        }
        Ok(Ok(draft))
    }

    fn add(
        &mut self,
        info: &'info ObjectInfo,
        encoder: &Encoder,
        (column, value): (&'info Column, &Value),
        columns: &[(&'info Column, &Value)],
    ) -> Result<(), super::encode::Problem> {
        let property = info.property(column);
        match (column.part, property.kind) {
            (Part::Of(part), kind) => {
                let json = Encoder::part(kind, part, value)?;
                let parts = &mut self.parts.entry(&property.code).or_insert_with(|| (property, Map::new())).1;
                parts.insert(part.to_owned(), json);
            }
            (Part::Primary | Part::All | Part::Labelled(_), _) => {
                self.contacts.entry(&property.code).or_default().add(column.part, value);
            }
            (Part::Whole, Kind::Stage) => self.add_stage(info, encoder, (property, value), columns)?,
            (Part::Whole, Kind::People) if info.object == Object::Deals => {
                self.participants = Some(texts(value).iter().map(|id| person_id(id)).collect::<Result<_, _>>()?);
            }
            (Part::Whole, Kind::People) => {
                let ids =
                    texts(value).iter().map(|id| record_id(Object::Persons, id)).collect::<Result<Vec<_>, _>>()?;
                let own = self.people.take().unwrap_or_default();
                self.people = Some(join(own, ids));
            }
            // The person of an activity is its primary participant.
            (Part::Whole, Kind::Link(Object::Persons)) if info.object == Object::Activities => {
                let id = encoder.whole(property, value)?;
                let others = self.people.take().unwrap_or_default();
                self.people = Some(join(if id.is_null() { Vec::new() } else { vec![id] }, others));
            }
            (Part::Whole, _) => self.whole.push((property, encoder.whole(property, value)?)),
        }
        Ok(())
    }

    /// A stage goes with its pipeline: alone it may be refused where the deal is in another one.
    fn add_stage(
        &mut self,
        info: &'info ObjectInfo,
        encoder: &Encoder,
        (property, value): (&'info Property, &Value),
        columns: &[(&'info Column, &Value)],
    ) -> Result<(), super::encode::Problem> {
        let name = value.to_text();
        if name.is_empty() {
            return Ok(());
        }
        let written = columns.iter().find(|(column, _)| info.property(column).kind == Kind::Pipeline);
        let written = written.map(|(_, value)| value.to_text()).filter(|name| !name.is_empty());
        let pipeline = written.as_deref().map(|name| encoder.pipeline(name)).transpose()?;
        let (stage, of) = encoder.stage(&name, pipeline)?;
        self.whole.push((property, Json::from(stage)));
        if let Some(pipeline) = info.property_of("pipeline_id").filter(|_| written.is_none()) {
            self.whole.push((pipeline, Json::from(of)));
        }
        Ok(())
    }

    /// Tells whether what an existing record holds decides what is written.
    pub(super) fn needs_current(&self) -> bool {
        let is_partial = |(property, parts): &(&Property, Map<String, Json>)| missing(property.kind, parts).is_some();
        !self.contacts.is_empty() || self.parts.values().any(is_partial)
    }

    /// Returns the body of a call. `current` is the record as it is; none for a new one.
    pub(super) fn body(&self, current: Option<&Raw>) -> Result<Map<String, Json>, Rejection> {
        let (mut body, mut custom) = (Map::new(), Map::new());
        let is_new = current.is_none();
        let mut put = |property: &Property, json: Json| {
            let is_kept = json.is_null()
                && !property.is_custom
                && (is_boolean(property) || NEVER_EMPTY.contains(&property.code.as_str()));
            // A new record has no value to be cleared.
            if is_kept || (is_new && json.is_null()) {
                return;
            }
            if property.is_custom {
                custom.insert(property.code.clone(), json)
            } else {
                body.insert(property.code.clone(), json)
            };
        };
        for (property, json) in &self.whole {
            put(property, json.clone());
        }
        for (property, parts) in self.parts.values() {
            put(property, composite(property, parts, current)?);
        }
        for (code, change) in &self.contacts {
            let held = current.and_then(|record| record.get(*code)).and_then(Json::as_array);
            let list = change.applied(held.map(Vec::as_slice).unwrap_or_default());
            if !(is_new && list.is_empty()) {
                body.insert((*code).to_owned(), Json::from(list));
            }
        }
        if let Some(people) = self.people.as_ref().filter(|people| !(is_new && people.is_empty())) {
            let one = |(place, id): (usize, &Json)| json!({ "person_id": id, "primary": place == 0 });
            body.insert("participants".to_owned(), people.iter().enumerate().map(one).collect());
        }
        if !custom.is_empty() {
            body.insert("custom_fields".to_owned(), Json::from(custom));
        }
        leave_out_ends(&mut body);
        Ok(body)
    }
}

fn is_boolean(property: &Property) -> bool {
    property.kind == Kind::Boolean
}

fn join(first: Vec<Json>, more: Vec<Json>) -> Vec<Json> {
    let mut all: Vec<Json> = Vec::new();
    for id in first.into_iter().chain(more) {
        if !all.contains(&id) {
            all.push(id);
        }
    }
    all
}

/// Returns a part without which Pipedrive refuses a value; none where the value is whole, or cleared.
fn missing(kind: Kind, parts: &Map<String, Json>) -> Option<&'static str> {
    let needed: &[&'static str] = match kind {
        Kind::LeadValue => &["amount", "currency"],
        Kind::Prices => &["price", "currency"],
        Kind::DateRange | Kind::TimeRange => &["value", "until"],
        _ => &["value"],
    };
    let is_there = |part: &str| parts.get(part).is_some_and(|json| !json.is_null());
    let is_cleared = parts.get(needed[0]).is_some_and(Json::is_null);
    needed.iter().copied().find(|part| !is_there(part)).filter(|_| !is_cleared)
}

/// Puts the parts of a value together, with those of the record as it is where the mapping does not have all.
fn composite(property: &Property, given: &Map<String, Json>, current: Option<&Raw>) -> Result<Json, Rejection> {
    let main = property.kind.parts().first().map_or("value", |(part, _)| *part);
    if given.get(main).is_some_and(Json::is_null) || given.values().all(Json::is_null) {
        return Ok(if property.kind == Kind::Prices { json!([]) } else { Json::Null });
    }
    let mut whole = given.clone();
    if missing(property.kind, &whole).is_some()
        && let Some(held) = current.and_then(|record| held(property, record))
    {
        for (part, value) in held {
            whole.entry(part.clone()).or_insert_with(|| value.clone());
        }
    }
    if let Some(part) = missing(property.kind, &whole) {
        let reason = format!("`{}` is not whole without its part `{part}`: map that too", property.shown());
        return Err(Rejection::new("incomplete_value", reason).at(property.shown(), ""));
    }
    whole.retain(|_, part| !part.is_null());
    Ok(if property.kind == Kind::Prices { json!([whole]) } else { Json::from(whole) })
}

fn held<'record>(property: &Property, record: &'record Raw) -> Option<&'record Map<String, Json>> {
    let value = if property.is_custom {
        record.get("custom_fields")?.get(&property.code)?
    } else {
        record.get(&property.code)?
    };
    value.as_object().or_else(|| value.get(0)?.as_object())
}

/// Leaves out when and why a deal ended where nothing is said of it: Pipedrive takes these of deals with the right status alone.
fn leave_out_ends(body: &mut Map<String, Json>) {
    let status = body.get("status").and_then(Json::as_str).map(str::to_owned);
    let status = status.as_deref().unwrap_or_default();
    for (code, statuses) in [
        ("lost_reason", &["lost"][..]),
        ("lost_time", &["lost"]),
        ("won_time", &["won"]),
        ("close_time", &["won", "lost"]),
    ] {
        if body.get(code).is_some_and(Json::is_null) && !statuses.contains(&status) {
            body.remove(code);
        }
    }
}
