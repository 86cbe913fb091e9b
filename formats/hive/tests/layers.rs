//! Differencing hives: what each kind of key does, and that differences and merges undo each other.

use crate::registries;
use casement_hive::{Entry, Hive, Layer, Name, Semantics, Times, Tree, Value, compose, diff, flatten, merge};
use fastrand::Rng;

fn n(text: &str) -> Name {
    Name::from(text)
}

/// A registry with two levels of keys and values.
fn base() -> Tree {
    let mut tree = Tree::new("base");
    for path in ["A", r"A\B", r"A\C", "D"] {
        let key = tree.create(path);
        key.set_value(n("one"), Value::string(path));
        key.set_value(n("two"), Value::string("base"));
        key.class = Some(n("base"));
        key.time.0 = 100;
    }
    tree
}

/// A layer with one key, at `A`.
fn over(semantics: Semantics, inherit_class: bool) -> Tree {
    let mut tree = Tree::new("delta");
    let key = tree.create("A");
    key.layer = Layer { semantics, inherit_class };
    key.time.0 = 50;
    tree
}

fn paths(tree: &Tree) -> Vec<String> {
    fn below(path: &str, key: &casement_hive::Key, paths: &mut Vec<String>) {
        for (name, subkey) in key.subkeys() {
            let path = format!("{path}\\{name}");
            paths.push(path.clone());
            below(&path, subkey, paths);
        }
    }
    let mut paths = Vec::new();
    below("", &tree.root, &mut paths);
    paths
}

#[test]
fn a_merge_key_unites_values_and_subkeys_and_shows_the_later_time() {
    let mut delta = over(Semantics::Merge, true);
    let key = delta.key_mut("A").unwrap();
    key.set_value(n("TWO"), Value::string("delta"));
    key.put_entry(n("one"), Entry::Tombstone);
    key.set_value(n("three"), Value::string("delta"));
    let merged = merge(base(), [&delta]);
    assert_eq!(paths(&merged), [r"\A", r"\A\B", r"\A\C", r"\D"]);
    let key = merged.key("a").unwrap();
    let values: Vec<String> =
        key.values().map(|(name, value)| format!("{name}={}", value.as_string().unwrap())).collect();
    assert_eq!(values, ["three=delta", "TWO=delta"]);
    assert_eq!((key.time.0, key.class.clone()), (100, Some(n("base"))));
    assert!(!merged.root.is_layered());
}

#[test]
fn a_class_is_inherited_only_where_the_layer_says_so() {
    let class = |inherit| merge(base(), [&over(Semantics::Merge, inherit)]).key("A").unwrap().class.clone();
    assert_eq!(class(true), Some(n("base")));
    assert_eq!(class(false), None);
}

#[test]
fn a_tombstone_hides_a_key_with_all_below_it_and_what_comes_later_stands_alone() {
    let gone = over(Semantics::Tombstone, false);
    assert_eq!(paths(&merge(base(), [&gone])), [r"\D"]);
    let mut again = over(Semantics::Merge, true);
    again.create(r"A\B").set_value(n("new"), Value::none());
    let merged = merge(base(), [&gone, &again]);
    assert_eq!(paths(&merged), [r"\A", r"\A\B", r"\D"]);
    assert_eq!(merged.key(r"A\B").unwrap().values().count(), 1);
    assert_eq!(merged.key("A").unwrap().class, None);
}

#[test]
fn supersede_local_hides_the_key_and_not_its_subkeys() {
    let merged = merge(base(), [&over(Semantics::SupersedeLocal, false)]);
    assert_eq!(paths(&merged), [r"\A", r"\A\B", r"\A\C", r"\D"]);
    let key = merged.key("A").unwrap();
    assert_eq!((key.values().count(), key.time.0, key.class.clone()), (0, 50, None));
    assert_eq!(merged.key(r"A\B").unwrap().values().count(), 2);
}

