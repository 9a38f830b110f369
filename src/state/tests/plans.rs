//! No statement of a record or batch looks through a target: each goes by an index.

use super::*;
use crate::state::{images, links};

/// The statements that run for each chunk, batch or page, with what SQLite is to say of each.
const FREQUENT: &[(&str, &str)] = &[
    (id_map::BY_SOURCE, "SEARCH id_map USING INDEX id_map_by_source (target_id=? AND source_key=?)"),
    (id_map::BY_KEY, "SEARCH id_map USING INDEX id_map_by_key (target_id=? AND key_hash=?)"),
    (id_map::BY_DESTINATION, "SEARCH id_map USING INDEX id_map_by_destination (target_id=? AND destination_id=?)"),
    (id_map::FORGET_OTHERS, "SEARCH id_map USING INDEX id_map_by_key (target_id=? AND key_hash=?)"),
    (id_map::MARK_SEEN, "SEARCH id_map USING INDEX id_map_by_source (target_id=? AND source_key=?)"),
    (id_map::MARK_SEEN_AT, "SEARCH id_map USING INDEX id_map_by_destination (target_id=? AND destination_id=?)"),
    (id_map::MARK_MISSING, "SEARCH id_map USING INDEX id_map_by_destination (target_id=? AND destination_id=?)"),
    (id_map::MOVE, "SEARCH id_map USING INDEX id_map_by_destination (target_id=? AND destination_id=?)"),
    (id_map::FORGET, "SEARCH id_map USING INDEX id_map_by_source (target_id=? AND source_key=?)"),
    (names::HAS_UNNAMED, "SEARCH id_map USING INDEX id_map_unnamed (target_id=?)"),
    (names::UNNAMED, "SEARCH id_map USING INDEX id_map_by_source (target_id=? AND source_key=?)"),
    (id_map::UNSEEN, "SEARCH id_map USING INTEGER PRIMARY KEY (rowid>?)"),
    (id_map::COUNT_MISSING, "SEARCH id_map USING INDEX id_map_missing (target_id=?)"),
    (id_map::FORGET_MISSING, "SEARCH id_map USING INDEX id_map_missing (target_id=?)"),
    (
        images::FIND,
        "SEARCH images USING INDEX images_by_record (run_id=? AND target_id=? AND source_key=? AND destination_id=?)",
    ),
    (images::PAGE, "SEARCH images USING INDEX images_by_run (run_id=? AND target_id=? AND kind=? AND rowid>?)"),
    (links::OF_RECORDS, "SEARCH links USING INDEX links_by_record (target_id=? AND source_key=?)"),
    (duplicates::SURVIVORS, "SEARCH duplicates USING PRIMARY KEY (target_id=? AND source_key=?)"),
    (duplicates::HAS_ANY, "SEARCH duplicates USING INDEX duplicates_by_survivor (target_id=?)"),
    (duplicates::FORGET, "SEARCH duplicates USING PRIMARY KEY (target_id=? AND source_key=?)"),
    (retention::DROP_MERGED, "SEARCH merged USING PRIMARY KEY (run_id=?)"),
    (retention::DROP_ANSWERED, "SEARCH dead_letters USING INDEX dead_letters_by_run (run_id=?)"),
    (retention::DROP_RUNS[0], "SEARCH ledgers USING PRIMARY KEY (run_id=?)"),
    (retention::DROP_RUNS[1], "SEARCH attempts USING PRIMARY KEY (run_id=?)"),
    (links::FORGET, "SEARCH links USING INDEX links_by_record (target_id=? AND source_key=?)"),
    (links::PENDING, "SEARCH links USING INDEX links_pending (target_id=? AND rowid>?)"),
    (links::COUNT_PENDING, "SEARCH links USING INDEX links_pending (target_id=?)"),
    (links::SET_LINKED, "SEARCH links USING INTEGER PRIMARY KEY (rowid=?)"),
    (links::DROP, "SEARCH links USING INTEGER PRIMARY KEY (rowid=?)"),
    (dead_letters::RESOLVE, "SEARCH dead_letters USING INDEX dead_letters_by_source (target_id=? AND source_key=?)"),
    (
        dead_letters::RESOLVE_LINK,
        "SEARCH dead_letters USING INDEX dead_letters_by_source (target_id=? AND source_key=?)",
    ),
    (
        dead_letters::DROP_UNNUMBERED,
        "SEARCH dead_letters USING INDEX dead_letters_by_source (target_id=? AND source_key=?)",
    ),
    (dead_letters::HAS_OPEN, "SEARCH dead_letters USING INDEX dead_letters_by_source (target_id=?)"),
    (dead_letters::HELD, "SEARCH dead_letters USING INDEX dead_letters_held (target_id=? AND code=?)"),
    (dead_letters::REWIND_REJECTED, "SEARCH dead_letters USING INDEX dead_letters_by_run (run_id=? AND target_id=?)"),
    (dead_letters::REWIND_HELD, "SEARCH dead_letters USING INDEX dead_letters_by_run (run_id=? AND target_id=?)"),
    (intents::REMOVE, "SEARCH intents USING INTEGER PRIMARY KEY (rowid=?)"),
    (intents::REMOVE_OF, "SEARCH intents USING INDEX intents_by_target (target_id=? AND operation=?)"),
    (intents::OPEN, "SEARCH intents USING INDEX intents_by_target (target_id=?)"),
];

fn check_plan(work: &Work<'_>, sql: &str, expected: &str) -> Result<(), StateError> {
    let mut statement = work.transaction.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
    for place in 1..=statement.parameter_count() {
        statement.raw_bind_parameter(place, 1)?;
    }
    let mut rows = statement.raw_query();
    let mut plan = Vec::new();
    while let Some(row) = rows.next()? {
        plan.push(row.get::<_, String>(3)?.replace("COVERING ", ""));
    }
    // The sets that come as parameters are read whole.
    plan.retain(|step| {
        !step.contains("rarray")
            && !step.contains("VIRTUAL TABLE")
            && !step.contains("SUBQUERY")
            && !step.contains("BLOOM FILTER")
    });
    assert_eq!(plan, [expected], "{sql}");
    Ok(())
}

#[tokio::test]
async fn no_statement_of_a_record_or_batch_looks_through_a_target() {
    let state = in_memory();
    state.write(|work| FREQUENT.iter().try_for_each(|(sql, expected)| check_plan(work, sql, expected))).await.unwrap();
}
