//! Removes what was found of a person, so that nothing of it is left in the file's pages or its log.

use std::collections::HashSet;

use rusqlite::{Connection, params_from_iter};

use crate::state::{SourceKey, State, Work, error::StateError, target::TargetId};

use super::{
    Erased, Person,
    action::{Action, FoundRow},
    bytes::{self, Mark},
};

impl State {
    /// Removes a person from the state file, but for the id map's entries of these records, and looks for them again.
    ///
    /// # Errors
    /// Fails when the state cannot be written, or is in use so that its log cannot be emptied. What was removed is removed then, and
    /// what was found is told by searching again.
    pub async fn erase_person(
        &self,
        person: Person,
        kept: HashSet<(TargetId, SourceKey)>,
    ) -> Result<Erased, StateError> {
        self.shared.writer.run(|connection| Ok(connection.pragma_update(None, "secure_delete", true)?)).await?;
        let again = person.clone();
        let (counts, marks) = self
            .write(move |work| {
                let found = work.find_person(&person)?;
                let mut marks: HashSet<Mark> = HashSet::new();
                for row in &found.rows {
                    if !is_kept(row, &kept) {
                        work.remove(row)?;
                        marks.extend(row.stored.as_deref().and_then(bytes::mark));
                    }
                }
                Ok((found.traces.counts, marks))
            })
            .await?;
        self.shared.writer.run(compact).await?;
        let left = self.find_person(again.clone()).await?;
        let address = match again {
            Person::Email { address, .. } => Some(address),
            Person::Record { .. } => None,
        };
        let searched = address.clone();
        let columns = self.read(move |work| work.clear_mentions(searched.as_deref())).await?;
        let is_in_file = match self.path() {
            Some(path) => bytes::holds(path, marks, address).await?,
            None => false,
        };
        Ok(Erased { counts, left, columns, is_in_file })
    }
}

/// Tells whether a row is the id entry of a record that stays.
fn is_kept(row: &FoundRow, kept: &HashSet<(TargetId, SourceKey)>) -> bool {
    let is_kept = |target: TargetId| row.records.iter().any(|record| kept.contains(&(target, *record)));
    row.column.table == "id_map" && row.target.is_some_and(is_kept)
}

/// Writes the whole file anew without its free pages, and empties its log.
fn compact(connection: &mut Connection) -> Result<(), StateError> {
    // The new file is as large as the old one: too large for memory.
    connection.pragma_update(None, "temp_store", "FILE")?;
    let vacuumed = connection.execute_batch("VACUUM");
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    vacuumed?;
    let is_busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if is_busy { Err(StateError::InUse) } else { Ok(()) }
}

impl Work<'_> {
    fn remove(&self, row: &FoundRow) -> Result<(), StateError> {
        let (table, column) = (row.column.table, row.column.name);
        let wanted = row.column.identity.iter().map(|name| format!("{name} = ?")).collect::<Vec<_>>().join(" AND ");
        let sql = match &row.action {
            Action::Delete => format!("DELETE FROM {table} WHERE {wanted}"),
            Action::Clear => format!("UPDATE {table} SET {column} = NULL WHERE {wanted}"),
            Action::Rewrite(rewrite) => {
                return self.rewrite(rewrite, row.column.identity.first().copied().unwrap_or("rowid"));
            }
        };
        self.transaction.prepare_cached(&sql)?.execute(params_from_iter(&row.identity))?;
        Ok(())
    }
}
