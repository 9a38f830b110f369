//! State files of earlier forms, of newer ones, of another key, and those that several processes open at once.

use std::{path::Path, thread};

use super::{
    privacy::{ADDRESS, check_all_is_there, files_with_the_address},
    *,
};

const KEY: [u8; KEY_BYTES] = [7; KEY_BYTES];

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
        ledger = serde_json::to_string(&Ledger::default()).unwrap(),
        calls = serde_json::to_string(&Calls::default()).unwrap(),
    ))
    .unwrap();
    let hash = |hash: u128| hash.to_be_bytes();
    file.execute(
        "INSERT INTO id_map VALUES (1, ?1, 'rec1', ?2, ?3, 'run_1', 'created', 'run_1', 1)",
        rusqlite::params![ADDRESS, hash(77), hash(1)],
    )
    .unwrap();
    let letter = "INSERT INTO dead_letters VALUES ('run_1', 1, ?1, 'held', 'unknown_effect', NULL, ?2, '', NULL)";
    file.execute(letter, rusqlite::params![ADDRESS, seal.seal_old(&body).unwrap()]).unwrap();
    let token = rusqlite::params![format!("login of {ADDRESS}"), seal.seal_old(&ADDRESS).unwrap()];
    file.execute("INSERT INTO tokens VALUES (?1, ?2)", token).unwrap();
}

#[tokio::test]
async fn a_file_of_the_first_form_is_brought_over_whole_and_a_copy_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    first_form(&path, &Seal::new(&KEY));
    let state = State::open(&path, Seal::new(&KEY)).await.unwrap();
    check_all_is_there(&state).await;
    assert_eq!(files_with_the_address(folder.path()), ["state.db.backup-1"], "the copy alone holds it in clear");
    let copy = rusqlite::Connection::open(folder.path().join("state.db.backup-1")).unwrap();
    let id: String = copy.query_row("SELECT source_id FROM id_map", [], |row| row.get(0)).unwrap();
    assert_eq!(id, ADDRESS, "the copy is the old form");
    drop(state);
    check_all_is_there(&State::open(&path, Seal::new(&KEY)).await.unwrap()).await;
}

#[tokio::test]
async fn a_file_of_an_old_form_stays_as_it_is_when_the_key_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    first_form(&path, &Seal::new(&KEY));
    let refusal = State::open(&path, Seal::new(&[8; KEY_BYTES])).await.unwrap_err();
    assert!(refusal.hint().unwrap().contains("FERRY_STATE_KEY"), "{refusal}");
    check_all_is_there(&State::open(&path, Seal::new(&KEY)).await.unwrap()).await;
}

/// Makes the file that version 0.1.0 left.
fn second_form(path: &Path) {
    let file = rusqlite::Connection::open(path).unwrap();
    file.pragma_update(None, "foreign_keys", false).unwrap();
    file.execute_batch(include_str!("form_2.sql")).unwrap();
}

fn people(destination: Option<&str>) -> OpenTarget {
    let target = Target {
        pipeline: "people".to_owned(),
        stream: StreamName::new("people"),
        connection: ConnectionName::new("crm"),
        object: ObjectName::new("contacts"),
        accounts: Accounts { source: None, destination: destination.map(str::to_owned) },
    };
    let run_id = "run_20261201_103410_c179".to_owned();
    OpenTarget {
        target,
        source_connection: ConnectionName::new("desk"),
        run_id,
        held_code: HELD_CODE,
        seals_ids: false,
    }
}

async fn see(state: &State, account: &str) {
    let accounts = [(ConnectionName::new("crm"), account.to_owned())].into();
    state.see_accounts("people", accounts).await.unwrap();
}

#[tokio::test]
async fn a_file_of_the_second_form_belongs_to_the_first_account_that_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    second_form(&path);
    let state = State::open(&path, Seal::new(&KEY)).await.unwrap();
    assert!(folder.path().join("state.db.backup-2").exists());
    see(&state, "123").await;
    let own = state.open_target(people(Some("123"))).await.unwrap();
    assert!(own.is_adopted);
    assert_eq!(own.intents[0].intent.source_ids, ["1"], "the batch of the run that was killed");
    assert_eq!(own.ledger.unwrap().status, TargetStatus::Running);
    let found = known(&state, own.target_id, &["1", "2", "3", "4", "5", "6", "7"]).await.by_source;
    let mut ids: Vec<&str> = found.values().map(|entry| entry.destination_id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["10001", "10002", "10003", "10004"]);
    let pending = state.pending_links(own.target_id, 0, 10).await.unwrap();
    assert_eq!(pending.iter().map(|pending| &pending.link.linked_ids).collect::<Vec<_>>(), [&texts(&["f9"])]);
    // The other stream was not opened by this run, and its records are found all the same.
    let linked = [("firms".to_owned(), texts(&["f1", "f2", "f9"]))].into();
    let firms = state.known(own.target_id, Wanted { linked, ..Wanted::default() }).await.unwrap();
    assert_eq!(firms.linked["firms"].len(), 2);
    let letters = state.letters("run_20261201_103408_5d6f").await.unwrap();
    assert_eq!((letters.open.len(), letters.answered.len()), (1, 1));
    assert_eq!((letters.open[0].source_id.as_str(), letters.open[0].code.as_str()), ("5", "invalid_email"));
    let attempts = state.attempts_of("run_20261201_103410_c179").await.unwrap();
    assert_eq!((attempts.len(), attempts[0].finished_at), (1, None));

    let again = state.open_target(people(Some("123"))).await.unwrap();
    assert_eq!((again.target_id, again.is_adopted), (own.target_id, false), "it is told once");
    see(&state, "456").await;
    let other = state.open_target(people(Some("456"))).await.unwrap();
    assert!(other.target_id != own.target_id && !other.is_adopted && other.intents.is_empty());
}

