//! The connector and the local HubSpot, which follow the same vendor pages and share no code.

use std::{collections::BTreeSet, fs};

use emulators::{EmulatorOptions, Running, hubspot::emulator, serve};
use futures::{StreamExt, future::join_all};
use serde_json::{Value as Json, json};

use crate::connector::{Connector, Context, Destination, ErrorKind, FetchRequest, ReadRequest, Selection, Source};
use crate::model::{
    Batch, BatchRecord, Comparison, Cursor, DELETED, FieldName, ID, Operation, Outcome, Page, Predicate, Record,
    SyncMode, Value,
};

use super::{super::HubSpot, context_at};

const OWNERS: &str = "id,email,firstName,lastName\n501,ada@example.test,Ada,Lovelace\n502,bo@example.test,Bo,Diddley\n";

/// The local HubSpot and a connection to it.
struct Portal {
    server: Running,
    context: Context,
}

impl Portal {
    async fn start(speed: f64, is_unlimited: bool, faults: &str) -> Self {
        Self::holding("email\n", speed, is_unlimited, faults).await
    }

    async fn holding(contacts: &str, speed: f64, is_unlimited: bool, faults: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("contacts.csv"), contacts).unwrap();
        fs::write(folder.path().join("owners.csv"), OWNERS).unwrap();
        let context = context_at(speed);
        let fixtures = Some(folder.path().to_owned());
        let exchanges = std::env::var_os("FERRY_EXCHANGES").map(Into::into);
        let options =
            EmulatorOptions { fixtures, account: None, is_unlimited, faults: faults.parse().unwrap(), exchanges };
        let server = serve(emulator(options, context.clock().clone()).unwrap(), 0).await.unwrap();
        Self { server, context }
    }

    async fn unlimited() -> Self {
        Self::start(1_000.0, true, "").await
    }

    fn options(&self, more: &Json) -> Json {
        let mut options = json!({ "token": "pat-na1-1", "base_url": self.server.url() });
        for (name, value) in more.as_object().unwrap() {
            options[name] = value.clone();
        }
        options
    }

    fn source(&self, more: &Json) -> Box<dyn Source> {
        HubSpot::source(serde_json::from_value(self.options(more)).unwrap(), &self.context).unwrap()
    }

    fn destination(&self, more: &Json) -> Box<dyn Destination> {
        HubSpot::destination(serde_json::from_value(self.options(more)).unwrap(), &self.context).unwrap()
    }

    async fn load(&self, object: &str, operation: Operation, records: Vec<BatchRecord>) -> Vec<Outcome> {
        let batch = Batch { object: object.into(), operation, records };
        self.destination(&json!({})).load(&batch).await.unwrap()
    }

    async fn insert(&self, object: &str, records: Vec<BatchRecord>) -> Vec<String> {
        let outcomes = self.load(object, Operation::Insert, records).await;
        outcomes.iter().map(|outcome| id_of(outcome).to_owned()).collect()
    }

    async fn read(&self, request: ReadRequest) -> Vec<Page> {
        self.source(&json!({})).read(request).map(Result::unwrap).collect().await
    }

    async fn fetch(&self, object: &str, selection: Selection, fields: &[&str]) -> Vec<Record> {
        let fields = fields.iter().map(FieldName::new).collect();
        let request = FetchRequest { object: object.into(), selection, fields };
        self.destination(&json!({})).fetch(&request).await.unwrap()
    }

    /// Waits until the search index shows what was written.
    async fn settle(&self) {
        self.context.clock().sleep(std::time::Duration::from_mins(2)).await;
    }
}

