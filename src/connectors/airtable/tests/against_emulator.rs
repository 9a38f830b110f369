//! The connector and the local Airtable, which follow the same vendor pages and share no code.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use chrono::{DateTime, NaiveDate};
use emulators::{EmulatorOptions, Running, airtable::emulator, serve};
use futures::StreamExt;
use serde_json::{Value as Json, json};

use crate::clock::Clock;
use crate::connector::{Connector, Context, Destination, ErrorKind, FetchRequest, ReadRequest, Selection, Source};
use crate::model::{
    Batch, BatchRecord, Comparison, Cursor, Fields, Operation, Outcome, Page, Predicate, Record, Rejection, SyncMode,
    Value,
};

use super::{super::Airtable, BASE_ID, context_at};

const CONTACTS: &str = "
fields:
  - { name: Name, type: singleLineText }
  - { name: Notes, type: multilineText }
  - { name: Email, type: email }
  - { name: Age, type: number, options: { precision: 0 } }
  - { name: Share, type: percent, options: { precision: 1 } }
  - { name: Stars, type: rating, options: { max: 5, icon: star, color: yellowBright } }
  - { name: VIP, type: checkbox }
  - { name: Stage, type: singleSelect, options: { choices: [Lead, Won] } }
  - { name: Tags, type: multipleSelects, options: { choices: [Red, Blue] } }
  - { name: Company, type: multipleRecordLinks, options: { linkedTableId: Companies, inverseLinkFieldId: Staff } }
  - { name: Born, type: date }
  - { name: Seen, type: dateTime }
  - { name: Edited, type: lastModifiedTime }
";
const COMPANIES: &str = "
fields:
  - { name: Title, type: singleLineText }
";

/// The local Airtable and a connection to it.
struct Airbase {
    server: Running,
    context: Context,
}

impl Airbase {
    async fn start(speed: f64, is_unlimited: bool) -> Self {
        Self::with_faults(speed, is_unlimited, "").await
    }

    async fn with_faults(speed: f64, is_unlimited: bool, faults: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "Contacts.schema.yaml", CONTACTS);
        write(folder.path(), "Companies.schema.yaml", COMPANIES);
        let context = context_at(speed);
        let fixtures = Some(folder.path().to_owned());
        let exchanges = std::env::var_os("FERRY_EXCHANGES").map(Into::into);
        let options =
            EmulatorOptions { fixtures, account: None, is_unlimited, faults: faults.parse().unwrap(), exchanges };
        let server = serve(emulator(options, context.clock().clone()).unwrap(), 0).await.unwrap();
        Self { server, context }
    }

    fn options(&self, token: &str) -> Json {
        json!({"base_id": BASE_ID, "token": token, "base_url": self.server.url()})
    }

    fn source(&self) -> Box<dyn Source> {
        Airtable::source(serde_json::from_value(self.options("patOne.1")).unwrap(), &self.context).unwrap()
    }

    fn destination(&self) -> Box<dyn Destination> {
        Airtable::destination(serde_json::from_value(self.options("patOne.1")).unwrap(), &self.context).unwrap()
    }

    async fn load(&self, operation: Operation, records: Vec<BatchRecord>) -> Vec<Outcome> {
        let batch = Batch { object: "Contacts".into(), operation, records };
        self.destination().load(&batch).await.unwrap()
    }

    async fn insert(&self, records: &[&[(&str, Value)]]) -> Vec<String> {
        let records = records.iter().map(|fields| change(None, fields)).collect();
        self.load(Operation::Insert, records).await.iter().map(id).collect()
    }

    async fn read(&self, request: ReadRequest) -> Vec<Page> {
        self.source().read(request).map(Result::unwrap).collect().await
    }

    async fn fetch(&self, selection: Selection, fields: &[&str]) -> Vec<Record> {
        let fields = fields.iter().map(|name| (*name).into()).collect();
        self.destination().fetch(&FetchRequest { object: "Contacts".into(), selection, fields }).await.unwrap()
    }

    fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}/{path}", self.server.url()).parse().unwrap();
        self.context.transport.request(method, url).unwrap().bearer_auth("patTwo.2")
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
}

fn change(id: Option<&str>, fields: &[(&str, Value)]) -> BatchRecord {
    let fields: Fields = fields.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
    BatchRecord { trace_id: "t".to_owned(), destination_id: id.map(str::to_owned), fields }
}

