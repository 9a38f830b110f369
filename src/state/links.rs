//! Links that wait for the record they point to, or for their turn.

use rusqlite::params;

use super::{Work, error::StateError, scopes::ScopeId};

/// A link field of a record that is at the destination, with what it has to point to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingLink {
    /// The record's source id.
    pub source_id: String,
    /// The link field, by the destination's name.
    pub field: String,
    /// The stream whose records are linked.
    pub stream: String,
    /// The linked records' source ids.
    pub targets: Vec<String>,
    /// How many of them are linked at the destination.
    pub linked: u64,
}

impl Work<'_> {
    /// Stores a pending link; one of the same record and field is replaced.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn save_link(&self, scope: ScopeId, link: &PendingLink) -> Result<(), StateError> {
        self.transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO pending_links (scope_id, source_id, field, stream, targets, linked) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                scope.0,
                link.source_id,
                link.field,
                link.stream,
                serde_json::to_string(&link.targets)?,
                i64::try_from(link.linked).unwrap_or(i64::MAX),
            ])?;
        Ok(())
    }

    /// Removes a pending link.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn settle_link(&self, scope: ScopeId, source_id: &str, field: &str) -> Result<(), StateError> {
        self.transaction
            .prepare_cached("DELETE FROM pending_links WHERE scope_id = ?1 AND source_id = ?2 AND field = ?3")?
            .execute(params![scope.0, source_id, field])?;
        Ok(())
    }

    /// Returns up to `limit` pending links of a scope that come after `after` (source id and field), in that order.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn pending_links(
        &self,
        scope: ScopeId,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<PendingLink>, StateError> {
        let (source_id, field) = after.unwrap_or(("", ""));
        let sql = "SELECT source_id, field, stream, targets, linked FROM pending_links
                   WHERE scope_id = ?1 AND (source_id, field) > (?2, ?3) ORDER BY source_id, field LIMIT ?4";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let mut rows = statement.query(params![scope.0, source_id, field, limit])?;
        let mut links = Vec::new();
        while let Some(row) = rows.next()? {
            links.push(PendingLink {
                source_id: row.get(0)?,
                field: row.get(1)?,
                stream: row.get(2)?,
                targets: serde_json::from_str(row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?)?,
                linked: row.get::<_, i64>(4)?.unsigned_abs(),
            });
        }
        Ok(links)
    }

    /// Counts the pending links of a scope.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn count_pending_links(&self, scope: ScopeId) -> Result<u64, StateError> {
        let sql = "SELECT COUNT(*) FROM pending_links WHERE scope_id = ?1";
        let count: i64 = self.transaction.prepare_cached(sql)?.query_row([scope.0], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }
}
