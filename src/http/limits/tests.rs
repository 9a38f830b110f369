use std::num::NonZeroU32;

use async_trait::async_trait;
use axum::{Router, routing::get};
use proptest::prelude::*;
use reqwest::{RequestBuilder, header::HeaderValue};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::http::{
    Answer, AnswerClass, ApiRequest, Client, Dialect, HttpError, HttpErrorKind, MemoryTokens, Meter, Transport,
};

use super::*;

fn pace(name: &'static str, max_units: u32, window_millis: u64) -> RateLimit {
    RateLimit::per(name, NonZeroU32::new(max_units).unwrap(), Duration::from_millis(window_millis))
}

fn budget(max_units: u32) -> RateLimit {
    RateLimit { when_spent: WhenSpent::Stop, ..pace("day", max_units, 86_400_000) }
}

fn limits(clock: &Clock, limits: &[RateLimit]) -> Limits {
    RateLimiters::new(clock.clone()).of("account", limits)
}

/// A request: how long after the one before it is sent, how long it takes there and back, and what it costs.
type Sent = (u64, u64, u64, Vec<Cost>);

/// Sends requests and returns when the vendor saw each, with its costs.
fn arrivals(of: &[RateLimit], requests: &[Sent]) -> Vec<(Duration, Vec<Cost>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let clock = Clock::system();
        let limits = limits(&clock, of);
        let mut sent = Vec::new();
        for (gap, there, back, costs) in requests.iter().cloned() {
            clock.sleep(Duration::from_millis(gap)).await;
            let (limits, clock) = (limits.clone(), clock.clone());
            sent.push(tokio::spawn(async move {
                let _permits = limits.acquire(&costs, None).await.unwrap();
                clock.sleep(Duration::from_millis(there)).await;
                let seen = clock.elapsed();
                clock.sleep(Duration::from_millis(back)).await;
                (seen, costs)
            }));
        }
        let mut arrivals = Vec::new();
        for request in sent {
            arrivals.push(request.await.unwrap());
        }
        arrivals.sort_by_key(|(seen, _)| *seen);
        arrivals
    })
}

