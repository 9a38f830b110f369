//! Loads dead letters again: as they are, or with what a person corrected.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use polars::frame::DataFrame;
use serde_json::Value as Json;

use crate::config::{OnMissing, Pipeline};
use crate::model::{ABSENT, DELETED, Field, FieldType, ID, Ledger, Rejection, Schema, Value, column};
use crate::state::{AttemptEnd, Changes, DeadLetter, DeadLetterKind, Link, Run, RunKind, RunStatus, TargetStatus};
use crate::transform::Rejected;

use super::{
    accounts::{RunAccounts, RunIdentity},
    close::links::{LINK_SEPARATOR, close_links},
    decide::prepare::Prepared,
    destination_run::DestinationRun,
    environment::Environment,
    error::EngineError,
    place::Finished,
    read::extract::Chunk,
    reconnect::{Place, Reconnected, place_of, reconnect},
    report::{RunReport, StreamReport, links_refused, reason_reports},
    run::new_run_id,
    setup::Loader,
    write::{
        bulk_buffer::BulkBuffer,
        chunk::{load_chunk, load_prepared},
        dispatch::Dispatch,
        execute::{ChunkTally, Numbers},
        flush::flush,
        letters::Originals,
    },
};

/// What a person changed in a dead letter.
#[derive(Debug, Clone, Default)]
pub struct Correction {
    /// The record as the source gave it, corrected: it is mapped again. A JSON object.
    pub source: Option<Json>,
    /// The record to write: it is not mapped again. A JSON object by the destination's names.
    pub mapped: Option<Json>,
}

/// Which letter a correction belongs to: stream, connection, object, source id and the record's number in the read.
pub type LetterPlace = (String, String, String, String, u64);

/// Loads the open dead letters of a run again, as a run of its own. With `corrections`, only those that are named there.
///
/// # Errors
/// Fails when the state file cannot be used; what fails in a single destination is in [`Finished::failures`].
pub async fn redrive(
    environment: &Environment,
    pipeline: &Pipeline,
    run: &Run,
    corrections: Option<&BTreeMap<LetterPlace, Correction>>,
) -> Result<Finished, EngineError> {
    let now = environment.context.clock().now();
    let redrive = Run {
        run_id: new_run_id(pipeline, now),
        kind: RunKind::Redrive,
        status: RunStatus::Running,
        started_at: now,
        finished_at: None,
        undone_run: None,
        ..run.clone()
    };
    let state = &environment.state;
    let letters = state.letters(&run.run_id).await?.open;
    let mut groups: BTreeMap<Place, Vec<DeadLetter>> = BTreeMap::new();
    // A correction is one of a record; a link is tried again as it is.
    let is_loaded = |letter: &DeadLetter| {
        !letter.source_id.is_empty() && (letter.kind != DeadLetterKind::Link || corrections.is_none())
    };
    for letter in letters.into_iter().filter(is_loaded) {
        let is_named = corrections.is_none_or(|corrections| corrections.contains_key(&letter_place(&letter)));
        if let Some(config) = place_of(pipeline, &letter.target).filter(|_| is_named) {
            groups.entry(config).or_default().push(letter);
        }
    }
    let redriven = groups.keys().map(|(stream_index, _)| &pipeline.streams[*stream_index]);
    let accounts = RunAccounts::learn(environment, pipeline, redriven).await?;
    for ((stream_index, _), letters) in &groups {
        accounts.check_letters(&run.run_id, &pipeline.streams[*stream_index], letters)?;
    }
    let attempt = state.start_attempt(redrive.clone(), now).await?;
    environment.observer.run_started(&redrive.run_id);
    accounts.note(environment, pipeline).await?;
    let identity = RunIdentity { id: &redrive.run_id, accounts: &accounts, review: None };
    let mut streams: Vec<StreamReport> = Vec::new();
    let mut failures = Vec::new();
    for (place, letters) in groups {
        let stream = &pipeline.streams[place.0];
        let group = Group { environment, pipeline, corrections, run: identity, old_id: &run.run_id };
        let done = group.redrive(place, letters).await;
        let mut destination = match done {
            Ok(destination) => destination,
            Err(error) => {
                failures.push(error);
                continue;
            }
        };
        let report = destination.report().await?;
        failures.extend(destination.failure.take());
        match streams.iter_mut().find(|known| known.name == stream.name) {
            Some(known) => known.destinations.push(report),
            None => streams.push(StreamReport {
                name: stream.name.clone(),
                source_account: accounts.known(&stream.connection).map(|account| account.id().to_owned()),
                read: report.ledger.read,
                calls: 0,
                rate_limited: 0,
                quota: None,
                error: None,
                destinations: vec![report],
            }),
        }
    }
    let status = if failures.is_empty() { RunStatus::Done } else { RunStatus::Failed };
    let errors = failures.iter().map(EngineError::of_attempt).collect();
    let end = AttemptEnd { status, now: environment.context.clock().now(), errors };
    state.finish_attempt(&redrive.run_id, attempt, end).await?;
    let reasons = state.reasons(&redrive.run_id).await?;
    let report = RunReport {
        run_id: redrive.run_id,
        status,
        is_resumed: false,
        streams,
        reasons: reason_reports(&reasons),
        links_refused: links_refused(&reasons),
        schema_changes: Vec::new(),
        earlier_rejects: 0,
        attempts: None,
    };
    Ok(Finished { report, failures, attempt })
}

