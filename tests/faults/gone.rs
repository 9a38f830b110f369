//! Records that somebody deleted or merged at the destination while their source records stayed as they were.

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::findings::Findings;
use crate::occasions::{call, finished, hubspot_ids, replace};
use crate::pairs::Pair;
use crate::testbed::{Attack, Ended, Point, Testbed, Trap, Weather, is_complete};

async fn verified(testbed: &Testbed) -> Ended {
    let ended = testbed.run_with(&["--verify"], Attack::default()).await;
    assert!(is_complete(&ended), "{:?}: {}", ended.code, ended.stderr);
    let mut verdict = Findings::default();
    verdict.check_ledgers(&ended);
    assert!(verdict.problems.is_empty(), "{:?}", verdict.problems);
    ended
}

/// Returns a column of the account of an object.
fn column(ended: &Ended, object: &str, name: &str) -> u64 {
    let streams = ended.report.as_ref().unwrap()["streams"].as_array().unwrap();
    let accounts = streams.iter().flat_map(|stream| stream["destinations"].as_array().unwrap());
    let account = accounts.into_iter().find(|account| account["object"] == object).unwrap();
    account[name].as_u64().unwrap()
}

async fn delete_company(testbed: &Testbed, name: &str) {
    let ids = hubspot_ids(testbed, "companies", "name", |found| found == name).await;
    assert_eq!(ids.len(), 1, "{name}");
    let url = format!("{}/crm/v3/objects/companies/{}", testbed.url("hubspot"), ids[0]);
    call(Method::DELETE, url, Json::Null).await;
}

