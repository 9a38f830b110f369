//! Where each part of the API is, by version.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::config::ApiVersion;

/// What stays as it is in a segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

impl ApiVersion {
    pub(super) fn objects(&self, object: &str) -> String {
        match self {
            Self::Dated(version) => format!("crm/objects/{version}/{}", segment(object)),
            Self::Legacy => format!("crm/v3/objects/{}", segment(object)),
        }
    }

    pub(super) fn associations(&self, from: &str, to: &str) -> String {
        let version = match self {
            Self::Dated(version) => version,
            Self::Legacy => return format!("crm/v4/associations/{}/{}", segment(from), segment(to)),
        };
        format!("crm/associations/{version}/{}/{}", segment(from), segment(to))
    }

    pub(super) fn properties(&self, object: &str) -> String {
        self.area("properties", &segment(object))
    }

    pub(super) fn pipelines(&self, object: &str) -> String {
        self.area("pipelines", &segment(object))
    }

    pub(super) fn owners(&self) -> String {
        match self {
            Self::Dated(version) => format!("crm/owners/{version}"),
            Self::Legacy => "crm/v3/owners".to_owned(),
        }
    }

    pub(super) fn account(&self, what: &str) -> String {
        match self {
            Self::Dated(version) => format!("account-info/{version}/{what}"),
            Self::Legacy => format!("account-info/v3/{what}"),
        }
    }

    fn area(&self, area: &str, object: &str) -> String {
        match self {
            Self::Dated(version) => format!("crm/{area}/{version}/{object}"),
            Self::Legacy => format!("crm/v3/{area}/{object}"),
        }
    }
}

/// Encodes a name or id for a path: nothing that comes from a pipeline or record can leave its segment.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// The batch endpoints that write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum BatchWrite {
    Create,
    Update,
    Upsert,
    Archive,
}

impl BatchWrite {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Upsert => "upsert",
            Self::Archive => "archive",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dated_and_older_versions_have_paths_of_their_own() {
        let dated = ApiVersion::Dated("2026-09".to_owned());
        assert_eq!(dated.objects("contacts"), "crm/objects/2026-09/contacts");
        assert_eq!(dated.associations("deals", "2-7"), "crm/associations/2026-09/deals/2-7");
        assert_eq!(dated.properties("deals"), "crm/properties/2026-09/deals");
        assert_eq!(dated.owners(), "crm/owners/2026-09");
        assert_eq!(ApiVersion::Legacy.objects("contacts"), "crm/v3/objects/contacts");
        assert_eq!(ApiVersion::Legacy.associations("deals", "notes"), "crm/v4/associations/deals/notes");
        assert_eq!(ApiVersion::Legacy.pipelines("deals"), "crm/v3/pipelines/deals");
        assert_eq!(ApiVersion::Legacy.owners(), "crm/v3/owners");
    }

    #[test]
    fn a_name_cannot_leave_its_segment() {
        assert_eq!(ApiVersion::Legacy.objects("../owners?x=1#"), "crm/v3/objects/..%2Fowners%3Fx%3D1%23");
    }
}
