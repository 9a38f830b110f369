//! What connectors for files have in common: finding a file, replacing one safely, ids of records, and pages.
//!
//! Nothing here knows a format. Start at [`Folder`] for where files are, at [`read_pages`] for reading off the async
//! threads, at [`FileDestination`] for a folder
//! that is written to, and at [`Replacement`] for one file.

mod destination;
mod encoding;
mod folder;
mod garbled;
mod kind;
mod names;
mod page;
mod record_id;
mod replacement;
#[cfg(test)]
pub(crate) mod testing;
mod writers;

pub use destination::{FileDestination, FileFormat};
pub use encoding::{Encoding, TextReader, UNDECODABLE, refuse_other_encoding};
pub use folder::{Folder, Stamp, file_error};
pub use garbled::GarbledTexts;
pub use kind::{not_parquet_but, other_kind, refuse_other_kind, refuse_wide_text};
pub use names::{column_of, field_name, own_name, plain_label};
pub use page::{PageSender, absent_column, assemble, assemble_columns, background, read_pages, requested, scalar_text};
pub use record_id::{ContentIds, IdOption, ObjectId, content_id, joined_id};
pub use replacement::Replacement;
pub use writers::{FileWriter, FrameWriter, Writers};
