//! The file with the key of what the state file seals. It is written whole under another name and renamed, so that a process that
//! is killed at any moment leaves a whole key or none.

use std::{
    fs,
    io::{ErrorKind, Write},
    path::Path,
};

use crate::private_file::PrivateFile;

use super::{
    error::StateError,
    seal::{KEY_BYTES, Seal, hexadecimal},
};

/// A key that was read from a file.
#[derive(Debug)]
pub struct FileKey {
    /// What seals with it.
    pub seal: Seal,
    /// Whether the file was made for it just now: users have to know where their key is.
    pub is_new: bool,
}

impl FileKey {
    /// Reads the key of a file, and makes the file (readable for its owner only) where there is none.
    ///
    /// # Errors
    /// Fails when the file cannot be read or made, or holds no key.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        if let Some(seal) = read(path)? {
            return Ok(Self { seal, is_new: false });
        }
        let failed = |error: std::io::Error| unusable(path, error.to_string());
        path.parent().map_or(Ok(()), fs::create_dir_all).map_err(failed)?;
        let key = Seal::new_key();
        let mut file = PrivateFile::create(path).map_err(failed)?;
        writeln!(file, "{}", hexadecimal(&key)).map_err(failed)?;
        if file.put_in_place_if_new().map_err(failed)? {
            return Ok(Self { seal: Seal::new(&key), is_new: true });
        }
        // Another process was faster: its key is the one.
        let seal = read(path)?.ok_or_else(|| unusable(path, "it vanished".to_owned()))?;
        Ok(Self { seal, is_new: false })
    }
}

fn read(path: &Path) -> Result<Option<Seal>, StateError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(path, error.to_string())),
    };
    let seal = Seal::from_text(&text).ok_or_else(|| match text.trim() {
        "" => unusable(path, "it is empty".to_owned()),
        _ => unusable(path, format!("it is not {KEY_BYTES} bytes in hexadecimal")),
    })?;
    Ok(Some(seal))
}

fn unusable(path: &Path, reason: String) -> StateError {
    StateError::KeyFile { path: path.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::state::seal::Cell;

    #[test]
    fn the_file_is_made_once_and_the_first_makes_the_key_of_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings").join("state.key");
        let cell = Cell::new("t", &[]);
        let openers: Vec<_> = (0..16)
            .map(|_| {
                let path = path.clone();
                thread::spawn(move || FileKey::open(&path).unwrap())
            })
            .collect();
        let keys: Vec<FileKey> = openers.into_iter().map(|opener| opener.join().unwrap()).collect();
        assert_eq!(keys.iter().filter(|key| key.is_new).count(), 1);
        let sealed = keys[0].seal.seal(&cell, &1).unwrap();
        assert!(keys.iter().all(|key| key.seal.open::<i32>(&cell, &sealed).is_ok()));
        let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "no temporary file is left: {left:?}");
    }

    #[test]
    fn a_file_that_holds_no_key_is_told_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        for (text, reason) in [("", "it is empty"), ("0a0b", "it is not 32 bytes in hexadecimal")] {
            let path = folder.path().join("state.key");
            fs::write(&path, text).unwrap();
            let error = FileKey::open(&path).unwrap_err();
            assert!(error.to_string().ends_with(reason), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.key");
        FileKey::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
