//! Sends requests: waits for the rate limit, repeats what may be repeated, counts every attempt.

use std::{sync::Arc, time::Duration};

use reqwest::{RequestBuilder, header::HeaderValue};
use url::Url;

use crate::clock::Clock;
use crate::model::Cost;
use crate::redact::redact;

use super::{
    answer::Answer,
    connections::Sharing,
    dialect::Dialect,
    error::{HttpError, HttpErrorKind},
    follow::{Next, doubted, follow, repeated},
    limits::Limits,
    meter::Meter,
    rate_limit::Permit,
    record::{Exchange, count_records},
    redact::remember_credentials,
    request::{Access, ApiRequest, Body},
    retry::{Effort, Limit, MAX_WAIT},
    target::target,
    transmit::{Handed, transmit, with_bytes, with_file},
    transport::{Transport, cancelled, credentials, finished, shown_url, unsendable},
    waits::{WaitCause, is_long},
    way::{Way, agree},
};

/// Sends the requests of one source or destination.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Transport,
    base_url: Url,
    dialect: Arc<dyn Dialect>,
    limits: Limits,
    meter: Meter,
    sharing: Sharing,
    way: Arc<Way>,
}

/// Most times that a look-up is repeated until two answers in a row agree.
const MAX_CONFIRMATIONS: u32 = 5;

impl Client {
    /// Makes a client of one account. `base_url` must end with a slash.
    pub fn new(transport: Transport, base_url: Url, dialect: Arc<dyn Dialect>, limits: Limits, meter: Meter) -> Self {
        let way = transport.way(&base_url);
        meter.note_limits(limits.declared());
        Self { transport, base_url, dialect, limits, meter, sharing: Sharing::Shared, way }
    }

    /// Gives each request a connection of its own: for destinations, whose look-ups decide what is written. A source keeps
    /// its connections, and its writes, if it had any, would have their own.
    #[must_use]
    pub fn with_own_connections(mut self) -> Self {
        self.sharing = Sharing::Own;
        self
    }

    /// Sends a request until there is an answer that the connector can decode.
    ///
    /// # Errors
    /// Fails as [`HttpErrorKind`] says. A write that is not idempotent is repeated only when it certainly had no effect: when
    /// it was not sent, or when the vendor says so in its own words.
    pub async fn send(&self, request: &ApiRequest) -> Result<Answer, HttpError> {
        let sent = if request.is_alone { self.send_alone(request).await } else { self.send_repeating(request).await };
        sent.map_err(|error| match (error.kind, request.access) {
            // Whatever became of a read, nothing was written.
            (HttpErrorKind::Unanswered, Access::Read) => HttpError { kind: HttpErrorKind::Unreachable, ..error },
            _ => error,
        })
    }

    /// Sends a request while no other of its kind is under way; a read, while answers get mixed up, until two in a row agree.
    async fn send_alone(&self, request: &ApiRequest) -> Result<Answer, HttpError> {
        let _alone = tokio::select! {
            alone = self.way.alone() => alone,
            () = self.transport.shutdown.cancelled() => return Err(cancelled(0)),
        };
        let mut answer = self.send_repeating(request).await?;
        for _ in 0..MAX_CONFIRMATIONS {
            if request.access == Access::Write || !self.way.is_in_doubt(&self.transport.clock) {
                return Ok(answer);
            }
            let next = self.send_repeating(request).await?;
            if agree(&next, &answer) {
                return Ok(next);
            }
            answer = next;
        }
        let message = format!("{} answers the same look-up in another way each time", self.dialect.vendor());
        Err(HttpError::after(HttpErrorKind::Unanswered, message, answer.attempts))
    }

