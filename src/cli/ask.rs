//! Asks the person at the terminal for a word.

use std::io::{self, BufRead};

use super::{exit::Failure, output};

/// Asks whether something is to be done; only a yes is one.
pub(super) async fn is_agreed(question: &str) -> Result<bool, Failure> {
    output::insist(&format!("{question} [y/N]"));
    let read = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).map(|_| answer)
    });
    let answer = read.await.map_err(io::Error::other)??;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
