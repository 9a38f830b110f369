//! Seals what a state file holds of people and secrets, so that none of it is in the file in clear.

use std::fmt::{self, Write};

use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD as BASE64};
use chacha20poly1305::{
    AeadCore, ChaCha20Poly1305, Key, KeyInit, Nonce, XChaCha20Poly1305, XNonce,
    aead::{Aead, OsRng, Payload},
};
use ring::hmac;
use serde::{Serialize, de::DeserializeOwned};

use super::error::StateError;

/// The length of a key, in bytes.
pub const KEY_BYTES: usize = 32;
/// The length of a nonce of XChaCha20-Poly1305, in bytes: 192 bits, so that random ones never meet.
const NONCE_BYTES: usize = 24;
/// The length of the nonces before form 3: those of ChaCha20-Poly1305, in bytes (RFC 8439).
const OLD_NONCE_BYTES: usize = 12;

/// The length of a keyed hash, in bytes: half of what HMAC-SHA256 gives, which leaves no chance of two ids with the same one.
pub(super) const KEYED_HASH_BYTES: usize = 16;

/// What a sealed text begins with, and no vendor's id does.
const ALIKE: char = '\u{1}';

/// Encrypts and decrypts with one key (XChaCha20-Poly1305, a random nonce each), and hashes with it what is only looked up.
pub struct Seal {
    cipher: XChaCha20Poly1305,
    /// Opens what was sealed before form 3.
    old_cipher: ChaCha20Poly1305,
    /// Of a key of its own, which is derived from the first: a hash says nothing about what is encrypted.
    hashing: hmac::Key,
    pseudonyms: hmac::Tag,
}

/// What is hashed: the same text has another hash as something else.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hashed {
    SourceId,
    RecordKey,
    Content,
    TokenName,
    DestinationId,
    Nonce,
}

impl Hashed {
    fn word(self) -> &'static [u8] {
        match self {
            Self::SourceId => b"source_id\0",
            Self::RecordKey => b"record_key\0",
            Self::Content => b"content\0",
            Self::TokenName => b"token_name\0",
            Self::DestinationId => b"destination_id\0",
            Self::Nonce => b"nonce\0",
        }
    }
}

/// The place of a sealed cell: its table and the parts that identify its row. A cell that is copied to another place does not
/// open there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell(String);

impl Cell {
    pub(super) fn new(table: &str, row: &[&dyn fmt::Display]) -> Self {
        let mut place = table.to_owned();
        for part in row {
            place.push('\0');
            place.push_str(&part.to_string());
        }
        Self(place)
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Seal(***)")
    }
}

