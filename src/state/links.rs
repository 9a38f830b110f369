//! Links between records: those that wait for the record they lead to, or for their turn, and those that are set.
//!
//! A link that is set is kept, so that it can be set again when the record it leads to had to be created again.

use std::collections::HashSet;

use rusqlite::params;
use serde::{Deserialize, Serialize};

use super::{SourceKey, Work, error::StateError, targets::TargetId};

/// A link field of a record that is at the destination, with what it has to lead to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The record's source id.
    pub source_id: String,
    /// The link field, by the destination's name.
    pub field: String,
    /// The stream whose records are linked.
    pub stream: String,
    /// The linked records' source ids.
    pub linked_ids: Vec<String>,
    /// How many of them are linked at the destination.
    pub linked: u64,
}

/// A link that is not set, or not to all records that it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingLink {
    /// Identifies it within the state file.
    pub link_id: i64,
    /// What it is.
    pub link: Link,
}

/// How many links of one field wait for records of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingCount {
    /// The link field.
    pub field: String,
    /// The stream whose records are linked.
    pub stream: String,
    /// How many records have such a link.
    pub links: u64,
}

/// What is sealed of a link.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SealedLink {
    pub source_id: String,
    #[serde(rename = "targets")]
    pub linked_ids: Vec<String>,
}

pub(super) const SAVE_LINK: &str =
    "INSERT OR REPLACE INTO links (scope_id, source_key, field, stream, total, linked, sealed)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
pub(super) const FORGET_LINKS: &str =
    "DELETE FROM links INDEXED BY links_by_record WHERE scope_id = ?1 AND source_key = ?2";
pub(super) const PENDING: &str = "SELECT link_id, field, stream, linked, sealed FROM links INDEXED BY links_pending
     WHERE scope_id = ?1 AND linked < total AND link_id > ?2 ORDER BY link_id LIMIT ?3";
pub(super) const COUNT_PENDING: &str =
    "SELECT COUNT(*) FROM links INDEXED BY links_pending WHERE scope_id = ?1 AND linked < total";
const COUNT_WAITING: &str = "SELECT field, stream, COUNT(*) AS links FROM links INDEXED BY links_pending
     WHERE scope_id = ?1 AND linked < total GROUP BY field, stream ORDER BY links DESC, field, stream";
pub(super) const SET_LINKED: &str = "UPDATE links SET linked = ?2 WHERE link_id = ?1";
pub(super) const DROP_LINK: &str = "DELETE FROM links WHERE link_id = ?1";
const RENEWED: &str = "SELECT scopes.stream, id_map.source_key
     FROM scopes CROSS JOIN id_map INDEXED BY id_map_renewed USING (scope_id)
     WHERE scopes.pipeline = ?1 AND scopes.connection = ?2 AND id_map.is_renewed = 1";

