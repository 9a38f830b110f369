//! Why records would be refused, reason by reason.

use std::collections::BTreeMap;

use crate::model::Rejection;
use crate::transform::remedy;

use super::report::{RejectPreview, RejectSample, RejectedRecord};

/// Most values that are shown of one reason.
const MAX_SAMPLES: usize = 5;

/// Groups records by the code and field of the reason, the most frequent first.
pub(super) fn reasons(rejected: &[RejectedRecord]) -> Vec<RejectPreview> {
    let mut by_reason: BTreeMap<(&str, Option<&str>), RejectPreview> = BTreeMap::new();
    for RejectedRecord { id, line, rejection, .. } in rejected {
        let Rejection { code, field, reason, value, .. } = rejection;
        let reason = by_reason.entry((code, field.as_deref())).or_insert_with(|| RejectPreview {
            code: code.clone(),
            field: field.clone(),
            reason: reason.clone(),
            records: 0,
            samples: Vec::new(),
            remedy: None,
        });
        reason.records += 1;
        let is_new = value.is_none() || reason.samples.iter().all(|known| known.value != *value);
        if is_new && reason.samples.len() < MAX_SAMPLES {
            reason.samples.push(RejectSample { id: id.clone(), line: *line, value: value.clone() });
        }
    }
    let mut reasons: Vec<RejectPreview> = by_reason.into_values().collect();
    for reason in &mut reasons {
        let values: Vec<&str> = reason.samples.iter().filter_map(|sample| sample.value.as_deref()).collect();
        reason.remedy = remedy(&reason.code, &values);
    }
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.records));
    reasons
}
