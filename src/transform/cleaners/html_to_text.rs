//! `html_to_text`: takes the text out of HTML.

use html2text::config;

use super::{Cleaner, Options};
use crate::transform::error::TransformError;

/// The width at which lines would be broken, in characters: wide enough that paragraphs stay whole.
const WIDTH: usize = 100_000;

/// `"<p>Hello <b>Ada</b> &amp; co</p>"` → `"Hello Ada & co"`. Paragraphs stay apart by a blank line, list items by line; of a
/// link its text stays.
#[expect(clippy::unnecessary_wraps, reason = "every cleaner is compiled through the same signature")]
pub(super) fn compile(_options: &Options) -> Result<Cleaner, TransformError> {
    Ok(Cleaner::each_text(html_to_text).or("invalid_html", "is no HTML that can be read"))
}

fn html_to_text(text: &str) -> Option<String> {
    if !text.contains(['<', '&']) {
        return Some(text.trim().to_owned());
    }
    // The plain decorator would put brackets around a link's text; the rich one marks it outside of the text.
    let rendered = config::rich().raw_mode(true).string_from_read(text.as_bytes(), WIDTH).ok()?;
    let lines: Vec<&str> = rendered.lines().map(str::trim_end).collect();
    Some(lines.join("\n").trim().to_owned())
}
