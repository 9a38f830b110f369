//! What the objects at both ends of a pipeline looked like when a run last saw them, and what changed since.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, params};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{ConnectionName, FieldName, ObjectName, Schema};

use super::{State, Work, error::StateError, runs::moment};

/// Which end of a pipeline an object is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PipelineEnd {
    /// It is read.
    Source,
    /// It is written.
    Destination,
}

/// An object of one account, as one end of a pipeline sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct SeenObject {
    /// The connection.
    pub connection: ConnectionName,
    /// The account; none where the system has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The object.
    pub object: ObjectName,
    /// Which end it is.
    pub end: PipelineEnd,
}

/// What became of a field or an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SchemaChangeKind {
    /// It was never seen before.
    New,
    /// It is not there any more.
    Gone,
    /// It was gone and is there again.
    Back,
}

/// One field or option that is not as a run saw it last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SchemaChange {
    /// The object.
    #[serde(flatten)]
    pub at: SeenObject,
    /// What became of it.
    pub change: SchemaChangeKind,
    /// The field.
    pub field: FieldName,
    /// The option of the field; none where it is about the field itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub option: Option<String>,
    /// When a run saw it.
    #[schemars(with = "String")]
    pub seen_at: DateTime<Utc>,
}

/// What is kept of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seen {
    /// The fields with their types, and whether they are gone.
    fields: BTreeMap<String, (String, bool)>,
    /// The options by field, and whether they are gone.
    options: BTreeMap<(String, String), bool>,
}

impl State {
    /// Compares an object with what a run saw of it last, and keeps what it is now. Of an object that is seen for the first time,
    /// nothing changed.
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub async fn see_schema(
        &self,
        pipeline: &str,
        at: SeenObject,
        schema: &Schema,
        now: DateTime<Utc>,
    ) -> Result<Vec<SchemaChange>, StateError> {
        let (pipeline, seen) = (pipeline.to_owned(), Seen::of(schema));
        self.write(move |work| work.see_schema(&pipeline, &at, &seen, now)).await
    }

    /// Returns what changed in the objects of a pipeline since a moment, the first change first.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn schema_changes(&self, pipeline: &str, since: DateTime<Utc>) -> Result<Vec<SchemaChange>, StateError> {
        let mut changes = self.schema_changes_behind(pipeline, 0).await?;
        changes.retain(|change| change.seen_at >= since);
        Ok(changes)
    }

    /// Returns the place of the last change that any run has seen, for [`schema_changes_behind`](Self::schema_changes_behind).
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn schema_mark(&self) -> Result<i64, StateError> {
        self.read(|work| {
            let sql = "SELECT COALESCE(MAX(change_id), 0) FROM schema_changes";
            Ok(work.transaction.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
        })
        .await
    }

    /// Returns what changed in the objects of a pipeline behind a place in the order in which changes were seen: the machine's clock
    /// may jump back.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn schema_changes_behind(&self, pipeline: &str, mark: i64) -> Result<Vec<SchemaChange>, StateError> {
        let pipeline = pipeline.to_owned();
        self.read(move |work| work.schema_changes(&pipeline, mark)).await
    }
}