fn request(fields: &[&str]) -> ReadRequest {
    ReadRequest {
        shown: Vec::new(),
        object: "Contacts".into(),
        fields: fields.iter().map(|name| (*name).into()).collect(),
        links: Vec::new(),
        filter: None,
        sync_mode: SyncMode::FullRefresh,
        cursor: None,
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn list(items: &[&str]) -> Value {
    Value::List(items.iter().map(|item| (*item).to_owned()).collect())
}

fn id(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Created { id } | Outcome::Updated { id } => id.clone(),
        other => panic!("{other:?} has no id"),
    }
}

fn rejection(outcome: &Outcome) -> &Rejection {
    let (Outcome::Rejected(rejection) | Outcome::Held(rejection)) = outcome else {
        panic!("{outcome:?} is no rejection")
    };
    rejection
}

fn column(pages: &[Page], name: &str) -> Vec<Value> {
    let values = |page: &Page| -> Vec<Value> {
        let column = page.frame.column(name).unwrap();
        (0..column.len()).map(|place| Value::from_any(&column.get(place).unwrap()).unwrap()).collect()
    };
    pages.iter().flat_map(values).collect()
}

fn ids(pages: &[Page]) -> BTreeSet<String> {
    column(pages, "_id").iter().map(Value::to_text).collect()
}

#[tokio::test]
async fn what_is_written_is_what_is_read() {
    let airbase = Airbase::start(1000.0, true).await;
    let companies = Batch {
        object: "Companies".into(),
        operation: Operation::Insert,
        records: vec![change(None, &[("Title", text("Acme"))])],
    };
    let company = id(&airbase.destination().load(&companies).await.unwrap()[0]);
    let full: Vec<(&str, Value)> = vec![
        ("Name", text("Zoë O'Hara \\ \"Sons\"")),
        ("Notes", text("two\nlines")),
        ("Email", text("zoe@example.test")),
        ("Age", Value::Number(41.0)),
        ("Share", Value::Number(0.125)),
        ("Stars", Value::Integer(4)),
        ("VIP", Value::Boolean(true)),
        ("Stage", text("Lead")),
        ("Tags", list(&["Blue", "Red"])),
        ("Company", list(&[&company])),
        ("Born", Value::Date(NaiveDate::from_ymd_opt(1985, 2, 28).unwrap())),
        ("Seen", Value::DateTime(DateTime::from_timestamp_millis(1_700_000_000_123).unwrap())),
    ];
    let inserted = airbase.insert(&[&full]).await;
    let names: Vec<&str> = full.iter().map(|(name, _)| *name).collect();
    let mut wanted = request(&names);
    wanted.links = vec!["Companies".into()];
    let pages = airbase.read(wanted).await;
    for (name, value) in &full {
        assert_eq!(column(&pages, name), std::slice::from_ref(value), "{name}");
    }
    assert_eq!(column(&pages, "_links.Companies"), [list(&[&company])]);
    let found = airbase.fetch(Selection::Ids(inserted.clone()), &names).await;
    assert_eq!(found[0].fields, full.iter().map(|(name, value)| ((*name).into(), value.clone())).collect::<Fields>());

    let clearing: Vec<(&str, Value)> = names.iter().map(|name| (*name, Value::Null)).collect();
    airbase.load(Operation::Update, vec![change(Some(&inserted[0]), &clearing)]).await;
    let found = airbase.fetch(Selection::Ids(inserted), &names).await;
    assert_eq!(found[0].fields, Fields::from([("VIP".into(), Value::Boolean(false))]));
}

#[tokio::test]
async fn an_upsert_creates_at_first_and_updates_then() {
    let airbase = Airbase::start(1000.0, true).await;
    for (key, one, two) in [
        ("Name", text("it's \\one"), text("two\nlines")),
        ("Age", Value::Integer(7), Value::Number(7.5)),
        ("Stage", text("Lead"), text("Won")),
        ("Born", Value::Date(NaiveDate::default()), Value::Date(NaiveDate::from_ymd_opt(2026, 11, 23).unwrap())),
    ] {
        let upsert = || {
            airbase.load(
                Operation::Upsert { key: vec![key.into()] },
                vec![change(None, &[(key, one.clone())]), change(None, &[(key, two.clone())])],
            )
        };
        let created = upsert().await;
        assert!(created.iter().all(|outcome| matches!(outcome, Outcome::Created { .. })), "{key}: {created:?}");
        let updated = upsert().await;
        assert!(updated.iter().all(|outcome| matches!(outcome, Outcome::Updated { .. })), "{key}: {updated:?}");
        assert_eq!(created.iter().map(id).collect::<Vec<_>>(), updated.iter().map(id).collect::<Vec<_>>());
        // The same records are found by looking their keys up.
        let selection = Selection::Keys { fields: vec![key.into()], values: vec![vec![one], vec![two]] };
        let found: BTreeSet<String> =
            airbase.fetch(selection, &["Name"]).await.into_iter().map(|record| record.id).collect();
        assert_eq!(found, created.iter().map(id).collect::<BTreeSet<_>>(), "{key}");
    }
}

#[tokio::test]
async fn keys_are_looked_up_in_fields_of_other_types_and_combinations() {
    let airbase = Airbase::start(1000.0, true).await;
    let moment = Value::DateTime(DateTime::from_timestamp_millis(1_700_000_000_123).unwrap());
    let one = [
        ("Email", text("a@x.test")),
        ("Seen", moment.clone()),
        ("VIP", Value::Boolean(true)),
        ("Tags", list(&["Red", "Blue"])),
        ("Age", Value::Integer(7)),
    ];
    let other = [("Email", text("A@x.test")), ("Age", Value::Integer(0))];
    let inserted = airbase.insert(&[&one, &other]).await;
    let cases: [(&[&str], Vec<Value>); 6] = [
        (&["Email"], vec![text("a@x.test")]),
        (&["Seen"], vec![moment]),
        (&["VIP"], vec![Value::Boolean(true)]),
        (&["Tags"], vec![list(&["Red", "Blue"])]),
        (&["Age"], vec![text("7")]),
        (&["Email", "Age"], vec![text("a@x.test"), Value::Integer(7)]),
    ];
    for (fields, values) in cases {
        let fields: Vec<_> = fields.iter().map(|name| (*name).into()).collect();
        let selection = Selection::Keys { fields: fields.clone(), values: vec![values] };
        let found = airbase.fetch(selection, &["Email"]).await;
        assert_eq!(found.iter().map(|record| &record.id).collect::<Vec<_>>(), [&inserted[0]], "{fields:?}");
    }
}

#[tokio::test]
async fn a_key_that_two_records_share_is_ambiguous() {
    let airbase = Airbase::start(1000.0, true).await;
    let inserted = airbase.insert(&[&[("Name", text("Ada"))], &[("Name", text("Ada"))]]).await;
    let upsert = Operation::Upsert { key: vec!["Name".into()] };
    let outcomes = airbase.load(upsert, vec![change(None, &[("Name", text("Ada"))])]).await;
    assert_eq!(rejection(&outcomes[0]).code, "ambiguous_key");
    assert!(inserted.iter().all(|id| rejection(&outcomes[0]).reason.contains(id)));
}

#[tokio::test]
async fn one_bad_record_refuses_its_batch_and_alone_is_rejected() {
    let airbase = Airbase::start(1000.0, true).await;
    let bad = || change(None, &[("Name", text("bad")), ("Company", list(&["recNoSuchRecord00"]))]);
    let records = vec![change(None, &[("Name", text("good"))]), bad()];
    let batch = Batch { object: "Contacts".into(), operation: Operation::Insert, records };
    assert_eq!(airbase.destination().load(&batch).await.unwrap_err().kind, ErrorKind::Refused);
    assert!(ids(&airbase.read(request(&["Name"])).await).is_empty(), "nothing of a refused batch is stored");
    let outcomes = airbase.load(Operation::Insert, vec![bad()]).await;
    assert_eq!(rejection(&outcomes[0]).field.as_deref(), Some("Company"), "{outcomes:?}");
}

#[tokio::test]
async fn an_option_in_other_letters_is_rejected_by_airtable_itself() {
    let airbase = Airbase::start(1000.0, true).await;
    let outcomes = airbase.load(Operation::Insert, vec![change(None, &[("Stage", text("lead"))])]).await;
    let rejection = rejection(&outcomes[0]);
    assert_eq!(rejection.code, "INVALID_MULTIPLE_CHOICE_OPTIONS");
    assert_eq!((rejection.field.as_deref(), rejection.value.as_deref()), (Some("Stage"), Some("lead")));
}

#[tokio::test]
async fn records_that_are_gone_are_missing_or_deleted() {
    let airbase = Airbase::start(1000.0, true).await;
    let inserted = airbase.insert(&[&[("Name", text("a"))], &[("Name", text("b"))]]).await;
    let delete = || inserted.iter().map(|id| change(Some(id), &[])).collect::<Vec<_>>();
    assert_eq!(airbase.load(Operation::Delete, delete()).await, [Outcome::Deleted, Outcome::Deleted]);
    let again = Batch { object: "Contacts".into(), operation: Operation::Delete, records: delete() };
    assert_eq!(airbase.destination().load(&again).await.unwrap_err().kind, ErrorKind::Refused);
    assert_eq!(airbase.load(Operation::Delete, delete()[..1].to_vec()).await, [Outcome::Deleted]);
    let update = change(Some(&inserted[0]), &[("Name", text("c"))]);
    assert_eq!(airbase.load(Operation::Update, vec![update]).await, [Outcome::Missing]);
    assert!(airbase.fetch(Selection::Ids(inserted), &["Name"]).await.is_empty());
}

async fn fill(airbase: &Airbase, count: usize) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let numbers: Vec<usize> = (0..count).collect();
    for chunk in numbers.chunks(10) {
        let records = chunk.iter().map(|number| change(None, &[("Name", text(&format!("n{number}")))])).collect();
        all.extend(airbase.load(Operation::Insert, records).await.iter().map(id));
    }
    all
}