impl Work<'_> {
    /// Stores the links of a record in place of those that are stored of it.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn replace_links(&self, target: TargetId, source_id: &str, links: &[Link]) -> Result<(), StateError> {
        let source_key = self.source_key(source_id);
        self.forget_links(target, source_key)?;
        links.iter().try_for_each(|link| self.save_link(target, link))
    }

    /// Stores a link; one of the same record and field is replaced.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn save_link(&self, target: TargetId, link: &Link) -> Result<(), StateError> {
        let ends = SealedLink { source_id: link.source_id.clone(), linked_ids: link.linked_ids.clone() };
        self.transaction.prepare_cached(SAVE_LINK)?.execute(params![
            target.0,
            self.source_key(&link.source_id).0,
            link.field,
            link.stream,
            i64::try_from(link.linked_ids.len()).unwrap_or(i64::MAX),
            i64::try_from(link.linked).unwrap_or(i64::MAX),
            self.seal.seal(&ends)?,
        ])?;
        Ok(())
    }

    /// Stores how many records a link is set to.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn set_linked(&self, link_id: i64, linked: u64) -> Result<(), StateError> {
        let linked = i64::try_from(linked).unwrap_or(i64::MAX);
        self.transaction.prepare_cached(SET_LINKED)?.execute(params![link_id, linked])?;
        Ok(())
    }

    /// Forgets a link: the destination refuses it.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn drop_link(&self, link_id: i64) -> Result<(), StateError> {
        self.transaction.prepare_cached(DROP_LINK)?.execute([link_id])?;
        Ok(())
    }

    pub(super) fn forget_links(&self, target: TargetId, source_key: SourceKey) -> Result<(), StateError> {
        self.transaction.prepare_cached(FORGET_LINKS)?.execute(params![target.0, source_key.0])?;
        Ok(())
    }

    /// Returns up to `limit` links of a target that are not fully set, behind the one with the id `after`.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn pending_links(&self, target: TargetId, after: i64, limit: u32) -> Result<Vec<PendingLink>, StateError> {
        let mut statement = self.transaction.prepare_cached(PENDING)?;
        let mut rows = statement.query(params![target.0, after, limit])?;
        let mut links = Vec::new();
        while let Some(row) = rows.next()? {
            let SealedLink { source_id, linked_ids } = self.seal.open(&row.get::<_, Vec<u8>>("sealed")?)?;
            links.push(PendingLink {
                link_id: row.get("link_id")?,
                link: Link {
                    source_id,
                    field: row.get("field")?,
                    stream: row.get("stream")?,
                    linked_ids,
                    linked: row.get::<_, i64>("linked")?.unsigned_abs(),
                },
            });
        }
        Ok(links)
    }

    /// Counts the links of a target that are not fully set.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn count_pending_links(&self, target: TargetId) -> Result<u64, StateError> {
        let count: i64 = self.transaction.prepare_cached(COUNT_PENDING)?.query_row([target.0], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Counts the links of a target that are not fully set, by field and by the stream that they lead to; the most first.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn count_waiting(&self, target: TargetId) -> Result<Vec<WaitingCount>, StateError> {
        let mut statement = self.transaction.prepare_cached(COUNT_WAITING)?;
        let counts = statement.query_map([target.0], |row| {
            let links = row.get::<_, i64>("links")?.unsigned_abs();
            Ok(WaitingCount { field: row.get("field")?, stream: row.get("stream")?, links })
        })?;
        Ok(counts.collect::<Result<_, _>>()?)
    }

    /// Makes links pending again that lead to records which have another id at this connection than when the links were set.
    /// Returns how many.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn reopen_links(&self, pipeline: &str, connection: &str) -> Result<u64, StateError> {
        let mut statement = self.transaction.prepare_cached(RENEWED)?;
        let rows = statement.query_map([pipeline, connection], |row| Ok((row.get(0)?, SourceKey(row.get(1)?))))?;
        let renewed: HashSet<(String, SourceKey)> = rows.collect::<Result<_, _>>()?;
        if renewed.is_empty() {
            return Ok(0);
        }
        let mut reopened = Vec::new();
        {
            // Looks at every link of the connection: once in a run, and only where a record was renewed.
            let sql = "SELECT link_id, links.stream, sealed FROM links JOIN scopes USING (scope_id)
                       WHERE scopes.pipeline = ?1 AND scopes.connection = ?2 AND linked > 0";
            let mut statement = self.transaction.prepare_cached(sql)?;
            let mut rows = statement.query([pipeline, connection])?;
            let streams: HashSet<&str> = renewed.iter().map(|(stream, _)| stream.as_str()).collect();
            while let Some(row) = rows.next()? {
                let stream: String = row.get(1)?;
                if !streams.contains(stream.as_str()) {
                    continue;
                }
                let ends: SealedLink = self.seal.open(&row.get::<_, Vec<u8>>(2)?)?;
                let is_renewed = |linked_id: &String| renewed.contains(&(stream.clone(), self.source_key(linked_id)));
                if ends.linked_ids.iter().any(is_renewed) {
                    reopened.push(row.get::<_, i64>(0)?);
                }
            }
        }
        reopened.iter().try_for_each(|link_id| self.set_linked(*link_id, 0))?;
        self.transaction
            .prepare_cached(
                "UPDATE id_map SET is_renewed = 0 WHERE is_renewed = 1 AND scope_id IN
                 (SELECT scope_id FROM scopes WHERE pipeline = ?1 AND connection = ?2)",
            )?
            .execute([pipeline, connection])?;
        Ok(u64::try_from(reopened.len()).unwrap_or(u64::MAX))
    }
}
