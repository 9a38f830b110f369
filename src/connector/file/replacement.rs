//! Writes a file under a temporary name and moves it into place when it is complete.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use super::folder::file_error;
use crate::connector::ConnectorError;

/// Ends the names of files that are not complete.
const PART: &str = ".part";

/// A file that is being written; what stands under its name stays as it is until [`put_in_place`](Self::put_in_place).
///
/// Dropped before that, it leaves nothing behind. A process that was killed leaves a `.NAME.….part`, which the next
/// write of the same file removes.
#[derive(Debug)]
pub struct Replacement {
    file: NamedTempFile,
    target: PathBuf,
}

impl Replacement {
    /// Starts to write what will be `target`, and makes its folder where there is none.
    ///
    /// # Errors
    /// Fails when nothing can be written there.
    pub fn start(target: &Path) -> Result<Self, ConnectorError> {
        let folder = target.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|error| file_error("make the folder", folder, &error))?;
        if target.is_dir() {
            let in_the_way = io::Error::from(io::ErrorKind::IsADirectory);
            return Err(file_error("write", target, &in_the_way));
        }
        let prefix = part_prefix(target);
        remove_leftovers(folder, &prefix);
        let file = create(folder, &prefix).map_err(|error| file_error("write", target, &error))?;
        Ok(Self { file, target: target.to_owned() })
    }

    /// Returns the path the file will have.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// Fails when they cannot be written.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), ConnectorError> {
        self.file.write_all(bytes).map_err(|error| file_error("write", &self.target, &error))
    }

    /// Returns a handle for a writer that wants to own one.
    ///
    /// # Errors
    /// Fails when the system gives none.
    pub fn handle(&self) -> Result<File, ConnectorError> {
        self.file.as_file().try_clone().map_err(|error| file_error("write", &self.target, &error))
    }

    /// Brings the file to the disk and gives it its name, in one step that a crash cannot split.
    ///
    /// # Errors
    /// Fails when that cannot be done; an earlier file of that name is untouched then.
    pub fn put_in_place(self) -> Result<(), ConnectorError> {
        let failed = |error: &io::Error| file_error("write", &self.target, error);
        self.file.as_file().sync_all().map_err(|error| failed(&error))?;
        self.file.persist(&self.target).map_err(|error| failed(&error.error))?;
        sync_folder(&self.target);
        Ok(())
    }
}

fn part_prefix(target: &Path) -> String {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    format!(".{name}.")
}

fn create(folder: &Path, prefix: &str) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(PART);
    // Who may read the file is the user's own rule (umask), as for a file that any other program makes.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.tempfile_in(folder)?;
    // The lock tells a later run that this process lives; a system without locks only keeps its leftovers.
    let _ = file.as_file().try_lock();
    Ok(file)
}

/// Removes what killed processes left of the same file. Failing to is no reason not to write.
fn remove_leftovers(folder: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !(name.starts_with(prefix) && name.ends_with(PART)) {
            continue;
        }
        let is_abandoned = File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
        if is_abandoned && fs::remove_file(entry.path()).is_ok() {
            tracing::debug!("leftover of an interrupted write removed");
        }
    }
}

/// Makes the new name last through a power cut, where the system can.
fn sync_folder(target: &Path) {
    let folder = target.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn the_old_file_stays_until_the_new_one_is_complete() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out/x.csv");
        let mut first = Replacement::start(&target).unwrap();
        first.append(b"one").unwrap();
        assert!(!target.exists());
        first.put_in_place().unwrap();
        let mut second = Replacement::start(&target).unwrap();
        second.append(b"two").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"one");
        drop(second);
        assert_eq!(fs::read(&target).unwrap(), b"one");
        assert_eq!(names(&dir.path().join("out")), ["x.csv"]);
    }

    #[test]
    fn leftovers_of_a_killed_process_are_removed_and_a_live_write_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("x.csv");
        fs::write(dir.path().join(".x.csv.Dead00.part"), "half").unwrap();
        fs::write(dir.path().join(".y.csv.Other0.part"), "half").unwrap();
        let live = Replacement::start(&target).unwrap();
        let other = Replacement::start(&target).unwrap();
        let left = names(dir.path());
        assert!(!left.contains(&".x.csv.Dead00.part".to_owned()));
        assert!(left.contains(&".y.csv.Other0.part".to_owned()));
        live.put_in_place().unwrap();
        other.put_in_place().unwrap();
    }
}
