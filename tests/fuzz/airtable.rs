//! What the Airtable connector makes of answers.

use ferry::{
    connector::{Destination, FetchRequest, ReadRequest, Selection, Source},
    model::{Batch, BatchRecord, Fields, Operation, SyncMode, Value},
};
use serde_json::{Value as Json, json};

use crate::Target;
use crate::mutation::Grammar;
use crate::vendor::{Answer, Vendor, load, read, refused};

const RECORDS: [&str; 2] = ["rec00000000000001", "rec00000000000002"];

pub(crate) struct Airtable(Vendor);

impl Airtable {
    pub(crate) fn new() -> Self {
        Self(Vendor::new(kind_of, good))
    }
}

impl Target for Airtable {
    const NAME: &'static str = "airtable";
    const GRAMMAR: Grammar = Grammar::Answer;

    fn feed(&mut self, input: &[u8]) -> Result<(), String> {
        let answer = Answer::read(input);
        let kind = answer.kind.clone();
        let options = json!({ "token": "patX.y", "base_id": "appFerryDemo00001" });
        self.0.feed("airtable", options, answer, &async |source: &dyn Source, destination: &dyn Destination| {
            ask(&kind, source, destination).await
        })
    }
}

async fn ask(kind: &str, source: &dyn Source, destination: &dyn Destination) -> Result<(), String> {
    match kind {
        "lookup" => {
            let values = vec![vec![Value::Text("ada@example.test".into())]];
            let selection = Selection::Keys { fields: vec!["Email".into()], values };
            let request = FetchRequest { object: "People".into(), selection, fields: vec!["Name".into()] };
            destination.fetch(&request).await.map(drop).or_else(|error| refused(&error))
        }
        "create" => load(destination, batch(Operation::Insert)).await,
        "change" => {
            load(destination, batch(Operation::Update)).await?;
            load(destination, batch(Operation::Upsert { key: vec!["Name".into()] })).await
        }
        "delete" => load(destination, batch(Operation::Delete)).await,
        "whoami" | "bases" => source.probe().unwrap().inspect(&[]).await.map(drop).or_else(|error| refused(&error)),
        _ => {
            let fields = match source.describe(&"People".into()).await {
                Ok(schema) => schema.fields,
                Err(error) => return refused(&error),
            };
            let names = fields.iter().map(|field| field.name.clone()).filter(|name| !name.starts_with("_links."));
            let request = ReadRequest {
                shown: Vec::new(),
                object: "People".into(),
                fields: names.collect(),
                links: Vec::new(),
                filter: None,
                sync_mode: SyncMode::Incremental,
                cursor: None,
            };
            read(source, request).await
        }
    }
}

fn batch(operation: Operation) -> Batch {
    let record = |id: &str| {
        let fields = Fields::from([("Name".into(), Value::Text(format!("Name of {id}")))]);
        let is_new = matches!(operation, Operation::Insert | Operation::Upsert { .. });
        BatchRecord {
            trace_id: id.to_owned(),
            destination_id: (!is_new).then(|| id.to_owned()),
            fields: if operation == Operation::Delete { Fields::new() } else { fields },
        }
    };
    Batch { object: "People".into(), records: RECORDS.map(record).to_vec(), operation }
}

fn kind_of(method: &str, path: &str) -> &'static str {
    match method {
        _ if path.ends_with("/meta/whoami") => "whoami",
        _ if path.ends_with("/meta/bases") => "bases",
        _ if path.ends_with("/tables") => "tables",
        _ if path.ends_with("/listRecords") => "lookup",
        "POST" => "create",
        "PATCH" => "change",
        "DELETE" => "delete",
        _ => "list",
    }
}

fn good(kind: &str) -> Json {
    let record = |id: &str| json!({ "id": id, "createdTime": "2026-11-01T08:00:00.000Z", "fields": { "fldName0000000001": format!("Name of {id}") } });
    match kind {
        "tables" => {
            let field = |id: &str, name: &str, kind: &str, options: Json| json!({ "id": id, "name": name, "type": kind, "options": options });
            json!({ "tables": [{ "id": "tblPeople00000001", "name": "People", "primaryFieldId": "fldName0000000001", "fields": [
                field("fldName0000000001", "Name", "singleLineText", Json::Null),
                field("fldMail0000000001", "Email", "email", Json::Null),
                field("fldSize0000000001", "Size", "number", json!({ "precision": 2 })),
                field("fldTags0000000001", "Tags", "multipleSelects", json!({ "choices": [{ "name": "a" }] })),
                field("fldSeen0000000001", "Seen", "dateTime", Json::Null),
                field("fldDone0000000001", "Done", "checkbox", Json::Null),
                field("fldCalc0000000001", "Calc", "formula", json!({ "result": { "type": "number" } })),
                field("fldFile0000000001", "Files", "multipleAttachments", Json::Null),
                field("fldUser0000000001", "User", "singleCollaborator", Json::Null),
                field("fldLast0000000001", "Last", "lastModifiedTime", json!({ "referencedFieldIds": [] })),
            ] }] })
        }
        "whoami" => json!({ "id": "usr00000000000001" }),
        "bases" => json!({ "bases": [{ "id": "appFerryDemo00001", "name": "B", "permissionLevel": "create" }] }),
        "delete" => json!({ "records": RECORDS.map(|id| json!({ "id": id, "deleted": true })) }),
        _ => json!({ "records": RECORDS.map(record), "createdRecords": RECORDS, "updatedRecords": [] }),
    }
}
