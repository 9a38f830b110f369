//! Finds the file of an object in a folder.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Component, Path, PathBuf},
    time::UNIX_EPOCH,
};

use serde::{Deserialize, Serialize};

use crate::model::{ObjectName, name_list, nearest, one_form, visible};

use crate::connector::{ConnectorError, ErrorKind};

/// A folder whose files are objects.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    extensions: &'static [&'static str],
    /// The path is one file, and the objects are parts of it.
    is_one_file: bool,
}

/// Tells one version of a file from the next: a cursor into another version leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// In bytes.
    pub size: u64,
    /// In milliseconds since 1970, zero where the file system tells none.
    pub modified_ms: u64,
}

impl Folder {
    /// Names a folder, relative to `base_dir`, and the endings its files may have; new files get the first.
    pub fn new(base_dir: &Path, path: &Path, extensions: &'static [&'static str]) -> Self {
        Self { path: tidy(&base_dir.join(path)), extensions, is_one_file: false }
    }

    /// Names one file, relative to `base_dir`, whose parts are the objects, as the sheets of a workbook.
    pub fn one_file(base_dir: &Path, path: &Path) -> Self {
        Self { path: tidy(&base_dir.join(path)), extensions: &[], is_one_file: true }
    }

    /// Tells whether the objects are parts of one file.
    pub fn is_one_file(&self) -> bool {
        self.is_one_file
    }

    /// Returns what tells an object from the other parts of its file; none where the file is the object.
    pub fn part(&self, object: &ObjectName) -> Option<String> {
        self.is_one_file.then(|| one_form(object).to_lowercase())
    }

    /// Returns the folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Checks that the folder can be listed.
    ///
    /// # Errors
    /// Fails when there is no such folder, or when it is a file.
    pub fn check_readable(&self) -> Result<(), ConnectorError> {
        if self.is_one_file {
            return self.the_file().map(|_| ());
        }
        if self.path.is_file() {
            return Err(not_a_folder(&self.path));
        }
        let unreadable = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => file_error("read", &self.path, &error)
                .with_hint("the connection's `path` is relative to the pipeline's folder"),
            _ => file_error("read", &self.path, &error),
        };
        fs::read_dir(&self.path).map(|_| ()).map_err(unreadable)
    }

    /// Checks that files could be made in the folder, or that the folder itself could be made. Writes nothing.
    ///
    /// # Errors
    /// Fails when a file is in the way or the folder is read-only.
    pub fn check_writable(&self) -> Result<(), ConnectorError> {
        let folder = if self.is_one_file { self.path.parent().unwrap_or(Path::new("")) } else { &self.path };
        let Some(nearest) = folder.ancestors().find(|path| path.exists()) else { return Ok(()) };
        let metadata = fs::metadata(nearest).map_err(|error| file_error("look at", nearest, &error))?;
        if !metadata.is_dir() {
            return Err(not_a_folder(nearest));
        }
        if metadata.permissions().readonly() {
            let refused = io::Error::from(io::ErrorKind::PermissionDenied);
            return Err(file_error("write into", nearest, &refused));
        }
        Ok(())
    }

    /// Returns the path of the object's file, which exists. The object may be named with or without the file's ending.
    ///
    /// # Errors
    /// Fails when there is no such file; the hint names what there is.
    pub fn existing(&self, object: &ObjectName) -> Result<PathBuf, ConnectorError> {
        if self.is_one_file {
            return self.the_file();
        }
        check_name(object)?;
        let exact = self.path.join(object.as_str());
        let with_ending = self.extensions.iter().map(|ending| self.path.join(format!("{object}.{ending}")));
        let mut candidates = std::iter::once(exact).chain(with_ending);
        if let Some(found) = candidates.find(|path| path.exists() && !path.is_dir()) {
            return if found.is_file() { Ok(found) } else { Err(not_a_file(&found)) };
        }
        self.check_readable()?;
        if let Some(found) = self.spelt_otherwise(object) {
            return Ok(found);
        }
        let message = format!("`{}` holds no file for `{object}`", self.path.display());
        let error = ConnectorError::new(ErrorKind::NotFound, "file_not_found", message);
        Err(error.with_hint(self.hint(object)))
    }

    /// Returns the path that the object's file will have.
    ///
    /// # Errors
    /// Fails when the name leads out of the folder.
    pub fn target(&self, object: &ObjectName) -> Result<PathBuf, ConnectorError> {
        if self.is_one_file {
            return if self.path.is_dir() { Err(is_a_folder(&self.path)) } else { Ok(self.path.clone()) };
        }
        check_name(object)?;
        let path = self.path.join(object.as_str());
        if self.has_known_ending(&path) {
            return Ok(path);
        }
        let ending = self.extensions.first().copied().unwrap_or_default();
        Ok(self.path.join(format!("{object}.{ending}")))
    }

    /// Returns the one file that all objects are in, which exists.
    fn the_file(&self) -> Result<PathBuf, ConnectorError> {
        if self.path.is_dir() {
            return Err(is_a_folder(&self.path));
        }
        let metadata = fs::metadata(&self.path).map_err(|error| {
            let unreadable = file_error("read", &self.path, &error);
            let is_absent = error.kind() == io::ErrorKind::NotFound;
            unreadable.with_hint_if(
                is_absent.then(|| "the connection's `path` is relative to the pipeline's folder".to_owned()),
            )
        })?;
        if metadata.is_file() { Ok(self.path.clone()) } else { Err(not_a_file(&self.path)) }
    }

    /// Returns the one file whose name differs in the case of its ending alone, as Windows programs write it (`LEADS.CSV`), or in
    /// nothing that shows, as accents that a Mac writes as characters of their own.
    fn spelt_otherwise(&self, object: &ObjectName) -> Option<PathBuf> {
        let wanted = self.path.join(object.as_str());
        let form = |name: &OsStr| one_form(&name.to_string_lossy());
        let (name, stem) = (form(wanted.file_name()?), |path: &Path| path.file_stem().map(form));
        let entries = fs::read_dir(wanted.parent()?).ok()?.flatten().map(|entry| entry.path());
        let is_it = |path: &PathBuf| {
            let is_whole = path.file_name().map(form).as_ref() == Some(&name);
            path.is_file() && self.has_known_ending(path) && (is_whole || stem(path).as_ref() == Some(&name))
        };
        let mut found = entries.filter(is_it);
        let first = found.next();
        first.filter(|_| found.next().is_none())
    }

    fn has_known_ending(&self, path: &Path) -> bool {
        path.extension().is_some_and(|ending| self.extensions.iter().any(|known| ending.eq_ignore_ascii_case(known)))
    }

    fn hint(&self, object: &ObjectName) -> String {
        let names = self.names();
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        let Some(held) = name_list(&known) else {
            return format!("the folder holds no .{} file", self.extensions.first().copied().unwrap_or_default());
        };
        match nearest(object.as_str(), known.iter().copied()) {
            Some(near) => format!("did you mean `{}`? the folder holds {held}", visible(near)),
            None => format!("the folder holds {held}"),
        }
    }

    /// Returns the names that the folder's files have as objects, sorted.
    fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.path) else { return Vec::new() };
        let paths = entries.flatten().map(|entry| entry.path());
        let known = paths.filter(|path| self.has_known_ending(path));
        let mut names: Vec<String> =
            known.filter_map(|path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned())).collect();
        names.retain(|name| !name.starts_with('.'));
        names.sort();
        names.dedup();
        names
    }
}

