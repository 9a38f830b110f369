//! The accounts that the connections of a pipeline were seen at: which was the first, which was the last.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, params};

use crate::model::ConnectionName;

use super::{State, Work, error::StateError};

/// What was known of a connection's accounts before this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSighting {
    /// The connection.
    pub connection: ConnectionName,
    /// The account that it talks to now.
    pub account: String,
    /// The account that it talked to the last time; none where this is the first time.
    pub last: Option<String>,
    /// Whether it talked to this account before.
    pub is_known: bool,
}

const LAST: &str =
    "SELECT account FROM accounts WHERE pipeline = ?1 AND connection = ?2 ORDER BY last_seen DESC LIMIT 1";
const FIRST: &str = "SELECT account FROM accounts WHERE pipeline = ?1 AND connection = ?2 ORDER BY first_seen LIMIT 1";
const OF_RUNS: &str = "SELECT run_id, connection, destination_account FROM ledgers JOIN targets USING (target_id)
     WHERE destination_account IS NOT NULL
     UNION ALL SELECT run_id, source_connection, source_account FROM ledgers JOIN targets USING (target_id)
     WHERE source_account IS NOT NULL AND source_connection IS NOT NULL";
const SEE: &str = "INSERT INTO accounts (pipeline, connection, account, first_seen, last_seen)
     SELECT ?1, ?2, ?3, next.number, next.number
     FROM (SELECT COALESCE(MAX(last_seen), 0) + 1 AS number FROM accounts) AS next WHERE TRUE
     ON CONFLICT (pipeline, connection, account) DO UPDATE SET last_seen = excluded.last_seen";

impl State {
    /// Notes the accounts that the connections of a pipeline talk to, and returns what was known of each. Connections without
    /// accounts are left out. To be called before the targets of a run are opened.
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub async fn see_accounts(
        &self,
        pipeline: &str,
        accounts: BTreeMap<ConnectionName, String>,
    ) -> Result<Vec<AccountSighting>, StateError> {
        let pipeline = pipeline.to_owned();
        self.write(move |work| {
            let seen =
                accounts.into_iter().map(|(connection, account)| work.see_account(&pipeline, connection, account));
            seen.collect()
        })
        .await
    }

    /// Returns the accounts that runs reached, by run and connection. Of a connection that had another account when its run was
    /// resumed, there is the later one.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn accounts_of_runs(&self) -> Result<BTreeMap<String, BTreeMap<ConnectionName, String>>, StateError> {
        self.read(|work| {
            let mut statement = work.transaction.prepare_cached(OF_RUNS)?;
            let mut rows = statement.query([])?;
            let mut runs: BTreeMap<String, BTreeMap<ConnectionName, String>> = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let connection = ConnectionName::from(row.get::<_, String>(1)?);
                runs.entry(row.get(0)?).or_default().insert(connection, row.get(2)?);
            }
            Ok(runs)
        })
        .await
    }
}

impl Work<'_> {
    fn see_account(
        &self,
        pipeline: &str,
        connection: ConnectionName,
        account: String,
    ) -> Result<AccountSighting, StateError> {
        let last = self.account_by(LAST, pipeline, &connection)?;
        let known = "SELECT 1 FROM accounts WHERE pipeline = ?1 AND connection = ?2 AND account = ?3";
        let parameters = params![pipeline, &*connection, account];
        let is_known = self.transaction.prepare_cached(known)?.exists(parameters)?;
        self.transaction.prepare_cached(SEE)?.execute(parameters)?;
        Ok(AccountSighting { connection, account, last, is_known })
    }

    fn account_by(&self, sql: &str, pipeline: &str, connection: &str) -> Result<Option<String>, StateError> {
        let mut statement = self.transaction.prepare_cached(sql)?;
        Ok(statement.query_row([pipeline, connection], |row| row.get(0)).optional()?)
    }
}

/// Tells whether this is the first account that was seen at a connection; one without accounts always is at its first.
pub(super) fn is_first_account(
    work: &Work<'_>,
    pipeline: &str,
    connection: &str,
    account: Option<&str>,
) -> Result<bool, StateError> {
    let first = work.account_by(FIRST, pipeline, connection)?;
    Ok(first.as_deref() == account)
}
