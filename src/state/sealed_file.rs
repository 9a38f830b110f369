//! Files beside the state file that hold records, sealed with its key: written once, part by part, and read in the same order.
//!
//! A part is JSON, compressed, sealed, and bound to its file and its place in it, so that parts of two files cannot be mixed.

use std::{
    fmt::Debug,
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Serialize, de::DeserializeOwned};

use crate::private_file::PrivateFile;

use super::{
    State,
    error::StateError,
    seal::{Cell, Seal, hexadecimal},
};

/// What such a file begins with; another form takes another one.
const MAGIC: &str = "ferry sealed file 1";
/// Longest part that is read, in bytes: larger than any that is written, so that a damaged length asks for no memory.
const MAX_PART_BYTES: u32 = 1 << 30;
/// How hard parts are compressed: sealing them costs more.
const COMPRESSION_LEVEL: i32 = 1;
/// Bytes of a file's own id.
const ID_BYTES: usize = 16;

/// A sealed file that is being written; dropped before [`finish`](Self::finish), nothing is left behind.
#[derive(Debug)]
pub struct SealedWriter {
    path: PathBuf,
    file: BufWriter<PrivateFile>,
    place: Place,
    bytes: u64,
}

/// A sealed file that is read.
#[derive(Debug)]
pub struct SealedReader {
    path: PathBuf,
    file: BufReader<File>,
    place: Place,
}

/// The place of the next part.
#[derive(Debug)]
struct Place {
    seal: Arc<Seal>,
    id: String,
    number: u64,
}

impl Place {
    fn next(&mut self) -> Cell {
        self.number += 1;
        Cell::new("sealed_file", &[&self.id, &self.number])
    }

    /// Seals the next part, its length first.
    fn sealed<T: Serialize>(&mut self, part: &T) -> Result<Vec<u8>, PartError> {
        let plain = serde_json::to_vec(part).map_err(StateError::from)?;
        let packed = zstd::encode_all(plain.as_slice(), COMPRESSION_LEVEL)?;
        let cell = self.next();
        let sealed = self.seal.seal_bytes(&cell, &packed)?;
        let length = u32::try_from(sealed.len()).map_err(|_| io::Error::other("a part is too long"))?;
        Ok([&length.to_le_bytes()[..], &sealed].concat())
    }

    /// Opens a part. Its place is that of the last one that was read.
    fn opened<T: DeserializeOwned>(&self, sealed: &[u8]) -> Result<T, PartError> {
        let cell = Cell::new("sealed_file", &[&self.id, &self.number]);
        let packed = self.seal.open_bytes(&cell, sealed)?;
        let plain = zstd::decode_all(packed.as_slice())?;
        Ok(serde_json::from_slice(&plain).map_err(StateError::from)?)
    }
}

/// Why a part cannot be sealed or opened; which file it is of is not known there.
#[derive(Debug, thiserror::Error)]
enum PartError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl PartError {
    fn at(self, path: &Path) -> StateError {
        match self {
            Self::State(error) => error,
            Self::Io(error) => StateError::Sealed { path: path.to_owned(), error },
        }
    }
}

/// Tells whether a file begins as sealed files do.
pub fn is_sealed_file(path: &Path) -> bool {
    let mut begin = vec![0; MAGIC.len()];
    File::open(path).and_then(|mut file| file.read_exact(&mut begin)).is_ok_and(|()| begin == MAGIC.as_bytes())
}

impl State {
    /// Starts a file that is sealed with the state's key. A file of that name stays as it is until the new one is finished.
    ///
    /// # Errors
    /// Fails when it cannot be written.
    pub fn write_sealed(&self, path: &Path) -> Result<SealedWriter, StateError> {
        let failed = |error| StateError::Sealed { path: path.to_owned(), error };
        let id = hexadecimal(&Seal::new_key()[..ID_BYTES]);
        let mut file = BufWriter::new(PrivateFile::create(path).map_err(failed)?);
        writeln!(file, "{MAGIC}\n{id}").map_err(failed)?;
        let place = Place { seal: Arc::clone(&self.shared.seal), id, number: 0 };
        Ok(SealedWriter { path: path.to_owned(), file, place, bytes: 0 })
    }

    /// Adds a part to a sealed file.
    ///
    /// # Errors
    /// Fails when the file is damaged or cannot be written.
    pub fn append_sealed<T: Serialize>(&self, path: &Path, part: &T) -> Result<(), StateError> {
        let failed = |error| StateError::Sealed { path: path.to_owned(), error };
        let mut reader = self.read_sealed(path)?;
        while reader.next_sealed()?.is_some() {}
        let sealed = reader.place.sealed(part).map_err(|error| error.at(path))?;
        let mut file = File::options().append(true).open(path).map_err(failed)?;
        // In one write, so that the file ends with a whole part whatever happens.
        file.write_all(&sealed).and_then(|()| file.sync_all()).map_err(failed)
    }

    /// Opens a file that was sealed with the state's key.
    ///
    /// # Errors
    /// Fails when it is not there or no sealed file.
    pub fn read_sealed(&self, path: &Path) -> Result<SealedReader, StateError> {
        let failed = |error| StateError::Sealed { path: path.to_owned(), error };
        let mut file = BufReader::new(File::open(path).map_err(failed)?);
        let mut line = || {
            let mut line = String::new();
            // A line of another file may be as long as the file.
            (&mut file).take(128).read_line(&mut line).map(|_| line.trim_end().to_owned())
        };
        let is_one = line().is_ok_and(|line| line == MAGIC);
        if !is_one {
            return Err(failed(io::Error::other("it is no file that ferry sealed")));
        }
        let id = line().map_err(failed)?;
        let place = Place { seal: Arc::clone(&self.shared.seal), id, number: 0 };
        Ok(SealedReader { path: path.to_owned(), file, place })
    }
}

