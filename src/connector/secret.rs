//! An option that must not be shown: a token, a client's secret.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use crate::redact::remember;

/// Holds a secret option of a connection. It prints as `[REDACTED]` and is wiped when it is dropped.
#[derive(Debug, Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Makes a secret of a text, and has it masked from here on wherever a text is printed, logged or kept.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        remember(&text);
        Self(SecretString::from(text))
    }

    /// Returns the text, for the request that must carry it and nothing else.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns the secret in the type that the HTTP stack keeps.
    pub fn to_secret_string(&self) -> SecretString {
        self.0.clone()
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "writeOnly": true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        assert!(!format!("{:?}", Secret::new("patSecret")).contains("patSecret"));
    }
}
