//! Every type of field, written and read.

use chrono::NaiveDate;
use serde_json::json;

use crate::connector::Selection;
use crate::model::{FieldType, Operation, Outcome, Value};

use super::{
    Company, change,
    company::{column, request},
    text,
};

const CAMPAIGN: &str = "a1f0c2d4e6b8a1f0c2d4e6b8a1f0c2d4e6b8a101";
const WANTED: &str = "b2e1d3c5f7a9b2e1d3c5f7a9b2e1d3c5f7a9b202";
const BUDGET: &str = "d4c3f5a7b9c1d4c3f5a7b9c1d4c3f5a7b9c1d404";
const TRIAL: &str = "e5b4a6c8d0e2e5b4a6c8d0e2e5b4a6c8d0e2e505";

const FIELDS: &str = "
fields:
  - { name: Campaign, type: enum, code: a1f0c2d4e6b8a1f0c2d4e6b8a1f0c2d4e6b8a101, options: [{ id: 41, label: Spring; 2024 }, { id: 42, label: Autumn }] }
  - { name: Products wanted, type: set, code: b2e1d3c5f7a9b2e1d3c5f7a9b2e1d3c5f7a9b202, options: [{ id: 7, label: 'Press, small' }, { id: 8, label: Oven }] }
  - { name: Campaign, type: varchar, code: c3d2e4f6a8b0c3d2e4f6a8b0c3d2e4f6a8b0c303 }
  - { name: Budget, type: monetary, code: d4c3f5a7b9c1d4c3f5a7b9c1d4c3f5a7b9c1d404 }
  - { name: Trial, type: daterange, code: e5b4a6c8d0e2e5b4a6c8d0e2e5b4a6c8d0e2e505 }
  - { name: Call at, type: time, code: f100000000000000000000000000000000000001 }
  - { name: Open hours, type: timerange, code: f200000000000000000000000000000000000002 }
  - { name: Site, type: address, code: f300000000000000000000000000000000000003 }
  - { name: Size, type: double, code: f400000000000000000000000000000000000004 }
  - { name: Contract end, type: date, code: f500000000000000000000000000000000000005 }
  - { name: Partner, type: org, code: f600000000000000000000000000000000000006 }
  - { name: Guest, type: people, code: f700000000000000000000000000000000000007 }
  - { name: Engineer, type: user, code: f800000000000000000000000000000000000008 }
  - { name: Story, type: text, code: f900000000000000000000000000000000000009 }
";
const USERS: &str = "id,name,email\n1,Ada,ada@acme.test\n2,Grace,grace@acme.test\n";

async fn company() -> Company {
    Company::start(&[("deals.schema.yaml", FIELDS), ("users.csv", USERS)]).await
}

#[tokio::test]
async fn fields_go_by_the_names_that_people_gave_them() {
    let schema = company().await.source().describe(&"deals".into()).await.unwrap();
    let contract = schema.find("Contract end").unwrap().unwrap();
    assert_eq!(
        (contract.name.as_str(), contract.field_type),
        ("f500000000000000000000000000000000000005", FieldType::Date)
    );
    let until = schema.find("Trial (until)").unwrap().unwrap();
    assert_eq!(until.name.as_str(), format!("{TRIAL}_until"));
    let two = schema.find("Campaign").unwrap_err().names();
    assert!(two.contains(CAMPAIGN) && two.contains("c3d2e4f6a8b0c3d2e4f6a8b0c3d2e4f6a8b0c303"), "{two}");
    let wanted = schema.find("Products wanted").unwrap().unwrap();
    assert_eq!(wanted.options.iter().map(|choice| choice.value.as_str()).collect::<Vec<_>>(), ["Press, small", "Oven"]);
}

