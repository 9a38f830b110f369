//! Links: which wait, which are set again, and where they lead.

use super::*;

async fn pending(state: &State, target: TargetId) -> Vec<String> {
    let links = state.pending_links(target, 0, 10).await.unwrap();
    links.into_iter().map(|pending| pending.link.source_id).collect()
}

async fn save_links(state: &State, target: TargetId, links: Vec<Link>) {
    let written = links.into_iter().zip(100..).map(|(link, key)| {
        let record = written(&link.source_id, &format!("of {}", link.source_id), key);
        WrittenRecord { links: Some(vec![link]), ..record }
    });
    let changes = Changes { written: written.collect(), ..Changes::default() };
    state.commit(place(target, "run_1"), changes).await.unwrap();
}

async fn reopen(state: &State) -> u64 {
    state.reopen_links("p", vec!["base".to_owned()]).await.unwrap()
}

#[tokio::test]
async fn links_to_a_record_with_another_id_are_set_again_and_others_are_left() {
    let state = in_memory();
    let target = opened(&state, "contacts").await;
    save(&state, target, &[("1", "rec1", 1), ("2", "rec2", 2)]).await;
    save_links(&state, target, vec![link("a", &["1"], 1), link("b", &["2"], 1), link("c", &["1", "2"], 1)]).await;
    assert_eq!(pending(&state, target).await, ["c"]);
    save(&state, target, &[("2", "rec2", 2)]).await;
    assert_eq!(reopen(&state).await, 0, "the same id again");
    let moved = Changes { moved: vec![("rec2".to_owned(), "rec7".to_owned())], ..Changes::default() };
    state.commit(place(target, "run_1"), moved).await.unwrap();
    assert_eq!(reopen(&state).await, 2);
    assert_eq!(pending(&state, target).await, ["b", "c"]);
    assert_eq!(reopen(&state).await, 0, "once");
    let key = known(&state, target, &["b"]).await.by_source["b"].source_key;
    let changes = Changes { forgotten: vec![key], ..Changes::default() };
    state.commit(place(target, "run_1"), changes).await.unwrap();
    assert_eq!(pending(&state, target).await, ["c"]);
}

/// Returns where a link to a record leads.
async fn linked_to(state: &State, target: TargetId, source_id: &str) -> Option<String> {
    let linked = [("contacts".to_owned(), texts(&[source_id]))].into();
    let known = state.known(target, Wanted { linked, ..Wanted::default() }).await.unwrap();
    known.linked["contacts"].get(source_id).map(|record| record.destination_id.clone())
}

#[tokio::test]
async fn a_link_to_a_duplicate_leads_to_the_survivor_in_this_run_and_later_ones() {
    let state = in_memory();
    let target = opened(&state, "contacts").await;
    // The survivor is noted before it is written.
    let duplicate = Duplicate { source_id: "2".to_owned(), survivor: RecordKey::Id("1".to_owned()) };
    let changes = Changes { duplicates: vec![duplicate], ..Changes::default() };
    state.commit(place(target, "run_1"), changes).await.unwrap();
    assert_eq!(linked_to(&state, target, "2").await, None);
    save(&state, target, &[("1", "rec1", 1)]).await;
    assert_eq!(linked_to(&state, target, "2").await.as_deref(), Some("rec1"));
    save_links(&state, target, vec![link("a", &["2"], 1)]).await;
    save(&state, target, &[("1", "rec5", 1)]).await;
    assert_eq!(linked_to(&state, target, "2").await.as_deref(), Some("rec5"), "it follows the survivor");
    assert_eq!(reopen(&state).await, 1, "and so do links to it");
    save(&state, target, &[("2", "rec2", 2)]).await;
    assert_eq!(linked_to(&state, target, "2").await.as_deref(), Some("rec2"), "a record of its own again");
}

#[tokio::test]
async fn what_a_link_waits_for_is_named_once_each() {
    let state = in_memory();
    let target_id = opened(&state, "contacts").await;
    state.start_attempt(run("run_1"), at(0)).await.unwrap();
    save(&state, target_id, &[("1", "rec1", 1)]).await;
    save_links(&state, target_id, vec![link("a", &["9", "1", "9", "8"], 1)]).await;
    let ledger = ledger(target("contacts"), Ledger::default());
    state.save_progress(target_id, "run_1", ledger, None).await.unwrap();
    let waiting = state.waiting_links("run_1").await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!((waiting[0].source_id.as_str(), &waiting[0].missing), ("a", &texts(&["9", "8"])));
}

#[tokio::test]
async fn a_link_that_is_set_answers_the_letter_about_its_field_alone() {
    let state = in_memory();
    let target_id = opened(&state, "contacts").await;
    state.start_attempt(run("run_1"), at(0)).await.unwrap();
    save_links(&state, target_id, vec![link("a", &["1"], 0)]).await;
    let about =
        |field: &str| DeadLetter { field: Some(field.to_owned()), ..letter("run_1", "a", 0, DeadLetterKind::Link) };
    let changes = Changes { letters: vec![about("Friends"), about("Firm")], ..Changes::default() };
    state.commit(place(target_id, "run_1"), changes).await.unwrap();
    assert_eq!(state.letters("run_1").await.unwrap().open.len(), 2, "one for each field");
    let link_id = state.pending_links(target_id, 0, 10).await.unwrap()[0].link_id;
    let linked = LinkedLink { link_id, source_id: "a".to_owned(), field: "Friends".to_owned(), linked: 1 };
    state.commit(place(target_id, "run_1"), Changes { linked: vec![linked], ..Changes::default() }).await.unwrap();
    assert!(pending(&state, target_id).await.is_empty());
    let open = state.letters("run_1").await.unwrap().open;
    assert_eq!(open.iter().map(|letter| letter.field.as_deref()).collect::<Vec<_>>(), [Some("Firm")]);
}
