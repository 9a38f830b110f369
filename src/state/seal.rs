//! Seals what a state file holds of people and secrets, so that nothing of it lies there in clear.

use std::{fmt, fs, io::Write, path::Path};

use chacha20poly1305::{
    AeadCore, ChaCha20Poly1305, Key, KeyInit, Nonce,
    aead::{Aead, OsRng},
};
use ring::hmac;
use serde::{Serialize, de::DeserializeOwned};

use super::error::StateError;

/// The length of a key, in bytes.
pub const KEY_BYTES: usize = 32;
/// The length of a nonce of ChaCha20-Poly1305, in bytes (RFC 8439).
const NONCE_BYTES: usize = 12;

/// The length of a keyed hash, in bytes: half of what HMAC-SHA256 gives, which leaves no chance of two ids with the same one.
pub(super) const KEYED_HASH_BYTES: usize = 16;

/// Encrypts and decrypts with one key (ChaCha20-Poly1305, a random nonce each), and hashes with it what is only ever looked up.
pub struct Seal {
    cipher: ChaCha20Poly1305,
    /// Of a key of its own, which is derived from the first: what is hashed says nothing of what is encrypted.
    hash_key: hmac::Key,
    pseudonyms: hmac::Tag,
}

/// What is hashed: the same text is another hash as something else.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hashed {
    SourceId,
    RecordKey,
    Content,
}

impl Hashed {
    fn word(self) -> &'static [u8] {
        match self {
            Self::SourceId => b"source_id\0",
            Self::RecordKey => b"record_key\0",
            Self::Content => b"content\0",
        }
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
            cipher: ChaCha20Poly1305::new(Key::from_slice(key)),
            hash_key: hmac::Key::new(hmac::HMAC_SHA256, derive(b"ferry state: keyed hashes").as_ref()),
            pseudonyms: derive(b"ferry pseudonyms"),
        }
    }

    /// Returns a key that is derived from this one and opens nothing: for pseudonyms.
    pub fn pseudonym_key(&self) -> &[u8] {
        self.pseudonyms.as_ref()
    }

    /// Makes a seal that nobody can open later: for a state in memory.
    pub fn ephemeral() -> Self {
        Self::new(&ChaCha20Poly1305::generate_key(&mut OsRng).into())
    }

    /// Reads the key of a file, and makes the file (readable for its owner only) where there is none.
    ///
    /// # Errors
    /// Fails when the file cannot be read or made, or holds no key.
    pub fn from_key_file(path: &Path) -> Result<Self, StateError> {
        let failed = |reason: String| StateError::KeyFile { path: path.to_owned(), reason };
        if path.exists() {
            let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
            return Self::from_text(&text).ok_or_else(|| failed(format!("it is not {KEY_BYTES} bytes in hexadecimal")));
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
        }
        let key = ChaCha20Poly1305::generate_key(&mut OsRng);
        let mut file = new_private_file(path).map_err(|error| failed(error.to_string()))?;
        write_hexadecimal(&mut file, &key).map_err(|error| failed(error.to_string()))?;
        Ok(Self::new(&key.into()))
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
        let mut context = hmac::Context::with_key(&self.hash_key);
        context.update(what.word());
        context.update(bytes);
        let mut hash = [0; KEYED_HASH_BYTES];
        hash.copy_from_slice(&context.sign().as_ref()[..KEYED_HASH_BYTES]);
        hash
    }

    pub(super) fn seal<T: Serialize>(&self, content: &T) -> Result<Vec<u8>, StateError> {
        let nonce = ChaCha20Poly1305::generate_nonce(&mut OsRng);
        let plain = serde_json::to_vec(content)?;
        let sealed = self.cipher.encrypt(&nonce, plain.as_slice()).map_err(|_| StateError::WrongKey)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    pub(super) fn open<T: DeserializeOwned>(&self, sealed: &[u8]) -> Result<T, StateError> {
        let (nonce, cipher_text) = sealed.split_at_checked(NONCE_BYTES).ok_or(StateError::WrongKey)?;
        let plain = self.cipher.decrypt(Nonce::from_slice(nonce), cipher_text).map_err(|_| StateError::WrongKey)?;
        Ok(serde_json::from_slice(&plain)?)
    }
}

fn write_hexadecimal(file: &mut fs::File, key: &[u8]) -> std::io::Result<()> {
    for byte in key {
        write!(file, "{byte:02x}")?;
    }
    writeln!(file)?;
    file.sync_all()
}

#[cfg(unix)]
pub(super) fn new_private_file(path: &Path) -> std::io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
pub(super) fn new_private_file(path: &Path) -> std::io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create_new(true).open(path)
}