impl Seal {
    /// Makes a seal of a key.
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        let derive = |purpose: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), purpose);
        Self {
            cipher: XChaCha20Poly1305::new(Key::from_slice(key)),
            old_cipher: ChaCha20Poly1305::new(Key::from_slice(key)),
            hashing: hmac::Key::new(hmac::HMAC_SHA256, derive(b"ferry state: keyed hashes").as_ref()),
            pseudonyms: derive(b"ferry pseudonyms"),
        }
    }

    /// Returns a key that is derived from this one and opens nothing: for pseudonyms.
    pub fn pseudonym_key(&self) -> &[u8] {
        self.pseudonyms.as_ref()
    }

    /// Makes a seal that nobody can open later: for a state in memory.
    pub fn ephemeral() -> Self {
        Self::new(&Self::new_key())
    }

    pub(super) fn new_key() -> [u8; KEY_BYTES] {
        XChaCha20Poly1305::generate_key(&mut OsRng).into()
    }

    /// Reads a key of 64 hexadecimal digits; none where the text is something else.
    pub fn from_text(text: &str) -> Option<Self> {
        let digits = text.trim().as_bytes();
        if digits.len() != KEY_BYTES * 2 {
            return None;
        }
        let mut key = [0_u8; KEY_BYTES];
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self::new(&key))
    }

    /// Hashes with the key: the same content has the same hash, and without the key nobody can try out what it is of.
    pub(super) fn keyed_hash(&self, what: Hashed, bytes: &[u8]) -> [u8; KEYED_HASH_BYTES] {
        let mut context = hmac::Context::with_key(&self.hashing);
        context.update(what.word());
        context.update(bytes);
        let mut hash = [0; KEYED_HASH_BYTES];
        hash.copy_from_slice(&context.sign().as_ref()[..KEYED_HASH_BYTES]);
        hash
    }

    pub(super) fn seal<T: Serialize>(&self, cell: &Cell, content: &T) -> Result<Vec<u8>, StateError> {
        self.seal_bytes(cell, &serde_json::to_vec(content)?)
    }

    pub(super) fn open<T: DeserializeOwned>(&self, cell: &Cell, sealed: &[u8]) -> Result<T, StateError> {
        Ok(serde_json::from_slice(&self.open_bytes(cell, sealed)?)?)
    }

    pub(super) fn open_bytes(&self, cell: &Cell, sealed: &[u8]) -> Result<Vec<u8>, StateError> {
        let (nonce, cipher_text) = sealed.split_at_checked(NONCE_BYTES).ok_or(StateError::WrongKey)?;
        let payload = Payload { msg: cipher_text, aad: cell.0.as_bytes() };
        self.cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| StateError::WrongKey)
    }

    /// Seals a text that is looked up: the same text at the same place is sealed the same way. Its nonce is its keyed hash, so that
    /// two texts never share one.
    pub(super) fn seal_alike(&self, cell: &Cell, text: &str) -> Result<String, StateError> {
        let hash = self.keyed_hash(Hashed::DestinationId, format!("{}\0{text}", cell.0).as_bytes());
        let payload = Payload { msg: text.as_bytes(), aad: cell.0.as_bytes() };
        let sealed = self.cipher.encrypt(&nonce_of(hash), payload).map_err(|_| StateError::WrongKey)?;
        Ok(format!("{ALIKE}{}", BASE64.encode([&hash[..], &sealed].concat())))
    }

    /// Opens such a text; none where it is not sealed.
    pub(super) fn open_alike(&self, cell: &Cell, stored: &str) -> Result<Option<String>, StateError> {
        let Some(text) = stored.strip_prefix(ALIKE) else { return Ok(None) };
        let bytes = BASE64.decode(text).map_err(|_| StateError::WrongKey)?;
        let (hash, cipher_text) = bytes.split_first_chunk().ok_or(StateError::WrongKey)?;
        let payload = Payload { msg: cipher_text, aad: cell.0.as_bytes() };
        let plain = self.cipher.decrypt(&nonce_of(*hash), payload).map_err(|_| StateError::WrongKey)?;
        Ok(Some(String::from_utf8(plain).map_err(|_| StateError::WrongKey)?))
    }

    /// Seals a text whose own keyed hash is part of its place. The place's hash is the nonce: nothing else is ever sealed there, and
    /// the nonce takes no room.
    pub(super) fn seal_named(&self, cell: &Cell, text: &str) -> Result<Vec<u8>, StateError> {
        let payload = Payload { msg: text.as_bytes(), aad: cell.0.as_bytes() };
        self.cipher.encrypt(&self.nonce_at(cell), payload).map_err(|_| StateError::WrongKey)
    }

    /// Opens such a text.
    pub(super) fn open_named(&self, cell: &Cell, sealed: &[u8]) -> Result<String, StateError> {
        let payload = Payload { msg: sealed, aad: cell.0.as_bytes() };
        let plain = self.cipher.decrypt(&self.nonce_at(cell), payload).map_err(|_| StateError::WrongKey)?;
        String::from_utf8(plain).map_err(|_| StateError::WrongKey)
    }

    fn nonce_at(&self, cell: &Cell) -> XNonce {
        nonce_of(self.keyed_hash(Hashed::Nonce, cell.0.as_bytes()))
    }

    /// Seals a cell of form 2 anew, bound to its place.
    pub(super) fn rebind(&self, cell: &Cell, sealed: &[u8]) -> Result<Vec<u8>, StateError> {
        self.seal_bytes(cell, &self.open_old_bytes(sealed)?)
    }

    /// Seals as the forms before 3 did, bound to no place: for the migrations that lead to them.
    pub(super) fn seal_old<T: Serialize>(&self, content: &T) -> Result<Vec<u8>, StateError> {
        let nonce = ChaCha20Poly1305::generate_nonce(&mut OsRng);
        let plain = serde_json::to_vec(content)?;
        let sealed = self.old_cipher.encrypt(&nonce, plain.as_slice()).map_err(|_| StateError::WrongKey)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what a form before 3 sealed.
    pub(super) fn open_old<T: DeserializeOwned>(&self, sealed: &[u8]) -> Result<T, StateError> {
        Ok(serde_json::from_slice(&self.open_old_bytes(sealed)?)?)
    }

    fn open_old_bytes(&self, sealed: &[u8]) -> Result<Vec<u8>, StateError> {
        let (nonce, cipher_text) = sealed.split_at_checked(OLD_NONCE_BYTES).ok_or(StateError::WrongKey)?;
        self.old_cipher.decrypt(Nonce::from_slice(nonce), cipher_text).map_err(|_| StateError::WrongKey)
    }

    pub(super) fn seal_bytes(&self, cell: &Cell, plain: &[u8]) -> Result<Vec<u8>, StateError> {
        let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
        let payload = Payload { msg: plain, aad: cell.0.as_bytes() };
        let sealed = self.cipher.encrypt(&nonce, payload).map_err(|_| StateError::WrongKey)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }
}

