//! Anything as a layer.
#![no_main]

#[path = "../../tests/property.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::what_is_read_is_written_and_read_again(data));
