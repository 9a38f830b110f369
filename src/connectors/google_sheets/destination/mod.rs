//! Writes tabs: rows are found by their keys, columns by their headings, and both are looked at again with every write.
//!
//! Google knows no transaction and no condition, and a person may sort, insert or delete between a read and a write. So what is
//! written comes back with the key of its row, and what hit another row is put right from what was read before. How rows are
//! added is in `insert`, changed in `update`, removed in `delete`; `structure` adds tabs and columns, `replace` writes a tab anew.

mod added;
mod change;
mod costs;
mod delete;
mod foreseen;
mod hits;
mod identify;
mod insert;
mod keys;
mod lookup;
mod misplaced;
mod miss;
mod moves;
mod new_version;
mod offers;
mod own_rows;
mod plan;
mod prepare;
mod replace;
mod rules;
mod settle;
mod snapshot;
mod strays;
mod structure;
mod update;
mod view;
mod whole;
mod writes;

use std::{
    collections::HashMap,
    sync::{Mutex as SyncMutex, PoisonError},
};

use async_trait::async_trait;
use tokio::sync::Mutex;

use crate::connector::{
    BulkLoad, ConnectorError, Destination, ErrorKind, FetchRequest, FetchWhole, Probe, Replace, WriteCosts, WritePlan,
};
use crate::model::{Batch, ObjectName, Operation, Outcome, Record, Schema};

use super::{
    client::{SheetsClient, Spreadsheet},
    columns::UNKNOWN_COLUMN,
    config::Tables,
    errors::{OUTSIDE_GRID, incomplete},
    formula::Template,
    place::Place,
    table::Table,
};

use self::{
    foreseen::Foreseen,
    new_version::NewVersion,
    plan::{Formula, Plan},
    rules::check_formulas,
    view::View,
};

/// Writes to one spreadsheet.
#[derive(Debug)]
pub(super) struct SheetsDestination {
    client: SheetsClient,
    options: Options,
    plans: SyncMutex<HashMap<ObjectName, Plan>>,
    /// What is known of the objects. One write at a time: rows move with every one.
    objects: Mutex<HashMap<ObjectName, Known>>,
    /// What would be known of the objects by now, where writes are only counted.
    foreseen: SyncMutex<HashMap<ObjectName, Foreseen>>,
}

/// What the options say of writing.
#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) tables: Tables,
    pub(super) creates_columns: bool,
    pub(super) creates_tab: bool,
}

/// What is known of an object.
#[derive(Debug, Default)]
struct Known {
    spreadsheet: Option<Spreadsheet>,
    /// None where there is no such tab yet.
    table: Option<Table>,
    /// Whether tab and columns are as the plan needs them.
    is_ready: bool,
    /// The last view; none where it may be out of date.
    view: Option<View>,
    /// The rows of a version that is written anew.
    new_version: Option<NewVersion>,
}

impl SheetsDestination {
    /// Makes the destination of a spreadsheet. Does no I/O.
    pub(super) fn new(client: SheetsClient, options: Options) -> Self {
        Self { client, options, plans: SyncMutex::default(), objects: Mutex::default(), foreseen: SyncMutex::default() }
    }

    fn plan_of(&self, object: &ObjectName) -> Plan {
        let plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let mut plan = plans.get(object).cloned().unwrap_or_default();
        if plan.key.is_empty() {
            plan.key = self.options.tables.id_columns(object);
        }
        plan
    }

    /// Reads what the object is now. A tab that the options let Ferry create may be missing.
    async fn look(&self, object: &ObjectName) -> Result<Known, ConnectorError> {
        let spreadsheet = self.client.structure().await?;
        let table = match Table::read(&self.client, &spreadsheet, object, &self.options.tables).await {
            Ok(table) => Some(table),
            Err(error) if error.code == "unknown_tab" && self.options.creates_tab => None,
            Err(error) => return Err(error),
        };
        Ok(Known { spreadsheet: Some(spreadsheet), table, ..Known::default() })
    }

    async fn load_once(&self, known: &mut Known, plan: &Plan, batch: &Batch) -> Result<Vec<Outcome>, ConnectorError> {
        let table = known.table()?;
        let mut outcomes: Vec<Option<Outcome>> = vec![None; batch.records.len()];
        let mut prepared = Vec::with_capacity(batch.records.len());
        for (place, record) in batch.records.iter().enumerate() {
            match prepare::prepare(place, record, table.zone) {
                Ok(record) => prepared.push(record),
                Err(rejection) => outcomes[place] = Some(Outcome::Rejected(rejection)),
            }
        }
        let named = (&batch.object, plan);
        let written = match batch.operation {
            _ if known.new_version.is_some() => Ok(replace::keep(known, plan, prepared)),
            Operation::Insert => self.insert(known, named, prepared).await,
            Operation::Update => self.update(known, named, &batch.records, prepared).await,
            Operation::Delete => self.delete(known, named, &batch.records).await,
            Operation::Upsert { .. } | Operation::Link => {
                Err(ConnectorError::new(ErrorKind::Unexpected, "no_such_call", "a sheet has no such call"))
            }
        };
        if written.is_err() {
            known.view = None;
        }
        for (place, outcome) in written? {
            outcomes[place] = Some(outcome);
        }
        let outcomes: Option<Vec<Outcome>> = outcomes.into_iter().collect();
        outcomes.ok_or_else(|| incomplete("an outcome is missing"))
    }

