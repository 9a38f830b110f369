//! Sends requests: waits for the rate limit, repeats what may be repeated, counts every attempt.

use std::{
    fmt,
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use backon::{BackoffBuilder, ExponentialBuilder};
use futures::stream;
use reqwest::{
    RequestBuilder, Response,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::clock::Clock;
use crate::model::{ConnectionName, Cost, Quota};
use crate::spool::{Spool, SpoolWriter};

use super::{
    limits::{Limits, RateLimiters},
    meter::Meter,
    rate_limit::{Permit, RateLimiter},
    record::{Exchange, Recorder, count_records},
    redact::redact_url,
    request::{Answer, AnswerClass, ApiRequest, Body},
    token::{TokenLocks, TokenStore},
};

/// Longest wait for a connection, in real time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for a whole answer, in the clock's time. `HubSpot`'s own servers give up after 100 s (its error-handling page: 524).
const ANSWER_TIMEOUT: Duration = Duration::from_secs(110);
/// The same at least, in real time: a local system that is short of a processor is not taken for one that does not answer.
const LEAST_ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time that a file may be on its way, up or down, in the clock's time: 100 MB in an hour is 30 KB a second.
const FILE_TIMEOUT: Duration = Duration::from_hours(1);
/// The same at least, in real time.
const LEAST_FILE_TIMEOUT: Duration = Duration::from_mins(1);
/// Most waits for a rate limit in a row before a request is given up: a vendor that still refuses then is not passing.
const MAX_RATE_LIMIT_WAITS: u32 = 10;

/// What one vendor's requests and answers look like, as far as the stack needs to know.
#[async_trait]
pub trait Dialect: fmt::Debug + Send + Sync {
    /// Adds the token to a request.
    ///
    /// # Errors
    /// Fails when there is no usable token and none can be had.
    async fn authorize(&self, request: RequestBuilder) -> Result<RequestBuilder, HttpError>;

    /// Returns where the API is for this login, with a slash at its end, where the vendor tells that with the token; none
    /// where it is the connection's base URL.
    ///
    /// # Errors
    /// Fails when there is no usable token and none can be had.
    async fn base_url(&self) -> Result<Option<Url>, HttpError> {
        Ok(None)
    }

    /// Gets a new token after [`AnswerClass::Reauthorize`]. Returns false when there is nothing to renew.
    ///
    /// # Errors
    /// Fails when the vendor refuses to renew.
    async fn renew(&self) -> Result<bool, HttpError>;

    /// Says what an answer means.
    fn classify(&self, answer: &Answer) -> AnswerClass;

    /// Reads what the answer's headers say of the daily or monthly quota.
    fn quota(&self, _answer: &Answer) -> Option<Quota> {
        None
    }

    /// Reads the vendor's id of the request, for the audit log.
    fn request_id(&self, _answer: &Answer) -> Option<String> {
        None
    }
}

/// What all clients of a process share.
#[derive(Debug, Clone)]
pub struct Transport {
    http: reqwest::Client,
    /// The connection whose requests these are; empty before there is one.
    pub connection: ConnectionName,
    /// The clock of all waits.
    pub clock: Clock,
    /// The limiters of all accounts.
    pub limiters: RateLimiters,
    /// Ends all waits when the run is to stop.
    pub shutdown: CancellationToken,
    /// Where renewed tokens are kept.
    pub tokens: Arc<dyn TokenStore>,
    /// Is told of every attempt.
    pub recorder: Option<Arc<dyn Recorder>>,
    /// Holds back all requests of the process together, where the pipeline asks for it.
    pub pace: Option<RateLimiter>,
    /// Lets one at a time renew a token.
    pub token_locks: TokenLocks,
    backoff: ExponentialBuilder,
}

/// Sends the requests of one source or destination.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Transport,
    base_url: Url,
    dialect: Arc<dyn Dialect>,
    limits: Limits,
    meter: Meter,
}

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

/// Says why a request has no answer that the connector could decode.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct HttpError {
    /// What the engine may do about it.
    pub kind: HttpErrorKind,
    /// What happened, without secrets or personal values.
    pub message: String,
    /// How many times the request was sent.
    pub attempts: u32,
    /// The last answer, where there was one.
    pub answer: Option<Box<Answer>>,
    /// What the user can do, where that is likely right.
    pub hint: Option<String>,
}

/// Classes of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpErrorKind {
    /// The vendor could not be reached, and the request certainly had no effect.
    Unreachable,
    /// The request was sent and may have had its effect; the answer is lost.
    Unanswered,
    /// The token is not accepted and cannot be renewed.
    Unauthorized,
    /// The rate limit still refuses after many waits.
    RateLimited,
    /// The quota is spent.
    QuotaSpent,
    /// The run is stopping; the request was not sent.
    Cancelled,
}

