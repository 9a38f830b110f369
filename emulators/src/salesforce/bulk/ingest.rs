//! Jobs that write.

use axum::{body::Bytes, http::StatusCode};
use serde_json::Value as Json;

use super::{
    super::{
        collections::key_field,
        errors::Problem,
        ids::Id,
        org::{Manners, Org},
        reply::Reply,
        request::{Call, Version},
        write::{Cell, Column, Operation, Row, header, write},
    },
    csv::{Dialect, write_cell},
    job::{Done, Job, State, Task, Work},
    wrong_state,
};

/// Most bytes of an upload. Source: 150 MB after base64, so 100 MB as they are.
const MAX_UPLOAD: usize = 100 * 1024 * 1024;
/// Rows that are written at a time. Source: triggers run in chunks of 200.
const CHUNK: usize = 200;
/// Rows of a batch, whose records cannot refer to each other by their keys. Source: the vendor makes one per 10,000 rows.
const BATCH: u64 = 10_000;

/// The rows of an upload that are still to be written.
#[derive(Debug)]
pub(super) struct Rows {
    upload: Bytes,
    /// Where the next row begins.
    next: usize,
    columns: Vec<Option<Column>>,
    batch: u64,
    fails_at: Option<usize>,
    is_assigned: bool,
}

/// Makes a job.
pub(super) fn create(org: &mut Org, call: &Call, version: &Version) -> Result<Reply, Problem> {
    let body = call.object()?;
    let text = |name: &str| body.get(name).and_then(Json::as_str).unwrap_or_default();
    let invalid = |message: String| Problem::new("INVALIDJOB", message);
    let object = org.catalog.find(text("object")).ok_or_else(|| {
        Problem::new("INVALIDENTITY", format!("Entity '{}' is not supported by the Bulk API.", text("object")))
    })?;
    let key_name = text("externalIdFieldName");
    let (operation, key) = match text("operation") {
        "insert" => (Operation::Insert, None),
        "update" => (Operation::Update, None),
        "delete" => (Operation::Delete, None),
        "hardDelete" => (Operation::HardDelete, None),
        "upsert" if key_name.is_empty() => {
            return Err(invalid("External ID was blank for upsert operation".to_owned()));
        }
        "upsert" => {
            let key = key_field(org, object, key_name).map_err(|problem| invalid(problem.message))?;
            (Operation::Upsert(key), Some(org.object(object).field(key).spec.name.clone()))
        }
        other => return Err(invalid(format!("Invalid operation: {other}"))),
    };
    let dialect = Dialect::read(&body)?;
    let is_assigned = !text("assignmentRuleId").is_empty();
    let id = Id::new(*b"750", org.next_number()).to_string();
    let now = org.now();
    let job = Job {
        id: id.clone(),
        operation: text("operation").to_owned(),
        object,
        version: version.number,
        dialect,
        state: State::Open,
        created: now,
        stamp: now,
        processed: 0,
        failed: 0,
        error: None,
        work: Work::Ingest { operation, key, upload: None, done: Vec::new(), header: 0, is_assigned },
    };
    let shown = job.shown(org);
    org.jobs.all.insert(id, job);
    Ok(Reply::ok(shown))
}

/// Takes the rows of a job.
pub(super) fn upload(org: &mut Org, call: &Call, id: &str) -> Result<Reply, Problem> {
    let job = org.jobs.all.get_mut(id).ok_or_else(Problem::not_found)?;
    let is_open = job.state == State::Open;
    let Work::Ingest { upload, .. } = &mut job.work else { return Err(Problem::not_found()) };
    if !is_open || upload.is_some() {
        return Err(wrong_state(
            "Found multiple contents for job: the job takes one upload, and only while it is open",
        ));
    }
    if call.body.len() > MAX_UPLOAD {
        let problem = Problem::new("EXCEEDED_MAX_SIZE", "The upload is larger than 150 MB after base64");
        return Err(problem.with_status(StatusCode::PAYLOAD_TOO_LARGE));
    }
    *upload = Some(call.body.clone());
    Ok(Reply::empty(StatusCode::CREATED))
}

