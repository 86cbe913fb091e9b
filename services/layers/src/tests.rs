//! The store as a whole, with small images made here.

use crate::content::ContentStore;
use crate::image::manifest;
use crate::oci::{CONFIG, Config, ContainerConfig, Descriptor, LAYER_GZIP, RootFs};
use crate::volume::VolumePath;
use crate::*;
use casement_hive::{Hive, Name, Tree, Value};
use casement_layer_tar::{Entry, Kind, LayerPath, LayerWriter, Metadata, NtTime};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const CRYPTOGRAPHY: &str = r"Microsoft\Cryptography";
const NO_GUID: &str = "00000000-0000-0000-0000-000000000000";

/// The hive `SOFTWARE` of a base.
fn software() -> Vec<u8> {
    let mut tree = Tree::new("ROOT");
    tree.create(CRYPTOGRAPHY).set_value(Name::from("MachineGuid"), Value::string(NO_GUID));
    tree.create(r"Microsoft\Kept").set_value(Name::from("value"), Value::dword(1));
    Hive::new(tree, "SOFTWARE").write().unwrap()
}

/// The hive `SYSTEM` of a base.
fn system() -> Vec<u8> {
    let mut tree = Tree::new("ROOT");
    tree.create("ControlSet001").set_value(Name::from("x"), Value::string("y"));
    tree.create("Select").set_value(Name::from("Current"), Value::dword(1));
    Hive::new(tree, "SYSTEM").write().unwrap()
}

fn ingest(content: &ContentStore, bytes: &[u8]) -> (Digest, u64) {
    let mut ingest = content.ingest().unwrap();
    ingest.write_all(bytes).unwrap();
    ingest.commit(Some(&Digest::of(bytes))).unwrap()
}

/// A layer archive with one file and, for a base, the registry.
pub(crate) fn archive(file: &str, is_base: bool) -> Vec<u8> {
    let mut writer = LayerWriter::new(Vec::new());
    let mut add = |name: &str, bytes: &[u8]| {
        let path = LayerPath::new(name).unwrap();
        let metadata = Metadata::file(NtTime::from_seconds(7));
        writer.file(&path, &metadata, bytes.len() as u64, bytes).unwrap();
    };
    add(&format!("Files/dir/{file}"), file.as_bytes());
    if is_base {
        add("Hives/System_Base", &system());
        add("Hives/Software_Base", &software());
    }
    writer.finish().unwrap()
}

/// Publishes an image of these archives, base first, whose diff ids are `claimed` if given.
pub(crate) fn publish(store: &Store, names: &[&str], archives: &[Vec<u8>], claimed: Option<Digest>) -> Digest {
    let mut layers = Vec::new();
    let mut diff_ids = Vec::new();
    for archive in archives {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(archive).unwrap();
        let (digest, size) = ingest(store.content(), &gzip.finish().unwrap());
        layers.push(Descriptor::new(LAYER_GZIP, digest, size));
        diff_ids.push(claimed.clone().unwrap_or_else(|| Digest::of(archive)));
    }
    let config = Config {
        created: None,
        architecture: "amd64".to_owned(),
        os: "windows".to_owned(),
        os_version: Some("10.0.20348.1".to_owned()),
        author: None,
        config: ContainerConfig { user: "ContainerUser".to_owned(), ..ContainerConfig::default() },
        rootfs: RootFs { kind: "layers".to_owned(), diff_ids },
        history: Vec::new(),
        others: BTreeMap::new(),
    };
    let (digest, size) = store.content().write_json(&config).unwrap();
    let manifest = manifest(Descriptor::new(CONFIG, digest.clone(), size), layers, BTreeMap::new());
    let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    store.publish(&manifest, &names).unwrap();
    digest
}

pub(crate) fn store() -> (tempfile::TempDir, Store) {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    (root, store)
}

fn count(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().count()
}

fn own_id() -> u32 {
    rustix::process::getuid().as_raw()
}

#[test]
fn images_answer_to_every_spelling() {
    let (_root, store) = store();
    let old = publish(
        &store,
        &["nanoserver:ltsc2019", "mcr.microsoft.com/windows/nanoserver:ltsc2019"],
        &[archive("old", true)],
        None,
    );
    for name in
        ["nanoserver", "nanoserver:ltsc2019", "windows/nanoserver", "mcr.microsoft.com/windows/nanoserver:ltsc2019"]
    {
        assert_eq!(store.resolve(name).unwrap().id, old, "{name}");
    }
    let new = publish(&store, &["nanoserver:ltsc2022"], &[archive("new", true)], None);
    assert_eq!(store.resolve("nanoserver").unwrap().id, new, "the default tag wins once it is there");
    for name in [new.to_string().as_str(), new.hex(), new.short(), "mcr.microsoft.com/windows/nanoserver"] {
        assert_eq!(store.resolve(name).unwrap().id, new, "{name}");
    }
    assert_eq!(store.images().unwrap().len(), 2);
}

