//! Links between records: those that wait for the record they lead to, or for their turn, and those that are set.
//!
//! A link that is set is kept, so that it can be set again when the record it leads to had to be created again.

use std::collections::{BTreeMap, HashMap, HashSet};

use rusqlite::{Row, params, types::Value};
use serde::{Deserialize, Serialize};

use super::{
    SourceKey, State, Work,
    error::StateError,
    seal::{Cell, Seal},
    sets::{Array, keys, numbers, signed},
    target::TargetId,
};

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

const SAVE: &str =
    "INSERT OR REPLACE INTO links (link_id, target_id, source_key, field, stream, total, linked, sealed)";
pub(super) const FORGET: &str =
    "DELETE FROM links INDEXED BY links_by_record WHERE target_id = ?1 AND source_key IN rarray(?2)";
pub(super) const OF_RECORDS: &str =
    "SELECT * FROM links INDEXED BY links_by_record WHERE target_id = ?1 AND source_key IN rarray(?2)";
pub(super) const PENDING: &str = "SELECT * FROM links INDEXED BY links_pending
     WHERE target_id = ?1 AND linked < total AND link_id > ?2 ORDER BY link_id LIMIT ?3";
pub(super) const COUNT_PENDING: &str =
    "SELECT COUNT(*) FROM links INDEXED BY links_pending WHERE target_id = ?1 AND linked < total";
const COUNT_WAITING: &str = "SELECT field, stream, COUNT(*) AS links FROM links INDEXED BY links_pending
     WHERE target_id = ?1 AND linked < total GROUP BY field, stream ORDER BY links DESC, field, stream";
pub(super) const SET_LINKED: &str = "UPDATE links SET linked = ?2 WHERE link_id IN rarray(?1)";
pub(super) const DROP: &str = "DELETE FROM links WHERE link_id IN rarray(?1)";
/// Whose records have a new destination id: as themselves, or as the survivor of a duplicate.
const RENEWED: &str = "SELECT targets.target_id, source_key FROM targets
       CROSS JOIN id_map INDEXED BY id_map_renewed USING (target_id)
     WHERE pipeline = ?1 AND connection = ?2 AND is_renewed = 1
     UNION SELECT targets.target_id, duplicates.source_key FROM targets
       CROSS JOIN id_map INDEXED BY id_map_renewed USING (target_id)
       CROSS JOIN duplicates ON duplicates.target_id = targets.target_id AND survivor_key = id_map.source_key
     WHERE pipeline = ?1 AND connection = ?2 AND is_renewed = 1";
const SET_OF_STREAMS: &str = "SELECT link_id, target_id, stream, sealed FROM links WHERE target_id = ?1 AND linked > 0";

fn cell(target: TargetId, link_id: i64) -> Cell {
    Cell::new("links", &[&target.0, &link_id])
}

/// Returns the source's id of the record that has a link.
pub(super) fn source_id_of(
    seal: &Seal,
    target: TargetId,
    link_id: i64,
    sealed: &[u8],
) -> Result<Option<String>, StateError> {
    Ok(Some(seal.open::<SealedLink>(&cell(target, link_id), sealed)?.source_id))
}

impl State {
    /// Returns up to `limit` links of a target that are not fully set, behind the one with the id `after`.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn pending_links(
        &self,
        target: TargetId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<PendingLink>, StateError> {
        self.read(move |work| work.pending_page(target, after, limit)).await
    }

    /// Counts the links of a target that are not fully set.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn count_pending_links(&self, target: TargetId) -> Result<u64, StateError> {
        self.read(move |work| work.count_pending(target)).await
    }

    /// Makes links pending again that lead to records which have another id at these connections than when the links were set.
    /// Returns how many.
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub async fn reopen_links(&self, pipeline: &str, connections: Vec<String>) -> Result<u64, StateError> {
        let pipeline = pipeline.to_owned();
        self.write(move |work| connections.iter().map(|connection| work.reopen_links_at(&pipeline, connection)).sum())
            .await
    }
}

