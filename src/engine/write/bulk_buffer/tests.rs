//! Records that wait to be written together.

mod bulk_system;

use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::json;

use crate::clock::Clock;
use crate::config::{CountOrShare, WriteMode};
use crate::connector::Context;
use crate::engine::Finished;
use crate::model::{ConnectionName, Ledger};
use crate::state::RunStatus;

use bulk_system::{BulkSystem, Fault, Place, bulk_system, destination};

fn rows(count: usize) -> Vec<(String, String)> {
    (0..count).map(|at| (format!("r{at}"), format!("k{at}"))).collect()
}

fn ledger(finished: &Finished) -> Ledger {
    assert!(finished.failures.is_empty(), "{:?}", finished.failures);
    let ledger = finished.report.streams[0].destinations[0].ledger;
    assert!(ledger.closes(), "{ledger:?}");
    ledger
}

#[test]
fn chunks_are_gathered_to_what_a_batch_takes() {
    for (bulk_records, expected) in [(50, vec![42, 42, 16]), (1_000, vec![100]), (21, vec![21, 21, 21, 21, 16])] {
        let place = Place::new(1_000 + u64::from(bulk_records), bulk_records, rows(100));
        assert_eq!(ledger(&place.run()).created, 100);
        let own = place.own();
        assert_eq!(own.bulk_loads.iter().map(Vec::len).collect::<Vec<_>>(), expected);
        assert!(own.loads.is_empty());
        let sent: Vec<&String> = own.bulk_loads.iter().flatten().collect();
        assert!(own.rows.iter().map(|row| &row.1).eq(sent), "in the source's order");
        drop(own);
        assert_eq!(place.checkpoint("to"), Some(100));
    }
}

#[test]
fn the_last_few_go_along_and_few_in_all_go_the_ordinary_way() {
    let place = Place::new(2, 1_000, rows(45));
    assert_eq!(ledger(&place.run()).created, 45);
    let sent = |place: &Place| {
        let own = place.own();
        (own.bulk_loads.len(), own.loads.clone())
    };
    assert_eq!(sent(&place), (1, vec![]));
    let place = Place::new(3, 1_000, rows(9));
    assert_eq!(ledger(&place.run()).created, 9);
    assert_eq!(sent(&place), (0, vec![4, 4, 1]));
}

#[test]
fn a_key_or_id_that_comes_again_while_its_record_waits_is_a_duplicate_and_costs_no_batch() {
    let mut rows = rows(90);
    rows[45].1 = "k5".to_owned();
    rows[46].0 = "r6".to_owned();
    rows[80].1 = "k46".to_owned();
    let place = Place::new(4, 1_000, rows);
    let ledger = ledger(&place.run());
    assert_eq!((ledger.read, ledger.created, ledger.duplicate), (90, 88, 2));
    // The record with the id `r6` and the key `k46` is a duplicate by its id; so its key was never taken.
    let own = place.own();
    assert_eq!(own.bulk_loads.iter().map(Vec::len).collect::<Vec<_>>(), vec![87]);
    assert_eq!(own.loads, vec![1], "what was put off is written behind the batch");
}

#[test]
fn a_record_whose_twin_was_refused_is_tried_for_itself_and_the_reject_keeps_its_source() {
    let mut rows = rows(60);
    rows[45].1 = "k5".to_owned();
    let place = Place::new(5, 1_000, rows);
    place.own().refused_once.insert("k5".to_owned());
    let finished = place.run();
    let ledger = ledger(&finished);
    assert_eq!((ledger.created, ledger.rejected, ledger.duplicate), (59, 1, 0));
    let run_id = finished.report.run_id;
    let letters = place.letters(&run_id);
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].source_id.as_str(), letters[0].chunk), ("r5", 1));
    assert_eq!(letters[0].body.source["key"], json!("k5"));
    assert_eq!(letters[0].body.mapped, json!({ "Key": "k5" }));
}

