//! What the connector does with Airtable's answers: each trap of the vendor once.
//!
//! The answers come from a scripted server on loopback here, so that it can answer what a well-behaved Airtable never would;
//! `against_emulator` runs the same connector against the local Airtable.

mod against_emulator;
mod answers;
mod cells;
mod formulas;
mod login;
mod reading;
mod samples;
mod script;
mod strangers;
mod writing;

use std::{
    path::PathBuf,
    sync::{Arc, LazyLock},
};

use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::connector::{Connector, Context, Destination, Source};
use crate::http::{MemoryTokens, Meter, Transport};
use crate::model::ConnectionName;

use super::{
    Airtable,
    schema::{Base, Table, TablesAnswer},
};

/// The base that all tests speak of.
const BASE_ID: &str = "appFerryDemo00001";

/// One table with a field of every type, and one that it links to.
fn tables() -> Json {
    let choices = json!({"choices": [{"id": "selA", "name": "Lead"}, {"id": "selB", "name": "Won"}]});
    let number = json!({"result": {"type": "number", "options": {"precision": 0}}});
    let field = |id: &str, name: &str, field_type: &str, options: Json| json!({"id": format!("fld{id}"), "name": name, "type": field_type, "options": options});
    json!({"tables": [
        {"id": "tblContacts", "name": "Contacts", "primaryFieldId": "fldName", "fields": [
            field("Name", "Name", "singleLineText", json!(null)),
            field("Notes", "Notes", "multilineText", json!(null)),
            field("Rich", "Rich", "richText", json!(null)),
            field("Email", "Email", "email", json!(null)),
            field("Site", "Site", "url", json!(null)),
            field("Phone", "Phone", "phoneNumber", json!(null)),
            field("Age", "Age", "number", json!({"precision": 0})),
            field("Pay", "Pay", "currency", json!({"precision": 2, "symbol": "€"})),
            field("Share", "Share", "percent", json!({"precision": 1})),
            field("Call", "Call", "duration", json!({"durationFormat": "h:mm"})),
            field("Stars", "Stars", "rating", json!({"max": 5})),
            field("Vip", "VIP", "checkbox", json!({"icon": "check"})),
            field("Stage", "Stage", "singleSelect", choices.clone()),
            field("Tags", "Tags", "multipleSelects", choices.clone()),
            field("Owner", "Owner", "singleCollaborator", json!(null)),
            field("Team", "Team", "multipleCollaborators", json!(null)),
            field("Company", "Company", "multipleRecordLinks", json!({"linkedTableId": "tblCompanies"})),
            field("Files", "Files", "multipleAttachments", json!({"isReversed": false})),
            field("Born", "Born", "date", json!({"dateFormat": {"name": "iso"}})),
            field("Seen", "Seen", "dateTime", json!({"timeZone": "client"})),
            field("Code", "Code", "barcode", json!(null)),
            field("Sum", "Sum", "formula", number.clone()),
            field("Lost", "Lost", "formula", json!({"isValid": false})),
            field("Roll", "Roll", "rollup", number),
            field("Look", "Look", "multipleLookupValues", json!({"result": {"type": "singleSelect", "options": choices}})),
            field("Count", "Count", "count", json!({"isValid": true})),
            field("Auto", "Auto", "autoNumber", json!(null)),
            field("Made", "Made", "createdTime", json!({"result": {"type": "dateTime"}})),
            field("Edited", "Edited", "lastModifiedTime", json!({"referencedFieldIds": [], "result": {"type": "dateTime"}})),
            field("By", "By", "createdBy", json!(null)),
            field("EditBy", "Edited by", "lastModifiedBy", json!(null)),
            field("Button", "Button", "button", json!(null)),
            field("Ai", "Ai", "aiText", json!({"prompt": []})),
            field("Sync", "Sync", "externalSyncSource", choices.clone()),
            field("Sort", "Sort", "manualSort", json!(null)),
            field("Next", "Next", "somethingNew", json!({"wacky": true})),
            field("Id", "_id", "singleLineText", json!(null)),
        ]},
        {"id": "tblCompanies", "name": "Companies", "primaryFieldId": "fldTitle", "fields": [
            field("Title", "Title", "singleLineText", json!(null)),
            field("Boss", "Boss", "multipleRecordLinks", json!({"linkedTableId": "tblContacts"})),
            field("Staff", "Staff", "multipleRecordLinks", json!({"linkedTableId": "tblContacts"})),
        ]},
    ]})
}

fn base() -> Base {
    serde_json::from_value::<TablesAnswer>(tables()).unwrap().into()
}

fn contacts() -> &'static Table {
    static CONTACTS: LazyLock<Table> = LazyLock::new(|| base().table(&"Contacts".into()).unwrap().clone());
    &CONTACTS
}

/// A context whose clock runs so fast that half a minute's wait is over at once.
fn context() -> Context {
    context_at(5000.0)
}

fn context_at(speed: f64) -> Context {
    let (clock, tokens) = (Clock::accelerated(speed), Arc::new(MemoryTokens::default()));
    let transport = Transport::new(clock, CancellationToken::new(), tokens).unwrap();
    let connection = ConnectionName::new("base");
    Context { connection, transport, meter: Meter::default(), base_dir: PathBuf::new(), meters: None }
}

fn source(url: &str, context: &Context) -> Box<dyn Source> {
    Airtable::source(serde_json::from_value(options(url)).unwrap(), context).unwrap()
}

fn destination(url: &str, context: &Context) -> Box<dyn Destination> {
    Airtable::destination(serde_json::from_value(options(url)).unwrap(), context).unwrap()
}

fn options(url: &str) -> Json {
    json!({"base_id": BASE_ID, "token": "patTest.1", "base_url": url})
}