impl HttpError {
    /// Makes an error for a request that was never sent.
    pub fn unsent(kind: HttpErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), attempts: 0, answer: None, hint: None }
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Transport {
    /// Makes the transport of a process.
    ///
    /// # Errors
    /// Fails when the TLS library cannot be set up.
    pub fn new(clock: Clock, shutdown: CancellationToken, tokens: Arc<dyn TokenStore>) -> Result<Self, HttpError> {
        // Installing twice is refused, which is fine: the first one stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .user_agent(concat!("ferry/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT.div_f64(clock.speed()).max(LEAST_ANSWER_TIMEOUT))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| HttpError::unsent(HttpErrorKind::Unreachable, error.to_string()))?;
        let limiters = RateLimiters::new(clock.clone());
        let token_locks = TokenLocks::default();
        Ok(Self {
            http,
            connection: ConnectionName::new(""),
            clock,
            limiters,
            shutdown,
            tokens,
            recorder: None,
            pace: None,
            token_locks,
            backoff: backoff(),
        })
    }

    /// Sends one request as it is, without token, limit or repetition: for token endpoints.
    ///
    /// # Errors
    /// Fails when the vendor cannot be reached or does not answer.
    pub async fn send_once(&self, request: RequestBuilder) -> Result<Answer, HttpError> {
        let (http, request) = request.build_split();
        let request = request.map_err(|error| HttpError::unsent(HttpErrorKind::Unreachable, describe(&error)))?;
        let (method, url) = (request.method().clone(), request.url().clone());
        let sent_at = self.clock.elapsed();
        let answer = transmit(RequestBuilder::from_parts(http, request), 1, false).await;
        if let Some(recorder) = &self.recorder {
            let mut base_url = url.clone();
            base_url.set_path("/");
            base_url.set_query(None);
            // The body, which holds secrets, is left out.
            let request = ApiRequest { method, ..ApiRequest::get(url.path().trim_start_matches('/'), &[]) };
            recorder.record(&Exchange {
                connection: &self.connection,
                base_url: &base_url,
                request: &request,
                status: answer.as_ref().ok().map(|answer| answer.status.as_u16()),
                request_id: None,
                records: None,
                waited: Duration::ZERO,
                took: self.clock.elapsed().saturating_sub(sent_at),
            });
        }
        answer
    }

    /// Starts a request of [`Transport::send_once`].
    pub fn request(&self, method: reqwest::Method, url: Url) -> RequestBuilder {
        self.http.request(method, url)
    }
}

impl Client {
    /// Makes a client of one account. `base_url` must end with a slash.
    pub fn new(transport: Transport, base_url: Url, dialect: Arc<dyn Dialect>, limits: Limits, meter: Meter) -> Self {
        Self { transport, base_url, dialect, limits, meter }
    }

    /// Sends a request until there is an answer that the connector can decode.
    ///
    /// # Errors
    /// Fails as [`HttpErrorKind`] says. A write that is not idempotent is repeated only when it certainly had no effect.
    pub async fn send(&self, request: &ApiRequest) -> Result<Answer, HttpError> {
        let mut attempt = 0;
        let mut rate_limit_waits = 0;
        let mut is_renewed = false;
        let mut waits = self.transport.backoff.build();
        loop {
            attempt += 1;
            let sent = self.attempt(request, attempt).await;
            let (failure, wait, had_no_effect) = match sent {
                Err(error) => {
                    let had_no_effect = error.kind == HttpErrorKind::Unreachable;
                    if !had_no_effect && error.kind != HttpErrorKind::Unanswered {
                        return Err(error);
                    }
                    (error, None, had_no_effect)
                }
                Ok(answer) => match self.dialect.classify(&answer) {
                    AnswerClass::Deliver => return Ok(answer),
                    AnswerClass::QuotaSpent => {
                        return Err(failed(HttpErrorKind::QuotaSpent, "the quota is spent", answer));
                    }
                    AnswerClass::Reauthorize => {
                        if is_renewed || !self.dialect.renew().await? {
                            let message = format!("the token was refused ({})", answer.status.as_u16());
                            return Err(failed(HttpErrorKind::Unauthorized, &message, answer));
                        }
                        is_renewed = true;
                        continue;
                    }
                    AnswerClass::RateLimited { wait } => {
                        self.meter.count_rate_limited();
                        rate_limit_waits += 1;
                        if rate_limit_waits > MAX_RATE_LIMIT_WAITS {
                            return Err(failed(HttpErrorKind::RateLimited, "the rate limit does not lift", answer));
                        }
                        self.limits.pause(request.costs, wait);
                        self.wait(wait, attempt).await?;
                        attempt -= 1;
                        continue;
                    }
                    AnswerClass::NotNow { wait } => {
                        let message = format!("the vendor puts the request off ({})", answer.status.as_u16());
                        (failed(HttpErrorKind::Unreachable, &message, answer), wait, true)
                    }
                    AnswerClass::Retry { wait } => {
                        let message = format!("the vendor has a fault ({})", answer.status.as_u16());
                        (failed(HttpErrorKind::Unanswered, &message, answer), wait, false)
                    }
                },
            };
            if !had_no_effect && !request.is_idempotent {
                return Err(failure);
            }
            let Some(backoff) = waits.next() else { return Err(failure) };
            tracing::debug!(attempt, path = %request.shown_path(), reason = %failure, "request is repeated");
            self.wait(wait.unwrap_or(backoff), attempt).await?;
        }
    }

