//! What a person sees when Google answers no, or when a spreadsheet is not what a pipeline says, as files in `snapshots/`.
//!
//! A gateway before the local sheet gives the answers that Google documents.

use serde_json::{Value as Json, json};

use super::{
    answers::{Scene, reading, writing},
    pages::check_all,
};

const SHEET: &str = "{ type: google_sheets, spreadsheet_id: 1FerryDemoSpreadsheet, credentials: \"${GOOGLE_CREDENTIALS}\", \
                     base_url: \"${GOOGLE_SHEETS_URL}\" }";

/// The same spreadsheet, with another login or with further options.
fn sheet(options: &str) -> String {
    let sheet = "{ type: google_sheets, spreadsheet_id: 1FerryDemoSpreadsheet, base_url: \"${GOOGLE_SHEETS_URL}\"";
    format!("{sheet}, {options} }}")
}

fn service_with(options: &str) -> String {
    sheet(&format!("credentials: \"${{GOOGLE_CREDENTIALS}}\", {options}"))
}

const PERSON: &str = "client_id: app, client_secret: \"${HUBSPOT_TOKEN}\", refresh_token: \"${HUBSPOT_TOKEN}\"";

/// An error body of Google's.
fn refused(code: u16, status: &str, message: &str, details: &Json) -> Json {
    let mut body = json!({ "error": { "code": code, "message": message, "status": status } });
    if !details.is_null() {
        body["error"]["details"] =
            json!([{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "domain": "googleapis.com" }]);
        for (name, value) in details.as_object().unwrap() {
            body["error"]["details"][0][name] = value.clone();
        }
    }
    body
}