/// Returns where a letter belongs.
pub fn letter_place(letter: &DeadLetter) -> LetterPlace {
    let target = &letter.target;
    let (stream, connection) = (target.stream.to_string(), target.connection.to_string());
    (stream, connection, target.object.to_string(), letter.source_id.clone(), letter.number)
}

/// The letters of one target, and how they are loaded again.
#[derive(Clone, Copy)]
struct Group<'a> {
    environment: &'a Environment,
    pipeline: &'a Pipeline,
    corrections: Option<&'a BTreeMap<LetterPlace, Correction>>,
    run: RunIdentity<'a>,
    /// The run that left the letters.
    old_id: &'a str,
}

/// A record to load again, with the number of its letter.
struct Again {
    source_id: String,
    number: u64,
    record: Json,
}

impl Group<'_> {
    async fn redrive(self, place: Place, letters: Vec<DeadLetter>) -> Result<DestinationRun, EngineError> {
        let Self { environment, pipeline, corrections, run, old_id } = self;
        let (stream_index, destination_index) = place;
        let config = &pipeline.streams[stream_index].destinations[destination_index];
        let reconnected = reconnect(environment, pipeline, place, run).await?;
        let Reconnected { mut loader, schema, .. } = reconnected;
        if loader.is_replacing() {
            return Err(EngineError::Unsupported(format!(
                "`{}` is written anew by each run: correct the source and run the pipeline",
                config.object
            )));
        }
        // A redriven record that was deleted at the destination is wanted there again.
        loader.policy.on_missing = OnMissing::Recreate;
        if loader.shape.preparation.key.is_empty() {
            // Before a redrive, a person has checked whether the record was created.
            loader.earlier.unsettled.clear();
            loader.earlier.own_unsettled.clear();
        }
        loader.target.redriven_run = Some(old_id.to_owned());
        let mut destination = DestinationRun::new(loader, destination_index, 0);
        let (links, letters): (Vec<DeadLetter>, Vec<DeadLetter>) =
            letters.into_iter().partition(|letter| letter.kind == DeadLetterKind::Link);
        let mut source_rows = Vec::new();
        let mut mapped_rows = Vec::new();
        for letter in letters {
            let correction = corrections.and_then(|corrections| corrections.get(&letter_place(&letter)));
            let Correction { source, mapped } = correction.cloned().unwrap_or_default();
            let DeadLetter { source_id, number, body, .. } = letter;
            match (mapped, source) {
                (Some(record), _) => mapped_rows.push(Again { source_id, number, record }),
                (None, source) => source_rows.push(Again { source_id, number, record: source.unwrap_or(body.source) }),
            }
        }
        let given = u64::try_from(source_rows.len() + mapped_rows.len()).unwrap_or(u64::MAX);
        let mut tally = ChunkTally::default();
        let ended = load_group(&destination.loader, &schema, source_rows, mapped_rows, &mut tally).await;
        // Where it was cut short, read are those records whose fate is known.
        let read = if ended.is_ok() { given } else { tally.ledger.accounted() };
        destination.tally.ledger = Ledger { read, ..tally.ledger };
        destination.tally.chunk = u64::MAX;
        match ended {
            Ok(()) => {
                destination.tally.status = TargetStatus::Done;
                reopen(&destination.loader, links).await?;
                environment.state.reopen_links(&pipeline.name, vec![config.connection.to_string()]).await?;
                if let Err(error) = close_links(&destination.loader).await {
                    destination.fail(error);
                }
            }
            Err(error) => destination.fail(error),
        }
        destination.loader.end_writing(destination.failure.is_some()).await?;
        destination.save(run.id, None).await?;
        Ok(destination)
    }
}

/// Lets links that were refused wait again: they are set with those that wait.
async fn reopen(loader: &Loader, letters: Vec<DeadLetter>) -> Result<(), EngineError> {
    let fields = &loader.shape.preparation.fields;
    let link = |letter: DeadLetter| {
        let field = letter.field?;
        let stream = fields.iter().find(|known| *known.name == *field)?.link.as_ref()?.to_string();
        let linked_ids = letter.body.value?.split(LINK_SEPARATOR).map(str::to_owned).collect();
        Some(Link { source_id: letter.source_id, field, stream, linked_ids, linked: 0 })
    };
    let reopened: Vec<Link> = letters.into_iter().filter_map(link).collect();
    if reopened.is_empty() {
        return Ok(());
    }
    let place = Dispatch::new(loader, 0).place();
    Ok(loader.services.state.commit(place, Changes { reopened, ..Changes::default() }).await?)
}