#[tokio::test]
async fn a_table_is_read_whole_within_the_rate_limit() {
    let airbase = Airbase::start(50.0, false).await;
    let all = fill(&airbase, 250).await;
    let pages = airbase.read(request(&["Name"])).await;
    assert_eq!((ids(&pages), column(&pages, "_id").len()), (all, 250));
    assert_eq!(airbase.context.meter.calls().rate_limited, 0);
}

#[tokio::test]
async fn a_limit_that_others_used_up_is_waited_out() {
    let airbase = Airbase::start(30.0, false).await;
    loop {
        let others = (0..10).map(|_| async {
            let request = airbase.request(reqwest::Method::GET, &format!("v0/{BASE_ID}/Contacts"));
            request.send().await.unwrap().status()
        });
        if futures::future::join_all(others).await.iter().any(|status| status.as_u16() == 429) {
            break;
        }
    }
    let before = airbase.context.clock().elapsed();
    airbase.source().check().await.unwrap();
    assert!(airbase.context.clock().elapsed() >= before + Duration::from_secs(25));
    assert_eq!(airbase.context.meter.calls().rate_limited, 1);
}

#[tokio::test]
async fn offsets_that_end_lose_and_repeat_nothing() {
    let airbase = Airbase::start(50.0, true).await;
    let all = fill(&airbase, 450).await;
    let source = airbase.source();
    let mut stream = source.read(request(&["Name"]));
    let mut pages = vec![stream.next().await.unwrap().unwrap()];
    for life in ["0", "300"] {
        let put = airbase.request(reqwest::Method::PUT, "_emulator/offset_life_secs");
        put.header("content-type", "application/json").body(life).send().await.unwrap().error_for_status().unwrap();
    }
    pages.extend(stream.map(Result::unwrap).collect::<Vec<_>>().await);
    assert_eq!((ids(&pages), column(&pages, "_id").len()), (all, 450));
}

