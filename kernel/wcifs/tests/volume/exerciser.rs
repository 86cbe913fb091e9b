//! Random reading, writing, mapping, copying, cutting, punching and reopening of one file that begins in a layer, compared with the same in
//! memory: what the program `fsx` does. `WCIFS_FSX_SECONDS` for a long run.

use crate::fixture::{Fixture, Mode};
use crate::mapping::Mapping;
use rustix::fs::{FallocateFlags, copy_file_range, fallocate};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

in_every_mode!(a_file_is_what_was_done_to_it);

/// Largest file, in bytes.
const LARGEST: usize = 256 << 10;
/// Operations of a short run.
const OPERATIONS: usize = 2000;

/// Reproducible chance (xorshift64*).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit.max(1)
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.below(256) as u8).collect()
    }
}

fn a_file_is_what_was_done_to_it(mode: Mode) {
    let long = std::env::var("WCIFS_FSX_SECONDS").ok().map(|text| Duration::from_secs(text.parse().unwrap()));
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1;
    eprintln!("seed {seed}");
    let mut chance = Chance(seed);
    let content = "as it was in the layer\n".repeat(1000);
    let volume = Fixture::over(mode, &[("File", &content)]);
    let mut model = content.into_bytes();
    let open = |writable: bool| -> File {
        let names = ["file", "FILE", "File"];
        OpenOptions::new().read(true).write(writable).open(volume.at(names[usize::from(writable)])).unwrap()
    };
    let mut file = open(true);
    let start = Instant::now();
    let mut done = 0;
    while long.map_or(done < OPERATIONS, |long| start.elapsed() < long) {
        done += 1;
        let offset = chance.below(LARGEST);
        let length = chance.below((LARGEST - offset).min(64 << 10));
        match chance.below(12) {
            0 | 1 => {
                let bytes = chance.bytes(length);
                file.write_all_at(&bytes, offset as u64).unwrap();
                if length > 0 {
                    model.resize(model.len().max(offset + length), 0);
                    model[offset..offset + length].copy_from_slice(&bytes);
                }
            }
            2 | 3 => {
                let mut bytes = vec![0; length];
                let end = model.len().min(offset + length);
                let there = end.saturating_sub(offset);
                let mut read = 0;
                while read < there {
                    match file.read_at(&mut bytes[read..there], (offset + read) as u64).unwrap() {
                        0 => panic!("operation {done}: the file ends at {}, not at {}", offset + read, model.len()),
                        count => read += count,
                    }
                }
                assert!(there == 0 || bytes[..there] == model[offset..end], "operation {done}: read {offset}+{length}");
            }
            4 if !model.is_empty() => {
                let mut mapping = Mapping::writable(&file, model.len());
                let at = chance.below(model.len());
                let bytes = chance.bytes(length.min(model.len() - at));
                mapping.write(at, &bytes);
                model[at..at + bytes.len()].copy_from_slice(&bytes);
            }
            5 if !model.is_empty() => {
                assert!(Mapping::new(&open(false), model.len()).bytes() == model, "operation {done}: a mapping");
            }
            6 => {
                file.set_len(offset as u64).unwrap();
                model.resize(offset, 0);
            }
            7 if length > 0 => {
                let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                fallocate(&file, punch, offset as u64, length as u64).unwrap();
                let end = model.len().min(offset + length);
                if offset < end {
                    model[offset..end].fill(0);
                }
            }
            8 if length > 0 => {
                fallocate(&file, FallocateFlags::empty(), offset as u64, length as u64).unwrap();
                model.resize(model.len().max(offset + length), 0);
            }
            9 if length > 0 => match fallocate(&file, FallocateFlags::ZERO_RANGE, offset as u64, length as u64) {
                Ok(()) => {
                    model.resize(model.len().max(offset + length), 0);
                    model[offset..offset + length].fill(0);
                }
                // Not every file system of a host can.
                Err(e) => assert_eq!(e, Errno::OPNOTSUPP, "operation {done}"),
            },
            10 if !model.is_empty() => {
                let from = chance.below(model.len());
                // The two ranges must not overlap.
                let length = length.min(model.len() - from).min(offset.abs_diff(from));
                let (mut source, mut target) = (from as u64, offset as u64);
                let mut left = length;
                while left > 0 {
                    let copied = copy_file_range(&file, Some(&mut source), &file, Some(&mut target), left).unwrap();
                    assert_ne!(copied, 0, "operation {done}: copy {from}+{length} to {offset}");
                    left -= copied;
                }
                if length > 0 {
                    model.resize(model.len().max(offset + length), 0);
                    model.copy_within(from..from + length, offset);
                }
            }
            _ => {
                drop(file);
                file = open(true);
            }
        }
        assert_eq!(file.metadata().unwrap().len(), model.len() as u64, "operation {done}");
    }
    drop(file);
    assert!(std::fs::read(volume.at("fILE")).unwrap() == model);
    assert!(std::fs::read(volume.upper().join("File")).unwrap() == model, "what is on disk");
    assert!(std::fs::read_to_string(volume.layer(0).join("File")).unwrap().starts_with("as it was in the layer\n"));
}
