//! Fields: what a record has, how each value is written, and the options of choices.

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::{forms::Form, kinds::Kind, time::rfc3339};

/// Who writes a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Access {
    /// Anybody at any time.
    Rw,
    /// The caller that creates the record; nobody afterwards.
    Create,
    /// Pipedrive alone.
    Ro,
    /// Anybody, in an account with contact sync alone; it is not there otherwise.
    Sync,
    /// Pipedrive alone, and it is in answers on request alone.
    Extra,
    /// The primary participant of an activity sets it.
    Participant,
}

/// An option of a choice: whole numbers for people's own fields, texts for some of Pipedrive's.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    pub(super) id: Json,
    pub(super) label: String,
    /// When it was made, in seconds; none for Pipedrive's own.
    pub(super) added: Option<i64>,
}

/// One field.
#[derive(Debug, Clone)]
pub(super) struct Field {
    /// The number that version 1 calls it by.
    pub(super) id: u64,
    pub(super) code: String,
    pub(super) name: String,
    /// The vendor's `field_type`.
    pub(super) kind: String,
    pub(super) form: Form,
    pub(super) access: Access,
    pub(super) is_required: bool,
    /// The key in version 1.
    pub(super) key: String,
    pub(super) options: Option<Vec<Choice>>,
    /// Options that were taken away; records may still have them.
    pub(super) deleted_options: Vec<Choice>,
    pub(super) is_custom: bool,
    pub(super) description: Option<String>,
    pub(super) added: i64,
    pub(super) updated: i64,
    /// `ui_visibility`, `important_fields`, `required_fields` as they were sent.
    pub(super) settings: Map<String, Json>,
}

/// The types that people can make fields of, with their forms. Source: openapi-v2.yaml, `POST /dealFields`.
const CREATABLE: [(&str, Form); 16] = [
    ("varchar", Form::Varchar),
    ("text", Form::LongText),
    ("double", Form::Number),
    ("phone", Form::Varchar),
    ("date", Form::Date),
    ("daterange", Form::DateRange),
    ("time", Form::TimeOfDay),
    ("timerange", Form::TimeRange),
    ("set", Form::Options),
    ("enum", Form::Option),
    ("varchar_auto", Form::Varchar),
    ("address", Form::Address),
    ("monetary", Form::Money),
    ("org", Form::Organization),
    ("people", Form::Person),
    ("user", Form::User),
];

/// Returns the form of a type that people can make fields of.
pub(super) fn creatable(kind: &str) -> Option<Form> {
    CREATABLE.into_iter().find(|(name, _)| *name == kind).map(|(_, form)| form)
}

/// Returns a code of forty hexadecimal digits that no other account has for the same name.
pub(super) fn hash_of(seed: &str) -> String {
    format!("{:032x}{:08x}", xxh3_128(seed.as_bytes()), xxh3_64(seed.as_bytes()) >> 32)
}

/// The parts of an address besides its text. Source: openapi-v2.yaml, `address`.
pub(super) const ADDRESS_PARTS: [&str; 9] = [
    "country",
    "admin_area_level_1",
    "admin_area_level_2",
    "locality",
    "sublocality",
    "route",
    "street_number",
    "subpremise",
    "postal_code",
];

impl Field {
    /// Returns a field of a kind as version 2 shows it; `include` names what else is asked for.
    pub(super) fn render(&self, kind: Kind, include: &[String]) -> Json {
        let options = self.options.as_ref().map(|options| options.iter().map(Choice::render).collect::<Vec<_>>());
        let mut shown = json!({
            "field_name": self.name, "field_code": self.code,
            "field_type": self.kind, "options": options, "subfields": self.subfields(),
            "is_custom_field": self.is_custom, "is_optional_response_field": self.access == Access::Extra,
        });
        // Fields of deals alone are described.
        if kind == Kind::Deals {
            shown["description"] = json!(self.description.clone().unwrap_or_default());
        }
        for name in include {
            shown[name] = self.settings.get(name).cloned().unwrap_or_else(|| default_setting(kind, name));
        }
        shown
    }

    /// Returns the parts that a value of the type has, as version 2 lists them.
    fn subfields(&self) -> Option<Vec<Json>> {
        let part =
            |code: &str, name: String, kind: &str| json!({"field_code": code, "field_name": name, "field_type": kind});
        let named = |what: &str| format!("{what} of {}", self.name);
        let parts = match self.kind.as_str() {
            "monetary" => {
                vec![part("value", named("Amount"), "double"), part("currency", named("Currency"), "varchar")]
            }
            "daterange" => vec![part("value", named("Start"), "date"), part("until", named("End"), "date")],
            "time" => vec![part("value", named("Time"), "time"), part("timezone_name", named("Timezone"), "varchar")],
            "timerange" => vec![
                part("value", named("Start"), "time"),
                part("until", named("End"), "time"),
                part("timezone_name", named("Timezone"), "varchar"),
            ],
            "address" => {
                let first = part("value", named("Full address"), "varchar");
                let rest = ADDRESS_PARTS.iter().map(|code| part(code, named(code), "varchar"));
                std::iter::once(first).chain(rest).collect()
            }
            _ => return None,
        };
        Some(parts)
    }

    /// Returns an option by its id, taken away or not.
    pub(super) fn choice(&self, id: &Json) -> Option<&Choice> {
        self.options.iter().flatten().find(|choice| choice.id == *id)
    }

    /// Returns the largest number among its options, those that were taken away too.
    pub(super) fn last_option(&self) -> u64 {
        let all = self.options.iter().flatten().chain(&self.deleted_options);
        all.filter_map(|choice| choice.id.as_u64()).max().unwrap_or_default()
    }

    /// Whether search sees its values. Source: openapi-v2.yaml, `fields` of the searches.
    pub(super) fn is_searchable(&self) -> bool {
        const SEARCHABLE: [&str; 7] = ["address", "varchar", "text", "varchar_auto", "double", "monetary", "phone"];
        self.is_custom && SEARCHABLE.contains(&self.kind.as_str())
    }
}

impl Choice {
    /// Returns the option as version 2 shows it.
    fn render(&self) -> Json {
        let mut shown = json!({"id": self.id, "label": self.label});
        if let Some(added) = self.added {
            shown["color"] = Json::Null;
            shown["add_time"] = Json::from(rfc3339(added));
            shown["update_time"] = Json::from(rfc3339(added));
        }
        shown
    }

    /// Returns the option as its own endpoints answer it.
    pub(super) fn brief(&self) -> Json {
        json!({"id": self.id, "label": self.label})
    }
}

/// Returns a setting that nobody made. Source: the defaults and answers in openapi-v2.yaml.
fn default_setting(kind: Kind, name: &str) -> Json {
    let dialog = || json!({"show": false, "order": null});
    match (name, kind) {
        ("ui_visibility", _) => {
            let mut shown = json!({"add_visible_flag": false, "details_visible_flag": true});
            match kind {
                Kind::Deals => {
                    shown["projects_detail_visible_flag"] = json!(false);
                    shown["show_in_pipelines"] = json!({"show_in_all": true, "pipeline_ids": []});
                }
                Kind::Persons => shown["show_in_add_deal_dialog"] = dialog(),
                Kind::Organizations => {
                    shown["show_in_add_deal_dialog"] = dialog();
                    shown["show_in_add_person_dialog"] = dialog();
                }
                _ => {}
            }
            shown
        }
        ("required_fields", Kind::Deals) => json!({"enabled": false, "stage_ids": [], "statuses": {}}),
        ("required_fields", _) => json!({"enabled": false}),
        _ => json!({"enabled": false, "stage_ids": []}),
    }
}