#[tokio::test]
async fn an_incremental_read_finds_what_was_created_and_changed_since() {
    let airbase = Airbase::start(5000.0, true).await;
    let clock = airbase.context.clock().clone();
    let old = airbase.insert(&[&[("Name", text("stays"))], &[("Name", text("changes"))]]).await;
    clock.sleep(Duration::from_mins(10)).await;
    let mut incremental = request(&["Name"]);
    incremental.sync_mode = SyncMode::Incremental;
    // The machine's time is in the answers; the local Airtable's clock runs ahead of it.
    incremental.cursor = Some(Cursor(json!({"since": clock.now().to_rfc3339()})));
    assert!(ids(&airbase.read(incremental.clone()).await).is_empty());
    clock.sleep(Duration::from_mins(10)).await;
    let new = airbase.insert(&[&[("Name", text("new"))]]).await;
    airbase.load(Operation::Update, vec![change(Some(&old[1]), &[("Name", text("changed"))])]).await;
    let pages = airbase.read(incremental.clone()).await;
    assert_eq!(ids(&pages), BTreeSet::from([old[1].clone(), new[0].clone()]));
    assert!(column(&pages, "_updated_at").iter().all(|moment| matches!(moment, Value::DateTime(_))));
    let cursor = pages.last().unwrap().cursor.clone();
    incremental.cursor = cursor;
    assert!(ids(&airbase.read(incremental).await).contains(&new[0]), "the cursor does not run ahead of the read");
}

