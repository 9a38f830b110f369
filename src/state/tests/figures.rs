//! What sets cost beside rows. Prints figures and asserts none: `cargo test --release --lib state::tests::figures -- --ignored --nocapture`.

use std::time::Duration;

use rusqlite::params;

use super::*;

/// As many records as a chunk has.
const RECORDS: u128 = 10_000;
/// The look-up that the sets replaced, one statement for each record.
const BY_ROW: &str = "SELECT * FROM id_map INDEXED BY id_map_by_source WHERE target_id = ?1 AND source_key = ?2";

#[expect(clippy::disallowed_methods, reason = "this is what the test is for")]
async fn timed<T>(what: &str, work: impl Future<Output = T>) -> T {
    let begin = std::time::Instant::now();
    let result = work.await;
    let took: Duration = begin.elapsed();
    println!("{what}: {:.1} ms", took.as_secs_f64() * 1_000.0);
    result
}

#[tokio::test]
#[ignore = "prints figures"]
async fn ten_thousand_records() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(&folder.path().join("state.db"), Seal::ephemeral()).await.unwrap();
    let target = opened(&state, "contacts").await;
    // Ten chunks are there already; one of them is looked up.
    for chunk in 0..10 {
        let written = (0..RECORDS).map(|number| record(chunk * RECORDS + number)).collect();
        let changes = Changes { written, ..Changes::default() };
        timed("write a chunk in one transaction", state.commit(place(target, "run_1"), changes)).await.unwrap();
    }
    let source_ids: Vec<String> = (0..RECORDS).map(|number| source_id(5 * RECORDS + number)).collect();
    let rows = source_ids.clone();
    let by_row = state.read(move |work| {
        let mut statement = work.transaction.prepare_cached(BY_ROW)?;
        let mut found = 0;
        for source_id in &rows {
            let key = work.source_key(source_id);
            let ids = statement.query_map(params![target.0, key.0], |row| row.get::<_, String>("destination_id"))?;
            found += ids.count();
        }
        Ok(found)
    });
    assert_eq!(timed("look up 10,000 records, a statement each", by_row).await.unwrap(), source_ids.len());
    let wanted = Wanted { source_ids: source_ids.clone(), ..Wanted::default() };
    let known = timed("look up 10,000 records as a set", state.known(target, wanted)).await.unwrap();
    assert_eq!(known.by_source.len(), source_ids.len());
    let unchanged = source_ids.iter().zip(1..).map(|(source_id, number)| read(source_id, number)).collect();
    let changes = Changes { unchanged, ..Changes::default() };
    timed("mark 10,000 records as unchanged", state.commit(place(target, "run_2"), changes)).await.unwrap();
    for chunk in 0..100 {
        let written: Vec<_> = (0..100).map(|number| record(20 * RECORDS + chunk * 100 + number)).collect();
        let changes = Changes { written, ..Changes::default() };
        let commit = state.commit(place(target, "run_2"), changes);
        if chunk == 99 {
            timed("commit the outcomes of a batch of 100", commit).await.unwrap();
        } else {
            commit.await.unwrap();
        }
    }
}

fn source_id(number: u128) -> String {
    format!("0035g00000{number:08}AAA")
}

fn record(number: u128) -> WrittenRecord {
    written(&source_id(number), &number.to_string(), number)
}
