//! `url`: checks a web address and adds its scheme.

use ::url::{Host, Url};

use super::{Cleaner, Options, email::is_domain};
use crate::transform::error::TransformError;

/// `"Example.com/shop"` → `"https://example.com/shop"`. Only web addresses (http and https) are kept; anything else is refused
/// with `invalid_url`.
#[expect(clippy::unnecessary_wraps, reason = "every cleaner is compiled through the same signature")]
pub(super) fn compile(_options: &Options) -> Result<Cleaner, TransformError> {
    Ok(Cleaner::each_text(url).or("invalid_url", "is no web address"))
}

fn url(text: &str) -> Option<String> {
    let parsed = parse(text)?;
    let has_path = parsed.path() != "/" || parsed.query().is_some() || parsed.fragment().is_some();
    let is_bare = !has_path && !text.trim().ends_with('/');
    let written = parsed.as_str();
    Some(if is_bare { written.trim_end_matches('/').to_owned() } else { written.to_owned() })
}

/// Parses a web address, taking https where no scheme is written.
pub(super) fn parse(text: &str) -> Option<Url> {
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed.contains(char::is_whitespace) {
        return None;
    }
    let parsed = if trimmed.contains("://") { Url::parse(trimmed) } else { Url::parse(&format!("https://{trimmed}")) };
    let parsed = parsed.ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let is_reachable = match parsed.host()? {
        Host::Domain(domain) => is_domain(domain) || domain == "localhost",
        Host::Ipv4(_) | Host::Ipv6(_) => true,
    };
    is_reachable.then_some(parsed)
}
