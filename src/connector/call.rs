//! Why a call brought no result, for connectors that tell a vendor's refusal from every other failure.

use super::error::ConnectorError;

/// Why a call brought no result; `R` is a refusal as the vendor words it.
#[derive(Debug)]
pub enum CallError<R> {
    /// The vendor refused it.
    Refused(R),
    /// There is no usable answer.
    Failed(ConnectorError),
}

impl<R> From<ConnectorError> for CallError<R> {
    fn from(error: ConnectorError) -> Self {
        Self::Failed(error)
    }
}

impl<R: Into<ConnectorError>> From<CallError<R>> for ConnectorError {
    fn from(error: CallError<R>) -> Self {
        match error {
            CallError::Refused(refused) => refused.into(),
            CallError::Failed(failed) => failed,
        }
    }
}