impl Stamp {
    /// Returns the stamp of a file.
    ///
    /// # Errors
    /// Fails when the file cannot be looked at.
    pub fn of(path: &Path) -> Result<Self, ConnectorError> {
        let metadata = fs::metadata(path).map_err(|error| file_error("look at", path, &error))?;
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified_ms = modified.and_then(|age| u64::try_from(age.as_millis()).ok()).unwrap_or_default();
        Ok(Self { size: metadata.len(), modified_ms })
    }

    /// Checks that the file is still the same after it was read: if it was cut or changed during the read, it is unknown what was
    /// read.
    ///
    /// # Errors
    /// Fails when its size or time differ.
    pub fn check(&self, path: &Path) -> Result<(), ConnectorError> {
        if Self::of(path)? == *self {
            return Ok(());
        }
        let message = format!("`{}` changed while it was read", path.display());
        Err(ConnectorError::new(ErrorKind::Io, "file_changed", message)
            .with_hint("run again when the program that writes the file is done"))
    }
}

/// Says which file could not be used, and why: `cannot read `data/x.csv`: no such file or directory`.
pub fn file_error(action: &str, path: &Path, error: &io::Error) -> ConnectorError {
    let (kind, code, reason) = match error.kind() {
        io::ErrorKind::NotFound => (ErrorKind::NotFound, "file_not_found", "it does not exist".to_owned()),
        io::ErrorKind::PermissionDenied => (ErrorKind::Io, "permission_denied", "permission denied".to_owned()),
        io::ErrorKind::StorageFull => (ErrorKind::Io, "disk_full", "the disk is full".to_owned()),
        _ => (ErrorKind::Io, "file_error", error.to_string()),
    };
    ConnectorError::new(kind, code, format!("cannot {action} `{}`: {reason}", path.display()))
}

/// Leaves the steps out of a path that lead nowhere: `./export/.` is `export`.
fn tidy(path: &Path) -> PathBuf {
    let steps: PathBuf = path.components().filter(|step| *step != Component::CurDir).collect();
    if steps.as_os_str().is_empty() { PathBuf::from(".") } else { steps }
}

fn check_name(object: &ObjectName) -> Result<(), ConnectorError> {
    let mut parts = Path::new(object.as_str()).components().peekable();
    if parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_))) {
        return Ok(());
    }
    let message = format!("`{object}` is no name of a file inside the connection's folder");
    Err(ConnectorError::new(ErrorKind::NotFound, "bad_file_name", message)
        .with_hint("the folder is the connection's `path`; `object` names a file in it"))
}

fn not_a_file(path: &Path) -> ConnectorError {
    let message = format!("`{}` is no regular file but a pipe or a device", path.display());
    ConnectorError::new(ErrorKind::NotFound, "not_a_file", message)
        .with_hint("a file is read more than once: save what comes out of the pipe to a file first")
}

fn is_a_folder(path: &Path) -> ConnectorError {
    let message = format!("`{}` is a folder, and `path` names a file", path.display());
    ConnectorError::new(ErrorKind::NotFound, "not_a_file", message)
        .with_hint("write the file itself as `path`, and a part of it, such as a sheet, as `object`")
}

fn not_a_folder(path: &Path) -> ConnectorError {
    let message = format!("`{}` is a file, and `path` names a folder", path.display());
    ConnectorError::new(ErrorKind::NotFound, "not_a_folder", message)
        .with_hint("write the folder as `path` and the file's name as `object`")
}

#[cfg(test)]
mod tests;
