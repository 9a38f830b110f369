//! Decisions, from plain data alone.

use std::collections::HashMap;

use serde_json::json;

use crate::model::{FieldName, Fields, ObjectName, Spellings};
use crate::state::{LinkedRecord, SeenMark, SourceKey};

use super::super::{lookup::FoundRecords, prepare::LinkValue};
use super::*;
use crate::engine::policy::{Reads, WritePolicy};

const RUN: &str = "run";
const CHUNK: u64 = 5;

fn policy(write: WriteMode) -> WritePolicy {
    WritePolicy {
        write,
        is_upsert_native: false,
        on_create: Vec::new(),
        if_blank: Vec::new(),
        stamps: Vec::new(),
        aliased: Vec::new(),
        linked_apart: Vec::new(),
        batch_size: None,
        on_missing: OnMissing::Recreate,
        max_rejects: None,
        max_deletes: None,
        is_verifying: false,
        reads: Reads::Nothing,
        own_reads: Reads::Nothing,
        keeps_images: false,
        tells_by_id: true,
    }
}

fn hash(key: &str) -> u128 {
    key.bytes().fold(7, |sum, byte| sum * 31 + u128::from(byte))
}

fn fields(value: Option<&str>) -> Fields {
    value.map(|value| (FieldName::new("Name"), Value::Text(value.to_owned()))).into_iter().collect()
}

/// A record with a key, `-` for none, whose content is its value.
fn record(id: &str, key: &str, value: &str) -> Prepared {
    let values = vec![Value::Text(key.to_owned())];
    Prepared {
        source_id: id.to_owned(),
        number: 0,
        is_deleted: false,
        fields: fields(Some(value)),
        links: Vec::new(),
        content_hash: hash(value),
        key: (key != "-").then(|| Key { values, hash: hash(key), plain_hash: None }),
    }
}

fn source_key(id: &str) -> SourceKey {
    let byte = id.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    serde_json::from_value(json!(vec![byte; 16])).unwrap()
}

/// What is known of a record that an earlier run wrote with a value.
fn entry(id: &str, destination_id: &str, value: &str) -> IdEntry {
    IdEntry {
        entry_id: 1,
        source_key: source_key(id),
        destination_id: destination_id.to_owned(),
        content_hash: hash(value),
        written_run: "earlier".to_owned(),
        written_as: WrittenAs::Created,
        seen: SeenMark { run_id: "earlier".to_owned(), chunk: 1 },
        is_missing: false,
    }
}

fn seen(chunk: u64, entry: IdEntry) -> IdEntry {
    IdEntry { seen: SeenMark { run_id: RUN.to_owned(), chunk }, ..entry }
}

fn written(entry: IdEntry) -> IdEntry {
    IdEntry { written_run: RUN.to_owned(), ..seen(u64::MAX, entry) }
}

fn word(action: &Action) -> String {
    let field_words = |write: &RecordWrite| write.fields.keys().fold(String::new(), |text, name| text + " " + name);
    match action {
        Action::Create(write) => format!("create{}", field_words(write)),
        Action::Upsert { write, .. } => format!("upsert{}", field_words(write)),
        Action::Update { write, .. } => {
            format!("update {}{}", write.destination_id.as_deref().unwrap_or_default(), field_words(write))
        }
        Action::Adopt(write) => format!("adopt {}", write.destination_id.as_deref().unwrap_or_default()),
        Action::Leave(because) => format!("{because:?}"),
        Action::Duplicate(Survivor::Itself) => "duplicate of itself".to_owned(),
        Action::Duplicate(Survivor::Source(id)) => format!("duplicate of {id}"),
        Action::Duplicate(Survivor::Written { destination_id, .. }) => format!("duplicate of {destination_id}"),
        Action::Reject(reason) => format!("reject {}", reason.code),
        Action::Hold(reason) => format!("hold {}", reason.code),
    }
}

struct Case {
    policy: WritePolicy,
    links: LinkWay,
    unsettled: HashSet<String>,
    knowledge: Knowledge,
    records: Vec<Arc<Prepared>>,
}

impl Case {
    fn new(write: WriteMode, records: impl IntoIterator<Item = Prepared>) -> Self {
        Self {
            policy: policy(write),
            links: LinkWay::Fields,
            unsettled: HashSet::new(),
            knowledge: Knowledge::default(),
            records: records.into_iter().map(Arc::new).collect(),
        }
    }

    fn with_id(mut self, id: &str, entry: IdEntry) -> Self {
        self.knowledge.entries.by_id.insert(id.to_owned(), entry);
        self
    }

    fn with_key(mut self, key: &str, entry: IdEntry) -> Self {
        self.knowledge.entries.by_key.insert(hash(key), entry);
        self
    }

