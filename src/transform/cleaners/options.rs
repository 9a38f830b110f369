//! The options of a cleaner, as they are written.

use serde_json::{Map, Value};

use crate::transform::error::TransformError;

/// Holds the options that were written for one cleaner; all of them are known ones.
#[derive(Debug)]
pub(super) struct Options {
    cleaner: &'static str,
    written: Map<String, Value>,
}

impl Options {
    /// Checks the names of what was written. A value that is no map is the cleaner's main option.
    pub(super) fn of(
        cleaner: &'static str,
        written: Option<&Value>,
        main: Option<&'static str>,
        known: &'static [&'static str],
    ) -> Result<Self, TransformError> {
        let written = match (written, main) {
            (None | Some(Value::Null), _) => Map::new(),
            (Some(Value::Object(map)), _) => map.clone(),
            (Some(value), Some(main)) => Map::from_iter([(main.to_owned(), value.clone())]),
            (Some(_), None) => {
                let message = format!("the options of `{cleaner}` are a map");
                return Err(TransformError::new("transform.option", message).under([cleaner]));
            }
        };
        if let Some(unknown) = written.keys().find(|name| !known.contains(&name.as_str())) {
            let message = format!("`{cleaner}` has no option `{unknown}`");
            let hint = match known {
                [] => "it takes none".to_owned(),
                _ => format!("it takes `{}`", known.join("`, `")),
            };
            let error = TransformError::new("transform.unknown_option", message).hint(hint);
            return Err(error.nearest(unknown, known.iter().copied()).under([cleaner, unknown]));
        }
        Ok(Self { cleaner, written })
    }

    /// Returns an option that is a text.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, TransformError> {
        match self.written.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "must be a text")),
        }
    }

    /// Returns an option that is one text or a list of them; numbers and truth values count as their text.
    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, TransformError> {
        let one = |value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(flag) => Ok(flag.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => Err(self.wrong(name, "must be a list of texts")),
        };
        match self.written.get(name) {
            None => Ok(None),
            Some(Value::Array(items)) => items.iter().map(one).collect::<Result<Vec<_>, _>>().map(Some),
            Some(value) => Ok(Some(vec![one(value)?])),
        }
    }

    /// Returns an option that is a whole number above zero.
    pub(super) fn count(&self, name: &str) -> Result<Option<u64>, TransformError> {
        match self.written.get(name) {
            None => Ok(None),
            Some(value) => match value.as_u64() {
                Some(count) if count > 0 => Ok(Some(count)),
                _ => Err(self.wrong(name, "must be a whole number above 0")),
            },
        }
    }

    /// Says that an option is missing.
    pub(super) fn missing(&self, name: &str, example: &str) -> TransformError {
        let message = format!("`{}` needs the option `{name}`", self.cleaner);
        TransformError::new("transform.option", message).hint(format!("e.g. `{example}`")).under([self.cleaner])
    }

    /// Says that the value of an option is wrong.
    pub(super) fn wrong(&self, name: &str, what: &str) -> TransformError {
        let message = format!("the option `{name}` of `{}` {what}", self.cleaner);
        TransformError::new("transform.option", message).under([self.cleaner, name])
    }
}
