//! Google's quotas: reads and writes in a minute, of a user and of the project.

use std::{collections::HashMap, time::Duration};

use clock::Clock;

use crate::limits::Window;

use super::errors::ApiError;

/// Most reads, and most writes, of one user in a minute. Source: developers.google.com/sheets/api/limits.
const USER_REQUESTS: usize = 60;

/// Most reads, and most writes, of the project in a minute. Same source.
const PROJECT_REQUESTS: usize = 300;

const MINUTE: Duration = Duration::from_mins(1);

/// What a request counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Read,
    Write,
}

/// The requests of the last minute.
#[derive(Debug)]
pub(super) struct Quotas {
    clock: Clock,
    users: HashMap<(String, Kind), Window>,
    project: HashMap<Kind, Window>,
}

impl Quotas {
    /// Starts with nothing used.
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, users: HashMap::new(), project: HashMap::new() }
    }

    /// Takes a request in.
    ///
    /// # Errors
    /// Fails when it is one too many for the user or the project.
    pub(super) fn take(&mut self, user: &str, kind: Kind) -> Result<(), ApiError> {
        let name = match kind {
            Kind::Read => "Read",
            Kind::Write => "Write",
        };
        let window = |limit: usize| Window::new(limit, MINUTE, self.clock.clone());
        let own = self.users.entry((user.to_owned(), kind)).or_insert_with(|| window(USER_REQUESTS));
        own.take().map_err(|_| ApiError::quota(name, true, USER_REQUESTS))?;
        let all = self.project.entry(kind).or_insert_with(|| window(PROJECT_REQUESTS));
        all.take().map(drop).map_err(|_| ApiError::quota(name, false, PROJECT_REQUESTS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn reads_and_writes_count_apart_and_users_share_the_project() {
        let clock = Clock::system();
        let mut quotas = Quotas::new(clock.clone());
        for user in ["a", "b", "c", "d", "e"] {
            assert_eq!((0..60).filter(|_| quotas.take(user, Kind::Read).is_ok()).count(), 60);
            assert!(quotas.take(user, Kind::Read).is_err());
        }
        assert!(quotas.take("a", Kind::Write).is_ok());
        assert_eq!(quotas.take("f", Kind::Read), Err(ApiError::quota("Read", false, 300)));
        clock.sleep(MINUTE).await;
        assert!(quotas.take("a", Kind::Read).is_ok());
    }
}
