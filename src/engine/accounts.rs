//! Which accounts a run talks to: asked once per connection, before anything else is asked of a system.
//!
//! What Ferry remembers belongs to a source account and a destination account. Where it is not known which account a connection
//! reaches, the streams that use the connection fail: to guess would be to take one account's records for another's.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use futures::future::join_all;

use crate::config::{Connection, Pipeline, Stream};
use crate::connector::{Account, ConfigError, ConnectorError, Context, Registry};
use crate::model::ConnectionName;
use crate::state::{Accounts, DeadLetter, Target};

use super::{
    environment::Environment,
    error::{AccountError, EngineError},
    observer::Observer,
    read::join_inputs::joined_streams,
    review::Review,
};

/// The accounts of the connections that a run uses. Clones share what was learned.
#[derive(Debug, Clone, Default)]
pub(super) struct RunAccounts {
    connections: Arc<BTreeMap<ConnectionName, Learned>>,
    /// The connections that were already reported as owners of what was remembered.
    adopted: Arc<Mutex<BTreeSet<ConnectionName>>>,
}

/// Which run it is, which accounts it reaches, and who looks at what it is about to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunIdentity<'run> {
    pub id: &'run str,
    pub accounts: &'run RunAccounts,
    pub review: Option<&'run Arc<dyn Review>>,
}

/// What is known of one connection.
#[derive(Debug)]
struct Learned {
    answer: Answer,
    /// Its meter counted what it took to learn it, until a source or destination of the connection takes these calls over.
    context: Context,
}

#[derive(Debug)]
enum Answer {
    /// The account; none where the system has no accounts.
    Account(Option<Account>),
    /// The options cannot be right.
    Config(ConfigError),
    /// The login does not work, or the system does not tell.
    Untold(ConnectorError),
}

impl RunAccounts {
    /// Asks every connection that these streams use.
    ///
    /// # Errors
    /// Fails when a connection reaches another account than it is pinned to. What else goes wrong at one connection is told to the
    /// streams that use it.
    pub(super) async fn learn<'pipeline>(
        environment: &Environment,
        pipeline: &'pipeline Pipeline,
        streams: impl IntoIterator<Item = &'pipeline Stream>,
    ) -> Result<Self, EngineError> {
        let mut used: BTreeSet<&ConnectionName> = BTreeSet::new();
        for stream in streams {
            used.extend(sources(pipeline, stream));
            used.extend(stream.destinations.iter().map(|config| &config.connection));
        }
        let asked = pipeline.connections.values().filter(|connection| used.contains(&connection.name));
        let learned = join_all(asked.map(|connection| async {
            let context = environment.context_of(&connection.name);
            let answer = match account_of(&environment.registry, connection, &context).await {
                Ok(account) => Answer::Account(account),
                Err(AccountFailure::Refused(error)) => return Err(error),
                Err(AccountFailure::Config(error)) => Answer::Config(error),
                Err(AccountFailure::Untold(error)) => Answer::Untold(error),
            };
            Ok((connection.name.clone(), Learned { answer, context }))
        }))
        .await;
        let connections = learned.into_iter().collect::<Result<BTreeMap<_, _>, EngineError>>()?;
        Ok(Self { connections: Arc::new(connections), adopted: Arc::default() })
    }

    /// Returns the account that a connection reaches; none where its system has none.
    ///
    /// # Errors
    /// Says why it is not known.
    pub(super) fn of(&self, connection: &ConnectionName) -> Result<Option<&Account>, EngineError> {
        match self.connections.get(connection).map(|learned| &learned.answer) {
            None => Ok(None),
            Some(Answer::Account(account)) => Ok(account.as_ref()),
            Some(Answer::Config(error)) => {
                Err(EngineError::Config { connection: connection.clone(), error: error.clone() })
            }
            Some(Answer::Untold(error)) => Err(EngineError::connector(connection, error.clone())),
        }
    }

    /// Returns the accounts at the two ends of a stream, as the state file keeps them.
    ///
    /// # Errors
    /// Says why one is not known.
    pub(super) fn between(
        &self,
        source: &ConnectionName,
        destination: &ConnectionName,
    ) -> Result<Accounts, EngineError> {
        let id = |connection| Ok::<_, EngineError>(self.of(connection)?.map(|account| account.id().to_owned()));
        Ok(Accounts { source: id(source)?, destination: id(destination)? })
    }

    /// Returns the account that a connection reaches, where it is known.
    pub(super) fn known(&self, connection: &ConnectionName) -> Option<&Account> {
        match &self.connections.get(connection)?.answer {
            Answer::Account(account) => account.as_ref(),
            Answer::Config(_) | Answer::Untold(_) => None,
        }
    }

    /// Returns the accounts of the connections that have one.
    pub(super) fn ids(&self) -> BTreeMap<ConnectionName, String> {
        let names = self.connections.keys();
        names.filter_map(|name| Some((name.clone(), self.known(name)?.id().to_owned()))).collect()
    }

    /// Keeps which accounts the connections reach now, and says which are others than the last time.
    ///
    /// # Errors
    /// Fails when the state file cannot be used.
    pub(super) async fn note(&self, environment: &Environment, pipeline: &Pipeline) -> Result<(), EngineError> {
        let ids = self.ids().into_iter().collect();
        let sightings = environment.state.see_accounts(&pipeline.name, ids).await?;
        for sighting in sightings {
            if let (Some(account), Some(last)) = (self.known(&sighting.connection), &sighting.last)
                && *last != sighting.account
            {
                let connection = &sighting.connection;
                environment.observer.account_noted(&if sighting.is_known {
                    format!("{connection} is {account} again (last time {last}): Ferry goes on with what it remembers of it")
                } else {
                    format!("{connection} is another account ({account}; last time {last}): Ferry remembers nothing of it yet")
                });
            }
        }
        Ok(())
    }

    /// Says, once per connection, that what was remembered before accounts were told apart belongs to its account.
    pub(super) fn note_adopted(&self, observer: &dyn Observer, connections: [&ConnectionName; 2]) {
        for connection in connections {
            let Some(account) = self.known(connection) else { continue };
            if self.adopted.lock().unwrap_or_else(PoisonError::into_inner).insert(connection.clone()) {
                observer.account_noted(&format!(
                    "{connection} is {account}: what Ferry remembers of earlier runs belongs to this account from now on"
                ));
            }
        }
    }

    /// Refuses dead letters of another account than the stream's connections reach now: its records are other records there.
    ///
    /// # Errors
    /// Says which account is meant, or why it is not known which one is reached.
    pub(super) fn check_letters(
        &self,
        run_id: &str,
        stream: &Stream,
        letters: &[DeadLetter],
    ) -> Result<(), EngineError> {
        for Target { connection, accounts, .. } in letters.iter().map(|letter| &letter.target) {
            for (connection, meant) in [(&stream.connection, &accounts.source), (connection, &accounts.destination)] {
                let (Some(found), Some(meant)) = (self.of(connection)?, meant) else { continue };
                if found.id() != meant {
                    return Err(EngineError::Account(Box::new(AccountError::Other {
                        connection: connection.clone(),
                        run_id: run_id.to_owned(),
                        meant: found.with_id(meant),
                        found: found.clone(),
                    })));
                }
            }
        }
        Ok(())
    }

    /// Prepares the source of a stream: its account and those of the streams that it joins have to be known.
    ///
    /// # Errors
    /// Says why one is not known.
    pub(super) fn enter_source(
        &self,
        pipeline: &Pipeline,
        stream: &Stream,
        context: &Context,
    ) -> Result<(), EngineError> {
        let connections = sources(pipeline, stream);
        // The calls count even if they achieved nothing.
        for connection in &connections {
            self.hand_over_calls(connection, context);
        }
        connections.into_iter().try_for_each(|connection| self.of(connection).map(drop))
    }

    /// Prepares a destination: its account has to be known.
    ///
    /// # Errors
    /// Says why it is not.
    pub(super) fn enter_destination(&self, context: &Context) -> Result<(), EngineError> {
        self.hand_over_calls(&context.connection, context);
        self.of(&context.connection).map(drop)
    }

    /// Hands the calls that it took to learn a connection's account to the first who works with the connection, so that each call
    /// is in one ledger.
    fn hand_over_calls(&self, connection: &ConnectionName, to: &Context) {
        if let Some(learned) = self.connections.get(connection) {
            to.meter.take_over(&learned.context.meter);
        }
    }
}

