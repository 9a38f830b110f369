//! The id map: what is known of records, by id, by key and by the destination's id.

use super::*;

#[tokio::test]
async fn an_entry_is_found_by_id_and_by_key_and_a_key_has_one_owner() {
    let state = in_memory();
    let target = opened(&state, "contacts").await;
    save(&state, target, &[("1", "rec1", 7)]).await;
    save(&state, target, &[("2", "rec2", 7), ("3", "rec3", 8)]).await;
    let wanted = Wanted { source_ids: texts(&["1", "2", "9"]), key_hashes: vec![7, 9], ..Wanted::default() };
    let known = state.known(target, wanted).await.unwrap();
    assert_eq!(known.by_source.keys().collect::<Vec<_>>(), ["2"], "the key of `1` has another owner now");
    assert_eq!(known.by_key.keys().collect::<Vec<_>>(), [&7]);
    assert_eq!(known.by_key[&7], known.by_source["2"]);
    let entry = &known.by_source["2"];
    assert_eq!((entry.destination_id.as_str(), entry.content_hash), ("rec2", 77));
}

#[tokio::test]
async fn of_two_records_with_one_key_in_a_batch_the_last_owns_it() {
    let state = in_memory();
    let target = opened(&state, "contacts").await;
    save(&state, target, &[("1", "rec1", 5)]).await;
    save(&state, target, &[("1", "rec1", 7), ("2", "rec2", 7)]).await;
    assert_eq!(known(&state, target, &["1", "2"]).await.by_source.keys().collect::<Vec<_>>(), ["2"]);
    // Two that change keys with each other keep both.
    save(&state, target, &[("3", "rec3", 8)]).await;
    save(&state, target, &[("2", "rec2", 8), ("3", "rec3", 7)]).await;
    let wanted = Wanted { key_hashes: vec![7, 8], ..Wanted::default() };
    let by_key = state.known(target, wanted).await.unwrap().by_key;
    assert_eq!((by_key[&7].destination_id.as_str(), by_key[&8].destination_id.as_str()), ("rec3", "rec2"));
}

#[tokio::test]
async fn a_batch_of_any_size_is_stored_whole() {
    let state = in_memory();
    let target = opened(&state, "contacts").await;
    for count in [1, 7, 8, 9, 63, 64, 65, 200, 1_000] {
        let ids: Vec<String> = (0..count).map(|number| format!("{count}-{number}")).collect();
        let records: Vec<(&str, &str, u128)> =
            ids.iter().zip(0..).map(|(id, key)| (id.as_str(), id.as_str(), count * 10_000 + key)).collect();
        save(&state, target, &records).await;
        let wanted = ids.iter().map(String::as_str).collect::<Vec<_>>();
        let found = known(&state, target, &wanted).await.by_source;
        assert_eq!(found.len(), ids.len());
        assert!(found.iter().all(|(id, entry)| *id == entry.destination_id));
    }
}

fn ids(page: &UnseenPage) -> Vec<&str> {
    page.own.iter().map(|entry| entry.destination_id.as_str()).collect()
}

#[tokio::test]
async fn unseen_records_are_those_the_run_has_not_read() {
    let state = in_memory();
    let target = opened(&state, "contacts").await;
    save(&state, target, &[("1", "rec1", 1), ("2", "rec2", 2), ("3", "rec3", 3), ("4", "rec4", 4)]).await;
    let key = known(&state, target, &["4"]).await.by_source["4"].source_key;
    let changes = Changes {
        unchanged: vec![read("2", 1)],
        seen: vec![RecordKey::Id("3".to_owned()), RecordKey::Key(key)],
        ..Changes::default()
    };
    state.commit(place(target, "run_2"), changes).await.unwrap();
    let count = state.unseen_count(target, "run_2").await.unwrap();
    assert_eq!(count, UnseenCount { mapped: 4, unseen: 1 });
    let page = state.unseen_page(target, "run_2", None, 10).await.unwrap();
    assert_eq!(ids(&page), ["rec1"]);
    assert_eq!(ids(&state.unseen_page(target, "run_2", page.next, 10).await.unwrap()), [""; 0]);
}

#[tokio::test]
async fn of_unseen_records_that_were_merged_one_is_left_and_none_where_a_seen_one_needs_it() {
    let state = in_memory();
    let target = opened(&state, "contacts").await;
    save(&state, target, &[("1", "a", 1), ("2", "b", 2), ("3", "c", 3), ("4", "d", 4), ("5", "e", 5)]).await;
    let moved = vec![("b".to_owned(), "a".to_owned()), ("d".to_owned(), "c".to_owned())];
    state.commit(place(target, "run_1"), Changes { moved, ..Changes::default() }).await.unwrap();
    let changes = Changes { unchanged: vec![read("3", 1)], missing: texts(&["e"]), ..Changes::default() };
    state.commit(place(target, "run_2"), changes).await.unwrap();
    let page = state.unseen_page(target, "run_2", None, 10).await.unwrap();
    assert_eq!(ids(&page), ["a"], "`c` belongs to a record that was read, `e` is gone");
    let left = known(&state, target, &["1", "2", "3", "4", "5"]).await.by_source;
    let mut left: Vec<&String> = left.keys().collect();
    left.sort();
    assert_eq!(left, ["2", "3"]);
}

#[tokio::test]
async fn a_record_that_is_missing_stays_known_until_it_is_written_again() {
    let state = in_memory();
    let target = opened(&state, "contacts").await;
    save(&state, target, &[("1", "rec1", 1)]).await;
    let changes = Changes { missing: texts(&["rec1"]), ..Changes::default() };
    state.commit(place(target, "run_1"), changes).await.unwrap();
    assert!(known(&state, target, &["1"]).await.by_source["1"].is_missing);
    assert_eq!(state.open_ends(target).await.unwrap().1, 1);
    save(&state, target, &[("1", "rec9", 1)]).await;
    assert!(!known(&state, target, &["1"]).await.by_source["1"].is_missing);
    assert_eq!(state.open_ends(target).await.unwrap().1, 0);
}

#[tokio::test]
async fn what_fails_leaves_nothing_behind() {
    let state = in_memory();
    let failed = state
        .write(|work| {
            work.save_secret("token", "one")?;
            Err::<(), _>(StateError::Stopped)
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(state.secret("token").await.unwrap(), None);
}

#[tokio::test]
async fn an_intent_is_open_until_its_outcomes_are_stored() {
    let state = in_memory();
    let target_id = opened(&state, "contacts").await;
    state.start_attempt(run("run_1"), at(0)).await.unwrap();
    let intent = |ids: &[&str]| Intent {
        run_id: "run_1".to_owned(),
        operation: "insert".to_owned(),
        source_ids: texts(ids),
        before: Vec::new(),
    };
    let ids = state.save_intents(target_id, vec![intent(&["1"]), intent(&["2", "3"])], at(5)).await.unwrap();
    let changes = Changes { written: vec![written("1", "rec1", 1)], intents: vec![ids[0]], ..Changes::default() };
    state.commit(place(target_id, "run_1"), changes).await.unwrap();
    let left = open(&state, target("contacts")).await.intents;
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].intent_id, &left[0].intent, left[0].saved_at), (ids[1], &intent(&["2", "3"]), at(5)));
    state.remove_intents(ids).await.unwrap();
    assert!(open(&state, target("contacts")).await.intents.is_empty());
}
