//! Limits, spent days, gateways and logins.

use std::num::NonZeroU32;

use futures::StreamExt;
use serde_json::json;

use crate::connector::{Connector, Destination, ErrorKind};
use crate::model::{Batch, Operation};

use super::{super::Pipedrive, Company, change, company::request, text};

fn destination(company: &Company, more: &serde_json::Value) -> Box<dyn Destination> {
    let mut options = company.options(more);
    options.as_object_mut().unwrap().remove("requests_per_2_secs");
    Pipedrive::destination(serde_json::from_value(options).unwrap(), &company.context).unwrap()
}

#[tokio::test]
async fn a_burst_is_waited_for_and_never_crossed() {
    let company = Company::with(&[], false, 200.0).await;
    let destination = destination(&company, &json!({}));
    let loads = (0..60).map(|number| {
        let records = vec![change(None, &[("name", text(&format!("Person {number}")))])];
        let batch = Batch { object: "persons".into(), operation: Operation::Insert, records };
        let destination = &destination;
        async move { destination.load(&batch).await.map(|_| ()) }
    });
    let done: Vec<_> = futures::stream::iter(loads).buffer_unordered(20).collect().await;
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    assert_eq!(company.context.meter.calls().rate_limited, 0);
    let quota = company.context.meter.quota().unwrap();
    assert_eq!(quota.max, 30_000);
    assert_eq!(quota.max - quota.remaining, 60 * 5 + 10, "persons at 5 tokens, and their fields");
}

#[tokio::test]
async fn headers_correct_the_plan_and_a_spent_day_stops() {
    let company = Company::with(&[("company.schema.yaml", "plan: growth\nseats: 2\n")], false, 200.0).await;
    let destination = destination(&company, &json!({}));
    let load = async |name: &str| {
        let records = vec![change(None, &[("name", text(name))])];
        destination.load(&Batch { object: "persons".into(), operation: Operation::Insert, records }).await
    };
    load("Ada").await.unwrap();
    assert_eq!(company.context.meter.quota().unwrap().max, 120_000);
    company.call("PUT", "_emulator/tokens", json!({"left": 3})).await;
    let error = load("Bob").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::QuotaSpent, "{error:?}");
    // The clock of the test starts at noon.
    let tomorrow = company.context.clock().now().date_naive() + chrono::Days::new(1);
    let hint = error.hint.unwrap();
    assert!(hint.contains(&format!("the next day begins at {tomorrow} 00:00 UTC (midnight in `UTC`")), "{hint}");
}

#[tokio::test]
async fn a_login_that_is_refused_says_so() {
    let company = Company::start(&[]).await;
    let source = Pipedrive::source(
        serde_json::from_value(company.options(&json!({"token": "invalid"}))).unwrap(),
        &company.context,
    )
    .unwrap();
    let error = source.check().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    assert!(error.hint.unwrap().contains("API token"));
    let error = company.source().read(request("contacts", &[])).next().await.unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(error.hint.is_some());
}

#[tokio::test]
async fn the_account_is_the_company() {
    let company = Company::start(&[]).await;
    let config = || serde_json::from_value(company.options(&json!({}))).unwrap();
    let account = Pipedrive::account(config(), &company.context).unwrap().learn().await.unwrap().unwrap();
    assert!(account.id().parse::<NonZeroU32>().is_ok(), "{account}");
}

#[tokio::test]
async fn an_app_logs_in_and_obeys_the_address_that_it_is_told() {
    let company = Company::start(&[]).await;
    let mut options = company.options(&json!({"client_id": "c", "client_secret": "s", "refresh_token": "r"}));
    options.as_object_mut().unwrap().remove("token");
    let source = Pipedrive::source(serde_json::from_value(options).unwrap(), &company.context).unwrap();
    source.check().await.unwrap();
    source.check().await.unwrap();
}
