//! Every answer that was recorded with real orgs, or is a sample of another client, goes through the decoder that we have for it.
//!
//! A file that is in no table here fails: either a decoder reads it, or there is a reason why none does.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value as Json;

use crate::connector::ErrorKind;

use super::{
    super::{
        client::{WireObject, WirePage, WireResult},
        errors::{ApiError, Class, of_record},
        schema::{Kind, ObjectInfo, decode},
    },
    script::{Script, ok, standing_answer, status},
    source,
};

/// What an answer is, and what must be in it.
enum Sample {
    /// The description of an object, of this name.
    Object(&'static str),
    /// A page of a query: how many records there are in all, how many it has, and whether more follow.
    Page(u64, usize, bool),
    /// Errors of a whole call, by their codes.
    Errors(&'static [&'static str]),
    /// What became of one record, by its id.
    Written(&'static str),
    /// A session.
    Session(&'static str),
    /// A login that was refused.
    Refused(&'static str),
    /// The versions that an org offers, by the one that is asked for then.
    Versions(&'static str),
    /// One record with values of most types.
    Record,
    /// Nothing of ours asks for it.
    NotAsked(&'static str),
}

use Sample::{Errors, NotAsked, Object, Page, Record, Refused, Session, Versions, Written};

const LISTS: &str = "objects are described one by one; nothing lists them";
const CHANGES: &str = "what changed and was deleted is asked for by queries (SystemModstamp, queryAll)";
const SEARCH: &str = "nothing is searched for: SOSL finds by words and not by fields";

const SAMPLES: [(&str, Sample); 42] = [
    ("describe/Account.json", Object("Account")),
    ("describe/Account.person-accounts.json", Object("Account")),
    ("describe/Case.json", Object("Case")),
    ("describe/Contact.json", Object("Contact")),
    ("describe/Custom__c.json", Object("Custom__c")),
    ("describe/Event.json", Object("Event")),
    ("describe/Lead.json", Object("Lead")),
    ("describe/Opportunity.json", Object("Opportunity")),
    ("describe/OpportunityContactRole.json", Object("OpportunityContactRole")),
    ("describe/_global.json", NotAsked(LISTS)),
    ("fixtures/restforce/auth_error_response.json", Refused("Invalid Password")),
    ("fixtures/restforce/auth_success_response.json", Session("00Dx0000000BV7z!EXAMPLE.TOKEN")),
    ("fixtures/restforce/create_success_response.json", Written("some_id")),
    ("fixtures/restforce/delete_error_response.json", Errors(&["NOT_FOUND"])),
    ("fixtures/restforce/describe_sobjects_success_response.json", NotAsked(LISTS)),
    ("fixtures/restforce/expired_session_response.json", Errors(&["INVALID_SESSION_ID"])),
    ("fixtures/restforce/get_deleted_success_response.json", NotAsked(CHANGES)),
    ("fixtures/restforce/get_updated_success_response.json", NotAsked(CHANGES)),
    ("fixtures/restforce/list_sobjects_success_response.json", NotAsked(LISTS)),
    (
        "fixtures/restforce/list_view_results_success_response.json",
        NotAsked("list views are made for people's screens"),
    ),
    ("fixtures/restforce/org_query_response.json", Page(1, 1, false)),
    ("fixtures/restforce/query_aggregate_success_response.json", Page(3, 3, false)),
    ("fixtures/restforce/query_empty_response.json", Page(0, 0, false)),
    ("fixtures/restforce/query_error_response.json", Errors(&["INVALID_FIELD"])),
    ("fixtures/restforce/query_paginated_first_page_response.json", Page(2, 1, true)),
    ("fixtures/restforce/query_paginated_last_page_response.json", Page(2, 1, false)),
    ("fixtures/restforce/query_success_response.json", Page(1, 1, false)),
    ("fixtures/restforce/reauth_success_response.json", Session("new_access_token")),
    ("fixtures/restforce/recent_success_response.json", NotAsked("what a person looked at last is no stream")),
    ("fixtures/restforce/refresh_error_response.json", Refused("expired access/refresh token")),
    ("fixtures/restforce/refresh_success_response.json", Session("refreshed_access_token")),
    ("fixtures/restforce/search_error_response.json", Errors(&["MALFORMED_SEARCH"])),
    ("fixtures/restforce/search_success_response.json", NotAsked(SEARCH)),
    ("fixtures/restforce/services_data_success_response.json", Versions("67.0")),
    ("fixtures/restforce/sobject_describe_error_response.json", Errors(&["NOT_FOUND"])),
    ("fixtures/restforce/sobject_describe_success_response.json", Object("Whizbang")),
    ("fixtures/restforce/sobject_find_error_response.json", Errors(&["NOT_FOUND"])),
    ("fixtures/restforce/sobject_find_success_response.json", Record),
    (
        "fixtures/restforce/sobject_select_success_response.json",
        NotAsked("records are looked up by queries, many at once"),
    ),
    ("fixtures/restforce/upsert_created_success_response.json", Written("foo")),
    ("fixtures/restforce/upsert_error_response.json", Errors(&["NOT_FOUND"])),
    ("fixtures/restforce/write_error_response.json", Errors(&["INVALID_FIELD"])),
];
/// Answers of single-record upserts, which nothing of ours sends, that must be told as refusals all the same.
const UNSAID: [&str; 1] = ["fixtures/restforce/upsert_multiple_error_response.json"];
/// How many exchanges of a recording our decoders read, and how many are of calls that we do not make.
const RECORDINGS: [(&str, usize, usize); 4] = [
    // Bulk API 1.0 speaks XML; its queries are read all the same.
    ("recorded/bulk-v1-upsert.json", 3, 34),
    ("recorded/collections-upsert-by-field.json", 7, 0),
    // Descriptions that did not change since a time: each is asked for once a run.
    ("recorded/composite-http-headers-304.json", 0, 3),
    ("recorded/query-count-errors.json", 2, 0),
];

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/salesforce");
    if !folder.is_dir() {
        println!("skipped: {} is not there", folder.display());
        return None;
    }
    Some(folder)
}

fn json(folder: &Path, name: &str) -> Json {
    serde_json::from_str(&fs::read_to_string(folder.join(name)).unwrap()).unwrap()
}

/// The files below some folders, by their paths.
fn files(folder: &Path, below: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for name in below {
        for entry in fs::read_dir(folder.join(name)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{name}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                found.extend(files(folder, &[&path]));
            } else {
                found.insert(path);
            }
        }
    }
    found
}

fn object(json: Json) -> ObjectInfo {
    let wire: WireObject = serde_json::from_value(json).unwrap();
    ObjectInfo::new(&wire).unwrap()
}

#[test]
fn no_recorded_answer_is_passed_over() {
    let Some(folder) = folder() else { return };
    let known: BTreeSet<String> = SAMPLES
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .chain(UNSAID.map(str::to_owned))
        .chain(RECORDINGS.map(|(name, ..)| name.to_owned()))
        .collect();
    assert_eq!(files(&folder, &["describe", "fixtures", "recorded"]), known);
    for (name, sample) in &SAMPLES {
        let NotAsked(reason) = sample else { continue };
        assert!(!reason.is_empty(), "{name}");
    }
}

#[test]
fn every_sample_is_decoded() {
    let Some(folder) = folder() else { return };
    for (name, sample) in &SAMPLES {
        let json = json(&folder, name);
        match sample {
            Object(expected) => check_object(&json, expected),
            Page(total, count, has_more) => {
                let page: WirePage = serde_json::from_value(json).unwrap();
                let found = (page.total_size, page.records.len(), !page.done && page.next_records_url.is_some());
                assert_eq!(found, (*total, *count, *has_more), "{name}");
            }
            Errors(codes) => {
                let errors: Vec<ApiError> = json.as_array().unwrap().iter().map(ApiError::of_json).collect();
                let found: Vec<&str> = errors.iter().map(|error| error.code.as_str()).collect();
                assert_eq!(found, *codes, "{name}");
                assert!(
                    errors.iter().all(|error| !error.message.is_empty() && error.class() != Class::Locked),
                    "{name}"
                );
            }
            Written(id) => {
                let result: WireResult = serde_json::from_value(json).unwrap();
                assert_eq!((result.id.as_deref(), result.success), (Some(*id), true), "{name}");
            }
            Record => check_record(&folder, &json),
            // What is asked for at a login is decoded by logging in, below.
            Session(_) | Refused(_) | Versions(_) | NotAsked(_) => {}
        }
    }
    for name in UNSAID {
        let error = of_record(&json(&folder, name));
        assert_eq!((error.code.as_str(), error.class()), ("UNKNOWN", Class::Refused), "{name}");
    }
}

/// Every field that holds a value of its own is there, by its name and with a type of ours.
fn check_object(json: &Json, expected: &str) {
    let info = object(json.clone());
    assert_eq!(info.name, expected);
    let schema = info.source_schema();
    let mut own = 0;
    for field in json["fields"].as_array().unwrap() {
        let name = field["name"].as_str().unwrap();
        if matches!(field["type"].as_str().unwrap(), "address" | "location") {
            assert!(info.field(name).is_none(), "{expected}.{name} is put together of others");
            continue;
        }
        let known = info.field(name).unwrap_or_else(|| panic!("{expected} lacks `{name}`"));
        let is_locked = field["createable"] == false && field["updateable"] == false;
        assert_eq!(known.field.is_read_only, is_locked, "{expected}.{name}");
        let targets = field["referenceTo"].as_array().map_or(0, Vec::len);
        assert_eq!(known.targets.len(), targets, "{expected}.{name}");
        own += 1;
    }
    assert!(own > 0 && schema.fields.len() >= own, "{expected}");
}

/// Values of most types, of an object that is described beside it (there the fields are called otherwise).
fn check_record(folder: &Path, json: &Json) {
    let info = object(self::json(folder, "fixtures/restforce/sobject_describe_success_response.json"));
    let mut kinds = Vec::new();
    for (name, value) in json.as_object().unwrap() {
        let Some(field) = info.field(&name.replace("_Label", "_Field")) else { continue };
        let decoded = decode(field.kind, value).unwrap_or_else(|misfit| panic!("{name}: {}", misfit.reason));
        assert_eq!(decoded.is_null(), value.is_null(), "{name}");
        kinds.push(field.kind);
    }
    for kind in [
        Kind::Id,
        Kind::Reference,
        Kind::Boolean,
        Kind::Number,
        Kind::Date,
        Kind::DateTime,
        Kind::MultiChoice,
        Kind::Email,
    ] {
        assert!(kinds.contains(&kind), "{kind:?}");
    }
}

#[test]
fn every_recorded_exchange_is_decoded_or_of_a_call_that_we_do_not_make() {
    let Some(folder) = folder() else { return };
    for (name, expected, expected_apart) in RECORDINGS {
        let (mut decoded, mut apart) = (0, 0);
        for exchange in json(&folder, name).as_array().unwrap() {
            if let Some(included) = exchange["include"].as_str() {
                assert!(SAMPLES.iter().any(|(known, _)| *known == included), "{included}");
                continue;
            }
            let (request, body) = (&exchange["request"], &exchange["response"]["body"]);
            let uri = request["uri"].as_str().unwrap();
            let answers: Vec<(&str, &Json)> = match body["compositeResponse"].as_array() {
                None => vec![(uri, body)],
                Some(answers) => {
                    let requests = request["body"]["compositeRequest"].as_array().unwrap();
                    requests
                        .iter()
                        .zip(answers)
                        .map(|(asked, told)| (asked["url"].as_str().unwrap(), &told["body"]))
                        .collect()
                }
            };
            for (uri, body) in answers {
                let is_ours = check_exchange(uri, &request["body"], body);
                decoded += usize::from(is_ours);
                apart += usize::from(!is_ours);
            }
        }
        assert_eq!((decoded, apart), (expected, expected_apart), "{name}");
    }
}

/// Decodes an answer; tells whether we make such a call.
fn check_exchange(uri: &str, asked: &Json, body: &Json) -> bool {
    if uri.contains("/composite/sobjects") {
        let results: Vec<WireResult> = serde_json::from_value(body.clone()).unwrap();
        let sent = asked["records"].as_array().unwrap().len();
        assert!(results.len() == sent && results.iter().all(|result| result.success && result.id.is_some()), "{uri}");
        let is_upsert = uri.contains("/composite/sobjects/");
        assert!(results.iter().all(|result| result.created.is_some() == is_upsert), "{uri}");
    } else if uri.contains("/query") && body.is_array() {
        let error = ApiError::of_json(&body[0]);
        assert!(!error.code.is_empty() && error.message.contains("ERROR at Row:1:Column:"), "{uri}");
    } else if uri.contains("/query") {
        let page: WirePage = serde_json::from_value(body.clone()).unwrap();
        let is_count = uri.contains("count()");
        assert!(page.done && (is_count || usize::try_from(page.total_size).unwrap() == page.records.len()), "{uri}");
    } else {
        assert!(uri.contains("/services/async/") || uri.ends_with("/sobjects"), "{uri} is a call of a new kind");
        return false;
    }
    true
}

#[tokio::test]
async fn every_recorded_login_and_list_of_versions_is_taken_as_it_is() {
    let Some(folder) = folder() else { return };
    for (name, sample) in &SAMPLES {
        let body = json(&folder, name);
        match sample {
            Session(expected) => {
                let script = Script::start_raw(move |asked, url| match asked.path.as_str() {
                    "/services/oauth2/token" => ok(&body),
                    _ => standing_answer(asked, url).unwrap_or_else(|| ok(&serde_json::json!({}))),
                })
                .await;
                source(&script.url).check().await.unwrap();
                let limits = script.asked().into_iter().find(|asked| asked.path == "limits").unwrap();
                assert_eq!(limits.header("authorization"), format!("Bearer {expected}"), "{name}");
            }
            Refused(expected) => {
                let script = Script::start_raw(move |_, _| status(400, &body)).await;
                let error = source(&script.url).check().await.unwrap_err();
                assert_eq!(error.kind, ErrorKind::Unauthorized, "{name}");
                let told = format!("{} {}", error.message, error.detail.unwrap_or_default());
                assert!(told.contains("invalid_grant") || told.contains(expected), "{name}: {told}");
            }
            Versions(expected) => {
                let script = Script::start_raw(move |asked, url| match asked.path.as_str() {
                    "/services/data" => ok(&body),
                    _ => standing_answer(asked, url).unwrap_or_else(|| ok(&serde_json::json!({}))),
                })
                .await;
                source(&script.url).check().await.unwrap();
                // The org offers `20.0`, which is retired, and `100`, which is newer than what is asked for.
                assert_eq!(script.asked()[0].version, *expected, "{name}");
            }
            _ => {}
        }
    }
}
