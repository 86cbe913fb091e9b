//! A registry tree in memory: keys and values without regard to case, spelled as they are, in the order of hives.

use crate::name::{Folded, Name};
use crate::security::Security;
use crate::time::NtTime;
use crate::value::Value;
use std::collections::BTreeMap;

/// All keys of a hive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// The name of the root, which is no part of any path: what mounts the hive names it.
    pub root_name: Name,
    /// The root.
    pub root: Key,
}

/// A key.
///
/// Values have no order of their own: `RegEnumValue` promises none, and hives that are written have them by name.
#[derive(Debug, Clone, Default)]
pub struct Key {
    /// When the key, its values or the list of its subkeys changed last.
    pub time: NtTime,
    /// The class name.
    pub class: Option<Name>,
    /// Who may do what with it.
    pub security: Security,
    /// What kind of key it is.
    pub flags: Flags,
    /// How it lies over the same key of the layers below.
    pub layer: Layer,
    pub(crate) values: BTreeMap<Folded, Entry>,
    pub(crate) subkeys: BTreeMap<Folded, Key>,
}

/// What stands under the name of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A value.
    Value(Value),
    /// In a differencing hive: the value of the layers below is deleted.
    Tombstone,
}

/// Flags that are kept in hives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// [`Flags::NO_DELETE`], [`Flags::LINK`], the marks of virtualization, and four bits of Wow64 in old hives.
    pub node: u16,
    /// From the low bits: virtualization control, Wow64, and which events stop in a debugger.
    pub control: u16,
}

impl Flags {
    /// The key cannot be deleted.
    pub const NO_DELETE: u16 = 0x08;
    /// The key is a symbolic link to another; its value `SymbolicLinkValue` names it.
    pub const LINK: u16 = 0x10;

    /// Whether the key is a symbolic link.
    pub fn is_link(self) -> bool {
        self.node & Self::LINK != 0
    }
}

/// How a key of a differencing hive lies over the same key of the layers below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Layer {
    /// What becomes of the key below.
    pub semantics: Semantics,
    /// The class name is that of the key below.
    pub inherit_class: bool,
}

/// What becomes of the same key of the layers below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Semantics {
    /// The two are one: values and subkeys of both.
    #[default]
    Merge,
    /// It is deleted with all that is below it.
    Tombstone,
    /// Its values and other properties are hidden, its subkeys are not.
    SupersedeLocal,
    /// It is hidden with all that is below it.
    SupersedeTree,
}

impl Tree {
    /// A tree with nothing but a root, which cannot be deleted.
    pub fn new(root_name: &str) -> Self {
        let flags = Flags { node: Flags::NO_DELETE, control: 0 };
        Self { root_name: Name::from(root_name), root: Key { flags, ..Key::default() } }
    }

    /// The key at `path`, which is relative to the root; an empty one is the root itself.
    pub fn key(&self, path: &str) -> Option<&Key> {
        parts(path).try_fold(&self.root, |key, part| key.subkey(&part))
    }

    /// The key at `path`, to change it.
    pub fn key_mut(&mut self, path: &str) -> Option<&mut Key> {
        parts(path).try_fold(&mut self.root, |key, part| key.subkey_mut(&part))
    }

    /// The key at `path`; it and all above it are made if they are missing.
    pub fn create(&mut self, path: &str) -> &mut Key {
        parts(path).fold(&mut self.root, |key, part| key.create_subkey(part))
    }

    /// Removes the key at `path` with all below it. The root stays.
    pub fn remove(&mut self, path: &str) -> Option<Key> {
        match path.rsplit_once('\\') {
            Some((parent, name)) => self.key_mut(parent)?.remove_subkey(&Name::from(name)),
            None => self.root.remove_subkey(&Name::from(path)),
        }
    }
}

fn parts(path: &str) -> impl Iterator<Item = Name> + '_ {
    path.split('\\').filter(|part| !part.is_empty()).map(Name::from)
}

impl Key {
    /// The value of this name; the empty name is the default value. A tombstone is no value.
    pub fn value(&self, name: &Name) -> Option<&Value> {
        match self.entry(name)? {
            Entry::Value(value) => Some(value),
            Entry::Tombstone => None,
        }
    }

