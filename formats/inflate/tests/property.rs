//! What holds for any bytes, for the fuzz target and for the tests.

use casement_inflate::{GzipReader, Sizes};
use std::io::{self, Read};

/// Most bytes that are unpacked to compare.
const MOST: u64 = 1 << 20;

type Outcome = Result<Vec<u8>, (io::ErrorKind, String)>;

fn outcome(reader: impl Read) -> Outcome {
    let mut bytes = Vec::new();
    reader.take(MOST).read_to_end(&mut bytes).map(|_| bytes).map_err(|e| (e.kind(), e.to_string()))
}

/// Anything as a stream, and as the blocks of one: it is unpacked, or refused, as flate2 does it. The first bytes say how it is divided.
pub fn it_is_unpacked_as_by_flate2(data: &[u8]) {
    let Some(([chunk, most, workers], data)) = data.split_first_chunk() else { return };
    let sizes = Sizes {
        chunk: 1 + 16 * usize::from(*chunk),
        overlap: 0,
        most: 1 + 256 * usize::from(*most),
        workers: usize::from(workers % 3),
    };
    let blocks = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0], data].concat();
    let mut raw = flate2::bufread::DeflateDecoder::new(data);
    let mut unpacked = Vec::new();
    let with_trailer = match raw.by_ref().take(MOST).read_to_end(&mut unpacked) {
        Ok(length) if (length as u64) < MOST => {
            let mut checksum = flate2::Crc::new();
            checksum.update(&unpacked);
            let length = raw.total_in() as usize;
            let trailer = [checksum.sum().to_le_bytes(), checksum.amount().to_le_bytes()].concat();
            [&blocks[..10 + length], &trailer].concat().repeat(2)
        }
        _ => Vec::new(),
    };
    for stream in [data, &blocks, &with_trailer] {
        let (ours, theirs) =
            (outcome(GzipReader::with_sizes(stream, sizes)), outcome(flate2::bufread::MultiGzDecoder::new(stream)));
        assert!(ours == theirs, "{sizes:?}: {:?} and not {:?}", ours.err(), theirs.err());
    }
}