#[test]
fn refusals_of_google() {
    let mut scene = Scene::new("google_sheets");
    scene.desk.set("HUBSPOT_TOKEN", "a-token");
    reading(&scene, "regions", SHEET, "Regions", "country: Country");
    reading(&scene, "person", &sheet(PERSON), "Regions", "country: Country");
    reading(&scene, "token", &sheet("access_token: \"${HUBSPOT_TOKEN}\""), "Regions", "country: Country");
    writing(&scene, "insert", SHEET, "Regions", "write: insert, mappings: { Country: email }");
    let denied = refused(403, "PERMISSION_DENIED", "The caller does not have permission", &Json::Null);
    let scope = refused(
        403,
        "PERMISSION_DENIED",
        "Request had insufficient authentication scopes.",
        &json!({ "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT" }),
    );
    let address = "https://console.developers.google.com/apis/api/sheets.googleapis.com/overview?project=123";
    let disabled = refused(
        403,
        "PERMISSION_DENIED",
        "Google Sheets API has not been used in project 123 before or it is disabled.",
        &json!({ "reason": "SERVICE_DISABLED", "metadata": { "activationUrl": address } }),
    );
    let missing = refused(404, "NOT_FOUND", "Requested entity was not found.", &Json::Null);
    let excel = refused(400, "FAILED_PRECONDITION", "This operation is not supported for this document", &Json::Null);
    let renamed = refused(400, "INVALID_ARGUMENT", "Unable to parse range: 'Regions'!A1:B41", &Json::Null);
    let ended = refused(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", &Json::Null);
    let (check, run) = (["check", "regions.yaml"], ["run", "regions.yaml"]);
    let pages = scene.play(&[
        ("the spreadsheet is not shared", &[("GET /v4/", 403, denied.clone())], &check),
        (
            "the spreadsheet is not shared with the person",
            &[("GET /v4/", 403, denied.clone())],
            &["check", "person.yaml"],
        ),
        ("the range is protected", &[("POST /v4/", 403, denied)], &["run", "insert.yaml"]),
        ("the API is not enabled", &[("GET /v4/", 403, disabled)], &check),
        ("the login lacks the scope", &[("GET /v4/", 403, scope)], &["check", "person.yaml"]),
        ("the spreadsheet is unknown", &[("GET /v4/", 404, missing)], &check),
        ("the file is an Excel file", &[("GET /v4/", 400, excel)], &check),
        ("the tab was renamed meanwhile", &[("values:batchGet", 400, renamed)], &run),
        ("the access token has ended", &[("GET /v4/", 401, ended)], &["check", "token.yaml"]),
    ]);
    check_all(&scene.desk, "refusals_of_google", &pages);
}

#[test]
fn logins_that_google_refuses() {
    let mut scene = Scene::new("google_sheets");
    scene.desk.set("HUBSPOT_TOKEN", "a-token");
    reading(&scene, "regions", SHEET, "Regions", "country: Country");
    reading(&scene, "person", &sheet(PERSON), "Regions", "country: Country");
    let refused = |error: &str, description: &str| {
        [("POST /token", 400, json!({ "error": error, "error_description": description }))]
    };
    let (service, person) = (["check", "regions.yaml"], ["check", "person.yaml"]);
    let short = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.";
    let pages = scene.play(&[
        ("the clock is wrong", &refused("invalid_grant", short), &service),
        ("the key was deleted", &refused("invalid_grant", "Invalid JWT Signature."), &service),
        ("the login has ended", &refused("invalid_grant", "Token has been expired or revoked."), &person),
        ("the app is unknown", &refused("invalid_client", "The OAuth client was not found."), &person),
    ]);
    check_all(&scene.desk, "logins_that_google_refuses", &pages);
}

/// What the local sheet answers of its tabs, with something else in it.
fn structure(time_zone: &str, sheets: &Json) -> (&'static str, u16, Json) {
    let properties = json!({ "title": "Sales", "timeZone": time_zone });
    let spreadsheet = json!({ "spreadsheetId": "1FerryDemoSpreadsheet", "properties": properties, "sheets": sheets });
    ("GET /v4/spreadsheets/…namedRanges", 200, spreadsheet)
}

fn tab(id: i64, title: &str, rows: u64) -> Json {
    let grid = json!({ "rowCount": rows, "columnCount": 26 });
    json!({ "properties": { "sheetId": id, "title": title, "sheetType": "GRID", "gridProperties": grid } })
}

#[test]
fn tabs_that_cannot_be_read() {
    let scene = Scene::new("google_sheets");
    reading(&scene, "regions", SHEET, "Regions", "country: Country");
    reading(&scene, "links", SHEET, "Regions", "country: Country, leads: _links.Leads");
    reading(&scene, "tab", SHEET, "Visitors", "country: Country");
    reading(&scene, "near", SHEET, "Region", "country: Country");
    reading(&scene, "column", SHEET, "Regions", "country: Countri");
    reading(&scene, "leads", SHEET, "Leads", "email: Email");
    reading(&scene, "below", &service_with("header_row: 5000"), "Leads", "email: Email");
    reading(&scene, "empty", &service_with("header_row: 900"), "Regions", "country: Country");
    let other = json!({ "spreadsheetId": "1FerryDemoSpreadsheet", "valueRanges": [
        { "range": "Regions!A1:Z1000", "majorDimension": "ROWS", "values": [["Land", "Representative"], ["Germany", "Ines"]] },
    ] });
    let chart = json!([{ "properties": { "sheetId": 7, "title": "Regions", "sheetType": "OBJECT" } }]);
    let describe = ["describe", "crm", "Leads", "--file", "leads.yaml"];
    let pages = scene.play(&[
        ("the tab is unknown", &[], &["run", "tab.yaml"]),
        ("the tab is nearly known", &[], &["run", "near.yaml"]),
        ("the column is unknown", &[], &["run", "column.yaml"]),
        ("a sheet has no links", &[], &["run", "links.yaml"]),
        ("the header is in another row", &[], &describe),
        ("the header is beyond the tab", &[], &["run", "below.yaml"]),
        ("the header is empty", &[], &["run", "empty.yaml"]),
        ("the tab is a chart", &[structure("Europe/Berlin", &chart)], &["run", "regions.yaml"]),
        (
            "the time zone is unknown",
            &[structure("Europe/Nowhere", &json!([tab(0, "Regions", 1_000)]))],
            &["run", "regions.yaml"],
        ),
        ("the sheet changes each time", &[("values:batchGet", 200, other)], &["run", "regions.yaml"]),
    ]);
    check_all(&scene.desk, "tabs_that_cannot_be_read", &pages);
}

#[test]
fn tabs_that_cannot_be_written() {
    let scene = Scene::new("google_sheets");
    let mappings = "mappings: { Country: email, Representative: last }";
    writing(&scene, "insert", SHEET, "Regions", &format!("write: insert, {mappings}"));
    writing(&scene, "range", SHEET, "Regions!A1:B3", &format!("write: replace, {mappings}"));
    writing(&scene, "replace", SHEET, "Regions", &format!("write: replace, {mappings}"));
    let full = structure("Europe/Berlin", &json!([tab(0, "Regions", 1_000), tab(1, "Old", 384_615)]));
    let mut pages = scene.play(&[
        ("the range is too small", &[], &["run", "range.yaml"]),
        ("the spreadsheet is full", &[full], &["run", "insert.yaml"]),
    ]);
    let verify = ["run", "insert.yaml", "--verify"];
    pages.extend(scene.play(&[("rows are added", &[], &["run", "insert.yaml"])]));
    pages.push(scene.play_on(&("rows without a key cannot be looked at", &[], &verify)));
    let long = "x".repeat(49_000);
    let people: Vec<String> = (0..440).map(|person| format!("{person},{person}@example.org,First,{long}")).collect();
    scene.desk.write("people.csv", &format!("id,email,first,last\n{}\n", people.join("\n")));
    pages.extend(scene.play(&[("the tab is too large for one call", &[], &["run", "replace.yaml"])]));
    check_all(&scene.desk, "tabs_that_cannot_be_written", &pages);
}
