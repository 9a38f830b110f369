//! Sorts new records that link to each other into levels: a record is created after those it links to, so that the link goes along
//! with it.
//!
//! Only records that link to each other in a circle are created without some of their links, which are set at the end.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::engine::decide::{
    decision::{Action, Decision},
    prepare::Prepared,
};
use crate::model::Spellings;

/// Splits decisions into those that can be carried out now, in order, and the records that link to a new one among them: these are
/// decided upon again once it is there.
pub(super) fn split(
    decisions: Vec<Decision>,
    stream: &str,
    spellings: &Spellings,
) -> (Vec<Decision>, Vec<Arc<Prepared>>) {
    let creates = decisions.iter().filter(|decision| may_create(&decision.action));
    let new: HashSet<String> = creates.clone().map(|decision| decision.record.source_id.clone()).collect();
    let needs: HashMap<String, Vec<String>> = creates
        .map(|decision| (decision.record.source_id.clone(), needs(&decision.record, &new, (stream, spellings))))
        .filter(|(_, needs)| !needs.is_empty())
        .collect();
    let is_cut = needs.len() == new.len();
    // Where all of them wait for another one, those of the circles go first.
    let later: HashSet<&String> = if is_cut { outside_circles(&needs) } else { needs.keys().collect() };
    let (later, now): (Vec<Decision>, Vec<Decision>) = decisions
        .into_iter()
        .partition(|decision| may_create(&decision.action) && later.contains(&decision.record.source_id));
    (now, later.into_iter().map(|decision| decision.record).collect())
}

/// Tells whether a record may be new at the destination: it is, or the destination finds out by itself.
fn may_create(action: &Action) -> bool {
    match action {
        Action::Create(_) | Action::Upsert { .. } => true,
        Action::Update { .. }
        | Action::Adopt(_)
        | Action::Leave(_)
        | Action::Duplicate(_)
        | Action::Reject(_)
        | Action::Hold(_) => false,
    }
}

/// Returns the other new records that a record links to.
fn needs(record: &Prepared, new: &HashSet<String>, (stream, spellings): (&str, &Spellings)) -> Vec<String> {
    let own_links = record.links.iter().filter(|link| *link.stream == *stream);
    let linked_ids = own_links.flat_map(|link| &link.linked_ids);
    let linked = linked_ids.filter_map(|id| spellings.known_as(id, |id| new.contains(id)));
    linked.filter(|id| **id != record.source_id).map(Cow::into_owned).collect()
}

/// Returns the records that no circle needs: those that nobody waits for, and then those that only such wait for.
fn outside_circles(needs: &HashMap<String, Vec<String>>) -> HashSet<&String> {
    let mut waiting: HashMap<&String, usize> = HashMap::new();
    for need in needs.values().flatten() {
        *waiting.entry(need).or_default() += 1;
    }
    let mut outside: HashSet<&String> = HashSet::new();
    let mut open: Vec<&String> = needs.keys().filter(|id| !waiting.contains_key(id)).collect();
    while let Some(id) = open.pop() {
        outside.insert(id);
        for need in needs.get(id).into_iter().flatten() {
            let count = waiting.entry(need).or_default();
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.push(need);
            }
        }
    }
    outside
}

#[cfg(test)]
mod tests {
    use crate::engine::decide::{
        decision::{Because, RecordWrite},
        prepare::LinkValue,
    };
    use crate::model::{Fields, OtherSpelling};

    use super::*;

    fn decision(id: &str, parents: &[&str], is_new: bool) -> Decision {
        let link = LinkValue {
            field: "Parent".into(),
            stream: "people".into(),
            linked_ids: parents.iter().map(|id| (*id).to_owned()).collect(),
        };
        let record = Prepared {
            source_id: id.to_owned(),
            number: 1,
            is_deleted: false,
            fields: Fields::new(),
            links: vec![link],
            content_hash: 0,
            key: None,
        };
        let write = RecordWrite { destination_id: None, fields: Fields::new(), links: Vec::new() };
        let action = match is_new {
            // Whether a record is new the destination may find out by itself.
            true if id < "c" => Action::Upsert { write, current: None },
            true => Action::Create(write),
            false => Action::Leave(Because::Unchanged),
        };
        Decision { record: Arc::new(record), action }
    }

    /// Splits again and again, as if all of a level were written; returns the ids of each level.
    fn levels(records: &[(&str, &[&str], bool)]) -> Vec<Vec<String>> {
        let mut decisions: Vec<Decision> =
            records.iter().map(|(id, parents, is_new)| decision(id, parents, *is_new)).collect();
        let mut levels = Vec::new();
        let spellings = Spellings::new([|id: &str| Some(format!("{id}-long"))] as [OtherSpelling; 1]);
        while !decisions.is_empty() {
            let (now, later) = split(decisions, "people", &spellings);
            assert!(!now.is_empty(), "nothing goes on");
            levels.push(now.iter().map(|decision| decision.record.source_id.clone()).collect());
            decisions = later
                .iter()
                .map(|record| {
                    let parents: Vec<&str> = record.links[0].linked_ids.iter().map(String::as_str).collect();
                    decision(&record.source_id, &parents, true)
                })
                .collect();
        }
        levels
    }

    #[expect(clippy::type_complexity, reason = "a table")]
    #[test]
    fn parents_go_before_their_children_and_only_circles_are_cut() {
        let cases: [(&[(&str, &[&str], bool)], &[&[&str]]); 6] = [
            (&[("c", &["b"], true), ("b", &["a"], true), ("a", &[], true)], &[&["a"], &["b"], &["c"]]),
            (&[("b", &["a"], true), ("a", &[], false)], &[&["b", "a"]]),
            (&[("b", &["elsewhere"], true), ("a", &["a"], true)], &[&["b", "a"]]),
            (&[("a", &["b"], true), ("b", &["a"], true)], &[&["a", "b"]]),
            (&[("a", &["c"], true), ("c-long", &[], true)], &[&["c-long"], &["a"]]),
            (
                &[("a", &["b"], true), ("b", &["a"], true), ("c", &["a"], true), ("d", &[], true)],
                &[&["d"], &["a", "b"], &["c"]],
            ),
        ];
        for (records, expected) in cases {
            assert_eq!(levels(records), expected);
        }
    }
}
