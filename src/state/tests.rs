use crate::model::{ConnectionName, ObjectName, StreamName};

use super::*;

fn target() -> Target {
    Target {
        pipeline: "p".to_owned(),
        stream: StreamName::new("contacts"),
        connection: ConnectionName::new("base"),
        object: ObjectName::new("Contacts"),
    }
}

fn save(work: &Work<'_>, source_id: &str, destination_id: &str, key_hash: u128) -> Result<TargetId, StateError> {
    let target = work.target_id(&target())?;
    let written = Written {
        source_id,
        destination_id,
        content_hash: 77,
        key_hash: Some(key_hash),
        written_as: WrittenAs::Created,
    };
    work.save_id_entry(target, &written, &SeenMark { run_id: "run_1".to_owned(), chunk: 1 })?;
    Ok(target)
}

fn link(source_id: &str, linked_ids: &[&str], linked: u64) -> Link {
    Link {
        source_id: source_id.to_owned(),
        field: "Friends".to_owned(),
        stream: "contacts".to_owned(),
        linked_ids: linked_ids.iter().map(|linked_id| (*linked_id).to_owned()).collect(),
        linked,
    }
}

#[test]
fn a_mapping_is_found_by_id_and_by_key_and_a_key_has_one_owner() {
    let state = State::in_memory(Seal::ephemeral()).unwrap();
    let (by_id, by_key) = state
        .work_now(|work| {
            save(work, "1", "rec1", 7)?;
            let target = save(work, "2", "rec2", 7)?;
            assert!(work.id_entries(target, ["1"].into_iter())?.is_empty());
            Ok((work.id_entries(target, ["2"].into_iter())?, work.id_entries_by_key(target, [7].into_iter())?))
        })
        .unwrap();
    assert_eq!(by_key[&7], by_id["2"]);
    assert_eq!((by_id["2"].destination_id.as_str(), by_id["2"].content_hash), ("rec2", 77));
}

#[test]
fn unseen_records_are_those_the_run_has_not_read() {
    let state = State::in_memory(Seal::ephemeral()).unwrap();
    let (counts, unseen) = state
        .work_now(|work| {
            save(work, "1", "rec1", 1)?;
            let target = save(work, "2", "rec2", 2)?;
            let seen = SeenMark { run_id: "run_2".to_owned(), chunk: 1 };
            work.mark_seen(target, [work.source_key("2")].into_iter(), &seen)?;
            Ok((work.count_unseen(target, "run_2")?, work.unseen(target, "run_2", 0, 10)?))
        })
        .unwrap();
    assert_eq!(counts, (2, 1));
    assert_eq!(unseen.iter().map(|entry| entry.destination_id.as_str()).collect::<Vec<_>>(), ["rec1"]);
}

#[test]
fn a_record_that_is_missing_stays_known_until_it_is_written_again() {
    let state = State::in_memory(Seal::ephemeral()).unwrap();
    state
        .work_now(|work| {
            let target = save(work, "1", "rec1", 1)?;
            work.mark_missing(target, "rec1")?;
            assert!(work.id_entries(target, ["1"].into_iter())?["1"].is_missing);
            assert_eq!(work.count_missing(target)?, 1);
            save(work, "1", "rec9", 1)?;
            assert!(!work.id_entries(target, ["1"].into_iter())?["1"].is_missing);
            assert_eq!(work.count_missing(target)?, 0);
            Ok(())
        })
        .unwrap();
}

#[test]
fn links_to_a_record_with_another_id_are_set_again_and_others_are_left() {
    let state = State::in_memory(Seal::ephemeral()).unwrap();
    let pending = |work: &Work<'_>, target| {
        let links = work.pending_links(target, 0, 10)?;
        Ok::<_, StateError>(links.into_iter().map(|pending| pending.link.source_id).collect::<Vec<_>>())
    };
    state
        .work_now(|work| {
            let target = save(work, "1", "rec1", 1)?;
            save(work, "2", "rec2", 2)?;
            work.replace_links(target, "a", &[link("a", &["1"], 1)])?;
            work.replace_links(target, "b", &[link("b", &["2"], 1)])?;
            work.replace_links(target, "c", &[link("c", &["1", "2"], 1)])?;
            assert_eq!(pending(work, target)?, ["c"]);
            save(work, "2", "rec2", 2)?;
            assert_eq!(work.reopen_links("p", "base")?, 0, "the same id again");
            work.relink(target, "rec2", "rec7")?;
            assert_eq!(work.reopen_links("p", "base")?, 2);
            assert_eq!(pending(work, target)?, ["b", "c"]);
            assert_eq!(work.reopen_links("p", "base")?, 0, "once");
            work.forget_id_entry(target, work.source_key("b"))?;
            assert_eq!(pending(work, target)?, ["c"]);
            Ok(())
        })
        .unwrap();
}

