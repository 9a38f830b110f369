//! Text encodings of files: decoding while reading, encoding while writing.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

use encoding_rs::{Decoder, DecoderResult, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The byte that stands for what could not be decoded: it occurs in no UTF-8 text, so the record with it is refused.
const UNDECODABLE: u8 = 0xFF;
/// How much is decoded at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// Names the encodings of text files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark when read, without one when written.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-8 with a byte order mark, as Excel wants it.
    #[serde(rename = "utf-8-bom")]
    Utf8Bom,
    /// The encoding of western Windows programs ("ANSI"); also reads Latin-1.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// UTF-16, low byte first ("Unicode" of Windows programs); written with a byte order mark.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, high byte first; written with a byte order mark.
    #[serde(rename = "utf-16be")]
    Utf16Be,
}

impl Encoding {
    /// Returns the name, as it stands in a pipeline.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf8Bom => "utf-8-bom",
            Self::Windows1252 => "windows-1252",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
        }
    }

    /// Returns what a file of this encoding begins with.
    pub fn mark(self) -> &'static [u8] {
        match self {
            Self::Utf8 | Self::Windows1252 => &[],
            Self::Utf8Bom => &[0xEF, 0xBB, 0xBF],
            Self::Utf16Le => &[0xFF, 0xFE],
            Self::Utf16Be => &[0xFE, 0xFF],
        }
    }

    /// Tells whether the encoding has all characters of the text.
    pub fn can_hold(self, text: &str) -> bool {
        match self {
            Self::Utf8 | Self::Utf8Bom | Self::Utf16Le | Self::Utf16Be => true,
            Self::Windows1252 => !WINDOWS_1252.encode(text).2,
        }
    }

    /// Returns the bytes of a text that the encoding can hold, without a mark.
    pub fn encode(self, text: String) -> Vec<u8> {
        match self {
            Self::Utf8 | Self::Utf8Bom => text.into_bytes(),
            Self::Windows1252 => WINDOWS_1252.encode(&text).0.into_owned(),
            Self::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Self::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        }
    }

    fn decoder(self) -> &'static encoding_rs::Encoding {
        match self {
            Self::Utf8 | Self::Utf8Bom => UTF_8,
            Self::Windows1252 => WINDOWS_1252,
            Self::Utf16Le => UTF_16LE,
            Self::Utf16Be => UTF_16BE,
        }
    }
}

/// Reads a text file as UTF-8. What cannot be decoded comes as bytes that are no UTF-8.
#[derive(Debug)]
pub struct TextReader {
    file: File,
    /// Where the text begins in the file, behind a mark, in bytes.
    text_start: u64,
    transcoder: Option<Transcoder>,
}

struct Transcoder {
    decoder: Decoder,
    raw: Vec<u8>,
    raw_start: usize,
    is_file_read: bool,
    is_finished: bool,
    decoded: Vec<u8>,
    decoded_start: usize,
    decoded_end: usize,
}

impl std::fmt::Debug for Transcoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Transcoder").field("encoding", &self.decoder.encoding().name()).finish_non_exhaustive()
    }
}

impl TextReader {
    /// Starts to read. A byte order mark at the file's beginning says more than `encoding` does.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn new(mut file: File, encoding: Encoding) -> io::Result<Self> {
        let mut head = Vec::with_capacity(3);
        Read::by_ref(&mut file).take(3).read_to_end(&mut head)?;
        let (decoder, mark_length) = encoding_rs::Encoding::for_bom(&head).unwrap_or((encoding.decoder(), 0));
        let text_start = u64::try_from(mark_length).unwrap_or_default();
        file.seek(SeekFrom::Start(text_start))?;
        let transcoder = (decoder != UTF_8).then(|| Transcoder::new(decoder));
        Ok(Self { file, text_start, transcoder })
    }

    /// Leaves out so many bytes of text, counted from its beginning, as UTF-8. For a reader that was not read from.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn skip(&mut self, byte_count: u64) -> io::Result<()> {
        if self.transcoder.is_none() {
            self.file.seek(SeekFrom::Start(self.text_start + byte_count))?;
            return Ok(());
        }
        io::copy(&mut Read::by_ref(self).take(byte_count), &mut io::sink())?;
        Ok(())
    }
}

