//! Layers of a registry laid over each other, as the kernel shows them to a container.
//!
//! A key's view goes from the topmost layer down and ends at the first that is a tombstone or supersedes. Values and
//! subkeys are united by name, the upper layer before the lower; the time is the latest; the class is that of the first
//! layer that does not inherit it; everything else is the topmost layer's, the spelling of names too.

use crate::tree::{Entry, Key, Layer, Semantics, Tree};

/// The registry that a base and its differencing hives, from the lowest to the topmost, make together.
pub fn merge<'a>(base: Tree, deltas: impl IntoIterator<Item = &'a Tree>) -> Tree {
    flatten(deltas.into_iter().fold(flatten(base), compose))
}

/// One layer that does what `lower` and then `upper` do; either may be a differencing hive or a whole registry.
pub fn compose(lower: Tree, upper: &Tree) -> Tree {
    Tree { root_name: upper.root_name.clone(), root: lay(lower.root, &upper.root) }
}

/// The registry that this layer makes with nothing below it: without tombstones and layer semantics.
pub fn flatten(mut tree: Tree) -> Tree {
    stand_alone(&mut tree.root, Layer::default());
    tree
}

/// What a key of two layers is for those below both.
fn lay(mut lower: Key, upper: &Key) -> Key {
    let below = lower.layer.semantics;
    match upper.layer.semantics {
        Semantics::Tombstone | Semantics::SupersedeTree => return upper.clone(),
        // There is nothing below a tombstone, so what lies upon it stands alone.
        _ if below == Semantics::Tombstone => {
            let mut key = upper.clone();
            stand_alone(&mut key, WHOLE);
            return key;
        }
        Semantics::SupersedeLocal => {
            let semantics = if below == Semantics::SupersedeTree { below } else { Semantics::SupersedeLocal };
            lower.layer = Layer { semantics, inherit_class: upper.layer.inherit_class };
            (lower.class, lower.time) = (upper.class.clone(), upper.time);
            lower.values = upper.values.clone();
        }
        Semantics::Merge => {
            lower.time = lower.time.max(upper.time);
            if !upper.layer.inherit_class {
                lower.class = upper.class.clone();
                lower.layer.inherit_class = false;
            }
            for (name, entry) in upper.entries() {
                lower.put_entry(name.clone(), entry.clone());
            }
            // Nothing is left for a tombstone to hide where nothing shows through.
            if below != Semantics::Merge {
                bury(&mut lower);
            }
        }
    }
    (lower.security, lower.flags) = (upper.security.clone(), upper.flags);
    lay_subkeys(&mut lower, upper);
    lower
}

/// A key that hides what is below, and lets its class come from nowhere else.
const WHOLE: Layer = Layer { semantics: Semantics::SupersedeTree, inherit_class: false };

fn lay_subkeys(key: &mut Key, upper: &Key) {
    // Below a key that hides all, every subkey must do the same.
    let alone = key.layer.semantics == Semantics::SupersedeTree;
    for (name, above) in upper.subkeys() {
        let mut laid = match key.remove_subkey(name) {
            Some(below) => lay(below, above),
            None => above.clone(),
        };
        if alone {
            if laid.layer.semantics == Semantics::Tombstone {
                continue;
            }
            stand_alone(&mut laid, WHOLE);
        }
        key.put_subkey(name.clone(), laid);
    }
}

/// Makes the key what it is with nothing below it. All keys of it get this layer.
fn stand_alone(key: &mut Key, layer: Layer) {
    if key.layer.inherit_class && !layer.inherit_class {
        key.class = None;
    }
    if key.layer.semantics == Semantics::Tombstone {
        key.subkeys.clear();
    }
    key.layer = layer;
    bury(key);
    key.subkeys.retain(|_, subkey| subkey.layer.semantics != Semantics::Tombstone);
    key.subkeys_mut().for_each(|(_, subkey)| stand_alone(subkey, layer));
}

/// Removes tombstones, where there is nothing for them to hide.
fn bury(key: &mut Key) {
    key.values.retain(|_, entry| *entry != Entry::Tombstone);
}
