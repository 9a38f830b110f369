//! `ferry redrive`: loads dead letters again, as they are or as they were corrected in a file.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use serde_json::{Map, Value as Json};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::engine::{self, Correction, Environment, LetterPlace};
use crate::state::{DeadLetter, LeaseName, State};

use super::{
    audit,
    exit::{Exit, Failure},
    load::load,
    rejects::{MAPPED_PREFIX, SOURCE_PREFIX, WAITING, cell_text},
    run::{observer, show},
    runs::find_run,
    signals::Signals,
    tokens::StateTokens,
    workspace::{Workspace, context},
};

pub(super) async fn redrive(
    workspace: &Workspace,
    run_id: &str,
    from: Option<&Path>,
    clock_speed: f64,
) -> Result<Exit, Failure> {
    let state = workspace.find_state()?;
    let run = find_run(&state, run_id)?;
    let corrections = from.map(|file| read_corrections(&state, &run.run_id, file)).transpose()?;
    let pipeline = load(workspace, &run.file)?;
    let clock = Clock::accelerated(clock_speed);
    let name = LeaseName::Run { pipeline: pipeline.name.clone() };
    let _lease = state.take_lease(name, &pipeline.name, clock.now()).await?;
    let shutdown = CancellationToken::new();
    let signals = Signals::listen(shutdown.clone(), workspace.output);
    let tokens = Arc::new(StateTokens(state.clone()));
    let mut context = context(clock, &pipeline.base_dir, tokens, shutdown, pipeline.limits.requests_per_sec)?;
    let audit = audit::attach(workspace, &pipeline, &mut context)?;
    let observer = audit.observer(observer(workspace.output));
    let environment = Environment { registry: workspace.registry.clone(), context, state, observer };
    let finished = engine::redrive(&environment, &pipeline, &run, corrections.as_ref()).await?;
    show(workspace, &finished, &run.file)?;
    audit.finish()?;
    Ok(Exit::of_run(&finished, signals.number()))
}

/// Reads what `ferry rejects` printed and a person corrected. A record whose `mapped.` columns were changed is written as they
/// say; otherwise its `source.` columns are mapped again.
fn read_corrections(state: &State, run_id: &str, file: &Path) -> Result<BTreeMap<LetterPlace, Correction>, Failure> {
    let wrong = |reason: String| {
        Failure::new(Exit::Usage, "redrive.file", format!("`{}` cannot be read: {reason}", file.display()))
            .with_hint("it must be what `ferry rejects` printed, as CSV or JSON, with all its columns")
    };
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let rows = if text.trim_start().starts_with('{') { json_rows(&text) } else { csv_rows(&text) }.map_err(wrong)?;
    let (letters, answered) =
        state.work_now(|work| Ok((work.dead_letters(run_id)?, work.answered_letters(run_id)?)))?;
    let answered: BTreeSet<LetterPlace> = answered.iter().map(engine::letter_place).collect();
    let by_place: BTreeMap<LetterPlace, &DeadLetter> =
        letters.iter().map(|letter| (engine::letter_place(letter), letter)).collect();
    let mut corrections = BTreeMap::new();
    for (place, source, mapped) in rows {
        let Some(letter) = by_place.get(&place) else {
            if answered.contains(&place) {
                // A redrive that was stopped has loaded it already.
                continue;
            }
            let (stream, _, _, source_id) = place;
            return Err(wrong(format!("run `{run_id}` has no open dead letter `{source_id}` of stream `{stream}`")));
        };
        let changed = |original: &Json, corrected: &Json| -> Option<Json> {
            let corrected = corrected.as_object()?;
            let is_changed = corrected
                .iter()
                .any(|(name, value)| cell_text(value) != original.get(name).map_or_else(String::new, cell_text));
            is_changed.then(|| Json::Object(corrected.clone()))
        };
        let correction =
            Correction { source: changed(&letter.body.source, &source), mapped: changed(&letter.body.mapped, &mapped) };
        corrections.insert(place, correction);
    }
    Ok(corrections)
}

type Row = (LetterPlace, Json, Json);

fn json_rows(text: &str) -> Result<Vec<Row>, String> {
    let file: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let letters = file.get("rejects").and_then(Json::as_array).ok_or("it has no list `rejects`")?;
    let word = |letter: &Json, name: &str| -> Result<String, String> {
        letter.get(name).and_then(Json::as_str).map(str::to_owned).ok_or_else(|| format!("a record has no `{name}`"))
    };
    letters
        .iter()
        .filter(|letter| letter["kind"] != WAITING)
        .map(|letter| {
            let place = (
                word(letter, "stream")?,
                word(letter, "connection")?,
                word(letter, "object")?,
                word(letter, "source_id")?,
            );
            Ok((place, letter["source"].clone(), letter["mapped"].clone()))
        })
        .collect()
}

fn csv_rows(text: &str) -> Result<Vec<Row>, String> {
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let position = |name: &str| {
        header.iter().position(|column| column == name).ok_or_else(|| format!("it has no column `{name}`"))
    };
    let columns = [position("stream")?, position("connection")?, position("object")?, position("source_id")?];
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let cell = |index: usize| record.get(index).unwrap_or_default().to_owned();
        if position("kind").is_ok_and(|kind| cell(kind) == WAITING) {
            continue;
        }
        let part = |prefix: &str| -> Json {
            let cells = header.iter().zip(record.iter()).filter_map(|(column, cell)| {
                let name = column.strip_prefix(prefix)?;
                Some((name.to_owned(), if cell.is_empty() { Json::Null } else { Json::from(cell) }))
            });
            Json::Object(cells.collect::<Map<_, _>>())
        };
        let place = (cell(columns[0]), cell(columns[1]), cell(columns[2]), cell(columns[3]));
        rows.push((place, part(SOURCE_PREFIX), part(MAPPED_PREFIX)));
    }
    Ok(rows)
}
