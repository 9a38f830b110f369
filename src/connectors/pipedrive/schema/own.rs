//! The fields that every company has, as far as the API does not describe them: which of them may be written, and all of those of
//! leads, notes, users, pipelines and stages.

use super::super::object::Object;

/// Returns the fields of Pipedrive's own that the API takes. Source: the request bodies of both specs.
#[expect(clippy::too_many_lines, reason = "a list of names, one a line")]
pub(super) fn written(object: Object) -> &'static [&'static str] {
    match object {
        Object::Persons => &[
            "name",
            "owner_id",
            "org_id",
            "add_time",
            "emails",
            "phones",
            "visible_to",
            "label_ids",
            "postal_address",
            "notes",
            "im",
            "birthday",
            "job_title",
            "marketing_status",
        ],
        Object::Organizations => &[
            "name",
            "owner_id",
            "add_time",
            "visible_to",
            "label_ids",
            "address",
            "website",
            "linkedin",
            "industry",
            "annual_revenue",
            "employee_count",
        ],
        Object::Deals => &[
            "title",
            "owner_id",
            "person_id",
            "org_id",
            "pipeline_id",
            "stage_id",
            "value",
            "currency",
            "add_time",
            "is_archived",
            "archive_time",
            "status",
            "probability",
            "lost_reason",
            "visible_to",
            "close_time",
            "won_time",
            "lost_time",
            "expected_close_date",
            "label_ids",
            "participants",
        ],
        Object::Leads => &[
            "title",
            "owner_id",
            "label_ids",
            "person_id",
            "organization_id",
            "is_archived",
            "value",
            "expected_close_date",
            "visible_to",
            "was_seen",
        ],
        Object::Activities => &[
            "subject",
            "type",
            "owner_id",
            "deal_id",
            "lead_id",
            "person_id",
            "org_id",
            "due_date",
            "due_time",
            "duration",
            "busy",
            "done",
            "location",
            "participants",
            "public_description",
            "priority",
            "note",
        ],
        Object::Products => &[
            "name",
            "code",
            "description",
            "unit",
            "tax",
            "category",
            "is_linkable",
            "visible_to",
            "owner_id",
            "prices",
            "billing_frequency",
            "billing_frequency_cycles",
        ],
        Object::Notes => &["content", "deal_id", "person_id", "org_id", "lead_id", "add_time", "user_id"],
        Object::Users => &[],
        Object::Pipelines => &["name", "is_deal_probability_enabled"],
        Object::Stages => &["name", "pipeline_id", "deal_probability", "is_deal_rot_enabled", "days_to_rotten"],
    }
}

/// Returns the fields that are taken when a record is created and not afterwards. Source: spec v2; the changelog of the vendor's
/// PHP client, 17.5.0.
pub(in super::super) fn is_created_only(code: &str) -> bool {
    code == "add_time"
}

/// Returns the fields without which a record cannot be created. Source: spec v2.
pub(super) fn required(object: Object) -> &'static [&'static str] {
    match object {
        Object::Persons | Object::Organizations | Object::Products | Object::Pipelines => &["name"],
        Object::Deals | Object::Leads => &["title"],
        Object::Stages => &["name", "pipeline_id"],
        Object::Notes => &["content"],
        Object::Activities | Object::Users => &[],
    }
}

/// Returns the fields that no endpoint describes: code, label, type.
pub(super) fn undescribed(object: Object) -> &'static [(&'static str, &'static str, &'static str)] {
    match object {
        Object::Leads => &[
            ("id", "ID", "varchar"),
            ("title", "Title", "varchar"),
            ("owner_id", "Owner", "user"),
            ("creator_id", "Creator", "user"),
            ("label_ids", "Labels", "set"),
            ("person_id", "Contact person", "people"),
            ("organization_id", "Organization", "org"),
            ("source_name", "Source", "varchar"),
            ("is_archived", "Archived", "boolean"),
            ("was_seen", "Seen", "boolean"),
            ("value", "Value", "monetary"),
            ("expected_close_date", "Expected close date", "date"),
            ("visible_to", "Visible to", "varchar"),
            ("add_time", "Lead created", "date"),
            ("update_time", "Update time", "date"),
        ],
        Object::Notes => &[
            ("id", "ID", "int"),
            ("content", "Content", "text"),
            ("deal_id", "Deal", "deal"),
            ("person_id", "Person", "people"),
            ("org_id", "Organization", "org"),
            ("lead_id", "Lead", "lead"),
            ("user_id", "Author", "user"),
            ("add_time", "Add time", "date"),
            ("update_time", "Update time", "date"),
        ],
        Object::Users => &[
            ("id", "ID", "int"),
            ("name", "Name", "varchar"),
            ("email", "Email", "varchar"),
            ("phone", "Phone", "varchar"),
            ("active_flag", "Active", "boolean"),
            ("default_currency", "Default currency", "varchar"),
            ("timezone_name", "Time zone", "varchar"),
        ],
        Object::Pipelines => &[
            ("id", "ID", "int"),
            ("name", "Name", "varchar"),
            ("order_nr", "Order", "int"),
            ("is_deal_probability_enabled", "Deal probability", "boolean"),
            ("add_time", "Add time", "date"),
            ("update_time", "Update time", "date"),
        ],
        Object::Stages => &[
            ("id", "ID", "int"),
            ("name", "Name", "varchar"),
            ("order_nr", "Order", "int"),
            ("pipeline_id", "Pipeline", "int"),
            ("deal_probability", "Deal probability", "int"),
            ("is_deal_rot_enabled", "Rotting", "boolean"),
            ("days_to_rotten", "Days to rotten", "int"),
            ("add_time", "Add time", "date"),
            ("update_time", "Update time", "date"),
        ],
        // Who takes part in a deal besides its own person is told and written by calls of its own.
        Object::Deals => &[("participants", "Participants", "people")],
        Object::Persons | Object::Organizations | Object::Activities | Object::Products => &[],
    }
}