/// Deletes a record of the local Airtable by the value of a field.
async fn delete_in_airtable(testbed: &Testbed, table: &str, field: &str, value: &str) {
    let url = format!("{}/v0/appFerryFaults001/{table}", testbed.url("airtable"));
    let page = call(Method::GET, format!("{url}?filterByFormula=%7B{field}%7D%3D%22{value}%22"), Json::Null).await;
    let id = page["records"][0]["id"].as_str().unwrap();
    call(Method::DELETE, format!("{url}/{id}"), Json::Null).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_verifies_creates_what_was_deleted_and_sets_the_links_to_it_again() {
    let testbed = Testbed::new(&Pair::of("csv", "hubspot"), &Weather::default()).await;
    finished(&testbed).await;
    let content = testbed.content().await;
    delete_company(&testbed, "Firm 20 Ltd").await;
    delete_company(&testbed, "Firm 5 Ltd").await;
    assert!(testbed.content().await != content);
    let unaware = finished(&testbed).await;
    assert_eq!(column(&unaware, "companies", "created"), 0, "an unchanged record costs no call");
    let ended = verified(&testbed).await;
    assert_eq!(column(&ended, "companies", "created"), 2);
    let restored = testbed.content().await;
    assert!(restored == content, "{:#?} {:#?}", content.surplus_of(&restored), restored.surplus_of(&content));
    let again = verified(&testbed).await;
    assert_eq!(column(&again, "companies", "created") + column(&again, "companies", "calls_write"), 0);
    // 45 companies in one batch read, beside describing and asking for the account.
    assert!(column(&again, "companies", "calls_read") <= 4, "{:?}", again.report);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifying_run_that_is_killed_is_taken_up() {
    for point in [Point::BeforeEffect, Point::BeforeAnswer, Point::AfterAnswer] {
        for at in 1..=3 {
            let testbed = Testbed::new(&Pair::of("csv", "hubspot"), &Weather::default()).await;
            finished(&testbed).await;
            let content = testbed.content().await;
            delete_company(&testbed, "Firm 20 Ltd").await;
            testbed.run_with(&["--verify"], Attack { trap: Some(Trap { at, point }), ..Attack::default() }).await;
            verified(&testbed).await;
            let restored = testbed.content().await;
            assert!(restored == content, "{point:?} {at}: {:#?}", restored.surplus_of(&content));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_verifies_restores_a_table_whose_links_are_fields() {
    let testbed = Testbed::new(&Pair::of("hubspot", "airtable"), &Weather::default()).await;
    finished(&testbed).await;
    let content = testbed.content().await;
    delete_in_airtable(&testbed, "Companies", "Domain", "firm20.example").await;
    delete_in_airtable(&testbed, "Contacts", "Email", "person30@firm30.example").await;
    let ended = verified(&testbed).await;
    assert_eq!((column(&ended, "Companies", "created"), column(&ended, "Contacts", "created")), (1, 1));
    let restored = testbed.content().await;
    assert!(restored == content, "{:#?} {:#?}", content.surplus_of(&restored), restored.surplus_of(&content));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_a_link_needs_and_that_is_gone_is_created_by_the_next_run() {
    for (source, destination) in [("csv", "hubspot"), ("hubspot", "airtable")] {
        let pair = Pair::of(source, destination);
        let testbed = Testbed::new(&pair, &Weather::default()).await;
        finished(&testbed).await;
        let expected;
        if source == "csv" {
            replace(&testbed, "csv/people.csv", &[("Ann20,Lee", "Anna20,Lee")]);
            finished(&testbed).await;
            expected = testbed.content().await;
            delete_company(&testbed, "Firm 20 Ltd").await;
            replace(&testbed, "csv/people.csv", &[("Anna20,Lee", "Ann20,Lee")]);
            finished(&testbed).await;
            replace(&testbed, "csv/people.csv", &[("Ann20,Lee", "Anna20,Lee")]);
        } else {
            let rename = async |name: &str| {
                let body = json!({"properties": {"firstname": name}});
                call(Method::PATCH, format!("{}/crm/v3/objects/contacts/5020", testbed.url("hubspot")), body).await;
            };
            rename("Anna").await;
            finished(&testbed).await;
            expected = testbed.content().await;
            delete_in_airtable(&testbed, "Companies", "Domain", "firm20.example").await;
            rename("Berta").await;
            finished(&testbed).await;
            rename("Anna").await;
        }
        let last = finished(&testbed).await;
        assert_eq!(
            last.report.as_ref().unwrap()["reasons"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|reason| reason["kind"] == "link")
                .count(),
            0
        );
        let content = testbed.content().await;
        assert!(
            content == expected,
            "{source}: {:#?} {:#?}",
            expected.surplus_of(&content),
            content.surplus_of(&expected)
        );
        let writes = testbed.trap_count();
        finished(&testbed).await;
        assert_eq!(testbed.trap_count(), writes, "{source}: nothing is left to do");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_were_merged_are_taken_up_under_the_one_that_is_left() {
    let testbed = Testbed::new(&Pair::of("csv", "hubspot"), &Weather::default()).await;
    finished(&testbed).await;
    let phones = ["+49 40 00011", "+49 40 00013"];
    let ids = hubspot_ids(&testbed, "contacts", "phone", |phone| phones.contains(&phone)).await;
    let merge = json!({"primaryObjectId": ids[0], "objectIdToMerge": ids[1]});
    call(Method::POST, format!("{}/crm/v3/objects/contacts/merge", testbed.url("hubspot")), merge).await;
    let count = testbed.content().await.len();
    let ended = verified(&testbed).await;
    assert_eq!(column(&ended, "contacts", "created"), 0);
    assert_eq!(testbed.content().await.len(), count, "what a person merged stays merged");
    let reads = column(&verified(&testbed).await, "contacts", "calls_read");
    assert!(reads <= 3, "the record is asked for under its new id from then on: {reads} reads");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_says_what_becomes_of_deleted_records() {
    for (rule, held, filtered) in [("hold", 1, 0), ("skip", 0, 1)] {
        let testbed = Testbed::new(&Pair::of("csv", "hubspot"), &Weather::default()).await;
        let with_rule = format!("key: [domain]\n        on_missing: {rule}");
        replace(&testbed, "pipeline.yaml", &[("key: [domain]", &with_rule)]);
        let before = column(&finished(&testbed).await, "companies", "held");
        delete_company(&testbed, "Firm 20 Ltd").await;
        for ended in [verified(&testbed).await, finished(&testbed).await] {
            let columns = ["held", "filtered", "created"].map(|name| column(&ended, "companies", name));
            assert_eq!(columns, [before + held, filtered, 0], "{rule}");
        }
        if rule == "hold" {
            let mut redrive = std::process::Command::new(crate::testbed::binary());
            redrive.args(["redrive", "last", "--state", ".ferry/state.db", "--json"]);
            testbed.furnish(&mut redrive);
            let ended = testbed.attend(redrive, Attack::default()).await;
            assert_eq!(column(&ended, "companies", "created"), 1, "{}", ended.stderr);
            assert_eq!(column(&finished(&testbed).await, "companies", "held"), before);
        }
    }
}
