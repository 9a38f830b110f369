//! A mark is planted in every place that can hold it, and searched for in the file's bytes and behind every seal.

use std::{collections::HashSet, path::Path};

use rusqlite::params;
use serde_json::json;

use crate::model::{FieldName, Fields, Ledger, Value};
use crate::state::{
    AttemptEnd, AttemptError, Before, Changes, Checkpoint, DeadLetter, DeadLetterKind, Duplicate, ImageKind, Intent,
    LetterBody, NewImage, Notice, OpenTarget, RecordKey, RunStatus, Seal, TargetLedger, WrittenRecord,
    tests::{
        HELD_CODE, at, cursor, in_memory, known, ledger, letter, link, opened, place, run, save, target, texts, written,
    },
};

use super::{
    sealed::{CLEAR, COLUMNS, HASHES},
    *,
};

const MARK: &str = "mark.4711@example.test";
const KEY: u128 = 41;
const OTHER: &str = "other@example.test";

fn person() -> Person {
    Person::Email { address: format!(" {}", MARK.to_uppercase()), key_hashes: vec![KEY] }
}

fn record(stream: &str, source_id: &str) -> Person {
    Person::Record { pipeline: "p".to_owned(), stream: stream.to_owned(), source_id: source_id.to_owned() }
}

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(name, value)| (FieldName::new(*name), Value::Text((*value).to_owned()))).collect()
}

fn image(source_id: &str, destination_id: &str, wrote: Fields) -> NewImage {
    let source = RecordKey::Id(source_id.to_owned());
    NewImage {
        source,
        destination_id: destination_id.to_owned(),
        kind: ImageKind::Updated,
        before: Some(fields(&[("note", "x")])),
        wrote,
    }
}

fn duplicate(source_id: &str, survivor: &str) -> Duplicate {
    Duplicate { source_id: source_id.to_owned(), survivor: RecordKey::Id(survivor.to_owned()) }
}

async fn commit(state: &State, target: TargetId, changes: Changes) {
    state.commit(place(target, "run_1"), changes).await.unwrap();
}

async fn execute(state: &State, sql: &'static str, mark: &'static str) {
    state.write(move |work| Ok(work.transaction.execute(sql, params![mark])?)).await.unwrap();
}

/// Plants the mark in every place, each time beside something of another person.
async fn plant(state: &State) -> TargetId {
    state.start_attempt(run("run_1"), at(0)).await.unwrap();
    let target_id = opened(state, "contacts").await;
    let own = WrittenRecord { links: Some(vec![link(MARK, &[OTHER], 0)]), ..written(MARK, "rec1", KEY) };
    let linked = WrittenRecord { links: Some(vec![link(OTHER, &[MARK, "7"], 2)]), ..written(OTHER, "rec2", 2) };
    let body = LetterBody {
        reason: format!("<{MARK}> is refused"),
        value: Some(MARK.to_owned()),
        source: json!({ "email": MARK }),
        ..LetterBody::default()
    };
    let letters = vec![
        DeadLetter { body, ..letter("run_1", MARK, 1, DeadLetterKind::Held) },
        letter("run_1", OTHER, 2, DeadLetterKind::Rejected),
    ];
    let images =
        vec![image(MARK, "rec1", fields(&[("email", MARK)])), image(OTHER, "rec2", fields(&[("email", OTHER)]))];
    let duplicates = vec![duplicate("twin", MARK), duplicate(&format!("2: {MARK}"), MARK)];
    let merged = vec![duplicate("twin", MARK)];
    commit(
        state,
        target_id,
        Changes { written: vec![own, linked], letters, images, duplicates, merged, ..Changes::default() },
    )
    .await;
    plant_work(state, target_id).await;
    plant_names(state).await;
    target_id
}

/// Plants it in what a run leaves under way, and in what it ends with.
async fn plant_work(state: &State, target_id: TargetId) {
    let before = vec![Some(Before { destination_id: None, fields: fields(&[("email", MARK)]) }), None];
    let source_ids = texts(&[MARK, OTHER]);
    let intent = Intent { run_id: "run_1".to_owned(), operation: "insert".to_owned(), source_ids, before };
    state.save_intents(target_id, vec![intent], at(0)).await.unwrap();
    let begun = TargetLedger { start_cursor: Some(cursor(MARK)), ..ledger(target("contacts"), Ledger::default()) };
    let checkpoint =
        Checkpoint { run_id: "run_1".to_owned(), cursor: cursor(MARK), chunk: 1, saved_at: at(1), number: 0 };
    state.save_progress(target_id, "run_1", begun, Some(checkpoint)).await.unwrap();
    let error = AttemptError {
        code: "code".to_owned(),
        message: format!("{MARK} is refused"),
        hint: None,
        request_id: None,
        wait: None,
    };
    let end = AttemptEnd { status: RunStatus::Failed, now: at(2), errors: vec![error] };
    state.finish_attempt("run_1", 1, end).await.unwrap();
    let notice = Notice { to: format!("mail {MARK}"), error: None };
    state.note_notices("run_1", 1, vec![notice]).await.unwrap();
}