fn id_of(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Created { id } | Outcome::Updated { id } => id,
        other => panic!("{other:?}"),
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn ids(ids: &[&str]) -> Value {
    Value::List(ids.iter().map(|id| (*id).to_owned()).collect())
}

fn entry(trace: &str, id: Option<&str>, fields: &[(&str, Value)]) -> BatchRecord {
    let fields = fields.iter().map(|(name, value)| (FieldName::new(name), value.clone())).collect();
    BatchRecord { trace_id: trace.to_owned(), destination_id: id.map(str::to_owned), fields }
}

/// Contacts `person0@example.test`, … with a first name each.
fn people(numbers: std::ops::Range<usize>) -> Vec<BatchRecord> {
    let person = |at: usize| {
        let fields =
            [("email", text(&format!("person{at}@example.test"))), ("firstname", text(&format!("Name {}", at % 7)))];
        entry(&format!("row-{at}"), None, &fields)
    };
    numbers.map(person).collect()
}

fn by_email() -> Operation {
    Operation::Upsert { key: vec!["email".into()] }
}

fn request(object: &str, fields: &[&str], links: &[&str]) -> ReadRequest {
    ReadRequest {
        shown: Vec::new(),
        object: object.into(),
        fields: fields.iter().map(FieldName::new).collect(),
        links: links.iter().map(|name| (*name).into()).collect(),
        filter: None,
        sync_mode: SyncMode::FullRefresh,
        cursor: None,
    }
}

fn since(millis: i64, request: ReadRequest) -> ReadRequest {
    let cursor = Some(Cursor(json!({ "phase": "done", "since": millis })));
    ReadRequest { sync_mode: SyncMode::Incremental, cursor, ..request }
}

fn cells(pages: &[Page], name: &str) -> Vec<Value> {
    let values = |page: &Page| -> Vec<Value> {
        let column = page.frame.column(name).unwrap();
        (0..column.len()).map(|row| Value::from_any(&column.get(row).unwrap()).unwrap()).collect()
    };
    pages.iter().flat_map(values).collect()
}

fn texts(pages: &[Page], name: &str) -> BTreeSet<String> {
    cells(pages, name).iter().map(Value::to_text).collect()
}

#[tokio::test]
async fn deals_arrive_with_owner_stage_and_links_and_are_read_back_by_name() {
    let portal = Portal::unlimited().await;
    let company = portal.insert("companies", vec![entry("c", None, &[("name", text("Analytical Engines"))])]).await;
    let contact = portal.insert("contacts", people(0..1)).await;
    let pipelines = portal.source(&json!({})).describe(&"deals".into()).await.unwrap();
    assert!(pipelines.field("dealstage").is_some());
    let deal = [
        ("dealname", text("One engine")),
        ("dealstage", text("closed won")),
        ("amount", Value::Number(1_234.5)),
        ("hubspot_owner_id", text("ADA@example.test")),
        ("_links.companies", ids(&[&company[0]])),
        ("_links.contacts", ids(&[&contact[0]])),
    ];
    portal.insert("deals", vec![entry("d", None, &deal)]).await;
    let fields = ["dealname", "amount", "hubspot_owner_email", "dealstage_label"];
    let pages = portal.read(request("deals", &fields, &["companies", "contacts"])).await;
    assert_eq!(cells(&pages, "amount"), [Value::Number(1_234.5)]);
    assert_eq!(cells(&pages, "hubspot_owner_email"), [text("ada@example.test")]);
    assert_eq!(cells(&pages, "dealstage_label")[0].to_text().to_lowercase(), "closed won");
    assert_eq!(cells(&pages, "_links.companies"), [ids(&[&company[0]])]);
    assert_eq!(cells(&pages, "_links.contacts"), [ids(&[&contact[0]])]);
    let back = portal.read(request("companies", &["name"], &["deals"])).await;
    assert!(!cells(&back, "_links.deals")[0].to_text().is_empty());
}

#[tokio::test]
async fn an_upsert_creates_then_changes_and_each_bad_record_is_rejected_by_itself() {
    let portal = Portal::unlimited().await;
    let mut records = people(0..100);
    records[40].fields.insert("email".into(), text("not an address"));
    let first = portal.load("contacts", by_email(), records.clone()).await;
    let created = first.iter().filter(|outcome| matches!(outcome, Outcome::Created { .. })).count();
    assert_eq!(created, 99, "{:?}", first[40]);
    assert!(matches!(&first[40], Outcome::Rejected(rejection) if rejection.field.as_deref() == Some("email")));
    records[0].fields.insert("email".into(), text("PERSON0@Example.test"));
    let second = portal.load("contacts", by_email(), records).await;
    for (one, two) in first.iter().zip(&second).filter(|(one, _)| !matches!(one, Outcome::Rejected(_))) {
        assert_eq!((id_of(one), matches!(two, Outcome::Updated { .. })), (id_of(two), true));
    }
}

#[tokio::test]
async fn a_mail_that_is_taken_is_a_conflict_and_the_others_are_created() {
    let portal = Portal::unlimited().await;
    let first = portal.insert("contacts", people(0..1)).await;
    let outcomes = portal.load("contacts", Operation::Insert, people(0..3)).await;
    let Outcome::Rejected(rejection) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(rejection.code, "conflict");
    assert!(rejection.reason.contains(&first[0]));
    assert!(matches!((&outcomes[1], &outcomes[2]), (Outcome::Created { .. }, Outcome::Created { .. })));
}

#[tokio::test]
async fn updates_clear_and_miss_and_archives_are_read_as_deleted() {
    let portal = Portal::unlimited().await;
    let made = portal.insert("contacts", people(0..3)).await;
    let cleared = vec![
        entry("a", Some(&made[0]), &[("firstname", Value::Null)]),
        entry("b", Some("999999999"), &[("firstname", text("Nobody"))]),
        entry("c", Some(&made[2]), &[("firstname", text("Cy"))]),
    ];
    let outcomes = portal.load("contacts", Operation::Update, cleared).await;
    assert_eq!(
        (id_of(&outcomes[0]), &outcomes[1], id_of(&outcomes[2])),
        (made[0].as_str(), &Outcome::Missing, made[2].as_str())
    );
    let gone = || vec![entry("x", Some(&made[1]), &[])];
    assert_eq!(portal.load("contacts", Operation::Delete, gone()).await, [Outcome::Deleted]);
    assert_eq!(portal.load("contacts", Operation::Delete, gone()).await, [Outcome::Deleted]);
    portal.settle().await;
    let pages = portal.read(since(1, request("contacts", &["firstname"], &[]))).await;
    assert_eq!(cells(&pages, DELETED), [Value::Boolean(false), Value::Boolean(false), Value::Boolean(true)]);
    assert_eq!(cells(&pages, ID), [text(&made[0]), text(&made[2]), text(&made[1])]);
    assert_eq!(cells(&pages, "firstname")[..2], [Value::Null, text("Cy")]);
}

#[tokio::test]
async fn records_are_fetched_by_id_by_unique_key_and_by_any_key() {
    let portal = Portal::unlimited().await;
    let made = portal.insert("contacts", people(0..20)).await;
    let found = portal.fetch("contacts", Selection::Ids(vec![made[3].clone(), "42".to_owned()]), &["email"]).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].fields["email"], text("person3@example.test"));
    let keys = |field: &str, values: &[&str]| Selection::Keys {
        fields: vec![field.into()],
        values: values.iter().map(|value| vec![text(value)]).collect(),
    };
    let by_mail = keys("email", &["Person5@example.test", "person6@example.test", "none@example.test"]);
    assert_eq!(portal.fetch("contacts", by_mail, &["firstname"]).await.len(), 2);
    portal.settle().await;
    let sharing = portal.fetch("contacts", keys("firstname", &["Name 1", "Name 9"]), &["email"]).await;
    assert_eq!(sharing.len(), 3, "persons 1, 8 and 15");
    let both = Selection::Keys {
        fields: vec!["firstname".into(), "email".into()],
        values: vec![vec![text("Name 1"), text("person8@example.test")]],
    };
    assert_eq!(portal.fetch("contacts", both, &[]).await[0].id, made[8]);
}