    /// Sends a request again and again until its answer says that what it asks about has ended: for work that the vendor does
    /// on its own time. Waits longer and longer in between; what fails on the way is
    /// asked again, as the work goes on without us.
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
        let clock = &self.transport.clock;
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
            wait = (wait * 3 / 2).min(pace.longest_wait);
        }
    }

    /// Returns the counts of this client's calls.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    async fn attempt(&self, request: &ApiRequest, attempt: u32) -> Result<Answer, HttpError> {
        let base_url = self.dialect.base_url().await?.unwrap_or_else(|| self.base_url.clone());
        let url = base_url.join(&request.path).map_err(|error| {
            HttpError::unsent(HttpErrorKind::Unreachable, format!("`{}` is no path: {error}", request.shown_path()))
        })?;
        let shown = format!("{}{}", redact_url(&base_url), request.shown_path());
        let mut builder = self.transport.http.request(request.method.clone(), url);
        if !request.query.is_empty() {
            builder = builder.query(&request.query);
        }
        builder = match &request.body {
            Body::Empty => builder,
            Body::Json(json) => builder.json(json),
            Body::Form(pairs) => builder.form(pairs),
            Body::Csv(file) => builder
                .header(CONTENT_TYPE, "text/csv")
                .header(CONTENT_LENGTH, file.len())
                .body(reqwest::Body::wrap_stream(parts(file.clone()))),
        };
        if request.is_file_wanted || matches!(request.body, Body::Csv(_)) {
            builder = builder.timeout(FILE_TIMEOUT.div_f64(self.transport.clock.speed()).max(LEAST_FILE_TIMEOUT));
        }
        let authorized = self.dialect.authorize(builder).await?;
        let asked_at = self.transport.clock.elapsed();
        let permits = self.permits(request.costs).await?;
        let sent_at = self.transport.clock.elapsed();
        self.meter.count(request.access);
        self.meter.count_wait(sent_at.saturating_sub(asked_at));
        let answer = if matches!(request.body, Body::Csv(_)) && request.is_idempotent {
            // A file may be on its way for longer than a run that is to stop is waited for, and can be sent again.
            tokio::select! {
                biased;
                () = self.transport.shutdown.cancelled() => Err(cancelled(attempt)),
                answer = transmit(authorized, attempt, request.is_file_wanted) => answer,
            }
        } else {
            transmit(authorized, attempt, request.is_file_wanted).await
        };
        drop(permits);
        let told = answer.as_ref().ok().and_then(|answer| self.dialect.quota(answer));
        if let Some(quota) = told {
            self.limits.correct(quota);
        }
        if let Some(quota) = told.or_else(|| self.limits.quota()) {
            self.meter.note_quota(quota);
        }
        if let Some(recorder) = &self.transport.recorder {
            recorder.record(&Exchange {
                connection: &self.transport.connection,
                base_url: &base_url,
                request,
                status: answer.as_ref().ok().map(|answer| answer.status.as_u16()),
                request_id: answer.as_ref().ok().and_then(|answer| self.dialect.request_id(answer)),
                records: count_records(request, answer.as_ref().ok()),
                waited: sent_at.saturating_sub(asked_at),
                took: self.transport.clock.elapsed().saturating_sub(sent_at),
            });
        }
        match &answer {
            Ok(answer) => tracing::debug!(url = %shown, status = answer.status.as_u16(), attempt, "request answered"),
            Err(error) => tracing::debug!(url = %shown, %error, attempt, "request failed"),
        }
        answer
    }

    async fn permits(&self, costs: &[Cost]) -> Result<Vec<Permit>, HttpError> {
        tokio::select! {
            permits = self.limits.acquire(costs, self.transport.pace.as_ref()) => {
                permits.map_err(|spent| HttpError::unsent(HttpErrorKind::QuotaSpent, spent.to_string()))
            }
            () = self.transport.shutdown.cancelled() => Err(cancelled(0)),
        }
    }

    async fn wait(&self, duration: Duration, attempts: u32) -> Result<(), HttpError> {
        tokio::select! {
            () = self.transport.clock.sleep(duration) => Ok(()),
            () = self.transport.shutdown.cancelled() => Err(cancelled(attempts)),
        }
    }
}

