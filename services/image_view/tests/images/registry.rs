//! The registry that the hives of all layers make.

use crate::compose::{Layer, base_hives, delta, view};
use casement_hive::{Name, Tree, Value};
use casement_image_view::Registry;
use casement_image_view::registry::{self, KeyPath};
use casement_nt::hives::Mount;

fn software(change: impl FnOnce(&mut Tree)) -> Tree {
    let mut tree = Tree::new("ROOT");
    tree.create("Vendor\\App").set_value(Name::from("Version"), Value::string("1"));
    tree.create("Vendor\\App").set_value(Name::from("Old"), Value::dword(1));
    tree.create("Vendor\\Gone\\Below");
    change(&mut tree);
    tree
}

fn image() -> casement_image_view::ImageView {
    let old = software(|_| {});
    let new = software(|tree| {
        tree.create("Vendor\\App").set_value(Name::from("Version"), Value::string("2"));
        tree.create("Vendor\\App").remove_value(&Name::from("Old"));
        tree.remove("Vendor\\Gone");
        tree.create("Vendor\\New").set_value(Name::from(""), Value::string("default"));
    });
    let base = base_hives(Layer::new(), |tree| *tree = old.clone());
    let upper = Layer::new().file("Hives/SOFTWARE_delta", &delta(&old, &new));
    view(vec![base.finish(), Layer::new().finish(), upper.finish()])
}

#[test]
fn hives_of_all_layers_are_merged_and_the_layer_of_each_value_is_known() {
    let registry = Registry::of(&image()).unwrap();
    let merged = registry.merged(Mount::Software).unwrap();
    let app = merged.key("vendor\\APP").unwrap();
    assert_eq!(app.value(&Name::from("version")).unwrap().as_string().as_deref(), Some("2"));
    assert_eq!(app.value(&Name::from("Old")), None);
    assert!(merged.key("Vendor\\Gone").is_none() && merged.key("Vendor\\New").is_some());
    assert!(!merged.root.is_layered());
    let path = KeyPath::parse("HKLM/software/vendor/app").unwrap();
    assert_eq!(registry::layers_that_have(&registry, &path, Some(&Name::from("Version"))), [2, 0]);
    assert_eq!(registry::layers_that_have(&registry, &path, None), [2, 0]);
}

#[test]
fn one_layer_shows_what_it_changes_and_deletes() {
    let registry = Registry::of(&image()).unwrap();
    assert!(registry.of_layer(1, Mount::Software).is_none());
    let delta = &registry.of_layer(2, Mount::Software).unwrap().tree;
    let gone = delta.key("Vendor\\Gone").unwrap();
    assert_eq!(gone.layer.semantics, casement_hive::Semantics::Tombstone);
    assert!(delta.key("Vendor\\App").unwrap().entry(&Name::from("Old")).is_some());
}

#[test]
fn keys_are_found_through_links_and_the_current_control_set() {
    let mut system = Tree::new("ROOT");
    system.create("Select").set_value(Name::from("Current"), Value::dword(2));
    system.create("ControlSet002\\Control").set_value(Name::from("X"), Value::dword(7));
    let link = system.create("Link");
    link.flags.node |= casement_hive::Flags::LINK;
    link.set_value(Name::from("SymbolicLinkValue"), Value::link("\\Registry\\Machine\\System\\ControlSet002"));
    let circle = system.create("Circle");
    circle.flags.node |= casement_hive::Flags::LINK;
    circle.set_value(Name::from("SymbolicLinkValue"), Value::link("\\Registry\\Machine\\System\\Circle"));
    let trees = |mount| (mount == Mount::System).then_some(&system);
    for path in ["HKLM\\SYSTEM\\CurrentControlSet\\Control", "HKLM\\system\\link\\control"] {
        let found = registry::find(&trees, &KeyPath::parse(path).unwrap()).unwrap();
        assert!(found.path.to_string().ends_with("\\ControlSet002\\Control"), "{}", found.path);
        assert_eq!(found.key.value(&Name::from("x")).unwrap().as_dword(), Some(7));
    }
    assert!(registry::find(&trees, &KeyPath::parse("HKLM\\SYSTEM\\Circle\\X").unwrap()).is_none());
    assert!(registry::find(&trees, &KeyPath::parse("HKLM\\SAM\\X").unwrap()).is_none());
}

#[test]
fn hives_of_the_volume_count_where_layers_have_none() {
    let mut tree = Tree::new("ROOT");
    tree.create("Vendor").set_value(Name::from("X"), Value::dword(3));
    let hive = casement_hive::Hive::new(tree, "SOFTWARE").write().unwrap();
    let layer = Layer::new()
        .file("Files/Windows/System32/config/SOFTWARE", &hive)
        .file("Files/Users/Default/NTUSER.DAT", &hive);
    let registry = Registry::of(&view(vec![layer.finish()])).unwrap();
    for mount in [Mount::Software, Mount::User] {
        assert!(registry.merged(mount).unwrap().key("Vendor").is_some(), "{mount:?}");
    }
}

#[test]
fn damaged_hives_are_refused_by_name() {
    let layer = Layer::new().file("Hives/Software_Base", b"regf is not all");
    let message = Registry::of(&view(vec![layer.finish()])).unwrap_err().to_string();
    assert!(message.contains("Hives/Software_Base of layer 0"), "{message}");
}
