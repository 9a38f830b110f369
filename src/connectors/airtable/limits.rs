//! Airtable's limits as data. The emulator has its own copy, written from the same vendor pages.

use std::{num::NonZeroU32, time::Duration};

use crate::model::{BatchLimit, Capabilities, Comparison, Cost, FilterSupport, KeyRule, PerKeys, RateLimit, SyncMode};

/// Most records in one create, update, upsert or delete, in records. One more is refused with 422 `INVALID_RECORDS`.
/// Source: airtable.com/developers/web/api, "Create records", "Update multiple records", "Delete multiple records".
const MAX_BATCH_RECORDS: NonZeroU32 = count(10);

/// Most bytes of one write's body. Airtable states no number and answers 413, and the batch is then halved; this is the
/// bound that it states for its CSV sync ("Post data from sync API endpoint": 2 MB a request).
const MAX_BATCH_BYTES: usize = 2_000_000;

/// Most records on one page, in records; also the default. Source: "List records", `pageSize`.
pub(super) const PAGE_RECORDS: NonZeroU32 = count(100);

/// Most fields named in the query of a listing; more go into a body. A field takes up to 34 characters there
/// (`fields%5B%5D=fldXXXXXXXXXXXXXX&`) and a URL is refused beyond 16,000 characters (support page "Enforcement of URL length
/// limit for Web API requests").
pub(super) const MAX_QUERY_FIELDS: usize = 200;

/// Most values of a condition `IN` that are sent; a longer list is applied here. Airtable states no limit for formulas.
pub(super) const MAX_FILTER_VALUES: usize = 100;

/// Longest formula that a filter is sent as, in bytes, for the same reason.
pub(super) const MAX_FILTER_BYTES: usize = 16_000;

/// Most fields that an upsert merges on. Source: "Update multiple records", `fieldsToMergeOn`.
const MAX_MERGE_FIELDS: usize = 3;

/// How long nothing succeeds after a 429. Source: "Rate limits". A longer `Retry-After` wins.
pub(super) const RATE_LIMIT_WAIT: Duration = Duration::from_secs(30);

/// The requests per second of a base, all tokens together. Source: "Rate limits".
pub(super) const BASE_RATE: RateLimit = RateLimit::per("base", count(5), Duration::from_secs(1));

/// The requests per second of all tokens of one user. Source: "Rate limits". Ferry sees tokens, not users, and counts each
/// token for itself.
pub(super) const TOKEN_RATE: RateLimit = RateLimit::per("token", count(50), Duration::from_secs(1));

/// What every request costs.
pub(super) const EVERY_REQUEST: &[Cost] = &[Cost::one(BASE_RATE.name), Cost::one(TOKEN_RATE.name)];

/// How far an incremental read reaches back before the last one began: Airtable does not say how finely it compares
/// times, and what comes twice is left out by the engine as unchanged.
pub(super) const OVERLAP: Duration = Duration::from_mins(1);

/// Most pages that are read ahead of a slow consumer, in pages (6,400 records, about 10 MB of frames).
///
/// An offset lives for minutes, Airtable does not say how many. With this many pages in hand a consumer may stall while
/// the listing goes on; the offset only ages once the buffer is full.
pub(super) const MAX_PAGES_AHEAD: usize = 64;

/// How often in a row a listing starts over without bringing a new record.
pub(super) const MAX_BARREN_RESTARTS: u32 = 3;

/// Most writes in flight for one table. Five a second are allowed and each takes a few tenths of one.
const CONCURRENCY: NonZeroU32 = count(3);

/// What is left of a record that was deleted. Source: support.airtable.com/docs/base-trash, read 2026-12-03.
const AFTER_DELETE: &str = "the base's trash keeps it for 7 days, and its snapshots for as long as the plan says";

pub(super) const CAPABILITIES: Capabilities = Capabilities {
    sync_modes: &[SyncMode::FullRefresh, SyncMode::Incremental],
    filter: FilterSupport::Some {
        comparisons: &[
            Comparison::Equal,
            Comparison::NotEqual,
            Comparison::Less,
            Comparison::LessOrEqual,
            Comparison::Greater,
            Comparison::GreaterOrEqual,
        ],
        has_in: true,
        has_null_tests: true,
        has_or: true,
    },
    key: KeyRule::NativeUpTo(MAX_MERGE_FIELDS),
    insert: Some(batch(false)),
    update: Some(batch(true)),
    upsert: Some(batch(true)),
    delete: Some(batch(true)),
    fetch: Some(PerKeys::of(PAGE_RECORDS)),
    concurrency: CONCURRENCY,
    rate_limits: &[BASE_RATE, TOKEN_RATE],
    after_delete: AFTER_DELETE,
    ..Capabilities::NONE
};

const fn batch(is_idempotent: bool) -> BatchLimit {
    BatchLimit { max_records: MAX_BATCH_RECORDS, max_bytes: MAX_BATCH_BYTES, is_idempotent }
}

const fn count(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}
