//! Layers that others write: Python's tarfile by the documents, GNU tar, bsdtar. They have nothing in common with this crate.

use crate::read;
use casement_layer_tar::{Entry, Kind, NtTime, ReparsePoint, security};
use std::path::Path;
use std::process::Command;

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}; scripts/install-packages --tests"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_layer_by_the_documents_is_read_with_all_that_it_says() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("layer.tar");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/writers/layer.py");
    run(Command::new("/usr/bin/python3").arg(script).arg(&file));
    let entries = read(&std::fs::read(&file).unwrap()).unwrap();
    let find = |path: &str| entries.iter().find(|(entry, _)| entry.path.as_str() == path).unwrap();
    let time = |text: &str| NtTime::parse(text).unwrap();

    let (Entry { metadata, .. }, content) = find("Files/Größe 字.txt");
    assert_eq!((metadata.attributes, &content[..]), (8227, &b"content"[..]));
    assert_eq!(
        (metadata.created, metadata.modified, metadata.accessed, metadata.changed),
        (time("1600000000.1234567"), time("1650000000.7654321"), Some(time("1650000001")), Some(time("1650000002.5")))
    );
    let everyone_may_all = metadata.security.as_ref().unwrap();
    assert!(security::is_valid(everyone_may_all) && everyone_may_all.len() == 20 + 16 + 12 + 8 + 20);
    assert_eq!(find("Files").0.metadata.security.as_ref(), Some(everyone_may_all));

    let streams: Vec<(&str, usize)> = entries
        .iter()
        .filter_map(|(entry, content)| match &entry.kind {
            Kind::Stream { name, size } => {
                assert_eq!((entry.path.as_str(), *size), ("Files/Größe 字.txt", content.len() as u64));
                Some((name.as_str(), content.len()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(streams, [("Zone.Identifier", 26), ("other", 1)]);

    let long = format!("Files/{}name", "long/".repeat(40));
    assert_eq!(find(&long).1, [b'x'; 1000]);
    assert_eq!(find("Files/with attributes").0.metadata.extended["KERNEL.PURGE.X"], [0, 1, 2]);
    assert!(security::is_valid(find("Files/old").0.metadata.security.as_ref().unwrap()));
    let point =
        |target: &str, is_mount_point| Kind::Reparse(ReparsePoint { target: target.to_owned(), is_mount_point });
    assert_eq!(find("Files/junction").0.kind, point(r"C:\Users", true));
    assert_eq!(find("Files/junction").0.metadata.attributes, 1040);
    assert_eq!(find("Files/link").0.kind, point(r"..\a\b", false));
    assert!(matches!(&find("Files/hard").0.kind, Kind::HardLink(target) if target.as_str() == long));
    assert!(matches!(&find("Files/of a layer below").0.kind, Kind::HardLink(_)));
    assert_eq!(find("Files/dir/gone").0.kind, Kind::Whiteout);
    assert_eq!(find("Hives/System_Delta").1, b"regf");
}

#[test]
fn layers_of_gnu_tar_and_bsdtar_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let long = format!("Files/{}", "directory with a long name/".repeat(9));
    std::fs::create_dir_all(directory.path().join(&long)).unwrap();
    std::fs::write(directory.path().join(&long).join("ü.txt"), "text").unwrap();
    std::fs::hard_link(directory.path().join(&long).join("ü.txt"), directory.path().join("Files/hard")).unwrap();
    std::os::unix::fs::symlink("hard", directory.path().join("Files/soft")).unwrap();
    for (program, format) in [("tar", "gnu"), ("tar", "pax"), ("bsdtar", "pax"), ("bsdtar", "gnutar")] {
        let file = directory.path().join("layer.tar");
        run(Command::new(program)
            .args(["--format", format, "-C"])
            .arg(directory.path())
            .arg("-cf")
            .arg(&file)
            .args(["./Files"]));
        let entries = read(&std::fs::read(&file).unwrap()).unwrap();
        let count = |fits: fn(&Kind) -> bool| entries.iter().filter(|(entry, _)| fits(&entry.kind)).count();
        assert_eq!(count(|kind| *kind == Kind::Directory), 10, "{program} {format}");
        assert_eq!(count(|kind| matches!(kind, Kind::File { size: 4 })), 1, "{program} {format}");
        assert_eq!(count(|kind| matches!(kind, Kind::HardLink(_) | Kind::Reparse(_))), 2, "{program} {format}");
    }
}