#[tokio::test]
async fn tokens_that_are_wrong_or_lack_a_scope_are_refused() {
    let airbase = Airbase::start(1000.0, true).await;
    for token in ["invalidToken", "expiredToken", "noscopeToken"] {
        let config = serde_json::from_value(airbase.options(token)).unwrap();
        let error = Airtable::source(config, &airbase.context).unwrap().check().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unauthorized, "{token}");
        assert!(error.hint.is_some(), "{token}");
    }
}

#[tokio::test]
async fn a_login_is_renewed_at_the_local_airtable_too() {
    let airbase = Airbase::start(1.0, true).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", "code1"),
        ("code_verifier", "0123456789012345678901234567890123456789abc"),
        ("redirect_uri", "http://localhost/"),
        ("client_id", "client"),
    ];
    let url = format!("{}/oauth2/v1/token", airbase.server.url()).parse().unwrap();
    let granted =
        airbase.context.transport.request(reqwest::Method::POST, url).unwrap().form(&form).send().await.unwrap();
    let granted: Json = granted.error_for_status().unwrap().json().await.unwrap();
    let options = json!({
        "base_id": BASE_ID, "client_id": "client", "refresh_token": granted["refresh_token"], "base_url": airbase.server.url(),
    });
    for _ in 0..2 {
        let config = serde_json::from_value(options.clone()).unwrap();
        Airtable::source(config, &airbase.context).unwrap().check().await.unwrap();
    }
}

#[tokio::test]
async fn faults_of_the_network_leave_every_upserted_record_once() {
    let faults = "500=0.1,503=0.1,drop=0.1,drop_after=0.1,cut=0.1,html=0.1,seed=11";
    let airbase = Airbase::with_faults(2000.0, true, faults).await;
    let upsert = || Operation::Upsert { key: vec!["Name".into()] };
    for start in (0..100).step_by(10) {
        let records =
            || (start..start + 10).map(|number| change(None, &[("Name", text(&format!("n{number}")))])).collect();
        let batch = Batch { object: "Contacts".into(), operation: upsert(), records: records() };
        // Six attempts may all fail; what the engine does then is to repeat an upsert.
        while airbase.destination().load(&batch).await.is_err() {}
    }
    let selection = Selection::Keys {
        fields: vec!["Name".into()],
        values: (0..100).map(|number| vec![text(&format!("n{number}"))]).collect(),
    };
    let request = FetchRequest { object: "Contacts".into(), selection, fields: Vec::new() };
    loop {
        if let Ok(found) = airbase.destination().fetch(&request).await {
            assert_eq!(found.len(), 100);
            return;
        }
    }
}

/// What SQL says of a condition on a record: true, false, or null.
fn holds(predicate: &Predicate, fields: &Fields) -> Option<bool> {
    let value = |name: &str| fields.get(name).filter(|value| !value.is_null());
    match predicate {
        Predicate::All(parts) => {
            let parts: Vec<_> = parts.iter().map(|part| holds(part, fields)).collect();
            if parts.contains(&Some(false)) {
                Some(false)
            } else {
                parts.into_iter().collect::<Option<Vec<_>>>().map(|_| true)
            }
        }
        Predicate::Any(parts) => {
            let parts: Vec<_> = parts.iter().map(|part| holds(part, fields)).collect();
            if parts.contains(&Some(true)) {
                Some(true)
            } else {
                parts.into_iter().collect::<Option<Vec<_>>>().map(|_| false)
            }
        }
        Predicate::IsNull(name) => Some(value(name).is_none()),
        Predicate::IsNotNull(name) => Some(value(name).is_some()),
        Predicate::In { field, values } => value(field).map(|value| values.contains(value)),
        Predicate::Compare { field, comparison, value: wanted } => {
            let ordering = match (value(field)?, wanted) {
                (Value::Text(one), Value::Text(two)) => one.cmp(two),
                (Value::Number(one), Value::Number(two)) => one.total_cmp(two),
                (Value::Boolean(one), Value::Boolean(two)) => one.cmp(two),
                (Value::Date(one), Value::Date(two)) => one.cmp(two),
                (Value::DateTime(one), Value::DateTime(two)) => one.cmp(two),
                (one, two) => panic!("{one:?} and {two:?} are not compared"),
            };
            Some(match comparison {
                Comparison::Equal => ordering.is_eq(),
                Comparison::NotEqual => ordering.is_ne(),
                Comparison::Less => ordering.is_lt(),
                Comparison::LessOrEqual => ordering.is_le(),
                Comparison::Greater => ordering.is_gt(),
                Comparison::GreaterOrEqual => ordering.is_ge(),
            })
        }
    }
}

