//! What is known of the systems without asking them: descriptions kept from an earlier run, and the fixtures' schemas.

use crate::model::{ConnectionName, ObjectName, Schema};

/// Answers what an object looks like without network access.
pub trait OfflineSchemas {
    /// Returns the object's schema, if it is known.
    fn schema(&self, connector: &str, connection: &ConnectionName, object: &ObjectName) -> Option<Schema>;

    /// Returns all objects of the connection, if they are known; an object that is not among them does not exist.
    fn objects(&self, connector: &str, connection: &ConnectionName) -> Option<Vec<ObjectName>>;
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
