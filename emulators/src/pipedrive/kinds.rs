//! The kinds of records, with the vendor's names for them.

use serde::Deserialize;

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Deals,
    Persons,
    Organizations,
    Activities,
    Products,
    Pipelines,
    Stages,
    Leads,
    Notes,
}

impl Kind {
    /// All kinds.
    pub(super) const ALL: [Self; 9] = [
        Self::Deals,
        Self::Persons,
        Self::Organizations,
        Self::Activities,
        Self::Products,
        Self::Pipelines,
        Self::Stages,
        Self::Leads,
        Self::Notes,
    ];

    /// Returns the name in paths and fixtures.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Deals => "deals",
            Self::Persons => "persons",
            Self::Organizations => "organizations",
            Self::Activities => "activities",
            Self::Products => "products",
            Self::Pipelines => "pipelines",
            Self::Stages => "stages",
            Self::Leads => "leads",
            Self::Notes => "notes",
        }
    }

    /// Returns the name of one, in searches, webhooks and recents.
    pub(super) fn singular(self) -> &'static str {
        match self {
            Self::Deals => "deal",
            Self::Persons => "person",
            Self::Organizations => "organization",
            Self::Activities => "activity",
            Self::Products => "product",
            Self::Pipelines => "pipeline",
            Self::Stages => "stage",
            Self::Leads => "lead",
            Self::Notes => "note",
        }
    }

    /// Returns the name of one as messages write it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Deals => "Deal",
            Self::Persons => "Person",
            Self::Organizations => "Organization",
            Self::Activities => "Activity",
            Self::Products => "Product",
            Self::Pipelines => "Pipeline",
            Self::Stages => "Stage",
            Self::Leads => "Lead",
            Self::Notes => "Note",
        }
    }

    /// Finds a kind by its name in paths.
    pub(super) fn of_path(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.path() == name)
    }

    /// Finds a kind by the name of one.
    pub(super) fn of_singular(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.singular() == name)
    }

    /// Finds the kind whose fields a path names: `dealFields`. Leads have the fields of deals.
    pub(super) fn of_fields(name: &str) -> Option<Self> {
        Self::of_singular(name.strip_suffix("Fields")?)
    }

    /// Whether version 2 makes, reads, changes and deletes it.
    pub(super) fn is_in_version_two(self) -> bool {
        !matches!(self, Self::Leads | Self::Notes)
    }

    /// Whether it has fields that people make. Those of activities are fixed.
    pub(super) fn has_custom_fields(self) -> bool {
        matches!(self, Self::Deals | Self::Persons | Self::Organizations | Self::Products)
    }
}
