//! Puts values in the words in which a destination keeps them, so that they can be compared with what it holds.

use crate::engine::{error::EngineError, setup::Loader};
use crate::model::Fields;

/// Returns each record's fields as the destination gives them back once they are written, in order.
pub(in crate::engine) async fn in_kept_words(
    loader: &Loader,
    records: Vec<Fields>,
) -> Result<Vec<Fields>, EngineError> {
    let Some(canonical) = loader.services.destination.canonical().filter(|_| !records.is_empty()) else {
        return Ok(records);
    };
    let kept = canonical.canonical(&loader.target.names.object, records).await;
    kept.map_err(|error| EngineError::connector(loader.connection(), error))
}