    fn with_found(mut self, key: &str, ids: &[&str]) -> Self {
        self.knowledge.found = FoundRecords::of([(hash(key), ids.iter().map(|id| (*id).to_owned()).collect())].into());
        self
    }

    fn with_policy(mut self, change: impl FnOnce(&mut WritePolicy)) -> Self {
        change(&mut self.policy);
        self
    }

    fn decide(&self) -> Vec<Decision> {
        let key = [FieldName::new("Key")];
        let rules = Rules {
            run_id: RUN,
            chunk: CHUNK,
            policy: &self.policy,
            key: &key,
            links: self.links,
            unsettled: &self.unsettled,
            own_unsettled: &self.unsettled,
        };
        decide(&rules, &self.knowledge, &self.records)
    }

    fn words(&self) -> Vec<String> {
        self.decide().iter().map(|decision| word(&decision.action)).collect()
    }
}

#[test]
fn each_record_is_decided_by_what_is_known_of_it() {
    use WriteMode::{Insert, Mirror, Replace, Update, Upsert};
    let one = || [record("r1", "k1", "new")];
    let known = |write| Case::new(write, one()).with_id("r1", entry("r1", "d1", "new"));
    let changed = |write| Case::new(write, one()).with_id("r1", entry("r1", "d1", "old"));
    let gone = || known(Upsert).with_id("r1", IdEntry { is_missing: true, ..entry("r1", "d1", "new") });
    let deleted = [Prepared { is_deleted: true, ..record("r1", "k1", "new") }];
    let cases = [
        (Case::new(Upsert, one()), "create Name"),
        (Case::new(Upsert, one()).with_policy(|policy| policy.is_upsert_native = true), "upsert Name"),
        (Case::new(Upsert, one()).with_found("k1", &["d1"]), "update d1 Name"),
        (Case::new(Upsert, one()).with_found("k1", &["d1", "d2"]), "hold ambiguous_key"),
        (Case::new(Update, one()), "reject no_match"),
        (Case::new(Insert, one()).with_found("k1", &["d1"]), "create Name"),
        (Case::new(Replace, one()), "create Name"),
        (Case::new(Upsert, [record("r1", "-", "new")]), "reject empty_key"),
        (Case::new(Insert, [record("r1", "-", "new")]), "create Name"),
        (Case::new(Insert, [Prepared { fields: fields(None), ..record("r1", "-", "new") }]), "reject no_values"),
        (Case::new(Insert, [Prepared { fields: fields(Some(" ")), ..record("r1", "-", " ") }]), "reject no_values"),
        (Case::new(Mirror, deleted), "DeletedAtSource"),
        (known(Upsert), "Unchanged"),
        (changed(Upsert), "update d1 Name"),
        (changed(Insert), "Unchanged"),
        (known(Upsert).with_id("r1", written(entry("r1", "d1", "new"))), "CreatedBefore"),
        (known(Upsert).with_id("r1", seen(CHUNK - 1, entry("r1", "d1", "new"))), "duplicate of itself"),
        (gone(), "create Name"),
        (gone().with_policy(|policy| policy.on_missing = OnMissing::Skip), "DeletedAtDestination"),
        (gone().with_policy(|policy| policy.on_missing = OnMissing::Hold), "hold missing"),
        (Case::new(Upsert, one()).with_key("k1", entry("r0", "d0", "old")), "update d0 Name"),
        (Case::new(Upsert, one()).with_key("k1", seen(CHUNK - 1, entry("r0", "d0", "old"))), "duplicate of d0"),
        (changed(Upsert).with_policy(|policy| policy.on_create = vec!["Name".into()]), "Unchanged"),
    ];
    for (number, (case, expected)) in cases.iter().enumerate() {
        assert_eq!(case.words(), [*expected], "case {number}");
    }
}

#[test]
fn a_field_for_blanks_is_written_only_where_the_destination_said_that_it_is_blank() {
    let blank = |text: &str| [(FieldName::new("Name"), Value::Text(text.to_owned()))].into_iter().collect::<Fields>();
    let cases = [
        (Some(blank(" ")), "update d1 Other Name"),
        (Some(Fields::new()), "update d1 Other Name"),
        (Some(blank("held")), "update d1 Other"),
        (None, "update d1 Other"),
    ];
    for (current, expected) in cases {
        let mut changed = record("r1", "k1", "new");
        changed.fields.insert("Other".into(), Value::Integer(1));
        let mut case = Case::new(WriteMode::Upsert, [changed])
            .with_id("r1", entry("r1", "d1", "old"))
            .with_policy(|policy| policy.if_blank = vec!["Name".into()]);
        case.knowledge.current.extend(current.clone().map(|fields| ("d1".to_owned(), fields)));
        let mut words: Vec<String> = case.words()[0].split(' ').map(str::to_owned).collect();
        let mut wanted: Vec<String> = expected.split(' ').map(str::to_owned).collect();
        words.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(words, wanted, "{current:?}");
    }
}

