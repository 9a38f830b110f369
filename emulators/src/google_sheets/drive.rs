//! Drive's side of a spreadsheet: the file with its version, who it is shared with, and the files there are.

use axum::http::StatusCode;
use serde_json::{Map, Value as Json, json};

use super::{
    account::Account,
    auth::{Access, Caller},
    errors::{Answer, ApiError},
    mask::Mask,
    quota::Kind,
    request::Call,
    spreadsheet::{Role, Spreadsheet},
};

/// The type of a spreadsheet's file.
const MIME: &str = "application/vnd.google-apps.spreadsheet";

/// Files of a page that names no size.
const PAGE: usize = 100;

/// Answers Drive's API, as far as it is about spreadsheets.
pub(super) fn answer(account: &mut Account, call: &Call, path: &[&str], caller: &Caller) -> Answer {
    let is_read = call.method == axum::http::Method::GET;
    if !caller.may(if is_read { Access::ReadDrive } else { Access::WriteDrive }) {
        let message = "Request had insufficient authentication scopes.";
        return Err(ApiError::drive(StatusCode::FORBIDDEN, "insufficientPermissions", message));
    }
    match (call.method.as_str(), path) {
        ("GET", ["about"]) => {
            let user =
                json!({ "kind": "drive#user", "displayName": caller.user, "me": true, "emailAddress": caller.user });
            Ok(masked(call, json!({ "kind": "drive#about", "user": user }), None))
        }
        ("GET", ["files"]) => Ok(list(account, call, caller)),
        ("POST", ["files"]) => create(account, call, caller),
        ("GET", ["files", id]) => {
            let book = account.drive_file(id, caller, Kind::Read)?;
            Ok(masked(call, file(book, caller), Some(FILE)))
        }
        ("PATCH", ["files", id]) => update(account, call, (id, caller)),
        ("DELETE", ["files", id]) => {
            account.drive_file(id, caller, Kind::Write)?;
            account.books.shift_remove(*id);
            account.deleted.insert((*id).to_owned());
            Ok(Json::Null)
        }
        ("POST", ["files", id, "copy"]) => copy(account, call, (id, caller)),
        (_, ["files", id, "permissions", rest @ ..]) => {
            let kind = if is_read { Kind::Read } else { Kind::Write };
            let book = account.drive_file(id, caller, kind)?;
            permissions(book, call, rest)
        }
        _ => Err(ApiError::drive(StatusCode::NOT_FOUND, "notFound", "Not Found")),
    }
}

/// What a file has where no `fields` are named.
const FILE: &str = "kind,id,name,mimeType";

/// Leaves what `fields` name; without it, what is shown at first.
fn masked(call: &Call, answer: Json, first: Option<&str>) -> Json {
    match call.get("fields").or(first).filter(|fields| *fields != "*").map(Mask::parse) {
        Some(Ok(mask)) => mask.keep(answer),
        Some(Err(_)) | None => answer,
    }
}

fn file(book: &Spreadsheet, caller: &Caller) -> Json {
    let role = book.role_of(&caller.user).unwrap_or(Role::Reader);
    let time = |moment: chrono::DateTime<chrono::Utc>| moment.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    json!({
        "kind": "drive#file",
        "id": book.id,
        "name": book.property("title"),
        "mimeType": MIME,
        "starred": false,
        "trashed": book.is_trashed,
        "explicitlyTrashed": book.is_trashed,
        "parents": ["0AFerryMyDrive0000PVA"],
        "spaces": ["drive"],
        "version": book.version.to_string(),
        "webViewLink": format!("https://docs.google.com/spreadsheets/d/{}/edit", book.id),
        "createdTime": time(book.created),
        "modifiedTime": time(book.modified),
        "shared": book.roles.len() > 1,
        "ownedByMe": role == Role::Owner,
        "capabilities": { "canEdit": role >= Role::Writer, "canShare": role >= Role::Writer, "canTrash": role == Role::Owner },
        "permissions": shown(book),
    })
}

