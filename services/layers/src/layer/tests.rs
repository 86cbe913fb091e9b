//! Layers packed and unpacked: nothing is lost on the way, and nothing hostile gets out.

use super::archive::FileSecurity;
use super::data_streams::Stream;
use super::ntfs::{self, On};
use super::pack::{Packing, pack};
use super::unpack::{BaseLayers, Beneath, Unpacked, unpack};
use super::{gzip, stage};
use crate::digest::Digest;
use crate::error::LayersError;
use crate::store::Store;
use casement_layer_tar::{
    Entry, Kind, LayerPath, LayerReader, LayerWriter, Metadata, NtTime, ReparsePoint, attribute, security,
};
use casement_wcifs::metadata::{Place, is_opaque};
use rustix::fs::{Mode, OFlags};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const TIME: i64 = 1_700_000_000;

fn path(name: &str) -> LayerPath {
    LayerPath::new(name).unwrap()
}

fn entry(name: &str, kind: Kind) -> Entry {
    let metadata = match kind {
        Kind::Directory => Metadata::directory(NtTime::from_seconds(TIME)),
        _ => Metadata::file(NtTime::from_seconds(TIME)),
    };
    Entry { path: path(name), kind, metadata }
}

fn file(name: &str, content: &str) -> (Entry, Vec<u8>) {
    (entry(name, Kind::File { size: content.len() as u64 }), content.into())
}

fn stream(name: &str, stream: &str, content: &[u8]) -> (Entry, Vec<u8>) {
    let mut entry = entry(name, Kind::Stream { name: stream.to_owned(), size: content.len() as u64 });
    entry.metadata = unsaid();
    (entry, content.to_vec())
}

/// Of what has no metadata of its own.
fn unsaid() -> Metadata {
    Metadata { attributes_stated: false, ..Metadata::file(NtTime::default()) }
}

fn hard_link(name: &str, target: &str) -> (Entry, Vec<u8>) {
    plain(name, Kind::HardLink(path(target)))
}

fn whiteout(name: &str) -> (Entry, Vec<u8>) {
    plain(name, Kind::Whiteout)
}

fn plain(name: &str, kind: Kind) -> (Entry, Vec<u8>) {
    (Entry { path: path(name), kind, metadata: unsaid() }, Vec::new())
}

fn link(name: &str, target: &str) -> (Entry, Vec<u8>) {
    let point = ReparsePoint { target: target.to_owned(), is_mount_point: false };
    let mut entry = entry(name, Kind::Reparse(point));
    entry.metadata.attributes = attribute::REPARSE_POINT;
    (entry, Vec::new())
}

fn write(entries: &[(Entry, Vec<u8>)]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    let mut writer = LayerWriter::new(Vec::new());
    entries.iter().for_each(|(entry, content)| writer.entry(entry, &content[..]).unwrap());
    file.write_all(&writer.finish().unwrap()).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file
}

/// A directory above the layer, which nothing may change, and the layer.
fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let layer = directory.path().join("layer");
    fs::create_dir(&layer).unwrap();
    fs::write(directory.path().join("outside"), "outside").unwrap();
    (directory, layer)
}

fn unpack_in(layer: &Path, entries: &[(Entry, Vec<u8>)], below: &[PathBuf]) -> Result<(), LayersError> {
    unpack_upon(layer, entries, below, BaseLayers::Original).map(drop)
}

fn unpack_upon(
    layer: &Path,
    entries: &[(Entry, Vec<u8>)],
    below: &[PathBuf],
    base: BaseLayers,
) -> Result<Unpacked, LayersError> {
    unpack(write(entries), layer, Beneath { layers: &|| Ok(below.to_vec()), base })
}

fn refused(entries: &[(Entry, Vec<u8>)], below: &[PathBuf]) -> String {
    let (directory, layer) = place();
    let error = unpack_in(&layer, entries, below).unwrap_err();
    assert_eq!(fs::read_to_string(directory.path().join("outside")).unwrap(), "outside");
    casement_silo::error_chain(&error)
}

