//! What the connector does with HubSpot's answers: each trap of the vendor once.
//!
//! The answers come from a scripted server on loopback here, so that it can answer what a well-behaved HubSpot never would;
//! `against_emulator` runs the same connector against the local HubSpot.

mod against_emulator;
mod answers;
mod erasing;
mod filters;
mod login;
mod names;
mod reading;
mod samples;
mod script;
mod strangers;
mod values;
mod writing;

use std::{path::PathBuf, sync::Arc};

use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::connector::{Connector, Context, Destination, Source};
use crate::http::{MemoryTokens, Meter, Transport};
use crate::model::ConnectionName;

use super::{HubSpot, client::WireProperty, schema::ObjectInfo};

/// Some properties of an object, one of each kind.
fn properties() -> Json {
    let property = |name: &str, value_type: &str, field_type: &str| json!({ "name": name, "label": format!("The {name}"), "type": value_type, "fieldType": field_type, "options": [] });
    let with = |mut property: Json, more: Json| {
        for (name, value) in more.as_object().unwrap() {
            property[name] = value.clone();
        }
        property
    };
    let options = json!({ "options": [{ "value": "NEW", "label": "New" }, { "value": "OPEN", "label": "Open" }] });
    json!({ "results": [
        property("email", "string", "text"),
        property("firstname", "string", "text"),
        property("phone", "phone_number", "phonenumber"),
        property("amount", "number", "number"),
        property("newsletter", "bool", "booleancheckbox"),
        property("consent", "enumeration", "booleancheckbox"),
        property("closedate", "datetime", "date"),
        property("birthday", "date", "date"),
        with(property("hs_lead_status", "enumeration", "radio"), options.clone()),
        with(property("topics", "enumeration", "checkbox"), options),
        with(property("hubspot_owner_id", "enumeration", "select"), json!({ "externalOptions": true, "referencedObjectType": "OWNER" })),
        with(property("customer_no", "string", "text"), json!({ "hasUniqueValue": true })),
        with(property("score", "number", "calculation_equation"), json!({ "calculated": true })),
        with(property("hs_object_id", "number", "number"), json!({ "modificationMetadata": { "readOnlyValue": true } })),
        property("pipeline", "enumeration", "select"),
        property("dealstage", "enumeration", "radio"),
        property("dealname", "string", "text"),
        property("where", "object_coordinates", "text"),
    ] })
}

fn info(object: &str) -> ObjectInfo {
    let wire: Vec<WireProperty> = serde_json::from_value(properties()["results"].clone()).unwrap();
    ObjectInfo::new(object.into(), &wire)
}

/// A context whose clock runs so fast that half a minute's wait is over at once.
fn context() -> Context {
    context_at(5_000.0)
}

fn context_at(speed: f64) -> Context {
    let (clock, tokens) = (Clock::accelerated(speed), Arc::new(MemoryTokens::default()));
    let transport = Transport::new(clock, CancellationToken::new(), tokens).unwrap();
    let connection = ConnectionName::new("crm");
    Context { connection, transport, meter: Meter::default(), base_dir: PathBuf::new(), meters: None }
}

fn options(url: &str) -> Json {
    json!({ "token": "pat-na1-1", "base_url": url })
}

fn source(url: &str) -> Box<dyn Source> {
    HubSpot::source(serde_json::from_value(options(url)).unwrap(), &context()).unwrap()
}

fn destination(url: &str) -> Box<dyn Destination> {
    HubSpot::destination(serde_json::from_value(options(url)).unwrap(), &context()).unwrap()
}
