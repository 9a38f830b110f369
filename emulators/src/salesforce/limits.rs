//! What the org tells about its limits and its resources.

use serde_json::{Map, Value as Json, json};

use super::{
    org::{Org, USER},
    request::Call,
};

/// Query jobs in 24 hours. Source: Bulk API 2.0 limits.
const QUERY_JOBS: usize = 10_000;
/// Batches in 24 hours. Source: Bulk API limits.
const BATCHES: usize = 15_000;

/// Lists the org's limits.
pub(super) fn shown(org: &Org) -> Json {
    let (queries, ingests) = org.jobs.counts();
    let limit = |max: usize, used: usize| json!({"Max": max, "Remaining": max.saturating_sub(used)});
    let requests = org.options.daily_api_requests;
    json!({
        "ActiveScratchOrgs": limit(40, 0),
        "ConcurrentAsyncGetReportInstances": limit(200, 0),
        "DailyApiRequests": {"Max": requests, "Remaining": requests.saturating_sub(org.usage.used())},
        "DailyAsyncApexExecutions": limit(250_000, 0),
        "DailyBulkApiBatches": limit(BATCHES, ingests),
        "DailyBulkV2QueryFileStorageMB": limit(976_562, 0),
        "DailyBulkV2QueryJobs": limit(QUERY_JOBS, queries),
        "DailyGenericStreamingApiEvents": limit(10_000, 0),
        "DataStorageMB": limit(10_240, 12),
        "FileStorageMB": limit(10_240, 1),
        "HourlyODataCallout": limit(20_000, 0),
        "MassEmail": limit(5_000, 0),
        "SingleEmail": limit(5_000, 0),
    })
}

/// Counts the records of objects, about.
pub(super) fn record_count(org: &Org, call: &Call) -> Json {
    let wanted = call.parameter("sObjects").map(|names| names.split(',').map(str::trim).collect::<Vec<_>>());
    let is_wanted = |name: &str| match &wanted {
        Some(names) => names.iter().any(|it| it.eq_ignore_ascii_case(name)),
        None => true,
    };
    let objects = org.catalog.objects.iter().filter(|object| is_wanted(&object.spec.name));
    let counts: Vec<Json> =
        objects.map(|object| json!({"count": object.records.live(), "name": object.spec.name})).collect();
    json!({"sObjects": counts})
}

/// Lists the resources of a version.
pub(super) fn resources(org: &Org, base: &str, origin: &str) -> Json {
    const NAMES: [&str; 8] = ["composite", "jobs", "limits", "query", "queryAll", "recent", "sobjects", "tooling"];
    let named = NAMES.iter().map(|name| ((*name).to_owned(), Json::from(format!("{base}/{name}"))));
    let identity = ("identity".to_owned(), Json::from(format!("{origin}/id/{}/{USER}", org.id)));
    Json::Object(named.chain([identity]).collect::<Map<_, _>>())
}
