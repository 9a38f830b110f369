//! Where renewed OAuth tokens are kept.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use tokio::sync::OwnedMutexGuard;

/// A pair of tokens as a vendor issued it.
#[derive(Debug, Clone)]
pub struct StoredToken {
    /// Goes into the `Authorization` header.
    pub access_token: SecretString,
    /// Buys the next pair; single-use at some vendors.
    pub refresh_token: Option<SecretString>,
    /// When the access token ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// Where the API is for this token, where the vendor tells that with it.
    pub api_url: Option<String>,
}

/// Keeps tokens from one run to the next.
///
/// A vendor whose refresh tokens are single-use locks out a client that loses one, so `save` must be durable when it returns.
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

/// One lock per stored token, so that of all sources and destinations of a process only one renews it.
///
/// Where a renewal ends the older access token, two renewals at once log each other out. The holder of the lock looks
/// into the [`TokenStore`] first: another source may have renewed the token by then.
#[derive(Debug, Clone, Default)]
pub struct TokenLocks {
    by_name: Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>>,
}

impl TokenLocks {
    /// Waits until no other task renews the token of that name.
    pub async fn lock(&self, name: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(by_name.entry(name.to_owned()).or_default())
        };
        lock.lock_owned().await
    }
}
