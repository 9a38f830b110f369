//! Loads dead letters again: as they are, or with what a person corrected.

use std::{collections::BTreeMap, sync::Arc};

use polars::frame::DataFrame;
use serde_json::Value as Json;

use crate::config::{OnMissing, Pipeline, Stream};
use crate::model::{ABSENT, DELETED, Field, FieldType, ID, Ledger, Rejection, Schema, Value, column};
use crate::state::{DeadLetter, DeadLetterKind, Run, RunKind, RunStatus, TargetStatus};
use crate::transform::{Rejected, Steps};

use super::{
    decide::prepare::Prepared,
    destination_run::DestinationRun,
    error::EngineError,
    read::{
        extract::Chunk,
        join_inputs::{Depth, read_join_inputs},
    },
    report::{RunReport, StreamReport, reason_reports},
    run::{Finished, new_run_id},
    setup::{Environment, Loader, frame_schema, transform_error},
    write::{
        bulk_buffer::BulkBuffer,
        commit::{ChunkTally, Originals, load_chunk, load_prepared},
        dispatch::Dispatch,
        flush::flush,
    },
};

/// What a person changed in a dead letter.
#[derive(Debug, Clone, Default)]
pub struct Correction {
    /// The record as the source gave it, corrected: it is mapped again. A JSON object.
    pub source: Option<Json>,
    /// The record as it is to be written: it is not mapped again. A JSON object by the destination's names.
    pub mapped: Option<Json>,
}

/// Which letter a correction belongs to: stream, connection, object and source id.
pub type LetterPlace = (String, String, String, String);

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
        ..run.clone()
    };
    let (old_id, begun) = (run.run_id.clone(), redrive.clone());
    let letters = environment
        .state
        .work(move |work| {
            work.start_run(&begun)?;
            work.dead_letters(&old_id)
        })
        .await?;
    environment.observer.run_started(&redrive.run_id);
    let mut groups: BTreeMap<(usize, usize), Vec<DeadLetter>> = BTreeMap::new();
    let is_record = |letter: &DeadLetter| letter.kind != DeadLetterKind::Link && !letter.source_id.is_empty();
    for letter in letters.into_iter().filter(is_record) {
        let is_named = corrections.is_none_or(|corrections| corrections.contains_key(&letter_place(&letter)));
        if let Some(config) = place_of(pipeline, &letter).filter(|_| is_named) {
            groups.entry(config).or_default().push(letter);
        }
    }
    let mut streams: Vec<StreamReport> = Vec::new();
    let mut failures = Vec::new();
    for ((stream_index, destination_index), letters) in groups {
        let stream = &pipeline.streams[stream_index];
        let done =
            redrive_group(environment, pipeline, stream, destination_index, letters, corrections, &redrive.run_id)
                .await;
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
                read: report.ledger.read,
                calls: 0,
                rate_limited: 0,
                error: None,
                destinations: vec![report],
            }),
        }
    }
    let status = if failures.is_empty() { RunStatus::Done } else { RunStatus::Failed };
    let (run_id, now) = (redrive.run_id.clone(), environment.context.clock().now());
    let reasons = environment
        .state
        .work(move |work| {
            work.finish_run(&run_id, status, now)?;
            work.reasons(&run_id)
        })
        .await?;
    let report =
        RunReport { run_id: redrive.run_id, status, is_resumed: false, streams, reasons: reason_reports(reasons) };
    Ok(Finished { report, failures })
}

/// Returns where a letter belongs.
pub fn letter_place(letter: &DeadLetter) -> LetterPlace {
    let target = &letter.target;
    (target.stream.to_string(), target.connection.to_string(), target.object.to_string(), letter.source_id.clone())
}

fn place_of(pipeline: &Pipeline, letter: &DeadLetter) -> Option<(usize, usize)> {
    let stream_index = pipeline.streams.iter().position(|stream| stream.name == letter.target.stream)?;
    let destination_index = pipeline.streams[stream_index]
        .destinations
        .iter()
        .position(|config| config.connection == letter.target.connection && config.object == letter.target.object)?;
    Some((stream_index, destination_index))
}

