//! When answers were made, by the vendor's own clock (the header `Date`). An answer to a read that is older than its request
//! was made for another one: a cache or a connection that is out of step gave it again. Its records and fields may fit.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::Clock;

/// How much older than its request an answer may seem: `Date` has whole seconds, and the clocks of a vendor's servers differ a
/// little.
const TOLERANCE: TimeDelta = TimeDelta::seconds(5);

/// What the answers of a vendor told of its clock.
#[derive(Debug, Default)]
pub(super) struct Dates(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    first: Option<DateTime<Utc>>,
    /// Whether there were two different dates: a server that always says the same tells nothing.
    is_moving: bool,
    /// The vendor's time at the start of this process, at least.
    start: Option<DateTime<Utc>>,
    /// The date of the last answer, if it seemed old.
    old: Option<DateTime<Utc>>,
}

/// When a request was sent and its answer received, by this process's own clock in real time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    sent: TimeDelta,
    received: TimeDelta,
}

impl Span {
    /// Makes the span of a request that was sent at this time of the clock and is answered now.
    pub(super) fn until_now(clock: &Clock, sent_at: Duration) -> Self {
        let real = |time: Duration| TimeDelta::from_std(time.div_f64(clock.speed())).unwrap_or(TimeDelta::MAX);
        Self { sent: real(sent_at), received: real(clock.elapsed()) }
    }
}

impl Dates {
    /// Takes note of the date of an answer. Tells whether it was made before its request was sent. Old answers that get newer
    /// come from a clock that was set back, and are believed.
    pub(super) fn is_old(&self, date: DateTime<Utc>, span: Span) -> bool {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = &mut *guard;
        told.is_moving |= *told.first.get_or_insert(date) != date;
        let at_sending = told.start.and_then(|start| start.checked_add_signed(span.sent));
        let is_old = at_sending.is_some_and(|at_sending| date + TOLERANCE < at_sending);
        let before = std::mem::replace(&mut told.old, is_old.then_some(date));
        let is_set_back = is_old && before.is_some_and(|before| before < date);
        let start = date.checked_sub_signed(span.received);
        if is_set_back {
            told.start = start;
        } else {
            told.start = told.start.max(start);
        }
        is_old && told.is_moving && !is_set_back
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(second)
    }

    fn span(sent: i64, received: i64) -> Span {
        Span { sent: TimeDelta::seconds(sent), received: TimeDelta::seconds(received) }
    }

    #[test]
    fn an_answer_from_before_its_request_is_old() {
        // Date, sent, received; whether it is old.
        let answers = [
            (100, 0, 0, false),
            (101, 1, 2, false),
            // A slow answer is made when it is sent.
            (135, 2, 35, false),
            (136, 36, 36, false),
            (101, 40, 41, true),
            (141, 41, 41, false),
            // Within what clocks may differ.
            (138, 42, 42, false),
            (136, 60, 60, true),
        ];
        let dates = Dates::default();
        for (place, (second, sent, received, expected)) in answers.into_iter().enumerate() {
            assert_eq!(dates.is_old(date(second), span(sent, received)), expected, "answer {place}");
        }
    }

    #[test]
    fn a_clock_that_stands_still_or_was_set_back_tells_nothing() {
        let still = Dates::default();
        assert!((0..90).all(|second| !still.is_old(date(100), span(second, second))));
        let set_back = Dates::default();
        let answers =
            [(100, 0, false), (101, 1, false), (52, 12, true), (53, 13, false), (54, 14, false), (74, 34, false)];
        for (second, at, expected) in answers {
            assert_eq!(set_back.is_old(date(second), span(at, at)), expected, "{at}");
        }
    }
}
