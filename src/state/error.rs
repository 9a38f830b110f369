//! What can go wrong with the state file, and what to do about it.

use std::{io, path::PathBuf};

/// Says what is wrong with the state file.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The state file or its folder cannot be made.
    #[error("`{}` cannot be made: {error}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file was written by a newer version.
    #[error(
        "the state file `{}` has form {found} and this version of ferry knows up to {known}", path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The file's form.
        found: i64,
        /// The newest form this version knows.
        known: i64,
    },
    /// The file is no state file or is damaged.
    #[error(
        "the state file `{}` is damaged or no state file: {error}", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        error: rusqlite::Error,
    },
    /// The disk has no room for it.
    #[error("the disk is full: the state file cannot be written")]
    DiskFull,
    /// The disk, or what it is reached by, refuses.
    #[error("the state file cannot be read or written: {0}")]
    Disk(rusqlite::Error),
    /// A backup before a change of form could not be made.
    #[error("the backup `{}` could not be made: {error}", path.display())]
    Backup {
        /// The backup.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// SQLite refuses.
    #[error("the state file cannot be used: {0}")]
    Sql(rusqlite::Error),
    /// What is stored cannot be decoded.
    #[error("the state file holds something that cannot be decoded: {0}")]
    Decode(#[from] serde_json::Error),
    /// The key does not open what is sealed.
    #[error("the key does not open what is sealed in the state file")]
    WrongKey,
    /// The key file cannot be used.
    #[error("the key file `{}` cannot be used: {reason}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The log of the state file cannot be emptied, because somebody reads the file.
    #[error(
        "another process reads the state file, so its log could not be emptied: bytes of what was removed may still be in it"
    )]
    InUse,
    /// The bytes of a file cannot be looked at.
    #[error("`{}` cannot be read: {error}", path.display())]
    Unread {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A sealed file cannot be used.
    #[error("`{}` cannot be used: {error}", path.display())]
    Sealed {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The system gives no thread for it.
    #[error("the state file has no thread to work on: {0}")]
    Thread(io::Error),
    /// The process is ending.
    #[error("the work on the state file was stopped")]
    Stopped,
}

impl StateError {
    /// Returns what the user can do, where that is likely right.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Newer { .. } => "use the newer ferry that wrote it, or move the file away to start anew",
            Self::Damaged { .. } => {
                "put back a backup (it is called as the file, with `.backup-…` behind), or move the file away: without it \
                 the next run matches by key again"
            }
            Self::DiskFull => "free some room and run again; nothing is lost",
            Self::Disk(_) => "is the disk full or failing? run again once it works; nothing is lost",
            Self::WrongKey => {
                "set `FERRY_STATE_KEY`, or put back the key file, to what it was when the file was written; where the key is \
                 lost, move the state file away: the next run matches by key again"
            }
            Self::Folder { .. } => "name another place with `--state FILE`",
            Self::KeyFile { .. } => {
                "put the key file back as it was, or set `FERRY_STATE_KEY` to its 64 hexadecimal digits"
            }
            Self::InUse => "end the other process, such as `ferry report` or a backup, and type the same command again",
            Self::Backup { .. }
            | Self::Unread { .. }
            | Self::Sealed { .. }
            | Self::Sql(_)
            | Self::Decode(_)
            | Self::Thread(_)
            | Self::Stopped => return None,
        })
    }

    /// Tells a damaged file from other errors of opening one.
    pub(super) fn at(path: &std::path::Path, error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
                Self::Damaged { path: path.to_owned(), error }
            }
            _ => Self::from(error),
        }
    }
}

impl From<rusqlite::Error> for StateError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::DiskFull,
            Some(rusqlite::ErrorCode::SystemIoFailure) => Self::Disk(error),
            _ => Self::Sql(error),
        }
    }
}
