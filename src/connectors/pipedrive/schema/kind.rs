//! What a field's values are: the vendor's types, and the parts that each has.

use crate::model::FieldType;

use super::super::object::Object;

/// What the values of a field are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Kind {
    /// A text of at most 255 characters.
    Text,
    /// A text of at most some 65,000.
    LongText,
    Integer,
    Number,
    Boolean,
    Date,
    /// A point in time.
    Moment,
    /// A time of day or a duration: `09:00:00`.
    Clock,
    /// One option.
    Option,
    /// Several options.
    Set,
    /// An amount with its currency.
    Money,
    /// The same of a lead.
    LeadValue,
    /// The prices of a product, the first of which is shown.
    Prices,
    DateRange,
    Time,
    TimeRange,
    Address,
    /// A user, by e-mail address.
    User,
    /// A pipeline, by name.
    Pipeline,
    /// A stage, by name.
    Stage,
    /// One record of an object.
    Link(Object),
    /// The persons of an activity.
    People,
    /// E-mail addresses, phone numbers and the like, one of which is the primary one.
    Contacts,
    /// What only Pipedrive reads: shown as JSON.
    Json,
}

/// What a column shows of a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Part {
    /// All of it.
    Whole,
    /// This part of an object.
    Of(&'static str),
    /// The primary one of several.
    Primary,
    /// All of several.
    All,
    /// The first with this label.
    Labelled(&'static str),
}

/// The labels of e-mail addresses and phone numbers that have columns of their own. Source: the choices of Pipedrive's screens.
const CONTACT_LABELS: [&str; 4] = ["work", "home", "mobile", "other"];

/// The parts of an address behind its text. Source: spec v2, `address`.
const ADDRESS_PARTS: [(&str, FieldType); 10] = [
    ("value", FieldType::Text),
    ("country", FieldType::Text),
    ("admin_area_level_1", FieldType::Text),
    ("admin_area_level_2", FieldType::Text),
    ("locality", FieldType::Text),
    ("sublocality", FieldType::Text),
    ("route", FieldType::Text),
    ("street_number", FieldType::Text),
    ("subpremise", FieldType::Text),
    ("postal_code", FieldType::Text),
];

impl Kind {
    /// Returns the kind of a field that people made. Source: spec v2, `field_type`.
    pub(super) fn of_custom(field_type: &str) -> Self {
        match field_type {
            "text" => Self::LongText,
            "int" => Self::Integer,
            "double" => Self::Number,
            "boolean" => Self::Boolean,
            "date" => Self::Date,
            "enum" => Self::Option,
            "set" => Self::Set,
            "monetary" => Self::Money,
            "daterange" => Self::DateRange,
            "time" => Self::Time,
            "timerange" => Self::TimeRange,
            "address" => Self::Address,
            "user" => Self::User,
            "org" => Self::Link(Object::Organizations),
            "people" => Self::Link(Object::Persons),
            "deal" => Self::Link(Object::Deals),
            "lead" => Self::Link(Object::Leads),
            "json" => Self::Json,
            _ => Self::Text,
        }
    }

    /// Returns the kind of a field that every company has. Its type alone does not tell: times are of type `date`.
    pub(super) fn of_own(code: &str, field_type: &str) -> Self {
        match code {
            "emails" | "phones" | "im" => Self::Contacts,
            "person_id" => Self::Link(Object::Persons),
            "org_id" | "organization_id" => Self::Link(Object::Organizations),
            "deal_id" => Self::Link(Object::Deals),
            "lead_id" | "source_lead_id" => Self::Link(Object::Leads),
            "pipeline_id" => Self::Pipeline,
            "stage_id" => Self::Stage,
            "participants" => Self::People,
            "prices" => Self::Prices,
            "address" | "postal_address" | "location" => Self::Address,
            "due_time" | "duration" => Self::Clock,
            "public_description" | "note" | "notes" | "content" | "description" => Self::LongText,
            _ if code.ends_with("_time") => Self::Moment,
            _ => match field_type {
                // Amounts of deals have their currency in a field of its own.
                "monetary" => Self::Number,
                "status" | "visible_to" => Self::Option,
                "varchar" | "varchar_options" | "billing_frequency" => Self::Text,
                other => Self::of_custom(other),
            },
        }
    }

    /// Returns the parts of a value that is an object, the main one first; empty for every other value.
    pub(in super::super) fn parts(self) -> &'static [(&'static str, FieldType)] {
        match self {
            Self::Money => &[("value", FieldType::Number), ("currency", FieldType::Text)],
            Self::LeadValue => &[("amount", FieldType::Number), ("currency", FieldType::Text)],
            Self::Prices => &[("price", FieldType::Number), ("currency", FieldType::Text), ("cost", FieldType::Number)],
            Self::DateRange => &[("value", FieldType::Date), ("until", FieldType::Date)],
            Self::Time => &[("value", FieldType::Text), ("timezone_name", FieldType::Text)],
            Self::TimeRange => {
                &[("value", FieldType::Text), ("until", FieldType::Text), ("timezone_name", FieldType::Text)]
            }
            Self::Address => &ADDRESS_PARTS,
            _ => &[],
        }
    }

    /// Returns the type of a value that is no object.
    pub(super) fn field_type(self) -> FieldType {
        match self {
            Self::Integer => FieldType::Integer,
            Self::Number => FieldType::Number,
            Self::Boolean => FieldType::Boolean,
            Self::Date => FieldType::Date,
            Self::Moment => FieldType::Datetime,
            Self::Option => FieldType::Choice,
            Self::Set => FieldType::MultiChoice,
            Self::Link(_) | Self::People => FieldType::Link,
            Self::Text
            | Self::LongText
            | Self::Clock
            | Self::Money
            | Self::LeadValue
            | Self::Prices
            | Self::DateRange
            | Self::Time
            | Self::TimeRange
            | Self::Address
            | Self::User
            | Self::Pipeline
            | Self::Stage
            | Self::Contacts
            | Self::Json => FieldType::Text,
        }
    }

    /// Returns the columns of a field of this kind: the end of the column's name, what goes behind the label, and the part.
    pub(super) fn columns(self, code: &str, label: &str) -> Vec<(String, String, FieldType, Part)> {
        if self == Self::Contacts {
            return contact_columns(code, label);
        }
        let parts = self.parts();
        if parts.is_empty() {
            return vec![(code.to_owned(), label.to_owned(), self.field_type(), Part::Whole)];
        }
        let column = |(place, (part, field_type)): (usize, &(&'static str, FieldType))| {
            let (name, label) = match self {
                // A lead's value and a product's prices are written as those of a deal: with the currency beside them.
                Self::LeadValue if place == 0 => (code.to_owned(), label.to_owned()),
                Self::LeadValue | Self::Prices => ((*part).to_owned(), capital(part)),
                _ if place == 0 => (code.to_owned(), label.to_owned()),
                _ => (format!("{code}_{part}"), format!("{label} ({part})")),
            };
            (name, label, *field_type, Part::Of(part))
        };
        parts.iter().enumerate().map(column).collect()
    }
}

fn contact_columns(code: &str, label: &str) -> Vec<(String, String, FieldType, Part)> {
    let one = code.strip_suffix('s').unwrap_or(code);
    let all = if one == code { format!("{code}_all") } else { code.to_owned() };
    let mut columns = vec![
        (one.to_owned(), label.to_owned(), FieldType::Text, Part::Primary),
        (all, format!("{label} (all)"), FieldType::MultiChoice, Part::All),
    ];
    columns.extend(
        CONTACT_LABELS
            .map(|kind| (format!("{one}_{kind}"), format!("{label} ({kind})"), FieldType::Text, Part::Labelled(kind))),
    );
    columns
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}
