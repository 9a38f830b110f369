//! What is known of the systems without asking them: descriptions kept from an earlier run, and the fixtures' schemas.

use std::{fs, io, path::PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::connector::Entry;
use crate::model::{ConnectionName, ObjectName, Schema};
use crate::private_file::PrivateFile;

use super::{files::read_text, pipeline::Connection};

/// Answers what an object looks like without network access.
pub trait OfflineSchemas {
    /// Returns the object's schema, if it is known.
    fn schema(&self, connector: &str, connection: &ConnectionName, object: &ObjectName) -> Option<Schema>;

    /// Returns all objects of the connection, if they are known; an object that is not among them does not exist.
    fn objects(&self, connector: &str, connection: &ConnectionName) -> Option<Vec<ObjectName>>;

    /// Opens a file that is read and returns what it looks like; none where files are not opened, or the connection is no folder.
    fn file(
        &self,
        _entry: &Entry,
        _connection: &Connection,
        _object: &ObjectName,
    ) -> Option<Result<Schema, FileTrouble>> {
        None
    }
}

/// Why a file that is read cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileTrouble {
    /// It is not there, which may change before the pipeline is run.
    pub is_absent: bool,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it, where that is likely right.
    pub hint: Option<String>,
}

/// Knows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSchemas;

impl OfflineSchemas for NoSchemas {
    fn schema(&self, _connector: &str, _connection: &ConnectionName, _object: &ObjectName) -> Option<Schema> {
        None
    }

    fn objects(&self, _connector: &str, _connection: &ConnectionName) -> Option<Vec<ObjectName>> {
        None
    }
}

/// Keeps descriptions that a system gave, one file each, for validating without the system.
///
/// It knows the objects that were described and no others, and what they looked like then.
#[derive(Debug, Clone)]
pub struct SchemaCache {
    folder: PathBuf,
}

/// What a file holds.
#[derive(Debug, Serialize, Deserialize)]
struct Description {
    connector: String,
    schema: Schema,
}

impl SchemaCache {
    /// Keeps descriptions in a folder, which need not exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Keeps a description.
    ///
    /// # Errors
    /// Fails when the folder cannot be written.
    pub fn store(&self, connector: &str, connection: &ConnectionName, schema: &Schema) -> io::Result<()> {
        let path = self.path(connection, &schema.object);
        let description = Description { connector: connector.to_owned(), schema: schema.clone() };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        PrivateFile::write(&path, &serde_json::to_vec_pretty(&description)?)
    }

    fn path(&self, connection: &ConnectionName, object: &ObjectName) -> PathBuf {
        let safe = |name: &str| utf8_percent_encode(name, NON_ALPHANUMERIC).to_string();
        self.folder.join(safe(connection)).join(format!("{}.json", safe(object)))
    }
}

impl OfflineSchemas for SchemaCache {
    /// Returns the description, unless the connection has another type by now.
    fn schema(&self, connector: &str, connection: &ConnectionName, object: &ObjectName) -> Option<Schema> {
        let text = read_text(&self.path(connection, object)).ok()?;
        let description: Description = serde_json::from_str(&text).ok()?;
        (description.connector == connector).then_some(description.schema)
    }

    fn objects(&self, _connector: &str, _connection: &ConnectionName) -> Option<Vec<ObjectName>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Field, FieldType};

    #[test]
    fn a_description_is_found_again_for_its_own_connection_and_type() {
        let folder = tempfile::tempdir().unwrap();
        let cache = SchemaCache::new(folder.path().join("not/there/yet"));
        let object = ObjectName::new("../odd name/ü");
        let fields = vec![Field::new("email", FieldType::Text)];
        let schema = Schema { object: object.clone(), fields, is_open: false };
        cache.store("hubspot", &"crm".into(), &schema).unwrap();
        assert_eq!(cache.schema("hubspot", &"crm".into(), &object), Some(schema));
        assert_eq!(cache.schema("airtable", &"crm".into(), &object), None);
        assert_eq!(cache.schema("hubspot", &"other".into(), &object), None);
        assert!(!folder.path().join("odd name").exists(), "names cannot leave the folder");
    }
}
