//! Bases, tables and fields.

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{BASE, Local};

impl Local {
    async fn meta(&self, method: Method, path: &str, body: Json) -> (u16, Json) {
        let path = format!("/v0/meta/bases/{BASE}/tables{path}");
        self.ask_as("pat", method, &path, Some(body)).await
    }

    async fn tables(&self) -> Json {
        self.meta(Method::GET, "", json!({})).await.1["tables"].clone()
    }
}

#[tokio::test]
async fn a_base_is_made_with_its_tables_and_listed() {
    let local = Local::start().await;
    let fields = json!([{ "name": "Name", "type": "singleLineText" }]);
    let body = json!({ "name": "Sales", "workspaceId": "wsp1", "tables": [{ "name": "T", "fields": fields }] });
    let (status, made) = local.ask_as("pat", Method::POST, "/v0/meta/bases", Some(body)).await;
    assert_eq!((status, &made["tables"][0]["name"]), (200, &json!("T")));
    let (_, listed) = local.ask_as("pat", Method::GET, "/v0/meta/bases", None).await;
    let base = json!({ "id": made["id"], "name": "Sales", "permissionLevel": "create" });
    assert_eq!(listed, json!({ "bases": [base] }));
}

#[tokio::test]
async fn a_table_is_described_with_its_primary_field_and_its_view() {
    let local = Local::start().await;
    local.people().await;
    let tables = local.tables().await;
    let table = &tables[0];
    assert_eq!(table["primaryFieldId"], table["fields"][0]["id"]);
    assert_eq!(table["fields"][0]["type"], "singleLineText");
    assert_eq!(table["fields"][0].get("options"), None);
    assert_eq!(table["fields"][6]["options"]["dateFormat"], json!({ "name": "iso", "format": "YYYY-MM-DD" }));
    assert_eq!(table["views"][0]["type"], "grid");
    assert_eq!(table["views"][0].get("visibleFieldIds"), None);
    for query in ["?include[]=visibleFieldIds", "?include=visibleFieldIds"] {
        let (_, answer) = local.meta(Method::GET, query, json!({})).await;
        assert_eq!(answer["tables"][0]["views"][0]["visibleFieldIds"].as_array().unwrap().len(), 8, "{query}");
    }
}

#[tokio::test]
async fn names_are_unique_without_regard_to_case() {
    let local = Local::start().await;
    local.people().await;
    let fields = json!([{ "name": "Name", "type": "singleLineText" }]);
    let (status, answer) = local.meta(Method::POST, "", json!({ "name": "PEOPLE", "fields": fields })).await;
    assert_eq!((status, &answer["error"]["type"]), (422, &json!("DUPLICATE_TABLE_NAME")));
    let table = local.tables().await[0]["id"].as_str().unwrap().to_owned();
    for name in ["EMAIL", ""] {
        let body = json!({ "name": name, "type": "email" });
        let (status, answer) = local.meta(Method::POST, &format!("/{table}/fields"), body).await;
        assert_eq!((status, &answer["error"]["type"]), (422, &json!("DUPLICATE_OR_EMPTY_FIELD_NAME")), "{name}");
    }
}

#[tokio::test]
async fn computed_fields_cannot_be_created() {
    let local = Local::start().await;
    local.people().await;
    let table = local.tables().await[0]["id"].as_str().unwrap().to_owned();
    let computed = ["formula", "rollup", "multipleLookupValues", "count", "autoNumber", "createdBy", "lastModifiedBy"];
    let others = ["lastModifiedTime", "createdTime", "button", "aiText", "externalSyncSource"];
    for kind in computed.iter().chain(&others) {
        let (status, answer) =
            local.meta(Method::POST, &format!("/{table}/fields"), json!({ "name": "X", "type": kind })).await;
        assert_eq!((status, &answer["error"]["type"]), (422, &json!("UNSUPPORTED_FIELD_TYPE_FOR_CREATE")), "{kind}");
    }
    let (status, answer) =
        local.meta(Method::POST, &format!("/{table}/fields"), json!({ "name": "X", "type": "longText" })).await;
    assert_eq!((status, &answer["error"]["type"]), (422, &json!("INVALID_REQUEST_UNKNOWN")));
}

