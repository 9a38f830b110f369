//! Ids that have several spellings: a link may spell the record that it leads to otherwise than the record's own id is spelt.

use std::{borrow::Cow, sync::Arc};

/// Returns the other spelling of a system's id; none where the text is no id that has one.
pub type OtherSpelling = fn(&str) -> Option<String>;

/// The spellings that the systems know. They count for all ids: an export of a system has its ids too.
#[derive(Debug, Clone, Default)]
pub struct Spellings(Arc<[OtherSpelling]>);

impl Spellings {
    /// Makes the list of what the systems know.
    pub fn new(known: impl IntoIterator<Item = OtherSpelling>) -> Self {
        Self(known.into_iter().collect())
    }

    /// Returns the other spellings of an id.
    pub fn others<'id>(&'id self, id: &'id str) -> impl Iterator<Item = String> + 'id {
        self.0.iter().filter_map(move |other| other(id))
    }

    /// Returns the id as it is known: as it is written, or in another spelling.
    pub fn known_as<'id>(&self, id: &'id str, is_known: impl Fn(&str) -> bool) -> Option<Cow<'id, str>> {
        if is_known(id) {
            return Some(Cow::Borrowed(id));
        }
        self.others(id).find(|other| is_known(other)).map(Cow::Owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_as_it_is_written_or_in_another_spelling() {
        let spellings = Spellings::new([|id: &str| id.strip_suffix("-long").map(str::to_owned)] as [OtherSpelling; 1]);
        assert_eq!(spellings.known_as("a-long", |id| id == "a-long").as_deref(), Some("a-long"));
        assert_eq!(spellings.known_as("a-long", |id| id == "a").as_deref(), Some("a"));
        assert_eq!(spellings.known_as("a-long", |id| id == "b"), None);
        assert_eq!(Spellings::default().known_as("a-long", |id| id == "a"), None);
    }
}