impl Work<'_> {
    fn see_schema(
        &self,
        pipeline: &str,
        at: &SeenObject,
        now: &Seen,
        seen_at: DateTime<Utc>,
    ) -> Result<Vec<SchemaChange>, StateError> {
        let account = at.account.as_deref().unwrap_or_default();
        let place = params![pipeline, &*at.connection, account, &*at.object, at.end.word()];
        let find = "SELECT schema_id FROM schemas
             WHERE pipeline = ?1 AND connection = ?2 AND account = ?3 AND object = ?4 AND end = ?5";
        let known: Option<i64> =
            self.transaction.prepare_cached(find)?.query_row(place, |row| row.get(0)).optional()?;
        let Some(id) = known else {
            let add = "INSERT INTO schemas (pipeline, connection, account, object, end) VALUES (?1, ?2, ?3, ?4, ?5)";
            self.transaction.prepare_cached(add)?.execute(place)?;
            self.keep_schema(self.transaction.last_insert_rowid(), now)?;
            return Ok(Vec::new());
        };
        let before = self.seen_schema(id)?;
        let (kept, changes) = compared(&before, now, at, seen_at);
        if kept != before {
            self.keep_schema(id, &kept)?;
        }
        let add = "INSERT INTO schema_changes (schema_id, seen_at, field, option, change) VALUES (?1, ?2, ?3, ?4, ?5)";
        for SchemaChange { change, field, option, seen_at, .. } in &changes {
            let values = params![id, seen_at.to_rfc3339(), &**field, option, change.word()];
            self.transaction.prepare_cached(add)?.execute(values)?;
        }
        Ok(changes)
    }

    fn seen_schema(&self, id: i64) -> Result<Seen, StateError> {
        let mut seen = Seen::default();
        let sql = "SELECT field, type, is_gone FROM schema_fields WHERE schema_id = ?1";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let mut rows = statement.query([id])?;
        while let Some(row) = rows.next()? {
            seen.fields.insert(row.get(0)?, (row.get(1)?, row.get(2)?));
        }
        let sql = "SELECT field, option, is_gone FROM schema_options WHERE schema_id = ?1";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let mut rows = statement.query([id])?;
        while let Some(row) = rows.next()? {
            seen.options.insert((row.get(0)?, row.get(1)?), row.get(2)?);
        }
        Ok(seen)
    }

    fn keep_schema(&self, id: i64, seen: &Seen) -> Result<(), StateError> {
        let keep = "INSERT OR REPLACE INTO schema_fields (schema_id, field, type, is_gone) VALUES (?1, ?2, ?3, ?4)";
        let mut statement = self.transaction.prepare_cached(keep)?;
        for (field, (field_type, is_gone)) in &seen.fields {
            statement.execute(params![id, field, field_type, is_gone])?;
        }
        let keep = "INSERT OR REPLACE INTO schema_options (schema_id, field, option, is_gone) VALUES (?1, ?2, ?3, ?4)";
        let mut statement = self.transaction.prepare_cached(keep)?;
        for ((field, option), is_gone) in &seen.options {
            statement.execute(params![id, field, option, is_gone])?;
        }
        Ok(())
    }

    fn schema_changes(&self, pipeline: &str, mark: i64) -> Result<Vec<SchemaChange>, StateError> {
        let sql = "SELECT connection, account, object, end, change, field, option, seen_at
             FROM schema_changes JOIN schemas USING (schema_id) WHERE pipeline = ?1 AND change_id > ?2 ORDER BY change_id";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let mut rows = statement.query(params![pipeline, mark])?;
        let mut changes = Vec::new();
        while let Some(row) = rows.next()? {
            let seen_at = moment(&row.get::<_, String>(7)?);
            let (Some(end), Some(change)) =
                (PipelineEnd::of(&row.get::<_, String>(3)?), SchemaChangeKind::of(&row.get::<_, String>(4)?))
            else {
                continue;
            };
            changes.push(SchemaChange {
                at: SeenObject {
                    connection: ConnectionName::from(row.get::<_, String>(0)?),
                    account: Some(row.get::<_, String>(1)?).filter(|account| !account.is_empty()),
                    object: ObjectName::from(row.get::<_, String>(2)?),
                    end,
                },
                change,
                field: FieldName::from(row.get::<_, String>(5)?),
                option: row.get(6)?,
                seen_at,
            });
        }
        Ok(changes)
    }
}

impl Seen {
    /// Takes what an object declares. What names a parent by a key is left out: it is described only where it is used.
    fn of(schema: &Schema) -> Self {
        let mut seen = Self::default();
        for field in schema.fields.iter().filter(|field| field.parent.is_none()) {
            seen.fields.insert(field.name.to_string(), (field.field_type.as_str().to_owned(), false));
            for option in &field.options {
                seen.options.insert((field.name.to_string(), option.value.clone()), false);
            }
        }
        seen
    }
}

/// Compares what an object is with what it was. Returns what is kept, and what changed.
fn compared(before: &Seen, now: &Seen, at: &SeenObject, seen_at: DateTime<Utc>) -> (Seen, Vec<SchemaChange>) {
    let mut changes = Vec::new();
    let mut note = |change, field: &str, option: Option<&str>| {
        let (field, option) = (FieldName::from(field.to_owned()), option.map(str::to_owned));
        changes.push(SchemaChange { at: at.clone(), change, field, option, seen_at });
    };
    let mut kept = before.clone();
    for (field, (field_type, _)) in &now.fields {
        match before.fields.get(field) {
            None => note(SchemaChangeKind::New, field, None),
            Some((_, true)) => note(SchemaChangeKind::Back, field, None),
            Some((_, false)) => {}
        }
        kept.fields.insert(field.clone(), (field_type.clone(), false));
    }
    for (field, (_, is_gone)) in kept.fields.iter_mut().filter(|(field, _)| !now.fields.contains_key(*field)) {
        if !std::mem::replace(is_gone, true) {
            note(SchemaChangeKind::Gone, field, None);
        }
    }
    // A field that never had options has none that are new, as one that is new: they are all of it.
    let had_options: BTreeSet<&String> = before.options.keys().map(|(field, _)| field).collect();
    let with_options: BTreeSet<&String> = now.options.keys().map(|(field, _)| field).collect();
    for key @ (field, option) in now.options.keys() {
        match before.options.get(key) {
            None if had_options.contains(field) => note(SchemaChangeKind::New, field, Some(option)),
            Some(true) => note(SchemaChangeKind::Back, field, Some(option)),
            None | Some(false) => {}
        }
        kept.options.insert(key.clone(), false);
    }
    // The options of a field that is gone went with it.
    for ((field, option), is_gone) in &mut kept.options {
        let is_there = now.options.contains_key(&(field.clone(), option.clone()));
        if !is_there && with_options.contains(field) && !std::mem::replace(is_gone, true) {
            note(SchemaChangeKind::Gone, field, Some(option));
        }
    }
    (kept, changes)
}

