//! What a person sees when a CRM answers no: for each answer the page that Ferry makes of it, as files in `snapshots/`.
//!
//! A gateway before the local CRM gives the answer, in the form that the vendor documents.

use std::fs;

use serde_json::{Value as Json, json};

use super::{
    pages::check_all,
    people::{BACK, PEOPLE, many_people, put_people},
    support::{Crms, Desk, Gateway, Ran, repository},
};

/// A case: its title, what the vendor answers, and what is typed.
pub(crate) type Case<'a> = (&'static str, &'a [(&'a str, u16, Json)], &'a [&'a str]);

/// A desk whose vendor is behind a gateway.
pub(crate) struct Scene {
    pub(crate) desk: Desk,
    gateway: Gateway,
    _crms: Crms,
}

impl Scene {
    pub(crate) fn new(vendor: &str) -> Self {
        let crms = Crms::start(&[vendor], Some(&repository("fixtures")), &["--no-limits"]);
        let gateway = Gateway::before(&crms, vendor);
        let mut desk = Desk::new(&crms);
        desk.set(&format!("{}_URL", vendor.to_uppercase()), gateway.url());
        desk.write("people.csv", PEOPLE);
        Self { desk, gateway, _crms: crms }
    }

    pub(crate) fn play(&self, cases: &[Case<'_>]) -> Vec<(&'static str, Ran)> {
        let mut pages = Vec::new();
        for case in cases {
            // Each case is the first run of its pipeline.
            for file in ["state.db", "state.db-wal", "state.db-shm"] {
                let _ = fs::remove_file(self.desk.path(file));
            }
            pages.push(self.play_on(case));
        }
        pages
    }

    /// Shows a case that comes after what was run before.
    pub(crate) fn play_on(&self, (title, answers, words): &Case<'_>) -> (&'static str, Ran) {
        self.gateway.says(answers);
        (*title, self.desk.ferry(words.iter().chain(&["--quiet"])))
    }
}

/// Writes a pipeline that reads an object into a list.
pub(crate) fn reading(scene: &Scene, name: &str, connection: &str, object: &str, mappings: &str) {
    let text = format!(
        "version: 1\nname: {name}\nconnections:\n  crm: {connection}\n  files: {{ type: csv, path: out }}\nstreams:\n  - name: all\n    \
         source: {{ connection: crm, object: {object} }}\n    destinations:\n      - {{ connection: files, object: all, mappings: {{ {mappings} }} }}\n"
    );
    scene.desk.write(&format!("{name}.yaml"), &text);
}

/// Writes a pipeline that writes people into an object.
pub(crate) fn writing(scene: &Scene, name: &str, connection: &str, object: &str, rest: &str) {
    let text = format!(
        "version: 1\nname: {name}\nconnections:\n  files: {{ type: csv, path: ., id: {{ people: id }} }}\n  crm: {connection}\nstreams:\n  - name: people\n    \
         source: {{ connection: files, object: people }}\n    destinations:\n      - {{ connection: crm, object: {object}, {rest} }}\nundo: off\n"
    );
    scene.desk.write(&format!("{name}.yaml"), &text);
}

const HUBSPOT: &str = "{ type: hubspot, token: \"${HUBSPOT_TOKEN}\", base_url: \"${HUBSPOT_URL}\" }";
const HUBSPOT_APP: &str = "{ type: hubspot, client_id: app, client_secret: \"${HUBSPOT_TOKEN}\", refresh_token: \"${HUBSPOT_TOKEN}\", base_url: \"${HUBSPOT_URL}\" }";

#[test]
fn answers_of_hubspot() {
    let scene = Scene::new("hubspot");
    let owned = HUBSPOT.replace(" }", ", default_owner: nobody@example.org }");
    scene.desk.write("back.yaml", BACK);
    reading(&scene, "property", HUBSPOT, "contacts", "size: shoe_size");
    reading(&scene, "app", HUBSPOT_APP, "tickets", "subject: subject");
    writing(&scene, "owner", &owned, "contacts", "key: [email], mappings: { email: email, hubspot_owner_id: last }");
    writing(
        &scene,
        "key",
        HUBSPOT,
        "contacts",
        "write: update, key: [interests], mappings: { interests: { expr: \"CASE WHEN id = '1' THEN 'pricing' ELSE 'support' END\" }, lastname: last }",
    );
    let describe = ["describe", "crm", "contacts", "--file", "back.yaml"];
    let refused =
        |category: &str, message: &str| json!({ "status": "error", "category": category, "message": message });
    let scopes = json!([{ "message": "one is missing", "context": { "requiredGranularScopes": ["crm.objects.contacts.read"] } }]);
    let mut without_scope = refused("MISSING_SCOPES", "This app hasn't been granted all required scopes.");
    let unnamed = without_scope.clone();
    without_scope["errors"] = scopes;
    let spent = json!({ "status": "error", "errorType": "RATE_LIMIT", "policyName": "DAILY", "message": "You have reached your daily limit." });
    let not_served = json!({ "status": "error", "message": "resource not found", "correlationId": "c1" });
    reading(&scene, "broken", &HUBSPOT.replace("${HUBSPOT_TOKEN}", "pat-na1\\nx"), "contacts", "email: email");
    let pages = scene.play(&[
        (
            "the token is wrong",
            &[("/crm/", 401, refused("INVALID_AUTHENTICATION", "Authentication credentials not found."))],
            &describe,
        ),
        (
            "the token has ended",
            &[("/crm/", 401, refused("EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired."))],
            &describe,
        ),
        ("a scope is missing", &[("/crm/", 403, without_scope)], &describe),
        ("a scope is missing that is not named", &[("/crm/", 403, unnamed)], &describe),
        ("the day's calls are used up", &[("/crm/", 429, spent)], &["run", "back.yaml"]),
        (
            "the account is being moved",
            &[("/crm/", 477, refused("MIGRATION", "the account is being moved"))],
            &describe,
        ),
        ("somebody else answers", &[("/crm/", 403, json!({ "message": "Forbidden" }))], &describe),
        ("the path is not served", &[("/crm/properties/", 404, not_served)], &describe),
        ("the token holds a line break", &[], &["describe", "crm", "contacts", "--file", "broken.yaml"]),
        ("the object is unknown", &[], &["describe", "crm", "persons", "--file", "back.yaml"]),
        ("the property is unknown", &[], &["run", "property.yaml"]),
        ("the default owner is unknown", &[], &["run", "owner.yaml"]),
        ("the key cannot be looked up", &[], &["run", "key.yaml"]),
        (
            "the app's login was taken back",
            &[("/token", 400, json!({ "status": "BAD_REFRESH_TOKEN", "error": "invalid_grant" }))],
            &["run", "app.yaml"],
        ),
        ("the app's login lacks a scope", &[], &["check", "app.yaml"]),
    ]);
    check_all(&scene.desk, "answers_of_hubspot", &pages);
}

#[test]
fn test_records_that_do_not_work_out() {
    let scene = Scene::new("hubspot");
    put_people(&scene.desk, PEOPLE, "");
    let refused = json!({ "status": "error", "category": "VALIDATION_ERROR", "message": "Property values were not valid: [{\"isValid\":false,\"message\":\"no\",\"error\":\"INVALID_OPTION\",\"name\":\"lastname\"}]" });
    let forbidden = json!({ "status": "error", "category": "MISSING_SCOPES", "message": "no" });
    let busy = json!({ "status": "error", "message": "no" });
    let check = ["check", "people.yaml", "--write"];
    let pages = scene.play(&[
        ("the account refuses the record", &[("POST /crm/…/contacts/batch/create", 400, refused)], &check),
        ("the record cannot be deleted", &[("POST /crm/…/contacts/batch/archive", 403, forbidden.clone())], &check),
        (
            "nobody knows whether it was created",
            &[("POST /crm/…/contacts/batch/create", 502, busy), ("POST /crm/…/contacts/batch/read", 403, forbidden)],
            &check,
        ),
    ]);
    check_all(&scene.desk, "test_records_that_do_not_work_out", &pages);
}

const AIRTABLE: &str =
    "{ type: airtable, token: \"${AIRTABLE_TOKEN}\", base_url: \"${AIRTABLE_URL}\", base_id: appFerryDemo00001 }";

#[test]
fn answers_of_airtable() {
    let scene = Scene::new("airtable");
    reading(&scene, "leads", AIRTABLE, "Leads", "name: Name");
    reading(&scene, "table", AIRTABLE, "Visitors", "name: Name");
    reading(&scene, "links", AIRTABLE, "Leads", "name: Name, accounts: _links.Accounts");
    writing(&scene, "people", AIRTABLE, "Contacts", "key: [Email], mappings: { Email: email, Name: last }");
    let describe = ["describe", "crm", "Leads", "--file", "leads.yaml"];
    let refused = |kind: &str| json!({ "error": { "type": kind, "message": "no" } });
    let spent = json!({ "errors": [{ "error": "PUBLIC_API_BILLING_LIMIT_EXCEEDED", "message": "API billing plan limit exceeded" }] });
    let twice = json!({ "tables": [
        { "id": "tblLeads000000001", "name": "Leads", "primaryFieldId": "fldName0000000001", "fields": [
            { "id": "fldName0000000001", "name": "Name", "type": "singleLineText" },
            { "id": "fldHome0000000001", "name": "Home", "type": "multipleRecordLinks", "options": { "linkedTableId": "tblAccounts000001" } },
            { "id": "fldWork0000000001", "name": "Work", "type": "multipleRecordLinks", "options": { "linkedTableId": "tblAccounts000001" } },
        ] },
        { "id": "tblAccounts000001", "name": "Accounts", "primaryFieldId": "fldName0000000002", "fields": [
            { "id": "fldName0000000002", "name": "Name", "type": "singleLineText" },
        ] },
    ] });
    let pages = scene.play(&[
        ("the token is wrong", &[("/v0/", 401, refused("AUTHENTICATION_REQUIRED"))], &describe),
        ("the base is out of reach", &[("/v0/", 403, refused("INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"))], &describe),
        ("the month's calls are used up", &[("/v0/", 429, spent)], &["run", "leads.yaml"]),
        ("the path is unknown", &[("GET /v0/…/tbl", 404, json!({ "error": "NOT_FOUND" }))], &["run", "leads.yaml"]),
        (
            "a field was renamed meanwhile",
            &[("GET /v0/app", 422, refused("UNKNOWN_FIELD_NAME"))],
            &["run", "leads.yaml"],
        ),
        ("the user may only read", &[("POST /v0/app", 403, refused("INVALID_PERMISSIONS"))], &["run", "people.yaml"]),
        ("the table is unknown", &[], &["run", "table.yaml"]),
        ("two fields link to the object", &[("/v0/meta/", 200, twice)], &["run", "links.yaml"]),
    ]);
    check_all(&scene.desk, "answers_of_airtable", &pages);
}

const SALESFORCE: &str =
    "{ type: salesforce, client_id: app, client_secret: \"${SALESFORCE_TOKEN}\", base_url: \"${SALESFORCE_URL}\" }";

/// The form of the errors of Salesforce's data API.
fn data_error(code: &str, message: &str) -> Json {
    json!([{ "errorCode": code, "message": message }])
}

#[test]
fn answers_of_salesforce() {
    let scene = Scene::new("salesforce");
    let session = "{ type: salesforce, access_token: \"${SALESFORCE_TOKEN}\", base_url: \"${SALESFORCE_URL}\" }";
    reading(&scene, "session", session, "Account", "name: Name");
    reading(&scene, "accounts", SALESFORCE, "Account", "name: Name");
    reading(&scene, "object", SALESFORCE, "Customer", "name: Name");
    reading(&scene, "field", SALESFORCE, "Account", "size: Shoe_Size__c");
    reading(&scene, "links", SALESFORCE, "Account", "leads: _links.Leads");
    let describe = ["describe", "crm", "Account", "--file", "accounts.yaml"];
    let run = ["run", "accounts.yaml"];
    let pages = scene.play(&[
        (
            "the session ended",
            &[("/services/data/v", 401, data_error("INVALID_SESSION_ID", "Session expired or invalid"))],
            &["run", "session.yaml"],
        ),
        (
            "the token is not for the API",
            &[(
                "/services/data/v",
                401,
                data_error("INVALID_SESSION_ID", "This session is not valid for use with the REST API"),
            )],
            &describe,
        ),
        (
            "the API is closed to the user",
            &[(
                "/services/data/v",
                403,
                data_error("API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization."),
            )],
            &describe,
        ),
        (
            "the day's calls are used up",
            &[("/services/data/v", 403, data_error("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."))],
            &run,
        ),
        (
            "a field went meanwhile",
            &[("/query", 400, data_error("INVALID_FIELD", "No such column 'Name' on entity 'Account'."))],
            &run,
        ),
        ("the version is no longer answered", &[("/query", 410, data_error("UNSUPPORTED_API_VERSION", "gone"))], &run),
        ("the object is unknown", &[], &["run", "object.yaml"]),
        ("the field is unknown", &[], &["run", "field.yaml"]),
        ("the links are unknown", &[], &["run", "links.yaml"]),
        (
            "the object may not be read",
            &[("/sobjects/Account/describe", 200, json!({ "name": "Account", "queryable": false }))],
            &run,
        ),
    ]);
    check_all(&scene.desk, "answers_of_salesforce", &pages);
}

/// A gateway that renames fields, or an API of another version: cells that are all empty would look like records without values.
#[test]
fn a_page_of_which_no_field_is_known_is_an_error_of_the_source() {
    let moment = "2026-11-01T10:00:00.000Z";
    let cases = [
        (
            "hubspot",
            HUBSPOT,
            ("contacts", "email: email"),
            "/crm/objects/2026-09/contacts]",
            (
                "GET /crm/objects/",
                json!({ "results": [
                { "id": "1", "properties": { "mail": "x" }, "createdAt": moment, "updatedAt": moment, "archived": false },
            ] }),
            ),
        ),
        (
            "airtable",
            AIRTABLE,
            ("Leads", "name: Name"),
            "/v0/appFerryDemo00001/",
            (
                "GET /v0/app",
                json!({ "records": [
                { "id": "rec00000000000001", "createdTime": moment, "fields": { "fldOther000000001": "x" } },
            ] }),
            ),
        ),
        (
            "salesforce",
            SALESFORCE,
            ("Account", "name: Name"),
            "/services/data/v67.0/query]",
            (
                "/query",
                json!({ "totalSize": 1, "done": true, "records": [
                { "attributes": { "type": "Account" }, "Id": "001000000000001AAA", "Label": "x" },
            ] }),
            ),
        ),
    ];
    for (vendor, connection, (object, mappings), path, (request, page)) in cases {
        let scene = Scene::new(vendor);
        reading(&scene, "all", connection, object, mappings);
        scene.gateway.says(&[(request, 200, page)]);
        let ran = scene.desk.ferry(["run", "all.yaml", "--quiet"]);
        assert_eq!(ran.code, 1, "{vendor}: {}\n{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains("holds none of the"), "{vendor}: {}\n{}", ran.stdout, ran.stderr);
        let shown = ran.stdout.split_once("[GET 127.0.0.1:").map_or("", |(_, shown)| shown);
        assert!(shown.contains(path), "{vendor} names no request: {}", ran.stdout);
    }
}

#[test]
fn logins_that_salesforce_refuses() {
    let scene = Scene::new("salesforce");
    reading(&scene, "accounts", SALESFORCE, "Account", "name: Name");
    fs::copy(repository("src/connectors/salesforce/tests/key_of_no_use.pem"), scene.desk.path("key.pem")).unwrap();
    let signed = "{ type: salesforce, client_id: app, username: bot@example.org, private_key: \"${file:key.pem}\", base_url: \"${SALESFORCE_URL}\" }";
    reading(&scene, "signed", signed, "Account", "name: Name");
    let refused = |error: &str, description: &str| {
        [("/services/oauth2/token", 400, json!({ "error": error, "error_description": description }))]
    };
    let check = ["check", "accounts.yaml"];
    let pages = scene.play(&[
        ("not at this address", &refused("invalid_grant", "request not supported on this domain"), &check),
        ("no run-as user", &refused("invalid_grant", "no client credentials user enabled"), &check),
        ("the user is not let in", &refused("invalid_grant", "user hasn't approved this consumer"), &check),
        ("the login was taken back", &refused("invalid_grant", "expired authorization code"), &check),
        ("the audience is another", &refused("invalid_grant", "audience is invalid"), &check),
        ("the app is unknown", &refused("invalid_client_id", "client identifier invalid"), &check),
        ("the certificate is another", &refused("invalid_grant", "invalid assertion"), &["check", "signed.yaml"]),
        ("the user is not active", &refused("inactive_user", "user is inactive"), &check),
    ]);
    check_all(&scene.desk, "logins_that_salesforce_refuses", &pages);
}

#[test]
fn objects_of_salesforce_that_cannot_be_written_so() {
    let scene = Scene::new("salesforce");
    let field = |name: &str, createable: bool, updateable: bool, filterable: bool| {
        json!({ "name": name, "type": "string", "length": 80, "createable": createable, "updateable": updateable, "filterable": filterable,
                "externalId": name == "Key__c", "unique": name == "Key__c", "idLookup": name == "Key__c" })
    };
    let described = json!({ "name": "Thing__c", "createable": true, "updateable": true, "fields": [
        field("Id", false, false, true), field("Key__c", true, true, true), field("Note__c", true, true, false),
        field("Sum__c", false, false, true), field("Origin__c", true, false, true), field("Stage__c", false, true, true),
    ] });
    let mut unlinked = described.clone();
    unlinked["fields"].as_array_mut().unwrap().push(json!({
        "name": "Kind__c", "type": "picklist", "picklistValues": [], "nillable": false, "createable": true, "updateable": true,
    }));
    let pipeline = |name: &str, rest: &str| writing(&scene, name, SALESFORCE, "Thing__c", rest);
    pipeline("sum", "key: [Key__c], mappings: { Key__c: email, Sum__c: last }");
    pipeline("origin", "key: [Key__c], mappings: { Key__c: email, Origin__c: last }");
    pipeline("stage", "write: insert, mappings: { Key__c: email, Stage__c: last }");
    pipeline("note", "write: update, key: [Note__c], mappings: { Note__c: email, Key__c: last }");
    pipeline("key", "key: [Key__c], mappings: { Key__c: email, Note__c: last }");
    let describe = ("/sobjects/Thing__c/describe", 200, described);
    let thing = [describe.clone()];
    let pages = scene.play(&[
        ("the field is computed", &thing, &["run", "sum.yaml"]),
        ("the field is set once", &thing, &["run", "origin.yaml"]),
        ("the field is set later", &thing, &["run", "stage.yaml"]),
        ("the key cannot be looked up", &thing, &["run", "note.yaml"]),
        (
            "the object may not be written",
            &[("/sobjects/Thing__c/describe", 200, json!({ "name": "Thing__c" }))],
            &["run", "key.yaml"],
        ),
        (
            "a check has no value for a field",
            &[("/sobjects/Thing__c/describe", 200, unlinked)],
            &["check", "key.yaml", "--write"],
        ),
    ]);
    check_all(&scene.desk, "objects_of_salesforce_that_cannot_be_written_so", &pages);
}

#[test]
fn jobs_of_salesforce_that_do_not_end() {
    let scene = Scene::new("salesforce");
    scene.desk.write("people.csv", &many_people(2_100));
    writing(
        &scene,
        "leads",
        SALESFORCE,
        "Lead",
        "key: [External_Id__c], mappings: { External_Id__c: email, LastName: last, Company: first }",
    );
    let job = json!({ "id": "750000000000001AAA", "state": "InProgress", "object": "Lead", "operation": "upsert", "createdById": null });
    let at_work = json!({ "done": true, "records": [job] });
    let run = ["run", "leads.yaml", "--clock-speed", "20000"];
    let is_at_work = ("GET /services/data/…/jobs/ingest/", 200, job);
    let mut pages = scene.play(&[("the job is still at work", std::slice::from_ref(&is_at_work), &run)]);
    let jobs = [is_at_work, ("GET /services/data/…/jobs/ingest", 200, at_work)];
    pages.push(scene.play_on(&("a job of an earlier run is still at work", &jobs, &run)));
    check_all(&scene.desk, "jobs_of_salesforce_that_do_not_end", &pages);
}
