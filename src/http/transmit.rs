//! One request on its way: the body that is sent, and the answer that is read, both within bounds.

use std::{
    future::pending,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::stream;
use reqwest::{
    RequestBuilder, Response,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use tokio::task::spawn_blocking;

use crate::spool::{Spool, SpoolWriter};

use super::{
    answer::Answer,
    connections::SEND_DEADLINE,
    error::{HttpError, HttpErrorKind},
};

/// Most bytes of an answer that is kept in memory, after decompression. The largest that the vendors document are pages of
/// 2,000 records and descriptions of objects, both below 20 MB; a megabyte of gzip can be a gigabyte of zeros.
pub(super) const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;
/// Most bytes of an answer that goes to disk, after decompression. A page of Bulk results has at most 50,000 records.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// Bytes that are handed to the disk at once.
const DISK_BYTES: usize = 1024 * 1024;
/// Bytes of a body that are handed to the connection at once.
const PART_BYTES: usize = 64 * 1024;

/// A body, with the mark that tells when the last of it was handed over.
#[derive(Debug, Clone, Default)]
pub(super) struct Handed(Arc<AtomicBool>);

impl Handed {
    /// Notes that all is handed over.
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Returns when the request was not handed over in time; never where it was.
    async fn late(&self) {
        tokio::time::sleep(SEND_DEADLINE).await;
        if self.is_set() {
            pending::<()>().await;
        }
    }
}

/// Gives a request a body from memory. What is not handed over by the deadline is never sent: the request is given up.
pub(super) fn with_bytes(
    request: RequestBuilder,
    media_type: &'static str,
    bytes: Vec<u8>,
    handed: &Handed,
) -> RequestBuilder {
    let length = bytes.len();
    let (handed, bytes) = (handed.clone(), Arc::<[u8]>::from(bytes));
    let parts = stream::unfold(0, move |position: usize| {
        let end = position.saturating_add(PART_BYTES).min(bytes.len());
        let part = bytes.get(position..end).filter(|part| !part.is_empty()).map(<[u8]>::to_vec);
        if end == bytes.len() {
            handed.set();
        }
        std::future::ready(part.map(|part| (Ok::<_, io::Error>(part), end)))
    });
    let request = request.header(CONTENT_TYPE, media_type).header(CONTENT_LENGTH, length);
    request.body(reqwest::Body::wrap_stream(parts))
}

/// Gives a request a body from disk. Each attempt has its own place in the file.
pub(super) fn with_file(request: RequestBuilder, file: Spool, handed: &Handed) -> RequestBuilder {
    // A file has no send deadline: nothing is carried out before its job is closed.
    handed.set();
    let length = file.len();
    let parts = stream::unfold(Some((file, 0)), |state| async move {
        let (file, position) = state?;
        let reader = file.clone();
        let read = spawn_blocking(move || reader.part(position)).await;
        match read.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(part) if part.is_empty() => None,
            Ok(part) => {
                let next = position + u64::try_from(part.len()).unwrap_or(u64::MAX);
                Some((Ok(part), Some((file, next))))
            }
            Err(error) => Some((Err(error), None)),
        }
    });
    request.header(CONTENT_TYPE, "text/csv").header(CONTENT_LENGTH, length).body(reqwest::Body::wrap_stream(parts))
}

/// Sends a request and reads its answer.
pub(super) async fn transmit(
    request: RequestBuilder,
    handed: Option<&Handed>,
    attempts: u32,
    is_file_wanted: bool,
) -> Result<Answer, HttpError> {
    let late = async {
        match handed {
            Some(handed) => handed.late().await,
            None => pending().await,
        }
    };
    let answered = async {
        let answer = exchange(request, attempts, is_file_wanted).await?;
        let is_sent = handed.is_none_or(Handed::is_set);
        if is_sent || !answer.status.is_success() { Ok(answer) } else { Err(too_early(attempts)) }
    };
    tokio::select! {
        biased;
        answer = answered => answer,
        () = late => {
            let message = format!("the request could not be sent within {} s", SEND_DEADLINE.as_secs());
            Err(HttpError::after(HttpErrorKind::Unanswered, message, attempts))
        }
    }
}

async fn exchange(request: RequestBuilder, attempts: u32, is_file_wanted: bool) -> Result<Answer, HttpError> {
    let response = request.send().await.map_err(|error| failure(&error, attempts))?;
    let mut answer = Answer::new(response.status(), Vec::new());
    answer.headers.clone_from(response.headers());
    answer.attempts = attempts;
    if is_file_wanted && answer.media_type() == "text/csv" && answer.status.is_success() {
        answer.file = Some(download(response, attempts).await?);
    } else {
        answer.body = read(response, attempts).await?;
    }
    Ok(answer)
}

/// Reads a body into memory, and no more of it than fits.
async fn read(mut response: Response, attempts: u32) -> Result<Vec<u8>, HttpError> {
    let told = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
    let mut body = Vec::with_capacity(told.min(MAX_BODY_BYTES));
    while let Some(part) = response.chunk().await.map_err(|error| failure(&error, attempts))? {
        if body.len().saturating_add(part.len()) > MAX_BODY_BYTES {
            return Err(too_large(MAX_BODY_BYTES as u64, attempts));
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

/// Brings a body to disk, off the async threads.
async fn download(mut response: Response, attempts: u32) -> Result<Spool, HttpError> {
    let mut writer = on_disk(attempts, SpoolWriter::new).await?;
    let mut buffer = Vec::with_capacity(DISK_BYTES);
    while let Some(part) = response.chunk().await.map_err(|error| failure(&error, attempts))? {
        buffer.extend_from_slice(&part);
        let length = writer.len().saturating_add(u64::try_from(buffer.len()).unwrap_or(u64::MAX));
        if length > MAX_FILE_BYTES {
            return Err(too_large(MAX_FILE_BYTES, attempts));
        }
        if buffer.len() >= DISK_BYTES {
            (writer, buffer) = on_disk(attempts, move || {
                writer.write_all(&buffer)?;
                buffer.clear();
                Ok((writer, buffer))
            })
            .await?;
        }
    }
    on_disk(attempts, move || {
        writer.write_all(&buffer)?;
        writer.finish()
    })
    .await
}

async fn on_disk<T: Send + 'static>(
    attempts: u32,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, HttpError> {
    let done = spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)));
    done.map_err(|error| {
        let message = format!("the answer cannot be written to disk: {error}");
        HttpError::after(HttpErrorKind::Unanswered, message, attempts)
    })
}

/// A request that is not sent completely cannot be carried out: the answer is another request's.
fn too_early(attempts: u32) -> HttpError {
    let message = "a success was answered before the request was sent";
    HttpError::after(HttpErrorKind::Unanswered, message, attempts)
}

fn too_large(most: u64, attempts: u32) -> HttpError {
    let message = format!("the answer is larger than {} MB, the most that is read", most / 1024 / 1024);
    HttpError { is_final: true, ..HttpError::after(HttpErrorKind::Unanswered, message, attempts) }
}

fn failure(error: &reqwest::Error, attempts: u32) -> HttpError {
    let is_unsent = error.is_connect() || error.is_builder();
    let kind = if is_unsent { HttpErrorKind::Unreachable } else { HttpErrorKind::Unanswered };
    HttpError::after(kind, describe(error), attempts)
}

/// Puts an error of the transport into words without its URL, whose query may hold values.
pub(super) fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer came in time".to_owned();
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if error.is_connect() {
        format!("no connection: {innermost}")
    } else {
        format!("the connection broke: {innermost}")
    }
}
