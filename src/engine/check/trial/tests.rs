//! Whatever fails between, the test record is removed.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::*;
use crate::model::{BatchLimit, ObjectName, PerKeys, Record};

/// A destination with one step that may fail. It counts what it holds.
#[derive(Debug, Default)]
struct Crm {
    failing: &'static str,
    held: Mutex<Vec<Record>>,
    stop: Option<CancellationToken>,
}

impl Crm {
    fn held(&self) -> Vec<Record> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fails(&self, step: &str) -> Result<(), ConnectorError> {
        if self.failing == step { Err(ConnectorError::new(ErrorKind::Refused, "no", "no")) } else { Ok(()) }
    }
}

#[async_trait]
impl Destination for Crm {
    async fn check(&self) -> Result<(), ConnectorError> {
        Ok(())
    }

    async fn describe(&self, _object: &ObjectName) -> Result<Schema, ConnectorError> {
        Ok(schema())
    }

    async fn load(&self, batch: &Batch) -> Result<Vec<Outcome>, ConnectorError> {
        let record = &batch.records[0];
        let mut held = self.held.lock().unwrap();
        match batch.operation {
            Operation::Insert => {
                held.push(Record { id: "7".to_owned(), fields: record.fields.clone(), place: None, merged_into: None });
                if let Some(stop) = &self.stop {
                    stop.cancel();
                }
                if self.failing == "answer" {
                    return Err(ConnectorError::new(ErrorKind::Unanswered, "unanswered", "no answer"));
                }
                Ok(vec![Outcome::Created { id: "7".to_owned() }])
            }
            Operation::Update => {
                self.fails("update")?;
                held[0].fields.extend(record.fields.clone());
                Ok(vec![Outcome::Updated { id: "7".to_owned() }])
            }
            _ => {
                self.fails("delete")?;
                held.retain(|held| Some(&held.id) != record.destination_id.as_ref());
                Ok(vec![Outcome::Deleted])
            }
        }
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Record>, ConnectorError> {
        if matches!(request.selection, Selection::Ids(_)) {
            self.fails("fetch")?;
        }
        Ok(self.held())
    }
}

fn schema() -> Schema {
    let email = Field { is_unique: true, ..Field::new("email", FieldType::Text) };
    let stage = Field { is_required: true, ..Field::new("stage", FieldType::Choice) };
    let option = crate::model::Choice { value: "new".to_owned(), label: "New".to_owned() };
    let fields = vec![email, Field::new("lastname", FieldType::Text), Field { options: vec![option], ..stage }];
    Schema { object: ObjectName::new("contacts"), fields, is_open: false }
}

fn capabilities() -> Capabilities {
    let one = std::num::NonZeroU32::MIN;
    let limit = Some(BatchLimit { max_records: one, max_bytes: 1_000, is_idempotent: false });
    Capabilities {
        insert: limit,
        update: limit,
        delete: limit,
        fetch: Some(PerKeys::of(one)),
        inserts_carry_links: false,
        concurrency: one,
        ..Capabilities::NONE
    }
}

/// Returns which steps went well.
async fn steps(crm: &Crm, capabilities: Capabilities) -> Vec<(&'static str, bool)> {
    let (schema, clock) = (schema(), Clock::accelerated(1_000.0));
    let stop = crm.stop.clone().unwrap_or_default();
    let trial = Trial {
        destination: crm,
        capabilities,
        schema: &schema,
        key: &["email".into()],
        mapped: vec!["email".into(), "lastname".into()],
        mark: "x1".to_owned(),
        now: clock.now(),
        clock: &clock,
        stop: &stop,
    };
    trial.run().await.into_iter().map(|(step, result)| (step, result.is_ok())).collect()
}

#[tokio::test]
async fn a_good_destination_passes_all_steps_and_holds_nothing_afterwards() {
    let crm = Crm::default();
    let all = [("create a test record", true), ("read it back", true), ("change it", true), ("delete it", true)];
    assert_eq!(steps(&crm, capabilities()).await, all);
    assert!(crm.held().is_empty());
}

#[tokio::test]
async fn the_record_goes_whatever_step_fails() {
    for failing in ["fetch", "update", "answer"] {
        let crm = Crm { failing, ..Crm::default() };
        let steps = steps(&crm, capabilities()).await;
        assert_eq!(steps.iter().filter(|(_, is_ok)| !is_ok).count(), 1, "{failing}: {steps:?}");
        assert_eq!(steps.last(), Some(&("delete it", true)), "{failing}");
        assert!(crm.held().is_empty(), "{failing}");
    }
}

#[tokio::test]
async fn a_stop_leads_straight_to_the_removal() {
    let crm = Crm { stop: Some(CancellationToken::new()), ..Crm::default() };
    assert_eq!(steps(&crm, capabilities()).await, [("create a test record", true), ("delete it", true)]);
    assert!(crm.held().is_empty());
}

#[tokio::test]
async fn a_record_that_cannot_be_removed_is_named() {
    let crm = Crm { failing: "delete", ..Crm::default() };
    assert_eq!(steps(&crm, capabilities()).await.last(), Some(&("delete it", false)));
    let nothing_removable = Capabilities { delete: None, ..capabilities() };
    let crm = Crm::default();
    assert_eq!(steps(&crm, nothing_removable).await, [("test record", true)]);
    assert!(crm.held().is_empty(), "nothing is created where nothing can be removed");
}

#[tokio::test]
async fn required_fields_the_key_and_a_marker_are_filled() {
    let crm = Crm { failing: "delete", ..Crm::default() };
    steps(&crm, capabilities()).await;
    let fields = &crm.held()[0].fields;
    assert_eq!(fields["email"], Value::Text("ferry-check-x1@example.com".to_owned()));
    assert_eq!(fields["stage"], Value::Text("new".to_owned()));
    assert_eq!(fields["lastname"], Value::Text("Ferry check x1, to be deleted (changed)".to_owned()));
}
