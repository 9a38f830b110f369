//! What is kept of a write so that it can be taken back: what was there before, and what was written.

use crate::engine::{decide::same::differing, setup::Loader};
use crate::model::{Fields, Value};
use crate::state::{Before, ImageKind, NewImage, RecordKey, WrittenAs};

/// Makes the image of a record that was written under this id.
pub(super) fn image(
    source: RecordKey,
    id: &str,
    outcome: WrittenAs,
    before: Option<&Before>,
    wrote: &Fields,
) -> NewImage {
    let (kind, before) = match (outcome, before) {
        // Or it was looked for and was not there: the vendor found what an earlier attempt had created.
        (WrittenAs::Created, _) | (WrittenAs::Updated, Some(Before { destination_id: None, .. })) => {
            (ImageKind::Created, Some(Fields::new()))
        }
        (WrittenAs::Updated, Some(Before { destination_id: Some(before_id), fields })) if before_id == id => {
            (ImageKind::Updated, Some(whole(fields, wrote)))
        }
        // Another record than the one that was read: it was merged in between.
        (WrittenAs::Updated, Some(_) | None) => (ImageKind::Updated, None),
    };
    NewImage { source, destination_id: id.to_owned(), kind, before, wrote: wrote.clone() }
}

/// Returns what was read of a record, with no value for the fields that were asked for and not given.
fn whole(read: &Fields, wrote: &Fields) -> Fields {
    let mut before: Fields = wrote.keys().map(|name| (name.clone(), Value::Null)).collect();
    before.extend(read.iter().map(|(name, value)| (name.clone(), value.clone())));
    before
}

/// Returns what a record held before this run wrote it: what was read just now, or, where a batch without an outcome wrote the same
/// already, what was read before that.
pub(super) fn oldest(loader: &Loader, source_id: &str, read: Option<Before>, writes: &Fields) -> Option<Before> {
    if !loader.policy.keeps_images {
        return None;
    }
    let earlier = loader.earlier.before.get(source_id);
    let is_written_already = |read: &Before| differing(&loader.shape.schema, writes, &read.fields).is_empty();
    match (earlier, read) {
        (Some(earlier), Some(read)) if is_written_already(&read) => Some(earlier.clone()),
        (Some(earlier), None) => Some(earlier.clone()),
        (_, read) => read,
    }
}
