//! What a login may do and what is left of the vendor's limits, as far as the vendor tells.

/// Answers what a person asks of a login before a run. What the vendor does not tell is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Whose login it is, in the vendor's own word and without personal values: `portal 123`.
    pub login: Option<String>,
    /// The scopes or permissions that it has.
    pub scopes: Option<Vec<String>>,
    /// The scopes or permissions that the objects need and it does not have.
    pub missing: Vec<String>,
    /// The limits that it counts against.
    pub limits: Vec<LimitLeft>,
    /// Account rules that change or block writes, such as rules against duplicates.
    pub rules: Vec<Remark>,
}

/// Something that a person should know before a run, and that does not keep it from working.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// What it is about: ``duplicate rules of `Contact` ``.
    pub subject: String,
    /// What there is and what it means.
    pub text: String,
}

/// What is left of one limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitLeft {
    /// What is limited, for a person: `calls today`.
    pub name: String,
    /// How much is left.
    pub remaining: u64,
    /// How much there is in all.
    pub max: u64,
}
