//! Feeds `verify::parsers::tokens`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| signalpost::verify::parsers::tokens(data));
