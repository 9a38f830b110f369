//! What is remembered of a target when a run begins with it.

use rusqlite::{OptionalExtension, params};

use crate::model::{ConnectionName, ObjectName};

use super::{
    State, Work,
    accounts::is_first_account,
    checkpoints::Checkpoint,
    error::StateError,
    intents::OpenIntent,
    ledgers::TargetLedger,
    target::{Accounts, Target, TargetId},
};

/// Which target a run works on.
#[derive(Debug, Clone)]
pub struct OpenTarget {
    /// The target.
    pub target: Target,
    /// The connection that its stream is read from.
    pub source_connection: ConnectionName,
    /// The run.
    pub run_id: String,
    /// Records that are held for this reason are asked for too.
    pub held_code: &'static str,
    /// Whether the ids of its records at the destination are to be sealed.
    pub seals_ids: bool,
}

/// What is remembered of a target when a run begins with it.
#[derive(Debug, Clone)]
pub struct OpenedTarget {
    /// Identifies it.
    pub target_id: TargetId,
    /// Whether it is from before accounts were kept and belongs to these accounts from now on. Told once.
    pub is_adopted: bool,
    /// Where the next read goes on.
    pub checkpoint: Option<Checkpoint>,
    /// What this run did there so far.
    pub ledger: Option<TargetLedger>,
    /// Batches that were about to be sent and have no outcome.
    pub intents: Vec<OpenIntent>,
    /// The source ids of the records that are held for the reason asked for.
    pub held: Vec<String>,
    /// How many records the destination was found not to hold any more.
    pub missing: u64,
}

/// A target of a stream that links lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LinkedTarget {
    pub target_id: TargetId,
    pub object: ObjectName,
}

const FIND: &str = "SELECT target_id FROM targets
     WHERE pipeline = ?1 AND stream = ?2 AND connection = ?3 AND object = ?4
       AND source_account IS ?5 AND destination_account IS ?6 AND is_adoptable = 0";
const FIND_ADOPTABLE: &str = "SELECT target_id FROM targets
     WHERE pipeline = ?1 AND stream = ?2 AND connection = ?3 AND object = ?4 AND is_adoptable = 1";
const INSERT: &str = "INSERT INTO targets
     (pipeline, stream, connection, object, source_account, destination_account, source_connection, is_adoptable)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)";
const SET_SEALING: &str = "UPDATE targets SET seals_ids = ?2 WHERE target_id = ?1";
const ADOPT: &str =
    "UPDATE targets SET source_account = ?2, destination_account = ?3, source_connection = ?4, is_adoptable = 0
     WHERE target_id = ?1";
/// The targets of a stream at the connection and account of this target. Of a stream that is read from another connection, those
/// of the account that was last seen there. What no run has opened since accounts are kept belongs to the first account.
const OF_STREAM: &str = "SELECT others.target_id, others.object, others.is_adoptable
     FROM targets AS own JOIN targets AS others USING (pipeline, connection)
     WHERE own.target_id = ?1 AND others.stream = ?2 AND (others.is_adoptable = 1 OR (
       others.destination_account IS own.destination_account
       AND others.source_account IS CASE WHEN others.source_connection IS own.source_connection THEN own.source_account ELSE (
         SELECT account FROM accounts
         WHERE accounts.pipeline = own.pipeline AND accounts.connection = others.source_connection
         ORDER BY last_seen DESC LIMIT 1) END))
     ORDER BY others.target_id";

impl State {
    /// Opens a target: makes it where it is new, and returns what is remembered of it. One from before accounts were kept belongs
    /// to the first accounts that were seen at its connections ([`State::see_accounts`]).
    ///
    /// # Errors
    /// Fails when the state cannot be read or written.
    pub async fn open_target(&self, open: OpenTarget) -> Result<OpenedTarget, StateError> {
        self.write(move |work| work.open_target(&open)).await
    }
}