#[test]
fn a_stopped_run_sends_nothing_of_what_waits_and_the_next_one_goes_on() {
    let mut place = Place::new(6, 1_000, rows(90));
    let token = place.environment.context.transport.shutdown.clone();
    place.own().stop = Some((60, token));
    let stopped = place.run();
    assert_eq!(stopped.report.status, RunStatus::Interrupted);
    assert!(place.own().bulk_loads.is_empty());
    assert_eq!(place.checkpoint("to"), None);
    assert!(stopped.report.streams[0].destinations[0].ledger.closes());
    place.own().stop = None;
    place.environment.context = Context::in_memory(Clock::accelerated(1e9));
    let second = place.run();
    assert!(second.report.is_resumed);
    assert_eq!(ledger(&second).created, 90);
    let own = place.own();
    assert_eq!((own.bulk_loads.len(), own.settles), (1, 0), "nothing was under way");
}

#[test]
fn outcomes_that_were_stored_before_a_kill_are_counted_by_the_next_run() {
    let place = Place::new(13, 1_000, rows(450));
    place.own().fault = Some((1, Fault::Short(250)));
    assert_eq!(place.run().report.status, RunStatus::Failed);
    assert_eq!(place.checkpoint("to"), None);
    place.own().fault = None;
    let second = place.run();
    assert!(second.report.is_resumed);
    let ledger = ledger(&second);
    // The first segment of 200 is stored and is not sent again; the rest is, and is there already.
    assert_eq!((ledger.created, ledger.updated), (200, 250));
    let own = place.own();
    assert_eq!(own.held.len(), 450);
    assert_eq!(own.bulk_loads.iter().map(Vec::len).collect::<Vec<_>>(), vec![450, 250]);
    assert_eq!(own.settles, 1);
}

#[test]
fn a_batch_that_is_refused_whole_is_halved_until_the_culprit_stands_alone() {
    let place = Place::new(7, 1_000, rows(80));
    place.own().poison = Some("k33".to_owned());
    let finished = place.run();
    let ledger = ledger(&finished);
    assert_eq!((ledger.created, ledger.rejected), (79, 1));
    assert_eq!(place.own().held.len(), 79);
    assert!(finished.report.streams[0].destinations[0].calls_halving > 0);
}

#[test]
fn a_lost_answer_to_creates_is_settled_by_their_keys() {
    let mut place = Place::new(8, 1_000, rows(70));
    place.pipeline.streams[0].destinations[0].write = WriteMode::Insert;
    place.own().fault = Some((1, Fault::Lost(30)));
    assert_eq!(ledger(&place.run()).created, 70);
    let own = place.own();
    assert_eq!(own.held.len(), 70, "nothing twice");
    assert_eq!(own.bulk_loads.iter().map(Vec::len).collect::<Vec<_>>(), vec![70, 40]);
}

#[test]
fn records_that_are_only_inserted_may_have_one_key() {
    let mut rows = rows(60);
    for row in &mut rows {
        row.1 = "same".to_owned();
    }
    let mut place = Place::new(12, 1_000, rows);
    place.pipeline.streams[0].destinations[0].write = WriteMode::Insert;
    assert_eq!(ledger(&place.run()).created, 60);
    let own = place.own();
    assert_eq!(own.bulk_loads.iter().map(Vec::len).collect::<Vec<_>>(), vec![60]);
}

#[test]
fn who_stops_at_rejects_writes_chunk_by_chunk() {
    let mut place = Place::new(9, 1_000, rows(90));
    place.pipeline.limits.max_rejects = Some(CountOrShare::Count(0));
    place.own().refused_once.insert("k3".to_owned());
    let finished = place.run();
    assert_eq!(finished.report.status, RunStatus::Failed);
    assert_eq!(place.own().held.len(), 20, "one chunk of three pages: 21 records, one of which was refused");
    assert!(finished.report.streams[0].destinations[0].ledger.closes());
}

#[test]
fn a_destination_beside_one_that_gathers_has_the_same_checkpoint() {
    let mut place = Place::new(10, 50, rows(90));
    let mut other = place.pipeline.connections[&ConnectionName::new("to")].clone();
    (other.name, other.options["bulk_records"], other.options["bulk_system"]) = ("beside".into(), json!(0), json!(11));
    *bulk_system(11).lock().unwrap() = BulkSystem::default();
    place.pipeline.connections.insert("beside".into(), other);
    place.pipeline.streams[0].destinations.push(destination("beside", WriteMode::Upsert));
    place.own().fault = Some((2, Fault::Killed(false)));
    let first = place.run();
    assert_eq!(first.report.status, RunStatus::Failed);
    // The first chunk is behind a checkpoint if the other one had written it by then.
    assert!(matches!(place.checkpoint("to"), None | Some(42)));
    place.own().fault = None;
    let second = place.run();
    assert_eq!(ledger(&second).created, 90);
    assert_eq!(second.report.streams[0].destinations[1].ledger.created, 90);
    assert_eq!(bulk_system(11).lock().unwrap().held.len(), 90);
    let own = place.own();
    assert_eq!(own.held.len(), 90);
    assert_eq!(own.settles, 1, "a batch without an outcome is asked about before anything is written");
}