#[test]
fn two_records_that_were_merged_share_one() {
    let state = State::in_memory(Seal::ephemeral()).unwrap();
    state
        .work_now(|work| {
            save(work, "1", "rec1", 1)?;
            let target = save(work, "2", "rec2", 2)?;
            let first = work.id_entries(target, ["1"].into_iter())?["1"].clone();
            assert!(!work.is_shared(target, &first)?);
            work.relink(target, "rec2", "rec1")?;
            assert!(work.is_shared(target, &first)?);
            Ok(())
        })
        .unwrap();
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

const ADDRESS: &str = "ada@example.test";

/// Stores an address in every place that takes text of a record.
fn store_everywhere(work: &Work<'_>) -> Result<(), StateError> {
    let target_id = save(work, ADDRESS, "rec1", 1)?;
    let now = chrono::DateTime::UNIX_EPOCH;
    let run = Run {
        run_id: "run_1".to_owned(),
        pipeline: "p".to_owned(),
        file: PathBuf::from("p.yaml"),
        fingerprint: "f".to_owned(),
        kind: RunKind::Run,
        status: RunStatus::Running,
        started_at: now,
        finished_at: None,
    };
    work.start_run(&run)?;
    work.save_link(target_id, &link(ADDRESS, &[ADDRESS], 0))?;
    let (run_id, operation) = (run.run_id.clone(), "insert".to_owned());
    work.save_intent(target_id, &Intent { run_id, operation, source_ids: vec![ADDRESS.to_owned()] }, now)?;
    let cursor = crate::model::Cursor(serde_json::json!({ "after": ADDRESS }));
    let account = TargetLedger {
        target: target(),
        position: 0,
        start_cursor: Some(cursor.clone()),
        status: TargetStatus::Running,
        ledger: crate::model::Ledger::default(),
        calls: crate::model::Calls::default(),
        message: None,
        chunk: 1,
    };
    work.save_ledger("run_1", target_id, &account)?;
    work.save_checkpoint(
        target_id,
        &Checkpoint { run_id: run.run_id.clone(), cursor, chunk: 1, saved_at: now, number: 0 },
    )?;
    work.save_dead_letter(target_id, &letter(now))?;
    work.save_secret("token", ADDRESS)
}

fn letter(now: chrono::DateTime<chrono::Utc>) -> DeadLetter {
    DeadLetter {
        run_id: "run_1".to_owned(),
        target: target(),
        source_id: ADDRESS.to_owned(),
        kind: DeadLetterKind::Held,
        code: "unknown_effect".to_owned(),
        field: None,
        created_at: now,
        chunk: 1,
        body: LetterBody { reason: ADDRESS.to_owned(), value: Some(ADDRESS.to_owned()), ..LetterBody::default() },
    }
}

/// Tells which files of a folder hold the address in clear.
fn files_with_the_address(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let has_address = |path: &PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(ADDRESS.len()).any(|window| window == ADDRESS.as_bytes())
    };
    files.filter(has_address).map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

/// What is read back of what [`store_everywhere`] stores.
fn check_all_is_there(work: &Work<'_>) -> Result<(), StateError> {
    let target_id = work.target_id(&target())?;
    let entry = &work.id_entries(target_id, [ADDRESS].into_iter())?[ADDRESS];
    assert_eq!((entry.destination_id.as_str(), entry.content_hash), ("rec1", 77));
    assert_eq!(work.id_entries_by_key(target_id, [1].into_iter())?[&1].destination_id, "rec1");
    assert_eq!(work.pending_links(target_id, 0, 9)?[0].link, link(ADDRESS, &[ADDRESS], 0));
    assert_eq!(work.unsettled(target_id, "insert")?, [ADDRESS]);
    assert_eq!(work.held(target_id, "unknown_effect")?, [ADDRESS]);
    assert_eq!(work.checkpoint(target_id)?.unwrap().cursor.0["after"], ADDRESS);
    assert_eq!(work.ledger("run_1", target_id)?.unwrap().start_cursor.unwrap().0["after"], ADDRESS);
    let letters = work.dead_letters("run_1")?;
    assert_eq!((letters[0].source_id.as_str(), letters[0].body.reason.as_str()), (ADDRESS, ADDRESS));
    assert_eq!(work.secret("token")?.as_deref(), Some(ADDRESS));
    Ok(())
}

#[test]
fn nothing_personal_lies_in_the_file_in_clear() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(&folder.path().join("state.db"), Seal::ephemeral()).unwrap();
    state.work_now(store_everywhere).unwrap();
    state.work_now(check_all_is_there).unwrap();
    assert_eq!(files_with_the_address(folder.path()), [""; 0], "while it is open");
    drop(state);
    assert_eq!(files_with_the_address(folder.path()), [""; 0]);
}

