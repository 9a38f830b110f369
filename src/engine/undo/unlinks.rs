//! Links that a run set by calls of their own, and that are taken away again.

use std::collections::BTreeMap;

use crate::connector::LinkedIds;
use crate::engine::{error::EngineError, setup::Loader};
use crate::model::{FieldName, Value};
use crate::state::{Image, ImageKind};

use super::step::Abilities;

/// Links to take away, by field. Those of a record that the run created are gone with it.
#[derive(Debug, Default)]
pub(super) struct Unlinks(BTreeMap<FieldName, LinkedIds>);

impl Unlinks {
    /// Adds the links that the run set and that were not there before.
    pub(super) fn add(&mut self, abilities: &Abilities<'_>, image: &Image) {
        if image.kind != ImageKind::Updated {
            return;
        }
        for (name, wrote) in image.wrote.iter().filter(|(name, _)| abilities.is_set_by_call(name)) {
            let Some(Value::List(before)) = image.before.as_ref().and_then(|before| before.get(name)) else { continue };
            let Value::List(wrote) = wrote else { continue };
            let new: Vec<String> = wrote.iter().filter(|id| !before.contains(id)).cloned().collect();
            if !new.is_empty() {
                self.0.entry(name.clone()).or_default().insert(image.destination_id.clone(), new);
            }
        }
    }

    /// Takes them away. This can be done twice, so an attempt that was killed is repeated.
    pub(super) async fn take_away(self, loader: &Loader) -> Result<(), EngineError> {
        let Some(unlink) = loader.services.destination.unlink() else { return Ok(()) };
        for (field, links) in self.0 {
            let taken = unlink.unlink(&loader.target.names.object, &field, &links).await;
            taken.map_err(|error| EngineError::connector(loader.connection(), error))?;
        }
        Ok(())
    }
}