fn nonce_of(hash: [u8; KEYED_HASH_BYTES]) -> XNonce {
    let mut nonce = XNonce::default();
    nonce[..KEYED_HASH_BYTES].copy_from_slice(&hash);
    nonce
}

/// Returns bytes as hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_opens_at_its_place_alone() {
        let seal = Seal::new(&[7; KEY_BYTES]);
        let cell = Cell::new("links", &[&1, &23]);
        let sealed = seal.seal(&cell, &"ada@example.test").unwrap();
        assert_eq!(seal.open::<String>(&cell, &sealed).unwrap(), "ada@example.test");
        for elsewhere in [
            Cell::new("links", &[&1, &24]),
            Cell::new("links", &[&2, &23]),
            Cell::new("links", &[&12, &3]),
            Cell::new("intents", &[&1, &23]),
            Cell::new("links", &[]),
        ] {
            let opened = seal.open::<String>(&elsewhere, &sealed);
            assert!(matches!(opened, Err(StateError::WrongKey)), "{elsewhere:?}");
        }
    }

    #[test]
    fn the_same_content_is_never_sealed_the_same_way_twice() {
        let seal = Seal::new(&[7; KEY_BYTES]);
        let cell = Cell::new("tokens", &[&"a"]);
        assert_ne!(seal.seal(&cell, &1).unwrap(), seal.seal(&cell, &1).unwrap());
    }

    #[test]
    fn what_is_looked_up_is_sealed_alike_at_one_place() {
        let seal = Seal::new(&[7; KEY_BYTES]);
        let (here, there) = (Cell::new("id_map", &[&1]), Cell::new("id_map", &[&2]));
        let sealed = seal.seal_alike(&here, "ada@example.test").unwrap();
        assert_eq!(sealed, seal.seal_alike(&here, "ada@example.test").unwrap());
        assert_ne!(sealed, seal.seal_alike(&here, "ada@example.tes").unwrap());
        assert_ne!(sealed, seal.seal_alike(&there, "ada@example.test").unwrap());
        assert_eq!(seal.open_alike(&here, &sealed).unwrap().as_deref(), Some("ada@example.test"));
        assert_eq!(seal.open_alike(&here, "10001").unwrap(), None);
        for damaged in [&sealed[..20], "\u{1}", "\u{1}!"] {
            assert!(matches!(seal.open_alike(&here, damaged), Err(StateError::WrongKey)));
        }
        assert!(matches!(seal.open_alike(&there, &sealed), Err(StateError::WrongKey)));
    }

    #[test]
    fn what_is_named_by_its_place_opens_there_alone() {
        let seal = Seal::new(&[7; KEY_BYTES]);
        let (here, there) = (Cell::new("id_map", &[&1, &"ab"]), Cell::new("id_map", &[&2, &"ab"]));
        let sealed = seal.seal_named(&here, "ada@example.test").unwrap();
        assert_eq!(seal.open_named(&here, &sealed).unwrap(), "ada@example.test");
        assert_ne!(sealed[..16], seal.seal_named(&there, "ada@example.test").unwrap()[..16]);
        for damaged in [&sealed[1..], &[], &seal.seal_named(&there, "ada@example.test").unwrap()] {
            assert!(matches!(seal.open_named(&here, damaged), Err(StateError::WrongKey)));
        }
    }

    #[test]
    fn a_key_is_64_hexadecimal_digits() {
        assert!(Seal::from_text(&"0a".repeat(32)).is_some());
        assert!(Seal::from_text(&format!(" {}\n", "0A".repeat(32))).is_some());
        for text in ["", "0a", &"0g".repeat(32), &"0a".repeat(33), &"ä".repeat(32)] {
            assert!(Seal::from_text(text).is_none(), "{text}");
        }
    }
}
