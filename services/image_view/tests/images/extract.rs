//! Files are copied out, and nothing leads out of the directory.

use crate::compose::{Layer, base, base_hives, delta, view};
use casement_hive::{Hive, Name, Tree, Value};
use casement_image_view::extract::{Style, extract};
use casement_image_view::name::FILES;
use casement_image_view::{ImageView, root_file_system};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use tar::EntryType;

fn extracted(view: &ImageView) -> (tempfile::TempDir, casement_image_view::extract::Extracted) {
    let directory = tempfile::tempdir().unwrap();
    let from = view.tree.find([FILES]).unwrap();
    let extracted = extract(view, from, &directory.path().join("out"), Style::Windows).unwrap();
    (directory, extracted)
}

fn attribute(path: &Path, name: &str) -> Option<Vec<u8>> {
    let mut value = vec![0; 4096];
    let length = rustix::fs::lgetxattr(path, name, &mut value[..]).ok()?;
    value.truncate(length);
    Some(value)
}

#[test]
fn files_come_with_times_attributes_streams_links_and_names() {
    let layer = base()
        .directory("Files/dir")
        .entry(
            "Files/dir/hidden.txt",
            EntryType::Regular,
            "",
            b"hello",
            &[("MSWINDOWS.fileattr", "34"), ("mtime", "1600000000.5")],
        )
        .entry("Files/dir/hidden.txt:note", EntryType::Regular, "", b"stream", &[])
        .hard_link("Files/dir/same.txt", "Files/dir/hidden.txt")
        .link("Files/dir/up", "..\\Windows")
        .junction("Files/abs", "C:\\dir")
        .file("Files/aux.txt", b"a name that Linux does not mind");
    let upper = Layer::new().directory("Files/DIR").file("Files/DIR/more", b"more");
    let view = view(vec![layer.finish(), upper.finish()]);
    let (directory, extracted) = extracted(&view);
    let out = directory.path().join("out");
    assert!(extracted.left_out.is_empty(), "{extracted:?}");
    assert_eq!(std::fs::read(out.join("DIR/hidden.txt")).unwrap(), b"hello");
    assert_eq!(std::fs::read(out.join("DIR/more")).unwrap(), b"more");
    let (one, other) = (out.join("DIR/hidden.txt").metadata().unwrap(), out.join("DIR/same.txt").metadata().unwrap());
    assert_eq!((one.ino(), one.mtime(), one.mtime_nsec()), (other.ino(), 1_600_000_000, 500_000_000));
    assert_eq!(std::fs::read_link(out.join("DIR/up")).unwrap(), Path::new("../Windows"));
    assert_eq!(std::fs::read_link(out.join("abs")).unwrap(), Path::new("dir"));
    // On file systems that have such attributes.
    if let Some(value) = attribute(&out.join("DIR/hidden.txt"), "user.DOSATTRIB") {
        assert_eq!(value, b"0x22");
        assert_eq!(attribute(&out.join("DIR/hidden.txt"), "user.DosStream.note:$DATA").unwrap(), b"stream");
    }
}

#[test]
fn one_file_or_link_comes_alone_below_its_whole_path() {
    let layer =
        base().directory("Files/a").directory("Files/a/b").link("Files/a/b/link", "C:\\a").file("Files/a/b/x", b"x");
    let view = view(vec![layer.finish()]);
    for name in ["link", "x"] {
        let directory = tempfile::tempdir().unwrap();
        let from = view.tree.find(["FILES", "A", "B", name]).unwrap();
        let extracted = extract(&view, from, directory.path(), Style::Windows).unwrap();
        assert_eq!((extracted.files + extracted.links, extracted.left_out.len()), (1, 0), "{name}");
        let there = std::fs::read_dir(directory.path().join("a/b")).unwrap().flatten().map(|entry| entry.file_name());
        assert_eq!(there.collect::<Vec<_>>(), [name]);
    }
}

#[test]
fn links_that_leave_are_left_out_and_told() {
    let layer = base().link("Files/etc", "..\\..\\..\\etc").link("Files/other", "D:\\data").file("Files/fine", b"x");
    let view = view(vec![layer.finish()]);
    let (directory, extracted) = extracted(&view);
    let told: Vec<&str> = extracted.left_out.iter().map(|left| left.path.as_str()).collect();
    assert_eq!(told, ["C:\\etc", "C:\\other"]);
    assert!(directory.path().join("out/fine").exists() && !directory.path().join("out/etc").exists());
}

#[test]
fn nothing_is_written_through_a_link_of_the_image() {
    // An upper layer puts a file below what is a link in a lower one: the link is gone then, as on Windows.
    let outside = tempfile::tempdir().unwrap();
    let base = base().link("Files/dir", outside.path().to_str().unwrap());
    let upper = Layer::new().file("Files/dir/file", b"x");
    let view = view(vec![base.finish(), upper.finish()]);
    let (_directory, _) = extracted(&view);
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn only_an_empty_directory_is_filled() {
    let view = view(vec![base().finish()]);
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("mine"), b"x").unwrap();
    let refused = extract(&view, 0, directory.path(), Style::Plain).unwrap_err().to_string();
    assert!(refused.contains("is not empty"), "{refused}");
}

#[test]
fn the_root_file_system_has_whole_hives_where_an_offline_volume_has_them() {
    let old = Tree::new("ROOT");
    let mut new = old.clone();
    new.create("Microsoft\\Windows\\CurrentVersion\\Uninstall\\App")
        .set_value(Name::from("DisplayName"), Value::string("App"));
    let base = base_hives(Layer::new().directory("Files/Windows"), |_| {})
        .directory("Files/Windows/SYSTEM32")
        .directory("Files/Windows/SYSTEM32/Config")
        .file("Files/Windows/SYSTEM32/Config/software", b"stale")
        .file("Files/app.deps.json", b"{}");
    let upper = Layer::new().file("Hives/Software_Delta", &delta(&old, &new));
    let view = view(vec![base.finish(), upper.finish()]);
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("rootfs");
    let written = root_file_system::export(&view, &out).unwrap();
    assert_eq!(written.hives.len(), 5);
    let hive = Hive::read(&std::fs::read(out.join("Windows/SYSTEM32/Config/SOFTWARE")).unwrap()).unwrap();
    assert_eq!(hive.tree.key("Microsoft\\Windows\\CurrentVersion\\Uninstall\\App").unwrap().values().count(), 1);
    assert!(!hive.base.layered);
    assert!(!out.join("Windows/SYSTEM32/Config/software").exists());
    assert!(out.join("app.deps.json").metadata().unwrap().is_file());
    assert!(!out.join("Hives").exists());
}
