//! The vendor's numbers. Sources: `pd:` is a page of pipedrive.readme.io/docs, `spec` the vendor's descriptions of API v1 and v2
//! (`x-token-cost`), read 2026-11-23.

use std::{num::NonZeroU32, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    BatchLimit, Capabilities, Comparison, FilterSupport, KeyRule, PerKeys, RateLimit, SyncMode, WhenSpent, WholeObject,
};

/// The plan of a company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CompanyPlan {
    /// Lite: 30,000 tokens a day and seat, 20 requests in 2 s.
    #[default]
    Lite,
    /// Growth: 60,000 tokens a day and seat, 40 requests in 2 s.
    Growth,
    /// Premium: 150,000 tokens a day and seat, 100 requests in 2 s.
    Premium,
    /// Ultimate: 210,000 tokens a day and seat, 120 requests in 2 s.
    Ultimate,
}

/// Tokens of a day, for each seat, before the plan's multiplier. Source: pd:core-api-concepts-rate-limiting.
const DAILY_TOKENS: u32 = 30_000;
/// How long the day's tokens last. They come back at midnight of the server's time zone; this is the longest that can take.
const DAY: Duration = Duration::from_hours(24);
/// The window of the burst limits. Source: pd:core-api-concepts-rate-limiting, "rolling 2 second window".
pub(super) const BURST_WINDOW: Duration = Duration::from_secs(2);
/// Searches of a user in the burst window, on every plan. Source: as above.
const SEARCHES: NonZeroU32 = count(10);

/// Most records of a page, in records. Source: spec v2, `limit`; unconfirmed for v1.
pub(super) const PAGE_RECORDS: usize = 500;
/// Most ids that a list takes. Source: spec v2, `ids`.
pub(super) const MAX_IDS: usize = 100;
/// Most custom fields that a list takes by name; more are all asked for. Source: spec v2, `custom_fields`.
pub(super) const MAX_CUSTOM_FIELDS: usize = 15;
/// Most characters of a `varchar`. Source: spec v2.
pub(super) const MAX_VARCHAR: usize = 255;
/// Most characters of a `text`. Source: spec v2, "about 65k".
pub(super) const MAX_TEXT: usize = 65_535;
/// Most bytes of a body. The vendor names no limit; this is far above any record.
const MAX_BATCH_BYTES: usize = 1024 * 1024;

/// How far an incremental read reaches back before the last one began. `updated_since` takes whole seconds, and the clocks of two
/// machines differ; what comes twice is left out by the engine as unchanged.
pub(super) const OVERLAP: Duration = Duration::from_mins(1);
/// How long a new record may stay out of the search index. The vendor names none; its clients report seconds.
const LOOKUP_LAG: Duration = Duration::from_secs(30);
/// The wait after a 429 that names none: the burst window.
pub(super) const RATE_LIMIT_WAIT: Duration = BURST_WINDOW;
/// What is left of the day's tokens when a 429 means that they are spent: the most that one call costs. Source: spec v1.
pub(super) const LARGEST_COST: u64 = 40;

/// The limit of a day.
pub(super) const TOKENS: &str = "tokens";
pub(super) const BURST: &str = "burst";
pub(super) const SEARCH: &str = "search";

/// Tokens that a search costs. Source: spec v2.
pub(super) const SEARCH_TOKENS: u32 = 20;
/// Tokens that a page of a list costs. Source: spec v2.
pub(super) const PAGE_TOKENS: u32 = 10;
/// Tokens that a page of archived deals costs. Source: spec v2.
pub(super) const ARCHIVED_PAGE_TOKENS: u32 = 20;

/// What is left of a record that was deleted. Source: spec v2, "marks … as deleted".
const AFTER_DELETE: &str = "it is purged after 30 days";