/// What comes out of a layer directory.
fn packed(layer: &Path, below: &[PathBuf]) -> Vec<(Entry, Vec<u8>)> {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    let packing = Packing { below, latest: None, file_security: FileSecurity::Written, level: gzip::FAST };
    let packed = pack(&store, layer, &packing, &|_: &str, _: f64| {}).unwrap();
    let blob = store.content().read(&packed.blob.digest).unwrap();
    let mut reader = LayerReader::new(flate2::read::MultiGzDecoder::new(blob));
    let mut entries = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        let mut content = Vec::new();
        reader.read_to_end(&mut content).unwrap();
        entries.push((entry, content));
    }
    entries
}

#[test]
fn what_windows_knows_of_files_survives_unpacking_and_packing() {
    let (_directory, layer) = place();
    let time = |text: &str| NtTime::parse(text).unwrap();
    let everything = Metadata {
        attributes: attribute::READ_ONLY | attribute::HIDDEN | attribute::SYSTEM | 0x2000,
        created: time("1600000000.1234567"),
        modified: time("1650000000.7654321"),
        security: security::of_directories_for("S-1-5-93-2-1"),
        extended: [("$KERNEL.X".to_owned(), vec![0, 1, 2])].into(),
        ..Metadata::file(NtTime::default())
    };
    let secured = |mut entry: Entry| {
        let usual = ntfs::default_security(&entry.metadata);
        entry.metadata.security.get_or_insert(usual);
        entry
    };
    let mut entries = vec![
        (entry("Files", Kind::Directory), Vec::new()),
        (entry("Files/Dir", Kind::Directory), Vec::new()),
        stream("Files/Dir", "of a directory", b"x"),
        (
            Entry { metadata: everything.clone(), ..entry("Files/Dir/Größe 字.txt", Kind::File { size: 3 }) },
            b"abc".to_vec(),
        ),
        stream("Files/Dir/Größe 字.txt", "Zone.Identifier", b"[ZoneTransfer]\r\nZoneId=3\r\n"),
        stream("Files/Dir/Größe 字.txt", "second", b""),
        file("Files/Dir/big", &"x".repeat(3 << 20)),
        hard_link("Files/Dir/hard", "Files/Dir/big"),
        link("Files/absolute", r"C:\Dir\big"),
        link("Files/outside", r"..\..\..\etc\passwd"),
        link("Files/relative", r"Dir\hard"),
        link("Files/volume", r"\\?\Volume{01234567-0000-0000-0000-000000000000}\x"),
    ];
    let mut junction = link("Files/junction", r"C:\Dir").0;
    junction.kind = Kind::Reparse(ReparsePoint { target: r"C:\Dir".to_owned(), is_mount_point: true });
    junction.metadata.attributes = attribute::REPARSE_POINT | attribute::DIRECTORY;
    entries.insert(9, (junction, Vec::new()));
    let mut hidden = entry("Files/read only directory", Kind::Directory);
    hidden.metadata.attributes |= attribute::READ_ONLY | attribute::HIDDEN;
    entries.insert(11, (hidden, Vec::new()));
    entries.push((entry("Hives", Kind::Directory), Vec::new()));
    unpack_in(&layer, &entries, &[]).unwrap();

    assert_eq!(fs::read_link(layer.join("Files/absolute")).unwrap(), Path::new("Dir/big"));
    assert!(fs::metadata(layer.join("Files/outside")).unwrap().is_file());
    assert!(fs::metadata(layer.join("Files/junction")).unwrap().is_dir());
    assert_eq!(fs::metadata(layer.join("Files/Dir/big")).unwrap().nlink(), 2);
    let expected: Vec<_> = entries
        .into_iter()
        .map(|(entry, content)| match entry.kind {
            Kind::Stream { .. } | Kind::HardLink(_) => (entry, content),
            _ => (secured(entry), content),
        })
        .collect();
    let mut found = packed(&layer, &[]);
    // The times of the two directories that every layer has are those of what is in them.
    for (entry, _) in &mut found {
        if matches!(entry.path.as_str(), "Files" | "Hives") {
            (entry.metadata.modified, entry.metadata.created) =
                (NtTime::from_seconds(TIME), NtTime::from_seconds(TIME));
        }
    }
    let sorted = |mut entries: Vec<(Entry, Vec<u8>)>| {
        entries.sort_by_key(|(entry, _)| format!("{} {:?}", entry.path, matches!(entry.kind, Kind::Stream { .. })));
        entries
    };
    for (one, other) in sorted(found).iter().zip(&sorted(expected)) {
        assert_eq!((&one.0, one.1.len()), (&other.0, other.1.len()));
        assert!(one.1 == other.1);
    }
}