#[test]
fn an_unknown_image_says_what_to_build() {
    let (_root, store) = store();
    let text = store.resolve("servercore:1809").unwrap_err().to_string();
    assert!(text.contains("no such image") && text.contains("casement base build servercore --tag 1809"), "{text}");
    assert!(matches!(store.resolve("BAD NAME"), Err(LayersError::BadReference(_))));
}

#[test]
fn layers_are_unpacked_on_demand_top_first() {
    let (_root, store) = store();
    publish(&store, &["app:latest"], &[archive("base", true), archive("top", false)], None);
    let image = store.resolve("app").unwrap();
    assert_eq!(fs::read_to_string(image.layers[0].join("Files/dir/top")).unwrap(), "top");
    assert_eq!(fs::read_to_string(image.layers[1].join("Files/dir/base")).unwrap(), "base");
    assert_eq!(image.size, (3 + 4 + system().len() + software().len()) as u64);
    assert_eq!(fs::metadata(image.layers[0].join("Files/dir/top")).unwrap().mtime(), 7);
}

#[test]
fn a_layer_that_is_not_what_it_claims_is_refused_whole() {
    let (root, store) = store();
    publish(&store, &["bad:latest"], &[archive("a", true)], Some(Digest::of(b"another")));
    assert!(matches!(store.resolve("bad"), Err(LayersError::DigestMismatch { .. })));
    publish(&store, &["worse:latest"], &[b"no tar at all".repeat(100)], None);
    assert!(matches!(store.resolve("worse"), Err(LayersError::Archive(_))));
    assert_eq!(count(&root.path().join("layers")), 0);
}

/// A layer with one more name of a file of the layer below it.
fn linked(name: &str, target: &str) -> Vec<u8> {
    let mut writer = LayerWriter::new(Vec::new());
    let [path, target] = [name, target].map(|name| LayerPath::new(&format!("Files/dir/{name}")).unwrap());
    let metadata = Metadata::file(NtTime::from_seconds(7));
    writer.entry(&Entry { path, kind: Kind::HardLink(target), metadata }, std::io::empty()).unwrap();
    writer.finish().unwrap()
}

#[test]
fn layers_that_are_unpacked_side_by_side_wait_for_those_that_they_need() {
    let (_root, store) = store();
    let names: Vec<String> = (0..12).map(|at| format!("name{at}")).collect();
    let mut archives = vec![archive(&names[0], true)];
    for pair in names.windows(2) {
        archives.push(linked(&pair[1], &pair[0]));
        archives.push(archive(&format!("beside {}", pair[1]), false));
    }
    publish(&store, &["app:1"], &archives, None);
    let image = store.resolve("app:1").unwrap();
    assert_eq!(image.layers.len(), 23);
    let inode =
        |layer: usize, name: &str| fs::metadata(image.layers[layer].join("Files/dir").join(name)).unwrap().ino();
    assert_eq!(inode(1, "name11"), inode(22, "name0"), "one file under twelve names");
    // Without the layer in the middle the ones above it are not there, and nobody waits for it.
    archives[9] = archive("another", false);
    archives.truncate(18);
    publish(&store, &["app:2"], &archives, None);
    let before = count(&store.root().join("layers"));
    let text = casement_silo::error_chain(&store.resolve("app:2").unwrap_err());
    assert!(text.contains("neither this layer nor those below it have"), "{text}");
    assert!(count(&store.root().join("layers")) <= before + 1, "only the other layer may be new");
}

