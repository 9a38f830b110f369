//! A preview on a terminal: one record at a time.

use std::io::{self, IsTerminal};

use console::{Key, Term};

use crate::engine::{DestinationPreview, PreviewReport, StreamPreview};

use super::{
    super::{
        exit::Failure,
        output::{self, Output, Talk},
    },
    text,
};

/// What can be typed.
const KEYS: &str = "n next record · r what would be rejected · q quit";

/// Tells whether somebody sits at a terminal.
pub(super) fn can_page(output: Output) -> bool {
    output.talk != Talk::Quiet && io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Shows the records one after the other, as keys are typed. Behind the last one, all findings are shown.
pub(super) fn page(report: &PreviewReport) -> Result<(), Failure> {
    let term = Term::stderr();
    for stream in &report.streams {
        output::data(&format!("{}\n", text::title(stream)))?;
        for destination in &stream.destinations {
            output::data(&format!("{}\n", text::heading(stream, destination)))?;
            if let Some(standard) = text::standard(destination) {
                output::data(&format!("\n{standard}\n"))?;
            }
            for (index, record) in destination.records.iter().enumerate() {
                output::data(&format!("\n{}\n", text::record(destination, record, index)))?;
                if !goes_on(&term, stream, destination)? {
                    return Ok(());
                }
            }
            show_findings(destination)?;
        }
        if let Some(unmapped) = text::unmapped(stream) {
            output::data(&format!("\n{unmapped}\n"))?;
        }
    }
    Ok(())
}

/// Waits for a key. Returns whether more is to be shown.
fn goes_on(term: &Term, stream: &StreamPreview, destination: &DestinationPreview) -> Result<bool, Failure> {
    output::insist(KEYS);
    loop {
        match term.read_key()? {
            Key::Char('n' | ' ') | Key::Enter | Key::ArrowDown | Key::ArrowRight => return Ok(true),
            Key::Char('r') => {
                show_findings(destination)?;
                if destination.rejects.is_empty() {
                    output::insist(&format!("no record of `{}` would be rejected here", stream.name));
                }
                output::insist(KEYS);
            }
            Key::Char('q') | Key::Escape | Key::CtrlC => return Ok(false),
            _ => {}
        }
    }
}

fn show_findings(destination: &DestinationPreview) -> Result<(), Failure> {
    for finding in text::findings(destination) {
        output::data(&format!("\n{finding}\n"))?;
    }
    Ok(())
}