#[test]
fn what_is_gone_is_a_tombstone_and_a_new_directory_hides_the_old_one() {
    let (_base, base) = place();
    unpack_in(&base, &[file("Files/dir/old", "1"), file("Files/dir/sub/deep", "2"), file("Files/Gone", "3")], &[])
        .unwrap();
    let (_directory, layer) = place();
    let entries = [
        file("Files/DIR/new", "n"),
        file("Files/DIR/Sub/x", "y"),
        whiteout("Files/gone"),
        whiteout("Files/dir"),
        whiteout("Files/dir/new"),
    ];
    unpack_in(&layer, &entries, std::slice::from_ref(&base)).unwrap();
    assert_eq!(fs::symlink_metadata(layer.join("Files/gone")).unwrap().rdev(), 0);
    assert!(is_opaque(&File::open(layer.join("Files/DIR")).unwrap()).unwrap());
    assert_eq!(fs::read_to_string(layer.join("Files/DIR/new")).unwrap(), "n", "a whiteout is of layers below");

    fs::create_dir(layer.join("Hives")).unwrap();
    let gone: Vec<String> = packed(&layer, &[base])
        .into_iter()
        .filter(|(entry, _)| entry.kind == Kind::Whiteout)
        .map(|(entry, _)| entry.path.as_str().to_owned())
        .collect();
    assert_eq!(gone, ["Files/Gone", "Files/DIR/old", "Files/DIR/Sub/deep"]);
}

#[test]
fn hard_links_lead_into_layers_below_in_any_case() {
    let (_base, base) = place();
    unpack_in(&base, &[file("Files/Windows/System32/ntdll.dll", "nt")], &[]).unwrap();
    let (_middle, middle) = place();
    unpack_in(&middle, &[file("Files/other", "")], std::slice::from_ref(&base)).unwrap();
    let (_directory, layer) = place();
    let entries = [
        hard_link("Files/first", "Files/second"),
        hard_link("Files/second", "Files/WINDOWS/system32/NTDLL.DLL"),
        hard_link("Files/third", "Files/Later"),
        file("Files/later", "text"),
    ];
    let below = [middle, base.clone()];
    assert!(unpack_upon(&layer, &entries, &below, BaseLayers::Original).unwrap().needs_below);
    assert_eq!(fs::read_to_string(layer.join("Files/first")).unwrap(), "nt");
    let of = |path: PathBuf| fs::metadata(path).unwrap().ino();
    assert_eq!(of(layer.join("Files/second")), of(base.join("Files/Windows/System32/ntdll.dll")));
    assert_eq!(of(layer.join("Files/third")), of(layer.join("Files/later")));
}

#[test]
fn further_names_of_what_a_substituted_base_lacks_are_left_out() {
    let (_base, base) = place();
    unpack_in(&base, &[file("Files/Windows/here.dll", "here")], &[]).unwrap();
    let entries = [
        file("Files/app.exe", "app"),
        hard_link("Files/one.dll", "Files/Windows/there.dll"),
        hard_link("Files/two.dll", "Files/one.dll"),
        hard_link("Files/three.dll", "Files/windows/HERE.dll"),
        hard_link("Files/four.exe", "Files/app.exe"),
    ];
    let layers = [base];
    let text = refused(&entries, &layers);
    assert!(text.contains("Files/one.dll") && text.contains("neither this layer nor those below"), "{text}");
    let (_directory, layer) = place();
    let unpacked = unpack_upon(&layer, &entries, &layers, BaseLayers::Substituted).unwrap();
    assert_eq!(unpacked.left_out, ["Files/one.dll", "Files/two.dll"]);
    assert!(unpacked.needs_below, "on another base it would be another layer");
    assert!(!layer.join("Files/one.dll").exists() && !layer.join("Files/two.dll").exists());
    assert_eq!(fs::read_to_string(layer.join("Files/three.dll")).unwrap(), "here");
    assert_eq!(fs::read_to_string(layer.join("Files/four.exe")).unwrap(), "app");
    // What is no file is none with any base.
    let wrong = [hard_link("Files/loop", "Files/loop2"), hard_link("Files/loop2", "Files/loop")];
    let (_directory, layer) = place();
    assert!(unpack_upon(&layer, &wrong, &layers, BaseLayers::Substituted).is_err());
}

