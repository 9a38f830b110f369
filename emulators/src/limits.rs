//! The vendor's rolling window of requests.

use std::{collections::VecDeque, time::Duration};

use clock::Clock;

/// Counts the requests of the last `length` of time and refuses the one that is too many.
#[derive(Debug)]
pub(crate) struct Window {
    max_requests: usize,
    length: Duration,
    clock: Clock,
    arrivals: VecDeque<Duration>,
}

impl Window {
    /// Makes an empty window.
    pub(crate) fn new(max_requests: usize, length: Duration, clock: Clock) -> Self {
        Self { max_requests, length, clock, arrivals: VecDeque::with_capacity(max_requests) }
    }

    /// Takes one request in. Returns how many more fit, or, as an error, how long until one fits.
    ///
    /// # Errors
    /// Fails when the window is full; the request does not count then.
    pub(crate) fn take(&mut self) -> Result<usize, Duration> {
        let now = self.clock.elapsed();
        while self.arrivals.front().is_some_and(|arrival| now.saturating_sub(*arrival) >= self.length) {
            self.arrivals.pop_front();
        }
        if self.arrivals.len() >= self.max_requests {
            let oldest = self.arrivals.front().copied().unwrap_or(now);
            return Err((oldest + self.length).saturating_sub(now));
        }
        self.arrivals.push_back(now);
        Ok(self.max_requests - self.arrivals.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn refuses_the_request_that_is_too_many_and_forgets_old_ones() {
        let clock = Clock::system();
        let mut window = Window::new(2, Duration::from_secs(1), clock.clone());
        assert_eq!(window.take(), Ok(1));
        clock.sleep(Duration::from_millis(600)).await;
        assert_eq!(window.take(), Ok(0));
        assert!(window.take().is_err());
        clock.sleep(Duration::from_millis(400)).await;
        assert_eq!(window.take(), Ok(0));
    }
}
