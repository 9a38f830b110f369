//! Maps the records of a chunk to the destination's fields, and checks them against `expect`.

use std::sync::Arc;

use polars::frame::DataFrame;
use tokio::task::spawn_blocking;

use crate::engine::{error::EngineError, setup::Loader};
use crate::model::Rejection;
use crate::transform::Rejected;

use super::prepare::Prepared;

/// Records that are mapped at once. Between two parts the run can be stopped: a chunk as a whole may take longer than a
/// supervisor waits. With fewer, starting each query costs more than the query.
const PART_RECORDS: usize = 2_500;

/// The records of a chunk after mapping.
#[derive(Debug, Default)]
pub(in crate::engine) struct Mapped {
    pub records: Vec<Prepared>,
    /// Records that are not as `expect` says, each with the reason.
    pub unexpected: Vec<(Prepared, Rejection)>,
    /// Records that could not be mapped.
    pub rejects: Vec<Rejected>,
}

/// Maps the records of a frame.
pub(in crate::engine) async fn map(loader: &Loader, frame: &DataFrame) -> Result<Mapped, EngineError> {
    let mut all = Mapped::default();
    if frame.width() == 0 {
        return Ok(all);
    }
    let mut rest = frame.clone();
    while rest.height() > 0 {
        loader.services.check_goes_on()?;
        // Columns are shared, not copied.
        let part = rest.head(Some(PART_RECORDS));
        rest = rest.slice(i64::try_from(part.height()).unwrap_or(i64::MAX), rest.height());
        let (mapper, preparation) = (Arc::clone(&loader.shape.mapper), loader.shape.preparation.clone());
        let (stream, expect) = (loader.target.names.stream.clone(), loader.shape.expect.clone());
        let task = spawn_blocking(move || {
            let failed = |error| EngineError::Transform { stream, error: Box::new(error) };
            let accepted = mapper.map(&part).map_err(failed)?;
            let mut result = Mapped { rejects: accepted.rejects, ..Mapped::default() };
            for record in preparation.records(&accepted.frame)? {
                match expect.as_deref().and_then(|expect| unexpected(expect, &record)) {
                    Some(reason) => result.unexpected.push((record, reason)),
                    None => result.records.push(record),
                }
            }
            Ok::<_, EngineError>(result)
        });
        let part = task.await.map_err(|_| EngineError::Stopped)??;
        all.records.extend(part.records);
        all.unexpected.extend(part.unexpected);
        all.rejects.extend(part.rejects);
    }
    Ok(all)
}

/// Returns why a record is not as `expect` says. Links are checked as lists of source ids; a deleted record has no values to check.
fn unexpected(expect: &jsonschema::Validator, record: &Prepared) -> Option<Rejection> {
    if record.is_deleted {
        return None;
    }
    let json = record.to_json();
    let finding = expect.iter_errors(&json).next()?;
    let field = finding.instance_path().to_string().trim_start_matches('/').to_owned();
    let mut reason = Rejection::new("unexpected", finding.to_string());
    reason.field = (!field.is_empty()).then_some(field);
    Some(reason)
}
