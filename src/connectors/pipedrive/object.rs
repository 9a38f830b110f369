//! The objects of Pipedrive, and what the API can do with each.

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::name_hint;

/// An object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Object {
    Persons,
    Organizations,
    Deals,
    Leads,
    Activities,
    Products,
    Notes,
    Users,
    Pipelines,
    Stages,
}

impl Object {
    /// All of them, in the order in which messages list them.
    pub(super) const ALL: [Self; 10] = [
        Self::Persons,
        Self::Organizations,
        Self::Deals,
        Self::Leads,
        Self::Activities,
        Self::Products,
        Self::Notes,
        Self::Users,
        Self::Pipelines,
        Self::Stages,
    ];

    /// Returns the object of that name.
    pub(super) fn of(name: &str) -> Result<Self, ConnectorError> {
        Self::ALL.into_iter().find(|object| object.name() == name).ok_or_else(|| {
            let message = format!("Pipedrive has no object `{name}`");
            let known = Self::ALL.map(Self::name);
            ConnectorError::new(ErrorKind::NotFound, "unknown_object", message).with_hint_if(name_hint(
                name,
                &known,
                "there are",
            ))
        })
    }

    /// Returns its name, which is the vendor's in paths.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Persons => "persons",
            Self::Organizations => "organizations",
            Self::Deals => "deals",
            Self::Leads => "leads",
            Self::Activities => "activities",
            Self::Products => "products",
            Self::Notes => "notes",
            Self::Users => "users",
            Self::Pipelines => "pipelines",
            Self::Stages => "stages",
        }
    }

    /// Tells whether version 1 of the API alone has it. Source: paths of both specs.
    pub(super) fn is_v1(self) -> bool {
        matches!(self, Self::Leads | Self::Notes | Self::Users)
    }

    /// Returns the path of its list.
    pub(super) fn path(self) -> String {
        let version = if self.is_v1() { 1 } else { 2 };
        format!("api/v{version}/{}", self.name())
    }

    /// Returns the path that describes its fields. Leads have those of deals.
    pub(super) fn fields_path(self) -> Option<&'static str> {
        match self {
            Self::Persons => Some("api/v2/personFields"),
            Self::Organizations => Some("api/v2/organizationFields"),
            Self::Deals | Self::Leads => Some("api/v2/dealFields"),
            Self::Products => Some("api/v2/productFields"),
            Self::Activities => Some("api/v2/activityFields"),
            Self::Notes | Self::Users | Self::Pipelines | Self::Stages => None,
        }
    }

    /// Tells whether people can make fields for it.
    pub(super) fn has_custom_fields(self) -> bool {
        matches!(self, Self::Persons | Self::Organizations | Self::Deals | Self::Leads | Self::Products)
    }

    /// Tells whether its list takes `updated_since`. Source: both specs.
    pub(super) fn is_incremental(self) -> bool {
        !matches!(self, Self::Users | Self::Pipelines | Self::Stages)
    }

    /// Tells whether its list takes `updated_until`, which is exclusive. Source: spec v2.
    pub(super) fn takes_until(self) -> bool {
        matches!(self, Self::Persons | Self::Organizations | Self::Deals | Self::Activities)
    }

    /// Tells whether archived records are in a list of their own.
    pub(super) fn has_archive(self) -> bool {
        matches!(self, Self::Deals | Self::Leads)
    }

    /// Tells whether records can be written.
    pub(super) fn is_written(self) -> bool {
        !matches!(self, Self::Users)
    }

    /// Returns the place that search looks into for a field of Pipedrive's own; none where it cannot be searched. Source: `fields`
    /// of the searches in spec v2.
    pub(super) fn searched(self, code: &str) -> Option<&'static str> {
        match (self, code) {
            (Self::Persons | Self::Organizations | Self::Products, "name") => Some("name"),
            (Self::Persons, "emails") => Some("email"),
            (Self::Persons, "phones") => Some("phone"),
            (Self::Deals | Self::Leads, "title") => Some("title"),
            (Self::Products, "code") => Some("code"),
            _ => None,
        }
    }
}