#[tokio::test]
async fn links_are_made_afterwards_and_twice_is_once() {
    let portal = Portal::unlimited().await;
    let company = portal.insert("companies", vec![entry("c", None, &[("name", text("Engines"))])]).await;
    let made = portal.insert("contacts", people(0..2)).await;
    let links = || vec![entry("a", Some(&made[0]), &[("_links.companies", ids(&[&company[0]]))])];
    for _ in 0..2 {
        let outcomes = portal.load("contacts", Operation::Link, links()).await;
        assert_eq!(outcomes, [Outcome::Updated { id: made[0].clone() }]);
    }
    let broken = vec![
        entry("a", Some(&made[1]), &[("_links.companies", ids(&["424242"]))]),
        entry("b", Some(&made[0]), &[("_links.companies", ids(&[&company[0]]))]),
    ];
    let outcomes = portal.load("contacts", Operation::Link, broken).await;
    assert!(matches!((&outcomes[0], &outcomes[1]), (Outcome::Rejected(_), Outcome::Updated { .. })), "{outcomes:?}");
    let linked = portal.fetch("contacts", Selection::Ids(made.clone()), &["_links.companies"]).await;
    let of = |id: &str| linked.iter().find(|record| record.id == id).unwrap().fields["_links.companies"].clone();
    assert_eq!((of(&made[0]), of(&made[1])), (ids(&[&company[0]]), ids(&[])));
}

