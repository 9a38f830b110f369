//! Links that Salesforce keeps in an object between two others, offered as `_links.<object>`.

use std::collections::HashMap;

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{Field, FieldType, ObjectName, link_field};

use super::super::{
    client::Api,
    limits::MAX_FETCH_KEYS,
    names::normal_id,
    soql::{Query, is_in, text_literal},
};

/// An object that links two others: whose links, to what, through what, and by which of its fields.
struct Junction {
    object: &'static str,
    linked: &'static str,
    through: &'static str,
    own_field: &'static str,
    linked_field: &'static str,
}

const JUNCTIONS: &[Junction] = &[
    Junction {
        object: "Opportunity",
        linked: "Contact",
        through: "OpportunityContactRole",
        own_field: "OpportunityId",
        linked_field: "ContactId",
    },
    Junction {
        object: "Campaign",
        linked: "Contact",
        through: "CampaignMember",
        own_field: "CampaignId",
        linked_field: "ContactId",
    },
    Junction {
        object: "Campaign",
        linked: "Lead",
        through: "CampaignMember",
        own_field: "CampaignId",
        linked_field: "LeadId",
    },
];

/// Returns the link fields of an object.
pub(super) fn fields(object: &str) -> impl Iterator<Item = Field> {
    JUNCTIONS.iter().filter(move |junction| junction.object == object).map(|junction| Field {
        label: Some(format!("{} by {}", junction.linked, junction.through)),
        is_read_only: true,
        ..Field::new(link_field(junction.linked), FieldType::Link)
    })
}

/// Reads the ids that each record is linked to, in the order of the records.
pub(super) async fn read(
    api: &Api,
    object: &str,
    linked: &ObjectName,
    ids: &[String],
) -> Result<Vec<Vec<String>>, ConnectorError> {
    let junction = JUNCTIONS.iter().find(|junction| junction.object == object && junction.linked == linked.as_str());
    let Some(junction) = junction else {
        let message = format!("`{object}` has no links `{}`", link_field(linked));
        return Err(ConnectorError::new(ErrorKind::NotFound, "unknown_link", message)
            .with_hint("in Salesforce most links are fields: write e.g. `from: AccountId`"));
    };
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    for ids in ids.chunks(usize::try_from(MAX_FETCH_KEYS).unwrap_or(1)) {
        let literals: Vec<String> = ids.iter().map(|id| text_literal(id)).collect();
        let query = Query {
            fields: vec![junction.own_field, junction.linked_field],
            object: junction.through,
            conditions: vec![is_in(junction.own_field, &literals)],
            order_by: Some("Id"),
        };
        for role in api.query_all_pages(&query.text()).await? {
            let id = |field: &str| role[field].as_str().map(normal_id);
            let (Some(own), Some(other)) = (id(junction.own_field), id(junction.linked_field)) else { continue };
            let targets = found.entry(own).or_default();
            if !targets.contains(&other) {
                targets.push(other);
            }
        }
    }
    Ok(ids.iter().map(|id| found.get(id).cloned().unwrap_or_default()).collect())
}
