//! The program `signalpost`; everything is in the library.

use std::process::ExitCode;

/// Events are taken in on one thread and let go on another, which the system's allocator is slow at:
/// `deploy/performance.md` has the figures.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    signalpost::cli::run()
}