impl PipelineEnd {
    fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Source, Self::Destination].into_iter().find(|end| end.word() == word)
    }
}

impl SchemaChangeKind {
    fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Gone => "gone",
            Self::Back => "back",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::New, Self::Gone, Self::Back].into_iter().find(|change| change.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use crate::model::{Choice, Field, FieldType};
    use crate::state::tests::in_memory;

    use super::*;

    fn schema(fields: &[(&str, FieldType, &[&str])]) -> Schema {
        let field = |(name, field_type, options): &(&str, FieldType, &[&str])| {
            let options = options.iter().map(|value| Choice { value: (*value).to_owned(), label: String::new() });
            Field { options: options.collect(), ..Field::new(*name, *field_type) }
        };
        Schema { object: "contacts".into(), fields: fields.iter().map(field).collect(), is_open: false }
    }

    fn at(account: Option<&str>) -> SeenObject {
        SeenObject {
            connection: "crm".into(),
            account: account.map(str::to_owned),
            object: "contacts".into(),
            end: PipelineEnd::Source,
        }
    }

    fn words(changes: &[SchemaChange]) -> Vec<String> {
        let word = |change: &SchemaChange| {
            let option = change.option.as_ref().map_or_else(String::new, |option| format!(".{option}"));
            format!("{}{option} {}", change.field, change.change.word())
        };
        changes.iter().map(word).collect()
    }

    #[tokio::test]
    async fn what_is_new_gone_or_back_is_told_once_and_can_be_read_later() {
        use FieldType::{Choice, Integer, Number, Text};
        let state = in_memory();
        let stages: &[&str] = &["lead", "churned"];
        let day = |day| DateTime::UNIX_EPOCH + TimeDelta::days(day);
        let steps: [(Schema, &[&str]); 7] = [
            (schema(&[("name", Text, &[]), ("stage", Choice, stages), ("age", Integer, &[])]), &[]),
            (schema(&[("name", Text, &[]), ("stage", Choice, stages), ("age", Integer, &[])]), &[]),
            (
                schema(&[
                    ("name", Text, &[]),
                    ("stage", Choice, &["lead"]),
                    ("age", Number, &[]),
                    ("region", Text, &[]),
                ]),
                &["region new", "stage.churned gone"],
            ),
            (schema(&[("name", Text, &[]), ("age", Number, &[]), ("region", Text, &[])]), &["stage gone"]),
            (
                schema(&[("name", Text, &[]), ("age", Number, &[]), ("region", Text, &[]), ("stage", Choice, stages)]),
                &["stage back", "stage.churned back"],
            ),
            (
                schema(&[("name", Text, &[]), ("age", Number, &[]), ("stage", Choice, &["lead", "churned", "won"])]),
                &["region gone", "stage.won new"],
            ),
            (schema(&[("name", Text, &[]), ("age", Number, &[]), ("stage", Choice, &["lead", "churned", "won"])]), &[]),
        ];
        for (number, (schema, expected)) in steps.into_iter().enumerate() {
            let now = day(i64::try_from(number).unwrap());
            let changes = state.see_schema("p", at(Some("1")), &schema, now).await.unwrap();
            assert_eq!(words(&changes), expected, "step {number}");
        }
        // Another account is another system, and another pipeline has seen nothing.
        for (pipeline, account) in [("p", Some("2")), ("p", None), ("q", Some("1"))] {
            let seen = state.see_schema(pipeline, at(account), &schema(&[("other", Text, &[])]), day(9)).await;
            assert_eq!(words(&seen.unwrap()), [""; 0]);
        }
        let later = state.schema_changes("p", day(4)).await.unwrap();
        assert_eq!(words(&later), ["stage back", "stage.churned back", "region gone", "stage.won new"]);
        let all = state.schema_changes("p", day(0)).await.unwrap();
        assert_eq!(all.len(), 7);
        assert_eq!((all[0].at.clone(), all[0].seen_at), (at(Some("1")), day(2)));
        assert_eq!(state.schema_changes("q", day(0)).await.unwrap(), []);
    }
}
