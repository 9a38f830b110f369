//! The attempts at a pipeline put together by day, UTC.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use serde::Serialize;

use crate::cli::{night_end::NightEnd, runs::written};
use crate::state::Night;

/// Most days that a report shows, the latest ones.
const MAX_DAYS: u64 = 90;

/// What was done on one day.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Day {
    pub date: NaiveDate,
    /// How the last attempt of the day ended; none where there was none.
    pub end: Option<NightEnd>,
    pub attempts: u32,
    pub read: u64,
    pub written: u64,
    pub rejected: u64,
    pub seconds: u64,
    /// The largest share of a quota that was used, from 0 to 1.
    pub quota: Option<f64>,
}

/// Returns the first moment of the days that a report can show.
pub(super) fn first_shown(now: DateTime<Utc>) -> DateTime<Utc> {
    first_day(now).and_time(NaiveTime::MIN).and_utc()
}

fn first_day(now: DateTime<Utc>) -> NaiveDate {
    let today = now.date_naive();
    today.checked_sub_days(Days::new(MAX_DAYS - 1)).unwrap_or(today)
}

/// Returns the days from the first attempt at a pipeline to today, those without an attempt among them.
pub(super) fn days(nights: &[Night], pipeline: &str, now: DateTime<Utc>) -> Vec<Day> {
    let today = now.date_naive();
    let earliest = first_day(now);
    let mut by_day: BTreeMap<NaiveDate, Day> = BTreeMap::new();
    for night in nights.iter().filter(|night| night.pipeline == pipeline) {
        let date = night.started_at.date_naive();
        if date >= earliest {
            by_day.entry(date).or_insert_with(|| Day { date, ..Day::default() }).add(night);
        }
    }
    let Some(first) = by_day.keys().next().copied() else { return Vec::new() };
    let last = by_day.keys().next_back().copied().unwrap_or(today).max(today);
    let all = first.iter_days().take_while(|date| *date <= last);
    all.map(|date| by_day.remove(&date).unwrap_or(Day { date, ..Day::default() })).collect()
}

impl Day {
    /// Adds an attempt; they come in order of time.
    fn add(&mut self, night: &Night) {
        self.end = Some(NightEnd::of(night.exit_code, night.is_running));
        self.attempts += 1;
        self.read += night.ledger.read;
        self.written += written(&night.ledger);
        self.rejected += night.ledger.rejected + night.ledger.held;
        let took = night.ended_at.map_or(0, |end| (end - night.started_at).num_seconds());
        self.seconds += u64::try_from(took).unwrap_or(0);
        if let Some(quota) = night.quota {
            self.quota = Some(self.quota.map_or(quota, |most| most.max(quota)));
        }
    }
}
