//! Time as an argument: what the rest of Ferry may know of the clock.
//!
//! Nothing else reads the machine's clock, so a run repeats exactly in a test and a dry run can pass an hour of a
//! vendor's rate limit in seconds. Start at [`Clock`].

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

/// Tells the time and waits, at the machine's pace or at a multiple of it.
///
/// All durations that go in and come out are in the clock's own time: with a speed of 20, `sleep(10 s)` returns after half
/// a second of the machine's time, and `now()` has moved by ten seconds.
#[derive(Debug, Clone)]
pub struct Clock {
    speed: f64,
    started_at: DateTime<Utc>,
    started: Instant,
}

impl Clock {
    /// Returns a clock that runs with the machine's.
    pub fn system() -> Self {
        Self::accelerated(1.0)
    }

    /// Returns a clock that starts at the machine's time and runs `speed` times as fast.
    ///
    /// A dry run uses one for the emulators and the limiter alike, so that limits keep their proportions. A speed that is
    /// not a positive number counts as 1.
    pub fn accelerated(speed: f64) -> Self {
        let is_usable = speed.is_finite() && speed > 0.0;
        Self {
            speed: if is_usable { speed } else { 1.0 },
            #[expect(clippy::disallowed_methods, reason = "this is the one home of the machine's clock")]
            started_at: Utc::now(),
            #[expect(clippy::disallowed_methods, reason = "this is the one home of the machine's clock")]
            started: Instant::now(),
        }
    }

    /// Lets the clock start at another moment: for tests of what ends with a day.
    #[must_use]
    pub fn starting_at(self, started_at: DateTime<Utc>) -> Self {
        Self { started_at, ..self }
    }

    /// Returns the time of day, UTC.
    pub fn now(&self) -> DateTime<Utc> {
        let elapsed = TimeDelta::from_std(self.elapsed()).unwrap_or(TimeDelta::MAX);
        self.started_at.checked_add_signed(elapsed).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// Returns the time since this clock was made; never runs backwards, whatever is done to the machine's clock.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed().mul_f64(self.speed)
    }

    /// Waits for `duration` of this clock's time.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration.div_f64(self.speed)).await;
    }

    /// Returns how many times as fast as the machine's clock this one runs.
    pub fn speed(&self) -> f64 {
        self.speed
    }
}