/// Reads the header of a job's upload.
pub(super) fn begin(org: &mut Org, id: &str, is_failing: bool) -> Result<Task, String> {
    let job = org.jobs.all.get(id).ok_or("InternalServerError : the job is gone")?;
    let Work::Ingest { upload, operation, is_assigned, .. } = &job.work else {
        return Err("InternalServerError : no upload".to_owned());
    };
    let (upload, operation, is_assigned) = (upload.clone().unwrap_or_default(), *operation, *is_assigned);
    let (object, dialect) = (job.object, job.dialect);
    if upload.starts_with(b"\xef\xbb\xbf") {
        let message = "InvalidBatch : Failed to parse CSV header: Found unescaped quote. A value with quote should be within a quote";
        return Err(message.to_owned());
    }
    let first_line = upload.iter().position(|byte| *byte == b'\n').unwrap_or(upload.len());
    let has_return = first_line > 0 && upload[first_line - 1] == b'\r';
    if first_line < upload.len() && has_return != dialect.is_crlf {
        let setting = dialect.line_ending_name();
        return Err(format!(
            "InvalidBatch : LineEnding is invalid on user data. Current LineEnding setting is {setting}"
        ));
    }
    let mut reader = reader(&upload, dialect);
    let mut names = csv::StringRecord::new();
    reader.read_record(&mut names).map_err(|error| format!("InvalidBatch : Failed to parse CSV header: {error}"))?;
    let names: Vec<String> = names.iter().map(str::to_owned).collect();
    let next = end_of_line(&upload, usize::try_from(reader.position().byte()).unwrap_or(upload.len()));
    let columns = if upload.is_empty() { Vec::new() } else { header(org, object, &names)? };
    let only_id = matches!(operation, Operation::Delete | Operation::HardDelete);
    if only_id && columns != [None] && !upload.is_empty() {
        return Err("InvalidBatch : The 'delete' batch must contain only ids".to_owned());
    }
    if let Some(job) = org.jobs.all.get_mut(id)
        && let Work::Ingest { header, .. } = &mut job.work
    {
        *header = next;
    }
    org.begin_batch();
    let fails_at = is_failing.then_some(next + (upload.len() - next) / 2);
    Ok(Task::Ingest(Rows { batch: org.batch, upload, next, columns, fails_at, is_assigned }))
}

/// Returns where a line ends. The reader stops between the two characters of a CRLF.
fn end_of_line(bytes: &[u8], end: usize) -> usize {
    let is_between = end > 0 && bytes.get(end - 1..=end) == Some(b"\r\n");
    end + usize::from(is_between)
}

fn reader(bytes: &[u8], dialect: Dialect) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(dialect.delimiter).from_reader(bytes)
}

