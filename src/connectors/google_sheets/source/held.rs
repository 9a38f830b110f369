//! The blocks of a read, on disk until it is known that all of them are of one version: a tab may have more rows than memory.

use std::io;

use tokio::task::spawn_blocking;

use crate::connector::{ConnectorError, ErrorKind};
use crate::spool::{Spool, SpoolWriter};

use super::super::rows::Rows;

/// Takes blocks.
pub(super) struct Holder {
    file: SpoolWriter,
    blocks: Vec<Block>,
}

/// Blocks that were taken.
pub(super) struct Held {
    file: Spool,
    blocks: Vec<Block>,
}

/// Where a block is.
#[derive(Debug, Clone, Copy)]
struct Block {
    /// The number of its first row, from 0.
    first_row: usize,
    start: u64,
    end: u64,
}

impl Holder {
    pub(super) async fn new() -> Result<Self, ConnectorError> {
        let file = on_disk(SpoolWriter::new).await?;
        Ok(Self { file, blocks: Vec::new() })
    }

    /// Takes a block.
    pub(super) async fn add(mut self, first_row: usize, rows: Rows) -> Result<Self, ConnectorError> {
        on_disk(move || {
            let start = self.file.len();
            serde_json::to_writer(&mut self.file, &rows)?;
            self.blocks.push(Block { first_row, start, end: self.file.len() });
            Ok(self)
        })
        .await
    }

    pub(super) async fn finish(self) -> Result<Held, ConnectorError> {
        let Self { file, blocks } = self;
        Ok(Held { file: on_disk(move || file.finish()).await?, blocks })
    }
}

impl Held {
    /// Returns how many blocks there are.
    pub(super) fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Returns a block: the number of its first row, and its rows.
    pub(super) async fn block(&self, number: usize) -> Result<(usize, Rows), ConnectorError> {
        let (file, Block { first_row, start, end }) = (self.file.clone(), self.blocks[number]);
        let rows = on_disk(move || Ok(serde_json::from_slice(&file.bytes(start, end)?)?)).await?;
        Ok((first_row, rows))
    }
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, ConnectorError> {
    let done = spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)));
    done.map_err(|error| {
        let message = format!("what was read cannot be kept on disk: {error}");
        ConnectorError::new(ErrorKind::Io, "spool", message)
    })
}

#[cfg(test)]
mod tests {
    use super::{super::super::cell::Cell, *};

    #[tokio::test]
    async fn blocks_come_back_as_they_were() {
        let rows = vec![vec![Cell::text("a"), Cell::Empty, Cell::Number(0.1)], vec![], vec![Cell::Boolean(true)]];
        let rows: Rows = rows.into_iter().collect();
        let holder = Holder::new().await.unwrap().add(0, rows.clone()).await.unwrap();
        let held = holder.add(3, Rows::default()).await.unwrap().finish().await.unwrap();
        assert_eq!(held.len(), 2);
        assert_eq!(held.block(1).await.unwrap(), (3, Rows::default()));
        assert_eq!(held.block(0).await.unwrap(), (0, rows));
    }
}
