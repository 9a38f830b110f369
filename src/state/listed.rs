//! The id map in pages, for `ferry ids`: each source record with its id at the destination, then the duplicates.

use chrono::{DateTime, Utc};
use rusqlite::{Row, params};

use super::{
    SourceKey, State, Work, duplicates,
    error::StateError,
    id_map::plain_id,
    names::name_cell,
    target::{Target, TargetId},
};

/// A target that has ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTarget {
    /// Identifies it.
    pub target_id: TargetId,
    /// The target.
    pub target: Target,
}

/// A source record and the record that it is at the destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedId {
    /// The source's id; none where an older version wrote the entry and no run has read the record since.
    pub source_id: Option<String>,
    /// The destination's id; none where nothing is known of the survivor of a duplicate.
    pub destination_id: Option<String>,
    /// Whether the destination was found not to hold it any more.
    pub is_missing: bool,
    /// The record that this one is a duplicate of.
    pub survivor: Option<Survivor>,
    /// The source's id of another record that is the same one at the destination, where two were merged there.
    pub shared_with: Option<String>,
    /// Since when it has that id at the destination.
    pub since: Option<DateTime<Utc>>,
    /// The run that found or gave it that id.
    pub run_id: Option<String>,
}

/// The record that a duplicate leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survivor {
    /// The source's id, where it is known.
    pub source_id: Option<String>,
}

/// Where a page of ids ended: a position in the target's entries, which come first, or in its duplicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdPosition {
    /// Behind an entry.
    Entry(i64),
    /// Behind a duplicate.
    Duplicate(SourceKey),
}

const TARGETS: &str = "SELECT * FROM targets WHERE pipeline = ?1
       AND (EXISTS (SELECT 1 FROM id_map INDEXED BY id_map_by_source WHERE id_map.target_id = targets.target_id)
         OR EXISTS (SELECT 1 FROM duplicates WHERE duplicates.target_id = targets.target_id))
     ORDER BY stream, connection, object, target_id";
/// Entries in the order in which they came. `other` is another record that is the same one at the destination.
pub(super) const ENTRIES: &str = "SELECT own.entry_id, own.source_key, own.sealed, own.destination_id, own.is_missing,
       own.mapped_at, CASE WHEN own.mapped_at IS NULL THEN NULL ELSE COALESCE(own.mapped_run, own.written_run) END,
       other.source_key, other.sealed
     FROM id_map AS own NOT INDEXED
     LEFT JOIN id_map AS other ON other.entry_id = (
       SELECT entry_id FROM id_map INDEXED BY id_map_by_destination
       WHERE target_id = own.target_id AND destination_id = own.destination_id AND entry_id <> own.entry_id LIMIT 1)
     WHERE own.target_id = ?1 AND own.entry_id > ?2 ORDER BY own.entry_id LIMIT ?3";
pub(super) const DUPLICATES: &str =
    "SELECT own.source_key, own.sealed, own.survivor_key, other.sealed, other.destination_id,
       other.is_missing, other.mapped_at,
       CASE WHEN other.mapped_at IS NULL THEN NULL ELSE COALESCE(other.mapped_run, other.written_run) END
     FROM duplicates AS own
     LEFT JOIN id_map AS other INDEXED BY id_map_by_source
       ON other.target_id = own.target_id AND other.source_key = own.survivor_key
     WHERE own.target_id = ?1 AND own.source_key > ?2 ORDER BY own.source_key LIMIT ?3";

impl State {
    /// Returns the targets of a pipeline that have ids, in the order of their names.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn listed_targets(&self, pipeline: &str) -> Result<Vec<ListedTarget>, StateError> {
        let pipeline = pipeline.to_owned();
        self.read(move |work| {
            let mut statement = work.transaction.prepare_cached(TARGETS)?;
            let targets = statement.query_map([&pipeline], |row| {
                Ok(ListedTarget { target_id: TargetId(row.get("target_id")?), target: Target::from_row(row)? })
            })?;
            Ok(targets.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Returns a page of the ids of a target, and where it ended: none, where there are no more.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn listed_ids(
        &self,
        target: TargetId,
        after: Option<IdPosition>,
        limit: u32,
    ) -> Result<(Vec<ListedId>, Option<IdPosition>), StateError> {
        self.read(move |work| {
            let first = match after {
                None => Some(0),
                Some(IdPosition::Entry(entry)) => Some(entry),
                Some(IdPosition::Duplicate(_)) => None,
            };
            if let Some(first) = first {
                let (ids, position) = work.listed_entries(target, first, limit)?;
                if position.is_some() {
                    return Ok((ids, position));
                }
            }
            let behind = match after {
                Some(IdPosition::Duplicate(source_key)) => source_key.0.to_vec(),
                None | Some(IdPosition::Entry(_)) => Vec::new(),
            };
            work.listed_duplicates(target, &behind, limit)
        })
        .await
    }
}

type Page = (Vec<ListedId>, Option<IdPosition>);

impl Work<'_> {
    fn listed_entries(&self, target: TargetId, after: i64, limit: u32) -> Result<Page, StateError> {
        let mut statement = self.transaction.prepare_cached(ENTRIES)?;
        let mut rows = statement.query(params![target.0, after, limit])?;
        let (mut ids, mut position) = (Vec::new(), None);
        while let Some(row) = rows.next()? {
            position = Some(IdPosition::Entry(row.get(0)?));
            let shared_with = match row.get::<_, Option<[u8; 16]>>(7)? {
                Some(other) => self.open_name(&name_cell(target, SourceKey(other)), row.get(8)?)?,
                None => None,
            };
            ids.push(ListedId {
                source_id: self.open_name(&name_cell(target, SourceKey(row.get(1)?)), row.get(2)?)?,
                destination_id: Some(plain_id(&self.seal, target, row.get(3)?)?),
                is_missing: row.get(4)?,
                survivor: None,
                shared_with,
                since: since(row, 5)?,
                run_id: row.get(6)?,
            });
        }
        Ok((ids, position))
    }

    fn listed_duplicates(&self, target: TargetId, after: &[u8], limit: u32) -> Result<Page, StateError> {
        let mut statement = self.transaction.prepare_cached(DUPLICATES)?;
        let mut rows = statement.query(params![target.0, after, limit])?;
        let (mut ids, mut position) = (Vec::new(), None);
        while let Some(row) = rows.next()? {
            let (own, survivor) = (SourceKey(row.get(0)?), SourceKey(row.get(2)?));
            position = Some(IdPosition::Duplicate(own));
            let destination_id: Option<String> = row.get(4)?;
            ids.push(ListedId {
                source_id: self.open_name(&duplicates::name_cell(target, own), row.get(1)?)?,
                destination_id: destination_id.map(|id| plain_id(&self.seal, target, id)).transpose()?,
                is_missing: row.get::<_, Option<bool>>(5)?.unwrap_or_default(),
                survivor: Some(Survivor { source_id: self.open_name(&name_cell(target, survivor), row.get(3)?)? }),
                shared_with: None,
                since: since(row, 6)?,
                run_id: row.get(7)?,
            });
        }
        Ok((ids, position))
    }
}

fn since(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<DateTime<Utc>>> {
    Ok(row.get::<_, Option<i64>>(column)?.and_then(|seconds| DateTime::from_timestamp(seconds, 0)))
}
