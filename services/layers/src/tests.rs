//! The store as a whole, with small images made here.

use crate::content::ContentStore;
use crate::image::manifest;
use crate::oci::{CONFIG, Config, ContainerConfig, Descriptor, LAYER_GZIP, RootFs};
use crate::*;
use casement_layer_tar::{LayerPath, LayerWriter, Metadata, NtTime};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const REGISTRY: &str = "WINE REGISTRY Version 2\n\n[Software\\\\Microsoft\\\\Cryptography] 1\n\
                        \"MachineGuid\"=\"00000000-0000-0000-0000-000000000000\"\n";

fn ingest(content: &ContentStore, bytes: &[u8]) -> (Digest, u64) {
    let mut ingest = content.ingest().unwrap();
    ingest.write_all(bytes).unwrap();
    ingest.commit(Some(&Digest::of(bytes))).unwrap()
}

/// A layer archive with one file and, for a base, the registry.
fn archive(file: &str, is_base: bool) -> Vec<u8> {
    let mut writer = LayerWriter::new(Vec::new());
    let mut add = |name: &str, text: &str| {
        let path = LayerPath::new(name).unwrap();
        let metadata = Metadata::file(NtTime::from_seconds(7));
        writer.file(&path, &metadata, text.len() as u64, text.as_bytes()).unwrap();
    };
    add(&format!("Files/dir/{file}"), file);
    if is_base {
        REGISTRY_FILES.into_iter().for_each(|name| add(&format!("Hives/{name}"), REGISTRY));
    }
    writer.finish().unwrap()
}

/// Publishes an image of these archives, base first, whose diff ids are `claimed` if given.
fn publish(store: &Store, names: &[&str], archives: &[Vec<u8>], claimed: Option<Digest>) -> Digest {
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
        config: ContainerConfig { user: "ContainerUser".to_owned(), ..ContainerConfig::default() },
        rootfs: RootFs { kind: "layers".to_owned(), diff_ids },
        history: Vec::new(),
    };
    let (digest, size) = store.content().write_json(&config).unwrap();
    let manifest = manifest(Descriptor::new(CONFIG, digest.clone(), size), layers, BTreeMap::new());
    let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    store.publish(&manifest, &names).unwrap();
    digest
}

fn store() -> (tempfile::TempDir, Store) {
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
    assert_eq!(image.size, (3 + 4 + 3 * REGISTRY.len()) as u64);
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
    assert_eq!(one.len(), REGISTRY.len());
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
    for name in ["layers/.unfinished-a", "scratches/.unfinished-b"] {
        fs::create_dir_all(root.path().join(name).join("deep")).unwrap();
    }
    fs::write(root.path().join("content/blobs/sha256/.unfinished-c"), "x").unwrap();
    store.sweep().unwrap();
    for place in ["layers", "scratches", "content/blobs/sha256"] {
        assert_eq!(count(&root.path().join(place)), 0, "{place}");
    }
}
