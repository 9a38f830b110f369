//! Deletes records of a person at the destinations that the id map knows: first planned, without a request, then done.
//!
//! Each record is deleted for good where the system has a call for that, and by its ordinary call elsewhere. One that cannot be deleted is
//! told, so that its entry of the id map stays and the work can be done again. Start at [`plan_erasure`] and [`erase_there`].

mod report;

use crate::config::{Connection, Pipeline, StreamDestination};
use crate::connector::{Account, ConnectorError, Context, Destination, ErrorKind, WritePlan};
use crate::model::{
    Batch, BatchRecord, Capabilities, Field, FieldName, Fields, ObjectName, Operation, Outcome, Rejection, Schema,
};
use crate::state::{FoundBy, LeaseName, Person, TracedRecord};
use crate::transform::key_names;

use super::{
    accounts::learn_account,
    decide::prepare::key_hashes_of,
    environment::{Environment, connection},
    error::EngineError,
};

pub use report::{EraseOutcome, ErasedRecord, ErasedThere};

/// What an ordinary delete is called.
const DELETE: &str = "delete";

/// Says who has a mail address, as the state file looks for them.
pub fn person_with(address: &str) -> Person {
    Person::Email { address: address.to_owned(), key_hashes: key_hashes_of(address) }
}

/// Says of a pipeline's records what would be done with each that has an id at its destination. Asks nobody.
pub fn plan_erasure(environment: &Environment, pipeline: &Pipeline, records: &[TracedRecord]) -> Vec<ErasedRecord> {
    let mut planned: Vec<ErasedRecord> = Vec::new();
    for record in records.iter().filter(|record| record.destination_id.is_some()) {
        let next = plan_one(environment, pipeline, record);
        match planned.iter_mut().find(|known| known.is_at(&next)) {
            Some(known) => known.entries.extend(next.entries),
            None => planned.push(next),
        }
    }
    planned
}

fn plan_one(environment: &Environment, pipeline: &Pipeline, record: &TracedRecord) -> ErasedRecord {
    match record.found_by {
        FoundBy::Mention => return ErasedRecord::left(record, "it is another's record, and a value of it names them"),
        FoundBy::SourceId => {
            let reason = "only its id at the source names them: `--id` deletes it too";
            return ErasedRecord::left(record, reason);
        }
        FoundBy::Named
        | FoundBy::Key
        | FoundBy::DestinationId
        | FoundBy::Field
        | FoundBy::Duplicate
        | FoundBy::SameRecord => {}
    }
    let object = &record.target.object;
    let reach = match Reach::to(environment, pipeline, record) {
        Ok(reach) => reach,
        Err(error) => return ErasedRecord::failed(record, error.to_string()),
    };
    let planned = ErasedRecord::of(record);
    match reach.erasure(object) {
        Some(call) => ErasedRecord { call: Some(call.to_owned()), ..planned },
        None if reach.capabilities.delete.is_some() => {
            let keeps = Some(reach.capabilities.after_delete).filter(|keeps| !keeps.is_empty());
            ErasedRecord { call: Some(DELETE.to_owned()), keeps: keeps.map(str::to_owned), ..planned }
        }
        None => {
            ErasedRecord::left(record, "it is part of a file: run the pipeline once the person is gone at the source")
        }
    }
}

/// Deletes what was planned for the records of a pipeline. Stops where the process is to stop: the rest stays planned.
///
/// # Errors
/// Fails when the state file cannot be used; what fails at a destination is an outcome.
pub async fn erase_there(
    environment: &Environment,
    pipeline: &Pipeline,
    records: &[TracedRecord],
    planned: Vec<ErasedRecord>,
) -> Result<ErasedThere, EngineError> {
    let mut done = ErasedThere::default();
    let mut place: Option<Place> = None;
    for mut record in planned {
        let is_stopped = environment.context.transport.shutdown.is_cancelled();
        let traced = records.iter().find(|traced| {
            record.entries.contains(&(traced.target_id, traced.source_key)) && traced.destination_id.is_some()
        });
        let (EraseOutcome::Planned, false, Some(traced)) = (record.outcome, is_stopped, traced) else {
            done.records.push(record);
            continue;
        };
        if place.as_ref().is_none_or(|place| place.traced.target_id != traced.target_id) {
            place = Some(Place::connect(environment, pipeline, traced).await?);
        }
        if let Some(place) = &mut place {
            (record.outcome, record.reason) = place.erase(&record.id).await;
        }
        done.failures.extend(place.as_mut().and_then(|place| place.failure.take()));
        done.records.push(record);
    }
    Ok(done)
}

/// A destination, as far as it is known without asking it.
struct Reach<'pipeline> {
    connection: &'pipeline Connection,
    context: Context,
    capabilities: Capabilities,
    destination: Box<dyn Destination>,
}

impl<'pipeline> Reach<'pipeline> {
    fn to(
        environment: &Environment,
        pipeline: &'pipeline Pipeline,
        record: &TracedRecord,
    ) -> Result<Self, EngineError> {
        let connection = connection(pipeline, &record.target.connection)?;
        let entry = environment.registry.get(&connection.connector)?;
        let context = environment.context_of(&connection.name);
        let failed = |error| EngineError::Config { connection: connection.name.clone(), error };
        let capabilities = (entry.capabilities_of)(connection.options.clone()).map_err(failed)?;
        let destination = (entry.destination)(connection.options.clone(), &context).map_err(failed)?;
        Ok(Self { connection, context, capabilities, destination })
    }

