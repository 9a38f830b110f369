//! Who wrote an object by a key that is looked up, and until when: what was written a moment ago may not be found yet.
//!
//! A lease keeps two processes from writing at once. A vendor's search index lags behind, so a writer that comes right after another one
//! must wait too. The lease's file tells it of whom: each writer says when it begins, and when it has ended.

use std::{
    collections::hash_map::Entry,
    path::Path,
    sync::{Arc, PoisonError},
};

use chrono::{DateTime, Utc};

use super::{
    State,
    error::StateError,
    lease::{Lease, LeaseError, LeaseName, LeaseOwner, blocking, host, take},
    lease_writer::{LeaseWriter, WriterEnd},
};

impl State {
    /// Takes a lease for as long as this state is open; to take it again is no error.
    ///
    /// # Errors
    /// Fails when another process has it.
    pub async fn hold_lease(&self, name: LeaseName, pipeline: &str, now: DateTime<Utc>) -> Result<(), LeaseError> {
        let (shared, folder) = (Arc::clone(&self.shared), self.lease_folder().map(Path::to_owned));
        let owner = LeaseOwner { pipeline: pipeline.to_owned(), process: std::process::id(), host: host(), since: now };
        blocking(move || {
            if let Entry::Vacant(place) = shared.held.lock().unwrap_or_else(PoisonError::into_inner).entry(name) {
                let lease = take(folder.as_deref(), place.key().clone(), owner)?;
                place.insert(lease);
            }
            Ok(())
        })
        .await
    }

    /// Writes down that a target writes under a lease that this state holds, and returns the others that wrote under it lately:
    /// what they wrote is not in this target's id map.
    ///
    /// # Errors
    /// Fails when another target writes under it now, or when that cannot be written down.
    pub async fn begin_writing(&self, name: &LeaseName, writer: LeaseWriter) -> Result<Vec<LeaseWriter>, LeaseError> {
        let of_target = writer.target_id;
        let earlier = self
            .with_lease(name, move |name, lease| {
                let writes_now = |other: &&LeaseWriter| other.ended.is_none() && !other.is(&writer);
                if !name.is_shared_in_a_run() && lease.page.writers.iter().any(|other| writes_now(&other)) {
                    return Err(LeaseError::Held { name: name.clone(), owner: Some(lease.page.owner.clone()) });
                }
                let earlier = lease.page.writers.clone();
                lease.page.writers.push(writer);
                Ok(earlier)
            })
            .await?;
        let mut others = Vec::new();
        for writer in earlier.unwrap_or_default() {
            // Targets are numbered per state file; the run says whether it is this one.
            let is_own = writer.target_id == of_target && self.knows_run(&writer.run_id).await?;
            others.extend(Some(writer).filter(|_| !is_own));
        }
        Ok(others)
    }

