//! Nothing that a record holds, and no secret, is in the file in clear.

use std::path::Path;

use crate::model::{FieldName, Fields, Value};

use super::*;

pub(super) const ADDRESS: &str = "ada@example.test";

/// Stores an address in every place that takes text of a record.
pub(super) async fn store_everywhere(state: &State) {
    state.start_attempt(run("run_1"), at(0)).await.unwrap();
    let target_id = opened(state, "contacts").await;
    let with_link = WrittenRecord { links: Some(vec![link(ADDRESS, &[ADDRESS], 0)]), ..written(ADDRESS, "rec1", 1) };
    let duplicate = Duplicate { source_id: format!("{ADDRESS}.2"), survivor: RecordKey::Id(ADDRESS.to_owned()) };
    let body = LetterBody { reason: ADDRESS.to_owned(), value: Some(ADDRESS.to_owned()), ..LetterBody::default() };
    let held = DeadLetter { body, ..letter("run_1", ADDRESS, 1, DeadLetterKind::Held) };
    let held_before: Fields = [(FieldName::new("email"), Value::Text(ADDRESS.to_owned()))].into();
    let image = NewImage {
        source: RecordKey::Id(ADDRESS.to_owned()),
        destination_id: "rec1".to_owned(),
        kind: ImageKind::Updated,
        before: Some(held_before.clone()),
        wrote: held_before.clone(),
    };
    let changes = Changes {
        written: vec![with_link],
        duplicates: vec![duplicate],
        letters: vec![held],
        images: vec![image],
        ..Changes::default()
    };
    state.commit(place(target_id, "run_1"), changes).await.unwrap();
    let intent = Intent {
        run_id: "run_1".to_owned(),
        operation: "insert".to_owned(),
        source_ids: texts(&[ADDRESS]),
        before: vec![Some(Before { destination_id: None, fields: held_before })],
    };
    state.save_intents(target_id, vec![intent], at(0)).await.unwrap();
    let begun = TargetLedger { start_cursor: Some(cursor(ADDRESS)), ..ledger(target("contacts"), Ledger::default()) };
    let checkpoint =
        Checkpoint { run_id: "run_1".to_owned(), cursor: cursor(ADDRESS), chunk: 1, saved_at: at(1), number: 0 };
    state.save_progress(target_id, "run_1", begun, Some(checkpoint)).await.unwrap();
    let error = AttemptError {
        code: "code".to_owned(),
        message: ADDRESS.to_owned(),
        hint: Some(ADDRESS.to_owned()),
        request_id: Some(ADDRESS.to_owned()),
        wait: None,
    };
    let end = AttemptEnd { status: RunStatus::Failed, now: at(2), errors: vec![error] };
    state.finish_attempt("run_1", 1, end).await.unwrap();
    state.save_secret(&format!("login of {ADDRESS}"), ADDRESS).await.unwrap();
}

/// Checks what is read back of what [`store_everywhere`] stores, but for what the first form did not hold.
pub(super) async fn check_all_is_there(state: &State) {
    let opened = open(state, target("contacts")).await;
    let wanted = Wanted { source_ids: texts(&[ADDRESS]), key_hashes: vec![1], ..Wanted::default() };
    let known = state.known(opened.target_id, wanted).await.unwrap();
    let entry = &known.by_source[ADDRESS];
    assert_eq!((entry.destination_id.as_str(), entry.content_hash), ("rec1", 77));
    assert_eq!(known.by_key[&1].destination_id, "rec1");
    let pending = state.pending_links(opened.target_id, 0, 9).await.unwrap();
    assert_eq!(pending[0].link, link(ADDRESS, &[ADDRESS], 0));
    assert_eq!(opened.intents[0].intent.source_ids, [ADDRESS]);
    assert_eq!(opened.held, [ADDRESS]);
    assert_eq!(opened.checkpoint.unwrap().cursor.0["after"], ADDRESS);
    assert_eq!(opened.ledger.unwrap().start_cursor.unwrap().0["after"], ADDRESS);
    let letters = state.letters("run_1").await.unwrap().open;
    assert_eq!((letters[0].source_id.as_str(), letters[0].body.reason.as_str()), (ADDRESS, ADDRESS));
    assert_eq!(state.secret(&format!("login of {ADDRESS}")).await.unwrap().as_deref(), Some(ADDRESS));
    assert_eq!(state.attempts_of("run_1").await.unwrap()[0].number, 1);
}

/// Tells which files of a folder hold the address in clear.
pub(super) fn files_with_the_address(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let has_address = |path: &PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(ADDRESS.len()).any(|window| window == ADDRESS.as_bytes())
    };
    files.filter(has_address).map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

#[tokio::test]
async fn nothing_personal_lies_in_the_file_in_clear() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(&folder.path().join("state.db"), Seal::ephemeral()).await.unwrap();
    store_everywhere(&state).await;
    check_all_is_there(&state).await;
    assert_eq!(files_with_the_address(folder.path()), [""; 0], "while it is open");
    drop(state);
    assert_eq!(files_with_the_address(folder.path()), [""; 0]);
}

