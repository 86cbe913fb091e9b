//! What is read is what was written.

use crate::fixture::{Fixture, Mode};
use crate::mapping::Mapping;
use rustix::fs::{FallocateFlags, OFlags, SeekFrom, fallocate, seek};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};

in_every_mode!(
    appending_files_leave_nothing_out,
    an_emptied_file_is_empty_for_all,
    what_was_cut_off_is_zero_when_it_comes_back,
    a_mapping_ends_with_zeros,
    allocation_may_keep_the_size,
    ranges_are_zeroed,
    holes_are_told_from_data,
    parts_are_copied_between_files,
    a_write_of_nothing_does_nothing,
    direct_reads_see_what_was_written,
    synchronous_writes_arrive,
);

fn volume(mode: Mode) -> Fixture {
    let volume = Fixture::over(mode, &[("low", &"0123456789abcdef".repeat(1024))]);
    volume.write("up", &"0123456789abcdef".repeat(1024));
    volume
}

fn open(volume: &Fixture, name: &str) -> File {
    OpenOptions::new().read(true).write(true).open(volume.at(name)).unwrap()
}

fn appending_files_leave_nothing_out(mode: Mode) {
    let volume = volume(mode);
    for name in ["low", "up"] {
        let before = fs::metadata(volume.at(name)).unwrap().len() as usize;
        std::thread::scope(|scope| {
            for letter in [b'x', b'y'] {
                let path = volume.at(name);
                scope.spawn(move || {
                    let mut file = OpenOptions::new().append(true).open(path).unwrap();
                    (0..200).for_each(|_| file.write_all(&[letter; 10]).unwrap());
                });
            }
        });
        let text = fs::read(volume.at(name)).unwrap();
        assert_eq!(text.len() - before, 4000, "{name}");
        assert!(text[before..].chunks(10).all(|c| c == [b'x'; 10] || c == [b'y'; 10]));
    }
}

fn an_emptied_file_is_empty_for_all(mode: Mode) {
    let volume = volume(mode);
    let writer = open(&volume, "up");
    let reader = File::open(volume.at("UP")).unwrap();
    writer.set_len(0).unwrap();
    assert_eq!(rustix::io::pread(&reader, &mut [0; 16], 0), Ok(0));
    drop(OpenOptions::new().write(true).truncate(true).open(volume.at("low")).unwrap());
    assert_eq!(volume.read("low"), "");
    assert_eq!(fs::metadata(volume.at("low")).unwrap().len(), 0);
}

fn what_was_cut_off_is_zero_when_it_comes_back(mode: Mode) {
    let volume = volume(mode);
    for name in ["low", "up"] {
        let file = open(&volume, name);
        file.set_len(100).unwrap();
        file.set_len(10_000).unwrap();
        let read = fs::read(volume.at(name)).unwrap();
        assert!(read[..100] == "0123456789abcdef".repeat(7).as_bytes()[..100] && read[100..].iter().all(|b| *b == 0));
        let mut mapping = Mapping::writable(&file, 10_000);
        mapping.write(5000, b"mapped");
        drop(mapping);
        file.set_len(5000).unwrap();
        file.set_len(8000).unwrap();
        assert!(fs::read(volume.at(name)).unwrap()[100..].iter().all(|b| *b == 0), "{name}");
    }
}

fn a_mapping_ends_with_zeros(mode: Mode) {
    let volume = volume(mode);
    for name in ["low", "up"] {
        let file = open(&volume, name);
        file.set_len(4099).unwrap();
        let mapping = Mapping::new(&file, 8192);
        assert_eq!(mapping.bytes()[4096..4099], *b"012");
        assert!(mapping.bytes()[4099..].iter().all(|b| *b == 0), "{name}");
    }
}

fn allocation_may_keep_the_size(mode: Mode) {
    let volume = volume(mode);
    for name in ["low", "up"] {
        let file = open(&volume, name);
        fallocate(&file, FallocateFlags::KEEP_SIZE, 0, 1 << 20).unwrap();
        let state = file.metadata().unwrap();
        assert_eq!(state.len(), 16 << 10, "{name}");
        assert!(state.blocks() * 512 >= 1 << 20, "{name}: {} blocks", state.blocks());
        file.set_len(16 << 10).unwrap();
    }
}