impl SealedWriter {
    /// Returns what tells this file from all others.
    pub fn id(&self) -> &str {
        &self.place.id
    }

    /// Writes a part.
    ///
    /// # Errors
    /// Fails when it cannot be written.
    pub fn put<T: Serialize>(&mut self, part: &T) -> Result<(), StateError> {
        let sealed = self.place.sealed(part).map_err(|error| error.at(&self.path))?;
        let failed = |error| StateError::Sealed { path: self.path.clone(), error };
        self.file.write_all(&sealed).map_err(failed)?;
        self.bytes += u64::try_from(sealed.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Puts the file in its place, readable for its owner alone. Returns its size in bytes.
    ///
    /// # Errors
    /// Fails when that cannot be done.
    pub fn finish(self) -> Result<u64, StateError> {
        let failed = |error| StateError::Sealed { path: self.path.clone(), error };
        let file = self.file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.put_in_place().map_err(failed)?;
        Ok(self.bytes)
    }
}

impl SealedReader {
    /// Returns what tells this file from all others.
    pub fn id(&self) -> &str {
        &self.place.id
    }

    /// Reads the next part; none at the end of the file. Whether that is the end that was written, the caller knows.
    ///
    /// # Errors
    /// Fails when the file is damaged, or sealed with another key.
    pub fn next_part<T: DeserializeOwned>(&mut self) -> Result<Option<T>, StateError> {
        let Some(sealed) = self.next_sealed()? else { return Ok(None) };
        self.place.opened(&sealed).map(Some).map_err(|error| error.at(&self.path))
    }

    /// Reads on to the end of the file and returns its last part, which alone is opened.
    ///
    /// # Errors
    /// As those of [`next_part`](Self::next_part).
    pub fn last<T: DeserializeOwned>(mut self) -> Result<Option<T>, StateError> {
        let mut last = None;
        while let Some(sealed) = self.next_sealed()? {
            last = Some(sealed);
        }
        last.map(|sealed| self.place.opened(&sealed).map_err(|error| error.at(&self.path))).transpose()
    }

    fn next_sealed(&mut self) -> Result<Option<Vec<u8>>, StateError> {
        let failed = |error| StateError::Sealed { path: self.path.clone(), error };
        if self.file.fill_buf().map_err(failed)?.is_empty() {
            return Ok(None);
        }
        let mut length = [0; 4];
        self.file.read_exact(&mut length).map_err(failed)?;
        let length = u32::from_le_bytes(length);
        if length > MAX_PART_BYTES {
            return Err(failed(io::Error::other("it is damaged")));
        }
        let mut sealed = Vec::new();
        (&mut self.file).take(u64::from(length)).read_to_end(&mut sealed).map_err(failed)?;
        self.place.number += 1;
        Ok(Some(sealed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::KEY_BYTES;

    fn state(key: u8) -> State {
        State::in_memory(Seal::new(&[key; KEY_BYTES])).unwrap()
    }

    fn written(state: &State, path: &Path, parts: &[&str]) {
        let mut writer = state.write_sealed(path).unwrap();
        for part in parts {
            writer.put(part).unwrap();
        }
        writer.finish().unwrap();
    }

    #[test]
    fn parts_come_back_in_order_and_in_no_other_file_or_key() {
        let folder = tempfile::tempdir().unwrap();
        let (own, other) = (folder.path().join("own"), folder.path().join("other"));
        written(&state(7), &own, &["ada@mail.example", "bob"]);
        written(&state(7), &other, &["x"]);
        let mut reader = state(7).read_sealed(&own).unwrap();
        assert_eq!(reader.next_part::<String>().unwrap().as_deref(), Some("ada@mail.example"));
        assert_eq!(reader.next_part::<String>().unwrap().as_deref(), Some("bob"));
        assert_eq!(reader.next_part::<String>().unwrap(), None);
        assert!(!String::from_utf8_lossy(&std::fs::read(&own).unwrap()).contains("ada@mail"));
        let with_other_key = state(8).read_sealed(&own).unwrap().next_part::<String>();
        assert!(matches!(with_other_key, Err(StateError::WrongKey)));
        let head = |path: &Path| std::fs::read(path).unwrap()[..MAGIC.len() + 2 + 2 * ID_BYTES].to_vec();
        let body = std::fs::read(&own).unwrap()[MAGIC.len() + 2 + 2 * ID_BYTES..].to_vec();
        std::fs::write(&own, [head(&other), body].concat()).unwrap();
        assert!(matches!(state(7).read_sealed(&own).unwrap().next_part::<String>(), Err(StateError::WrongKey)));
    }

    #[test]
    fn damage_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        written(&state(7), &path, &["a part that is long enough to be cut in the middle"]);
        let bytes = std::fs::read(&path).unwrap();
        let begin = MAGIC.len() + 2 + 2 * ID_BYTES;
        for damaged in [&bytes[..bytes.len() - 1], &bytes[..begin + 2], &[&bytes[..begin], &[255; 40]].concat()] {
            std::fs::write(&path, damaged).unwrap();
            assert!(state(7).read_sealed(&path).unwrap().next_part::<String>().is_err());
        }
        std::fs::write(&path, "id,name\n1,Ada\n").unwrap();
        assert!(state(7).read_sealed(&path).is_err());
    }
}
