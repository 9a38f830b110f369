//! When the tokens of the day come back: at midnight of the time zone of Pipedrive's server.

use std::time::Duration;

use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::clock::Clock;
use crate::http::{Answer, HttpError};

/// The company's day.
#[derive(Debug, Clone)]
pub(super) struct Day {
    zone: Tz,
    clock: Clock,
}

impl Day {
    /// Makes the day of a server in this time zone.
    pub(super) fn new(zone: Tz, clock: Clock) -> Self {
        Self { zone, clock }
    }

    /// Returns the moment so many days ago, as version 1 takes it.
    pub(super) fn days_ago(&self, days: i64) -> String {
        (self.clock.now() - TimeDelta::days(days)).format("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// Says what to do where the day's tokens are spent, and when the next day begins.
    pub(super) fn when_spent(&self, spent: &HttpError) -> (String, DateTime<Utc>) {
        let now = self.clock.now();
        let told = spent.answer.as_deref().and_then(told_wait).filter(|wait| *wait >= LONG);
        let next = told.and_then(|wait| Some(now + TimeDelta::from_std(wait).ok()?));
        let whose = match next {
            Some(_) => "as Pipedrive says".to_owned(),
            None => format!("midnight in `{}`, the `time_zone` of the connection", self.zone.name()),
        };
        let next = next.unwrap_or_else(|| self.next(now));
        let words = format!(
            "the company's tokens of the day are spent: the next day begins at {} ({whose}); run again then, and it resumes where it \
             stopped",
            next.format("%Y-%m-%d %H:%M UTC")
        );
        (words, next)
    }

    /// Returns the next midnight.
    fn next(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let tomorrow = now.with_timezone(&self.zone).date_naive() + Days::new(1);
        // Where clocks go forward at midnight, the day begins an hour later.
        let hours = (0..3).filter_map(|hour| NaiveTime::from_hms_opt(hour, 0, 0));
        let mut begins = hours.filter_map(|hour| tomorrow.and_time(hour).and_local_timezone(self.zone).earliest());
        begins.next().map_or(now + TimeDelta::days(1), |moment| moment.to_utc())
    }
}

/// From how long a wait on the day is meant, and not the burst of 2 s.
pub(super) const LONG: Duration = Duration::from_mins(10);

/// Returns how long an answer says to wait.
pub(super) fn told_wait(answer: &Answer) -> Option<Duration> {
    let reset = || answer.header("x-ratelimit-reset")?.trim().parse().ok().map(Duration::from_secs);
    answer.retry_after().or_else(reset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_day_begins_at_the_servers_midnight() {
        let cases = [
            ("UTC", "2026-12-02T13:00:00Z", "2026-12-03T00:00:00Z"),
            ("Europe/Berlin", "2026-12-02T22:59:59Z", "2026-12-02T23:00:00Z"),
            ("Europe/Berlin", "2026-12-02T23:00:00Z", "2026-12-03T23:00:00Z"),
            ("America/New_York", "2026-07-01T03:59:00Z", "2026-07-01T04:00:00Z"),
            // There is no midnight: clocks go from 23:59 to 1:00.
            ("Africa/Cairo", "2026-04-23T20:00:00Z", "2026-04-23T22:00:00Z"),
        ];
        for (zone, now, next) in cases {
            let day = Day::new(zone.parse().unwrap(), Clock::system());
            let moment = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
            assert_eq!(day.next(moment(now)), moment(next), "{zone} {now}");
        }
    }
}