/// Conditions of every kind, alone and in pairs.
fn conditions() -> Vec<Predicate> {
    let day = |text: &str| Value::Date(text.parse().unwrap());
    let moment = |millis| Value::DateTime(DateTime::from_timestamp_millis(millis).unwrap());
    let values = [
        ("Name", vec![text(""), text("a"), text("A"), text("o'x\\")]),
        ("Stage", vec![text("Lead"), text("Lost")]),
        ("Age", vec![Value::Number(0.0), Value::Number(-1.0), Value::Number(7.0)]),
        ("Share", vec![Value::Number(0.0), Value::Number(0.5)]),
        ("VIP", vec![Value::Boolean(true), Value::Boolean(false)]),
        ("Born", vec![day("1970-01-01"), day("2026-11-23")]),
        ("Seen", vec![moment(0), moment(1_700_000_000_123)]),
    ];
    let comparisons = [
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
    ];
    let mut single = Vec::new();
    for (field, values) in values {
        single.push(Predicate::IsNull(field.into()));
        single.push(Predicate::IsNotNull(field.into()));
        single.push(Predicate::In { field: field.into(), values: values.clone() });
        for value in values {
            for comparison in comparisons {
                single.push(Predicate::Compare { field: field.into(), comparison, value: value.clone() });
            }
        }
    }
    let pairs = single.iter().zip(single.iter().skip(17)).map(|(one, two)| vec![one.clone(), two.clone()]);
    let pairs: Vec<Predicate> = pairs.flat_map(|pair| [Predicate::Any(pair.clone()), Predicate::All(pair)]).collect();
    single.into_iter().chain(pairs).collect()
}

#[tokio::test]
async fn a_filter_never_leaves_out_what_sql_would_keep() {
    let airbase = Airbase::start(1000.0, true).await;
    let records: [&[(&str, Value)]; 6] = [
        &[],
        &[("Name", text("a")), ("Age", Value::Number(0.0)), ("Share", Value::Number(0.0))],
        &[("Name", text("A")), ("Age", Value::Number(-1.0)), ("VIP", Value::Boolean(true)), ("Stage", text("Won"))],
        &[("Name", text("o'x\\")), ("Age", Value::Number(7.0)), ("Stage", text("Lead"))],
        &[("Born", Value::Date(NaiveDate::default())), ("Seen", Value::DateTime(DateTime::UNIX_EPOCH))],
        &[
            ("Born", Value::Date(NaiveDate::from_ymd_opt(2026, 11, 23).unwrap())),
            ("Seen", Value::DateTime(DateTime::from_timestamp_millis(1_700_000_000_123).unwrap())),
            ("Share", Value::Number(0.5)),
        ],
    ];
    let inserted = airbase.insert(&records).await;
    let names = ["Name", "Stage", "Age", "Share", "VIP", "Born", "Seen"];
    let found = airbase.fetch(Selection::Ids(inserted), &names).await;
    let source = airbase.source();
    let mut left_out = 0;
    for predicate in conditions() {
        let mut filtered = request(&["Name"]);
        filtered.filter = Some(predicate.clone());
        let pages: Vec<Page> = source.read(filtered).map(Result::unwrap).collect().await;
        let let_through = ids(&pages);
        let kept = found.iter().filter(|record| holds(&predicate, &record.fields) == Some(true));
        let kept: BTreeSet<String> = kept.map(|record| record.id.clone()).collect();
        assert!(kept.is_subset(&let_through), "{predicate:?} keeps {kept:?}, let through {let_through:?}");
        left_out += records.len() - let_through.len();
    }
    assert!(left_out > 300, "filters are sent and do filter: {left_out}");
}

#[tokio::test]
async fn the_clock_of_a_dry_run_does_not_lose_changes() {
    // The local Airtable's clock runs ahead of the machine's, whose time is in the `Date` header.
    let airbase = Airbase::start(1e6, true).await;
    airbase.context.clock().sleep(Duration::from_hours(10)).await;
    let mut incremental = request(&["Name"]);
    incremental.sync_mode = SyncMode::Incremental;
    let cursor = airbase.read(incremental).await.remove(0).cursor.unwrap();
    let since: DateTime<chrono::Utc> = serde_json::from_value(cursor.0["since"].clone()).unwrap();
    let earlier = Clock::system().now();
    assert!(since <= earlier && earlier - since < chrono::TimeDelta::minutes(1));
}
