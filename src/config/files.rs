//! The one place of `config` that reads files: the pipeline, what stands beside it, and what it names.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::redact::remember;

use super::{
    diagnostic::Diagnostic,
    dotenv,
    interpolate::Lookup,
    options::is_secret_name,
    span::{Document, Span, Spot},
    yaml,
};

/// Largest file that is read, in bytes. A pipeline of a thousand streams has less than one million; the limit keeps a device
/// or a data file that was named by mistake from filling the memory.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Why a file's text is not there.
#[derive(Debug)]
pub(super) enum ReadError {
    /// It cannot be opened or read.
    Io(io::Error),
    /// It is larger than any pipeline.
    TooLarge,
    /// It is a pipe or a device, which may never end.
    NoRegularFile,
    /// It is not UTF-8: the text before the first wrong byte.
    NotUtf8 { before: String },
}

impl ReadError {
    /// Tells whether there is no such file.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// Returns the reason for the user.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Io(error) if error.kind() == io::ErrorKind::NotFound => "there is no such file".to_owned(),
            Self::Io(error) if error.kind() == io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
            Self::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            Self::Io(error) => error.kind().to_string(),
            Self::TooLarge => "it is larger than 8 MiB".to_owned(),
            Self::NoRegularFile => "it is a pipe or a device, not a file".to_owned(),
            Self::NotUtf8 { .. } => "it is not UTF-8 text".to_owned(),
        }
    }
}

/// Reads a text file that a pipeline names or that stands beside it. A pipe could wait for ever, so it is refused.
pub(super) fn read_text(path: &Path) -> Result<String, ReadError> {
    let metadata = fs::metadata(path).map_err(ReadError::Io)?;
    if !metadata.is_file() && !metadata.is_dir() {
        return Err(ReadError::NoRegularFile);
    }
    read_any(path)
}

/// Reads what the user named as the pipeline, which may be a pipe, without its byte order mark.
fn read_any(path: &Path) -> Result<String, ReadError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(ReadError::Io)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(ReadError::Io)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(ReadError::TooLarge);
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
        ReadError::NotUtf8 { before }
    })?;
    Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned))
}

/// Reads a YAML file, or says what is wrong with it. The text is there for showing its lines even when it is no YAML.
pub(super) fn read_yaml(path: &Path, findings: &mut Vec<Diagnostic>) -> (Option<Document>, String) {
    let text = match read_any(path) {
        Ok(text) => text,
        Err(ReadError::NotUtf8 { before }) => {
            findings.push(not_utf8(path, &before));
            return (None, before);
        }
        Err(error) => {
            let message = format!("the file cannot be read: {}", error.reason());
            findings.push(Diagnostic::error("config.unreadable", Spot::file(path), message));
            return (None, String::new());
        }
    };
    let document = yaml::read(path, &text, findings);
    let document = document.map(|root| Document { file: path.into(), text: text.clone(), root });
    (document, text)
}

fn not_utf8(path: &Path, before: &str) -> Diagnostic {
    let last_line = before.rsplit('\n').next().unwrap_or_default();
    let span = Span {
        start: before.chars().count(),
        line: before.matches('\n').count() + 1,
        column: last_line.chars().count() + 1,
        length: 1,
        extent: 1,
    };
    Diagnostic::error("config.not_utf8", Spot::span(path, span), "the file is not UTF-8 text from here on")
        .with_hint("save it as UTF-8; most editors offer this under \"Save with encoding\"")
}

/// The environment of a pipeline: the process' own variables, then the `.env` file beside it; and the files of its folder.
pub(super) struct Surroundings<'a> {
    environment: &'a dyn Fn(&str) -> Option<String>,
    placeholder: Option<&'a str>,
    dotenv: HashMap<String, String>,
    base_dir: PathBuf,
}

impl<'a> Surroundings<'a> {
    /// Reads the `.env` file of a folder, if there is one.
    pub(super) fn new(
        environment: &'a dyn Fn(&str) -> Option<String>,
        placeholder: Option<&'a str>,
        base_dir: &Path,
        findings: &mut Vec<Diagnostic>,
    ) -> Self {
        let path = base_dir.join(".env");
        let dotenv = match read_text(&path) {
            Ok(text) => dotenv::parse(&path, &text, findings),
            Err(error) if error.is_missing() => HashMap::new(),
            Err(error) => {
                let message = format!("the file cannot be read: {}", error.reason());
                findings.push(Diagnostic::error("config.unreadable", Spot::file(&path), message));
                HashMap::new()
            }
        };
        Self { environment, placeholder, dotenv, base_dir: base_dir.to_owned() }
    }
}

impl Lookup for Surroundings<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        let is_secret = is_secret_name(name);
        if is_secret && let Some(placeholder) = self.placeholder {
            return Some(placeholder.to_owned());
        }
        let value = (self.environment)(name).or_else(|| self.dotenv.get(name).cloned())?;
        if is_secret {
            remember(&value);
        }
        Some(value)
    }

    fn placeholder(&self) -> Option<String> {
        self.placeholder.map(str::to_owned)
    }

    fn file(&self, path: &str) -> Result<String, String> {
        read_text(&self.base_dir.join(path)).map_err(|error| error.reason())
    }
}
