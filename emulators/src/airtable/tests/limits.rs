//! Rate limits.

use std::time::Duration;

use clock::Clock;
use reqwest::Method;
use serde_json::json;

use super::Local;
use crate::airtable::limits::Limits;
use crate::options::EmulatorOptions;

/// A clock on which a second is long enough for any number of requests.
fn slow() -> Clock {
    Clock::accelerated(0.001)
}

#[tokio::test]
async fn the_sixth_request_of_a_second_to_one_base_is_refused() {
    let local = Local::by_clock(EmulatorOptions::default(), slow()).await;
    let tables = |base: &str| format!("/v0/meta/bases/{base}/tables");
    for _ in 0..5 {
        assert_eq!(local.ask_as("pat1", Method::GET, &tables("appOne"), None).await.0, 200);
    }
    let (status, answer) = local.ask_as("pat2", Method::GET, "/v0/appOne/People", None).await;
    let error = json!([{ "error": "RATE_LIMIT_REACHED", "message": "Rate limit exceeded. Please try again later" }]);
    assert_eq!((status, answer), (429, json!({ "errors": error })));
    assert_eq!(local.ask_as("pat1", Method::GET, &tables("appTwo"), None).await.0, 200);
}

#[tokio::test]
async fn the_fifty_first_request_of_a_token_is_refused_whatever_it_asks() {
    let local = Local::by_clock(EmulatorOptions::default(), slow()).await;
    let mut statuses = Vec::new();
    for _ in 0..51 {
        let url = local.url("/v0/meta/whoami");
        statuses.push(local.client.get(url).bearer_auth("pat").send().await.unwrap().status().as_u16());
    }
    assert_eq!(statuses[..50], [200; 50]);
    assert_eq!(statuses[50], 429);
    assert_eq!(local.ask_as("other", Method::GET, "/v0/meta/whoami", None).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn after_a_refusal_nothing_succeeds_for_thirty_seconds() {
    let clock = Clock::system();
    let mut limits = Limits::new(clock.clone());
    let taken = (0..6).map(|_| limits.admits_to_base("appOne")).collect::<Vec<_>>();
    assert_eq!(taken, [true, true, true, true, true, false]);
    clock.sleep(Duration::from_secs(29)).await;
    assert!(!limits.admits_to_base("appOne"));
    clock.sleep(Duration::from_secs(1)).await;
    assert!(limits.admits_to_base("appOne"));
}
