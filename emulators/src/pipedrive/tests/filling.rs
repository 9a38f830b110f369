//! Fixtures.

use std::fs;

use clock::Clock;
use serde_json::{Value as Json, json};

use super::{Account, emulator, ids};
use crate::options::EmulatorOptions;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn options(folder: &tempfile::TempDir) -> EmulatorOptions {
    EmulatorOptions { fixtures: Some(folder.path().to_owned()), is_unlimited: true, ..EmulatorOptions::default() }
}

#[tokio::test]
async fn fills_an_account_from_a_folder() {
    let folder = folder(&[
        ("company.schema.yaml", "name: Acme\ndomain: acme\nplan: growth\ncontact_sync: true\ncurrency: USD\n"),
        ("users.csv", "id,name,email,api_token\n11,Ann,ann@acme.test,ann-token\n12,Ben,ben@acme.test,ben-token\n"),
        (
            "deals.schema.yaml",
            "fields:\n  - { name: Budget, type: monetary }\n  - { name: Tier, type: enum, options: [{ id: 41, label: Gold }, Silver] }\n  \
             - { name: Tags, type: set, code: b2e1d3c5f7a9b2e1d3c5f7a9b2e1d3c5f7a9b202, options: [{ id: 7, label: A }, { id: 8, label: B }] }\n",
        ),
        ("pipelines.csv", "id,name\n5,Sales\n"),
        ("stages.csv", "id,name,pipeline_id\n50,New,5\n51,Done,5\n"),
        ("organizations.csv", "id,name,address\n3,Acme Inc,Main St 1\n"),
        (
            "persons.csv",
            "id,name,org_id,emails,phones,job_title\n7,Ada L,3,work:ada@x.test;home:a@y.test,+49301,Boss\n",
        ),
        (
            "deals.csv",
            "id,title,person_id,stage_id,owner_id,value,Budget,Budget.currency,Tier,Tags,update_time,status\n9,Big,7,51,12,5.5,10,EUR,41,7;8,2024-01-02T03:04:05Z,won\n",
        ),
        ("leads.jsonl", "{\"title\": \"L\", \"person_id\": 7}\n"),
        ("notes.csv", "content,deal_id\nHello,9\n"),
        ("activities.csv", "subject,type,due_date,participants,done\nCall,call,2026-01-02,7,true\n"),
    ]);
    let mut account = Account::with(options(&folder), Clock::system()).await;
    "ben-token".clone_into(&mut account.token);
    let me = account.data("v1/users/me").await;
    assert_eq!((&me["id"], &me["company_domain"]), (&json!(12), &json!("acme")));
    let deal = account.data("api/v2/deals/9").await;
    assert_eq!(
        (&deal["owner_id"], &deal["pipeline_id"], &deal["update_time"]),
        (&json!(12), &json!(5), &json!("2024-01-02T03:04:05Z"))
    );
    let custom: Vec<&Json> = deal["custom_fields"].as_object().unwrap().values().collect();
    assert_eq!(custom, [&json!({"value": 10, "currency": "EUR"}), &json!(41), &json!([7, 8])]);
    let person = account.data("api/v2/persons/7").await;
    assert_eq!(
        (&person["emails"][1], &person["job_title"]),
        (&json!({"value": "a@y.test", "primary": false, "label": "home"}), &json!("Boss"))
    );
    assert_eq!(account.data("api/v2/organizations/3").await["address"]["value"], "Main St 1");
    assert_eq!(ids(&account.data("api/v2/stages").await), [50, 51]);
    assert_eq!(account.data("v1/leads").await[0]["title"], "L");
    assert_eq!(account.data("v1/notes").await[0]["deal"]["title"], "Big");
    assert_eq!(account.data("api/v2/activities?person_id=7").await[0]["done"], true);
    assert_eq!(account.make("deals", json!({"title": "new"})).await["id"], 10, "new ids go on from the last");
    let (_, counts) = account.get("_emulator/counts").await;
    assert_eq!(
        (&counts["records"]["deals"], &counts["tokens"]["limit"]),
        (&json!(2), &json!(120_000)),
        "a seat for each user"
    );
}

#[test]
fn says_which_fixture_is_wrong() {
    for (files, problem) in [
        (vec![("things.csv", "id\n1\n")], "fixture `things`: Pipedrive has no such records"),
        (vec![("deals.csv", "title,nonsense\nx,1\n")], "fixture `deals`, record 1: column `nonsense` is no field"),
        (
            vec![("deals.csv", "title,value\nx,much\n")],
            "fixture `deals`, record 1: Validation failed: value: must be a number",
        ),
        (vec![("deals.csv", "id,title\n1,a\n1,b\n")], "fixture `deals`, record 2: the id 1 is used twice"),
        (vec![("deals.csv", "title,is_archived,origin\nx,true,y\n")], "`origin` is kept by Pipedrive"),
        (vec![("deals.schema.yaml", "fields: [{ name: A, type: nonsense }]")], "fixture `deals`: field `A`"),
        (
            vec![
                ("deals.schema.yaml", "fields: [{ name: A, type: text }, { name: A, type: text }]"),
                ("deals.csv", "title,A\nx,y\n"),
            ],
            "two fields are called `A`",
        ),
        (vec![("company.schema.yaml", "currency: XXX")], "fixture `company`: `XXX` is not a currency"),
        (vec![("company.schema.yaml", "colour: red")], "fixture `company`: unknown field `colour`"),
        (vec![("users.csv", "id,name\n1,Ann\n")], "fixture `users`: record 1 has no email"),
    ] {
        let folder = folder(&files);
        let error = emulator(options(&folder), Clock::system()).unwrap_err();
        assert!(error.contains(problem), "{problem}: {error}");
    }
    let wrong = EmulatorOptions { account: Some("acme".to_owned()), ..EmulatorOptions::default() };
    assert!(emulator(wrong, Clock::system()).unwrap_err().contains("is not a company id"));
}

#[tokio::test]
async fn a_token_that_the_fixtures_give_to_nobody_is_of_the_first_who_can_log_in() {
    let users = "id,name,email,is_active\n11,Ann,ann@acme.test,false\n12,Ben,ben@acme.test,true\n";
    let folder = folder(&[("users.csv", users)]);
    let mut account = Account::with(options(&folder), Clock::system()).await;
    assert_eq!(account.data("v1/users/me").await["id"], json!(12));
    "any".clone_into(&mut account.token);
    assert_eq!(account.data("v1/users/me").await["id"], json!(12));
}
