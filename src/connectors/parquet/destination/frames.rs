//! Writes frames as groups of rows, without a value of its own for any cell.

use polars::{
    frame::DataFrame,
    prelude::{Column, PolarsResult},
};

use crate::connector::{ConnectorError, file::FrameWriter};
use crate::model::{Field, Rejection};

use super::{super::limits, GroupWriter, failed};

impl FrameWriter for GroupWriter {
    fn write_frame(&mut self, frame: &DataFrame) -> Result<Vec<(usize, Rejection)>, ConnectorError> {
        let typed = self.typed(frame).map_err(|error| failed(&self.file, &error))?;
        match &mut self.frame {
            Some(gathered) => {
                gathered.vstack_mut(&typed).map_err(|error| failed(&self.file, &error))?;
            }
            None => self.frame = Some(typed),
        }
        let is_full = |frame: &DataFrame| {
            frame.height() >= limits::GROUP_RECORDS || frame.estimated_size() >= limits::GROUP_BYTES
        };
        if self.frame.as_ref().is_some_and(is_full) {
            self.flush_frame()?;
        }
        // Each column has the type that its field was declared with.
        Ok(Vec::new())
    }
}

impl GroupWriter {
    /// Returns the columns of the fields, in their order and with their types.
    fn typed(&self, frame: &DataFrame) -> PolarsResult<DataFrame> {
        let column = |field: &Field| -> PolarsResult<Column> {
            let column = frame.column(&field.name)?;
            let dtype = field.field_type.dtype();
            if *column.dtype() == dtype { Ok(column.clone()) } else { column.strict_cast(&dtype) }
        };
        let columns = self.fields.iter().map(column).collect::<PolarsResult<Vec<_>>>()?;
        DataFrame::new(frame.height(), columns)
    }

    /// Writes the frames that were gathered as one group of rows.
    pub(super) fn flush_frame(&mut self) -> Result<(), ConnectorError> {
        let Some(mut frame) = self.frame.take() else { return Ok(()) };
        frame.rechunk_mut();
        self.writer.write_batch(&frame).map_err(|error| failed(&self.file, &error))
    }
}
