//! Words for times and waits, the same in every command.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::state::{Wait, WaitedFor};

/// Returns a moment to the second.
pub(super) fn moment_text(moment: DateTime<Utc>) -> String {
    moment.trunc_subsecs(0).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// Returns how long something took: `0:01:30`.
pub(super) fn time_text(time: TimeDelta) -> String {
    let seconds = time.num_seconds().max(0);
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Says what a run waits for, and until when.
pub(super) fn wait_text(wait: &Wait) -> String {
    let whose = wait.connection.as_ref().map_or_else(String::new, |connection| format!(" of `{connection}`"));
    let until = wait
        .until
        .map_or_else(String::new, |until| format!("; there is some again by {} UTC at the latest", moment_text(until)));
    match wait.reason {
        WaitedFor::Quota => format!("waits for the quota{whose}{until}"),
        WaitedFor::Lease => "waits for another run to end".to_owned(),
    }
}