#[test]
fn what_an_archive_spells_in_two_ways_is_one_directory() {
    let (_directory, layer) = place();
    unpack_in(
        &layer,
        &[file("Files/Dir/a", ""), file("Files/dIR/b", ""), file("Files/ſ", ""), file("Files/s", "")],
        &[],
    )
    .unwrap();
    assert!(layer.join("Files/Dir/b").exists() && !layer.join("Files/dIR").exists());
    assert!(layer.join("Files/ſ").exists(), "long s has no upper case in NTFS");
}

#[test]
fn a_layer_that_is_cut_anywhere_is_refused() {
    let (_directory, layer) = place();
    let mut bytes = Vec::new();
    write(&[file("Files/a", &"text".repeat(500)), file("Files/b", "b")]).read_to_end(&mut bytes).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&bytes).unwrap();
    let packed = gzip.finish().unwrap();
    for end in 1..packed.len() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&packed[..end]).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let inside = layer.join(end.to_string());
        fs::create_dir(&inside).unwrap();
        assert!(unpack(file, &inside, Beneath::NOTHING).is_err(), "{end} of {}", packed.len());
    }
}

/// Long enough that several threads inflate it.
#[test]
fn a_long_layer_is_unpacked_and_refused_when_it_is_damaged() {
    let mut rng = fastrand::Rng::with_seed(1);
    let entries: Vec<_> = (0..40)
        .map(|number| {
            let content: String = (0..700_000).map(|_| (b'a' + rng.u8(0..5) * rng.u8(0..5)) as char).collect();
            file(&format!("Files/{number}"), &content)
        })
        .collect();
    let mut bytes = Vec::new();
    write(&entries).read_to_end(&mut bytes).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(3));
    gzip.write_all(&bytes).unwrap();
    let good = gzip.finish().unwrap();
    assert!(good.len() > 8 << 20, "{}", good.len());
    let unpacked = |packed: &[u8]| {
        let (_directory, layer) = place();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(packed).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let unpacked = unpack(file, &layer, Beneath::NOTHING)?;
        for (number, (_, content)) in entries.iter().enumerate() {
            assert!(fs::read(layer.join(format!("Files/{number}"))).unwrap() == *content, "{number}");
        }
        Ok::<_, LayersError>(unpacked.diff_id)
    };
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&bytes);
    assert_eq!(unpacked(&good).unwrap(), casement_nt::digest::hex(&digest));
    let refused = |packed: &[u8]| casement_silo::error_chain(&unpacked(packed).unwrap_err());
    let cut = refused(&good[..good.len() / 2]);
    assert!(cut.contains("incomplete deflate stream"), "{cut}");
    let mut changed = good.clone();
    let length = changed.len();
    changed[length - 6] ^= 1;
    let changed = refused(&changed);
    assert!(changed.contains("matching checksum"), "{changed}");
}

