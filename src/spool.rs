//! Bytes that are too many for memory: a file on disk that has no name, only this user can read, and that is gone with its
//! last holder, a killed process included. Start at [`SpoolWriter`].

use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
    sync::Arc,
};

/// Bytes that are read or written at once, in bytes.
const BUFFER_BYTES: usize = 128 * 1024;

/// Writes a spool.
#[derive(Debug)]
pub struct SpoolWriter {
    writer: BufWriter<File>,
    len: u64,
}

/// What was written: it can be read from any place, by several readers at once.
#[derive(Debug, Clone)]
pub struct Spool {
    file: Arc<File>,
    len: u64,
}

/// Reads a part of a spool from front to back.
#[derive(Debug)]
pub struct SpoolReader {
    spool: Spool,
    position: u64,
    end: u64,
}

impl SpoolWriter {
    /// Makes an empty file in the system's folder for such.
    ///
    /// # Errors
    /// Fails when the system gives none.
    pub fn new() -> io::Result<Self> {
        Ok(Self { writer: BufWriter::with_capacity(BUFFER_BYTES, tempfile::tempfile()?), len: 0 })
    }

    /// Returns how many bytes were written.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Tells whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Ends the writing.
    ///
    /// # Errors
    /// Fails when the disk does not take what is buffered.
    pub fn finish(self) -> io::Result<Spool> {
        let len = self.len;
        let file = self.writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Spool { file: Arc::new(file), len })
    }
}

impl Write for SpoolWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.writer.write(bytes)?;
        self.len += u64::try_from(count).unwrap_or(u64::MAX);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Spool {
    /// Returns how many bytes there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns a reader of the bytes from `start` to `end`, or to the end of the spool where that comes first.
    pub fn reader(&self, start: u64, end: u64) -> SpoolReader {
        SpoolReader { spool: self.clone(), position: start, end: end.min(self.len) }
    }

    /// Returns the bytes from `start` to `end`, or to the end of the spool where that comes first.
    ///
    /// # Errors
    /// Fails when the disk does.
    pub fn bytes(&self, start: u64, end: u64) -> io::Result<Vec<u8>> {
        let len = usize::try_from(end.min(self.len).saturating_sub(start)).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(len);
        self.reader(start, end).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Returns the bytes from `start` on, as many as are read at once; none at the end.
    ///
    /// # Errors
    /// Fails when the disk does.
    pub fn part(&self, start: u64) -> io::Result<Vec<u8>> {
        let mut part = vec![0; BUFFER_BYTES];
        let count = self.reader(start, u64::MAX).read(&mut part)?;
        part.truncate(count);
        Ok(part)
    }
}

impl Read for SpoolReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let count = read_at(&self.spool.file, &mut buffer[..wanted], self.position)?;
        self.position += u64::try_from(count).unwrap_or(u64::MAX);
        Ok(count)
    }
}

// The place is named with each read: readers share the file, and one that is abandoned half way disturbs no other.
#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, position)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spool_is_read_from_any_place_by_several_readers() {
        let mut writer = SpoolWriter::new().unwrap();
        writer.write_all(&vec![b'a'; BUFFER_BYTES]).unwrap();
        writer.write_all(b"bcd").unwrap();
        let spool = writer.finish().unwrap();
        assert_eq!(spool.len(), u64::try_from(BUFFER_BYTES).unwrap() + 3);
        let (mut first, mut second) = (spool.reader(0, u64::MAX), spool.reader(spool.len() - 3, spool.len() - 1));
        let mut one = [0];
        first.read_exact(&mut one).unwrap();
        let mut end = String::new();
        second.read_to_string(&mut end).unwrap();
        assert_eq!(end, "bc");
        let mut rest = Vec::new();
        first.read_to_end(&mut rest).unwrap();
        assert_eq!(rest.len(), BUFFER_BYTES + 2, "the other reader moved nothing");
    }

    #[test]
    fn parts_make_up_the_whole() {
        let mut writer = SpoolWriter::new().unwrap();
        let whole: Vec<u8> = (0..=255).cycle().take(BUFFER_BYTES * 2 + 7).collect();
        writer.write_all(&whole).unwrap();
        let spool = writer.finish().unwrap();
        let mut found = Vec::new();
        loop {
            let part = spool.part(u64::try_from(found.len()).unwrap()).unwrap();
            if part.is_empty() {
                break;
            }
            found.extend(part);
        }
        assert_eq!(found, whole);
    }
}
