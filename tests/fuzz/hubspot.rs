//! What the HubSpot connector makes of answers.

use ferry::{
    connector::{Destination, FetchRequest, ReadRequest, Selection, Source},
    model::{Batch, BatchRecord, Cursor, Fields, Operation, SyncMode, Value},
};
use serde_json::{Value as Json, json};

use crate::Target;
use crate::mutation::Grammar;
use crate::vendor::{Answer, Vendor, load, read, refused};

pub(crate) struct HubSpot(Vendor);

impl HubSpot {
    pub(crate) fn new() -> Self {
        Self(Vendor::new(kind_of, good))
    }
}

impl Target for HubSpot {
    const NAME: &'static str = "hubspot";
    const GRAMMAR: Grammar = Grammar::Answer;

    fn feed(&mut self, input: &[u8]) -> Result<(), String> {
        let answer = Answer::read(input);
        let kind = answer.kind.clone();
        let options = json!({ "token": "pat-na1-1", "plan": "enterprise", "requests_per_10_secs": 100_000 });
        self.0.feed("hubspot", options, answer, &async |source: &dyn Source, destination: &dyn Destination| {
            ask(&kind, source, destination).await
        })
    }
}

async fn ask(kind: &str, source: &dyn Source, destination: &dyn Destination) -> Result<(), String> {
    match kind {
        "search" => read(source, request(SyncMode::Incremental)).await,
        "fetch" => {
            let selection = Selection::Keys { fields: vec!["no".into()], values: vec![vec![Value::Text("A1".into())]] };
            let request = FetchRequest { object: "deals".into(), selection, fields: vec!["dealname".into()] };
            destination.fetch(&request).await.map(drop).or_else(|error| refused(&error))
        }
        "create" => load(destination, batch(Operation::Insert)).await,
        "update" => load(destination, batch(Operation::Update)).await,
        "upsert" => load(destination, batch(Operation::Upsert { key: vec!["no".into()] })).await,
        "archive" => load(destination, batch(Operation::Delete)).await,
        "account" => {
            source.probe().unwrap().inspect(&["deals".into()]).await.map(drop).or_else(|error| refused(&error))
        }
        _ => read(source, request(SyncMode::FullRefresh)).await,
    }
}

fn request(sync_mode: SyncMode) -> ReadRequest {
    let fields = ["dealname", "amount", "closedate", "won", "pipeline_label", "hubspot_owner_email"];
    ReadRequest {
        shown: Vec::new(),
        object: "deals".into(),
        fields: fields.map(Into::into).to_vec(),
        links: vec!["companies".into()],
        filter: None,
        sync_mode,
        cursor: (sync_mode == SyncMode::Incremental).then(|| Cursor(json!({ "since": "2026-01-01T00:00:00.000Z" }))),
    }
}

fn batch(operation: Operation) -> Batch {
    let record = |number: u8| {
        let text = |text: String| Value::Text(text);
        let fields = Fields::from([
            ("dealname".into(), text(format!("Deal {number}"))),
            ("no".into(), text(format!("A{number}"))),
        ]);
        let is_new = matches!(operation, Operation::Insert | Operation::Upsert { .. });
        BatchRecord {
            trace_id: format!("t{number}"),
            destination_id: (!is_new).then(|| number.to_string()),
            fields: if operation == Operation::Delete { Fields::new() } else { fields },
        }
    };
    Batch { object: "deals".into(), records: vec![record(1), record(2)], operation }
}

fn kind_of(_method: &str, path: &str) -> &'static str {
    let ends = |end: &str| path.ends_with(end);
    match path {
        _ if path.contains("/properties/") => "properties",
        _ if path.contains("/pipelines/") => "pipelines",
        _ if path.contains("/owners/") => "owners",
        _ if path.contains("/associations/") => "associations",
        _ if path.contains("/account-info/") => "account",
        _ if ends("/batch/create") => "create",
        _ if ends("/batch/update") => "update",
        _ if ends("/batch/upsert") => "upsert",
        _ if ends("/batch/archive") => "archive",
        _ if ends("/batch/read") => "fetch",
        _ if ends("/search") => "search",
        _ => "list",
    }
}

fn good(kind: &str) -> Json {
    match kind {
        "properties" => {
            let property = |name: &str, kind: &str, field: &str| json!({ "name": name, "label": name, "type": kind, "fieldType": field, "options": [] });
            let mut no = property("no", "string", "text");
            no["hasUniqueValue"] = json!(true);
            json!({ "results": [
                property("dealname", "string", "text"), property("amount", "number", "number"),
                property("closedate", "datetime", "date"), property("won", "bool", "booleancheckbox"),
                property("pipeline", "enumeration", "select"), property("hubspot_owner_id", "enumeration", "select"),
                property("hs_lastmodifieddate", "datetime", "date"), no,
            ] })
        }
        "pipelines" => {
            json!({ "results": [{ "id": "default", "label": "Sales", "stages": [{ "id": "won", "label": "Won" }] }] })
        }
        "owners" => json!({ "results": [{ "id": "1", "email": "ada@example.test" }] }),
        "associations" => json!({ "results": [{ "from": { "id": "1" }, "to": [{ "toObjectId": 7 }] }] }),
        "create" | "update" | "upsert" => {
            let record = |number: u8| json!({ "id": number.to_string(), "properties": { "no": format!("A{number}") }, "new": true });
            json!({ "status": "COMPLETE", "results": [record(1), record(2)] })
        }
        "archive" => json!({ "status": "COMPLETE", "results": [] }),
        "account" => json!({ "portalId": 1, "accountType": "STANDARD" }),
        _ => {
            json!({ "results": [{ "id": "1", "properties": { "dealname": "Deal" }, "updatedAt": "2026-11-01T08:00:00.000Z" }] })
        }
    }
}
