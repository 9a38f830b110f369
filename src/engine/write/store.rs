//! Stores what was found out about records that the destination no longer holds, or holds under another id.

use crate::engine::{decide::existence::Existence, error::EngineError};
use crate::state::{ChangePlace, Changes, DeadLetter, RecordKey, TargetId};

use super::dispatch::Dispatch;

/// Stores what became of records, by target.
pub(in crate::engine) async fn save_existence(
    dispatch: &Dispatch<'_>,
    by_target: Vec<(TargetId, Existence)>,
) -> Result<(), EngineError> {
    if by_target.iter().all(|(_, existence)| existence.is_unchanged()) {
        return Ok(());
    }
    for (target_id, Existence { missing, moved }) in by_target {
        let place = ChangePlace { target_id, ..dispatch.place() };
        let (missing, moved) = (missing.into_iter().collect(), moved.into_iter().collect());
        dispatch.loader.services.state.commit(place, Changes { missing, moved, ..Changes::default() }).await?;
    }
    Ok(())
}

/// Stores records that were read and not written: a mirror leaves them alone, and the same record may come again and be written.
pub(in crate::engine) async fn save_rejects(
    dispatch: &Dispatch<'_>,
    letters: Vec<DeadLetter>,
    seen: Vec<RecordKey>,
) -> Result<(), EngineError> {
    if letters.is_empty() {
        return Ok(());
    }
    let changes = Changes { seen, letters, ..Changes::default() };
    Ok(dispatch.loader.services.state.commit(dispatch.place_of_rejects(), changes).await?)
}
