//! What the account tells about itself.

use serde_json::json;

use super::{errors::Refusal, limits::DAILY, portal::Portal, render::Answer, request::Call, time::iso};

/// Answers what concerns the account.
pub(super) fn answer(portal: &Portal, call: &Call) -> Option<Result<Answer, Refusal>> {
    let (method, path) = call.route();
    Some(match (method, path.as_slice()) {
        ("GET", ["details"]) => Ok(Answer::ok(json!({
            "portalId": portal.id, "accountType": "DEVELOPER_TEST", "timeZone": "UTC", "companyCurrency": "USD",
            "additionalCurrencies": [], "utcOffset": "+00:00", "utcOffsetMilliseconds": 0,
            "uiDomain": "app.hubspot.com", "dataHostingLocation": "na1",
        }))),
        ("GET", ["api-usage", "daily", "private-apps"]) => {
            let now = portal.now();
            let midnight = (super::time::day_number(now) + 1) * 86_400_000;
            Ok(Answer::ok(json!({"results": [{
                "name": "private-apps-api-calls-daily", "usageLimit": DAILY, "currentUsage": portal.limits.used_today(),
                "collectedAt": iso(now), "fetchStatus": "SUCCESS", "resetsAt": iso(midnight),
            }]})))
        }
        _ => return None,
    })
}
