//! `domain_of`: takes the domain out of a web or e-mail address.

use super::{Cleaner, Options, email::is_domain, url::parse};
use crate::transform::error::TransformError;

/// `"https://www.Example.com/shop"` → `"example.com"`, `"ada@example.com"` → `"example.com"`. What has no domain is refused
/// with `invalid_domain`.
#[expect(clippy::unnecessary_wraps, reason = "every cleaner is compiled through the same signature")]
pub(super) fn compile(_options: &Options) -> Result<Cleaner, TransformError> {
    Ok(Cleaner::each_text(domain_of).or("invalid_domain", "has no domain"))
}

fn domain_of(text: &str) -> Option<String> {
    let trimmed = text.trim().trim_end_matches('>');
    let host = match trimmed.rsplit_once('@') {
        Some((_, domain)) if !trimmed.contains('/') => domain.trim().to_lowercase(),
        _ => parse(trimmed)?.host_str()?.to_lowercase(),
    };
    let domain = host.strip_prefix("www.").filter(|rest| rest.contains('.')).unwrap_or(&host);
    is_domain(domain).then(|| domain.to_owned())
}
