//! Feeds `verify::parsers::expressions`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| signalpost::verify::parsers::expressions(data));