async fn load_group(
    loader: &Loader,
    schema: &Schema,
    source_rows: Vec<Again>,
    mapped_rows: Vec<Again>,
    tally: &mut ChunkTally,
) -> Result<(), EngineError> {
    loader.settle_earlier().await?;
    let mut records = Vec::new();
    let mut rejects = Vec::new();
    let mut numbers = HashMap::new();
    for Again { source_id, number, record } in mapped_rows {
        match corrected_record(loader, &source_id, &record) {
            Ok(prepared) => records.push(Arc::new(Prepared { number, ..prepared })),
            Err(rejection) => {
                numbers.insert(source_id.clone(), number);
                rejects.push(Rejected { id: source_id, has_id: true, line: None, rejection, source: record });
            }
        }
    }
    let mut buffer = BulkBuffer::default();
    let originals = Originals::of_frame(&DataFrame::empty())?;
    load_prepared(&Dispatch::new(loader, 1), records, &originals, tally, Some(&mut buffer)).await?;
    tally.numbers = Numbers::OfLetters(numbers);
    let chunk = Chunk { rejects, ..Chunk::default() };
    load_chunk(&Dispatch::new(loader, 1), &chunk, tally, &mut buffer).await?;
    let mut number = 1;
    for turn in turns(source_rows) {
        number += 1;
        tally.numbers = Numbers::OfLetters(turn.iter().map(|row| (row.source_id.clone(), row.number)).collect());
        let chunk = Chunk { frame: frame(schema, &turn)?, ..Chunk::default() };
        load_chunk(&Dispatch::new(loader, number), &chunk, tally, &mut buffer).await?;
    }
    flush(loader, &mut buffer, number, tally).await
}

/// Sorts records into turns, each of which has a source id once: several letters may be about records with one id.
fn turns(rows: Vec<Again>) -> Vec<Vec<Again>> {
    let mut turns: Vec<Vec<Again>> = Vec::new();
    let mut counts: HashMap<String, usize> = HashMap::new();
    for row in rows {
        let turn = counts.entry(row.source_id.clone()).or_default();
        if *turn == turns.len() {
            turns.push(Vec::new());
        }
        if let Some(rows) = turns.get_mut(*turn) {
            rows.push(row);
        }
        *turn += 1;
    }
    turns
}

/// Turns a corrected mapped record into one to write; its values may be text (they come from a spreadsheet).
fn corrected_record(loader: &Loader, source_id: &str, mapped: &Json) -> Result<Prepared, Rejection> {
    let mut values = Vec::new();
    for field in loader.shape.preparation.fields.iter() {
        let json = mapped.get(field.name.as_str()).unwrap_or(&Json::Null);
        let field_type = if field.link.is_some() { FieldType::Link } else { field.field_type };
        let value = Value::from_json(json, field_type).ok_or_else(|| {
            let reason = format!("`{}` takes {} values", field.name, field_type.as_str());
            Rejection::new("wrong_type", reason).at(&*field.name, json.to_string())
        })?;
        values.push(value);
    }
    // What a mapped record does not hold was to be kept, and still is.
    let names = loader.shape.preparation.fields.iter().map(|field| field.name.to_string());
    let absent = names.filter(|name| mapped.get(name).is_none()).collect();
    Ok(loader.shape.preparation.record(source_id.to_owned(), false, values, &absent))
}

/// Builds the frame of records as the source gave them. A value that does not fit becomes null and is told by the mapping.
fn frame(schema: &Schema, rows: &[Again]) -> Result<DataFrame, EngineError> {
    let values_of = |field: &Field| -> Vec<Value> {
        let value = |row: &Again| match &*field.name {
            ID => Value::Text(row.source_id.clone()),
            DELETED => Value::Boolean(false),
            name => {
                let json = row.record.get(name).unwrap_or(&Json::Null);
                Value::from_json(json, field.field_type).unwrap_or_default()
            }
        };
        rows.iter().map(value).collect()
    };
    let columns = schema.fields.iter().map(|field| column(&field.name, field.field_type, &values_of(field)));
    let mut columns = columns.collect::<Result<Vec<_>, _>>()?;
    if rows.iter().any(|row| row.record.get(ABSENT).is_some()) {
        let absent = |row: &Again| {
            row.record.get(ABSENT).and_then(|names| Value::from_json(names, FieldType::MultiChoice)).unwrap_or_default()
        };
        columns.push(column(ABSENT, FieldType::MultiChoice, &rows.iter().map(absent).collect::<Vec<_>>())?);
    }
    Ok(DataFrame::new(rows.len(), columns)?)
}