/// Lists files. Of the query language, `name = '…'`, `name contains '…'`, `mimeType = '…'` and `trashed = …` count.
fn list(account: &Account, call: &Call, caller: &Caller) -> Json {
    let query = call.get("q").unwrap_or_default();
    let wanted = |field: &str, operator: &str| {
        quoted(query, &format!("{field} {operator} '"))
            .or_else(|| quoted(query, &format!("{field}{operator}'")))
            .or_else(|| quoted(query, &format!("{field} {operator} \"")))
            .or_else(|| quoted(query, &format!("{field}{operator}\"")))
    };
    let (name, part) = (wanted("name", "="), wanted("name", "contains"));
    let is_other = wanted("mimeType", "=").is_some_and(|mime| mime != MIME);
    let is_trashed = query.replace(' ', "").contains("trashed=true");
    let fits = |book: &&Spreadsheet| {
        let title = book.property("title");
        !is_other
            && book.role_of(&caller.user).is_some()
            && name.as_ref().is_none_or(|name| title == name)
            && part.as_ref().is_none_or(|part| title.to_lowercase().contains(&part.to_lowercase()))
            && book.is_trashed == is_trashed
    };
    let found: Vec<&Spreadsheet> = account.books.values().filter(fits).collect();
    let size = call.get("pageSize").and_then(|size| size.parse().ok()).unwrap_or(PAGE).clamp(1, 1000);
    let start: usize = call.get("pageToken").and_then(|token| token.strip_prefix('p')?.parse().ok()).unwrap_or(0);
    let files: Vec<Json> = found.iter().skip(start).take(size).map(|book| file(book, caller)).collect();
    let mut answer = json!({ "kind": "drive#fileList", "incompleteSearch": false, "files": files });
    if start + size < found.len() {
        answer["nextPageToken"] = Json::from(format!("p{}", start + size));
    }
    masked(call, answer, Some("kind,incompleteSearch,nextPageToken,files(kind,id,name,mimeType)"))
}

/// Returns the text behind a part of a query, up to its closing quote.
fn quoted(query: &str, before: &str) -> Option<String> {
    let (_, rest) = query.split_once(before)?;
    let mark = before.chars().last()?;
    let mut text = String::new();
    let mut letters = rest.chars();
    while let Some(letter) = letters.next().filter(|letter| *letter != mark) {
        text.push(if letter == '\\' { letters.next()? } else { letter });
    }
    Some(text)
}

fn fields(call: &Call) -> Result<Map<String, Json>, ApiError> {
    Ok(call.json()?.as_object().cloned().unwrap_or_default())
}

/// Refuses a file that a service account would own.
fn check_owner(caller: &Caller, body: &Map<String, Json>) -> Result<(), ApiError> {
    let has_parent = body.get("parents").and_then(Json::as_array).is_some_and(|parents| !parents.is_empty());
    if caller.is_service_account && !has_parent {
        let message = "The user's Drive storage quota has been exceeded.";
        return Err(ApiError::drive(StatusCode::FORBIDDEN, "storageQuotaExceeded", message));
    }
    Ok(())
}

fn create(account: &mut Account, call: &Call, caller: &Caller) -> Answer {
    let body = fields(call)?;
    check_owner(caller, &body)?;
    if body.get("mimeType").and_then(Json::as_str) != Some(MIME) {
        let message = "The local Drive makes spreadsheets only.";
        return Err(ApiError::drive(StatusCode::BAD_REQUEST, "invalid", message));
    }
    let name = body.get("name").and_then(Json::as_str).unwrap_or("Untitled");
    let id = account.free_file_id();
    let book = Spreadsheet::new(&id, name, account.clock.now()).with_first_tab().owned_by(&caller.user);
    let answer = masked(call, file(&book, caller), Some(FILE));
    account.books.insert(id, book);
    Ok(answer)
}

fn update(account: &mut Account, call: &Call, (id, caller): (&str, &Caller)) -> Answer {
    let body = fields(call)?;
    let now = account.clock.now();
    let book = account.drive_file(id, caller, Kind::Write)?;
    if let Some(name) = body.get("name").and_then(Json::as_str) {
        book.properties.insert("title".to_owned(), Json::from(name));
    }
    if let Some(is_trashed) = body.get("trashed").and_then(Json::as_bool) {
        book.is_trashed = is_trashed;
    }
    book.touch(now);
    Ok(masked(call, file(book, caller), Some(FILE)))
}

