//! What an object looks like from both sides: to those who read it and to those who write it.

use crate::config::Connection;
use crate::connector::{ConfigError, ConnectorError, Context, Destination, Entry, Source};
use crate::model::{Field, ObjectName, Schema};

/// A connection from both sides; one that is no source, or no destination, has that side's error.
pub(super) struct Sides {
    pub(super) source: Result<Box<dyn Source>, ConfigError>,
    pub(super) destination: Result<Box<dyn Destination>, ConfigError>,
}

impl Sides {
    /// Makes both sides of a connection.
    pub(super) fn of(entry: &Entry, connection: &Connection, context: &Context) -> Self {
        let context = context.for_connection(connection.name.clone());
        Self {
            source: (entry.source)(connection.options.clone(), &context),
            destination: (entry.destination)(connection.options.clone(), &context),
        }
    }

    /// Describes an object as it can be read, and what can be written to it besides.
    ///
    /// # Errors
    /// Fails where it cannot be described, or where the system has neither side (then with the inner error).
    pub(super) async fn describe(&self, object: &ObjectName) -> Result<Result<Schema, ConnectorError>, &ConfigError> {
        let (source, destination) = match (&self.source, &self.destination) {
            (Ok(source), destination) => (source, destination.as_ref().ok()),
            (Err(_), Ok(destination)) => return Ok(destination.describe(object).await),
            (Err(error), Err(_)) => return Err(error),
        };
        let mut schema = match source.describe(object).await {
            Ok(schema) => schema,
            Err(error) => return Ok(Err(error)),
        };
        // What this user may not write has nothing besides.
        if let Some(destination) = destination
            && let Ok(written) = destination.describe(object).await
        {
            add_written(&mut schema, written);
        }
        Ok(Ok(schema))
    }
}

fn add_written(schema: &mut Schema, written: Schema) {
    for field in written.fields {
        match schema.fields.iter_mut().find(|known| known.name == field.name) {
            Some(known) if known.is_read_only && !field.is_read_only => *known = field,
            Some(_) => {}
            None => schema.fields.push(Field { is_write_only: true, ..field }),
        }
    }
}