#[test]
fn a_scratch_has_a_prefix_of_its_own_that_belongs_to_its_owner() {
    let (_root, store) = store();
    publish(&store, &["app:latest"], &[archive("base", true), archive("top", false)], None);
    let image = store.resolve("app").unwrap();
    let guid = |id: &str| {
        let scratch = store.create_scratch(id, &image, own_id()).unwrap();
        let prefix = scratch.prefix();
        assert_eq!(fs::read_to_string(prefix.join(".update-timestamp")).unwrap(), "disable\n");
        assert_eq!(fs::read_link(prefix.join("dosdevices/c:")).unwrap(), Path::new("../drive_c"));
        assert_eq!(count(&prefix.join("dosdevices")), 1);
        assert_eq!(fs::metadata(prefix.join("system.reg")).unwrap().uid(), own_id());
        assert_eq!(scratch.union(&image.layers).lowers[1], image.layers[1].join("Files"));
        fs::read_to_string(prefix.join("system.reg")).unwrap()
    };
    let (one, two) = (guid("one"), guid("two"));
    assert_ne!(one, two);
    for text in [&one, &two] {
        assert!(text.contains("\"MachineGuid\"=\"") && !text.contains(NO_GUID), "{text}");
        assert!(text.contains(r"[System\\CurrentControlSet]"), "{text}");
    }
    assert_eq!(count(&store.root().join("cache/registries")), 1, "made once for both");
    assert!(matches!(store.create_scratch("one", &image, own_id()), Err(LayersError::ScratchExists(_))));
    assert!(matches!(store.create_scratch("../x", &image, own_id()), Err(LayersError::BadId(_))));
    assert_eq!(store.scratches().unwrap(), ["one", "two"]);
    for _ in 0..2 {
        store.remove_scratch("one").unwrap();
    }
    assert!(store.scratch("one").unwrap().is_none() && store.scratch("two").unwrap().is_some());
}

#[test]
fn without_a_registry_there_is_no_scratch_and_nothing_is_left() {
    let (root, store) = store();
    publish(&store, &["app:latest"], &[archive("a", false)], None);
    let image = store.resolve("app").unwrap();
    assert!(matches!(store.create_scratch("c", &image, own_id()), Err(LayersError::NoRegistry(_))));
    assert_eq!(count(&root.path().join("scratches")), 0);
}

#[test]
fn what_containers_or_other_images_need_stays() {
    let (root, store) = store();
    let base = archive("base", true);
    publish(&store, &["base:1", "base:2"], std::slice::from_ref(&base), None);
    publish(&store, &["app:latest"], &[base, archive("top", false)], None);
    let app = store.resolve("app").unwrap();
    store.resolve("base:1").unwrap();
    store.create_scratch("c", &app, own_id()).unwrap();

    let base_image = store.resolve("base:1").unwrap();
    let removed = store.delete(&base_image).unwrap();
    assert_eq!((removed.untagged.len(), removed.layers.len(), removed.freed), (2, 0, 0), "the layer is one of app's");
    let removed = store.delete(&app).unwrap();
    assert_eq!(
        (removed.untagged, removed.layers.len()),
        (vec!["app:latest".to_owned()], 0),
        "the container needs them"
    );
    assert!(app.layers.iter().all(|l| l.is_dir()));
    assert_eq!(count(&root.path().join("content/blobs/sha256")), 0);

    assert!(matches!(
        store.create_scratch("d", &Image { layers: vec!["/gone".into()], ..app }, own_id()),
        Err(LayersError::NoSuchImage(..))
    ));
    store.remove_scratch("c").unwrap();
    store.collect_garbage().unwrap();
    assert_eq!(count(&root.path().join("layers")), 0);
}

#[test]
fn what_is_removed_is_named_top_first() {
    let (_root, store) = store();
    let archives = [archive("base", true), archive("top", false)];
    publish(&store, &["app:latest"], &archives, None);
    let app = store.resolve("app").unwrap();
    let removed = store.delete(&app).unwrap();
    let base = Digest::of(&archives[0]);
    let both = Digest::of(format!("{base} {}", Digest::of(&archives[1])).as_bytes());
    assert_eq!(removed.layers, [both, base]);
    assert_eq!(removed.freed, app.size);
}

#[test]
fn an_image_that_loses_its_last_name_stays_without_one() {
    let (_root, store) = store();
    let first = publish(&store, &["app:1"], &[archive("a", true)], None);
    publish(&store, &["other:1"], &[archive("b", true)], None);
    store.tag("other:1", "app:1").unwrap();
    let nameless = store.resolve(&first.to_string()).unwrap();
    assert_eq!((nameless.references.len(), store.images().unwrap().len()), (0, 2));
    store.collect_garbage().unwrap();
    assert_eq!(store.resolve(first.short()).unwrap().id, first);

    assert!(store.untag("app:1").unwrap() && store.untag("other:1").unwrap() && !store.untag("other:1").unwrap());
    assert_eq!(store.images().unwrap().len(), 2);
    store.tag(first.short(), "app:2").unwrap();
    assert_eq!(store.resolve("app:2").unwrap().references, ["app:2"]);
}