/// Plants it where a vendor's words are in clear, and in a sheet, whose ids are keys.
async fn plant_names(state: &State) {
    execute(state, "UPDATE ledgers SET message = 'refused ' || ?1", MARK).await;
    execute(state, "INSERT INTO schemas VALUES (1, 'p', 'crm', ?1, 'contacts', 'source')", "").await;
    execute(state, "INSERT INTO schema_options VALUES (1, 'Owner', ?1, 0)", MARK).await;
    execute(state, "INSERT INTO schema_options VALUES (1, 'Owner', ?1, 0)", OTHER).await;
    execute(state, "INSERT INTO schema_changes VALUES (1, 1, '', 'Owner', ?1, 'new')", MARK).await;
    let rows = OpenTarget {
        target: target("rows"),
        source_connection: crate::model::ConnectionName::new("crm"),
        run_id: "run_1".to_owned(),
        held_code: HELD_CODE,
        seals_ids: true,
    };
    let rows = state.open_target(rows).await.unwrap().target_id;
    let changes = Changes {
        written: vec![written("17", MARK, 3), written("18", OTHER, 4)],
        images: vec![image("17", MARK, Fields::new())],
        ..Changes::default()
    };
    commit(state, rows, changes).await;
    execute(state, "UPDATE images SET entry_id = destination_id, was_id = destination_id WHERE target_id = ?1", "2")
        .await;
}

/// Opens every cell and returns the columns in which one holds a text.
async fn cells_with(state: &State, text: &'static str) -> Vec<String> {
    let look = move |work: &Work<'_>| {
        let mut found = Vec::new();
        for column in COLUMNS {
            work.visit_cells(column, |row| {
                if row.text()?.is_some_and(|cell| cell.contains(text)) {
                    found.push(format!("{}.{}", column.table, column.name));
                }
                Ok(())
            })?;
        }
        found.dedup();
        Ok(found)
    };
    state.read(look).await.unwrap()
}

/// Returns the bytes of all files in a folder.
fn bytes_of(folder: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    files.collect::<Vec<_>>().concat()
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    memchr::memmem::find(bytes, wanted).is_some()
}

/// Returns all sealed cells that hold a text, as they are in the file.
async fn sealed_with(state: &State, text: &'static str) -> Vec<Vec<u8>> {
    let look = move |work: &Work<'_>| {
        let mut found = Vec::new();
        for column in COLUMNS {
            work.visit_cells(column, |row| {
                let is_found = row.text()?.is_some_and(|cell| cell.contains(text));
                found.extend(row.stored.clone().filter(|_| is_found));
                Ok(())
            })?;
        }
        Ok(found)
    };
    state.read(look).await.unwrap()
}

