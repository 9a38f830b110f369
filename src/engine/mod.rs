//! Runs a pipeline: extract, transform, match, batch, load, commit.
//!
//! A record goes down this list once. The engine knows no vendor: what it would have to ask about one is in the connector's
//! [`Capabilities`](crate::model::Capabilities). It prints nothing: what happens is told to an [`Observer`]. Start at
//! [`run`](run()).

mod batch;
mod check;
mod commit;
mod error;
mod extract;
mod flush;
mod gone;
mod item;
mod lane;
mod links;
mod load;
mod matching;
mod mirror;
mod observer;
mod order;
mod prepare;
mod pushdown;
mod redrive;
mod report;
mod run;
mod setup;
mod sides;
mod stage;
mod stream;
mod volume;
mod waiting;

pub use check::{CheckOptions, Finding, check};
pub use error::{EngineError, Interruption};
pub use observer::{Observer, Silent};
pub use order::{OrderError, order_streams};
pub use redrive::{Correction, LetterPlace, letter_place, redrive};
pub use report::{DestinationReport, ReasonReport, RunReport, StreamReport, WaitingReport};
pub use run::{Finished, RunOptions, run};
pub use setup::Environment;
pub use waiting::{WaitingLink, waiting_links};

#[cfg(test)]
mod tests;
