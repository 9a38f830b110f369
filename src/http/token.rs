//! Where renewed OAuth tokens are kept.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, Utc};
use secrecy::SecretString;

/// A pair of tokens as a vendor issued it.
#[derive(Debug, Clone)]
pub struct StoredToken {
    /// Goes into the `Authorization` header.
    pub access_token: SecretString,
    /// Buys the next pair; single-use at some vendors.
    pub refresh_token: Option<SecretString>,
    /// When the access token ends.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Keeps tokens from one run to the next.
///
/// A vendor whose refresh tokens are single-use cuts off whoever loses one, so `save` must be durable when it returns.
pub trait TokenStore: fmt::Debug + Send + Sync {
    /// Returns what was saved under the name.
    ///
    /// # Errors
    /// Fails with a text for the user when the store cannot be read.
    fn load(&self, name: &str) -> Result<Option<StoredToken>, String>;

    /// Keeps the token under the name, durably.
    ///
    /// # Errors
    /// Fails with a text for the user when the store cannot be written.
    fn save(&self, name: &str, token: &StoredToken) -> Result<(), String>;
}

/// Keeps tokens in memory: for dry runs and tests.
#[derive(Debug, Default)]
pub struct MemoryTokens {
    by_name: Mutex<HashMap<String, StoredToken>>,
}

impl TokenStore for MemoryTokens {
    fn load(&self, name: &str) -> Result<Option<StoredToken>, String> {
        Ok(self.by_name.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned())
    }

    fn save(&self, name: &str, token: &StoredToken) -> Result<(), String> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), token.clone());
        Ok(())
    }
}
