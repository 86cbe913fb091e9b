//! The difference of two registries as the tree of a differencing hive: what is laid over the first to give the second.

use crate::merge::flatten;
use crate::tree::{Entry, Key, Layer, Semantics, Tree};
use std::borrow::Cow;

/// Whether times are a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// A key that differs in its time only is part of the difference: the merge gives the second registry exactly.
    Matter,
    /// It is not. Keys that differ otherwise still carry their time.
    Ignored,
}

/// What has to be laid over `old` to give `new`: keys that were made hide all below, keys and values that are gone are
/// tombstones, and keys on the way to a difference are merged. Merged over `old`, it gives `new` exactly if times matter.
///
/// Layers are no registries: of both trees, what they make alone is compared.
pub fn diff(old: &Tree, new: &Tree, times: Times) -> Tree {
    let (old, new) = (alone(old), alone(new));
    let root = changed(&old.root, &new.root, times).unwrap_or_else(|| on_the_way(&old.root, &new.root));
    Tree { root_name: new.root_name.clone(), root }
}

fn alone(tree: &Tree) -> Cow<'_, Tree> {
    match tree.root.is_layered() {
        true => Cow::Owned(flatten(tree.clone())),
        false => Cow::Borrowed(tree),
    }
}

/// The key of the difference, if there is one in the key or below it.
fn changed(old: &Key, new: &Key, times: Times) -> Option<Key> {
    let mut key = on_the_way(old, new);
    let mut differs = (&old.class, &old.security, old.flags) != (&new.class, &new.security, new.flags)
        || times == Times::Matter && old.time != new.time;
    // A merge shows the later time, so that an earlier one needs a key that hides the old one.
    let hides = new.time < old.time && times == Times::Matter;
    if hides {
        key.layer = Layer { semantics: Semantics::SupersedeLocal, inherit_class: false };
        key.class = new.class.clone();
    }
    for (name, entry) in new.entries() {
        let same = old.spelled_entry(name).is_some_and(|before| before == (name, entry));
        differs |= !same;
        if hides || !same {
            key.put_entry(name.clone(), entry.clone());
        }
    }
    for (name, _) in old.entries().filter(|(name, _)| new.entry(name).is_none()) {
        differs = true;
        if !hides {
            key.put_entry(name.clone(), Entry::Tombstone);
        }
    }
    for (name, after) in new.subkeys() {
        let difference = match old.spelled_subkey(name) {
            None => Some(made(after)),
            Some((spelled, before)) => {
                changed(before, after, times).or_else(|| (spelled != name).then(|| on_the_way(before, after)))
            }
        };
        if let Some(difference) = difference {
            differs = true;
            key.put_subkey(name.clone(), difference);
        }
    }
    for (name, before) in old.subkeys().filter(|(name, _)| new.subkey(name).is_none()) {
        differs = true;
        let layer = Layer { semantics: Semantics::Tombstone, inherit_class: false };
        // Windows gives tombstones no time.
        let gone = Key { security: before.security.clone(), layer, ..Key::default() };
        key.put_subkey(name.clone(), gone);
    }
    differs.then_some(key)
}

/// A key that is in both, as far as nothing in it differs.
fn on_the_way(old: &Key, new: &Key) -> Key {
    let inherit_class = old.class == new.class;
    Key {
        time: new.time,
        class: if inherit_class { None } else { new.class.clone() },
        security: new.security.clone(),
        flags: new.flags,
        layer: Layer { semantics: Semantics::Merge, inherit_class },
        ..Key::default()
    }
}

/// A key that is only in the new registry, with all below it.
fn made(new: &Key) -> Key {
    let mut key = new.clone();
    mark(&mut key);
    key
}

fn mark(key: &mut Key) {
    key.layer = Layer { semantics: Semantics::SupersedeTree, inherit_class: false };
    key.subkeys_mut().for_each(|(_, subkey)| mark(subkey));
}