#[test]
fn supersede_tree_hides_the_key_and_its_subkeys() {
    let merged = merge(base(), [&over(Semantics::SupersedeTree, false)]);
    assert_eq!(paths(&merged), [r"\A", r"\D"]);
    assert_eq!(merged.key("A").unwrap().values().count(), 0);
}

#[test]
fn layers_that_are_composed_do_what_they_do_one_by_one() {
    let mut upper = over(Semantics::Merge, true);
    upper.create(r"A\X").set_value(n("x"), Value::none());
    let composed = compose(over(Semantics::SupersedeTree, false), &upper);
    let key = composed.key("A").unwrap();
    assert_eq!(key.layer.semantics, Semantics::SupersedeTree);
    assert_eq!(key.subkey(&n("x")).unwrap().layer.semantics, Semantics::SupersedeTree);
    assert_eq!(paths(&merge(base(), [&composed])), [r"\A", r"\A\X", r"\D"]);
}

#[test]
fn merges_of_layers_by_chance_are_associative() {
    for seed in 0..400 {
        let mut rng = Rng::with_seed(seed);
        let base = registries::registry(&mut rng);
        let [one, two, three] = std::array::from_fn(|_| registries::layer(&mut rng));
        let left = compose(compose(one.clone(), &two), &three);
        let right = compose(one.clone(), &compose(two.clone(), &three));
        assert_eq!(left, right, "seed {seed}");
        let step = merge(merge(base.clone(), [&one]), [&two, &three]);
        assert_eq!(merge(base.clone(), [&one, &two, &three]), step, "seed {seed}");
        assert_eq!(merge(base, [&left]), step, "seed {seed}");
        assert!(!step.root.is_layered(), "seed {seed}");
    }
}

#[test]
fn a_difference_over_the_old_registry_is_the_new_one() {
    for seed in 0..400 {
        let mut rng = Rng::with_seed(seed);
        let old = registries::registry(&mut rng);
        let new = if rng.u8(0..8) == 0 { registries::registry(&mut rng) } else { registries::changed(&mut rng, &old) };
        let delta = diff(&old, &new, Times::Matter);
        assert_eq!(merge(old.clone(), [&delta]), new, "seed {seed}");
        // Also after a way through a file.
        let file = Hive::new(delta, "TEST_Delta").write().unwrap();
        assert_eq!(merge(old.clone(), [&Hive::read(&file).unwrap().tree]), new, "seed {seed}");
    }
}

#[test]
fn a_difference_has_nothing_of_what_is_the_same() {
    let old = base();
    let mut new = old.clone();
    new.key_mut(r"A\B").unwrap().set_value(n("two"), Value::string("new"));
    new.remove("D");
    new.create(r"E\F");
    let delta = diff(&old, &new, Times::Matter);
    assert_eq!(paths(&delta), [r"\A", r"\A\B", r"\D", r"\E", r"\E\F"]);
    let layers: Vec<Semantics> =
        ["A", r"A\B", "D", "E", r"E\F"].map(|path| delta.key(path).unwrap().layer.semantics).to_vec();
    use Semantics::{Merge, SupersedeTree, Tombstone};
    assert_eq!(layers, [Merge, Merge, Tombstone, SupersedeTree, SupersedeTree]);
    assert_eq!(delta.key("A").unwrap().entries().len(), 0);
    assert_eq!(delta.key(r"A\B").unwrap().entries().len(), 1);
    let same = diff(&old, &old, Times::Matter);
    assert_eq!((same.root.subkeys().len(), same.root.entries().len()), (0, 0));
}

#[test]
fn times_alone_may_be_no_difference() {
    let old = base();
    let mut new = old.clone();
    new.key_mut("D").unwrap().time.0 = 5;
    new.key_mut("A").unwrap().time.0 = 500;
    assert_eq!(paths(&diff(&old, &new, Times::Ignored)), [""; 0]);
    assert_eq!(merge(old.clone(), [&diff(&old, &new, Times::Matter)]), new);
}

#[test]
fn a_registry_without_layers_stays_as_it_is() {
    let tree = registries::registry(&mut Rng::with_seed(1));
    assert_eq!(flatten(tree.clone()), tree);
}
