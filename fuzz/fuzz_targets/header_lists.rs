//! Feeds `verify::parsers::header_lists`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| signalpost::verify::parsers::header_lists(data));
