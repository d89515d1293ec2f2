//! The program `signalpost`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    signalpost::cli::run()
}