#[test]
fn a_tag_is_one_more_name() {
    let (_root, store) = store();
    let id = publish(&store, &["app:1"], &[archive("a", true)], None);
    let name = store.tag("app:1", "registry.example:5000/mine/app").unwrap();
    assert_eq!(name, "registry.example:5000/mine/app:latest");
    let image = store.resolve("registry.example:5000/mine/app:latest").unwrap();
    assert_eq!((image.id.clone(), image.references.len()), (id.clone(), 2));
    assert_eq!(store.delete(&image).unwrap().untagged.len(), 2);
    assert!(store.images().unwrap().is_empty());
}

#[test]
fn a_derived_image_has_the_layers_of_its_parent_and_its_own() {
    let (_root, store) = store();
    publish(&store, &["base:1"], &[archive("base", true)], None);
    let derived = || Derived {
        config: ContainerConfig { cmd: vec!["/hello".to_owned()], ..ContainerConfig::default() },
        history: crate::oci::History { created_by: Some("test".to_owned()), ..Default::default() },
        name: "app:1".to_owned(),
    };
    let fill = |directory: &Path| {
        fs::create_dir_all(directory.join("Files/bin"))?;
        fs::write(directory.join("Files/bin/hello.exe"), "hello")
    };
    let image = store.derive("base:1", derived(), fill).unwrap();
    assert_eq!((image.reference.as_str(), image.os_version.as_str()), ("app:1", "10.0.20348.1"));
    assert_eq!(image.config.cmd, ["/hello"]);
    assert_eq!(fs::read_to_string(image.layers[0].join("Files/bin/hello.exe")).unwrap(), "hello");
    assert_eq!(image.layers[1..], store.resolve("base:1").unwrap().layers);
    assert_eq!(store.derive("base:1", derived(), fill).unwrap().id, image.id, "the same files give the same image");

    let failed = store.derive("base:1", Derived { name: "none:1".to_owned(), ..derived() }, |_| {
        Err(std::io::ErrorKind::Other.into())
    });
    assert!(failed.is_err() && store.resolve("none:1").is_err());
}

#[test]
fn leftovers_of_killed_processes_are_swept() {
    let (root, store) = store();
    store.sweep().unwrap();
    for name in ["layers/.unfinished-a", "scratches/.unfinished-b", "cache/registries/.unfinished-d"] {
        fs::create_dir_all(root.path().join(name).join("deep")).unwrap();
    }
    fs::write(root.path().join("content/blobs/sha256/.unfinished-c"), "x").unwrap();
    store.sweep().unwrap();
    for place in ["layers", "scratches", "content/blobs/sha256", "cache/registries"] {
        assert_eq!(count(&root.path().join(place)), 0, "{place}");
    }
}

fn commit_options(name: &str) -> CommitOptions {
    CommitOptions {
        config: ContainerConfig { cmd: vec!["new".to_owned()], ..ContainerConfig::default() },
        listing: Listing::Named(vec![name.to_owned()]),
        created_by: "cmd /c setup".to_owned(),
        comment: "a remark".to_owned(),
        author: "someone".to_owned(),
        created: jiff::Timestamp::from_second(1_700_000_000).unwrap(),
        latest: None,
        owner: None,
        mounted: Vec::new(),
        scratch: AfterCommit::Kept,
    }
}

fn set(prefix: &Path, file: &str, change: impl FnOnce(&mut casement_nt::registry::Registry)) {
    use casement_nt::registry::{KeyTimes, Registry};
    let mut registry = Registry::parse(&fs::read(prefix.join(file)).unwrap()).unwrap();
    change(&mut registry);
    fs::write(prefix.join(file), registry.to_text(KeyTimes::Own)).unwrap();
}