    /// Reads header and key columns, and once more where the tab is not as it was described: somebody inserted or deleted columns.
    async fn read_view(&self, known: &mut Known, object: &ObjectName, key: &[String]) -> Result<View, ConnectorError> {
        match View::read(&self.client, &known.table()?, key).await {
            Err(error) if is_out_of_date(&error) => {
                *known = Known {
                    is_ready: known.is_ready,
                    new_version: known.new_version.take(),
                    ..self.look(object).await?
                };
                View::read(&self.client, &known.table()?, key).await
            }
            read => read,
        }
    }

    /// Looks where an object is now: somebody inserted, deleted or moved rows or columns.
    async fn find_again(
        &self,
        known: &mut Known,
        table: &mut Table,
        object: &ObjectName,
    ) -> Result<(), ConnectorError> {
        let spreadsheet = self.client.structure().await?;
        table.place = Place::find(&spreadsheet, object, &self.options.tables)?;
        known.spreadsheet = Some(spreadsheet);
        known.table = Some(table.clone());
        Ok(())
    }

    /// Makes sure that the object is known.
    async fn known<'map>(
        &self,
        objects: &'map mut HashMap<ObjectName, Known>,
        object: &ObjectName,
    ) -> Result<&'map mut Known, ConnectorError> {
        if objects.get(object).is_none_or(|known| known.spreadsheet.is_none()) {
            objects.insert(object.clone(), self.look(object).await?);
        }
        Ok(objects.entry(object.clone()).or_default())
    }
}

impl Known {
    fn table(&self) -> Result<Table, ConnectorError> {
        self.table.clone().ok_or_else(|| incomplete("the tab is not there"))
    }
}

/// Tells whether an error may come of a tab that is not as it was described.
fn is_out_of_date(error: &ConnectorError) -> bool {
    [OUTSIDE_GRID, UNKNOWN_COLUMN].contains(&error.code.as_str())
}

#[async_trait]
impl Destination for SheetsDestination {
    async fn check(&self) -> Result<(), ConnectorError> {
        self.client.structure().await.map(drop)
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        let known = self.look(object).await?;
        let mut schema = match &known.table {
            Some(table) => table.describe(object, false),
            None => Schema { object: object.clone(), fields: Vec::new(), is_open: true },
        };
        schema.is_open |= self.options.creates_columns;
        self.objects.lock().await.insert(object.clone(), known);
        Ok(schema)
    }

    fn plan(&self, plan: WritePlan) -> Result<(), ConnectorError> {
        let mut formulas = Vec::with_capacity(plan.formulas.len());
        for formula in plan.formulas {
            let template = Template::parse(&formula.formula).map_err(|reason| {
                let message = format!("the formula of `{}` cannot be used: {reason}", formula.field);
                ConnectorError::new(ErrorKind::NotFound, "formula", message)
            })?;
            formulas.push(Formula { column: formula.field.to_string(), template, is_rewritten: formula.is_rewritten });
        }
        if let Ok(objects) = self.objects.try_lock()
            && let Some(table) = objects.get(&plan.object).and_then(|known| known.table.as_ref())
        {
            check_formulas(table, &formulas, &plan.fields)?;
        }
        let key = plan.key.iter().map(ToString::to_string).collect();
        let plan_of_object = Plan { key, only_adds: plan.only_adds, fields: plan.fields, formulas };
        self.plans.lock().unwrap_or_else(PoisonError::into_inner).insert(plan.object, plan_of_object);
        Ok(())
    }

    async fn load(&self, batch: &Batch) -> Result<Vec<Outcome>, ConnectorError> {
        let plan = self.plan_of(&batch.object);
        let mut objects = self.objects.lock().await;
        let known = self.known(&mut objects, &batch.object).await?;
        self.make_ready(known, &plan, &batch.object).await?;
        let mut loaded = self.load_once(known, &plan, batch).await;
        if let Err(error) = &loaded
            && error.kind.proves_no_write()
            && is_out_of_date(error)
        {
            // Somebody inserted or deleted rows or columns: what was learned of the tab does not hold any more.
            let now = self.look(&batch.object).await?;
            *known = Known { is_ready: true, new_version: known.new_version.take(), ..now };
            loaded = match self.load_once(known, &plan, batch).await {
                // The first error tells where the column was.
                Err(second) if is_out_of_date(&second) => loaded,
                again => again,
            };
        }
        loaded
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Record>, ConnectorError> {
        self.look_up(request).await
    }

    fn probe(&self) -> Option<&dyn Probe> {
        Some(self)
    }

    fn bulk(&self) -> Option<&dyn BulkLoad> {
        Some(self)
    }

    fn fetch_whole(&self) -> Option<&dyn FetchWhole> {
        Some(self)
    }

    fn write_costs(&self) -> Option<&dyn WriteCosts> {
        Some(self)
    }

    fn replace(&self) -> Option<&dyn Replace> {
        Some(self)
    }
}