    async fn send_repeating(&self, request: &ApiRequest) -> Result<Answer, HttpError> {
        let mut effort = Effort::new();
        let mut is_renewed = false;
        loop {
            let attempt = effort.begin();
            let mut carried = None;
            let next = match self.attempt(request, attempt, &mut carried).await {
                Ok(answer) => self.follow(request, answer),
                Err(error) => Next::of_error(error),
            };
            if matches!(&next, Next::Again(failure) if failure.is_foreign) {
                self.way.doubt(&self.transport.clock);
            }
            let (error, limit, wait) = match next {
                Next::Deliver(answer) => return Ok(answer),
                Next::End(error) => return Err(error),
                Next::Renew(answer) => {
                    if is_renewed || !self.dialect.renew(carried.as_ref()).await? {
                        let message = format!("the token was refused ({})", answer.status.as_u16());
                        return Err(HttpError::answered(HttpErrorKind::Unauthorized, &message, answer));
                    }
                    is_renewed = true;
                    continue;
                }
                Next::Pause(answer, wait) => {
                    self.meter.count_rate_limited();
                    self.limits.pause(request.costs, wait.min(MAX_WAIT));
                    let message = format!("the rate limit does not lift ({})", answer.status.as_u16());
                    let error = HttpError::answered(HttpErrorKind::RateLimited, &message, answer);
                    (error, Limit::Vendor, Some(wait))
                }
                Next::Again(failure) if failure.had_no_effect || request.is_idempotent => {
                    if !failure.had_no_effect && request.access == Access::Write {
                        self.meter.count_doubtful_write();
                    }
                    (failure.error, failure.limit, failure.wait)
                }
                Next::Again(failure) => return Err(failure.error),
            };
            let Some(wait) = effort.wait(limit, wait, &self.transport.clock) else { return Err(error) };
            tracing::debug!(attempt, path = %request.shown_path(), reason = %error, "request is repeated");
            self.tell_wait(limit, wait);
            self.wait(wait, attempt).await?;
        }
    }