#[tokio::test]
async fn more_than_ten_thousand_changes_are_all_read_each_once() {
    let contacts: Vec<String> = (0..10_300).map(|at| format!("person{at}@example.test")).collect();
    let portal = Portal::holding(&format!("email\n{}\n", contacts.join("\n")), 1_000.0, true, "").await;
    let before = portal.context.meter.calls().read;
    let pages = portal.read(since(1, request("contacts", &["email"], &[]))).await;
    assert_eq!((texts(&pages, ID).len(), cells(&pages, ID).len()), (10_300, 10_300));
    // 52 pages of 200, one list of archived records, one of properties.
    assert_eq!(portal.context.meter.calls().read - before, 54);
    let full = portal.read(request("contacts", &["email"], &[])).await;
    assert_eq!(texts(&full, "email").len(), 10_300);
}

#[tokio::test]
async fn a_condition_finds_what_it_says_there_as_here() {
    let portal = Portal::unlimited().await;
    let company = |at: i32| {
        let name = if at % 3 == 0 { "Acme" } else { "acme" };
        let staff = if at == 4 { Value::Null } else { Value::Number(f64::from(at)) };
        entry(
            &format!("r{at}"),
            None,
            &[("name", text(name)), ("domain", text(&format!("d{at}.test"))), ("numberofemployees", staff)],
        )
    };
    portal.insert("companies", (0..10).map(company).collect()).await;
    portal.settle().await;
    let staff = |comparison, number: f64| Predicate::Compare {
        field: "numberofemployees".into(),
        comparison,
        value: Value::Number(number),
    };
    let named = Predicate::Compare { field: "name".into(), comparison: Comparison::Equal, value: text("Acme") };
    let in_list = Predicate::In { field: "domain".into(), values: vec![text("d1.test"), text("D2.test")] };
    let either = Predicate::Any(vec![staff(Comparison::Less, 2.0), staff(Comparison::GreaterOrEqual, 8.0)]);
    for (condition, expected) in [
        (staff(Comparison::Equal, 3.0), "d3"),
        (staff(Comparison::NotEqual, 3.0), "d0 d1 d2 d5 d6 d7 d8 d9"),
        (Predicate::IsNull("numberofemployees".into()), "d4"),
        (Predicate::All(vec![either.clone(), Predicate::IsNotNull("name".into())]), "d0 d1 d8 d9"),
        (Predicate::All(vec![named, either]), "d0 d9"),
        (in_list, "d1"),
    ] {
        let pages = portal
            .read(ReadRequest { filter: Some(condition.clone()), ..request("companies", &["domain"], &[]) })
            .await;
        let found = texts(&pages, "domain");
        let missing: Vec<&str> = expected.split(' ').filter(|name| !found.contains(&format!("{name}.test"))).collect();
        assert!(missing.is_empty(), "{condition:?} lacks {missing:?}: {found:?}");
        assert!(found.len() <= expected.split(' ').count().max(10), "{found:?}");
    }
}