/// Returns the most units of a limit that the vendor saw in any window.
fn most_in_a_window(limit: &RateLimit, arrivals: &[(Duration, Vec<Cost>)]) -> u32 {
    let units = |costs: &Vec<Cost>| -> u32 {
        costs.iter().filter(|cost| cost.limit == limit.name).map(|cost| cost.units.get()).sum()
    };
    let in_window = |start: Duration| -> u32 {
        let seen = arrivals.iter().filter(|(at, _)| *at >= start && *at < start + limit.window);
        seen.map(|(_, costs)| units(costs)).sum()
    };
    arrivals.iter().map(|(start, _)| in_window(*start)).max().unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_vendor_never_sees_more_than_any_limit_in_any_window(
        max_units in (1_u32..6, 3_u32..12),
        windows in (100_u64..500, 500_u64..2_000),
        requests in prop::collection::vec((0_u64..300, 0_u64..400, 0_u64..400, 0_u32..5, 1_u32..3), 1..40),
    ) {
        let limits = [pace("burst", max_units.0, windows.0), pace("minute", max_units.1, windows.1)];
        // Costs come in either order, and some requests count against one limit only: none may wait for another for ever.
        let requests: Vec<Sent> = requests.into_iter().map(|(gap, there, back, tokens, units)| {
            let (burst, minute) = (Cost::of("burst", units.min(max_units.0)), Cost::of("minute", tokens.min(max_units.1)));
            let costs = match tokens { 0 => vec![burst], tokens if tokens % 2 == 0 => vec![minute, burst], _ => vec![burst, minute] };
            (gap, there, back, costs)
        }).collect();
        let arrivals = arrivals(&limits, &requests);
        prop_assert_eq!(arrivals.len(), requests.len());
        for limit in &limits {
            let most = most_in_a_window(limit, &arrivals);
            prop_assert!(most <= limit.max_units.get(), "{most} units of {limit:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_back_what_waits_already() {
    let clock = Clock::system();
    let limits = limits(&clock, &[pace("burst", 1, 1_000), pace("search", 1, 100)]);
    let costs = [Cost::one("burst"), Cost::one("search")];
    drop(limits.acquire(&costs, None).await.unwrap());
    let waiting = tokio::spawn({
        let limits = limits.clone();
        async move { drop(limits.acquire(&costs, None).await.unwrap()) }
    });
    tokio::task::yield_now().await;
    // The scarcer limit is waited for; the pause of the other one counts too.
    limits.pause(&[Cost::one("search")], Duration::from_secs(30));
    waiting.await.unwrap();
    assert!(clock.elapsed() >= Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn a_budget_is_not_waited_for() {
    let clock = Clock::system();
    let limits = limits(&clock, &[pace("burst", 100, 2_000), budget(30)]);
    let search = [Cost::one("burst"), Cost::of("day", 20)];
    assert!(limits.acquire(&search, None).await.is_ok());
    assert_eq!(limits.quota(), Some(Quota { max: 30, remaining: 10 }));
    let refused = limits.acquire(&search, None).await.unwrap_err();
    assert_eq!(refused.to_string(), "the quota `day` is spent: 20 of its 30 units are used, and the request costs 20");
    assert!(limits.acquire(&[Cost::of("day", 10)], None).await.is_ok(), "a cheaper request still goes");
    assert_eq!(clock.elapsed(), Duration::ZERO);
    clock.sleep(Duration::from_hours(24)).await;
    assert!(limits.acquire(&search, None).await.is_ok(), "the next day has its own budget");
}

#[tokio::test(start_paused = true)]
async fn what_the_vendor_says_is_left_corrects_the_count() {
    let limits = limits(&Clock::system(), &[budget(30)]);
    limits.correct(None, Quota { max: 30, remaining: 1 });
    assert!(limits.acquire(&[Cost::of("day", 2)], None).await.is_err(), "others used the account too");
    limits.correct(None, Quota { max: 500, remaining: 0 });
    assert!(limits.acquire(&[Cost::one("day")], None).await.is_ok(), "another quota is told of");
}

#[tokio::test(start_paused = true)]
async fn owners_have_limits_of_their_own_and_share_others() {
    let clock = Clock::system();
    let limiters = RateLimiters::new(clock.clone());
    let project = limiters.of("project", &[pace("project", 2, 60_000)]);
    let user = |name: &str| limiters.of(name, &[pace("user", 1, 60_000)]).and(project.clone());
    let costs = [Cost::one("user"), Cost::one("project")];
    for name in ["ada", "grace"] {
        drop(user(name).acquire(&costs, None).await.unwrap());
    }
    assert_eq!(clock.elapsed(), Duration::ZERO, "each user has a slot, and the project two");
    drop(user("edith").acquire(&costs, None).await.unwrap());
    assert!(clock.elapsed() >= Duration::from_mins(1), "the project's slots are used up");
}

/// A vendor whose answers tell nothing of what is left.
#[derive(Debug)]
struct Silent;

#[async_trait]
impl Dialect for Silent {
    fn vendor(&self) -> &'static str {
        "Silent"
    }

    async fn authorize(&self, request: RequestBuilder) -> Result<RequestBuilder, HttpError> {
        Ok(request)
    }

    async fn renew(&self, _: Option<&HeaderValue>) -> Result<bool, HttpError> {
        Ok(false)
    }

    fn is_own_refusal(&self, _: &Answer) -> bool {
        true
    }

    fn classify(&self, _: &Answer) -> AnswerClass {
        AnswerClass::Deliver
    }
}

#[tokio::test]
async fn what_requests_cost_is_the_quota_where_the_vendor_tells_none() {
    const SEARCH: &[Cost] = &[Cost::of("day", 20)];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let server = tokio::spawn(async { axum::serve(listener, Router::new().route("/", get(|| async { "{}" }))).await });
    let (clock, meter) = (Clock::system(), Meter::default());
    let transport = Transport::new(clock.clone(), CancellationToken::new(), Arc::new(MemoryTokens::default())).unwrap();
    let client = Client::new(transport, url, Arc::new(Silent), limits(&clock, &[budget(30)]), meter.clone());
    client.send(&ApiRequest::get("", SEARCH)).await.unwrap();
    assert_eq!(meter.quota(), Some(Quota { max: 30, remaining: 10 }));
    let refused = client.send(&ApiRequest::get("", SEARCH)).await.unwrap_err();
    assert_eq!(refused.kind, HttpErrorKind::QuotaSpent);
    assert_eq!(meter.calls().read, 1, "it was not sent");
    server.abort();
}
