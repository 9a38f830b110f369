use crate::model::{ConnectionName, ObjectName, StreamName};

use super::*;

fn scope() -> Scope {
    Scope {
        pipeline: "p".to_owned(),
        stream: StreamName::new("contacts"),
        connection: ConnectionName::new("base"),
        object: ObjectName::new("Contacts"),
    }
}

fn mapping(source_id: &str, key_hash: u128) -> Mapping {
    Mapping {
        source_id: source_id.to_owned(),
        destination_id: format!("rec{source_id}"),
        content_hash: 1,
        key_hash: Some(key_hash),
        written_run: "run_1".to_owned(),
        written_as: WrittenAs::Created,
        seen: SeenMark { run_id: "run_1".to_owned(), chunk: 1 },
    }
}

#[test]
fn a_mapping_is_found_by_id_and_by_key_and_a_key_has_one_owner() {
    let state = State::in_memory(Seal::ephemeral()).unwrap();
    let by_key = state
        .work_now(|work| {
            let scope = work.scope_id(&scope())?;
            work.save_mapping(scope, &mapping("1", 7))?;
            work.save_mapping(scope, &mapping("2", 7))?;
            assert!(work.mappings(scope, ["1"].into_iter())?.is_empty());
            work.mappings_by_key(scope, [7].into_iter())
        })
        .unwrap();
    assert_eq!(by_key[&7].source_id, "2");
}

#[test]
fn unseen_records_are_those_the_run_has_not_read() {
    let state = State::in_memory(Seal::ephemeral()).unwrap();
    let (counts, unseen) = state
        .work_now(|work| {
            let scope = work.scope_id(&scope())?;
            work.save_mapping(scope, &mapping("1", 1))?;
            work.save_mapping(scope, &mapping("2", 2))?;
            let seen = SeenMark { run_id: "run_2".to_owned(), chunk: 1 };
            work.mark_seen(scope, ["2"].into_iter(), &seen)?;
            Ok((work.count_unseen(scope, "run_2")?, work.unseen(scope, "run_2", 10)?))
        })
        .unwrap();
    assert_eq!(counts, (2, 1));
    assert_eq!(unseen[0].source_id, "1");
}

#[test]
fn work_that_fails_leaves_nothing_behind() {
    let state = State::in_memory(Seal::ephemeral()).unwrap();
    let failed = state.work_now(|work| {
        work.save_secret("token", "one")?;
        Err::<(), _>(StateError::Stopped)
    });
    assert!(failed.is_err());
    assert_eq!(state.work_now(|work| work.secret("token")).unwrap(), None);
}

#[test]
fn nothing_personal_lies_in_the_file_in_clear() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let state = State::open(&path, Seal::ephemeral()).unwrap();
    state.work_now(|work| work.save_secret("token", "ada@example.test")).unwrap();
    drop(state);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(16).any(|window| window == b"ada@example.test"));
    }
}

#[test]
fn a_wrong_key_is_told_and_not_taken_for_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    State::open(&path, Seal::new(&[1; KEY_BYTES])).unwrap().work_now(|work| work.save_secret("t", "x")).unwrap();
    let other = State::open(&path, Seal::new(&[2; KEY_BYTES])).unwrap();
    assert!(matches!(other.work_now(|work| work.secret("t")), Err(StateError::WrongKey)));
}

#[test]
fn a_file_of_a_newer_version_and_a_damaged_file_are_refused_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let newer = folder.path().join("newer.db");
    drop(State::open(&newer, Seal::ephemeral()).unwrap());
    rusqlite::Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let refusal = State::open(&newer, Seal::ephemeral()).unwrap_err().to_string();
    assert!(refusal.contains("use the newer ferry"), "{refusal}");

    let damaged = folder.path().join("damaged.db");
    std::fs::write(&damaged, "this is no database, but it is long enough to be taken for one".repeat(99)).unwrap();
    let refusal = State::open(&damaged, Seal::ephemeral()).unwrap_err().to_string();
    assert!(refusal.contains("move the file away"), "{refusal}");
}

#[test]
fn a_second_run_of_a_pipeline_is_refused_until_the_first_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let now = chrono::DateTime::UNIX_EPOCH;
    let lock = RunLock::take(&path, "nightly", now).unwrap();
    assert!(matches!(RunLock::take(&path, "nightly", now), Err(LockError::Held { .. })));
    assert!(RunLock::take(&path, "other", now).is_ok());
    drop(lock);
    assert!(RunLock::take(&path, "nightly", now).is_ok());
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_a_new_state_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    drop(State::open(&path, Seal::ephemeral()).unwrap());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_key_is_looked_up_by_its_index_and_not_among_all_records() {
    let state = State::in_memory(Seal::ephemeral()).unwrap();
    let plan: String = state
        .work_now(|work| {
            let sql = format!("EXPLAIN QUERY PLAN {}", id_map::BY_KEY);
            Ok(work.transaction.query_row(&sql, rusqlite::params![1, [0_u8; 16]], |row| row.get(3))?)
        })
        .unwrap();
    assert!(plan.contains("id_map_by_key (scope_id=? AND key_hash=?)"), "{plan}");
}
