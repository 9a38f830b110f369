//! What the connector does with the local Pipedrive, which follows the same vendor pages and shares no code with it.

mod company;
mod fields;
mod merges;
mod participants;
mod reading;
mod strangers;
mod writing;

use company::{Company, change, text};
