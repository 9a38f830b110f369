//! Accounts: a target belongs to those at its ends.

use std::collections::BTreeMap;

use super::*;

fn between(stream: &str, source: &str, destination: &str) -> Target {
    let accounts = Accounts { source: Some(source.to_owned()), destination: Some(destination.to_owned()) };
    Target { accounts, ..target(stream) }
}

async fn see(state: &State, crm: &str, base: &str) -> Vec<AccountSighting> {
    let named = [("crm", crm), ("base", base)].map(|(name, id)| (ConnectionName::new(name), id.to_owned()));
    state.see_accounts("p", BTreeMap::from(named)).await.unwrap()
}

/// Returns where a link of a target to the firm `f` leads.
async fn linked_firm(state: &State, target: TargetId) -> Option<String> {
    let linked = [("firms".to_owned(), texts(&["f"]))].into();
    let known = state.known(target, Wanted { linked, ..Wanted::default() }).await.unwrap();
    known.linked["firms"].get("f").map(|record| record.destination_id.clone())
}

#[tokio::test]
async fn another_account_begins_with_nothing_and_back_at_the_first_everything_is_there() {
    let state = in_memory();
    state.start_attempt(run("run_1"), at(0)).await.unwrap();
    let first = between("contacts", "1", "app1");
    let own = open(&state, first.clone()).await.target_id;
    save(&state, own, &[("7", "rec7", 7)]).await;
    let changes = Changes { letters: vec![letter("run_1", "8", 1, DeadLetterKind::Held)], ..Changes::default() };
    state.commit(place(own, "run_1"), changes).await.unwrap();
    let checkpoint =
        Checkpoint { run_id: "run_1".to_owned(), cursor: cursor("7"), chunk: 1, saved_at: at(1), number: 0 };
    state.save_progress(own, "run_1", ledger(first.clone(), Ledger::default()), Some(checkpoint)).await.unwrap();
    for other in [between("contacts", "2", "app1"), between("contacts", "1", "app2"), target("contacts")] {
        let opened = open(&state, other.clone()).await;
        assert_ne!(opened.target_id, own, "{other:?}");
        assert!(opened.checkpoint.is_none() && opened.held.is_empty() && opened.ledger.is_none());
        assert!(known(&state, opened.target_id, &["7"]).await.by_source.is_empty());
    }
    let again = open(&state, first.clone()).await;
    assert_eq!(again.target_id, own);
    assert_eq!(again.checkpoint.unwrap().cursor, cursor("7"));
    assert_eq!((again.held, again.ledger.unwrap().target), (texts(&["8"]), first));
    assert_eq!(known(&state, own, &["7"]).await.by_source["7"].destination_id, "rec7");
}

#[tokio::test]
async fn open_letters_are_those_at_the_accounts_that_were_seen_at_last() {
    let state = in_memory();
    state.start_attempt(run("run_1"), at(0)).await.unwrap();
    for (crm, base, expected) in [("1", "a", 1), ("2", "a", 1), ("1", "b", 1)] {
        see(&state, crm, base).await;
        assert_eq!(state.count_open_letters("p").await.unwrap(), 0, "{crm} {base}");
        let own = open(&state, between("contacts", crm, base)).await.target_id;
        let changes =
            Changes { letters: vec![letter("run_1", crm, 1, DeadLetterKind::Rejected)], ..Changes::default() };
        state.commit(place(own, "run_1"), changes).await.unwrap();
        assert_eq!(state.count_open_letters("p").await.unwrap(), expected, "{crm} {base}");
    }
    see(&state, "1", "a").await;
    assert_eq!(state.count_open_letters("p").await.unwrap(), 1);
    see(&state, "3", "a").await;
    assert_eq!(state.count_open_letters("p").await.unwrap(), 0);
    assert_eq!(state.count_open_letters("other").await.unwrap(), 0);
}

#[tokio::test]
async fn a_new_account_is_told_from_one_that_comes_back() {
    let state = in_memory();
    for (crm, last, is_known) in [
        ("1", None, false),
        ("2", Some("1"), false),
        ("1", Some("2"), true),
        ("1", Some("1"), true),
        ("3", Some("1"), false),
    ] {
        let seen = see(&state, crm, "a").await;
        let sighting = seen.iter().find(|one| one.connection == ConnectionName::new("crm")).unwrap();
        let told = (sighting.account.as_str(), sighting.last.as_deref(), sighting.is_known);
        assert_eq!(told, (crm, last, is_known));
    }
}

#[tokio::test]
async fn links_lead_to_records_of_the_same_accounts_alone() {
    let state = in_memory();
    for (source, destination, id) in [("1", "a", "of 1 and a"), ("2", "a", "of 2 and a"), ("1", "b", "of 1 and b")] {
        let firms = open(&state, between("firms", source, destination)).await.target_id;
        save(&state, firms, &[("f", id, 1)]).await;
    }
    for (source, destination, id) in [
        ("1", "a", Some("of 1 and a")),
        ("2", "a", Some("of 2 and a")),
        ("1", "b", Some("of 1 and b")),
        ("2", "b", None),
    ] {
        let contacts = open(&state, between("contacts", source, destination)).await.target_id;
        assert_eq!(linked_firm(&state, contacts).await.as_deref(), id, "{source} {destination}");
    }
}

#[tokio::test]
async fn links_to_a_stream_of_another_source_lead_to_the_account_last_seen_there() {
    let state = in_memory();
    for erp in ["e1", "e2"] {
        let source_connection = ConnectionName::new("erp");
        let accounts = [(source_connection.clone(), erp.to_owned())].into();
        state.see_accounts("p", accounts).await.unwrap();
        let target = between("firms", erp, "a");
        let firms = OpenTarget {
            target,
            source_connection,
            run_id: "run_1".to_owned(),
            held_code: HELD_CODE,
            seals_ids: false,
        };
        let firms = state.open_target(firms).await.unwrap().target_id;
        save(&state, firms, &[("f", &format!("of {erp}"), 1)]).await;
        let contacts = open(&state, between("contacts", "1", "a")).await.target_id;
        assert_eq!(linked_firm(&state, contacts).await, Some(format!("of {erp}")));
    }
}

#[tokio::test]
async fn a_renewed_record_of_one_account_reopens_no_link_of_another() {
    let state = in_memory();
    let mut contacts = Vec::new();
    for destination in ["a", "b"] {
        let target = open(&state, between("contacts", "1", destination)).await.target_id;
        let with_link = WrittenRecord { links: Some(vec![link("x", &["1"], 1)]), ..written("x", "of x", 9) };
        let changes = Changes { written: vec![written("1", "rec1", 1), with_link], ..Changes::default() };
        state.commit(place(target, "run_1"), changes).await.unwrap();
        contacts.push(target);
    }
    save(&state, contacts[0], &[("1", "rec2", 1)]).await;
    assert_eq!(state.reopen_links("p", vec!["base".to_owned()]).await.unwrap(), 1);
    assert_eq!(state.count_pending_links(contacts[0]).await.unwrap(), 1);
    assert_eq!(state.count_pending_links(contacts[1]).await.unwrap(), 0);
}
