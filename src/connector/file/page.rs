//! Makes pages of what was read, on a thread where reading may block.

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use polars::prelude::{Column, DataFrame, IntoColumn, ListBuilderTrait, ListStringChunkedBuilder, NamedFrom, Series};
use tokio::{sync::mpsc, task};

use crate::model::{
    ABSENT, DELETED, Field, FieldName, FieldType, ID, ObjectName, Page, Schema, UPDATED_AT, nearest, visible,
};

use crate::connector::{ConnectorError, ErrorKind, ReadRequest};

/// Most pages that wait between the reading thread and the engine, in pages.
const WAITING_PAGES: usize = 2;

/// Takes the pages of one read.
#[derive(Debug)]
pub struct PageSender {
    pages: mpsc::Sender<Result<Page, ConnectorError>>,
}

impl PageSender {
    /// Hands a page over, and waits while enough others wait. Returns false when nobody reads any more: the read ends.
    pub fn send(&self, page: Page) -> bool {
        self.pages.blocking_send(Ok(page)).is_ok()
    }
}

/// Runs a blocking read on a thread of its own and yields its pages. An error or a panic of the read is the last item.
pub fn read_pages<F>(read: F) -> BoxStream<'static, Result<Page, ConnectorError>>
where
    F: FnOnce(&PageSender) -> Result<(), ConnectorError> + Send + 'static,
{
    // The thread starts with the first poll, not before.
    let start = async move {
        let (sender, receiver) = mpsc::channel(WAITING_PAGES);
        let thread = task::spawn_blocking(move || read(&PageSender { pages: sender }));
        (receiver, Some(thread))
    };
    let pages = stream::once(start).flat_map(|state| {
        stream::unfold(state, |(mut receiver, mut thread)| async move {
            if let Some(page) = receiver.recv().await {
                return Some((page, (receiver, thread)));
            }
            let end = thread.take()?.await;
            let error = match end {
                Ok(Ok(())) => return None,
                Ok(Err(error)) => error,
                Err(_) => broken("the reading thread broke down"),
            };
            Some((Err(error), (receiver, None)))
        })
    });
    pages.boxed()
}

/// Runs blocking work on a thread of its own.
///
/// # Errors
/// Fails as the work does, or when it breaks down.
pub async fn background<T, F>(work: F) -> Result<T, ConnectorError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, ConnectorError> + Send + 'static,
{
    task::spawn_blocking(work).await.unwrap_or_else(|_| Err(broken("the file thread broke down")))
}

/// Puts the reserved columns before the fields: `_id`, a `_updated_at` without values, and `_deleted`, all false.
///
/// # Errors
/// Fails when the columns differ in length, which would be a fault of the connector.
pub fn assemble(ids: Vec<String>, fields: Vec<Column>) -> Result<DataFrame, ConnectorError> {
    assemble_columns(Series::new(ID.into(), ids).into_column(), fields)
}

/// Does the same with ids that are a column already.
///
/// # Errors
/// As those of [`assemble`].
pub fn assemble_columns(ids: Column, fields: Vec<Column>) -> Result<DataFrame, ConnectorError> {
    let record_count = ids.len();
    let deleted = Series::new(DELETED.into(), vec![false; record_count]);
    let updated_at = Series::full_null(UPDATED_AT.into(), record_count, &FieldType::Datetime.dtype());
    let mut columns = vec![ids.with_name(ID.into()), updated_at.into_column(), deleted.into_column()];
    columns.extend(fields);
    DataFrame::new(record_count, columns).map_err(|error| broken(&error.to_string()))
}

/// Makes the column that names, of each record, the fields it says nothing of.
pub fn absent_column(absent: &[Vec<String>]) -> Column {
    let mut lists = ListStringChunkedBuilder::new(ABSENT.into(), absent.len(), absent.len());
    for names in absent {
        lists.append_values_iter(names.iter().map(String::as_str));
    }
    lists.finish().into_column()
}

/// Returns the fields that a request asks for, in its order, as the file declares them.
///
/// A file that holds nothing to know its fields by has each of them, without any value.
///
/// # Errors
/// Fails when the file has no such field, and when links are asked for: files hold none.
pub fn requested(request: &ReadRequest, schema: &Schema) -> Result<Vec<Field>, ConnectorError> {
    if let Some(link) = request.links.first() {
        let message = format!("`{}` holds no links to `{link}`", request.object);
        return Err(ConnectorError::new(ErrorKind::NotFound, "unknown_field", message)
            .with_hint("a field that holds the other record's id can be mapped with `link`"));
    }
    let asked = request.fields.iter().map(|name| find(name, &request.object, schema));
    let shown = request.shown.iter().filter_map(|name| schema.field(name).cloned().map(Ok));
    asked.chain(shown).collect()
}

fn find(name: &FieldName, object: &ObjectName, schema: &Schema) -> Result<Field, ConnectorError> {
    if let Some(field) = schema.field(name) {
        return Ok(field.clone());
    }
    if schema.is_open {
        return Ok(Field::new(name.as_str(), FieldType::Text));
    }
    let message = format!("`{object}` has no field `{name}`");
    let near = nearest(name, schema.fields.iter().map(|field| &*field.name));
    let error = ConnectorError::new(ErrorKind::NotFound, "unknown_field", message);
    Err(error.with_hint_if(near.map(|near| format!("did you mean `{}`?", visible(near)))))
}

/// Returns a scalar of JSON as a person would write it; none for null, lists and objects.
pub fn scalar_text(json: &serde_json::Value) -> Option<String> {
    match json {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Bool(flag) => Some(flag.to_string()),
        serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => None,
    }
}

fn broken(reason: &str) -> ConnectorError {
    ConnectorError::new(ErrorKind::Unexpected, "file_error", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(id: &str) -> Page {
        Page {
            frame: assemble(vec![id.to_owned()], Vec::new()).unwrap(),
            rejects: Vec::new(),
            cursor: None,
            left: None,
        }
    }

    #[tokio::test]
    async fn an_error_of_the_read_comes_after_its_pages() {
        let mut pages = read_pages(|sender| {
            sender.send(page("1"));
            Err(ConnectorError::new(ErrorKind::Io, "disk", "gone"))
        });
        assert_eq!(pages.next().await.unwrap().unwrap().frame.height(), 1);
        assert_eq!(pages.next().await.unwrap().unwrap_err().code, "disk");
        assert!(pages.next().await.is_none());
    }

    #[tokio::test]
    async fn a_read_that_breaks_down_does_not_look_complete() {
        let mut pages = read_pages(|_| panic!("a fault"));
        assert_eq!(pages.next().await.unwrap().unwrap_err().kind, ErrorKind::Unexpected);
    }

    #[tokio::test]
    async fn a_read_ends_when_nobody_takes_its_pages() {
        let (told, ended) = tokio::sync::oneshot::channel();
        let mut pages = read_pages(move |sender| {
            while sender.send(page("1")) {}
            told.send(()).unwrap();
            Ok(())
        });
        pages.next().await;
        drop(pages);
        ended.await.unwrap();
    }
}
