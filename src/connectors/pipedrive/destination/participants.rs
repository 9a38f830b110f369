//! The further persons of a deal, who are added by calls of their own.

use std::collections::HashSet;

use crate::connector::{ConnectorError, ErrorKind};

use super::super::errors::{CallError, unexpected};
use super::{PipedriveDestination, body::Draft};

impl PipedriveDestination {
    /// Adds the persons of a deal that it does not have yet. Who takes part and is not named stays.
    pub(super) async fn add_participants(&self, deal: &str, draft: &Draft<'_>) -> Result<(), ConnectorError> {
        let Some(wanted) = draft.participants.as_ref().filter(|wanted| !wanted.is_empty()) else { return Ok(()) };
        let there: HashSet<String> = match self.catalog.api.participants(deal).await {
            Ok(there) => there.into_iter().collect(),
            Err(error) => return Err(half_done(error.into())),
        };
        for person in wanted.iter().filter(|person| !there.contains(*person)) {
            let id: u64 = person.parse().map_err(|_| unexpected("a person's id is no number"))?;
            match self.catalog.api.add_participant(deal, id).await {
                Ok(()) => {}
                // A call whose answer was lost is repeated: it may have added the person already.
                Err(CallError::Refused(error)) if error.status == 400 && self.takes_part(deal, person).await? => {}
                Err(error) => return Err(half_done(error.into())),
            }
        }
        Ok(())
    }

    async fn takes_part(&self, deal: &str, person: &str) -> Result<bool, ConnectorError> {
        let there = self.catalog.api.participants(deal).await.map_err(|error| half_done(error.into()))?;
        Ok(there.iter().any(|one| one == person))
    }
}

/// The deal itself is written by now: nothing may be sent again as if it were not.
fn half_done(error: ConnectorError) -> ConnectorError {
    let message = format!("the deal was written, and its participants were not: {}", error.message);
    ConnectorError { kind: ErrorKind::Unexpected, message, ..error }
}
