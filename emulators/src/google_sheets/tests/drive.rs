//! Drive's side.

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{BOOK, Local};

async fn version(local: &Local) -> u64 {
    let path = format!("/drive/v3/files/{BOOK}?fields=version,modifiedTime");
    let (status, answer) = local.send("t", Method::GET, &path, None).await;
    assert_eq!(status, 200);
    assert_eq!(answer.as_object().unwrap().len(), 2);
    answer["version"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_version_grows_with_every_change_and_with_nothing_else() {
    let local = Local::start().await;
    let first = version(&local).await;
    local.get("").await;
    local.get("/values/A1").await;
    assert_eq!(version(&local).await, first);
    local.put("A1", "RAW", json!([["a"]])).await;
    local.change(json!({ "addSheet": {} })).await;
    local.person(json!({ "spreadsheet": BOOK, "action": "clear", "range": "A1" })).await;
    assert_eq!(version(&local).await, first + 3);
    local.refused(Method::PUT, "/values/A9999?valueInputOption=RAW", json!({ "values": [["a"]] })).await;
    assert_eq!(version(&local).await, first + 3);
}

#[tokio::test]
async fn files_are_found_made_shared_and_deleted() {
    let local = Local::start().await;
    let body = json!({ "name": "It's mine", "mimeType": "application/vnd.google-apps.spreadsheet" });
    let (status, made) = local.send("me@x.example", Method::POST, "/drive/v3/files", Some(body)).await;
    assert_eq!((status, &made["name"]), (200, &json!("It's mine")));
    let id = made["id"].as_str().unwrap();
    let found = |token: &'static str| {
        let path = "/drive/v3/files?q=name%20%3D%20%27It%5C%27s%20mine%27%20and%20trashed%3Dfalse";
        let answer = local.send(token, Method::GET, path, None);
        async { answer.await.1["files"].as_array().map(Vec::len) }
    };
    assert_eq!(found("me@x.example").await, Some(1));
    assert_eq!(found("you@x.example").await, Some(0));
    assert_eq!(local.send("you@x.example", Method::GET, &format!("/drive/v3/files/{id}"), None).await.0, 404);
    let share = json!({ "type": "user", "role": "writer", "emailAddress": "you@x.example" });
    let path = format!("/drive/v3/files/{id}/permissions");
    assert_eq!(local.send("me@x.example", Method::POST, &path, Some(share)).await.1["role"], "writer");
    assert_eq!(found("you@x.example").await, Some(1));
    let gone: (u16, Json) = local.send("me@x.example", Method::DELETE, &format!("/drive/v3/files/{id}"), None).await;
    assert_eq!(gone.0, 204);
    assert_eq!(found("me@x.example").await, Some(0));
    assert_eq!(local.send("me@x.example", Method::GET, &format!("/v4/spreadsheets/{id}"), None).await.0, 404);
}
