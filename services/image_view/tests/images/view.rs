//! What the layers of an image make together.

use crate::compose::{Layer, base, view};
use casement_image_view::{ImageView, Space, ViewPath};
use tar::EntryType;

fn cat(view: &ImageView, path: &str) -> Result<Vec<u8>, String> {
    let path = ViewPath::parse(path, Space::Volume).map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    let file = view.find_file(&path).map_err(|e| e.to_string())?;
    view.read(file, path.stream(), &mut bytes).map_err(|e| e.to_string())?;
    Ok(bytes)
}

fn describe(view: &ImageView, path: &str) -> casement_image_view::describe::Described {
    view.describe(view.find(&ViewPath::parse(path, Space::Volume).unwrap()).unwrap())
}

#[test]
fn paths_are_found_in_any_case_and_with_either_slash() {
    let view = view(vec![base().file("Files/Windows/Ünïcode.TXT", b"hello").finish()]);
    for path in
        ["C:\\Windows\\Ünïcode.TXT", "c:/windows/ünÏcode.txt", "WINDOWS\\ÜNÏCODE.txt", "/windows//./ünïcode.Txt"]
    {
        assert_eq!(cat(&view, path).unwrap(), b"hello", "{path}");
    }
    assert_eq!(describe(&view, "windows/ünïcode.txt").path, "C:\\Windows\\Ünïcode.TXT");
    assert!(cat(&view, "C:\\Windows\\straße").unwrap_err().contains("has no C:\\Windows\\straße"));
}

#[test]
fn upper_layers_replace_merge_and_delete_whatever_the_case() {
    let base = base()
        .directory("Files/App")
        .file("Files/App/a.txt", b"old")
        .file("Files/App/gone.txt", b"x")
        .directory("Files/App/tree")
        .file("Files/App/tree/inside", b"x")
        .directory("Files/App/becomes-file")
        .file("Files/App/becomes-file/x", b"x");
    let upper = Layer::new()
        .directory("Files/APP")
        .file("Files/APP/A.TXT", b"new")
        .file("Files/APP/.wh.GONE.txt", b"")
        .file("Files/APP/.wh.Tree", b"")
        .file("Files/APP/Becomes-File", b"file")
        .file("Files/APP/added", b"added");
    let view = view(vec![base.finish(), upper.finish()]);
    assert!(view.findings.is_empty(), "{:?}", view.findings);
    assert_eq!(cat(&view, "C:\\app\\a.txt").unwrap(), b"new");
    assert_eq!(cat(&view, "C:\\app\\becomes-file").unwrap(), b"file");
    for gone in ["C:\\app\\gone.txt", "C:\\app\\tree", "C:\\app\\tree\\inside", "C:\\app\\becomes-file\\x"] {
        assert!(cat(&view, gone).is_err(), "{gone}");
    }
    let described = describe(&view, "c:\\APP\\a.txt");
    assert_eq!((described.path.as_str(), described.layer), ("C:\\APP\\A.TXT", Some(1)));
    assert_eq!(view.index(0).unwrap().entries.iter().filter(|entry| entry.path.contains("gone")).count(), 1);
}

#[test]
fn whiteouts_hide_lower_layers_only_wherever_they_stand() {
    let base = base().file("Files/a", b"old");
    let upper = Layer::new().file("Files/a", b"new").file("Files/.wh.a", b"");
    let view = view(vec![base.finish(), upper.finish()]);
    assert_eq!(cat(&view, "a").unwrap(), b"new");
    assert_eq!(view.findings.list[0].rule.id(), "whiteout-and-entry");
}

