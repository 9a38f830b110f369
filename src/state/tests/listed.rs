//! The id map as people read it.

use super::*;

/// Reads all ids of a target, `limit` at a time.
async fn all(state: &State, target: TargetId, limit: u32) -> Vec<ListedId> {
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let (page, position) = state.listed_ids(target, after, limit).await.unwrap();
        ids.extend(page);
        let Some(position) = position else { return ids };
        after = Some(position);
    }
}

fn line(source_id: &str, destination_id: &str, second: i64, run_id: &str) -> ListedId {
    ListedId {
        source_id: Some(source_id.to_owned()),
        destination_id: Some(destination_id.to_owned()),
        is_missing: false,
        survivor: None,
        shared_with: None,
        since: Some(at(second)),
        run_id: Some(run_id.to_owned()),
    }
}

async fn commit(state: &State, target: TargetId, run_id: &str, second: i64, changes: Changes) {
    let place = ChangePlace { now: at(second), ..place(target, run_id) };
    state.commit(place, changes).await.unwrap();
}

fn changed(written: Vec<WrittenRecord>) -> Changes {
    Changes { written, ..Changes::default() }
}

#[tokio::test]
async fn ids_keep_their_order_and_say_since_when_and_by_which_run() {
    let state = in_memory();
    let target = opened(&state, "contacts").await;
    let first = changed(vec![written("b@x.test", "rec1", 1), written("a@x.test", "rec2", 2)]);
    commit(&state, target, "run_1", 10, first).await;
    // One is updated, one gets another id.
    let second = changed(vec![written("b@x.test", "rec1", 1), written("a@x.test", "rec3", 2)]);
    commit(&state, target, "run_2", 20, second).await;
    let expected = [line("b@x.test", "rec1", 10, "run_1"), line("a@x.test", "rec3", 20, "run_2")];
    assert_eq!(all(&state, target, 1).await, expected);
    assert_eq!(all(&state, target, 9).await, expected);
    let targets = state.listed_targets("p").await.unwrap();
    assert_eq!(targets.iter().map(|one| one.target_id).collect::<Vec<_>>(), [target]);
    assert_eq!(state.listed_targets("other").await.unwrap(), []);
}

#[tokio::test]
async fn duplicates_and_merged_records_name_the_one_that_they_are_the_same_as() {
    let state = in_memory();
    let target = opened(&state, "contacts").await;
    let duplicates = vec![Duplicate { source_id: "2".to_owned(), survivor: RecordKey::Id("1".to_owned()) }];
    let written_records = vec![written("1", "rec1", 1), written("3", "rec3", 3), written("4", "rec4", 4)];
    commit(&state, target, "run_1", 10, Changes { duplicates, ..changed(written_records) }).await;
    // The key of record 1 goes to record 5, and with it the duplicates of 1. At the destination, 4 is merged into 3, and 3 is deleted.
    let moved = vec![("rec4".to_owned(), "rec3".to_owned())];
    commit(&state, target, "run_2", 20, Changes { moved, ..changed(vec![written("5", "rec1", 1)]) }).await;
    let missing = vec!["rec3".to_owned()];
    commit(&state, target, "run_2", 30, Changes { missing, ..Changes::default() }).await;
    let shared = |own: ListedId, other: &str| ListedId { is_missing: true, shared_with: Some(other.to_owned()), ..own };
    let survivor = Some(Survivor { source_id: Some("5".to_owned()) });
    let entries = [
        shared(line("3", "rec3", 10, "run_1"), "4"),
        shared(line("4", "rec3", 20, "run_2"), "3"),
        line("5", "rec1", 20, "run_2"),
    ];
    let listed = all(&state, target, 2).await;
    assert_eq!(listed[..3], entries);
    let mut handed_on = listed[3..].to_vec();
    handed_on.sort_by(|one, other| one.source_id.cmp(&other.source_id));
    let duplicate = |id: &str| ListedId { survivor: survivor.clone(), ..line(id, "rec1", 20, "run_2") };
    assert_eq!(handed_on, [duplicate("1"), duplicate("2")]);
}

#[tokio::test]
async fn entries_of_older_versions_have_no_name_until_their_record_is_read_again() {
    let state = in_memory();
    let target = opened(&state, "contacts").await;
    commit(&state, target, "run_1", 10, changed(vec![written("1", "rec1", 1), written("2", "rec2", 2)])).await;
    let forget = "UPDATE id_map SET sealed = NULL, mapped_at = NULL, mapped_run = NULL";
    state.write(move |work| Ok(work.transaction.execute(forget, [])?)).await.unwrap();
    let unknown = ListedId { source_id: None, since: None, run_id: None, ..line("", "rec1", 0, "") };
    let other = ListedId { destination_id: Some("rec2".to_owned()), ..unknown.clone() };
    assert_eq!(all(&state, target, 9).await, [unknown.clone(), other]);
    let unchanged = vec![read("1", 1)];
    commit(&state, target, "run_2", 20, Changes { unchanged, ..Changes::default() }).await;
    commit(&state, target, "run_2", 20, changed(vec![written("2", "rec2", 2)])).await;
    let named = |id: &str, entry: &ListedId| ListedId { source_id: Some(id.to_owned()), ..entry.clone() };
    let second = ListedId { destination_id: Some("rec2".to_owned()), ..unknown.clone() };
    assert_eq!(all(&state, target, 9).await, [named("1", &unknown), named("2", &second)]);
}

#[tokio::test]
async fn a_record_that_is_taken_back_keeps_its_id_and_its_date() {
    let state = in_memory();
    state.start_attempt(run("run_1"), at(0)).await.unwrap();
    let target = opened(&state, "contacts").await;
    commit(&state, target, "run_1", 10, changed(vec![written("1", "rec1", 1)])).await;
    let key = known(&state, target, &["1"]).await.by_source["1"].source_key;
    let image = NewImage {
        source: RecordKey::Key(key),
        destination_id: "rec1".to_owned(),
        kind: ImageKind::Deleted,
        before: None,
        wrote: crate::model::Fields::new(),
    };
    let deletes = Changes { images: vec![image], forgotten: vec![key], ..Changes::default() };
    commit(&state, target, "run_1", 20, deletes).await;
    assert_eq!(all(&state, target, 9).await, []);
    let (kind, undo) = (ImageKind::Deleted, "run_2");
    let images = state.images("run_1", target, undo, kind, (0, 9)).await.unwrap();
    assert_eq!(images[0].source_id.as_deref(), Some("1"), "the entry knew it");
    let taken = TakenBack { image_id: images[0].image_id, fate: ImageFate::Recreated, new_id: Some("rec9".to_owned()) };
    commit(&state, target, undo, 30, Changes { taken_back: vec![taken], ..Changes::default() }).await;
    assert_eq!(all(&state, target, 9).await, [line("1", "rec9", 30, "run_2")]);
}
