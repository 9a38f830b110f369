//! The vendor's numbers. Sources are pages of developer.salesforce.com, read 2026-11-23, unless another is named.

use std::{num::NonZeroU32, time::Duration};

use crate::http::PollPace;
use crate::model::{BatchLimit, BulkLimit, Capabilities, Comparison, Cost, FilterSupport, KeyRule, PerKeys, SyncMode};

/// The version of the API that is asked for: Summer '26. Source: `api_rest` quickstart, list of versions.
pub(super) const DEFAULT_VERSION: &str = "67.0";
/// The oldest version that is answered: 7.0 to 30.0 are retired. Source: help article 000354473.
pub(super) const OLDEST_VERSION: u32 = 31;

/// Most records of an sObject Collections request, in records. Source: `api_rest`, `resources_composite_sobjects_collections`.
/// A request with mixed types may have at most 10 runs of one type; those of Ferry have one type.
pub(super) const MAX_COLLECTION_RECORDS: usize = 200;
/// Most bytes of an sObject Collections request that are filled: the vendor takes 50 MB of text (`dome_sobject_insert_update_blob`);
/// this keeps the memory of a batch small.
const MAX_COLLECTION_BYTES: usize = 8 * 1024 * 1024;
/// How records that failed on a lock are sent again: in requests of so many records, smaller each time.
/// A lock is waited for 10 s by Salesforce itself (gammone.com, `UNABLE_TO_LOCK_ROW`), so there is no further wait here.
pub(super) const LOCK_RETRY_RECORDS: [usize; 3] = [50, 10, 1];
/// Most records of a page of a query, in records, which is the default too. Source: `api_rest` `headers_queryoptions`.
pub(super) const PAGE_RECORDS: usize = 2_000;
/// Most bytes of an encoded query that is sent in a URL. Source: `api_rest` errorcodes: 16,384 for URI and headers, of which
/// some are left for the host, the token and the other headers.
pub(super) const MAX_URL_QUERY_BYTES: usize = 12_000;
/// Most keys or ids looked up by one call, so that the query mostly fits its URL.
pub(super) const MAX_FETCH_KEYS: u32 = 200;

/// Most objects that a reference may lead to if each is described for the keys by which it can be named: `WhatId` leads to 80.
pub(super) const MAX_KEYED_PARENTS: usize = 3;

/// From how many records on the Bulk API is used for writing. Source: `api_asynch`, `asynch_api_intro`.
pub(super) const BULK_MIN_RECORDS: NonZeroU32 = count(2_000);
/// From how many records on the Bulk API is used for reading: below, pages of 2,000 take as many calls and less time.
pub(super) const BULK_QUERY_MIN_RECORDS: NonZeroU32 = count(20_000);
/// Most records of one Bulk API job of Ferry, in records. Salesforce takes 150,000,000 a day and any number in one file; some
/// 100 bytes of each are in memory until the results are here.
const MAX_JOB_RECORDS: NonZeroU32 = count(500_000);
/// Most bytes of a job's file, in bytes. Source: `api_asynch` `upload_job_data`: 150 MB after base64, that is 100 MB of text.
pub(super) const MAX_UPLOAD_BYTES: u64 = 100_000_000;
/// The same as the engine cuts batches: it does not know how many cells of a line are empty, which are a comma each.
const MAX_JOB_BYTES: usize = 90_000_000;
/// Most records of a page of a Bulk query's results, in records: it goes to disk and is decoded bit by bit, so only what is
/// lost when a connection breaks speaks against more.
pub(super) const BULK_PAGE_RECORDS: usize = 500_000;
/// Most pages of results that are downloaded at once. Source: `api_asynch` `query_get_parallel_job_results`: five addresses an answer.
pub(super) const PARALLEL_PAGES: usize = 2;
/// Records of such a page that are decoded at once, in records.
pub(super) const BULK_FRAME_RECORDS: usize = if cfg!(test) { 100 } else { 10_000 };
/// Most characters of a field in a Bulk file. Source: `bulk_api_2_limits`, 228.0.
pub(super) const MAX_BULK_FIELD_CHARS: usize = 131_072;
/// Records per second that a job is thought to write. Salesforce says no number: it is some hundred where triggers and flows
/// run, and many thousand where none do. Each question is a call of the quota, so the first comes when a job that is not slowed
/// down has mostly ended; what a job takes longer is asked for at growing intervals.
const JOB_RECORDS_PER_SEC: u64 = 2_500;
/// The same of a Bulk query, which no triggers slow down.
const QUERY_RECORDS_PER_SEC: u64 = 20_000;
/// What a job takes beside, and the longest wait before the first question.
const JOB_OVERHEAD: Duration = Duration::from_secs(2);
const LONGEST_DELAY: Duration = Duration::from_mins(2);

