//! The further persons of a deal, who are added by calls of their own.
//!
//! Where a pipeline links to them, the engine writes the deal first and its participants in an update of their own
//! ([`Field::is_linked_apart`](crate::model::Field::is_linked_apart)): a refusal is the link's outcome, and the deal stays written.
//! Ids that a pipeline gives itself come together with the deal.

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{BatchRecord, Outcome, Rejection};

use super::super::{
    errors::{ApiError, CallError},
    object::Object,
    schema::ObjectInfo,
};
use super::{PipedriveDestination, body::Draft, write::rejection};

impl PipedriveDestination {
    /// Adds the persons of a deal that it does not have yet. Who takes part and is not named stays.
    pub(super) async fn add_participants(&self, deal: &str, draft: &Draft<'_>) -> Result<(), CallError> {
        let Some(wanted) = draft.participants.as_ref().filter(|wanted| !wanted.is_empty()) else { return Ok(()) };
        let api = &self.catalog.api;
        // A deal that was created here has none yet.
        let there = if api.has_created(Object::Deals, deal) { Vec::new() } else { api.participants(deal).await? };
        for person in wanted.iter().filter(|person| !there.contains(person)) {
            match api.add_participant(deal, *person).await {
                Ok(()) => {}
                // The deal's own person takes part already, and so does one whose answer was lost.
                Err(CallError::Refused(error)) if error.status == 400 => {
                    if !api.participants(deal).await?.contains(person) {
                        return Err(CallError::Refused(error));
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Says what becomes of a deal that was there, and whose participants were refused.
    pub(super) async fn without_participants(
        &self,
        info: &ObjectInfo,
        record: &BatchRecord,
        deal: &str,
        error: CallError,
    ) -> Result<Outcome, ConnectorError> {
        match error {
            // It does not say whether the deal or the person is gone.
            CallError::Refused(error) if error.is_missing() && self.current(info, deal).await?.is_none() => {
                Ok(Outcome::Missing)
            }
            CallError::Refused(error) if error.is_about_record() => Ok(Outcome::Rejected(blame(info, record, &error))),
            error => Err(error.into()),
        }
    }

    /// Deletes a new deal whose participants were refused, so that a later attempt does not create it a second time.
    pub(super) async fn take_back(
        &self,
        info: &ObjectInfo,
        record: &BatchRecord,
        deal: &str,
        error: CallError,
    ) -> Result<Outcome, ConnectorError> {
        let error = match error {
            CallError::Refused(error) if error.is_about_record() => error,
            other => return Err(half_done(other.into())),
        };
        self.catalog.api.delete(Object::Deals, deal).await.map_err(|error| half_done(error.into()))?;
        Ok(Outcome::Rejected(blame(info, record, &error)))
    }
}

/// The deal itself is written by now: nothing may be sent again as if it were not.
fn half_done(error: ConnectorError) -> ConnectorError {
    let message = format!("the deal was written, and its participants were not: {}", error.message);
    ConnectorError { kind: ErrorKind::Unexpected, message, ..error }
}

fn blame(info: &ObjectInfo, record: &BatchRecord, error: &ApiError) -> Rejection {
    let named = record.fields.iter().find(|(name, _)| name.as_str() == "participants");
    rejection(info, record, error).at("participants", named.map(|(_, value)| value.to_text()).unwrap_or_default())
}
