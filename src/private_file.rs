//! Files that may hold personal data: for their owner alone from the first byte, and whole or not there at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

/// A file that is being written. What stands under its name stays until [`put_in_place`](Self::put_in_place); dropped before
/// that, nothing is left behind.
#[derive(Debug)]
pub struct PrivateFile(Way);

#[derive(Debug)]
enum Way {
    /// Under another name first, in the same folder.
    Whole { file: NamedTempFile, target: PathBuf },
    /// Straight into what is no regular file, such as `/dev/stdout` or a pipe.
    Direct(File),
}

impl PrivateFile {
    /// Starts to write a file. A link is followed: what it leads to is replaced.
    ///
    /// # Errors
    /// Fails when the folder is not there or cannot be written.
    pub fn create(path: &Path) -> io::Result<Self> {
        if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
            return Ok(Self(Way::Direct(File::options().write(true).open(path)?)));
        }
        if path.is_dir() || path.file_name().is_none() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        // A temporary file is readable for its owner alone.
        let file = tempfile::Builder::new().prefix(".ferry-").suffix(".part").tempfile_in(folder_of(&target))?;
        Ok(Self(Way::Whole { file, target }))
    }

    /// Writes a whole file.
    ///
    /// # Errors
    /// Fails when it cannot be written; an earlier file of that name is untouched then.
    pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
        let mut file = Self::create(path)?;
        file.write_all(content)?;
        file.put_in_place()
    }

    /// Brings the file to the disk and gives it its name.
    ///
    /// # Errors
    /// Fails when that cannot be done; an earlier file of that name is untouched then.
    pub fn put_in_place(self) -> io::Result<()> {
        match self.0 {
            Way::Direct(mut file) => file.flush(),
            Way::Whole { mut file, target } => {
                file.flush()?;
                file.as_file().sync_all()?;
                file.persist(&target).map_err(|error| error.error)?;
                sync_name(&target);
                Ok(())
            }
        }
    }

    /// Brings the file to the disk and gives it its name, unless there is a file of that name already. Returns whether it did.
    ///
    /// # Errors
    /// Fails when that cannot be done.
    pub fn put_in_place_if_new(self) -> io::Result<bool> {
        match self.0 {
            Way::Direct(mut file) => file.flush().map(|()| true),
            Way::Whole { mut file, target } => {
                file.flush()?;
                file.as_file().sync_all()?;
                match file.persist_noclobber(&target) {
                    Ok(_) => sync_name(&target),
                    Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
                    Err(error) => return Err(error.error),
                }
                Ok(true)
            }
        }
    }
}

/// Makes an empty file that is not there yet, for a library that writes it itself.
///
/// # Errors
/// Fails when there is one already, or when it cannot be made.
pub fn new_private_file(path: &Path) -> io::Result<File> {
    private(File::options().write(true).create_new(true)).open(path)
}

/// Opens a file that several processes lock, and makes it and its folder where there is none.
///
/// # Errors
/// Fails when it can be neither opened nor made.
pub fn open_lock_file(path: &Path) -> io::Result<File> {
    fs::create_dir_all(folder_of(path))?;
    private(File::options().read(true).write(true).create(true).truncate(false)).open(path)
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Makes a new name last through a power cut where the system can do that.
fn sync_name(target: &Path) {
    let _ = File::open(folder_of(target)).and_then(|folder| folder.sync_all());
}

impl Write for PrivateFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Way::Whole { file, .. } => file.write(bytes),
            Way::Direct(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Way::Whole { file, .. } => file.flush(),
            Way::Direct(file) => file.flush(),
        }
    }
}

fn folder_of(target: &Path) -> &Path {
    target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_file_stays_until_the_new_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rejects.csv");
        PrivateFile::write(&path, b"one").unwrap();
        let mut second = PrivateFile::create(&path).unwrap();
        second.write_all(b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        drop(second);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_alone_from_the_first_byte() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rejects.csv");
        fs::write(&path, "earlier").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let file = PrivateFile::create(&path).unwrap();
        for entry in fs::read_dir(folder.path()).unwrap().flatten().filter(|entry| entry.path() != path) {
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        file.put_in_place().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_and_a_device_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real.csv"), folder.path().join("link.csv"));
        fs::write(&real, "earlier").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        PrivateFile::write(&link, b"new").unwrap();
        assert_eq!(fs::read(&real).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        PrivateFile::write(Path::new("/dev/null"), b"gone").unwrap();
        assert!(PrivateFile::write(folder.path(), b"x").is_err());
    }
}
