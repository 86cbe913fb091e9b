//! Anything as a gzip stream.
#![no_main]

#[path = "../../tests/property.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::it_is_unpacked_as_by_flate2(data));