fn ranges_are_zeroed(mode: Mode) {
    let volume = volume(mode);
    for name in ["low", "up"] {
        let file = open(&volume, name);
        match fallocate(&file, FallocateFlags::ZERO_RANGE, 1000, 5000) {
            // tmpfs
            Err(Errno::OPNOTSUPP) => continue,
            other => other.unwrap(),
        }
        let read = fs::read(volume.at(name)).unwrap();
        assert_eq!(read.len(), 16 << 10);
        let zeros = |range: std::ops::Range<usize>| read[range].iter().filter(|b| **b == 0).count();
        assert_eq!((zeros(0..1000), zeros(1000..6000), zeros(6000..16 << 10)), (0, 5000, 0), "{name}");
    }
}

fn holes_are_told_from_data(mode: Mode) {
    let volume = volume(mode);
    let file = File::create_new(volume.at("holes")).unwrap();
    file.set_len(4 << 20).unwrap();
    file.write_all_at(&[1; 65_536], 1 << 20).unwrap();
    file.sync_all().unwrap();
    assert_eq!(seek(&file, SeekFrom::Data(0)), Ok(1 << 20));
    assert_eq!(seek(&file, SeekFrom::Hole(1 << 20)), Ok((1 << 20) + 65_536));
    assert_eq!(seek(&file, SeekFrom::Data(2 << 20)), Err(Errno::NXIO));
    assert_eq!(seek(&file, SeekFrom::Hole(0)), Ok(0));
    assert!(file.metadata().unwrap().blocks() * 512 < 1 << 20);
    let low = File::open(volume.at("low")).unwrap();
    assert_eq!(seek(&low, SeekFrom::Data(5)), Ok(5));
    assert_eq!(seek(&low, SeekFrom::Hole(5)), Ok(16 << 10));
}

fn parts_are_copied_between_files(mode: Mode) {
    let volume = volume(mode);
    let (low, up) = (File::open(volume.at("low")).unwrap(), open(&volume, "up"));
    for source in [&low, &up] {
        let target = File::create(volume.at("part")).unwrap();
        let (mut from, mut to) = (16 * 10 + 3, 5);
        let copied = rustix::fs::copy_file_range(source, Some(&mut from), &target, Some(&mut to), 40).unwrap();
        assert_eq!((copied, from, to), (40, 203, 45));
        let text = fs::read(volume.at("part")).unwrap();
        assert_eq!(text[5..], *"3456789abcdef0123456789abcdef0123456789a".as_bytes());
        let (mut from, mut to) = (16 << 10, 0);
        assert_eq!(rustix::fs::copy_file_range(source, Some(&mut from), &target, Some(&mut to), 40), Ok(0));
    }
}

fn a_write_of_nothing_does_nothing(mode: Mode) {
    let volume = volume(mode);
    let file = open(&volume, "up");
    assert_eq!(rustix::io::pwrite(&file, b"", 1 << 30), Ok(0));
    assert_eq!(file.metadata().unwrap().len(), 16 << 10);
}

fn direct_reads_see_what_was_written(mode: Mode) {
    let volume = volume(mode);
    let file = open(&volume, "up");
    file.write_all_at(&[b'z'; 8192], 0).unwrap();
    let direct = OpenOptions::new().read(true).custom_flags(OFlags::DIRECT.bits() as i32).open(volume.at("up"));
    // tmpfs of older kernels
    let Ok(direct) = direct else { return };
    let mut memory = vec![0u8; 8192];
    let start = memory.as_ptr().align_offset(4096);
    let read = direct.read_at(&mut memory[start..start + 4096], 4096).unwrap();
    assert_eq!(read, 4096);
    assert!(memory[start..start + 4096].iter().all(|b| *b == b'z'));
}

fn synchronous_writes_arrive(mode: Mode) {
    let volume = volume(mode);
    for name in ["low", "up"] {
        let flags = (OFlags::SYNC | OFlags::APPEND).bits() as i32;
        let mut file = OpenOptions::new().append(true).custom_flags(flags).open(volume.at(name)).unwrap();
        file.write_all(b"the end").unwrap();
        file.sync_data().unwrap();
        assert!(fs::read(volume.upper().join(name)).unwrap().ends_with(b"the end"), "{name}");
    }
}