#[test]
fn what_a_container_has_changed_becomes_a_layer_and_the_image_works() {
    let (_root, store) = store();
    publish(&store, &["base:1"], &[archive("base", true)], None);
    let base = store.resolve("base:1").unwrap();
    let scratch = store.create_scratch("c", &base, own_id()).unwrap();
    let upper = scratch.directory().join("upper");
    fs::create_dir_all(upper.join("new/deep")).unwrap();
    fs::write(upper.join("new/deep/file.txt"), "new").unwrap();
    fs::create_dir(upper.join("DIR")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        upper.join("DIR/BASE"),
        rustix::fs::FileType::CharacterDevice,
        rustix::fs::Mode::empty(),
        0,
    )
    .unwrap();
    set(&scratch.prefix(), "system.reg", |registry| {
        registry.set(r"Software\New", "ключ", Value::multi_string(&["a", "b"]));
        registry.remove_value(r"Software\Microsoft\Kept", "value");
    });
    set(&scratch.prefix(), "user.reg", |registry| registry.set("Environment", "PATH", Value::expand_string("%X%")));

    let image = store.commit(&scratch, &base, &commit_options("app:1")).unwrap();
    assert_eq!((image.reference.as_str(), &image.config.cmd), ("app:1", &vec!["new".to_owned()]));
    assert_eq!(image.layers[1..], base.layers);
    assert_eq!(fs::read_to_string(image.layers[0].join("Files/new/deep/file.txt")).unwrap(), "new");
    assert!(upper.join("new/deep/file.txt").exists());
    let document = store.config_document(&image).unwrap();
    assert_eq!(
        document["history"][0],
        serde_json::json!({
            "created": "2023-11-14T22:13:20Z", "created_by": "cmd /c setup", "comment": "a remark", "author": "someone",
        })
    );
    assert_eq!((&document["author"], &document["os.version"]), (&"someone".into(), &"10.0.20348.1".into()));

    let again = store.create_scratch("d", &image, own_id()).unwrap();
    let registry = |file: &str| fs::read_to_string(again.prefix().join(file)).unwrap();
    let machine = registry("system.reg");
    assert!(machine.contains(r"[Software\\New]") && !machine.contains(r"[Software\\Microsoft\\Kept] 1"), "{machine}");
    assert!(!machine.contains("dword:00000001\n[Software"), "{machine}");
    assert!(registry("user.reg").contains(r#""PATH"=str(2):"%X%""#));

    // From the blob alone it is the same layer.
    let layer = image.layers[0].clone();
    let tombstone = layer.join("Files/DIR/base");
    assert!(fs::symlink_metadata(layer.join("Files/DIR/BASE")).is_ok());
    fs::remove_dir_all(&layer).unwrap();
    let image = store.resolve("app:1").unwrap();
    assert_eq!(fs::read_to_string(image.layers[0].join("Files/new/deep/file.txt")).unwrap(), "new");
    assert_eq!(fs::symlink_metadata(tombstone).unwrap().rdev(), 0);

    // And it can be committed again.
    fs::write(again.directory().join("upper/second.txt"), "2").unwrap();
    let second = store.commit(&again, &image, &commit_options("app:2")).unwrap();
    assert_eq!(second.layers.len(), 3);
    assert!(!second.layers[0].join("Hives/Software_Delta").exists(), "no key was changed since");
}

#[test]
fn the_same_changes_make_the_same_image_whatever_the_time() {
    let (_root, store) = store();
    publish(&store, &["base:1"], &[archive("base", true)], None);
    let base = store.resolve("base:1").unwrap();
    let commit = |id: &str, after: AfterCommit| {
        let scratch = store.create_scratch(id, &base, own_id()).unwrap();
        fs::create_dir_all(scratch.directory().join("upper/a")).unwrap();
        fs::write(scratch.directory().join("upper/a/b"), "text").unwrap();
        set(&scratch.prefix(), "system.reg", |registry| {
            registry.set(r"Software\New", "x", Value::dword(1));
            registry.set(r"System\ControlSet001\Services\Tcpip\Parameters", "Hostname", Value::string(id));
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            registry.create(r"Software\New").time = casement_hive::NtTime::from_unix(now.as_secs());
        });
        let options = CommitOptions {
            latest: Some(jiff::Timestamp::from_second(1_600_000_000).unwrap()),
            scratch: after,
            ..commit_options(&format!("app:{id}"))
        };
        (store.commit(&scratch, &base, &options).unwrap(), scratch)
    };
    let (one, kept) = commit("one", AfterCommit::Kept);
    let (two, consumed) = commit("two", AfterCommit::Consumed);
    assert_eq!((&one.id, &one.manifest), (&two.id, &two.manifest));
    assert_eq!(fs::metadata(one.layers[0].join("Files/a/b")).unwrap().mtime(), 1_600_000_000);
    assert!(kept.directory().join("upper/a/b").exists() && !consumed.directory().join("upper").exists());
}

#[test]
fn directories_that_were_only_mounted_on_are_not_in_the_image() {
    let (_root, store) = store();
    publish(&store, &["base:1"], &[archive("base", true)], None);
    let base = store.resolve("base:1").unwrap();
    let scratch = store.create_scratch("c", &base, own_id()).unwrap();
    let upper = scratch.directory().join("upper");
    for name in ["made/only/for/it", "used/stub", "dir/stub", "own"] {
        fs::create_dir_all(upper.join(name)).unwrap();
    }
    fs::write(upper.join("used/file"), "text").unwrap();
    std::os::unix::fs::symlink("/etc", upper.join("link")).unwrap();
    let mounted = ["/MADE/only/for/it", "/used/stub", "/dir/stub", "/nothing/there", "/link/x"];
    let mounted = mounted.map(|path| VolumePath::parse(path).unwrap()).to_vec();
    let image = store.commit(&scratch, &base, &CommitOptions { mounted, ..commit_options("app:1") }).unwrap();
    let is_there = |name: &str| fs::symlink_metadata(image.layers[0].join("Files").join(name)).is_ok();
    for gone in ["made", "used/stub", "dir/stub"] {
        assert!(!is_there(gone), "{gone}");
    }
    for kept in ["used/file", "own", "link"] {
        assert!(is_there(kept), "{kept}");
    }
}

#[test]
fn new_files_have_the_owner_that_is_asked_for_and_old_directories_keep_theirs() {
    let (_root, store) = store();
    publish(&store, &["base:1"], &[archive("base", true)], None);
    let base = store.resolve("base:1").unwrap();
    let scratch = store.create_scratch("c", &base, own_id()).unwrap();
    let upper = scratch.directory().join("upper");
    fs::create_dir_all(upper.join("dir/new")).unwrap();
    fs::write(upper.join("dir/new/file"), "text").unwrap();
    let options = CommitOptions { owner: Some("S-1-5-93-2-2".to_owned()), ..commit_options("app:1") };
    let image = store.commit(&scratch, &base, &options).unwrap();
    let security = |path: &str| {
        let path = image.layers[0].join("Files").join(path);
        let place = casement_wcifs::metadata::Place::<fs::File>::Path(path.as_os_str().as_encoded_bytes());
        let names = place.names().unwrap();
        names
            .iter()
            .any(|name| name == casement_wcifs::metadata::SECURITY)
            .then(|| place.get(casement_wcifs::metadata::SECURITY).unwrap())
    };
    assert_eq!(security("dir/new/file"), casement_layer_tar::security::of_files_of("S-1-5-93-2-2"));
    assert_eq!(security("dir/new"), casement_layer_tar::security::of_directories_of("S-1-5-93-2-2"));
    assert_eq!(security("dir"), None);
    // What is unpacked of the archive is the same.
    fs::remove_dir_all(&image.layers[0]).unwrap();
    let again = store.resolve("app:1").unwrap();
    assert_eq!(again.layers, image.layers);
    assert_eq!(security("dir/new/file"), casement_layer_tar::security::of_files_of("S-1-5-93-2-2"));
    assert_eq!(security("dir"), None);
}

#[test]
fn a_container_without_changes_makes_an_empty_layer_and_a_step_without_files_none() {
    let (_root, store) = store();
    publish(&store, &["base:1"], &[archive("base", true)], None);
    let base = store.resolve("base:1").unwrap();
    let scratch = store.create_scratch("c", &base, own_id()).unwrap();
    let image = store.commit(&scratch, &base, &commit_options("app:1")).unwrap();
    assert_eq!(
        (image.layers.len(), count(&image.layers[0].join("Files")), count(&image.layers[0].join("Hives"))),
        (2, 0, 0)
    );
    let step = store
        .commit_config(&image, &CommitOptions { listing: Listing::Named(Vec::new()), ..commit_options("") })
        .unwrap();
    assert_eq!((&step.layers, step.references.len()), (&image.layers, 0));
    assert_eq!(store.config_document(&step).unwrap()["history"][1]["empty_layer"], true);
    store.collect_garbage().unwrap();
    assert_eq!(store.resolve(step.id.hex()).unwrap().id, step.id, "an image without a name stays");
}

#[test]
fn a_damaged_registry_of_a_container_is_named_and_nothing_is_added() {
    let (root, store) = store();
    publish(&store, &["base:1"], &[archive("base", true)], None);
    let base = store.resolve("base:1").unwrap();
    let scratch = store.create_scratch("c", &base, own_id()).unwrap();
    let user = scratch.prefix().join("user.reg");
    fs::rename(&user, scratch.prefix().join("moved")).unwrap();
    std::os::unix::fs::symlink("moved", &user).unwrap();
    assert!(matches!(store.commit(&scratch, &base, &commit_options("app:1")), Err(LayersError::Io { .. })));
    for bytes in [&b"nonsense"[..], b""] {
        fs::write(scratch.prefix().join("system.reg"), bytes).unwrap();
        assert!(matches!(store.commit(&scratch, &base, &commit_options("app:1")), Err(LayersError::Registry(_))));
    }
    assert_eq!((count(&root.path().join("layers")), store.images().unwrap().len()), (1, 1));
}

#[test]
fn what_else_stands_in_a_configuration_stays() {
    let (_root, store) = store();
    publish(&store, &["base:1"], &[archive("base", true)], None);
    let base = store.resolve("base:1").unwrap();
    let config: ContainerConfig =
        serde_json::from_str(r#"{"Cmd":["x"],"Healthcheck":{"Test":["NONE"]},"OnBuild":["RUN x"]}"#).unwrap();
    let image = store.commit_config(&base, &CommitOptions { config, ..commit_options("app:1") }).unwrap();
    let document = store.config_document(&image).unwrap();
    assert_eq!(document["config"]["Healthcheck"]["Test"][0], "NONE");
    assert_eq!(document["config"]["OnBuild"][0], "RUN x");
}

#[test]
fn an_exported_container_is_imported_as_an_image_of_one_layer() {
    use casement_wcifs::metadata::{ATTRIBUTES, CREATED, OPAQUE, STREAM};
    let (_root, store) = store();
    publish(&store, &["base:1"], &[archive("base", true), archive("gone", false), archive("middle", false)], None);
    let base = store.resolve("base:1").unwrap();
    let scratch = store.create_scratch("c", &base, own_id()).unwrap();
    let upper = scratch.directory().join("upper");
    fs::create_dir_all(upper.join("DIR")).unwrap();
    let tombstone = rustix::fs::FileType::CharacterDevice;
    rustix::fs::mknodat(rustix::fs::CWD, upper.join("DIR/GONE"), tombstone, rustix::fs::Mode::empty(), 0).unwrap();
    fs::create_dir(upper.join("new")).unwrap();
    fs::write(upper.join("new/file.txt"), "new").unwrap();
    fs::hard_link(upper.join("new/file.txt"), upper.join("new/second.txt")).unwrap();
    std::os::unix::fs::symlink("../dir", upper.join("new/to dir")).unwrap();
    std::os::unix::fs::symlink("file.txt", upper.join("new/to file")).unwrap();
    let attribute = |path: &Path, name: &str, value: &[u8]| {
        rustix::fs::setxattr(path, name, value, rustix::fs::XattrFlags::empty()).unwrap();
    };
    attribute(&upper.join("new/file.txt"), ATTRIBUTES, &0x22u32.to_le_bytes());
    attribute(&upper.join("new/file.txt"), CREATED, &130_000_000_000_000_000u64.to_le_bytes());
    attribute(&upper.join("new/file.txt"), &format!("{STREAM}Zone.Identifier"), b"[ZoneTransfer]");
    set(&scratch.prefix(), "system.reg", |registry| {
        registry.set(r"Software\New", "ключ", Value::multi_string(&["a", "b"]));
        registry.remove_value(r"Software\Microsoft\Kept", "value");
        registry.set(r"Software\Microsoft\Windows NT\CurrentVersion", "CurrentBuildNumber", Value::string("17763"));
        registry.set(r"Software\Microsoft\Windows NT\CurrentVersion", "UBR", Value::dword(7919));
    });
    set(&scratch.prefix(), "user.reg", |registry| registry.set("Environment", "PATH", Value::expand_string("%X%")));
    let export = |scratch: &Scratch, layers: &[std::path::PathBuf]| {
        let times = rustix::fs::Timestamps {
            last_access: rustix::fs::Timespec { tv_sec: 9, tv_nsec: 0 },
            last_modification: rustix::fs::Timespec { tv_sec: 9, tv_nsec: 0 },
        };
        let upper = fs::File::open(scratch.directory().join("upper")).unwrap();
        rustix::fs::futimens(&upper, &times).unwrap();
        let mut archive = Vec::new();
        scratch.exporting(None, layers).unwrap().write(&mut archive).unwrap();
        archive
    };
    let exported = export(&scratch, &base.layers);

    let entries = |archive: &[u8]| {
        let mut reader = casement_layer_tar::LayerReader::new(archive);
        let mut entries = BTreeMap::new();
        while let Some(entry) = reader.next_entry().unwrap() {
            let stream = matches!(entry.kind, casement_layer_tar::Kind::Stream { .. });
            entries.insert(format!("{}{}", entry.path, if stream { ":" } else { "" }), entry);
        }
        entries
    };
    let first = exported;
    let exported = entries(&first);
    for name in ["Files/DIR/base", "Files/DIR/middle", "Files/new/file.txt:", "Hives/System_Base", "Hives/Sam_Base"] {
        assert!(exported.contains_key(name), "{name}: {:?}", exported.keys());
    }
    assert!(!exported.keys().any(|name| name.to_lowercase().contains("gone")), "{:?}", exported.keys());
    assert!(matches!(exported["Files/new/second.txt"].kind, casement_layer_tar::Kind::HardLink(_)));
    assert!(exported["Files/new/to dir"].metadata.is_directory(), "links to directories are told from others");
    assert!(!exported["Files/new/to file"].metadata.is_directory());

    let import = Import {
        config: ContainerConfig::default(),
        names: vec!["whole:1".to_owned()],
        comment: String::new(),
        created: jiff::Timestamp::from_second(1).unwrap(),
    };
    let image = store.import(&first[..], &import).unwrap();
    assert_eq!((image.layers.len(), image.os_version.as_str()), (1, "10.0.17763.7919"));
    let again = store.create_scratch("d", &image, own_id()).unwrap();
    let without_guid = |scratch: &Scratch, file: &str| {
        let text = fs::read_to_string(scratch.prefix().join(file)).unwrap();
        text.lines().filter(|line| !line.contains("MachineGuid")).map(|line| format!("{line}\n")).collect::<String>()
    };
    for file in ["system.reg", "user.reg", "userdef.reg"] {
        let values = |scratch: &Scratch| {
            let text = without_guid(scratch, file);
            let registry = casement_nt::registry::Registry::parse(text.as_bytes()).unwrap();
            registry.to_text(casement_nt::registry::KeyTimes::Own)
        };
        let lines = |scratch: &Scratch| {
            let text = values(scratch);
            let mut lines: Vec<String> =
                text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
            lines.iter_mut().for_each(|line| {
                // The time of a key.
                if let Some(end) = line.starts_with('[').then(|| line.rfind(']')).flatten() {
                    line.truncate(end + 1);
                }
            });
            lines.sort();
            lines
        };
        assert_eq!(lines(&again), lines(&scratch), "{file}");
    }
    // What was imported is exported as it was; the directories of the user's hive were made by the import.
    let second = entries(&export(&again, &image.layers));
    let made = |name: &String| !name.starts_with("Files/users") || name.ends_with(".DAT");
    let before: Vec<_> = exported.into_iter().filter(|(name, _)| made(name)).collect();
    let after: Vec<_> = second.into_iter().filter(|(name, _)| made(name)).collect();
    assert_eq!(before, after);

    // A directory that took the place of one hides what was in it; nothing of that is exported.
    attribute(&upper.join("DIR"), OPAQUE, b"y");
    assert!(!entries(&export(&scratch, &base.layers)).contains_key("Files/DIR/base"));
}

#[test]
fn notes_on_an_original_that_is_not_here_or_another_image_are_nothing() {
    let (_root, store) = store();
    publish(&store, &["secret:1"], &[archive("base", true), archive("secret", false)], None);
    publish(&store, &["plain:1"], &[archive("base", true)], None);
    let (secret, plain) = (store.resolve("secret:1").unwrap(), store.resolve("plain:1").unwrap());
    let document: oci::Manifest = store.content().read_json(&plain.manifest).unwrap();
    for (name, original, count) in [
        ("nowhere", format!("sha256:{}", "0".repeat(64)), "1"),
        ("nothing", "nothing".to_owned(), "1"),
        ("config", plain.id.to_string(), "0"),
        ("more", secret.manifest.to_string(), "9"),
        ("secret", secret.manifest.to_string(), "1"),
        ("no number", secret.manifest.to_string(), "one"),
    ] {
        let mut manifest = document.clone();
        manifest.annotations =
            [(ORIGINAL_MANIFEST.to_owned(), original), (ORIGINAL_LAYERS.to_owned(), count.to_owned())].into();
        store.publish(&manifest, &["noted:1".to_owned()]).unwrap();
        let image = store.resolve("noted:1").unwrap();
        assert_eq!(store.original(&image).unwrap(), None, "{name}");
        // And the store is still cleared.
        store.collect_garbage().unwrap();
    }
    assert!(store.resolve("secret:1").is_ok());
}
