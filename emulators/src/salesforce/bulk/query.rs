//! Jobs that read.

use axum::http::StatusCode;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value as Json, json};

use super::{
    super::{
        errors::Problem,
        ids::Id,
        org::Org,
        reply::Reply,
        request::{Call, Version},
        soql::{csv_cells, csv_header, find, plan},
    },
    csv::Dialect,
    job::{Job, QueryRows, State, Task, Work},
    wrong_state,
};

/// Records that are shown at a time.
const CHUNK: usize = 1_000;
/// Result pages that one answer lists. Source: parallel results guide.
const PAGES: usize = 5;

/// Makes a job; it begins at once.
pub(super) fn create(org: &mut Org, call: &Call, version: &Version) -> Result<Reply, Problem> {
    let body = call.object()?;
    let text = |name: &str| body.get(name).and_then(Json::as_str).unwrap_or_default();
    let operation = text("operation");
    let with_deleted = match operation {
        "query" => false,
        "queryAll" => true,
        other => return Err(Problem::new("INVALIDJOB", format!("Invalid operation: {other}"))),
    };
    let dialect = Dialect::read(&body)?;
    let query = plan(org, text("query"), with_deleted)?;
    if let Some(objection) = query.bulk_objection() {
        return Err(Problem::new("API_ERROR", objection));
    }
    let id = Id::new(*b"750", org.next_number()).to_string();
    let now = org.now();
    let job = Job {
        id: id.clone(),
        operation: operation.to_owned(),
        object: query.object,
        version: version.number,
        dialect,
        state: State::UploadComplete,
        created: now,
        stamp: now,
        processed: 0,
        failed: 0,
        error: None,
        work: Work::Query {
            query: Box::new(query),
            text: text("query").to_owned(),
            rows: Vec::new(),
            ends: Vec::new(),
        },
    };
    let shown = job.shown(org);
    org.jobs.all.insert(id.clone(), job);
    org.jobs.started.push(id);
    Ok(Reply::ok(shown))
}

/// Finds the records of a job. They come in no order unless the query asks for one.
pub(super) fn begin(org: &Org, id: &str, is_failing: bool) -> Result<Task, String> {
    let gone = || "InternalServerError : the job is gone".to_owned();
    let job = org.jobs.all.get(id).ok_or_else(gone)?;
    let Work::Query { query, text, .. } = &job.work else { return Err(gone()) };
    let mut ids = find(org, query);
    let words = text.to_ascii_lowercase();
    if !words.contains("order by") && !words.contains("limit") {
        let half = ids.len() / 2;
        ids.rotate_left(half);
    }
    let fails_at = is_failing.then_some(ids.len() / 2);
    Ok(Task::Query(QueryRows { ids, next: 0, fails_at }))
}

/// Shows some records. Returns whether there are more.
pub(super) fn step(org: &mut Org, id: &str, task: &mut QueryRows) -> Result<bool, String> {
    if task.fails_at.is_some_and(|end| task.next >= end) {
        return Err("InternalServerError : the job could not be completed".to_owned());
    }
    let end = (task.next + CHUNK).min(task.ids.len());
    let Some(job) = org.jobs.all.get(id) else { return Ok(false) };
    let (Work::Query { query, .. }, dialect) = (&job.work, job.dialect) else { return Ok(false) };
    let lines: Vec<Vec<String>> = task.ids[task.next..end].iter().filter_map(|id| csv_cells(org, query, *id)).collect();
    task.next = end;
    let Some(job) = org.jobs.all.get_mut(id) else { return Ok(false) };
    let Work::Query { rows, ends, .. } = &mut job.work else { return Ok(false) };
    for line in &lines {
        dialect.write_line(rows, line);
        ends.push(rows.len());
    }
    job.processed += u64::try_from(lines.len()).unwrap_or(0);
    Ok(task.next < task.ids.len())
}

fn locator(row: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("r{row}"))
}

fn row_of(locator: &str) -> Option<usize> {
    let text = URL_SAFE_NO_PAD.decode(locator).ok()?;
    std::str::from_utf8(&text).ok()?.strip_prefix('r')?.parse().ok()
}

fn finished(job: &Job, version: &Version) -> Result<(), Problem> {
    if job.version != version.number {
        let message = format!("The job was created with version {}.0 of the API: use the same to read it", job.version);
        return Err(Problem::new("VERSION_CONFLICT", message).with_status(StatusCode::CONFLICT));
    }
    if job.state == State::JobComplete { Ok(()) } else { Err(wrong_state("The job is not complete")) }
}

/// Shows a page of results, with the header that every page repeats.
pub(super) fn results(job: &Job, call: &Call, version: &Version) -> Result<Reply, Problem> {
    finished(job, version)?;
    let Work::Query { query, rows, ends, .. } = &job.work else { return Err(Problem::not_found()) };
    let invalid = || Problem::new("INVALID_QUERY_LOCATOR", "Invalid locator");
    let start = match call.parameter("locator").filter(|it| !it.is_empty()) {
        Some(locator) => row_of(locator).filter(|row| *row <= ends.len()).ok_or_else(invalid)?,
        None => 0,
    };
    let asked = call.parameter("maxRecords").map(|text| text.parse::<usize>().ok().filter(|max| *max > 0));
    let wrong = || Problem::new("INVALID_ARGUMENT", "maxRecords has to be a positive number");
    let max = match asked {
        Some(asked) => asked.ok_or_else(wrong)?,
        None => PAGE_ROWS,
    };
    let end = start.saturating_add(max).min(ends.len());
    let byte = |row: usize| if row == 0 { 0 } else { ends[row - 1] };
    let mut out = Vec::with_capacity(byte(end) - byte(start) + 200);
    job.dialect.write_line(&mut out, &csv_header(query));
    out.extend_from_slice(&rows[byte(start)..byte(end)]);
    let next = if end < ends.len() { locator(end) } else { "null".to_owned() };
    Ok(Reply::csv(out).with("sforce-locator", next).with("sforce-numberofrecords", (end - start).to_string()))
}

/// Rows of a page when a request does not say. Source: left to the vendor; chosen here.
pub(super) const PAGE_ROWS: usize = 50_000;

/// Lists pages of results that can be read side by side.
pub(super) fn pages(job: &Job, call: &Call, version: &Version, page_rows: u64) -> Result<Reply, Problem> {
    finished(job, version)?;
    let Work::Query { ends, .. } = &job.work else { return Err(Problem::not_found()) };
    let page_rows = usize::try_from(page_rows).unwrap_or(PAGE_ROWS).max(1);
    let start = call.parameter("locator").and_then(row_of).unwrap_or(0);
    let resource = format!("{}/jobs/query/{}", version.base, job.id);
    let starts: Vec<usize> = (start..ends.len().max(1)).step_by(page_rows).take(PAGES).collect();
    let url = |row: &usize| json!({"resultUrl": format!("{resource}/results?locator={}&maxRecords={page_rows}", locator(*row))});
    let next = starts.last().map_or(0, |last| last + page_rows);
    let mut body = json!({"resultPages": starts.iter().map(url).collect::<Vec<_>>(), "done": next >= ends.len()});
    if next < ends.len() {
        body["nextRecordUrl"] = Json::from(format!("{resource}/resultPages?locator={}", locator(next)));
    }
    Ok(Reply::ok(body))
}
