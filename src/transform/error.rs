//! What is wrong with a transform or mapping, in words for the person who wrote it, and where it is in the YAML.

use std::fmt;

use polars::error::PolarsError;

use crate::model::{nearest, visible};

/// Says what is wrong with a transform or mapping, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TransformError {
    /// A stable word for the mistake, e.g. `transform.unknown_field`.
    pub code: &'static str,
    /// The YAML keys and indices from the stream or destination down to the mistake: `["transforms", "1", "filter"]`.
    pub path: Vec<String>,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it, where that is likely right.
    pub hint: Option<String>,
}

impl fmt::Display for TransformError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(formatter, "{}: ", self.place())?;
        }
        formatter.write_str(&self.message)
    }
}

impl TransformError {
    /// Makes an error whose place is not known yet.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, path: Vec::new(), message: message.into(), hint: None }
    }

    /// Says that polars could not do what was compiled.
    pub(super) fn failed(cause: &PolarsError) -> Self {
        Self::new("transform.failed", first_line(&cause.to_string()))
    }

    /// Adds what to do about it.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the known name that is nearest to the one that was written, if one is near.
    pub(super) fn nearest<'a>(mut self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        self.hint = nearest(word, known).map(|name| format!("did you mean `{}`?", visible(name))).or(self.hint);
        self
    }

    /// Puts keys of the YAML in front of the place.
    pub(super) fn under<K: ToString>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        let outer = keys.into_iter().map(|key| key.to_string());
        self.path.splice(0..0, outer);
        self
    }

    /// Returns the place as a person would write it: `transforms[1].filter`.
    pub fn place(&self) -> String {
        let mut place = String::new();
        for key in &self.path {
            if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit()) {
                place.extend(["[", key, "]"]);
            } else {
                if !place.is_empty() {
                    place.push('.');
                }
                place.push_str(key);
            }
        }
        place
    }
}

impl From<PolarsError> for TransformError {
    fn from(cause: PolarsError) -> Self {
        Self::failed(&cause)
    }
}

/// Returns the first line of a message, without a full stop.
pub(super) fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_as_in_the_file() {
        let error = TransformError::new("transform.sql", "no such field").under(["filter"]).under(["transforms", "1"]);
        assert_eq!(error.to_string(), "transforms[1].filter: no such field");
    }
}