    /// Forgets writers that were waited for: what they wrote is found by now.
    ///
    /// # Errors
    /// Fails when that cannot be written down.
    pub async fn forget_writers(&self, name: &LeaseName, found: Vec<LeaseWriter>) -> Result<(), LeaseError> {
        self.with_lease(name, move |_, lease| {
            lease.page.writers.retain(|writer| !found.contains(writer));
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// Writes down that a target has ended to write under a lease; with no end, that it wrote nothing.
    ///
    /// # Errors
    /// Fails when that cannot be written down.
    pub async fn end_writing(
        &self,
        name: &LeaseName,
        writer: LeaseWriter,
        end: Option<WriterEnd>,
    ) -> Result<(), LeaseError> {
        self.with_lease(name, move |_, lease| {
            let writers = &mut lease.page.writers;
            writers.retain(|other| other.ended.is_some() || !other.is(&writer));
            writers.extend(end.map(|end| LeaseWriter { ended: Some(end), ..writer }));
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// Changes what a lease that this state holds says; nothing where it holds none.
    async fn with_lease<T: Send + 'static>(
        &self,
        name: &LeaseName,
        change: impl FnOnce(&LeaseName, &mut Lease) -> Result<T, LeaseError> + Send + 'static,
    ) -> Result<Option<T>, LeaseError> {
        let (shared, name) = (Arc::clone(&self.shared), name.clone());
        let folder = self.lease_folder().map(Path::to_owned);
        blocking(move || {
            let mut held = shared.held.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(lease) = held.get_mut(&name) else { return Ok(None) };
            let changed = change(&name, lease)?;
            let path = folder.unwrap_or_default();
            lease.save().map_err(|error| LeaseError::Io { path, error })?;
            Ok(Some(changed))
        })
        .await
    }

    async fn knows_run(&self, run_id: &str) -> Result<bool, LeaseError> {
        Ok(self.run(run_id).await.map_err(LeaseError::Stopped)?.is_some())
    }
}

impl From<StateError> for LeaseError {
    fn from(error: StateError) -> Self {
        Self::Stopped(error)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::state::{KEY_BYTES, Run, RunKind, RunStatus, Seal, TargetId};

    fn name() -> LeaseName {
        LeaseName::KeyedWrite {
            account: "crm 1".to_owned(),
            object: "contacts".to_owned(),
            key: vec!["badge".to_owned()],
        }
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    fn writer(run_id: &str, target: i64) -> LeaseWriter {
        LeaseWriter { pipeline: "p".to_owned(), run_id: run_id.to_owned(), target_id: TargetId(target), ended: None }
    }

    async fn state(folder: &Path, file: &str) -> State {
        let state = State::open(&folder.join(file), Seal::new(&[7; KEY_BYTES])).await.unwrap();
        state.with_lease_folder(folder.to_owned())
    }

    async fn start(state: &State, run_id: &str) {
        let run = Run {
            run_id: run_id.to_owned(),
            pipeline: "p".to_owned(),
            file: "p.yaml".into(),
            fingerprint: String::new(),
            kind: RunKind::Run,
            status: RunStatus::Running,
            started_at: at(0),
            finished_at: None,
            undone_run: None,
        };
        state.start_attempt(run, at(0)).await.unwrap();
    }

    /// Writes from a second to another one, and returns the runs of others that it is told of, with their ends.
    async fn write(state: &State, run_id: &str, seconds: (i64, Option<i64>)) -> Vec<(String, Option<(i64, bool)>)> {
        state.hold_lease(name(), "p", at(seconds.0)).await.unwrap();
        let others = state.begin_writing(&name(), writer(run_id, 1)).await.unwrap();
        if let Some(second) = seconds.1 {
            let end = WriterEnd { at: at(second), is_clean: true };
            state.end_writing(&name(), writer(run_id, 1), Some(end)).await.unwrap();
        }
        let told = |other: LeaseWriter| {
            let end = other.ended.map(|end| ((end.at - at(0)).num_seconds(), end.is_clean));
            (other.run_id, end)
        };
        others.into_iter().map(told).collect()
    }

    #[tokio::test]
    async fn a_writer_is_told_of_those_before_it_that_its_state_does_not_know() {
        let folder = tempfile::tempdir().unwrap();
        let first = state(folder.path(), "a.db").await;
        start(&first, "run_a").await;
        assert_eq!(write(&first, "run_a", (0, Some(5))).await, []);
        drop(first);
        let second = state(folder.path(), "b.db").await;
        assert_eq!(write(&second, "run_b", (6, None)).await, [("run_a".to_owned(), Some((5, true)))]);
        drop(second);
        let again = state(folder.path(), "a.db").await;
        assert_eq!(write(&again, "run_c", (9, None)).await, [("run_b".to_owned(), Some((9, false)))], "it died");
        drop(again);
        let later = state(folder.path(), "c.db").await;
        let told: Vec<String> = write(&later, "run_d", (3_607, None)).await.into_iter().map(|(run, _)| run).collect();
        assert_eq!(told, ["run_b", "run_c"], "the first one ended more than an hour ago");
    }

    #[tokio::test]
    async fn two_targets_of_one_process_never_write_at_once() {
        let state = State::in_memory(Seal::ephemeral()).unwrap();
        state.hold_lease(name(), "p", at(0)).await.unwrap();
        state.begin_writing(&name(), writer("run_a", 1)).await.unwrap();
        let refused = state.begin_writing(&name(), writer("run_a", 2)).await.unwrap_err();
        assert!(matches!(refused, LeaseError::Held { owner: Some(_), .. }), "{refused}");
        let end = WriterEnd { at: at(1), is_clean: true };
        state.end_writing(&name(), writer("run_a", 1), Some(end)).await.unwrap();
        let others = state.begin_writing(&name(), writer("run_a", 2)).await.unwrap();
        assert_eq!(others, [LeaseWriter { ended: Some(end), ..writer("run_a", 1) }]);
        state.end_writing(&name(), writer("run_a", 2), None).await.unwrap();
        assert_eq!(state.begin_writing(&name(), writer("run_a", 2)).await.unwrap(), others, "it wrote nothing");
        state.end_writing(&name(), writer("run_a", 2), None).await.unwrap();
        state.forget_writers(&name(), others).await.unwrap();
        assert_eq!(state.begin_writing(&name(), writer("run_a", 2)).await.unwrap(), [], "it was waited for");
    }
}
