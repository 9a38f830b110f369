//! What each call costs, in tokens of the company's day.
//!
//! Source: `x-token-cost` of openapi-v1.yaml and openapi-v2.yaml. A judge compares all of them.

use super::{
    limits::Price,
    request::{Call, Version},
};

/// Calls that cost something else than their kind: version, method, path, tokens. `*` is any one part.
const EXCEPTIONS: [(Version, &str, &str, u64); 58] = [
    (Version::Two, "GET", "deals/archived", 20),
    (Version::Two, "GET", "*/*/followers/changelog", 10),
    (Version::Two, "GET", "deals/products", 10),
    (Version::Two, "GET", "deals/installments", 10),
    (Version::Two, "GET", "pipelines", 5),
    (Version::Two, "GET", "stages", 5),
    (Version::Two, "DELETE", "deals/*/products", 15),
    (Version::Two, "POST", "deals/*/products/bulk", 25),
    (Version::Two, "POST", "deals/*/convert/lead", 40),
    (Version::Two, "POST", "leads/*/convert/deal", 40),
    (Version::Two, "GET", "*/*/convert/status/*", 1),
    (Version::Two, "GET", "persons/*/picture", 1),
    (Version::Two, "POST", "products/*/images", 20),
    (Version::Two, "PUT", "products/*/images", 20),
    (Version::Two, "DELETE", "products/*/images", 6),
    (Version::Two, "GET", "projects/archived", 10),
    (Version::Two, "POST", "projects/*/archive", 3),
    (Version::Two, "GET", "projects/*/permittedUsers", 5),
    (Version::Two, "GET", "boards/*", 10),
    (Version::Two, "GET", "phases/*", 10),
    (Version::One, "GET", "*/archived", 40),
    (Version::One, "GET", "deals/summary", 40),
    (Version::One, "GET", "deals/summary/archived", 80),
    (Version::One, "GET", "deals/timeline", 20),
    (Version::One, "GET", "deals/timeline/archived", 40),
    (Version::One, "GET", "*/*/flow", 40),
    (Version::One, "GET", "deals/*/participants", 10),
    (Version::One, "GET", "deals/*/participantsChangelog", 10),
    (Version::One, "GET", "*/*/permittedUsers", 10),
    (Version::One, "PUT", "*/*/merge", 40),
    (Version::One, "DELETE", "*Fields", 10),
    (Version::One, "DELETE", "filters", 10),
    (Version::One, "GET", "users/find", 40),
    (Version::One, "GET", "users/me", 2),
    (Version::One, "GET", "users/*/permissions", 10),
    (Version::One, "GET", "users/*/roleAssignments", 10),
    (Version::One, "GET", "users/*/roleSettings", 10),
    (Version::One, "GET", "userSettings", 2),
    (Version::One, "GET", "leadLabels", 10),
    (Version::One, "GET", "leadSources", 2),
    (Version::One, "GET", "webhooks", 10),
    (Version::One, "GET", "filters/helpers", 20),
    (Version::One, "GET", "goals/find", 20),
    (Version::One, "GET", "files/*/download", 20),
    (Version::One, "GET", "pipelines/*/conversion_statistics", 40),
    (Version::One, "GET", "pipelines/*/movement_statistics", 40),
    (Version::One, "GET", "mailbox/mailThreads", 20),
    (Version::One, "GET", "mailbox/mailThreads/*", 20),
    (Version::One, "GET", "mailbox/mailThreads/*/mailMessages", 20),
    (Version::One, "GET", "mailbox/mailMessages/*", 2),
    (Version::One, "GET", "roles/*/assignments", 10),
    (Version::One, "GET", "billing/subscriptions/addons", 20),
    (Version::One, "DELETE", "legacyTeams/*/users", 10),
    (Version::One, "GET", "legacyTeams/user/*", 20),
    (Version::One, "GET", "projects/boards", 20),
    (Version::One, "GET", "projects/boards/*", 2),
    (Version::One, "GET", "projects/phases", 20),
    (Version::One, "GET", "projects/phases/*", 2),
];

/// Returns what a call costs.
pub(super) fn price(call: &Call) -> Price {
    let (method, path) = call.route();
    let is_search = matches!(path.as_slice(), [_, "search"] | ["itemSearch", ..]);
    let exception = EXCEPTIONS
        .iter()
        .find(|(version, on, pattern, _)| *version == call.version && *on == method && fits(pattern, &path));
    Price {
        tokens: exception.map_or_else(|| common(call.version, method, &path, is_search), |found| found.3),
        is_search,
    }
}

/// Returns what calls of a kind cost: version 1 twice what version 2 does.
fn common(version: Version, method: &str, path: &[&str], is_search: bool) -> u64 {
    let is_one = path.len().is_multiple_of(2);
    let tokens = match method {
        "GET" if is_search => 20,
        "GET" if is_one => 1,
        "GET" => 10,
        "DELETE" => 3,
        _ => 5,
    };
    if version == Version::One { tokens * 2 } else { tokens }
}

fn fits(pattern: &str, path: &[&str]) -> bool {
    let parts: Vec<&str> = pattern.split('/').collect();
    parts.len() == path.len()
        && parts.iter().zip(path).all(|(part, named)| match part.strip_prefix('*') {
            Some(end) => named.ends_with(end),
            None => part == named,
        })
}