impl Work<'_> {
    /// Stores the links of records in place of those that are stored of them.
    pub(super) fn replace_all_links(
        &self,
        target: TargetId,
        source_keys: &[SourceKey],
        links: &[&Link],
    ) -> Result<(), StateError> {
        self.forget_links(target, source_keys)?;
        self.save_links(target, links)
    }

    /// Stores links; one of the same record and field is replaced.
    pub(super) fn save_links(&self, target: TargetId, links: &[&Link]) -> Result<(), StateError> {
        if links.is_empty() {
            return Ok(());
        }
        let first = self.next_id("links", "link_id")?;
        let mut rows = Vec::with_capacity(links.len());
        for (link_id, link) in (first..).zip(links) {
            let ends = SealedLink { source_id: link.source_id.clone(), linked_ids: link.linked_ids.clone() };
            rows.push([
                Value::Integer(link_id),
                Value::Integer(target.0),
                Value::Blob(self.source_key(&link.source_id).0.to_vec()),
                Value::Text(link.field.clone()),
                Value::Text(link.stream.clone()),
                Value::Integer(i64::try_from(link.linked_ids.len()).unwrap_or(i64::MAX)),
                Value::Integer(signed(link.linked)),
                Value::Blob(self.seal.seal(&cell(target, link_id), &ends)?),
            ]);
        }
        self.insert_rows(SAVE, "", &rows)
    }

    /// Stores how many records links are set to.
    pub(super) fn set_links(&self, linked: &[(i64, u64)]) -> Result<(), StateError> {
        let mut by_count: BTreeMap<u64, Vec<i64>> = BTreeMap::new();
        for (link_id, count) in linked {
            by_count.entry(*count).or_default().push(*link_id);
        }
        for (count, links) in by_count {
            self.transaction.prepare_cached(SET_LINKED)?.execute(params![numbers(links), signed(count)])?;
        }
        Ok(())
    }

    /// Forgets links that the destination refuses.
    pub(super) fn drop_links(&self, links: &[i64]) -> Result<(), StateError> {
        if !links.is_empty() {
            self.transaction.prepare_cached(DROP)?.execute([numbers(links.iter().copied())])?;
        }
        Ok(())
    }

    pub(super) fn forget_links(&self, target: TargetId, source_keys: &[SourceKey]) -> Result<(), StateError> {
        if !source_keys.is_empty() {
            self.transaction.prepare_cached(FORGET)?.execute(params![target.0, keys(source_keys)])?;
        }
        Ok(())
    }

    pub(super) fn pending_page(
        &self,
        target: TargetId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<PendingLink>, StateError> {
        let mut statement = self.transaction.prepare_cached(PENDING)?;
        let mut rows = statement.query(params![target.0, after, limit])?;
        let mut links = Vec::new();
        while let Some(row) = rows.next()? {
            links.push(self.link(target, row)?);
        }
        Ok(links)
    }

    /// Returns all links that are stored of these records.
    #[expect(clippy::needless_pass_by_value, reason = "a set of SQLite is handed over, as everywhere")]
    pub(super) fn links_of_records(&self, target: TargetId, source_keys: Array) -> Result<Vec<Link>, StateError> {
        let mut statement = self.transaction.prepare_cached(OF_RECORDS)?;
        let mut rows = statement.query(params![target.0, source_keys])?;
        let mut links = Vec::new();
        while let Some(row) = rows.next()? {
            links.push(self.link(target, row)?.link);
        }
        Ok(links)
    }

    fn link(&self, target: TargetId, row: &Row<'_>) -> Result<PendingLink, StateError> {
        let link_id: i64 = row.get("link_id")?;
        let ends: SealedLink = self.seal.open(&cell(target, link_id), &row.get::<_, Vec<u8>>("sealed")?)?;
        let link = Link {
            source_id: ends.source_id,
            field: row.get("field")?,
            stream: row.get("stream")?,
            linked_ids: ends.linked_ids,
            linked: row.get::<_, i64>("linked")?.unsigned_abs(),
        };
        Ok(PendingLink { link_id, link })
    }

    pub(super) fn count_pending(&self, target: TargetId) -> Result<u64, StateError> {
        let count: i64 = self.transaction.prepare_cached(COUNT_PENDING)?.query_row([target.0], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Counts the links of a target that are not fully set, by field and by the stream that they lead to; the most first.
    pub(super) fn waiting_counts(&self, target: TargetId) -> Result<Vec<WaitingCount>, StateError> {
        let mut statement = self.transaction.prepare_cached(COUNT_WAITING)?;
        let counts = statement.query_map([target.0], |row| {
            let links = row.get::<_, i64>("links")?.unsigned_abs();
            Ok(WaitingCount { field: row.get("field")?, stream: row.get("stream")?, links })
        })?;
        Ok(counts.collect::<Result<_, _>>()?)
    }

    pub(super) fn reopen_links_at(&self, pipeline: &str, connection: &str) -> Result<u64, StateError> {
        let renewed = self.renewed_records(pipeline, connection)?;
        if renewed.is_empty() {
            return Ok(0);
        }
        let sql = "SELECT target_id FROM targets WHERE pipeline = ?1 AND connection = ?2";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let targets = statement.query_map([pipeline, connection], |row| row.get(0).map(TargetId))?;
        let mut reopened = Vec::new();
        for target in targets {
            reopened.extend(self.links_to(target?, &renewed)?);
        }
        self.set_links(&reopened.iter().map(|link_id| (*link_id, 0)).collect::<Vec<_>>())?;
        self.transaction
            .prepare_cached(
                "UPDATE id_map SET is_renewed = 0 WHERE is_renewed = 1 AND target_id IN
                 (SELECT target_id FROM targets WHERE pipeline = ?1 AND connection = ?2)",
            )?
            .execute([pipeline, connection])?;
        Ok(u64::try_from(reopened.len()).unwrap_or(u64::MAX))
    }

    fn renewed_records(&self, pipeline: &str, connection: &str) -> Result<HashSet<(TargetId, SourceKey)>, StateError> {
        let mut statement = self.transaction.prepare_cached(RENEWED)?;
        let rows =
            statement.query_map([pipeline, connection], |row| Ok((TargetId(row.get(0)?), SourceKey(row.get(1)?))))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Looks at every set link of a target: once in a run, and only where a record was renewed.
    fn links_to(&self, own: TargetId, renewed: &HashSet<(TargetId, SourceKey)>) -> Result<Vec<i64>, StateError> {
        let mut statement = self.transaction.prepare_cached(SET_OF_STREAMS)?;
        let mut rows = statement.query([own.0])?;
        let mut linked_targets: HashMap<String, Vec<TargetId>> = HashMap::new();
        let mut links = Vec::new();
        while let Some(row) = rows.next()? {
            let stream: String = row.get("stream")?;
            if !linked_targets.contains_key(&stream) {
                let found = self.linked_targets(own, &stream)?.into_iter().map(|linked| linked.target_id);
                let found = found.filter(|target| renewed.iter().any(|(renewed, _)| renewed == target)).collect();
                linked_targets.insert(stream.clone(), found);
            }
            let Some(targets) = linked_targets.get(&stream).filter(|targets| !targets.is_empty()) else { continue };
            let link_id: i64 = row.get("link_id")?;
            let ends: SealedLink = self.seal.open(&cell(own, link_id), &row.get::<_, Vec<u8>>("sealed")?)?;
            let is_renewed = |linked_id: &String| {
                let source_key = self.source_key(linked_id);
                targets.iter().any(|target| renewed.contains(&(*target, source_key)))
            };
            if ends.linked_ids.iter().any(is_renewed) {
                links.push(link_id);
            }
        }
        Ok(links)
    }
}