#[tokio::test]
async fn the_vendors_limits_are_kept_by_readers_and_writers_together() {
    let portal = Portal::start(100.0, false, "").await;
    let destination = portal.destination(&json!({}));
    let batches = (0..130_usize).map(|at| Batch {
        object: "contacts".into(),
        operation: by_email(),
        records: people(at * 2..at * 2 + 2),
    });
    let batches: Vec<Batch> = batches.collect();
    let written = join_all(batches.iter().map(|batch| destination.load(batch))).await;
    assert!(written.iter().all(Result::is_ok));
    let source = portal.source(&json!({}));
    let reads =
        (0..12).map(|_| source.read(since(1, request("contacts", &["email"], &["companies"]))).collect::<Vec<_>>());
    assert!(join_all(reads).await.into_iter().flatten().all(|page| page.is_ok()));
    let calls = portal.context.meter.calls();
    assert_eq!(calls.rate_limited, 0, "{calls:?}");
    assert!(portal.context.meter.quota().is_some_and(|quota| quota.remaining < quota.max));
}

#[tokio::test]
async fn faults_lose_nothing_and_double_nothing() {
    let faults = "429=0.05,500=0.03,502=0.03,drop=0.03,drop_after=0.03,cut=0.03,html=0.03,seed=11";
    let portal = Portal::start(2_000.0, true, faults).await;
    let destination = portal.destination(&json!({}));
    for start in (0..2_000).step_by(100) {
        let batch = Batch { object: "contacts".into(), operation: by_email(), records: people(start..start + 100) };
        assert_eq!(destination.load(&batch).await.unwrap().len(), 100);
    }
    portal.settle().await;
    let pages = portal.read(since(1, request("contacts", &["email"], &["companies"]))).await;
    assert_eq!((texts(&pages, "email").len(), cells(&pages, ID).len()), (2_000, 2_000));
}

#[tokio::test]
async fn older_paths_and_custom_names_work_alike() {
    let portal = Portal::unlimited().await;
    for version in ["v3", "v4", "2026-03", "2026-09"] {
        let more = json!({ "api_version": version });
        let batch = Batch { object: "0-1".into(), operation: by_email(), records: people(0..2) };
        let outcomes = portal.destination(&more).load(&batch).await.unwrap();
        assert_eq!(outcomes.len(), 2, "{version}");
        let pages: Vec<Page> = portal
            .source(&more)
            .read(request("contacts", &["email"], &["companies"]))
            .map(Result::unwrap)
            .collect()
            .await;
        assert_eq!(cells(&pages, ID).len(), 2, "{version}");
    }
}

#[tokio::test]
async fn logins_that_cannot_work_are_told_apart() {
    let portal = Portal::unlimited().await;
    portal.source(&json!({})).check().await.unwrap();
    for token in ["invalid-1", "expired-1"] {
        let error = portal.source(&json!({ "token": token })).check().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unauthorized, "{token}");
    }
    let error = portal.source(&json!({ "token": "noscope-1" })).describe(&"deals".into()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    assert!(error.hint.unwrap().contains("scope"));
    let oauth = json!({ "token": null, "client_id": "app", "client_secret": "secret", "refresh_token": "refresh" });
    portal.source(&oauth).check().await.unwrap();
}

#[tokio::test]
async fn unknown_owners_and_stages_are_rejected_unless_there_is_a_default() {
    let portal = Portal::unlimited().await;
    let deal = |trace: &str, owner: &str, stage: &str| {
        entry(trace, None, &[("dealname", text(trace)), ("dealstage", text(stage)), ("hubspot_owner_id", text(owner))])
    };
    let records = || {
        vec![
            deal("a", "nobody@example.test", "closedwon"),
            deal("b", "bo@example.test", "No such stage"),
            deal("c", "bo@example.test", "closedwon"),
        ]
    };
    let code = |outcome: &Outcome| {
        if let Outcome::Rejected(rejection) = outcome { rejection.code.clone() } else { String::new() }
    };
    let outcomes = portal.load("deals", Operation::Insert, records()).await;
    assert_eq!(outcomes.iter().map(code).collect::<Vec<_>>(), ["unknown_owner", "unknown_stage", ""]);
    let batch = Batch { object: "deals".into(), operation: Operation::Insert, records: records() };
    let outcomes = portal.destination(&json!({ "default_owner": "ada@example.test" })).load(&batch).await.unwrap();
    assert_eq!(outcomes.iter().map(code).collect::<Vec<_>>(), ["", "unknown_stage", ""]);
    let error = portal.destination(&json!({ "default_owner": "zed@example.test" })).load(&batch).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::NotFound, "unknown_default_owner"));
}
