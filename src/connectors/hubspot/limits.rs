//! The vendor's numbers. Where a source is named, it is a page below `developers.hubspot.com/docs`, read 2026-11-23.

use std::{num::NonZeroU32, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{BatchLimit, Capabilities, Comparison, Cost, FilterSupport, KeyRule, PerKeys, RateLimit, SyncMode};

/// The plan of a HubSpot account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// No paid product.
    Free,
    /// A Starter product.
    #[default]
    Starter,
    /// A Professional product.
    Professional,
    /// An Enterprise product.
    Enterprise,
}

/// Most records of a batch create, read, update, upsert or archive, in records.
/// Source: guides/crm/using-object-apis. A larger batch is refused whole with 400.
pub(super) const MAX_BATCH_RECORDS: usize = 100;
/// Most records of a page of a list, in records. Source: guides/crm/using-object-apis.
pub(super) const MAX_LIST_PAGE: usize = 100;
/// Most records of a page of a search, in records. Source: api-reference/latest/crm/search-the-crm.
pub(super) const MAX_SEARCH_PAGE: usize = 200;
/// Most ids of an association batch read, in records. Source: changelog, batch read limit of associations.
pub(super) const MAX_ASSOCIATION_READS: usize = 1_000;
/// Most links of an association batch create, in links. Source: legacy/crm/associations/associate-records/guide.
pub(super) const MAX_ASSOCIATION_WRITES: usize = 2_000;
/// Most characters of a search's body. Source: search-the-crm. A longer one is refused with 400.
pub(super) const MAX_SEARCH_CHARS: usize = 3_000;
/// Most filter groups of a search. Source: search-the-crm.
pub(super) const MAX_FILTER_GROUPS: usize = 5;
/// Most filters of a group. Source: search-the-crm.
pub(super) const MAX_GROUP_FILTERS: usize = 6;
/// Most filters of a search. Source: search-the-crm.
pub(super) const MAX_FILTERS: usize = 18;
/// Most values of an `IN`, so that an answer's page holds them all where the field is unique: the vendor names no limit but
/// that of the body.
pub(super) const MAX_IN_VALUES: usize = 100;
/// Most characters of the `properties` in a URL. The vendor answers 414 to over-long ones (api-reference/error-handling),
/// reportedly between 8,000 and 16,000 characters.
pub(super) const MAX_URL_PROPERTIES_CHARS: usize = 7_500;
/// Most characters of a text property. Source: guides/api/crm/properties.
pub(super) const MAX_TEXT_CHARS: usize = 65_536;
/// Most bytes of a batch's body. The vendor names no limit; this keeps one batch's memory small.
const MAX_BATCH_BYTES: usize = 5 * 1024 * 1024;

/// How far an incremental read reaches back behind the last one: the search index shows new writes "after a few moments"
/// (search-the-crm), and the two machines' clocks differ.
pub(super) const INDEX_LAG: Duration = Duration::from_mins(5);
/// How long a new record may stay out of the search index. The vendor says "a few moments"; a unique property is looked up by
/// batch read, which does not lag.
const LOOKUP_LAG: Duration = Duration::from_secs(30);
/// The wait after a 423. Source: api-reference/error-handling, "2 seconds or more".
pub(super) const LOCKED_WAIT: Duration = Duration::from_secs(2);
/// The longest wait of a 477 (the account is being moved, up to 24 h) that is worth sitting out.
pub(super) const MAX_MIGRATION_WAIT: Duration = Duration::from_mins(10);

/// The window of the burst limits. Source: developer-tooling/platform/usage-guidelines.
pub(super) const BURST_WINDOW: Duration = Duration::from_secs(10);
/// The window of the search limit. Source: search-the-crm.
pub(super) const SEARCH_WINDOW: Duration = Duration::from_secs(1);
/// Requests in 10 s of an app, Free and Starter. Source: usage-guidelines.
const BURST_STARTER: NonZeroU32 = count(100);
/// Requests in 10 s of an app, Professional and Enterprise. Source: usage-guidelines.
const BURST_PROFESSIONAL: NonZeroU32 = count(190);
/// Requests in 10 s of an OAuth app in an account, whatever the plan; searches do not count. Source: usage-guidelines.
const BURST_OAUTH: NonZeroU32 = count(110);
/// Searches in 1 s of an account. Source: search-the-crm.
const SEARCHES: NonZeroU32 = count(5);
/// Association requests in 10 s, Free and Starter. Source: legacy/crm/associations/associate-records/guide.
const ASSOCIATIONS_STARTER: NonZeroU32 = count(100);
/// Association requests in 10 s, Professional and Enterprise. Source: as above.
const ASSOCIATIONS_PROFESSIONAL: NonZeroU32 = count(150);