#[test]
fn a_destination_that_is_slow_does_not_hold_up_the_others() {
    let mut place = Place::new(14, 0, rows(90));
    let mut other = place.pipeline.connections[&ConnectionName::new("to")].clone();
    (other.name, other.options["bulk_system"]) = ("beside".into(), json!(15));
    *bulk_system(15).lock().unwrap() = BulkSystem::default();
    place.pipeline.connections.insert("beside".into(), other);
    place.pipeline.streams[0].destinations.push(destination("beside", WriteMode::Upsert));
    // Its first batch ends when the other destination is in its second chunk of 21.
    place.own().gate = Some((15, 22));
    let finished = place.run();
    assert_eq!(ledger(&finished).created, 90);
    assert_eq!(finished.report.streams[0].destinations[1].ledger.created, 90);
    assert_eq!((place.checkpoint("to"), place.checkpoint("beside")), (Some(90), Some(90)));
}

#[test]
fn what_was_committed_counts_where_a_chunk_does_not_come_to_its_end() {
    let place = Place::new(16, 0, rows(90));
    // The first chunk has 21 records and takes six batches; the second batch of the second one fails.
    place.own().fault = Some((8, Fault::Killed(false)));
    let first = place.run();
    let counts = first.report.streams[0].destinations[0].ledger;
    assert_eq!((counts.read, counts.created, place.checkpoint("to")), (25, 25, Some(21)));
    place.own().fault = None;
    let second = place.run();
    assert!(second.report.is_resumed);
    assert_eq!(second.report.streams[0].destinations[0].error, None, "the error of the first attempt");
    assert_eq!(ledger(&second).created, 90);
}

fn any_rows() -> impl Strategy<Value = Vec<(String, String)>> {
    // Two ids may have one key, an id has always the same.
    let row = "[a-j]{1,2}".prop_map(|id| (id.clone(), id.replace('j', "i")));
    prop::collection::vec(row, 1..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_comes_twice_and_wherever_a_run_is_cut_short_every_record_is_written_once_and_counted(
        rows in any_rows(), page in 1_usize..15, bulk_records in prop_oneof![Just(25_u32), Just(60), Just(1_000)],
        fault in 1_usize..4, is_carried_out in any::<bool>(), is_native in any::<bool>(), number in 1_u64 << 32..,
    ) {
        let mut place = Place::new(number, bulk_records, rows.clone());
        for connection in place.pipeline.connections.values_mut() {
            connection.options["is_native"] = json!(is_native);
        }
        place.own().page = page;
        place.own().fault = Some((fault, Fault::Killed(is_carried_out)));
        let first = place.run();
        let end = usize::try_from(place.checkpoint("to").unwrap_or(0)).unwrap();
        place.own().fault = None;
        // What counts is what a run does that takes each record for itself.
        let (mut ids, mut keys, mut expected) = (HashSet::new(), HashSet::new(), 0);
        for (at, (id, key)) in rows.iter().enumerate() {
            if ids.contains(id) || keys.contains(key) {
                continue;
            }
            ids.insert(id);
            keys.insert(key);
            expected += 1;
            let is_held = place.own().held.values().any(|held| held == key);
            prop_assert!(at >= end || is_held, "`{}` is before the checkpoint {} and was not written", key, end);
        }
        let second = if first.report.status == RunStatus::Done { first } else { place.run() };
        let ledger = ledger(&second);
        let own = place.own();
        let distinct: HashSet<&String> = own.held.values().collect();
        prop_assert_eq!(distinct.len(), own.held.len(), "a key twice");
        prop_assert_eq!(ledger.read, rows.len() as u64);
        prop_assert_eq!((ledger.created + ledger.updated, own.held.len()), (expected, usize::try_from(expected).unwrap()));
        for keys in &own.bulk_loads {
            prop_assert!(keys.iter().collect::<HashSet<_>>().len() == keys.len(), "a key twice in a batch");
        }
    }
}
