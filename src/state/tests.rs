//! What is shared by the tests of the state.

mod accounts;
mod compat;
mod entries;
mod figures;
mod images;
mod letters;
mod links;
mod listed;
mod plans;
mod privacy;
mod runs;

use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::{Calls, ConnectionName, Cursor, Ledger, ObjectName, StreamName};

use super::*;

pub(super) const HELD_CODE: &str = "unknown_effect";

pub(super) fn in_memory() -> State {
    State::in_memory(Seal::ephemeral()).unwrap()
}

pub(super) fn at(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
}

pub(super) fn target(stream: &str) -> Target {
    Target {
        pipeline: "p".to_owned(),
        stream: StreamName::new(stream),
        connection: ConnectionName::new("base"),
        object: ObjectName::new("Contacts"),
        accounts: Accounts::default(),
    }
}

pub(super) async fn open(state: &State, target: Target) -> OpenedTarget {
    let source_connection = ConnectionName::new("crm");
    let open =
        OpenTarget { target, source_connection, run_id: "run_1".to_owned(), held_code: HELD_CODE, seals_ids: false };
    state.open_target(open).await.unwrap()
}

/// Opens the target of a stream.
pub(super) async fn opened(state: &State, stream: &str) -> TargetId {
    open(state, target(stream)).await.target_id
}

pub(super) fn place(target_id: TargetId, run_id: &str) -> ChangePlace {
    ChangePlace { target_id, run_id: run_id.to_owned(), chunk: 1, redriven_run: None, now: at(1) }
}

pub(super) fn read(source_id: &str, number: u64) -> ReadRecord {
    ReadRecord { source_id: source_id.to_owned(), number }
}

pub(super) fn written(source_id: &str, destination_id: &str, key_hash: u128) -> WrittenRecord {
    WrittenRecord {
        record: read(source_id, 1),
        destination_id: destination_id.to_owned(),
        content_hash: 77,
        key_hash: Some(key_hash),
        written_as: WrittenAs::Created,
        chunk: 1,
        links: None,
    }
}

/// Stores that records were written by the run `run_1`: source id, destination id and key of each.
pub(super) async fn save(state: &State, target: TargetId, records: &[(&str, &str, u128)]) {
    let written = records.iter().map(|(source_id, id, key)| written(source_id, id, *key)).collect();
    state.commit(place(target, "run_1"), Changes { written, ..Changes::default() }).await.unwrap();
}

pub(super) fn link(source_id: &str, linked_ids: &[&str], linked: u64) -> Link {
    Link {
        source_id: source_id.to_owned(),
        field: "Friends".to_owned(),
        stream: "contacts".to_owned(),
        linked_ids: texts(linked_ids),
        linked,
    }
}

pub(super) fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

pub(super) async fn known(state: &State, target: TargetId, source_ids: &[&str]) -> Known {
    state.known(target, Wanted { source_ids: texts(source_ids), ..Wanted::default() }).await.unwrap()
}

pub(super) fn run(run_id: &str) -> Run {
    Run {
        run_id: run_id.to_owned(),
        pipeline: "p".to_owned(),
        file: PathBuf::from("p.yaml"),
        fingerprint: "f".to_owned(),
        kind: RunKind::Run,
        status: RunStatus::Running,
        started_at: at(0),
        finished_at: None,
        undone_run: None,
    }
}

pub(super) fn ledger(target: Target, counts: Ledger) -> TargetLedger {
    TargetLedger {
        target,
        position: 0,
        start_cursor: None,
        status: TargetStatus::Running,
        ledger: counts,
        open: Ledger::default(),
        calls: Calls::default(),
        message: None,
        chunk: u64::MAX,
    }
}

pub(super) fn cursor(text: &str) -> Cursor {
    Cursor(serde_json::json!({ "after": text }))
}

pub(super) fn letter(run_id: &str, source_id: &str, number: u64, kind: DeadLetterKind) -> DeadLetter {
    DeadLetter {
        run_id: run_id.to_owned(),
        target: target("contacts"),
        source_id: source_id.to_owned(),
        source_key: None,
        kind,
        code: HELD_CODE.to_owned(),
        field: None,
        number,
        line: Some(number + 1).filter(|_| number > 0),
        created_at: at(1),
        chunk: 1,
        body: LetterBody { reason: format!("the reason of {source_id}"), ..LetterBody::default() },
    }
}