#[test]
fn attack_l1_names_that_are_special_elsewhere_are_plain_files_of_the_layer() {
    let (directory, layer) = place();
    let names = ["Files/aux.txt", "Files/CON", "Files/dot.", "Files/space ", "Files/...", "Files/-rf", "Files/$(x)"];
    unpack_in(&layer, &names.map(|name| file(name, name)), &[]).unwrap();
    for name in names {
        assert_eq!(fs::read_to_string(layer.join(name)).unwrap(), name);
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
}

#[test]
fn attack_l2_hard_links_only_name_files_of_layers() {
    let (_base, base) = place();
    let (_middle, middle) = place();
    unpack_in(&base, &[file("Files/deleted", "x"), file("Files/dir/x", ""), link("Files/link", "deleted")], &[])
        .unwrap();
    unpack_in(&middle, &[whiteout("Files/DELETED")], &[]).unwrap();
    let below = [middle, base];
    for (target, why) in [
        ("Files/nowhere", "neither this layer nor those below"),
        ("Files/deleted", "neither this layer nor those below"),
        ("Files/link", "neither this layer nor those below"),
        ("Files/dir", "neither this layer nor those below"),
        ("Files/link/x", "neither this layer nor those below"),
        ("Files/l", "itself"),
        ("Files/m", "itself"),
        ("Files/own", "no file"),
        ("Files/own link", "no file"),
    ] {
        let entries = [
            hard_link("Files/l", target),
            hard_link("Files/m", "Files/L"),
            (entry("Files/own", Kind::Directory), Vec::new()),
            link("Files/own link", r"..\outside"),
        ];
        let error = refused(&entries, &below);
        assert!(error.contains(why), "{target}: {error}");
    }
}

#[test]
fn attack_l3_nothing_is_unpacked_through_a_link_and_no_link_leads_out() {
    for target in [r"..\..", r"C:\", r"dir", r"\\?\C:\Windows", r"\..\..", "/etc"] {
        let error = refused(&[link("Files/l", target), file("Files/L/x", "x")], &[]);
        assert!(error.contains("no directory"), "{target}: {error}");
        // A directory that flips into a link, and the other way round.
        let error = refused(&[file("Files/l/x", "x"), link("Files/L", target)], &[]);
        assert!(error.contains("twice"), "{target}: {error}");
    }
    let (_directory, layer) = place();
    let targets = [r"..\..\..\..\outside", r"C:\..\..\outside", r"a\..\..\..\outside", r"\\server\x", r"D:\x", r"C:x"];
    let entries: Vec<_> =
        targets.iter().enumerate().map(|(at, target)| link(&format!("Files/d/{at}"), target)).collect();
    unpack_in(&layer, &entries, &[]).unwrap();
    let root = fs::canonicalize(&layer).unwrap();
    for at in 0..targets.len() {
        let link = layer.join(format!("Files/d/{at}"));
        if let Ok(text) = fs::read_link(&link) {
            assert!(text.is_relative());
            let depth = text.components().filter(|part| *part == std::path::Component::ParentDir).count();
            assert!(depth <= 1, "{text:?}");
        }
        if let Ok(real) = fs::canonicalize(&link) {
            assert!(real.starts_with(&root), "{real:?}");
        }
    }
}

#[test]
fn attack_l4_names_that_are_one_to_ntfs_are_there_once() {
    for (one, other) in [("a", "A"), ("é", "É"), ("ω", "Ω"), ("a", "a")] {
        let error = refused(&[file(&format!("Files/{one}"), ""), file(&format!("Files/{other}"), "")], &[]);
        assert!(error.contains("twice"), "{error}");
    }
    let (_directory, layer) = place();
    let different = ["ß", "SS", "ſ", "S", "ı", "I", "İ", "ǰ", "ǆ", "ǅ", "\u{10428}", "\u{10400}"];
    unpack_in(&layer, &different.map(|name| file(&format!("Files/x{name}"), "")), &[])
        .unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn attack_l5_whiteouts_reach_nothing_but_names_of_volumes() {
    let (directory, layer) = place();
    let entries =
        [whiteout("Files/a/b/c"), whiteout("Files/a/b/c"), whiteout("Files/a/B/C"), plain("Files/o", Kind::Opaque)];
    unpack_in(&layer, &entries, &[]).unwrap();
    assert_eq!(fs::read_dir(layer.join("Files/a/b")).unwrap().count(), 1);
    assert!(is_opaque(&File::open(layer.join("Files/o")).unwrap()).unwrap());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    assert!(refused(&[file("Files/f", ""), whiteout("Files/F/x")], &[]).contains("no directory"));
}

#[test]
fn attack_l7_streams_and_links_without_number_or_end_are_refused() {
    let huge = vec![0; 4000];
    // More than attributes of one file can be; whatever the file system allows, nothing is left out unsaid.
    let many: Vec<_> = std::iter::once(file("Files/f", ""))
        .chain((0..40).map(|at| stream("Files/f", &format!("s{at}"), &huge)))
        .collect();
    let (_directory, layer) = place();
    if unpack_in(&layer, &many, &[]).is_ok() {
        let file = File::open(layer.join("Files/f")).unwrap();
        let kept = ntfs::read(&Place::File(&file), &rustix::fs::fstat(&file).unwrap()).unwrap();
        assert_eq!(kept.streams.len(), 40);
    }
    assert!(refused(&[stream("Files/none", "s", b"x")], &[]).contains("no file of this layer"));
    assert!(
        refused(
            &[stream("Files", "s", b"x")].map(|(entry, content)| (Entry { path: path("Files/x"), ..entry }, content)),
            &[]
        )
        .contains("no file")
    );
    let (_directory, layer) = place();
    let late = [file("Files/f", "f"), file("Files/g", "g"), stream("Files/F", "s", b"late")];
    unpack_in(&layer, &late, &[]).unwrap();
    let file = File::open(layer.join("Files/f")).unwrap();
    let kept = ntfs::read(&Place::File(&file), &rustix::fs::fstat(&file).unwrap()).unwrap();
    let [(name, Stream::Long(at))] = &kept.streams[..] else { panic!("{:?}", kept.streams) };
    assert_eq!((name.as_str(), at.size), ("s", 4));
    assert_eq!(fs::read(layer.join("Streams").join(Digest::of(b"late").hex())).unwrap(), b"late");
}

/// The streams of a file that an archive has.
fn streams_of(archive: impl Read) -> Vec<(String, Vec<u8>)> {
    let mut reader = LayerReader::new(archive);
    let mut streams = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        if let Kind::Stream { name, .. } = entry.kind {
            let mut content = Vec::new();
            reader.read_to_end(&mut content).unwrap();
            streams.push((name, content));
        }
    }
    streams
}

#[test]
fn long_streams_are_kept_and_come_out_again_also_of_layers_above() {
    let long: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    let mut entries = vec![file("Files/f", "f"), stream("Files/f", "long", &long)];
    let many = (0..20).map(|at| (format!("many{at:02}"), vec![at as u8; 400]));
    entries.extend(many.clone().map(|(name, content)| stream("Files/f", &name, &content)));
    let root = tempfile::tempdir().unwrap();
    let store = crate::Store::open(root.path()).unwrap();
    let below = store.new_layer().unwrap();
    unpack_in(below.path(), &entries, &[]).unwrap();
    fs::create_dir(below.path().join("Hives")).unwrap();
    let expected: Vec<_> = [("long".to_owned(), long)].into_iter().chain(many).collect();
    let packed = |layer: &Path, below: &[PathBuf]| {
        let packing = Packing { below, latest: None, file_security: FileSecurity::Written, level: 1 };
        let blob = pack(&store, layer, &packing, &|_: &str, _: f64| {}).unwrap().blob;
        streams_of(flate2::read::MultiGzDecoder::new(store.content().read(&blob.digest).unwrap()))
    };
    assert_eq!(packed(below.path(), &[]), expected);

    // The file as a scratch has it that copied it up: with its attributes only.
    let above = store.new_layer().unwrap();
    let files = above.path().join("Files");
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let from = rustix::fs::open(below.path().join("Files"), flags, Mode::empty()).unwrap();
    stage::copy(&from, &files).unwrap();
    fs::create_dir(above.path().join("Hives")).unwrap();
    assert_eq!(packed(above.path(), &[below.path().to_owned()]), expected);
    // Now the layer has them by itself.
    assert_eq!(packed(above.path(), &[]), expected);
    drop(below);
    assert_eq!(packed(above.path(), &[]), expected);
}

#[test]
fn sockets_and_devices_of_a_scratch_are_not_seen() {
    let (directory, layer) = place();
    fs::create_dir_all(layer.join("Hives")).unwrap();
    let scratch = directory.path().join("upper");
    fs::create_dir(&scratch).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(scratch.join("socket")).unwrap();
    fs::write(scratch.join("file"), "x").unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let null = rustix::fs::makedev(1, 3);
    rustix::fs::mknodat(rustix::fs::CWD, scratch.join("null"), rustix::fs::FileType::CharacterDevice, mode, null)
        .unwrap();
    let from = rustix::fs::open(&scratch, rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty()).unwrap();
    stage::copy(&from, &layer.join("Files")).unwrap();
    let names: Vec<String> = packed(&layer, &[]).iter().map(|(entry, _)| entry.path.as_str().to_owned()).collect();
    assert_eq!(names, ["Files", "Files/file", "Hives"]);
}

#[test]
fn absent_attributes_mean_what_is_usual() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("file");
    let file = File::create(&target).unwrap();
    let stat = || rustix::fs::fstat(&file).unwrap();
    let kept = ntfs::read(&Place::File(&file), &stat()).unwrap();
    assert_eq!((kept.metadata.attributes, kept.metadata.security), (attribute::ARCHIVE, None));
    ntfs::write(&Place::File(&file), &kept_as(kept.metadata.modified), On::File).unwrap();
    assert_eq!(Place::File(&file).names().unwrap(), Vec::<String>::new());
}

fn kept_as(time: NtTime) -> Metadata {
    Metadata { security: Some(security::of_files()), ..Metadata::file(time) }
}
