//! What a system calls the standard fields of contacts, companies and deals: data in the connector's own folder.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The fields of one kind of record: Ferry's word for each → what the system calls it.
pub type StandardNames = BTreeMap<String, StandardField>;

/// What a system calls the standard fields, as its `standard.yaml` has it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StandardFields {
    /// People.
    pub contact: StandardNames,
    /// Companies, accounts, organisations.
    pub company: StandardNames,
    /// Deals, opportunities.
    pub deal: StandardNames,
}

/// What a system calls one standard field.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum StandardField {
    /// A field that is read and written.
    Name(String),
    /// A SQL expression over fields, which is only read.
    Expression {
        /// The expression.
        expr: String,
        /// The fields that it needs.
        fields: Vec<String>,
    },
}

impl StandardFields {
    /// Reads a `standard.yaml`.
    ///
    /// # Errors
    /// Fails when the text is not of this form.
    pub fn parse(text: &str) -> Result<Self, serde_yaml::Error> {
        serde_yaml::from_str(text)
    }
}
