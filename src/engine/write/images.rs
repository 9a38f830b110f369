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
        // It was read under this id, so it was there before, whatever the answer calls it.
        (_, Some(Before { destination_id: Some(before_id), fields })) if before_id == id => {
            (ImageKind::Updated, Some(whole(fields, wrote)))
        }
        // Or it was looked for and was not there: the vendor found what an earlier attempt had created.
        (WrittenAs::Created, _) | (WrittenAs::Updated, Some(Before { destination_id: None, .. })) => {
            (ImageKind::Created, Some(Fields::new()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_was_read_before_is_never_one_that_the_run_created() {
        let before = |id: Option<&str>| Before { destination_id: id.map(str::to_owned), fields: Fields::new() };
        let kind = |outcome, before: Option<Before>| {
            image(RecordKey::Id("1".to_owned()), "a", outcome, before.as_ref(), &Fields::new()).kind
        };
        for (outcome, before, expected) in [
            (WrittenAs::Created, Some(before(Some("a"))), ImageKind::Updated),
            (WrittenAs::Updated, Some(before(Some("a"))), ImageKind::Updated),
            (WrittenAs::Created, Some(before(Some("b"))), ImageKind::Created),
            (WrittenAs::Created, Some(before(None)), ImageKind::Created),
            (WrittenAs::Created, None, ImageKind::Created),
            (WrittenAs::Updated, Some(before(None)), ImageKind::Created),
            (WrittenAs::Updated, Some(before(Some("b"))), ImageKind::Updated),
            (WrittenAs::Updated, None, ImageKind::Updated),
        ] {
            assert_eq!(kind(outcome, before.clone()), expected, "{outcome:?} {before:?}");
        }
    }
}