/// What the engine plans with, but for how many requests are in flight.
pub(super) const CAPABILITIES: Capabilities = Capabilities {
    sync_modes: &[SyncMode::FullRefresh, SyncMode::Incremental],
    filter: FilterSupport::Some {
        comparisons: &[Comparison::Equal, Comparison::Greater, Comparison::GreaterOrEqual, Comparison::Less],
        has_in: true,
        has_null_tests: false,
        has_or: false,
    },
    key: KeyRule::None,
    // There is no bulk API and no upsert: one record a call.
    insert: Some(one_record(false)),
    update: Some(one_record(true)),
    delete: Some(one_record(true)),
    fetch: Some(PerKeys { max_keys: NonZeroU32::MIN, max_ids: count(100), cost: SEARCH_TOKENS }),
    // What reading an object costs depends on how many records it has: the destination says.
    fetch_whole: Some(WholeObject { cost: PAGE_TOKENS }),
    lookup_lag: LOOKUP_LAG,
    concurrency: count(20),
    rate_limits: &[
        RateLimit { name: TOKENS, max_units: count(DAILY_TOKENS), window: DAY, when_spent: WhenSpent::Stop },
        RateLimit::per(BURST, count(20), BURST_WINDOW),
        RateLimit::per(SEARCH, SEARCHES, BURST_WINDOW),
    ],
    after_delete: AFTER_DELETE,
    ..Capabilities::NONE
};

/// Most requests in flight. Answers take some tenths of a second, and no more than the burst may be sent in two.
const MAX_IN_FLIGHT: u32 = 60;

/// Returns what the engine plans with where so many requests may be sent in 2 seconds.
pub(super) fn capabilities(burst: NonZeroU32) -> Capabilities {
    Capabilities { concurrency: burst.min(count(MAX_IN_FLIGHT)), ..CAPABILITIES }
}

/// Returns the requests of one user in 2 seconds. Source: pd:core-api-concepts-rate-limiting, the table of plans.
pub(super) fn burst(plan: CompanyPlan, is_oauth: bool) -> NonZeroU32 {
    count(match (plan, is_oauth) {
        (CompanyPlan::Lite, false) => 20,
        (CompanyPlan::Growth, false) => 40,
        (CompanyPlan::Premium, false) => 100,
        (CompanyPlan::Ultimate, false) => 120,
        (CompanyPlan::Lite, true) => 80,
        (CompanyPlan::Growth, true) => 160,
        (CompanyPlan::Premium, true) => 400,
        (CompanyPlan::Ultimate, true) => 480,
    })
}

/// Returns the limits of a company and a user.
pub(super) fn rate_limits(plan: CompanyPlan, seats: NonZeroU32, burst: NonZeroU32) -> Vec<RateLimit> {
    let multiplier = match plan {
        CompanyPlan::Lite => 1,
        CompanyPlan::Growth => 2,
        CompanyPlan::Premium => 5,
        CompanyPlan::Ultimate => 7,
    };
    let tokens = count(DAILY_TOKENS * multiplier).saturating_mul(seats);
    vec![
        RateLimit { name: TOKENS, max_units: tokens, window: DAY, when_spent: WhenSpent::Stop },
        RateLimit::per(BURST, burst, BURST_WINDOW),
        RateLimit::per(SEARCH, SEARCHES, BURST_WINDOW),
    ]
}

const fn one_record(is_idempotent: bool) -> BatchLimit {
    BatchLimit { max_records: NonZeroU32::MIN, max_bytes: MAX_BATCH_BYTES, is_idempotent }
}

const fn count(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(count) => count,
        None => NonZeroU32::MIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plan_and_seats_decide_the_tokens_of_a_day() {
        let tokens = |plan, seats| rate_limits(plan, count(seats), burst(plan, false))[0].max_units.get();
        assert_eq!(tokens(CompanyPlan::Lite, 1), 30_000);
        assert_eq!(tokens(CompanyPlan::Growth, 3), 180_000);
        assert_eq!(tokens(CompanyPlan::Ultimate, 2), 420_000);
    }
}
