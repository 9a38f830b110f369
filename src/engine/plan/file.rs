//! Plan files: what they are bound to, whether they are whole, and who approved of them.

use std::path::Path;

use chrono::{DateTime, Utc};

use crate::engine::error::{EngineError, PlanError};
use crate::state::{SealedReader, State, StateError, is_sealed_file};

use super::entry::{Approval, FORM, Part, PlanHeader};

/// A plan file that is whole.
#[derive(Debug)]
pub struct PlanFile {
    /// What it is bound to.
    pub header: PlanHeader,
    /// The last one who approved of it.
    pub approval: Option<Approval>,
    /// Stands behind the header.
    pub(in crate::engine) parts: SealedReader,
}

impl PlanFile {
    /// Opens a plan file, and makes sure that it is whole.
    ///
    /// # Errors
    /// Fails when it cannot be read, was sealed with another key, is no plan, or was cut short.
    pub fn open(state: &State, path: &Path) -> Result<Self, EngineError> {
        let no_plan = || EngineError::Plan(PlanError::NoPlan { path: path.display().to_string() });
        if path.is_file() && !is_sealed_file(path) {
            return Err(no_plan());
        }
        let mut parts = state.read_sealed(path)?;
        let header = match parts.next_part::<Part>() {
            Ok(Some(Part::Header(header))) => header,
            Ok(_) | Err(StateError::Decode(_)) => return Err(no_plan()),
            Err(error) => return Err(error.into()),
        };
        if header.form != FORM {
            return Err(EngineError::Plan(PlanError::OtherForm { path: path.display().to_string() }));
        }
        let approval = match state.read_sealed(path)?.last::<Part>()? {
            Some(Part::End) => None,
            Some(Part::Approved(approval)) => Some(approval),
            _ => return Err(EngineError::Plan(PlanError::CutShort { path: path.display().to_string() })),
        };
        Ok(Self { header, approval, parts })
    }

    /// Returns what tells it from other plans.
    pub fn id(&self) -> &str {
        self.parts.id()
    }
}

/// Notes in a plan file who approved of it.
///
/// # Errors
/// As those of [`PlanFile::open`]; fails too when the file cannot be written.
pub fn approve(state: &State, path: &Path, by: &str, at: DateTime<Utc>) -> Result<PlanHeader, EngineError> {
    let file = PlanFile::open(state, path)?;
    state.append_sealed(path, &Part::Approved(Approval { by: by.to_owned(), at }))?;
    Ok(file.header)
}