#[tokio::test]
async fn ids_that_an_older_file_holds_anywhere_are_known_and_the_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first.db"), folder.path().join("second.db"));
    first_form(&first, &Seal::new(&KEY));
    second_form(&second);
    let mut names: Vec<Vec<Option<String>>> = Vec::new();
    for (path, pipeline) in [(&first, "p"), (&second, "people")] {
        let state = State::open(path, Seal::new(&KEY)).await.unwrap();
        let mut of_file = Vec::new();
        for target in state.listed_targets(pipeline).await.unwrap() {
            let (ids, _) = state.listed_ids(target.target_id, None, 100).await.unwrap();
            assert!(ids.iter().all(|id| id.destination_id.is_some()), "{ids:?}");
            of_file.extend(ids.into_iter().map(|id| id.source_id));
        }
        names.push(of_file);
    }
    assert_eq!(names[0], [Some(ADDRESS.to_owned())], "its link names it");
    let known: Vec<&str> = names[1].iter().flatten().map(String::as_str).collect();
    assert!(!known.is_empty() && known.len() < names[1].len(), "{names:?}");
}

#[tokio::test]
async fn what_no_run_has_opened_yet_waits_for_the_first_account() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    second_form(&path);
    let state = State::open(&path, Seal::new(&KEY)).await.unwrap();
    see(&state, "123").await;
    see(&state, "456").await;
    let other = state.open_target(people(Some("456"))).await.unwrap();
    assert!(!other.is_adopted && other.intents.is_empty());
    let linked = [("firms".to_owned(), texts(&["f1"]))].into();
    let firms = state.known(other.target_id, Wanted { linked, ..Wanted::default() }).await.unwrap();
    assert!(firms.linked["firms"].is_empty(), "they are at the first account");
    assert!(state.open_target(people(Some("123"))).await.unwrap().is_adopted);
}

#[test]
fn thirty_first_runs_at_once_make_one_file_or_migrate_it_once() {
    for is_old in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("state.db");
        if is_old {
            std::fs::create_dir(path.parent().unwrap()).unwrap();
            second_form(&path);
        }
        let openers: Vec<_> = (0..30)
            .map(|_| {
                let path = path.clone();
                thread::spawn(move || State::open_now(&path, Seal::new(&KEY)).map(drop))
            })
            .collect();
        for opener in openers {
            opener.join().unwrap().unwrap();
        }
        assert_eq!(folder.path().join("deep/state.db.backup-2").exists(), is_old);
    }
}

#[tokio::test]
async fn a_wrong_key_is_told_at_once_and_not_taken_for_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    drop(State::open(&path, Seal::new(&[1; KEY_BYTES])).await.unwrap());
    assert!(matches!(State::open(&path, Seal::new(&[2; KEY_BYTES])).await, Err(StateError::WrongKey)));
    assert!(State::open(&path, Seal::new(&[1; KEY_BYTES])).await.is_ok());
}

#[tokio::test]
async fn a_file_of_a_newer_version_and_a_damaged_file_are_refused_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let newer = folder.path().join("newer.db");
    drop(State::open(&newer, Seal::ephemeral()).await.unwrap());
    rusqlite::Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let refusal = State::open(&newer, Seal::ephemeral()).await.unwrap_err();
    assert!(refusal.hint().unwrap().contains("use the newer ferry"), "{refusal}");

    let damaged = folder.path().join("damaged.db");
    std::fs::write(&damaged, "this is no database, but it is long enough to be taken for one".repeat(99)).unwrap();
    let refusal = State::open(&damaged, Seal::ephemeral()).await.unwrap_err();
    assert!(refusal.hint().unwrap().contains("move the file away"), "{refusal}");
}