    /// Names and values, without tombstones.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = (&Name, &Value)> {
        self.entries().filter_map(|(name, entry)| match entry {
            Entry::Value(value) => Some((name, value)),
            Entry::Tombstone => None,
        })
    }

    /// What stands under this name.
    pub fn entry(&self, name: &Name) -> Option<&Entry> {
        self.values.get(&Folded(name.clone()))
    }

    /// All names of values with what stands under them.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = (&Name, &Entry)> + ExactSizeIterator {
        self.values.iter().map(|(folded, entry)| (&folded.0, entry))
    }

    /// Sets a value. One that is there keeps the spelling of its name, as in Windows.
    pub fn set_value(&mut self, name: Name, value: Value) {
        self.values.insert(Folded(name), Entry::Value(value));
    }

    /// Puts an entry, spelled as `name` is, and gives the one that was there.
    pub fn put_entry(&mut self, name: Name, entry: Entry) -> Option<Entry> {
        let folded = Folded(name);
        let old = self.values.remove(&folded);
        self.values.insert(folded, entry);
        old
    }

    /// Removes what stands under this name.
    pub fn remove_value(&mut self, name: &Name) -> Option<Entry> {
        self.values.remove(&Folded(name.clone()))
    }

    /// The subkey of this name.
    pub fn subkey(&self, name: &Name) -> Option<&Key> {
        self.subkeys.get(&Folded(name.clone()))
    }

    /// The subkey of this name, to change it.
    pub fn subkey_mut(&mut self, name: &Name) -> Option<&mut Key> {
        self.subkeys.get_mut(&Folded(name.clone()))
    }

    /// Names and subkeys.
    pub fn subkeys(&self) -> impl DoubleEndedIterator<Item = (&Name, &Key)> + ExactSizeIterator {
        self.subkeys.iter().map(|(folded, key)| (&folded.0, key))
    }

    /// Names and subkeys, to change them.
    pub fn subkeys_mut(&mut self) -> impl DoubleEndedIterator<Item = (&Name, &mut Key)> {
        self.subkeys.iter_mut().map(|(folded, key)| (&folded.0, key))
    }

    /// The subkey of this name; it is made if it is missing, with the security of this key.
    pub fn create_subkey(&mut self, name: Name) -> &mut Key {
        let security = &self.security;
        self.subkeys.entry(Folded(name)).or_insert_with(|| Key { security: security.clone(), ..Key::default() })
    }

    /// Puts a subkey, spelled as `name` is, and gives the one that was there.
    pub fn put_subkey(&mut self, name: Name, key: Key) -> Option<Key> {
        let folded = Folded(name);
        let old = self.subkeys.remove(&folded);
        self.subkeys.insert(folded, key);
        old
    }

    /// Removes a subkey with all below it.
    pub fn remove_subkey(&mut self, name: &Name) -> Option<Key> {
        self.subkeys.remove(&Folded(name.clone()))
    }

    /// The subkey of this name as it is spelled in this key.
    pub(crate) fn spelled_subkey(&self, name: &Name) -> Option<(&Name, &Key)> {
        self.subkeys.get_key_value(&Folded(name.clone())).map(|(folded, key)| (&folded.0, key))
    }

    /// The entry of this name as it is spelled in this key.
    pub(crate) fn spelled_entry(&self, name: &Name) -> Option<(&Name, &Entry)> {
        self.values.get_key_value(&Folded(name.clone())).map(|(folded, entry)| (&folded.0, entry))
    }

    /// Whether this key or one below it has layer semantics or a tombstone.
    pub fn is_layered(&self) -> bool {
        self.layer != Layer::default()
            || self.values.values().any(|entry| *entry == Entry::Tombstone)
            || self.subkeys.values().any(Self::is_layered)
    }

    /// The number of keys below this one.
    pub fn count(&self) -> usize {
        self.subkeys.values().map(|key| 1 + key.count()).sum()
    }
}

/// Keys are equal if they are spelled the same, too.
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        (self.time, &self.class, &self.security, self.flags, self.layer)
            == (other.time, &other.class, &other.security, other.flags, other.layer)
            && self.entries().eq(other.entries())
            && self.subkeys().eq(other.subkeys())
    }
}

impl Eq for Key {}