fn copy(account: &mut Account, call: &Call, (id, caller): (&str, &Caller)) -> Answer {
    let body = fields(call)?;
    check_owner(caller, &body)?;
    let now = account.clock.now();
    let new = account.free_file_id();
    let source = account.drive_file(id, caller, Kind::Read)?;
    let mut book = source.clone();
    let title = format!("Copy of {}", source.property("title"));
    let title = body.get("name").and_then(Json::as_str).unwrap_or(&title).to_owned();
    book.properties.insert("title".to_owned(), Json::from(title));
    new.clone_into(&mut book.id);
    (book.version, book.created, book.modified) = (1, now, now);
    book.roles.clear();
    let book = book.owned_by(&caller.user);
    let answer = masked(call, file(&book, caller), Some(FILE));
    account.books.insert(new, book);
    Ok(answer)
}

fn shown(book: &Spreadsheet) -> Json {
    let one = |(user, role): &(String, Role)| {
        let (kind, id) =
            if user == "anyone" { ("anyone", "anyoneWithLink".to_owned()) } else { ("user", permission_id(user)) };
        let role = match role {
            Role::Reader => "reader",
            Role::Writer => "writer",
            Role::Owner => "owner",
        };
        let mut shown = json!({ "kind": "drive#permission", "id": id, "type": kind, "role": role });
        if kind == "user" {
            shown["emailAddress"] = Json::from(user.clone());
            shown["displayName"] = Json::from(user.split('@').next().unwrap_or_default());
        }
        shown
    };
    book.roles.iter().map(one).collect()
}

fn permission_id(user: &str) -> String {
    format!("{:020}", xxhash_rust::xxh3::xxh3_64(user.as_bytes()))
}

fn permissions(book: &mut Spreadsheet, call: &Call, path: &[&str]) -> Answer {
    let first = "kind,id,type,role";
    match (call.method.as_str(), path) {
        ("GET", []) => {
            let answer = json!({ "kind": "drive#permissionList", "permissions": shown(book) });
            Ok(masked(call, answer, Some("kind,permissions(kind,id,type,role)")))
        }
        ("POST", []) => {
            let body = fields(call)?;
            let text = |name: &str| body.get(name).and_then(Json::as_str).unwrap_or_default();
            let user = if text("type") == "anyone" { "anyone" } else { text("emailAddress") };
            let role = match text("role") {
                "owner" => Role::Owner,
                "writer" => Role::Writer,
                "reader" | "commenter" => Role::Reader,
                _ => {
                    return Err(ApiError::drive(
                        StatusCode::BAD_REQUEST,
                        "required",
                        "The permission role field is required.",
                    ));
                }
            };
            if user.is_empty() {
                let message = "The permission type field is required.";
                return Err(ApiError::drive(StatusCode::BAD_REQUEST, "required", message));
            }
            book.roles.retain(|(known, _)| !known.eq_ignore_ascii_case(user));
            book.roles.push((user.to_owned(), role));
            let made = shown(book).as_array_mut().and_then(Vec::pop).unwrap_or_default();
            Ok(masked(call, made, Some(first)))
        }
        ("DELETE" | "PATCH" | "GET", [id]) => {
            let is_it = |user: &str| permission_id(user) == *id || user == "anyone" && *id == "anyoneWithLink";
            let found = book.roles.iter().position(|(user, _)| is_it(user));
            let message = format!("Permission not found: {id}.");
            let found = found.ok_or_else(|| ApiError::drive(StatusCode::NOT_FOUND, "notFound", &message))?;
            if call.method == axum::http::Method::DELETE {
                book.roles.remove(found);
                return Ok(Json::Null);
            }
            match fields(call)?.get("role").and_then(Json::as_str) {
                Some("writer") => book.roles[found].1 = Role::Writer,
                Some("reader") => book.roles[found].1 = Role::Reader,
                _ => {}
            }
            Ok(masked(call, shown(book)[found].clone(), Some(first)))
        }
        _ => Err(ApiError::drive(StatusCode::NOT_FOUND, "notFound", "Not Found")),
    }
}