/// Makes a file as the first form was, with the address in every place.
fn first_form(path: &Path, seal: &Seal) {
    let file = rusqlite::Connection::open(path).unwrap();
    file.execute_batch(migrate::MIGRATIONS[0]).unwrap();
    file.pragma_update(None, "user_version", 1).unwrap();
    let body = LetterBody { reason: ADDRESS.to_owned(), ..LetterBody::default() };
    let cursor = format!("{{\"after\":\"{ADDRESS}\"}}");
    let ids = format!("[\"{ADDRESS}\"]");
    file.execute_batch(&format!(
        "INSERT INTO runs VALUES ('run_1', 'p', 'p.yaml', 'f', 'run', 'running', '', NULL, '');
         INSERT INTO scopes VALUES (1, 'p', 'contacts', 'base', 'Contacts');
         INSERT INTO checkpoints VALUES (1, 'run_1', '{cursor}', 1, '');
         INSERT INTO ledgers VALUES ('run_1', 1, 0, '{cursor}', 'running', '{ledger}', '{calls}', NULL);
         INSERT INTO intents VALUES (1, 'run_1', 1, 'insert', '{ids}', '');
         INSERT INTO pending_links VALUES (1, '{ADDRESS}', 'Friends', 'contacts', '{ids}', 0);",
        ledger = serde_json::to_string(&crate::model::Ledger::default()).unwrap(),
        calls = serde_json::to_string(&crate::model::Calls::default()).unwrap(),
    ))
    .unwrap();
    let hash = |hash: u128| hash.to_be_bytes();
    file.execute(
        "INSERT INTO id_map VALUES (1, ?1, 'rec1', ?2, ?3, 'run_1', 'created', 'run_1', 1)",
        rusqlite::params![ADDRESS, hash(77), hash(1)],
    )
    .unwrap();
    let letter = "INSERT INTO dead_letters VALUES ('run_1', 1, ?1, 'held', 'unknown_effect', NULL, ?2, '', NULL)";
    file.execute(letter, rusqlite::params![ADDRESS, seal.seal(&body).unwrap()]).unwrap();
    let token = rusqlite::params![seal.seal(&ADDRESS).unwrap()];
    file.execute("INSERT INTO tokens VALUES ('token', ?1)", token).unwrap();
}

#[test]
fn a_file_of_the_first_form_is_brought_over_whole_and_a_copy_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let key = [7; KEY_BYTES];
    first_form(&path, &Seal::new(&key));
    let state = State::open(&path, Seal::new(&key)).unwrap();
    state.work_now(check_all_is_there).unwrap();
    assert_eq!(
        files_with_the_address(folder.path()),
        ["state.db.backup-1"],
        "what was in clear is left in the copy alone"
    );
    let copy = rusqlite::Connection::open(folder.path().join("state.db.backup-1")).unwrap();
    let id: String = copy.query_row("SELECT source_id FROM id_map", [], |row| row.get(0)).unwrap();
    assert_eq!(id, ADDRESS, "the copy is the old form");
    drop(state);
    State::open(&path, Seal::new(&key)).unwrap().work_now(check_all_is_there).unwrap();
}

#[test]
fn a_file_of_the_first_form_stays_as_it_is_when_the_key_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    first_form(&path, &Seal::new(&[7; KEY_BYTES]));
    let refusal = State::open(&path, Seal::new(&[8; KEY_BYTES])).unwrap_err();
    assert!(refusal.hint().unwrap().contains("FERRY_STATE_KEY"), "{refusal}");
    State::open(&path, Seal::new(&[7; KEY_BYTES])).unwrap().work_now(check_all_is_there).unwrap();
}

#[test]
fn a_wrong_key_is_told_at_once_and_not_taken_for_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    drop(State::open(&path, Seal::new(&[1; KEY_BYTES])).unwrap());
    assert!(matches!(State::open(&path, Seal::new(&[2; KEY_BYTES])), Err(StateError::WrongKey)));
    assert!(State::open(&path, Seal::new(&[1; KEY_BYTES])).is_ok());
}

