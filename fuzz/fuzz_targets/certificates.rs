//! Feeds `verify::parsers::certificates`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| signalpost::verify::parsers::certificates(data));
