//! Serial numbers of days and moments in spreadsheets: days since 1899-12-30, the fraction is the time of day, without a zone of their own.

use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

const MILLIS_OF_DAY: f64 = 86_400_000.0;
/// The last serial number that is a day of the calendar of a sheet: 9999-12-31.
const LAST_DAY: f64 = 2_958_465.0;

fn epoch() -> NaiveDate {
    NaiveDate::from_ymd_opt(1899, 12, 30).unwrap_or_default()
}

/// Returns the day of a serial number; a time of day is left out.
pub fn date(serial: f64) -> Option<NaiveDate> {
    moment(serial).map(|moment| moment.date())
}

/// Returns the local moment of a serial number, rounded to milliseconds because floats carry noise.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
pub fn moment(serial: f64) -> Option<NaiveDateTime> {
    if !serial.is_finite() || serial.abs() > LAST_DAY + 1.0 {
        return None;
    }
    let millis = (serial * MILLIS_OF_DAY).round() as i64;
    epoch().and_hms_opt(0, 0, 0)?.checked_add_signed(TimeDelta::milliseconds(millis))
}

/// Returns the serial number of a day.
#[expect(clippy::cast_precision_loss, reason = "days are few")]
pub fn of_date(date: NaiveDate) -> f64 {
    date.signed_duration_since(epoch()).num_days() as f64
}

/// Returns the serial number of a moment, as the clocks of a zone show it.
pub fn of_moment(moment: DateTime<Utc>, zone: Tz) -> f64 {
    of_local(moment.with_timezone(&zone).naive_local())
}

/// Returns the serial number of a local moment.
#[expect(clippy::cast_precision_loss, reason = "a day has fewer milliseconds than 53 bits")]
pub fn of_local(local: NaiveDateTime) -> f64 {
    let of_day = local.time().signed_duration_since(chrono::NaiveTime::MIN).num_milliseconds();
    of_date(local.date()) + of_day as f64 / MILLIS_OF_DAY
}

/// Returns the moment at which the clocks of a zone show this; the earlier one where they show it twice, and where they skip it
/// the moment that is as long after the last one before.
pub fn in_zone(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(moment) | LocalResult::Ambiguous(moment, _) => Some(moment.to_utc()),
        LocalResult::None => {
            let hour = TimeDelta::hours(1);
            let before = zone.from_local_datetime(&local.checked_sub_signed(hour)?).earliest()?;
            before.to_utc().checked_add_signed(hour)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn serial_numbers_are_days_since_the_end_of_1899() {
        for (serial, text) in [
            (43_831.0, "2020-01-01"),
            (36_162.0, "1999-01-02"),
            (31_415.0, "1986-01-03"),
            (46_000.0, "2025-12-09"),
            (1.0, "1899-12-31"),
            (-1.0, "1899-12-29"),
        ] {
            assert_eq!(date(serial).unwrap().to_string(), text);
            assert!((of_date(text.parse().unwrap()) - serial).abs() < f64::EPSILON, "{text}");
        }
        assert_eq!(date(f64::NAN), None);
        assert_eq!(date(1e300), None);
        assert_eq!(moment(0.5).unwrap().to_string(), "1899-12-30 12:00:00");
    }

    #[test]
    fn moments_are_read_in_the_zone_of_the_spreadsheet() {
        let berlin: Tz = "Europe/Berlin".parse().unwrap();
        for (serial, utc) in [
            (45_292.75, "2024-01-01T17:00:00Z"),
            (45_292.0, "2023-12-31T23:00:00Z"),
            (45_474.5, "2024-07-01T10:00:00Z"),
            // Shown twice: the clocks went back at three.
            (45_592.0 + 2.5 / 24.0, "2024-10-27T00:30:00Z"),
            // Skipped: the clocks went from two to three.
            (45_382.0 + 2.5 / 24.0, "2024-03-31T01:30:00Z"),
        ] {
            let expected: DateTime<Utc> = utc.parse().unwrap();
            assert_eq!(in_zone(moment(serial).unwrap(), berlin), Some(expected), "{utc}");
        }
    }

    proptest! {
        #[test]
        fn every_moment_reads_back_as_it_was_written(millis in -2_208_988_800_000_i64..4_102_444_800_000) {
            let moment_written = DateTime::from_timestamp_millis(millis).unwrap();
            let serial = of_moment(moment_written, Tz::UTC);
            prop_assert_eq!(moment(serial).and_then(|local| in_zone(local, Tz::UTC)), Some(moment_written));
        }
    }
}
