//! Deletes contacts for good: the vendor's "GDPR delete", which leaves nothing in the recycle bin.

use crate::connector::ConnectorError;
use crate::model::{ObjectName, Outcome};

use super::super::{
    errors::{self, ApiError},
    schema::Catalog,
};

/// Deletes a contact for good.
pub(super) async fn erase(catalog: &Catalog, object: &ObjectName, id: &str) -> Result<Outcome, ConnectorError> {
    let answer = catalog.api.erase(object, id).await?;
    if answer.status.is_success() {
        return Ok(Outcome::Deleted);
    }
    let error = ApiError::of_answer(&answer);
    // Asked again after a lost answer, the contact is gone too. A 404 of something else says that there is no such call.
    if answer.status.as_u16() == 404 && error.is_not_found() {
        return Ok(Outcome::Missing);
    }
    let refused = errors::of_answer(&answer, &format!("an erasure in `{object}`"));
    if refused.kind.is_refusal() { Ok(Outcome::Rejected(error.rejection(|_| None))) } else { Err(refused) }
}