    /// Returns the vendor's own call for erasures, where there is one for the object.
    fn erasure(&self, object: &ObjectName) -> Option<&'static str> {
        self.destination.erase()?.call(object)
    }
}

/// A destination whose records are deleted.
struct Place {
    traced: TracedRecord,
    /// None where it cannot be used; why is in `broken`.
    destination: Option<Box<dyn Destination>>,
    /// Why nothing more is asked of it.
    broken: Option<String>,
    /// The error that broke it, until it is told.
    failure: Option<EngineError>,
}

impl Place {
    async fn connect(
        environment: &Environment,
        pipeline: &Pipeline,
        traced: &TracedRecord,
    ) -> Result<Self, EngineError> {
        let traced = traced.clone();
        match open(environment, pipeline, &traced).await {
            Ok(destination) => Ok(Self { traced, destination: Some(destination), broken: None, failure: None }),
            Err(error @ EngineError::State(_)) => Err(error),
            Err(error) => Ok(Self { traced, destination: None, broken: Some(error.to_string()), failure: Some(error) }),
        }
    }

    async fn erase(&mut self, id: &str) -> (EraseOutcome, Option<String>) {
        let Some(destination) = self.destination.as_ref().filter(|_| self.broken.is_none()) else {
            return (EraseOutcome::Failed, self.broken.clone());
        };
        let object = &self.traced.target.object;
        let erase = destination.erase().filter(|erase| erase.call(object).is_some());
        let (done, outcome) = match erase {
            Some(erase) => (EraseOutcome::Erased, erase.erase(object, id).await),
            None => (EraseOutcome::Deleted, delete(destination.as_ref(), object, id).await),
        };
        match outcome {
            Ok(Outcome::Deleted) => (done, None),
            Ok(Outcome::Missing) => (EraseOutcome::Gone, None),
            Ok(Outcome::Rejected(rejection) | Outcome::Held(rejection)) => {
                (EraseOutcome::Failed, Some(refused(&rejection)))
            }
            Ok(Outcome::Created { .. } | Outcome::Updated { .. }) => {
                (EraseOutcome::Failed, Some("the answer speaks of something else".to_owned()))
            }
            Err(error) => {
                let reason = error.to_string();
                self.broken = Some(reason.clone());
                self.failure = Some(EngineError::connector(&self.traced.target.connection, error));
                (EraseOutcome::Failed, Some(reason))
            }
        }
    }
}

/// Says why a record was refused, without the vendor's words: they may repeat values of it.
fn refused(rejection: &Rejection) -> String {
    match &rejection.request_id {
        Some(id) => format!("the system refused it: {} (request {id})", rejection.code),
        None => format!("the system refused it: {}", rejection.code),
    }
}

/// Connects the destination of a target. It must be the account that the target was written at.
async fn open(
    environment: &Environment,
    pipeline: &Pipeline,
    traced: &TracedRecord,
) -> Result<Box<dyn Destination>, EngineError> {
    let target = &traced.target;
    let Reach { connection, context, capabilities, destination } = Reach::to(environment, pipeline, traced)?;
    let account = learn_account(&environment.registry, connection, &context).await?;
    let found = account.as_ref().map(Account::id);
    if found != target.accounts.destination.as_deref() {
        let (name, found) = (&connection.name, found.unwrap_or("none"));
        return Err(EngineError::Unsupported(format!(
            "`{name}` reaches another account ({found}) than the record was written at: give it a login of that one"
        )));
    }
    if let Some(account) = account.filter(|_| capabilities.is_written_alone) {
        let name = LeaseName::Account { account: format!("{} {}", connection.connector, account.id()) };
        environment.state.hold_lease(name, &pipeline.name, environment.context.clock().now()).await?;
    }
    let told = |error| EngineError::connector(&connection.name, error);
    if let Some(config) = config_of(pipeline, traced) {
        let declared = destination.describe(&target.object).await.map_err(told)?;
        destination.plan(plan_of(config, &declared)).map_err(told)?;
    }
    Ok(destination)
}

fn config_of<'pipeline>(pipeline: &'pipeline Pipeline, traced: &TracedRecord) -> Option<&'pipeline StreamDestination> {
    let target = &traced.target;
    let stream = pipeline.streams.iter().find(|stream| stream.name == target.stream)?;
    let is_target =
        |config: &&StreamDestination| config.connection == target.connection && config.object == target.object;
    stream.destinations.iter().find(is_target)
}

/// Says how records of the object are identified, as a run does.
fn plan_of(config: &StreamDestination, declared: &Schema) -> WritePlan {
    let names: Vec<FieldName> = config.mappings.keys().map(FieldName::new).collect();
    let fields: Vec<Field> = names.iter().filter_map(|name| declared.field(name).cloned()).collect();
    WritePlan {
        object: config.object.clone(),
        key: key_names(&config.key, declared).unwrap_or_default(),
        only_adds: false,
        fields,
        formulas: Vec::new(),
    }
}

async fn delete(destination: &dyn Destination, object: &ObjectName, id: &str) -> Result<Outcome, ConnectorError> {
    let record =
        BatchRecord { trace_id: "erase-1".to_owned(), destination_id: Some(id.to_owned()), fields: Fields::new() };
    let batch = Batch { object: object.clone(), operation: Operation::Delete, records: vec![record] };
    let outcome = destination.load(&batch).await?.into_iter().next();
    outcome.ok_or_else(|| ConnectorError::new(ErrorKind::Unexpected, "no_outcome", "the answer names no record"))
}
