//! What a person sees when Pipedrive answers no, as files in `snapshots/`.
//!
//! A gateway before the local Pipedrive gives the answers that the vendor documents.

use serde_json::{Value as Json, json};

use super::{
    answers::{Scene, reading, writing},
    pages::check_all,
};

const COMPANY: &str = "{ type: pipedrive, token: \"${PIPEDRIVE_TOKEN}\", base_url: \"${PIPEDRIVE_URL}\" }";
const APP: &str = "{ type: pipedrive, client_id: app, client_secret: \"${PIPEDRIVE_TOKEN}\", refresh_token: \"${PIPEDRIVE_TOKEN}\", \
                   base_url: \"${PIPEDRIVE_URL}\" }";
const OWNED: &str = "{ type: pipedrive, token: \"${PIPEDRIVE_TOKEN}\", base_url: \"${PIPEDRIVE_URL}\", default_owner: nobody@ferry.example }";

/// An error body of Pipedrive's.
fn refused(error: &str, code: Option<&str>) -> Json {
    let mut body = json!({ "success": false, "error": error, "error_info": "Please check developers.pipedrive.com", "data": null });
    if let Some(code) = code {
        body["code"] = json!(code);
    }
    body
}

#[test]
fn refusals_of_pipedrive() {
    let scene = Scene::new("pipedrive");
    reading(&scene, "persons", COMPANY, "persons", "name: name");
    reading(&scene, "app", APP, "persons", "name: name");
    reading(&scene, "contacts", COMPANY, "contacts", "name: name");
    writing(&scene, "insert", COMPANY, "persons", "write: insert, mappings: { name: first }");
    writing(&scene, "owned", OWNED, "persons", "write: insert, mappings: { name: first, owner_id: email }");
    let unauthorized = refused("unauthorized access", None);
    let scope = refused("Scope and URL mismatch", None);
    let capped = refused("Deals limit reached", Some("feature_capping_deals_limit"));
    let spent = refused("request over limit", None);
    let ended = json!({ "success": false, "error": "invalid_grant", "message": "Refresh token is invalid" });
    let (check, run) = (["check", "persons.yaml"], ["run", "insert.yaml"]);
    let pages = scene.play(&[
        ("the token is refused", &[("GET /api/", 401, unauthorized)], &check),
        ("the login lacks a right", &[("GET /api/", 403, scope)], &check),
        (
            "the company's account is not open",
            &[("GET /api/", 402, refused("Company account is not open", None))],
            &check,
        ),
        ("a feature is switched off", &[("POST /api/", 415, refused("Feature not enabled", None))], &run),
        ("the plan allows no more", &[("POST /api/", 403, capped)], &run),
        ("the request is over the limit all day", &[("POST /api/", 429, spent)], &run),
        ("the login has ended", &[("POST /oauth/token", 400, ended)], &["check", "app.yaml"]),
        ("there is no such object", &[], &["check", "contacts.yaml"]),
        ("the default owner is no user", &[], &["run", "owned.yaml"]),
    ]);
    check_all(&scene.desk, "refusals_of_pipedrive", &pages);
}