#[test]
fn a_duplicate_names_the_record_that_stands_for_it() {
    let records = ["r1", "r2", "r1"].map(|id| record(id, "k1", id));
    assert_eq!(
        Case::new(WriteMode::Upsert, records).words(),
        ["create Name", "duplicate of r1", "duplicate of itself"]
    );
}

#[test]
fn records_that_may_have_been_created_take_one_found_record_each() {
    let mut case = Case::new(WriteMode::Insert, ["r1", "r2", "r3"].map(|id| record(id, "k1", id)));
    case.unsettled = ["r1", "r2"].map(str::to_owned).into();
    let case = case.with_found("k1", &["d1"]);
    assert_eq!(case.words(), ["update d1 Name", "create Name", "create Name"]);
}

#[test]
fn links_go_along_as_far_as_their_records_are_known() {
    let linked = |id: &str| LinkedRecord {
        target_id: serde_json::from_value(json!(1)).unwrap(),
        object: ObjectName::new("Companies"),
        destination_id: format!("d-{id}"),
    };
    let known: HashMap<String, LinkedRecord> = ["c1", "c2"].map(|id| (id.to_owned(), linked(id))).into();
    let link = |ids: &[&str]| LinkValue {
        field: "Company".into(),
        stream: "companies".into(),
        linked_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
    };
    let cases = [
        (LinkWay::Fields, vec!["c1", "c3"], Some(vec!["d-c1"]), 1),
        (LinkWay::Fields, vec!["c3"], None, 0),
        (LinkWay::Calls, vec!["c1"], None, 0),
        (LinkWay::CallsOrCreate, vec!["c1", "c2"], Some(vec!["d-c1", "d-c2"]), 2),
        (LinkWay::CallsOrCreate, vec!["c1", "c3"], None, 0),
        (LinkWay::SourceIds, vec!["c1", "c3"], Some(vec!["c1", "c3"]), 0),
    ];
    for (way, ids, sent, count) in cases {
        let linking = Prepared { links: vec![link(&ids)], ..record("r1", "k1", "new") };
        let mut case = Case::new(WriteMode::Upsert, [linking]);
        case.links = way;
        case.knowledge.links = LinkedIds::new([("companies".to_owned(), known.clone())].into(), &Spellings::default());
        let Action::Create(write) = case.decide().remove(0).action else { panic!("not created") };
        let expected = sent.map(|ids: Vec<&str>| Value::List(ids.into_iter().map(str::to_owned).collect()));
        assert_eq!(write.fields.get("Company"), expected.as_ref(), "{way:?} {ids:?}");
        assert_eq!(write.links.first().map_or(0, |link| link.linked), count, "{way:?} {ids:?}");
    }
}

#[test]
fn a_decision_is_the_same_after_it_was_written_down() {
    let records = [record("r1", "k1", "a"), record("r2", "k1", "b"), record("r3", "-", "c"), record("r4", "k4", "d")];
    let case = Case::new(WriteMode::Upsert, records).with_found("k4", &["d4"]);
    let decisions = case.decide();
    for decision in decisions {
        let text = serde_json::to_string(&decision).unwrap();
        assert_eq!(serde_json::from_str::<Decision>(&text).unwrap(), decision, "{text}");
    }
}

#[test]
fn a_link_that_is_written_apart_waits_for_its_record() {
    let target_id = serde_json::from_value(json!(1)).unwrap();
    let known = LinkedRecord { target_id, object: "companies".into(), destination_id: "d-c1".to_owned() };
    let link = LinkValue { field: "Company".into(), stream: "companies".into(), linked_ids: vec!["c1".to_owned()] };
    let linking = Prepared { links: vec![link], ..record("r1", "k1", "new") };
    let mut case =
        Case::new(WriteMode::Upsert, [linking]).with_policy(|policy| policy.linked_apart = vec!["Company".into()]);
    let records = [("c1".to_owned(), known)].into();
    case.knowledge.links = LinkedIds::new([("companies".to_owned(), records)].into(), &Spellings::default());
    let Action::Create(write) = case.decide().remove(0).action else { panic!("not created") };
    assert!(!write.fields.contains_key("Company"));
    assert_eq!(write.links.iter().map(|link| link.linked).collect::<Vec<_>>(), [0]);
}