/// Returns the connections that a stream reads: its own, and those of the streams that it joins.
fn sources<'pipeline>(pipeline: &'pipeline Pipeline, stream: &'pipeline Stream) -> BTreeSet<&'pipeline ConnectionName> {
    let mut connections = BTreeSet::from([&stream.connection]);
    // That no stream leads back to itself is known since the pipeline was loaded.
    for joined in joined_streams(stream).into_iter().filter_map(|name| pipeline.stream(name)) {
        connections.extend(sources(pipeline, joined));
    }
    connections
}

/// Learns which account a connection reaches, and refuses any other than it is pinned to.
///
/// # Errors
/// Fails when the connection is pinned to another account, when the login does not work, or when the system does not tell.
pub async fn learn_account(
    registry: &Registry,
    connection: &Connection,
    context: &Context,
) -> Result<Option<Account>, EngineError> {
    account_of(registry, connection, context).await.map_err(|failure| match failure {
        AccountFailure::Refused(error) => error,
        AccountFailure::Config(error) => EngineError::Config { connection: connection.name.clone(), error },
        AccountFailure::Untold(error) => EngineError::connector(&connection.name, error),
    })
}

enum AccountFailure {
    /// It is another account than was meant, or there is no such connector: nothing may go on.
    Refused(EngineError),
    Config(ConfigError),
    Untold(ConnectorError),
}

async fn account_of(
    registry: &Registry,
    connection: &Connection,
    context: &Context,
) -> Result<Option<Account>, AccountFailure> {
    let entry = registry.get(&connection.connector).map_err(|error| AccountFailure::Refused(error.into()))?;
    let answer = (entry.account)(connection.options.clone(), context).map_err(AccountFailure::Config)?;
    let found = answer.learn().await.map_err(AccountFailure::Untold)?;
    match (&connection.account, &found) {
        (Some(pinned), Some(found)) if pinned != found => {
            let (connection, pinned, found) = (connection.name.clone(), pinned.clone(), found.clone());
            let error = AccountError::Pinned { connection, pinned, found };
            Err(AccountFailure::Refused(EngineError::Account(Box::new(error))))
        }
        _ => Ok(found),
    }
}
