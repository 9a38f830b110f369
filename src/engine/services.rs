//! What a destination is written with: the connector, the state, the clock, and who is told.

use std::{sync::Arc, time::Duration};

use crate::connector::{Context, Destination};
use crate::model::{Capabilities, ConnectionName, Spellings};
use crate::state::State;

use super::{
    error::EngineError,
    observer::{Observer, WaitReason},
    quota::QuotaGuard,
};

/// What a destination is written with.
#[derive(Debug)]
pub(super) struct Services {
    pub destination: Box<dyn Destination>,
    pub capabilities: Capabilities,
    pub context: Context,
    pub quota: QuotaGuard,
    pub state: State,
    pub observer: Arc<dyn Observer>,
    /// How ids may be spelt otherwise.
    pub spellings: Spellings,
}

impl Services {
    /// Waits; ends early, as an error, when the run is to stop.
    pub(super) async fn wait(&self, duration: Duration) -> Result<(), EngineError> {
        tokio::select! {
            () = self.context.clock().sleep(duration) => Ok(()),
            () = self.context.transport.shutdown.cancelled() => Err(EngineError::asked_to_stop()),
        }
    }

    /// Says why nothing happens for a while, and waits, if there is anything to wait for.
    pub(super) async fn wait_for(
        &self,
        connection: &ConnectionName,
        reason: &WaitReason,
        duration: Duration,
    ) -> Result<(), EngineError> {
        if duration.is_zero() {
            return Ok(());
        }
        self.observer.waiting(connection, reason, duration);
        self.wait(duration).await
    }

    /// Fails when the run was asked to stop.
    pub(super) fn check_goes_on(&self) -> Result<(), EngineError> {
        if self.context.transport.shutdown.is_cancelled() {
            return Err(EngineError::asked_to_stop());
        }
        Ok(())
    }

    /// Fails when nothing more may be sent: the run was asked to stop, or the quota's share is used.
    pub(super) fn check_may_send(&self) -> Result<(), EngineError> {
        self.check_goes_on()?;
        self.quota.check()
    }
}
