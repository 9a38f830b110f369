//! Keeps two runs of one pipeline apart.
//!
//! The operating system holds the lock and drops it when its owner dies, however it dies: a dead owner's lock is never in the
//! way. What the file says of the owner is for people.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};

/// The right to run a pipeline; given back when this is dropped.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

/// Says why a pipeline cannot be run now.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process runs it.
    #[error("the pipeline is being run already ({owner})")]
    Held {
        /// The owner: process and start.
        owner: String,
    },
    /// The lock file cannot be used.
    #[error("the lock file `{}` cannot be used: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

impl RunLock {
    /// Takes the lock of a pipeline beside the state file.
    ///
    /// # Errors
    /// Fails when another process has it.
    pub fn take(state_path: &Path, pipeline: &str, now: DateTime<Utc>) -> Result<Self, LockError> {
        let safe_name: String =
            pipeline.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '_' }).collect();
        let path = state_path.with_file_name(format!("{safe_name}.lock"));
        let failed = |error| LockError::Io { path: path.clone(), error };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                file.read_to_string(&mut owner).map_err(failed)?;
                return Err(LockError::Held { owner: owner.trim().to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
        let started_at = now.format("%Y-%m-%d %H:%M:%S");
        writeln!(file, "process {}, since {started_at} UTC", std::process::id()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}
