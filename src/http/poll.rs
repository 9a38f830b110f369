//! Waits for the end of work that a vendor does on its own time.

use std::time::Duration;

use super::{
    answer::Answer,
    client::Client,
    error::{HttpError, HttpErrorKind},
    request::ApiRequest,
};

/// How often the end of a vendor's work is asked for.
#[derive(Debug, Clone, Copy)]
pub struct PollPace {
    /// The wait before the first question: how long the work is thought to take.
    pub delay: Duration,
    /// The wait after the first question.
    pub first_wait: Duration,
    /// The longest wait between two questions.
    pub longest_wait: Duration,
    /// When asking is given up.
    pub patience: Duration,
}

impl Client {
    /// Sends a request again and again until its answer says that what it asks about has ended: for work that the vendor does
    /// on its own time. Waits longer and longer in between; what fails on the way is asked
    /// again, because the work goes on without us.
    ///
    /// Returns none when the patience ran out or the run is stopping: the work may end later.
    ///
    /// # Errors
    /// Fails when the login or the quota does.
    pub async fn send_until(
        &self,
        request: &ApiRequest,
        pace: PollPace,
        has_ended: impl Fn(&Answer) -> bool + Send,
    ) -> Result<Option<Answer>, HttpError> {
        let clock = self.clock();
        let (begun, mut wait) = (clock.elapsed(), pace.first_wait);
        if !pace.delay.is_zero() && self.wait(pace.delay, 0).await.is_err() {
            return Ok(None);
        }
        loop {
            match self.send(request).await {
                Ok(answer) if has_ended(&answer) => return Ok(Some(answer)),
                Ok(_) => {}
                Err(error) => match error.kind {
                    HttpErrorKind::Unreachable | HttpErrorKind::Unanswered | HttpErrorKind::RateLimited => {}
                    HttpErrorKind::Cancelled => return Ok(None),
                    HttpErrorKind::Unauthorized | HttpErrorKind::QuotaSpent => return Err(error),
                },
            }
            if clock.elapsed().saturating_sub(begun) >= pace.patience || self.wait(wait, 0).await.is_err() {
                return Ok(None);
            }
            wait = wait.saturating_mul(3).checked_div(2).unwrap_or(wait).min(pace.longest_wait);
        }
    }
}