impl Read for TextReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match &mut self.transcoder {
            None => self.file.read(out),
            Some(transcoder) => transcoder.read(&mut self.file, out),
        }
    }
}

impl Transcoder {
    fn new(encoding: &'static encoding_rs::Encoding) -> Self {
        Self {
            decoder: encoding.new_decoder_without_bom_handling(),
            raw: Vec::with_capacity(CHUNK_BYTES),
            raw_start: 0,
            is_file_read: false,
            is_finished: false,
            decoded: vec![0; CHUNK_BYTES],
            decoded_start: 0,
            decoded_end: 0,
        }
    }

    fn read(&mut self, file: &mut File, out: &mut [u8]) -> io::Result<usize> {
        while self.decoded_start == self.decoded_end && !self.is_finished {
            self.decode_more(file)?;
        }
        let ready = self.decoded.get(self.decoded_start..self.decoded_end).unwrap_or_default();
        let count = ready.len().min(out.len());
        out[..count].copy_from_slice(&ready[..count]);
        self.decoded_start += count;
        Ok(count)
    }

    fn decode_more(&mut self, file: &mut File) -> io::Result<()> {
        if self.raw_start == self.raw.len() && !self.is_file_read {
            self.raw.clear();
            self.raw_start = 0;
            let limit = u64::try_from(CHUNK_BYTES).unwrap_or(u64::MAX);
            self.is_file_read = file.take(limit).read_to_end(&mut self.raw)? == 0;
        }
        // One byte is kept free for the mark of what cannot be decoded.
        let room = self.decoded.len() - 1;
        let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(
            &self.raw[self.raw_start..],
            &mut self.decoded[..room],
            self.is_file_read,
        );
        self.raw_start += read;
        self.decoded_start = 0;
        self.decoded_end = written;
        match result {
            DecoderResult::InputEmpty => self.is_finished = self.is_file_read,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => {
                self.decoded[written] = UNDECODABLE;
                self.decoded_end += 1;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(bytes: &[u8], encoding: Encoding, skipped: u64) -> Vec<u8> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        let mut reader = TextReader::new(file, encoding).unwrap();
        reader.skip(skipped).unwrap();
        let mut text = Vec::new();
        reader.read_to_end(&mut text).unwrap();
        text
    }

    #[test]
    fn every_encoding_reads_what_it_wrote_with_or_without_a_mark() {
        let text = "Zoë;Łódź 😀\n".repeat(20_000);
        for encoding in [Encoding::Utf8, Encoding::Utf8Bom, Encoding::Utf16Le, Encoding::Utf16Be] {
            let plain = encoding.encode(text.clone());
            assert_eq!(read(&plain, encoding, 0), text.as_bytes(), "{encoding:?}");
            let marked = [encoding.mark(), &plain].concat();
            assert_eq!(read(&marked, encoding, 0), text.as_bytes(), "{encoding:?}");
            assert_eq!(read(&marked, encoding, 70_000), text.as_bytes()[70_000..], "{encoding:?}");
        }
    }

    #[test]
    fn a_mark_says_more_than_the_option() {
        let bytes = [Encoding::Utf16Le.mark(), &Encoding::Utf16Le.encode("é".into())].concat();
        assert_eq!(read(&bytes, Encoding::Utf8, 0), "é".as_bytes());
        assert_eq!(read(b"\xEF\xBB\xBF\xC3\xA9", Encoding::Windows1252, 0), "é".as_bytes());
        assert_eq!(read(b"caf\xE9 \x80", Encoding::Windows1252, 0), "café €".as_bytes());
        assert_eq!(read(b"", Encoding::Utf16Le, 0), b"");
    }

    #[test]
    fn what_cannot_be_decoded_is_no_utf_8_and_the_rest_is() {
        let half_a_pair = [0x61, 0x00, 0x3D, 0xD8, 0x62, 0x00, 0x63];
        assert_eq!(read(&half_a_pair, Encoding::Utf16Le, 0), b"a\xFFb\xFF");
    }

    #[test]
    fn windows_1252_does_not_hold_everything() {
        assert!(Encoding::Windows1252.can_hold("Zoë €"));
        assert!(!Encoding::Windows1252.can_hold("Łódź"));
    }
}
