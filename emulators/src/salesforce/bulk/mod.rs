//! Bulk API 2.0: jobs that take their time, fed and read as CSV.
//!
//! A job is made and fed by requests; [`work`] carries it out beside them, some rows at a time, so that others get their turn.

mod csv;
mod ingest;
mod job;
mod query;

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError, Weak},
    time::Duration,
};

use axum::http::StatusCode;
use clock::Clock;
use serde_json::{Value as Json, json};

use super::{
    errors::Problem,
    org::Org,
    reply::Reply,
    request::{Call, Version},
};

use job::{Job, State, Task};

/// The org's jobs.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    all: BTreeMap<String, Job>,
    started: Vec<String>,
}

impl Jobs {
    /// Returns the jobs that wait for somebody to carry them out.
    pub(super) fn take_started(&mut self) -> Vec<String> {
        std::mem::take(&mut self.started)
    }

    /// Returns how many query jobs and how many ingest jobs there are.
    pub(super) fn counts(&self) -> (usize, usize) {
        let queries = self.all.values().filter(|job| job.is_query()).count();
        (queries, self.all.len() - queries)
    }
}

fn wrong_state(message: &str) -> Problem {
    Problem::new("INVALIDJOBSTATE", message)
}

/// Answers what concerns jobs.
pub(super) fn answer(org: &mut Org, call: &Call, version: &Version, path: &[&str]) -> Reply {
    // Each kind of job came with a version of its own. Source: release notes of Spring '18 and of Winter '20.
    let is_known = match path {
        ["ingest", ..] => version.number >= 41,
        ["query", ..] => version.number >= 47,
        _ => false,
    };
    if !is_known {
        return Problem::not_found().reply();
    }
    let answer = match (call.method.as_str(), path) {
        ("POST", ["ingest"]) => ingest::create(org, call, version),
        ("POST", ["query"]) => query::create(org, call, version),
        ("GET", [kind]) => Ok(list(org, kind)),
        (_, [kind, id, rest @ ..]) => match org.jobs.all.get(*id).filter(|job| job.is_query() == (*kind == "query")) {
            None => Err(Problem::not_found()),
            Some(_) => of_job(org, call, version, id, rest),
        },
        _ => Err(Problem::not_found()),
    };
    answer.unwrap_or_else(Reply::from)
}

fn list(org: &Org, kind: &str) -> Reply {
    let jobs = org.jobs.all.values().filter(|job| job.is_query() == (kind == "query"));
    let records: Vec<Json> = jobs.map(|job| job.shown(org)).collect();
    Reply::ok(json!({"done": true, "records": records, "nextRecordsUrl": null}))
}

fn of_job(org: &mut Org, call: &Call, version: &Version, id: &str, rest: &[&str]) -> Result<Reply, Problem> {
    let job = org.jobs.all.get(id).ok_or_else(Problem::not_found)?;
    let last = rest.first().map(|part| part.to_ascii_lowercase());
    match (call.method.as_str(), last.as_deref()) {
        ("GET", None) => Ok(Reply::ok(job.shown(org))),
        ("PATCH", None) => set_state(org, call, id),
        ("DELETE", None) => {
            if matches!(job.state, State::Open | State::InProgress) {
                return Err(wrong_state("Only jobs that are closed, completed, aborted or failed can be deleted"));
            }
            org.jobs.all.remove(id);
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        ("PUT", Some("batches")) => ingest::upload(org, call, id),
        ("GET", Some(results @ ("successfulresults" | "failedresults" | "unprocessedrecords"))) if !job.is_query() => {
            ingest::results(job, results)
        }
        ("GET", Some("results")) if job.is_query() => query::results(job, call, version),
        ("GET", Some("resultpages")) if job.is_query() && version.number >= 58 => {
            query::pages(job, call, version, org.options.result_page_rows)
        }
        _ => Err(Problem::not_found()),
    }
}

fn set_state(org: &mut Org, call: &Call, id: &str) -> Result<Reply, Problem> {
    let body = call.object()?;
    let wanted = body.get("state").and_then(Json::as_str).unwrap_or_default();
    let now = org.now();
    let job = org.jobs.all.get_mut(id).ok_or_else(Problem::not_found)?;
    let is_started = match (wanted, job.state) {
        ("UploadComplete", State::Open) => {
            job.state = State::UploadComplete;
            true
        }
        ("Aborted", State::Open | State::UploadComplete | State::InProgress) => {
            job.state = State::Aborted;
            false
        }
        _ => {
            let message = format!("Job cannot go from {} to {wanted}", job.state.name());
            return Err(wrong_state(&message));
        }
    };
    job.stamp = now;
    if is_started {
        org.jobs.started.push(id.to_owned());
    }
    let job = org.jobs.all.get(id).ok_or_else(Problem::not_found)?;
    Ok(Reply::ok(job.shown(org)))
}

/// Carries a job out.
pub(super) async fn work(shared: Weak<Mutex<Org>>, clock: Clock, id: String) {
    let with = |act: &mut dyn FnMut(&mut Org) -> Option<Duration>| -> Option<Duration> {
        let shared = shared.upgrade()?;
        let mut org = shared.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut org)
    };
    let Some(delay) = with(&mut |org| Some(Duration::from_millis(org.options.job_delay_millis))) else { return };
    clock.sleep(delay).await;
    let since = clock.elapsed();
    let mut task = None;
    let take_up = &mut |org: &mut Org| {
        task = start(org, &id);
        task.is_some().then_some(Duration::ZERO)
    };
    if with(take_up).is_none() {
        return;
    }
    let Some(mut task) = task else { return };
    loop {
        let wait = with(&mut |org| step(org, &id, &mut task, clock.elapsed().saturating_sub(since)));
        match wait {
            None => return,
            Some(wait) if wait.is_zero() => tokio::task::yield_now().await,
            Some(wait) => clock.sleep(wait).await,
        }
    }
}

/// Begins to carry a job out, unless it was aborted before.
fn start(org: &mut Org, id: &str) -> Option<Task> {
    let is_failing = org.draw(org.options.job_failures);
    let now = org.now();
    let job = org.jobs.all.get_mut(id).filter(|job| job.state == State::UploadComplete)?;
    job.state = State::InProgress;
    job.stamp = now;
    let begun = if job.is_query() { query::begin(org, id, is_failing) } else { ingest::begin(org, id, is_failing) };
    match begun {
        Ok(task) => Some(task),
        Err(message) => {
            end(org, id, Some(message));
            None
        }
    }
}

/// Does some of a job's work. Returns how long to wait before the next step; none when there is none.
fn step(org: &mut Org, id: &str, task: &mut Task, elapsed: Duration) -> Option<Duration> {
    org.jobs.all.get(id).filter(|job| job.state == State::InProgress)?;
    let more = match task {
        Task::Ingest(rows) => ingest::step(org, id, rows),
        Task::Query(rows) => query::step(org, id, rows),
    };
    match more {
        Ok(true) => {
            let done = org.jobs.all.get(id).map_or(0, |job| job.processed);
            let millis = done.saturating_mul(1_000) / org.options.job_rows_per_second.max(1);
            Some(Duration::from_millis(millis).saturating_sub(elapsed))
        }
        Ok(false) => {
            end(org, id, None);
            None
        }
        Err(message) => {
            end(org, id, Some(message));
            None
        }
    }
}

fn end(org: &mut Org, id: &str, error: Option<String>) {
    let now = org.now();
    if let Some(job) = org.jobs.all.get_mut(id) {
        job.state = if error.is_some() { State::Failed } else { State::JobComplete };
        job.error = error;
        job.stamp = now;
    }
}