/// How long to wait for a job that writes so many records before it is asked for the first time.
pub(super) fn job_delay(records: usize) -> Duration {
    let secs = u64::try_from(records).unwrap_or(u64::MAX) / JOB_RECORDS_PER_SEC;
    JOB_OVERHEAD.saturating_add(Duration::from_secs(secs)).min(LONGEST_DELAY)
}

/// How long to wait for a Bulk query of so many records before it is asked for the first time.
pub(super) fn query_delay(records: u64) -> Duration {
    let secs = records / QUERY_RECORDS_PER_SEC;
    JOB_OVERHEAD.saturating_add(Duration::from_secs(secs)).min(LONGEST_DELAY)
}

/// How often a job is asked whether it has ended. A job waits up to 24 h; one that does not end within this time is left.
pub(super) fn job_pace(delay: Duration) -> PollPace {
    PollPace {
        delay,
        first_wait: (delay / 4).max(Duration::from_secs(2)),
        longest_wait: Duration::from_mins(1),
        patience: Duration::from_hours(4),
    }
}

/// How far an incremental read reaches back behind the start of the last one: a record that was being saved then has an older
/// `SystemModstamp`, and the two machines' clocks differ.
pub(super) const OVERLAP: Duration = Duration::from_mins(5);
/// The wait after `ConcurrentRequests (Concurrent API Requests) Limit exceeded`: more than 25 calls that last 20 s or longer.
/// Source: `salesforce_app_limits_platform_api`.
pub(super) const CONCURRENT_WAIT: Duration = Duration::from_secs(20);
/// How long a signed login is valid, in seconds. Source: simple-salesforce's `login.py`; 3 minutes of clock skew are tolerated.
pub(super) const ASSERTION_SECS: i64 = 180;

/// Salesforce has no limit on calls per second but a daily quota, which its answers tell.
pub(super) const NO_RATE_LIMITS: &[Cost] = &[];

/// What is left of a record that was deleted. Source: Salesforce Help, "Recycle Bin".
const AFTER_DELETE: &str = "the Recycle Bin keeps it for 15 days, and a person can restore or purge it";

/// What the engine plans with.
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
    key: KeyRule::NativeUpTo(1),
    insert: Some(collection(false)),
    update: Some(collection(true)),
    upsert: Some(collection(true)),
    delete: Some(collection(true)),
    bulk: Some(BulkLimit { min_records: BULK_MIN_RECORDS, max_records: MAX_JOB_RECORDS, max_bytes: MAX_JOB_BYTES }),
    fetch: Some(PerKeys::of(count(MAX_FETCH_KEYS))),
    // Two batches of one object would wait for each other's locks on the parents (UNABLE_TO_LOCK_ROW).
    concurrency: NonZeroU32::MIN,
    rate_limits: &[],
    after_delete: AFTER_DELETE,
    ..Capabilities::NONE
};

const fn collection(is_idempotent: bool) -> BatchLimit {
    BatchLimit { max_records: count(200), max_bytes: MAX_COLLECTION_BYTES, is_idempotent }
}

const fn count(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(count) => count,
        None => NonZeroU32::MIN,
    }
}