    /// Returns the counts of this client's calls.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    fn follow(&self, request: &ApiRequest, answer: Answer) -> Next {
        let is_success = answer.status.is_success();
        if !is_success && request.access == Access::Write && self.dialect.is_own_refusal(&answer) {
            let (vendor, clock) = (self.dialect.vendor(), &self.transport.clock);
            if self.dialect.request_id(&answer).is_some_and(|id| self.way.is_known(&id)) {
                return repeated(vendor, answer);
            }
            if self.way.is_in_doubt(clock) && !self.way.is_confirmed(request, &answer) {
                return doubted(vendor, answer);
            }
        }
        let next = follow(&*self.dialect, request, answer);
        if is_success && !matches!(next, Next::Deliver(_)) {
            // It may be the answer to another request: then every later one on that connection is too.
            self.transport.close_shared();
        }
        next
    }

    /// Sends a request once. `carried` is set to the credentials that it carries.
    async fn attempt(
        &self,
        request: &ApiRequest,
        attempt: u32,
        carried: &mut Option<HeaderValue>,
    ) -> Result<Answer, HttpError> {
        let base_url = self.dialect.base_url().await?.unwrap_or_else(|| self.base_url.clone());
        let shown = format!("{} {}", request.method, shown_url(&base_url, &request.shown_path()));
        let handed = Handed::default();
        let builder = self.builder(request, &base_url, &handed).map_err(|error| named(error, &shown))?;
        let (http, built) = self.dialect.authorize(builder).await?.build_split();
        let built = built.map_err(|_| named(unsendable(), &shown))?;
        *carried = credentials(&built);
        if let Some(credentials) = carried {
            remember_credentials(credentials);
        }
        let asked_at = self.transport.clock.elapsed();
        let permits = self.permits(request.costs).await?;
        let single_file = self.way.enter(&self.transport.clock).await;
        let sent_at = self.transport.clock.elapsed();
        self.meter.count(request.access);
        self.meter.count_costs(request.costs);
        if let Some(limit) = self.dialect.quota_limit() {
            let units = request.costs.iter().filter(|cost| cost.limit == limit).map(|cost| cost.units.get()).sum();
            self.meter.count_spent(request.access, limit, units);
        }
        self.meter.count_wait(sent_at.saturating_sub(asked_at));
        let sent = self.transmit(request, RequestBuilder::from_parts(http, built), &handed, attempt).await;
        drop((permits, single_file));
        let mut answer = finished(sent, &shown);
        if let Ok(answer) = &mut answer {
            // What a write left is told by other means; it must not be settled because two clocks differ.
            let is_old = self.way.is_old(answer, &self.transport.clock, sent_at);
            answer.is_old = is_old && request.access == Access::Read;
        }
        let told = answer.as_ref().ok().and_then(|answer| self.dialect.quota(answer));
        if let Some(quota) = told {
            self.limits.correct(self.dialect.quota_limit(), quota);
        }
        if let Some(quota) = told.or_else(|| self.limits.quota()) {
            self.meter.note_quota(quota);
        }
        self.record(request, &base_url, answer.as_ref().ok(), (asked_at, sent_at)).await;
        match &answer {
            Ok(answer) => {
                tracing::debug!(request = %shown, status = answer.status.as_u16(), attempt, "request answered");
            }
            Err(error) => tracing::debug!(request = %shown, %error, attempt, "request failed"),
        }
        answer
    }

    fn builder(&self, request: &ApiRequest, base_url: &Url, handed: &Handed) -> Result<RequestBuilder, HttpError> {
        let url = target(base_url, &request.path)?;
        let sharing = if request.access == Access::Write { Sharing::Own } else { self.sharing };
        let mut builder = self.transport.client(&url, sharing)?.request(request.method.clone(), url);
        if !request.query.is_empty() {
            builder = builder.query(&request.query);
        }
        builder = match &request.body {
            Body::Empty => {
                handed.set();
                builder
            }
            Body::Json(json) => {
                let bytes = serde_json::to_vec(json).map_err(|_| unsendable())?;
                with_bytes(builder, "application/json", bytes, handed)
            }
            Body::Form(pairs) => {
                let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
                with_bytes(builder, "application/x-www-form-urlencoded", text.into_bytes(), handed)
            }
            Body::Csv(file) => with_file(builder, file.clone(), handed),
        };
        if request.is_file_wanted || matches!(request.body, Body::Csv(_)) {
            builder = builder.timeout(self.transport.file_timeout());
        }
        Ok(builder)
    }

    async fn transmit(
        &self,
        request: &ApiRequest,
        built: RequestBuilder,
        handed: &Handed,
        attempt: u32,
    ) -> Result<Answer, HttpError> {
        let sent = transmit(built, Some(handed), attempt, request.is_file_wanted);
        if !matches!(request.body, Body::Csv(_)) || !request.is_idempotent {
            return sent.await;
        }
        // A file may be on its way for longer than a run that is to stop is waited for, and can be sent again.
        tokio::select! {
            biased;
            () = self.transport.shutdown.cancelled() => Err(cancelled(attempt)),
            answer = sent => answer,
        }
    }

    async fn record(
        &self,
        request: &ApiRequest,
        base_url: &Url,
        answer: Option<&Answer>,
        (asked_at, sent_at): (Duration, Duration),
    ) {
        let Some(recorder) = &self.transport.recorder else { return };
        let took = self.transport.clock.elapsed().saturating_sub(sent_at);
        let counts = count_records(&*self.dialect, request, answer).await;
        recorder.record(&Exchange {
            connection: &self.transport.connection,
            base_url,
            request,
            shown_path: &redact(&request.shown_path()),
            status: answer.map(|answer| answer.status.as_u16()),
            request_id: answer.and_then(|answer| self.dialect.request_id(answer)),
            records: counts.records,
            carried: counts.carried,
            waited: sent_at.saturating_sub(asked_at),
            took,
        });
    }

    async fn permits(&self, costs: &[Cost]) -> Result<Vec<Permit>, HttpError> {
        tokio::select! {
            permits = self.limits.acquire(costs, self.transport.pace.as_ref()) => {
                permits.map_err(|spent| HttpError::unsent(HttpErrorKind::QuotaSpent, spent.to_string()))
            }
            () = self.transport.shutdown.cancelled() => Err(cancelled(0)),
        }
    }

    /// Says what a request waits for, where that takes a while.
    fn tell_wait(&self, limit: Limit, wait: Duration) {
        let Some(waits) = self.transport.waits.as_ref().filter(|_| is_long(wait)) else { return };
        let vendor = self.dialect.vendor();
        let cause = if limit == Limit::Vendor { WaitCause::Limit(vendor) } else { WaitCause::NoAnswer(vendor) };
        waits.waiting(&self.transport.connection, cause, wait);
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.transport.clock
    }

    pub(super) async fn wait(&self, duration: Duration, attempts: u32) -> Result<(), HttpError> {
        self.transport.wait(duration, attempts).await
    }
}

fn named(error: HttpError, shown: &str) -> HttpError {
    HttpError { request: Some(shown.to_owned()), ..error }
}