#[tokio::test]
async fn every_type_is_read_as_it_was_written() {
    let company = company().await;
    let person = company.insert("persons", &[("name", text("Guest"))]).await;
    let org = company.insert("organizations", &[("name", text("Partner"))]).await;
    let date = |day: &str| Value::Date(day.parse::<NaiveDate>().unwrap());
    let sub = |code: &str, part: &str| format!("{code}_{part}");
    let f = |number: u8| format!("f{number}0000000000000000000000000000000000000{number}");
    let names: Vec<String> = vec![
        CAMPAIGN.into(),
        WANTED.into(),
        BUDGET.into(),
        sub(BUDGET, "currency"),
        TRIAL.into(),
        sub(TRIAL, "until"),
        f(1),
        sub(&f(1), "timezone_name"),
        f(2),
        sub(&f(2), "until"),
        sub(&f(2), "timezone_name"),
        f(3),
        sub(&f(3), "locality"),
        f(4),
        f(5),
        f(6),
        f(7),
        f(8),
        f(9),
        "value".into(),
        "currency".into(),
        "status".into(),
        "stage_id".into(),
        "pipeline_id".into(),
        "owner_id".into(),
    ];
    let values = vec![
        text("Autumn"),
        Value::List(vec!["Oven".into(), "Press, small".into()]),
        Value::Number(1234.5),
        text("EUR"),
        date("2024-03-01"),
        date("2024-03-31"),
        text("09:00:00"),
        text("Europe/London"),
        text("09:00:00"),
        text("17:30:00"),
        text("Europe/Berlin"),
        text("Main St 1"),
        text("Town"),
        Value::Number(0.5),
        date("2026-01-31"),
        Value::List(vec![org.clone()]),
        Value::List(vec![person.clone()]),
        text("grace@acme.test"),
        text("Once upon a time"),
        Value::Number(500.0),
        text("USD"),
        text("open"),
        text("Demo Scheduled"),
        text("Pipeline"),
        text("grace@acme.test"),
    ];
    let mut fields: Vec<(&str, Value)> = names.iter().map(String::as_str).zip(values.clone()).collect();
    fields.push(("title", text("Big deal")));
    let id = company.insert("deals", &fields).await;
    let columns: Vec<&str> = names.iter().map(String::as_str).collect();
    let held = company.held("deals", &id, &columns).await;
    for (name, value) in columns.iter().zip(&values) {
        assert_eq!(held.get(*name), Some(value), "{name}");
    }
    let pages = company.read(request("deals", &columns)).await;
    for (name, value) in columns.iter().zip(&values) {
        assert_eq!(column(&pages, name), [value.to_text()], "{name}");
    }
    // Null clears each of them that can be cleared.
    let nulls: Vec<(&str, Value)> = columns[..19].iter().map(|name| (*name, Value::Null)).collect();
    assert!(matches!(company.update("deals", &id, &nulls).await, Outcome::Updated { .. }));
    assert_eq!(company.held("deals", &id, &columns[..19]).await.len(), 0);
}

#[tokio::test]
async fn a_part_alone_leaves_the_others_as_they_are() {
    let company = company().await;
    let until = format!("{TRIAL}_until");
    let day = |day: &str| Value::Date(day.parse().unwrap());
    let id =
        company.insert("deals", &[("title", text("D")), (TRIAL, day("2024-03-01")), (&until, day("2024-03-31"))]).await;
    company.update("deals", &id, &[(&until, day("2024-04-30"))]).await;
    let held = company.held("deals", &id, &[TRIAL, &until]).await;
    assert_eq!((&held[TRIAL], &held[until.as_str()]), (&day("2024-03-01"), &day("2024-04-30")));
    let outcome = company
        .load("deals", Operation::Insert, vec![change(None, &[("title", text("E")), (TRIAL, day("2024-03-01"))])])
        .await;
    let Outcome::Rejected(rejection) = &outcome[0] else { panic!("{outcome:?}") };
    assert_eq!((rejection.code.as_str(), rejection.field.as_deref()), ("incomplete_value", Some("Trial")));
}

