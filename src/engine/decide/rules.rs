//! What decisions go by, beside what is known of the records: the pipeline's policy and how the destination takes links.

use std::collections::HashSet;

use crate::config::WriteMode;
use crate::engine::{policy::WritePolicy, setup::Loader};
use crate::model::{Capabilities, FieldName, LinkIds};

/// The rules for the records of one chunk at one destination.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Rules<'run> {
    pub run_id: &'run str,
    /// The chunk that the records came with.
    pub chunk: u64,
    pub policy: &'run WritePolicy,
    /// The fields that identify a record.
    pub key: &'run [FieldName],
    pub links: LinkWay,
    /// Source ids of records that an earlier run may or may not have created.
    pub unsettled: &'run HashSet<String>,
    /// Those of them that this run may have created before it was stopped.
    pub own_unsettled: &'run HashSet<String>,
}

/// How a destination takes the links of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum LinkWay {
    /// As the source's ids.
    SourceIds,
    /// As fields of the record.
    Fields,
    /// By calls of their own.
    Calls,
    /// By calls of their own, but a create can carry them.
    CallsOrCreate,
}

impl<'run> Rules<'run> {
    pub(in crate::engine) fn of(loader: &'run Loader, chunk: u64) -> Self {
        Self {
            run_id: &loader.target.run_id,
            chunk,
            policy: &loader.policy,
            key: &loader.shape.preparation.key,
            links: LinkWay::of(&loader.services.capabilities),
            unsettled: &loader.earlier.unsettled,
            own_unsettled: &loader.earlier.own_unsettled,
        }
    }

    /// Tells whether a new record can carry links, so that it is worth creating those it links to first.
    pub(in crate::engine) fn carries_links(&self) -> bool {
        match self.links {
            LinkWay::Fields => true,
            LinkWay::CallsOrCreate => !self.policy.is_upsert_native,
            LinkWay::SourceIds | LinkWay::Calls => false,
        }
    }

    /// Tells whether the object is rewritten, so that every record is a new one.
    pub(in crate::engine) fn is_replacing(&self) -> bool {
        self.policy.write == WriteMode::Replace
    }
}

impl LinkWay {
    fn of(capabilities: &Capabilities) -> Self {
        if capabilities.link_ids == LinkIds::Source {
            Self::SourceIds
        } else if capabilities.link.is_none() {
            Self::Fields
        } else if capabilities.inserts_carry_links {
            Self::CallsOrCreate
        } else {
            Self::Calls
        }
    }
}