/// Six attempts over about half a minute: long enough for a vendor's deploy, short enough for a night's window. The waits
/// are spread at random, so that clients that failed together do not come back together.
fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(15))
        .with_max_times(5)
        .with_jitter()
}

async fn transmit(request: RequestBuilder, attempts: u32, is_file_wanted: bool) -> Result<Answer, HttpError> {
    let failure = |error: &reqwest::Error| {
        let kind = if error.is_connect() || error.is_builder() {
            HttpErrorKind::Unreachable
        } else {
            HttpErrorKind::Unanswered
        };
        HttpError { attempts, ..HttpError::unsent(kind, describe(error)) }
    };
    let response = request.send().await.map_err(|error| failure(&error))?;
    let (status, headers) = (response.status(), response.headers().clone());
    let is_csv = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/csv"));
    if is_file_wanted && is_csv && status.is_success() {
        let file = download(response, attempts, failure).await?;
        return Ok(Answer { status, headers, body: Vec::new(), file: Some(file), attempts });
    }
    let body = response.bytes().await.map_err(|error| failure(&error))?;
    Ok(Answer { status, headers, body: body.to_vec(), file: None, attempts })
}

/// Brings a body to disk.
async fn download(
    mut response: Response,
    attempts: u32,
    failure: impl Fn(&reqwest::Error) -> HttpError,
) -> Result<Spool, HttpError> {
    let unwritten = |error: io::Error| HttpError {
        kind: HttpErrorKind::Unanswered,
        message: format!("the answer does not go to disk: {error}"),
        attempts,
        answer: None,
        hint: None,
    };
    let mut writer = SpoolWriter::new().map_err(unwritten)?;
    while let Some(part) = response.chunk().await.map_err(|error| failure(&error))? {
        // A few kilobytes into the system's cache: not worth another thread.
        writer.write_all(&part).map_err(unwritten)?;
    }
    writer.finish().map_err(unwritten)
}

/// Yields a file from its beginning. Each attempt has its own place in it.
fn parts(file: Spool) -> impl futures::Stream<Item = io::Result<Vec<u8>>> + Send + 'static {
    stream::unfold(Some((file, 0)), |state| async move {
        let (file, position) = state?;
        let reader = file.clone();
        let read = spawn_blocking(move || reader.part(position)).await;
        match read.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(part) if part.is_empty() => None,
            Ok(part) => {
                let next = position + u64::try_from(part.len()).unwrap_or(u64::MAX);
                Some((Ok(part), Some((file, next))))
            }
            Err(error) => Some((Err(error), None)),
        }
    })
}

/// Puts an error of the transport into words without its URL, whose query may hold values.
fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer came in time".to_owned();
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if error.is_connect() {
        format!("no connection: {innermost}")
    } else {
        format!("the connection broke: {innermost}")
    }
}

fn failed(kind: HttpErrorKind, message: &str, answer: Answer) -> HttpError {
    let attempts = answer.attempts;
    HttpError { attempts, answer: Some(Box::new(answer)), ..HttpError::unsent(kind, message) }
}

fn cancelled(attempts: u32) -> HttpError {
    HttpError { attempts, ..HttpError::unsent(HttpErrorKind::Cancelled, "the run is stopping") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn waits_between_attempts_stay_within_their_bounds(_draw in any::<u8>()) {
            let waits: Vec<Duration> = backoff().build().collect();
            prop_assert_eq!(waits.len(), 5, "six attempts");
            let mut least = Duration::from_millis(500);
            for wait in &waits {
                // What is drawn at random is added to what doubles each time, and is no more than that.
                prop_assert!(*wait >= least && *wait <= 2 * least.min(Duration::from_secs(15)) + Duration::from_millis(1), "{:?}", waits);
                least = (2 * least).min(Duration::from_secs(15));
            }
            prop_assert!(waits.iter().sum::<Duration>() <= Duration::from_mins(1));
        }
    }
}
