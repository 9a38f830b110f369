//! Files that a pipeline would write twice: the last writer would win while the ledger counts both.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use crate::connector::{Registry, file::Folder};
use crate::model::{ConnectionName, ObjectName};

use super::{
    super::{
        diagnostic::Diagnostic,
        pipeline::{Connection, Pipeline, Stream, StreamDestination},
        raw::RawStream,
        span::At,
    },
    Resolver,
};

/// A file as the system knows it, whatever the way to it is called.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Identity {
    /// A file that is there: its device and its number.
    #[cfg(unix)]
    There(u64, u64),
    /// A path without links, as far as it is there.
    Path(PathBuf),
}

impl Identity {
    fn of(path: &Path) -> Self {
        #[cfg(unix)]
        if let Ok(there) = fs::metadata(path) {
            use std::os::unix::fs::MetadataExt;
            return Self::There(there.dev(), there.ino());
        }
        Self::Path(without_links(path))
    }
}

/// Follows the links of a path as far as it is there.
fn without_links(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut missing: Vec<&OsStr> = Vec::new();
    for nearest in path.ancestors() {
        if let Ok(found) = fs::canonicalize(nearest) {
            return missing.iter().rev().fold(found, |path, name| path.join(name));
        }
        missing.extend(nearest.file_name());
    }
    path
}

/// What a stream does with a file, and where that is written.
struct Use<'a> {
    stream: usize,
    connection: String,
    object: String,
    at: At<'a>,
    /// The file, and the part of it that is the object where several share the file.
    file: (Identity, Option<String>),
}

impl Use<'_> {
    fn is_named_as(&self, other: &Self) -> bool {
        (self.stream, &self.connection, &self.object) == (other.stream, &other.connection, &other.object)
    }
}

impl Resolver<'_> {
    /// Finds files that two destinations write, and files that one stream reads and another one writes.
    pub(super) fn check_files(&mut self, raw: &[RawStream], at: &At<'_>) {
        let (mut reads, mut writes): (Vec<Use<'_>>, Vec<Use<'_>>) = (Vec::new(), Vec::new());
        for (index, stream) in raw.iter().enumerate() {
            let at = at.index(index);
            if let Some(source) = &stream.source {
                let at = at.key("source");
                reads.extend(self.file_use(index, source.connection.as_ref(), source.object.as_ref(), &at, read_file));
            }
            for (number, target) in stream.destinations.iter().flatten().enumerate() {
                let at = at.key("destinations").index(number);
                writes.extend(self.file_use(
                    index,
                    target.connection.as_ref(),
                    target.object.as_ref(),
                    &at,
                    written_file,
                ));
            }
        }
        let mut written: HashMap<&(Identity, Option<String>), &Use<'_>> = HashMap::new();
        let mut read: HashMap<&(Identity, Option<String>), &Use<'_>> = HashMap::new();
        for one in reads.iter().rev() {
            read.insert(&one.file, one);
        }
        for write in &writes {
            let first = *written.entry(&write.file).or_insert(write);
            // The same words twice in one stream have a finding of their own.
            if !std::ptr::eq(first, write) && !first.is_named_as(write) {
                self.findings.push(written_twice(first, write));
            }
            if let Some(read) = read.get(&write.file).filter(|read| read.stream != write.stream) {
                self.findings.push(read_and_written(read, write));
            }
        }
    }

    fn file_use<'a>(
        &self,
        stream: usize,
        connection: Option<&String>,
        object: Option<&String>,
        at: &At<'a>,
        file_of: fn(&Folder, &ObjectName) -> Option<PathBuf>,
    ) -> Option<Use<'a>> {
        let known = self.connections.get(&ConnectionName::from(connection?.as_str()))?;
        let options = known.connection.as_ref()?.options.clone();
        let folder = (known.entry?.folder)(options, self.scene.base_dir)?;
        let object_name = ObjectName::from(object?.as_str());
        let file = file_of(&folder, &object_name)?;
        Some(Use {
            stream,
            connection: connection?.clone(),
            object: object?.clone(),
            at: at.key("object"),
            file: (Identity::of(&file), folder.part(&object_name)),
        })
    }
}

fn read_file(folder: &Folder, object: &ObjectName) -> Option<PathBuf> {
    folder.existing(object).or_else(|_| folder.target(object)).ok()
}

fn written_file(folder: &Folder, object: &ObjectName) -> Option<PathBuf> {
    folder.target(object).ok()
}

fn written_twice(first: &Use<'_>, second: &Use<'_>) -> Diagnostic {
    let line = first.at.value_spot().span.map_or(0, |span| span.line);
    let message = format!("`{}` is the file that line {line} writes too", second.object);
    Diagnostic::error("config.file_written_twice", second.at.value_spot(), message)
        .with_hint("each write replaces the whole file; give this one another `object` or folder")
}

fn read_and_written(read: &Use<'_>, write: &Use<'_>) -> Diagnostic {
    let line = read.at.value_spot().span.map_or(0, |span| span.line);
    let message = format!("`{}` is the file that the stream on line {line} reads", write.object);
    Diagnostic::warning("config.file_read_and_written", write.at.value_spot(), message)
        .with_hint("the order of the two is not fixed; make the second a pipeline that runs after this one")
}

/// Returns the file that a destination replaces, if it is the one that its stream reads: in place, which is safe only for whole
/// reads.
pub fn replaced_source(
    pipeline: &Pipeline,
    stream: &Stream,
    target: &StreamDestination,
    registry: &Registry,
) -> Option<PathBuf> {
    let folder = |name: &ConnectionName| {
        let Connection { connector, options, .. } = pipeline.connections.get(name)?;
        (registry.get(connector).ok()?.folder)(options.clone(), &pipeline.base_dir)
    };
    let (from, to) = (folder(&stream.connection)?, folder(&target.connection)?);
    let source = read_file(&from, &stream.object)?;
    let written = written_file(&to, &target.object)?;
    let is_same =
        Identity::of(&source) == Identity::of(&written) && from.part(&stream.object) == to.part(&target.object);
    is_same.then_some(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_file_is_known_whatever_the_way_to_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| Identity::of(&folder.path().join(path));
        fs::create_dir(folder.path().join("out")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("out"), folder.path().join("link")).unwrap();
        assert_eq!(at("out/x.csv"), at("link/x.csv"), "a file that is not there yet");
        assert_eq!(at("out/new/x.csv"), at("link/./new/x.csv"));
        fs::write(folder.path().join("out/x.csv"), "").unwrap();
        fs::hard_link(folder.path().join("out/x.csv"), folder.path().join("other.csv")).unwrap();
        assert_eq!(at("link/x.csv"), at("other.csv"));
        assert_ne!(at("out/x.csv"), at("out/y.csv"));
    }
}