#[tokio::test]
async fn what_pipedrive_would_refuse_is_refused_before_it_is_sent() {
    let company = company().await;
    let long = "x".repeat(256);
    let cases = [
        ("title", text(&long), "too_long"),
        (CAMPAIGN, text("Winter"), "unknown_option"),
        (WANTED, Value::List(vec!["Oven".into(), "Fridge".into()]), "unknown_option"),
        ("f400000000000000000000000000000000000004", text("much"), "not_a_number"),
        ("f500000000000000000000000000000000000005", text("soon"), "not_a_date"),
        ("f100000000000000000000000000000000000001", text("noon"), "not_a_time"),
        ("owner_id", text("nobody@acme.test"), "unknown_owner"),
        ("stage_id", text("Nowhere"), "unknown_stage"),
        ("pipeline_id", text("Nothing"), "unknown_pipeline"),
        ("org_id", Value::List(vec!["1".into(), "2".into()]), "several_links"),
    ];
    for (field, value, code) in cases {
        let outcome =
            company.load("deals", Operation::Insert, vec![change(None, &[("title", text("D")), (field, value)])]).await;
        let Outcome::Rejected(rejection) = &outcome[0] else { panic!("{field}: {outcome:?}") };
        assert_eq!(rejection.code, code, "{field}");
        assert!(!rejection.field.as_deref().unwrap_or_default().contains("000000000"), "people call it otherwise");
    }
    assert!(company.read(request("deals", &["title"])).await.iter().all(|page| page.frame.height() == 0));
}

#[tokio::test]
async fn options_are_added_where_the_pipeline_says_so() {
    let company = company().await;
    let destination = company.destination(&json!({"create_options": true}));
    let deals: Vec<_> = ["Winter", "Winter", "Summer"]
        .map(|name| change(None, &[("title", text(name)), (CAMPAIGN, text(name))]))
        .into();
    let batch = crate::model::Batch { object: "deals".into(), operation: Operation::Insert, records: deals };
    assert!(destination.load(&batch).await.unwrap().iter().all(|outcome| matches!(outcome, Outcome::Created { .. })));
    let schema = company.source().describe(&"deals".into()).await.unwrap();
    let labels: Vec<&str> =
        schema.field(CAMPAIGN).unwrap().options.iter().map(|choice| choice.label.as_str()).collect();
    assert_eq!(labels, ["Spring; 2024", "Autumn", "Winter", "Summer"]);
}

#[tokio::test]
async fn an_option_that_was_deleted_rejects_its_record_with_a_word() {
    let company = company().await;
    company.insert("deals", &[("title", text("Old option")), (CAMPAIGN, text("Autumn"))]).await;
    company.call("DELETE", &format!("api/v2/dealFields/{CAMPAIGN}/options"), json!([{"id": 42}])).await;
    let pages = company.read(request("deals", &["title", CAMPAIGN])).await;
    let rejects: Vec<_> = pages.iter().flat_map(|page| &page.rejects).collect();
    assert_eq!(
        (rejects.len(), rejects[0].code.as_str(), rejects[0].field.as_deref()),
        (1, "unknown_option", Some("Campaign"))
    );
}

#[tokio::test]
async fn leads_have_the_fields_of_deals() {
    let company = company().await;
    let org = company.insert("organizations", &[("name", text("Acme"))]).await;
    let fields = [
        ("title", text("Lead")),
        ("organization_id", Value::List(vec![org])),
        ("value", Value::Number(9.5)),
        ("currency", text("EUR")),
        (CAMPAIGN, text("Autumn")),
        (WANTED, Value::List(vec!["Press, small".into(), "Oven".into()])),
        (BUDGET, Value::Number(7.0)),
        ("label_ids", Value::List(vec!["Hot".into()])),
    ];
    let id = company.insert("leads", &fields).await;
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let held = company.fetch("leads", Selection::Ids(vec![id]), &names).await.remove(0).fields;
    for (name, value) in &fields {
        assert_eq!(held.get(*name), Some(value), "{name}");
    }
}
