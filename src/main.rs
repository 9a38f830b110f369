//! The `ferry` binary.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Keeps what threads free for each other: the system's own allocator keeps an arena for each thread, and polars has many. Without huge
/// pages, a page of which one small piece is in use is given back sooner.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    ferry::cli::main()
}
