//! Looks for what was removed in the bytes of the state file and its log, below what SQLite shows of them.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use memchr::memmem::Finder as Needle;

use crate::state::{Work, error::StateError};

use super::{
    address::{Address, Mention},
    sealed::CLEAR,
};

/// Bytes of a sealed cell that tell it from every other one.
const MARK_BYTES: usize = 16;
/// Bytes of the file that are looked at at once.
const CHUNK_BYTES: usize = 1 << 20;

/// The first bytes of a sealed cell.
pub(super) type Mark = [u8; MARK_BYTES];

/// Returns what tells a sealed cell from every other one; none where it is too short to be one.
pub(super) fn mark(stored: &[u8]) -> Option<Mark> {
    stored.first_chunk().copied()
}

/// Tells whether the file or its log holds one of these cells, or the address in clear.
pub(super) async fn holds(path: &Path, marks: HashSet<Mark>, address: Option<String>) -> Result<bool, StateError> {
    let files = ["", "-wal"].map(|end| PathBuf::from(format!("{}{end}", path.display())));
    let address = address.map(|address| Address::new(&address).as_str().to_ascii_lowercase().into_bytes());
    let look = move || {
        for file in files.iter().filter(|file| file.exists()) {
            let failed = |error| StateError::Unread { path: file.clone(), error };
            let opened = File::open(file).map_err(failed)?;
            if is_in(opened, &marks, address.as_deref().filter(|address| !address.is_empty())).map_err(failed)? {
                return Ok(true);
            }
        }
        Ok(false)
    };
    tokio::task::spawn_blocking(look).await.map_err(|_| StateError::Stopped)?
}

fn is_in(mut file: impl Read, marks: &HashSet<Mark>, address: Option<&[u8]>) -> io::Result<bool> {
    // Most places are told apart by two bytes, so that few are looked up.
    let mut begins = vec![false; 1 << 16];
    for mark in marks {
        begins[usize::from(u16::from_be_bytes([mark[0], mark[1]]))] = true;
    }
    let is_marked = |window: &[u8]| {
        let begin = |window: &[u8; MARK_BYTES]| usize::from(u16::from_be_bytes([window[0], window[1]]));
        let windows = window.windows(MARK_BYTES).filter_map(|window| window.first_chunk());
        windows.filter(|window| begins[begin(window)]).any(|window| marks.contains(window))
    };
    let needle = address.map(Needle::new);
    let overlap = MARK_BYTES.max(address.map_or(0, <[u8]>::len));
    let mut window = Vec::with_capacity(CHUNK_BYTES + overlap);
    loop {
        let read = (&mut file).take(CHUNK_BYTES as u64).read_to_end(&mut window)?;
        if read == 0 {
            return Ok(false);
        }
        let is_named = needle.as_ref().is_some_and(|needle| needle.find(&window.to_ascii_lowercase()).is_some());
        if is_named || (!marks.is_empty() && is_marked(&window)) {
            return Ok(true);
        }
        window.drain(..window.len().saturating_sub(overlap));
    }
}

impl Work<'_> {
    /// Returns the columns in clear that name the address, as `table.column`.
    pub(super) fn clear_mentions(&self, address: Option<&str>) -> Result<Vec<String>, StateError> {
        let Some(address) = address.map(Address::new) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for (table, column) in CLEAR.iter().flat_map(|(table, columns)| columns.iter().map(move |name| (table, name))) {
            let sql = format!("SELECT DISTINCT \"{column}\" FROM {table} WHERE \"{column}\" IS NOT NULL");
            let mut statement = self.transaction.prepare(&sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let text: String = row.get(0)?;
                if address.mention_in(&text) > Mention::None {
                    found.push(format!("{table}.{column}"));
                    break;
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_and_an_address_are_found_over_the_border_of_two_chunks() {
        let address = b"ada@example.test";
        let mark: Mark = *b"\x00\x01cdefghijklmnop";
        for place in [0, 7, CHUNK_BYTES - 9, CHUNK_BYTES, 2 * CHUNK_BYTES - 1] {
            let with = |needle: &[u8]| [vec![b'.'; place], needle.to_vec(), vec![b'.'; 99]].concat();
            assert!(is_in(with(&mark).as_slice(), &[mark].into(), None).unwrap(), "{place}");
            assert!(is_in(with(b"ADA@Example.test").as_slice(), &HashSet::new(), Some(address)).unwrap(), "{place}");
            assert!(!is_in(with(b"ada@example").as_slice(), &[mark].into(), Some(address)).unwrap(), "{place}");
        }
    }
}