const BURST: &str = "burst";
const SEARCH: &str = "search";
const ASSOCIATIONS: &str = "associations";

/// What most requests count against.
pub(super) const COUNTS_AS_CALL: &[Cost] = &[Cost::one(BURST)];
/// What a search counts against.
pub(super) const COUNTS_AS_SEARCH: &[Cost] = &[Cost::one(SEARCH), Cost::one(BURST)];
/// What a search of an OAuth app counts against.
pub(super) const COUNTS_AS_OAUTH_SEARCH: &[Cost] = &[Cost::one(SEARCH)];
/// What an association request counts against. The vendor gives them a limit of their own and does not say that they are
/// free of the other.
pub(super) const COUNTS_AS_ASSOCIATION: &[Cost] = &[Cost::one(ASSOCIATIONS), Cost::one(BURST)];

/// What is left of a record that was archived. Source: hs:docs/guides/crm/using-object-apis.
const AFTER_DELETE: &str = "the recycle bin keeps it for 90 days, and a person can restore it";

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
    key: KeyRule::NativeOnUniqueField,
    insert: Some(BatchLimit { max_records: count(100), max_bytes: MAX_BATCH_BYTES, is_idempotent: false }),
    update: Some(BatchLimit { max_records: count(100), max_bytes: MAX_BATCH_BYTES, is_idempotent: true }),
    upsert: Some(BatchLimit { max_records: count(100), max_bytes: MAX_BATCH_BYTES, is_idempotent: true }),
    delete: Some(BatchLimit { max_records: count(100), max_bytes: MAX_BATCH_BYTES, is_idempotent: true }),
    link: Some(BatchLimit { max_records: count(2_000), max_bytes: MAX_BATCH_BYTES, is_idempotent: true }),
    fetch: Some(PerKeys::of(count(100))),
    lookup_lag: LOOKUP_LAG,
    // Enough to keep the wire busy at the burst limit with answers that take a few tenths of a second.
    concurrency: count(4),
    rate_limits: &[
        RateLimit::per(BURST, BURST_STARTER, BURST_WINDOW),
        RateLimit::per(SEARCH, SEARCHES, SEARCH_WINDOW),
        RateLimit::per(ASSOCIATIONS, ASSOCIATIONS_STARTER, BURST_WINDOW),
    ],
    after_delete: AFTER_DELETE,
    ..Capabilities::NONE
};

/// Returns the limits of an account.
pub(super) fn rate_limits(plan: Plan, is_oauth: bool, burst: Option<NonZeroU32>) -> Vec<RateLimit> {
    let (by_plan, associations) = match plan {
        Plan::Free | Plan::Starter => (BURST_STARTER, ASSOCIATIONS_STARTER),
        Plan::Professional | Plan::Enterprise => (BURST_PROFESSIONAL, ASSOCIATIONS_PROFESSIONAL),
    };
    let burst = burst.unwrap_or(if is_oauth { BURST_OAUTH } else { by_plan });
    vec![
        RateLimit::per(BURST, burst, BURST_WINDOW),
        RateLimit::per(SEARCH, SEARCHES, SEARCH_WINDOW),
        RateLimit::per(ASSOCIATIONS, associations, BURST_WINDOW),
    ]
}

/// Returns the name of a standard object that may be written as its type id (`0-1`); others as they are.
/// Source: guides/crm/using-object-apis.
pub(super) fn object_name(name: &str) -> &str {
    match name {
        "0-1" => "contacts",
        "0-2" => "companies",
        "0-3" => "deals",
        "0-5" => "tickets",
        "0-7" => "products",
        "0-8" => "line_items",
        "0-14" => "quotes",
        "0-27" => "tasks",
        "0-46" => "notes",
        "0-47" => "meetings",
        "0-48" => "calls",
        "0-49" => "emails",
        "0-136" => "leads",
        other => other,
    }
}

/// The objects that every account links with each other.
pub(super) const LINKED_OBJECTS: &[&str] =
    &["contacts", "companies", "deals", "tickets", "notes", "tasks", "calls", "emails", "meetings"];

/// The activities: they link to records, not to each other.
pub(super) const ACTIVITIES: &[&str] = &["notes", "tasks", "calls", "emails", "meetings"];

