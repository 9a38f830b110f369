//! Cleaners: named steps on one value, such as `trim` or `{ phone: { region: DE } }`.
//!
//! Each is in its own file and is one line of [`CLEANERS`]. A cleaner that polars can do is a polars expression;
//! the others map each distinct value of a column once. A value that a cleaner cannot make sense of becomes no value, and
//! the caller refuses the record with the cleaner's code and reason.

mod boolean;
mod collapse_spaces;
mod country;
mod country_names;
mod currency;
mod date;
mod datetime;
mod digits;
mod domain_of;
mod email;
mod html_to_text;
mod lowercase;
mod normalize;
mod null_if;
mod number;
mod options;
mod phone;
mod split_name;
mod titlecase;
mod trim;
mod truncate;
mod uppercase;
mod url;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use polars::prelude::{DataType, Expr, IntoColumn, StringChunked, StringChunkedBuilder};

use crate::model::FieldType;

use super::{column_query::Failure, convert::to_text, error::TransformError, spec::CleanerSpec};
use options::Options;

/// Lists every cleaner, in alphabetical order.
const CLEANERS: &[Entry] = &[
    Entry { name: "boolean", main: None, options: &["yes", "no"], compile: boolean::compile },
    Entry { name: "collapse_spaces", main: None, options: &[], compile: collapse_spaces::compile },
    Entry { name: "country", main: Some("to"), options: &["to"], compile: country::compile },
    Entry { name: "currency", main: None, options: &[], compile: currency::compile },
    Entry { name: "date", main: Some("format"), options: &["format", "formats", "zone"], compile: date::compile },
    Entry {
        name: "datetime",
        main: Some("format"),
        options: &["format", "formats", "zone"],
        compile: datetime::compile,
    },
    Entry { name: "digits", main: None, options: &[], compile: digits::compile },
    Entry { name: "domain_of", main: None, options: &[], compile: domain_of::compile },
    Entry { name: "email", main: None, options: &[], compile: email::compile },
    Entry { name: "html_to_text", main: None, options: &[], compile: html_to_text::compile },
    Entry { name: "lowercase", main: None, options: &[], compile: lowercase::compile },
    Entry { name: "normalize", main: None, options: &[], compile: normalize::compile },
    Entry { name: "null_if", main: Some("values"), options: &["values"], compile: null_if::compile },
    Entry { name: "number", main: None, options: &["decimal", "thousands"], compile: number::compile },
    Entry { name: "phone", main: Some("region"), options: &["region", "region_from"], compile: phone::compile },
    Entry { name: "split_name", main: Some("part"), options: &["part"], compile: split_name::compile },
    Entry { name: "titlecase", main: None, options: &[], compile: titlecase::compile },
    Entry { name: "trim", main: None, options: &[], compile: trim::compile },
    Entry { name: "truncate", main: Some("length"), options: &["length"], compile: truncate::compile },
    Entry { name: "uppercase", main: None, options: &[], compile: uppercase::compile },
    Entry { name: "url", main: None, options: &[], compile: url::compile },
];

/// The options that name another field of the record: the cleaner and the option.
pub(super) const FIELD_OPTIONS: [(&str, &str); 1] = [("phone", "region_from")];

const NAMES: [&str; CLEANERS.len()] = {
    let mut names = [""; CLEANERS.len()];
    let mut index = 0;
    while index < CLEANERS.len() {
        names[index] = CLEANERS[index].name;
        index += 1;
    }
    names
};

/// Returns the names of all cleaners, in alphabetical order.
pub fn cleaner_names() -> &'static [&'static str] {
    &NAMES
}

/// One cleaner of the list.
struct Entry {
    name: &'static str,
    /// The option that a value stands for that is given without a name, as in `truncate: 80`.
    main: Option<&'static str>,
    options: &'static [&'static str],
    compile: fn(&Options) -> Result<Cleaner, TransformError>,
}

/// A column of values with their type.
#[derive(Debug, Clone)]
pub(super) struct Values {
    pub(super) expr: Expr,
    pub(super) field_type: FieldType,
}

/// A compiled cleaner.
pub(super) struct Cleaner {
    clean: Box<dyn Fn(Values) -> Values>,
    /// Says why a value that the cleaner cannot make sense of is refused; none where it takes every value.
    pub(super) failure: Option<Failure>,
    /// The other field of the record that it looks at.
    pub(super) reads: Option<String>,
}

impl Cleaner {
    /// Makes a cleaner of any values.
    fn any(clean: impl Fn(Values) -> Values + 'static) -> Self {
        Self { clean: Box::new(clean), failure: None, reads: None }
    }

    /// Makes a cleaner of texts; other values are written as text first.
    fn text(clean: impl Fn(Expr) -> Expr + 'static) -> Self {
        Self::any(move |values| Values {
            expr: clean(to_text(values.expr, values.field_type)),
            field_type: FieldType::Text,
        })
    }

    /// Makes a cleaner that looks at each distinct text once.
    fn each_text(clean: fn(&str) -> Option<String>) -> Self {
        Self::text(move |text| map_texts(text, clean))
    }

    /// Refuses the values that the cleaner makes nothing of.
    fn or(self, code: &'static str, reason: &str) -> Self {
        self.refusing(Failure::new(code, reason))
    }

    /// Refuses with this failure the values that the cleaner makes nothing of.
    fn refusing(mut self, failure: Failure) -> Self {
        self.failure = Some(failure);
        self
    }

    /// Cleans a column.
    pub(super) fn clean(&self, values: Values) -> Values {
        (self.clean)(values)
    }
}

/// Compiles a cleaner as it is written in a pipeline.
pub(super) fn compile(spec: &CleanerSpec) -> Result<Cleaner, TransformError> {
    let (name, written) = match spec {
        CleanerSpec::Name(name) => (name.as_str(), None),
        CleanerSpec::WithOptions(options) => match options.first() {
            Some((name, written)) if options.len() == 1 => (name.as_str(), Some(written)),
            _ => {
                let message = "a cleaner is one name, or one name with its options";
                return Err(TransformError::new("transform.cleaner", message).hint("e.g. `{ phone: { region: DE } }`"));
            }
        },
    };
    let Some(entry) = CLEANERS.iter().find(|entry| entry.name == name) else {
        let message = format!("there is no cleaner `{name}`");
        let hint = format!("the cleaners are: `{}`", NAMES.join("`, `"));
        return Err(TransformError::new("transform.unknown_cleaner", message).hint(hint).nearest(name, NAMES));
    };
    let options = Options::of(entry.name, written, entry.main, entry.options)?;
    (entry.compile)(&options)
}

/// Maps each distinct text of a column once.
pub(super) fn map_texts(text: Expr, clean: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Expr {
    text.map(
        move |column| {
            let texts = column.str()?;
            let mut known: HashMap<&str, Option<String>> = HashMap::new();
            let mut cleaned = StringChunkedBuilder::new(column.name().clone(), texts.len());
            for text in texts.iter() {
                let result = text.map(|some| known.entry(some).or_insert_with(|| clean(some)));
                cleaned.append_option(result.and_then(|some| some.as_deref()));
            }
            let cleaned: StringChunked = cleaned.finish();
            Ok(cleaned.into_column())
        },
        |_, field| Ok(polars::prelude::Field::new(field.name.clone(), DataType::String)),
    )
}
