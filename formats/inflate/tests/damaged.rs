//! Streams that are cut or changed: the same errors as from flate2, no panic, and never something else for what was packed.

use crate::{content, gzip, sizes, unpack, unpack_with_flate2};
use casement_inflate::GzipReader;
use fastrand::Rng;
use std::io::{self, Read};

#[test]
fn a_stream_that_is_cut_anywhere_is_an_error_as_from_flate2() {
    let bytes = content(&mut Rng::with_seed(1), 6_000);
    let packed = [gzip(&bytes[..4_000], 6), gzip(&bytes[4_000..], 0)].concat();
    for length in 0..packed.len() {
        let cut = &packed[..length];
        match (unpack(cut, sizes(700)), unpack_with_flate2(cut)) {
            (Err(ours), Err(theirs)) => {
                assert_eq!((ours.kind(), ours.to_string()), (theirs.kind(), theirs.to_string()), "{length}");
            }
            // Where one member ends.
            (ours, theirs) => assert_eq!(ours.unwrap(), theirs.unwrap(), "{length}"),
        }
    }
}

#[test]
fn changes_by_chance_never_give_other_bytes() {
    let mut rng = Rng::with_seed(2);
    let bytes = content(&mut rng, 150_000);
    let (mut same, mut refused) = (0, 0);
    for round in 0..600 {
        let mut packed = gzip(&bytes, 1 + round % 9);
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(..packed.len());
            match rng.u8(0..4) {
                0 => packed[at] = rng.u8(..),
                1 => packed[at] ^= 1 << rng.u8(0..8),
                2 => packed.truncate(at),
                _ => drop(packed.remove(at)),
            }
            if packed.is_empty() {
                break;
            }
        }
        let theirs = unpack_with_flate2(&packed).ok();
        let ours = unpack(&packed, sizes([300, 3_000, 20_000][round as usize % 3])).ok();
        assert!(ours == theirs, "{round}");
        match ours {
            Some(unpacked) => {
                assert!(unpacked == bytes, "{round}");
                same += 1;
            }
            None => refused += 1,
        }
    }
    assert!(refused > 500 && same > 0, "{refused} refused, {same} the same");
}

/// A source that fails once.
struct Fails<'a> {
    bytes: &'a [u8],
    at: usize,
    has_failed: bool,
}

impl Read for Fails<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.len() <= self.at && !self.has_failed {
            self.has_failed = true;
            return Err(io::Error::other("the cable was pulled"));
        }
        let most = buffer.len().min(1000);
        self.bytes.read(&mut buffer[..most])
    }
}

#[test]
fn an_error_of_the_source_is_handed_on() {
    let packed = gzip(&content(&mut Rng::with_seed(3), 500_000), 6);
    let mut reader = GzipReader::with_sizes(Fails { bytes: &packed, at: 3_000, has_failed: false }, sizes(9_000));
    let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "the cable was pulled");
}

#[test]
fn what_was_refused_stays_refused() {
    let mut packed = gzip(&content(&mut Rng::with_seed(4), 500_000), 6);
    let middle = packed.len() / 2;
    packed[middle..middle + 40].fill(0xff);
    let mut reader = GzipReader::with_sizes(&packed[..], sizes(9_000));
    assert!(reader.read_to_end(&mut Vec::new()).is_err());
    assert!(reader.read(&mut [0; 10]).is_err() && reader.read(&mut [0; 10]).is_err());
}