/// A column that a migration adds fails here until somebody says whether it can hold something of a person.
#[tokio::test]
async fn every_column_of_the_file_is_in_one_of_the_lists() {
    let state = in_memory();
    let columns = state.read(|work| {
        let sql =
            "SELECT tables.name, columns.name FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
             WHERE tables.type = 'table' AND columns.type NOT IN ('INTEGER', 'REAL') ORDER BY 1, 2";
        let mut statement = work.transaction.prepare(sql)?;
        let rows =
            statement.query_map([], |row| Ok(format!("{}.{}", row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?)
    });
    let columns = columns.await.unwrap();
    let searched = COLUMNS.iter().map(|column| format!("{}.{}", column.table, column.name));
    let named =
        CLEAR.iter().chain(HASHES).flat_map(|(table, names)| names.iter().map(move |name| format!("{table}.{name}")));
    let mut listed: Vec<String> = searched.chain(named).collect();
    listed.sort();
    assert!(columns.len() > 80, "the test finds hardly any column: {columns:?}");
    assert_eq!(listed, columns, "`sealed.rs` says of each column once what it can hold");
}

#[tokio::test]
async fn nothing_of_a_person_is_left_in_the_file_or_behind_a_seal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let state = State::open(&path, Seal::ephemeral()).await.unwrap();
    let target_id = plant(&state).await;
    let planted = cells_with(&state, MARK).await;
    assert_eq!(planted.len(), 18, "the mark is in every column that takes it: {planted:?}");
    let sealed = sealed_with(&state, MARK).await;
    let is_there = |bytes: &[u8], cells: &[Vec<u8>]| cells.iter().any(|cell| holds(bytes, &cell[..16]));
    assert!(is_there(&bytes_of(folder.path()), &sealed), "the test finds what is sealed");

    let traces = state.find_person(person()).await.unwrap();
    let kinds: Vec<Kind> = traces.counts.keys().copied().collect();
    assert_eq!(kinds.len(), 13, "every kind is found: {kinds:?}");
    let erased = state.erase_person(person(), HashSet::new()).await.unwrap();
    assert_eq!(erased.counts, traces.counts);
    assert_eq!((erased.left, erased.columns, erased.is_in_file), (Traces::default(), Vec::new(), false));
    assert_eq!(cells_with(&state, MARK).await, [""; 0]);
    assert_eq!(cells_with(&state, "twin").await, [""; 0], "a duplicate of theirs is theirs");
    let bytes = bytes_of(folder.path());
    assert!(!holds(&bytes, MARK.as_bytes()) && !is_there(&bytes, &sealed), "while it is open");
    assert_eq!(std::fs::metadata(path.with_added_extension("db-wal")).map_or(0, |file| file.len()), 0);

    let others = cells_with(&state, OTHER).await;
    for column in [
        "dead_letters.sealed",
        "id_map.sealed",
        "id_map.destination_id",
        "images.sealed",
        "intents.sealed",
        "schema_options.option",
    ] {
        assert!(others.contains(&column.to_owned()), "{column}: others stay: {others:?}");
    }
    assert_eq!(known(&state, target_id, &[OTHER]).await.by_source[OTHER].destination_id, "rec2");
    let links =
        state.read(move |work| work.links_of_records(target_id, crate::state::sets::keys(&[work.source_key(OTHER)])));
    assert_eq!(links.await.unwrap(), [link(OTHER, &["7"], 1)]);
    drop(state);
    assert!(!holds(&bytes_of(folder.path()), MARK.as_bytes()));
}

#[tokio::test]
async fn a_second_search_does_not_pass_over_a_name_that_holds_the_address() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(&folder.path().join("state.db"), Seal::ephemeral()).await.unwrap();
    plant(&state).await;
    execute(&state, "UPDATE runs SET file = '/home/' || ?1 || '/p.yaml'", MARK).await;
    let erased = state.erase_person(person(), HashSet::new()).await.unwrap();
    assert_eq!((erased.columns.as_slice(), erased.is_in_file), (["runs.file".to_owned()].as_slice(), true));
}

#[tokio::test]
async fn a_record_that_is_named_goes_and_links_to_it_are_taken_out_of_others() {
    let state = in_memory();
    state.start_attempt(run("run_1"), at(0)).await.unwrap();
    let target_id = opened(&state, "contacts").await;
    let friends = |ids: &[&str]| [(FieldName::new("Friends"), Value::List(texts(ids)))].into();
    let linked = WrittenRecord { links: Some(vec![link("2", &["1", "3"], 2)]), ..written("2", "rec2", 2) };
    let body = LetterBody {
        source: json!({ "_links.contacts": ["1", "3"], "size": ["1"] }),
        mapped: json!({ "Friends": ["1", "3"] }),
        ..LetterBody::default()
    };
    let changes = Changes {
        written: vec![written("1", "rec1", KEY), linked],
        images: vec![image("1", "rec1", Fields::new()), image("2", "rec2", friends(&["rec1", "rec3"]))],
        letters: vec![DeadLetter { body, ..letter("run_1", "2", 1, DeadLetterKind::Rejected) }],
        duplicates: vec![duplicate("4", "1")],
        ..Changes::default()
    };
    commit(&state, target_id, changes).await;
    let erased = state.erase_person(record("contacts", "1"), HashSet::new()).await.unwrap();
    let expected =
        [(Kind::DeadLetter, 1), (Kind::Image, 2), (Kind::Id, 1), (Kind::Duplicate, 1), (Kind::LinkToThem, 1)];
    assert_eq!(erased.counts, expected.into());
    assert!(erased.left.is_empty(), "{:?}", erased.left);
    let images = state.images("run_1", target_id, "", ImageKind::Updated, (0, 9)).await.unwrap();
    assert_eq!((images.len(), &images[0].wrote), (1, &friends(&["rec3"])));
    let letter = state.letters("run_1").await.unwrap().open.remove(0);
    assert_eq!(letter.body.source, json!({ "_links.contacts": ["3"], "size": ["1"] }));
    assert_eq!(letter.body.mapped, json!({ "Friends": ["3"] }));
    assert_eq!(known(&state, target_id, &["1", "2", "4"]).await.by_source.len(), 1);
    let again = state.find_person(record("contacts", "1")).await.unwrap();
    assert!(again.is_empty(), "{again:?}");
}