impl Work<'_> {
    fn open_target(&self, open: &OpenTarget) -> Result<OpenedTarget, StateError> {
        let (target_id, is_adopted) = self.find_or_adopt(&open.target, &open.source_connection)?;
        self.transaction.prepare_cached(SET_SEALING)?.execute(params![target_id.0, open.seals_ids])?;
        Ok(OpenedTarget {
            target_id,
            is_adopted,
            checkpoint: self.checkpoint(target_id)?,
            ledger: self.ledger(&open.run_id, target_id)?,
            intents: self.open_intents(target_id)?,
            held: self.held(target_id, open.held_code)?,
            missing: self.count_missing(target_id)?,
        })
    }

    fn find_or_adopt(&self, target: &Target, source: &ConnectionName) -> Result<(TargetId, bool), StateError> {
        if let Some(found) = self.find_target(target)? {
            let name = "UPDATE targets SET source_connection = ?2 WHERE target_id = ?1";
            self.transaction.prepare_cached(name)?.execute(params![found.0, &**source])?;
            return Ok((found, false));
        }
        let accounts = &target.accounts;
        if let Some(old) = self.adoptable(target)?
            && is_first_account(self, &target.pipeline, &target.connection, accounts.destination.as_deref())?
            && is_first_account(self, &target.pipeline, source, accounts.source.as_deref())?
        {
            let parameters = params![old.0, accounts.source, accounts.destination, &**source];
            self.transaction.prepare_cached(ADOPT)?.execute(parameters)?;
            return Ok((old, *accounts != Accounts::default()));
        }
        self.transaction.prepare_cached(INSERT)?.execute(params![
            target.pipeline,
            &*target.stream,
            &*target.connection,
            &*target.object,
            accounts.source,
            accounts.destination,
            &**source,
        ])?;
        Ok((TargetId(self.transaction.last_insert_rowid()), false))
    }

    pub(super) fn find_target(&self, target: &Target) -> Result<Option<TargetId>, StateError> {
        let parameters = params![
            target.pipeline,
            &*target.stream,
            &*target.connection,
            &*target.object,
            target.accounts.source,
            target.accounts.destination,
        ];
        let found = self.transaction.prepare_cached(FIND)?.query_row(parameters, |row| row.get(0)).optional()?;
        Ok(found.map(TargetId))
    }

    fn adoptable(&self, target: &Target) -> Result<Option<TargetId>, StateError> {
        let names = params![target.pipeline, &*target.stream, &*target.connection, &*target.object];
        let found = self.transaction.prepare_cached(FIND_ADOPTABLE)?.query_row(names, |row| row.get(0)).optional()?;
        Ok(found.map(TargetId))
    }

    /// Returns the targets that links of this target to a stream lead to: at the same connection and account.
    pub(super) fn linked_targets(&self, own: TargetId, stream: &str) -> Result<Vec<LinkedTarget>, StateError> {
        let is_first = self.is_of_first_accounts(own)?;
        let mut statement = self.transaction.prepare_cached(OF_STREAM)?;
        let mut rows = statement.query(params![own.0, stream])?;
        let mut linked = Vec::new();
        while let Some(row) = rows.next()? {
            let is_adoptable: bool = row.get(2)?;
            if !is_adoptable || is_first {
                let object = ObjectName::from(row.get::<_, String>(1)?);
                linked.push(LinkedTarget { target_id: TargetId(row.get(0)?), object });
            }
        }
        Ok(linked)
    }

    /// Tells whether a target belongs to the accounts that own what is from before accounts were kept.
    fn is_of_first_accounts(&self, target: TargetId) -> Result<bool, StateError> {
        let sql = "SELECT targets.*, is_adoptable FROM targets WHERE target_id = ?1";
        let (own, source, is_adoptable) = self.transaction.prepare_cached(sql)?.query_row([target.0], |row| {
            Ok((Target::from_row(row)?, row.get::<_, Option<String>>("source_connection")?, row.get("is_adoptable")?))
        })?;
        let (pipeline, accounts) = (&own.pipeline, &own.accounts);
        let source_is_first = match source {
            Some(source) => is_first_account(self, pipeline, &source, accounts.source.as_deref())?,
            None => true,
        };
        let destination = accounts.destination.as_deref();
        Ok(is_adoptable || source_is_first && is_first_account(self, pipeline, &own.connection, destination)?)
    }
}