#[tokio::test]
async fn a_sealed_cell_that_is_moved_to_another_row_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let key = [7; KEY_BYTES];
    let state = State::open(&path, Seal::new(&key)).await.unwrap();
    state.save_secret("first", "one").await.unwrap();
    state.save_secret("second", "two").await.unwrap();
    drop(state);
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute("UPDATE tokens SET sealed = (SELECT sealed FROM tokens ORDER BY rowid LIMIT 1)", []).unwrap();
    drop(file);
    let state = State::open(&path, Seal::new(&key)).await.unwrap();
    assert_eq!(state.secret("first").await.unwrap().as_deref(), Some("one"));
    assert!(matches!(state.secret("second").await, Err(StateError::WrongKey)));
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_can_read_what_ferry_keeps() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(&folder.path().join("state.db"), Seal::ephemeral()).await.unwrap();
    store_everywhere(&state).await;
    let name = LeaseName::Run { pipeline: "p".to_owned() };
    let _lease = state.take_lease(name, "p", at(0)).await.unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
}

/// A vendor may echo a token in whatever it says: the record itself stays as it is.
#[tokio::test]
async fn known_secrets_are_taken_out_of_what_vendors_said() {
    const SECRET: &str = "pat-na1-of-this-test";
    crate::redact::remember(SECRET);
    let state = in_memory();
    state.start_attempt(run("run_1"), at(0)).await.unwrap();
    let target_id = opened(&state, "contacts").await;
    let body = LetterBody {
        reason: format!("the token {SECRET} may not"),
        value: Some(SECRET.to_owned()),
        source: serde_json::json!({ "note": SECRET }),
        mapped: serde_json::json!({ "Note": SECRET }),
        request_id: Some(format!("request-{SECRET}")),
    };
    let echoed = letter("run_1", "1", 1, DeadLetterKind::Rejected);
    let letters = vec![DeadLetter { code: SECRET.to_owned(), field: Some(SECRET.to_owned()), body, ..echoed }];
    state.commit(place(target_id, "run_1"), Changes { letters, ..Changes::default() }).await.unwrap();
    let said = TargetLedger { message: Some(SECRET.to_owned()), ..ledger(target("contacts"), Ledger::default()) };
    state.save_progress(target_id, "run_1", said, None).await.unwrap();
    let error = AttemptError {
        code: SECRET.to_owned(),
        message: SECRET.to_owned(),
        hint: Some(SECRET.to_owned()),
        request_id: Some(SECRET.to_owned()),
        wait: None,
    };
    let end = AttemptEnd { status: RunStatus::Failed, now: at(2), errors: vec![error] };
    state.finish_attempt("run_1", 1, end).await.unwrap();

    let kept = state.letters("run_1").await.unwrap().open.remove(0);
    assert_eq!((kept.code.as_str(), kept.field.as_deref()), ("***", Some("***")));
    assert_eq!((kept.body.reason.as_str(), kept.body.value.as_deref()), ("the token *** may not", Some("***")));
    assert_eq!(kept.body.request_id.as_deref(), Some("request-***"));
    assert_eq!((&kept.body.source["note"], &kept.body.mapped["Note"]), (&SECRET.into(), &SECRET.into()));
    let stored = state.stored_run("run_1", SourceIds::Hidden).await.unwrap();
    assert_eq!(stored.targets[0].ledger.message.as_deref(), Some("***"));
    let error = &stored.attempts[0].errors[0];
    assert_eq!(
        [&error.code, &error.message, error.hint.as_ref().unwrap(), error.request_id.as_ref().unwrap()],
        ["***"; 4]
    );
}

/// Where an id at the destination is a key, as in a sheet, it may be an address.
#[tokio::test]
async fn ids_that_are_keys_are_sealed_and_found() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(&folder.path().join("state.db"), Seal::ephemeral()).await.unwrap();
    state.start_attempt(run("run_1"), at(0)).await.unwrap();
    let source_connection = ConnectionName::new("crm");
    let run_id = "run_1".to_owned();
    let rows = OpenTarget { target: target("rows"), source_connection, run_id, held_code: HELD_CODE, seals_ids: true };
    let target_id = state.open_target(rows).await.unwrap().target_id;
    save(&state, target_id, &[("1", ADDRESS, 1), ("2", "bob@example.test", 2)]).await;
    assert_eq!(known(&state, target_id, &["1"]).await.by_source["1"].destination_id, ADDRESS);
    let wanted = Wanted { destination_ids: texts(&[ADDRESS, "nobody"]), ..Wanted::default() };
    assert_eq!(state.known(target_id, wanted).await.unwrap().owned, [(ADDRESS.to_owned(), 1)].into());
    let moved = vec![("bob@example.test".to_owned(), format!("bob.{ADDRESS}"))];
    let changes = Changes { missing: texts(&[ADDRESS]), moved, ..Changes::default() };
    state.commit(place(target_id, "run_1"), changes).await.unwrap();
    let known = known(&state, target_id, &["1", "2"]).await.by_source;
    assert!(known["1"].is_missing);
    assert_eq!(known["2"].destination_id, format!("bob.{ADDRESS}"));
    drop(state);
    assert_eq!(files_with_the_address(folder.path()), [""; 0]);
}