/// The line of a person names a firm too: the firm is not theirs, and least of all the other people of it.
#[tokio::test]
async fn what_only_an_id_at_the_source_shows_takes_nobody_else_along() {
    let state = in_memory();
    state.start_attempt(run("run_1"), at(0)).await.unwrap();
    let firms = opened(&state, "firms").await;
    let duplicates = vec![duplicate(OTHER, MARK), duplicate("third", OTHER)];
    commit(&state, firms, Changes { written: vec![written(MARK, "firm1", 9)], duplicates, ..Changes::default() }).await;
    let traces = state.find_person(person()).await.unwrap();
    let found: Vec<_> = traces.records.iter().map(|record| (record.source_id.as_deref(), record.found_by)).collect();
    assert_eq!(found, [(Some(MARK), FoundBy::SourceId)]);
    assert!(!FoundBy::SourceId.is_certain());
    state.erase_person(person(), HashSet::new()).await.unwrap();
    assert_eq!(cells_with(&state, MARK).await, [""; 0]);
}

#[tokio::test]
async fn a_record_of_another_that_names_the_person_keeps_its_id() {
    let state = in_memory();
    state.start_attempt(run("run_1"), at(0)).await.unwrap();
    let deals = opened(&state, "deals").await;
    let images = vec![image("5", "deal5", fields(&[("owner_email", MARK), ("name", "x")]))];
    commit(&state, deals, Changes { written: vec![written("5", "deal5", 5)], images, ..Changes::default() }).await;
    let traces = state.find_person(person()).await.unwrap();
    assert_eq!((traces.records.len(), traces.records[0].found_by), (1, FoundBy::Mention));
    let erased = state.erase_person(person(), HashSet::new()).await.unwrap();
    assert_eq!(erased.counts, [(Kind::Image, 1)].into());
    assert_eq!(known(&state, deals, &["5"]).await.by_source["5"].destination_id, "deal5");
}

#[tokio::test]
async fn records_are_found_by_their_own_mail_field_and_by_the_record_that_they_lead_to() {
    let state = in_memory();
    state.start_attempt(run("run_1"), at(0)).await.unwrap();
    let contacts = opened(&state, "contacts").await;
    let images = vec![image("1", "rec1", fields(&[("E-Mail", MARK)]))];
    let records = vec![written("1", "rec1", 8), written("2", "rec2", 9)];
    commit(&state, contacts, Changes { written: records, images, ..Changes::default() }).await;
    // At the destination, the second one is merged into the first.
    let moved = vec![("rec2".to_owned(), "rec1".to_owned())];
    commit(&state, contacts, Changes { moved, ..Changes::default() }).await;
    let traces = state.find_person(person()).await.unwrap();
    let found: Vec<_> = traces.records.iter().map(|record| (record.source_id.as_deref(), record.found_by)).collect();
    assert_eq!(found, [(Some("1"), FoundBy::Field), (Some("2"), FoundBy::SameRecord)]);
}

#[tokio::test]
async fn an_entry_that_is_to_stay_is_found_the_next_time() {
    let state = in_memory();
    let target_id = plant(&state).await;
    let kept: HashSet<_> = {
        let traces = state.find_person(person()).await.unwrap();
        let own = traces.records.into_iter().filter(|record| record.target_id == target_id);
        own.map(|record| (record.target_id, record.source_key)).collect()
    };
    let erased = state.erase_person(person(), kept).await.unwrap();
    assert_eq!(erased.left.counts, [(Kind::Id, 1)].into());
    assert_eq!(erased.left.records[0].destination_id.as_deref(), Some("rec1"));
    let erased = state.erase_person(person(), HashSet::new()).await.unwrap();
    assert!(erased.left.is_empty(), "{:?}", erased.left);
}

#[tokio::test]
async fn a_plan_is_found_by_the_address_and_by_ids_of_their_stream() {
    let folder = tempfile::tempdir().unwrap();
    let state = in_memory();
    let target_id = opened(&state, "contacts").await;
    save(&state, target_id, &[("1", "rec1", KEY)]).await;
    let records = state.find_person(person()).await.unwrap().records;
    let about = |stream: &str, content: &str| json!({ "decided": { "target": target(stream), "planned": [content] } });
    for (part, is_named) in [
        (about("deals", &format!("<{MARK}>")), true),
        (about("contacts", "rec1"), true),
        (about("contacts", "1"), true),
        (about("deals", "rec1"), false),
        (about("contacts", "rec2"), false),
    ] {
        let path = folder.path().join("plan");
        let mut writer = state.write_sealed(&path).unwrap();
        writer.put(&part).unwrap();
        writer.finish().unwrap();
        assert_eq!(state.plan_names(path, person(), records.clone()).await.unwrap(), is_named, "{part}");
    }
}