#[tokio::test]
async fn options_are_checked() {
    let local = Local::start().await;
    local.people().await;
    let table = local.tables().await[0]["id"].as_str().unwrap().to_owned();
    for (kind, options) in [
        ("number", json!(null)),
        ("number", json!({ "precision": 9 })),
        ("currency", json!({ "precision": 8, "symbol": "$" })),
        ("rating", json!({ "icon": "star", "max": 11, "color": "yellowBright" })),
        ("checkbox", json!({ "icon": "check" })),
        ("date", json!({ "dateFormat": { "name": "unheard" } })),
        ("dateTime", json!({ "dateFormat": { "name": "iso" }, "timeZone": "utc" })),
        ("dateTime", json!({ "dateFormat": { "name": "iso" }, "timeFormat": { "name": "24hour" }, "timeZone": "UTC" })),
        ("singleSelect", json!({ "choices": [{ "name": "a" }, { "name": "a" }] })),
        ("singleLineText", json!({ "precision": 1 })),
        ("multipleRecordLinks", json!({ "linkedTableId": "tblUnknown" })),
        ("multipleRecordLinks", json!({ "linkedTableId": table, "prefersSingleRecordLink": true })),
    ] {
        let body = json!({ "name": "X", "type": kind, "options": options });
        let (status, answer) = local.meta(Method::POST, &format!("/{table}/fields"), body).await;
        let refused = (422, &json!("INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE"));
        assert_eq!((status, &answer["error"]["type"]), refused, "{kind} {options}");
    }
}

#[tokio::test]
async fn a_table_with_one_refused_field_is_not_made() {
    let local = Local::start().await;
    let good = json!({ "name": "Name", "type": "singleLineText" });
    for bad in [json!({ "name": "N", "type": "number" }), json!({ "name": "name", "type": "email" })] {
        let (status, _) = local.meta(Method::POST, "", json!({ "name": "T", "fields": [good, bad] })).await;
        assert_eq!(status, 422);
    }
    let (status, _) = local.meta(Method::POST, "", json!({ "name": "T", "fields": [] })).await;
    assert_eq!(status, 422);
    let primary = json!({ "name": "Files", "type": "multipleAttachments" });
    assert_eq!(local.meta(Method::POST, "", json!({ "name": "T", "fields": [primary] })).await.0, 422);
    assert_eq!(local.tables().await, json!([]));
}

#[tokio::test]
async fn only_names_and_descriptions_can_be_changed() {
    let local = Local::start().await;
    local.people().await;
    let tables = local.tables().await;
    let (table, field) = (tables[0]["id"].as_str().unwrap(), tables[0]["fields"][1]["id"].as_str().unwrap());
    let body = json!({ "name": "Mail", "description": "Where to write" });
    let (_, changed) = local.meta(Method::PATCH, &format!("/{table}/fields/{field}"), body).await;
    assert_eq!(changed, json!({ "id": field, "type": "email", "name": "Mail", "description": "Where to write" }));
    let body = json!({ "options": { "choices": [] } });
    assert_eq!(local.meta(Method::PATCH, &format!("/{table}/fields/{field}"), body).await.0, 422);
    let body = json!({ "description": "x".repeat(20_001) });
    assert_eq!(local.meta(Method::PATCH, &format!("/{table}/fields/{field}"), body).await.0, 422);
    let (_, changed) = local.meta(Method::PATCH, "/People", json!({ "name": "Persons" })).await;
    assert_eq!((&changed["id"], &changed["name"]), (&json!(table), &json!("Persons")));
    local.get("/Persons").await;
}
