//! Which account of a system a connection talks to: a portal, an organisation, a base.
//!
//! State belongs to accounts, not to the names of connections, so this is asked before anything is read or written.

use std::fmt;

use futures::future::BoxFuture;

use super::ConnectorError;

/// How a system names its accounts. It is data, so that a pinned account can be checked without the system.
#[derive(Debug, Clone, Copy)]
pub struct AccountForm {
    /// The system's own word for an account: `portal`.
    pub noun: &'static str,
    /// What an id looks like, for a person: ``digits such as `12345678` ``.
    pub looks_like: &'static str,
    /// Returns an id in the one form in which ids are stored and compared; none for a text that is no id of this system.
    pub normal: fn(&str) -> Option<String>,
}

impl AccountForm {
    /// Returns the account with this id; none for a text that is no id of this system.
    pub fn account(&self, id: &str) -> Option<Account> {
        (self.normal)(id.trim()).map(|id| Account { noun: self.noun, id })
    }
}

/// One account at a system. Two are equal if they are the same account, however their ids were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    noun: &'static str,
    id: String,
}

impl Account {
    /// Returns the id, in the form in which ids are stored and compared.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns another account of the same system, by an id as it is stored.
    #[must_use]
    pub fn with_id(&self, id: &str) -> Self {
        Self { noun: self.noun, id: id.to_owned() }
    }
}

impl fmt::Display for Account {
    /// Writes the vendor's word and the id: `portal 123`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.noun, self.id)
    }
}

/// How it is learned which account a connection talks to.
pub enum AccountAnswer {
    /// There are no accounts: a folder of files.
    None,
    /// The options tell.
    Known(Account),
    /// The login or one call tells.
    Asked(BoxFuture<'static, Result<Account, ConnectorError>>),
}

impl AccountAnswer {
    /// Returns the account; none where there are no accounts.
    ///
    /// # Errors
    /// Fails when the login does not work or the system does not tell: an account that is not known is never taken for another.
    pub async fn learn(self) -> Result<Option<Account>, ConnectorError> {
        match self {
            Self::None => Ok(None),
            Self::Known(account) => Ok(Some(account)),
            Self::Asked(answer) => answer.await.map(Some),
        }
    }
}

impl fmt::Debug for AccountAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => formatter.write_str("None"),
            Self::Known(account) => formatter.debug_tuple("Known").field(account).finish(),
            Self::Asked(_) => formatter.debug_tuple("Asked").finish_non_exhaustive(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: AccountForm = AccountForm {
        noun: "shop",
        looks_like: "capital letters such as `ABC`",
        normal: |text| text.bytes().all(|byte| byte.is_ascii_alphabetic()).then(|| text.to_ascii_uppercase()),
    };

    #[test]
    fn ids_are_compared_as_the_system_compares_them() {
        assert_eq!(FORM.account(" abc "), FORM.account("ABC"));
        assert_eq!(FORM.account("abc").map(|account| account.to_string()).as_deref(), Some("shop ABC"));
        assert_eq!(FORM.account("a-b"), None);
    }
}