/// Writes some rows. Returns whether there are more.
pub(super) fn step(org: &mut Org, id: &str, rows: &mut Rows) -> Result<bool, String> {
    let job = org.jobs.all.get(id).ok_or("InternalServerError : the job is gone")?;
    let (object, dialect, processed) = (job.object, job.dialect, job.processed);
    let Work::Ingest { operation, .. } = &job.work else { return Ok(false) };
    let operation = *operation;
    if rows.fails_at.is_some_and(|end| rows.next >= end) {
        return Err("InternalServerError : the job could not be completed".to_owned());
    }
    if processed > 0 && processed % BATCH == 0 {
        org.begin_batch();
        rows.batch = org.batch;
    }
    let (mut read, mut places) = (Vec::with_capacity(CHUNK), Vec::with_capacity(CHUNK));
    {
        let rest = rows.upload.slice(rows.next..);
        let mut reader = reader(&rest, dialect);
        let mut record = csv::StringRecord::new();
        let mut start = 0;
        while read.len() < CHUNK {
            let is_there = reader
                .read_record(&mut record)
                .map_err(|error| format!("InvalidBatch : Failed to parse CSV: {error}"))?;
            if !is_there {
                break;
            }
            let end = end_of_line(&rest, usize::try_from(reader.position().byte()).unwrap_or(usize::MAX));
            if record.len() != rows.columns.len() {
                let (has, wanted) = (record.len(), rows.columns.len());
                return Err(format!(
                    "InvalidBatch : Failed to parse CSV: a row has {has} columns, the header has {wanted}"
                ));
            }
            let place = |offset: usize| u32::try_from(offset + rows.next).unwrap_or(u32::MAX);
            places.push((place(start), place(end)));
            start = end;
            read.push(Ok(row(&rows.columns, &record)));
        }
    }
    let Some((_, end)) = places.last().copied() else { return Ok(false) };
    rows.next = usize::try_from(end).unwrap_or(usize::MAX);
    let others = std::mem::replace(&mut org.batch, rows.batch);
    org.manners = Manners { without_assignment: !rows.is_assigned, saves_duplicates: false };
    let outcomes = write(org, object, operation, &read);
    org.batch = others;
    let Some(job) = org.jobs.all.get_mut(id) else { return Ok(false) };
    job.processed += u64::try_from(outcomes.len()).unwrap_or(0);
    job.failed += u64::try_from(outcomes.iter().filter(|outcome| outcome.is_err()).count()).unwrap_or(0);
    if let Work::Ingest { done, .. } = &mut job.work {
        for (((start, end), outcome), row) in places.into_iter().zip(outcomes).zip(read) {
            let known = || row.ok().and_then(|row| Id::parse(row.id.as_deref()?));
            let outcome = match outcome {
                Ok(written) => Ok((written.id, written.created)),
                Err(problem) => Err((known(), problem.in_csv().into_boxed_str())),
            };
            done.push(Done { start, end, outcome });
        }
    }
    Ok(rows.next < rows.upload.len())
}

/// Reads a row: empty cells say nothing.
fn row(columns: &[Option<Column>], record: &csv::StringRecord) -> Row {
    let mut row = Row::default();
    for (column, cell) in columns.iter().zip(record.iter()) {
        if cell.is_empty() {
            continue;
        }
        match column {
            None => row.id = Some(cell.to_owned()),
            Some(column) => row.cells.push((column.clone(), Cell::Text(cell.to_owned()))),
        }
    }
    row
}

/// Shows what became of the rows, not in the order in which they came.
pub(super) fn results(job: &Job, which: &str) -> Result<Reply, Problem> {
    let Work::Ingest { upload, done, header, .. } = &job.work else { return Err(Problem::not_found()) };
    if matches!(job.state, State::Open | State::UploadComplete | State::InProgress) {
        return Err(wrong_state("The results are there once the job is complete, failed or aborted"));
    }
    let upload = upload.clone().unwrap_or_default();
    let line = |start: usize, end: usize| trimmed(upload.get(start..end).unwrap_or_default());
    let mut out = Vec::new();
    let mut put = |first: &[&str], rest: &[u8]| {
        for cell in first {
            write_cell(&mut out, cell);
            out.push(job.dialect.delimiter);
        }
        out.extend_from_slice(rest);
        out.extend_from_slice(job.dialect.line_ending());
    };
    let names = line(0, *header);
    let place = |offset: u32| usize::try_from(offset).unwrap_or(0);
    match which {
        "successfulresults" => {
            put(&["sf__Id", "sf__Created"], names);
            for it in done.iter().rev() {
                if let Ok((id, is_new)) = &it.outcome {
                    put(
                        &[&id.to_string(), if *is_new { "true" } else { "false" }],
                        line(place(it.start), place(it.end)),
                    );
                }
            }
        }
        "failedresults" => {
            put(&["sf__Id", "sf__Error"], names);
            for it in done.iter().rev() {
                if let Err((id, error)) = &it.outcome {
                    let id = id.map(|id| id.to_string()).unwrap_or_default();
                    put(&[&id, error], line(place(it.start), place(it.end)));
                }
            }
        }
        _ => {
            // A job that never began has not looked for its header yet.
            if *header > 0 {
                put(&[], names);
            }
            let next = done.last().map_or(*header, |it| place(it.end));
            out.extend_from_slice(upload.get(next..).unwrap_or_default());
        }
    }
    Ok(Reply::csv(out))
}

fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
