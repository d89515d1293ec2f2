//! Feeds `verify::parsers::structured_fields`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| signalpost::verify::parsers::structured_fields(data));