#[test]
fn a_file_of_a_newer_version_and_a_damaged_file_are_refused_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let newer = folder.path().join("newer.db");
    drop(State::open(&newer, Seal::ephemeral()).unwrap());
    rusqlite::Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let refusal = State::open(&newer, Seal::ephemeral()).unwrap_err();
    assert!(refusal.hint().unwrap().contains("use the newer ferry"), "{refusal}");

    let damaged = folder.path().join("damaged.db");
    std::fs::write(&damaged, "this is no database, but it is long enough to be taken for one".repeat(99)).unwrap();
    let refusal = State::open(&damaged, Seal::ephemeral()).unwrap_err();
    assert!(refusal.hint().unwrap().contains("move the file away"), "{refusal}");
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

/// The statements that run for each record or batch, with what SQLite is to say of each.
const FREQUENT: &[(&str, &str)] = &[
    (id_map::BY_SOURCE, "SEARCH id_map USING INDEX id_map_by_source (scope_id=? AND source_key=?)"),
    (id_map::BY_KEY, "SEARCH id_map USING INDEX id_map_by_key (scope_id=? AND key_hash=?)"),
    (id_map::BY_DESTINATION, "SEARCH id_map USING INDEX id_map_by_destination (scope_id=? AND destination_id=?)"),
    (id_map::FORGET_OTHERS, "SEARCH id_map USING INDEX id_map_by_key (scope_id=? AND key_hash=?)"),
    (id_map::MARK_SEEN, "SEARCH id_map USING INDEX id_map_by_source (scope_id=? AND source_key=?)"),
    (id_map::MARK_MISSING, "SEARCH id_map USING INDEX id_map_by_destination (scope_id=? AND destination_id=?)"),
    (id_map::RELINK, "SEARCH id_map USING INDEX id_map_by_destination (scope_id=? AND destination_id=?)"),
    (id_map::FORGET, "SEARCH id_map USING INDEX id_map_by_source (scope_id=? AND source_key=?)"),
    (id_map::UNSEEN, "SEARCH id_map USING INTEGER PRIMARY KEY (rowid>?)"),
    (id_map::COUNT_MISSING, "SEARCH id_map USING INDEX id_map_missing (scope_id=?)"),
    (id_map::FORGET_MISSING, "SEARCH id_map USING INDEX id_map_missing (scope_id=?)"),
    (links::FORGET_LINKS, "SEARCH links USING INDEX links_by_record (scope_id=? AND source_key=?)"),
    (links::PENDING, "SEARCH links USING INDEX links_pending (scope_id=? AND rowid>?)"),
    (links::COUNT_PENDING, "SEARCH links USING INDEX links_pending (scope_id=?)"),
    (links::SET_LINKED, "SEARCH links USING INTEGER PRIMARY KEY (rowid=?)"),
    (links::DROP_LINK, "SEARCH links USING INTEGER PRIMARY KEY (rowid=?)"),
    (dead_letters::RESOLVE, "SEARCH dead_letters USING INDEX dead_letters_by_source (scope_id=? AND source_key=?)"),
    (
        dead_letters::RESOLVE_LINK,
        "SEARCH dead_letters USING INDEX dead_letters_by_source (scope_id=? AND source_key=?)",
    ),
    (dead_letters::HELD, "SEARCH dead_letters USING INDEX dead_letters_held (scope_id=? AND code=?)"),
    (intents::REMOVE, "SEARCH intents USING INTEGER PRIMARY KEY (rowid=?)"),
    (intents::UNSETTLED, "SEARCH intents USING INDEX intents_by_scope (scope_id=? AND operation=?)"),
];

#[test]
fn no_statement_of_a_record_or_batch_looks_through_a_scope() {
    let state = State::in_memory(Seal::ephemeral()).unwrap();
    state
        .work_now(|work| {
            for (sql, expected) in FREQUENT {
                let mut statement = work.transaction.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
                for place in 1..=statement.parameter_count() {
                    statement.raw_bind_parameter(place, 1)?;
                }
                let mut rows = statement.raw_query();
                let mut plan = Vec::new();
                while let Some(row) = rows.next()? {
                    plan.push(row.get::<_, String>(3)?.replace("COVERING ", ""));
                }
                assert_eq!(plan, [*expected], "{sql}");
            }
            // An upsert has no plan of its own: it goes by the unique index that it names.
            for sql in [id_map::SAVE, links::SAVE_LINK] {
                work.transaction.prepare(sql)?;
            }
            Ok(())
        })
        .unwrap();
}
