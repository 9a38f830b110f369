//! What calls cost, by the version of the API and what they do. Source: `x-token-cost` of both specs.

use crate::model::Cost;

use super::{
    limits::{ARCHIVED_PAGE_TOKENS, BURST, PAGE_TOKENS, SEARCH, SEARCH_TOKENS, TOKENS},
    object::Object,
};

const fn tokens(units: u32) -> [Cost; 2] {
    [Cost::of(TOKENS, units), Cost::one(BURST)]
}

const ONE: &[Cost] = &tokens(1);
pub(super) const LIST: &[Cost] = &tokens(PAGE_TOKENS);
pub(super) const SHORT_LIST: &[Cost] = &tokens(5);
pub(super) const ARCHIVED_LIST: &[Cost] = &tokens(ARCHIVED_PAGE_TOKENS);
pub(super) const WRITE: &[Cost] = &tokens(5);
const DELETE: &[Cost] = &tokens(3);
pub(super) const SEARCH_CALL: &[Cost] = &[Cost::of(TOKENS, SEARCH_TOKENS), Cost::one(SEARCH)];
pub(super) const ONE_V1: &[Cost] = &tokens(2);
pub(super) const LIST_V1: &[Cost] = &tokens(20);
pub(super) const ARCHIVED_LIST_V1: &[Cost] = &tokens(40);
pub(super) const WRITE_V1: &[Cost] = &tokens(10);
const DELETE_V1: &[Cost] = &tokens(6);
pub(super) const LABELS: &[Cost] = &tokens(10);
pub(super) const PARTICIPANTS: &[Cost] = &tokens(10);

/// Returns what reading one record costs.
pub(super) fn one(object: Object) -> &'static [Cost] {
    if object.is_v1() { ONE_V1 } else { ONE }
}

/// Returns what creating or changing a record costs.
pub(super) fn write(object: Object) -> &'static [Cost] {
    if object.is_v1() { WRITE_V1 } else { WRITE }
}

/// Returns what deleting a record costs.
pub(super) fn delete(object: Object) -> &'static [Cost] {
    if object.is_v1() { DELETE_V1 } else { DELETE }
}