/// Returns the vendor's own type of the plain link from one object to another. The types that would make the target the
/// record's primary one (1, 2, 5, 6, 25, 26) are not among them.
/// Source: the association types of the official client and the associations guide. Types have a direction.
pub(super) fn association_type(from: &str, to: &str) -> Option<u32> {
    Some(match (object_name(from), object_name(to)) {
        ("contacts", "companies") => 279,
        ("companies", "contacts") => 280,
        ("deals", "contacts") => 3,
        ("contacts", "deals") => 4,
        ("deals", "companies") => 341,
        ("companies", "deals") => 342,
        ("contacts", "tickets") => 15,
        ("tickets", "contacts") => 16,
        ("companies", "tickets") => 340,
        ("tickets", "companies") => 339,
        ("deals", "tickets") => 27,
        ("tickets", "deals") => 28,
        ("deals", "line_items") => 19,
        ("line_items", "deals") => 20,
        ("notes", "contacts") => 202,
        ("notes", "companies") => 190,
        ("notes", "deals") => 214,
        ("notes", "tickets") => 228,
        ("tasks", "contacts") => 204,
        ("tasks", "companies") => 192,
        ("tasks", "deals") => 216,
        ("tasks", "tickets") => 230,
        ("calls", "contacts") => 194,
        ("calls", "companies") => 182,
        ("calls", "deals") => 206,
        ("calls", "tickets") => 220,
        ("emails", "contacts") => 198,
        ("emails", "companies") => 186,
        ("emails", "deals") => 210,
        ("emails", "tickets") => 224,
        ("meetings", "contacts") => 200,
        ("meetings", "companies") => 188,
        ("meetings", "deals") => 212,
        ("meetings", "tickets") => 226,
        _ => return None,
    })
}

/// Returns the properties without which a record of the object cannot be created. Source: guides/crm/using-object-apis.
pub(super) fn required_properties(object: &str) -> &'static [&'static str] {
    match object_name(object) {
        "deals" => &["dealname", "dealstage"],
        "tickets" => &["subject", "hs_pipeline_stage"],
        "emails" => &["hs_timestamp", "hs_email_direction"],
        "notes" | "tasks" | "calls" | "meetings" => &["hs_timestamp"],
        _ => &[],
    }
}

/// Returns the property with the moment of a record's last change. Source: search-the-crm.
pub(super) fn modified_property(object: &str) -> &'static str {
    if object_name(object) == "contacts" { "lastmodifieddate" } else { "hs_lastmodifieddate" }
}

/// Returns the properties with the pipeline and its stage, for objects that move through pipelines.
pub(super) fn pipeline_properties(object: &str) -> Option<(&'static str, &'static str)> {
    match object_name(object) {
        "deals" => Some(("pipeline", "dealstage")),
        "tickets" => Some(("hs_pipeline", "hs_pipeline_stage")),
        _ => None,
    }
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
    fn the_plan_decides_the_burst_and_oauth_has_its_own() {
        let burst = |plan, is_oauth, given| rate_limits(plan, is_oauth, given)[0].max_units.get();
        assert_eq!(burst(Plan::Starter, false, None), 100);
        assert_eq!(burst(Plan::Enterprise, false, None), 190);
        assert_eq!(burst(Plan::Enterprise, true, None), 110);
        assert_eq!(burst(Plan::Free, false, NonZeroU32::new(250)), 250);
    }

    #[test]
    fn association_types_have_a_direction_and_never_set_the_primary() {
        assert_eq!(association_type("contacts", "companies"), Some(279));
        assert_eq!(association_type("companies", "contacts"), Some(280));
        assert_eq!(association_type("0-3", "0-2"), Some(341));
        assert_eq!(association_type("contacts", "cars"), None);
        for from in LINKED_OBJECTS {
            for to in LINKED_OBJECTS {
                let is_primary = association_type(from, to).is_some_and(|id| [1, 2, 5, 6, 25, 26].contains(&id));
                assert!(!is_primary, "{from} > {to}");
            }
        }
    }

    #[test]
    fn contacts_alone_have_the_old_name_of_the_modified_date() {
        assert_eq!(modified_property("contacts"), "lastmodifieddate");
        assert_eq!(modified_property("0-1"), "lastmodifieddate");
        assert_eq!(modified_property("deals"), "hs_lastmodifieddate");
        assert_eq!(modified_property("p1_cars"), "hs_lastmodifieddate");
    }
}