#[test]
fn everything_that_windows_knows_of_a_file_is_shown() {
    let records = [
        ("MSWINDOWS.fileattr", "39"),
        ("MSWINDOWS.rawsd", crate::compose::SECURITY),
        ("MSWINDOWS.xattr.EA", "aGVsbG8="),
        ("LIBARCHIVE.creationtime", "1600000000.5"),
        ("mtime", "1700000000.1234567"),
        ("atime", "1700000001"),
    ];
    let layer = base()
        .entry("Files/f", EntryType::Regular, "", b"data", &records)
        .entry("Files/f:Zone.Identifier", EntryType::Regular, "", b"[ZoneTransfer]", &[])
        .hard_link("Files/same", "Files/f")
        .link("Files/link", "windows")
        .junction("Files/junction", "C:\\Windows");
    let view = view(vec![layer.finish()]);
    let file = describe(&view, "f");
    assert_eq!((file.kind, file.size, file.attributes_value), ("file", Some(4), 39));
    assert_eq!(file.attributes, ["readonly", "hidden", "system", "archive"]);
    assert_eq!(file.modified.as_deref(), Some("2023-11-14T22:13:20.1234567Z"));
    assert_eq!(file.created.as_deref(), Some("2020-09-13T12:26:40.5000000Z"));
    assert_eq!(file.security.as_deref(), Some("O:BAG:BAD:(A;;FA;;;SY)"));
    assert_eq!(file.streams[0].name, "Zone.Identifier");
    assert_eq!((file.extended_attributes[0].name.as_str(), file.extended_attributes[0].size), ("EA", 5));
    assert_eq!(cat(&view, "F:zone.identifier").unwrap(), b"[ZoneTransfer]");
    assert_eq!(cat(&view, "same").unwrap(), b"data");
    assert_eq!(describe(&view, "same").hard_link_of.as_deref(), Some("C:\\f"));
    assert_eq!(describe(&view, "link").target.as_deref(), Some("windows"));
    assert_eq!(describe(&view, "junction").kind, "junction");
}

#[test]
fn links_are_followed_within_the_image() {
    let layer = base()
        .directory("Files/real")
        .file("Files/real/x.txt", b"x")
        .junction("Files/short", "C:\\REAL")
        .link("Files/real/again", "..\\short\\x.txt")
        .link("Files/out", "..\\..\\..\\etc\\passwd")
        .link("Files/one", "two")
        .link("Files/two", "one");
    let view = view(vec![layer.finish()]);
    assert_eq!(cat(&view, "short\\x.txt").unwrap(), b"x");
    assert_eq!(cat(&view, "real\\again").unwrap(), b"x");
    assert!(cat(&view, "out").unwrap_err().contains("leads to no file of the image"));
    assert!(cat(&view, "one").is_err());
    assert!(cat(&view, "one\\x").unwrap_err().contains("circle"));
}

#[test]
fn hard_links_keep_the_file_of_a_lower_layer() {
    let base = base().file("Files/tool.exe", b"v1");
    let upper = Layer::new().hard_link("Files/copy.exe", "Files/TOOL.exe").hard_link("Files/lost.exe", "Files/nothing");
    let top = Layer::new().file("Files/tool.exe", b"v2");
    let view = view(vec![base.finish(), upper.finish(), top.finish()]);
    assert_eq!(cat(&view, "copy.exe").unwrap(), b"v1");
    assert_eq!(cat(&view, "tool.exe").unwrap(), b"v2");
    assert!(cat(&view, "lost.exe").unwrap_err().contains("hard link to nothing"));
    let lost = describe(&view, "lost.exe");
    assert_eq!((lost.kind, lost.layer), ("hard-link", Some(1)));
}

#[test]
fn contents_of_a_layer_come_in_one_pass_and_are_held_against_the_index() {
    let layer = base().file("Files/a", b"first").file("Files/b", &vec![7; 300_000]).file("Files/c", b"");
    let image = crate::compose::Image::new(vec![layer.finish()]);
    let layout = image.layout(|_| {});
    let view = ImageView::of(crate::compose::open(layout.path())).unwrap();
    assert_eq!(cat(&view, "b").unwrap().len(), 300_000);
    assert_eq!(cat(&view, "c").unwrap(), b"");
    // The blob changes under an open image.
    let blob = view.layers[0].source.descriptor.as_ref().unwrap().digest.replace("sha256:", "blobs/sha256/");
    let other = base().file("Files/a", b"FIRST").file("Files/b", &vec![7; 300_000]).file("Files/c", b"");
    std::fs::write(layout.path().join(blob), crate::compose::packed(&other.finish())).unwrap();
    assert!(cat(&view, "a").unwrap_err().contains("is not what it was"));
}
