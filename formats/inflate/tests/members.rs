//! Members (RFC 1952): their headers, several of them, and what is between and after them.

use crate::{content, gzip, member, sizes, unpack, unpack_with_flate2};
use fastrand::Rng;
use flate2::{Compression, GzBuilder};
use std::io::Write;

/// Ours does what flate2 does.
fn same(packed: &[u8], what: &str) {
    let expected = unpack_with_flate2(packed).map_err(|e| (e.kind(), e.to_string()));
    for chunk in [1, 13, 1000, 100_000] {
        let unpacked = unpack(packed, sizes(chunk)).map_err(|e| (e.kind(), e.to_string()));
        assert!(unpacked == expected, "{what}, {chunk}: {:?} and not {:?}", unpacked.err(), expected.as_ref().err());
    }
}

#[test]
fn headers_with_all_that_they_can_have() {
    let build = |builder: GzBuilder| {
        let mut encoder = builder.write(Vec::new(), Compression::new(6));
        encoder.write_all(b"some text").unwrap();
        encoder.finish().unwrap()
    };
    let builder = || GzBuilder::new().mtime(7).extra(vec![1; 3000]).filename("name").comment("comment");
    for packed in [build(builder()), build(builder().extra(Vec::new())), build(GzBuilder::new().comment(""))] {
        assert_eq!(unpack_with_flate2(&packed).unwrap(), b"some text");
        same(&packed, "header");
        same(&[&packed[..], &packed[..]].concat(), "two headers");
    }
    // With a checksum of the header, right and wrong.
    let plain = gzip(b"some text", 6);
    let mut header = plain[..10].to_vec();
    header[3] = 2;
    let mut checksum = flate2::Crc::new();
    checksum.update(&header);
    let [a, b, ..] = checksum.sum().to_le_bytes();
    for second in [b, b ^ 1] {
        same(&[&header[..], &[a, second], &plain[10..]].concat(), "checksum of the header");
    }
    for (at, value) in [(0, 0x1e), (1, 0), (2, 7), (3, 0x20), (3, 0x80)] {
        let mut wrong = plain.clone();
        wrong[at] = value;
        same(&wrong, "wrong header");
    }
}

#[test]
fn several_members_and_what_follows_them() {
    let mut rng = Rng::with_seed(1);
    let mut packed = Vec::new();
    let mut bytes = Vec::new();
    for number in 0..40 {
        let length = [0, 1, 100, 70_000][number % 4];
        let part = content(&mut rng, length);
        packed.extend(gzip(&part, 1 + number as u32 % 9));
        bytes.extend(part);
    }
    assert!(unpack_with_flate2(&packed).unwrap() == bytes);
    same(&packed, "members");
    for tail in [&[0][..], &[0; 100], &[0x1f], &[0x1f, 0x8b], b"something else", &packed[..9], &packed[..15]] {
        same(&[&packed[..], tail].concat(), "tail");
    }
    same(b"", "nothing");
    same(b"no gzip at all", "no gzip");
}

/// A distance must not lead into the member before, which a worker that begins in the middle cannot know.
#[test]
fn distances_into_the_member_before_are_refused() {
    let bytes = content(&mut Rng::with_seed(2), 400_000);
    let first = gzip(&bytes[..200_000], 6);
    // A raw stream that was packed with a dictionary is one with distances before its beginning.
    let mut compress = flate2::Compress::new(Compression::new(9), false);
    compress.set_dictionary(&bytes[190_000..200_000]).unwrap();
    let mut second = Vec::with_capacity(300_000);
    let again = [&bytes[190_000..200_000], &bytes[200_000..]].concat();
    compress.compress_vec(&again, &mut second, flate2::FlushCompress::Finish).unwrap();
    let packed = [first, member(&second, &again)].concat();
    let expected = unpack_with_flate2(&packed).unwrap_err();
    for chunk in [500, 5000, 50_000, 500_000] {
        assert_eq!(unpack(&packed, sizes(chunk)).unwrap_err().to_string(), expected.to_string(), "{chunk}");
    }
}

#[test]
fn checksums_and_lengths_are_checked() {
    let packed = gzip(&content(&mut Rng::with_seed(3), 100_000), 6);
    for from_end in 1..=8 {
        let mut wrong = packed.clone();
        let at = wrong.len() - from_end;
        wrong[at] ^= 1;
        same(&wrong, "trailer");
        assert!(unpack(&wrong, sizes(1000)).unwrap_err().to_string().contains("checksum"));
    }
}