async fn redrive_group(
    environment: &Environment,
    pipeline: &Pipeline,
    stream: &Stream,
    destination_index: usize,
    letters: Vec<DeadLetter>,
    corrections: Option<&BTreeMap<LetterPlace, Correction>>,
    run_id: &str,
) -> Result<DestinationRun, EngineError> {
    let extraction = environment.connect_source(pipeline, stream)?;
    let described = extraction.source.describe(&stream.object).await;
    let declared = described.map_err(|error| EngineError::connector(&stream.connection, error))?;
    let inputs = read_join_inputs(environment, pipeline, stream, Depth::Described).await?.inputs;
    let steps = Steps::compile(&stream.transforms, &frame_schema(&declared), &inputs)
        .map_err(|error| transform_error(stream, error))?;
    let config = &stream.destinations[destination_index];
    let context = environment.context_of(&config.connection);
    let mut loader = environment.connect_destination(pipeline, stream, config, steps.output(), run_id, context).await?;
    if loader.is_replacing() {
        return Err(EngineError::Unsupported(format!(
            "`{}` is written anew by each run: correct the source and run the pipeline",
            config.object
        )));
    }
    // Whoever redrives a record that was deleted at the destination wants it there again.
    loader.policy.on_missing = OnMissing::Recreate;
    if loader.preparation.key.is_empty() {
        // Whoever redrives a record that may have been created has looked whether it was.
        loader.unsettled.clear();
    }
    let mut destination = DestinationRun::new(loader, destination_index, 0, run_id).await?;
    let mut source_rows = Vec::new();
    let mut mapped_rows = Vec::new();
    for letter in letters {
        let correction = corrections.and_then(|corrections| corrections.get(&letter_place(&letter)));
        let Correction { source, mapped } = correction.cloned().unwrap_or_default();
        if let Some(mapped) = mapped {
            mapped_rows.push((letter.source_id, mapped));
        } else {
            source_rows.push((letter.source_id, source.unwrap_or(letter.body.source)));
        }
    }
    match load_group(&destination.loader, steps.output(), source_rows, mapped_rows).await {
        Ok(ledger) => {
            destination.tally.ledger = ledger;
            destination.tally.status = TargetStatus::Done;
            destination.tally.chunk = u64::MAX;
            let (name, connection) = (pipeline.name.clone(), config.connection.to_string());
            environment.state.work(move |work| work.reopen_links(&name, &connection)).await?;
            if let Err(error) = super::close::links::close_links(&destination.loader).await {
                destination.fail(error);
            }
        }
        Err(error) => destination.fail(error),
    }
    destination.save(run_id, None).await?;
    Ok(destination)
}

async fn load_group(
    loader: &Loader,
    schema: &Schema,
    source_rows: Vec<(String, Json)>,
    mapped_rows: Vec<(String, Json)>,
) -> Result<Ledger, EngineError> {
    loader.settle_earlier().await?;
    let mut tally = ChunkTally::default();
    tally.ledger.read = u64::try_from(mapped_rows.len()).unwrap_or(u64::MAX);
    let empty = DataFrame::empty();
    let originals = Originals::new(&empty)?;
    let dispatch = Dispatch::new(loader, 1);
    let mut records = Vec::new();
    let mut rejects = Vec::new();
    for (source_id, mapped) in mapped_rows {
        match corrected_record(loader, &source_id, &mapped) {
            Ok(record) => records.push(record),
            Err(rejection) => {
                tally.ledger.read -= 1;
                rejects.push(Rejected { id: source_id, line: None, rejection, source: mapped });
            }
        }
    }
    let mut buffer = BulkBuffer::default();
    let records = records.into_iter().map(Arc::new).collect();
    load_prepared(loader, &dispatch, records, &originals, &mut tally, Some(&mut buffer)).await?;
    let read = u64::try_from(source_rows.len() + rejects.len()).unwrap_or(u64::MAX);
    let chunk = Chunk { frame: frame(schema, &source_rows)?, read, rejects, ..Chunk::default() };
    tally.ledger += load_chunk(loader, &chunk, 2, &mut buffer).await?.ledger;
    tally.ledger += flush(loader, &mut buffer, 2).await?.ledger;
    Ok(tally.ledger)
}

/// Turns a corrected mapped record into one to write; its values may be text (they come from a spreadsheet).
fn corrected_record(loader: &Loader, source_id: &str, mapped: &Json) -> Result<Prepared, Rejection> {
    let mut values = Vec::new();
    for field in loader.preparation.fields.iter() {
        let json = mapped.get(field.name.as_str()).unwrap_or(&Json::Null);
        let field_type = if field.link.is_some() { FieldType::Link } else { field.field_type };
        let value = Value::from_json(json, field_type).ok_or_else(|| {
            let reason = format!("`{}` takes {} values", field.name, field_type.as_str());
            Rejection::new("wrong_type", reason).at(&*field.name, json.to_string())
        })?;
        values.push(value);
    }
    // What a mapped record does not hold was to be kept, and still is.
    let names = loader.preparation.fields.iter().map(|field| field.name.to_string());
    let absent = names.filter(|name| mapped.get(name).is_none()).collect();
    Ok(loader.preparation.record(source_id.to_owned(), false, values, &absent))
}

/// Builds the frame of records as the source gave them. A value that does not fit becomes null and is told by the mapping.
fn frame(schema: &Schema, rows: &[(String, Json)]) -> Result<DataFrame, EngineError> {
    let values_of = |field: &Field| -> Vec<Value> {
        let value = |(source_id, row): &(String, Json)| match &*field.name {
            ID => Value::Text(source_id.clone()),
            DELETED => Value::Boolean(false),
            name => {
                let json = row.get(name).unwrap_or(&Json::Null);
                Value::from_json(json, field.field_type).unwrap_or_default()
            }
        };
        rows.iter().map(value).collect()
    };
    let columns = schema.fields.iter().map(|field| column(&field.name, field.field_type, &values_of(field)));
    let mut columns = columns.collect::<Result<Vec<_>, _>>()?;
    if rows.iter().any(|(_, row)| row.get(ABSENT).is_some()) {
        let absent = |(_, row): &(String, Json)| {
            row.get(ABSENT).and_then(|names| Value::from_json(names, FieldType::MultiChoice)).unwrap_or_default()
        };
        columns.push(column(ABSENT, FieldType::MultiChoice, &rows.iter().map(absent).collect::<Vec<_>>())?);
    }
    Ok(DataFrame::new(rows.len(), columns)?)
}
