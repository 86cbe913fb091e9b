//! What is written is read back: layers made by chance.

use crate::read;
use casement_layer_tar::{Entry, Kind, LayerPath, LayerWriter, Metadata, NtTime, ReparsePoint, security};
use fastrand::Rng;

fn write(entries: &[(Entry, Vec<u8>)]) -> Vec<u8> {
    let mut writer = LayerWriter::new(Vec::new());
    for (entry, content) in entries {
        writer.entry(entry, &content[..]).unwrap();
    }
    writer.finish().unwrap()
}

fn name(rng: &mut Rng) -> String {
    let letters = ['a', 'B', '0', ' ', '.', '_', 'ü', 'Ж', '字', '😀', '\'', '$', '~', '='];
    let length = if rng.u8(..) < 20 { rng.usize(60..120) } else { rng.usize(1..12) };
    let name: String = (0..length).map(|_| *rng.choice(letters.iter()).unwrap()).collect();
    match name.chars().all(|c| c == '.') || name.starts_with(".wh.") {
        true => format!("x{name}"),
        false => name,
    }
}

fn path(rng: &mut Rng) -> LayerPath {
    let depth = rng.usize(1..6);
    let top = *rng.choice(["Files", "UtilityVM/Files"].iter()).unwrap();
    let names: Vec<String> = (0..depth).map(|_| name(rng)).collect();
    LayerPath::new(&format!("{top}/{}", names.join("/"))).unwrap()
}

fn time(rng: &mut Rng) -> NtTime {
    NtTime::from_unix(rng.i64(-10_000_000_000..10_000_000_000), rng.u32(0..1_000_000_000))
}

fn metadata(rng: &mut Rng) -> Metadata {
    let mut metadata = Metadata { attributes: rng.u32(..) & !0x410, ..Metadata::file(time(rng)) };
    metadata.created = time(rng);
    metadata.accessed = rng.bool().then(|| time(rng));
    metadata.changed = rng.bool().then(|| time(rng));
    metadata.security = rng.bool().then(|| match rng.bool() {
        true => security::of_files(),
        false => security::of_directories_for("S-1-5-93-2-1").unwrap(),
    });
    for _ in 0..rng.usize(0..3) {
        let value = (0..rng.usize(0..300)).map(|_| rng.u8(..)).collect();
        metadata.extended.insert(name(rng).replace('=', "-"), value);
    }
    metadata
}

fn entry(rng: &mut Rng) -> (Entry, Vec<u8>) {
    let content: Vec<u8> = (0..rng.usize(0..1500)).map(|_| rng.u8(..)).collect();
    let size = content.len() as u64;
    let mut metadata = metadata(rng);
    let none = Metadata { attributes_stated: false, ..Metadata::file(NtTime::default()) };
    let (kind, content, metadata) = match rng.u8(0..7) {
        0 => {
            metadata.attributes |= 0x10;
            (Kind::Directory, Vec::new(), metadata)
        }
        1 => (Kind::File { size }, content, metadata),
        2 => (Kind::Stream { name: name(rng), size }, content, none),
        3 => {
            metadata.attributes |= 0x400;
            let target =
                format!("{}\\{}", rng.choice([r"C:", r"\\?\Volume{1}", "..", r"\\a"].iter()).unwrap(), name(rng));
            (Kind::Reparse(ReparsePoint { target, is_mount_point: rng.bool() }), Vec::new(), metadata)
        }
        4 => (Kind::HardLink(path(rng)), Vec::new(), none),
        5 => (Kind::Whiteout, Vec::new(), none),
        _ => (Kind::Opaque, Vec::new(), none),
    };
    (Entry { path: path(rng), kind, metadata }, content)
}

#[test]
fn layers_by_chance_come_back_as_they_were_and_always_in_the_same_bytes() {
    for seed in 0..200 {
        let rng = &mut Rng::with_seed(seed);
        let entries: Vec<_> = (0..rng.usize(0..30)).map(|_| entry(rng)).collect();
        let bytes = write(&entries);
        let back = read(&bytes).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        assert_eq!(back, entries, "seed {seed}");
        assert_eq!(write(&back), bytes, "seed {seed}");
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_read_is_an_error() {
    let mut writer = LayerWriter::new(Vec::new());
    let path = LayerPath::new("Files/a").unwrap();
    assert!(writer.file(&path, &Metadata::file(NtTime::default()), 10, &b"short"[..]).is_err());
}

#[test]
fn what_is_not_read_of_a_file_is_skipped() {
    let mut entries = Vec::new();
    for (name, size) in [("Files/a", 5000), ("Files/b", 3)] {
        let path = LayerPath::new(name).unwrap();
        let kind = Kind::File { size: size as u64 };
        entries.push((Entry { path, kind, metadata: Metadata::file(NtTime::default()) }, vec![7; size]));
    }
    let bytes = write(&entries);
    let mut reader = casement_layer_tar::LayerReader::new(&bytes[..]);
    assert_eq!(reader.next_entry().unwrap().unwrap().path.as_str(), "Files/a");
    std::io::Read::read_exact(&mut reader, &mut [0; 700]).unwrap();
    assert_eq!(reader.next_entry().unwrap().unwrap().path.as_str(), "Files/b");
    assert!(reader.next_entry().unwrap().is_none() && reader.next_entry().unwrap().is_none());
}
