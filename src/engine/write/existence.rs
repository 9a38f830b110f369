//! Stores what was found out about records that the destination no longer holds, or holds under another id.

use crate::engine::{decide::existence::Existence, error::EngineError};
use crate::state::{ChangePlace, Changes, TargetId};

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
